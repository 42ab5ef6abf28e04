#!/bin/sh
# SPDX-License-Identifier: MIT
# I7, I25, I26, I27, I30, I32: what a command finds in its machine, and what nobody may find.
# timeout: 180
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/vm/raw.sh
. "$SRCDIR/tests/vm/raw.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1
secret=TOP-SECRET-4711

run() {
	"$EXECVM" run "$@"
}

value() { # NAME: what the script has printed about it
	sed -n "s/^$1: //p" out
}

cat >look <<'EOT'
say() {
	name=$1
	shift
	"$@" 2>&1 | sed "s/^/$name: /"
}
mode() { # PATH...
	stat -c '%a %F' "$@"
}
say version /bin/execvm --version
say run-version /run/execvm/bin/execvm --version
say which which execvm
say mode mode /bin/execvm /run/execvm/bin/execvm
say chain /bin/execvm chain -- /bin/echo one -- /bin/echo two
say tcp ./guest-look tcp
say pty ./guest-look pty 65534
say pty-mode stat -c '%a %u %g' /dev/pts
say shm ./guest-look shm 65534
say random ./guest-look random
say hostname hostname
exec 3<look
say fd sed -n 1p /dev/fd/3
exec 3<&-
echo through >text
say stdin cat /dev/stdin <text
say stdout sh -c 'echo to-stdout >/dev/stdout'
say stderr sh -c 'echo to-stderr >/dev/stderr'
say cgroup sh -c 'mkdir /sys/fs/cgroup/new && echo $$ >/sys/fs/cgroup/new/cgroup.procs && cat /proc/self/cgroup'
say cgroup-type sh -c 'grep /sys/fs/cgroup /proc/mounts | cut -d " " -f 3'
say date date +%s
say cmdline cat /proc/cmdline
say log sh -c 'dmesg | grep -v "Command line:"'
printf %s "$SECRET" | say nobody env -i ./guest-look hunt 65534
printf %s "$SECRET" | say root env -i ./guest-look hunt
EOT
cp "$HELPERS/guest-look" .
tar -cf files.tar look guest-look

before=$(date +%s)
status 'I25: the script runs' 0 run -e "SECRET=$secret" -w /tmp -- \
	/bin/sh -c 'tar -xf - && exec sh ./look' <files.tar
after=$(date +%s)
version=$("$EXECVM" --version)
is 'I25: /bin/execvm is there' "$(value version)" "$version"
is 'I25: and in /run/execvm/bin' "$(value run-version)" "$version"
is 'I25: everybody can run both' "$(value mode)" '755 regular file
755 regular file'
is 'I25: it is in the PATH' "$(value which)" /bin/execvm
is 'I25: the chain works' "$(value chain)" 'one
two'
is 'I25: lo is up: 127.0.0.1 and ::1' "$(value tcp)" '127.0.0.1 ::1'
like 'I25: anybody can have a terminal' "$(value pty)" '^/dev/pts/[0-9]+ type$'
is 'I25: and shared memory' "$(value shm)" shm
is 'I25: the host name' "$(value hostname)" execvm
is 'I25: /dev/fd/3' "$(value fd)" 'say() {'
is 'I25: /dev/stdin' "$(value stdin)" through
is 'I25: /dev/stdout' "$(value stdout)" to-stdout
is 'I25: /dev/stderr' "$(value stderr)" to-stderr
is 'I25: cgroup2 can be used' "$(value cgroup)" '0::/new'
is 'I25: and is nothing else' "$(value cgroup-type)" cgroup2
ok 'I27: the date is right' test "$(value date)" -ge "$before" -a "$(value date)" -le "$after"
like 'I26: there are random numbers' "$(value random)" '^[0-9a-f]{32}$'

# What came over the wire.
like 'I7: nobody has looked' "$(value nobody)" '^looked at [0-9]{2}'
unlike 'I7: and has found nothing' "$(value nobody)" found
like 'I7: the premise: root finds it, so it can be found' "$(value root)" 'found in /proc/[0-9]+/environ'
unlike 'I7: the kernel was told nothing of it' "$(value cmdline)" 'payload|SECRET'
unlike 'I7: nor has QEMU' "$(run -e "SECRET=$secret" --dry-run -- /bin/true)" "payload|$secret"
unlike 'I32: it is not in the kernel log' "$(value log)" "$secret"
unlike 'I26: no seed is in the kernel log' "$(value log)" '[0-9a-fA-F]{64}'

# Without a word.
status 'I30: quiet' 0 run -- /bin/sh -c 'echo out; echo err >&2' </dev/null
is 'I30: stdout is what the command wrote' "$(cat out)" out
is 'I30: stderr is what the command wrote' "$(cat err)" err
status 'I30: --debug' 0 run --debug -- /bin/sh -c 'echo out; echo err >&2' </dev/null
is 'I30: --debug: stdout is what the command wrote' "$(cat out)" out
for stage in 'early mounts' console modules 'command line' wire listen machine clock devices root mounts binary network; do
	like "I30: --debug: when stage $stage was done" "$(tr -d '\r' <err)" \
		"\\[ *[0-9]+\\.[0-9]{6}\\] execvm: debug: $stage: done\$"
done
like 'I30: --debug: the stderr of the command is there' "$(cat err)" '^err$'

# However much is shown, and whatever goes wrong. In base64 the text stands at one of three places.
codes() {
	for before in '' a aa; do
		printf '%s%s' "$before" "$secret" | base64 | cut -c 5-16
	done | paste -s -d '|'
}
printf '%s\n' "SECRET=$secret" >vars
for how in '--debug -v -v' '--boot-log' '--timings -w /no/such/dir' '-u nobody-at-all' '--root /dev/null'; do
	# shellcheck disable=SC2086 # words
	run $how --env-file vars -- /bin/true </dev/null >out 2>err
	unlike "I32: no secret is said: $how" "$(cat out err)" "$secret|$(codes)"
	[ -s err ] || diag "nothing was said at all: $how"
done

# A CPU without a random generator: what the host sends is enough, and it is new each time.
cat >old-cpu <<'EOT'
#!/bin/sh
for word; do
	shift
	case $word in
	max* | host) word=$word,rdrand=off,rdseed=off ;;
	esac
	set -- "$@" "$word"
done
exec qemu-system-x86_64 "$@"
EOT
chmod +x old-cpu
for n in 1 2; do
	EXECVM_QEMU=$PWD/old-cpu run -- /bin/sh -c 'cat >g; chmod +x g; ./g random; grep -c -w rdrand /proc/cpuinfo' \
		<guest-look >random.$n 2>&1
	like "I26: no RDRAND: random numbers at once, $n" "$(sed -n 1p random.$n)" '^[0-9a-f]{32}$'
	is "I26: no RDRAND: the premise, $n" "$(sed -n 2p random.$n)" 0
done
# The premise: without a host that sends some, there is none so early.
"$EXECVM" initrd build --no-check --add "$EXECVM_GUEST=/init" --add guest-look=/look -o guest.cpio
status 'I26: a machine without a wire' 0 raw_boot log 60 "$raw_microvm" guest.cpio \
	"$(payload '{"args": ["/look", "random"]}')" -cpu "$raw_cpu,rdrand=off,rdseed=off"
like 'I26: has no random numbers yet' "$(cat log)" '^not ready'
ok 'I26: two machines do not have the same' test "$(sed -n 1p random.1)" != "$(sed -n 1p random.2)"
done_testing
