# shellcheck disable=SC2016 # backquotes are markdown
# Redis clients, against a real server on each pod.

load ../lab/lab
load matrix
load servers

redis_start() {
	lab_serve redis "$1" redis-server --bind "$1" --port 6379 --protected-mode no --save '' --dir "$LAB"
}

redis_answers() {
	lab_pods_side redis-cli -h "$1" PING
}

setup_file() {
	servers_up redis 6379 redis_start redis_answers
}

teardown_file() {
	lab_down
}

setup() {
	lab_scale redis 3
	[ ! -e "$LAB/client.pid" ] || lab_stop client
}

redis_clis() {
	local i
	for ((i = 0; i < $1; i++)); do
		redis-cli -h redis CONFIG GET bind | tail -n 1
	done
}

@test "redis-cli" {
	served_processes Redis redis-cli '' redis_clis
}

@test "redis-py" {
	served_program Redis redis-py 'a client for each connection' /usr/bin/python3 "$MATRIX/redis_each.py" redis
}

@test "ioredis" {
	served_program Redis ioredis 'a client for each connection' node "$MATRIX/redis.js" redis
}
