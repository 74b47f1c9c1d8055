# Hostile surroundings: what a client does to itself, and what its system refuses. With lbdns it fails less often than
# without, and never in a new way. (Shared memory is in sharedmemory.bats, processes and signals in processes.bats.)

# shellcheck disable=SC2030,SC2031 # each test has its own environment

bats_require_minimum_version 1.5.0
load ../lab/lab

setup() {
	ulimit -c 0 # libc itself ends some of these clients
	lab_up
}

teardown() {
	lab_down
}

# A client that does what it reads (tests/programs/scripted.c lists the steps): scripted_start [with_lbdns] [PROGRAM...] CLIENT;
# settings in front, as for with_lbdns. It has looked its name up and made a connection: without one nothing is refreshed.
# tell STEP has it do STEP; what it says is on stdout. Or tell_on STEP, and answer when it is done.
scripted_start() {
	rm -f "$LAB/client.in" "$LAB/client.out"
	mkfifo "$LAB/client.in" "$LAB/client.out"
	(
		if [ "$1" = with_lbdns ]; then
			shift
			export LD_PRELOAD=$LIBLBDNS
		fi
		exec "$@" rng-headless 8081 <"$LAB/client.in" >"$LAB/client.out" 2>"$LAB/client.err" 3>&-
	) &
	echo $! >"$LAB/client.pid"
	exec 7>"$LAB/client.in" 8<"$LAB/client.out"
	answer
	tell connect 1 >"$LAB/first"
}

scripted_end() {
	tell_on quit
	exec 7>&- 8<&-
	wait "$(<"$LAB/client.pid")"
	rm "$LAB/client.pid"
}

tell_on() {
	echo "$*" >&7
}

answer() {
	local line
	while read -r -t "$LAB_PATIENCE" line <&8; do
		[ "$line" != . ] || return 0
		echo "$line"
	done
	echo 'the client did not finish'
	cat "$LAB/client.err"
	return 1
}

tell() {
	tell_on "$@"
	answer
}

# ---- Descriptors

# A refresh is under way: one of the client's tasks has a socket.
under_way() {
	local task
	for task in "/proc/$(<"$LAB/client.pid")/task/"*; do
		! find "$task/fd" -lname 'socket:*' 2>/dev/null | grep -q . || return 0
	done
	return 1
}

client_descriptors() {
	# shellcheck disable=SC2012 # numbers
	ls "/proc/$(<"$LAB/client.pid")/fd" | sort -n | xargs
}

# CLIENT WAY [ERRNO CALL...]: closes everything while a refresh waits for DNS, and has files of its own under the same
# numbers. CALLs are refused.
closes_all() {
	local program=$LAB_BUILD/lab/$1 way=$2
	shift 2
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/denied" "$@" -- "$program"
	lab_dns_asks_more 2 rng-headless A
	lab_dns_silence
	lab_wait_until under_way
	lab_equal "$(client_descriptors)" "0 1 2"
	lab_equal "$(tell close "$way" 40)" ""
	# and it ends while they are open
	tell_on close "$way" 40
	lab_dns_unsilence
	lab_equal "$(answer)" ""
	lab_scale rng-headless 4
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$(tell connect 12 | lab_counts)" "3 3 3 3"
	scripted_end
}

@test "a client that closes all descriptors in a loop during a refresh: what it opens then is its own" {
	closes_all scripted loop EPERM
}

@test "a client that closes all descriptors by close_range during a refresh: what it opens then is its own" {
	closes_all scripted range EPERM
}

@test "the same where close_range is refused" {
	closes_all scripted loop EPERM close_range
	lab_up
	closes_all scripted loop ENOSYS close_range
}

needs_task_apart() {
	[ "$(uname -m)" = x86_64 ] || skip 'such a task is made on x86-64 alone'
}

@test "the same where close_range and unshare are refused" {
	needs_task_apart
	closes_all scripted loop EPERM close_range unshare
}

@test "the same where close_range and unshare are refused, musl" {
	needs_task_apart
	closes_all scripted-musl loop ENOSYS close_range unshare
}

@test "where no table apart can be had no socket is made, and the client's lookups refresh" {
	LBDNS_REFRESH=500ms scripted_start with_lbdns "$LAB_BUILD/lab/denied" EPERM close_range unshare thread-apart -- \
		"$LAB_BUILD/lab/scripted"
	lab_equal "$(tell visit 6 | lab_counts)" "2 2 2"
	lab_wait_until tasks_are 1
	lab_equal "$(client_descriptors)" "0 1 2"
	lab_scale rng-headless 4
	LAB_PATIENCE=4 lab_wait_until visits_reach_all 4
	scripted_end
}

tasks_are() {
	[ "$(find "/proc/$(<"$LAB/client.pid")/task" -mindepth 1 -maxdepth 1 | wc -l)" = "$1" ]
}

visits_reach_all() {
	[ "$(tell visit "$1" | sort -u | wc -l)" = "$1" ]
}

@test "where close_range and unshare are refused: what the client closes during a refresh is closed" {
	needs_task_apart
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/denied" EPERM close_range unshare -- "$LAB_BUILD/lab/scripted"
	tell fill 0
	lab_dns_asks_more 1 rng-headless A
	lab_dns_silence
	lab_wait_until under_way
	# of all its tasks none has a file of the client's: the one that is apart has its socket alone
	(($(find "/proc/$(<"$LAB/client.pid")/task/"*/fd -lname /dev/null | wc -l) > 200))
	tell empty
	lab_equal "$(find "/proc/$(<"$LAB/client.pid")/task/"*/fd -lname /dev/null | wc -l)" 0
	scripted_end
}

@test "descriptor 2 reopened as a data file while a refresh is under way: nothing of ours is written to it" {
	local way
	for way in own close_range "close_range unshare"; do
		rm -f "$LAB/data"
		# shellcheck disable=SC2086 # names of calls
		LBDNS_LOG=debug LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/denied" EPERM ${way#own} -- \
			"$LAB_BUILD/lab/scripted"
		lab_dns_asks_more 2 rng-headless A
		lab_dns_silence
		lab_wait_until under_way
		tell stderr "$LAB/data"
		tell write one
		lab_dns_unsilence
		lab_dns_asks_more 4 rng-headless A
		lab_equal "$(tell connect 6 | lab_counts)" "2 2 2"
		tell write two
		scripted_end
		lab_equal "$(<"$LAB/data")" $'one\ntwo'
		grep -q 'debug: rng-headless' "$LAB/client.err"
	done
}

@test "descriptor 2 closed at the start and opened as a data file: nothing of ours is written to it" {
	rm -f "$LAB/data"
	# shellcheck disable=SC2016 # for sh to expand
	LBDNS_LOG=debug LBDNS_REFRESH=100ms scripted_start with_lbdns sh -c 'exec "$@" 2>&-' - "$LAB_BUILD/lab/scripted"
	tell stderr "$LAB/data"
	lab_dns_asks_more 4 rng-headless A
	lab_equal "$(tell connect 6 | lab_counts)" "2 2 2"
	tell write data
	scripted_end
	lab_equal "$(<"$LAB/data")" data
}

# replaced COMMAND...: of a client that runs under it.
replaced() {
	local pod
	scripted_start with_lbdns "$@" "$LAB_BUILD/lab/scripted"
	for pod in 10.244.1.11 10.244.2.12 10.244.3.13; do
		lab_pod_silence $pod
	done
	lab_equal "$(tell replace)" untouched
	lab_equal "$(tell replace short)" untouched
	lab_equal "$(tell replace busy)" untouched
	for pod in 10.244.1.11 10.244.2.12 10.244.3.13; do
		lab_pod_unsilence $pod
	done
	scripted_end
}

@test "a socket that is closed while it connects, and its number another socket's: that one is not touched" {
	replaced
}

@test "under a seccomp filter: a socket that is closed while it connects, and its number another socket's: that one is not touched" {
	replaced "$LAB_BUILD/lab/denied" ENOSYS pidfd_getfd --
}

# ---- Limits

# What a client saw without lbdns and with it: where it went well without, it did with, and each failure is one that there
# was without. Two files of the same lines but for the pods.
no_worse() {
	paste -d '|' <(sed 's/^10\..*/ok/' "$1") <(sed 's/^10\..*/ok/' "$2") | awk -F '|' '
		{ known[$1]; without[NR] = $1; with[NR] = $2 }
		END {
			for (i = 1; i <= NR; i++)
				if (with[i] != "ok" && (without[i] == "ok" || !(with[i] in known))) {
					print "without: " without[i] "; with: " with[i]
					worse = 1
				}
			exit worse
		}'
}

# Runs the steps that stdin has, without lbdns and with it.
both_ways() {
	local with step
	cat >"$LAB/steps"
	for with in "" with_lbdns; do
		# shellcheck disable=SC2086 # or nothing
		scripted_start $with "$@"
		while read -r step; do
			tell "$step"
		done <"$LAB/steps" >"$LAB/said$with"
		scripted_end
	done
	no_worse "$LAB/said" "$LAB/saidwith_lbdns"
}

@test "RLIMIT_NOFILE reached: no connection and no lookup fails that did not without, and refreshes go on" {
	local free
	for free in 0 1 2 3; do
		printf '%s\n' 'visit 3' "fill $free" 'visit 3' 'connect 3' empty 'visit 3' 'connect 3' |
			both_ways "$LAB_BUILD/lab/scripted"
		cat "$LAB/said" >>"$LAB/without"
	done
	grep -q 'socket: Too many open files' "$LAB/without"
	grep -q '^lookup: ' "$LAB/without"
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/scripted"
	tell fill 0
	lab_scale rng-headless 4
	lab_dns_asks_more 3 rng-headless A
	tell empty
	lab_equal "$(tell connect 12 | lab_counts)" "3 3 3 3"
	scripted_end
}

# No thread: connections and lookups as ever, and the client's own lookups refresh.
goes_on_without_thread() {
	LBDNS_REFRESH=500ms scripted_start with_lbdns "$@"
	lab_equal "$(tell visit 6 | lab_counts)" "2 2 2"
	lab_equal "$(tell connect 6 | lab_counts)" "2 2 2"
	tasks_are 1
	lab_scale rng-headless 4
	LAB_PATIENCE=4 lab_wait_until visits_reach_all 4
	lab_equal "$(tell connect 12 | lab_counts)" "3 3 3 3"
	tasks_are 1
	scripted_end
}

@test "RLIMIT_NPROC that allows no thread: the client's lookups refresh" {
	setpriv --reuid 12345 --regid 12345 --clear-groups true || skip 'only root can be other users'
	cp "$LIBLBDNS" "$LAB_BUILD/lab/scripted" "$LAB"
	chmod 755 "$LAB/liblbdns.so" "$LAB/scripted"
	goes_on_without_thread env LD_PRELOAD="$LAB/liblbdns.so" setpriv --reuid 12345 --regid 12345 --clear-groups \
		prlimit --nproc=1 "$LAB/scripted"
}

@test "seccomp that allows no thread: the client's lookups refresh" {
	goes_on_without_thread "$LAB_BUILD/lab/denied" EPERM clone clone3 -- "$LAB_BUILD/lab/scripted"
}

@test "65,535 bytes in every variable: the client goes on as by default, and one line says what is wrong" {
	local variable long list
	long=$(printf '%065535d' 0 | tr 0 x)
	list=$(printf '%032767d' 7 | sed 's/./0,/g')0
	for variable in REFRESH CONNECT UDP MODE NAMESERVERS ATTEMPTS EJECT IDLE MAX_STALE SHARED LOG LOG_FILE EXCLUDE; do
		env "LBDNS_$variable=$long" LD_PRELOAD="$LIBLBDNS" "$CLIENT" once rng-headless 8081 6 >"$LAB/out" 2>"$LAB/err"
		lab_equal "$variable: $(lab_counts <"$LAB/out") $(wc -l <"$LAB/err")" "$variable: 2 2 2 1"
		(($(wc -c <"$LAB/err") <= 1024))
	done
	# nothing that it names is a name
	LBDNS_NAMES=$long with_lbdns "$CLIENT" once rng-headless 8081 6 >"$LAB/out" 2>"$LAB/err"
	lab_equal "$(lab_counts <"$LAB/out") $(wc -l <"$LAB/err")" "0 0 6 1"
	# 32,768 entries
	LBDNS_EXCLUDE=$list with_lbdns "$CLIENT" once rng-headless 8081 6 >"$LAB/out" 2>"$LAB/err"
	lab_equal "$(lab_counts <"$LAB/out") $(wc -l <"$LAB/err")" "2 2 2 0"
	# libc's own: as without, which with some of these ends by libc's assertion
	for variable in LOCALDOMAIN RES_OPTIONS; do
		for long in "$long" "$list" "${list//,/ }"; do
			env "$variable=$long" "$CLIENT" lookup-connect "rng-headless.$LAB_DOMAIN." 8081 6 >"$LAB/without" 2>&1 ||
				echo "status $?" >>"$LAB/without"
			env "$variable=$long" LBDNS_REFRESH=100ms LD_PRELOAD="$LIBLBDNS" \
				"$CLIENT" lookup-connect "rng-headless.$LAB_DOMAIN." 8081 6 >"$LAB/with" 2>&1 ||
				echo "status $?" >>"$LAB/with"
			no_worse "$LAB/without" "$LAB/with"
		done
	done
	grep -q '^10.244' "$LAB/with"
	# all of them at once
	long=$(printf '%065535d' 0 | tr 0 9)
	for variable in REFRESH NAMES EXCLUDE CONNECT UDP MODE NAMESERVERS ATTEMPTS EJECT IDLE MAX_STALE SHARED LOG LOG_FILE; do
		export "LBDNS_$variable=$long"
	done
	with_lbdns "$CLIENT" once rng-headless 8081 6 >"$LAB/out" 2>"$LAB/err"
	lab_equal "$(lab_counts <"$LAB/out") $(wc -l <"$LAB/err")" "0 0 6 1"
}

@test "an LBDNS_NAMES of 10,000 names: those that the client looks up rotate, and no others" {
	lab_scale other-headless 3
	lab_scale unlisted-headless 3
	LBDNS_NAMES="$(printf 'h%05d,' $(seq 9998))rng-headless,other-headless"
	export LBDNS_NAMES LBDNS_LOG=warn LBDNS_LOG_FILE=$LAB/log
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/scripted"
	lab_equal "$(tell connect 6 | lab_counts)" "2 2 2"
	lab_dns_asks_more 5 rng-headless A
	lab_scale rng-headless 4
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$(tell connect 12 | lab_counts)" "3 3 3 3"
	# others of the 10,000 were resolved meanwhile, as far as there is room
	lab_equal "$(tell visit 12 other-headless | lab_counts 10.244.1.11 10.244.2.12 10.244.3.13)" "4 4 4"
	lab_equal "$(tell visit 12 unlisted-headless | sort -u | wc -l)" 1
	lab_equal "$(grep -c 'warn: LBDNS_NAMES has more exact names than there is room for, 256: .*: h00[0-9]*$' "$LAB/log")" 1
	scripted_end
}

# Of knot, and served by one server: n0 to n99999.many have an address each, every hundredth two; the last three those of
# the pool.
many_names() {
	lab_knot_start pool-headless 3
	lab_crowd_start
	awk 'BEGIN {
		for (i = 0; i < 100000 - 3; i++) {
			print "n" i ".many A 10.245." int(i / 250) % 250 + 1 "." i % 250 + 1
			if (i % 100 == 0)
				print "n" i ".many A 10.245.254." int(i / 100) % 250 + 1
		}
		for (i = 0; i < 3; i++)
			print "n" 99997 + i ".many A 10.245.0." i + 2
	}' >>"$LAB/knot/cluster.local.zone"
	sed -i 's/ 1 3600 600 / 2 3600 600 /' "$LAB/knot/cluster.local.zone"
	kill -HUP "$(<"$LAB/knot.pid")"
	lab_wait_until lab_knot_has n99999.many.cluster.local. 1
}

@test "100,000 names looked up: memory stays bounded, the pool rotates, and the last ones' own addresses are theirs" {
	local i
	many_names
	LBDNS_REFRESH=1s with_lbdns "$LAB_BUILD/lab/names" pool-headless 8081 100000 >"$LAB/seen"
	lab_equal "$(grep '^10' "$LAB/seen" | lab_counts 10.245.0.2 10.245.0.3 10.245.0.4)" "4 4 4"
	for i in 0 1 2; do
		lab_equal "$(grep "^own $((99997 + i)) " "$LAB/seen" | lab_counts "10.245.0.$((i + 2))")" 4
	done
	i=$(sed -n 's/^grown //p' "$LAB/seen")
	echo "$i KiB"
	((i < 1024))
}

# ---- Memory

# What became of the three lookups and connections of each child, without lbdns and with it: how often each failed, and
# how often the child was killed. libc itself ends some of them.
memory_both_ways() {
	"$LAB_BUILD/lab/memory" "$1" rng-headless 8081 3 >"$LAB/without" 2>"$LAB/err"
	with_lbdns "$LAB_BUILD/lab/memory" "$1" rng-headless 8081 3 >"$LAB/with" 2>"$LAB/err"
}

failures() {
	awk '{ killed += $2 != "ended"; for (i = 3; i < 6; i++) failed[i] += $i != "ok" } /astray|broken/ { killed += 1000 }
		END { print killed + 0, failed[3] + 0, failed[4] + 0, failed[5] + 0 }' "$1"
}

no_more_failures() {
	echo "killed, and failures of the first, second and third: without: $(failures "$LAB/without"); with: $(failures "$LAB/with")"
	paste -d ' ' <(failures "$LAB/without") <(failures "$LAB/with") |
		awk '{ exit !($5 <= $1 && $6 <= $2 && $7 <= $3 && $8 <= $4) }'
}

@test "memory that fails at every single allocation in turn: nothing fails that did not without" {
	memory_both_ways each
	no_more_failures
	# and those that the client makes once it has a pool do not fail for want of memory
	(($(wc -l <"$LAB/with") > 40))
	lab_equal "$(awk '$2 == "ended" && $3 == "ok" && /EAI_MEMORY|EAI_SYSTEM/' "$LAB/with")" ""
	tail -n 1 "$LAB/with" | grep -q 'ended ok ok ok$'
}

@test "memory that fails at every single allocation in turn, once DNS has been asked: nothing fails" {
	with_lbdns "$LAB_BUILD/lab/memory" known rng-headless 8081 3 >"$LAB/with"
	(($(wc -l <"$LAB/with") > 5))
	lab_equal "$(grep -v 'ended ok ok ok$' "$LAB/with")" ""
}

# Twenty in a row may reach from one call to the next: counted is all that fails. The refresh thread's start makes four
# between the first lookup and the second, from each of which on they reach the two that follow.
@test "memory that fails twenty times in a row, from every single allocation on: no more fails than without" {
	memory_both_ways some
	failures "$LAB/without"
	failures "$LAB/with"
	paste -d ' ' <(failures "$LAB/without") <(failures "$LAB/with") |
		awk '{ exit !($5 <= $1 && $6 + $7 + $8 <= $2 + $3 + $4 + 4 * 2) }'
	tail -n 1 "$LAB/with" | grep -q 'ended ok ok ok$'
}

@test "RLIMIT_AS in steps from nothing to 32 MiB: nothing fails that did not without" {
	memory_both_ways limit
	no_more_failures
	lab_equal "$(wc -l <"$LAB/with")" 96
	(($(failures "$LAB/without" | awk '{ print $2 }') > 0))
	diff "$LAB/without" "$LAB/with"
}

# ---- What the system refuses

# The client's tasks sleep: at 20 looks and more, and at no fewer than at which one ran or wanted to. One that spins never
# sleeps, however busy the system.
rests() {
	local asleep=0 awake=0
	until ((asleep >= 20 && asleep >= awake)); do
		if cat "/proc/$(<"$LAB/client.pid")/task/"*/stat | grep -q ') R '; then
			((++awake < 200)) || { echo "asleep at $asleep of $((asleep + awake)) looks"; return 1; }
		else
			((++asleep))
		fi
		sleep 0.02 # time is what is meant here
	done
}

# CLIENT CALL...: without them as well as with, and with lbdns no busy loop.
goes_on_refused() {
	local program=$LAB_BUILD/lab/$1
	shift
	printf '%s\n' 'visit 3' 'connect 3' 'visit 3' 'connect 3' |
		LBDNS_REFRESH=100ms both_ways "$LAB_BUILD/lab/denied" EPERM "$@" -- "$program" || { echo "$*"; return 1; }
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/denied" ENOSYS "$@" -- "$program"
	rests || { echo "$*"; return 1; }
}

# And refreshes go on.
refreshes_refused() {
	goes_on_refused "$@" || return
	lab_scale rng-headless 4
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$*: $(tell connect 12 | lab_counts)" "$*: 3 3 3 3"
	lab_scale rng-headless 3
	scripted_end
}

@test "seccomp that refuses a call of ours: nothing fails that did not without, nothing spins, and refreshes go on" {
	local call
	for call in shmget shmat shmctl madvise pidfd_open pidfd_getfd getrandom rt_sigaction prctl nanosleep ppoll; do
		refreshes_refused scripted $call
	done
	# glibc itself ends where futex is refused
	refreshes_refused scripted-musl futex
	refreshes_refused scripted-musl futex nanosleep
}

@test "seccomp that refuses what DNS needs: nothing fails that did not without, and nothing spins" {
	local call
	for call in sendto sendmsg socket setsockopt; do
		goes_on_refused scripted $call
		scripted_end
	done
}

# systemd's @system-service is without it, and kills.
@test "seccomp that kills for pidfd_getfd: a client of a silent pod goes on" {
	lab_pod_silence 10.244.2.12
	LBDNS_REFRESH=500ms scripted_start with_lbdns "$LAB_BUILD/lab/denied" KILL pidfd_getfd -- "$LAB_BUILD/lab/scripted"
	lab_equal "$(tell connect 9 | sort -u | xargs)" "10.244.1.11 10.244.3.13"
	scripted_end
}

# ---- What a client does to itself

# With ten names, for more refreshes in a second.
@test "setenv in a loop during refreshes" {
	local i
	lab_crowd_start
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/scripted"
	for ((i = 0; i < 10; i++)); do
		lab_dns_set "service-$i" "10.245.$i.1" "10.245.$i.2"
		tell visit 1 "service-$i" >"$LAB/answers"
	done
	tell_on setenv 2000
	lab_dns_asks_more 100
	answer
	lab_scale rng-headless 4
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$(tell connect 12 | lab_counts 10.244.1.11 10.244.1.14 10.244.2.12 10.244.3.13)" "3 3 3 3"
	scripted_end
}

@test "chroot after the first lookup: connections rotate, and new pods are found" {
	mkdir -p "$LAB/empty"
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/scripted"
	lab_equal "$(tell chroot "$LAB/empty")" ""
	lab_scale rng-headless 4
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$(tell connect 12 | lab_counts)" "3 3 3 3"
	scripted_end
}

# locks WHEN [with_lbdns]: a client that locks its memory, 8 MiB at most, before its first lookup or later, connects to 4 pods,
# one of which is new; prints what is locked in the end.
locks() {
	local limited=(setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock prlimit --memlock=8388608:8388608 --)
	lab_scale rng-headless 3
	LBDNS_REFRESH=100ms scripted_start "${@:2}" "${limited[@]}" "$LAB/locker" "$1"
	tell visit 3 >"$LAB/answers"
	[ "$1" = first ] || tell lock
	[ $# = 1 ] || lab_dns_asks_more 2 rng-headless A
	lab_scale rng-headless 4
	[ $# = 1 ] || lab_dns_asks_more 3 rng-headless A
	tell connect 12 >"$LAB/answers"
	tell locked
	scripted_end
}

@test "mlockall within 8 MiB, before the first lookup and later: it succeeds, locks 512 KiB more at most, and new pods are found" {
	local when without with
	# its arguments come last
	cat >"$LAB/locker" <<-END
		#!/bin/sh
		[ "\$1" = first ] && exec $LAB_BUILD/lab/scripted "\$2" "\$3" lock
		exec $LAB_BUILD/lab/scripted "\$2" "\$3"
	END
	chmod 755 "$LAB/locker"
	for when in first later; do
		without=$(locks $when)
		with=$(locks $when with_lbdns)
		echo "$when: $without KiB without, $with KiB with lbdns"
		((without > 1000 && with <= without + 512))
		lab_equal "$(lab_counts <"$LAB/answers")" "3 3 3 3"
	done
}

# The user ids that the client's tasks have.
users() {
	sed -n 's/^Uid://p' "/proc/$(<"$LAB/client.pid")/task/"*/status | tr '\t' '\n' | sed '/^$/d' | sort -u | xargs
}

users_are() {
	[ "$(users)" = "$1" ]
}

# [CALL...] are refused.
sets_user() {
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/denied" EPERM "$@" -- "$LAB_BUILD/lab/scripted"
	lab_dns_asks_more 2 rng-headless A
	lab_dns_silence
	lab_wait_until under_way
	lab_equal "$(users)" 0
	lab_equal "$(tell setuid 12345)" ""
	# DNS does not answer for 5 s
	LAB_PATIENCE=2 lab_wait_until users_are 12345
	lab_dns_unsilence
	lab_scale rng-headless 4
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$(tell connect 12 | lab_counts)" "3 3 3 3"
	lab_equal "$(users)" 12345
	scripted_end
}

@test "setuid while a refresh is under way: every thread is that user, and refreshes go on" {
	setpriv --reuid 12345 --regid 12345 --clear-groups true || skip 'only root can be other users'
	sets_user
}

# gives_up.py WHAT...: connects, waits until the refresh thread has run, does WHAT to itself, and connects again and again; it
# prints, of each thread named lbdns that is there then, its capabilities, whether it may gain any, its filters and its mounts
# (as the client has them, or not); "-": there is none.
gives_up() {
	cat >"$LAB/gives_up.py" <<-'END'
		import ctypes, glob, os, socket, sys, time
		libc = ctypes.CDLL(None, use_errno=True)
		class Instruction(ctypes.Structure):
		    _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("k", ctypes.c_uint)]
		class Program(ctypes.Structure):
		    _fields_ = [("length", ctypes.c_ushort), ("at", ctypes.POINTER(Instruction))]
		allow = (Instruction * 1)(Instruction(6, 0, 0, 0x7FFF0000))
		does = {
		    "nothing": lambda: 0,
		    "mounts": lambda: libc.unshare(0x20000),
		    "root": lambda: libc.unshare(0x200),
		    "mounts-raw": lambda: libc.syscall(272, 0x20000),
		    "user": lambda: libc.setuid(12345),
		    "groups": lambda: libc.initgroups(b"nobody", 12345) or libc.setgroups(0, None) or libc.setresgid(1, 1, 1),
		    "filter": lambda: libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(Program(1, allow))),
		    "filter-raw": lambda: libc.prctl(38, 1, 0, 0, 0) or libc.syscall(317, 1, 0, ctypes.byref(Program(1, allow))),
		}
		def threads():
		    found = []
		    for task in glob.glob("/proc/self/task/*"):
		        try:
		            facts = dict(line.split(":\t", 1) for line in open(task + "/status").read().splitlines() if ":\t" in line)
		            if facts["Name"] != "lbdns":
		                continue
		            mounts = os.readlink(task + "/ns/mnt") == os.readlink("/proc/thread-self/ns/mnt")
		        except OSError:
		            continue
		        found.append(" ".join([facts["CapPrm"].lstrip("0") or "none", facts["CapEff"].lstrip("0") or "none",
		                     facts["NoNewPrivs"], facts["Seccomp"], "same" if mounts else "other"]))
		    return found
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		def connect():
		    with socket.socket() as one:
		        one.connect(address)
		for what in sys.argv[1:]:
		    connect()
		    until = time.monotonic() + 10
		    while not threads() and time.monotonic() < until:
		        time.sleep(.01)
		        connect()
		    if does[what]():
		        print(what, os.strerror(ctypes.get_errno()))
		    now = threads()
		    for _ in range(50):
		        connect()
		        time.sleep(.01)
		    print(what, *(sorted(set(now + threads())) or "-"), sep=": ", flush=True)
	END
	LBDNS_REFRESH=100ms with_lbdns /usr/bin/python3 "$LAB/gives_up.py" "$@"
}

@test "what the client gives up its refresh thread does not keep: capabilities, mounts, what a filter refuses" {
	setpriv --reuid 12345 --regid 12345 --clear-groups true || skip 'only root can be other users'
	[ "$(uname -m)" = x86_64 ] || skip 'the numbers of system calls are those of x86-64'
	lab_equal "$(gives_up nothing mounts root mounts-raw groups user)" "$(printf '%s: none none 1 0 same\n' \
		nothing mounts root mounts-raw groups user)"
	lab_equal "$(gives_up filter)" "filter: -"
	lab_equal "$(gives_up filter-raw)" "filter-raw: -"
}

@test "setuid while a refresh is under way, where close_range and unshare are refused" {
	setpriv --reuid 12345 --regid 12345 --clear-groups true || skip 'only root can be other users'
	needs_task_apart
	sets_user close_range unshare
}

# CLIENT: a namespace that the kernel makes for processes of one thread only, idle and while a refresh is under way.
makes_user_namespace() {
	printf '%s\n' 'unshare newuser' 'connect 6' | both_ways "$LAB_BUILD/lab/$1"
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/$1"
	lab_dns_asks_more 2 rng-headless A
	lab_dns_silence
	lab_wait_until under_way
	lab_equal "$(tell unshare newuser)" ""
	lab_dns_unsilence
	lab_scale rng-headless 4
	tell connect 1
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$(tell connect 12 | lab_counts)" "3 3 3 3"
	scripted_end
}

@test "unshare(CLONE_NEWUSER) after the first lookup succeeds as without lbdns, and refreshes go on" {
	makes_user_namespace scripted
}

@test "unshare(CLONE_NEWUSER) after the first lookup, musl" {
	makes_user_namespace scripted-musl
}

# The question is under way when the client calls, and answered then: after that the thread would sleep for an interval.
leaves_answered() {
	local turn
	LBDNS_REFRESH=2s scripted_start with_lbdns "$LAB_BUILD/lab/$1"
	for turn in 1 2 3; do
		kill -STOP "$(<"$LAB/dns.pid")"
		lab_wait_until under_way
		tell_on leave 1
		kill -CONT "$(<"$LAB/dns.pid")"
		lab_equal "$turn: $(answer)" "$turn: "
		tell visit 1 >"$LAB/out"
	done
	scripted_end
}

@test "unshare(CLONE_NEWNET) in a child of vfork: nothing changes for the parent" {
	scripted_start with_lbdns "$LAB_BUILD/lab/scripted"
	lab_equal "$(tell unshare vfork newnet)" ""
	lab_equal "$(tell connect 6 | lab_counts)" "2 2 2"
	scripted_end
}

@test "setns while DNS answers does not wait for a refresh thread that sleeps" {
	leaves_answered scripted
	leaves_answered scripted-musl
}

leaves_beside_lookups() {
	LBDNS_REFRESH=100ms scripted_start with_lbdns "$LAB_BUILD/lab/$1"
	lab_equal "$1: $(tell leave 300 4)" "$1: "
	lab_scale rng-headless 4
	tell visit 1 >"$LAB/out"
	lab_dns_asks_more 3 rng-headless A
	lab_equal "$(tell connect 12 | lab_counts)" "3 3 3 3"
	lab_scale rng-headless 3
	scripted_end
}

@test "setns in four threads while four others look up: none waits for long, and refreshes go on" {
	leaves_beside_lookups scripted
	leaves_beside_lookups scripted-musl
}

@test "unshare(CLONE_NEWNET) after the first lookup: nothing of the old network is handed out or connected to" {
	local with
	printf '%s\n' 'visit 3' 'unshare newnet' 'visit 2' 'connect 2' >"$LAB/steps.net"
	both_ways "$LAB_BUILD/lab/scripted" <"$LAB/steps.net"
	lab_equal "$(tail -n 4 "$LAB/saidwith_lbdns")" "$(tail -n 4 "$LAB/said")"
	lab_equal "$(grep -c '^lookup: \|^connect: ' "$LAB/said")" 4
}
