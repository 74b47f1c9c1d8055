# Promise 7: what DNS is asked for. A pool is refreshed once there is a use for it; a name of one address that the client
# goes on connecting to is asked for too, but seldom.

bats_require_minimum_version 1.5.0
load ../lab/lab

export LBDNS_REFRESH=100ms

setup() {
	lab_up
}

# How often DNS was asked for names that begin with PREFIX.
asked_for() {
	grep -c "query\[[A-Z]*\] $1" "$LAB/queries.log" || true
}

# A client that looks up NAMEs and connects to none of them, and then to rng-headless twenty times a second.
looks_up() {
	cat >"$LAB/looks_up.py" <<-'END'
		import socket, sys, time
		for name in sys.argv[1:]:
		    socket.getaddrinfo(name, 8081, 0, socket.SOCK_STREAM)
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		while True:
		    socket.create_connection(address).close()
		    print(flush=True)
		    time.sleep(0.05)
	END
	lab_start client "${LOOKS-env}" /usr/bin/python3 "$LAB/looks_up.py" "$@"
}

# asks_no_more PREFIX NAME...: of names that begin with PREFIX no more than without lbdns, while rng-headless is refreshed.
asks_no_more() {
	local kind alone
	for kind in env with_lbdns; do
		lab_dns_stop
		: >"$LAB/queries.log"
		lab_dns_start
		lab_dns_queries_reset
		LOOKS=$kind looks_up "${@:2}"
		if [ $kind = env ]; then
			alone=$(asked_for "$1")
			((alone >= $# - 1))
		else
			lab_dns_asks_more 20 rng-headless A
			lab_equal "$(asked_for "$1")" "$alone"
		fi
		lab_stop client
	done
}

@test "300 names that are looked up and never connected to: DNS is asked by the client alone" {
	local names
	lab_dns_set_all "$(printf 'listed-%d.bl ' {1..150})" 127.0.0.2 127.0.0.4
	lab_dns_set_all "$(printf 'listed-%d.bl ' {151..300})" 10.250.0.2 10.250.0.4
	mapfile -t names < <(printf 'listed-%d.bl\n' {1..300})
	asks_no_more listed- "${names[@]}"
}

@test "public addresses behind a NAT64 whose prefix is private are in no pool" {
	# as a DNS64 makes them (RFC 6147) of 192.0.2.1 and 192.0.2.2
	lab_dns_set public 192.0.2.1 192.0.2.2 fd64::c000:201 fd64::c000:202
	asks_no_more public public public
}

@test "a name that is looked up again is refreshed, though nobody connects" {
	cat >"$LAB/again.py" <<-'END'
		import socket, time
		while True:
		    socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)
		    print(flush=True)
		    time.sleep(0.05)
	END
	lab_start client with_lbdns /usr/bin/python3 "$LAB/again.py"
	lab_dns_asks 20 rng-headless A # libc is asked once in 30 s
	lab_stop client
}

@test "a loopback address is in no pool, unless LBDNS_NAMES lists the name" {
	lab_dns_set here 127.0.0.2 127.0.0.3
	lab_equal "$(reached_of_loopback env)" 127.0.0.2
	lab_equal "$(reached_of_loopback with_lbdns)" 127.0.0.2
	lab_equal "$(LBDNS_NAMES=here reached_of_loopback with_lbdns)" "127.0.0.2 127.0.0.3"
}

# Where six connections to the first of two loopback addresses go.
reached_of_loopback() {
	"$@" /usr/bin/python3 - <<-'END'
		import socket
		servers = [socket.create_server((address, 8081)) for address in ("127.0.0.2", "127.0.0.3")]
		socket.getaddrinfo("here", 8081, socket.AF_INET, socket.SOCK_STREAM)
		reached = set()
		for _ in range(6):
		    with socket.socket() as one: # create_connection would look the number up, which claims it
		        one.connect(("127.0.0.2", 8081))
		        reached.add(one.getpeername()[0])
		print(*sorted(reached))
	END
}

# ---- Names of one address

# singles N: a client that looks up single-0 to single-<N - 1>, one after another so that not all are due at the same time,
# and connects to each of them again and again.
singles() {
	cat >"$LAB/singles.py" <<-'END'
		import socket, sys, time
		found = []
		for i in range(int(sys.argv[1])):
		    found += [socket.getaddrinfo(f"single-{i}", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]]
		    time.sleep(0.1)
		while True:
		    for address in found:
		        socket.create_connection(address).close()
		        time.sleep(0.02)
		    print(flush=True)
	END
	lab_start client with_lbdns /usr/bin/python3 "$LAB/singles.py" "$1"
}

@test "ten names of one address that a client goes on connecting to: DNS is asked for each once in 30 s at most" {
	local i
	for ((i = 0; i < 10; i++)); do
		lab_dns_set "single-$i" 10.244.1.11
	done
	lab_dns_queries_reset
	singles 10
	lab_equal "$(lab_dns_queries "" A)" 10 || { cat "$LAB/queries.log"; return 1; } # libc's
	for ((i = 0; i < 10; i++)); do
		lab_dns_asks 2 "single-$i" A
	done
	lab_dns_queries_reset
	for ((i = 0; i < 10; i++)); do
		lab_dns_asks 1 "single-$i" A
	done
	lab_equal "$(lab_dns_queries "" A)" 10
	lab_equal "$(lab_dns_queries "" AAAA)" 0
	lab_stop client
}

@test "a client that began while the service had one pod, and keeps its answer, comes to all of them" {
	lab_scale rng-headless 1
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_start alone "$CLIENT" stay rng-headless 8081 20
	lab_scale rng-headless 3
	lab_wait_until reached "$(lab_address 2)"
	lab_wait_until reached "$(lab_address 3)"
	lab_wait_until has_lines $(($(wc -l <"$LAB/client.out") + 32))
	lab_stop client
	lab_stop alone
	tail -n 31 "$LAB/client.out" | head -n 30 >"$LAB/last"
	lab_equal "$(awk '{ print $NF }' "$LAB/last" | lab_counts)" "10 10 10"
	run ! grep -v ' ok ' "$LAB/client.out"
	lab_equal "$(awk '{ print $NF }' "$LAB/alone.out" | sort -u)" "$(lab_address 1)"
}

has_lines() {
	(($(wc -l <"$LAB/client.out") >= $1))
}

reached() {
	grep -q " ok .* $1\$" "$LAB/client.out"
}

@test "a name of one address in the hosts file is not asked for, though DNS has more" {
	echo "$(lab_address 1) rng-headless" >>"$LAB/hosts"
	lab_dns_set single-0 "$(lab_address 2)"
	lab_start stays with_lbdns "$CLIENT" stay rng-headless 8081 20
	singles 1
	lab_dns_asks 2 single-0 A
	lab_equal "$(lab_dns_queries rng-headless)" 0
	lab_equal "$(awk '{ print $NF }' "$LAB/stays.out" | sort -u)" "$(lab_address 1)"
}
