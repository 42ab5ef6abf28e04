#!/bin/sh
# SPDX-License-Identifier: MIT
# I33, I4, I11, R12: as the original work is used: QEMU's words by hand, -machine pc, a gzipped initrd,
# a CD as the root, the serial line as the console, and PID 1 that becomes the command.
# timeout: 180
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/raw.sh
. "$SRCDIR/tests/vm/raw.sh"

mkdir -p root/bin root/sbin root/etc
cp /bin/busybox root/bin/busybox
cp "$HELPERS/print-fds" "$HELPERS/print-signals" root/bin/
for applet in sh cat echo grep reboot mount; do
	ln -s busybox root/bin/$applet
done
echo 'on the CD' >root/etc/kind
echo 'root:x:0:0::/root:/bin/sh' >root/etc/passwd
cat >root/sbin/init <<'EOT'
#!/bin/sh
echo "init is $$ with [$*] and $(cat /etc/kind)"
grep ' / ' /proc/mounts
print-fds /fds
cat /fds
print-signals
reboot -f
EOT
chmod 755 root/sbin/init
genisoimage -quiet -R -o root.iso root

# As the original has it: the program in a directory of its own, in an archive that is compressed.
"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/execvm/execvm" --add "$EXECVM_GUEST=/init" \
	--compress gzip -o initrd2.gz || skip_all 'no initrd'

# The original's own line, but for the accelerator and what has to be said to it; and -no-reboot.
original() { # MORE-OF-THE-COMMAND-LINE
	# shellcheck disable=SC2046 # words are wanted
	timeout -k 5 $((60 * ${EXECVM_TIME_FACTOR:-1})) "$raw_qemu" \
		-machine type=pc,accel="$raw_accel" -cpu "$raw_cpu" \
		-kernel "$raw_kernel" \
		-initrd initrd2.gz \
		-drive file=root.iso,media=cdrom \
		-nographic -no-reboot \
		-append "
console=ttyS0
$(echo $(raw_words pc))
$1" </dev/null
}

shows() { # NAME PATTERN: one line of the console is that; the BIOS ends in the middle of the first
	like "$1" "$(tr -d '\r' <out)" "^(Booting from ROM[.]*)?$2\$"
}

status "I33: the original's line: the machine ends" 0 original "rdinit=/init
$(payload '{"root": "/dev/sr0", "exec": true, "args": ["/sbin/init", "a", "b c"]}')"
shows 'I33: PID 1 has become the command, on the CD' 'init is 1 with \[a b c\] and on the CD'
shows 'I33: the root is a tree that can be written' 'overlay / overlay rw,.*'
is 'I33: it has the console and nothing else' "$(tr -d '\r' <out | grep '^[0-9] /')" "0 /dev/console
1 /dev/console
2 /dev/console"
shows 'I33: no signal is blocked' 'blocked:'
shows 'I33: nor ignored' 'ignored:'

status 'I33: exec with a terminal: the machine ends' 0 original "rdinit=/init
$(payload '{"root": "/dev/sr0", "exec": true, "tty": true, "args": ["/bin/sh", "-c",
	"read -r pid comm state ppid group session tty rest </proc/self/stat; echo \"$$ $session $((tty != 0))\"; exec reboot -f"]}')"
shows 'I33: exec with a terminal: it is the controlling one' '1 1 1'

status "I4: the original's payload: the machine ends" 0 original "rdinit=/init
$(payload '{"Mounts": [{"Device": "/dev/sr0", "Target": "/newroot/cd", "MType": "iso9660", "Options": "ro,nosuid"}],
	"Args": ["/newroot/cd/bin/busybox", "grep", "newroot", "/proc/mounts"]}')"
shows "I4: the original's payload: the mount" '/dev/sr0 /newroot/cd iso9660 ro,nosuid,.*'
shows "I4: the original's payload: the status" '\[.*\] execvm: exit 0'

status 'I4: the tool as a word behind --: the machine ends' 0 original \
	"rdinit=/execvm/execvm -- init $(payload '{"root": "/dev/sr0", "root-mode": "ro", "fstype": "iso9660",
	"args": ["cat", "/etc/kind"]}' | sed 's/execvm.payload=//')"
shows 'I11: a root by its node, of a given type' 'on the CD'
# The kernel itself stops at a second "--", and hands on only what is before it.
status 'I4: words of a command behind --: the machine ends' 0 original \
	'rdinit=/init -- /execvm/execvm chain -- /execvm/execvm --version -- /execvm/execvm init --encode "one  word"'
shows 'I4: the command has them' "execvm $(cat "$SRCDIR/VERSION")"
shows 'I4: quoted as the kernel does it' "$("$EXECVM" init --encode 'one  word')"

# With a port for a host that never says a word: it is left alone.
status 'I33: exec with a wire: the machine ends' 0 raw_boot log 60 "$raw_microvm" initrd2.gz \
	"$(payload '{"root": "/dev/vda", "exec": true, "args": ["/sbin/init"]}')" \
	-drive if=none,id=cd,file=root.iso,format=raw,readonly=on -device virtio-blk-device,drive=cd \
	-device virtio-serial-device,max_ports=2 -chardev null,id=wire \
	-device virtserialport,chardev=wire,nr=1,name=execvm
tr -d '\r' <log >out
shows 'I33: exec with a wire: PID 1 has become the command' 'init is 1 with \[\] and on the CD'
is 'I33: exec with a wire: the port is not open' "$(grep '^[0-9] /' out)" "0 /dev/console
1 /dev/console
2 /dev/console"

# What cannot become anything ends the machine, with the reason.
status 'I33: exec of what is not there: the machine ends' 0 original "rdinit=/init
$(payload '{"root": "/dev/sr0", "exec": true, "args": ["/no/such/init"]}')"
shows 'I33: exec of what is not there: why' '\[.*\] execvm: exec /no/such/init: No such file or directory'
unlike 'I2: and PID 1 does not die' "$(cat out)" 'Attempted to kill init'
done_testing
