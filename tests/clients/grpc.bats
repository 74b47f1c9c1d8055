# shellcheck disable=SC2016,SC2046,SC2086 # backquotes are markdown; words are meant
# gRPC clients of a random-number service: every server has a number of its own.

load ../lab/lab
load matrix
load servers

export PYTHONPATH=$MATRIX_BUILD

rng_start() {
	lab_serve rng "$1" /usr/bin/python3 "$MATRIX/rng_server.py" "$1"
}

rng_answers() {
	echo 1 | lab_pods_side /usr/bin/python3 "$MATRIX/rng_client.py" "$1" each
}

setup_file() {
	servers_up rng 50051 rng_start rng_answers
}

teardown_file() {
	lab_down
}

setup() {
	local address
	[ ! -e "$LAB/client.pid" ] || lab_stop client
	for address in $(served_pods 5); do
		[ -e "$LAB/pods/$address.rng.pid" ] || rng_restart "$address"
	done
	lab_scale rng 3
}

rng_restart() {
	rng_start "$1"
	lab_wait_until rng_answers "$1" >>"$LAB/servers.err" 2>&1
}

PYTHON="/usr/bin/python3 $MATRIX/rng_client.py rng"
NODE="node $MATRIX/rng_client.js rng"

# The pods that answered N requests.
answers() {
	matrix_ask client "$1" >"$LAB/answers"
	mapfile -t pods <"$LAB/names/$(lab_absolute rng)"
	lab_counts "${pods[@]}" <"$LAB/answers"
}

# Open connections to each of the first three.
connections() {
	lab_pods_side ss -Htn state established 'sport = :50051' |
		awk '{ sub(/:[0-9]+$/, "", $3); gsub(/^\[::ffff:|\]$/, "", $3); print $3 }' | lab_counts $(served_pods 3)
}

connections_are() {
	[ "$(connections)" = "$1" ]
}

each() {
	served_program gRPC "$1" "$2" "${@:3}" each
}

@test "Python, a channel for each request" {
	GRPC_DNS_RESOLVER=native each 'Python grpcio, `GRPC_DNS_RESOLVER=native`' 'a channel for each request' $PYTHON
}

# Has lbdns chosen ADDRESS for a connection? This client sees new pods by itself, perhaps before lbdns does.
chosen() {
	answers 1 >"$LAB/chosen"
	grep -q -- "-> $1 port " "$LAB/lbdns.log"
}

# It does not ask libc: its name has to be told, and is known from its first connection on.
@test "Python with gRPC's own resolver, a channel for each request" {
	local unmodified with after
	export GRPC_DNS_RESOLVER=ares
	matrix_start client $PYTHON each
	unmodified=$(served_checked 60 matrix_ask client 60)
	lab_stop client
	MATRIX_LBDNS="LBDNS_NAMES=rng LBDNS_LOG=debug LBDNS_LOG_FILE=$LAB/lbdns.log" matrix_start client with_lbdns $PYTHON each
	lab_wait_until chosen "$(lab_address 1)"
	with=$(served_checked 60 matrix_ask client 60)
	lab_scale rng 5
	lab_wait_until chosen "$(lab_address 5)"
	after=$(served_checked 60 matrix_ask client 60)
	served_result gRPC 'Python grpcio, `LBDNS_NAMES=rng`' \
		'a channel for each request; gRPC asks DNS itself, and alone depends on the order that the DNS server gives. It needs the name in `LBDNS_NAMES`, or `GRPC_DNS_RESOLVER=native`' \
		"$unmodified" "$with" "$after"
}

@test "grpc-js, a channel for each request" {
	each '@grpc/grpc-js' 'a channel for each request' $NODE
}

# One channel stays where it is, and goes elsewhere when that pod dies. Only one number can answer each time.
pick_first() {
	local at unmodified row=$1
	shift
	matrix_start client "$@" pick_first
	unmodified=$(answers 60)
	lab_stop client
	matrix_start client with_lbdns "$@" pick_first
	lab_equal "$(answers 60 | tr -d ' 0')" 6
	lab_equal "$(sort -u "$LAB/answers" | wc -l) number" '1 number'
	at=$(awk 'NR == 1 { print $2 }' "$LAB/answers")
	lab_serve_kill rng "$at"
	lab_equal "$(answers 60 | tr -d ' 0')" 6
	lab_equal "$(sort -u "$LAB/answers" | wc -l) number" '1 number'
	lab_equal "$(grep -cw "$at" "$LAB/answers" || true) of the dead" '0 of the dead'
	matrix_row gRPC "$row, one channel, pick_first" "$unmodified" 'all at one pod' 'all at one pod' \
		'one connection for all requests; each new channel takes the next pod. If its pod dies it goes to another at once'
}

@test "Python, one channel, pick_first" {
	GRPC_DNS_RESOLVER=native pick_first 'Python grpcio' $PYTHON
}

@test "grpc-js, one channel, pick_first" {
	pick_first '@grpc/grpc-js' $NODE
}

# One connection to each address that it knows, by itself. With LBDNS_CONNECT=on one that is made again goes to whose
# turn it is, and two may meet at one pod; so users are told to set off.
round_robin() {
	local address unmodified with row=$1
	shift
	matrix_start client "$@" round_robin
	lab_wait_until spread
	unmodified=$(answers 60)
	lab_stop client
	matrix_start client with_lbdns "$@" round_robin
	lab_wait_until spread
	lab_equal "with LBDNS_CONNECT=on: $(connections)" "with LBDNS_CONNECT=on: 1 1 1"
	lab_stop client
	MATRIX_LBDNS=LBDNS_CONNECT=off matrix_start client with_lbdns "$@" round_robin
	lab_wait_until spread
	with=$(answers 60)
	for address in $(served_pods 3); do
		lab_serve_kill rng "$address"
		rng_restart "$address"
		lab_wait_until spread
		lab_equal "after a restart of $address: $(connections)" "after a restart of $address: 1 1 1"
	done
	lab_scale rng 5
	MATRIX_AFTER='20 20 20 0 0' served_result gRPC "$row, one channel, round_robin, \`LBDNS_CONNECT=off\`" \
		'a connection to each pod, by itself: without `LBDNS_CONNECT=off` two of them may meet at one pod after a reconnect. gRPC asks DNS again when a connection ends: for new pods, limit their age at the server (`grpc.max_connection_age_ms`)' \
		"$unmodified" "$with" "$(answers 60)"
}

# Have requests gone to all three? They wake the channel after a restart, too.
spread() {
	lab_equal "$(answers 3)" "1 1 1" >"$LAB/spread"
}

@test "Python, one channel, round_robin" {
	GRPC_DNS_RESOLVER=native round_robin 'Python grpcio' $PYTHON
}

@test "grpc-js, one channel, round_robin" {
	round_robin '@grpc/grpc-js' $NODE
}
