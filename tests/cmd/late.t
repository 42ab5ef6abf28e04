#!/bin/sh
# SPDX-License-Identifier: MIT
# X6: libraries that are loaded late: who does without them, and what is said when one is not there.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

# A library that is none is found first. What execvm starts does not need it.
mkdir -p broken src lib/modules/1.2.3-test
: >broken/libarchive.so.13
: >broken/libkmod.so.2
: >lib/modules/1.2.3-test/modules.dep.bin
echo text >src/file
tar -cf all.tar src
bzip2 -k all.tar
XDG_DATA_HOME=$PWD/data
export XDG_DATA_HOME
"$EXECVM" image import kept <all.tar 2>/dev/null
"$EXECVM" image save -q kept >saved.tar
without() {
	LD_LIBRARY_PATH=$PWD/broken "$@"
}

loads() {
	LD_DEBUG=files "$@" 2>&1 >/dev/null | grep -oE 'lib(archive|kmod|xml2|crypto|icuuc)\.so' | sort -u
}
printf '{"args": ["cat", "src/file"]}' >one.json
is 'X6 a run here loads none' "$(loads "$EXECVM" run -r local -- true)" ''
is 'X6 nor does a pipeline' "$(loads "$EXECVM" pipeline run -r local one.json)" ''
like 'X6 tar loads them' "$(loads "$EXECVM" tar src)" '^libarchive.so'
status 'X6 a run without them' 3 without "$EXECVM" run -r local -- sh -c 'exit 3'

# NAME LIBRARY INPUT WORDS...
refused() {
	refused_name=$1 library=$2 input=$3
	shift 3
	status "X6 $refused_name: 125" 125 without "$EXECVM" "$@" <"$input"
	is "X6 $refused_name: one line" "$(wc -l <err)" 1
	like "X6 $refused_name: that names it" "$(cat err)" "^execvm [a-z ]+: .*broken/$library"
}
refused 'initrd of a tree' libarchive.so.13 /dev/null initrd build --no-check --tree src -o out.cpio
refused 'initrd of an archive' libarchive.so.13 /dev/null initrd build --no-check --archive all.tar -o out.cpio
refused 'modules' libkmod.so.2 /dev/null initrd build --no-check --modules lib/modules/1.2.3-test:ring -o out.cpio
refused 'tar' libarchive.so.13 /dev/null tar src
refused 'pack' libarchive.so.13 /dev/null pack src
refused 'unpack' libarchive.so.13 all.tar unpack there
refused 'image import' libarchive.so.13 all.tar image import -q new
refused 'image import, compressed' libarchive.so.13 all.tar.bz2 image import -q new
refused 'image import of a tree' libarchive.so.13 /dev/null image import -q --tree src new
refused 'image load' libarchive.so.13 saved.tar image load -q
refused 'image save' libarchive.so.13 /dev/null image save -q kept
is 'X6 nothing was written' "$(find . -newer saved.tar -type f ! -name one.json ! -name out ! -name err ! -path './data/*')" ''
is 'X6 no image' "$("$EXECVM" image ls | grep -c new)" 0
done_testing
