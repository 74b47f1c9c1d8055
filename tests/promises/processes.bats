# Processes, threads and signals in every way there is, for clients of glibc and of musl: nothing crashes, hangs, leaks or
# goes astray, and the rotation is exact. Each client counts its own descriptors, threads, mappings and memory.

bats_require_minimum_version 1.5.0
load ../lab/lab

setup() {
	lab_up
	export LBDNS_REFRESH=100ms
}

teardown() {
	lab_down
}

# With a watchdog: hangs are said, and the client's end is the test's. Output to $LAB/out.
bounded() {
	local limit=$1 status=0
	shift
	with_lbdns timeout --kill-after=2 "$limit" "$@" >"$LAB/out" || status=$?
	case $status in
	0) ;;
	124 | 137) echo "HUNG for $limit s: $*" >&2; return 1 ;;
	*) echo "status $status: $*" >&2; return 1 ;;
	esac
}

# TEST..., with libc -musl or nothing. (Not with || behind: bats would overlook what fails inside.)
of_both() {
	local libc
	for libc in "" -musl; do
		"$@"
	done
}

# shellcheck disable=SC2154 # libc is of_both's
program() {
	echo "$LAB_BUILD/lab/$1$libc"
}

# Lines that are pods: all of them, and no pod has two more than another.
even() {
	lab_counts <"$LAB/out" | awk '{
		least = most = $1
		for (i = 2; i <= NF; i++) {
			bad = bad || $i !~ /^[0-9]+$/
			least = $i < least ? $i : least
			most = $i > most ? $i : most
		}
		print
		exit bad || NF != 3 || most - least > 1 || most < 10
	}'
}

# As if nothing had been: in one process, over processes, and nobody is left who has the memory attached.
rotates() {
	local pods
	pods=("$(lab_address 1)" "$(lab_address 2)" "$(lab_address 3)")
	lab_equal "$(with_lbdns "$CLIENT" once rng-headless 8081 60 | lab_counts "${pods[@]}")" "20 20 20"
	lab_equal "$(with_lbdns "$CLIENT_MUSL" fork rng-headless 8081 60 4 | lab_counts "${pods[@]}")" "20 20 20"
	lab_equal "$(with_lbdns lab_curl 6 | lab_counts "${pods[@]}")" "2 2 2"
	lab_equal "$(awk 'NR > 1 { print $7 }' /proc/sysvipc/shm)" 0
}

# ---- Processes

test_fork() {
	lab_dns_queries_reset
	bounded 240 "$(program processes)" fork rng-headless 8081 300 < <(
		lab_dns_asks 4 rng-headless A
		echo
	)
	even
}

@test "fork beside 8 threads that look up and connect all the time: exact, in threads and children" {
	of_both test_fork
	rotates
}

# The thread of the parent goes on, whoever was the first to look up: DNS changes, and the client follows.
test_vfork() {
	local mode
	for mode in vfork fork-vfork; do
		lab_scale rng-headless 3
		LBDNS_REFRESH=100ms lab_start $mode with_lbdns "$(program processes)" $mode rng-headless 8081 200
		lab_wait_until grep -q stays "$LAB/$mode.out"
		sed '/stays/,$d' "$LAB/$mode.out" >"$LAB/out"
		lab_equal "$mode $(wc -l <"$LAB/out")" "$mode $([ $mode = vfork ] && echo 401 || echo 402)"
		lab_equal "$(grep -vcE '^10\.244\.[123]\.1[123]$' "$LAB/out" || true)" 0
		lab_scale rng-headless 4
		lab_wait_until grep -q "$(lab_address 4)\$" "$LAB/$mode.out"
		lab_stop $mode
	done
}

# each.py once|each N: looks the service up, then forks N children one after another, each of which makes a connection: to the
# address that its parent had, or to one that it looks up itself. FILTER... before it.
forks() {
	cat >"$LAB/each.py" <<-'END'
		import os, socket, sys
		def look_up():
		    return socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		address = look_up()
		for _ in range(int(sys.argv[2])):
		    child = os.fork()
		    if not child:
		        with socket.socket() as one:
		            one.connect(look_up() if sys.argv[1] == "each" else address)
		            one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		            os.write(1, one.makefile().read().split()[-1].encode() + b"\n")
		        os._exit(0)
		    os.waitpid(child, 0)
	END
	"${@:3}" python3 "$LAB/each.py" "$1" "$2" | lab_counts
}

@test "without shared memory, a child forked for each connection: exact over all of them" {
	local how
	for how in once each; do
		lab_equal "$(forks $how 6)" "0 0 6"
		lab_equal "$(LBDNS_SHARED=off forks $how 15 with_lbdns)" "5 5 5"
		lab_equal "$(forks $how 15 with_lbdns "$LAB_BUILD/lab/denied" EPERM shmget --)" "5 5 5"
	done
	lab_equal "$(tail -n +2 /proc/sysvipc/shm)" ""
}

@test "without any memory that a child shares, each child starts at a place of its own" {
	forks once 60 with_lbdns "$LAB_BUILD/lab/denied" EPERM shmget mmap-shared -- >"$LAB/counts"
	awk '{ for (i = 1; i <= 3; i++) bad = bad || $i < 5; print; exit bad }' "$LAB/counts"
}

@test "vfork, whose children look up and connect before they exec or exit: the parent goes on, and follows DNS" {
	of_both test_vfork
	lab_scale rng-headless 3
	rotates
}

test_spawn() {
	bounded 60 "$(program processes)" spawn rng-headless 8081 400 "$(program client)"
	lab_equal "$(wc -l <"$LAB/out")" 401
	even
}

@test "posix_spawn by four threads at once, with file actions" {
	of_both test_spawn
	rotates
}

daemon_gone() {
	[ ! -d "/proc/$(head -n 1 "$LAB/daemon.out")" ]
}

test_daemon() {
	lab_scale rng-headless 3
	rm -f "$LAB/daemon.out"
	bounded 20 "$(program processes)" daemon rng-headless 8081 "$LAB/daemon.out"
	lab_wait_until test -s "$LAB/daemon.out"
	lab_scale rng-headless 4
	lab_wait_until grep -q "$(lab_address 4)\$" "$LAB/daemon.out"
	lab_scale rng-headless 2
	lab_dns_asks_more 3 rng-headless A
	local from
	from=$(wc -l <"$LAB/daemon.out")
	lab_wait_until test_lines "$LAB/daemon.out" $((from + 40))
	kill "$(head -n 1 "$LAB/daemon.out")"
	lab_wait_until daemon_gone
	# never to where the pool is no more, and in turns
	lab_equal "$(tail -n +$((from + 1)) "$LAB/daemon.out" | head -n 40 | lab_counts "$(lab_address 1)" "$(lab_address 2)")" "20 20"
}

test_lines() {
	(($(wc -l <"$1") >= $2))
}

@test "a daemon, forked twice, all descriptors closed: goes on, and follows DNS" {
	of_both test_daemon
	lab_scale rng-headless 3
	rotates
}

test_killed() {
	bounded 60 "$(program processes)" killed rng-headless 8081 1500
	bounded 60 "$(program processes)" killed-new rng-headless 8081 500 "$(program client)"
	rotates
}

@test "4,000 processes killed at any point of a lookup or a pick, from their first one on" {
	of_both test_killed
}

test_exits() {
	bounded 60 "$(program processes)" exits rng-headless 8081 600
	lab_equal "$(grep -vcE '^10\.244\.[123]\.1[123]$' "$LAB/out" || true)" 0
}

@test "exit, quick_exit, _exit and return from main during a refresh, with handlers that connect" {
	of_both test_exits
	rotates
}

# Its last thread ends a process, and ours is not to be the last one.
test_main_ends() {
	local how
	for how in exit thrd cancel exit-first thrd-first cancel-first; do
		bounded 10 "$(program processes)" main-ends rng-headless 8081 60 $how
		lab_equal "$how: $(grep -v ended "$LAB/out" | lab_counts) $(tail -n 1 "$LAB/out")" "$how: 20 20 20 ended"
	done
}

@test "main ends and other threads go on: they rotate, and the last of them ends the process" {
	of_both test_main_ends
}

# ---- Threads

test_threads() {
	bounded 60 "$(program client)" threads rng-headless 8081 3000 1000 first
	lab_equal "$(lab_counts <"$LAB/out")" "1000 1000 1000"
}

@test "1,000 threads" {
	of_both test_threads
}

# glibc takes thread-local storage from a thread's stack: less than it needs is worse than too little for a thread.
test_tls() {
	local kib
	for kib in 248 300; do
		lab_scale rng-headless 3
		lab_start tls with_lbdns "$(program client-tls$kib)" stay rng-headless 8081 5
		lab_dns_asks_more 4 rng-headless A
		lab_scale rng-headless 4
		lab_wait_until grep -q "$(lab_address 4)\$" "$LAB/tls.out"
		lab_equal "$kib: $(grep -vc ' ok ' "$LAB/tls.out")" "$kib: 0"
		lab_stop tls
	done
}

@test "a client with 248 and with 300 KiB of thread-local storage is refreshed for" {
	of_both test_tls
}

test_ids() {
	# a thread that sleeps for an hour, and one that is always at something
	LBDNS_REFRESH=1h bounded 120 "$(program interrupted)" ids rng-headless 8081 200
	even
	bounded 240 "$(program interrupted)" ids rng-headless 8081 1000
	even
}

@test "setuid, setgid and their relatives, for which libc interrupts every thread, 1,000 times" {
	of_both test_ids
	rotates
}

# ---- Signals

test_handler() {
	bounded 60 "$(program interrupted)" handler rng-headless 8081 2000
	even
}

@test "connect in a signal handler at 1 kHz, during lookups, connects and refreshes" {
	of_both test_handler
	rotates
}

test_handler_first() {
	local address
	address=$(lab_address 3)
	bounded 10 "$(program interrupted)" handler-first "$address" 8081 60
	lab_equal "$(lab_counts <"$LAB/out")" "0 0 60"
	LBDNS_NAMES=rng-headless bounded 10 "$(program interrupted)" handler-first "$address" 8081 60
	lab_equal "$(lab_counts <"$LAB/out")" "0 0 60"
}

@test "connect in a signal handler as the first that a process does" {
	of_both test_handler_first
}

test_handler_child() {
	bounded 60 "$(program interrupted)" handler-child rng-headless 8081 60 nodefer
	bounded 60 "$(program interrupted)" handler-child rng-headless 8081 60 deferred
	bounded 60 "$(program interrupted)" handler-child rng-headless 8081 60 open
	bounded 60 "$(program interrupted)" handler-child rng-headless 8081 60 alternate
}

@test "connect in a signal handler that could start a refresh, while libc's locks are held" {
	of_both test_handler_child
	rotates
}

# A forked worker that keeps its parent's answer: HOW.
worker() {
	cat >"$LAB/worker.py" <<-'END'
		import faulthandler, os, signal, socket, sys, time
		if sys.argv[1] == "blocked":
		    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
		if sys.argv[1] == "nodefer":
		    faulthandler.enable()
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		if worker := os.fork():
		    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
		    signal.signal(signal.SIGTERM, lambda *_: os.kill(worker, signal.SIGKILL))
		    sys.exit(os.waitpid(worker, 0)[1] != signal.SIGKILL)
		while True:
		    with socket.socket() as connection:
		        connection.connect(address)
		        connection.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		        print(connection.makefile().read().split()[-1], flush=True)
		    time.sleep(0.02)
	END
	lab_start worker with_lbdns /usr/bin/python3 "$LAB/worker.py" "$1"
}

@test "a forked worker that blocks a signal, or has a handler with SA_NODEFER, follows DNS" {
	local how
	export LBDNS_REFRESH=300ms LAB_PATIENCE=20
	for how in blocked nodefer; do
		lab_up
		worker $how
		lab_scale rng-headless 5
		lab_wait_until grep -q "^$(lab_address 5)\$" "$LAB/worker.out"
		lab_stop worker
	done
}

@test "a client that blocks a signal in all of its threads, as a JVM does, and never looks up: LBDNS_NAMES rotates" {
	local filter
	# as it is, and where filters are, as in containers
	for filter in '' "$LAB_BUILD/lab/denied KILL pidfd_getfd --"; do
		# shellcheck disable=SC2086
		LBDNS_REFRESH=100ms LBDNS_NAMES=rng-headless with_lbdns $filter /usr/bin/python3 -c '
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGQUIT])
os.execv(sys.argv[1], sys.argv[1:])' \
			"$CLIENT" address "$(lab_address 3)" 8081 3000 >"$LAB/reached"
		lab_equal "$(tail -n 60 "$LAB/reached" | lab_counts)" "20 20 20"
	done
}

test_jump() {
	bounded 60 "$(program interrupted)" jump rng-headless 8081 3000
}

@test "siglongjmp out of connects, 3,000 times" {
	of_both test_jump
	rotates
}

test_jump_lookups() {
	lab_scale other-headless 2
	rm -f "$LAB/go"
	lab_start jump with_lbdns timeout --kill-after=2 60 "$(program interrupted)" \
		jump-lookup rng-headless 8081 2000 other-headless "$LAB/go"
	lab_dns_silence
	: >"$LAB/go"
	LAB_PATIENCE=70 lab_wait_until over jump
	lab_dns_unsilence
	cat "$LAB/jump.err" >&2
	lab_equal "$(tail -n 1 "$LAB/jump.out")" jumped
	grep -vE 'ready|jumped' "$LAB/jump.out" >"$LAB/out"
	lab_equal "$(tail -n +2 "$LAB/out" | grep -vcE '^10\.244\.[123]\.1[123]$' || true)" 0
}

over() {
	[ ! -d "/proc/$(<"$LAB/$1.pid")" ]
}

@test "siglongjmp out of lookups that DNS does not answer, 2,000 times, with connections between" {
	of_both test_jump_lookups
	rotates
}

test_cancel() {
	bounded 60 "$(program interrupted)" cancel rng-headless 8081 2000 deferred
	bounded 60 "$(program interrupted)" cancel rng-headless 8081 2000 asynchronous
}

@test "pthread_cancel during connects, deferred and asynchronous, 4,000 times" {
	of_both test_cancel
	rotates
}

test_cancel_lookup() {
	bounded 60 "$(program interrupted)" cancel rng-headless 8081 2000 lookup
}

@test "pthread_cancel of threads that do nothing but look up, 2,000 times" {
	of_both test_cancel_lookup
	rotates
}

test_cancel_child() {
	bounded 60 "$(program interrupted)" cancel-child rng-headless 8081 400
	lab_equal "$(sort "$LAB/out" | uniq -c | xargs)" "400 refreshed"
}

@test "pthread_cancel, asynchronous, of the connect that starts a refresh" {
	of_both test_cancel_child
	rotates
}
