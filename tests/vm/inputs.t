#!/bin/sh
# SPDX-License-Identifier: MIT
# D1, D7, W4: the same program over the same file, by each way in: the same answer.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1
root=$("$SRCDIR/demo/make-root" debian) || skip_all 'debian: no root'
mkdir share
base64 -w 76 /dev/urandom | head -c 20M >share/in # a multiple of a disk's blocks
script='while (read(STDIN, $_, 1 << 20)) { $lines += tr/\n//; $letters += tr/a-z//; } print "$lines $letters\n";'
want="$(tr -dc '\n' <share/in | wc -c) $(tr -dc a-z <share/in | wc -c)"

# A shell of the guest gives the program the file that the way in has made.
answers() { # NAME FILE OPTIONS...
	name=$1 file=$2
	shift 2
	status "$name: it runs" 0 "$EXECVM" run --root "$root" -m 512M "$@" -- /bin/sh -c "exec perl -e '$script' <$file" </dev/null
	is "$name: the answer" "$(cat out)" "$want"
}

status 'W4: stdin: it runs' 0 "$EXECVM" run --root "$root" -m 512M -- /usr/bin/perl -e "$script" <share/in
is 'W4: stdin: the answer' "$(cat out)" "$want"
answers 'D1: -v' /share/in -v share:/share:ro
export EXECVM_VIRTIOFSD=none
answers 'D1: -v, 9p' /share/in -v share:/share:ro
unset EXECVM_VIRTIOFSD
answers 'D7: --in' /tmp/in --in share/in=/tmp/in
answers 'a disk' /dev/data --disk share/in=/dev/data,ro
done_testing
