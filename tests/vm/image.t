#!/bin/sh
# SPDX-License-Identifier: MIT
# M13, M14: a machine whose root is an image: imported, and saved by a real Docker.
# timeout: 300
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/image.sh
. "$SRCDIR/tests/image.sh"
# shellcheck source=tests/docker.sh
. "$SRCDIR/tests/docker.sh"

"$EXECVM" run --dry-run -- /bin/true >/dev/null 2>&1

# A root in the manner of Debian's: a merged /usr, users, a file with a capability.
mkdir -p root/usr/bin root/etc root/root root/tmp root/srv
cp /bin/busybox root/usr/bin/busybox
for applet in sh cat ls id pwd env echo readlink test; do
	ln -s busybox "root/usr/bin/$applet"
done
ln -s usr/bin root/bin
printf 'root:x:0:0::/root:/bin/sh\nworker:x:77:78::/srv:/bin/sh\n' >root/etc/passwd
printf 'root:x:0:\nworkers:x:78:\n' >root/etc/group
cp /bin/busybox root/usr/bin/busybox-capable
capability=no
if [ "$(id -u)" = 0 ] && setcap cap_net_raw=ep root/usr/bin/busybox-capable 2>/dev/null; then
	capability=yes
fi
tar -C root --xattrs --xattrs-include='*' --owner=0 --group=0 -cf root.tar .
"$EXECVM" image import busy <root.tar >out
run() {
	"$EXECVM" run "$@" </dev/null
}

status 'M13: the root is that of the image' 0 run --image busy -- /bin/sh -c 'cat /etc/group; readlink /bin; echo >/new && echo written'
is 'M13: with what is in it' "$(tail -n 3 out | tr '\n' ' ')" 'workers:x:78: usr/bin written '
is 'M13: nothing else is said' "$(cat err)" ''
printf '{ "image": "busy:latest", "cwd": "/srv", "args": ["/bin/pwd"] }' >busy.json
status 'M13: by a description' 0 run -c busy.json
is 'M13: by a description: the rest of it' "$(cat out)" /srv
digest=$("$EXECVM" image inspect busy | sed -n 's/.*"digest": "\(.*\)".*/\1/p')
status 'M13: pinned' 0 run --image "busy@$digest" -- /bin/echo
[ "$capability" = no ] || {
	status 'M14: file capabilities' 0 run --image busy -u worker -- /bin/busybox-capable grep CapEff /proc/self/status
	like 'M14: count inside' "$(cat out)" '0000000000002000$'
	unsquashfs -q -n -f -d caps "$(root_of busy)" >/dev/null 2>&1
	like 'M14: are in the root' "$(getcap caps/usr/bin/busybox-capable)" 'cap_net_raw=ep'
}

refused() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "M13: $name: 125" 125 run "$@"
	like "M13: $name: why" "$(cat err)" "^execvm run: $pattern"
	is "M13: $name: in one line" "$(wc -l <err)" 1
}
refused 'an image that is not there' "--image: 'nothing': no such image \\(execvm image ls\\)" --image nothing -- /bin/true
refused 'a pin that does not hold' "--image: 'busy:latest' is sha256:" --image "busy@sha256:$(digest root.tar)" -- /bin/true
refused 'a root as well' '--image: there is a root as well' --image busy --root x.img -- /bin/true
refused 'root-mode rw' '--image: images never change' --image busy --root-mode rw -- /bin/true
refused 'no command anywhere' 'no command' --image busy
refused 'the runner local' 'runner local: it has no --image' -r local --image busy -- /bin/true
printf '{ "image": "nothing",\n "args": ["x"] }' >bad.json
refused 'an image of a description' "bad.json:1: key 'image': 'nothing': no such image" -c bad.json
status 'M13: the runner void does not look' 0 run -r void --image nothing -- /bin/true
like 'M13: --dry-run has the path' "$(run --dry-run --image busy -- /bin/true)" "file=$(root_of busy),format=raw,readonly=on"

# A machine goes on with what it has open.
"$EXECVM" image import doomed <root.tar >out
layer other.tar x
mkfifo gate
"$EXECVM" run --image doomed -- /bin/sh -c 'echo ready; read x; cat /etc/group' <gate >doomed.out 2>&1 &
pid=$!
exec 9>gate
ready() {
	grep -q ready doomed.out
}
wait_for ready || wait_for ready || wait_for ready
"$EXECVM" image rm busy doomed >out
like 'M7: rm of what a machine runs on' "$(cat out)" '^Deleted: '
echo go >&9
exec 9>&-
wait $pid
is 'M7: it goes on' "$(tail -n 1 doomed.out)" 'workers:x:78:'

# The config of an image, and what goes over it.
layer l.tar srv/data
docker_archive d.tar '["conf"]' '{"Env":["PATH=/bin","GREETING=hello there","EMPTY="],"WorkingDir":"/srv","User":"worker","Entrypoint":["/bin/sh","-c"],"Cmd":["echo $GREETING; pwd; id -u; cat data"]}' root.tar l.tar
"$EXECVM" image load <d.tar >out
status 'M13: entrypoint and cmd' 0 run --image conf
is 'M13: env, directory, user' "$(tr '\n' ' ' <out)" 'hello there /srv 77 l.tar '
status 'M13: a command is run as it is' 0 run --image conf -- /bin/echo '$GREETING'
is 'M13: without the entrypoint' "$(cat out)" '$GREETING'
status 'M13: the options win' 0 run --image conf -e GREETING=bye -e NEW=1 -w /tmp -u root -- /bin/sh -c 'echo $GREETING $NEW $EMPTY $PATH; pwd; id -u'
is 'M13: each by itself' "$(tr '\n' ' ' <out)" 'bye 1 /bin /tmp 0 '
like 'M13: the env of an image is not private' "$("$EXECVM" run --show-append --image conf | sed 's/.*execvm.payload=//' |
	tr -- '-_' '+/' | base64 -d 2>/dev/null)" '"GREETING": *"hello there"'

# Docker's own.
trap docker_stop EXIT
docker_start || {
	skip 'M14: saved by Docker' "docker: $docker_why"
	done_testing
}
docker import root.tar base >/dev/null
build() { # NAME BASE SCRIPT: a layer more
	docker create --name "$1" --network=none "$2" /bin/sh -c "$3" >/dev/null && docker start -a "$1" &&
		docker commit "$1" "$1" >/dev/null && docker rm "$1" >/dev/null
}
build one base 'busybox mkdir -p /app/keep /app/drop; echo 1 >/app/keep/a; echo 2 >/app/drop/b; busybox ln /app/keep/a /app/hard; echo gone >/app/gone'
build two one 'busybox rm -r /app/drop /app/gone /app/keep/a; busybox mkdir /app/drop; echo new >/app/drop/c; busybox rm /etc/group; busybox ln -s /bin/busybox /bin/find'
docker create --name three --network=none two /bin/true >/dev/null
docker commit -c 'ENV PATH=/bin KIND="from docker"' -c 'WORKDIR /app' -c 'USER 77:78' -c 'ENTRYPOINT ["/bin/sh","-c"]' \
	-c 'CMD ["echo $KIND; pwd; id -u; id -g; find . | busybox sort; cat hard; ls /etc"]' three app:1 >/dev/null
docker save app:1 | "$EXECVM" image load >out 2>err
is 'M14: docker save | image load' "$(cat out err)" 'Loaded image: app:1'
docker run --rm --network=none app:1 >of-docker 2>&1
status 'M14: run it' 0 run --image app:1
is 'M14: config and whiteouts, seen from inside' "$(head -n 10 out | tr '\n' ' ')" \
	'from docker /app 77 78 . ./drop ./drop/c ./hard ./keep 1 '
# Docker puts files of its own into /etc.
is 'M14: it says what docker run says' "$(head -n 10 out)" "$(head -n 10 of-docker)"
unlike 'M14: what was removed in /etc is not there' "$(tail -n +11 out)" '^group$'
if [ "$capability" = yes ]; then
	rm -rf caps
	unsquashfs -q -n -f -d caps "$(root_of app:1)" >/dev/null 2>&1
	like 'M14: file capabilities come through Docker' "$(getcap caps/usr/bin/busybox-capable)" 'cap_net_raw=ep'
fi
first=$("$EXECVM" image inspect app:1 | grep '"digest"')
docker save app:1 | gzip | "$EXECVM" image load other:1 >out
is 'M14: the same archive, the same image' "$("$EXECVM" image inspect other:1 | grep '"digest"')" "$first"
done_testing
