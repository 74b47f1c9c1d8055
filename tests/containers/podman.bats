# lbdns in podman's containers: Debian's podman with runc, netavark and aardvark-dns, and its own seccomp filter.

ENGINE=podman
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
	# Answers say 86,400 s. Each time that aardvark-dns 1.4 hears of a container, it may lose a question, and what is asked
	# again late is late.
	proves_scaling 60000
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

@test "two containers of a pod share one rotation" {
	service_up 3
	podman pod create --name pod --network lab
	NETWORK='' client_up first --pod pod
	NETWORK='' client_up second --pod pod
	lab_equal "$(turns 3 first second with)" "2 2 2"
	podman pod rm -f -t 0 pod
}

@test "a network of IPv6 only, and one of both families" {
	local NETWORK
	engine network create --ipv6 --subnet fd00:89:7::/64 six
	NETWORK=six proves_family inet6 GlobalIPv6Address
	engine network create --ipv6 --subnet fd00:89:8::/64 --subnet 10.89.8.0/24 two
	NETWORK=two proves_family inet6 GlobalIPv6Address
	NETWORK=two proves_family inet IPAddress
}
