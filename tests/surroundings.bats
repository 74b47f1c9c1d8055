# Hostile surroundings: what a client does to itself, and what its system refuses. With lbdns it fails less often than
# without, and never in a new way. (Shared memory is in sharedmemory.bats, processes and signals in processes.bats.)

# shellcheck disable=SC2030,SC2031 # each test has its own environment

bats_require_minimum_version 1.5.0
load lab/lab

setup() {
	lab_up
}

teardown() {
	lab_down
}

# A client that is told what to do next (tests/lab/told.c, which lists it): told_start [with_lbdns] [PROGRAM...] CLIENT;
# settings in front, as for with_lbdns. tell STEP has it do STEP; what it says is on stdout. Or tell_on STEP, and
# answer when it is done.
told_start() {
	rm -f "$LAB/told" "$LAB/client.out"
	mkfifo "$LAB/told" "$LAB/client.out"
	(
		if [ "$1" = with_lbdns ]; then
			shift
			export LD_PRELOAD=$LIBLBDNS
		fi
		exec "$@" rng-headless 8081 <"$LAB/told" >"$LAB/client.out" 2>"$LAB/client.err" 3>&-
	) &
	echo $! >"$LAB/client.pid"
	exec 7>"$LAB/told" 8<"$LAB/client.out"
	answer
}

told_end() {
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
	local client=$LAB_BUILD/lab/$1 way=$2
	shift 2
	LBDNS_REFRESH=100ms told_start with_lbdns "$LAB_BUILD/lab/denied" "$@" -- "$client"
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
	told_end
}

@test "a client that closes all descriptors in a loop during a refresh: what it opens then is its own" {
	closes_all told loop EPERM
}

@test "a client that closes all descriptors by close_range during a refresh: what it opens then is its own" {
	closes_all told range EPERM
}

@test "the same where close_range is refused" {
	closes_all told loop EPERM close_range
	lab_up
	closes_all told loop ENOSYS close_range
}

needs_task_apart() {
	[ "$(uname -m)" = x86_64 ] || skip 'such a task is made on x86-64 alone'
}

@test "the same where close_range and unshare are refused" {
	needs_task_apart
	closes_all told loop EPERM close_range unshare
}

@test "the same where close_range and unshare are refused, musl" {
	needs_task_apart
	closes_all told-musl loop ENOSYS close_range unshare
}

@test "where no table apart can be had no socket is made, and the client's lookups refresh" {
	LBDNS_REFRESH=500ms told_start with_lbdns "$LAB_BUILD/lab/denied" EPERM close_range unshare thread-apart -- \
		"$LAB_BUILD/lab/told"
	lab_equal "$(tell visit 6 | lab_counts)" "2 2 2"
	lab_wait_until tasks_are 1
	lab_equal "$(client_descriptors)" "0 1 2"
	lab_scale rng-headless 4
	lab_wait_until visits_reach_all 4
	told_end
}

tasks_are() {
	[ "$(find "/proc/$(<"$LAB/client.pid")/task" -mindepth 1 -maxdepth 1 | wc -l)" = "$1" ]
}

# shellcheck disable=SC2046 # addresses
visits_reach_all() {
	[ "$(tell visit "$1" | sort -u | wc -l)" = "$1" ]
}

@test "where close_range and unshare are refused: what the client closes is closed" {
	needs_task_apart
	LBDNS_REFRESH=100ms told_start with_lbdns "$LAB_BUILD/lab/denied" EPERM close_range unshare -- "$LAB_BUILD/lab/told"
	lab_dns_silence
	lab_wait_until under_way
	tell fill 0
	tell empty
	# of all its tasks none has a file of the client's: the one that is apart has its socket alone
	lab_equal "$(find "/proc/$(<"$LAB/client.pid")/task/"*/fd -lname /dev/null | wc -l)" 0
	told_end
}

@test "descriptor 2 reopened as a data file while a refresh is under way: nothing of ours is written to it" {
	local way
	for way in own close_range "close_range unshare"; do
		rm -f "$LAB/data"
		# shellcheck disable=SC2086 # names of calls
		LBDNS_LOG=debug LBDNS_REFRESH=100ms told_start with_lbdns "$LAB_BUILD/lab/denied" EPERM ${way#own} -- \
			"$LAB_BUILD/lab/told"
		lab_dns_asks_more 2 rng-headless A
		lab_dns_silence
		lab_wait_until under_way
		tell stderr "$LAB/data"
		tell write one
		lab_dns_unsilence
		lab_dns_asks_more 4 rng-headless A
		lab_equal "$(tell connect 6 | lab_counts)" "2 2 2"
		tell write two
		told_end
		lab_equal "$(<"$LAB/data")" $'one\ntwo'
		grep -q 'debug: rng-headless' "$LAB/client.err"
	done
}

@test "descriptor 2 closed at the start and opened as a data file: nothing of ours is written to it" {
	rm -f "$LAB/data"
	# shellcheck disable=SC2016 # for sh to expand
	LBDNS_LOG=debug LBDNS_REFRESH=100ms told_start with_lbdns sh -c 'exec "$@" 2>&-' - "$LAB_BUILD/lab/told"
	tell stderr "$LAB/data"
	lab_dns_asks_more 4 rng-headless A
	lab_equal "$(tell connect 6 | lab_counts)" "2 2 2"
	tell write data
	told_end
	lab_equal "$(<"$LAB/data")" data
}
