#!/bin/bash
# SPDX-License-Identifier: MIT
# T7, T8, T9: the scripts offer what the program's own tables have.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

PATH=${EXECVM%/*}:$PATH
tools=$("$EXECVM" --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p')

# "  -m, --memory SIZE   text" -> "-m" and "--memory"
options_of() { # TOOL
	"$EXECVM" help "$1" |
		sed -n 's/^  \(-.\), \(--[a-z0-9-]*\).*/\1\n\2/p; s/^ \{2,\}\(--[a-z0-9-]*\).*/\1/p' | sort -u
}

cat >ask <<'END'
source "${0%/*}/bash-script"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_execvm
printf '%s\n' "${COMPREPLY[@]}" | sort -u
END

offers() { # NAME WANT WORD...: the last word is what is completed
	name=$1 want=$2
	shift 2
	is "T7: $name" "$(bash --norc "$scripts/ask" "$@" 2>&1 | paste -sd' ' -)" "$want"
}

bash_itself() {
	ok 'T7: the syntax' bash -n "$scripts/bash-script"
	if command -v shellcheck >/dev/null; then
		ok 'T7: shellcheck' shellcheck -S warning "$scripts/bash-script"
	else
		skip 'T7: shellcheck' 'shellcheck is not there'
	fi
	offers 'tools' "$(printf '%s\n' $tools help --help --version | sort -u | paste -sd' ' -)" execvm ''
	offers 'tools that begin so' 'init initrd' execvm ini
	offers 'help TOOL' 'init initrd' execvm help ini
	offers 'options of chain: it has none, but any delimiter' -- execvm chain -
	for t in $tools; do
		[ "$t" != chain ] || continue
		is "T7: options of $t are those that it has" "$(bash --norc "$scripts/ask" execvm "$t" - 2>&1)" "$(options_of "$t")"
	done
	is 'T7: run-in-vm has those of run' "$(bash --norc "$scripts/ask" run-in-vm -)" "$(options_of run)"
	offers 'an option that begins so' '--root --root-mode' execvm run --ro
	offers 'words as a value' 'local' execvm run -r l
	offers 'words as a value, bash has split it at =' 'overlay ro rw' execvm run --root-mode = ''
	offers 'the same before it has' 'overlay ro rw' execvm run --root-mode =
	offers 'words as a value, not split' '--accel=kvm' execvm run --accel=k
	offers 'words of another tool' 'gzip' execvm initrd build --compress g
	offers 'words that a tool begins with' 'build info' execvm initrd ''
	offers 'and not again' 'one.json sub two.img' execvm initrd info ''
	offers 'words of kernel' 'config ls' execvm kernel ''
	offers 'shells' 'bash zsh' execvm completion ''
	offers 'a file' 'two.img' execvm run --root tw
	offers 'a file with a blank' 'sub/a file.img' execvm run --root sub/a
	offers 'a file, quoted' 'sub/a file.img' execvm run --root 'sub/a\ f'
	offers 'a file in quotes' 'sub/a file.img' execvm run --root '"sub/a f'
	offers 'a directory' 'sub' execvm run -w ''
	offers 'the file of FILE=GUEST' 'two.img' execvm run --disk tw
	offers 'nothing behind its =' '' execvm run --disk two.img = tw
	offers 'what cannot be guessed' '' execvm run -m ''
	offers 'a command' 'execvm-test-command' execvm run -nt -m 1G --disk two.img = /dev/vda -- execvm-test-c
	offers 'a command, no --' 'execvm-test-command' execvm run -u 1 : 2 --root = two.img execvm-test-c
	offers 'a command by its path' './two.img' execvm run ./tw
	offers 'its arguments are files' 'two.img' execvm run -- cat tw
	offers 'its options are its own' '' execvm run cat --me
	offers 'run-in-vm: a description' 'one.json sub' run-in-vm ''
	offers 'run-in-vm: then a command' 'execvm-test-command' run-in-vm one.json execvm-test-c
	offers 'run-in-vm: then its arguments' 'two.img' run-in-vm one.json cat tw
	offers 'chain: a command' 'execvm-test-command' execvm chain -- execvm-test-c
	offers 'chain: its arguments' 'two.img' execvm chain + cat tw
	offers 'chain: the next command' 'execvm-test-command' execvm chain + cat x + execvm-test-c
	offers 'no such tool' '' execvm nonsense ''
}

# A real zsh on a terminal that is large enough for any list.
zsh_says() { # LINE: what it shows when it is asked to complete that
	printf 'PS1="go> "; LISTMAX=1000; unsetopt prompt_cr prompt_sp; autoload -Uz compinit; compinit -u -D; source %s/zsh-script\n' "$scripts" >"$scripts/.zshrc"
	ZDOTDIR=$scripts TERM=dumb "$HELPERS/vm-caller" pty 'go> ' 'size 200 150' '' "type $1	" "$2" 'type ^U' '' 'type exit
' -- zsh -i 2>&1 | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | tr -d '\r\a'
}

zsh_itself() {
	ok 'T8: the syntax' zsh -n "$scripts/zsh-script"
	for t in run initrd doctor; do
		said=$(zsh_says "execvm $t -" 'print this help')
		missing=
		for o in $(options_of "$t"); do
			printf '%s\n' "$said" | grep -qE -e "(^| )$o( |\$)" || missing="$missing $o"
		done
		is "T8: options of $t are offered" "$missing" ''
	done
	said=$(zsh_says 'execvm ' 'doctor')
	for t in $tools; do
		like "T8: tool $t, with what it does" "$said" "^$t +-- "
	done
	like 'T8: words as a value' "$(zsh_says 'execvm run --runner=l' 'local')" 'runner=local'
	like 'T8: words of a tool' "$(zsh_says 'execvm kernel l' 'ls')" 'kernel ls'
	like 'T8: a file' "$(zsh_says 'execvm run --root sub/a' 'img')" 'sub/a\\ file.img'
	like 'T8: a command' "$(zsh_says 'execvm run -nt -m 1G execvm-test-c' command)" 'execvm-test-command'
	like 'T8: chain: the next command' "$(zsh_says 'execvm chain + cat x + execvm-test-c' command)" 'execvm-test-command'
	like 'T8: run-in-vm: a description' "$(zsh_says 'run-in-vm o' json)" 'one.json'
}

status 'T7: completion bash' 0 "$EXECVM" completion bash
mv out bash-script
status 'T8: completion zsh' 0 "$EXECVM" completion zsh
mv out zsh-script
status 'T7: which shell?' 125 "$EXECVM" completion
status 'T7: no such shell' 125 "$EXECVM" completion fish
like 'T7: no such shell: the line' "$(cat err)" '^execvm completion: give one of: bash, zsh$'
ok 'T7: no such shell: nothing on stdout' test ! -s out
status 'T7: stdout full' 125 sh -c 'exec "$0" completion bash >/dev/full' "$EXECVM"
scripts=$PWD
mkdir bin files files/sub
printf '#!/bin/sh\n' >bin/execvm-test-command
chmod +x bin/execvm-test-command
PATH=$PWD/bin:$PATH
cd files || exit 1
touch one.json two.img 'sub/a file.img'
installed() {
	status 'T9: make install' 0 make -s -C "$SRCDIR" BUILD="$BUILD" install PREFIX=/usr DESTDIR="$scripts/dest"
	same 'T9: bash, execvm' "$scripts/dest/usr/share/bash-completion/completions/execvm" "$scripts/bash-script"
	same 'T9: bash, run-in-vm' "$scripts/dest/usr/share/bash-completion/completions/run-in-vm" "$scripts/bash-script"
	same 'T9: zsh' "$scripts/dest/usr/share/zsh/site-functions/_execvm" "$scripts/zsh-script"
}

bash_itself
if command -v zsh >/dev/null; then
	zsh_itself
else
	skip 'T8: zsh' 'zsh is not there'
fi
installed
done_testing
