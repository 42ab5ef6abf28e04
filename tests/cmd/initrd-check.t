#!/bin/sh
# SPDX-License-Identifier: MIT
# R17: an archive without an /init that can be started is not made.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

accepted() { # NAME WORDS...
	name=$1
	shift
	status "R17 $name" 0 "$EXECVM" initrd build -o yes.cpio "$@"
	ok "R17 $name: without a word" test ! -s err
}
refused() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "R17 $name is refused" 125 "$EXECVM" initrd build -o no.cpio "$@"
	like "R17 $name: the reason" "$(cat err)" "$pattern"
	like "R17 $name: the way round" "$(cat err)" '\(--no-check accepts it\)$'
	ok "R16 $name: no output" test ! -e no.cpio
	status "R17 $name, with --no-check" 0 "$EXECVM" initrd build --no-check -o unchecked.cpio "$@"
}

accepted 'our own init' --init
cpio -i --to-stdout init <yes.cpio 2>/dev/null >init
same 'R17 --init is the guest program' init "$EXECVM_GUEST"
status 'R17 --init over an /init of a source' 0 "$EXECVM" initrd build --init --make /init=fifo -o over.cpio
is 'R17 its mode' "$("$EXECVM" initrd build --list --init --make /init=fifo | awk '$8 == "init" { print $1 }')" -0755
accepted 'a static program' --add "$EXECVM_GUEST=/init"
refused 'no /init' '/init is not in the archive' --add "$EXECVM_GUEST=/sbin/init"
refused '/init not executable' '/init is not executable' --add "$EXECVM_GUEST=/init,mode=644"
refused '/init a directory' '/init is a directory' --make /init=dir
refused '/init a device' '/init is a character device' --make /init=char:1:3
accepted 'a symlink to a program' --add "$EXECVM_GUEST=/sbin/init" --make /init=symlink:sbin/init
accepted 'a symlink through a symlink' --add "$EXECVM_GUEST=/usr/sbin/init" --make /sbin=symlink:/usr/sbin --make /init=symlink:/sbin/init
refused 'a symlink to nothing' '/sbin/init is not in the archive' --make /init=symlink:sbin/init
refused 'a symlink that goes round' 'Too many levels' --make /init=symlink:init

lib=$(ldd "$(command -v cat)" | sed -n 's/^[ \t]*\(\/[^ ]*\) (.*/\1/p')
dynamic=$(command -v cat)
refused 'a dynamic program alone' "/init needs it: $lib is not in the archive" --add "$dynamic=/init"
accepted 'a dynamic program with its interpreter' --add "$dynamic=/init" --add "$lib=$lib"

printf '#!/bin/sh -e\nexit\n' >script
printf '#! /bin/run\n' >script-blank
printf '#!' >script-none
printf 'exit\n' >script-no-header
chmod 755 script*
refused 'a script alone' '/init needs it: /bin/sh is not in the archive' --add script=/init
accepted 'a script with its interpreter' --add script=/init --add "$EXECVM_GUEST=/bin/sh"
accepted 'a script run by a script' --add script=/init --add script-blank=/bin/sh --add "$EXECVM_GUEST=/bin/run"
refused 'a script run by itself' 'a script run by a script' --add script=/init --make /bin/sh=symlink:../init
refused 'a script whose interpreter is a text' '/init needs it: /bin/sh is neither' --add script=/init --add script-no-header=/bin/sh
refused 'a script without an interpreter' 'no interpreter in its first line' --add script-none=/init
refused 'a text' '/init is neither a program nor a script' --add script-no-header=/init
: >empty && chmod 755 empty
refused 'an empty file' '/init is neither a program nor a script' --add empty=/init

perl -pe 'BEGIN { undef $/ } substr($_, 18, 2) = pack "v", 183 + (unpack("v", substr($_, 18, 2)) == 183 ? -121 : 0)' "$EXECVM_GUEST" >other && chmod 755 other
refused 'a program of another machine' '/init: a program of another machine' --add other=/init
perl -pe 'BEGIN { undef $/ } substr($_, 4, 1) = "\1"' "$EXECVM_GUEST" >bits && chmod 755 bits
refused 'a program of 32 bits' 'another machine' --add bits=/init
head -c 30 "$EXECVM_GUEST" >cut && chmod 755 cut
refused 'a program cut in its header' 'another machine' --add cut=/init
head -c 80 "$EXECVM_GUEST" >cut && chmod 755 cut
refused 'a program cut in its headers' 'cut in its ELF headers' --add cut=/init

mkdir tree && cp "$EXECVM_GUEST" tree/init && tar -cf tree.tar -C tree init && gzip tree.tar
accepted '/init of an archive' --archive tree.tar.gz
accepted '/init of a tree' --tree tree
status 'R17 --list does not check' 0 "$EXECVM" initrd build --list
done_testing
