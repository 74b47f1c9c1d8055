# Dead pods: those that refuse and those that swallow packets. What a connection to one costs whom, who passes over it for
# how long, and that everything else of connect(2) stays as it is. $LAB/log says where each connection was first sent.

# shellcheck disable=SC2030,SC2031 # each test has its own environment

bats_require_minimum_version 1.5.0
load ../lab/lab

setup_file() {
	# tries.py N [WORD...]: looks rng-headless up once and connects N times, one after another, by libc's connect. A line for
	# each: the error or ok, the ms it took, TCP_SYNCNT and SO_SNDTIMEO (ms) afterwards, the pod reached or -. WORDs:
	#   host=NAME...      another name; several: in turn
	#   each              looks it up before each connection
	#   syncnt=N sndtimeo=MS bind=ADDRESS     of the socket, before
	#   alarm=MS          a signal comes so much later and again and again, its handler without SA_RESTART
	#   keep              connections stay open
	#   pause=MS          after each
	#   ask collect       non-blocking: asks by SO_ERROR; by a second connect
	#   hold              non-blocking: all at once, then "holding", and until SIGTERM; asks nothing
	#   wait=MS           the same, but closes all of them after so long
	#   die               the same, but kills itself at once
	#   fire              the same, but ends at once
	cat >"$BATS_FILE_TMPDIR/tries.py" <<-'END'
		import ctypes, errno, os, select, signal, socket, struct, sys, time
		libc = ctypes.CDLL(None, use_errno=True)
		count, words = int(sys.argv[1]), sys.argv[2:]
		value = {word.split("=")[0]: word.split("=")[-1] for word in words}
		hosts = [word[5:] for word in words if word.startswith("host=")] or ["rng-headless"]
		calm = "hold" in value or "wait" in value or "fire" in value or "die" in value
		nonblocking = calm or "ask" in value or "collect" in value
		kept = []
		def look_up(host):
		    return socket.getaddrinfo(host, 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		def connect(one, address):
		    raw = struct.pack("=H", socket.AF_INET) + struct.pack(">H", address[1]) + socket.inet_aton(address[0]) + bytes(8)
		    return ctypes.get_errno() if libc.connect(one.fileno(), raw, len(raw)) else 0
		def name(error):
		    return errno.errorcode[error] if error else "ok"
		def outcome(one, address):
		    error = connect(one, address)
		    if calm or not nonblocking or error != errno.EINPROGRESS:
		        return error
		    poll = select.poll()
		    poll.register(one, select.POLLOUT)
		    if not poll.poll(10000):
		        return errno.ETIME
		    if "ask" in value:
		        return one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		    error = connect(one, address)
		    return 0 if error == errno.EISCONN else error
		def pod(one):
		    one.setblocking(True)
		    one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		    return one.makefile().read().split("\n\n")[1].split()[0]
		def milliseconds(one):
		    seconds, rest = struct.unpack("ll", one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16))
		    return seconds * 1000 + rest // 1000
		found = {host: look_up(host) for host in hosts}
		signal.signal(signal.SIGALRM, lambda *_: None)
		for i in range(count):
		    host = hosts[i % len(hosts)]
		    address = look_up(host) if "each" in value else found[host]
		    one = socket.socket()
		    one.setblocking(not nonblocking)
		    if "syncnt" in value:
		        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, int(value["syncnt"]))
		    if "sndtimeo" in value:
		        ms = int(value["sndtimeo"])
		        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", ms // 1000, ms % 1000 * 1000))
		    if "bind" in value:
		        one.bind((value["bind"], 0))
		    if "alarm" in value: # the first may come before connect is called
		        signal.setitimer(signal.ITIMER_REAL, *[int(value["alarm"]) / 1000] * 2)
		    began = time.monotonic()
		    error = outcome(one, address)
		    took = int((time.monotonic() - began) * 1000)
		    signal.setitimer(signal.ITIMER_REAL, 0)
		    if calm:
		        kept.append(one)
		        continue
		    after = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT), milliseconds(one)
		    print(name(error), took, *after, "-" if error or "keep" in value else pod(one), flush=True)
		    if "keep" in value:
		        kept.append(one)
		    one = None
		    time.sleep(int(value.get("pause", 0)) / 1000)
		if "die" in value:
		    os.kill(os.getpid(), signal.SIGKILL)
		if "hold" in value:
		    print("holding", flush=True)
		    signal.pause()
		if "wait" in value:
		    time.sleep(int(value["wait"]) / 1000)
	END
	# asyncio.py N: the same with asyncio's sock_connect
	cat >"$BATS_FILE_TMPDIR/asynchronous.py" <<-'END'
		import asyncio, errno, socket, sys
		async def main():
		    loop = asyncio.get_running_loop()
		    address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		    for _ in range(int(sys.argv[1])):
		        with socket.socket() as one:
		            one.setblocking(False)
		            try:
		                await loop.sock_connect(one, address)
		                await loop.sock_sendall(one, b"GET /address HTTP/1.0\r\n\r\n")
		                text = b""
		                while got := await loop.sock_recv(one, 4096):
		                    text += got
		                print("ok", text.decode().split("\r\n\r\n")[1].strip())
		            except OSError as error:
		                print(errno.errorcode[error.errno], "-")
		asyncio.run(main())
	END
	# node visits.js N: the same with Node's http, which looks up before each
	cat >"$BATS_FILE_TMPDIR/visits.js" <<-'END'
		const http = require("http");
		async function main() {
			for (let i = 0; i < Number(process.argv[2]); i++)
				await new Promise((resolve) => {
					http.get({ host: "rng-headless", port: 8081, path: "/address", agent: false }, (response) => {
						let text = "";
						response.on("data", (data) => (text += data));
						response.on("end", () => { console.log("ok", text.trim()); resolve(); });
					}).on("error", (error) => { console.log(error.code, "-"); resolve(); });
				});
		}
		main();
	END
	# java Visits.java N: the same with NIO, which looks up once
	cat >"$BATS_FILE_TMPDIR/Visits.java" <<-'END'
		import java.io.IOException;
		import java.net.*;
		import java.nio.channels.*;

		public class Visits {
			public static void main(String[] arguments) throws Exception {
				InetSocketAddress address = new InetSocketAddress("rng-headless", 8081);
				Selector selector = Selector.open();
				for (int i = 0; i < Integer.parseInt(arguments[0]); i++) {
					try (SocketChannel one = SocketChannel.open()) {
						one.configureBlocking(false);
						if (!one.connect(address)) {
							SelectionKey key = one.register(selector, SelectionKey.OP_CONNECT);
							selector.select();
							selector.selectedKeys().clear();
							one.finishConnect();
						}
						System.out.println("ok -");
					} catch (ConnectException error) {
						System.out.println("ECONNREFUSED -");
					}
				}
			}
		}
	END
}

setup() {
	lab_up
	export LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/log
	: >"$LAB/log"
}

teardown() {
	ip route flush type prohibit || true
	ip route flush type throw || true
	ip route flush type unreachable || true
	echo '32768 60999' >/proc/sys/net/ipv4/ip_local_port_range
}

DEAD=10.244.2.12
OTHERS=(10.244.1.11 10.244.3.13)

tries() {
	/usr/bin/python3 "$BATS_FILE_TMPDIR/tries.py" "$@"
}

# "ECONNREFUSED 4 ok 8": how the connections of $LAB/seen ended.
ended() {
	awk '{ n[$1]++ } END { for (e in n) print e, n[e] }' "$LAB/seen" | sort | xargs
}

slowest_ms() {
	awk '$2 > most { most = $2 } END { print most + 0 }' "$LAB/seen"
}

# How many connections were first sent to an address since log_reset.
sent() {
	grep -oE -- "(->|after|,) ${1//./\\.}\b" "$LAB/log" | wc -l
}

log_reset() {
	: >"$LAB/log"
}

# Where the next N connections of a new process are sent, as lab_counts; nothing comes of them.
sends() {
	log_reset
	with_lbdns tries "$1" fire
	sed -n 's/.* -> \([0-9.]*\).*/\1/p' "$LAB/log" | lab_counts
}

sends_are() {
	[ "$(sends "$1")" = "$2" ]
}

# Connects until $DEAD is known to refuse.
eject() {
	lab_pod_kill "$DEAD"
	with_lbdns tries 3 >"$LAB/seen"
	lab_equal "$(ended)" "ok 3"
}

# Is $DEAD to be tried again by the next connection?
time_is_up() {
	"$LAB_BUILD/lbdns-inspect" status | grep -q "^  $DEAD .* out\$"
}

# ---- A pod that refuses

@test "a pod that refuses: a shell loop of curl does not fail, and the others share evenly" {
	export LBDNS_EJECT=60s
	lab_pod_kill "$DEAD"
	with_lbdns lab_curl 6 >"$LAB/seen"
	lab_equal "$(wc -l <"$LAB/seen") $(sent "$DEAD")" "6 1"
	lab_equal "$(with_lbdns lab_curl 12 | lab_counts)" "6 0 6"
	lab_equal "$(sent "$DEAD")" 1
}

@test "a pod that refuses: a blocking client that looks up each time does not fail, and the others share evenly" {
	export LBDNS_EJECT=60s
	lab_pod_kill "$DEAD"
	with_lbdns tries 6 each >"$LAB/seen"
	lab_equal "$(ended)" "ok 6"
	with_lbdns tries 30 each >"$LAB/seen"
	lab_equal "$(ended) $(lab_counts <"$LAB/seen")" "ok 30 15 0 15"
	lab_equal "$(sent "$DEAD")" 1
}

@test "a pod that refuses: a client that looked up once does not fail, and the others share evenly" {
	export LBDNS_EJECT=60s
	lab_pod_kill "$DEAD"
	with_lbdns tries 6 >"$LAB/seen"
	lab_equal "$(ended) $(sent "$DEAD")" "ok 6 1"
	with_lbdns tries 30 >"$LAB/seen"
	lab_equal "$(ended) $(lab_counts <"$LAB/seen")" "ok 30 15 0 15"
	lab_equal "$(sent "$DEAD")" 1
}

@test "a pod that refuses, twelve names over the same pods: a client does not fail, and the others share evenly" {
	local names
	names=$(printf '%s.apps ' {a..l})
	lab_dns_set_all "$names" "$(lab_address 1)" "$(lab_address 2)" "$(lab_address 3)"
	mapfile -t names < <(printf 'host=%s.apps\n' {a..l})
	export LBDNS_EJECT=60s
	lab_pod_kill "$DEAD"
	with_lbdns tries 12 "${names[@]}" >"$LAB/seen"
	lab_equal "$(ended) $(sent "$DEAD")" "ok 12 1"
	with_lbdns tries 60 "${names[@]}" >"$LAB/seen"
	lab_equal "$(ended) $(lab_counts <"$LAB/seen")" "ok 60 30 0 30"
	lab_equal "$(sent "$DEAD")" 1
}

@test "a pod that refuses under 8 threads: no connection fails" {
	lab_scale rng-headless 6
	lab_pod_kill 10.244.3.13
	with_lbdns "$CLIENT" threads rng-headless 8081 400 8 >"$LAB/seen"
	lab_equal "$(grep -c '^10.244.[123].1[1-6]$' "$LAB/seen") $(grep -c '^10.244.3.13$' "$LAB/seen")" "400 0"
}

@test "IPv6: a pod that refuses is retried past and passed over" {
	lab_up 0
	lab_scale6 rng-headless 3
	export LBDNS_EJECT=60s
	lab_pod_kill "$(lab_address6 2)"
	with_lbdns "$CLIENT" once rng-headless 8081 6 >"$LAB/seen"
	lab_equal "$(with_lbdns "$CLIENT" once rng-headless 8081 30 | lab_counts)" "15 0 15"
	lab_equal "$(sent "$(lab_address6 2)")" 1
}

@test "IPv4 on an IPv6 socket: a pod that refuses is retried past and passed over" {
	export LBDNS_EJECT=60s
	lab_pod_kill "$DEAD"
	with_lbdns "$CLIENT" mapped rng-headless 8081 6 >"$LAB/seen"
	lab_equal "$(with_lbdns "$CLIENT" mapped rng-headless 8081 30 | lab_counts)" "15 0 15"
	lab_equal "$(sent "$DEAD")" 1
}

@test "musl: a pod that refuses is retried past and passed over" {
	export LBDNS_EJECT=60s
	lab_pod_kill "$DEAD"
	with_lbdns "$CLIENT_MUSL" once rng-headless 8081 6 >"$LAB/seen"
	lab_equal "$(with_lbdns "$CLIENT_MUSL" once rng-headless 8081 30 | lab_counts)" "15 0 15"
	lab_equal "$(sent "$DEAD")" 1
}

@test "only the port that refuses is passed over" {
	export LBDNS_EJECT=60s
	lab_pod_kill "$DEAD"
	lab_pod_start "$DEAD" 8082
	with_lbdns tries 6 >"$LAB/seen"
	lab_equal "$(ended) $(sends 12)" "ok 6 6 0 6"
	lab_equal "$(with_lbdns "$CLIENT" once rng-headless 8082 12 | lab_counts)" "4 4 4"
}

@test "all pods refuse: the client is refused, as without lbdns" {
	local address
	for address in "${OTHERS[@]}" "$DEAD"; do
		lab_pod_kill "$address"
	done
	tries 3 >"$LAB/seen"
	lab_equal "$(ended)" "ECONNREFUSED 3"
	with_lbdns tries 12 >"$LAB/seen"
	lab_equal "$(ended)" "ECONNREFUSED 12"
	with_lbdns tries 12 ask >"$LAB/seen"
	lab_equal "$(ended)" "ECONNREFUSED 12"
}

@test "refusing pods are passed over down to the last one" {
	local i
	export LBDNS_EJECT=60s LBDNS_ATTEMPTS=10
	lab_scale rng-headless 8
	for i in 1 2 3 5 6 7 8; do
		lab_pod_kill "$(lab_address $i)"
	done
	with_lbdns tries 10 >"$LAB/seen"
	lab_equal "$(ended)" "ok 10"
	log_reset
	with_lbdns tries 10 >"$LAB/seen"
	lab_equal "$(ended) $(sent "$(lab_address 4)")" "ok 10 10"
}

@test "pods that go on refusing are checked by no connection of the client's" {
	local i
	lab_scale rng-headless 6
	for i in 1 2 3 4; do
		lab_pod_kill "$(lab_address $i)"
	done
	# Wherever the rotation begins, 9 connections come by all four; 6 miss one, 1 time in 20.
	LBDNS_EJECT=2s LBDNS_ATTEMPTS=10 with_lbdns tries 9 >"$LAB/seen"
	lab_equal "$(ended)" "ok 9"
	for i in 1 2 3 4; do
		lab_equal "$(sent "$(lab_address $i)")" 1
	done
	sleep 2 # their time
	lab_arrivals_reset
	log_reset
	LBDNS_ATTEMPTS=1 with_lbdns tries 20 pause=100 >"$LAB/seen"
	lab_equal "$(ended)" "ok 20"
	for i in 1 2 3 4; do
		lab_equal "$(sent "$(lab_address $i)")" 0
	done
	# each by one connection of the refresh thread
	for i in 1 2 3 4; do
		[ "$(lab_arrivals 8081 "$(lab_address $i)" | cut -d ' ' -f 1)" -gt 0 ]
	done
}

@test "LBDNS_ATTEMPTS=1: nothing is tried again, and a pod that refused is passed over" {
	export LBDNS_ATTEMPTS=1 LBDNS_EJECT=60s
	lab_pod_kill "$DEAD"
	with_lbdns tries 30 >"$LAB/seen"
	lab_equal "$(ended)" "ECONNREFUSED 1 ok 29"
}

@test "LBDNS_EJECT=0: no pod is passed over, also not for what other processes found" {
	export LBDNS_EJECT=60s
	eject
	lab_equal "$(sends 12)" "6 0 6"
	export LBDNS_EJECT=0
	lab_equal "$(sends 12)" "4 4 4"
	LBDNS_ATTEMPTS=1 with_lbdns tries 12 >"$LAB/seen"
	lab_equal "$(ended)" "ECONNREFUSED 4 ok 8"
	with_lbdns tries 12 >"$LAB/seen"
	lab_equal "$(ended)" "ok 12"
}

@test "a pod that comes back gets its share again with its next check" {
	local i
	for LBDNS_EJECT in 60s 1s; do # its first checks come sooner
		export LBDNS_EJECT
		eject
		lab_pod_start "$DEAD"
		lab_wait_until comes_back
		for i in 1 2; do
			with_lbdns tries 30 >"$LAB/seen"
			lab_equal "$(ended) $(lab_counts <"$LAB/seen")" "ok 30 10 10 10"
		done
	done
}

comes_back() {
	with_lbdns tries 1 | grep -q "$DEAD"
}

@test "a pod that goes on refusing is checked by one connection at a time, ever more rarely" {
	local n
	export LBDNS_EJECT=1s
	eject
	lab_arrivals_reset
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 10
	sleep 5
	lab_stop client
	# by this process at once; after 250 ms, 500, 1000, 1000, 1000, 2000: each shortened by a fifth at most
	n=$(lab_arrivals 8081 "$DEAD")
	lab_equal "$(awk '$2 != "ok"' "$LAB/client.out")" ""
	n=${n%% *}
	((n >= 3 && n <= 9)) || { echo "checked $n times in 5 s"; return 1; }
}

@test "the retry budget: many dead pods do not multiply the connections" {
	local i made
	lab_scale rng-headless 6
	for i in 1 2 3 4; do
		lab_pod_kill "$(lab_address $i)"
	done
	LBDNS_EJECT=0 LBDNS_ATTEMPTS=10 strace -o "$LAB/trace" -e trace=connect -E LD_PRELOAD="$LIBLBDNS" \
		/usr/bin/python3 "$BATS_FILE_TMPDIR/tries.py" 200 >"$LAB/seen"
	# (getaddrinfo connects datagram sockets to them, too)
	made=$(($(grep -c ECONNREFUSED "$LAB/trace") + $(grep -c ok "$LAB/seen")))
	# a fifth, and a burst of 10; all of it is used
	echo "$made made, $(ended)"
	((made <= 200 + 200 / 5 + 10 && made >= 200 + 200 / 5))
}

# ---- A pod that is silent

@test "a silent pod costs a blocking client about 3 s once, and then other processes pass over it too" {
	export LBDNS_EJECT=60s
	lab_pod_silence "$DEAD"
	with_lbdns tries 12 >"$LAB/seen"
	lab_equal "$(ended) $(awk '$2 > 2500' "$LAB/seen" | wc -l)" "ok 12 1"
	(($(slowest_ms) < 10000)) || { slowest_ms; return 1; }
	lab_equal "$(sent "$DEAD")" 1
	lab_equal "$(sends 12)" "6 0 6"
	lab_equal "$(with_lbdns lab_curl 6 | lab_counts)" "3 0 3"
	lab_equal "$(with_lbdns "$CLIENT" fork rng-headless 8081 12 3 | lab_counts)" "6 0 6"
}

@test "a pod whose address is gone costs a blocking client about 3 s once, also in the client's own subnet" {
	local address
	export LBDNS_EJECT=60s
	lab_scale rng-headless 6
	for address in 10.244.1.11 10.244.3.13; do
		lab_pod_remove "$address"
	done
	with_lbdns tries 18 >"$LAB/seen"
	lab_equal "$(ended)" "ok 18"
	(($(awk '{ ms += $2 } END { print ms }' "$LAB/seen") < 15000))
	lab_equal "$(sends 12)" "0 3 3 3 0 3"
}

@test "at most half of a pool is passed over for silence" {
	local i
	export LBDNS_EJECT=60s
	lab_scale rng-headless 4
	for i in 1 2 3; do
		lab_pod_silence "$(lab_address $i)"
	done
	lab_start holder with_lbdns /usr/bin/python3 "$BATS_FILE_TMPDIR/tries.py" 4 hold
	lab_wait_until two_left
	sends 12 >"$LAB/seen"
	lab_equal "$(tr ' ' '\n' <"$LAB/seen" | sort | xargs)" "0 0 6 6"
	lab_equal "$(sent "$(lab_address 4)")" 6
}

two_left() {
	[ "$(sends 8 | tr ' ' '\n' | grep -c '^0$')" -ge 2 ]
}

@test "SO_SNDTIMEO is never exceeded, and says what it says without lbdns" {
	local i
	for i in 1 2 3; do
		lab_pod_silence "$(lab_address $i)"
	done
	tries 1 sndtimeo=500 >"$LAB/seen"
	lab_equal "$(ended)" "EINPROGRESS 1"
	with_lbdns tries 1 sndtimeo=500 >"$LAB/seen"
	lab_equal "$(ended)" "EINPROGRESS 1"
	(($(slowest_ms) >= 480 && $(slowest_ms) < 2500)) || { slowest_ms; return 1; }
	with_lbdns tries 1 sndtimeo=4000 >"$LAB/seen"
	lab_equal "$(ended)" "EINPROGRESS 1"
	(($(slowest_ms) >= 3980 && $(slowest_ms) < 6000)) || { slowest_ms; return 1; }
}

@test "a signal whose handler has no SA_RESTART interrupts connect, as without lbdns" {
	local i
	for i in 1 2 3; do
		lab_pod_silence "$(lab_address $i)"
	done
	tries 1 alarm=300 >"$LAB/seen"
	with_lbdns tries 2 alarm=300 >>"$LAB/seen"
	lab_equal "$(ended)" "EINTR 3"
	(($(slowest_ms) < 2500)) || { slowest_ms; return 1; }
}

# ---- The socket stays the client's

@test "TCP_SYNCNT and SO_SNDTIMEO are afterwards as they were" {
	local plain
	plain=$(tries 1 | awk '{ print $3, $4 }')
	lab_pod_kill "$DEAD"
	export LBDNS_EJECT=0
	with_lbdns tries 4 >"$LAB/seen"
	lab_equal "$(ended) $(awk '{ print $3, $4 }' "$LAB/seen" | sort -u)" "ok 4 $plain"
	with_lbdns tries 4 syncnt=4 sndtimeo=7500 >"$LAB/seen"
	lab_equal "$(ended) $(awk '{ print $3, $4 }' "$LAB/seen" | sort -u)" "ok 4 4 7500"
	with_lbdns tries 4 syncnt=1 sndtimeo=7500 >"$LAB/seen"
	lab_equal "$(ended) $(awk '{ print $3, $4 }' "$LAB/seen" | sort -u)" "ok 4 1 7500"
	lab_pod_kill "${OTHERS[0]}"
	lab_pod_kill "${OTHERS[1]}"
	with_lbdns tries 4 syncnt=4 sndtimeo=7500 >"$LAB/seen"
	lab_equal "$(ended) $(awk '{ print $3, $4 }' "$LAB/seen" | sort -u)" "ECONNREFUSED 4 4 7500"
	lab_pod_silence "$DEAD"
	with_lbdns tries 3 syncnt=4 sndtimeo=300 >"$LAB/seen"
	lab_equal "$(awk '{ print $3, $4 }' "$LAB/seen" | sort -u)" "4 300"
}

# Where the refresh thread cannot get at the client's sockets, each connection limits itself.
FILTERED=("$LAB_BUILD/lab/denied" ENOSYS pidfd_getfd --)

cut_short_and_restored() {
	local plain
	export LBDNS_EJECT=0
	plain=$(tries 1 | awk '{ print $3 }')
	lab_pod_silence "$DEAD"
	with_lbdns "$@" /usr/bin/python3 "$BATS_FILE_TMPDIR/tries.py" 3 >"$LAB/seen"
	lab_equal "$(ended) $(awk '{ print $3 }' "$LAB/seen" | sort -u)" "ok 3 $plain"
	(($(slowest_ms) > 2500 && $(slowest_ms) < 6000)) || { slowest_ms; return 1; }
	with_lbdns "$@" /usr/bin/python3 "$BATS_FILE_TMPDIR/tries.py" 3 syncnt=3 >"$LAB/seen"
	lab_equal "$(ended) $(awk '{ print $3 }' "$LAB/seen" | sort -u)" "ok 3 3"
	# all of them silent: the last attempt takes what is left of what the client's own limit allows, 7 s
	lab_pod_silence "${OTHERS[0]}"
	lab_pod_silence "${OTHERS[1]}"
	LBDNS_ATTEMPTS=2 with_lbdns "$@" /usr/bin/python3 "$BATS_FILE_TMPDIR/tries.py" 1 syncnt=2 >"$LAB/seen"
	lab_equal "$(ended) $(awk '{ print $3 }' "$LAB/seen")" "ETIMEDOUT 1 2"
	(($(slowest_ms) > 6000 && $(slowest_ms) < 9000)) || { slowest_ms; return 1; }
}

@test "a silent pod is given up after about 3 s, and TCP_SYNCNT is afterwards as it was" {
	cut_short_and_restored
}

@test "under a seccomp filter: a silent pod is given up after about 3 s, and TCP_SYNCNT is afterwards as it was" {
	cut_short_and_restored "${FILTERED[@]}"
}

# SO_SNDTIMEO is over after so long, or a signal interrupts (HOW: EINPROGRESS, EINTR), before and after the refresh thread has
# been at the socket: the connection goes on, as long as the client's own limit allows. goes_on_after HOW [COMMAND...]
goes_on_after() {
	local i ms how=$1
	shift
	export LBDNS_EJECT=0
	for i in 1 2 3; do
		lab_pod_silence "$(lab_address $i)"
	done
	for ms in 500 2300; do
		with_lbdns "$@" /usr/bin/python3 - $ms $how >"$LAB/seen" <<-'END'
			import ctypes, errno, select, signal, socket, struct, sys
			ms, how = int(sys.argv[1]), sys.argv[2]
			libc = ctypes.CDLL(None, use_errno=True) # Python itself would wait on after a signal
			address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
			raw = struct.pack("=H", socket.AF_INET) + struct.pack(">H", 8081) + socket.inet_aton(address[0]) + bytes(8)
			one = socket.socket()
			before = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT)
			if how == "EINTR":
			    signal.signal(signal.SIGALRM, lambda *_: None)
			    signal.setitimer(signal.ITIMER_REAL, *[ms / 1000] * 2)
			else:
			    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", ms // 1000, ms % 1000 * 1000))
			error = ctypes.get_errno() if libc.connect(one.fileno(), raw, len(raw)) else 0
			signal.setitimer(signal.ITIMER_REAL, 0)
			after = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT)
			print(errno.errorcode[error], "kept" if after == before else after)
			poll = select.poll()
			poll.register(one, select.POLLOUT)
			print("ended" if poll.poll(3500) else "goes on")
		END
		lab_equal "$ms: $(xargs <"$LAB/seen")" "$ms: $how kept goes on"
	done
}

@test "a silent pod and SO_SNDTIMEO: the connection goes on afterwards, as without lbdns" {
	goes_on_after EINPROGRESS
}

@test "under a seccomp filter: a silent pod and SO_SNDTIMEO: the connection goes on afterwards, as without lbdns" {
	goes_on_after EINPROGRESS "${FILTERED[@]}"
}

@test "a silent pod and a signal: the connection goes on afterwards, as without lbdns" {
	goes_on_after EINTR
}

@test "under a seccomp filter: a silent pod and a signal: the connection goes on afterwards, as without lbdns" {
	goes_on_after EINTR "${FILTERED[@]}"
}

@test "a socket that does not block, after one that did, is not cut short" {
	local i
	export LBDNS_EJECT=0
	cat >"$LAB/after.py" <<-'END'
		import os, select, socket, sys, time
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		with socket.socket() as blocks:
		    blocks.connect(address)
		print("ready", flush=True)
		while not os.path.exists(sys.argv[1]):
		    time.sleep(0.01)
		one = socket.socket()
		before = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT)
		one.setblocking(False)
		one.connect_ex(address)
		poll = select.poll()
		poll.register(one, select.POLLOUT)
		ended = poll.poll(4500)
		after = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT)
		print("ended" if ended else "goes on", "kept" if after == before else after, flush=True)
	END
	lab_start client with_lbdns /usr/bin/python3 "$LAB/after.py" "$LAB/go"
	lab_wait_until grep -q ready "$LAB/client.out"
	for i in 1 2 3; do
		lab_pod_silence "$(lab_address $i)"
	done
	: >"$LAB/go"
	lab_wait_until grep -qE 'ended|goes on' "$LAB/client.out"
	lab_equal "$(xargs <"$LAB/client.out")" "ready goes on kept"
}

@test "a child does not cut short what its parent's threads wait for" {
	local i
	export LBDNS_EJECT=0 LBDNS_ATTEMPTS=2
	for i in 1 2 3; do
		lab_pod_silence "$(lab_address $i)"
	done
	with_lbdns /usr/bin/python3 - >"$LAB/seen" <<-'END'
		import os, socket, threading, time
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		def connect(one, before):
		    try:
		        one.connect(address)
		    except OSError:
		        pass
		    after = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT)
		    os.write(1, b"kept\n" if after == before else b"%d\n" % after)
		sockets = [socket.socket() for _ in range(3)]
		for one in sockets:
		    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 2)
		threads = [threading.Thread(target=connect, args=(one, 2)) for one in sockets]
		for thread in threads:
		    thread.start()
		time.sleep(0.3)
		child = os.fork()
		if not child:
		    for i in range(20): # its thread starts, and has been at work when the SYNs are repeated
		        socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)
		        time.sleep(0.2)
		    os._exit(0)
		for thread in threads:
		    thread.join()
		os.waitpid(child, 0)
	END
	lab_equal "$(xargs <"$LAB/seen")" "kept kept kept"
}

# Twenty-four connections of a thread each, begun at the same time: a third of them to the silent pod.
threads_at_a_silent_pod() {
	export LBDNS_EJECT=0
	lab_pod_silence "$DEAD"
	with_lbdns "$@" /usr/bin/python3 - >"$LAB/seen" <<-'END'
		import os, socket, threading, time
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		begin = threading.Barrier(24)
		def connect():
		    with socket.socket() as one:
		        before = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT)
		        begin.wait()
		        began = time.monotonic()
		        one.connect(address)
		        took = int((time.monotonic() - began) * 1000)
		        after = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT)
		        os.write(1, b"%s %d\n" % (b"ok" if after == before else b"changed", took))
		threads = [threading.Thread(target=connect) for _ in range(24)]
		for thread in threads:
		    thread.start()
		for thread in threads:
		    thread.join()
	END
	lab_equal "$(ended)" "ok 24"
	(($(slowest_ms) > 2500 && $(slowest_ms) < 10000)) || { slowest_ms; return 1; }
}

@test "threads that meet a silent pod at the same time: none waits for minutes" {
	threads_at_a_silent_pod
}

@test "under a seccomp filter: threads that meet a silent pod at the same time: none waits for minutes" {
	threads_at_a_silent_pod "${FILTERED[@]}"
}

@test "a bound socket is not tried again elsewhere" {
	export LBDNS_EJECT=0
	lab_pod_kill "$DEAD"
	with_lbdns tries 12 bind=10.244.3.2 >"$LAB/seen"
	lab_equal "$(ended)" "ECONNREFUSED 4 ok 8"
}

@test "a claimed address is never sent elsewhere, dead or not" {
	local order
	export LBDNS_EJECT=60s
	lab_pod_kill 10.244.1.11
	with_lbdns tries 3 >"$LAB/seen"
	for order in 'host=rng-headless host=rng-0.rng-headless' 'host=rng-0.rng-headless host=rng-headless'; do
		# shellcheck disable=SC2086 # words
		with_lbdns tries 24 $order >"$LAB/seen"
		lab_equal "$(ended) $(lab_counts 10.244.2.12 10.244.3.13 - <"$LAB/seen")" "ECONNREFUSED 12 ok 12 6 6 12"
	done
}

# ---- Errors of this host (what no pod is blamed for is in cannot.bats)

@test "EHOSTUNREACH of one endpoint: the connection goes on to the next" {
	export LBDNS_EJECT=0
	ip route replace unreachable "$DEAD/32"
	LBDNS_ATTEMPTS=1 with_lbdns tries 3 >"$LAB/seen"
	lab_equal "$(ended)" "EHOSTUNREACH 1 ok 2"
	with_lbdns tries 12 >"$LAB/seen"
	lab_equal "$(ended)" "ok 12"
	with_lbdns tries 12 ask >"$LAB/seen"
	lab_equal "$(ended)" "ok 12"
}

# ---- Clients that do not block

# One failure for each of two dead pods of five: COMMAND N makes N connections.
fails_once_per_pod() {
	export LBDNS_EJECT=60s
	lab_scale rng-headless 5
	lab_pod_kill "$(lab_address 2)"
	lab_pod_kill "$(lab_address 4)"
	with_lbdns "$@" >"$LAB/seen"
	awk '$1 == "ok" { ok++ } END { if (ok < NR - 2 || NR != 40) exit 1 }' "$LAB/seen" || { ended; return 1; }
	lab_equal "$(sends 12)" "4 0 0 4 4"
}

@test "a non-blocking client that asks by SO_ERROR: at most one failure per dead pod" {
	fails_once_per_pod tries 40 ask
}

@test "a non-blocking client that asks by a second connect: at most one failure per dead pod" {
	fails_once_per_pod tries 40 collect
}

@test "Python asyncio: at most one failure per dead pod" {
	fails_once_per_pod /usr/bin/python3 "$BATS_FILE_TMPDIR/asynchronous.py" 40
}

@test "Node: at most one failure per dead pod" {
	fails_once_per_pod node "$BATS_FILE_TMPDIR/visits.js" 40
}

@test "Java NIO: at most one failure per dead pod" {
	fails_once_per_pod java -XX:-UsePerfData "$BATS_FILE_TMPDIR/Visits.java" 40
}

@test "a client that does not block does not fail by trying a pod again; it gets its share once it answers" {
	export LBDNS_EJECT=300ms
	lab_pod_kill "$DEAD"
	lab_start client with_lbdns /usr/bin/python3 "$BATS_FILE_TMPDIR/tries.py" 10000 ask pause=50
	lab_wait_until grep -q ECONNREFUSED "$LAB/client.out"
	sleep 3 # its time, several times
	lab_equal "$(grep -c ECONNREFUSED "$LAB/client.out")" 1
	lab_pod_start "$DEAD"
	lab_wait_until grep -q "$DEAD" "$LAB/client.out"
	lab_stop client
	lab_equal "$(grep -c ECONNREFUSED "$LAB/client.out")" 1
}

@test "a client that gives up on a silent pod after 1.5 s: passed over by all from then on" {
	export LBDNS_EJECT=60s LBDNS_REFRESH=1m
	lab_pod_silence "$DEAD"
	with_lbdns /usr/bin/python3 - <<-'END'
		import socket, time
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		kept = [socket.socket() for _ in range(3)]
		for one in kept:
		    one.setblocking(False)
		    one.connect_ex(address)
		time.sleep(1.6)
		for one in kept:
		    one.close()
		time.sleep(0.8)
	END
	lab_equal "$(sends 12)" "6 0 6"
}

@test "a silent pod of a client that does not block: at most two connections wait for it" {
	export LBDNS_EJECT=60s LBDNS_REFRESH=1m
	# each pod has answered once, then one does not
	with_lbdns /usr/bin/python3 - "$DEAD" 4>"$LAB/ready" 5< <(lab_wait_until test -s "$LAB/ready" && lab_pod_silence "$DEAD" && echo) <<-'END'
		import os, select, socket, sys, time
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		kept = []
		def connect():
		    one = socket.socket()
		    one.setblocking(False)
		    one.connect_ex(address)
		    kept.append(one)
		    poll = select.poll()
		    poll.register(one, select.POLLOUT)
		    return bool(poll.poll(400)) and one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
		assert all([connect() for _ in range(6)])
		os.write(4, b"ready")
		os.read(5, 1)
		assert [connect() for _ in range(12)].count(False) in (1, 2)
	END
}

@test "a pod that answers again has its share again, of clients that do not block too" {
	export LBDNS_EJECT=60s
	eject
	lab_equal "$(sends 12)" "6 0 6"
	lab_pod_start "$DEAD"
	lab_wait_until asks_again
	lab_equal "$(sends 12)" "4 4 4"
}

asks_again() {
	with_lbdns tries 1 ask | grep -q "$DEAD"
}

@test "SO_ERROR of a connect that is under way is no success" {
	local i
	export LBDNS_EJECT=500ms
	lab_pod_silence "$DEAD"
	with_lbdns tries 3 >"$LAB/seen"
	lab_wait_until time_is_up
	with_lbdns /usr/bin/python3 - <<-'END'
		import socket
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		kept = []
		for _ in range(3):
		    one = socket.socket()
		    one.setblocking(False)
		    one.connect_ex(address)
		    assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
		    kept.append(one)
	END
	lab_equal "$(sends 12)" "6 0 6"
}

@test "a connection that breaks later blames no pod" {
	with_lbdns /usr/bin/python3 - <<-'END'
		import select, socket
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		for _ in range(3):
		    one = socket.socket()
		    one.connect(address)
		    one.setblocking(False)
		    one.send(b"G" * 100000) # more than a pod reads: it resets
		    poll = select.poll()
		    poll.register(one, select.POLLERR)
		    assert poll.poll(10000)
		    assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
	END
	lab_equal "$(sends 12)" "4 4 4"
}

@test "a silent pod and a client that never asks: passed over once it closed after 4 s" {
	export LBDNS_EJECT=60s LBDNS_REFRESH=1m
	lab_pod_silence "$DEAD"
	with_lbdns tries 3 wait=4500
	lab_equal "$(sends 12)" "6 0 6"
}

@test "a connect under way is never held against a socket that has its descriptor later" {
	local i
	export LBDNS_EJECT=60s
	for i in 1 2 3; do
		lab_pod_silence "$(lab_address $i)"
	done
	# the same descriptors and the same pods, later: none of them waits for 3 s, nor closes after a second SYN
	with_lbdns /usr/bin/python3 - <<-'END'
		import os, socket, time
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		def three():
		    kept = [socket.socket() for _ in range(3)]
		    for one in kept:
		        one.setblocking(False)
		        one.connect_ex(address)
		    return kept
		first = three()
		before = [one.fileno() for one in first]
		time.sleep(0.9)
		for one in first:
		    one.close()
		first = three()
		assert before == [one.fileno() for one in first]
		time.sleep(2.3)
		os._exit(0) # they end with the thread that would see them closed
	END
	lab_equal "$(sends 12)" "4 4 4"
}

# ---- DNS, leases, cost

@test "the first failure asks DNS at once, and at most once a second" {
	local start n
	export LBDNS_REFRESH=1m LBDNS_EJECT=60s
	lab_scale rng-headless 6
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_wait_until grep -q "$DEAD" "$LAB/client.out"
	lab_dns_queries_reset
	start=$(lab_now)
	lab_pod_kill "$DEAD"
	lab_dns_asks 1 rng-headless A
	lab_pod_kill 10.244.1.11
	lab_pod_kill 10.244.3.13
	lab_wait_until passed_over 10.244.1.11 10.244.3.13
	lab_stop client
	n=$(lab_dns_queries rng-headless A)
	((n <= 1 + ($(lab_now) - start) / 1000)) || { echo "$n questions in $(($(lab_now) - start)) ms"; return 1; }
	# a pod that is killed may have accepted one
	lab_equal "$(grep ECONNREFUSED "$LAB/client.out")" ""
}

passed_over() {
	local address
	for address; do
		(($(sent "$address") > 0)) || return
	done
	[ "$(tail -n 12 "$LAB/log" | grep -cE -- "-> (${1//./\\.}|${2//./\\.})\b")" = 0 ]
}

@test "what a dead pod's name no longer has is known before the next interval" {
	export LBDNS_REFRESH=1m
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_dns_set rng-headless "${OTHERS[@]}" 10.244.1.14
	lab_pod_start 10.244.1.14
	lab_pod_kill "$DEAD"
	lab_wait_until grep -q 10.244.1.14 "$LAB/client.out"
	lab_equal "$(grep ECONNREFUSED "$LAB/client.out")" ""
}

@test "a process killed while it tries a pod again does not keep the pod out" {
	export LBDNS_EJECT=500ms
	lab_pod_silence "$DEAD"
	with_lbdns tries 3 >"$LAB/seen"
	lab_wait_until time_is_up
	log_reset
	run -137 with_lbdns tries 3 die
	# its thread was to try the pod; nobody else does, for a while
	lab_equal "$(sends 12)" "6 0 6"
	lab_pod_unsilence "$DEAD"
	lab_wait_until comes_back
	lab_equal "$(sends 12)" "4 4 4"
}

# System calls on sockets by the client's own thread for each connection of COMMAND N: those that 280 add to 80. (A connection
# that takes long makes a few more.)
calls() {
	local n
	for n in 80 280; do
		LBDNS_LOG=off strace -o "$LAB/trace" -e trace=network,fcntl,futex,close,ioctl,openat,mmap,poll,ppoll \
			-E LD_PRELOAD="$1" "${@:2}" $n "${WORDS[@]}" >"$LAB/out"
		grep -cE '^(connect|[gs]etsockopt|getsockname|getpeername|fcntl|socket|close|futex|p?poll)\(' "$LAB/trace"
	done | awk '{ n[NR] = $1 } END { printf "%.1f\n", (n[2] - n[1]) / 200 }'
}

# calls_added WHAT MOST COMMAND...
calls_added() {
	local plain ours
	plain=$(calls '' "${@:3}" /usr/bin/python3 "$BATS_FILE_TMPDIR/tries.py")
	ours=$(calls "$LIBLBDNS" "${@:3}" /usr/bin/python3 "$BATS_FILE_TMPDIR/tries.py")
	echo "$1: $plain, with lbdns $ours"
	awk -v more="$2" -v plain="$plain" -v ours="$ours" 'BEGIN { exit !(ours - plain >= more - 0.1 && ours - plain < more + 0.5) }'
}

@test "system calls added to a connection that succeeds: 1; under a seccomp filter 2, 4 where it blocks" {
	WORDS=(ask)
	calls_added non-blocking 1
	calls_added "non-blocking under a filter" 2 "${FILTERED[@]}"
	WORDS=()
	calls_added blocking 1
	calls_added "blocking under a filter" 4 "${FILTERED[@]}"
}
