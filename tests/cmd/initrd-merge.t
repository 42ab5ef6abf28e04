#!/bin/sh
# SPDX-License-Identifier: MIT
# R8, R9: several sources become one tree; no path leaves it, none is there twice.
# timeout: 60
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"

list() {
	"$EXECVM" initrd build --list "$@" | grep -v ' dev'
}
names() {
	list "$@" | awk '{ print $8 $9 $10 }' | paste -sd' '
}
content() { # NAME WORDS...
	name=$1
	shift
	"$EXECVM" initrd build --no-check "$@" | cpio -i --to-stdout "$name" 2>/dev/null
}
refused() { # NAME PATTERN WORDS...
	name=$1 pattern=$2
	shift 2
	status "$name is refused" 125 "$EXECVM" initrd build --no-check -o never "$@"
	like "X6 $name: the reason" "$(cat err)" "$pattern"
	is "X6 $name: one line" "$(wc -l <err)" 1
	ok "R16 $name: no output" test ! -e never
}

mkdir -p a/dir b/dir c
printf a >a/dir/one && printf a >a/dir/two && printf a >a/top
printf b >b/dir/two && printf b >b/dir/three && printf b >b/top
chmod 700 b/dir
printf host >host
tar -C a -cf a.tar .
(cd b && find . | cpio -o -H newc >../b.cpio 2>/dev/null)
is 'R8 trees are merged' "$(names --tree a --tree b)" 'dir dir/one dir/three dir/two top'
is 'R8 archives are merged' "$(names --archive a.tar --archive b.cpio)" 'dir dir/one dir/three dir/two top'
is 'R8 the last one wins: b' "$(content top --archive a.tar --archive b.cpio)" b
is 'R8 the last one wins: a' "$(content top --archive b.cpio --archive a.tar)" a
is 'R8 a directory keeps what is in it, and takes the mode' "$(list --tree a --tree b | awk '$8 == "dir" { print $1 }')" d0700
is 'R8 no path twice' "$(names --archive a.tar --archive a.tar --tree a)" 'dir dir/one dir/two top'
is 'R8 --add over an archive before it' "$(content top --archive a.tar --add host=/top)" host
is 'R8 --add under an archive after it' "$(content top --add host=/top --archive a.tar)" a
is 'R8 --make over, a file becomes a fifo' "$(list --tree a --make /top=fifo | awk '$8 == "top" { print $1 }')" p0644
is 'R8 a file over an empty directory' "$(list --make /x=dir --add host=/x | awk '$8 == "x" { print $1 }')" -0644
is 'R8 a directory over a file' "$(list --add host=/x --make /x=dir | awk '$8 == "x" { print $1 }')" d0755
refused 'R8 a file over a directory that has entries' '/dir: a file in place of a directory' --tree a --add host=/dir
refused 'R8 a symlink over a directory that has entries' '/dir: a symlink in place of a directory' --tree a --make /dir=symlink:x
refused 'R8 an entry below a file' '/top/x: /top is a file' --tree a --add host=/top/x

# What --list says.
printf 12 >'c/blank and	tab'
ln -s 'to \ there' c/link
chmod 640 c/blank*
is 'R8 --list: one line each, all that is in a header, blanks escaped' "$(list --tree c)" \
	'-0640 1 1 0 0 0 2 blank\040and\011tab
l0777 5 1 0 0 0 0 link -> to\040\134\040there'
status 'R8 --list writes no archive' 125 "$EXECVM" initrd build --tree a --list -o never
status 'R8 --list, stdout full' 125 sh -c 'exec "$0" initrd build --list --tree a >/dev/full' "$EXECVM"

# Words of --add.
chmod 640 host
is 'R6 --add: mode of the host, owner root' "$(list --add host=/f | awk '{ print $1, $4, $5 }')" '-0640 0 0'
is 'R6 --add: mode, uid, gid' "$(list --add host=/f,mode=4755,uid=1,gid=2 | awk '{ print $1, $4, $5 }')" '-4755 1 2'
printf x >'a=b,c'
is 'R6 --add: "=" and "," in the names' "$(names --add 'a=b,c=/d,e')" 'd,e'
for word in '' host host=rel =/x host= /x host=/ host=/x,mode=9 host=/x,uid=x 'host=/x,mod=755' host=/a/../b; do
	status "R6 X6 --add '$word' is refused" 125 "$EXECVM" initrd build --no-check --add "$word" -o never
	is "X6 --add '$word': one line" "$(wc -l <err)" 1
done
refused '--add of what is not there' 'absent: No such file' --add absent=/x
refused '--add of a directory' 'a: not a regular file, but a directory \(see --tree\)' --add a=/x
refused '--add of a device' '/dev/null: not a regular file' --add /dev/null=/x
ln -s host to-host
is '--add follows a symlink of the host' "$(content f --add to-host=/f)" host

# R9
mkdir evil && printf evil >evil/f
tar -P -cf dotdot.tar --transform 's,evil/f,../../f,' evil/f
refused "R9 '..' in an archive" "dotdot.tar: '../../f': '..' is refused" --archive dotdot.tar
tar -P -cf inner.tar --transform 's,evil/f,a/../b,' evil/f
refused "R9 '..' inside a path" "'a/../b'" --archive inner.tar
tar -P -cf absolute.tar --transform 's,evil/f,//abs/./x//f,' evil/f
is 'R9 an absolute path is one below the root; "." and "//" go' "$(names --archive absolute.tar)" 'abs abs/x abs/x/f'
tar -cf dot.tar ./evil ./evil/f evil/f
is 'R9 "./x" and "x" are one' "$(names --archive dot.tar)" 'evil evil/f'
is 'R9 "..x" and "x.." are names' "$(names --add host=/..x --add host=/x..)" '..x x..'
mkdir parent && ln -s /etc parent/link
tar -cf link.tar -C parent link
tar -cf below.tar --transform 's,evil/f,link/passwd,' evil/f
refused 'R9 a member below a symlink of an archive before' "below.tar: /link/passwd: /link is a symlink to '/etc'" \
	--archive link.tar --archive below.tar
tar -rf link.tar --transform 's,evil/f,link/passwd,' evil/f
refused 'R9 a member below a symlink of the same archive' "link.tar: /link/passwd: /link is a symlink" --archive link.tar

# A root with merged /usr: /bin is a symlink.
mkdir -p root/usr/bin root/usr/lib overlay/bin
ln -s usr/bin root/bin
ln -s /usr/lib root/lib
ln -s usr/lib root/lib64
printf 1 >root/usr/bin/sh && printf 2 >overlay/bin/new
tar -C root -cf root.tar .
is 'R9 --add goes through symlinks of the archive' "$(names --archive root.tar --add host=/bin/execvm | grep -o '[^ ]*execvm')" usr/bin/execvm
is 'R9 --add goes through symlinks of an archive that comes later' \
	"$(names --add host=/bin/execvm --archive root.tar)" "$(names --archive root.tar --add host=/bin/execvm)"
is 'R9 --add: absolute target' "$(names --archive root.tar --add host=/lib/a/b | grep -o '[^ ]*a/b')" usr/lib/a/b
is 'R9 --make goes through symlinks as well' "$(names --archive root.tar --make /lib64/d=dir | grep -o '[^ ]*/d$\|[^ ]*/d ' | tr -d ' ')" usr/lib/d
is 'R9 --add: the last component is replaced, not followed' \
	"$(list --archive root.tar --make /usr/bin/l=symlink:sh --add host=/bin/l | awk '/bin\/l/ { print $1, $8 }')" '-0640 usr/bin/l'
is 'R9 --add: a symlink that leaves the root stays in it' \
	"$(names --make /up=symlink:../../../top --add host=/up/f)" 'top top/f up->../../../top'
is 'R9 --add through a symlink that --make names later' \
	"$(names --add host=/bin/f --make /bin=symlink:usr/bin)" 'bin->usr/bin usr usr/bin usr/bin/f'
is 'R8 a symlink behind a file of the same name' "$(names --add host=/f --make /f=symlink:x)" 'f->x'
is 'R8 a file behind a symlink of the same name' "$(names --make /f=symlink:x --add host=/f)" 'f'
refused 'R9 --add through a symlink that goes round' '/loop/f: Too many levels' --make /loop=symlink:loop --add host=/loop/f
refused 'R9 a tree with /bin over a link /bin' "/bin: a directory in place of a symlink to 'usr/bin'" \
	--archive root.tar --tree overlay
is 'R9 --rename puts it right' "$(names --archive root.tar --rename bin=usr/bin --tree overlay | grep -o '[^ ]*new')" usr/bin/new

# --rename
mkdir -p ren/rootfs/bin ren/rootfs2 ren/other
printf 1 >ren/rootfs/bin/x && printf 2 >ren/rootfs2/y && printf 3 >ren/other/z
ln ren/rootfs/bin/x ren/rootfs/bin/hard
ln -s bin/x ren/rootfs/soft
tar -C ren -cf ren.tar .
is 'R8 --rename takes a prefix away' "$(names --rename rootfs=/ --archive ren.tar)" \
	'bin bin/hard bin/x other other/z rootfs2 rootfs2/y soft->bin/x'
is 'R8 --rename: hard links stay' "$(list --rename rootfs=/ --archive ren.tar | awk '/bin\/x/ { print $3; exit }')" 2
is 'R8 --rename puts a prefix in front' "$(names --rename /=/sysroot --archive a.tar)" \
	'sysroot sysroot/dir sysroot/dir/one sysroot/dir/two sysroot/top'
is 'R8 --rename at whole components only' "$(names --rename /rootfs=/r --tree ren | grep -o 'rootfs2/y')" rootfs2/y
is 'R8 --rename: the first rule that matches, once' \
	"$(names --rename dir/one=/1 --rename dir=/d --rename d=/e --tree a)" '1 d d/two top'
is 'R8 --rename of a single file' "$(names --rename top=x/y --tree a)" 'dir dir/one dir/two x x/y'
is 'R8 --rename leaves --add alone' "$(names --rename dir=d --add host=/dir/f --tree a)" 'd d/one d/two dir dir/f top'
is 'R8 --rename leaves the sources in front of it alone' "$(names --tree a --rename dir=d --tree b 2>&1)" \
	'd d/three d/two dir dir/one dir/two top'
status 'R8 --rename of nothing' 0 "$EXECVM" initrd build --no-check --rename nothing=x --tree a -o out.cpio
like 'R8 --rename of nothing: warning' "$(cat err)" "warning: nothing to rename at or below '/nothing'"
for word in '' = x x= =x x=../y ../x=y; do
	status "R8 X6 --rename '$word' is refused" 125 "$EXECVM" initrd build --tree a --rename "$word" -o never
done

# Misuse
refused 'an operand' "'x' is no option" x
status 'X6 no subcommand' 125 "$EXECVM" initrd
status 'X6 an unknown subcommand' 125 "$EXECVM" initrd make
like 'X6 an unknown subcommand is named' "$(cat err)" "'make'"
status 'X6 stdin twice' 125 "$EXECVM" initrd build --archive - --archive - -o never
like 'X6 stdin twice: the reason' "$(cat err)" 'more than once'
status 'R8 options in front of the subcommand' 0 "$EXECVM" initrd --no-check --tree a build -o out.cpio
status 'R8 nothing at all is an archive of two devices' 0 "$EXECVM" initrd build --no-check -o out.cpio
is 'R6 its names' "$(cpio -it <out.cpio 2>/dev/null | paste -sd' ')" 'dev dev/console dev/null'
done_testing
