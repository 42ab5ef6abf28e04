#!/bin/sh
# SPDX-License-Identifier: MIT
# X6: whatever is wrong with what `run` is given: 125, one line that names it, nothing started, nothing
# left behind, nothing overwritten. X7: nothing of it on stdout.
# timeout: 180
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

kernel=$("$EXECVM" kernel ls | head -n 1 | cut -f 1)
mkdir cache in
cd in || exit 125
# A cache of our own, warm; a machine that would be noticed.
export XDG_CACHE_HOME="$PWD/../cache" EXECVM_KERNEL="$kernel" VM_FAKE_PIDS="$PWD/../pids"
export VM_FAKE='hello; start; exit 0 0; close'
for o in '' '--root /etc/passwd'; do
	# shellcheck disable=SC2086 # words
	"$EXECVM" run $o --dry-run -- true >/dev/null 2>&1 || skip_all 'nothing can be planned'
done
export EXECVM_QEMU="$HELPERS/vm-fake"
"$EXECVM" run -- true >../out 2>&1 || diag "the played machine: $(cat ../out)"
state() {
	(cd .. && find cache in -type f -exec cksum {} + -o -print | sort)
}

judge() { # NAME STATUS PATTERN
	what=
	[ "$2" = 125 ] || what="status $2, "
	[ ! -s ../out ] || what="${what}stdout: $(head -c 200 ../out), "
	[ "$(wc -l <../err)" = 1 ] || what="$what$(wc -l <../err) lines, "
	[ ! -e ../pids ] || what="${what}a machine was started, "
	grep -qE -e "$3" ../err || what="${what}pattern: $3, "
	state | cmp -s - ../before || what="${what}other files: $(state | diff ../before - | head -n 3), "
	is "X6, X7: $1" "$what${what:+stderr: $(head -c 400 ../err)}" ''
}

bad() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	rm -f ../pids
	state >../before
	code=0
	timeout -s KILL 20 "$EXECVM" run "$@" </dev/null >../out 2>../err || code=$?
	judge "$name" $code "^execvm run: .*($pattern)"
}

value() { # OPTION VALUE...: each is refused, and the sentence has the option and the value
	option=$1
	shift
	for v; do
		bad "$option '$v'" "$option: " "$option" "$v" -- true
	done
}

options() {
	bad 'an option that there is not' "no-such-option" --no-such-option -- true
	bad 'a letter that there is not' "Z" -Z -- true
	bad 'an option without its value' 'kernel' --kernel
	bad 'a flag with a value' 'dry-run' --dry-run=yes -- true
	bad 'no command' 'no command'
	bad 'no command behind --' 'no command' --
	value --memory 0 1K 1KiB 31M 1T 12Q -1 1.5.5 '' ' 256M' 99999999999999999999 0x1000000
	bad 'more memory than there is' 'memory.*host' --memory 500G -- true
	value --cpus 0 -1 65 x '' 1.5
	value --timeout x -1 1y '' 1e3 99999999999999999d
	value --root-mode rx ''
	value --accel fast ''
	value --workdir relative ''
	value --user '' : -1
	value --hostname '' 'a b' 'a/b' "$(printf 'a\nb')" "$(head -c 65 /dev/zero | tr '\0' h)"
	value --env '' =x
	value --append 'a -- b' 'a="b' "$(printf 'a\nb')"
	value --runner ''
	bad 'a runner that there is not' "no runner 'nothing'" --runner nothing -- true
	: >env.txt
	printf 'A=1\0B=2\n' >nul.txt
	printf 'A=1\nB C=2\n' >blank.txt
	printf 'A=1\n=2\n' >name.txt
	bad 'variables: no file' 'env-file.*/no/such: No such file' --env-file /no/such -- true
	bad 'variables: a directory' 'env-file.*: Is a directory' --env-file . -- true
	bad 'variables: NUL' 'env-file.*nul\.txt.*NUL' --env-file nul.txt -- true
	bad 'variables: a blank in a name' 'env-file.*blank\.txt:2' --env-file blank.txt -- true
	bad 'variables: no name' 'env-file.*name\.txt:2' --env-file name.txt -- true
	export EXECVM_BOOT_TIMEOUT=soon
	bad EXECVM_BOOT_TIMEOUT "EXECVM_BOOT_TIMEOUT.*'soon'" -- true
	unset EXECVM_BOOT_TIMEOUT
	rm -f ../pids
	state >../before
	code=0
	sh -c 'ulimit -n 8; exec "$@"' sh "$EXECVM" run -- true </dev/null >../out 2>../err || code=$?
	judge 'too few descriptors' $code '^execvm run: .*Too many open files'
}

files() {
	: >empty
	echo text >text
	head -c 200000 /dev/urandom >noise
	mkfifo fifo
	head -c 3000 "$EXECVM" >short-elf
	head -c 3 "$EXECVM" >three
	for f in '/no/such:No such file' '.:not a regular file|Is a directory' empty:short three:short \
		'text:no kernel' 'noise:no kernel' "$EXECVM:PVH" short-elf:no kernel \
		'fifo:not a regular file' '/dev/null:not a regular file'; do
		bad "--kernel ${f%%:*}" "${f%%:*}.*(${f#*:})" --kernel "${f%%:*}" -- true
	done
	export EXECVM_KERNEL=text
	bad 'EXECVM_KERNEL' 'EXECVM_KERNEL.*text.*no kernel' -- true
	export EXECVM_KERNEL="$kernel"
	for o in --root --initrd; do
		for f in '/no/such:No such file' '.:Is a directory' 'fifo:not a regular file' '/dev/null:not a regular file'; do
			bad "$o ${f%%:*}" "$o: ${f%%:*}.*(${f#*:})" $o "${f%%:*}" -- true
		done
	done
	head -c 1000000 /dev/zero >disk
	cp disk disk2
	for f in '/no/such:No such file' '.:Is a directory' 'fifo:not a regular file' '/dev/null:not a regular file'; do
		bad "--disk ${f%%:*}" "--disk: ${f%%:*}.*(${f#*:})" --disk "${f%%:*}=/dev/vdb" -- true
	done
	for w in disk disk= =/dev/vda disk=vda disk=/tmp/x disk=/dev/ disk=/dev/../x disk=/dev/a/b \
		disk=/dev/vda,rw disk=/dev/vda,ro,ro 'disk=/dev/v a'; do
		bad "--disk $w" '--disk: ' --disk "$w" -- true
	done
	bad 'two disks with one name' 'disk.*/dev/vdb' --disk disk=/dev/vdb --disk disk2=/dev/vdb -- true
	bad 'one disk twice' 'disk.*twice' --disk disk=/dev/vdb --disk disk=/dev/vdc -- true
	set --
	for i in $(seq 23); do
		set -- "$@" --disk "disk$i=/dev/d$i"
		cp disk "disk$i"
	done
	bad 'too many disks' 'more than 2[0-9] disks' "$@" -- true
	rm -f disk[0-9]*
}

initrds() {
	"$EXECVM" initrd build --no-check --add noise=/noise -o good.cpio
	head -c 100000 good.cpio >cut.cpio
	gzip -c good.cpio >good.cpio.gz
	head -c 100000 good.cpio.gz >cut.cpio.gz
	{ cat good.cpio; cat text; } >tail.cpio
	sed 's/^070701/07070x/' good.cpio >magic.cpio
	for f in empty text noise cut.cpio cut.cpio.gz tail.cpio magic.cpio; do
		bad "--initrd: $f" "$f" --initrd $f -- true
	done
	head -c 60000000 /dev/zero >zeroes
	"$EXECVM" initrd build --no-check --add zeroes=/zeroes -o large.cpio
	gzip -1 -c large.cpio >large.cpio.gz
	rm zeroes
	bad 'an initrd that is too large' 'too large for 64 MiB.*58 MiB unpacked' -m 64M --initrd large.cpio -- true
	bad 'an initrd that is too large unpacked' 'too large for 64 MiB' -m 64M --initrd large.cpio.gz -- true
	rm large.cpio*
}

described() { # NAME PATTERN TEXT: a description that is refused, with its file and the place
	printf '%s' "$3" >vm.json
	bad "description: $1" "$2" -c vm.json -- true
}

descriptions() {
	bad 'description: no file' '/no/such.json: No such file' -c /no/such.json -- true
	bad 'description: a directory' '\.: Is a directory' -c . -- true
	bad 'description: an endless one' '.' -c /dev/zero -- true
	described empty 'vm\.json:1' ''
	described 'no JSON' 'vm\.json:1:' 'root = x'
	described 'a list' 'vm\.json:1: not a JSON object' '[]'
	described 'something behind it' 'vm\.json:2:' '{}
x'
	described 'a comma too many' 'vm\.json:1:' '{"cpus": 1,}'
	described 'a key that there is not' "vm\.json:3: key 'no-such'" '{
  "memory": "64M",
  "no-such": 1
}'
	described 'a key in other letters' "vm\.json:1: key 'Memory'" '{"Memory": "64M"}'
	described 'a key twice' 'vm\.json:1:.*memory' '{"memory": "64M", "memory": "65M"}'
	for k in runner kernel initrd append root root-mode accel cwd hostname stdin umask; do
		described "$k is a number" "vm\.json:1: key '$k'.*string" "{\"$k\": 1}"
		described "$k is a list" "vm\.json:1: key '$k'.*string" "{\"$k\": [\"x\"]}"
		described "$k is null" "vm\.json:1: key '$k'" "{\"$k\": null}"
	done
	for k in memory user timeout; do
		described "$k is true" "vm\.json:1: key '$k'" "{\"$k\": true}"
		described "$k is a fraction" "vm\.json:1: key '$k'" "{\"$k\": 1.5}"
	done
	described 'cpus are words' "vm\.json:1: key 'cpus'.*a number" '{"cpus": "two"}'
	described 'tty is a word' "vm\.json:1: key 'tty'.*true or false" '{"tty": "yes"}'
	described 'args are a string' "vm\.json:1: key 'args'.*list" '{"args": "true"}'
	described 'args have a number' "vm\.json:1: key 'args'.*element 1" '{"args": ["a", 1]}'
	described 'env is a list' "vm\.json:1: key 'env'.*object" '{"env": ["A=1"]}'
	described 'env has a number' "vm\.json:2: key 'env'.*'A'" '{"env": {
"A": 1}}'
	described 'env has no name' "vm\.json:1: key 'env'" '{"env": {"": "x"}}'
	described 'env has an odd name' "vm\.json:1: key 'env'.*'A=B'" '{"env": {"A=B": "x"}}'
	described 'a disk is a number' "vm\.json:1: key 'devices'.*'disk'" '{"devices": {"disk": 1}}'
	described 'a disk has no file' "vm\.json:2: key 'devices'.*no-such: No such file" '{"devices": {
"no-such": "/dev/vdb"}}'
	described 'a disk has an unknown key' "vm\.json:1: key 'devices'.*'disk'.*'mode'" \
		'{"devices": {"disk": {"node": "/dev/vdb", "mode": "ro"}}}'
	described 'two disks with one name' "vm\.json:3: key 'devices'.*/dev/vdb" '{"devices": {
"disk": "/dev/vdb",
"disk2": "/dev/vdb"}}'
	described 'a root that is not there' "vm\.json:3: key 'root'.*no-such\.sqfs: No such file" '{
"cpus": 1,
"root": "no-such.sqfs" }'
	described 'memory that is none' "vm\.json:2: key 'memory'.*'lots'" '{
"memory": "lots" }'
	described 'umask' "vm\.json:1: key 'umask'" '{"umask": "0999"}'
	mkdir -p sub
	echo '{ "root": "no-such.sqfs" }' >sub/vm.json
	bad 'description: relative to itself' 'sub/vm\.json:1.*sub/no-such\.sqfs' -c sub/vm.json -- true
	printf '{ "env": { "A": "%s" } }' "$(head -c 120000 /dev/zero | tr '\0' x)" >large.json
	for _ in 1 2 3 4 5 6; do
		cat large.json large.json >more.json
		mv more.json large.json
	done
	bad 'description: more than 4 MiB' 'large\.json' -c large.json -- true
	rm large.json
	printf '{"cpus": 1}\0' >nul.json
	bad 'description: NUL' 'nul\.json:1' -c nul.json -- true
	printf '{"hostname": "\303\050"}' >utf8.json
	bad 'description: no UTF-8' 'utf8\.json:1' -c utf8.json -- true
}

in_vm() {
	rm -f ../pids
	state >../before
	code=0
	"$(dirname "$EXECVM")/run-in-vm" /no/such.json true </dev/null >../out 2>../err || code=$?
	judge 'run-in-vm: no description' $code '^[a-z-]+: .*/no/such.json: No such file'
	code=0
	"$(dirname "$EXECVM")/run-in-vm" -r local -- true </dev/null >../out 2>../err || code=$?
	judge 'run-in-vm: another runner' $code "^[a-z-]+: .*'local'"
	echo '{}' >vm.json
	state >../before
	code=0
	"$(dirname "$EXECVM")/run-in-vm" vm.json </dev/null >../out 2>../err || code=$?
	judge 'run-in-vm: no command' $code '^[a-z-]+: no command'
}

# What only the machine can find out.
booted() {
	EXECVM_QEMU=
	"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox -o good.cpio
	head -c 1000000 /dev/urandom >no-root
	bad 'a root that is no file system (I11)' 'root.*/dev/vda.*squashfs' --root no-root -- true
	bad 'a root that is empty' 'root.*/dev/vda' --root empty -- true
	bad 'a user that there is not' "nobody-knows" --user nobody-knows -- /bin/true
	bad 'a group that there is not' "nobody-knows" --user 0:nobody-knows -- /bin/true
	if command -v sqfstar >/dev/null; then
		tar -cf - good.cpio noise | sqfstar -quiet -no-progress root.sqfs >/dev/null 2>&1
		head -c 100000 root.sqfs >cut.sqfs
		bad 'a root that is cut off' 'root' --root cut.sqfs -- true
	fi
	head -c 2000000 "$kernel" >cut-kernel
	code=0
	timeout -s KILL 60 "$EXECVM" run --kernel cut-kernel -- true </dev/null >../out 2>../err || code=$?
	is 'X6: a kernel that is cut off' $code 125
	like 'X6: a kernel that is cut off: why' "$(cat ../err)" 'kernel'
}

asked() {
	"$EXECVM" run --help >../out 2>../err
	is 'X7: --help is on stdout' "$?$(cat ../err)" 0
	like 'X7: --help is the help' "$(cat ../out)" '^usage: '
	for o in --dry-run --show-append; do
		"$EXECVM" run $o -- true >../out 2>../err
		is "X7: $o is on stdout" "$?$(cat ../err)" 0
		is "X7: $o is one line" "$(wc -l <../out)" 1
	done
	VM_FAKE='hello; start; out only this; exit 0 0; close' "$EXECVM" run --verbose --verbose --timings --debug --boot-log -- true \
		>../out 2>../err
	is 'X7: of what is said on the way nothing is on stdout' "$(cat ../out)" 'only this'
	rm -f ../pids
}

options
files
initrds
descriptions
in_vm
asked
booted
done_testing
