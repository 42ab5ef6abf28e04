#!/bin/sh
# SPDX-License-Identifier: MIT
# C22, Y1: the examples of the original's README that need a container or a machine, block by block.
# The images have the names that they have there; what is in them comes from this host.
# timeout: 300
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/docker.sh
. "$SRCDIR/tests/docker.sh"

# programs DIR PROGRAM...: a root with these of this host's, and the libraries that they need.
programs() {
	dir=$1
	shift
	mkdir -p "$dir/usr/bin" "$dir/usr/sbin" "$dir/tmp" "$dir/proc" "$dir/dev" "$dir/sys" "$dir/etc"
	for d in bin sbin lib lib64; do
		mkdir -p "$dir/usr/$d"
		ln -sfn "usr/$d" "$dir/$d"
	done
	for p; do
		path=/usr/bin/$p # a shell has some of them inside
		cp -L "$path" "$dir/usr/bin/${p##*/}"
		ldd "$path" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
			mkdir -p "$dir/${lib%/*}"
			cp -L "$lib" "$dir/$lib"
		done
	done
}

mkdir in
printf 'all:\n\t@tr a-z A-Z <source >pkg\n' >in/Makefile
echo 'some source' >in/source
PATH=$(dirname "$EXECVM"):$PATH

programs root bash sh gzip make cat echo wc true tr bsdtar
# The tar of the original knows what is compressed in a pipe, which GNU's does not.
ln -s bsdtar root/usr/bin/tar
mksquashfs root root.sqfs -quiet -no-progress -comp zstd -Xcompression-level 1 >/dev/null 2>&1
printf '{ "root": "root.sqfs", "cwd": "/tmp" }' >vm.json

# One api for building commands, another for where they run: in a machine.
status 'C22: in a machine' 0 sh -c "tar -C in -czf - . \\
    | run-in-vm vm.json \\
          /bin/execvm chain \\
            -- \\
            /bin/tar -xaf - \\
            -- \\
            /bin/execvm chain \\
              -- \\
              /bin/make \\
              -- \\
              /bin/cat pkg"
is 'C22: in a machine: the package' "$(cat out)" 'SOME SOURCE'

trap docker_stop EXIT
# shellcheck disable=SC2119 # no images
docker_start || {
	skip 'C22: in containers' "docker: $docker_why"
	done_testing
}
tar -C root --owner=0 --group=0 -c . | docker import -c 'WORKDIR /tmp' - debian >/dev/null
docker tag debian docker-runner
docker tag debian archlinux:latest
# execvm:latest has the program at /usr/bin, and bsdtar where the original has it.
cp -r root with
cp "$EXECVM_GUEST" with/usr/bin/execvm
cp with/usr/bin/bsdtar with/usr/sbin/bsdtar
tar -C with --owner=0 --group=0 -c . | docker import -c 'WORKDIR /tmp' - execvm:latest >/dev/null
with="-i --rm --network=none"

# shellcheck disable=SC2086 # words
status 'C22: without execvm: a shell and a string' 0 sh -c "tar -C in -czf - . \\
    | docker run $with debian \\
          /bin/bash -c 'tar -xaf - && make && cat pkg'"
is 'C22: without execvm: the package' "$(cat out)" 'SOME SOURCE'
dockerconfig="$with execvm:latest"
status 'C22: a list of strings, by hand' 0 sh -c "tar -C in -czf - . \\
    | docker run $dockerconfig \\
          /bin/execvm chain \\
            -- \\
            /bin/tar -xaf - \\
            -- \\
            /bin/execvm chain \\
              -- \\
              /bin/make \\
              -- \\
              /bin/cat pkg"
is 'C22: a list of strings: the package' "$(cat out)" 'SOME SOURCE'
status 'C22: the same by -r docker, in an image without it' 0 sh -c "tar -C in -czf - . \\
    | execvm run -r docker --image debian -- /bin/execvm chain -- /bin/tar -xaf - \\
          -- /bin/execvm chain -- /bin/make -- /bin/cat pkg"
is 'C22: -r docker: the package' "$(cat out)" 'SOME SOURCE'

# An initrd out of two containers.
mkdir -p build-in/execvm build-in/alpine-iso rootfs
echo content >rootfs/file
tar -C rootfs -czf build-in/alpine-iso/alpine-minirootfs-3.12.1-x86_64.tar.gz file
cp "$EXECVM_GUEST" build-in/execvm/execvm
# shellcheck disable=SC2317 # it is called
initrd() {
	cd build-in || return 1
	# shellcheck disable=SC2086 # words
	tar -czf - \
		execvm/execvm \
		alpine-iso/alpine-minirootfs-3.12.1-x86_64.tar.gz | \
			docker run $with execvm:latest \
				/usr/bin/execvm chain \
				  -- \
				  /usr/sbin/bsdtar -xzf - \
				  -- \
				  /usr/sbin/bsdtar -czf - \
				  execvm/execvm \
				  @alpine-iso/alpine-minirootfs-3.12.1-x86_64.tar.gz | \
				docker run $with archlinux:latest \
					bsdtar --format=newc -czf - @- >../initrd.gz
	cd ..
}
status 'C22: an initrd' 0 initrd
is 'C22: an initrd: what is in it' "$(gzip -dc initrd.gz | cpio -it 2>/dev/null | tr '\n' ' ')" 'execvm/execvm file '

# The Python API.
# shellcheck disable=SC2317
python() {
	PYTHONPATH=$SRCDIR/python PYTHONDONTWRITEBYTECODE=1 python3 -
}
printf 'FROM scratch\nCOPY file1 /file1\n' >Dockerfile
echo 1 >file1
echo 2 >file2
status 'Y1: the Python API' 0 python <<'END'
from execvm import *

computer = docker_runner(image="docker-runner")
block = computer.command("/bin/echo", "hello") \
            | computer.command("/bin/wc", "-c")
assert block.run() == "6"

computer = docker_runner(image="debian")
block = computer.command("/bin/echo", "hello") | computer.command("/bin/wc", "-c")
assert block.run() == "6"

block = tar("file1", "file2", compress="gzip") \
            | computer.command("/bin/tar", "-tzf", "-") \
            | computer.command("wc", "-l") > "output"
assert block.run() == ""
assert open("output").read() == "2\n"

block = computer.command(chain(["/bin/true"],
                               ["/bin/true"]))
assert block.run() == ""
block = computer.command(chain(["/bin/echo", "a"], ["/bin/echo", "b"], ["/bin/cat", "/nothing"]))
try:
    block.run()
    assert False
except PipelineError as error:
    assert error.stage.status == 1 and b"/nothing" in error.stage.stderr, error

block = command("/bin/echo", "hello") | command("/bin/wc", "-c")
assert block.run(runner="local") == "6"

# Different computers for different commands.
mixed = computer.command("/bin/echo", "mixed") \
            | vm_runner(config="vm.json").command("/bin/cat") \
            | local_runner().command("tr", "a-z", "A-Z")
assert mixed.run() == "MIXED"

# One that has no computer at all: print what would run, and take in what comes.
block = tar("file1") | void_runner(debug=True).command("/bin/never", "a b")
assert block.run() == ""

image = (tar("Dockerfile", "file1") | docker_build("built:1")).run()
assert image.startswith("sha256:"), image
END
diag "$(tail -n 3 err)"
like 'Y1: void prints what it does not run' "$(cat err)" "^/bin/never 'a b'\$"
is 'Y1: nothing is left' "$(docker ps -aq)" ''
done_testing
