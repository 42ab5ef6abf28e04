#!/bin/sh
# SPDX-License-Identifier: MIT
# Y2, Y3, Y4: the Python package: its own tests with the real program, its types, and that it can be
# installed where there is no network.
# timeout: 120
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# The Python that the packages of the system belong to.
PATH=/usr/bin:$PATH
export PYTHONDONTWRITEBYTECODE=1

# Its own directory is not written to.
cp -r "$SRCDIR/python" package
cp "$SRCDIR/VERSION" "$SRCDIR/LICENSE" .
rm -rf package/.mypy_cache package/.pytest_cache
EXECVM=$(realpath "$EXECVM")
export EXECVM

status 'Y2: its tests, with this program' 0 python3 -m pytest -q -p no:cacheprovider package/tests
like 'Y2: all of them ran' "$(tail -n 1 out)" '^[0-9]+ passed in'
diag "$(tail -n 1 out)"
grep -E '^(FAILED|ERROR)' out | head -n 20 | while read -r line; do diag "$line"; done
status 'Y3: its types, strictly' 0 mypy --strict --cache-dir=/dev/null package/execvm
like 'Y3: nothing is left to say' "$(cat out)" '^Success: no issues'

status 'Y4: an environment' 0 python3 -m venv env
unshare=
[ "$(id -u)" != 0 ] || unshare='unshare -n' # without any network
# shellcheck disable=SC2086 # words
status 'Y4: pip installs it' 0 $unshare env/bin/python -m pip install --disable-pip-version-check ./package
status 'Y4: it is there, with types' 0 env/bin/python -c '
import execvm, importlib.metadata, importlib.resources
assert importlib.metadata.version("execvm") == open("VERSION").read().strip()
assert importlib.resources.files("execvm").joinpath("py.typed").is_file()
assert execvm.command("/bin/echo", "hi").run(runner="local") == "hi"'
status 'Y4: its files are recorded' 0 env/bin/python -m pip check
status 'Y4: it goes away again' 0 env/bin/python -m pip uninstall -y -q execvm
is 'Y4: and leaves nothing' "$(find env -path '*execvm*')" ''
done_testing
