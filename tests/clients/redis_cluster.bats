# shellcheck disable=SC2016,SC2046,SC2086 # backquotes are markdown; words are meant
# Clients of a Redis Cluster choose the server for each key themselves, and have to reach that one.

load ../lab/lab
load matrix
load servers

node_start() {
	mkdir "$LAB/cluster-$1"
	lab_serve cluster "$1" redis-server --bind "$1" --bind-source-addr "$1" --port 6379 --protected-mode no \
		--save "" --dir "$LAB/cluster-$1" --cluster-enabled yes --cluster-node-timeout 60000
}

node_answers() {
	lab_pods_side redis-cli -h "$1" PING
}

# Three that write, each with a replica.
setup_file() {
	rm -rf "$LAB"/cluster-*
	servers_up cluster 6379 node_start node_answers 6
	lab_scale cluster 6
	lab_pods_side redis-cli --cluster create $(served_pods 6 | sed 's/$/:6379/') --cluster-replicas 1 --cluster-yes \
		>"$LAB/cluster.create"
	lab_wait_until cluster_agrees
}

teardown_file() {
	lab_down
}

setup() {
	[ ! -e "$LAB/client.pid" ] || lab_stop client
}

cluster_agrees() {
	local address state
	for address in $(served_pods 6); do
		state=$(lab_pods_side redis-cli -h "$address" CLUSTER INFO | tr -d '\r')
		[[ $state == *cluster_state:ok* && $state == *cluster_known_nodes:6* ]] || return
		[ "$(lab_pods_side redis-cli -h "$address" CLUSTER NODES | grep -c 'slave .* connected$')" = 3 ] || return
	done
}

# How often the servers have said MOVED since.
moved_reset() {
	local address
	for address in $(served_pods 6); do
		lab_pods_side redis-cli -h "$address" CONFIG RESETSTAT >"$LAB/reset"
	done
}

moved() {
	local address
	for address in $(served_pods 6); do
		lab_pods_side redis-cli -h "$address" INFO errorstats
	done | tr -d '\r' | awk -F = '/^errorstat_MOVED/ { n += $2 } END { print n + 0 }'
}

# What a client made of 60 keys, written and read, and how often it was sent elsewhere.
redis_cli() {
	local i
	moved_reset
	for ((i = 0; i < 60; i++)); do
		echo "SET cli-$i $i"
		echo "GET cli-$i"
	done | timeout 60 "$@" redis-cli -c -h cluster >"$LAB/cli.out" 2>&1
	lab_equal "$(grep -x '[0-9]*' "$LAB/cli.out" | xargs)" "$(seq 0 59 | xargs)" >&2 || return
	moved
}

# A step from one node to another is a MOVED, with and without lbdns; the node it begins at may make one more.
@test "redis-cli -c" {
	local without with
	without=$(redis_cli env)
	for _ in 1 2 3 4 5 6; do
		with=$(redis_cli env LD_PRELOAD="$LIBLBDNS")
		((with >= without - 1 && with <= without + 1)) || lab_equal "$with MOVED" "$without MOVED"
	done
	matrix_row Redis 'redis-cli -c, Redis Cluster' 'every key at its node' 'every key at its node' – ''
}

keys() {
	moved_reset
	matrix_start client "$@" cluster 6379
	lab_equal "$(matrix_ask client 60 | grep -c ' ok$' || true) keys" '60 keys' || return
	lab_equal "$(moved) MOVED" '0 MOVED' || return
	lab_stop client
}

# The addresses that the cluster tells it go through getaddrinfo, which shows lbdns that they are meant.
@test "redis-py RedisCluster" {
	local program="/usr/bin/python3 $MATRIX/cluster.py"
	keys $program
	for _ in 1 2 3 4 5 6; do
		keys with_lbdns $program
	done
	matrix_row Redis 'redis-py `RedisCluster`' 'every key at its node' 'every key at its node' – ''
}

# Node dials the addresses that the cluster tells it without asking libc: to lbdns they look like a cached answer.
@test "ioredis Cluster, with LBDNS_CONNECT=off" {
	local program="node $MATRIX/cluster.js"
	keys $program
	for _ in 1 2 3 4 5 6; do
		MATRIX_LBDNS=LBDNS_CONNECT=off keys with_lbdns $program
	done
	matrix_row Redis 'ioredis `Cluster`, `LBDNS_CONNECT=off`' 'every key at its node' 'every key at its node' – \
		'chooses a node for each key and dials its address: set `LBDNS_CONNECT=off`, or it ends with "Too many Cluster redirections"'
}
