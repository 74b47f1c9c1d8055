# What lbdns costs: questions to DNS, threads, descriptors, memory, instructions, system calls. (`make bench` has the times.)
# Waiting for so many further questions at the server is how time passes here.

bats_require_minimum_version 1.5.0
load ../lab/lab

setup_file() {
	# Looks up, connects once, and then closes all descriptors but its output, in the way it is told, again and
	# again until SIGTERM; every file it opens between must still be its own. On SIGUSR1 it connects again.
	cat >"$BATS_FILE_TMPDIR/closes.py" <<-'END'
		import ctypes, os, signal, socket, sys, time
		way, host, scratch = sys.argv[1:]
		libc = ctypes.CDLL(None)
		address = socket.getaddrinfo(host, 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		def connect(*_):
		    with socket.socket() as one: # create_connection would look the literal up, which claims it
		        one.connect(address)
		        one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		        os.write(1, one.makefile().read().split("\n\n")[1].split()[0].encode() + b"\n")
		signal.signal(signal.SIGUSR1, connect)
		connect()
		turn = 0
		while True:
		    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
		    if way == "loop":
		        for fd in range(3, 256):
		            libc.close(fd)
		    elif libc.syscall(436, 3, 2**32 - 1, 0):
		        os._exit(3)
		    turn += 1
		    file = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
		    os.write(file, b"%d" % turn)
		    time.sleep(0)
		    if file != 3 or os.pread(file, 99, 0) != b"%d" % turn:
		        os.write(1, b"not its own\n")
		        os._exit(4)
		    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
	END
}

setup() {
	lab_up
}

pid_of() {
	cat "$LAB/$1.pid"
}

tasks() {
	cat "/proc/$(pid_of "$1")/task/"*/comm | grep -c .
}

refresher_of() {
	local task
	for task in "/proc/$(pid_of "$1")/task/"*; do
		[ "$(<"$task/comm")" != lbdns ] || echo "$task"
	done
}

# It takes its name when it runs for the first time.
has_refresher() {
	[ -n "$(refresher_of "$1")" ]
}

descriptors() {
	(cd "$1/fd" && find . -mindepth 1 -printf '%f ' | tr ' ' '\n' | sort -n | xargs)
}

has_socket() {
	find "$1/fd" -lname 'socket:*' | grep -q .
}

tcp_questions() {
	lab_pods_side nft -j list counters table inet cost | grep -o '"packets": *[0-9]*' | grep -o '[0-9]*'
}

tcp_questions_count() {
	lab_pods_side nft -f - <<-'END'
		table inet cost
		delete table inet cost
		table inet cost {
			counter questions { }
			chain input {
				type filter hook input priority -1;
				tcp dport 53 tcp flags & (syn | ack) == syn counter name questions
			}
		}
	END
}

tcp_asked() {
	(($(tcp_questions) >= $1))
}

# ---- Questions

@test "one question per interval, however many connections" {
	local start elapsed questions more
	start=$(lab_now)
	LBDNS_REFRESH=500ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 1
	lab_dns_asks 10 rng-headless A
	lab_stop client
	elapsed=$(($(lab_now) - start))
	questions=$(lab_dns_queries rng-headless A)
	more=$(lab_dns_queries rng-headless AAAA)
	# the first is libc's, and then an interval, shortened by a fifth at most, is before each
	(((questions - 1) * 400 <= elapsed)) || { echo "$questions questions in $elapsed ms"; return 1; }
	(((questions - 1) * 500 + 2000 >= elapsed)) || { echo "$questions questions in $elapsed ms"; return 1; }
	# the other family: libc's, and now and then
	((more <= 2))
	lab_equal "$(lab_dns_queries)" $((questions + more))
	(($(wc -l <"$LAB/client.out") > 100))
}

@test "a family that the name does not have is asked for again only now and then" {
	LBDNS_REFRESH=100ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 50
	lab_dns_asks 4 rng-headless AAAA
	# how many questions for A there were before each one for AAAA; the first pair is libc's own, the second the first refresh's
	awk '$8 == "10.244.3.2" && $5 == "query[A]" { a++ } $8 == "10.244.3.2" && $5 == "query[AAAA]" { print a }' \
		"$LAB/queries.log" >"$LAB/before"
	cat "$LAB/before"
	awk 'NR > 2 && $1 - last < 10 { exit 1 } { last = $1 }' "$LAB/before"
	(($(wc -l <"$LAB/before") >= 4))
}

@test "both families of a dual-stack name are asked for once per interval" {
	lab_up 0
	lab_scale46 rng-headless 2
	local start elapsed questions
	start=$(lab_now)
	lab_dns_queries_reset
	LBDNS_REFRESH=200ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 1
	lab_dns_asks 12 rng-headless AAAA
	lab_stop client
	elapsed=$(($(lab_now) - start))
	(($(lab_dns_queries rng-headless A) - $(lab_dns_queries rng-headless AAAA) <= 1))
	(($(lab_dns_queries rng-headless A) - $(lab_dns_queries rng-headless AAAA) >= -1))
	lab_equal "$(lab_dns_queries)" $(($(lab_dns_queries rng-headless A) + $(lab_dns_queries rng-headless AAAA)))
	questions=$(lab_dns_queries rng-headless AAAA) # the first is libc's
	(((questions - 1) * 160 <= elapsed)) || { echo "$questions questions in $elapsed ms"; return 1; }
}

# NAME, and what libc and the first refresh have to ask in vain before the absolute name has its turn.
costs_search_list_once() {
	local name=$1 vain
	shift
	LBDNS_REFRESH=200ms lab_start client with_lbdns "$CLIENT" stay "$name" 8081 20
	lab_dns_asks 7 rng-headless A
	lab_stop client
	for vain; do
		lab_equal "$vain: $(lab_dns_queries "$vain" A) $(lab_dns_queries "$vain" AAAA)" "$vain: 2 2"
	done
	lab_equal "$(lab_dns_queries rng-headless AAAA)" 2
	# nothing else, and 5 of the 6 refreshes asked the absolute name alone
	lab_equal "$(lab_dns_queries)" $(($(lab_dns_queries rng-headless A) + 2 + 4 * $#))
}

@test "the short name, ndots:5: one question per interval, absolute" {
	costs_search_list_once rng-headless
}

@test "the name with its namespace, ndots:5: the search list once, then one absolute question per interval" {
	costs_search_list_once rng-headless.default rng-headless.default.default.svc.cluster.local.
}

@test "the full name, ndots:5: the search list once, then one absolute question per interval" {
	costs_search_list_once "rng-headless.$LAB_DOMAIN" \
		"rng-headless.$LAB_DOMAIN.$LAB_DOMAIN." \
		"rng-headless.$LAB_DOMAIN.svc.cluster.local." \
		"rng-headless.$LAB_DOMAIN.cluster.local."
}

@test "three names of one service cost one question per interval" {
	local start elapsed questions
	LBDNS_REFRESH=500ms lab_start client with_lbdns "$CLIENT" visit rng-headless 8081 5 \
		rng-headless.default "rng-headless.$LAB_DOMAIN"
	# each name is found to be the same service with its first refresh
	lab_dns_asks 2 "rng-headless.$LAB_DOMAIN.cluster.local." A
	lab_dns_asks_more 3 rng-headless A
	start=$(lab_now)
	lab_dns_queries_reset
	lab_dns_asks 6 rng-headless A
	lab_stop client
	elapsed=$(($(lab_now) - start))
	questions=$(lab_dns_queries rng-headless A)
	# and AAAA now and then
	lab_equal "$(lab_dns_queries)" $(($(lab_dns_queries rng-headless A) + $(lab_dns_queries rng-headless AAAA)))
	(($(lab_dns_queries rng-headless AAAA) <= 1))
	(((questions - 1) * 400 <= elapsed)) || { echo "$questions questions in $elapsed ms"; return 1; }
}

@test "an idle name costs nothing" {
	lab_scale other-headless 2
	# the clock of this test: its questions
	LBDNS_REFRESH=100ms lab_start clock with_lbdns "$CLIENT" stay other-headless 8081 50
	LBDNS_IDLE=2s LBDNS_REFRESH=100ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 600000
	lab_dns_asks 4 rng-headless A # some may have been before this
	lab_dns_asks_more 40 other-headless A         # at least 3.2 s
	lab_dns_queries_reset
	lab_dns_asks_more 20 other-headless A
	lab_equal "$(lab_dns_queries rng-headless)" 0
}

@test "a short-lived client asks what it asks without lbdns" {
	lab_curl 10
	local alone
	alone="$(lab_dns_queries) $(lab_dns_queries rng-headless A) $(lab_dns_queries rng-headless AAAA)"
	[ "${alone%% *}" -ge 10 ]
	lab_dns_queries_reset
	with_lbdns lab_curl 10
	lab_equal "$(lab_dns_queries) $(lab_dns_queries rng-headless A) $(lab_dns_queries rng-headless AAAA)" "$alone"
	lab_dns_queries_reset
	LBDNS_NAMES=rng-headless with_lbdns lab_curl 10
	lab_equal "$(lab_dns_queries) $(lab_dns_queries rng-headless A) $(lab_dns_queries rng-headless AAAA)" "$alone"
}

@test "200 lookups of one process cost libc's until the first refresh, which the second lookup brings at once" {
	LBDNS_REFRESH=1h with_lbdns "$CLIENT" lookup-connect rng-headless 8081 200
	(($(lab_dns_queries rng-headless A) >= 3 && $(lab_dns_queries rng-headless A) <= 100))
	lab_equal "$(lab_dns_queries)" $(($(lab_dns_queries rng-headless A) + $(lab_dns_queries rng-headless AAAA)))
}

@test "sh -c true with LBDNS_NAMES set: no question, no thread, no shared memory" {
	export LBDNS_NAMES=rng-headless LBDNS_REFRESH=100ms
	# shellcheck disable=SC2016
	with_lbdns sh -c 'true; grep -q liblbdns /proc/$$/maps && echo /proc/$$/task/*' >"$LAB/tasks"
	lab_equal "$(wc -w <"$LAB/tasks")" 1
	with_lbdns sh -c true
	lab_equal "$(lab_dns_queries)" 0
	lab_equal "$(grep -c '^' /proc/sysvipc/shm)" 1
	# such a client has all three
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 1
	lab_dns_asks 3
	lab_equal "$(tasks client)" 2
	lab_equal "$(grep -c '^' /proc/sysvipc/shm)" 2
}

# ---- Threads

@test "no thread before there is a pool" {
	lab_start client with_lbdns "$CLIENT" visit rng-0.rng-headless 8081 20 rng-1.rng-headless localhost
	lab_wait_until grep -q 'ok rng-1.rng-headless' "$LAB/client.out"
	lab_equal "$(tasks client)" 1
	lab_equal "$(refresher_of client)" ""
	lab_start unmanaged with_lbdns "$CLIENT" stay 10.244.1.11 8081 20
	lab_equal "$(tasks unmanaged)" 1
}

@test "one thread per process, however many names" {
	local i
	for ((i = 1; i <= 5; i++)); do
		lab_dns_set "service-$i" 10.244.1.11 10.244.2.12
	done
	LBDNS_REFRESH=100ms lab_start client with_lbdns "$CLIENT" visit rng-headless 8081 20 service-1 service-2 service-3 \
		service-4 service-5
	for ((i = 1; i <= 5; i++)); do
		lab_dns_asks 4 "service-$i" A
	done
	lab_equal "$(tasks client)" 2
	lab_equal "$(refresher_of client | wc -l)" 1
}

@test "a forked child that uses a pool has one thread of its own, one that does not has none" {
	cat >"$LAB/forks.py" <<-'END'
		import os, signal, socket
		def connect():
		    address = socket.getaddrinfo("rng-headless", 8081, 0, socket.SOCK_STREAM)[0][4]
		    socket.create_connection(address).close()
		connect()
		for uses in (True, False):
		    child = os.fork()
		    if not child:
		        if uses:
		            connect()
		        os.write(1, b"%s %d\n" % (b"uses" if uses else b"idle", os.getpid()))
		        signal.pause()
		signal.pause()
	END
	lab_start client with_lbdns /usr/bin/python3 "$LAB/forks.py"
	lab_wait_until grep -q uses "$LAB/client.out"
	lab_wait_until grep -q idle "$LAB/client.out"
	awk '{ print $2 > "'"$LAB"'/" $1 ".pid" }' "$LAB/client.out"
	lab_equal "$(tasks client) $(tasks uses) $(tasks idle)" "2 2 1"
}

# ---- 4,000 endpoints

many_up() {
	lab_knot_start many-headless 4000
	lab_crowd_start
	tcp_questions_count
}

# dnsmasq: knot's cut answer is empty, and this musl knows no TCP.
many_for_musl_up() {
	local addresses
	mapfile -t addresses < <(seq 4000 | awk '{ print "10.245." int($1 / 250) "." $1 % 250 + 1 }')
	lab_dns_set many-headless "${addresses[@]}"
	lab_crowd_start
	(($("$CLIENT_MUSL" list many-headless - | wc -w) <= 48))
}

@test "4,000 endpoints over TCP: 4,000 connections of one process, one each, while DNS is asked again" {
	many_up
	LBDNS_REFRESH=100ms with_lbdns "$CLIENT" once many-headless 8081 4000 >"$LAB/pods.seen"
	lab_equal "$(wc -l <"$LAB/pods.seen") $(sort -u "$LAB/pods.seen" | wc -l)" "4000 4000"
	# libc's own and some refreshes
	(($(tcp_questions) >= 4)) || { tcp_questions; return 1; }
}

@test "4,000 endpoints over TCP: a new one has its turn" {
	LAB_PATIENCE=240 # as in has_them_all
	many_up
	LBDNS_REFRESH=200ms lab_start client with_lbdns "$CLIENT" stay many-headless 8081 0
	lab_wait_until tcp_asked 3
	sed -i 's/ 1 3600 600 / 2 3600 600 /; s/10\.245\.0\.2$/10.245.99.99/' "$LAB/knot/cluster.local.zone"
	kill -HUP "$(<"$LAB/knot.pid")"
	lab_wait_until grep -q ' 10.245.99.99$' "$LAB/client.out"
	# and the one that left has none any more
	lab_wait_until tcp_asked $(($(tcp_questions) + 2))
	local from
	from=$(wc -l <"$LAB/client.out")
	lab_wait_until many_lines $((from + 4200))
	lab_stop client
	tail -n "+$((from + 1))" "$LAB/client.out" | head -n 4000 | sort -u -k 4 >"$LAB/last"
	lab_equal "$(wc -l <"$LAB/last")" 4000
	run ! grep -q ' 10.245.0.2$' "$LAB/last"
	run ! grep -qv ' ok ' "$LAB/client.out"
}

many_lines() {
	(($(wc -l <"$LAB/client.out") >= $1))
}

# From when it comes to a 49th, of which its libc knows nothing, it comes to each of them.
has_them_all() {
	local from LAB_PATIENCE=240 # each answer costs knot a third of a second, and more beside others
	lab_wait_until has_pods 49
	from=$(wc -l <"$LAB/client.out")
	lab_wait_until many_lines $((from + 4200))
	lab_stop client
	lab_equal "$(tail -n +$((from + 100)) "$LAB/client.out" | head -n 4000 | awk '{ print $4 }' | sort -u | wc -l)" 4000
}

has_pods() {
	(($(awk '{ print $4 }' "$LAB/client.out" | sort -u | wc -l) >= $1))
}

@test "4,000 endpoints: a musl client, whose libc cuts the answer, has them all" {
	many_for_musl_up
	lab_start client with_lbdns "$CLIENT_MUSL" stay many-headless 8081 0
	has_them_all
}

@test "4,000 endpoints: a musl client's next lookup lists them all" {
	many_for_musl_up
	LBDNS_REFRESH=500ms lab_start client with_lbdns "$CLIENT_MUSL" visit many-headless 8081 0
	has_them_all
}

# ---- Descriptors

@test "while a refresh waits for DNS, its socket is not among the client's descriptors" {
	local before refresher
	LBDNS_REFRESH=100ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 600000
	before=$(descriptors "/proc/$(pid_of client)")
	lab_start alone "$CLIENT" stay rng-headless 8081 600000
	lab_equal "$before" "$(descriptors "/proc/$(pid_of alone)")"
	lab_wait_until has_refresher client
	refresher=$(refresher_of client)
	lab_dns_silence
	lab_wait_until has_socket "$refresher"
	lab_equal "$(descriptors "/proc/$(pid_of client)")" "$before"
	has_socket "$refresher"
	lab_dns_unsilence
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$(descriptors "/proc/$(pid_of client)")" "$before"
}

@test "the refresh thread holds none of the client's files open, and has no descriptor 0, 1 or 2 to give away" {
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 600000
	lab_wait_until holds_nothing
	LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/log lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 600000
	lab_wait_until holds_nothing
}

@test "no task of ours ever has a descriptor in the client's table, from its first moment on" {
	local way
	for way in "" "close_range unshare"; do
		rm -f "$LAB/trace"
		# shellcheck disable=SC2086 # names of calls
		LBDNS_REFRESH=100ms lab_start client strace -D -f -o "$LAB/trace" \
			-e trace=clone,clone3,close_range,unshare,open,openat,socket,dup,fcntl,eventfd2,pidfd_open,pidfd_getfd,pipe2 \
			-E "LD_PRELOAD=$LIBLBDNS" "$LAB_BUILD/lab/denied" EPERM $way -- "$CLIENT" stay rng-headless 8081 20
		lab_dns_asks_more 3 rng-headless A
		lab_stop client
		lab_equal "$(made_in_client_table)" "0 of 1 tasks"
	done
}

# Descriptors that tasks made which share the client's table, or do so until they have one of their own.
made_in_client_table() {
	awk '/ clone3?\(/ { files[$1] = /CLONE_FILES/ }
		NR == FNR && / (clone3?\(|<\.\.\. clone3? resumed>).* = [0-9]+$/ && files[$1] && !($NF in shares) { shares[$NF]; tasks++ }
		NR == FNR { next }
		/ (close_range|unshare)(\(| resumed>).* = 0$/ { delete shares[$1] }
		$1 in shares && / (open|openat|socket|dup|eventfd2|pidfd_open|pidfd_getfd)(\(| resumed>).* = [0-9]+$/ { made++ }
		END { print made + 0, "of", tasks, "tasks" }' "$LAB/trace" "$LAB/trace"
}

# Of 0, 1 and 2 each is open, and is no file.
holds_nothing() {
	local refresher
	refresher=$(refresher_of client)
	[ -n "$refresher" ] && [ "$(descriptors "$refresher")" = "0 1 2" ] &&
		[ "$(find "$refresher/fd" -mindepth 1 ! -lname 'anon_inode:*')" = "" ]
}

survives_closing() {
	LBDNS_REFRESH=100ms lab_start client with_lbdns /usr/bin/python3 "$BATS_FILE_TMPDIR/closes.py" "$1" rng-headless \
		"$LAB/scratch"
	lab_dns_asks_more 20 rng-headless A
	lab_scale rng-headless 4
	lab_dns_asks_more 2 rng-headless A
	local i
	for ((i = 1; i <= 4; i++)); do
		kill -USR1 "$(pid_of client)"
		lab_wait_until many_lines $((i + 1))
	done
	lab_equal "$(tail -n +2 "$LAB/client.out" | lab_counts)" "1 1 1 1"
}

@test "a client that closes all descriptors in a loop does not stop the refresh" {
	survives_closing loop
}

@test "a client that closes all descriptors by close_range does not stop the refresh" {
	survives_closing close_range
}

# ---- Memory

# memory_runs COUNT NAME [with_lbdns]: so many clients side by side, each of which looks the name up and connects once, and
# then lives for ten refreshes: KiB that are nobody else's, on average, of our file and of our segment. How much of a file,
# ours or libc's, is mapped at one moment is chance (the page cache, the kernel's reading ahead), so that resident memory is
# another figure on another machine; our file counts whole (tests/bench/driver/memory.c).
memory_runs() {
	local i count=$1 name=$2 pids=()
	shift 2
	ipcrm --all=shm
	for ((i = 0; i < count; i++)); do
		LBDNS_REFRESH=100ms "$@" "$LAB_BUILD/bench/driver" memory "$name" 8081 1000 >"$LAB/memory.$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || return
	done
	/usr/bin/python3 - "$LAB/memory." "$count" <<-'END'
		import json, sys
		runs = [json.load(open(sys.argv[1] + str(i))) for i in range(int(sys.argv[2]))]
		print(round(sum(run["Anonymous"] for run in runs) / len(runs)),
		      *(max(run[kind] for run in runs) for kind in ("File", "Segment")))
	END
}

# memory_adds CLIENTS NAME ALL ANONYMOUS: KiB at most, for each of so many clients.
memory_adds() {
	local without with anonymous file segment
	without=$(memory_runs "$1" "$2" env)
	lab_dns_queries_reset
	with=$(memory_runs "$1" "$2" with_lbdns)
	read -r anonymous file segment <<<"$with"
	echo "$2: without $without; with $anonymous, our file $file, our segment $segment"
	[[ $without == *' 0 0' ]] && ((${without%% *} > 50 && file > 0 && segment > 0))
	((anonymous -= ${without%% *}))
	((anonymous <= $4))
	((anonymous + file + segment <= $3))
}

@test "a name of 3 endpoints: at most 300 KiB of memory more, of which 100 are nobody else's" {
	memory_adds 20 rng-headless 300 100
	(($(lab_dns_queries rng-headless A) >= 5 * 20)) # that were refreshed
}

@test "a name of 4,000 endpoints: at most 1.5 MiB of memory more" {
	many_up
	memory_adds 4 many-headless 1536 1200 # that knot, which needs a third of a second for an answer, keeps up with
	(($(tcp_questions) >= 5 * 4))
}

# ---- What it adds to a call of connect, by counts that repeat exactly. A stub stands in libc's place (tests/bench/stub.c).

# hook_run CALLS POOL ADDRESS blocks|nonblock ATTEMPTS PROGRAM...: so many calls after others of the same kind.
hook_run() {
	local result=0
	[ "$4" = blocks ] || result=115 # EINPROGRESS
	BENCH_CONNECT=$result LBDNS_REFRESH=1h LBDNS_ATTEMPTS=$5 "${@:6}" "$LAB_BUILD/bench/driver" hook "${@:2:3}" <<<"$1"
}

hook_instructions() {
	LD_PRELOAD=$1 hook_run 10000 "${@:2}" \
		valgrind --tool=callgrind --collect-atstart=no --callgrind-out-file=/dev/null 2>&1 |
		sed -n 's/.* Collected : //p'
}

# hook_adds MOST POOL ADDRESS blocks|nonblock ATTEMPTS: instructions in user space, by call.
hook_adds() {
	local most=$1 alone with
	shift
	ipcrm --all=shm
	alone=$(hook_instructions "$LAB_BUILD/bench/stub.so" "$@")
	with=$(hook_instructions "$LIBLBDNS:$LAB_BUILD/bench/stub.so" "$@")
	echo "$*: $(((with - alone) / 10000))"
	((alone > 0 && with >= alone && with - alone <= 10000 * most))
}

# Of the client's thread. With one that does not block the refresh thread is woken once in seconds, which counts as none.
hook_traced() {
	hook_run "$@" strace -e 'trace=!futex' -o "$LAB/trace" -E "LD_PRELOAD=$LIBLBDNS:$LAB_BUILD/bench/stub.so" >"$LAB/out"
	awk 'started { n++ } /^read\(0,/ { started = 1 } END { print n }' "$LAB/trace" # from when it was told how many
}

# hook_calls POOL ADDRESS blocks|nonblock ATTEMPTS: system calls by call. Rounded: one that took long, as a few do here,
# makes one more.
hook_calls() {
	local fewer
	fewer=$(hook_traced 1000 "$@")
	echo $((($(hook_traced 2000 "$@") - fewer + 500) / 1000))
}

@test "an unmanaged connect: at most 60 instructions more, and no system call" {
	hook_adds 60 pool-3 10.99.9.9 blocks 3
	hook_adds 60 pool-10000 10.99.9.9 blocks 3
	lab_equal "$(hook_calls pool-3 10.99.9.9 blocks 3)" 0
}

# Under callgrind a blocking connect limits itself, with three system calls more: it knows no pidfd_getfd(2).
@test "a managed connect: at most 500 instructions more, 600 of 10,000 endpoints" {
	hook_adds 500 pool-3 - blocks 3
	hook_adds 500 pool-3 - blocks 1
	hook_adds 500 pool-3 - nonblock 3
	hook_adds 500 pool-100 - blocks 3
	hook_adds 600 pool-10000 - blocks 3
	hook_adds 500 pool-100 - blocks 1
	hook_adds 600 pool-10000 - blocks 1
	hook_adds 600 pool-100 - nonblock 3
	hook_adds 600 pool-10000 - nonblock 3
}

# The driver connects to port 9000.
@test "a managed connect to a listed port: at most 550 instructions more, and one system call" {
	export LBDNS_NAMES=pool-3:1,pool-3:9000,other:1
	hook_adds 550 pool-3 - nonblock 3
	hook_adds 550 pool-3 - blocks 1
	lab_equal "$(hook_calls pool-3 - nonblock 3)" 1
}

@test "a managed connect: one system call more" {
	lab_equal "$(hook_calls pool-3 - nonblock 3)" 1
	lab_equal "$(hook_calls pool-3 - blocks 1)" 1
	lab_equal "$(hook_calls pool-3 - blocks 3)" 1
}

# A waker's futex call says 1 if the thread slept.
@test "a row of connects to many pods wakes the refresh thread now and then, not each time" {
	lab_crowd_start 8081
	lab_knot_start crowd 300
	LBDNS_REFRESH=1h with_lbdns strace -f -o "$LAB/trace" -e trace=futex "$CLIENT" lookup-connect crowd 8081 600 >"$LAB/out"
	[ "$(wc -l <"$LAB/out")" = 600 ]
	local wakes
	wakes=$(grep -c 'FUTEX_WAKE.*= 1$' "$LAB/trace" || true)
	echo "$wakes wakes"
	((wakes <= 60))
}
