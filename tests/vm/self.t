#!/bin/sh
# SPDX-License-Identifier: MIT
# timeout: 1200
# The main example: this program is built inside a machine, from source to the same bytes.
# shellcheck disable=SC2153  # SRCDIR is given by tests/run
. "$SRCDIR/tests/tap.sh"

make -s -C "$SRCDIR" BUILD="$BUILD" debian-root >root.log 2>&1 || {
	diag "$(tail -n 5 root.log)"
	skip_all 'no Debian root could be made'
}
json=$BUILD/demo/debian.json
run_in_vm=$(dirname "$EXECVM")/run-in-vm

# The work tree as it would be committed, so that a change is tested before it is.
files() {
	git -C "$SRCDIR" ls-files -z --cached --others --exclude-standard
}
files | (cd "$SRCDIR" && tar --null --files-from=- --transform='s,^,src/,' -czf "$OLDPWD/src.tar.gz")

ok "the archive holds sources" sh -c 'tar -tzf src.tar.gz | grep -qx src/execvm.c'
ok "and no program" sh -c '! tar -tzf src.tar.gz | grep -q "execvm$" && ! tar -tzf src.tar.gz | grep -q ^src/build'

"$run_in_vm" "$json" \
	/bin/execvm chain -- /bin/tar -xzf - -- \
	/bin/execvm chain -- /usr/bin/make -C src build/guest/execvm -- \
	/bin/cat src/build/guest/execvm <src.tar.gz >out 2>err
is "the chain ends with 0" $? 0
ok "the same bytes as here" cmp out "$EXECVM_GUEST"
[ -s err ] && diag "$(tail -n 20 err)"
done_testing
