#!/bin/sh
# SPDX-License-Identifier: MIT
# S1-S3: pins, strict runs, records. A compiler gives the same bytes twice.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1
kernel=$("$EXECVM" run --dry-run -- true | tr ' ' '\n' | sed -n '/^-kernel$/{n;p}')

run() {
	timeout -s KILL $((120 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run "$@"
}

digest() { # FILE
	printf 'sha256:%s' "$(sha256sum "$1" | cut -d ' ' -f 1)"
}

refused() { # NAME PATTERN OPTIONS... -- CMD
	name=$1 pattern=$2
	shift 2
	EXECVM_QEMU=/no/such/qemu status "$name: 125" 125 run "$@"
	like "$name: why" "$(cat err)" "^execvm run: $pattern"
	is "$name: in one line" "$(wc -l <err)" 1
}

k=$kernel@$(digest "$kernel")
zeros=sha256:$(printf '%064d' 0)
mkdir src
printf 'int main(void) { return 3; }\n' >src/x.c
printf 'x: x.c\n\tcc -o x x.c\n' >src/Makefile
tree=$("$EXECVM" pack --digest src)
head -c 1000000 /dev/zero >disk

# Everything has to be said, and each refusal says what is missing.
said() {
	refused 'S1: the kernel' "--strict: --kernel: $kernel is not named by its digest, $(digest "$kernel")" --strict -- true
	refused 'S1: the initrd that is made' '--strict: --initrd: .*, sha256:[0-9a-f]{64}$' --strict --kernel "$k" -- true
	i=$(sed -n 's/.*digest, \(sha256:[0-9a-f]*\)$/\1/p' err)
	status 'S1: with both it runs' 5 run --strict --kernel "$k" --initrd "$i" -- sh -c 'echo $PWD; id -u; umask; hostname
		date +%s; cat; ls /sys/class/net; env | sort; exit 5' <src/x.c
	like 'S1: the clock has a fixed start' "$(sed -n 5p out)" '^3155328[0-9][0-9]$'
	is 'S1: nothing of this host' "$(sed 5d out)" "/
0
0022
execvm
lo
HOME=/root
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/execvm/bin
PWD=/
SHLVL=1
TERM=dumb"
	set -- --strict --kernel "$k" --initrd "$i"
	refused 'S1: a root' '--strict: --root: disk is not named by its digest, sha256:' "$@" --root disk -- true
	refused 'S1: a disk' '--strict: --disk: disk is not named by its digest, sha256:' "$@" --disk disk=/dev/vdb,ro -- true
	refused 'S1: a disk that would change' '--strict: --disk disk: without ro' "$@" --disk disk=/dev/vdb -- true
	refused 'S1: what is copied in' '--strict: --in: src is not named by its digest' "$@" --in src=/src -- true
	refused 'S1: a directory of the host' '--strict: --volume: ' "$@" -v src:/src -- true
	refused "S1: the host's root" '--strict: --root host: ' "$@" --root host -- true
	refused 'S1: rw' '--strict: --root-mode rw: ' "$@" --root "disk@$zeros" --root-mode rw -- true
	refused 'S1: a variable of the host' '--strict: --env: ' "$@" -e HOME -- true
	refused 'S1: a terminal' '--strict: --tty: ' "$@" -t -- true
}

# A pin counts in every run.
pins() {
	refused 'S2: the kernel' "--kernel: $kernel is sha256:.*, not what" --kernel "$kernel@$zeros" -- true
	refused 'S2: the initrd that is made' '--initrd: .* is sha256:.*, not what' --initrd "$zeros" -- true
	refused 'S2: a root' '--root: disk is sha256:.*, not what' --root "disk@$zeros" -- true
	refused 'S2: a disk' '--disk: disk is sha256:.*, not what' --disk "disk@$zeros=/dev/vdb" -- true
	refused 'S2: what is no digest' "--kernel: 'sha256:123' is not sha256: and 64 hex digits" --kernel "$kernel@sha256:123" -- true
	printf '{"in": {"src@sha256:1": "/x"}}' >bad.json
	refused 'S2: a description' "bad.json:1: key 'in': 'src@sha256:1': 'sha256:1' is not" -c bad.json -- true
	status 'S2: what is copied in: 125' 125 run --in "src@$zeros=/src" -- echo started
	like 'S2: what is copied in: why' "$(cat err)" "^execvm run: --in src: .*is $tree, not what"
	is 'S2: what is copied in: nothing has started' "$(cat out)" ''
	status 'S2: all of it right' 0 run --kernel "$k" --disk "disk@$(digest disk)=/dev/vdb,ro" --in "src@$tree=/src" \
		--in "src/x.c@$(digest src/x.c)=/y" -- cat /src/x.c /y
	is 'S2: all of it right: it is there' "$(cat out)" "$(cat src/x.c src/x.c)"
}

records() {
	mkdir -p sub
	status 'S3: a record of a run' 7 run --record sub/r.json --disk disk=/dev/vdb,ro --in src=/src --out /o=o --timeout 1m \
		-w /src -u 12 --hostname h -e A=b -- sh -c "$(printf 'echo "$1" >/tmp/x; exit 7')" sh "$(printf 'a\377b')"
	like 'S3: its version' "$(cat sub/r.json)" "\"execvm\": \"$(cat "$SRCDIR/VERSION")\""
	like 'S3: the status' "$(tr -d '\n ' <sub/r.json)" '"status":\{"code":7,"kind":"exited","value":7\}'
	like 'S3: bytes' "$(tr -d '\n ' <sub/r.json)" '"base64":"Yf9i"'
	like 'S3: the digests' "$(cat sub/r.json)" "/disk@$(digest disk)\""
	like 'S3: the digests: a tree' "$(cat sub/r.json)" "/src@$tree\": \"/src\""
	like 'S3: the out that was not there is in no list of digests' "$(tr -d '\n ' <sub/r.json)" '"out":\{\},"run"'
	status 'S3: killed by a signal' 143 run --record r.json -- sh -c 'kill -15 $$'
	like 'S3: killed by a signal: the record' "$(tr -d '\n ' <r.json)" '"status":\{"code":143,"kind":"signaled","value":15\}'
	status 'S3: the same again' 7 run -c sub/r.json --record sub/again.json
	same 'S3: the same again: the record' sub/again.json sub/r.json
	echo old >keep.json
	status 'S3: a run that did not come to a status' 127 run --record keep.json -- /no/such
	is 'S3: leaves the file as it is' "$(cat keep.json)" old
	status 'S3: a record that cannot be written: 125' 125 run --record no/such.json -- true
	like 'S3: a record that cannot be written: why' "$(cat err)" '^execvm run: --record: .*no.*: No such file'
}

images() {
	XDG_DATA_HOME=$PWD/data
	export XDG_DATA_HOME
	mkdir -p tree/bin
	cp /bin/busybox tree/bin/busybox
	"$EXECVM" image import box --tree tree >/dev/null 2>import.err || diag "$(cat import.err)"
	refused 'S1: an image' '--strict: --image: box is not named by its digest, sha256:[0-9a-f]{64}$' \
		--strict --kernel "$k" --initrd "$zeros" --image box -- true
	status 'S3: an image: the record' 0 run --record image.json --image box -- /bin/busybox echo hi
	like 'S3: an image: by its digest' "$(cat image.json)" '"image": "box@sha256:[0-9a-f]{64}"'
	status 'S3: an image: the same again, strict' 0 run --strict -c image.json
	is 'S3: an image: what it says' "$(cat out)" hi
	printf x | dd of="$(find data -name '*.sqfs')" bs=1 seek=100 conv=notrunc 2>/dev/null
	refused 'S2: a root of the store that was changed' '--root: .*sqfs is sha256:.*, not what' --strict -c image.json
	unset XDG_DATA_HOME
}

# With a Debian root: make and gcc, twice, and a second machine would do as well.
compile() {
	root=$("$SRCDIR/demo/make-root" debian) || {
		skip 'S3: a compiler' 'debian: no root'
		return
	}
	refused 'S1: a Debian root' "--strict: --root: .*, sha256:" --strict --kernel "$k" --root "$root" \
		--initrd "$zeros" -- true
	status 'S3: what it is' 0 run --record plain.json -m 1G -w /src --root "$root" --in src=/src --out /src/x=x0 -- \
		/usr/bin/make CC=gcc
	for n in 1 2; do
		rm -f x0
		touch -d "200$n-01-01" src/*
		status "S3: a strict compile, $n" 0 run --strict -c plain.json --record strict$n.json
		cp x0 x$n
	done
	same 'S3: two strict runs give the same bytes' x1 x2
	same 'S3: and the same records' strict1.json strict2.json
	like 'S3: the digest of what came out' "$(cat strict1.json)" "\"/src/x\": \"$(digest x1)\""
	echo >>src/x.c
	status 'S2: another source: 125' 125 run -c strict1.json
	like 'S2: another source: why' "$(cat err)" '^execvm run: --in .*/src: .*not what'
	if [ "$(uname -m)" = x86_64 ]; then
		status 'S3: what came out works' 3 ./x1
	fi
}

said
pins
records
images
compile
done_testing
