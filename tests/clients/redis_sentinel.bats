# shellcheck disable=SC2016,SC2046,SC2086 # backquotes are markdown; words are meant
# Clients of Redis Sentinel, with server and sentinel on each pod of one name, as the usual charts have it: they look the
# name up for a sentinel, which tells them the master's address.

load ../lab/lab
load matrix
load servers

MASTER=10.244.2.12

pod_start() {
	local dir=$LAB/sentinel-$1 replica=(--replicaof "$MASTER" 6379)
	[ "$1" != "$MASTER" ] || replica=()
	mkdir "$dir"
	lab_serve redis "$1" redis-server --bind "$1" --bind-source-addr "$1" --port 6379 --protected-mode no --save '' \
		--dir "$dir" "${replica[@]}"
	cat >"$dir/sentinel.conf" <<-EOF
		bind $1
		bind-source-addr $1
		port 26379
		protected-mode no
		dir $dir
		sentinel announce-ip $1
		sentinel monitor m $MASTER 6379 2
	EOF
	lab_serve sentinel "$1" redis-server "$dir/sentinel.conf" --sentinel
}

# The replicas are known too: what a client is told does not change any more.
pod_answers() {
	[ "$(lab_pods_side redis-cli -h "$1" -p 26379 SENTINEL get-master-addr-by-name m | head -n 1)" = "$MASTER" ] &&
		[[ $(lab_pods_side redis-cli -h "$1" ROLE | xargs) == @(master *|slave *connected*) ]]
}

setup_file() {
	rm -rf "$LAB"/sentinel-*
	servers_up redis 6379 pod_start pod_answers 3
}

teardown_file() {
	lab_down
}

setup() {
	[ ! -e "$LAB/client.pid" ] || lab_stop client
}

# writes PROGRAM...: how many of 30 writes succeeded, and how many connections came to each of the sentinels.
writes() {
	matrix_start client "$@" redis
	lab_arrivals_reset
	matrix_ask client 30 >"$LAB/written"
	lab_stop client
	echo "$(grep -c ' ok$' "$LAB/written") at $(lab_arrivals 26379 $(served_pods 3))"
}

@test "ioredis, Redis Sentinel, with the sentinels' port in LBDNS_NAMES" {
	lab_equal "$(writes node "$MATRIX/sentinel.js")" "30 at 0 0 30"
	# what it is for: replicas refuse to be written to
	lab_equal "$(MATRIX_LBDNS=LBDNS_NAMES=redis writes with_lbdns node "$MATRIX/sentinel.js")" "10 at 10 10 10"
	lab_equal "$(MATRIX_LBDNS=LBDNS_NAMES=redis:26379 writes with_lbdns node "$MATRIX/sentinel.js")" "30 at 10 10 10"
	lab_equal "$(MATRIX_LBDNS=LBDNS_EXCLUDE=redis:6379 writes with_lbdns node "$MATRIX/sentinel.js")" "30 at 10 10 10"
	matrix_row Redis 'ioredis, Redis Sentinel, `LBDNS_NAMES=redis:26379`' 'every write at the master' \
		'every write at the master' – \
		'dials the number that a sentinel names: list the name with the port of the sentinels (or exclude it with that of the servers), or the master is any pod'
}

# The number goes through getaddrinfo, which shows lbdns that it is meant.
@test "redis-py Sentinel" {
	lab_equal "$(writes /usr/bin/python3 "$MATRIX/sentinel.py")" "30 at 0 0 30"
	lab_equal "$(writes with_lbdns /usr/bin/python3 "$MATRIX/sentinel.py")" "30 at 10 10 10"
	matrix_row Redis 'redis-py `Sentinel`' 'every write at the master' 'every write at the master' – ''
}
