#!/bin/sh
# SPDX-License-Identifier: MIT
# I11, I25, I29: a whole Debian as the root: a merged /usr, libraries, users, compilers.
# timeout: 600
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1
image=$("$SRCDIR/demo/make-root" debian 2>make.err) || {
	diag "$(tail -n 5 make.err)"
	skip_all 'no Debian root could be made'
}
printf '{ "root": "%s", "memory": "512M", "cwd": "/tmp", "env": { "LC_ALL": "C.UTF-8" } }\n' "$image" >debian.json
run_in_vm=$(dirname "$EXECVM")/run-in-vm

status 'the release' 0 "$run_in_vm" debian.json /bin/sh -c '. /etc/os-release; echo $ID $VERSION_ID' </dev/null
is 'is Debian 12' "$(cat out)" 'debian 12'
is 'I30: nothing else is said' "$(cat err)" ''

# Where execvm has become a file of the tree, and who one is there.
cat >look <<'EOT'
readlink /bin
ls -l /bin/execvm /usr/bin/execvm | cut -c 1-10
execvm chain -- id -un -- execvm --version
getent passwd www-data | cut -d : -f 1,6
python3 -V 2>/dev/null || perl -e 'print "perl\n"'
test -w /usr/bin || echo 'not root'
EOT
status 'I25: execvm in a merged /usr' 0 "$run_in_vm" -c debian.json -- /bin/sh -c "$(cat look)" </dev/null
is 'I25: it is one file by both names, and it works' "$(sed -n 1,5p out)" "usr/bin
-rwxr-xr-x
-rwxr-xr-x
root
$("$EXECVM" --version)"
status 'I29: a user of Debian' 0 "$run_in_vm" -c debian.json -u www-data -w /var -- /bin/bash -c \
	'id -un; id -gn; pwd; echo ~; umask; test -w /usr/bin || echo cannot write' </dev/null
is 'I29: with group, home and rights' "$(tr '\n' ' ' <out)" 'www-data www-data /var /var/www 0022 cannot write '
status 'I29: root with the groups of a list' 0 "$run_in_vm" -c debian.json -u games -- id -Gn </dev/null
is 'I29: they are' "$(cat out)" games

# The pipeline of the README, and of the original: no shell in it.
mkdir -p src
cat >src/hello.c <<'EOT'
#include <stdio.h>
int main(void) { puts("hello from the machine"); return 0; }
EOT
printf 'pkg: hello\n\t./hello >$@\nhello: hello.c\n\tgcc -O1 -o $@ $<\n' >src/Makefile
tar -czf src.tar.gz src
"$run_in_vm" debian.json \
	/bin/execvm chain -- /bin/tar -xzf - -- \
	/bin/execvm chain -- /usr/bin/make -s -C src -- \
	/bin/cat src/pkg <src.tar.gz >pkg 2>err
is 'C22: tar | run-in-vm chain tar, make, cat > pkg: status' $? 0
is 'C22: the package' "$(cat pkg)" 'hello from the machine'
is 'C22: and nothing on stderr' "$(cat err)" ''
printf 'pkg:\n\texit 3\n' >src/Makefile
tar -czf src.tar.gz src
"$run_in_vm" debian.json \
	/bin/execvm chain -- /bin/tar -xzf - -- \
	/bin/execvm chain -- /usr/bin/make -s -C src -- \
	/bin/cat src/pkg <src.tar.gz >pkg 2>err
is 'C22: a step that fails: its status' $? 2
is 'C22: a step that fails: nothing on stdout' "$(cat pkg)" ''
like 'C22: a step that fails: its reason' "$(cat err)" 'Makefile.*Error 3'
done_testing
