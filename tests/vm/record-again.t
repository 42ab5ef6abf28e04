#!/bin/sh
# SPDX-License-Identifier: MIT
# S3: a record says every option of the table, and says the same run again.
# timeout: 120
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
kernel=$("$EXECVM" run --cpus 2 --dry-run -- true | tr ' ' '\n' | sed -n '/^-kernel$/{n;p}')
export EXECVM_QEMU="$HELPERS/vm-fake" EXECVM_VIRTIOFSD=none
last='start; exit 0 0; close'
copied='start; get-eof; exit 0 0; end'

run() {
	timeout -s KILL $((40 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run "$@"
}

devices() {
	sed "s/.*name=execvm//; s,=./,=,g; s,$PWD/,,g"
}

# The same plan: the devices, and the same record.
again() { # NAME SCRIPT OPTIONS... -- CMD
	name=$1 script=$2
	shift 2
	rm -f r.json again.json
	VM_FAKE="hello; $script" status "S3: $name" 0 run --record r.json "$@" </dev/null
	VM_FAKE="hello; $script" status "S3: $name: again" 0 run -c r.json --record again.json </dev/null
	same "S3: $name: the same record" again.json r.json
	EXECVM_QEMU='' run --dry-run "$@" 2>/dev/null | devices >plan-first
	EXECVM_QEMU='' run --dry-run -c r.json 2>/dev/null | devices >plan-again
}

keys() {
	sed -n '/^#define BOTH/,/clang-format on/s/^[^"]*"\([a-z-]*\)", T_.*/\1/p; /^} keys/,/^};/s/^\t{ "\([a-z-]*\)".*/\1/p' \
		"$SRCDIR/runners/config.c"
}

mkdir -p t v 'v:w'
echo x >t/f
ln -s t/f link
truncate -s 1M disk root.img root.qcow2.img
ln -s disk disk-link

everything() {
	again 'every option' "$copied; $copied; $copied; $last" --kernel "$kernel" --root root.img --root-mode ro -m 512M --cpus 2 \
		--accel tcg -w /w -u 12:34 --network user --name a-run --hostname h --timeout 90 -n -t --append 'a=b c' \
		--disk disk=/dev/vdb,ro -v v:/v:ro --mount type=bind,source=v:w,target=/w:w --in t=/w/t --in t/f=/x \
		-p 127.0.0.3:18080:80/udp --tmpfs /tm:size=1m -- true a b
	VM_FAKE="hello; $copied; $copied; $last" run --record r.json --root root.img --root-mode ro --in t=/t --name a-run -e A=b \
		--timeout 90 --hostname h -n -- true </dev/null
	# read-only is a root mode; a root has no image, which has a test of its own; debug and warm are how,
	# not what; the rest is of other runners
	keys | grep -v -x -e runner -e read-only -e image -e debug -e warm -e host -e options -e wrap >want
	ok 'S3: the premise: the keys of the table' test "$(wc -l <want)" -gt 20
	for key in $(cat want); do
		like "S3: the record has the key $key" "$(cat r.json)" "\"$key\":"
	done
}

image() {
	mkdir -p tree/bin
	cp /bin/busybox tree/bin/busybox
	XDG_DATA_HOME=$PWD/store
	export XDG_DATA_HOME
	"$EXECVM" image import box --tree tree >out 2>err || diag "$(cat err)"
	again 'an image' "$last" --image box -- true
	same 'S3: an image: the same devices' plan-again plan-first
	like 'S3: an image: its name and digest, and no other root' "$(grep -e '"image"' -e '"root"' r.json | tr -d ' \n')" \
		'^"image":"box@sha256:[0-9a-f]{64}",$'
	unset XDG_DATA_HOME
}

# What an object in JSON would lose.
orders() {
	again 'an order, and one source twice' "$copied; $copied; $copied; $last" --in t/f=/z --in t/f=/a --in link=/b -- true
	is 'S3: an order, and one source twice' "$(grep -o '": "/[a-z]"' r.json | tr -d '\n')" '": "/z"": "/a"": "/b"'
	like 'S3: a symlink that goes in is one' "$(cat r.json)" '/link@sha256:'
	again 'bytes' "$last" -e "A=$(printf 'x\377y')" -- true "$(printf '\377')"
	again 'the root of the host' "$last" --root host -- true
	same 'S3: the root of the host: the same plan' plan-again plan-first
	mv root.qcow2.img data
	ln -s data r.qcow2
	again 'a name that says a format' "$last" --root r.qcow2 -- true
	same 'S3: a name that says a format: the same plan' plan-again plan-first
}

refused() { # NAME PATTERN OPTIONS... -- CMD
	name=$1 pattern=$2
	shift 2
	EXECVM_QEMU=/no/such/qemu status "$name: 125" 125 run "$@" </dev/null
	like "$name: why" "$(cat err)" "^execvm run: $pattern"
	is "$name: in one line" "$(wc -l <err)" 1
}

refusals() {
	bytes=$(printf 'b\377')
	cp disk "$bytes"
	refused 'S3: a name that no JSON can say' '--record: --disk: .b.* is not UTF-8' --record r.json --disk "$bytes=/dev/vdb" -- true
	refused 'S3: a name that no JSON can say, a variable' '--record: --env: .* is not UTF-8' --record r.json -e "$bytes=1" -- true
	refused 'S3: a record on stdout' "--record: stdout is the command's" --record - -- true
	refused 'S3: a record that has no place' '--record: .*no/such: No such file' --record no/such -- true
	refused 'S3: a file that is two disks' '--record: --disk: disk and ./disk are one file' --record r.json \
		--disk disk=/dev/vda,ro --disk ./disk=/dev/vdb,ro -- true
	VM_FAKE="hello; $last" status 'S3: a record into a device' 0 run --record /dev/stdout -- true </dev/null
	like 'S3: a record into a device: it is there' "$(cat out)" '"execvm":'
	refused 'S3: a record of what runs here' 'runner local: ' -r local --record r.json -- true
	refused 'S1: strict, here' 'runner local: ' -r local --strict -- true
	printf '{"run": {"memory": "64M", "args": ["true"]},\n "memory": "1G"}\n' >both.json
	refused 'S3: a key beside a record' "both.json:2: key 'memory': " -c both.json -- true
	printf '{"execvm": "1", "status": {},\n "run": {"memory": "64M",\n "cpus": 0}}\n' >line.json
	refused 'S3: a line of a record' "line.json:3: key 'cpus': " -c line.json -- true
}

# The digest of an image says nothing about the one that it is based on.
bases() {
	printf 'QFI\373\0\0\0\3\0\0\0\0\0\0\0\160\0\0\0\5' >base.qcow2
	head -c 100000 /dev/zero >>base.qcow2
	printf 'QFI\373\0\0\0\3' >outside.qcow2
	head -c 64 /dev/zero >>outside.qcow2
	printf '\0\0\0\0\0\0\0\4' >>outside.qcow2
	head -c 100000 /dev/zero >>outside.qcow2
	for image in base outside; do
		pin=$(sha256sum <$image.qcow2)
		refused "S2: a pin of an image with another one ($image)" "--root: $image.qcow2 has its contents in another file, too" \
			--root "$image.qcow2@sha256:${pin%% *}" -- true
		refused "S3: a record of it ($image)" "--root: $image.qcow2 has its contents" --record r.json --root $image.qcow2 -- true
		cp $image.qcow2 raw
		again "raw, whatever it holds ($image)" "$last" --root raw -- true
	done
}

everything
image
orders
refusals
bases
done_testing
