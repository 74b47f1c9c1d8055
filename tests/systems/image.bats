# shellcheck disable=SC2153 # CLIENT is the lab's
# The container image: what is in it, and that it does its work under the name that a cluster would call it by.

bats_require_minimum_version 1.5.0
load ../lab/lab

setup_file() {
	export STORAGE=$BATS_FILE_TMPDIR/storage
	CONTAINER=$(image from "oci-archive:$LAB_BUILD/lbdns-image.tar")
	ROOTFS=$(image mount "$CONTAINER")
	export CONTAINER ROOTFS
}

setup() {
	lab_up
}

teardown_file() {
	image umount -a
}

image() {
	buildah --root "$STORAGE" --runroot "$STORAGE.run" --storage-driver vfs "$@"
}

@test "the image has the library, lbdns-inspect, the installer and the licences, and nothing else" {
	diff <(find "$ROOTFS" -mindepth 1 -printf '%P %m %U\n' | sort) - <<-EOF2
		LICENSE 644 0
		LICENSE.c-ares 644 0
		lbdns-inspect 755 0
		lbdns-install 755 0
		liblbdns.so 644 0
	EOF2
	[ "$(stat -c %s "$LAB_BUILD/lbdns-image.tar")" -lt 2000000 ]
	lab_equal "$(image inspect --format '{{.OCIv1.Architecture}} {{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}}' \
		"$CONTAINER")" "amd64 65534:65534 [/lbdns-install] [/target]"
}

@test "run, it puts the library into the volume; a client of glibc and one of musl rotate with it" {
	local volume=$LAB/volume client
	mkdir -p "$volume"
	chmod 1777 "$volume"
	image run --isolation chroot --user 12345:12345 --volume "$volume:/target" "$CONTAINER" /lbdns-install /target
	lab_equal "$(find "$volume" -mindepth 1 -printf '%f %U %m\n' | sort)" "$(printf '%s\n' 'lbdns-inspect 12345 755' 'liblbdns.so 12345 644')"
	for client in "$CLIENT" "$CLIENT_MUSL"; do
		lab_equal "$(LD_PRELOAD=$volume/liblbdns.so "$client" once rng-headless 8081 60 | lab_counts)" "20 20 20"
	done
	"$volume/lbdns-inspect" status | awk '$1 ~ /^10\.244\./ { print $3, $4 }' >"$LAB/shown"
	lab_equal "$(<"$LAB/shown")" "$(printf '40 33.3%%\n%.0s' 1 2 3)"
}

@test "whoever loads the archive finds the image by its name: by the index in full, by Docker's manifest as Docker writes it" {
	local name blob
	name=lbdns:$(sed -n 's/^[[:blank:]]*VERSION=//p' "$LAB_ROOT/scripts/lbdns")
	tar -xf "$LAB_BUILD/lbdns-image.tar" -C "$BATS_TEST_TMPDIR"
	grep -q "\"org.opencontainers.image.ref.name\":\"docker.io/library/$name\"" "$BATS_TEST_TMPDIR/index.json"
	grep -q "\"RepoTags\":\[\"$name\"\]" "$BATS_TEST_TMPDIR/manifest.json"
	grep -o 'blobs/sha256/[0-9a-f]*' "$BATS_TEST_TMPDIR/manifest.json" >"$BATS_TEST_TMPDIR/names"
	lab_equal "$(wc -l <"$BATS_TEST_TMPDIR/names")" 2
	while read -r blob; do
		lab_equal "$(sha256sum <"$BATS_TEST_TMPDIR/$blob" | cut -d ' ' -f 1)" "${blob##*/}"
	done <"$BATS_TEST_TMPDIR/names"
}
