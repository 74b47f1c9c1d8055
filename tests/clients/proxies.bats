# shellcheck disable=SC2016 # backquotes are markdown
# Proxies as clients: the name is resolved once, when they start, and without lbdns they keep these addresses for ever.

load ../lab/lab
load matrix

proxy_ready() {
	curl -sf -o "$LAB/ready" http://127.0.0.1:8080/ready
}

through_proxy() {
	lab_wait_until proxy_ready && lab_curl "$2" http://127.0.0.1:8080/address
}

teardown() {
	[ ! -e "$LAB/client.pid" ] || lab_stop client
}

# Other users exist only where the lab is root itself, not in a user namespace.
user_or_root() {
	if setpriv --reuid "$1" --clear-groups true 2>/dev/null; then echo "$1"; else echo root; fi
}

make_nginx() {
	mkdir -p "$LAB/nginx"
	sed "s/WORKERS/$1/; s/USER/$(user_or_root www-data)/" "$MATRIX/proxies/nginx.conf" >"$LAB/nginx/nginx.conf"
	nginx=("$(PATH+=:/usr/sbin command -v nginx)" -p "$LAB/nginx" -c nginx.conf -e stderr)
}

# What the unmodified proxy does after a scale-up: the note says so, and nothing else may be true.
unmodified_after() {
	lab_up
	matrix_start client "$@"
	through_proxy client 3 >"$LAB/before"
	lab_scale rng-headless 5
	lab_equal "$(matrix_checked 60 through_proxy client 60)" "$UNMODIFIED_AFTER"
	lab_stop client
}

@test "nginx" {
	make_nginx 1
	UNMODIFIED_AFTER="20 0 20 0 20" unmodified_after "${nginx[@]}"
	MATRIX_ASK=through_proxy matrix_program Proxies 'nginx `proxy_pass`' \
		'no reload; without lbdns new pods get nothing until a reload' "${nginx[@]}"
}

# Each worker by itself. One that has had no connection yet does not look.
workers_are_scaled() {
	local worker
	through_proxy client 5 >"$LAB/probe"
	for worker in $(pgrep -P "$(<"$LAB/client.pid")"); do
		grep -q "^lbdns\[$worker\]: info: rng-headless.*: 5 endpoints$" "$LAB/client.err" || return
	done
}

@test "nginx with 4 workers" {
	make_nginx 4
	export LBDNS_LOG=info
	lab_up
	matrix_start client "${nginx[@]}"
	unmodified=$(matrix_checked 60 through_proxy client 60)
	lab_stop client
	lab_up
	matrix_start client with_lbdns "${nginx[@]}"
	with=$(matrix_checked 60 through_proxy client 60)
	lab_scale rng-headless 5
	lab_wait_until workers_are_scaled
	after=$(matrix_checked 60 through_proxy client 60)
	lab_stop client
	matrix_result Proxies 'nginx, 4 workers' 'the workers share one rotation' "$unmodified" "$with" "$after"
}

make_haproxy() {
	local identity=
	[ "$(user_or_root haproxy)" = root ] || identity=$'user haproxy\\n\tgroup haproxy'
	mkdir -p "$LAB/chroot"
	sed "s|CHROOT|$LAB/chroot|; s|IDENTITY|$identity|; s|FORK|${1-}|" "$MATRIX/proxies/haproxy.cfg" >"$LAB/haproxy.cfg"
	haproxy=("$(PATH+=:/usr/sbin command -v haproxy)" -f "$LAB/haproxy.cfg")
}

@test "HAProxy in its chroot" {
	make_haproxy
	UNMODIFIED_AFTER="0 0 0 0 60" unmodified_after "${haproxy[@]}" -db
	MATRIX_ASK=through_proxy matrix_program Proxies 'HAProxy `server`' \
		'no reload, in the chroot of Debian; without lbdns one pod gets all' "${haproxy[@]}" -db
}

# The master resolves the name, and its worker, once it is another user, may start no thread (RLIMIT_NPROC is 0).
@test "HAProxy with a master, as Debian's service" {
	make_haproxy
	[ "$(user_or_root haproxy)" != root ] || skip 'the limit does not hold for root'
	lab_up
	matrix_start client "${haproxy[@]}" -W
	unmodified=$(matrix_checked 60 through_proxy client 60)
	lab_stop client
	lab_up
	matrix_start client with_lbdns "${haproxy[@]}" -W
	with=$(matrix_checked 60 through_proxy client 60)
	lab_scale rng-headless 5
	after=$(matrix_checked 60 through_proxy client 60)
	lab_stop client
	MATRIX_AFTER="20 0 20 0 20" matrix_result Proxies 'HAProxy -W, as Debian runs it' \
		'rotates, but does not find new pods: HAProxy forbids its workers to start threads. See the next row' \
		"$unmodified" "$with" "$after"
}

@test "HAProxy with a master whose workers may start threads" {
	make_haproxy insecure-fork-wanted
	MATRIX_ASK=through_proxy matrix_program Proxies 'HAProxy -W, `insecure-fork-wanted`' \
		'that line in the `global` section lets workers start a thread' "${haproxy[@]}" -W
}
