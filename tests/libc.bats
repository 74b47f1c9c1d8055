# One shared object for every libc: what it asks of glibc and musl, musl's clients, and answers that are libc's own in
# all but order.

load lab/lab

HOOKS="connect freeaddrinfo gai_cancel gai_error gai_suspend getaddrinfo getaddrinfo_a gethostbyname gethostbyname2 gethostbyname2_r gethostbyname_r getsockopt"
MUSL=/usr/lib/$(uname -m)-linux-musl/libc.so

setup() {
	lab_up
}

# ---- The object

undefined() {
	nm -D --undefined-only --with-symbol-versions "$1" | awk '{ print $NF }'
}

versions_above() {
	undefined "$1" | sed -n 's/.*@GLIBC_//p' | sort -Vu | awk -v limit="$2" '
		{ split($1, is, "."); split(limit, may, "."); if (is[1] > may[1] || is[2] > may[2]) print }'
}

missing_in() {
	comm -23 <(undefined "$1" | sed 's/@.*//' | sort -u) \
		<(nm -D --defined-only "$2" | awk '{ print $NF }' | sed 's/@.*//' | sort -u)
}

# What the header says of an object, as one line.
summary() {
	readelf -dlW "$1" | awk '
		/\(NEEDED\)/ { gsub(/[][]/, "", $NF); needed = needed " " $NF }
		/\(FLAGS_1\)/ && /NOW/ { now = " now" }
		/\(TEXTREL\)/ || /TEXTREL/ { bad = bad " textrel" }
		$1 == "GNU_STACK" { bad = bad ($7 == "RW" ? "" : " stack:" $7) }
		$1 == "GNU_RELRO" { relro = " relro" }
		$1 == "TLS" { bad = bad " tls" }
		$1 == "INTERP" { bad = bad " interp" }
		END { print needed relro now bad }'
}

object_is_right() {
	lab_equal "$(nm -D --defined-only "$1" | awk '{ print $3 ($2 == "T" ? "" : ":" $2) }' | sort | paste -sd ' ')" "$HOOKS"
	lab_equal "$(summary "$1")" " libpthread.so.0 libdl.so.2 libc.so.6 relro now"
	lab_equal "$(versions_above "$1" 2.17)" ""
	lab_equal "$(missing_in "$1" "$MUSL")" ""
}

@test "it wants of libc what glibc 2.17 and musl have, and shows its hooks alone" {
	object_is_right "$LIBLBDNS"
}

@test "these checks see what is wrong" {
	echo 'extern int close_range(unsigned, unsigned, int), fcntl64(int, int); __thread int t;
		int connect(void) { return close_range(t, 1, 2) + fcntl64(1, 2); }' >"$LAB/wrong.c"
	gcc -shared -fPIC -ftls-model=initial-exec -Wl,-z,execstack,-z,lazy -o "$LAB/wrong.so" "$LAB/wrong.c"
	lab_equal "$(versions_above "$LAB/wrong.so" 2.17 | tr '\n' ' ')" "2.28 2.34 "
	lab_equal "$(missing_in "$LAB/wrong.so" "$MUSL" | grep -c close_range)" 1
	lab_equal "$(summary "$LAB/wrong.so")" " libc.so.6 relro tls stack:RWE"
}

# Nothing but what make says it does: a warning would be one more line.
build_with() {
	make --no-print-directory -C "$LAB_ROOT" BUILD="$LAB/built-$1" CC="$1" all >"$LAB/make.out" 2>&1 ||
		{ cat "$LAB/make.out"; return 1; }
	lab_equal "$(grep -Ev '^  (CC|LINK) ' "$LAB/make.out")" ""
	object_is_right "$LAB/built-$1/liblbdns.so"
}

@test "it builds with gcc without a warning" {
	build_with gcc
}

@test "it builds with clang without a warning, and rotates" {
	build_with clang
	for program in "$CLIENT" "$CLIENT_MUSL"; do
		LD_PRELOAD=$LAB/built-clang/liblbdns.so "$program" once rng-headless 8081 60 | lab_counts >"$LAB/counts"
		lab_equal "$(<"$LAB/counts")" "20 20 20"
	done
}

@test "the refresh thread calls none of libc's that a client may have replaced" {
	lab_knot_start many 2000 # over TCP
	LBDNS_REFRESH=100ms LD_PRELOAD="$LIBLBDNS $LAB_BUILD/lab/meddler.so" \
		timeout 4 "$CLIENT" stay many 8081 100 >"$LAB/out" || lab_equal $? 124
	lab_nameserver "$LAB_DNS"
	lab_dns_queries_reset
	LBDNS_REFRESH=100ms LD_PRELOAD="$LIBLBDNS $LAB_BUILD/lab/meddler.so" \
		"$CLIENT" lookup-connect rng-headless 8081 3000 | lab_counts >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "1000 1000 1000"
	[ "$(lab_dns_queries)" -gt 4 ] || { lab_dns_queries; return 1; }
}

# ---- Clients of musl

musl() {
	LBDNS_REFRESH=${LBDNS_REFRESH:-1h} with_lbdns "$CLIENT_MUSL" "$@"
}

@test "musl, unmodified: the pod that was looked up has it all" {
	lab_equal "$("$CLIENT_MUSL" once rng-headless 8081 60 | lab_counts | tr ' ' '\n' | sort -n | tr '\n' ' ')" "0 0 60 "
}

# musl leaves addresses in the order DNS has them, and the DNS of this lab rotates: it is asked only once.
@test "musl: a lookup before each connection" {
	lab_dns_queries_reset
	lab_equal "$(musl lookup-connect rng-headless 8081 60 | lab_counts)" "20 20 20"
	lab_equal "$(lab_pod_log_counts)" "20 20 20"
	lab_equal "$(lab_dns_queries)" 2
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
	sleep 1
	from=$(wc -l <"$LAB/stay.out")
	sleep 0.5
	lab_stop stay
	lab_equal "$(tail -n +"$((from + 1))" "$LAB/stay.out" | grep -cE '10\.244\.(3\.13|1\.14|2\.15)$')" 0
	lab_equal "$(grep -cv ' ok ' "$LAB/stay.out")" 0
}

@test "glibc and musl clients rotate as one" {
	for _ in {1..15}; do
		with_lbdns "$CLIENT" lookup-connect rng-headless 8081 1
		musl lookup-connect rng-headless 8081 1
	done | lab_counts >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "10 10 10"
}

# ---- freeaddrinfo

# 4 of each hundred lookups are libc's own, each with a question for both families; all others are made by us.
released() {
	LBDNS_REFRESH=1h with_lbdns "$@"
}

@test "glibc: answers are freed, whole and in parts, 100,000 times" {
	lab_dns_queries_reset
	lab_equal "$(released "$LAB_BUILD/lab/release" rng-headless 80 100000)" "all freed"
	lab_equal "$(lab_dns_queries)" 8000
}

@test "musl: answers are freed, whole and in parts, 100,000 times" {
	lab_dns_queries_reset
	lab_equal "$(released "$LAB_BUILD/lab/release-musl" rng-headless 80 100000)" "all freed"
	lab_equal "$(lab_dns_queries)" 8000
}

@test "valgrind: no error and no leak, of answers libc made and of ours, freed whole and in parts" {
	for refresh in 1h 100ms; do
		LBDNS_REFRESH=$refresh with_lbdns valgrind -q --leak-check=full --show-leak-kinds=all \
			--errors-for-leak-kinds=all --error-exitcode=99 \
			--suppressions="$LAB_ROOT/tests/lab/valgrind.supp" \
			"$LAB_BUILD/lab/release" rng-headless 80 2000 >"$LAB/out" 2>&1
		lab_equal "$(<"$LAB/out")" "all freed"
	done
}

# ---- Answers are libc's own in all but the order of addresses

services() {
	lab_dns_set dual "$(lab_address 1)" "$(lab_address 2)" "$(lab_address6 1)" "$(lab_address6 3)"
	lab_dns_set six "$(lab_address6 1)" "$(lab_address6 2)" "$(lab_address6 3)"
	lab_dns_set alone "$(lab_address 2)"
	echo "10.244.9.1 filed" >>"$LAB/hosts"
	echo "10.244.9.2 filed" >>"$LAB/hosts"
}

same_answers() {
	local hosts=(rng-headless dual six alone filed nothing 10.0.0.1 localhost RNG-Headless "rng-headless.$LAB_DOMAIN.")
	services
	"$1" all 1 "${hosts[@]}" >"$LAB/without"
	LBDNS_REFRESH=1h with_lbdns "$1" all 3 "${hosts[@]}" >"$LAB/with"
	# a table that asks for nothing proves nothing
	[ "$(grep -c nodes "$LAB/without")" -gt 1500 ]
	cat "$LAB/without" "$LAB/without" "$LAB/without" | diff - "$LAB/with" >"$LAB/diff" ||
		{ head -n 20 "$LAB/diff"; return 1; }
}

@test "glibc: every answer is libc's own, at first and later" {
	same_answers "$LAB_BUILD/lab/lookups"
}

@test "musl: every answer is libc's own, at first and later" {
	same_answers "$LAB_BUILD/lab/lookups-musl"
}

@test "later answers are ours: DNS is asked no more" {
	services
	for lookups in lookups lookups-musl; do
		lab_dns_queries_reset
		LBDNS_REFRESH=1h with_lbdns "$LAB_BUILD/lab/$lookups" plain 1 dual >"$LAB/once"
		once=$(lab_dns_queries)
		lab_dns_queries_reset
		LBDNS_REFRESH=1h with_lbdns "$LAB_BUILD/lab/$lookups" plain 10 dual >"$LAB/often"
		lab_equal "$(lab_dns_queries)" "$once"
		[ "$once" -le 4 ]
		for _ in {1..10}; do cat "$LAB/once"; done | cmp - "$LAB/often"
	done
}
