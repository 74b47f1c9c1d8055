# What podman.bats and docker.bats share, each with its ENGINE: the engine, images, a service, clients, and what both prove.
#
#   engine ARGUMENT...          podman or docker
#   engine_up                   for setup_file: the engine and its DNS, the images "client" and "client-musl", the network "lab"
#   service_up N                N containers, rng-1 to rng-N, and no others, serve behind the alias rng; ADDRESSES are theirs
#   server NAME [OPTION...]     one more
#   once with|without [OPTION...] -- PROGRAM...    in a container of its own of the client's image
#   client_up NAME [OPTION...]  a container of it that waits for
#   with NAME PROGRAM..., without NAME PROGRAM...  run in it, with lbdns or without
#   started OUTPUT with|without NAME PROGRAM...    in the background, output to $OUT/OUTPUT
#   clients_down                ends all clients
#   counts <LINES               as lab_counts, for ADDRESSES
# shellcheck shell=bash disable=SC2154 # DEBIAN is of tests/containers/run

load ../lab/lab
# shellcheck source-path=SCRIPTDIR source=both.bash
. "$LAB_ROOT/tests/containers/both.bash"

PATH=/usr/sbin:/usr/bin:/sbin:/bin # Debian's own engines, if there are others too
TOOLS=$LAB/tools
OUT=$LAB/out
SERVERS=$LAB/servers
PORT=8081
NETWORK=lab # of servers and clients; none: what options say
DEBIAN_IMAGE=docker.io/library/debian:12-slim

engine() (
	set +T # bats looks at each command of a function (lab_untraced), which takes longer than they do
	unattached "$ENGINE" "$@"
)

# Becomes PROGRAM, without any of bats's descriptors: bats waits for whoever has one, and what an engine starts has what it has.
unattached() {
	local fd
	for fd in "/proc/$BASHPID/fd/"*; do
		fd=${fd##*/}
		((fd <= 2)) || eval "exec $fd>&-"
	done
	exec "$@"
}

# What an engine writes besides, in /etc and /var/lib, is in memory, and seen by nobody else. Nobody but its DNS answers names.
engine_up() {
	[ -n "${DEBIAN-}" ] || { echo 'containers: use make check-containers' >&2; return 1; }
	mkdir -p "$TOOLS" "$OUT" "$SERVERS" /run/etc/upper /run/etc/work
	chmod 755 "$LAB" "$TOOLS"
	chmod 1777 "$OUT"
	mkfifo "$LAB/never"
	mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work etc /etc
	mount -t tmpfs -o mode=755 lib /var/lib
	rm -f /etc/hosts /etc/resolv.conf
	printf '127.0.0.1 localhost\n' >/etc/hosts
	printf 'nameserver 127.0.0.1\n' >/etc/resolv.conf
	cp "$LAB_BUILD"/{lbdns-inspect,containers/forbidden,lab/pod} /usr/bin/tini-static "$TOOLS"
	"${ENGINE}_up"
	make_images
	engine network create --subnet 10.89.7.0/24 lab
}

podman_up() {
	export CONTAINERS_CONF=/run/containers.conf
	cat >$CONTAINERS_CONF <<-END
		[containers]
		default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		runtime = "runc"
		[network]
		network_backend = "netavark"
	END
	(unattached busybox syslogd) # without one, aardvark-dns does not start
}

docker_up() {
	unattached dockerd --exec-root /run/docker --data-root /var/lib/docker --pidfile /run/docker.pid --userland-proxy=false \
		--storage-driver overlay2 >"$LAB/dockerd.log" 2>&1 </dev/null &
	lab_wait_until docker_answers
}

docker_answers() {
	docker version >/dev/null 2>&1
}

# "client" by the README's Dockerfile, where somebody has built lbdns and has a client; "client-musl", the same over a root of
# musl and busybox; and "rng", the service, of which the server is not PID 1.
make_images() {
	local context=$LAB/context musl=$LAB/musl
	mkdir -p "$context/build" "$musl"
	readme dockerfile >"$context/Dockerfile"
	cp "$LIBLBDNS" "$context/build"
	cp "$CLIENT" "$context/client"
	engine import "$DEBIAN" "$DEBIAN_IMAGE"
	engine build -t client "$context"

	mkdir "$LAB/rng"
	cp "$TOOLS"/{pod,tini-static} "$LAB/rng"
	install -m 755 /dev/stdin "$LAB/rng/serve" <<-'END'
		#!/bin/sh
		# Ends once all is answered that was accepted.
		pod /run /dev/null 8081 ::
		read -r pid </run/::.pid
		trap 'kill "$pid"; while [ -d "/proc/$pid" ]; do sleep 0.05; done; exit' TERM
		sleep infinity &
		wait
	END
	cat >"$LAB/rng/Dockerfile" <<-'END'
		FROM debian:12-slim
		COPY pod tini-static /usr/bin/
		COPY serve /usr/bin/
		CMD ["tini-static", "--", "serve"]
	END
	engine build -t rng "$LAB/rng"

	tar -C "$musl" -xf "$DEBIAN" ./usr/bin/busybox ./usr/lib/x86_64-linux-musl ./usr/lib/ld-musl-x86_64.so.1
	mkdir "$musl"/{etc,run,tmp}
	ln -s usr/bin "$musl/bin"
	ln -s usr/lib "$musl/lib"
	busybox --list | while read -r name; do
		[ -e "$musl/usr/bin/$name" ] || ln -s busybox "$musl/usr/bin/$name"
	done
	tar -C "$musl" -c . | engine import - docker.io/library/musl:1
	sed -i 's/^FROM .*/FROM docker.io\/library\/musl:1/' "$context/Dockerfile"
	cp "$CLIENT_MUSL" "$context/client"
	engine build -t client-musl "$context"
}

# What the README has of a language.
readme() {
	awk -v begin="^\`\`\`$1\$" '$0 ~ begin { on = 1; next } /^```/ { on = 0 } on' "$LAB_ROOT/README.md"
}

# Servers. $SERVERS/NAME has the process id and the address of each, because engines take their time to say.

server() {
	local name=$1 pid address
	shift
	engine run -d --name "$name" --network "$NETWORK" --network-alias rng "$@" rng >/dev/null
	read -r pid address < <(engine inspect -f "{{.State.Pid}} {{.NetworkSettings.Networks.$NETWORK.IPAddress}}" "$name")
	echo "$pid $address" >"$SERVERS/$name"
	lab_wait_until listens "$name"
}

pid_of() {
	engine inspect -f '{{.State.Pid}}' "$1"
}

# On port 8081.
listens() {
	local pid
	read -r pid _ <"$SERVERS/$1"
	grep -qs ':1F91 0*:0000 0A' "/proc/$pid/net/tcp6"
}

service_up() {
	local i name address changed=
	for name in "$SERVERS"/rng-*; do
		name=${name##*/}
		if [[ $name == *'*' ]] || { ((${name#rng-} <= $1)) && listens "$name"; }; then continue; fi
		engine stop "$name" >/dev/null
		remove "$name"
		changed=yes
	done
	ADDRESSES=()
	for ((i = 1; i <= $1; i++)); do
		[ -e "$SERVERS/rng-$i" ] || { server "rng-$i"; changed=yes; }
		read -r _ address <"$SERVERS/rng-$i"
		ADDRESSES+=("$address")
	done
	[ -z "$changed" ] || lab_wait_until dns_has "$1"
}

exists() {
	engine inspect "$1" >/dev/null 2>&1
}

remove() {
	rm -f "${@/#/$SERVERS/}"
	if [ "$ENGINE" = podman ]; then
		podman rm -f -t 0 --depend --ignore "$@" >/dev/null
	else
		docker rm -f "$@" >/dev/null
	fi
}

# As a container is told.
dns_has() {
	exists asker || engine run -d --name asker --network lab client sleep infinity >/dev/null
	[ "$(without asker client list rng - | wc -w)" = "$1" ]
}

counts() {
	lab_counts "${ADDRESSES[*]}"
}

# Clients

client_up() {
	local name=$1
	shift
	engine run -d --name "$name" --label client ${NETWORK:+--network "$NETWORK"} -v "$TOOLS:/tools:ro" -v "$OUT:/out" "$@" \
		"${IMAGE-client}" sleep infinity >/dev/null
}

clients_down() {
	local names
	mapfile -t names < <(engine ps -aq --filter label=client)
	[ ${#names[@]} = 0 ] || remove "${names[@]}"
	rm -f "$OUT"/*
}

with() {
	engine exec "$@"
}

without() {
	engine exec -e LD_PRELOAD= "$@"
}

once() {
	local preload=() options=()
	[ "$1" = with ] || preload=(-e LD_PRELOAD=)
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	engine run --rm --network "$NETWORK" "${preload[@]}" "${options[@]}" "${IMAGE-client}" "$@"
}

started() {
	local output=$1 how=$2 name=$3 preload=()
	shift 3
	[ "$how" = with ] || preload=(-e LD_PRELOAD=)
	engine exec -d "${preload[@]}" "$name" sh -c "exec $* >/out/$output 2>&1"
	lab_wait_until test -s "$OUT/$output"
}
