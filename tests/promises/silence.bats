# Silence, and what is learnt of how connects end: what passes a pod over, what does not, and what the client without lbdns
# would have got. Each pod that is the bad one here is not the one that libc would have chosen, unless said otherwise.

bats_require_minimum_version 1.5.0
load ../lab/lab

setup_file() {
	# walk.py N MS [WORD...]: N connections to rng-headless, one after another, each of which looks the name up, gives an
	# address MS and goes on to the next one of its list. A line for each: the pod reached or -, and how many addresses it
	# waited for in vain. WORDs:
	#   early      asks for SO_ERROR at once after connect, as libpq does
	#   first      goes to the first address alone
	#   kept       looks up once, and always goes to the same address
	#   raw        connects by the system call, past libc, and asks nothing (Go does so)
	#   fast       with TCP_FASTOPEN_CONNECT
	#   portless   its lookups name no port (Go's do not)
	#   pause=MS   between two
	cat >"$BATS_FILE_TMPDIR/walk.py" <<-'END'
		import ctypes, os, select, socket, struct, sys, time
		libc = ctypes.CDLL(None, use_errno=True)
		count, each, words = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
		pause = [int(word[6:]) for word in words if word.startswith("pause=")] or [20]
		def look_up():
		    port = None if "portless" in words else 8081
		    found = socket.getaddrinfo("rng-headless", port, socket.AF_INET, socket.SOCK_STREAM)
		    return [(entry[4][0], 8081) for entry in found]
		def reach(address):
		    one = socket.socket()
		    try:
		        if "fast" in words:
		            one.setsockopt(socket.IPPROTO_TCP, 30, 1)
		        one.setblocking(False)
		        if "raw" in words:
		            raw = struct.pack("=H", socket.AF_INET) + struct.pack(">H", address[1]) + socket.inet_aton(address[0]) + bytes(8)
		            libc.syscall(42, one.fileno(), raw, len(raw))
		        else:
		            one.connect_ex(address)
		        if "early" in words:
		            one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		        poll = select.poll()
		        poll.register(one, select.POLLOUT)
		        if not poll.poll(each):
		            return "late"
		        if "raw" not in words and "fast" not in words and one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
		            return "-"
		        one.setblocking(True)
		        one.settimeout(each / 1000)
		        one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		        return one.makefile().read().split("\n\n")[1].split()[0]
		    except TimeoutError:
		        return "late"
		    except (OSError, IndexError):
		        return "-"
		    finally:
		        one.close()
		kept = look_up()[:1] if "kept" in words else None
		for _ in range(count):
		    late, got = 0, "-"
		    addresses = kept or look_up()
		    for address in addresses[:1] if "first" in words else addresses:
		        got = reach(address)
		        late += got == "late"
		        if got not in ("-", "late"):
		            break
		    print("-" if got == "late" else got, late, flush=True)
		    time.sleep(pause[0] / 1000)
	END
}

setup() {
	FILTERED=("$LAB_BUILD/lab/denied" ENOSYS pidfd_getfd --)
	lab_up 3
	PODS=(10.244.1.11 10.244.2.12 10.244.3.13)
	NOBODY=()
}

# The namespaces are the next test's too.
teardown() {
	lab_pods_side nft -f - <<<'add table inet loss; delete table inet loss'
	nft -f - <<<'add table inet own; delete table inet own'
}

walk() {
	/usr/bin/python3 "$BATS_FILE_TMPDIR/walk.py" "$@"
}

# The same as a user who cannot read the file.
walk_as_nobody() {
	setpriv --reuid 65534 --clear-groups "${NOBODY[@]}" /usr/bin/python3 - "$@" <"$BATS_FILE_TMPDIR/walk.py"
}

# Of the lines of walk: how many failed, and how many addresses were waited for in vain.
failed() {
	grep -c '^-' "$1" || true
}

waits() {
	awk '{ n += $2 } END { print n + 0 }' "$1"
}

at_most() {
	(($1 <= $2)) || { echo "$3: $1, at most $2 wanted"; return 1; }
}

# ---- A pod that is silent

@test "a shell loop of curl meets a silent pod at most twice, and no healthy one is charged" {
	local i
	export LBDNS_EJECT=60s
	lab_pod_silence "${PODS[1]}"
	for i in {1..20}; do
		with_lbdns curl -sS -m 4 http://rng-headless:8081/address >>"$LAB/seen" 2>"$LAB/err" && echo >>"$LAB/seen" || true
	done
	at_most $((20 - $(grep -c . "$LAB/seen"))) 1 failed
	"$LAB_BUILD/lbdns-inspect" status >"$LAB/status"
	at_most "$(awk -v pod="${PODS[1]}" '$1 == pod { print $3 }' "$LAB/status")" 2 "connections to the silent pod"
	grep -q "^  ${PODS[1]} .* out" "$LAB/status"
	lab_equal "$(awk '$1 ~ /^10\.244\.[13]\./ { print $6 }' "$LAB/status" | xargs)" "0 0"
}

@test "in a container (a filter without pidfd_getfd, uid 65534, no capabilities): a silent pod is passed over" {
	export LBDNS_EJECT=60s
	lab_pod_silence "${PODS[1]}"
	NOBODY=(--bounding-set -all --no-new-privs "${FILTERED[@]}")
	with_lbdns walk_as_nobody 30 700 >"$LAB/seen"
	lab_equal "$(failed "$LAB/seen") $(grep -c . "$LAB/seen")" "0 30"
	at_most "$(waits "$LAB/seen")" 2 "waits for the silent pod"
}

@test "a client that gives each address 250 ms waits for a silent pod at most three times, and never fails" {
	export LBDNS_EJECT=60s
	lab_pod_silence "${PODS[1]}"
	with_lbdns walk 60 250 >"$LAB/seen"
	lab_equal "$(failed "$LAB/seen")" 0
	at_most "$(waits "$LAB/seen")" 3 "waits for the silent pod"
}

@test "SO_ERROR asked while the connect is under way says nothing: the silent pod is passed over" {
	export LBDNS_EJECT=60s
	with_lbdns walk 6 700 early >"$LAB/seen"
	lab_pod_silence "${PODS[1]}"
	with_lbdns walk 30 700 early >"$LAB/seen"
	lab_equal "$(failed "$LAB/seen")" 0
	at_most "$(waits "$LAB/seen")" 2 "waits for the silent pod"
}

@test "a silent pod comes back with its first answer" {
	export LBDNS_EJECT=60s
	lab_pod_silence "${PODS[1]}"
	lab_start client with_lbdns /usr/bin/python3 "$BATS_FILE_TMPDIR/walk.py" 100000 400
	lab_wait_until is_out "${PODS[1]}"
	lab_pod_unsilence "${PODS[1]}"
	lab_wait_until tail_has "${PODS[1]}"
	lab_stop client
}

is_out() {
	"$LAB_BUILD/lbdns-inspect" status | grep -q "^  $1 .* out"
}

tail_has() {
	tail -n 6 "$LAB/client.out" | grep -q "^$1"
}

# ---- What hits all alike

lose() {
	lab_pods_side nft -f - <<-END
		add table inet loss; delete table inet loss; add table inet loss
		add chain inet loss i { type filter hook input priority 0; }
		add rule inet loss i iifname pods tcp flags & (syn | ack) == syn numgen inc mod $1 == 0 drop
	END
}

@test "one SYN of 30 lost, for all pods alike: the counts are those without ejections" {
	lose 30
	with_lbdns walk 90 3000 kept pause=0 >"$LAB/seen"
	lab_equal "$(failed "$LAB/seen") $(cut -d ' ' -f 1 "$LAB/seen" | lab_counts)" "0 30 30 30"
	LBDNS_EJECT=0 with_lbdns walk 30 3000 kept pause=0 >"$LAB/seen"
	lab_equal "$(cut -d ' ' -f 1 "$LAB/seen" | lab_counts)" "10 10 10"
}

@test "all pods silent for a while: none is passed over afterwards" {
	local pod
	for pod in "${PODS[@]}"; do lab_pod_silence "$pod"; done
	with_lbdns walk 4 400 >"$LAB/seen"
	for pod in "${PODS[@]}"; do lab_pod_unsilence "$pod"; done
	with_lbdns walk 12 2000 kept >"$LAB/seen"
	lab_equal "$(cut -d ' ' -f 1 "$LAB/seen" | lab_counts)" "4 4 4"
}

# ---- The last hope

@test "an active and a standby pod swap their roles: a client that walks its list never fails" {
	export LBDNS_EJECT=60s
	lab_scale rng-headless 2
	lab_pod_kill "${PODS[1]}"
	with_lbdns walk 8 1000 pause=300 >"$LAB/seen"
	lab_equal "$(failed "$LAB/seen")" 0
	lab_pod_start "${PODS[1]}"
	lab_pod_kill "${PODS[0]}"
	with_lbdns walk 12 1000 >"$LAB/seen"
	lab_equal "$(failed "$LAB/seen")" 0
}

@test "an active and a standby pod swap their roles: a client that goes to one address fails once at most" {
	export LBDNS_EJECT=60s
	lab_scale rng-headless 2
	lab_pod_kill "${PODS[1]}"
	with_lbdns walk 8 1000 first pause=300 >"$LAB/seen"
	lab_pod_start "${PODS[1]}"
	lab_pod_kill "${PODS[0]}"
	with_lbdns walk 12 1000 first >"$LAB/seen"
	at_most "$(failed "$LAB/seen")" 1 failed
}

# ---- Whose fault

@test "what one client's own firewall refuses is passed over by that client alone" {
	local how
	for how in 'tcp reset' 'icmp type host-unreachable' 'icmp type port-unreachable'; do
		lab_up 3
		nft -f - <<-END
			add table inet own; delete table inet own; add table inet own
			add chain inet own o { type filter hook output priority 0; }
			add rule inet own o meta skuid 65534 ip daddr ${PODS[1]} tcp dport 8081 reject with $how
		END
		with_lbdns walk_as_nobody 6 1000 >"$LAB/seen"
		nft delete table inet own
		with_lbdns walk_as_nobody 6 1000 pause=300 >"$LAB/seen"
		with_lbdns walk_as_nobody 12 1000 kept >"$LAB/seen2"
		lab_equal "$(failed "$LAB/seen") $(failed "$LAB/seen2") $(cut -d ' ' -f 1 "$LAB/seen2" | lab_counts)" "0 0 4 4 4"
	done
}

# ---- Connects that nobody sees

@test "a client whose connects go past libc: a pod that refuses is taken from the head of its answers" {
	lab_pod_kill "${PODS[1]}"
	with_lbdns walk 60 1000 raw first pause=100 >"$LAB/seen"
	at_most "$(tail -n 30 "$LAB/seen" | failed /dev/stdin)" 1 "failed of the second half"
	# the one that may have met it was another's turn
	local first
	first=$(tail -n 30 "$LAB/seen" | cut -d ' ' -f 1 | grep -c "${PODS[0]}")
	echo "$first of 30 to ${PODS[0]}"
	((first >= 14 && first <= 16))
}

@test "a client whose connects go past libc: a silent pod is taken from the head of its answers" {
	lab_pod_silence "${PODS[1]}"
	with_lbdns walk 60 500 raw first pause=100 >"$LAB/seen"
	at_most "$(tail -n 30 "$LAB/seen" | failed /dev/stdin)" 1 "failed of the second half"
}

@test "a client whose connects go past libc, and whose lookups name no port: it rotates on, and a pod that refuses, or is silent, is taken from the head" {
	with_lbdns walk 60 1000 raw first portless pause=50 >"$LAB/seen"
	lab_equal "$(failed "$LAB/seen")" 0
	lab_equal "$(tail -n 30 "$LAB/seen" | cut -d ' ' -f 1 | lab_counts)" "10 10 10"
	lab_pod_kill "${PODS[1]}"
	with_lbdns walk 60 1000 raw first portless pause=100 >"$LAB/seen"
	at_most "$(tail -n 30 "$LAB/seen" | failed /dev/stdin)" 1 "failed of the second half"
	ipcrm --all=shm
	lab_pod_start "${PODS[1]}"
	lab_pod_silence "${PODS[1]}"
	with_lbdns walk 60 500 raw first portless pause=100 >"$LAB/seen"
	at_most "$(tail -n 30 "$LAB/seen" | failed /dev/stdin)" 1 "failed of the second half"
}

# fast_open_passes_over FAULT MS: the second pod, by clients that wait MS for an answer.
fast_open_passes_over() {
	local i
	sysctl -qw net.ipv4.tcp_fastopen=1
	lab_pods_side sysctl -qw net.ipv4.tcp_fastopen=0x402
	for i in "${PODS[@]}"; do lab_pod_stop "$i"; lab_pod_start "$i"; done
	with_lbdns walk 6 1000 fast first >"$LAB/seen"
	lab_equal "$(failed "$LAB/seen")" 0
	"$1" "${PODS[1]}"
	with_lbdns walk 60 "$2" fast first pause=100 >"$LAB/seen"
	at_most "$(tail -n 30 "$LAB/seen" | failed /dev/stdin)" 1 "failed of the second half"
}

@test "TCP Fast Open: a pod that refuses is passed over, though connect has said that all is well" {
	fast_open_passes_over lab_pod_kill 1000
}

@test "TCP Fast Open: a silent pod is passed over, though connect has said that all is well" {
	fast_open_passes_over lab_pod_silence 500
}

# Servers with one worker would wait for its request, and others log it.
@test "what the refresh thread tries is no connection for the server" {
	cat >"$LAB/looks.py" <<-'END'
		import socket, time
		while True:
		    socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)
		    print("looked", flush=True)
		    time.sleep(0.1)
	END
	lab_arrivals_reset
	lab_pod_log_reset
	LBDNS_EJECT=500ms lab_start looks with_lbdns /usr/bin/python3 "$LAB/looks.py"
	lab_wait_until each_is_tried_thrice
	lab_stop looks
	lab_equal "$(lab_pod_log)" ""
}

each_is_tried_thrice() {
	local tried
	for tried in $(lab_arrivals 8081 "${PODS[@]}"); do
		((tried >= 3)) || return
	done
}
