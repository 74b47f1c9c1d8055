# Clients of musl, the libc of Alpine, whichever version musl-tools has.

load ../lab/lab

setup() {
	lab_up
}

musl() {
	LBDNS_REFRESH=${LBDNS_REFRESH:-1h} with_lbdns "$CLIENT_MUSL" "$@"
}

@test "musl, unmodified: the pod that was looked up has it all" {
	lab_equal "$("$CLIENT_MUSL" once rng-headless 8081 60 | lab_counts | tr ' ' '\n' | sort -n | tr '\n' ' ')" "0 0 60 "
}

# musl leaves addresses in the order DNS has them, and the DNS of this lab rotates: it is asked few times.
@test "musl: a lookup before each connection" {
	lab_dns_queries_reset
	lab_equal "$(musl lookup-connect rng-headless 8081 60 | lab_counts)" "20 20 20"
	lab_equal "$(lab_pod_log_counts)" "20 20 20"
	# until DNS has confirmed the name, which the second lookup has it asked for
	(($(lab_dns_queries rng-headless A) < 30))
}

@test "musl: two lookups before each connection" {
	lab_scale rng-headless 2
	lab_equal "$(musl twice rng-headless 8081 60 | lab_counts 10.244.1.11 10.244.2.12)" "30 30"
}

@test "musl: one lookup, then all connections" {
	lab_equal "$(musl once rng-headless 8081 60 | lab_counts)" "20 20 20"
}

@test "musl: a process for each connection" {
	for _ in {1..30}; do musl lookup-connect rng-headless 8081 1; done | lab_counts >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "10 10 10"
}

@test "musl: eight threads" {
	lab_equal "$(musl threads rng-headless 8081 600 8 | lab_counts)" "200 200 200"
}

@test "musl: eight forked workers" {
	lab_equal "$(musl fork rng-headless 8081 600 8 | lab_counts)" "200 200 200"
}

@test "musl: two ports in turn" {
	musl ports rng-headless 8081 8082 120 >"$LAB/out"
	lab_equal "$(grep ^8081 "$LAB/out" | lab_counts)" "20 20 20"
	lab_equal "$(grep ^8082 "$LAB/out" | lab_counts)" "20 20 20"
}

@test "musl: non-blocking" {
	lab_equal "$(musl nonblock rng-headless 8081 60 | lab_counts)" "20 20 20"
}

@test "musl: lookups alone" {
	lab_equal "$(musl lookups rng-headless 8081 30 | lab_counts)" "10 10 10"
	lab_equal "$(musl lookups rng-headless - 30 | lab_counts)" "10 10 10"
}

@test "musl: IPv4-mapped, by the client and by AI_V4MAPPED" {
	lab_equal "$(musl mapped rng-headless 8081 60 | lab_counts)" "20 20 20"
	lab_equal "$(musl v4mapped rng-headless 8081 60 | lab_counts)" "20 20 20"
}

@test "musl: IPv6" {
	lab_scale6 six 3
	musl inet6 six 8081 60 | lab_counts "$(lab_address6 1)" "$(lab_address6 2)" "$(lab_address6 3)" >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "20 20 20"
}

@test "musl: gethostbyname and its relatives" {
	for mode in gethostbyname gethostbyname2 gethostbyname_r gethostbyname2_r; do
		lab_equal "$(musl $mode rng-headless 8081 60 | lab_counts)" "20 20 20"
	done
}

@test "musl: pods come and go" {
	LBDNS_REFRESH=100ms lab_start stay with_lbdns "$CLIENT_MUSL" stay rng-headless 8081 5
	lab_scale rng-headless 5
	lab_wait_until grep -q "$(lab_address 5)\$" "$LAB/stay.out"
	lab_scale rng-headless 2
	lab_dns_asks_more 3 rng-headless A
	from=$(wc -l <"$LAB/stay.out")
	lab_wait_until has_lines $((from + 50))
	lab_stop stay
	# but for one that was on its way
	lab_equal "$(tail -n +"$((from + 2))" "$LAB/stay.out" | grep -cE '10\.244\.(3\.13|1\.14|2\.15)$')" 0
	lab_equal "$(grep -cv ' ok ' "$LAB/stay.out")" 0
}

has_lines() {
	(($(wc -l <"$LAB/stay.out") >= $1))
}

@test "glibc and musl clients rotate as one" {
	for _ in {1..15}; do
		with_lbdns "$CLIENT" lookup-connect rng-headless 8081 1
		musl lookup-connect rng-headless 8081 1
	done | lab_counts >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "10 10 10"
}
