#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 180
# The host program under valgrind: no error, nothing lost, no descriptor left. Only what starts no
# process that fails to start: valgrind makes a fork of vfork, so the reason would stay in the child.
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

command -v valgrind >/dev/null || skip_all 'valgrind is not installed'

# clean NAME WANT ARG...
clean() {
	name=$1 want=$2
	shift 2
	valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
		--errors-for-leak-kinds=definite --log-file=vg.log "$EXECVM" "$@" >out 2>err </dev/null
	is "X6: valgrind: $name" "$? $(cat vg.log)" "$want "
}

mkdir -p tree/bin
cp "$EXECVM_GUEST" tree/init
echo hello >tree/bin/file
tar -C tree -cf tree.tar .
printf '{ "runner": "local", "env": { "A": "1" }, "timeout": "5s" }\n' >good.json
printf '{ "runer": "local" }\n' >bad.json
: >disk

clean 'help' 0 help run
clean 'encode' 0 init --encode -- /bin/make -C src
clean 'decode nonsense' 125 init --decode '!!!'
clean 'chain, wrong' 125 chain -- true
clean 'chain' 0 chain -- true -- true
clean 'local' 0 run -c good.json -- true
clean 'local, status' 1 run -r local -- false
clean 'void' 0 run -r void --debug -- a 'b c'
clean 'unknown key' 125 run -c bad.json -- true
clean 'unknown option' 125 run --nonsense -- true
clean 'no such root' 125 run --root nowhere -- true
clean 'no disk name' 125 run --disk disk=/dev/null/x -- true
clean 'a kernel that is none' 125 run --kernel good.json -- true
clean 'kernel ls' 0 kernel ls
clean 'initrd of a tree' 0 initrd build --tree tree -o tree.cpio
clean 'initrd of an archive' 0 initrd build --archive tree.tar --compress gzip -o tree.gz
clean 'initrd, list' 0 initrd build --archive tree.gz --list
clean 'initrd of nonsense' 125 initrd build --archive good.json -o x.cpio
clean 'pack' 0 pack tree
cp out pack.tar
clean 'pack, pinned to another' 125 pack --pin "sha256:$(printf %064d 0)" tree
unpacked() { # NAME WANT FILE ARG...: with an archive on stdin
	name=$1 want=$2 from=$3
	shift 3
	valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
		--errors-for-leak-kinds=definite --log-file=vg.log "$EXECVM" unpack "$@" >out 2>err <"$from"
	is "X6: valgrind: unpack, $name" "$? $(cat vg.log)" "$want "
}
unpacked 'new' 0 pack.tar --digest-fd 1 new
unpacked 'merged' 0 pack.tar new
head -c 3000 pack.tar >cut.tar
unpacked 'cut' 125 cut.tar cut
done_testing
