#!/bin/sh
# SPDX-License-Identifier: MIT
# T2 to T6: a terminal with a shell in it, and what a user does there. Screens are tmux's.
# timeout: 300
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

command -v tmux >/dev/null || skip_all 'tmux is not there'
"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1 # a warning that is said once
# A job that says when it is continued: only then has the shell given it the terminal.
cat >job <<'EOT'
#!/bin/sh
n=0
trap 'n=$((n + 1)); echo "continued $n"' CONT
echo first
while :; do sleep 1; done
EOT
"$EXECVM" initrd build --no-check --add /bin/busybox=/bin/busybox --make /bin/sh=symlink:busybox \
	--add job=/bin/job,mode=755 -o guest.cpio || skip_all 'no initrd'

# What is typed in the shell: a machine with a terminal, and one that is played.
cat >vm <<END
#!/bin/sh
exec '$EXECVM' run --initrd '$PWD/guest.cpio' -t "\$@"
END
cat >fake <<END
#!/bin/sh
VM_FAKE="hello; start; out it runs; \$1" EXECVM_QEMU='$HELPERS/vm-fake'
export VM_FAKE EXECVM_QEMU
shift
exec '$EXECVM' run -t "\$@" -- true
END
chmod +x vm fake

unset TMUX
tm() {
	tmux -S socket -f /dev/null "$@"
}

terminal() { # SHELL...: a new one, 24 by 80
	PS1='prompt> ' TERM=xterm tm new-session -d -s t -x 80 -y 24 "$@"
	tty=$(tm display-message -p -t t '#{pane_tty}')
	see '^prompt>'
}

close_terminal() {
	tm kill-session -t t
}

end() {
	pid=$(tm display-message -p '#{pid}' 2>/dev/null) || return
	tm kill-server
	wait_for sh -c "! kill -0 $pid 2>/dev/null"
}
trap end EXIT

screen() {
	tm capture-pane -p -t t
}

shows() {
	screen | grep -qE -e "$1"
}

is_set() { # MODE...: as stty prints it
	modes=" $(stty -F "$tty" -a | tr '\n;' '  ') "
	for m in "$@"; do
		case $modes in *" $m "*) ;; *) return 1 ;; esac
	done
}

# A boot takes its time: this is to catch what never comes.
long() {
	for _ in 1 2 3 4 5 6 7 8; do
		! wait_for "$@" || return 0
	done
	return 1
}

see() {
	long shows "$1" || { screen | sed 's/^/# | /' && return 1; }
}

keys() {
	tm send-keys -t t "$@"
}

run() { # a line for the shell; the screen is empty before
	long shows '^prompt> *$'
	tm send-keys -t t -R
	keys -l "$1"
	keys Enter
}

resize() { # ROWS COLUMNS; tmux takes its time
	tm resize-window -t t -y "$1" -x "$2"
	long sh -c "[ \"\$(stty -F '$tty' size)\" = '$1 $2' ]"
}

pid_of_run() {
	pgrep -P "$(tm display-message -p -t t '#{pane_pid}')" -x execvm
}

state() { # S, T, ...
	sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status"
}

is_state() {
	[ "$(state "$1")" = "$2" ]
}

full_screen() {
	run 'stty -g >before; ./vm -- /bin/sh -i; echo status $?; stty -g >after'
	ok 'T6: a shell is there' see '^/ #'
	keys 'vi /f' Enter
	ok 'T6: vi shows an empty file' see '^~'
	keys i 'first line' Enter 'second' Escape
	ok 'T6: vi shows what was typed' see '^second$'
	resize 31 100
	ok 'T6: vi uses the new size' long sh -c '[ "$(tmux -S socket capture-pane -p -t t | sed -n 30p)" = "~" ]'
	like 'T6: and still shows the text' "$(screen)" '^first line$'
	keys ':wq' Enter
	ok 'T6: vi ends' see '^/ #'
	keys 'stty size; md5sum </f' Enter
	ok 'T6: the size is the new one' see '^31 100$'
	ok 'T6: the file is right' see "^$(printf 'first line\nsecond\n' | md5sum | cut -c 1-32)"
	keys 'top; echo top ended $?' Enter
	ok 'T6: top shows the machine' see '^Mem: [0-9]+K used'
	ok 'T6: top shows a table' see '^ +1 +0 [0-9a-z]+ +S .* /init'
	resize 20 90
	ok 'T6: top follows a new size' long sh -c '[ "$(tmux -S socket capture-pane -p -t t | grep -c .)" -gt 3 ]'
	keys q
	ok 'T6: q ends top' see '^top ended 0$'
	i=0
	while [ $((i += 1)) -le 60 ]; do
		stty -F "$tty" rows $((20 + i)) cols $((160 - i))
	done
	stty -F "$tty" rows 33 cols 77
	keys 'until [ "$(stty size)" = "33 77" ]; do :; done; stty size' Enter
	ok 'T3: many sizes at once: the last one counts' see '^33 77$'
	keys 'exit 6' Enter
	ok 'T6: its status' see '^status 6$'
	wait_for test -s after
	is 'T6: the modes are as before' "$(cat after)" "$(cat before)"
	resize 24 80
}

job_control() {
	run './vm -- /bin/sh -i; echo status $?'
	see '^/ #'
	# Who speaks is in the foreground: a key that comes before is the shell's.
	keys job Enter
	ok 'T4: a job runs in the guest' see '^first'
	keys C-z
	ok 'T4: Ctrl-Z stops it' see 'Stopped +job'
	keys 'bg; jobs' Enter
	ok 'T4: bg' see 'Running +job'
	see 'continued 1'
	keys 'fg' Enter
	see 'continued 2'
	keys C-c
	ok 'T4: fg and Ctrl-C' see '^\^C'
	keys 'sh -c "echo se\cond; exec cat"' Enter
	see '^second'
	keys 'C-\'
	ok 'T4: Ctrl-\' see 'Quit'
	keys 'sh -c "echo th\ird; exec cat"; echo then $?' Enter
	see '^third'
	keys 'word' Enter C-d
	ok 'T4: Ctrl-D ends a command' see '^then 0$'
	keys C-d
	ok 'T4: Ctrl-D ends the shell' see '^status '
}

# What is a terminal, and what becomes of it.
mixes() {
	run './vm -- /bin/sh -i | cat; echo the''end'
	ok 'T2: stdout is a pipe: the prompt comes' see '^/ #'
	ok 'T2: stdout is a pipe: keys go to the guest, output stays cooked' is_set -isig -icanon -echo opost
	keys 'sh -c "echo fo\urth; exec sleep 1000"' Enter
	see '^fourth'
	keys C-c
	keys 'echo al""ive; exit' Enter
	ok 'T2: stdout is a pipe: ^C is for the foreground of the guest' see '^alive$'
	ok 'T2: stdout is a pipe: the pipeline ends' see theend
	run "./fake 'get-signal; exit 0 0; close' </dev/null; echo the''end"
	see 'it runs'
	ok 'T2: stdin is no terminal: only output is raw' long is_set isig icanon echo -opost
	keys C-c
	ok 'T2: stdin is no terminal: ^C is a signal' see theend
	run 'stty -a >modes'
	wait_for test -s modes
	unlike 'T2: stdin is no terminal: output is as before at the end' "$(cat modes)" '-opost'
	run "./fake 'get-signal; exit 0 0; close' -n; echo the''end"
	see 'it runs'
	ok 'T2: -n: only output is raw' long is_set isig icanon echo -opost
	keys C-c
	ok 'T2: -n: ^C is a signal' see theend
	run "./fake 'get-signal; exit 0 0; close' -n >file; echo the''end"
	wait_for test -s file
	ok 'T2: -n, stdout a file: nothing is changed' is_set isig icanon echo opost
	keys C-c
	see theend
	run "./fake 'nap 3000; exit 0 0; close' 2>errors; echo the''end"
	see 'it runs'
	ok 'T2: stderr redirected: all is raw' is_set -isig -icanon -echo -opost
	ok 'T2: stderr redirected: it ends' see theend
	run "./fake 'log one; log two; log three; out more; nap 1000; exit 0 0; close' --boot-log; echo the''end"
	see more
	ok 'T2: lines of ours begin at the left while all is raw' wait_for shows '^(two|three)'
	see theend
	# Each name of it is the same terminal; and what is restored is what was there.
	run "stty -g >before; ./fake 'nap 3000; exit 0 0; close' >/dev/tty; echo the''end; stty -g >after2"
	see 'it runs'
	ok 'T2: /dev/tty is the same terminal' is_set -isig -icanon -echo -opost
	see theend
	wait_for test -s after2
	is 'T2: /dev/tty: as before' "$(cat after2)" "$(cat before)"
}

sizes() {
	for size in '0 0' '0 80' '24 0'; do
		run "stty rows ${size% *} cols ${size#* }; ./fake 'get-size; exit 0 0; close'; echo the''end"
		see 'it runs'
		resize 25 81
		ok "T3: $size at the start, then a size" see '^25 81'
		see theend
		resize 24 80
	done
}

# dash leaves the modes alone when a job stops, so they are what execvm made them.
stops() {
	run "./fake 'get-signal; exit 0 0; close'; echo the''end"
	see 'it runs'
	long is_set -icanon -opost
	pid=$(pid_of_run)
	kill -TSTP "$pid"
	ok 'T5: TSTP stops it' see 'Stopped'
	ok 'T5: TSTP: the terminal is as before' is_set isig icanon echo opost
	keys fg Enter
	ok 'T5: fg: raw again' long is_set -isig -icanon -echo -opost
	tm send-keys -t t -R
	kill -STOP "$pid"
	see Stopped
	stty -F "$tty" sane
	keys fg Enter
	ok 'T5: STOP, fg: raw again' long is_set -isig -icanon -echo -opost
	kill -STOP "$pid"
	long is_state "$pid" T
	stty -F "$tty" sane
	keys bg Enter
	long is_state "$pid" S
	ok 'T5: STOP, bg: the terminal is left alone' is_set isig icanon echo opost
	kill -TERM "$pid"
	wait_for sh -c "! kill -0 $pid 2>/dev/null"
	ok 'T5: the end in the background: the terminal is left alone' is_set isig icanon echo opost
	keys Enter
	see 'Done'
}

has_stopped() { # dash says it before the next prompt
	keys Enter
	shows 'Stopped \(tty output\)'
}

background() {
	run "./fake 'get-signal; exit 0 0; close' &"
	ok 'T5: & with a terminal for stdin is stopped' long has_stopped
	ok 'T5: and changes no modes' is_set isig icanon echo opost
	keys fg Enter
	ok 'T5: fg: it begins' see 'it runs'
	ok 'T5: fg: raw' long is_set -isig -icanon -echo -opost
	kill -TERM "$(pid_of_run)"
	ok 'T5: fg: as before at the end' long is_set isig icanon echo opost
	run "./fake 'get-signal; exit 0 0; close' -n & wait; echo the''end"
	see 'it runs'
	ok 'T5: & with -n runs, and changes no modes' is_set isig icanon echo opost
	kill -TERM "$(pid_of_run)"
	ok 'T5: & with -n ends' see theend
}

terminal bash --norc --noprofile -i
full_screen
job_control
mixes
sizes
close_terminal
if command -v dash >/dev/null; then
	terminal dash -i
	stops
	background
	close_terminal
else
	skip 'T5: stops, background' 'dash is not there'
fi
done_testing
