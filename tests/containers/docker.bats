# lbdns in containers of a Docker engine (Debian's), with its own DNS and seccomp filter.

ENGINE=docker
load containers

setup_file() {
	engine_up
}

teardown() {
	clients_down
	[ -z "${BROKEN-}" ] || remove "$BROKEN"
}

@test "three containers behind one alias: exact as root, and as nobody who may nothing, with glibc and musl" {
	proves_rotation
}

@test "scaled to 5 and to 1: clients that keep their answer follow, and none fails" {
	proves_scaling 10000 # Docker's answers say 600 s
}

@test "a container's link is cut: a client that blocks does not fail, another waits for it twice at most" {
	proves_failover link_cut 2
}

@test "a server is killed, and its container goes on: a client that blocks does not fail, another once at most" {
	proves_failover server_killed 1
}

@test "a container is killed: a client that blocks does not fail, another twice at most" {
	proves_failover container_killed 2
}

@test "a container is stopped: a client that blocks does not fail, another twice at most" {
	proves_failover container_stopped 2
}

@test "status, metrics and check from inside, for a client that may nothing" {
	proves_inspect
}

@test "mode off by exec: the client stays where libc has it; default takes it back" {
	proves_mode
}

@test "containers that share an IPC namespace share one rotation" {
	proves_ipc
}

@test "a loop of run --rm curl that shares an IPC namespace rotates as one program" {
	proves_loop
}

@test "a paused container accepts, and does not answer: it keeps its turns" {
	proves_paused
}

@test "memory of 16 MiB, 8 threads, or 1" {
	proves_limits
}

@test "under tini, as in the README, a client ends at once by stop" {
	proves_stop
}

@test "a client that its restart policy starts again rotates again" {
	proves_restart
}

@test "what its default filter forbids is what the table says" {
	proves_filter
}

@test "a network of both families" {
	engine network create --ipv6 --subnet fd00:89:8::/64 --subnet 10.89.8.0/24 two
	NETWORK=two proves_family inet6 GlobalIPv6Address
	NETWORK=two proves_family inet IPAddress
}

# Compose, with the README's file; and who says that a client is there, with lbdns and without.

compose() {
	(cd "$LAB/compose" && unattached docker-compose --no-ansi -p lab "$@" >"$LAB/compose.log" 2>&1) ||
		{ cat "$LAB/compose.log"; return 1; }
}

container_of() {
	docker ps -q --filter "label=com.docker.compose.service=$1"
}

composed() {
	container_of rng | while read -r name; do
		docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$name"
	done | sort -V
}

# Of the service's N containers each had four of the last 4 N connections.
evenly() {
	mapfile -t ADDRESSES < <(composed)
	[ ${#ADDRESSES[@]} = "$1" ] && [ "$(docker logs --tail $((4 * $1)) "$(container_of client)" | counts | tr -d '4 ')" = "" ]
}

@test "the README's file for Compose, up --scale rng=3, 5, 3 and 1: a client follows, and never fails" {
	mkdir -p "$LAB/compose"
	readme yaml >"$LAB/compose/docker-compose.yml"
	cat >"$LAB/compose/docker-compose.override.yml" <<-'END'
		services:
		  client:
		    command: client stay rng 8081 50
		  plain:
		    image: client
		    command: client stay rng 8081 50
		    environment: {LD_PRELOAD: ""}
		    depends_on: [rng]
	END
	for scale in 3 5 3 1; do
		compose up -d --scale rng=$scale
		lab_wait_until evenly $scale
		[ $scale = 1 ] || lab_equal "$(docker logs "$(container_of plain)" | awk '{ print $4 }' | sort -u | wc -l)" 1
	done
	lab_equal "$(docker logs "$(container_of client)" | awk '$2 != "ok" && $2 != "ECONNRESET"')" ""
	compose down -t 0
}
