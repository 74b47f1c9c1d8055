# Promises 3 and 4: the connects of one lookup are one connection. Clients that go through their list, or race all of it, take
# one turn, and go on to an endpoint that they have not tried.

bats_require_minimum_version 1.5.0
load ../lab/lab

SILENT=10.244.2.12

setup() {
	lab_up
	rm -f "$LAB/seen"
}

teardown() {
	lab_down
}

walks() {
	/usr/bin/python3 "$LAB_ROOT/tests/programs/walks.py" "$@"
}

# Connections that waited for an address in vain.
waits() {
	awk '$1 > 0 { n++ } END { print n + 0 }' "$@"
}

# at_least MOST COUNT...: each COUNT.
at_least() {
	local least=$1 count
	shift
	echo "$*"
	for count; do
		((count >= least)) || return 1
	done
}

# Who is first in a race is left to chance where all pods are alike; which one had a head start is not.
races() {
	local mode=$1
	walks "$mode" rng-headless 60 0 | lab_counts | tr ' ' '\n' | sort -n | tail -n 1 >"$LAB/most"
	(($(<"$LAB/most") > 40)) # what stands on one pod without lbdns
	with_lbdns walks "$mode" rng-headless 60 0 >"$LAB/seen"
	at_least 15 $(lab_counts <"$LAB/seen")
}

@test "a client that races all addresses of a lookup reaches all pods alike, and new ones" {
	races race
	lab_scale rng-headless 5
	with_lbdns walks race rng-headless 60 0 >"$LAB/seen"
	at_least 9 $(lab_counts <"$LAB/seen")
}

# walks_past MODE: without lbdns a client that walks its list never meets the second pod, which is not its first.
walks_past() {
	local mode=$1
	export LBDNS_EJECT=0
	with_lbdns lab_curl 3 >"$LAB/before" # lookups by gethostbyname are for the port last connected
	lab_pod_silence $SILENT
	with_lbdns walks "$mode" rng-headless 30 150 >"$LAB/seen"
	echo "waited $(waits "$LAB/seen"), $(lab_counts <"$LAB/seen")"
	lab_equal "$(waits "$LAB/seen")" 10
	lab_equal "$(lab_counts <"$LAB/seen")" "10 0 20"
}

@test "a client that walks its list takes one turn for each connection: it waits for a silent pod once in three" {
	walks_past walk
}

@test "a client that walks its list, looked up by another thread: it waits for a silent pod once in three" {
	walks_past hand-over
}

@test "a client that walks the list of gethostbyname: it waits for a silent pod once in three" {
	walks_past host
}

@test "two walks beside each other in one thread: each goes on with its own list" {
	walks_past two
}

@test "walks and other clients in turn: each connection takes one turn" {
	local i
	export LBDNS_EJECT=0
	lab_pod_silence $SILENT
	for ((i = 0; i < 10; i++)); do
		with_lbdns walks walk rng-headless 2 150 >>"$LAB/seen"
		with_lbdns walks hand-over rng-headless 1 150 >>"$LAB/seen"
	done
	lab_equal "$(waits "$LAB/seen")" 10
	lab_equal "$(lab_counts <"$LAB/seen")" "10 0 20"
}

# swapped MODE: active and standby; the active one was down, all know, and now the standby is.
swapped() {
	export LBDNS_EJECT=60s
	lab_scale rng-headless 2
	lab_pod_kill 10.244.1.11
	with_lbdns lab_curl 4 >"$LAB/before"
	lab_equal "$(lab_counts <"$LAB/before")" "0 4 0"
	lab_pod_start 10.244.1.11
	lab_pod_kill 10.244.2.12
	with_lbdns walks "$1" rng-headless 6 1000 >"$LAB/seen"
	lab_equal "$(lab_counts <"$LAB/seen")" "6 0 0"
}

@test "the last hope: where all others fail, a client that walks its list goes to an ejected pod" {
	swapped walk
}

@test "the last hope: where all others fail, a client that blocks and walks its list goes to an ejected pod" {
	swapped blocks
}
