# Systems and clients that have next to nothing beside libc.so.6.

load ../lab/lab

setup() {
	lab_up
}

# The file of libc.so.6 that this machine's programs load.
libc_file() {
	ldd "$CLIENT" | awk '$1 == "libc.so.6" { print $3 }'
}

# root_with PROGRAM: $LAB/root, with the dynamic linker, libc.so.6, PROGRAM, the library and the lab's /etc, all under their own
# names, and nothing else; but before glibc 2.34 also what looks names up, which was apart.
root_with() {
	local libc file
	libc=$(libc_file)
	rm -rf "$LAB/root"
	for file in "$1" "$LIBLBDNS" "$libc" "$(readelf -lW "$1" | sed -n 's/.*interpreter: \(.*\)]/\1/p')"; do
		install -D "$file" "$LAB/root$file"
	done
	if threads_are_apart; then
		install "${libc%/*}"/libnss_{files,dns}.so.2 "${libc%/*}/libresolv.so.2" "$LAB/root${libc%/*}"
	fi
	mkdir "$LAB/root/etc"
	cp "$LAB"/{hosts,resolv.conf,nsswitch.conf} "$LAB/root/etc"
}

threads_are_apart() {
	ldd "$CLIENT" | grep -q libpthread
}

in_root() {
	chroot "$LAB/root" "$@"
}

# COMMAND...: the first address of each of 30 lookups, a process each.
looked_up() {
	local i
	for ((i = 0; i < 30; i++)); do "$@" ahostsv4 rng-headless | sed -n '1s/ .*//p'; done >"$LAB/answers"
	lab_counts <"$LAB/answers"
}

@test "a root with the dynamic linker, libc.so.6 and a client: it rotates, and new pods are found" {
	! threads_are_apart || skip 'threads are a library of their own in this glibc'
	root_with "$CLIENT"
	lab_equal "$(in_root "$CLIENT" once rng-headless 8081 60 | lab_counts)" "0 0 60"
	lab_equal "$(with_lbdns in_root "$CLIENT" once rng-headless 8081 60 2>&1 | lab_counts)" "20 20 20"
	LBDNS_REFRESH=200ms lab_start client with_lbdns chroot "$LAB/root" "$CLIENT" stay rng-headless 8081 5
	lab_scale rng-headless 5
	lab_wait_until grep -q "$(lab_address 4)\$" "$LAB/client.out"
	lab_wait_until grep -q "$(lab_address 5)\$" "$LAB/client.out"
	lab_stop client
	lab_equal "$(awk '$2 != "ok"' "$LAB/client.out")" ""
	lab_equal "$(cat "$LAB/client.err")" ""
}

@test "a root with the dynamic linker, libc.so.6 and a client that is linked with it alone: its lookups rotate" {
	local getent
	getent=$(command -v getent)
	root_with "$getent"
	lab_equal "$(looked_up in_root "$getent")" "0 0 30"
	lab_equal "$(looked_up with_lbdns in_root "$getent")" "10 10 10"
}

@test "a client that is linked with libc.so.6 alone: its lookups rotate" {
	lab_equal "$(looked_up getent)" "0 0 30"
	lab_equal "$(looked_up with_lbdns getent)" "10 10 10"
}

# Who has connected says the pod, behind its headers. At the end it waits for ever.
BASH_CLIENT='for ((i = 0; i < 30; i++)); do
	exec 3<>/dev/tcp/rng-headless/8081
	printf "GET /address HTTP/1.0\r\n\r\n" >&3
	while read -r line <&3 && [ "$line" != $'\''\r'\'' ]; do :; done
	read -r line <&3
	echo "$line"
done
read -r line <>"$0"'

@test "a client that is not linked with libpthread.so.0, which glibc before 2.34 has apart: it rotates and is refreshed" {
	run ldd "$BASH"
	[[ $output == *libc.so.6* && $output != *libpthread* ]]
	LBDNS_REFRESH=200ms lab_start client with_lbdns "$BASH" -c "$BASH_CLIENT" "$LAB/never"
	lab_wait_until all_connected
	lab_equal "$(lab_counts <"$LAB/client.out")" "10 10 10"
	lab_dns_queries_reset
	lab_dns_asks_more 4 rng-headless A
	lab_equal "$(cat "$LAB/client.err")" ""
}

all_connected() {
	[ "$(wc -l <"$LAB/client.out")" = 30 ]
}
