#!/bin/sh
# SPDX-License-Identifier: MIT
# I1, I2, I3, I22, I24, I28, I31: PID 1 as kernels start it, on machines that nobody speaks to.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/raw.sh
. "$SRCDIR/tests/vm/raw.sh"

b=/bin/busybox
acpi=microvm,acpi=on,isa-serial=on

# Nothing but the program: no node, no directory.
cp "$EXECVM_GUEST" init
echo init | cpio -o -H newc --quiet >only.cpio
"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/init" --add $b=$b -o guest.cpio ||
	skip_all 'no initrd'
# The kernel has a node of its own, which has to be covered by something that cannot be opened.
"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/init" --add $b=$b --make /dev/console=dir \
	--add "$HELPERS/print-fds=/bin/print-fds" -o closed.cpio

# A machine ends by itself, with the status that the log has, and PID 1 has never died.
ends() { # NAME LINE LOG SECONDS MACHINE INITRD WORDS [QEMU-ARG...]
	name=$1 line=$2 log=$3
	shift 2
	status "$name: the machine ends by itself" 0 raw_boot "$@"
	like "$name: the kernel log has it" "$(tr -d '\r' <"$log")" "execvm: $line\$"
	unlike "$name: PID 1 does not die" "$(cat "$log")" 'Attempted to kill init|Kernel panic'
}

sh_payload() { # SCRIPT
	payload "{\"args\": [\"$b\", \"sh\", \"-c\", \"$1\"]}"
}

alone() {
	mkdir -p tools/bin
	cp $b tools/bin/busybox
	cp "$HELPERS/print-fds" tools/bin/print-fds
	cat >tools/look <<-'EOT'
		b=/a/new/place/bin/busybox
		while read -r source target type rest; do
		    echo "mount $source $target $type"
		done </proc/mounts
		/a/new/place/bin/print-fds /fds
		while read -r fd; do echo "command $fd"; done </fds
		for fd in /proc/1/fd/*; do echo "init ${fd##*/} $($b readlink "$fd")"; done
		$b stat -c 'mode %n %a' /dev /dev/shm /run /proc /sys /tmp /dev/null /dev/ptmx /dev/console
		for l in fd stdin stdout stderr; do echo "link $l $($b readlink /dev/$l)"; done
		$b ls -a / | $b sed 's/^/root /'
		exit 9
	EOT
	mksquashfs tools tools.sqfs -quiet -no-progress -all-root >/dev/null
	ends 'I1, I13, I22: microvm without ACPI, an initrd of one file' 'exit 9' alone 60 "$raw_microvm" only.cpio \
		"$(payload '{"mounts": [{"device": "/dev/vda", "target": "/a/new/place", "mtype": "squashfs"}],
			"args": ["/a/new/place/bin/busybox", "sh", "/a/new/place/look"]}')" \
		-drive if=none,id=tools,file=tools.sqfs,format=raw,readonly=on \
		-device virtio-blk-device,drive=tools
	text=$(tr -d '\r' <alone)
	for m in 'proc /proc proc' 'sysfs /sys sysfs' 'devtmpfs /dev devtmpfs' 'devpts /dev/pts devpts' \
		'tmpfs /dev/shm tmpfs' 'tmpfs /run tmpfs' 'cgroup2 /sys/fs/cgroup cgroup2'; do
		like "I1: mounted: ${m% *}" "$text" "^mount $m\$"
	done
	like 'I1: a mount that was asked for, its directories were made' "$text" \
		'^mount /dev/vda /a/new/place squashfs$'
	is 'I1: the command has descriptors 0 to 2 and no other' "$(printf '%s\n' "$text" | sed -n 's/^command //p')" \
		"0 /dev/console
1 /dev/console
2 /dev/console"
	is 'I1: and so has PID 1' "$(printf '%s\n' "$text" | sed -n 's/^init //p')" "0 /dev/console
1 /dev/console
2 /dev/console"
	is 'I1: modes' "$(printf '%s\n' "$text" | sed -n 's/^mode //p')" "/dev 755
/dev/shm 1777
/run 755
/proc 555
/sys 555
/tmp 1777
/dev/null 666
/dev/ptmx 666
/dev/console 600"
	is 'I1: links in /dev' "$(printf '%s\n' "$text" | sed -n 's/^link //p')" "fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2"
	# /root is the kernel's own.
	is 'I1: the initrd holds what it has to and nothing else' \
		"$(printf '%s\n' "$text" | sed -n 's/^root //p' | grep -vx root | tr '\n' ' ')" \
		'. .. a bin dev fds init proc run sys tmp '
}

# The other machines, each with a way to tell it what to do.
machines() {
	ends 'I22, I4, I2: microvm with ACPI, a payload, no console for PID 1' 'exit 3' log 60 $acpi closed.cpio \
		"$(sh_payload 'echo said on the console; print-fds /fds; cat /fds; exit 3')"
	like 'I2: the premise: it could not be opened' "$(cat log)" 'unable to open an initial console'
	like 'I22, I13: the command has the console' "$(cat log)" '^said on the console.$'
	is 'I2: descriptors 0 to 2 were made' "$(tr -d '\r' <log | grep '^[0-9] /')" "0 /dev/console
1 /dev/console
2 /dev/console"
	ends 'I22, I4, I5: pc, words behind --, two CPUs' 'exit 4' log 60 pc guest.cpio \
		"nonsense x.y=\"a -- b\" quiet -- $b sh -c \"echo [\$0] [\$1]; exit 4\" 'a \"b c\"" -smp 2
	like 'I5: as the kernel takes them apart' "$(cat log)" "^\\['a\\] \\[b c\\].\$"
	ends 'I22, I16: q35, a command that is killed' 'exit 143' log 60 q35 guest.cpio "$(sh_payload 'kill -15 $$')"
	ends 'I16: a command that is not there' 'exit 127' log 60 "$raw_microvm" guest.cpio \
		"$(payload '{"args": ["/no/such/program"]}')"
	like 'I16: why' "$(cat log)" 'execvm: exec /no/such/program: No such file or directory'
}

# What may stand on a command line; nothing of it is a reason to die.
nonsense() {
	ends 'I2: truncated base64' 'command line: .*' log 60 "$raw_microvm" guest.cpio \
		"$(sh_payload 'exit 3' | head -c 40)"
	ends 'I2: no base64' 'command line: execvm.payload: not base64' log 60 "$raw_microvm" guest.cpio \
		'execvm.payload=%%%'
	ends 'I2: nothing to run' 'exit 125' log 60 "$raw_microvm" guest.cpio ''
	like 'I2: nothing to run: says so' "$(cat log)" 'execvm: payload: nothing was said to run'
	head -c 1048576 /dev/zero >zero.img
	ends 'I2, I11: a root that holds no file system' 'root: mount /dev/vda: no file system .* it has .*' log 60 \
		"$raw_microvm" guest.cpio "$(payload '{"root": "/dev/vda", "args": ["/bin/true"]}')" \
		-drive if=none,id=d,file=zero.img,format=raw -device virtio-blk-device,drive=d
	like 'I11: with the file systems that the kernel has' "$(cat log)" 'it has.* ext4.* squashfs.* iso9660'
	# More than half of the memory: the kernel unpacks what fits and goes on.
	head -c 40000000 /dev/zero >filler
	"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/init" --add filler=/y --add $b=/z -o large.cpio
	ends 'I2: an initrd that the memory has no room for' 'exit 127' log 60 "$raw_microvm" large.cpio \
		"$(payload '{"args": ["/z", "true"]}')" -m 96M
	like 'I2: the premise: it was cut' "$(cat log)" 'Initramfs unpacking failed'
	ends 'I20: a wire with nobody at its other end' 'wire: /dev/vport0p1: the host is not there' log 60 \
		"$raw_microvm" guest.cpio "$(payload "{\"args\": [\"$b\", \"true\"]}")" \
		-device virtio-serial-device,max_ports=2 -chardev null,id=wire \
		-device virtserialport,chardev=wire,nr=1,name=execvm
	# PID 1 has nowhere to say it but to its own descriptors.
	"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/init" --add init=/proc -o proc.cpio
	ends 'I1: a mount that fails' 'early mounts: mount proc on /proc: Not a directory' log 60 \
		"$raw_microvm" proc.cpio ''
	mkdir -p lib
	printf '\n/lib/none.ko\n' >list
	"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/init" --add list=/lib/execvm/modules.load -o mod.cpio
	ends 'I28: a module that is not there' 'modules: module /lib/none.ko: No such file or directory' log 60 \
		"$raw_microvm" mod.cpio ''
}

# A panic ends the machine although nobody has said panic=.
panics() {
	raw_append=$(printf '%s' "$raw_append" | sed 's/panic=-1//')
	status 'I24: a guest that panics, without panic= on its command line, ends' 0 \
		raw_boot log 60 "$raw_microvm" guest.cpio "$(sh_payload 'echo c >/proc/sysrq-trigger')"
	like 'I24: the premise: it has panicked' "$(cat log)" 'Kernel panic'
}

# Without those of tests that run beside this one.
mounts() {
	awk -v all="${PWD%/*}/" -v own="$PWD" '!index($0, all) || index($0, own)' /proc/self/mounts
}

# Not PID 1: neither mounts nor files nor processes.
not_pid1() {
	before=$(mounts)
	mkdir -p void
	for x in "$EXECVM" "$EXECVM_GUEST"; do
		name="I3: $(basename "$(dirname "$x")")"
		for words in '' '-- /bin/touch marker' '/bin/touch marker' \
			'eyJhcmdzIjpbIi9iaW4vdG91Y2giLCJtYXJrZXIiXX0'; do
			# shellcheck disable=SC2086 # words
			status "$name: not PID 1, '$words': 125" 125 sh -c 'cd void && exec "$@"' sh "$x" init $words
			like "$name: says so" "$(cat err)" '^execvm init: not PID 1'
			is "$name: one line, none on stdout" "$(cat out err | wc -l)" 1
		done
		is "$name: nothing was made" "$(ls -A void)" ''
		status "$name: --encode works anywhere" 0 "$x" init --encode -- /bin/echo 'a b' ''
		status "$name: --decode works anywhere" 0 "$x" init --decode "$(cat out)"
		is "$name: and is its inverse" "$(cat out)" '{"args":["/bin/echo","a b",""]}'
	done
	is 'I3: the mounts are as they were' "$(mounts)" "$before"
}

small() {
	ok 'I31: the guest program is less than 150 KB' test "$(wc -c <"$EXECVM_GUEST")" -lt 153600
	unlike 'I31: and needs no interpreter' "$(head -c 4096 "$EXECVM_GUEST" | tr -c '[:print:]' '\n')" '/ld-'
}

not_pid1
small
alone
machines
nonsense
panics
done_testing
