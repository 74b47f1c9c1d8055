# valgrind's memcheck over the lab's clients with liblbdns.so in them: no error, and no block of memory lost, whatever
# happens around them. (tests/tools/libc.bats has answers and how they are freed.)

bats_require_minimum_version 1.5.0
load ../lab/lab

setup() {
	lab_up
	export LBDNS_REFRESH=100ms LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/log
}

# Children write to the same file: it stays empty.
memcheck() {
	with_lbdns valgrind -q --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
		--error-exitcode=99 --suppressions="$LAB_ROOT/tests/tools/valgrind.supp" --log-file="$LAB/valgrind" "$@"
}

# Nor does valgrind speak of system calls that it does not know.
nothing_found() {
	lab_equal "$(<"$LAB/valgrind")" ""
}

# A client that visits until finish.
visiting() {
	rm -f "$LAB/visits.in"
	mkfifo "$LAB/visits.in"
	memcheck "$CLIENT" visit rng-headless 8081 20 "$@" <"$LAB/visits.in" >"$LAB/visits" 2>&1 3>&- &
	visitor=$!
	sleep infinity >"$LAB/visits.in" 3>&- & # a descriptor of ours would be the servers' too
	echo $! >"$LAB/visits.pid"
	lab_wait_until reached "$(lab_address 3)"
}

reached() {
	grep -q " ok .* $1\$" "$LAB/visits"
}

# finish [LOST]: nothing failed but, of connections that were made, as many as pods that ended may have taken with them.
finish() {
	lab_stop visits
	wait "$visitor"
	run ! grep -Ev ' (ok|ECONNRESET) ' "$LAB/visits"
	[ "$(grep -c ' ECONNRESET ' "$LAB/visits")" -le "${1:-0}" ]
	nothing_found
}

# Is a question to the DNS server under way? The kernel has its address as a number of this machine.
asking() {
	grep -q ' 0A00600A:0035 ' /proc/net/udp
}

@test "valgrind finds what is there to find" {
	cat >"$LAB/wrong.c" <<-END
		#include <stdlib.h>
		int main(int argc, char **argv) { char *lost = malloc(10); lost[9 + argc] = **argv; lost = NULL; return !!lost; }
	END
	gcc -O0 -o "$LAB/wrong" "$LAB/wrong.c"
	run memcheck "$LAB/wrong"
	[ "$status" = 99 ]
	grep -q 'Invalid write' "$LAB/valgrind"
	grep -q 'definitely lost' "$LAB/valgrind"
}

@test "valgrind: lookups and connections of every kind" {
	for mode in lookup-connect once nonblock mapped gethostbyname gethostbyname2_r udp; do
		memcheck "$CLIENT" $mode rng-headless 8081 6 >"$LAB/out"
		[ "$(wc -l <"$LAB/out")" = 6 ]
		nothing_found
	done
}

@test "valgrind: threads rotate exactly" {
	lab_equal "$(memcheck "$CLIENT" threads rng-headless 8081 60 4 | lab_counts)" "20 20 20"
	nothing_found
}

@test "valgrind: forked workers rotate exactly" {
	lab_equal "$(memcheck "$CLIENT" fork rng-headless 8081 60 4 | lab_counts)" "20 20 20"
	nothing_found
}

# valgrind does not see what musl allocates, but every access to it.
@test "valgrind: musl" {
	lab_equal "$(memcheck "$CLIENT_MUSL" threads rng-headless 8081 60 4 | lab_counts)" "20 20 20"
	nothing_found
	lab_equal "$(memcheck "$CLIENT_MUSL" lookup-connect rng-headless 8081 30 | lab_counts)" "10 10 10"
	nothing_found
}

@test "valgrind: a service that is scaled, renamed, gone and back" {
	lab_scale other-headless 2
	visiting other-headless
	lab_scale rng-headless 6
	lab_wait_until reached "$(lab_address 6)"
	lab_scale rng-headless 2
	lab_scale46 rng-headless 5
	# by IPv6, once a lookup has asked libc for the order of both: without DNS it would fail
	lab_wait_until reached "$(lab_address6 5)"
	lab_dns_stop
	lab_wait_until grep -q ': DNS answered $' "$LAB/log"
	lab_dns_start
	lab_scale rng-headless 4
	lab_dns_asks_more 4 rng-headless
	finish 2
}

@test "valgrind: thousands of addresses" {
	lab_crowd_start
	lab_knot_start many 2000
	# The first refresh is in use before the last of them.
	memcheck "$CLIENT" lookup-connect many 8081 20 >"$LAB/out"
	[ "$(sort -u "$LAB/out" | wc -l)" -gt 1 ]
	nothing_found
}

@test "valgrind: a pod that refuses, one that is silent" {
	lab_scale rng-headless 5
	lab_pod_silence "$(lab_address 2)" # before: a connection just made would wait for its answer without end
	visiting
	lab_pod_kill "$(lab_address 1)"
	lab_wait_until grep -q " after .*$(lab_address 1)" "$LAB/log"
	lab_wait_until grep -q " after .*$(lab_address 2)" "$LAB/log"
	finish 1
}

# Has a refresh succeeded, and a lookup begun after it? From then on none waits for DNS.
needs_no_dns() {
	[ -n "${visits_then-}" ] || ! grep -q ': DNS answered .' "$LAB/log" || visits_then=$(wc -l <"$LAB/visits")
	[ -n "${visits_then-}" ] && (($(wc -l <"$LAB/visits") > visits_then + 1))
}

@test "valgrind: exit while a refresh is under way" {
	visiting
	lab_wait_until needs_no_dns
	lab_dns_silence
	lab_wait_until asking
	finish
}
