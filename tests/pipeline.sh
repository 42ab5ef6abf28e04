# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For tests of pipelines: JSON by hand, and what is in a report. Needs tap.sh.

# pipe NODE...: each is the output of the one before.
pipe() {
	pipe_text='' pipe_end=''
	for pipe_node; do
		pipe_text="$pipe_text${pipe_text:+,\"output\":}${pipe_node%\}}"
		pipe_end="$pipe_end}"
	done
	printf '%s%s\n' "$pipe_text" "$pipe_end"
}

# command WORD...: a node; no word has a quote or a backslash.
command_node() {
	command_text=''
	for command_word; do
		command_text="$command_text${command_text:+, }\"$command_word\""
	done
	printf '{"args": [%s]}' "$command_text"
}

# shell TEXT: a node that is a line of shell.
shell() {
	command_node sh -c "$1"
}

# local_pipe OPTIONS... -- NODE...: runs it here.
local_pipe() {
	pipe_options=''
	while [ "$1" != -- ]; do
		pipe_options="$pipe_options $1"
		shift
	done
	shift
	pipe "$@" >p.json
	# shellcheck disable=SC2086 # words
	"$EXECVM" pipeline -r local $pipe_options p.json
}

# field STAGE KEY: of the file report.
field() {
	sed -n "$(($1 + 1))p" report | sed -n "s/.*\"$2\":\(\"[^\"]*\"\|{[^}]*}\|[^,}]*\).*/\1/p"
}

gone_or_zombie() {
	case $(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) in
	'' | Z) true ;;
	*) false ;;
	esac
}

# all_gone FILE: the processes whose numbers are in it.
all_gone() {
	for gone_pid in $(cat "$1"); do
		gone_or_zombie "$gone_pid" || return 1
	done
}

# lines FILE N: it has so many.
lines() {
	[ -e "$1" ] && [ "$(wc -l <"$1")" = "$2" ]
}
