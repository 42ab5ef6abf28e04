#!/bin/sh
# SPDX-License-Identifier: MIT
# D1-D6: directories of the host, by virtiofs and by 9p; the host's root.
# timeout: 240
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1
b=/bin/busybox
here=$PWD

run() {
	timeout -s KILL $((120 * ${EXECVM_TIME_FACTOR:-1})) "$EXECVM" run "$@"
}

tree() { # DIR
	mkdir -p "$1/sub/deep"
	printf 'one\n' >"$1/a"
	printf 'two' >"$1/sub/b c"
	head -c 3000000 "$EXECVM" >"$1/sub/deep/big"
	ln -s a "$1/link"
	ln "$1/a" "$1/hard"
	chmod 0751 "$1/sub"
}

# What is read, written, mapped, removed; nothing may differ between here and there.
both_ways() { # HOW
	how=$1
	rm -rf rw ro
	tree rw
	tree ro
	cp "$HELPERS/mmap-write" rw/
	cat >rw/script <<-'EOT'
		sha256sum /rw/sub/deep/big /ro/sub/deep/big
		ls -l /rw/a | cut -c 1-12
		readlink /rw/link
		stat -c '%a' /rw/sub
		cat '/rw/sub/b c'; echo
		cp /rw/sub/deep/big /rw/copy
		mkdir /rw/new && mv /rw/a /rw/new/a
		chmod 0600 /rw/hard
		ln -s ../x /rw/new/symlink
		rm -r /rw/sub
		/rw/mmap-write /rw/mapped 1000000 || echo "mmap-write: $?"
		echo here >/rw/last
	EOT
	status "D1: $how: the script" 0 run -v rw:/rw -v "$here/ro:/ro:ro" -- sh /rw/script
	sum=$(sha256sum <ro/sub/deep/big)
	is "D1: $how: what is read" "$(head -n 5 out)" "${sum%  -}  /rw/sub/deep/big
${sum%  -}  /ro/sub/deep/big
-rw-r--r--  
a
751"
	like "D1: $how: names with blanks" "$(cat out)" '^two$'
	same "D4: $how: a large file that was written" rw/copy ro/sub/deep/big
	is "D4: $how: moved, linked, removed" "$(cd rw && find . | sort | tr '\n' ' ')" \
		"$([ "$how" = 9p ] && echo . ./copy ./hard ./last ./link ./mapped ./mmap-write ./new ./new/a ./new/symlink ./script || echo . ./copy ./hard ./last ./link ./mapped ./mmap-write ./new ./new/a ./new/symlink ./script) "
	is "D4: $how: modes" "$(stat -c %a rw/hard)" 600
	is "D4: $how: the last line" "$(cat rw/last)" here
	is "D4: $how: what was mapped for writing" "$(tr -d m <rw/mapped | wc -c) $(wc -c <rw/mapped)" '0 1000000'
	is "D4: $how: whose they are" "$(stat -c '%u %g' rw/last)" "$(id -u) $(id -g)"
	case $how in
	virtiofs) unlike 'D1: virtiofs: a removed file can be used while it is open' "$(cat out)" mmap-write ;;
	esac
}

# The guest may do what it likes: the other side does not write.
read_only() { # HOW
	how=$1
	rm -rf ro
	tree ro
	before=$(find ro -printf '%p %m %s %T@ %l\n' | sort)
	status "D2: $how: nothing of it works" 0 run -v ro:/ro:ro -v ro/sub:/sub:ro -- sh -c '
		for d in /ro /sub; do
			echo x >$d/new; rm $d/a $d/deep/big; chmod 0777 $d; mkdir $d/dir; ln $d/a $d/b; touch $d
			mount -o remount,rw $d
			echo x >$d/new; rm $d/a $d/deep/big; chmod 0777 $d; mkdir $d/dir; ln $d/a $d/b; touch $d
			truncate -s 0 $d/a; mv $d/a $d/c
		done
		mkdir /again
		mount -t 9p -o trans=virtio,version=9p2000.L share0 /again || mount -t virtiofs share0 /again
		echo x >/again/new; rm /again/a
		true'
	is "D2: $how: nothing has changed" "$(find ro -printf '%p %m %s %T@ %l\n' | sort)" "$before"
}

refused() { # NAME PATTERN OPTIONS...
	name=$1 pattern=$2
	shift 2
	EXECVM_QEMU=/no/such/qemu status "D3: $name: 125" 125 run "$@" -- true
	like "D3: $name: why" "$(cat err)" "^execvm run: $pattern"
	is "D3: $name: in one line" "$(wc -l <err)" 1
}

refusals() {
	tree d
	refused 'not there' "--volume: .*no-such: No such file" -v no-such:/x
	refused 'a file' "--volume: .*/d/a: Not a directory" -v d/a:/x
	refused 'no target' "--volume: 'd' is not DIR:GUEST" -v d
	refused 'a relative target' "--volume: 'x' is not an absolute path" -v d:x
	refused 'the root' '--volume: / of the guest' -v d:///
	refused 'dots' "--volume: a path with '\.\.'" -v d:/a/../b
	refused 'another mode' "--volume: 'd:/x:rx': 'rx' is neither" -v d:/x:rx
	refused 'twice' '--volume: /x is .* already' -v d:/x -v d/sub:/x/
	refused 'no source' '--volume: the directory of the host is missing' -v :/x
	refused '--mount: a type' "--mount: 'type=volume,source=d,target=/x': type volume is neither" --mount type=volume,source=d,target=/x
	refused '--mount: a word' "--mount: 'what=1': unknown word 'what'" --mount what=1
	refused '--mount: half of it' "--mount: 'source=d': needs source and target" --mount source=d
	printf '{"volumes": ["no-such:/x"]}\n' >bad.json
	refused 'a description' "bad.json:1: key 'volumes': .*no-such: No such file" -c bad.json
	printf '{"volumes": [1]}\n' >bad.json
	refused 'a description: no string' "bad.json:1: key 'volumes': element 0 is not a string" -c bad.json
	refused '--mount: a tmpfs with a source' "--mount: '.*': needs a target and no source" --mount type=tmpfs,src=d,dst=/x
	refused 'a share on a tmpfs' '--volume: /x is a tmpfs already' -v d:/x --tmpfs /x
	set --
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
		set -- "$@" -v "d:/x$n"
	done
	refused 'too many' '--volume: more than' "$@"
	refused 'here' 'runner local: it has no --volume' -r local -v d:/x
}

words() {
	mkdir -p "odd,co:lon" conf/inner
	echo odd >"odd,co:lon/f"
	echo inner >conf/inner/f
	printf '{"volumes": ["inner:/inner:ro", "inner:/other"]}' >conf/c.json
	status 'D1: --mount, a description, an option in its place' 0 \
		run -c conf/c.json -v d:/other:ro --mount "type=bind,src=conf,dst=/conf,readonly" -- \
		sh -c 'cat /inner/f /conf/inner/f; cat /other/a; echo x >/conf/x; true'
	is 'D1: each is where it belongs' "$(cat out)" 'inner
inner
one'
	ok 'D2: --mount readonly' test ! -e conf/x
	status 'D1: --mount type=tmpfs, and what is mounted in it' 0 run -v conf/inner:/t/in --mount \
		type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700 -- sh -c 'cat /t/in/f; stat -c %a /t; grep " /t " /proc/mounts'
	is 'D1: --mount type=tmpfs: in it' "$(sed 3d out)" 'inner
700'
	like 'D1: --mount type=tmpfs: its size' "$(sed -n 3p out)" '^tmpfs /t tmpfs rw,nosuid,nodev,noexec,.*size=1024k,mode=700'
	for how in '' none; do
		mkdir -p odd,dir
		echo odd >odd,dir/f
		EXECVM_VIRTIOFSD=$how status "D1: a comma in its name${how:+, by 9p}" 0 run -v odd,dir:/odd -- cat /odd/f
		is "D1: a comma in its name${how:+, by 9p}: it is there" "$(cat out)" odd
	done
	like 'D1: the way is shown by --dry-run' "$(run --dry-run -v d:/d -- true)" \
		'vhost-user-fs-device,chardev=share0,tag=share0'
	like 'D1: the other way is shown by --dry-run' "$(EXECVM_VIRTIOFSD=none run --dry-run -v d:/d:ro -- true)" \
		"-fsdev local,id=share0,path=$here/d,.*readonly=on -device virtio-9p-device,fsdev=share0"
}

host_root() { # HOW
	status "D5: $1: the host's root" 0 run --root host -w "$here" -- sh -c '
		cat d/a; echo new >d/new; cat d/new; rm d/a; ls d; echo y >/etc/execvm-test; cat /etc/execvm-test
		/bin/execvm --version; readlink /proc/1/root; mount -o remount,rw / ; hostname'
	like "D5: $1: its files" "$(cat out)" '^one$'
	like "D5: $1: what is written can be read" "$(cat out)" '^new$'
	ok "D5: $1: nothing is changed" test -e d/a -a ! -e d/new -a ! -e /etc/execvm-test
	status "D5: $1: a program of the host" 3 run --root host -- "$HELPERS/exit-with" 3
	status "D5: $1: it is not changed, ever" 125 run --root host --root-mode rw -- true
	like "D5: $1: why" "$(cat err)" 'root-mode rw: .*host'
}

servers() {
	mkdir -p s
	"$EXECVM" run -v s:/s -- sh -c 'echo $$ >/s/up; sleep 600' </dev/null >out 2>err &
	runner=$!
	for _ in 1 2 3 4 5; do wait_for test -s s/up && break; done
	server=$(pgrep -P $runner virtiofsd)
	ok 'D6: the premise: there is a file server' test -n "$server"
	kill -KILL "$server"
	wait $runner
	is 'D6: a file server that ends: 125' $? 125
	like 'D6: a file server that ends: why' "$(cat err)" '^execvm run: the machine is lost: virtiofsd ended'
	rm s/up
	"$EXECVM" run -v s:/s -- sh -c 'echo $$ >/s/up; sleep 600' </dev/null >out 2>err &
	runner=$!
	for _ in 1 2 3 4 5; do wait_for test -s s/up && break; done
	left=$(pgrep -P $runner | tr '\n' ' ')
	kill -KILL $runner
	wait $runner 2>/dev/null
	none_left() {
		for p in $left; do ! kill -s 0 "$p" 2>/dev/null || return 1; done
	}
	ok 'D6: the runner is killed: nothing is left' wait_for none_left
	status 'D6: a file server that cannot start: 125' 125 env EXECVM_VIRTIOFSD=/bin/false "$EXECVM" run -v s:/s -- true
	like 'D6: a file server that cannot start: why' "$(cat err)" '^execvm run: the machine is lost: '
}

cloud() {
	kernel=$(find /boot -name 'vmlinuz-*-cloud-amd64' 2>/dev/null | sort -V | tail -n 1)
	if [ -z "$kernel" ]; then
		skip "D1: Debian's kernel" 'no linux-image-cloud-amd64 in /boot'
		return
	fi
	tree c
	status "D1: Debian's kernel: virtiofs by its modules" 0 run --kernel "$kernel" -v c:/c:ro -- cat /c/a
	is "D1: Debian's kernel: it is there" "$(cat out)" one
	EXECVM_VIRTIOFSD=none status "D3: Debian's kernel has no 9p: 125" 125 run --kernel "$kernel" -v c:/c -- true
	like "D3: Debian's kernel has no 9p: why" "$(cat err)" 'has no 9p'
}

refusals
words
[ "$(id -u)" = 0 ] || skip_all 'virtiofs: needs root'
for how in virtiofs 9p; do
	[ $how = virtiofs ] || export EXECVM_VIRTIOFSD=none
	both_ways $how
	read_only $how
	host_root $how
done
unset EXECVM_VIRTIOFSD
servers
cloud
done_testing
