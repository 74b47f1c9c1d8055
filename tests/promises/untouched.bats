# shellcheck disable=SC2086 # lists of pods and of names
# shellcheck disable=SC2030,SC2031 # each test has its own settings
# What lbdns leaves as it is: the same results, errno and places with it as without.

bats_require_minimum_version 1.5.0
load ../lab/lab

TWO_PODS="10.244.1.11 10.244.2.12"

setup() {
	lab_up
}

teardown() {
	lab_down
}

# Turns taken by other connections, so that a client's next one has to be rewritten to be in turn.
others_connect() {
	with_lbdns "$CLIENT" lookup-connect rng-headless 8081 1 >"$LAB/others"
}

# shellcheck disable=SC2016 # for awk to expand
# A counter of TCP's in the kernel: of the clients, or with lab_pods_side of the pods.
tcp_counter() {
	"${@:2}" awk -v name="$1" '/^Tcp:/ { if (!n) { for (n = 2; $n != name;) n++ } else print $n }' /proc/net/snmp
}

# What a client does is the same with lbdns as without, and is WANTED, unless that is "".
same() {
	local wanted=$1 without with
	shift
	without=$("$CLIENT" "$@" 2>&1) || without+=" status $?"
	with=$(with_lbdns "$CLIENT" "$@" 2>&1) || with+=" status $?"
	lab_equal "$with" "$without"
	[ -z "$wanted" ] || lab_equal "$without" "$wanted"
}

# ---- Names

@test "a name with one address, as a ClusterIP has: every lookup is libc's, every connection goes there" {
	lab_pod_start 10.96.7.7
	lab_dns_set rng 10.96.7.7
	lab_equal "$("$CLIENT" lookup-connect rng 8081 30 | lab_counts 10.96.7.7)" 30
	lab_dns_queries_reset
	lab_equal "$(LBDNS_REFRESH=100ms with_lbdns "$CLIENT" lookup-connect rng 8081 30 | lab_counts 10.96.7.7)" 30
	lab_equal "$(lab_dns_queries rng A)" 30
	lab_equal "$(lab_dns_queries rng AAAA)" 30
}

@test "a name with one address beside a pool in one process" {
	lab_pod_start 10.96.7.7
	lab_dns_set rng 10.96.7.7
	# shellcheck disable=SC2183 # so many spaces, and as many rounds
	printf %29s | with_lbdns "$CLIENT" visit rng-headless 8081 60000 rng >"$LAB/answers"
	lab_equal "$(grep ' rng-headless ' "$LAB/answers" | lab_counts)" "0 10 10 10"
	lab_equal "$(grep ' rng ' "$LAB/answers" | lab_counts)" "30 0 0 0"
}

@test "a name with one address starts no thread, one with a pool does" {
	cat >"$LAB/threads.py" <<-'EOF'
		import socket, sys
		for _ in range(3):
		    socket.create_connection((sys.argv[1], 8081)).close()
		print([line.split()[1] for line in open("/proc/self/status") if line.startswith("Threads:")][0])
	EOF
	lab_pod_start 10.96.7.7
	lab_dns_set rng 10.96.7.7
	lab_equal "$(with_lbdns /usr/bin/python3 "$LAB/threads.py" rng)" 1
	lab_equal "$(with_lbdns /usr/bin/python3 "$LAB/threads.py" rng-headless)" 2
}

@test "a name with public addresses, unless LBDNS_NAMES lists it" {
	local public="198.51.100.11 198.51.100.12 198.51.100.13" pod
	for pod in $public; do
		lab_pod_start "$pod"
	done
	lab_dns_set shop.example. $public
	# as libc answers, it is DNS that rotates: a client that keeps its answer stays at one pod
	lab_equal "$("$CLIENT" once shop.example 8081 30 | sort | uniq -c | awk '{ print $1 }')" 30
	lab_equal "$(with_lbdns "$CLIENT" once shop.example 8081 30 | sort | uniq -c | awk '{ print $1 }')" 30
	lab_dns_queries_reset
	with_lbdns "$CLIENT" lookups shop.example 8081 30 >"$LAB/answers"
	lab_equal "$(lab_dns_queries shop.example. A)" 30
	lab_equal "$(LBDNS_NAMES=shop.example with_lbdns "$CLIENT" once shop.example 8081 30 | lab_counts $public)" "10 10 10"
	lab_equal "$(LBDNS_NAMES='*.example' with_lbdns "$CLIENT" once shop.example 8081 30 | lab_counts $public)" "10 10 10"
}

# The public one is asked for first: any of them would do.
@test "a name with a public address among private ones" {
	lab_pod_start 198.51.100.11
	lab_dns_set mixed 198.51.100.11 10.244.1.11 10.244.2.12
	lab_equal "$(with_lbdns "$CLIENT" once mixed 8081 30 | sort | uniq -c | awk '{ print $1 }')" 30
	lab_dns_queries_reset
	with_lbdns "$CLIENT" lookups mixed 8081 10 >"$LAB/answers"
	lab_equal "$(lab_dns_queries mixed A)" 10
}

# ---- Sockets of other kinds

@test "a connected UDP socket, unless LBDNS_UDP is on" {
	local first
	lab_equal "$("$CLIENT" udp-once rng-headless 8081 30 | lab_counts)" "0 0 30"
	first=$(with_lbdns "$CLIENT" udp-once rng-headless 8081 30 | sort | uniq -c | awk '{ print $1 }')
	lab_equal "$first" 30
	lab_equal "$(LBDNS_UDP=on with_lbdns "$CLIENT" udp-once rng-headless 8081 30 | lab_counts)" "10 10 10"
	lab_equal "$(LBDNS_UDP=on with_lbdns "$CLIENT" udp rng-headless 8081 30 | lab_counts)" "10 10 10"
}

@test "UDP takes no turn of TCP's, whether it rotates or not" {
	local i udp
	lab_scale rng-headless 2
	for udp in off on; do
		for ((i = 0; i < 10; i++)); do
			LBDNS_UDP=$udp with_lbdns "$CLIENT" udp-once rng-headless 8081 1 >&2
			LBDNS_UDP=$udp with_lbdns "$CLIENT" lookup-connect rng-headless 8081 1
		done >"$LAB/answers"
			lab_equal "$(lab_counts $TWO_PODS <"$LAB/answers")" "5 5"
	done
}

@test "AF_UNIX sockets, named and abstract, stream and datagram" {
	cat >"$LAB/unix.py" <<-'EOF'
		import os, socket, sys
		socket.create_connection(("rng-headless", 8081)).close()
		for name in sys.argv[1] + "/local", "\0local":
		    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
		        if name[0] == "/" and os.path.exists(name):
		            os.remove(name)
		        with socket.socket(socket.AF_UNIX, kind) as server:
		            server.bind(name)
		            if kind == socket.SOCK_STREAM:
		                server.listen(20)
		            for i in range(10):
		                with socket.socket(socket.AF_UNIX, kind) as client:
		                    client.connect(name)
		                    print(client.getpeername() == server.getsockname())
	EOF
	lab_equal "$(LBDNS_UDP=on with_lbdns /usr/bin/python3 "$LAB/unix.py" "$LAB" | sort | uniq -c | xargs)" "40 True"
}

@test "a socket that is bound keeps its own address, and rotates" {
	ip addr replace 10.244.3.99/32 dev client
	lab_equal "$("$CLIENT" bound rng-headless 8081 30 10.244.3.99 | lab_counts)" "0 0 30"
	lab_pod_log_reset
	lab_equal "$(with_lbdns "$CLIENT" bound rng-headless 8081 30 10.244.3.99 | lab_counts)" "10 10 10"
	lab_equal "$(awk '{ print $3 }' "$LAB/connections.log" | sort | uniq -c | xargs)" "30 10.244.3.99"
	ip addr del 10.244.3.99/32 dev client
}

@test "a socket that is bound to where no pod can be reached from fails as without lbdns" {
	same "client: bound: Invalid argument status 1" bound rng-headless 8081 1 127.0.0.1
}

# ---- Connecting again

@test "connect on a connected socket: EISCONN, and no turn taken" {
	lab_scale rng-headless 2
	lab_equal "$("$CLIENT" connected rng-headless 8081 20 | cut -d ' ' -f 1,2 | sort | uniq -c | xargs)" "20 ok EISCONN"
	with_lbdns "$CLIENT" connected rng-headless 8081 20 >"$LAB/answers"
	lab_equal "$(cut -d ' ' -f 1,2 "$LAB/answers" | sort | uniq -c | xargs)" "20 ok EISCONN"
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/answers")" "10 10"
}

@test "a non-blocking client that calls connect again to collect takes one turn for each connection" {
	lab_scale rng-headless 2
	lab_pod_log_reset
	lab_equal "$(with_lbdns "$CLIENT" nonblock rng-headless 8081 20 | lab_counts $TWO_PODS)" "10 10"
	lab_equal "$(lab_pod_log_counts $TWO_PODS)" "10 10"
}

# A silent pod that speaks again is reached by the kernel's second packet, after 1 s, or the third, after 3 s.
again_while_in_progress() {
	local pod pids=() opens
	for pod in $TWO_PODS 10.244.3.13; do
		lab_pod_silence "$pod"
	done
	opens=$(tcp_counter ActiveOpens)
	"$CLIENT" nonblock-errors rng-headless 8081 1 >"$LAB/without" 3>&- &
	pids+=($!)
	lab_wait_until test_opens $((opens + 1))
	with_lbdns "$@" "$CLIENT" nonblock-errors rng-headless 8081 1 >"$LAB/with" 3>&- &
	pids+=($!)
	lab_wait_until test_opens $((opens + 2))
	for pod in $TWO_PODS 10.244.3.13; do
		lab_pod_unsilence "$pod"
	done
	wait "${pids[@]}"
	lab_equal "$(<"$LAB/without")" "EINPROGRESS EALREADY ok"
	lab_equal "$(<"$LAB/with")" "EINPROGRESS EALREADY ok"
	opened=$(($(tcp_counter ActiveOpens) - opens))
}

@test "a non-blocking client that calls connect again while it is in progress" {
	local opened
	# The refresh thread checks the pods meanwhile; without descriptors of its own it cannot, and each connection is counted.
	again_while_in_progress
	((opened > 2))
	lab_pod_log_reset
	again_while_in_progress "$LAB_BUILD/lab/denied" EPERM close_range unshare thread-apart --
	lab_equal "$opened" 2
	lab_wait_until test_log 2
}

test_opens() {
	[ "$(tcp_counter ActiveOpens)" -ge "$1" ]
}

test_log() {
	lab_equal "$(wc -l <"$LAB/connections.log")" "$1"
}

# Three of the five calls begin a connection, and the pods refuse three.
@test "a non-blocking client that calls connect again after it failed" {
	local pod said="EINPROGRESS ECONNREFUSED EINPROGRESS ECONNABORTED EINPROGRESS" refused
	others_connect
	for pod in $TWO_PODS 10.244.3.13; do
		lab_pod_kill "$pod"
	done
	for with in "" with_lbdns; do
		refused=$(tcp_counter OutRsts lab_pods_side)
		lab_equal "$($with "$CLIENT" nonblock-failed rng-headless 8081 10 | sort | uniq -c | xargs)" "10 $said"
		lab_equal "$(tcp_counter OutRsts lab_pods_side)" $((refused + 30))
	done
}

@test "wrong arguments to connect: what libc says" {
	others_connect
	same "" bad rng-headless 8081 4
	lab_equal "$(with_lbdns "$CLIENT" bad rng-headless 8081 1)" "\
no address: -1 EFAULT
no address, no length: -1 EINVAL
no address, UDP: -1 EFAULT
no length: -1 EINVAL
the family alone: -1 EINVAL
one byte short: -1 EINVAL
longer than any: -1 EINVAL
negative length: -1 EINVAL
no descriptor: -1 EBADF
closed descriptor: -1 EBADF
file: -1 ENOTSOCK
AF_UNIX socket: -1 EINVAL
listening: -1 EISCONN
AF_INET6 socket: -1 EINVAL
AF_UNIX address: -1 EAFNOSUPPORT
no family: -1 EAFNOSUPPORT
AF_UNSPEC: 0 ok"
	lab_equal "$(lab_pod_log | wc -l)" 1
}

@test "wrong arguments to connect, IPv6" {
	lab_up 0
	lab_scale6 rng-headless 3
	same "" bad rng-headless 8081 4
}

@test "errno is left alone by what succeeds" {
	local libc
	"$CLIENT" errno rng-headless 8081 30 >"$LAB/answers"
	lab_equal "$(awk '{ print $2, $3 }' "$LAB/answers" | sort | uniq -c | xargs)" "30 kept kept"
	libc=$(awk '{ print $1 }' "$LAB/answers" | sort -u)
	[ "$(wc -w <<<"$libc")" = 1 ] && [ "$libc" != kept ]
	with_lbdns "$CLIENT" errno rng-headless 8081 1800 >"$LAB/answers"
	lab_equal "$(awk '{ print $2, $3 }' "$LAB/answers" | sort | uniq -c | xargs)" "1800 kept kept"
	# until a refresh has confirmed the name lookups are libc's own
	lab_equal "$(awk '{ print $1 }' "$LAB/answers" | uniq | xargs)" "$libc kept"
	lab_equal "$(lab_counts <"$LAB/answers")" "600 600 600"
}

@test "errno is left alone where everything is logged and connections are rewritten" {
	rm -f "$LAB/lbdns.log"
	export LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/lbdns.log
	others_connect
	for with in "" with_lbdns; do
		lab_equal "$($with "$CLIENT" connected rng-headless 8081 9 | awk '{ print $1, $2 }' | uniq -c | xargs)" "9 ok EISCONN"
	done
	with_lbdns "$CLIENT" errno rng-headless 8081 30 >"$LAB/answers"
	lab_equal "$(awk '{ print $2, $3 }' "$LAB/answers" | sort | uniq -c | xargs)" "30 kept kept"
	grep -q ' -> ' "$LAB/lbdns.log"
}

# ---- Settings

@test "LBDNS_CONNECT=off: lookups rotate, connections go where the client says" {
	export LBDNS_CONNECT=off
	lab_equal "$(with_lbdns "$CLIENT" lookups rng-headless 8081 30 | lab_counts)" "10 10 10"
	lab_equal "$(with_lbdns "$CLIENT" lookup-connect rng-headless 8081 30 | lab_counts)" "10 10 10"
	lab_equal "$(with_lbdns "$CLIENT" shown rng-headless 8081 30 | awk '$1 != $2')" ""
	lab_equal "$(with_lbdns "$CLIENT" once rng-headless 8081 30 | sort | uniq -c | awk '{ print $1 }')" 30
	lab_equal "$(with_lbdns "$CLIENT" each rng-headless 8081 30 | lab_counts)" "10 10 10"
}

@test "LBDNS_CONNECT=off: processes that look up and connect once rotate too" {
	LBDNS_CONNECT=off with_lbdns lab_curl 30 >"$LAB/answers"
	lab_equal "$(lab_counts <"$LAB/answers")" "10 10 10"
}

@test "LBDNS_MODE=observe and off: lookups and connections are as unmodified" {
	local mode doing
	others_connect
	for mode in observe off; do
		export LBDNS_MODE=$mode
		for doing in lookup-connect once lookups mapped inet twice; do
			lab_equal "$("$CLIENT" $doing rng-headless 8081 12 | lab_counts)" "0 0 12"
			lab_equal "$(with_lbdns "$CLIENT" $doing rng-headless 8081 12 | lab_counts)" "0 0 12"
		done
		lab_equal "$(with_lbdns "$CLIENT" gethostbyname rng-headless 8081 12 12 | sort | uniq -c | awk '{ print $1 }')" 12
		lab_equal "$(with_lbdns lab_curl 6 | lab_counts)" "0 0 6"
	done
}

@test "LBDNS_MODE=observe: every lookup asks libc" {
	lab_dns_queries_reset
	LBDNS_MODE=observe with_lbdns "$CLIENT" lookups rng-headless 8081 10 >"$LAB/answers"
	lab_equal "$(lab_dns_queries rng-headless A)" 10
}

@test "LBDNS_MODE=observe does not move the cursor of those that act" {
	local i mode
	for mode in lookup-connect once lookups; do
		for ((i = 0; i < 3; i++)); do
			with_lbdns "$CLIENT" lookup-connect rng-headless 8081 1
			LBDNS_MODE=observe with_lbdns "$CLIENT" $mode rng-headless 8081 $((7 + i)) >&2
		done >"$LAB/answers"
		lab_equal "$(lab_counts <"$LAB/answers")" "1 1 1"
	done
}

@test "LBDNS_MODE=observe says what it would have done" {
	rm -f "$LAB/lbdns.log"
	LBDNS_MODE=observe LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/lbdns.log with_lbdns "$CLIENT" once rng-headless 8081 30 >"$LAB/answers"
	lab_equal "$(lab_counts <"$LAB/answers")" "0 0 30"
	lab_equal "$(sed -n 's/.*: connect 10.244.3.13 -> \([0-9.]*\).*/\1/p' "$LAB/lbdns.log" | lab_counts)" "10 10 10"
}

@test "LBDNS_MODE=off leaves nothing: no thread, no shared memory, no question of its own" {
	cat >"$LAB/threads.py" <<-'EOF'
		import socket
		for _ in range(3):
		    socket.create_connection(("rng-headless", 8081)).close()
		print([line.split()[1] for line in open("/proc/self/status") if line.startswith("Threads:")][0])
	EOF
	lab_dns_queries_reset
	lab_equal "$(LBDNS_MODE=off with_lbdns /usr/bin/python3 "$LAB/threads.py")" 1
	lab_equal "$(tail -n +2 /proc/sysvipc/shm)" ""
	lab_equal "$(lab_dns_queries rng-headless A)" 3
	with_lbdns /usr/bin/python3 "$LAB/threads.py"
	lab_equal "$(wc -l </proc/sysvipc/shm)" 2
}
