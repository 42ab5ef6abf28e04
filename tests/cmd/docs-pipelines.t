#!/bin/sh
# SPDX-License-Identifier: MIT
# Y5: the pipelines of README.md and of the pages are what they say they are. They run here: another
# place is a word, and is tested where there are machines and containers.
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
PATH=/usr/bin:$PATH

# block FILE LANGUAGE TEXT: the block of README.md in this language that has the text in it.
block() {
	awk -v open="\`\`\`$2" -v text="$3" '
	$0 == open { on = 1; all = ""; next }
	/^```/ { if (on && index(all, text)) printf "%s", all; on = 0 }
	on { all = all $0 "\n" }' "$1"
}

mkdir -p src tmp
printf 'all:\n\t@tr a-z A-Z <source >pkg\n' >src/Makefile
echo 'some source' >src/source

block "$SRCDIR/README.md" json '"Chain"' >readme.json
ok 'Y5: README.md has a pipeline' test -s readme.json
sed "s|\"runner\": {[^}]*}|\"runner\": \"local\"|; s|\"/tmp\"|\"$PWD/tmp\"|" readme.json >local.json
unlike 'Y5: the premise: it runs here' "$(cat local.json)" '"vm"'
status 'Y5: it runs' 0 "$EXECVM" pipeline local.json
is 'Y5: and makes what it says' "$(cat pkg)" 'SOME SOURCE'

block "$SRCDIR/README.md" python docker_runner >readme.py
ok 'Y5: README.md has one in Python' test -s readme.py
sed "s|, docker_runner||; s|docker_runner(image=\"debian\")|local_runner()|" readme.py >local.py
status 'Y5: it runs' 0 env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$SRCDIR/python" EXECVM="$(realpath "$EXECVM")" python3 local.py
is 'Y5: and prints what it says' "$(cat out)" 12

# The first example of the page.
awk '/^\.Sh EXAMPLES/ { in_examples = 1 } in_examples && /^\.Bd/ { on = 1; next } /^\.Ed/ { if (on) exit } on' \
	"$SRCDIR/docs/man/execvm-pipeline.1" >page.json
sed 's|"runner": {[^}]*}|"runner": "local"|' page.json >local.json
status 'Y5: the example of execvm-pipeline(1) runs' 0 "$EXECVM" pipeline local.json
is 'Y5: and counts' "$(cat count)" "$(find src | wc -l)"
done_testing
