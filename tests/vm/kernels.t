#!/bin/sh
# SPDX-License-Identifier: MIT
# I11, I16, I25, I28, X1, X7: Debian's kernel as it comes, which kernel is taken, and what is shown of a boot.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1
root=$("$SRCDIR/demo/make-root" busybox)
cloud=$(find /boot -name 'vmlinuz-*-cloud-amd64' 2>/dev/null | sort -V | tail -n 1)
release=${cloud#/boot/vmlinuz-}

run() {
	"$EXECVM" run "$@" </dev/null
}

on_cloud() {
	"$EXECVM" run --kernel "$cloud" "$@"
}

# A short list of what the other tests do with ours.
cloud_list() {
	status 'I16: cloud: exit 42' 42 on_cloud -- /bin/sh -c 'uname -r; exit 42' </dev/null
	is 'cloud: it is that kernel' "$(cat out)" "$release"
	is 'I30: cloud: nothing is said' "$(cat err)" ''
	status 'I16: cloud: killed by a signal' 143 on_cloud -- /bin/sh -c 'kill -TERM $$' </dev/null
	status 'I16: cloud: not found' 127 on_cloud -- /no/such/program </dev/null
	head -c 3000000 "$EXECVM" >big
	cat big big big >input
	status 'I15: cloud: streams' 0 on_cloud --root "$root" --disk input=/dev/data,ro -- \
		/bin/sh -c 'cat; cat /dev/data >&2; execvm --version >/bin/written' <input
	same 'I15: cloud: stdin and stdout are binary-safe' out input
	ok 'I11: cloud: a disk, and stderr' cmp -n "$(stat -c %s input)" err input
	mkdir -p tree/bin tree/proc
	cp /bin/busybox tree/bin/busybox
	mkfs.erofs -T 0 erofs.img tree >/dev/null 2>&1
	genisoimage -quiet -R -o iso9660.img tree
	truncate -s 8M ext4.img
	/sbin/mkfs.ext4 -q -F -d tree ext4.img
	for kind in erofs iso9660 ext4; do
		status "I11, I25: cloud: $kind" 0 on_cloud --root $kind.img -- /bin/execvm chain -- \
			/bin/busybox touch /file -- /bin/busybox ls /file </dev/null
	done
	status 'I21: cloud: ext4, rw' 0 on_cloud --root ext4.img --root-mode rw -- /bin/busybox touch /written </dev/null
	is 'I21: cloud: ext4 is clean' "$(/sbin/e2fsck -fn ext4.img >fsck 2>&1; echo $?; grep -i recover fsck)" 0
	like 'I21: cloud: the file is there' "$(/sbin/debugfs -R 'ls -p /' ext4.img 2>/dev/null)" '/written/'
	cloud_budget
	cloud_modules
}

# QEMU adds nothing to the command line of this one.
cloud_budget() {
	line=$(on_cloud --append 'pad.pad=' --show-append -- /bin/echo hi)
	pad=$(head -c $((2047 - ${#line})) /dev/zero | tr '\0' p)
	line=$(on_cloud --append "pad.pad=$pad" --show-append -- /bin/echo hi)
	like 'X1: cloud: 2047 bytes: all of it' "${#line} $line" '^2047 .* execvm[.]payload='
	status 'X1: cloud: 2047 bytes boot' 0 on_cloud --append "pad.pad=$pad" -- /bin/echo hi </dev/null
	is 'X1: cloud: 2047 bytes: the command has run' "$(cat out)" hi
	line=$(on_cloud --append "pad.pad=p$pad" --show-append -- /bin/echo hi)
	unlike 'X1: cloud: one more: the wire takes the command' "$line" 'execvm[.]payload='
	status 'X1: cloud: one more boots' 0 on_cloud --append "pad.pad=p$pad" -- /bin/echo hi </dev/null
	is 'X1: cloud: one more: the command has run' "$(cat out)" hi
}

cloud_modules() {
	"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
		--add "$HELPERS/guest-pid1=/bin/guest-pid1" --add "$EXECVM_GUEST=/box/init" -o box.cpio
	cat >modules <<-'EOT'
		busybox cut -d ' ' -f 1 /proc/modules | busybox tac | busybox sed 's/^/loaded: /'
		while read -r path; do
		    name=${path##*/}
		    echo "listed: ${name%%.ko*}" | busybox tr - _
		done </lib/execvm/modules.load
		busybox mkdir -p /box/lib/execvm
		busybox cp -r /lib/modules /box/lib/
		busybox cat /lib/execvm/modules.load /lib/execvm/modules.load >/box/lib/execvm/modules.load
		guest-pid1 /box /init /init | busybox sed 's/^/again: /'
		echo /lib/none.ko >>/box/lib/execvm/modules.load
		guest-pid1 /box /init /init | busybox sed 's/^/missing: /'
		echo junk >/box/lib/junk.ko
		echo /lib/junk.ko >/box/lib/execvm/modules.load
		guest-pid1 /box /init /init | busybox sed 's/^/junk: /'
	EOT
	status 'I28: cloud: modules' 0 on_cloud -e A=b --initrd box.cpio -- /bin/sh -c "$(cat modules)" </dev/null
	like 'I28: cloud: the premise: there are some' "$(cat out)" '^listed: virtio_blk'
	is 'I28: cloud: all that are listed were loaded, in that order' "$(sed -n 's/^loaded: //p' out)" \
		"$(sed -n 's/^listed: //p' out)"
	unlike 'I28: cloud: those that are there already are fine' "$(grep '^again' out)" modules
	like 'I28: cloud: one that is not there is named' "$(cat out)" \
		'^missing: log: execvm: modules: module /lib/none.ko: No such file or directory'
	like 'I28: cloud: one that is none is named' "$(cat out)" '^junk: log: execvm: modules: module /lib/junk.ko: .'
}

# Which one is taken.
choice() {
	"$EXECVM" kernel ls >list
	[ -s list ] || skip_all 'no kernel'
	own=$(sed -n 1p list | cut -f 1)
	like 'kernel ls: path, profile, origin, for how many CPUs' "$(cat list)" \
		"^/[^ ]+$(printf '\t')(ours|distribution)$(printf '\t')(make kernel|installed|/boot)$(printf '\t')(up|smp)\$"
	unlike 'kernel ls: nothing else' "$(cat list)" "^[^/]|^[^$(printf '\t')]*\$"
	like 'the first one is taken' "$(run --dry-run -- /bin/true)" " -kernel $own "
	for kernel in $(cut -f 1 list); do
		like "--kernel $kernel" "$(run --kernel "$kernel" --dry-run -- /bin/true)" " -kernel $kernel "
		like "\$EXECVM_KERNEL=$kernel" "$(EXECVM_KERNEL=$kernel run --dry-run -- /bin/true)" " -kernel $kernel "
		is "\$EXECVM_KERNEL=$kernel is the first in the list" \
			"$(EXECVM_KERNEL=$kernel "$EXECVM" kernel ls | sed -n 1p | cut -f 1,3)" "$kernel$(printf '\t')\$EXECVM_KERNEL"
	done
	ln -s "$own" here
	echo '{ "kernel": "here" }' >k.json
	like 'a description wins over $EXECVM_KERNEL' \
		"$(EXECVM_KERNEL=/no/such/kernel run -c ./k.json --dry-run -- /bin/true)" ' -kernel [^ ]*here '
	like '--kernel wins over a description' "$(run -c ./k.json --kernel "$own" --dry-run -- /bin/true)" " -kernel $own "
	status 'a kernel that is not there: 125' 125 run --kernel ./no-such -- /bin/true
	like 'a kernel that is not there: why' "$(cat err)" '^execvm run: .*[.]/no-such: No such file'
	EXECVM_KERNEL=./no-such status '$EXECVM_KERNEL that is not there: 125' 125 run -- /bin/true
	like '$EXECVM_KERNEL that is not there: why' "$(cat err)" '^execvm run: \$EXECVM_KERNEL: .*[.]/no-such: No such file'
	status 'a kernel that is none: 125' 125 run --kernel k.json -- /bin/true
	like 'a kernel that is none: why' "$(cat err)" '^execvm run: .*k[.]json'
	is 'a kernel that is none: in one line' "$(cat out err | wc -l)" 1
	if grep -q "$(printf '\tours\t')" list; then
		like 'kernel config: ours' "$("$EXECVM" kernel config)" '^CONFIG_PVH=y$'
		like 'kernel config: for one CPU' "$("$EXECVM" kernel config)" '^# CONFIG_SMP is not set$'
		like 'kernel config smp: for several' "$("$EXECVM" kernel config smp)" '^CONFIG_SMP=y$'
		one=$(awk -F '\t' '$2 == "ours" && $4 == "up" { print $1; exit }' list)
		several=$(awk -F '\t' '$2 == "ours" && $4 == "smp" { print $1; exit }' list)
		like 'one CPU: the kernel for one' "$(run --dry-run -- /bin/true)" " -kernel $one "
		unlike 'one CPU: nothing of several on its command line' "$(run --dry-run -- /bin/true)" noreplace-smp
		like 'two CPUs: the kernel for several' "$(run --cpus 2 --dry-run -- /bin/true)" " -kernel $several "
		status 'two CPUs, by the kernel for one: 125' 125 run --cpus 2 --kernel "$one" -- /bin/true
		is 'two CPUs, by the kernel for one: why' "$(cat err)" \
			"execvm run: kernel $one: for one CPU (no CONFIG_SMP), not 2"
		mkdir -p only/execvm/kernel empty
		ln -s "$(dirname "$one")" only/execvm/kernel/current-up
		cat >nowhere <<-'END'
			mount --bind empty /boot || exit 77
			exec "$@"
		END
		XDG_CACHE_HOME=$PWD/only unshare -m sh nowhere "$EXECVM" run --cpus 2 --dry-run -- /bin/true >out 2>err
		if [ $? = 77 ] || grep -q -e ' -kernel ' out; then
			skip 'two CPUs, and none but the kernel for one' 'mount: cannot; or one is installed'
		else
			is 'two CPUs, and none but the kernel for one' "$(grep -v KVM err)" \
				"execvm run: there is no kernel of ours for several CPUs: \`make kernel\` builds it: none in /boot (linux-image-cloud-amd64, --kernel)"
		fi
		status 'the kernel for several, on one CPU' 0 run --kernel "$several" -- /bin/sh -c 'nproc; uname -v'
		like 'the kernel for several, on one CPU: it is that' "$(paste -sd ' ' out)" '^1 .*SMP'
		status 'and on two' 0 run --cpus 2 -- /bin/sh -c 'nproc; uname -v'
		like 'and on two: it is that' "$(paste -sd ' ' out)" '^2 .*SMP'
		is 'and on two: nothing else is said' "$(cat err)" ''
		status 'the kernel for one' 0 run -- /bin/sh -c 'nproc; uname -v'
		unlike 'the kernel for one: it is that' "$(cat out)" SMP
	else
		skip 'kernel config: ours' 'no kernel of ours'
	fi
}

# What is shown. Nothing of it is on stdout but what was asked for.
# shellcheck disable=SC2120 # the words are those of QEMU
shown() {
	status 'X7: --dry-run' 0 run --dry-run -- /bin/echo "a b'c"
	is 'X7: --dry-run: nothing on stderr' "$(cat err)" ''
	is 'X7: --dry-run: one line' "$(wc -l <out)" 1
	eval "set -- $(cat out)"
	like '--dry-run: words for a shell' "$1" '(^|/)qemu-system-'
	append='' initrd=''
	while [ $# -gt 1 ]; do
		case $1 in
		-append) append=$2 ;;
		-initrd) initrd=$2 ;;
		esac
		shift
	done
	ok '--dry-run: the initrd is there' test -s "$initrd"
	is '--dry-run: the command line of the kernel is that of --show-append' "$append" \
		"$(run --show-append -- /bin/echo "a b'c")"
	is '--dry-run: it has the command' "$("$EXECVM" init --decode "${append##* }")" "{\"args\":[\"/bin/echo\",\"a b'c\"]}"
	printf '#!/bin/sh\n: >started\n' >no-qemu
	chmod +x no-qemu
	EXECVM_QEMU=$PWD/no-qemu run --dry-run -- /bin/true >out
	like '--dry-run: $EXECVM_QEMU' "$(cat out)" "^$PWD/no-qemu "
	ok '--dry-run: nothing was started' test ! -e started

	echo '{ "runner": "local" }' >local.json
	status 'run-in-vm runs in a machine' 0 "$(dirname "$EXECVM")/run-in-vm" local.json /bin/uname -n
	is 'run-in-vm runs in a machine, whatever the description says' "$(cat out)" execvm

	status '--boot-log and --timings' 7 run --boot-log --timings -- /bin/sh -c 'echo out; echo err >&2; exit 7'
	is 'X7: --boot-log: stdout is what the command wrote' "$(cat out)" out
	like '--boot-log: the first message of the kernel' "$(tr -d '\r' <err)" '^\[ *0[.]000000\] Linux version '
	like '--boot-log: the last one before init' "$(cat err)" 'Run /init as init process'
	like '--boot-log: the stderr of the command' "$(cat err)" '^err$'
	sed -n 's/^execvm run: *\([0-9]*\) ms  \(.*\)$/\1 \2/p' err >timings
	is '--timings: each part' "$(cut -d ' ' -f 2- timings)" 'plan
QEMU start
first contact
command start
command end
machine gone'
	ok '--timings: in this order' sort -n -c timings
}

choice
shown
if [ -n "$cloud" ]; then
	cloud_list
else
	skip "Debian's kernel" 'no linux-image-cloud-amd64 in /boot'
fi
done_testing
