#!/bin/sh
# SPDX-License-Identifier: MIT
# M3, M4, M5, M12: archives of layers, as docker and OCI have them; hostile ones.
# timeout: 90
set -u
# shellcheck source=tests/tap.sh
. "$SRCDIR/tests/tap.sh"
# shellcheck source=tests/image.sh
. "$SRCDIR/tests/image.sh"

config='{"Env":["PATH=/bin","A=b c"],"WorkingDir":"/work","User":"7:8","Entrypoint":["/entry"],"Cmd":["x","y z"],"Labels":{"a":"b"},"ExposedPorts":{"80/tcp":{}}}'
layer l1.tar etc/ etc/a etc/b etc/old opt/ opt/x opt/deep/ opt/deep/y gone
layer l2.tar etc/.wh.old .wh.gone opt/.wh..wh..opq opt/new etc/b
layer l3.tar opt/x opt/.wh.nothing
gzip -n <l2.tar >l2.tar.gz
zstd -q <l3.tar >l3.tar.zst
flat='/ drwxr-xr-x 0/0
/etc drwxr-xr-x 0/0
/etc/a -rw-r--r-- 0/0 7
/etc/b -rw-r--r-- 0/0 7
/opt drwxr-xr-x 0/0
/opt/new -rw-r--r-- 0/0 7
/opt/x -rw-r--r-- 0/0 7'

docker_archive d.tar '["app:1","reg.example/app"]' "$config" l1.tar l2.tar l3.tar
status 'M12: docker save' 0 "$EXECVM" image load <d.tar
is 'M12: every name' "$(cat out)" 'Loaded image: app:1
Loaded image: reg.example/app:latest'
is 'M3: layers in order, whiteouts, an opaque directory' "$(in_image app:1)" "$flat"
is 'M3: the later one counts' "$(cat_image app:1 etc/b) $(cat_image app:1 opt/x)" 'l2.tar l3.tar'
want=$("$EXECVM" image inspect app:1 | grep '"digest"')
is 'M12: the config is kept' "$("$EXECVM" image inspect app:1 | tr -d ' \n' | grep -o '"config":{[^}]*}')" \
	'"config":{"Cmd":["x","yz"],"Entrypoint":["/entry"],"Env":["PATH=/bin","A=bc"],"User":"7:8","WorkingDir":"/work"}'
same_image() { # NAME REFERENCE
	is "M12: $1: the same image" "$("$EXECVM" image inspect "$2" 2>&1 | grep '"digest"')" "$want"
}
docker_archive z.tar '["packed"]' "$config" l1.tar l2.tar.gz l3.tar.zst
status 'M12: packed layers, the archive packed, from a pipe' 0 sh -c 'gzip <z.tar | "$EXECVM" image load'
same_image 'packed layers' packed
status 'M12: from a file, under another name' 0 "$EXECVM" image load -i d.tar other
is 'M12: that name alone' "$(cat out)" 'Loaded image: other:latest'
same_image 'another name' other
oci_archive o.tar '{"org.opencontainers.image.ref.name":"oci:2"}' "$config" l1.tar l2.tar.gz l3.tar.zst
status 'M12: an OCI layout' 0 "$EXECVM" image load <o.tar
is 'M12: its name' "$(cat out)" 'Loaded image: oci:2'
same_image 'an OCI layout' oci:2
oci_archive o.tar '{"org.opencontainers.image.ref.name":"3","io.containerd.image.name":"docker.io/library/full:3"}' "$config" l1.tar l2.tar l3.tar
status 'M12: the full name, as containerd notes it' 0 "$EXECVM" image load -q <o.tar
is 'M12: as docker shows it' "$(cat out)" 'Loaded image: full:3'

# An index in an index, with a manifest for each platform.
oci_archive o.tar '{}' "$config" l1.tar l2.tar l3.tar
case $(uname -m) in
x86_64) here=amd64 ;;
aarch64) here=arm64 ;;
*) here=$(uname -m) ;;
esac
nested() { # PLATFORM: manifest has been left by oci_archive
	d=$(descriptor manifest application/vnd.oci.image.manifest.v1+json)
	printf '{"manifests":[{"digest":"sha256:%064d","platform":{"os":"linux","architecture":"none"}},%s,"platform":%s}]}' \
		1 "${d%\}}" "$1" >inner
	d=$(descriptor inner application/vnd.oci.image.index.v1+json)
	printf '{"manifests":[%s,"annotations":{"org.opencontainers.image.ref.name":"nested:1"}}]}' "${d%\}}" >box/index.json
	tar -C box -cf o.tar .
}
nested "{\"os\":\"linux\",\"architecture\":\"$here\"}"
status 'M12: an index of platforms' 0 "$EXECVM" image load <o.tar
same_image 'an index of platforms' nested:1
nested '{"os":"linux","architecture":"other"}'
status 'M12: none for this machine: 125' 125 "$EXECVM" image load <o.tar
like 'M12: none for this machine: why' "$(cat err)" 'an index without an image for this machine'

d=$(descriptor manifest application/vnd.oci.image.manifest.v1+json)
name='"annotations":{"org.opencontainers.image.ref.name":"flat:1"}'
printf '{"manifests":[%s,"platform":{"os":"linux","architecture":"%s"},%s},{"digest":"sha256:%064d","platform":{"os":"linux","architecture":"none"},%s}]}' \
	"${d%\}}" "$here" "$name" 1 "$name" >box/index.json
tar -C box -cf o.tar .
status 'M12: platforms in the index itself' 0 "$EXECVM" image load <o.tar
same_image 'platforms in the index itself' flat:1

# A layer that is there twice is a symlink in what docker writes.
docker_archive d.tar '["links:1"]' "$config" l1.tar l2.tar l3.tar
a=$(digest l1.tar)
b=$(digest l2.tar)
mv "box/$a" box/real && mkdir "box/$a" && ln -s "../real/layer.tar" "box/$a/layer.tar"
mv "box/$b/layer.tar" box/hard && ln box/hard "box/$b/layer.tar"
tar -C box -cf d.tar .
status 'M12: layers that are links in the archive' 0 "$EXECVM" image load <d.tar
same_image 'links' links:1

# Two images in one.
two() {
	docker_archive a.tar "$1" '{}' l1.tar && cp box/manifest.json m1 && mv box box1
	docker_archive b.tar "$2" 'null' l3.tar && cp box/manifest.json m2 && cp -r box/* box1/
	printf '[%s,%s]' "$(sed 's/^\[//; s/\]$//' m1)" "$(sed 's/^\[//; s/\]$//' m2)" >box1/manifest.json
	tar -C box1 -cf two.tar . && rm -r box1
}
two '["first"]' '["second:x"]'
status 'M12: two images' 0 "$EXECVM" image load <two.tar
is 'M12: two images: both' "$(cat out)" 'Loaded image: first:latest
Loaded image: second:x'
status 'M12: two images and one NAME' 125 "$EXECVM" image load name <two.tar
like 'M12: two images and one NAME: why' "$(cat err)" 'the archive has 2 images'
two '["first"]' null
status 'M12: an image without a name' 125 "$EXECVM" image load <two.tar
like 'M12: an image without a name: why' "$(cat err)" 'does not name its image: give a NAME'

# More than one name of an inode, of which layers take some away.
rm -rf h && mkdir h && echo hard >h/a && ln h/a h/b && ln h/a h/c
tar -C h --owner=0 --group=0 -cf h1.tar a b c
layer h2.tar .wh.a d
rm -rf h && mkdir h && echo changed >h/b
tar -C h --owner=0 --group=0 -cf h3.tar b
docker_archive d.tar '["hard"]' '{}' h1.tar h2.tar h3.tar
status 'M3: hard links' 0 "$EXECVM" image load <d.tar
is 'M3: hard links: what is left' "$(cat_image hard b) $(cat_image hard c)" 'changed hard'

# Below symlinks: inside the root, never on the host.
rm -rf s && mkdir -p s/usr/lib && ln -s usr/lib s/lib && ln -s "$PWD/victim" s/out && ln -s ../../../../.. s/up
mkdir victim
tar -C s --owner=0 --group=0 -cf s1.tar usr lib out up
layer s2.tar lib/x
tar -cf - -C layer.d --transform 's,lib/x,out/y,' lib/x >s3.tar 2>/dev/null || :
layer s3.tar out/y up/z
docker_archive d.tar '["syms"]' '{}' s1.tar s2.tar s3.tar
status 'M4: names below symlinks' 0 "$EXECVM" image load <d.tar
is 'M4: are inside the root' "$(cat_image syms usr/lib/x) $(cat_image syms z) $(cat_image syms "$PWD/victim/y")" \
	's2.tar s3.tar s3.tar'
is 'M4: nothing is outside' "$(ls -A victim)" ''
like 'M4: the symlink stays' "$(in_image syms)" '^/lib l.* -> usr/lib$'

# What is refused, and leaves nothing.
before=$(store_files)
refused() { # NAME PATTERN [FILE]
	status "M4: $1: 125" 125 "$EXECVM" image load bad <"${3-d.tar}"
	like "M4: $1: why" "$(cat err)" "^execvm image: .*$2"
	is "M4: $1: in one line" "$(wc -l <err)" 1
	is "M4: $1: the store is as it was" "$(store_files)" "$before"
}
one() { # LAYER...
	docker_archive d.tar null '{}' "$@"
}
rm -rf e && mkdir e && echo x >e/x && ln e/x e/y && ln -s a e/l
renamed() { # TRANSFORM FILE...
	transform=$1
	shift
	tar -C e -P --owner=0 --group=0 --transform "$transform" -cf e.tar "$@"
	one e.tar
}
renamed 's,^x,../x,' x
refused 'a name that leads out' "layer 1: '../x': leads out"
renamed 's,^x,/a/../../x,' x
refused 'a name that leads out in the middle' "layer 1: .*leads out"
renamed 's,^x,.wh.,' x
refused 'a whiteout of nothing' "'.wh.': a whiteout of nothing"
renamed 's,^x,.wh...,' x
refused 'a whiteout of ..' "a whiteout of nothing"
renamed 's,^x,.wh.a/b,' x
refused 'below a whiteout' "'.wh.a/b': below a whiteout"
renamed 's,^x$,nowhere,RSh' y x
tar -C e --owner=0 --group=0 -cf e.tar x y
tar --delete -f e.tar x
one e.tar
refused 'a hard link to what is not there' "'y': a hard link to 'x', which is not there"
tar -C e -P --owner=0 --group=0 --transform 's,^x,../../etc/passwd,RSh' -cf e.tar x y
one e.tar
refused 'a hard link out of the root' "leads out"
renamed 's,^x$,l/b,;s,^l$,l,;s,^y$,l/c,' l x
printf 'L' >e/a && tar -C e -cf e.tar a && rm e/a
tar -C e --transform 's,x,a/b,' -rf e.tar x
one e.tar
refused 'below a file of the same layer' "'a/b': 'a' is no directory"
rm e/l && ln -s m e/l && ln -s l e/m
tar -C e -cf e.tar l m
tar -C e --transform 's,x,l/b,' -rf e.tar x
one e.tar
refused 'symlinks in a circle' "more than 40 symlinks"
tar -C e --format=pax --transform "s,x,$(printf '%0200d/' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21)x," -cf e.tar x
one e.tar
refused 'a name of 4221 bytes' 'longer than 4095 bytes'
tar -C e --transform "s,x,$(printf '%0256d' 1)," -cf e.tar x
one e.tar
refused 'a part of 256 bytes' 'a name longer than 255 bytes'
head -c 3000 /dev/urandom >noise
one noise
refused 'a layer that is no tar' 'layer 1: not a tar'
tar -C e -cf e.tar x y
gzip <l1.tar >cut.gz
DIFF_IDS="\"sha256:$(digest l1.tar)\"" docker_archive d.tar null '{}' cut.gz
c=$(find box -name layer.tar)
head -c 200 cut.gz >"$c"
tar -C box -cf d.tar .
refused 'a layer whose gzip is cut' 'layer 1: gzip: truncated'
head -c 3000 l1.tar >"$c"
tar -C box -cf d.tar .
refused 'a layer that is cut' 'layer 1: damaged: the layer is sha256:'
DIFF_IDS="\"sha256:$(digest l2.tar)\"" docker_archive d.tar null '{}' l1.tar
refused 'a layer of another diff_id' 'layer 1: damaged: the layer is sha256:'
DIFF_IDS='' docker_archive d.tar null '{}' l1.tar
refused 'diff_ids that are too few' '0 diff_ids for 1 layers'
DIFF_IDS='"sha512:aa"' docker_archive d.tar null '{}' l1.tar
refused 'a diff_id that is none' 'diff_id 1 is no digest'
one l1.tar
rm "$(find box -name layer.tar)"
tar -C box -cf d.tar .
refused 'a layer that is missing' 'layer 1: .*layer.tar is missing in the archive'
manifest() { # JSON
	one l1.tar
	printf '%s' "$1" >box/manifest.json
	tar -C box -cf d.tar .
}
manifest 'no json'
refused 'a manifest that is no JSON' 'manifest.json: '
manifest '{}'
refused 'a manifest of another type' 'manifest.json: not a list'
manifest '[1]'
refused 'an image that is no object' 'an image without a Config'
manifest '[]'
refused 'no image at all' 'the archive has no image'
manifest '[{"Config":"nowhere.json","Layers":[]}]'
refused 'a config that is missing' 'nowhere.json is missing'
manifest '[{"Config":"../../../../etc/passwd","Layers":[]}]'
refused 'a config that leads out' 'is missing in the archive'
manifest '[{"Config":"manifest.json","Layers":[]}]'
refused 'a config that is none' 'config of the image'
manifest '[{"Config":"a","Config":"b","Layers":[]}]'
refused 'a key twice' 'manifest.json: duplicate'
manifest '[{"Config":"x.json","RepoTags":["../x"],"Layers":[]}]'
refused 'a name that is none' "no name of an image: it has '..'"
manifest '[{"Config":"x.json","RepoTags":"x","Layers":[]}]'
refused 'names that are no list' 'RepoTags is no list'
manifest "[{\"Config\":\"x.json\",\"Layers\":[$(yes '"manifest.json",' | head -n 512 | tr -d '\n')\"manifest.json\"]}]"
refused '513 layers' 'more than 512 layers'
manifest "$(head -c 3000 /dev/zero | tr '\0' '[')"
refused 'a manifest 3000 deep' 'manifest.json: '
manifest x
truncate -s 5000000 box/manifest.json
tar -C box -cf d.tar .
refused 'a manifest of 5 MB' 'manifest.json: more than 4194304 bytes'
docker_archive d.tar null '{"Env":[1]}' l1.tar
refused 'a config with wrong types' 'Env has something that is no string'
docker_archive d.tar null '{"Cmd":"sh"}' l1.tar
refused 'a Cmd that is no list' 'Cmd is no list'
one l1.tar
c=$(find box -name '*.json' ! -name manifest.json)
printf ' ' >>"$c"
tar -C box -cf d.tar .
refused 'a config of another digest' 'its digest is sha256:'
oci_archive d.tar '{}' '{}' l1.tar
printf x >>"box/blobs/sha256/$(digest l1.tar)"
tar -C box -cf d.tar .
refused 'an OCI blob of another digest' 'layer 1: damaged: the blob is sha256:'
rm "box/blobs/sha256/$(digest l1.tar)"
tar -C box -cf d.tar .
refused 'an OCI blob that is missing' 'layer 1: blobs/sha256/.* is missing'
sed 's/sha256:/md5:/' box/index.json >index && cp index box/index.json
tar -C box -cf d.tar .
refused 'another kind of digest' "not a sha256 digest"
echo '{"manifests":{}}' >box/index.json
tar -C box -cf d.tar .
refused 'an index without a list' 'index.json: no list of manifests'
refused 'a root file system' 'no archive of images' l1.tar
refused 'no tar' 'not a tar' noise
: >empty
refused 'nothing' 'not a tar' empty
docker_archive d.tar '["whole"]' '{}' l1.tar l2.tar
head -c $(($(stat -c %s d.tar) / 2)) d.tar >cut.tar
refused 'an archive that is cut' 'Truncated' cut.tar

# 512 layers are not too many.
set --
layer many.tar x
for i in $(seq 512); do
	set -- "$@" many.tar
done
docker_archive d.tar '["many"]' '{}' "$@"
status 'M5: 512 layers' 0 "$EXECVM" image load <d.tar
is 'M5: 512 layers: the last one counts' "$(cat_image many x)" many.tar
done_testing
