#!/bin/sh
# SPDX-License-Identifier: MIT
# I2, I4, I5, I6, I11, I12, I28, I29, I32, I33: what PID 1 is told, and by whom. All in one machine:
# each case is the process 1 of a PID namespace in it, by helpers/guest-pid1.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

b=/bin/busybox
secret=TOP-SECRET-4711 # stands in payloads, and may stand nowhere else
"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1

# What the guest holds: two trees that init starts in, and disks.
printf 'root:x:0:0::/root:/bin/sh\nbuild:x:1000:1000::/home/build:/bin/sh\n' >passwd
printf 'root:x:0:\nwheel:x:10:root,build\nvideo:x:44:build\nbuild:x:1000:\n' >group
printf '/lib/none.ko\n' >missing
printf '\nno/path.ko\n' >relative
printf '/lib/junk.ko\n' >junk
head -c 65536 /dev/zero >zero.img
mkdir -p sq/proc sq/sys sq/dev sq/run sq/tmp
cp "$EXECVM_GUEST" sq/init
mksquashfs sq sq.img -quiet -no-progress -all-root >/dev/null
cp sq.img sq2.img

quoted() {
	for q; do
		printf "'%s' " "$(printf '%s' "$q" | sed "s/'/'\\\\''/g")"
	done
}

# A case: what guest-pid1 gets.
add() { # NAME ARG...
	quoted t "$@" >>cases
	echo >>cases
}

b64() {
	printf '%s' "$1" | base64 -w 0 | tr '+/' '-_' | tr -d =
}

json() { # NAME JSON: on the command line of the kernel
	add "$1" -c "execvm.payload=$(b64 "$2")" /box /init
}

sh_json() { # NAME REST-OF-JSON SCRIPT: REST begins with a comma
	json "$1" "{\"args\": [\"$b\", \"sh\", \"-c\", \"$3\"]$2}"
}

text() { # NAME: what came of it
	awk -v begin="== $1" '$0 == begin { on = 1; next } /^== / { on = 0 } on' out
}

gives() { # NAME TEXT
	is "$1" "$(text "$1")" "$2"
}

says() { # NAME PATTERN: one line has it, and the machine ends
	like "$1" "$(text "$1" | tr '\n' '~')" "(^|~)$2~(.*~)?ended: reset~\$"
}

cat >cases <<'EOT'
b=/bin/busybox
t() {
	echo "== $1"
	shift
	/bin/guest-pid1 "$@" 2>&1
}
$b mkdir -p /proc /mnt /box/root /box/tmp
$b chmod 700 /box/root
$b chmod 1777 /box/tmp
$b mount -t squashfs -o ro /dev/vds /mnt
EOT

# Where it comes from.
echo_args() {
	printf '{"args": ["%s", "echo", "%s"]}' $b "$1"
}
line=$(b64 "$(echo_args line)")
word=$(b64 "$(echo_args word)")
add 'I4: execvm.payload= wins over the arguments' -c "execvm.payload=$line" /box /init "$word"
add 'I4: of two payloads the last one counts' -c "execvm.payload=$word execvm.payload=$line" /box /init
add 'I4: the argument is a payload' /box /init "$word"
add 'I4: the arguments are a command' /box /init $b echo 'a  b' ''
add 'I4: with -- in front' /box /init -- $b echo -- c
add 'I4: a word that decodes, but to no object, is a command' /box /init "$(b64 '[1]')"
add 'I4, I5: only the words behind -- when the kernel has made the arguments' \
	-c "quiet foo a=b \"x y\" -- $b echo \"c  d\" e=\"f g\"" /box /init foo 'x y' $b echo 'c  d' 'e=f g'
# The kernel hands on only what is before a second one.
add 'I4, I5: a second -- behind the first' -c "foo -- $b echo a -- b -- c" /box /init foo $b echo a
add 'I5: the words of the kernel alone are no command' -c 'quiet foo bar' /box /init foo bar
add 'I5: a payload behind -- is a word' -c "foo -- $b echo execvm.payload=$word" /box /init foo $b echo "execvm.payload=$word"
add 'I5: quotes hide a payload' -c "execvm.payload=$line x.y=\"a execvm.payload=$word b\"" /box /init
add 'I5: quotes around the value' -c "execvm.payload=\"$line\"" /box /init
add 'I5: quotes around the parameter' -c "\"execvm.payload=$line\"" /box /init
add 'I5: a name that only begins like it' -c "execvm.payload2=$word execvm.payload=$line xexecvm.payload=$word" /box /init
words=
for i in $(seq 40); do
	words="$words w$i m$i.p=\"$i\" K$i=v"
done
# shellcheck disable=SC2086 # words
add 'I5: 120 unknown parameters' -c "${words# } execvm.payload=$line" /box /init $(seq -f w%g 40)
json 'I4: keys in any case, as the original has them' '{"Mounts": [{"Device": "/dev/vds", "Target": "/data/new",
	"MType": "squashfs", "Options": "ro,nosuid"}], "Args": ["/bin/busybox", "grep", "/data", "/proc/mounts"]}'
# "a>>?" and blanks: the standard alphabet has '+' and '/' there.
for text in 'a>>>???' 'a>>>??' 'a>>>?'; do
	add "I4: base64, the standard alphabet with padding: $text" \
		-c "execvm.payload=$(echo_args "$text" | base64 -w 0)" /box /init
	add "I4: base64, the alphabet for URLs without: $text" -c "execvm.payload=$(b64 "$(echo_args "$text")")" /box /init
done
echo 'FOO=leftover BOOT_IMAGE=/vmlinuz TERM=linux HOME=/nowhere export FOO BOOT_IMAGE TERM HOME' >>cases
json 'I6: the environment is that of the payload and the defaults' '{"env": {"A": "b", "E": ""}, "args": ["/bin/busybox", "env"]}'
json 'I6: the payload wins over a default' '{"env": {"HOME": "/h", "TERM": "t", "PATH": "/bin"}, "args": ["busybox", "env"]}'

# Nonsense.
bad=0
nonsense() { # JSON
	bad=$((bad + 1))
	json "bad $bad" "$1"
	printf '%s\n' "$1" | head -c 60 | head -n 1 >"bad.$bad"
}
nonsense ''
nonsense "$secret"
nonsense '[]'
nonsense 'null'
nonsense "\"$secret\""
nonsense "{\"args\": \"$secret\"}"
nonsense '{"args": []}'
nonsense '{"args": [1]}'
nonsense "{\"args\": [\"a\", null, \"$secret\"]}"
nonsense "{\"args\": [\"$secret\\u0000\"]}"
nonsense "{\"args\": [\"$secret\\ud800\"]}"
nonsense "{\"args\": [\"$secret\"], \"args\": [\"$secret\"]}"
nonsense "{\"args\": [\"$secret\"], \"ARGS\": [\"$secret\"]}"
nonsense "{\"args\": [\"$secret\"] \"env\": {}}"
nonsense "{\"args\": [\"$secret\"],}"
nonsense "{\"args\": [\"$secret\"]} x"
nonsense "{\"args\": [\"$secret\"]"
nonsense "{\"args\": [\"$secret"
nonsense '{"no-such-key": 1}'
nonsense "{\"args\": [{\"base64\": \"%%$secret\"}]}"
nonsense "{\"args\": [{\"base63\": \"$secret\"}]}"
nonsense "{\"args\": [\"a\"], \"env\": [\"$secret\"]}"
nonsense "{\"args\": [\"a\"], \"env\": {\"$secret\": 1}}"
nonsense "{\"args\": [\"a\"], \"env\": {\"K=$secret\": \"$secret\"}}"
nonsense "{\"args\": [\"a\"], \"cwd\": [\"$secret\"]}"
nonsense '{"args": ["a"], "umask": 18}'
nonsense '{"args": ["a"], "umask": "0999"}'
nonsense '{"args": ["a"], "rlimits": {"nothing": 1}}'
nonsense '{"args": ["a"], "rlimits": {"core": -1}}'
nonsense '{"args": ["a"], "rlimits": {"core": [1]}}'
nonsense '{"args": ["a"], "exec": "yes"}'
nonsense '{"args": ["a"], "root-mode": "rwx"}'
nonsense '{"args": ["a"], "root": 1}'
nonsense '{"args": ["a"], "mounts": {}}'
nonsense '{"args": ["a"], "mounts": [{}]}'
nonsense '{"args": ["a"], "mounts": [{"device": "/dev/vdz"}]}'
nonsense '{"args": ["a"], "mounts": [[]]}'
nonsense '{"args": ["a"], "devices": ["/dev/vda"]}'
nonsense '{"args": ["a"], "devices": {"a serial that is much too long": "/dev/vda"}}'
nonsense "$(head -c 2000 /dev/zero | tr '\0' '[')"
nonsense "{\"args\": [\"$secret\"], \"x\": $(head -c 5000 /dev/zero | tr '\0' '{')"
nonsense "$(printf '\377\376%s' "$secret")"
for text in '' = == A AA= A=== %%%% 'e30=e30=' "$(printf '\303\274')" '"' '"e30'; do
	bad=$((bad + 1))
	add "bad $bad" -c "execvm.payload=$text" /box /init
	printf '%s\n' "execvm.payload=$text" >"bad.$bad"
done
bad=$((bad + 1))
add "bad $bad" /box /init "$(b64 "{\"args\": [\"$secret\"")"
echo 'an argument' >"bad.$bad"

# Every piece of one that is right.
piece=$(b64 "{\"args\": [\"$b\", \"echo\", \"whole\"], \"env\": {\"S\": \"$secret\"}, \"umask\": \"0022\", \"rlimits\": {\"nofile\": [10, 20]}}")
cat >>cases <<EOT
echo '== pieces'
p=$piece n=0
while [ \$n -le \${#p} ]; do
	[ "\$(/bin/guest-pid1 -c "execvm.payload=\${p:0:\$n}" /box /init 2>&1 | \$b tail -n 1)" = 'ended: reset' ] || echo "length \$n"
	/bin/guest-pid1 -c "execvm.payload=\${p:0:\$n}" /box /init | \$b grep whole
	n=\$((n + 5))
done
t whole -c "execvm.payload=\$p" /box /init
EOT

# A shortage of what PID 1 asks for. Where its own program can start at all, it ends the machine.
cat >>cases <<EOT
echo '== memory'
for kib in \$($b seq 140 40 900) 1200 2000 4000; do
	/bin/guest-pid1 -m \$kib /box /bin/execvm --version | $b grep -q 'exit 0' || continue
	for p in "execvm.payload=$piece" foo; do
		/bin/guest-pid1 -m \$kib -c "\$p" /box /init 2>/dev/null >/log || echo "\$kib: helper"
		$b grep -v -e '^ended: reset' -e '^log: execvm:' -e '^whole' /log | $b sed "s/^/\$kib: /"
	done
	$b grep -h -o 'Out of memory' /log
done
echo '== descriptors'
for n in 0 1 2 3 4 5 6 7 8 9; do
	/bin/guest-pid1 -n \$n -c "execvm.payload=$piece" /box /init 2>&1 | $b grep ended
done
EOT
for set in '-d 0' '-d 1' '-d 2' '-d 0 -d 2' '-d 0 -d 1 -d 2'; do
	# shellcheck disable=SC2086 # words
	add "I2: closed: $set" $set /box /init $b sh -c 'print-fds /fds; sed "s,pipe:.*,a pipe," /fds >/dev/kmsg'
done

# Who it runs as.
show='id -u; id -g; id -G; echo $HOME; pwd'
sh_json 'I29: a user by name' ', "user": "build"' "$show"
sh_json 'I29: a user by number who is known' ', "user": "1000"' "$show"
sh_json 'I29: user and group by name' ', "user": "build:video"' "$show"
sh_json 'I29: a user and a group by numbers that nobody has' ', "user": "4711:4712"' "$show"
sh_json 'I29: a user by number alone' ', "user": "4711"' "$show"
sh_json 'I29: the default is 0:0' '' "$show"
sh_json 'I29: an unknown user' ', "user": "nobody2"' "$show"
sh_json 'I29: an unknown group' ', "user": "build:nogroup"' "$show"
sh_json 'I29: a directory' ', "cwd": "/tmp"' 'pwd'
sh_json 'I29: a directory that is not there' ', "cwd": "/no/dir"' 'pwd'
sh_json 'I29: a directory that the user may not enter' ', "cwd": "/root", "user": "build"' 'pwd'
sh_json 'I29: umask' ', "umask": "0027"' 'umask'
sh_json 'I29: umask, the default' '' 'umask'
sh_json 'I29: limits' ', "rlimits": {"nofile": 77, "core": "unlimited", "stack": [65536, 131072], "memlock": [0, "unlimited"]}' \
	"grep -e files -e core -e stack -e locked.memory /proc/self/limits | sed 's/  */ /g; s/ \$//'"
sh_json 'I29: no new privileges' ', "no-new-privs": true' 'grep NoNewPrivs /proc/self/status'
sh_json 'I29: the default allows them' '' 'grep NoNewPrivs /proc/self/status'
json 'I14: signals are as they should be' '{"args": ["/bin/print-signals"]}'

# The machine.
sh_json 'I1: mounts of all kinds' ', "mounts": [
	{"device": "none", "target": "/m/t", "mtype": "tmpfs", "options": "size=64k,nosuid,noexec,mode=0701"},
	{"device": "/dev/vdu", "target": "/m/s", "mtype": "auto"},
	{"device": "disk1", "target": "/m/serial", "mtype": "squashfs", "options": "ro,nodev"},
	{"device": "/m/s", "target": "/m/b", "mtype": "none", "options": "bind,ro,noatime"}]' \
	'grep /m/ /proc/mounts; stat -c %a /m/t; ls /m/b/init'
sh_json 'I1: a mount that fails is named' ', "mounts": [{"device": "/no", "target": "/m/x", "mtype": "none", "options": "bind"}]' :
sh_json 'I1: a target that is not absolute' ', "mounts": [{"device": "none", "target": "m", "mtype": "tmpfs"}]' :
sh_json 'I11: a file system that the kernel does not have' ', "mounts": [{"device": "/dev/vds", "target": "/m/x", "mtype": "nosuchfs"}]' :
sh_json 'I11: a disk without a file system' ', "root": "/dev/vdz"' :
sh_json 'I11: a file system that it is not' ', "root": "/dev/vdz", "fstype": "squashfs"' :
sh_json 'I11: a device that is none' ', "root": "/dev/null"' :
add 'I12: only from an initramfs' -c "execvm.payload=$(b64 '{"root": "/dev/vds", "args": ["/init"]}')" /mnt /init
sh_json 'I25: the host name' ', "hostname": "a-name.example"' 'hostname'

# Kernel modules.
for list in missing relative junk; do
	add "I28: list of modules: $list" /box.$list /init $b true
done

# PID 1 becomes the command.
sh_json 'I33: exec: the command is PID 1' ', "exec": true, "user": "build", "cwd": "/tmp", "umask": "0077"' \
	'echo pid $$; id -u; pwd; umask; exit 7'
json 'I33: exec: signals are as they should be' '{"exec": true, "args": ["/bin/print-signals"]}'
sh_json 'I33: exec: what was opened before is closed' ', "exec": true' \
	"print-fds /fds; sed 's,pipe:.*,a pipe,' /fds"
json 'I33: exec: a command that is not there ends the machine' '{"exec": true, "args": ["/no/such"]}'
add 'I33: exec, from an argument' /box /init "$(b64 "{\"exec\": true, \"args\": [\"$b\", \"echo\", \"e\"]}")"

"$EXECVM" initrd build --no-check --add $b=$b --add "$HELPERS/guest-pid1=/bin/guest-pid1" --add cases=/cases \
	--add "$EXECVM_GUEST=/box/init" --add $b=/box$b --make /box/bin/sh=symlink:busybox \
	--add "$EXECVM_GUEST=/box/bin/execvm" --add "$HELPERS/print-fds=/box/bin/print-fds" \
	--add "$HELPERS/print-signals=/box/bin/print-signals" --add passwd=/box/etc/passwd --add group=/box/etc/group \
	--add "$EXECVM_GUEST=/box.missing/init" --add missing=/box.missing/lib/execvm/modules.load \
	--add "$EXECVM_GUEST=/box.relative/init" --add relative=/box.relative/lib/execvm/modules.load \
	--add "$EXECVM_GUEST=/box.junk/init" --add junk=/box.junk/lib/execvm/modules.load --add zero.img=/box.junk/lib/junk.ko \
	-o guest.cpio || skip_all 'no initrd'
# -e: then the payload takes the wire, and its own is not in this kernel's command line.
status 'I2: all cases come to an end' 0 "$EXECVM" run --initrd guest.cpio -e A=b \
	--disk zero.img=/dev/vdz,ro --disk sq.img=/dev/vds,ro --disk sq2.img=/dev/vdu,ro -- $b sh /cases </dev/null
is 'nothing is said about it' "$(cat err)" ''

gives 'I4: execvm.payload= wins over the arguments' "line
log: execvm: exit 0
ended: reset"
says 'I4: of two payloads the last one counts' line
says 'I4: the argument is a payload' word
says 'I4: the arguments are a command' 'a  b '
says 'I4: with -- in front' '-- c'
says 'I4: a word that decodes, but to no object, is a command' "log: execvm: exec $(b64 '[1]'): No such file or directory"
says 'I4, I5: only the words behind -- when the kernel has made the arguments' 'c  d e=f g'
says 'I4, I5: a second -- behind the first' 'a -- b -- c'
says 'I5: the words of the kernel alone are no command' 'log: execvm: payload: nothing was said to run'
says 'I5: a payload behind -- is a word' "execvm.payload=$word"
for name in 'quotes hide a payload' 'quotes around the value' 'quotes around the parameter' \
	'a name that only begins like it' '120 unknown parameters'; do
	says "I5: $name" line
done
says 'I4: keys in any case, as the original has them' '/dev/vds /data/new squashfs ro,nosuid,.*'
for text in 'a>>>???' 'a>>>??' 'a>>>?'; do
	pattern=$(printf '%s' "$text" | sed 's/?/[?]/g')
	says "I4: base64, the standard alphabet with padding: $text" "$pattern"
	says "I4: base64, the alphabet for URLs without: $text" "$pattern"
done
gives 'I6: the environment is that of the payload and the defaults' "A=b
E=
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/execvm/bin
HOME=/root
TERM=dumb
log: execvm: exit 0
ended: reset"
gives 'I6: the payload wins over a default' "HOME=/h
TERM=t
PATH=/bin
log: execvm: exit 0
ended: reset"

n=0
while [ $n -lt $bad ]; do
	n=$((n + 1))
	like "I2, I8: nonsense is refused: $(cat bad.$n)" "$(text "bad $n" | tr '\n' '~')" \
		'^log: execvm: command line: (execvm[.])?payload: (not base64|.*offset [0-9]+: .+)~.*ended: reset~$'
done
is 'I2: no piece of a payload is one, and each ends the machine' "$(text pieces)" ''
says 'whole' 'whole'
unlike 'I2: too little memory never ends PID 1' "$(text memory)" '^[0-9]'
like 'I2: the premise: some of it was too little' "$(text memory)" 'Out of memory'
is 'I2: too few descriptors never end PID 1' "$(text descriptors | sort | uniq -c | tr -s ' ')" ' 10 ended: reset'
gives 'I2: closed: -d 0' "log: 0 /dev/console\\x0a1 a pipe\\x0a2 a pipe
log: execvm: exit 0
ended: reset"
says 'I2: closed: -d 1' 'log: 0 .*x0a1 /dev/console\\x0a2 a pipe'
says 'I2: closed: -d 2' 'log: 0 .*x0a1 a pipe\\x0a2 /dev/console'
says 'I2: closed: -d 0 -d 2' 'log: 0 /dev/console\\x0a1 a pipe\\x0a2 /dev/console'
says 'I2: closed: -d 0 -d 1 -d 2' 'log: 0 /dev/console\\x0a1 /dev/console\\x0a2 /dev/console'
unlike 'I32: no payload is ever said' "$(text memory; cat out)" "$secret|$(printf '%s' "$secret" | base64 | cut -c 1-12)"

says 'I29: a user by name' '1000~1000~1000 10 44~/home/build~/'
says 'I29: a user by number who is known' '1000~1000~1000 10 44~/home/build~/'
says 'I29: user and group by name' '1000~44~44~/home/build~/'
says 'I29: a user and a group by numbers that nobody has' '4711~4712~4712~/~/'
says 'I29: a user by number alone' '4711~0~0~/~/'
says 'I29: the default is 0:0' '0~0~0~/root~/'
says 'I29: an unknown user' "log: execvm: user: user 'nobody2': not in /etc/passwd~log: execvm: exit 125"
says 'I29: an unknown group' "log: execvm: user: group 'nogroup': not in /etc/group~log: execvm: exit 125"
says 'I29: a directory' '/tmp'
says 'I29: a directory that is not there' 'log: execvm: chdir /no/dir: No such file or directory~log: execvm: exit 125'
says 'I29: a directory that the user may not enter' 'log: execvm: chdir /root: Permission denied~log: execvm: exit 125'
says 'I29: umask' 0027
says 'I29: umask, the default' 0022
says 'I29: limits' 'Max stack size 65536 131072 bytes~Max core file size unlimited unlimited bytes~Max open files 77 77 files~Max locked memory 0 unlimited bytes'
says 'I29: no new privileges' 'NoNewPrivs:.1'
says 'I29: the default allows them' 'NoNewPrivs:.0'
says 'I14: signals are as they should be' 'blocked:~ignored:'

says 'I1: mounts of all kinds' 'none /m/t tmpfs rw,nosuid,noexec,.*size=64k.*~/dev/vdu /m/s squashfs ro,.*~/dev/[^ ]* /m/serial squashfs ro,nodev.*~/dev/vdu /m/b squashfs ro,noatime.*~701~/m/b/init'
says 'I1: a mount that fails is named' 'log: execvm: mounts: mount /no on /m/x as none: No such file or directory'
says 'I1: a target that is not absolute' "log: execvm: mounts: mount target 'm': not an absolute path"
says 'I11: a file system that the kernel does not have' \
	'log: execvm: mounts: mount /dev/vds: the kernel has no nosuchfs; it has .*squashfs.*'
says 'I11: a disk without a file system' \
	'log: execvm: root: mount /dev/vdz: no file system that the kernel knows; it has .*squashfs.*'
says 'I11: a file system that it is not' 'log: execvm: root: mount /dev/vdz on .* as squashfs: .*'
says 'I11: a device that is none' "log: execvm: root: '/dev/null' is no block device"
says 'I12: only from an initramfs' 'log: execvm: root: / is no initramfs: the root is not switched'
says 'I25: the host name' 'a-name.example'
says 'I28: list of modules: missing' 'log: execvm: modules: module /lib/none.ko: No such file or directory'
says 'I28: list of modules: relative' 'log: execvm: modules: /lib/execvm/modules.load: line 2 is no path'
says 'I28: list of modules: junk' 'log: execvm: modules: module /lib/junk.ko: .*'

gives 'I33: exec: the command is PID 1' "pid 1
1000
/tmp
0077
ended: exit 7"
gives 'I33: exec: signals are as they should be' "blocked:
ignored:
ended: exit 0"
gives 'I33: exec: what was opened before is closed' "0 a pipe
1 a pipe
2 a pipe
ended: exit 0"
says 'I33: exec: a command that is not there ends the machine' 'log: execvm: exec /no/such: No such file or directory'
gives 'I33: exec, from an argument' "e
ended: exit 0"
done_testing
