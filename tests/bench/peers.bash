# What is measured: pods, DNS on loopback, and the contestants. Part of tests/bench/inside.
# shellcheck shell=bash disable=SC2154
#
# For bench.py, in $BENCH: `peers`, a line for each contestant: section, name, processes that work for it ("-" or a file
# of their process id), and its command; `absent`, section, name and why it cannot run.

BENCH=$LAB/bench
BENCH_PORT=9000
BENCH_VIRTUAL=10.96.0.100
BENCH_DELAY_US=500
DRIVER=$LAB_BUILD/bench/driver
PODS=(10.244.1.11 10.244.2.12 10.244.3.13)
# Whoever makes a connection and whoever takes it have one CPU, the last, and run until they wait: nobody has to be woken
# on another CPU, which in a virtual machine costs more, and varies more, than anything that is measured here. Rates are
# those of one CPU, then. The network, where it takes time, works while the others wait (see driver/delay.c).
BENCH_PLACED=(taskset -c $(($(nproc) - 1)))
BENCH_NETWORK=("${BENCH_PLACED[@]}")
if chrt -f 2 true 2>/dev/null; then
	BENCH_PLACED+=(chrt -f 2)
	BENCH_NETWORK+=(chrt -f 1)
fi

bench_peer() {
	local section=$1 name=$2 helper=$3
	shift 3
	printf '%s\t%s\t%s\t%s\n' "$section" "$name" "$helper" "$*" >>"$BENCH/peers"
}

bench_absent() {
	printf '%s\t%s\t%s\n' "$1" "$2" "${3//$'\n'/; }" >>"$BENCH/absent"
}

# In the background, its output in $BENCH/NAME.log and its process id in $BENCH/NAME.pid; fails, with what it said, if it
# does not say or do what READY waits for.
bench_start() {
	local name=$1 ready=$2
	shift 2
	("$@" >"$BENCH/$name.log" 2>&1 </dev/null) &
	echo $! >"$BENCH/$name.pid"
	LAB_PATIENCE=5 lab_wait_until bench_is_up "$name" "$ready" >"$BENCH/$name.wait" 2>&1 && return
	tail -n 2 "$BENCH/$name.log"
	return 1
}

bench_is_up() {
	lab_gone "$(<"$BENCH/$1.pid")" || eval "$2"
}

bench_listens() {
	timeout 1 bash -c ": </dev/tcp/$1/$2" 2>/dev/null
}

bench_pods_up() {
	local i
	mkdir "$BENCH"
	: >"$BENCH/peers"
	: >"$BENCH/absent"
	for ((i = 4; i <= 8; i++)); do
		lab_pods_side ip addr replace "$(lab_address $i)/32" dev pods
	done
	lab_serve bench "${PODS[0]}" "${BENCH_PLACED[@]}" "$DRIVER" serve $BENCH_PORT
	lab_wait_until bench_listens "${PODS[0]}" $BENCH_PORT
	lab_crowd_start 8081
}

# dnsmasq on loopback, which logs nothing, and knot for large answers. bench.py chooses between them and the lab's own.
bench_names_up() {
	local count i
	{
		printf "%s rng-headless.$LAB_DOMAIN\n" "${PODS[@]}"
		for count in 1 3 100 1000; do
			for ((i = 1; i <= count; i++)); do
				echo "10.245.$((i / 250)).$((i % 250 + 1)) service-$count.$LAB_DOMAIN"
			done
		done
	} >"$BENCH/hosts"
	dnsmasq --conf-file=/dev/null --user=root --group= --pid-file="$BENCH/dnsmasq.pid" --listen-address=127.0.0.1 \
		--bind-interfaces --no-resolv --no-hosts --addn-hosts="$BENCH/hosts" --local=/#/ --local-ttl=1 --max-ttl=1
	lab_knot_start service-4000 4000
	for ((i = 1; i <= 1000; i++)); do
		echo "service-1000.$LAB_DOMAIN. A 10.245.$((i / 250)).$((i % 250 + 1))"
	done >>"$LAB/knot/cluster.local.zone"
	sed -i 's/ 1 3600 600 / 2 3600 600 /' "$LAB/knot/cluster.local.zone"
	kill -HUP "$(<"$LAB/knot.pid")"
	lab_wait_until lab_knot_has "service-1000.$LAB_DOMAIN" 1000
}

bench_peers_up() {
	local rotated=${PODS[0]},${PODS[1]},${PODS[2]}
	local with="env LD_PRELOAD=$LIBLBDNS" client="${BENCH_PLACED[*]} $DRIVER client"
	sysctl -qw net.ipv4.ip_local_port_range='10000 65000' net.ipv4.tcp_tw_reuse=1 2>/dev/null || true
	bench_peer connect plain - "$client once ${PODS[0]} $BENCH_PORT"
	bench_peer connect 'plain again' - "$client once ${PODS[0]} $BENCH_PORT"
	bench_peer connect 'plain, rotates itself' - "$client once $rotated $BENCH_PORT"
	bench_peer connect 'plain, one poll more' - "$client poll ${PODS[0]} $BENCH_PORT"
	bench_peer connect lbdns - "$with $client once rng-headless $BENCH_PORT"
	bench_peer connect 'lbdns, ATTEMPTS=1' - "$with LBDNS_ATTEMPTS=1 $client once rng-headless $BENCH_PORT"
	bench_peer connect 'lookup each time' - "$client lookup rng-headless $BENCH_PORT"
	bench_ebpf_up
	bench_nftables_up
	bench_haproxy_up
	bench_nginx_up
	bench_peer connect 'plain, non-blocking' - "$client nonblock ${PODS[0]} $BENCH_PORT"
	bench_peer connect 'plain again, non-blocking' - "$client nonblock ${PODS[0]} $BENCH_PORT"
	bench_peer connect 'plain, rotates itself, non-blocking' - "$client nonblock $rotated $BENCH_PORT"
	bench_peer connect 'lbdns, non-blocking' - "$with $client nonblock rng-headless $BENCH_PORT"
	bench_peer lookup glibc - "$DRIVER lookup"
	bench_peer lookup lbdns - "$with $DRIVER lookup"
	bench_nscd_up
	bench_delay_up
	[[ ${BENCH_PLACED[*]} == *chrt* ]] || bench_absent connect 'a priority that keeps others off the CPU' 'no right to chrt -f'
}

bench_ebpf_up() {
	local why
	if [ -z "$BENCH_CGROUP" ]; then
		bench_absent connect 'eBPF connect4' 'no cgroup of version 2 can be made (no root, or none mounted)'
	elif ! why=$(bench_start ebpf "grep -q ready $BENCH/ebpf.log" \
		"$LAB_BUILD/bench/connect4" "$BENCH_CGROUP" $BENCH_VIRTUAL $BENCH_PORT "${PODS[@]}") ||
		lab_gone "$(<"$BENCH/ebpf.pid")"; then
		bench_absent connect 'eBPF connect4' "$(head -n 1 "$BENCH/ebpf.log") $why"
	else
		printf '#!/bin/bash\necho 0 >%s/cgroup.procs\nexec "$@"\n' "$BENCH_CGROUP" >"$BENCH/in-cgroup"
		chmod +x "$BENCH/in-cgroup"
		bench_peer connect 'eBPF connect4' - "$BENCH/in-cgroup ${BENCH_PLACED[*]} $DRIVER client once $BENCH_VIRTUAL $BENCH_PORT"
	fi
}

# In a network namespace of its own, or the connection tracking would be everybody's.
bench_nftables_up() {
	local net=$LAB/dnat.net why
	: >"$net"
	unshare --net="$net" true
	ip link add dnat type veth peer name pods-dnat
	ip link set dnat netns "$net"
	ip link set pods-dnat netns "$LAB/pods.net"
	lab_pods_side ip addr add 10.244.9.1/24 dev pods-dnat
	lab_pods_side ip link set pods-dnat up
	if ! why=$(nsenter --net="$net" bash 2>&1 <<-END
		set -e
		ip link set lo up
		ip addr add 10.244.9.2/24 dev dnat
		ip link set dnat up
		ip route add default via 10.244.9.1
		nft -f - <<-RULES
			table ip bench {
				chain output {
					type nat hook output priority -100;
					ip daddr $BENCH_VIRTUAL tcp dport $BENCH_PORT dnat to numgen inc mod 3 map {
						0 : ${PODS[0]}, 1 : ${PODS[1]}, 2 : ${PODS[2]} }
				}
			}
		RULES
		# so that the table of connections does not fill up
		sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_close=1 net.ipv4.ip_local_port_range='10000 65000'
	END
	); then
		bench_absent connect 'nftables DNAT' "$why"
		return
	fi
	bench_peer connect 'nftables DNAT' - "nsenter --net=$net -- ${BENCH_PLACED[*]} $DRIVER client once $BENCH_VIRTUAL $BENCH_PORT"
}

bench_haproxy_up() {
	local why
	command -v haproxy >/dev/null || { bench_absent connect HAProxy 'not installed'; return; }
	cat >"$BENCH/haproxy.cfg" <<-END
		defaults
			mode tcp
			timeout connect 5s
			timeout client 30s
			timeout server 30s
		listen pods
			bind 127.0.0.1:9101
			balance roundrobin
			$(printf 'server pod%d %s:9000\n' 1 "${PODS[0]}" 2 "${PODS[1]}" 3 "${PODS[2]}")
	END
	if why=$(bench_start haproxy 'bench_listens 127.0.0.1 9101' "${BENCH_PLACED[@]}" haproxy -db -f "$BENCH/haproxy.cfg") &&
		bench_listens 127.0.0.1 9101; then
		bench_peer connect HAProxy "$BENCH/haproxy.pid" "${BENCH_PLACED[*]} $DRIVER client once 127.0.0.1 9101"
	else
		bench_absent connect HAProxy "$why"
	fi
}

bench_nginx_up() {
	local why module=/usr/lib/nginx/modules/ngx_stream_module.so
	if ! command -v nginx >/dev/null || [ ! -e $module ]; then
		bench_absent connect 'nginx stream' 'not installed'
		return
	fi
	cat >"$BENCH/nginx.conf" <<-END
		load_module $module;
		daemon off;
		user root;
		pid $BENCH/nginx-itself.pid;
		error_log stderr;
		worker_processes auto;
		events { worker_connections 4096; }
		stream {
			upstream pods { $(printf 'server %s:9000; ' "${PODS[@]}") }
			server { listen 127.0.0.1:9102 backlog=4096; proxy_pass pods; }
		}
	END
	if why=$(bench_start nginx 'bench_listens 127.0.0.1 9102' "${BENCH_PLACED[@]}" nginx -c "$BENCH/nginx.conf") &&
		bench_listens 127.0.0.1 9102; then
		bench_peer connect 'nginx stream' "$BENCH/nginx.pid" "${BENCH_PLACED[*]} $DRIVER client once 127.0.0.1 9102"
	else
		bench_absent connect 'nginx stream' "$why"
	fi
}

# The ways back from the pods take their time; connect.py turns the answers to them.
bench_delay_up() {
	local why delay=("${BENCH_NETWORK[@]}" "$DRIVER" delay "$BENCH_DELAY_US" "$LAB/pods.net")

	# It ends with its input.
	if ! why=$("${delay[@]}" slow-dnat "$LAB/dnat.net" slow 2>&1 </dev/null); then
		bench_absent connect 'network delay' "$why"
		return
	fi
	bench_peer delay client - "${delay[*]} slow /proc/self/ns/net slow"
	bench_peer delay dnat - "${delay[*]} slow-dnat $LAB/dnat.net slow"
}

# In a mount namespace of its own, or libc would ask it for everybody.
bench_nscd_up() {
	local nscd
	nscd=$(command -v nscd || command -v unscd) || { bench_absent lookup nscd 'not installed'; return; }
	mkdir -p /run/nscd /var/cache/nscd
	printf 'enable-cache hosts yes\npositive-time-to-live hosts 3600\nshared hosts yes\n' >"$BENCH/nscd.conf"
	cat >"$BENCH/with-nscd" <<-END
		#!/bin/bash
		mount -t tmpfs nscd /run/nscd && mount -t tmpfs nscd /var/cache/nscd || exit 1
		$nscd --foreground -f $BENCH/nscd.conf >$BENCH/nscd.log 2>&1 </dev/null &
		for ((i = 0; i < 100; i++)); do
			[ ! -S /run/nscd/socket ] || exec "\$@"
			sleep 0.02
		done
		exit 1
	END
	chmod +x "$BENCH/with-nscd"
	if unshare -m "$BENCH/with-nscd" true; then
		bench_peer lookup nscd - "unshare -m $BENCH/with-nscd $DRIVER lookup"
	else
		bench_absent lookup nscd "it does not start: $(tail -n 1 "$BENCH/nscd.log")"
	fi
}
