# One shared object for every libc: what it asks of glibc and musl, and answers that are libc's own in all but order.
# (musl.bats has musl's clients.)

load ../lab/lab
load ../lab/object

MUSL=/usr/lib/$(uname -m)-linux-musl/libc.so

setup() {
	lab_up
}

# ---- The object

@test "it needs libc.so.6 alone, and of it what glibc 2.17 and musl have and nobody hooks; it holds no address of it, and shows its hooks alone" {
	object_is_right "$LIBLBDNS" "$MUSL"
}

@test "these checks see what is wrong" {
	echo 'extern int close_range(unsigned, unsigned, int), fcntl64(int, int); __thread int t;
		extern void free(void *); void (*release)(void *) = free;
		int connect(void) { return close_range(t, 1, 2) + fcntl64(1, 2); }' >"$LAB/wrong.c"
	gcc -shared -fPIC -ftls-model=initial-exec -Wl,-z,execstack,-z,lazy -o "$LAB/wrong.so" "$LAB/wrong.c"
	lab_equal "$(versions_above "$LAB/wrong.so" 2.17 | tr '\n' ' ')" "2.28 2.34 "
	lab_equal "$(missing_in "$LAB/wrong.so" "$MUSL" | grep -c close_range)" 1
	lab_equal "$(hookable "$LAB/wrong.so" | grep -v '^_' | paste -sd ' ')" "close_range fcntl64 free"
	lab_equal "$(addresses "$LAB/wrong.so" | grep -v '^_')" "free@GLIBC_2.$([ "$(uname -m)" = x86_64 ] && echo 2.5 || echo 17)"
	lab_equal "$(summary "$LAB/wrong.so")" " libc.so.6 relro tls stack:RWE"
}

# Were all objects in this folder compiled by who calls himself so?
compiled_by() {
	[ -d "$2/preload" ] && ! readelf -p .comment "$2"/preload/*/*.o | grep '^ *\[' | grep -qv "$1"
}

# build_with COMPILER NAME OBJECTS: in a folder of its own, from what make check has compiled with it, with warnings as
# errors, if it has. Nothing but what make says it does: a warning would be one more line.
build_with() {
	mkdir "$LAB/built-$1"
	! compiled_by "$2" "$3" || (cd "$3" && cp -a --parents preload/*/*.o scripts/inspect/*/*.o "$LAB/built-$1")
	make --no-print-directory -C "$LAB_ROOT" BUILD="$LAB/built-$1" CC="$1" all >"$LAB/make.out" 2>&1 ||
		{ cat "$LAB/make.out"; return 1; }
	lab_equal "$(grep -Ev '^  (CC|LINK) ' "$LAB/make.out")" ""
	object_is_right "$LAB/built-$1/liblbdns.so" "$MUSL"
}

@test "it builds with gcc without a warning" {
	build_with gcc 'GCC: ' "$LAB_BUILD"
}

@test "it builds with clang without a warning, and rotates" {
	build_with clang 'clang version' "$LAB_BUILD/clang"
	for program in "$CLIENT" "$CLIENT_MUSL"; do
		LD_PRELOAD=$LAB/built-clang/liblbdns.so "$program" once rng-headless 8081 60 | lab_counts >"$LAB/counts"
		lab_equal "$(<"$LAB/counts")" "20 20 20"
	done
}

@test "neither the refresh thread nor the child of a fork calls what a client may have replaced of libc" {
	lab_knot_start many 2000 # over TCP
	LBDNS_REFRESH=100ms LD_PRELOAD="$LIBLBDNS $LAB_BUILD/lab/meddler.so" \
		timeout 4 "$CLIENT" stay many 8081 100 >"$LAB/out" || lab_equal $? 124
	lab_nameserver "$LAB_DNS"
	lab_dns_queries_reset
	LBDNS_REFRESH=100ms LD_PRELOAD="$LIBLBDNS $LAB_BUILD/lab/meddler.so" \
		"$CLIENT" lookup-connect rng-headless 8081 3000 | lab_counts >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "1000 1000 1000"
	[ "$(lab_dns_queries)" -gt 4 ] || { lab_dns_queries; return 1; }
	lab_equal "$(LD_PRELOAD="$LIBLBDNS $LAB_BUILD/lab/meddler.so" \
		"$CLIENT" fork rng-headless 8081 60 4 | lab_counts)" "20 20 20"
}

# ---- freeaddrinfo

# 4 of each hundred lookups are libc's own, each with a question for both families, and so are the first ones, until DNS has
# confirmed the name; all others are made by us.
released() {
	LBDNS_REFRESH=1h with_lbdns "$@"
}

@test "glibc: answers are freed, whole and in parts, 100,000 times" {
	lab_dns_queries_reset
	lab_equal "$(released "$LAB_BUILD/lab/release" rng-headless 80 100000)" "all freed"
	asked=$(lab_dns_queries)
	((asked >= 8000 && asked < 8100)) || { echo "$asked questions"; return 1; }
}

@test "musl: answers are freed, whole and in parts, 100,000 times" {
	lab_dns_queries_reset
	lab_equal "$(released "$LAB_BUILD/lab/release-musl" rng-headless 80 100000)" "all freed"
	asked=$(lab_dns_queries)
	((asked >= 8000 && asked < 8100)) || { echo "$asked questions"; return 1; }
}

@test "valgrind: no error and no leak, of answers libc made and of ours, freed whole and in parts" {
	for refresh in 1h 100ms; do
		LBDNS_REFRESH=$refresh with_lbdns valgrind -q --leak-check=full --show-leak-kinds=all \
			--errors-for-leak-kinds=all --error-exitcode=99 \
			--suppressions="$LAB_ROOT/tests/tools/valgrind.supp" \
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
		often=$(lab_dns_queries)
		# the first lookups are libc's, until DNS has confirmed the name
		((once <= 16 && often <= 16)) || { echo "$once questions once, $often for ten times as many"; return 1; }
		for _ in {1..10}; do cat "$LAB/once"; done | cmp - "$LAB/often"
	done
}
