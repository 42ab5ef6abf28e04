#!/bin/sh
# SPDX-License-Identifier: MIT
# P1, P3, X6: what cannot be run is refused in one line before anything has begun.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/pipeline.sh
. "$SRCDIR/tests/pipeline.sh"

# What is refused has a stage in front that would have left a file.
first='{"args": ["touch", "marker"]}'

# never NAME PATTERN CMD...: 125, one line that matches, and nothing was run or made.
never() {
	never_name=$1 never_pattern=$2
	shift 2
	status "$never_name: 125" 125 "$@"
	like "$never_name: why" "$(cat err)" "^execvm pipeline: $never_pattern"
	is "$never_name: in one line" "$(wc -l <err)" 1
	is "$never_name: nothing ran, nothing was made" "$(cat out; ls marker made 2>/dev/null)" ''
}

# refused NAME PATTERN NODE...: behind the first stage.
refused() {
	refused_name=$1 refused_pattern=$2
	shift 2
	pipe "$first" "$@" >p.json
	never "$refused_name" "$refused_pattern" "$EXECVM" pipeline -r local p.json
}

text() { # NAME PATTERN: whatever p.json is
	never "$1" "$2" "$EXECVM" pipeline -r local p.json
}

nodes() {
	refused 'P1: an unknown type' "p.json: \\$\\.output\\.type: 'Commando': none of Command, Chain" '{"type": "Commando", "args": ["x"]}'
	refused 'P1: a type that is no string' "p.json: \\$\\.output\\.type: '\\?'" '{"type": [], "args": ["x"]}'
	refused 'P1: no type' 'p.json: \$\.output: no type, and none of' '{}'
	refused 'P1: two types' 'p.json: \$\.output: no type, and both args and commands' '{"args": ["x"], "commands": [["y"]]}'
	refused 'P1: an unknown field' 'p.json: \$\.output\.output\.colour: a Command has no such field' '{"args": ["x"]}' '{"args": ["x"], "colour": 1}'
	refused 'P1: a field of another type' 'p.json: \$\.output\.files: a Command has no such field' '{"type": "Command", "args": ["x"], "files": ["y"]}'
	refused 'P1: an unknown field of a File' 'p.json: \$\.output\.mode: a File has no such field' '{"name": "made", "mode": "600"}'
	refused 'P1: an output of a File' 'p.json: \$\.output\.output: a File has no such field' '{"name": "made"}' '{"args": ["x"]}'
	refused 'P1: no args' 'p.json: \$\.output\.args: must not be empty' '{"args": []}'
	for bad in 1 '"x"' '{}' null true; do
		refused "P1: args are $bad" 'p.json: \$\.output\.args: not a list' "{\"args\": $bad }"
		refused "P1: commands are $bad" 'p.json: \$\.output\.commands: not a list' "{\"commands\": $bad }"
		refused "P1: files are $bad" 'p.json: \$\.output\.files: not a list' "{\"files\": $bad }"
	done
	for bad in 1 '[]' '{}' null true; do
		refused "P1: a word is $bad" 'p.json: \$\.output\.args\[1\]: not a string' "{\"args\": [\"x\", $bad]}"
		refused "P1: name is $bad" 'p.json: \$\.output\.name: not a string' "{\"name\": $bad }"
		refused "P1: tag is $bad" 'p.json: \$\.output\.tag: not a string' "{\"tag\": $bad }"
		refused "P1: compression is $bad" 'p.json: \$\.output\.compression: not a string' "{\"files\": [\".\"], \"compression\": $bad }"
		refused "P1: a command of a chain is $bad" 'p.json: \$\.output\.commands\[1\]' "{\"commands\": [[\"x\"], $bad]}"
	done
	for bad in 1 '[]' null true; do
		refused "P1: runner is $bad" 'p.json: \$\.output\.runner: neither a name nor an object' "{\"args\": [\"x\"], \"runner\": $bad}"
		refused "P1: env is $bad" '\$\.output\.env: ' "{\"args\": [\"x\"], \"env\": $bad}"
		refused "P1: cwd is $bad" '\$\.output\.cwd: ' "{\"args\": [\"x\"], \"cwd\": $bad}"
		refused "P1: output is $bad" 'p.json: \$\.output\.output: not an object' "{\"args\": [\"x\"], \"output\": $bad}"
	done
	refused 'P1: deterministic is a number' 'p.json: \$\.output\.deterministic: must be true or false' '{"files": ["."], "deterministic": 0}'
	refused 'P1: an unknown compression' "p.json: \\$\\.output\\.compression: 'rar' is none of none, gzip" '{"files": ["."], "compression": "rar"}'
	refused 'P1: an empty name' 'p.json: \$\.output\.name: must not be empty' '{"name": ""}'
	refused 'P1: a variable that is no string' "\\$\\.output\\.env: 'A': the value is not a string" '{"args": ["x"], "env": {"A": 1}}'
	refused 'P1: a variable without a name' '\$\.output\.env: ' '{"args": ["x"], "env": {"A=B": "1"}}'
	refused 'P1: base64 of nonsense' 'p.json: \$\.output\.args\[1\]: not a string' '{"args": ["x", {"base64": "a!b"}]}'
	refused 'P1: base64 with a zero byte' 'p.json: \$\.output\.args\[1\]: not a string' '{"args": ["x", {"base64": "YQBi"}]}'
	refused 'P1: base64 and something else' 'p.json: \$\.output\.args\[1\]: not a string' '{"args": ["x", {"base64": "YQ==", "a": 1}]}'
	echo '[{"args": ["touch", "marker"]}]' >p.json
	text 'P1: the top is a list' 'p.json: \$: not an object'
}

syntax() {
	printf '{"args": ["touch", "marker\377"]}' >p.json
	text 'P1: a raw byte that is no UTF-8' 'p.json: line 1, column [0-9]*: unable to decode byte 0xff'
	printf '{"args": ["touch", "marker"], "args": ["touch", "made"]}' >p.json
	text 'P1: a key twice' 'p.json: line 1, column [0-9]*: duplicate object key'
	printf '{"args": ["touch", "marker"],\n "env": {"A": "1",\n "A": "2"}}' >p.json
	text 'P1: a key twice, inside' 'p.json: line 3, column [0-9]*: duplicate'
	printf '{"args": ["touch", "marker\\u0000"]}' >p.json
	text 'P1: a zero byte' 'p.json: line 1, column [0-9]*: .u0000 is not allowed'
	printf '' >p.json
	text 'P1: nothing' 'p.json: line 1, column 0: '
	printf ' \n\n' >p.json
	text 'P1: blanks' 'p.json: line [123], column 0: '
	printf '{"args": ["touch", "marker"]}{}' >p.json
	text 'P1: something behind it' 'p.json: line 1, column [0-9]*: end of file expected'
	printf '{"args": ["touch", "marker"]' >p.json
	text 'P1: it is cut off' "p.json: line 1, column [0-9]*: '}' expected"
	printf '{"args": ["touch", "marker"],}' >p.json
	text 'P1: a comma too many' 'p.json: line 1, column [0-9]*: string'
	printf "{'args': ['touch', 'marker']}" >p.json
	text 'P1: other quotes' 'p.json: line 1, column [0-9]*: string'
	printf 'Commando{"args": ["touch", "marker"]}' >p.json
	text 'P1: an unknown type in front' "p.json: \\$\\.type: 'Commando': none of"
	printf 'Command["touch", "marker"]' >p.json
	text 'P1: a type in front of a list' 'p.json: line 1, column [0-9]*: '
	head -c 1000 "$EXECVM" >p.json
	text 'P1: a program' 'p.json: line 1, column [0-9]*: '
}

deep() { # N
	awk -v n="$1" 'BEGIN { for (i = 1; i < n; i++) printf "{\"args\": [\"cat\"], \"output\":"
		printf "{\"args\": [\"sh\", \"-c\", \"cat; touch marker\"]}"; for (i = 1; i < n; i++) printf "}" }' >p.json
}

limits() {
	echo through >in
	deep 256
	status 'P1: 256 stages' 0 sh -c '"$EXECVM" pipeline -r local p.json <in'
	is 'P1: 256 stages: it went through' "$(cat out; ls marker)" 'through
marker'
	rm marker
	for n in 257 5000 100000; do
		deep $n
		never "P1: $n stages" 'p.json: more than 256 stages' "$EXECVM" pipeline -r local p.json
	done
	head -c 67108864 /dev/zero | tr '\0' ' ' >p.json
	printf '{"args": ["touch", "marker"]}' | dd of=p.json conv=notrunc 2>/dev/null
	status 'P1: 64 MiB of JSON' 0 "$EXECVM" pipeline -r local p.json
	rm marker
	echo >>p.json
	never 'P1: more than 64 MiB of JSON' 'p.json: larger than 67108864 bytes' "$EXECVM" pipeline -r local p.json
	never 'P1: more than 64 MiB of JSON, from stdin' 'read stdin: File too large' sh -c '"$EXECVM" pipeline -r local - <p.json'
	rm p.json
	awk 'BEGIN { printf "{\"commands\": [[\"touch\", \"marker\"]"; for (i = 0; i < 4096; i++) printf ",[\"true\"]"; print "]}" }' >p.json
	text 'P10: 4097 commands in a chain' 'p.json: \$\.commands: more than 4096 commands'
	awk 'BEGIN { for (i = 0; i < 65; i++) printf "{\"commands\": ["; printf "[\"touch\", \"marker\"]"; for (i = 0; i < 65; i++) printf "]}" }' >p.json
	text 'P10: 65 chains deep' 'p.json: \$(\.commands\[0\])*.commands: more than .* 64 chains deep'
	# More words than there may be: the kernel says so, the stage could not be started.
	awk 'BEGIN { printf "{\"args\": [\"true\""; for (i = 0; i < 400000; i++) printf ",\"123456789\""; print "]}" }' >p.json
	status 'P1: more words than a process may have' 126 "$EXECVM" pipeline -r local p.json
	is 'P1: more words than a process may have: said' "$(cat err)" 'execvm pipeline: true: Argument list too long'
}

missing() {
	refused 'P3: a file that is not there' '\$\.output\.output\.files\[1\]: no-such: No such file' '{"args": ["x"]}' '{"files": [".", "no-such"]}'
	refused 'P3: an empty path' '\$\.output\.files\[0\]: ' '{"files": [""]}'
	refused 'P3: a File without a directory' '\$\.output\.name: create no-such/x: No such file' '{"name": "no-such/x"}'
	refused 'P3: a File that is a directory' '\$\.output\.name: open \.: Is a directory' '{"name": "."}'
	refused 'P3: a File named -' "\\$\\.output\\.name: '-' is no file" '{"name": "-"}'
	refused 'P3: a tag that is an option' "\\$\\.output\\.tag: '-t' is none" '{"tag": "-t"}'
	refused 'P3: no such runner' "\\$\\.output\\.runner: no runner 'cloud' \\(there are vm, " '{"args": ["x"], "runner": "cloud"}'
	refused 'P3: an unknown key of a runner' '\$\.output\.runner\.colour: unknown' '{"args": ["x"], "runner": {"colour": 1}}'
	refused 'P3: a value of a runner' "\\$\\.output\\.runner\\.memory: '1X' is no size" '{"args": ["x"], "runner": {"memory": "1X"}}'
	refused 'P3: what a runner cannot do' '\$\.output: runner local: it has no --image' '{"args": ["x"], "runner": {"runner": "local", "image": "i"}}'
	refused 'P3: what a runner needs' '\$\.output: runner wrap: --wrap is missing' '{"args": ["x"], "runner": "wrap"}'
	refused 'P3: a config that is not there' '\$\.output\.runner\.config: no-such: No such file' '{"args": ["x"], "runner": {"config": "no-such"}}'
	refused 'P3: words that are not the command'\''s' '\$\.output\.runner\.args: the command has them' '{"args": ["x"], "runner": {"runner": "local", "args": ["y"]}}'
	refused 'P3: a config of a config' '\$\.output\.runner\.config: not a string' '{"args": ["x"], "runner": {"config": {}}}'
	printf '{\n"memory": 1}' >c.json
	refused 'P3: a config that is wrong' "c.json:2: key 'memory': '1' is not in" '{"args": ["x"], "runner": {"config": "c.json"}}'
	refused 'P3: strict' '\$\.output\.runner\.strict: not in a pipeline' '{"args": ["x"], "runner": {"runner": "void", "strict": true}}'
	refused 'P3: a cwd that is relative' "\\$\\.output\\.cwd: 'x' is not an absolute path" '{"args": ["x"], "cwd": "x"}'
	refused 'P3: a runner that wraps nothing' '\$\.output\.runner: wrap: no-such: not found: is it installed\?' \
		'{"args": ["x"], "runner": {"runner": "wrap", "wrap": ["no-such"]}}'
	pipe "$first" '{"args": ["x"], "runner": {"runner": "docker", "image": "i"}}' >p.json
	never 'P3: a runner that is not installed' '\$\.output\.runner: docker: /no/such: not found: is it installed\?' \
		env EXECVM_DOCKER=/no/such "$EXECVM" pipeline -r local p.json
	pipe "$first" '{"tag": "t"}' >p.json
	never 'P3: a builder that is not installed' '\$\.output\.runner: docker: /no/such: not found: is it installed\?' \
		env EXECVM_DOCKER=/no/such "$EXECVM" pipeline -r local p.json
	# Not even root makes files there.
	refused 'P3: a directory that cannot be written to' '\$\.output\.name: create /sys/x: Permission denied' '{"name": "/sys/x"}'
}

command_line() {
	pipe "$first" >p.json
	never 'P3: no FILE' 'one FILE, please' "$EXECVM" pipeline -r local
	never 'P3: two FILEs' 'one FILE, please' "$EXECVM" pipeline -r local p.json p.json
	never 'P3: a FILE that is not there' 'open no-such: No such file' "$EXECVM" pipeline -r local no-such
	never 'P3: a FILE that is a directory' 'read \.: Is a directory' "$EXECVM" pipeline -r local .
	never 'P3: an unknown option' "unknown option|option '--colour'|.*colour" "$EXECVM" pipeline --colour p.json
	never 'P3: no such runner for all' "\\$: no runner 'cloud'" "$EXECVM" pipeline -r cloud p.json
	never 'P3: no such config for all' 'open no-such: No such file' "$EXECVM" pipeline -r local -c no-such p.json
	never 'P3: a report that cannot be written' 'create no-such/r: No such file' "$EXECVM" pipeline -r local --report no-such/r p.json
	never 'P3: a closed stdin' 'stdin: line 1' sh -c '"$EXECVM" pipeline -r local - <&-'
}

nodes
syntax
limits
missing
command_line
done_testing
