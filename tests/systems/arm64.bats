# shellcheck disable=SC2153 # CLIENT is the lab's
# arm64: the object, cross-built, under clients of glibc and musl that qemu emulates. qemu does not pass on what TCP_INFO
# says.

bats_require_minimum_version 1.5.0
load ../lab/lab
load ../lab/object

setup() {
	lab_up
}

@test "it wants of libc what glibc 2.17 and musl have, and shows its hooks alone" {
	object_is_right "$LIBLBDNS" /usr/lib/aarch64-linux-musl/libc.so
}

@test "the package for arm64 has such an object, and depends on glibc 2.17 alone" {
	local deb
	deb=$(ls /build/deb/lbdns_*_arm64.deb)
	dpkg-deb -x "$deb" "$BATS_TEST_TMPDIR"
	object_is_right "$BATS_TEST_TMPDIR/usr/lib/lbdns/liblbdns.so" /usr/lib/aarch64-linux-musl/libc.so
	readelf -h "$BATS_TEST_TMPDIR/usr/lib/lbdns/lbdns-inspect" | grep -q AArch64
	lab_equal "$(dpkg-deb -f "$deb" Depends)" "libc6 (>= 2.17)"
	lab_equal "$(dpkg-deb -f "$deb" Static-Built-Using | sed 's/ ([^)]*)//g')" "c-ares, glibc"
}

# As tests/promises/rotation.bats has it: MODE with N connections, unmodified, and with lbdns.
rotates() {
	local client
	for client in "$CLIENT" "$CLIENT_MUSL"; do
		lab_pod_log_reset
		lab_equal "$(with_lbdns "$client" "$1" rng-headless 8081 60 "${@:2}" 2>&1 | lab_counts)" "20 20 20"
		lab_equal "$(lab_pod_log_counts)" "20 20 20"
	done
}

@test "unmodified, emulated: one pod has it all" {
	lab_equal "$("$CLIENT" lookup-connect rng-headless 8081 60 | lab_counts)" "0 0 60"
	readelf -h "$CLIENT.arm64" | grep -q AArch64
}

@test "a lookup before each connection" {
	rotates lookup-connect
}

@test "non-blocking" {
	rotates nonblock
}

@test "IPv4-mapped addresses that libc made (AI_V4MAPPED)" {
	rotates v4mapped
}

@test "gethostbyname and its relatives" {
	rotates gethostbyname
	rotates gethostbyname2_r
}

@test "a process for each connection, of glibc and musl in turn: they rotate as one" {
	local i
	for ((i = 0; i < 15; i++)); do
		with_lbdns "$CLIENT" lookup-connect rng-headless 8081 1
		with_lbdns "$CLIENT_MUSL" lookup-connect rng-headless 8081 1
	done >"$LAB/answers"
	lab_equal "$(lab_counts <"$LAB/answers")" "10 10 10"
}

@test "eight threads, eight forked workers" {
	local client mode
	for client in "$CLIENT" "$CLIENT_MUSL"; do
		for mode in threads fork; do
			lab_equal "$(with_lbdns "$client" $mode rng-headless 8081 600 8 | lab_counts)" "200 200 200"
		done
	done
}

@test "one lookup, then all connections" {
	rotates once
}

@test "a pod that refuses and a pod that is silent: every connection reaches another one" {
	local client kind
	for kind in kill silence; do
		lab_up
		lab_pod_$kind 10.244.2.12
		for client in "$CLIENT" "$CLIENT_MUSL"; do
			LBDNS_EJECT=60s with_lbdns "$client" once rng-headless 8081 12 >"$LAB/seen"
			lab_equal "$kind: $(wc -l <"$LAB/seen") $(grep -cE '^10\.244\.(1\.11|3\.13)$' "$LAB/seen")" "$kind: 12 12"
		done
	done
}

@test "pods come and go: each is found, by the refresh thread" {
	local client
	for client in "$CLIENT" "$CLIENT_MUSL"; do
		lab_scale rng-headless 3
		LBDNS_SHARED=off LBDNS_REFRESH=200ms lab_start visit with_lbdns "$client" visit rng-headless 8081 5
		lab_scale rng-headless 5
		lab_wait_until grep -q "$(lab_address 4)\$" "$LAB/visit.out"
		lab_wait_until grep -q "$(lab_address 5)\$" "$LAB/visit.out"
		lab_dns_queries_reset
		lab_dns_asks_more 4 rng-headless A
		lab_stop visit
		lab_equal "$(awk '$2 != "ok"' "$LAB/visit.out")" ""
		lab_equal "$(cat "$LAB/visit.err")" ""
	done
}
