# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# TAP for tests in sh: `. "$SRCDIR/tests/tap.sh"` at the top, `done_testing` at the end. tests/run
# gives the variables and an empty directory to be in; see README.md.
#
#   ok NAME CMD...              CMD succeeds
#   is NAME GOT WANT            two texts are the same
#   like NAME TEXT PATTERN      TEXT has a line that matches the extended regular expression
#   unlike NAME TEXT PATTERN    it has not
#   status NAME WANT CMD...     CMD exits with WANT; what it says is kept in ./out and ./err
#   same NAME FILE FILE         the bytes are the same
#   golden NAME FILE GOLDEN     the same with tests/golden/GOLDEN, which --update rewrites
#   skip NAME REASON            counted as skipped; "docker: …" names what was missing
#   skip_all REASON             the whole file, before any of the above; ends the test
#   diag TEXT                   a remark in the log
#   wait_for CMD...             until CMD succeeds, at most 5 s
#   has_become PID PROGRAM      the child runs PROGRAM: until then it has the shell's signals
#   both FUNCTION               FUNCTION once for each binary, as $X, in a directory of its own
#   done_testing                prints the plan; the exit status is 1 after a failure

: "${EXECVM:?}" "${EXECVM_GUEST:?}" "${SRCDIR:?}" "${HELPERS:?}"

tap_count=0
tap_failed=0
tap_label=

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# A '#' in a name would begin a directive.
tap_result() {
	tap_count=$((tap_count + 1))
	[ "$1" = ok ] || tap_failed=$((tap_failed + 1))
	printf '%s %d - %s%s\n' "$1" "$tap_count" "$tap_label" "$(printf '%s' "$2" | tr '#\n' '  ')"
	[ "$1" = ok ]
}

ok() {
	tap_name=$1
	shift
	if "$@"; then
		tap_result ok "$tap_name"
	else
		tap_code=$?
		tap_result 'not ok' "$tap_name"
		diag "status $tap_code: $*"
	fi
}

is() {
	if [ "$2" = "$3" ]; then
		tap_result ok "$1"
	else
		tap_result 'not ok' "$1"
		diag "got:  $2"
		diag "want: $3"
	fi
}

like() {
	if printf '%s\n' "$2" | grep -qE -e "$3"; then
		tap_result ok "$1"
	else
		tap_result 'not ok' "$1"
		diag "text:    $2"
		diag "pattern: $3"
	fi
}

unlike() {
	if printf '%s\n' "$2" | grep -qE -e "$3"; then
		tap_result 'not ok' "$1"
		diag "text:    $2"
		diag "pattern: $3"
	else
		tap_result ok "$1"
	fi
}

status() {
	tap_name=$1
	tap_want=$2
	shift 2
	tap_code=0
	"$@" >out 2>err || tap_code=$?
	if [ "$tap_code" = "$tap_want" ]; then
		tap_result ok "$tap_name"
	else
		tap_result 'not ok' "$tap_name"
		diag "status $tap_code, not $tap_want: $*"
		diag "$(head -c 2000 err)"
	fi
}

same() {
	if cmp "$2" "$3" >"${TMPDIR:-.}/cmp.out" 2>&1; then
		tap_result ok "$1"
	else
		tap_result 'not ok' "$1"
		diag "$(cat "${TMPDIR:-.}/cmp.out")"
		diag "$(diff -au "$3" "$2" | head -n 20)"
	fi
}

golden() {
	if [ -n "${UPDATE-}" ]; then
		mkdir -p "$SRCDIR/tests/golden"
		cp "$2" "$SRCDIR/tests/golden/$3"
	fi
	same "$1" "$2" "$SRCDIR/tests/golden/$3"
}

skip() {
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s%s # SKIP %s\n' "$tap_count" "$tap_label" "$1" "$2"
}

skip_all() {
	printf '1..0 # SKIP %s\n' "$1"
	exit 0
}

wait_for() {
	tap_tries=$((250 * ${EXECVM_TIME_FACTOR:-1}))
	until "$@"; do
		tap_tries=$((tap_tries - 1))
		[ $tap_tries -gt 0 ] || return 1
		sleep 0.02
	done
}

has_become() {
	[ "$(readlink "/proc/$1/exe")" = "$(realpath "$2")" ]
}

both() {
	tap_home=$PWD
	for tap_label in 'static: ' 'host: '; do
		if [ "$tap_label" = 'host: ' ]; then
			X=$EXECVM
		else
			X=$EXECVM_GUEST
		fi
		mkdir -p "$tap_home/${tap_label%: }"
		cd "$tap_home/${tap_label%: }" || exit 1
		"$1"
		cd "$tap_home" || exit 1
	done
	tap_label=
}

done_testing() {
	printf '1..%d\n' "$tap_count"
	[ "$tap_failed" -eq 0 ]
	exit
}
