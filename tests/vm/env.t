#!/bin/sh
# SPDX-License-Identifier: MIT
# I6, I29: environment, directory, user and host name of a command, from options, files and
# machine descriptions.
# timeout: 120
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/execvm/bin
"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1
run_in_vm=$(dirname "$EXECVM")/run-in-vm

run() {
	"$EXECVM" run "$@" </dev/null
}

# NAME=VALUE a line, sorted; a newline in a value is \n. The order is not promised.
variables() { # FILE
	tr '\n\0' '\1\n' <"$1" | sort | sed 's/\x01/\\n/g'
}

# Over the wire: options, a file and a description; each wins over what stands before it.
cat >both.json <<'EOT'
{ "env": { "A": "config", "B": "config", "C": "config", "D": "config", "EMPTY": "", "UTF": "ü\n=" },
  "cwd": "/bin", "hostname": "config", "user": "65534:65534" }
EOT
{
	printf '# a comment\n\n  \t \nB=file\nC=file\nF=a=b c "d" $e #f\n'
	printf 'CRLF=x\r\nFROM_HERE_2\nNOT_HERE_2\nG=\n'
} >vars
export FROM_HERE='here 1' FROM_HERE_2='here 2' KEPT_HERE=x
unset NOT_HERE NOT_HERE_2
value=$(printf 'a\nb =\377')
status 'I6: all sources at once' 0 run -c both.json -e G=before --env-file vars -e C=option -e "ODD=$value" -e FROM_HERE -e NOT_HERE \
	-- /bin/busybox env -0
variables out >have
{
	printf 'A=config\nB=file\nC=option\nCRLF=x\nD=config\nEMPTY=\nF=a=b c "d" $e #f\nFROM_HERE=here 1\n'
	printf 'FROM_HERE_2=here 2\nG=\nHOME=/\nODD=a\\nb =\377\nPATH=%s\nTERM=dumb\nUTF=ü\\n=\n' $path
} | sort >want
same 'I6: the environment is exactly that, and the defaults' have want

# On the command line of the kernel, which has its own words for the environment of PID 1.
echo '{ "env": { "A": "config", "TERM": "vt52", "PATH": "/usr/bin" } }' >line.json
status 'I6: a description alone' 0 run -c line.json --append 'LEFT=over quiet x.y=z BOOT_IMAGE=/vmlinuz word' \
	-- env -0
variables out >have
printf 'A=config\nHOME=/root\nPATH=/usr/bin\nTERM=vt52\n' >want
same 'I6: no word of the kernel is in it' have want
like 'I6: the premise: it went that way' "$(run -c line.json --show-append -- env -0)" 'execvm[.]payload='

# PATH is the one that the command gets.
status 'I6: a program is looked for in the PATH that was given' 127 run -e PATH=/sbin -- env
like 'I6: and was not found there' "$(cat err)" '^execvm run: env: No such file'

# What is it, where is it?
cat >where <<'EOT'
hostname; pwd; id -u; id -g; id -G; echo "$HOME"; umask
EOT
where() { # NAME WANT RUN-WORDS...
	name=$1 want=$2
	shift 2
	status "$name" 0 "$@" -- /bin/sh -c "$(cat where)"
	is "$name: they are" "$(tr '\n' ' ' <out)" "$want "
}
where 'I29: the defaults' 'execvm / 0 0 0 /root 0022' run
where 'I29: from a description' 'config /bin 65534 65534 65534 / 0022' run -c both.json
where 'I29: options win over a description' 'a.b-c_d /tmp 65534 0 0 / 0022' \
	run -c both.json -w /tmp -u nobody:root --hostname a.b-c_d
status 'I29: an unknown user is 125' 125 run -u nobody2 -- /bin/true
is 'I29: an unknown user: why' "$(cat err)" "execvm run: user 'nobody2': not in /etc/passwd"

# Paths of a description are relative to it, those of options to where we are.
mkdir -p machine/sub other
mkdir -p root/bin root/proc root/sys root/dev root/run root/tmp root/etc
cp /bin/busybox root/bin/busybox
ln -s busybox root/bin/sh
echo root:x:0:0::/here: >root/etc/passwd
mksquashfs root machine/sub/root.img -quiet -no-progress -all-root >/dev/null
echo 'data of the description' >machine/data.img
truncate -s 4096 machine/data.img
echo 'data of the option' >other/data.img
truncate -s 4096 other/data.img
cat >machine/m.json <<'EOT'
{ "root": "sub/root.img", "devices": { "data.img": { "node": "/dev/vdx", "readonly": true } },
  "umask": "0027", "env": { "PATH": "/bin" } }
EOT
cd other || exit 1
status 'paths of a description are relative to it' 0 "$run_in_vm" ../machine/m.json \
	busybox sh -c 'busybox head -n 1 /dev/vdx; echo $HOME; umask' </dev/null
is 'I6, I29: as it says' "$(tr '\n' ' ' <out)" 'data of the description /here 0027 '
status 'those of options to where we are' 0 run -c ../machine/m.json --disk data.img=/dev/vdy,ro -- \
	busybox sh -c 'busybox head -n 1 /dev/vdx /dev/vdy | busybox grep data'
is 'both disks are there' "$(tr '\n' ' ' <out)" 'data of the description data of the option '
cd .. || exit 1

# Nothing of this boots.
refused() { # NAME PATTERN WORDS...
	name=$1 want=$2
	shift 2
	status "X6: $name: 125" 125 run "$@" -- /bin/true
	like "X6: $name: why" "$(cat err)" "^execvm run: $want"
}
printf 'A=b\nB C=d\n' >bad
refused 'a variable file with a blank in a name' '.*bad:2: .*blank' --env-file bad
printf 'A=b\n=c\n' >bad
refused 'a variable file without a name' '.*bad:2: .*name' --env-file bad
refused 'a variable file that is not there' '.*no-such-file.*: No such file' --env-file no-such-file
printf 'A=\0b\n' >bad
refused 'a variable file with a NUL' '.*bad: .*NUL' --env-file bad
refused 'no name' '.*name' -e =x
refused 'a directory that is not absolute' ".*'tmp' is not an absolute path" -w tmp
refused 'a host name' ".*'a b' is not" --hostname 'a b'
refused 'a user' ".*':x' is not" -u :x
echo '{ "env": { "A": 1 } }' >bad
refused 'a value of another type' '.*bad:1: .*env' -c bad
done_testing
