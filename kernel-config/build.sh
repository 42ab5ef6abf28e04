#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh [--config-only | --print-path] [up|smp]: build our kernel, or find the one built before:
# the one for a single CPU (up), or for several.
#
# The last line on stdout is the path of vmlinux; everything else goes to stderr or to the log.
# A result is named by the kernel's version and a hash of all that shapes it, is built aside and
# renamed into place, so what is found under its name is complete and right.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/execvm/kernel

die() {
	echo "build.sh: $*" >&2
	exit 1
}

usage() {
	cat <<-EOF
	usage: build.sh [--config-only | --print-path] [up|smp]
	  (neither)      build vmlinux unless it is in the cache, print its path
	  --config-only  print the whole kernel configuration, build nothing
	  --print-path   print where vmlinux is or would be, build nothing
	  up, smp        for a single CPU (the default), for several
	LINUX_SOURCE names the source archive; else the newest /usr/src/linux-source-6.12.tar.*
	EOF
}

mode=build cpus=up
for word; do
	case $word in
	--config-only) mode=config ;;
	--print-path) mode=path ;;
	up | smp) cpus=$word ;;
	--help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done

# Nothing of the caller's environment may reach the kernel's makefiles: half of their variables
# can be set there, and MAKEFLAGS of a calling make too.
clean() {
	env -i PATH="$PATH" HOME=/nonexistent LC_ALL=C TZ=UTC \
		${TMPDIR:+"TMPDIR=$TMPDIR"} "$@"
}

# No rustc and no pahole, whether installed or not: their versions end up in .config.
kernel_make() {
	clean make -C "$tree" RUSTC=false PAHOLE=false LOCALVERSION= \
		KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' KBUILD_BUILD_VERSION=1 \
		KBUILD_BUILD_USER=execvm KBUILD_BUILD_HOST=execvm "$@"
}

find_source() {
	source=${LINUX_SOURCE-}
	if [ -z "$source" ]; then
		for f in /usr/src/linux-source-6.12.tar.*; do
			[ -f "$f" ] || continue
			[ -n "$source" ] && [ -z "$(find "$f" -newer "$source")" ] || source=$f
		done
	fi
	[ -n "$source" ] || die "no /usr/src/linux-source-6.12.tar.*; apt-get install linux-source-6.12"
	[ -f "$source" ] || die "$source: no such file"
}

# The Makefile of the top directory comes early in the archive, so head ends tar early too.
find_version() {
	tar -xOf "$source" --wildcards --no-wildcards-match-slash --occurrence=1 '*/Makefile' \
		2>/dev/null | head -n 20 | awk -F ' *= *' '
		$1 == "VERSION" { v = $2 }
		$1 == "PATCHLEVEL" { p = $2 }
		$1 == "SUBLEVEL" { s = $2 }
		$1 == "EXTRAVERSION" { e = $2 }
		END { if (v == "" || p == "") exit 1; printf "%s.%s.%s%s\n", v, p, s, e }' ||
		die "$source: not a kernel source archive"
}

hash_inputs() {
	{
		sha256sum <"$source"
		gcc --version | head -n 1
		ld --version | head -n 1
		cd "$here"
		sha256sum -- *.config "cpus/$cpus.config" required.list merge.sh build.sh
	} | sha256sum | cut -c 1-12
}

unpack() {
	tree=$(mktemp -d "${TMPDIR:-/tmp}/execvm-kernel.XXXXXX")
	echo "build.sh: unpacking $source" >&2
	tar -xf "$source" -C "$tree" --strip-components=1
}

configure() {
	clean sh "$here/merge.sh" "$tree" "$cpus" RUSTC=false PAHOLE=false
}

# The lock is on fd 9, which make must not inherit: what it leaves behind when this script is
# killed would hold it.
build() {
	unpack
	configure
	jobs=$(nproc)
	log=$cache/build.log
	echo "build.sh: building linux $version ($cpus) with $jobs jobs (minutes); log: $log" >&2
	kernel_make -j"$jobs" vmlinux >"$log" 2>&1 9>&- || {
		tail -n 20 "$log" >&2
		die "make vmlinux failed, see $log"
	}
	new=$(mktemp -d "$cache/.new.XXXXXX")
	chmod 755 "$new"
	strip --strip-all -o "$new/vmlinux" "$tree/vmlinux"
	chmod 644 "$new/vmlinux"
	cp "$tree/.config" "$new/vmlinux.config"
	mv -T "$new" "$result"
	rm -f "$log"
}

point_current_here() {
	link=$(mktemp -u "$cache/.current.XXXXXX")
	ln -s "$name" "$link"
	mv -T "$link" "$cache/current-$cpus"
}

for tool in gcc ld tar sha256sum flock; do
	command -v "$tool" >/dev/null || die "$tool: not found"
done
[ "$(uname -m)" = x86_64 ] || die "there are fragments for x86_64 only"

find_source
version=$(find_version)
name=$version-$(hash_inputs)
result=$cache/$name
tree='' new='' link=''
trap 'rm -rf ${tree:+"$tree"} ${new:+"$new"} ${link:+"$link"}' EXIT
trap 'exit 1' HUP INT TERM

case $mode in
path)
	echo "$result/vmlinux"
	;;
config)
	if [ ! -f "$result/vmlinux.config" ]; then
		unpack
		configure
		cat "$tree/.config"
	else
		cat "$result/vmlinux.config"
	fi
	;;
build)
	mkdir -p "$cache"
	exec 9>"$cache/.lock"
	flock -n 9 || {
		echo "build.sh: waiting for another build" >&2
		flock 9
	}
	[ -f "$result/vmlinux" ] || build
	point_current_here
	echo "$result/vmlinux"
	;;
esac
