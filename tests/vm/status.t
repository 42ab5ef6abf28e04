#!/bin/sh
# SPDX-License-Identifier: MIT
# W12, I16: how a command ended, exactly; X3: which result counts; I9, I6: what it is given.
# timeout: 300
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

# Said once until the next boot; here it would be one line too many.
"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1

printf 'no program\n' >text
printf '#!/no/such/interpreter\n' >script
: >empty
"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
	--add "$HELPERS/exit-with=/bin/exit-with" --add "$HELPERS/kill-self=/bin/kill-self" \
	--add "$HELPERS/print-argv=/bin/print-argv" --add text=/plain,mode=0644 \
	--add text=/text,mode=0755 --add script=/script,mode=0755 --add empty=/empty,mode=0755 \
	-o guest.cpio || skip_all 'no initrd'
guest=$PWD/guest.cpio

run() {
	"$EXECVM" run --initrd "$guest" "$@" </dev/null
}

ends_with() { # NAME STATUS CMD...: with nothing on stderr
	name=$1 want=$2
	shift 2
	status "$name" "$want" run -- "$@"
	is "$name: nothing is said about it" "$(cat err)" ''
}

refused() { # NAME STATUS PATTERN CMD...: with one line that says why, and nothing on stdout
	name=$1 want=$2 why=$3
	shift 3
	status "$name" "$want" run -- "$@"
	like "$name: why" "$(cat err)" "^execvm run: $why\$"
	is "$name: in one line" "$(cat out err | wc -l)" 1
}

real_ends() {
	for n in 0 1 2 7 100 124 125 126 127 128 129 130 137 143 200 254 255; do
		ends_with "W12, I16: exit $n" $n /bin/exit-with $n
	done
	for n in 1 2 9 11 13 15 64; do
		ends_with "W12, I16: killed by signal $n" $((128 + n)) /bin/kill-self $n
	done
	ends_with 'W12, I16: killed by signal 6, with a core' 134 \
		/bin/sh -c 'ulimit -c unlimited; exec kill-self 6'
	# What it says itself is all that there is.
	status 'W12: 127 of a shell of its own' 127 run -- /bin/sh -c no-such-program
	unlike 'W12: 127 of a shell of its own: we say nothing' "$(cat err)" execvm
}

real_refusals() {
	refused 'W12, I16: not found' 127 '/no/such/program: No such file or directory' /no/such/program
	refused 'W12, I16: not found in PATH' 127 'no-such-program: No such file or directory' no-such-program
	refused 'W12, I16: empty name' 127 ".*: No such file or directory" ''
	refused 'W12, I16: not executable' 126 '/plain: Permission denied' /plain
	refused 'W12, I16: a directory' 126 '/bin: (Permission denied|Is a directory)' /bin
	refused 'W12, I16: no program, and no shell takes it' 126 '/text: Exec format error' /text
	refused 'W12, I16: an empty file' 126 '/empty: Exec format error' /empty
	refused 'W12, I16: its interpreter is not there' 127 '/script: No such file or directory' /script
	status 'W12: the directory to start in is not there' 125 run -w /no/such/dir -- /bin/exit-with 0
	like 'W12: the directory to start in is not there: why' "$(cat err)" \
		'^execvm run: .*/no/such/dir.*No such file or directory'
}

# The words, one a line, without the name of the program.
words_arrive() { # NAME WORDS...
	name=$1
	shift
	"$HELPERS/print-argv" "$@" | sed 1d >want
	status "I9: $name" 0 run -- /bin/print-argv "$@"
	sed 1d out >have
	same "I9: $name: as they are" have want
}

words() {
	words_arrive 'odd words' '' -x --help -- ' ' '*' "$(printf 'a\nb\n\nc')" "$(printf '\303\050 \377\376')" \
		"$(printf '\001\033\177')" "a'b\"c\\d\$e" 'ü' '{"base64":"eA=="}' ''
	# shellcheck disable=SC2046 # words are wanted
	words_arrive '10000 words' $(seq 10000)
	# More than the wire takes at once. What comes to a halt goes on with the keep-alive, in 15 s.
	# shellcheck disable=SC2046 # words are wanted
	status 'I9: 100000 words' 100 run --timings -- /bin/sh -c 'exit $(($# / 1000))' sh $(seq 100000)
	ms=$(sed -n 's/^execvm run: *\([0-9]*\) ms  \(first contact\|command start\)$/\1/p' err | paste -sd' ')
	diag "ms until contact and start: $ms"
	ok 'I9: 100000 words: they never come to a halt' test $((${ms#* } - ${ms% *})) -lt 14000
	words_arrive 'one word of 100 KB' "$(head -c 100000 /dev/zero | tr '\0' x)"
	printf '{ "args": ["/bin/exit-with", "%s"] }\n' "$(head -c 200000 /dev/zero | tr '\0' 0)" >long.json
	status 'I9: one word of 200 KB is 126' 126 run -c long.json
	like 'I9: one word of 200 KB: why' "$(cat err)" '^execvm run: /bin/exit-with: Argument list too long$'
}

environment() {
	value=$(printf 'a\nb =\377\303\050')
	status 'I9, I6: an environment' 0 run -e "ODD=$value" -e EMPTY= -e 'EQUALS=a=b=' -e NOT_SET \
		-- /bin/busybox env -0
	tr '\0' '\1' <out | tr '\n' '\2' | tr '\1' '\n' | sort >have
	{
		printf 'ODD=%s\n' "$(printf '%s' "$value" | tr '\n' '\2')"
		printf 'EMPTY=\nEQUALS=a=b=\nHOME=/\nTERM=dumb\n'
		echo 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/execvm/bin'
	} | sort >want
	sed 's,^HOME=.*,HOME=/,' have >same-home
	same 'I9, I6: what was given and the defaults, nothing else' same-home want
}

# A machine that is played: it says the record, the rest is ours.
fake() { # SCRIPT
	EXECVM_QEMU=$HELPERS/vm-fake VM_FAKE=$1 "$EXECVM" run -- /bin/true </dev/null
}

record() { # WANT KIND VALUE CORE
	code=0
	fake "hello; start; exit $2 $3 $4; close" >out 2>err || code=$?
	[ $code = "$1" ] || echo "kind $2 value $3 core $4: $code, not $1"
	[ "$1" = 125 ] || cat out err
}

records() {
	for n in $(seq 0 255); do
		record "$n" 0 "$n" 0
	done >wrong
	is 'W12: every status of a record' "$(cat wrong)" ''
	for n in $(seq 1 64); do
		record $((128 + n)) 1 "$n" $((n % 2))
	done >wrong
	is 'W12: every signal of a record' "$(cat wrong)" ''
	for r in '0 256' '0 4294967295' '1 0' '1 128' '2 1' '255 0'; do
		# shellcheck disable=SC2086 # two words
		record 125 $r 0
	done >wrong
	is 'W12: a record that cannot be is 125, not a status' "$(cat wrong)" ''
}

results() {
	panic='log Kernel panic - not syncing: tested'
	status 'X3: the record counts more than a panic and the status of the VMM' 0 \
		fake "hello; start; exit 0 0; $panic; close; quit 9"
	status 'X3: the record counts more than a death of the VMM' 5 \
		fake 'hello; start; exit 0 5; close; die 11'
	status 'X3: the record counts more than a panic, also before its CLOSE' 6 \
		fake "hello; start; exit 0 6; $panic"
	status 'X3: a panic counts more than status 0 of the VMM' 125 fake "hello; start; $panic; quit 0"
	like 'X3: a panic: its text' "$(cat err)" '^execvm run: .*panicked: tested$'
	status 'X3: status 0 of the VMM is none' 125 fake 'hello; start; out almost; quit 0'
	like 'X3: status 0 of the VMM: why' "$(cat err)" '^execvm run: .*machine is lost.*without a status'
	is 'X3: what it had said is there' "$(cat out)" almost
	status 'X3: any status of the VMM is 125' 125 fake 'hello; start; quit 7'
	like 'X3: any status of the VMM: which' "$(cat err)" '^execvm run: .*machine is lost.*status 7'
	status 'X3: a death of the VMM is 125' 125 fake 'hello; start; die 11'
	like 'X3: a death of the VMM: which' "$(cat err)" '^execvm run: .*machine is lost.*SIGSEGV'
	status 'X3, I16: a stage of the boot that failed is 125' 125 fake 'hello; failed root 2 /dev/root; serve'
	like 'X3, I16: a stage of the boot: which' "$(cat err)" '^execvm run: .*root.*/dev/root'
	status 'X3, W12: exec that failed with ENOENT is 127' 127 fake 'hello; refuse exec 2 /bin/x; close'
	status 'X3, W12: exec that failed with ENOMEM is 126' 126 fake 'hello; refuse exec 12 /bin/x; close'
	status 'X3, I16: another step before exec that failed is 125' 125 fake 'hello; refuse setuid 1 7; close'
}

records
results
real_ends
real_refusals
words
environment
done_testing
