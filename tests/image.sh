# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# For tests of images: a store of their own, archives of layers, what is in a root.

export XDG_DATA_HOME="$PWD/data"
store=$XDG_DATA_HOME/execvm/images
PATH=$PATH:/sbin:/usr/sbin

image() {
	"$EXECVM" image "$@"
}

# The root of an image, a file.
root_of() {
	image inspect "$1" | sed -n 's/^  "path": "\(.*\)",\?$/\1/p'
}

# path mode owner size (of files), target: of all that is in an image, sorted.
in_image() {
	unsquashfs -lln "$(root_of "$1")" | LC_ALL=C awk '{ p = $6; sub(/^squashfs-root\/?/, "/", p)
		print p, $1, $2 ($1 ~ /^-/ ? " " $3 : "") ($7 == "->" ? " -> " $8 : "") }' | LC_ALL=C sort
}

# The contents of a file in an image.
cat_image() {
	unsquashfs -cat "$(root_of "$1")" "$2" 2>/dev/null
}

digest() {
	sha256sum "$1" | cut -d ' ' -f 1
}

# docker_archive OUT TAGS CONFIG LAYER...: as docker save writes it. TAGS and CONFIG are JSON; a layer
# is a tar, packed or not; $DIFF_IDS instead of the true ones.
docker_archive() (
	out=$1 tags=$2 config=$3
	shift 3
	rm -rf box && mkdir box
	ids='' layers=''
	for l in "$@"; do
		id=$(unpacked "$l" | sha256sum | cut -d ' ' -f 1)
		mkdir -p "box/$id"
		cp "$l" "box/$id/layer.tar"
		ids="$ids${ids:+,}\"sha256:$id\""
		layers="$layers${layers:+,}\"$id/layer.tar\""
	done
	printf '{"architecture":"amd64","config":%s,"os":"linux","rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$config" "${DIFF_IDS-$ids}" >box/config
	name=$(digest box/config).json
	mv box/config "box/$name"
	printf '[{"Config":"%s","RepoTags":%s,"Layers":[%s]}]\n' "$name" "$tags" "$layers" >box/manifest.json
	tar -C box -cf "$out" .
)

unpacked() {
	case $(od -An -N 2 -tx1 "$1") in
	' 1f 8b') gzip -dc "$1" ;;
	' 28 b5') zstd -dqc "$1" ;;
	*) cat "$1" ;;
	esac
}

# oci_archive OUT NOTES CONFIG LAYER...: an OCI layout. NOTES is a JSON object of annotations.
oci_archive() (
	out=$1 notes=$2 config=$3
	shift 3
	rm -rf box && mkdir -p box/blobs/sha256
	ids='' layers=''
	for l in "$@"; do
		ids="$ids${ids:+,}\"sha256:$(unpacked "$l" | sha256sum | cut -d ' ' -f 1)\""
		layers="$layers${layers:+,}$(descriptor "$l" application/vnd.oci.image.layer.v1.tar)"
	done
	printf '{"config":%s,"rootfs":{"diff_ids":[%s]}}' "$config" "$ids" >config
	printf '{"schemaVersion":2,"config":%s,"layers":[%s]}' \
		"$(descriptor config application/vnd.oci.image.config.v1+json)" "$layers" >manifest
	d=$(descriptor manifest application/vnd.oci.image.manifest.v1+json)
	printf '{"schemaVersion":2,"manifests":[%s,"annotations":%s}]}' "${d%\}}" "$notes" >box/index.json
	echo '{"imageLayoutVersion":"1.0.0"}' >box/oci-layout
	tar -C box -cf "$out" .
)

# A file as a blob of box: its descriptor.
descriptor() {
	cp "$1" "box/blobs/sha256/$(digest "$1")"
	printf '{"mediaType":"%s","digest":"sha256:%s","size":%d}' "$2" "$(digest "$1")" "$(wc -c <"$1")"
}

# What is in the store, and nothing has a name that it should not have.
store_files() {
	(cd "$store" 2>/dev/null && find . -type f | sort)
}

# layer OUT NAME...: a tar of files of these names, a slash at the end makes a directory; each file
# holds the name of the layer.
layer() (
	out=$1
	shift
	rm -rf layer.d && mkdir layer.d
	for n in "$@"; do
		case $n in
		*/) mkdir -p "layer.d/$n" ;;
		*)
			mkdir -p "layer.d/$(dirname "$n")"
			echo "$out" >"layer.d/$n"
			;;
		esac
	done
	printf '%s\n' "$@" | tar -C layer.d --no-recursion --owner=0 --group=0 --mtime=@1000 -cf "$out" -T -
)
