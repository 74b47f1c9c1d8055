# lbdns-install, which puts the library and lbdns-inspect into volumes (scripts/image).

bats_require_minimum_version 1.5.0
load ../lab/lab

setup() {
	IMAGE=$BATS_TEST_TMPDIR/image
	VOLUME=$BATS_TEST_TMPDIR/volume
	mkdir -p "$IMAGE" "$VOLUME"
	cp "$LAB_BUILD"/{image/lbdns-install,lbdns-inspect,liblbdns.so} "$IMAGE"
}

# What a test has mounted, or bats could not tidy up.
teardown() {
	awk -v tests="$BATS_TEST_TMPDIR/" 'index($2, tests) == 1 { print $2 }' /proc/mounts | tac | xargs -r umount
}

installer() {
	"$IMAGE/lbdns-install" "$@"
}

# Both are in each DIRECTORY, and nothing else.
has_it() {
	local directory
	for directory; do
		lab_equal "$(find "$directory" -mindepth 1 -printf '%f\n' | sort | paste -sd ' ')" "lbdns-inspect liblbdns.so"
		cmp "$directory/liblbdns.so" "$LIBLBDNS"
		cmp "$directory/lbdns-inspect" "$LAB_BUILD/lbdns-inspect"
	done
}

@test "the library is put into a directory, for all to read whatever the umask" {
	umask 077
	run -0 installer "$VOLUME"
	lab_equal "$output" "lbdns-install: $VOLUME has lbdns $(sed -n 's/.*VERSION=//p' "$LAB_ROOT/scripts/lbdns")"
	has_it "$VOLUME"
	lab_equal "$(stat -c %a "$VOLUME"/* | tr '\n' ' ')" "755 644 "
}

@test "over a library that a process has mapped: the process keeps the old one" {
	local client
	installer "$VOLUME"
	LD_PRELOAD=$VOLUME/liblbdns.so sleep 60 3>&- &
	client=$!
	lab_wait_until grep -q liblbdns.so "/proc/$client/maps"
	installer "$VOLUME"
	has_it "$VOLUME"
	run -0 grep -c 'liblbdns.so (deleted)' "/proc/$client/maps"
	kill $client
}

@test "who looks while it is put there finds it whole" {
	local i n=0
	installer "$VOLUME"
	for ((i = 0; i < 100; i++)); do installer "$VOLUME" >>"$BATS_TEST_TMPDIR/out"; done 3>&- &
	while kill -0 $! 2>/dev/null; do
		cmp "$VOLUME/liblbdns.so" "$LIBLBDNS"
		((++n))
	done
	wait $!
	((n > 10))
	has_it "$VOLUME"
}

@test "directories that cannot be written are named, the others have it, and nothing half is left" {
	local bad=$BATS_TEST_TMPDIR/bad directory
	mkdir -p "$bad"/{full,read-only} "$VOLUME"/{1,2}
	mount -t tmpfs -o size=64k full "$bad/full"
	mount -t tmpfs -o ro read-only "$bad/read-only"
	touch "$bad/file"
	run -1 installer "$VOLUME/1" "$bad"/{full,read-only,file,missing} "$VOLUME/2"
	has_it "$VOLUME"/{1,2}
	lab_equal "$(grep -v ' has lbdns ' <<<"$output")" "$(cat <<-EOF2
		lbdns-install: cannot write into $bad/full: No space left on device
		lbdns-install: cannot write into $bad/read-only: Read-only file system
		lbdns-install: no volume at $bad/file: Not a directory
		lbdns-install: no volume at $bad/missing: No such file or directory
	EOF2
	)"
	for directory in full read-only; do
		lab_equal "$(ls -A "$bad/$directory")" ""
	done
}

@test "what is there stays if the new does not fit" {
	mount -t tmpfs -o size=64k full "$VOLUME"
	echo old >"$VOLUME/liblbdns.so"
	echo older >"$VOLUME/lbdns-inspect"
	run -1 installer "$VOLUME"
	lab_equal "$(cat "$VOLUME"/* | tr '\n' ' ')" "older old "
	lab_equal "$(find "$VOLUME" -type f | wc -l)" 2
}

@test "no directory, no library: says so" {
	run -2 installer
	run -2 installer --help
	[[ $output == usage:* ]]
	rm "$IMAGE/liblbdns.so"
	run -1 installer "$VOLUME"
	lab_equal "$output" "lbdns-install: cannot open its liblbdns.so: No such file or directory"
	lab_equal "$(ls -A "$VOLUME")" ""
}

@test "any user, a read-only root with nothing else in it, not even /proc" {
	setpriv --reuid=65534 --regid=65534 --clear-groups true || skip "this user namespace has one user"
	mkdir "$IMAGE/target"
	chmod 755 "$IMAGE"
	mount --bind "$IMAGE" "$IMAGE"
	mount -o remount,bind,ro "$IMAGE"
	mount -t tmpfs -o mode=1777 volume "$IMAGE/target"
	run -0 chroot --userspec=12345:12345 "$IMAGE" /lbdns-install /target
	has_it "$IMAGE/target"
	lab_equal "$(stat -c '%u %a' "$IMAGE/target"/* | tr '\n' ' ')" "12345 755 12345 644 "
}
