# Each LBDNS_* variable: right values have their effect, a wrong one is named in one line and the default stays.
# (LBDNS_ATTEMPTS and LBDNS_EJECT are for the tests of faults.)

# shellcheck disable=SC2016 # what is quoted here is for other shells to expand
# shellcheck disable=SC2030,SC2031 # each test has its own environment

bats_require_minimum_version 1.5.0
load ../lab/lab

setup_file() {
	# A client with its own resolver: own_resolver.py SERVER NAME N asks SERVER for NAME itself, then connects N times to
	# the first address, each time when it finds a line in stdin; with "number" behind, by what getaddrinfo makes of the
	# address, as eventlet does.
	cat >"$BATS_FILE_TMPDIR/own_resolver.py" <<-'END'
		import os, socket, struct, sys
		server, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
		question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0\0\1\0\1"
		with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns:
		    dns.sendto(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + question, (server, 53))
		    answer = dns.recv(4096)
		address = socket.inet_ntoa(answer[12 + len(question):][12:16])
		os.write(1, b"looked up\n")
		for i in range(count):
		    input()
		    with socket.socket() as one:
		        one.connect(socket.getaddrinfo(address, 8081)[0][4] if "number" in sys.argv else (address, 8081))
		        one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		        os.write(1, one.makefile().read().split("\n\n")[1].split()[0].encode() + b"\n")
	END
	# One lookup, 12 connected datagram sockets.
	cat >"$BATS_FILE_TMPDIR/udp.py" <<-'END'
		import socket
		address = socket.getaddrinfo("rng-headless", 8081, 0, socket.SOCK_DGRAM)[0][4]
		for i in range(12):
		    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
		        one.connect(address)
		        one.send(b"?")
		        print(one.recv(99).decode().split()[0])
	END
	# Descriptor 2 is given to a file of the client's, by dup2 as a daemon does or by close and open, before its first
	# lookup.
	cat >"$BATS_FILE_TMPDIR/reopens.py" <<-'END'
		import os, socket, sys
		how, path = sys.argv[1:]
		if how == "dup2":
		    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), 2)
		elif how == "open":
		    os.close(2)
		    assert os.open(path, os.O_WRONLY | os.O_CREAT) == 2
		for i in range(3):
		    address = socket.getaddrinfo("rng-headless", 8081, 0, socket.SOCK_STREAM)[0][4]
		    with socket.socket() as one:
		        one.connect(address)
		if how != "not":
		    os.write(2, b"data\n")
	END
}

setup() {
	lab_up
}

lines() {
	(($(wc -l <"$1") >= $2))
}

# N connections of one process over the pods, in one word: yes if they rotate exactly, no if all go to one pod.
rotates() {
	local counts
	counts=$(with_lbdns "$CLIENT" once "${1:-rng-headless}" 8081 12 | lab_counts) || return
	case $counts in
	'4 4 4') echo yes ;;
	'12 0 0' | '0 12 0' | '0 0 12') echo no ;;
	*) echo "$counts" ;;
	esac
}

# MIN_MS MAX_MS N: a client that starts, and asks as libc does, has asked N times more after so much time. (From before
# its start on: between a question and when it is seen here there may be any time.)
asks_within() {
	local start elapsed
	start=$(lab_now)
	lab_dns_queries_reset
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_dns_asks $((1 + $3)) rng-headless A
	elapsed=$(($(lab_now) - start))
	lab_stop client
	((elapsed >= $1 && elapsed <= $2)) || { echo "$3 questions in $elapsed ms"; return 1; }
}

# ---- LBDNS_REFRESH

@test "LBDNS_REFRESH: in ms, s, and plain seconds" {
	local value
	for value in 250ms 1s 1; do
		case $value in
		250ms) LBDNS_REFRESH=$value asks_within 1590 4000 8 ;; # intervals of 200 to 250 ms
		*) LBDNS_REFRESH=$value asks_within 2390 5000 3 ;;     # of 800 to 1,000 ms
		esac
	done
}

@test "LBDNS_REFRESH: 5s is the default" {
	asks_within 3990 8000 1
}

@test "LBDNS_REFRESH=ttl follows the records, not below 1 s" {
	# the first after 4 to 5 s: the TTL is not known yet
	lab_dns_ttl 2
	LBDNS_REFRESH=ttl asks_within 7190 11500 3 # and two intervals of 1,600 to 2,000 ms
	lab_dns_ttl 0
	LBDNS_REFRESH=ttl asks_within 5590 9000 3 # of 800 to 1,000 ms
}

# ---- LBDNS_NAMES and LBDNS_EXCLUDE

@test "LBDNS_NAMES: an exact name, and no others" {
	lab_scale other-headless 3
	export LBDNS_NAMES=rng-headless
	lab_equal "$(rotates rng-headless) $(rotates other-headless)" "yes no"
	export LBDNS_NAMES=other-headless,unknown
	lab_equal "$(rotates rng-headless) $(rotates other-headless)" "no yes"
	export LBDNS_NAMES='rng-headless, Other-Headless.'
	lab_equal "$(rotates rng-headless) $(rotates other-headless)" "yes yes"
}

@test "LBDNS_NAMES: the absolute name for a client that says the short one, and the other way round" {
	export LBDNS_NAMES=rng-headless.$LAB_DOMAIN
	lab_equal "$(rotates rng-headless) $(rotates rng-headless.default)" "yes yes"
	lab_equal "$(rotates "rng-headless.$LAB_DOMAIN") $(rotates "rng-headless.$LAB_DOMAIN.")" "yes yes"
	export LBDNS_NAMES=rng-headless
	lab_equal "$(rotates rng-headless) $(rotates rng-headless.default)" "yes no"
}

@test "LBDNS_NAMES: a pattern on the short name" {
	lab_scale other 3
	export LBDNS_NAMES='*-headless'
	lab_equal "$(rotates rng-headless) $(rotates other)" "yes no"
	export LBDNS_NAMES='o*r'
	lab_equal "$(rotates rng-headless) $(rotates other)" "no yes"
}

@test "LBDNS_NAMES: a pattern on the absolute name" {
	lab_scale other.elsewhere.svc.cluster.local. 3
	export LBDNS_NAMES='rng*.default.svc.cluster.local'
	lab_equal "$(rotates rng-headless) $(rotates other.elsewhere)" "yes no"
	export LBDNS_NAMES='*.elsewhere.svc.*'
	lab_equal "$(rotates rng-headless) $(rotates other.elsewhere)" "no yes"
}

@test "LBDNS_NAMES: a name whose absolute name no pattern wants is left alone after the first refresh" {
	lab_scale other.elsewhere.svc.cluster.local. 3
	# the search list would make other.elsewhere.default.svc.cluster.local of it, which there is not
	LBDNS_NAMES='*.default.svc.cluster.local' LBDNS_REFRESH=100ms LBDNS_LOG=info \
		lab_start client with_lbdns "$CLIENT" stay other.elsewhere 8081 5
	lab_wait_until grep -q 'other.elsewhere.*left alone' "$LAB/client.err"
	local from
	from=$(wc -l <"$LAB/client.out")
	lab_wait_until lines "$LAB/client.out" $((from + 20))
	lab_equal "$(tail -n +$((from + 2)) "$LAB/client.out" | awk '{ print $4 }' | sort -u | wc -l)" 1
}

@test "LBDNS_NAMES: a listed name with one address is a pool, and grows" {
	lab_scale rng-headless 1
	LBDNS_NAMES=rng-headless LBDNS_REFRESH=100ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 5
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$(awk '{ print $4 }' "$LAB/client.out" | sort -u)" 10.244.1.11
	lab_scale rng-headless 3
	lab_wait_until grep -q '10.244.3.13$' "$LAB/client.out"
	lab_stop client
	# without it a single address is nobody's pool
	lab_scale rng-headless 1
	LBDNS_REFRESH=100ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 5
	lab_wait_until lines "$LAB/client.out" 20
	lab_equal "$(find "/proc/$(<"$LAB/client.pid")/task" -mindepth 1 -maxdepth 1 | wc -l)" 1
}

@test "LBDNS_NAMES: public addresses, only for a listed name" {
	local address
	for address in 198.18.0.1 198.18.0.2 198.18.0.3; do
		lab_pod_start $address
	done
	lab_dns_set public.example. 198.18.0.1 198.18.0.2 198.18.0.3
	with_lbdns "$CLIENT" once public.example 8081 12 >"$LAB/auto"
	lab_equal "$(sort -u "$LAB/auto" | wc -l)" 1
	LBDNS_NAMES=public.example with_lbdns "$CLIENT" once public.example 8081 12 >"$LAB/listed"
	lab_equal "$(lab_counts 198.18.0.1 198.18.0.2 198.18.0.3 <"$LAB/listed")" "4 4 4"
	LBDNS_NAMES='*.example' with_lbdns lab_curl 12 http://public.example:8081/address >"$LAB/pattern"
	lab_equal "$(lab_counts 198.18.0.1 198.18.0.2 198.18.0.3 <"$LAB/pattern")" "4 4 4"
}

own_resolver() {
	rm -f "$LAB/turns"
	mkfifo "$LAB/turns"
	exec {turns}<>"$LAB/turns"
	lab_start client with_lbdns sh -c 'exec "$@" <"$LAB/turns"' - /usr/bin/python3 \
		"$BATS_FILE_TMPDIR/own_resolver.py" "$LAB_DNS" "rng-headless.$LAB_DOMAIN" 13 "$@"
}

own_resolver_turns() {
	local from
	from=$(wc -l <"$LAB/client.out")
	yes '' | head -n "$1" >&"$turns"
	lab_wait_until lines "$LAB/client.out" $((from + $1))
	tail -n "$1" "$LAB/client.out"
}

@test "LBDNS_NAMES: an exact name rotates for a client with its own resolver, after its first connection" {
	export LBDNS_NAMES=rng-headless
	own_resolver
	lab_equal "$(lab_dns_queries)" 1
	own_resolver_turns 1 >"$LAB/first"
	# resolved by that connection; AAAA is asked along with A
	lab_dns_asks_more 1 rng-headless A
	lab_wait_until shows_pool
	lab_equal "$(own_resolver_turns 12 | lab_counts)" "4 4 4"
}

@test "LBDNS_NAMES: an exact name rotates for a client that passes the addresses of its own resolver through getaddrinfo" {
	export LBDNS_NAMES=rng-headless
	own_resolver number
	own_resolver_turns 1 >"$LAB/first"
	lab_dns_asks_more 1 rng-headless A
	lab_wait_until shows_pool
	lab_equal "$(own_resolver_turns 12 | lab_counts)" "4 4 4"
}

@test "LBDNS_NAMES: an exact name with a port rotates on it for a client with its own resolver, and on no other" {
	export LBDNS_NAMES=rng-headless:8081
	own_resolver
	own_resolver_turns 1 >"$LAB/first"
	lab_dns_asks_more 1 rng-headless A
	lab_wait_until shows_pool
	lab_equal "$(own_resolver_turns 12 | lab_counts)" "4 4 4"
	export LBDNS_NAMES=rng-headless:8082
	own_resolver
	own_resolver_turns 1 >"$LAB/first"
	lab_dns_asks_more 1 rng-headless A
	lab_wait_until shows_pool
	lab_equal "$(own_resolver_turns 12 | sort -u)" "$(<"$LAB/first")"
}

# The pool is there when the thread sleeps again: it waits on its futex.
shows_pool() {
	local task
	for task in "/proc/$(<"$LAB/client.pid")/task/"*; do
		[ "$(<"$task/comm")" != lbdns ] || grep -q '^202 ' "$task/syscall" || return 1
	done
}

@test "without LBDNS_NAMES, or with a pattern only, a client with its own resolver is untouched" {
	own_resolver
	lab_equal "$(own_resolver_turns 13 | sort -u | wc -l)" 1
	lab_equal "$(lab_dns_queries)" 1
	export LBDNS_NAMES='rng-*'
	own_resolver
	lab_equal "$(own_resolver_turns 13 | sort -u | wc -l)" 1
	lab_equal "$(lab_dns_queries)" 2
}

@test "LBDNS_EXCLUDE: short, absolute, pattern; it wins over LBDNS_NAMES" {
	lab_scale other-headless 3
	local value
	for value in rng-headless rng-headless.$LAB_DOMAIN 'rng-*' '*rng*.cluster.local' 'a,RNG-headless.,b'; do
		export LBDNS_EXCLUDE=$value
		unset LBDNS_NAMES
		lab_equal "$value: $(rotates rng-headless) $(rotates other-headless)" "$value: no yes"
		export LBDNS_NAMES='*-headless,rng-headless'
		lab_equal "$value: $(rotates rng-headless) $(rotates other-headless)" "$value: no yes"
	done
}

@test "LBDNS_NAMES and LBDNS_EXCLUDE: names and patterns with ports" {
	local value
	for value in rng-headless:8081 '*-headless:8081' 'a:8082,RNG-headless.:8081' rng-headless:1,rng-headless:8081 \
		rng-headless:1,rng-headless "*.$LAB_DOMAIN:8081"; do
		lab_equal "$value: $(LBDNS_NAMES=$value rotates)" "$value: yes"
		[[ $value == *rng-headless ]] || lab_equal "not $value: $(LBDNS_EXCLUDE=$value rotates)" "not $value: no"
	done
	for value in rng-headless:8082 '*:8082' rng-headless:1,rng-headless:8082,a,b:8081; do
		lab_equal "$value: $(LBDNS_NAMES=$value rotates)" "$value: no"
		lab_equal "not $value: $(LBDNS_EXCLUDE=$value rotates)" "not $value: yes"
	done
	lab_equal "$(LBDNS_NAMES=rng-headless LBDNS_EXCLUDE='*:8081' rotates)" no
	lab_equal "$(LBDNS_NAMES=rng-headless:8081 LBDNS_EXCLUDE='*:8082' rotates)" yes
}

# How many pods a client reaches by UDP.
udp_pods() {
	with_lbdns /usr/bin/python3 "$BATS_FILE_TMPDIR/udp.py" >"$LAB/udp" 2>"$LAB/udp.err" &&
		sort -u "$LAB/udp" | wc -l
}

# ---- LBDNS_CONNECT, LBDNS_UDP, LBDNS_MODE

@test "LBDNS_CONNECT=off: lookups rotate, connects are untouched" {
	lab_equal "$(LBDNS_CONNECT=on rotates)" yes
	export LBDNS_CONNECT=off
	lab_equal "$(rotates)" no
	lab_equal "$(with_lbdns "$CLIENT" lookup-connect rng-headless 8081 12 | lab_counts)" "4 4 4"
}

@test "LBDNS_UDP: off by default; on, connected sockets rotate" {
	lab_equal "$(udp_pods)" 1
	lab_equal "$(LBDNS_UDP=off udp_pods)" 1
	lab_equal "$(LBDNS_UDP=on udp_pods)" 3
	lab_equal "$(lab_counts <"$LAB/udp")" "4 4 4"
}

@test "LBDNS_MODE: off and observe change nothing, observe says what it would" {
	lab_equal "$(LBDNS_MODE=on rotates)" yes
	lab_equal "$(LBDNS_MODE=off rotates)" no
	lab_equal "$(LBDNS_MODE=observe rotates)" no
	lab_equal "$(LBDNS_MODE=off with_lbdns lab_curl 6 | lab_counts)" "0 0 6"
	lab_equal "$(LBDNS_MODE=observe with_lbdns lab_curl 6 | lab_counts)" "0 0 6"
	rm -f "$LAB/log" "$LAB/none"
	LBDNS_MODE=observe LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/log with_lbdns "$CLIENT" once rng-headless 8081 12
	lab_equal "$(grep -o 'connect 10.244.3.13 -> [0-9.]* (observed)' "$LAB/log" | awk '{ print $4 }' | lab_counts)" "4 4 4"
	LBDNS_MODE=off LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/none with_lbdns "$CLIENT" once rng-headless 8081 12
	[ ! -e "$LAB/none" ]
}

# ---- LBDNS_NAMESERVERS

@test "LBDNS_NAMESERVERS: another port, another address, instead of resolv.conf" {
	lab_pods_side ip addr replace 10.96.0.40/32 dev pods
	lab_pods_side ip addr replace fd00:96::40/128 dev pods nodad
	local at
	for at in 10.96.0.40:5353 '[fd00:96::40]:5354' '192.0.2.1,10.96.0.40:5353'; do
		[ ! -e "$LAB/other.pid" ] || lab_end KILL "$LAB/other.pid"
		: >"$LAB/other.log"
		lab_pods_side dnsmasq --conf-file=/dev/null --user=root --group= --pid-file="$LAB/other.pid" --port="${at##*:}" \
			--listen-address=10.96.0.40 --listen-address=fd00:96::40 --bind-interfaces --no-resolv --no-hosts --no-ping \
			--addn-hosts="$LAB/names.hosts" --local=/#/ --local-ttl=1 --log-queries --log-facility="$LAB/other.log" 3>&-
		LBDNS_NAMESERVERS=$at LBDNS_REFRESH=100ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
		lab_dns_queries_reset
		lab_wait_until lines_of 'query\[A\] rng-headless.default.svc.cluster.local' "$LAB/other.log" 3
		lab_equal "$at: $(lab_dns_queries)" "$at: 0"
		lab_stop client
	done
}

lines_of() {
	(($(grep -c "$1" "$2") >= $3))
}

# ---- LBDNS_IDLE, LBDNS_MAX_STALE

@test "LBDNS_IDLE: no longer refreshed when unused, and again at the next connection" {
	lab_scale other-headless 2
	LBDNS_REFRESH=200ms lab_start clock with_lbdns "$CLIENT" stay other-headless 8081 50
	rm -f "$LAB/turns"
	mkfifo "$LAB/turns"
	exec {turns}<>"$LAB/turns"
	# own_resolver.py, but what it connects to it has from getaddrinfo too
	cat >"$LAB/turns.py" <<-'END'
		import os, socket
		address = socket.getaddrinfo("rng-headless", 8081, 0, socket.SOCK_STREAM)[0][4]
		os.write(1, b"looked up\n")
		for i in range(99):
		    input()
		    with socket.socket() as one:
		        one.connect(address)
		        one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		        os.write(1, one.makefile().read().split("\n\n")[1].split()[0].encode() + b"\n")
	END
	LBDNS_IDLE=2s LBDNS_REFRESH=200ms lab_start client with_lbdns sh -c 'exec "$@" <"$LAB/turns"' - \
		/usr/bin/python3 "$LAB/turns.py"
	echo >&"$turns"
	lab_wait_until lines "$LAB/client.out" 2
	lab_dns_asks 3 rng-headless A # some may have been before this
	lab_dns_asks_more 19 other-headless A         # 3 s at least
	lab_dns_queries_reset
	lab_dns_asks_more 5 other-headless A
	lab_equal "$(lab_dns_queries rng-headless)" 0
	lab_scale rng-headless 4
	local start
	start=$(lab_now)
	echo >&"$turns"
	lab_dns_asks_more 1 rng-headless A
	# one interval and one answer
	(($(lab_now) - start <= 200 + 1000)) || { echo "asked again after $(($(lab_now) - start)) ms"; return 1; }
	lab_dns_asks_more 1 rng-headless A
	lab_wait_until lines "$LAB/client.out" 3
	yes '' | head -n 8 >&"$turns"
	lab_wait_until lines "$LAB/client.out" 11
	lab_equal "$(tail -n 8 "$LAB/client.out" | lab_counts)" "2 2 2 2"
}

@test "LBDNS_MAX_STALE: while DNS is away the last answer is used for so long" {
	local answer
	LBDNS_MAX_STALE=2s LBDNS_REFRESH=200ms lab_start short with_lbdns "$CLIENT" stay rng-headless 8081 20
	LBDNS_REFRESH=200ms lab_start long with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_dns_asks_more 4 rng-headless A
	lab_dns_stop
	answer=$(lab_now)
	# passes untouched: from some moment on, all to one pod
	lab_wait_until last_are_one "$LAB/short.out" 40
	(($(lab_now) - answer >= 2000 - 250)) || { echo "stale after $(($(lab_now) - answer)) ms"; return 1; }
	lab_equal "$(tail -n 40 "$LAB/long.out" | awk '{ print $4 }' | sort -u | wc -l)" 3
	lab_dns_start
	lab_wait_until last_are_three "$LAB/short.out"
	run ! grep -hv ' ok ' "$LAB/short.out" "$LAB/long.out"
}

last_are_one() {
	[ "$(tail -n "$2" "$1" | awk '{ print $4 }' | sort -u | wc -l)" = 1 ]
}

last_are_three() {
	[ "$(tail -n 3 "$1" | awk '{ print $4 }' | sort -u | wc -l)" = 3 ]
}

# ---- LBDNS_LOG, LBDNS_LOG_FILE

@test "LBDNS_LOG: nothing up to warn, changes at info, connections at debug" {
	local level
	for level in off error warn info debug; do
		LBDNS_LOG=$level LBDNS_REFRESH=100ms lab_start "$level" with_lbdns "$CLIENT" stay rng-headless 8081 10
	done
	lab_dns_asks_more 20 rng-headless A
	lab_scale rng-headless 4
	lab_wait_until grep -q '10.244.1.14' "$LAB/debug.out"
	lab_wait_until grep -q '10.244.1.14' "$LAB/off.out"
	lab_wait_until grep -q 'info: rng-headless.default.svc.cluster.local: 4 endpoints$' "$LAB/info.err"
	lab_wait_until grep -q 'debug: rng-headless.*: connect [0-9.]* -> 10.244.1.14' "$LAB/debug.err"
	lab_equal "$(cat "$LAB/off.err" "$LAB/error.err" "$LAB/warn.err")" ""
	run ! grep -q 'debug:' "$LAB/info.err"
	run ! grep -hv '^lbdns\[[0-9]*\]: \(error\|warn\|info\|debug\): ' "$LAB/info.err" "$LAB/debug.err"
}

@test "LBDNS_LOG_FILE: the lines go there, and none to stderr" {
	rm -f "$LAB/log"
	LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/log with_lbdns "$CLIENT" once rng-headless 8081 6 2>"$LAB/err" >"$LAB/out"
	lab_equal "$(lab_counts <"$LAB/out")" "2 2 2"
	lab_equal "$(grep -c ': connect ' "$LAB/log")" 6
	lab_equal "$(stat -c %a "$LAB/log")" 600
	lab_equal "$(cat "$LAB/err")" ""
	# a second process adds to it
	LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/log with_lbdns "$CLIENT" once rng-headless 8081 6
	lab_equal "$(grep -c ': connect ' "$LAB/log")" 12
}

@test "LBDNS_LOG_FILE that cannot be opened: the client works, and nothing is printed" {
	local file
	for file in /nowhere/log /proc/version "$LAB" /dev/full; do
		LBDNS_LOG=debug LBDNS_LOG_FILE=$file with_lbdns "$CLIENT" once rng-headless 8081 6 2>"$LAB/err" >"$LAB/out"
		lab_equal "$file: $(lab_counts <"$LAB/out")$(cat "$LAB/err")" "$file: 2 2 2"
	done
}

@test "stderr that became a data file gets nothing" {
	export LBDNS_LOG=debug
	local how
	for how in dup2 open; do
		with_lbdns /usr/bin/python3 "$BATS_FILE_TMPDIR/reopens.py" $how "$LAB/$how" 2>"$LAB/$how.err"
		lab_equal "$how: $(cat "$LAB/$how")" "$how: data"
		lab_equal "$how: $(cat "$LAB/$how.err")" "$how: "
	done
	with_lbdns /usr/bin/python3 "$BATS_FILE_TMPDIR/reopens.py" not - 2>"$LAB/not.err"
	grep -q 'debug: rng-headless' "$LAB/not.err"
}

@test "nothing is ever printed: stdout, stderr and status of curl are the same with and without lbdns" {
	both() {
		"$@" >"$LAB/out" 2>"$LAB/err" && echo 0 >"$LAB/status" || echo $? >"$LAB/status"
		with_lbdns "$@" >"$LAB/out.with" 2>"$LAB/err.with" && echo 0 >"$LAB/status.with" || echo $? >"$LAB/status.with"
		# curl says how long it took
		sed -i 's/after [0-9]* ms/after so many ms/' "$LAB/err" "$LAB/err.with"
		cmp "$LAB/out" "$LAB/out.with"
		cmp "$LAB/err" "$LAB/err.with"
		cmp "$LAB/status" "$LAB/status.with"
	}
	both curl -sS http://rng-0.rng-headless:8081/address
	grep -q 10.244.1.11 "$LAB/out.with"
	both curl -sS -o /dev/null -w '%{http_code}\n' http://rng-headless:8081/address
	both curl -sS --max-time 10 http://nowhere-headless:8081/address
	grep -q nowhere-headless "$LAB/err.with"
	both curl -sS http://rng-0.rng-headless:8089/address
	both curl -s --http2-bad-option http://rng-headless:8081/address
	export LBDNS_SHARED=off LBDNS_NAMES=rng-headless LBDNS_LOG=warn
	both curl -sS -o /dev/null -w '%{http_code}\n' http://rng-headless:8081/address
	lab_dns_stop
	both curl -sS --max-time 10 http://rng-headless:8081/address
	grep -q rng-headless "$LAB/err.with"
}

# ---- Wrong values

# VARIABLE WRONG RIGHT...: one line on stderr that names both and has the words RIGHT; and the client rotates as by default.
wrong() {
	local variable=$1 value=$2 right
	shift 2
	env "$variable=$value" LD_PRELOAD="$LIBLBDNS" "$CLIENT" once rng-headless 8081 12 >"$LAB/out" 2>"$LAB/err" || {
		cat "$LAB/err"
		return 1
	}
	lab_equal "$variable=$value: $(lab_counts <"$LAB/out")" "$variable=$value: 4 4 4"
	lab_equal "$variable=$value: $(wc -l <"$LAB/err") line" "$variable=$value: 1 line"
	for right in "$variable=${value:0:40}" "$@"; do
		grep -qF -e "$right" "$LAB/err" || { echo "no $right in: $(<"$LAB/err")"; return 1; }
	done
}

@test "a wrong LBDNS_REFRESH is named, with what would be right, and 5s is used" {
	local value
	for value in 99ms 0 61m 2h -1s 5x s 1.5s '5 s' never 99999999999999999999s TTLs; do
		wrong LBDNS_REFRESH "$value" '500ms, 5s, 1m or plain seconds, 100ms to 1h, or ttl' 'using 5s'
	done
	LBDNS_REFRESH=50ms asks_within 3990 8000 1
}

@test "a wrong LBDNS_IDLE or LBDNS_MAX_STALE is named, with what would be right, and the default is used" {
	local value
	for value in 0 999ms 25h 5x -5 ttl; do
		wrong LBDNS_IDLE "$value" '30s, 5m, 1h or plain seconds, 1s to 24h' 'using 10m'
		wrong LBDNS_MAX_STALE "$value" '30s, 5m, 1h or plain seconds, 1s to 24h' 'using 5m'
	done
	LBDNS_REFRESH=200ms LBDNS_IDLE=500ms LBDNS_MAX_STALE=500ms lab_start client with_lbdns "$CLIENT" stay rng-headless \
		8081 20
	lab_dns_asks_more 10 rng-headless A
	lab_dns_stop
	local from
	from=$(lab_now)
	# DNS is away for longer than the wrong value, and yet the last answer is used
	lab_wait_until past $((from + 1500))
	lab_equal "$(grep 'ok rng-headless' "$LAB/client.out" | tail -n 3 | awk '{ print $4 }' | lab_counts)" "1 1 1"
}

past() {
	local last
	last=$(tail -n 1 "$LAB/client.out")
	((${last%% *} > $1))
}

@test "a wrong LBDNS_MODE, LBDNS_CONNECT or LBDNS_SHARED is named, with what would be right, and on is used" {
	local value
	for value in 0 no offf none 'off '; do
		wrong LBDNS_MODE "$value" 'on, observe or off' 'using on'
		wrong LBDNS_CONNECT "$value" 'on or off' 'using on'
		wrong LBDNS_SHARED "$value" 'on or off' 'using on'
	done
	LBDNS_SHARED=no with_lbdns lab_curl 6 2>/dev/null | lab_counts >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "2 2 2"
}

@test "a wrong LBDNS_UDP is named, with what would be right, and off is used" {
	wrong LBDNS_UDP yes 'on or off' 'using off'
	lab_equal "$(LBDNS_UDP=yes udp_pods)" 1
}

@test "a wrong LBDNS_NAMESERVERS is named, with what would be right, and those of resolv.conf are used" {
	local value
	for value in dns.example 10.96.0 10.96.0.10:0 10.96.0.10:65536 10.96.0.10:x '[fd00::10'; do
		wrong LBDNS_NAMESERVERS "$value" '10.96.0.10, 127.0.0.1:5353 or [fd00::10]:53' 'using resolv.conf'
	done
	value=1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9
	run -0 --separate-stderr env LBDNS_NAMESERVERS="$value" LD_PRELOAD="$LIBLBDNS" "$CLIENT" once rng-headless 8081 3
	# shellcheck disable=SC2154 # run sets it
	[[ $stderr == *'LBDNS_NAMESERVERS=1.1.1.9: one too many'* ]]
	LBDNS_REFRESH=100ms LBDNS_NAMESERVERS=192.0.2.1,no lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_dns_asks_more 3 rng-headless A
}

@test "a wrong LBDNS_LOG is named, with what would be right, and error is used" {
	wrong LBDNS_LOG all 'off, error, warn, info or debug' 'using error'
	wrong LBDNS_LOG 7 'off, error, warn, info or debug' 'using error'
}

@test "a wrong LBDNS_LOG_FILE is named, with what would be right, and stderr is used" {
	wrong LBDNS_LOG_FILE lbdns.log 'use one such as /' 'using stderr'
	[ ! -e lbdns.log ]
	LBDNS_LOG=debug LBDNS_LOG_FILE=lbdns.log with_lbdns "$CLIENT" once rng-headless 8081 3 2>"$LAB/err"
	lab_equal "$(grep -c ': connect ' "$LAB/err")" 3
}

@test "a wrong name in LBDNS_NAMES or LBDNS_EXCLUDE is named and left out, and the others count" {
	wrong LBDNS_EXCLUDE 'no/name' 'use letters, digits' 'left out'
	run -0 --separate-stderr env LBDNS_NAMES='no/name,rng-headless' LD_PRELOAD="$LIBLBDNS" "$CLIENT" once rng-headless \
		8081 12
	lab_equal "$(lab_counts <<<"$output")" "4 4 4"
	lab_equal "$(wc -l <<<"$stderr")" 1
	[[ $stderr == *LBDNS_NAMES=no/name:* ]]
	local value
	for value in rng-headless: rng-headless:0 rng-headless:65536 rng-headless:http fd00::1; do
		wrong LBDNS_EXCLUDE "$value" ':8081 for that port alone' 'left out'
	done
	run -0 --separate-stderr env LBDNS_NAMES='rng-headless:x,rng-headless:8081' LD_PRELOAD="$LIBLBDNS" "$CLIENT" once \
		rng-headless 8081 12
	lab_equal "$(lab_counts <<<"$output")" "4 4 4"
	[[ $stderr == *'LBDNS_NAMES=rng-headless:x: not a port; '* ]]
	# none is left: nothing is managed
	lab_equal "$(LBDNS_NAMES='no/name' rotates 2>/dev/null)" no
}

@test "two wrong settings are named in one line" {
	LBDNS_REFRESH=1y LBDNS_MODE=maybe with_lbdns "$CLIENT" once rng-headless 8081 12 >"$LAB/out" 2>"$LAB/err"
	lab_equal "$(lab_counts <"$LAB/out")" "4 4 4"
	lab_equal "$(wc -l <"$LAB/err")" 1
	grep -q '^lbdns: .*LBDNS_REFRESH=1y: .*LBDNS_MODE=maybe: ' "$LAB/err"
}

@test "a wrong setting is named once per process" {
	LBDNS_REFRESH=1y with_lbdns "$CLIENT" fork rng-headless 8081 12 4 >"$LAB/out" 2>"$LAB/err"
	lab_equal "$(lab_counts <"$LAB/out") $(wc -l <"$LAB/err")" "4 4 4 1"
}

@test "LBDNS_LOG=off silences what is wrong" {
	LBDNS_LOG=off LBDNS_REFRESH=1y LBDNS_MODE=maybe with_lbdns "$CLIENT" once rng-headless 8081 12 >"$LAB/out" 2>"$LAB/err"
	lab_equal "$(lab_counts <"$LAB/out")" "4 4 4"
	lab_equal "$(cat "$LAB/err")" ""
}

@test "an empty value is as none, and other variables that begin with LBDNS_ are not ours" {
	local variable
	for variable in REFRESH NAMES EXCLUDE CONNECT UDP MODE NAMESERVERS IDLE MAX_STALE SHARED LOG LOG_FILE; do
		export "LBDNS_$variable="
	done
	export LBDNS_PORT=tcp://10.0.0.1:80 LBDNS_SERVICE_HOST=10.0.0.1
	with_lbdns "$CLIENT" once rng-headless 8081 12 >"$LAB/out" 2>"$LAB/err"
	lab_equal "$(lab_counts <"$LAB/out")$(cat "$LAB/err")" "4 4 4"
}

# ---- AT_SECURE

@test "a setuid program does not believe the environment: the settings are the defaults" {
	setpriv --reuid 12345 --regid 12345 --clear-groups true || skip 'only root can be other users'
	mkdir "$LAB/secure"
	cp "$LIBLBDNS" "$LAB/secure/"
	# LD_PRELOAD does not reach a setuid program; a system-wide preload, or being linked with it, does
	gcc -std=gnu11 -D_GNU_SOURCE -pthread -o "$LAB/secure/plain" "$LAB_ROOT/tests/programs/client.c" -Wl,--no-as-needed \
		"$LAB/secure/liblbdns.so" -Wl,-rpath,"$LAB/secure"
	cp "$LAB/secure/plain" "$LAB/secure/setuid"
	chmod 4755 "$LAB/secure/setuid"
	as_user() {
		setpriv --reuid 12345 --regid 12345 --clear-groups env LBDNS_MODE=off LBDNS_REFRESH=nonsense LBDNS_LOG=debug \
			LBDNS_LOG_FILE="$LAB/secure/log" LBDNS_NAMES=other "$@" 2>"$LAB/err"
	}
	chmod 777 "$LAB/secure"
	lab_equal "$(as_user "$LAB/secure/plain" once rng-headless 8081 12 | lab_counts)" "0 0 12"
	grep -q LBDNS_REFRESH=nonsense "$LAB/err"
	lab_equal "$(as_user "$LAB/secure/setuid" once rng-headless 8081 12 | lab_counts)" "4 4 4"
	lab_equal "$(cat "$LAB/err")" ""
	[ ! -e "$LAB/secure/log" ]
}
