# What a client cannot, and what it cancels: connects that fail for a reason of this process or this host, which blame no pod
# and go on elsewhere; connects that somebody ends; and the bounds that a client sets itself, on sockets of all kinds. The
# client without lbdns stands beside each.

# shellcheck disable=SC2030,SC2031 # each test has its own environment

bats_require_minimum_version 1.5.0
load ../lab/lab

setup_file() {
	# one.py N HOW [WORD...]: N connections to rng-headless by its first address; then "10.244.1.11 x 6, EACCES x 2", and the
	# ms that the longest connect took. HOW: blocking, nonblock; walk (blocking, all addresses one after another). WORDs:
	#   keeps             looks up once, not before each
	#   mptcp fastopen    the kind of socket
	#   bind=ADDRESS      of the socket
	#   options=N:VALUE   TCP option N, which is to be the same afterwards
	#   before=N          so many non-blocking connects before, then "ready" and until there is a file $LAB/go
	#   to=ADDRESS        looks up, and connects there whatever is first
	cat >"$BATS_FILE_TMPDIR/one.py" <<-'END'
		import collections, errno, os, select, socket, sys, time
		count, how, words = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
		value = {word.split("=")[0]: word.split("=")[-1] for word in words}
		got, longest, address = collections.Counter(), 0, None
		def look_up():
		    return [a[4] for a in socket.getaddrinfo("rng-headless", 8081, socket.AF_UNSPEC, socket.SOCK_STREAM)]
		def connect(to, blocks):
		    one = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_STREAM, 262 if "mptcp" in value else 0)
		    with one:
		        if "fastopen" in value:
		            one.setsockopt(socket.IPPROTO_TCP, 30, 1)
		        if "bind" in value:
		            one.bind((value["bind"], 0))
		        if "options" in value:
		            option = [int(n) for n in value["options"].split(":")]
		            one.setsockopt(socket.IPPROTO_TCP, *option)
		        one.setblocking(blocks)
		        error = one.connect_ex(to)
		        if "fastopen" in value and not error:
		            one.send(b"G")
		        if not blocks and error == errno.EINPROGRESS:
		            poll = select.poll()
		            poll.register(one, select.POLLOUT)
		            error = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if poll.poll(10000) else errno.ETIME
		        if "options" in value and one.getsockopt(socket.IPPROTO_TCP, option[0]) != option[1]:
		            return "option changed"
		        return errno.errorcode[error] if error else one.getpeername()[0]
		if "before" in value:
		    address = look_up()
		    for _ in range(int(value["before"])):
		        connect(address[0], False)
		    print("ready", flush=True)
		    while not os.path.exists(os.environ["LAB"] + "/go"):
		        time.sleep(0.02)
		for i in range(count):
		    if not address or "keeps" not in value:
		        address = look_up()
		    if "to" in value:
		        address = [(value["to"], 8081)]
		    began = time.monotonic()
		    for to in address if how == "walk" else address[:1]:
		        result = connect(to, how != "nonblock")
		        if "." in result or ":" in result:
		            break
		    longest = max(longest, time.monotonic() - began)
		    got[result] += 1
		print(", ".join("%s x %d" % each for each in sorted(got.items())))
		print(int(longest * 1000))
	END
}

setup() {
	lab_up
	rm -f "$LAB/go"
	export LBDNS_EJECT=60s
}

teardown() {
	local type
	for type in prohibit throw unreachable blackhole; do
		ip route flush type $type || true
	done
	ip route replace default via 10.244.3.1
	echo '32768 60999' >/proc/sys/net/ipv4/ip_local_port_range
}

HERE=10.244.3.13 # where every client without lbdns goes
DEAD=10.244.2.12
OTHER=10.244.1.11

one() {
	/usr/bin/python3 "$BATS_FILE_TMPDIR/one.py" "$@" >"$LAB/one"
	head -n 1 "$LAB/one"
}

longest_ms() {
	tail -n 1 "$LAB/one"
}

# Did 12 connections all reach $OTHER and $HERE, evenly but for the one that went on?
evenly() {
	[[ $1 =~ ^"$OTHER x "[5-7]", $HERE x "[5-7]$ ]] || { echo "$1"; return 1; }
}

# Without lbdns nobody ever goes to $DEAD, which this host cannot reach; with it nobody but LBDNS_EJECT's first one tries, and
# that goes on at once. passes [WORD...]
passes() {
	local how
	for how in blocking nonblock walk; do
		lab_equal "$how: $(one 12 $how "$@")" "$how: $HERE x 12"
		ipcrm --all=shm
		evenly "$(with_lbdns one 12 $how "$@")"
		(($(longest_ms) < 1000))
	done
}

# Is nobody blamed? Other processes go to $DEAD as soon as they can.
blames_nobody() {
	lab_equal "$("$LAB_BUILD/lbdns-inspect" status | awk -v pod="$DEAD" '$1 == pod { print $6 }')" 0
	lab_equal "$(with_lbdns one 12 blocking)" "$OTHER x 4, $DEAD x 4, $HERE x 4"
}

# ---- What this process cannot

@test "a route of type prohibit (EACCES): passed over by this process, and nobody is blamed" {
	ip route add prohibit "$DEAD"
	passes
	passes keeps
	ip route del prohibit "$DEAD"
	blames_nobody
}

# 30 ms pass in each connect, as on a busy host between the error and the next step.
on_a_busy_host() {
	with_lbdns strace -f -o "$LAB/trace" -e trace=connect -e inject=connect:delay_exit=30000 \
		/usr/bin/python3 "$BATS_FILE_TMPDIR/one.py" "$@" >"$LAB/one" && head -n 1 "$LAB/one"
}

@test "what this process cannot, on a busy host: the connection goes on" {
	local type how
	for type in prohibit blackhole throw; do
		ip route add $type "$DEAD"
		[ $type != throw ] || without_default_route
		for how in blocking nonblock; do
			ipcrm --all=shm
			evenly "$(on_a_busy_host 12 $how)"
		done
		ip route flush type $type
	done
}

@test "a route of type blackhole (EINVAL): passed over by this process, and nobody is blamed" {
	ip route add blackhole "$DEAD"
	passes
	ip route del blackhole "$DEAD"
	blames_nobody
}

without_default_route() {
	ip route del default
	ip route replace 10.244.1.0/24 via 10.244.3.1
	ip route replace 10.96.0.0/24 via 10.244.3.1
}

@test "no route to one pod (ENETUNREACH): passed over by this process, and nobody is blamed" {
	ip route add throw "$DEAD/32"
	without_default_route
	passes
	ip route add default via 10.244.3.1
	ip route flush type throw
	blames_nobody
}

@test "a route of type unreachable (EHOSTUNREACH): the connection goes on at once, of a client that does not block too" {
	ip route add unreachable "$DEAD"
	passes
}

# All ports to $DEAD are taken, by a program without lbdns.
@test "no local port left for one pod (EADDRNOTAVAIL): passed over by this process, and nobody is blamed" {
	echo '20000 20009' >/proc/sys/net/ipv4/ip_local_port_range
	cat >"$LAB/hold.py" <<-'END'
		import socket, sys, time
		held = []
		try:
		    while True:
		        one = socket.socket()
		        one.connect((sys.argv[1], 8081))
		        held.append(one)
		except OSError:
		    print(len(held), flush=True)
		time.sleep(1000)
	END
	lab_start hold /usr/bin/python3 "$LAB/hold.py" "$DEAD"
	lab_equal "$(<"$LAB/hold.out")" 10
	sed -i 's/error = one.connect_ex(to)/one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0"); &/' \
		"$BATS_FILE_TMPDIR/one.py" # no port is left waiting
	passes
	lab_stop hold
	echo '32768 60999' >/proc/sys/net/ipv4/ip_local_port_range
	blames_nobody
}

@test "what this process cannot: Multipath TCP and Fast Open go on too" {
	sysctl -qw net.mptcp.enabled=1
	ip route add prohibit "$DEAD"
	passes mptcp
	passes fastopen
}

@test "what this process cannot: with LBDNS_EJECT=0 each connection goes on, with LBDNS_ATTEMPTS=1 too" {
	ip route add prohibit "$DEAD"
	LBDNS_EJECT=0 with_lbdns one 12 blocking >"$LAB/seen"
	LBDNS_EJECT=0 with_lbdns one 12 nonblock >>"$LAB/seen"
	lab_equal "$(grep -c EACCES "$LAB/seen")" 0
	export LBDNS_ATTEMPTS=1
	passes
}

@test "what this process cannot: all pods but the one asked for: that is the last resort" {
	local how
	ip route add prohibit "$DEAD"
	ip route add blackhole "$OTHER"
	for how in blocking nonblock; do
		lab_equal "$(one 12 $how keeps)" "$HERE x 12"
		lab_equal "$(with_lbdns one 12 $how keeps)" "$HERE x 12"
	done
}

@test "what this process cannot: no pod at all: the error is that of the address asked for, as without lbdns" {
	local how
	ip route add prohibit "$HERE"
	ip route add blackhole "$DEAD"
	ip route add blackhole "$OTHER"
	cat >"$LAB/kept.py" <<-'END'
		import collections, errno, socket, sys
		got = collections.Counter()
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)
		for to in sorted(a[4] for a in address):
		    for i in range(4):
		        with socket.socket() as one:
		            one.setblocking(sys.argv[1] == "blocking")
		            got[to[0] + " " + errno.errorcode[one.connect_ex(to)]] += 1
		print(got)
	END
	for how in blocking nonblock; do
		lab_equal "$(with_lbdns /usr/bin/python3 "$LAB/kept.py" $how)" "$(/usr/bin/python3 "$LAB/kept.py" $how)"
	done
}

@test "what one process cannot is tried again after LBDNS_EJECT, and a child of it begins anew" {
	ip route add prohibit "$DEAD"
	cat >"$LAB/again.py" <<-'END'
		import os, socket, sys, time
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		def reached(count):
		    pods = []
		    for i in range(count):
		        with socket.socket() as one:
		            one.connect(address)
		            pods.append(one.getpeername()[0])
		    return pods.count("10.244.2.12")
		print(reached(6), flush=True)
		os.read(0, 1)
		if not os.fork():
		    print("child", reached(6), flush=True)
		    os._exit(0)
		os.wait()
		print("parent", reached(6), flush=True)
		while not reached(3):
		    time.sleep(0.05)
		print("again", reached(6), flush=True)
	END
	mkfifo "$LAB/go"
	LBDNS_EJECT=3s with_lbdns /usr/bin/python3 "$LAB/again.py" <"$LAB/go" >"$LAB/seen" &
	exec 8>"$LAB/go"
	lab_wait_until test -s "$LAB/seen"
	ip route del prohibit "$DEAD"
	echo >&8
	lab_wait_until grep -q again "$LAB/seen"
	exec 8>&-
	lab_equal "$(xargs <"$LAB/seen")" "0 child 2 parent 0 again 2"
}

# A client that binds its socket may have chosen an address or a port that suits what it asked for, and nothing else.
@test "what this process cannot: a bound socket goes nowhere but where it was picked for, and where it asked" {
	ip route add prohibit "$DEAD"
	lab_equal "$(one 12 blocking to=$HERE bind=10.244.3.2)" "$HERE x 12"
	lab_equal "$(with_lbdns one 12 blocking to=$HERE bind=10.244.3.2)" "$OTHER x 4, $HERE x 8"
}

@test "an IPv6 route that is lost: the order of the families is asked for again" {
	lab_scale46 rng-headless 3
	cat >"$LAB/each.py" <<-'END'
		import errno, os, socket, sys
		def first():
		    a = socket.getaddrinfo("rng-headless", 8081, socket.AF_UNSPEC, socket.SOCK_STREAM)[0]
		    with socket.socket(a[0]) as one:
		        error = one.connect_ex(a[4])
		        return errno.errorcode[error] if error else "IPv6" if a[0] == socket.AF_INET6 else "IPv4"
		print(*{first() for i in range(6)}, flush=True)
		os.read(0, 1)
		seen = [first() for i in range(30)]
		print(seen.count("IPv4"), "IPv4", flush=True)
	END
	local who
	mkfifo "$LAB/go"
	for who in env with_lbdns; do
		$who /usr/bin/python3 "$LAB/each.py" <"$LAB/go" >"$LAB/$who" &
		exec 8>"$LAB/go"
		lab_wait_until test -s "$LAB/$who"
		ip -6 route del fd00:244:3::/64 dev client
		ip -6 route del default dev client
		echo >&8
		lab_wait_until grep -q IPv4 "$LAB/$who"
		exec 8>&-
		ip -6 route add fd00:244:3::/64 dev client
		ip -6 route add default via fd00:244:3::1 dev client
	done
	lab_equal "$(xargs <"$LAB/env")" "IPv6 30 IPv4"
	lab_equal "$(sed -E 's/^(29|30) /most /' "$LAB/with_lbdns" | xargs)" "IPv6 most IPv4"
}

# ---- What somebody cancels

# cancelled HOW [mptcp]: what connect says when another thread does HOW (shutdown, unspec) to its socket, and when.
cancelled() {
	/usr/bin/python3 - "$@" <<-'END'
		import ctypes, errno, socket, struct, sys, threading, time
		libc = ctypes.CDLL(None, use_errno=True)
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262 if "mptcp" in sys.argv else 0) as one:
		    result = []
		    def connect():
		        began = time.monotonic()
		        result.append(errno.errorcode.get(one.connect_ex(address), "ok"))
		        result.append("at once" if time.monotonic() - began < 2.5 else "late")
		    thread = threading.Thread(target=connect)
		    thread.start()
		    time.sleep(0.5)
		    if sys.argv[1] == "shutdown":
		        libc.shutdown(one.fileno(), socket.SHUT_RDWR)
		    else:
		        libc.connect(one.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16)
		    thread.join()
		    print(*result)
	END
}

@test "a connect that another thread ends by shutdown or AF_UNSPEC: over at once, as without lbdns" {
	local i how kind
	sysctl -qw net.mptcp.enabled=1
	for i in 1 2 3; do
		lab_pod_silence "$(lab_address $i)"
	done
	for how in shutdown unspec; do
		for kind in tcp mptcp; do
			cancelled $how $kind >"$LAB/seen"
			[[ $(<"$LAB/seen") == *"at once" ]]
			lab_equal "$how $kind: $(with_lbdns cancelled $how $kind)" "$how $kind: $(<"$LAB/seen")"
			lab_equal "$how $kind, filtered: $(with_lbdns "$LAB_BUILD/lab/denied" ENOSYS pidfd_getfd -- \
				bash -c "$(declare -f cancelled); cancelled $how $kind")" "$how $kind, filtered: $(<"$LAB/seen")"
		done
	done
}

# ---- What a client bounds itself, and sockets of all kinds

# after_many KILLS LEAST_MS [COMMAND...]: a pod refuses or is silent after 75 connects that did not block; of three that do one
# meets it, and none fails.
after_many() {
	export LBDNS_EJECT=0
	lab_start many with_lbdns "${@:3}" /usr/bin/python3 "$BATS_FILE_TMPDIR/one.py" 3 blocking keeps before=75
	"$1" "$DEAD"
	: >"$LAB/go"
	lab_wait_until grep -qx '[0-9]*' "$LAB/many.out"
	lab_equal "$(sed -n 2p "$LAB/many.out" | grep -cE "E[A-Z]+|$DEAD")" 0
	(($(tail -n 1 "$LAB/many.out") >= $2 && $(tail -n 1 "$LAB/many.out") < 8000)) || { cat "$LAB/many.out"; return 1; }
}

@test "a socket that blocks after many that did not: a pod that refuses is retried past, a silent one costs 3 s" {
	after_many lab_pod_kill 0
	lab_up
	rm -f "$LAB/go"
	after_many lab_pod_silence 2500
}

@test "under a seccomp filter: a socket that blocks after many that did not: a silent pod costs 3 s" {
	after_many lab_pod_silence 2500 "$LAB_BUILD/lab/denied" ENOSYS pidfd_getfd --
}

@test "Multipath TCP: a pod that refuses is retried past" {
	sysctl -qw net.mptcp.enabled=1
	lab_pod_kill "$DEAD"
	lab_equal "$(one 12 blocking mptcp)" "$HERE x 12"
	evenly "$(with_lbdns one 12 blocking mptcp)"
	LBDNS_EJECT=0 with_lbdns one 12 blocking mptcp >"$LAB/seen"
	lab_equal "$(grep -c ECONN "$LAB/seen")" 0
}

@test "Multipath TCP: a silent pod costs 3 s, and SO_SNDTIMEO is afterwards as it was" {
	sysctl -qw net.mptcp.enabled=1
	lab_pod_silence "$DEAD"
	evenly "$(with_lbdns one 12 blocking mptcp)"
	(($(longest_ms) > 2500 && $(longest_ms) < 8000)) || { longest_ms; return 1; }
}

# bounds OPTION MS: all pods are silent, and the client's own bound ends all attempts together.
bounds() {
	local plain
	lab_equal "$(one 1 blocking options="$1")" "ETIMEDOUT x 1"
	plain=$(longest_ms)
	lab_equal "$(with_lbdns one 1 blocking options="$1")" "ETIMEDOUT x 1"
	echo "$1: $plain, with lbdns $(longest_ms)"
	(($(longest_ms) < plain + 900))
}

@test "TCP_USER_TIMEOUT and TCP_SYNCNT bound all attempts together, and are afterwards as they were" {
	local i
	for i in 1 2 3; do
		lab_pod_silence "$(lab_address $i)"
	done
	export LBDNS_EJECT=0
	bounds 18:1000
	bounds 18:2500
	bounds 7:1
	bounds 7:2
}

@test "TCP_USER_TIMEOUT and TCP_SYNCNT: a silent pod that takes all the time fails nobody" {
	local option
	lab_pod_silence "$DEAD"
	for option in 18:300 18:2500 7:1; do
		ipcrm --all=shm
		lab_equal "$(one 12 blocking options=$option)" "$HERE x 12"
		evenly "$(with_lbdns one 12 blocking options=$option)"
		(($(longest_ms) < 6000)) || { longest_ms; return 1; }
	done
}
