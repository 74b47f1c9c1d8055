# What is counted, against real traffic, and what lbdns status shows of it; lbdns mode.
# shellcheck disable=SC2030,SC2031 # each test has its own environment

bats_require_minimum_version 1.5.0
load ../lab/lab

NAME=rng-headless.default.svc.cluster.local

setup_file() {
	# passes.py WHAT: a client that is left alone, for one reason, five times.
	cat >"$BATS_FILE_TMPDIR/passes.py" <<-'END'
		import socket, sys
		def look_up(name):
		    return socket.getaddrinfo(name, 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		def connect(address, kind=socket.SOCK_STREAM, timeout=None):
		    with socket.socket(socket.AF_INET, kind) as one:
		        one.settimeout(timeout)
		        one.connect(address)
		what = sys.argv[1]
		address = look_up("rng-headless")
		print(address[0], flush=True)
		if what == "claimed":
		    address = next(each for each in (look_up(f"rng-{i}.rng-headless") for i in range(3)) if each != address)
		elif what == "several":
		    look_up("other")
		    address = ("10.244.2.12", 8081)
		elif what == "wait":
		    look_up("rng-headless") # which is refreshed from now on
		    sys.stdin.readline()
		for i in range(5):
		    if what == "datagram":
		        connect(address, socket.SOCK_DGRAM)
		    elif what == "socket":
		        with socket.socket() as one:
		            one.connect(address)
		            try:
		                one.connect(address)
		            except OSError as error:
		                assert error.errno == 106 # EISCONN
		    else:
		        connect(address)
		print("done", flush=True)
	END
}

setup() {
	lab_up
}

lbdns() {
	"$LAB_BUILD/lbdns-inspect" "$@"
}

passes() {
	with_lbdns /usr/bin/python3 "$BATS_FILE_TMPDIR/passes.py" "$@"
}

# told EXPRESSION [OPTION...]: what Python makes of lbdns status --json: user is the first one, name its first name,
# named, seen and process functions that find by a name (also one that is short for it: once a refresh has found the whole
# name, what is counted is that one's), by address, and by process.
told() {
	local expression=$1
	shift
	lbdns status --json "$@" | /usr/bin/python3 -c '
import json, sys
users = json.load(sys.stdin)["users"]
user = users[0]
names = {each["name"]: each for each in user["names"]}
name = user["names"][0] if user["names"] else None
def named(text):
    return next(each for each in user["names"] if text in [each["name"], *each["aliases"]])
def seen(address, port=8081, of=None):
    return next(each for each in (of or name)["seen"] if each["address"] == address and each["port"] == port)
def each(key, of=None):
    return " ".join(str(one[key]) for one in (of or name)["seen"])
def process(pid):
    return next(each for each in user["processes"] if each["pid"] == pid)
print(eval(sys.argv[1]))' "$expression"
}

is_told() {
	lab_equal "$(told "$1")" "$2"
}

tells() {
	[ "$(told "$1" 2>/dev/null)" = "$2" ]
}

# ---- Counters

@test "connections are counted exactly: over processes, threads and forked workers" {
	with_lbdns lab_curl 21
	with_lbdns "$CLIENT" threads rng-headless 8081 240 8
	with_lbdns "$CLIENT" fork rng-headless 8081 120 4
	with_lbdns "$CLIENT_MUSL" threads rng-headless 8081 60 4
	is_told 'name["connections"]' 441
	is_told 'each("connections")' "147 147 147"
	is_told 'name["failures"], name["retries"], sum(name["passed"].values())' '(0, 0, 0)'
	lab_equal "$(lab_pod_log_counts)" "147 147 147"
}

@test "threads that begin a count at the same moment lose nothing" {
	local i
	for ((i = 0; i < 15; i++)); do
		with_lbdns "$CLIENT" threads rng-headless 8081 64 16 >"$LAB/out"
		is_told 'name["connections"]' 64
		ipcrm --all=shm
	done
}

@test "rewritten and kept connections are told apart" {
	with_lbdns "$CLIENT" lookup-connect rng-headless 8081 30
	is_told 'name["connections"], name["rewritten"]' '(30, 0)'
	with_lbdns "$CLIENT" once rng-headless 8081 30
	is_told 'name["connections"], name["rewritten"]' '(60, 20)'
	with_lbdns "$CLIENT" once rng-headless 8082 30
	is_told 'each("port")' "8081 8081 8081 8082 8082 8082"
	is_told 'each("connections")' "20 20 20 10 10 10"
}

@test "UDP connections are counted apart from those of TCP" {
	LBDNS_UDP=on with_lbdns "$CLIENT" udp rng-headless 8081 6
	is_told 'each("protocol"), each("connections")' "('udp udp udp', '2 2 2')"
}

@test "IPv6 endpoints and those of another name are counted for themselves" {
	lab_scale6 six 2
	with_lbdns "$CLIENT" lookup-connect six 8081 10
	with_lbdns "$CLIENT" lookup-connect rng-headless 8081 9
	is_told 'each("address", named("six")), each("connections", named("six"))' "('fd00:244:1::11 fd00:244:2::12', '5 5')"
	is_told 'each("connections", named("rng-headless"))' "3 3 3"
}

@test "failures and retries are counted at their endpoints, and who is passed over is shown" {
	local began left
	export LBDNS_EJECT=50s
	lab_pod_kill 10.244.2.12
	with_lbdns "$CLIENT" once rng-headless 8081 30
	is_told 'name["connections"], name["failures"], name["retries"]' '(30, 1, 1)'
	is_told 'seen("10.244.2.12")["failures"], seen("10.244.2.12")["retries"]' '(1, 0)'
	is_told '[each["passed_over"] for each in name["seen"]]' '[False, True, False]'
	# until it is checked, soon at first
	is_told '0 <= seen("10.244.2.12")["passed_over_seconds"] <= 2' True
	began=$(lab_now)
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 50
	lab_wait_until tells 'seen("10.244.2.12")["passed_over_seconds"] > 2' True
	lab_stop client
	# checks are counted nowhere
	is_told 'seen("10.244.2.12")["connections"], name["failures"], name["retries"]' '(1, 1, 1)'
	is_told '[each["passed_over"] for each in name["seen"]]' '[False, True, False]'
	left=$(told 'seen("10.244.2.12")["passed_over_seconds"]')
	run -0 lbdns status
	[[ $output =~ 10\.244\.2\.12.*\ out\ ([0-9]+)s ]]
	# 50 s to begin with, or a fifth less
	awk -v left="$left" -v shown="${BASH_REMATCH[1]}" -v spent=$(($(lab_now) - began)) \
		'BEGIN { least = 40 - spent / 1000; exit !(left >= least && left <= 50 && shown >= least && shown <= 50) }' ||
		{ echo "$left s, shown: ${BASH_REMATCH[1]} s"; return 1; }
}

@test "a connect to a silent pod is one failure, though the refresh thread told of it before" {
	lab_pod_silence 10.244.2.12
	LBDNS_REFRESH=100ms with_lbdns "$CLIENT" once rng-headless 8081 12
	lab_pod_unsilence 10.244.2.12
	is_told 'name["connections"], name["failures"], name["retries"]' '(12, 1, 1)'
}

# gives_up.py WHO: 12 connects that do not block, to a kept address, each given up after 2 s, or, if WHO is "waits", ended
# by the kernel after 3 s; how many were not made.
@test "a connect to a silent pod that does not block is one failure: its client gives up, or is told" {
	local who failed
	cat >"$LAB/gives_up.py" <<-'END'
		import select, socket, sys
		address = socket.getaddrinfo("rng-headless", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		failed = 0
		for i in range(12):
		    with socket.socket() as one:
		        one.setblocking(False)
		        if sys.argv[1] == "waits":
		            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
		        one.connect_ex(address)
		        ready = select.select([], [one], [], 2 if sys.argv[1] == "gives-up" else 10)[1]
		        failed += not ready or one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
		print(failed)
	END
	lab_pod_silence 10.244.2.12
	for who in gives-up waits; do
		ipcrm --all=shm
		failed=$(LBDNS_REFRESH=100ms with_lbdns /usr/bin/python3 "$LAB/gives_up.py" $who)
		is_told 'name["connections"], name["failures"], seen("10.244.2.12")["failures"]' "(12, $failed, $failed)"
		((failed > 0 && failed < 4))
	done
	lab_pod_unsilence 10.244.2.12
}

@test "failures of non-blocking connections are counted once they are known" {
	lab_pod_kill 10.244.2.12
	local refused
	LBDNS_EJECT=0 with_lbdns "$CLIENT" nonblock-failed rng-headless 8081 6 >"$LAB/out"
	refused=$(grep -c ECONNREFUSED "$LAB/out")
	# whom the client tries again, on the same socket
	is_told 'name["connections"], name["failures"]' "($((6 + refused)), $refused)"
	is_told 'seen("10.244.2.12")["failures"]' "$refused"
}

@test "why a connection was left alone: claimed" {
	passes claimed
	is_told 'name["passed"]["claimed"], name["connections"]' '(5, 0)'
	run -0 lbdns status
	[[ $output == *"left alone: claimed 5"* ]]
}

@test "why a connection was left alone: a socket that is in use" {
	passes socket
	is_told 'name["passed"]["not fresh"], name["connections"]' '(5, 5)'
}

@test "why a connection was left alone: a call that only asks how it went" {
	with_lbdns "$CLIENT" nonblock rng-headless 8081 6
	is_told 'name["passed"]["not fresh"], name["connections"]' '(6, 6)'
}

@test "why a connection was left alone: UDP" {
	passes datagram
	is_told 'name["passed"]["datagram"], name["connections"]' '(5, 0)'
}

@test "why a connection was left alone: names with nothing but this pod in common" {
	lab_dns_set rng-headless 10.244.1.11 10.244.2.12
	lab_dns_set other 10.244.2.12 10.244.3.13
	passes several
	# but for those that had the turn in one of them
	is_told '0 < sum(each["passed"]["several"] for each in names.values()) <= 5' True
	is_told 'sum(each["passed"]["several"] + each["connections"] for each in names.values())' 5
}

waiting_client() {
	rm -f "$LAB"/wait.*
	mkfifo "$LAB/wait.fifo"
	with_lbdns /usr/bin/python3 "$BATS_FILE_TMPDIR/passes.py" wait <"$LAB/wait.fifo" >"$LAB/wait.out" 3>&- &
	exec {waiting}>"$LAB/wait.fifo"
	lab_wait_until test -s "$LAB/wait.out"
}

go_on() {
	echo >&"$waiting"
	lab_wait_until grep -q "done" "$LAB/wait.out"
	exec {waiting}>&-
}

@test "why a connection was left alone: DNS has not answered for too long" {
	export LBDNS_MAX_STALE=1s LBDNS_REFRESH=500ms
	waiting_client
	lab_wait_until tells 'name["outcome"]' answered
	lab_dns_stop
	lab_wait_until tells 'name["answered_seconds_ago"] > 1.2' True
	go_on
	is_told 'name["passed"]["stale"], name["connections"]' '(5, 0)'
}

@test "why a connection was left alone: its name is gone" {
	export LBDNS_REFRESH=100ms
	waiting_client
	lab_wait_until tells 'name["outcome"]' answered
	lab_dns_remove rng-headless
	lab_wait_until tells 'name["endpoints"]["v4"]' 0
	go_on
	is_told 'name["outcome"], name["passed"]["gone"], name["connections"]' "('no such name', 5, 0)"
}

@test "why a connection was left alone: its name is listed for another port" {
	LBDNS_NAMES=rng-headless:8082 LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/log passes port
	is_told 'name["passed"]["other port"], name["connections"]' '(5, 0)'
	run -0 lbdns status
	[[ $output == *"left alone: other port 5"* ]]
	lab_equal "$(grep -c 'rng-headless: connect .* (untouched) port 8081: other port$' "$LAB/log")" 5
}

@test "why a connection was left alone: observed, which counts what would have been changed" {
	LBDNS_MODE=observe with_lbdns "$CLIENT" once rng-headless 8081 30 >"$LAB/out"
	lab_equal "$(sort -u <"$LAB/out" | wc -l)" 1
	is_told 'name["passed"]["observed"], name["connections"], name["rewritten"]' '(20, 30, 0)'
}

# ---- Refreshes

@test "refreshes: how many, how old, how they ended, TTL, interval and changes" {
	export LBDNS_REFRESH=300ms
	lab_dns_ttl 7
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 100
	lab_wait_until tells 'name["refreshes"] >= 3' True
	is_told 'name["name"], name["aliases"]' "('$NAME', ['rng-headless'])"
	is_told 'name["outcome"], name["ttl_seconds"], name["interval_seconds"], name["refresh_failures"], name["changes"]' \
		"('answered', 7, 0.3, 0, 0)"
	is_told 'name["endpoints"]' "{'v4': 3, 'v6': 0}"
	is_told 'name["refreshed_seconds_ago"] < 5' True
	lab_scale rng-headless 5
	lab_wait_until tells 'name["changes"], name["endpoints"]["v4"]' '(1, 5)'
	lab_dns_stop
	lab_wait_until tells 'name["outcome"]' failed
	is_told 'name["refresh_failures"] > 0' True
	run -0 lbdns status
	[[ $output == *"last refresh: failed; last good answer: "*" ago"* ]]
	lab_dns_start
	lab_wait_until tells 'name["outcome"]' answered
	lab_dns_empty rng-headless
	lab_wait_until tells 'name["outcome"]' 'no addresses'
}

@test "processes that refresh: alive, ended, and what became of them" {
	local parent
	export LBDNS_REFRESH=200ms
	lab_start one with_lbdns "$CLIENT" stay rng-headless 8081 100
	# shellcheck disable=SC2016
	LBDNS_MODE=observe lab_start other with_lbdns /bin/bash -c 'exec -a "odd name" "$CLIENT" stay rng-headless 8081 100'
	lab_wait_until tells 'len(user["processes"])' 2
	is_told "process($(<"$LAB/one.pid"))['state'], process($(<"$LAB/one.pid"))['mode']" "('alive', 'on')"
	is_told "process($(<"$LAB/other.pid"))['state'], process($(<"$LAB/other.pid"))['mode']" "('alive', 'observe')"
	lab_wait_until tells "process($(<"$LAB/one.pid"))['refreshes'] >= 3" True
	lab_wait_until shows_process "$(<"$LAB/one.pid")"
	parent=$(<"$LAB/one.pid")
	lab_stop one
	is_told "process($parent)['state']" ended
	lab_stop other
	run -0 lbdns status
	[[ $output == *"No process refreshes now; those that did have ended"* ]]
}

# Less than a second after one of its refreshes.
shows_process() {
	run -0 lbdns status
	grep -Eq "^$1 +client +on +[0-9]+ +[0-9]+ms *$" <<<"$output"
}

@test "a process that was given the number of one that ended is not taken for it" {
	export LBDNS_REFRESH=100ms
	local pid
	lab_start one with_lbdns "$CLIENT" stay rng-headless 8081 100
	lab_wait_until tells 'len(user["processes"])' 1
	pid=$(<"$LAB/one.pid")
	lab_stop one
	sleep 2.5 # time is what tells them apart, 2 s coarse
	echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
	sleep 60 3>&- &
	[ $! = "$pid" ] || { kill $!; skip 'somebody else has the number'; }
	is_told "process($pid)['state']" ended
	kill $!
}

# ---- The last rewritten connections

@test "the last 64 rewritten connections are kept, in order: asked, picked, how it ended" {
	with_lbdns "$CLIENT" once rng-headless 8081 150 >"$LAB/out"
	is_told 'len(user["recent"]), set(each["result"] for each in user["recent"])' "(64, {'connected'})"
	is_told 'len(set(each["asked"] for each in user["recent"])), user["recent"][0]["name"]' "(1, 'rng-headless')"
	is_told '" ".join(each["picked"] for each in user["recent"])' \
		"$(grep -vx "$(told 'user["recent"][0]["asked"]')" "$LAB/out" | tail -n 64 | paste -sd ' ')"
	is_told '[each["time"] for each in user["recent"]] == sorted(each["time"] for each in user["recent"])' True
	run -0 lbdns status --recent
	[ ${#lines[@]} = 64 ]
	[[ ${lines[63]} =~ ^[0-9:.]+\ 10\.244\.[0-9.]+\ -\>\ 10\.244\.[0-9.]+:8081\ connected\ rng-headless$ ]]
}

@test "a rewritten connection that failed says how" {
	local i
	for i in 1 2 3; do
		lab_pod_kill "$(lab_address $i)"
	done
	LBDNS_ATTEMPTS=1 LBDNS_EJECT=0 lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 10
	lab_wait_until tells 'len(user["recent"]) > 5' True
	is_told 'set(each["result"] for each in user["recent"])' "{'ECONNREFUSED'}"
}

@test "a rewritten connection that does not block says how it failed, once that is known" {
	lab_pod_kill 10.244.2.12
	LBDNS_EJECT=0 with_lbdns "$CLIENT" nonblock-failed rng-headless 8081 12 >"$LAB/out"
	is_told 'set((each["picked"] == "10.244.2.12", each["result"]) for each in user["recent"]) in (
		{(True, "ECONNREFUSED"), (False, "in progress")}, {(False, "in progress")})' True
	is_told 'name["failures"]' "$(grep -c ECONNREFUSED "$LAB/out")"
}

@test "LBDNS_LOG=info has one line a second for connections that fail in the end: name, asked, tried, why" {
	local i pod line='lbdns\[[0-9]+\]: info: rng-headless[a-z.]*: connect 10\.244\.[0-9.]+ -> 10\.244\.[0-9.]+ port 8081'
	LBDNS_EJECT=0 LBDNS_ATTEMPTS=2 LBDNS_LOG=info LBDNS_LOG_FILE=$LAB/log lab_start client \
		with_lbdns "$CLIENT" stay rng-headless 8081 10
	: >"$LAB/log"
	i=$(lab_now)
	# at once: else there may be nothing left of the retries by the time that all fail
	cat "$LAB"/pods/*.pid | xargs kill -KILL
	for pod in 1 2 3; do
		lab_pod_kill "$(lab_address $pod)"
	done
	lab_wait_until lines_of_failures 3
	lab_stop client
	i=$(($(lab_now) - i))
	# each of them tells how many there were
	(($(lines_of_failures_count) <= i / 1000 + 1))
	grep -E ": connect " "$LAB/log" | grep -Evc "^$line( after 10\.244\.[0-9.]+)?: ECONNREFUSED(, failures since the last such line: [0-9]+)?$" >"$LAB/other" || true
	lab_equal "$(<"$LAB/other")" 0
	grep -q ' after 10\.244\.' "$LAB/log" # those after which no more retries were allowed have none
	grep -q 'failures since the last such line: ' "$LAB/log"
}

lines_of_failures_count() {
	grep -c ': connect ' "$LAB/log" || true
}

lines_of_failures() {
	(($(lines_of_failures_count) >= $1))
}

@test "LBDNS_LOG=debug tells each connection in one line" {
	rm -f "$LAB/log"
	LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/log with_lbdns "$CLIENT" once rng-headless 8081 12
	lab_equal "$(grep -Ec 'debug: rng-headless[a-z.]*: connect 10[0-9.]+ -> 10[0-9.]+ port 8081: connected$' "$LAB/log")" 12
	lab_equal "$(sed -n 's/.* -> \([0-9.]*\) port.*/\1/p' "$LAB/log" | lab_counts)" "4 4 4"
}

@test "two at the same time leave no mixed record" {
	with_lbdns "$CLIENT" fork rng-headless 8081 12 2
	for i in 1 2 3 4; do
		with_lbdns "$CLIENT" once rng-headless 8081 600 >/dev/null &
	done
	for ((i = 0; i < 30; i++)); do
		is_told 'all(each["picked"] in ("10.244.1.11", "10.244.2.12", "10.244.3.13") and each["port"] == 8081
			and each["result"] == "connected" for each in user["recent"])' True
	done
	wait
}

# ---- Showing it

@test "status: nothing to show is said, with status 1" {
	run -1 lbdns status
	[ "$output" = "lbdns: no client of user $(id -u) has used lbdns here (or only with LBDNS_SHARED=off)" ]
	LBDNS_SHARED=off with_lbdns lab_curl 1
	run -1 lbdns status
	run -1 lbdns status --all
	[ "$output" = 'lbdns: no client of any user has used lbdns' ]
}

@test "status fits 80 columns, with long names, IPv6 and large numbers too" {
	local long=a-rather-long-name-of-a-service-with-sixty-three-characters-in-it0 name
	long=${long:0:63}
	lab_scale46 "$long" 3
	with_lbdns "$CLIENT" lookup-connect "$long" 8081 6
	with_lbdns "$CLIENT" once "$long" 8082 6
	lab_pod_kill 10.244.2.12
	export LBDNS_REFRESH=200ms
	lab_start long with_lbdns "$CLIENT" stay "$long" 8081 20
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_wait_until tells 'len([each for each in user["processes"] if each["state"] == "alive"]), len(user["recent"]) > 9' "(2, True)"
	lab_wait_until tells "named('$long')['name']" "$long.$LAB_DOMAIN"
	run -0 lbdns status
	for name in client long; do
		grep -q "^$(<"$LAB/$name.pid") " <<<"$output"
	done
	# a whole name is never cut
	lab_equal "$(awk 'length > 80' <<<"$output")" "$long.$LAB_DOMAIN"
	run -0 lbdns status --recent
	lab_equal "$(awk 'length > 80' <<<"$output")" ''
}

@test "status has colour on a terminal only, and not with NO_COLOR" {
	with_lbdns lab_curl 3
	run -0 lbdns status
	[[ $output != *$'\033'* ]]
	run -0 env TERM=xterm script -qec "$LAB_BUILD/lbdns-inspect status" /dev/null
	[[ $output == *$'\033[1m'* ]]
	run -0 env TERM=xterm NO_COLOR=1 script -qec "$LAB_BUILD/lbdns-inspect status" /dev/null
	[[ $output != *$'\033'* ]]
}

@test "status --watch shows it again and again, as it changes" {
	with_lbdns lab_curl 3
	lab_start watch "$LAB_BUILD/lbdns-inspect" status --watch
	grep -Eq '^  10.244.1.11 +8081 +1 ' "$LAB/watch.out"
	with_lbdns lab_curl 3
	lab_wait_until grep -Eq '^  10.244.1.11 +8081 +2 ' "$LAB/watch.out"
	lab_stop watch
}

@test "status --watch --all looks at other user namespaces again and again with the descriptors of the first time" {
	LBDNS_REFRESH=200ms lab_start apart unshare --user --map-root-user env LD_PRELOAD="$LIBLBDNS" \
		"$CLIENT" stay rng-headless 8081 50
	lab_start watch "$LAB_BUILD/lbdns-inspect" status --watch --all
	lab_wait_until watched_times 3
	run -1 grep '^user:' <(find "/proc/$(<"$LAB/watch.pid")/fd" -printf '%l\n')
	lab_stop watch
	lab_stop apart
}

# Each time ends with an empty line.
watched_times() {
	[ "$(grep -c '^$' "$LAB/watch.out")" -ge "$1" ]
}

@test "status of another user, namespace or container, by a process in it" {
	local kind pid
	for kind in '--ipc' '--ipc --user --map-root-user' '--ipc --user --map-user=7'; do
		# shellcheck disable=SC2086
		LBDNS_REFRESH=200ms lab_start apart unshare $kind env LD_PRELOAD="$LIBLBDNS" \
			"$CLIENT" stay rng-headless 8081 50
		pid=$(<"$LAB/apart.pid")
		lab_wait_until process_is_alive "$pid"
		run -1 lbdns status
		lab_equal "$(told 'user["uid"], len(users)' --pid "$pid")" "(${kind#*user=}, 1)" ||
			lab_equal "$(told 'user["uid"], len(users)' --pid "$pid")" "(0, 1)"
		[ "$(told 'len(users), name["connections"] > 0' --all)" = '(1, True)' ]
		run -0 lbdns status --pid "$pid"
		[[ $output == "user "*", namespaces of another process"* ]]
		run -0 lbdns mode off --pid "$pid"
		run -0 lbdns mode --pid "$pid"
		[ "$output" = 'all names: off' ]
		lab_stop apart
	done
}

process_is_alive() {
	[ "$(told "process($1)['state']" --pid "$1" 2>/dev/null)" = alive ]
}

@test "a process in a PID namespace of its own is found" {
	LBDNS_REFRESH=200ms lab_start inner unshare --ipc --pid --fork --kill-child env LD_PRELOAD="$LIBLBDNS" \
		"$CLIENT" stay rng-headless 8081 50
	local pid
	pid=$(pgrep -P "$(<"$LAB/inner.pid")")
	lab_wait_until lbdns status --pid "$pid"
	lab_wait_until tells_of_one "$pid" alive
	kill -KILL "$pid" # unshare holds SIGTERM back
}

tells_of_one() {
	[ "$(told "process(1)['state']" --pid "$1" 2>/dev/null)" = "$2" ]
}

@test "another user's shared memory is not shown, and root may look" {
	setpriv --reuid 12345 --regid 12345 --clear-groups true || skip 'only root can be other users'
	cp "$LIBLBDNS" "$CLIENT" "$LAB_BUILD/lbdns-inspect" "$LAB"
	chmod 755 "$LAB"/{liblbdns.so,client,lbdns-inspect}
	LBDNS_REFRESH=200ms lab_start other setpriv --reuid 12345 --regid 12345 --clear-groups env \
		LD_PRELOAD="$LAB/liblbdns.so" "$LAB/client" stay rng-headless 8081 50
	lab_wait_until process_is_alive "$(<"$LAB/other.pid")"
	lab_equal "$(told 'user["uid"]' --all)" 12345
	LBDNS_REFRESH=200ms lab_start ours with_lbdns "$CLIENT" stay rng-headless 8081 50
	lab_wait_until process_is_alive "$(<"$LAB/ours.pid")"
	lab_equal "$(told 'sorted(each["uid"] for each in users)' --all)" '[0, 12345]'
	run -1 setpriv --reuid 12345 --regid 12345 --clear-groups "$LAB/lbdns-inspect" status --pid "$(<"$LAB/ours.pid")"
	[ "$output" = "lbdns: process $(<"$LAB/ours.pid"): its namespaces: Permission denied; root may look at them" ]
	run -0 setpriv --reuid 12345 --regid 12345 --clear-groups "$LAB/lbdns-inspect" status
}

@test "any bytes in the shared memory are shown without harm" {
	local i id
	LBDNS_REFRESH=100ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 5
	id=$(ipcs -m | awk '$1 ~ /^0x/ { print $2 }')
	cat >"$LAB/noise.py" <<-'END'
		import ctypes, os, struct, sys
		libc = ctypes.CDLL(None)
		libc.shmat.restype = ctypes.c_void_p
		at, size = libc.shmat(int(sys.argv[1]), None, 0), int(sys.argv[2])
		for i in range(8, size, 8):
		    if i == 8 or os.urandom(1)[0] < 40: # the magic stays
		        ctypes.memmove(at + i, os.urandom(8), 8)
	END
	for i in 1 2 3; do
		/usr/bin/python3 "$LAB/noise.py" "$id" "$(ipcs -m | awk -v id="$id" '$2 == id { print $5 }')"
		told 'len(users)'
		run -0 lbdns status
		lab_equal "$(LC_ALL=C grep -c '[^ -~]' <<<"$output")" 0
		run -0 lbdns status --recent
		run -0 lbdns mode
	done
	kill -0 "$(<"$LAB/client.pid")"
}

# ---- Orders

# Where the last connections of a running client went, since MS: how many different pods.
pods_since() {
	awk -v since="$1" '$1 > since && $2 == "ok" { pods[$NF] } END { print length(pods) }' "$LAB/client.out"
}

answers_since() {
	(($(awk -v since="$1" '$1 > since' "$LAB/client.out" | wc -l) >= $2))
}

goes_to() {
	local since
	since=$(($(lab_now) + 500)) # within a second is the promise
	lab_wait_until answers_since "$since" 9
	lab_equal "$(pods_since "$since")" "$1"
}

@test "lbdns mode changes what a running client does, at once and without a restart" {
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	goes_to 3
	run -0 lbdns mode off
	[ -z "$output" ]
	goes_to 1
	is_told 'user["order"], name["passed"]["off"] > 0, name["passed"]["observed"]' "('off', True, 0)"
	run -0 lbdns status
	[[ $output == *'ordered for all names: off'* ]]
	lbdns mode observe
	goes_to 1
	is_told 'user["order"], name["passed"]["observed"] > 0' "('observe', True)"
	lbdns mode on
	goes_to 3
	lbdns mode default
	goes_to 3
	is_told 'user["order"]' default
	run -0 lbdns mode
	[ "$output" = 'all names: default' ]
}

@test "lbdns mode off: lookups are libc's again" {
	lab_start client with_lbdns "$CLIENT" visit rng-headless 8081 20
	goes_to 3
	lbdns mode off
	goes_to 1
	lbdns mode default
	goes_to 3
	lbdns mode off
	with_lbdns lab_curl 3 >"$LAB/out"
	lab_equal "$(sort -u "$LAB/out" | wc -l)" 1
}

@test "lbdns mode on wins over LBDNS_MODE=observe" {
	LBDNS_MODE=observe lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	goes_to 1
	lbdns mode on
	goes_to 3
	lbdns mode default
	goes_to 1
}

@test "lbdns mode --name: for one name alone, by any of its names, and over the order for all" {
	local as
	lab_scale other 3
	export LBDNS_REFRESH=200ms
	lab_start client with_lbdns "$CLIENT" visit rng-headless 8081 20 other
	lab_wait_until tells 'sorted(names)' "['$(lab_absolute other)', '$NAME']"
	for as in rng-headless RNG-headless $NAME; do
		lbdns mode off --name "$as"
		goes_to_of rng-headless 1
		goes_to_of other 3
		run -0 lbdns mode
		[ "$output" = "all names: default
$NAME: off
rng-headless: off" ] || [ "$output" = "all names: default
rng-headless: off
$NAME: off" ]
		lbdns mode default --name "$as"
		goes_to_of rng-headless 3
	done
	lbdns mode off
	lbdns mode on --name other
	goes_to_of rng-headless 1
	goes_to_of other 3
	run -1 lbdns mode off --name nobody
	[ "$output" = 'lbdns: nobody is no name that clients have used; lbdns status shows those' ]
}

goes_to_of() {
	local since
	since=$(($(lab_now) + 500)) # within a second is the promise
	lab_wait_until answers_since "$since" 20
	lab_equal "$(awk -v since="$since" -v host="$1" '$1 > since && $3 == host { pods[$NF] } END { print length(pods) }' \
		"$LAB/client.out")" "$2"
}

@test "an order stays for clients that come, and for a name until its absolute one is known" {
	with_lbdns lab_curl 1
	lbdns mode off --name rng-headless
	LBDNS_REFRESH=200ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	goes_to 1
	lab_wait_until tells 'name["name"], name["order"]' "('$NAME', 'off')"
	goes_to 1
}

@test "lbdns mode without clients to order says so" {
	run -1 lbdns mode off
	[ "$output" = "lbdns: no client of user $(id -u) has used lbdns here (or only with LBDNS_SHARED=off)" ]
}

@test "wrong use is told with status 2" {
	local use
	for use in 'status --fast' 'status all' 'status --pid' 'status --pid x' 'mode up' 'mode on off' 'mode --name a' \
		'mode --name a/b on' 'mode --pid 0'; do
		# shellcheck disable=SC2086
		run -2 lbdns $use
		[[ $output == 'lbdns: '* ]] || { echo "$use: $output"; return 1; }
	done
	run -1 lbdns status --pid 4000000
	[ "$output" = 'lbdns: there is no process 4000000' ]
	run -2 lbdns
	run -2 lbdns statu
	for use in status mode; do
		run -0 lbdns $use --help
		[[ $output == "Usage: lbdns $use "* ]]
	done
}

# ---- Names that have no room

# As with a service for each tenant. The first 255 are looked at, because 255 is three times 85.
@test "300 names in a process: those beyond 256 are as without lbdns, and status, metrics and one line of the log say so" {
	local i last=() runs=0
	for i in 4 5 6; do
		lab_pod_start "$(lab_address $i)"
		last+=("$(lab_address $i)")
	done
	lab_dns_set_all "$(printf 'n%d.many ' {1..256})" 10.244.1.11 10.244.2.12 10.244.3.13
	lab_dns_set_all "$(printf 'n%d.many ' {257..300})" "${last[@]}"
	# each of 300 names looked up and connected to, twice: "<name> <pod>"
	cat >"$LAB/many.py" <<-'END'
		import socket
		for i in [*range(1, 301)] * 2:
		    address = socket.getaddrinfo(f"n{i}.many", 8081, socket.AF_INET, socket.SOCK_STREAM)[0][4]
		    with socket.create_connection(address) as one:
		        one.sendall(b"GET /address HTTP/1.0\r\n\r\n")
		        print(i, one.makefile().read().split()[-1], flush=True)
	END
	many_reach "0 0 255" python3 "$LAB/many.py"
	rm -f "$LAB/log"
	export LBDNS_LOG=warn LBDNS_LOG_FILE=$LAB/log LBDNS_REFRESH=1m
	# names that have room are not told of, nor are those that are never rotated
	with_lbdns python3 -c 'import socket
for i in range(1, 257):
    socket.getaddrinfo(f"n{i}.many", 8081, socket.AF_INET)
    socket.getaddrinfo("rng-0.rng-headless", 8081, socket.AF_INET)'
	is_told 'user["lookups_without_room"], user["without_room_seconds_ago"]' '(0, None)'
	run -0 lbdns status
	[[ $output != *'more than 256 names'* ]]
	[ ! -e "$LAB/log" ]
	for runs in 1 2; do
		many_reach "85 85 85" with_lbdns python3 "$LAB/many.py"
		is_told 'user["lookups_without_room"]' $((runs * 88))
		lab_equal "$(grep -c 'warn: no room for more than 256 names: .*LBDNS_NAMES.*: n257\.many$' "$LAB/log")" $runs
		lab_equal "$(wc -l <"$LAB/log")" $runs
	done
	is_told '0 <= user["without_room_seconds_ago"] < 60' True
	run -0 lbdns status
	[[ $output == *'more than 256 names in a process: 176 lookups not rotated, last '*' ago'* ]]
	lab_equal "$(lbdns metrics | grep '^lbdns_lookups_without_room_total')" 'lbdns_lookups_without_room_total 176'
}

# many_reach COUNTS COMMAND...: of each round, the first 255 names' connections to their pods; those beyond 256 are where
# libc sorts them.
many_reach() {
	local counts=$1 round
	shift
	"$@" >"$LAB/many"
	for round in 1,300 301,600; do
		sed -n "${round}p" "$LAB/many" >"$LAB/round"
		lab_equal "$(head -n 255 "$LAB/round" | lab_counts 10.244.1.11 10.244.2.12 10.244.3.13)" "$counts"
		lab_equal "$(tail -n 44 "$LAB/round" | lab_counts "$(lab_address 4)" "$(lab_address 5)" "$(lab_address 6)")" "0 0 44"
	done
}
