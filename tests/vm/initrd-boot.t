#!/bin/sh
# SPDX-License-Identifier: MIT
# R1, R4, R6, R10, R11, R12, R13, R17: what the kernel makes of our archives.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/raw.sh
. "$SRCDIR/tests/vm/raw.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1

run() {
	"$EXECVM" run "$@" </dev/null
}

# A tree with all kinds of files.
mkdir -p tree/deep/er/still tree/empty tree/bin tree/etc
cp /bin/busybox tree/bin/busybox
ln -s busybox tree/bin/sh
for n in 0 1 3 4 5 511 512 513 4096 65537; do
	head -c $n /bin/busybox >tree/deep/size-$n
done
long=$(head -c 250 /dev/zero | tr '\0' n)
echo long >"tree/$long"
echo odd >"tree/odd $(printf '\303\050\n\t\377')"
ln -s /no/where tree/deep/dangling
ln -s "$(head -c 4000 /dev/zero | tr '\0' t)" tree/deep/far
mkfifo tree/deep/er/fifo
echo one >tree/deep/one
ln tree/deep/one tree/two
ln tree/deep/one tree/deep/er/three
echo one >tree/same-content
: >tree/deep/none
ln tree/deep/none tree/none-2
chmod 7751 tree/bin
chmod 0400 tree/same-content
chmod 4755 tree/two
# What it is. A newline in a name is not for "read": that file is looked at separately.
(cd tree && find . ! -name . ! -name 'odd*' | LC_ALL=C sort | while read -r f; do
	if [ -L "$f" ]; then
		printf '%s -> %s\n' "$f" "$(readlink "$f")"
	else
		printf '%s %s %s\n' "$f" "$(stat -c '%f' "$f")" "$([ -d "$f" ] || stat -c %h "$f")"
	fi
	[ ! -f "$f" ] || [ -L "$f" ] || md5sum <"$f"
done) >want
cat >look <<'EOT'
cd /
find . -xdev ! -name . ! -name 'odd*' ! -path './dev*' ! -path './proc*' ! -path './sys*' ! -path './run*' \
	! -path ./init ! -path ./tmp ! -path ./root ! -path ./bin/execvm | sort | while read -r f; do
	if [ -L "$f" ]; then
		printf '%s -> %s\n' "$f" "$(readlink "$f")"
	else
		printf '%s %s %s\n' "$f" "$(stat -c '%f' "$f")" "$([ -d "$f" ] || stat -c %h "$f")"
	fi
	[ ! -f "$f" ] || [ -L "$f" ] || md5sum <"$f"
done
exec >/dev/stderr
cat /odd*
stat -c '%u:%g %Y' /two /deep/er
stat -c %i /deep/one /two /deep/er/three | sort -u | wc -l
echo more >>/two
cat /deep/er/three
chmod 644 /same-content
cat /same-content
stat -c '%F %t:%T %a' /dev/null
EOT
if ! "$EXECVM" initrd build --no-check --tree tree -o tree.cpio 2>build.err; then
	diag "$(cat build.err)"
	skip_all 'no initrd'
fi
cp tree.cpio tree.before
touch -d '2001-02-03 04:05:06' tree.cpio
chmod 444 tree.cpio
date=$(stat -c '%Y %a' tree.cpio)
status 'R1, R11: an initrd of the caller' 0 run --initrd tree.cpio -- /bin/busybox sh -c "$(cat look)"
same 'R1, R4: the kernel has made the same tree' out want
is 'R1, R4: names, owners, times; hard links are one file, equal files are not' "$(cat err)" "odd
0:0 0
0:0 0
1
one
more
one
character special file 1:3 666"
same 'R11: the file is untouched' tree.cpio tree.before
is 'R11: its date and its mode, too' "$(stat -c '%Y %a' tree.cpio)" "$date"

# Shared by several at once, each with a segment of its own.
for n in 1 2 3; do
	run --initrd tree.cpio --hostname "host-$n" -- /bin/sh -c 'busybox hostname; busybox cat /two' >shared.$n 2>&1 &
done
wait
is 'R11: three runs share it' "$(cat shared.1 shared.2 shared.3 | tr '\n' ' ')" 'host-1 one host-2 one host-3 one '

# A segment behind another, of each compression. The second has what it has to replace.
mkdir -p first second/etc
cp -r tree/bin first/
mkdir first/etc
echo first >first/etc/which
echo only >first/etc/only-first
echo second >second/etc/which
"$EXECVM" initrd build --tree second --add "$EXECVM_GUEST=/init" -o second.cpio
script='busybox cat /etc/which /etc/only-first'
for compress in none gzip zstd lz4; do
	"$EXECVM" initrd build --no-check --tree first --compress $compress -o first.$compress
	{
		cat first.$compress
		# Segments begin at multiples of four.
		head -c $((($(stat -c %s first.$compress) + 3) / 4 * 4 - $(stat -c %s first.$compress))) /dev/zero
		cat second.cpio
	} >both.cpio
	case $compress in
	lz4) # the kernel takes nothing but zeros behind it, so it goes to the end
		"$EXECVM" initrd build --no-check --tree second --compress lz4 -o second.lz4
		"$EXECVM" initrd build --no-check --tree first --add "$EXECVM_GUEST=/init" -o first.raw
		{ cat first.raw && head -c $((($(stat -c %s first.raw) + 3) / 4 * 4 - $(stat -c %s first.raw))) /dev/zero; } >both.cpio
		cat second.lz4 >>both.cpio
		;;
	esac
	status "R10, R12: two segments, $compress: the machine ends" 0 raw_boot log 60 "$raw_microvm" both.cpio \
		"$(payload "{\"args\": [\"/bin/sh\", \"-c\", \"$script\"]}")"
	is "R10, R12: two segments, $compress: both are there, the last one wins" \
		"$(tr -d '\r' <log | grep -v '^\[' | tr '\n' ' ')" 'second only '
done
for compress in gzip zstd; do
	status "R10, R11: $compress of the caller, then ours" 0 run --initrd first.$compress -- /bin/sh -c "$script"
	is "R10, R11: $compress of the caller: it is there" "$(tr '\n' ' ' <out)" 'first only '
done
status 'R11: an initrd that is none: 125' 125 run --initrd look -- /bin/true
like 'R11: an initrd that is none: why' "$(cat err)" '^execvm run: .*look'
head -c 100000 tree.before >cut.cpio
status 'R11: an initrd that is cut: 125' 125 run --initrd cut.cpio -- /bin/sh -c true
like 'R11: an initrd that is cut: why' "$(cat err)" '^execvm run: .*cut[.]cpio'

# R17: what has passed the check boots, as it is.
"$EXECVM" initrd build --tree first --add "$EXECVM_GUEST=/init" -o checked.cpio
status 'R17: a checked archive boots' 0 raw_boot log 60 "$raw_microvm" checked.cpio \
	"$(payload '{"args": ["/bin/busybox", "true"]}')"
like 'R17: its /init runs' "$(cat log)" 'execvm: exit 0'

# Nothing is started that has no room.
printf '#!/bin/sh\n: >started\nexec false\n' >no-qemu
chmod +x no-qemu
filler() { # MIB COMPRESS
	head -c $(($1 * 1048576)) /dev/zero >filler
	"$EXECVM" initrd build --no-check --add filler=/filler --add /bin/busybox=/bin/busybox --compress "$2" -o filler.$2
	rm filler
}
filler 60 none
EXECVM_QEMU=$PWD/no-qemu status 'R13: too large for the memory: 125' 125 run --initrd filler.none -m 96M -- /bin/busybox true
like 'R13: too large: why' "$(cat err)" '^execvm run: .*too large for 96 MiB of memory: 6[0-9] MiB unpacked, 6[0-9] MiB loaded'
ok 'R13: too large: nothing was started' test ! -e started
filler 60 gzip
EXECVM_QEMU=$PWD/no-qemu status 'R13: too large when it is unpacked: 125' 125 run --initrd filler.gzip -m 96M -- /bin/busybox true
like 'R13: too large when it is unpacked: why' "$(cat err)" '^execvm run: .*too large for 96 MiB of memory: 6[0-9] MiB unpacked, [12] MiB loaded'
ok 'R13: too large when it is unpacked: nothing was started' test ! -e started

# The other way round: in as little memory as is accepted it is there, to the last byte.
least() { # INITRD: MiB
	low=8 high=1024
	while [ $((high - low)) -gt 1 ]; do
		mid=$(((low + high) / 2))
		if "$EXECVM" run --dry-run --initrd "$1" -m ${mid}M -- /bin/true >/dev/null 2>&1; then
			high=$mid
		else
			low=$mid
		fi
	done
	echo $high
}
for compress in none gzip; do
	mib=$(least filler.$compress)
	EXECVM_BOOT_TIMEOUT=30 status "R13: the least memory that is accepted is enough: $compress, $mib MiB" 0 \
		run --initrd filler.$compress -m "${mib}M" -- /bin/busybox wc -c /filler
	is "R13: everything is there: $compress" "$(cut -d ' ' -f 1 out)" 62914560
done
"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox -o small.cpio
mib=$(least small.cpio)
EXECVM_BOOT_TIMEOUT=30 status "R13: the least memory that is accepted is enough: next to nothing, $mib MiB" 0 \
	run --initrd small.cpio -m "${mib}M" -- /bin/busybox true
done_testing
