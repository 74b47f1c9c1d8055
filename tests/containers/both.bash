# What is proved with podman and with Docker alike: a function for each test of podman.bats and docker.bats. Part of
# containers.bash.
# shellcheck shell=bash

# Not root, and nothing that can be taken from a container.
HARDENED=(--user 65534 --read-only --cap-drop all --security-opt no-new-privileges)

# All at one of three.
one_of_three() {
	lab_equal "$(tr ' ' '\n' <<<"$1" | sort -n | xargs)" "0 0 $2"
}

proves_rotation() {
	local IMAGE
	service_up 3
	for IMAGE in client client-musl; do
		one_of_three "$(once without -- client once rng "$PORT" 30 | counts)" 30
		lab_equal "$(once with -- client once rng "$PORT" 30 | counts)" "10 10 10"
		lab_equal "$(once with "${HARDENED[@]}" -- client once rng "$PORT" 30 | counts)" "10 10 10"
	done
}

# How many lines OUTPUT has.
lines() {
	wc -l <"$OUT/$1"
}

more_lines() {
	(($(lines "$1") >= $2))
}

# more OUTPUT N: waits until there are N lines more.
more() {
	lab_wait_until more_lines "$1" $(($(lines "$1") + $2))
}

reached() {
	grep -qs " $2\$" "$OUT/$1"
}

# reaches OUTPUT ADDRESS: waits until it does.
reaches() {
	lab_wait_until reached "$1" "$2"
}

first_at() {
	awk -v pod="$2" '$4 == pod { print $1; exit }' "$OUT/$1"
}

# The lines of OUTPUT after line LINE that tell of a failure.
failed_after() {
	tail -n +$(($2 + 1)) "$OUT/$1" | awk '$2 != "ok"'
}

# proves_scaling MS: clients are at a new container so long after DNS at the latest.
proves_scaling() {
	local most_ms=$1 IMAGE before since
	service_up 3
	for IMAGE in client client-musl; do
		client_up "$IMAGE" "${HARDENED[@]}"
		started "$IMAGE.with" with "$IMAGE" client stay rng "$PORT" 50
		started "$IMAGE.without" without "$IMAGE" client stay rng "$PORT" 50
	done
	server rng-4
	server rng-5
	service_up 5
	since=$(lab_now) # DNS says so
	for IMAGE in client client-musl; do
		reaches "$IMAGE.with" "${ADDRESSES[3]}"
		reaches "$IMAGE.with" "${ADDRESSES[4]}"
		at_most $(($(first_at "$IMAGE.with" "${ADDRESSES[4]}") - since)) "$most_ms" "ms until the client is there"
		! reached "$IMAGE.without" "${ADDRESSES[3]}"
		before=$(lines "$IMAGE.with")
		more "$IMAGE.with" 50
		lab_equal "$(tail -n +$((before + 1)) "$OUT/$IMAGE.with" | head -n 50 | counts)" "10 10 10 10 10"
	done
	service_up 1
	for IMAGE in client client-musl; do
		lab_wait_until settled "$IMAGE.with" "${ADDRESSES[0]}"
		lab_equal "$(failed_after "$IMAGE.with" 0 | grep -v ECONNRESET || true)" ""
	done
}

# The last 20 connections went to ADDRESS.
settled() {
	[ "$(tail -n 20 "$OUT/$1" | awk -v pod="$2" '$4 == pod' | wc -l)" = 20 ]
}

# Failover. VICTIM is the second of three; a client without lbdns that was given its address keeps to it.

# proves_failover FAULT MOST: FAULT is a function that breaks a server; of a client that does not block at most MOST connections fail.
proves_failover() {
	local fault=$1 most=$2 before block
	service_up 3
	client_up client "${HARDENED[@]}"
	VICTIM=${ADDRESSES[1]}
	started kept without client client stay "$VICTIM" "$PORT" 50
	started blocking with client client stay rng "$PORT" 50
	started timed with client client timed rng "$PORT" 50 700
	reaches kept "$VICTIM"
	reaches blocking "$VICTIM"
	reaches timed "$VICTIM"
	BROKEN=rng-2
	before=$(lines timed)
	$fault $BROKEN
	block=$(lines kept)
	more blocking 20
	more timed 20
	# What was connected before is reset, or has no answer.
	lab_equal "$(failed_after blocking 0 | grep -v -e ECONNRESET -e EAGAIN || true)" ""
	at_most "$(failed_after timed "$before" | wc -l)" "$most" "failed connections of a client that does not block"
	# What keeps to that address without lbdns has failed since, or is still waiting.
	lab_equal "$(tail -n +$((block + 2)) "$OUT/kept" | grep ' ok ' || true)" ""
}

at_most() {
	(($1 <= $2)) || { echo "$1 $3, and at most $2 may be"; return 1; }
}

link_cut() {
	nsenter -t "$(pid_of "$1")" -n ip link set eth0 down
}

server_killed() {
	# shellcheck disable=SC2016
	engine exec "$1" sh -c 'kill -9 "$(cat /run/::.pid)"'
}

container_killed() {
	engine kill "$1" >/dev/null
}

container_stopped() {
	engine stop "$1" >/dev/null
}

# lbdns-inspect, from inside.

inspect() {
	with client /tools/lbdns-inspect "$@"
}

proves_inspect() {
	local address
	service_up 3
	client_up client "${HARDENED[@]}"
	with client client once rng "$PORT" 60 >/dev/null
	inspect status >"$OUT/status"
	for address in "${ADDRESSES[@]}"; do
		grep -Eq "^ +$address .* 20 +33\.3%" "$OUT/status" || { cat "$OUT/status"; return 1; }
	done
	inspect metrics >"$OUT/metrics"
	grep -q '^lbdns_' "$OUT/metrics"
	inspect check --name "rng:$PORT" >"$OUT/check"
	for address in "${ADDRESSES[@]}"; do
		grep -q "$address.*answers" "$OUT/check" || { cat "$OUT/check"; return 1; }
	done
}

# The pods of the next 30 connections of OUTPUT.
next_counts() {
	local before
	before=$(lines "$1")
	more "$1" 30
	tail -n +$((before + 1)) "$OUT/$1" | head -n 30 | counts
}

steered() {
	[ "$(next_counts "$1" | tr ' ' '\n' | sort -n | xargs)" = "$2" ]
}

proves_mode() {
	service_up 3
	client_up client "${HARDENED[@]}"
	started stay with client client stay rng "$PORT" 20
	lab_wait_until steered stay "10 10 10"
	inspect mode off >/dev/null
	lab_wait_until steered stay "0 0 30"
	inspect mode default >/dev/null
	lab_wait_until steered stay "10 10 10"
}

# What containers share.

# turns COUNT FIRST SECOND with|without: that many connections, one of each in turn.
turns() {
	local i
	for ((i = 0; i < $1; i++)); do
		"$4" "$2" client once rng "$PORT" 1
		"$4" "$3" client once rng "$PORT" 1
	done | counts
}

proves_ipc() {
	service_up 3
	client_up first --ipc=shareable
	client_up second --ipc=container:first
	lab_equal "$(turns 3 first second with)" "2 2 2"
	clients_down
	client_up first --ipc=host
	client_up second --ipc=host
	lab_equal "$(turns 3 first second with)" "2 2 2"
}

# Each container of a loop begins anew, by chance; those of one IPC namespace go on where the last one stopped.
proves_loop() {
	local i
	service_up 3
	client_up keeper --ipc=shareable
	for ((i = 0; i < 6; i++)); do
		once with --ipc=container:keeper -- curl -sS "http://rng:$PORT/address"
	done >"$OUT/shared"
	lab_equal "$(counts <"$OUT/shared")" "2 2 2"
}

# A paused container's kernel accepts, and nobody answers.
proves_paused() {
	service_up 3
	client_up client
	engine pause rng-2 >/dev/null
	started timed with client client timed rng "$PORT" 20 700
	lab_wait_until more_lines timed 30
	engine unpause rng-2 >/dev/null
	lab_equal "$(head -n 30 "$OUT/timed" | awk '$2 != "ok"' | wc -l)" 10
}

# Families. Each NETWORK has three servers of its own.

# proves_family inet|inet6 FIELD: FIELD is where the engine has an address of that family.
proves_family() {
	local i ADDRESSES=()
	for i in 1 2 3; do
		[ -e "$SERVERS/$NETWORK-$i" ] || server "$NETWORK-$i"
		ADDRESSES+=("$(engine inspect -f "{{.NetworkSettings.Networks.$NETWORK.$2}}" "$NETWORK-$i")")
	done
	client_up client
	lab_wait_until all_three "$1"
	one_of_three "$(without client client once "${ADDRESSES[0]}" "$PORT" 6 | counts)" 6
	lab_equal "$(with client client "$1" rng "$PORT" 30 | counts)" "10 10 10"
	clients_down
}

all_three() {
	local address known
	known=$(without client client list rng -)
	for address in "${ADDRESSES[@]}"; do
		[[ " $known " == *" $address "* ]] || return 1
	done
}

# The container's life.

proves_limits() {
	service_up 3
	lab_equal "$(once with --memory 16m --pids-limit 8 -- client threads rng "$PORT" 60 4 | counts)" "20 20 20"
	# No thread beside the client's: without refreshes.
	lab_equal "$(once with --pids-limit 1 -- client once rng "$PORT" 30 | counts)" "10 10 10"
}

# Under an init: PID 1 has no default action for signals.
proves_stop() {
	local before
	service_up 3
	engine run -d --name life --label client --network lab client tini -- client stay rng "$PORT" 50 >/dev/null
	lab_wait_until said life 6
	before=$(lab_now)
	engine stop life >/dev/null
	(($(lab_now) - before < 8000)) # 10 s is what an engine gives
	lab_equal "$(engine inspect -f '{{.State.ExitCode}}' life)" 143
}

said() {
	(($(engine logs "$1" | wc -l) >= $2))
}

proves_restart() {
	local first
	service_up 3
	engine run -d --name life --label client --network lab --restart on-failure client client stay rng "$PORT" 50 >/dev/null
	lab_wait_until said life 6
	first=$(pid_of life)
	kill -KILL "$first"
	lab_wait_until restarted life "$first"
	lab_wait_until said life 30
	lab_equal "$(engine logs life | tail -n 12 | counts)" "4 4 4"
}

restarted() {
	local now
	now=$(pid_of "$1")
	((now != 0 && now != $2))
}

# The filter.
proves_filter() {
	client_up client
	with client /tools/forbidden >"$OUT/forbidden"
	diff "$OUT/forbidden" <(awk -F ' *[|] *' -v engine="$ENGINE" '
		/^\| system call/ { for (i = 2; i < NF; i++) if (tolower($i) ~ engine) column = i; next }
		column && /^\| `/ { gsub(/`/, ""); print $2, $column }' "$LAB_ROOT/tests/containers/README.md")
}
