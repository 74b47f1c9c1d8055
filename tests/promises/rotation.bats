# shellcheck disable=SC2086 # lists of pods and of names
# shellcheck disable=SC2030,SC2031 # each test has its own settings
# shellcheck disable=SC2183 # printf makes so many spaces
# Promises 1 and 2: connections are spread exactly, however they are made. Without lbdns all of them go to the third pod,
# which is in the client's subnet.

bats_require_minimum_version 1.5.0
load ../lab/lab

TWO_PODS="10.244.1.11 10.244.2.12"

setup() {
	lab_up
	rm -f "$LAB"/{app,probe,firsts}
}

teardown() {
	lab_down
}

# 60 connections in a MODE of client: all to one pod, and with lbdns 20 to each. The pods say the same.
rotates() {
	local mode=$1
	shift
	lab_equal "$("$CLIENT" "$mode" rng-headless 8081 60 "$@" | lab_counts)" "0 0 60"
	lab_pod_log_reset
	lab_equal "$(with_lbdns "$CLIENT" "$mode" rng-headless 8081 60 "$@" | lab_counts)" "20 20 20"
	lab_equal "$(lab_pod_log_counts)" "20 20 20"
}

# A client in the background that makes a connection with each `turn NAME`: taking_turns NAME PORT [PREFIX...]
taking_turns() {
	rm -f "$LAB/$1".{in,out}
	mkfifo "$LAB/$1".{in,out}
	# more than any test asks for: what is in the fifo goes with the last who has it open
	"${@:3}" env LD_PRELOAD="$LIBLBDNS" "$CLIENT" on-line rng-headless "$2" 1000 \
		0<>"$LAB/$1.in" 1<>"$LAB/$1.out" 3>&- &
	echo $! >"$LAB/$1.pid"
}

turn() {
	local line
	echo >"$LAB/$1.in"
	read -t "$LAB_PATIENCE" -r line <>"$LAB/$1.out"
	echo "$line"
}

# Not a function: in the background its process would not be the client's.
AS_NOBODY=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# Another user may not look where the checkout is.
for_nobody() {
	"${AS_NOBODY[@]}" true || skip "this user namespace has one user"
	mkdir -p "$LAB/nobody"
	cp "$LIBLBDNS" "$CLIENT" "$LAB/nobody/"
	LIBLBDNS=$LAB/nobody/liblbdns.so
	CLIENT=$LAB/nobody/client
}

# The counts of LINES differ by at most one.
even() {
	lab_counts | awk '{
		least = most = $1
		for (i = 2; i <= NF; i++) {
			if ($i !~ /^[0-9]+$/) bad = 1
			if ($i < least) least = $i
			if ($i > most) most = $i
		}
		print
		exit bad || most - least > 1 || most < 10
	}'
}

# ---- Processes and threads

@test "a shell loop of curl rotates as one program does" {
	lab_equal "$(lab_curl 6 | lab_counts)" "0 0 6"
	lab_equal "$(with_lbdns lab_curl 60 | lab_counts)" "20 20 20"
}

@test "60 curl, eight at a time, make 20 / 20 / 20" {
	with_lbdns xargs -P 8 -I{} curl -sS --max-time 20 "$LAB_URL" < <(seq 60) >"$LAB/answers"
	lab_equal "$(lab_counts <"$LAB/answers")" "20 20 20"
}

@test "Python urllib in one process rotates" {
	lab_equal "$(lab_urllib 6 | lab_counts)" "0 0 6"
	lab_equal "$(with_lbdns lab_urllib 60 | lab_counts)" "20 20 20"
}

@test "a lookup before each connection: the pod that was looked up is the pod reached" {
	rotates lookup-connect
	with_lbdns "$CLIENT" shown rng-headless 8081 30 >"$LAB/shown"
	lab_equal "$(lab_counts <"$LAB/shown")" "10 10 10"
	lab_equal "$(awk '$1 != $2' "$LAB/shown")" ""
}

@test "two threads rotate as one" {
	rotates threads 2
}

@test "eight threads make 400 / 400 / 400" {
	lab_equal "$("$CLIENT" threads rng-headless 8081 1200 8 | lab_counts)" "0 0 1200"
	lab_equal "$(with_lbdns "$CLIENT" threads rng-headless 8081 1200 8 | lab_counts)" "400 400 400"
}

@test "16 threads that look up for the first time at the same moment, twenty times over" {
	local i shared
	for shared in on off; do
		for ((i = 0; i < 20; i++)); do
			ipcrm --all=shm
			LBDNS_SHARED=$shared with_lbdns "$CLIENT" threads rng-headless 8081 48 16 | lab_counts
		done >"$LAB/counts"
		lab_equal "$(sort "$LAB/counts" | uniq -c | xargs)" "20 16 16 16"
	done
}

@test "12 processes that begin at the same moment and make one connection each, ten times over" {
	local i k pids
	for ((i = 0; i < 10; i++)); do
		ipcrm --all=shm
		pids=()
		for ((k = 0; k < 12; k++)); do
			with_lbdns "$CLIENT" lookup-connect rng-headless 8081 1 3>&- >"$LAB/one.$k" &
			pids+=($!)
		done
		wait "${pids[@]}"
		cat "$LAB"/one.* | lab_counts
	done >"$LAB/counts"
	lab_equal "$(sort "$LAB/counts" | uniq -c | xargs)" "10 4 4 4"
}

@test "eight forked workers making 3,000 connections between them: 1,000 to each of three pods" {
	lab_equal "$("$CLIENT" fork rng-headless 8081 3000 8 | lab_counts)" "0 0 3000"
	lab_pod_log_reset
	lab_equal "$(with_lbdns "$CLIENT" fork rng-headless 8081 3000 8 | lab_counts)" "1000 1000 1000"
	lab_equal "$(lab_pod_log_counts)" "1000 1000 1000"
}

@test "four processes at once, 75 connections each: 100 / 100 / 100" {
	local i pids=()
	for i in 1 2 3 4; do
		with_lbdns "$CLIENT" lookup-connect rng-headless 8081 75 >"$LAB/at-once.$i" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	lab_equal "$(cat "$LAB"/at-once.? | lab_counts)" "100 100 100"
}

@test "four processes at once that each looked up only once: 100 / 100 / 100" {
	local i pids=()
	for i in 1 2 3 4; do
		with_lbdns "$CLIENT" once rng-headless 8081 75 >"$LAB/at-once.$i" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	lab_equal "$(cat "$LAB"/at-once.? | lab_counts)" "100 100 100"
}

@test "different programs one after another go on where the last one stopped" {
	{
		with_lbdns lab_curl 7
		with_lbdns lab_urllib 5
		with_lbdns "$CLIENT" once rng-headless 8081 4
		with_lbdns "$CLIENT" gethostbyname rng-headless 8081 2
	} >"$LAB/answers"
	lab_equal "$(lab_counts <"$LAB/answers")" "6 6 6"
}

# ---- Lookups

@test "a client that resolves once and connects 60 times" {
	rotates once
}

@test "a client that resolves once and goes through its answer by itself" {
	lab_equal "$(with_lbdns "$CLIENT" each rng-headless 8081 60 | lab_counts)" "20 20 20"
}

# Each of nginx's workers has the lookup of the one that forked it.
@test "processes that share one lookup and do not block: exact from the first connection on" {
	local how
	for how in SO_ERROR connect; do
		with_lbdns /usr/bin/python3 - "$how" >"$LAB/seen" <<-'END'
			import os, select, socket, sys
			answer = [a[4] for a in socket.getaddrinfo("rng-headless", 8081, type=socket.SOCK_STREAM)]

			def connect(address):
			    with socket.socket() as one:
			        one.setblocking(False)
			        one.connect_ex(address)
			        poll = select.poll()
			        poll.register(one, select.POLLOUT)
			        poll.poll(20000)
			        if sys.argv[1] == "connect":
			            one.connect_ex(address)
			        elif one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
			            sys.exit("an error")
			        print(one.getpeername()[0], flush=True)

			for worker in range(5):
			    child = os.fork()
			    if not child:
			        for address in answer[:2]:
			            connect(address)
			        os._exit(0)
			    os.waitpid(child, 0)
		END
		lab_equal "$(wc -l <"$LAB/seen")" 10
		lab_equal "$(head -3 "$LAB/seen" | lab_counts)" "1 1 1"
		# each three connections that follow each other have the order of those before
		lab_equal "$(tail -n +4 "$LAB/seen")" "$(head -n -3 "$LAB/seen")"
	done
}

@test "a client that only looks up: 30 lookups begin with each endpoint 10 times" {
	local port
	for port in 8081 -; do
		lab_equal "$("$CLIENT" lookups rng-headless $port 30 | lab_counts)" "0 0 30"
		lab_equal "$(with_lbdns "$CLIENT" lookups rng-headless $port 30 | lab_counts)" "10 10 10"
	done
}

@test "30 processes that only look up begin with each endpoint 10 times" {
	local i port
	for port in 8081 -; do
		for ((i = 0; i < 30; i++)); do
			with_lbdns "$CLIENT" lookups rng-headless $port 1
		done >"$LAB/firsts"
		lab_equal "$(lab_counts <"$LAB/firsts")" "10 10 10"
	done
}

@test "an answer has every endpoint once, whichever is first" {
	local i
	for ((i = 0; i < 6; i++)); do
		lab_equal "$(with_lbdns "$CLIENT" list rng-headless 8081 | tr ' ' '\n' | lab_counts)" "1 1 1"
	done
}

# The DNS server rotates too, so that unmodified every second answer, which is the one used, is the same.
@test "two lookups before each connection, two pods: 30 / 30" {
	lab_scale rng-headless 2
	lab_equal "$("$CLIENT" twice rng-headless 8081 60 | lab_counts $TWO_PODS | tr ' ' '\n' | sort -n | xargs)" "0 60"
	lab_equal "$(with_lbdns "$CLIENT" twice rng-headless 8081 60 | lab_counts $TWO_PODS)" "30 30"
}

@test "lookups of others between a lookup and its connection do not upset the rotation" {
	local i
	lab_scale rng-headless 2
	taking_turns app 8081
	for ((i = 0; i < 20; i++)); do
		with_lbdns "$CLIENT" lookups rng-headless 8081 1 >>"$LAB/firsts"
		turn app
	done >"$LAB/answers"
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/answers")" "10 10"
}

# ---- Ports

@test "a client that alternates two ports rotates on each of them, with three pods and with two" {
	local port
	with_lbdns "$CLIENT" ports rng-headless 8081 8082 120 >"$LAB/answers"
	for port in 8081 8082; do
		lab_equal "$(grep "^$port " "$LAB/answers" | lab_counts)" "20 20 20"
	done
	lab_scale rng-headless 2
	with_lbdns "$CLIENT" ports rng-headless 8081 8082 120 >"$LAB/answers"
	for port in 8081 8082; do
		lab_equal "$(grep "^$port " "$LAB/answers" | lab_counts $TWO_PODS)" "30 30"
	done
}

@test "a probe and an application that alternate on different ports each rotate" {
	local i
	lab_scale rng-headless 2
	taking_turns app 8081
	taking_turns probe 8082
	for ((i = 0; i < 20; i++)); do
		turn app >>"$LAB/app"
		turn probe >>"$LAB/probe"
	done
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/app")" "10 10"
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/probe")" "10 10"
}

@test "a probe that is a new curl each time, beside an application on another port" {
	local i
	lab_scale rng-headless 2
	taking_turns app 8081
	for ((i = 0; i < 20; i++)); do
		turn app >>"$LAB/app"
		with_lbdns lab_curl 1 http://rng-headless:8082/address >>"$LAB/probe"
	done
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/app")" "10 10"
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/probe")" "10 10"
}

@test "a probe and an application that alternate on the same port rotate together" {
	local i
	taking_turns app 8081
	taking_turns probe 8081
	for ((i = 0; i < 30; i++)); do
		turn app >>"$LAB/app"
		turn probe >>"$LAB/probe"
	done
	lab_equal "$(lab_counts <"$LAB/app")" "10 10 10"
	lab_equal "$(lab_counts <"$LAB/probe")" "10 10 10"
	lab_equal "$(lab_pod_log_counts)" "20 20 20"
}

# ---- Families and forms

PODS4="10.244.1.11 10.244.2.12 10.244.3.13"
PODS6="fd00:244:1::11 fd00:244:2::12 fd00:244:3::13"

@test "IPv6 only" {
	lab_up 0
	lab_scale6 rng-headless 3
	rotates lookup-connect
	rotates inet6
	rotates once
	rotates threads 8
	lab_equal "$(with_lbdns lab_curl 30 | lab_counts)" "10 10 10"
}

@test "dual stack: whichever family a client asks for, it rotates within it" {
	local mode
	lab_scale46 rng-headless 3
	for mode in lookup-connect inet6 once; do
		lab_equal "$("$CLIENT" $mode rng-headless 8081 30 | lab_counts $PODS6)" "0 0 30"
		lab_equal "$(with_lbdns "$CLIENT" $mode rng-headless 8081 30 | lab_counts $PODS6)" "10 10 10"
	done
	lab_equal "$("$CLIENT" inet rng-headless 8081 30 | lab_counts $PODS4)" "0 0 30"
	lab_equal "$(with_lbdns "$CLIENT" inet rng-headless 8081 30 | lab_counts $PODS4)" "10 10 10"
}

@test "dual stack: curl -4, curl -6 and curl beside each other" {
	local i
	lab_scale46 rng-headless 3
	for ((i = 0; i < 15; i++)); do
		with_lbdns lab_curl 1 "$LAB_URL" -4
		with_lbdns lab_curl 1 "$LAB_URL" -6
		with_lbdns lab_curl 1 "$LAB_URL" >>"$LAB/either"
	done >"$LAB/answers"
	lab_equal "$(lab_counts $PODS4 $PODS6 <"$LAB/answers" | cut -d ' ' -f 1-3)" "5 5 5"
	lab_equal "$(cat "$LAB/answers" "$LAB/either" | lab_counts $PODS4 $PODS6)" "5 5 5 10 10 10"
}

@test "dual stack: the order of the families stays that of libc" {
	local i unmodified
	lab_scale46 rng-headless 3
	families() {
		tr ' ' '\n' | sed 's/.*:.*/6/; s/.*\..*/4/' | xargs
	}
	unmodified=$("$CLIENT" list rng-headless 8081 | families)
	lab_equal "$(with_lbdns "$CLIENT" lookups rng-headless 8081 30 | lab_counts $PODS6)" "10 10 10"
	for ((i = 0; i < 4; i++)); do
		lab_equal "$(with_lbdns "$CLIENT" list rng-headless 8081 | families)" "$unmodified"
	done
}

@test "dual stack: a client that goes through its whole answer reaches all six alike" {
	lab_scale46 rng-headless 3
	lab_equal "$(with_lbdns "$CLIENT" each rng-headless 8081 60 | lab_counts $PODS4 $PODS6)" "10 10 10 10 10 10"
}

@test "IPv4-mapped addresses on AF_INET6 sockets, looked up each time and once" {
	rotates mapped
	rotates mapped 60
}

@test "IPv4-mapped addresses that libc made (AI_V4MAPPED)" {
	rotates v4mapped
}

# They do not sort: unmodified it is DNS that rotates, and a client that keeps its answer has one pod.
@test "gethostbyname, gethostbyname2 and both _r, looked up once and each time" {
	local mode
	for mode in gethostbyname gethostbyname2 gethostbyname_r gethostbyname2_r; do
		lab_equal "$("$CLIENT" $mode rng-headless 8081 30 30 | sort | uniq -c | awk '{ print $1 }')" 30
		lab_equal "$(with_lbdns "$CLIENT" $mode rng-headless 8081 30 30 | lab_counts)" "10 10 10"
		lab_equal "$(with_lbdns "$CLIENT" $mode rng-headless 8081 30 | lab_counts)" "10 10 10"
	done
}

@test "gethostbyname2 and its _r for IPv6" {
	local mode
	lab_up 0
	lab_scale6 rng-headless 3
	for mode in gethostbyname2-inet6 gethostbyname2_r-inet6; do
		lab_equal "$("$CLIENT" $mode rng-headless 8081 30 30 | sort | uniq -c | awk '{ print $1 }')" 30
		lab_equal "$(with_lbdns "$CLIENT" $mode rng-headless 8081 30 30 | lab_counts)" "10 10 10"
		lab_equal "$(with_lbdns "$CLIENT" $mode rng-headless 8081 30 | lab_counts)" "10 10 10"
	done
}

# ---- Names

SPELLINGS="rng-headless rng-headless.default rng-headless.default.svc RNG-headless
	rng-headless.default.svc.cluster.local rng-headless.default.svc.cluster.local."

# Rounds of one connection to each spelling in one process: as many as bytes come on stdin, and one.
visit_spellings() {
	"$CLIENT" visit rng-headless 8081 "$1" ${SPELLINGS#rng-headless }
}

@test "short, longer and full names of one service are one pool: in one process" {
	lab_equal "$(printf %9s | visit_spellings 60000 | lab_counts)" "0 0 60"
	lab_equal "$(printf %9s | with_lbdns visit_spellings 60000 | lab_counts)" "20 20 20"
}

@test "short, longer and full names of one service are one pool: in a process each" {
	local i name
	for ((i = 0; i < 10; i++)); do
		for name in $SPELLINGS; do
			with_lbdns "$CLIENT" lookup-connect "$name" 8081 1
		done
	done >"$LAB/answers"
	lab_equal "$(lab_counts <"$LAB/answers")" "20 20 20"
}

@test "short, longer and full names of one service are one pool: each looked up once" {
	local name pids=()
	for name in $SPELLINGS; do
		with_lbdns "$CLIENT" once "$name" 8081 50 3>&- >"$LAB/once.$name" &
		pids+=($!)
	done
	wait "${pids[@]}"
	lab_equal "$(cat "$LAB"/once.* | lab_counts)" "100 100 100"
}

# Within the first interval the names are apart, then refreshes find out that they are one.
@test "short, longer and full names of one service are one pool: before, during and after the first refreshes" {
	local hold
	rm -f "$LAB/hold"
	mkfifo "$LAB/hold"
	LBDNS_REFRESH=100ms with_lbdns visit_spellings 0 <"$LAB/hold" >"$LAB/answers" 3>&- &
	exec {hold}>"$LAB/hold"
	lab_wait_until refreshes 30
	exec {hold}>&-
	wait $!
	even <"$LAB/answers"
}

refreshes() {
	[ "$(lab_dns_queries rng-headless A)" -gt "$1" ]
}

# As behind a wildcard ingress: more names than an address may be in different pools of.
@test "twelve names over the same three pods: one pool, looked up once or each time, also after their refreshes" {
	local i names
	names=$(printf '%s.apps ' {a..l})
	lab_dns_set_all "$names" "$(lab_address 1)" "$(lab_address 2)" "$(lab_address 3)"
	cat >"$LAB/names.py" <<-'END'
		import os, socket, sys
		def look_up(name):
		    return [one[4] for one in socket.getaddrinfo(name, 8081, socket.AF_INET, socket.SOCK_STREAM)]
		how, count, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
		found = [min(look_up(name)) for name in names] # the same one of each name
		for i in range(count):
		    if i == 1 and how == "refreshed":
		        open(os.environ["LAB"] + "/go").read()
		    place = i % len(names)
		    with socket.socket() as one:
		        one.connect(look_up(names[place])[0] if how == "each" else found[place])
		        one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		        print(one.makefile().read().split()[-1], flush=True)
	END
	lab_equal "$(python3 "$LAB/names.py" once 60 $names | lab_counts)" "60 0 0"
	lab_equal "$(with_lbdns python3 "$LAB/names.py" once 60 $names | lab_counts)" "20 20 20"
	lab_equal "$(with_lbdns python3 "$LAB/names.py" each 60 $names | lab_counts)" "20 20 20"
	lab_dns_queries_reset
	mkfifo "$LAB/go"
	LBDNS_REFRESH=100ms lab_start named with_lbdns python3 "$LAB/names.py" refreshed 60 $names
	for i in a.apps l.apps; do
		lab_dns_asks_more 2 "$i" A
	done
	: >"$LAB/go"
	lab_wait_until lab_gone "$(<"$LAB/named.pid")"
	lab_equal "$(lab_counts <"$LAB/named.out")" "20 20 20"
}

# ---- Whose cursors

@test "LBDNS_SHARED=off: a process rotates by itself, and leaves no shared memory" {
	local mode
	export LBDNS_SHARED=off
	for mode in once lookup-connect; do
		lab_equal "$(with_lbdns "$CLIENT" $mode rng-headless 8081 60 | lab_counts)" "20 20 20"
	done
	lab_equal "$(with_lbdns "$CLIENT" threads rng-headless 8081 600 8 | lab_counts)" "200 200 200"
	lab_equal "$(tail -n +2 /proc/sysvipc/shm)" ""
}

# Sharing a cursor, two that alternate over two pods would have one pod each.
@test "LBDNS_SHARED=off: two processes do not move each other's cursor" {
	local i
	lab_scale rng-headless 2
	export LBDNS_SHARED=off
	taking_turns app 8081
	taking_turns probe 8081
	for ((i = 0; i < 20; i++)); do
		turn app >>"$LAB/app"
		turn probe >>"$LAB/probe"
	done
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/app")" "10 10"
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/probe")" "10 10"
}

@test "two users do not move each other's cursor, and each has shared memory of its own" {
	local i
	for_nobody
	lab_scale rng-headless 2
	taking_turns app 8081
	taking_turns probe 8081 "${AS_NOBODY[@]}"
	for ((i = 0; i < 20; i++)); do
		turn app >>"$LAB/app"
		turn probe >>"$LAB/probe"
	done
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/app")" "10 10"
	lab_equal "$(lab_counts $TWO_PODS <"$LAB/probe")" "10 10"
	# who owns it, and what others may
	lab_equal "$(awk 'NR > 1 { print $8, $3 }' /proc/sysvipc/shm | sort)" "$(printf '%s\n' "0 600" "65534 600")"
}

@test "processes of another user rotate together" {
	local i
	for_nobody
	for ((i = 0; i < 30; i++)); do
		"${AS_NOBODY[@]}" env LD_PRELOAD="$LIBLBDNS" "$CLIENT" lookup-connect rng-headless 8081 1
	done >"$LAB/answers"
	lab_equal "$(lab_counts <"$LAB/answers")" "10 10 10"
}
