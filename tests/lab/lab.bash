# The lab: pods, DNS and scaling in namespaces of its own. Source it inside tests/lab/enter (tests/run does that for bats
# files: `load ../lab/lab`). Nothing here touches anything outside; all of it ends with the namespaces.
#
# One client side, where commands run (10.244.3.2/24, fd00:244:3::2/64), and one pods' side behind a veth pair, which routes
# nothing: packets to an address nobody has there vanish, as those to a dead pod do. Pod i is lab_address i, 10.244.1.11,
# 10.244.2.12, 10.244.3.13, 10.244.1.14 and so on; the third is in the client's /24, so unmodified clients all go there.
# A NAME is relative to default.svc.cluster.local unless it ends with a dot. DNS: dnsmasq, 10.96.0.10, TTL $LAB_TTL (1 s).
#
# Setting up
#   lab_up [PODS]               a fresh lab with rng-headless of PODS pods (3): DNS, logs, hosts, shared memory as new. Fast
#                               enough for setup() of every test
#   lab_down                    ends all processes of the lab
#   with_lbdns CMD...           runs CMD (or a function) with LD_PRELOAD=liblbdns.so; settings: LBDNS_REFRESH=1s in front
#   lab_start NAME [with_lbdns] PROGRAM...   in the background, output to $LAB/NAME.out; returns with its first line
#   lab_stop NAME               ends it (SIGTERM), and so does lab_up
#   lab_wait_until CMD...       until CMD succeeds, tried every 20 ms, less often if it takes long; fails after $LAB_PATIENCE seconds (60)
#   lab_now                     ms since 1970, what client stay prints too
#   $CLIENT, $CLIENT_MUSL       tests/programs/client.c, which lists its modes, built for glibc and musl
#   $LAB                        directory for files of the tests; $LAB/hosts is /etc/hosts, $LAB/resolv.conf the other
#
# Pods
#   lab_address I, lab_address6 I   the address of pod I (1 to 240)
#   lab_pod_start ADDRESS [PORT...] a pod there (8081 8082), any address, IPv4 or IPv6; does nothing if there is one
#   lab_pod_stop ADDRESS        the pod finishes what it has accepted and is gone
#   lab_pod_kill ADDRESS        SIGKILL: from now on connections are refused
#   lab_pod_remove ADDRESS      SIGKILL and the address goes too: packets vanish (in
#                               the client's /24: EHOSTUNREACH after 3 s)
#   lab_pod_silence ADDRESS, lab_pod_unsilence ADDRESS    packets to it vanish, while it runs
#   lab_pod_number ADDRESS      the pod's own random number
#   lab_serve KIND ADDRESS PROGRAM...     any server on the pods' side, its output in $LAB/KIND-ADDRESS.log; lab_up ends it
#   lab_serve_kill KIND ADDRESS SIGKILL
#   lab_arrivals PORT ADDRESS...          IPv4 connections opened to PORT since lab_arrivals_reset, as lab_counts
#   lab_crowd_start             one server for all of 10.245.0.0/16, 8081 and 8082
#   lab_scale NAME N [GRACE]    pods 1 to N run and are what NAME resolves to; each also has a name of its own
#                               (rng-0.rng-headless, ...). Pods that leave leave DNS first and go on running (so that
#                               connections astray are seen), or end GRACE seconds later
#   lab_scale6, lab_scale46     the same with IPv6 addresses, with both
#
# DNS
#   lab_dns_set_all "NAME..." ADDRESS...  all of these names have them
#   lab_dns_set NAME ADDRESS... NAME has exactly these addresses; returns when the server says so, as do the next
#   lab_dns_remove NAME         NXDOMAIN, with the names under it
#   lab_dns_empty NAME          the name exists, without addresses (NODATA)
#   lab_dns_ttl SECONDS         from now on, for all
#   lab_dns_stop, lab_dns_start port closed; open again
#   lab_dns_silence [N], lab_dns_unsilence    questions vanish, after the next N of them
#   lab_dns_queries_reset       and then
#   lab_dns_queries [NAME [TYPE]]         how many questions clients asked dnsmasq since (not through unbound, nor knot; a
#                               file that sets LAB_QUESTIONS=uncounted has a faster dnsmasq that does not log them)
#   lab_dns_asks N [NAME [TYPE]], lab_dns_asks_more N [NAME [TYPE]]   until there are N; N more
#   lab_unbound_start           clients now ask a cache that keeps answers for 30 s, in front of dnsmasq
#   lab_knot_start NAME N       clients now ask knot, where NAME has N addresses in 10.245.0.0/16 and nothing else is known
#   lab_nameserver ADDRESS      what clients ask from now on
#
# Clients and counting: N connections, one after another, to http://rng-headless:8081/address unless told; answers on stdout
#   lab_curl N [URL [OPTION...]]   N processes
#   lab_urllib N [URL], lab_node N [URL], lab_java N [URL]   one process: Python urllib, Node http, Java HttpURLConnection
#   lab_counts [ADDRESS...] <LINES   "20 20 20": how many of LINES end with each address, by default those of all the
#                               pods since lab_up, in order, then " elsewhere=N" if any do not
#   lab_equal GOT WANTED        fails, and says what was got, unless they are the same
#   lab_pod_log [HOST]          the lines of the pods' log (see tests/lab/pod.c) that name HOST, or all
#   lab_pod_log_counts [ADDRESS...]  connections each pod has seen, as lab_counts; lab_pod_log_named: those that name a host,
#                               which the checks of the refresh thread do not; lab_pod_log_reset

LAB=/run/lab
# Each test sources this anew, with what its file's process has exported (enter forgets what is of another tree).
[ -n "${LAB_ROOT-}" ] || LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
[ -n "${LAB_BUILD-}" ] || LAB_BUILD=$(cd "$LAB_ROOT" && realpath -m "${BUILD:-build}")
LAB_DNS=10.96.0.10
LAB_DOMAIN=default.svc.cluster.local
: "${LAB_TTL:=1}" "${LAB_PATIENCE:=60}"
LIBLBDNS=$LAB_BUILD/liblbdns.so
CLIENT=$LAB_BUILD/lab/client
CLIENT_MUSL=$LAB_BUILD/lab/client-musl
export LAB LAB_ROOT LAB_BUILD LIBLBDNS CLIENT CLIENT_MUSL

# shellcheck source-path=SCRIPTDIR source=pods.bash
. "$LAB_ROOT/tests/lab/pods.bash"
# shellcheck source-path=SCRIPTDIR source=dns.bash
. "$LAB_ROOT/tests/lab/dns.bash"
# shellcheck source-path=SCRIPTDIR source=clients.bash
. "$LAB_ROOT/tests/lab/clients.bash"

# lab_untraced FUNCTION ...: bats looks at each command before it runs, which costs more than most of them do; not at those
# of FUNCTION.
lab_untraced() {
	local -
	set +T
	"$@"
}

with_lbdns() {
	[ -e "$LIBLBDNS" ] || { echo "no $LIBLBDNS: run make" >&2; return 1; }
	LD_PRELOAD=$LIBLBDNS "$@"
}

# exec, so that the process id is the client's own; bats waits for whoever holds its descriptor 3.
lab_start() {
	local name=$1
	shift
	: >"$LAB/$name.out"
	(
		if [ "$1" = with_lbdns ]; then
			shift
			export LD_PRELOAD=$LIBLBDNS
		fi
		exec "$@" >"$LAB/$name.out" 2>"$LAB/$name.err" </dev/null 3>&-
	) &
	echo $! >"$LAB/$name.pid"
	lab_wait_until test -s "$LAB/$name.out"
}

lab_stop() {
	lab_end TERM "$LAB/$1.pid"
}

lab_now() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

lab_wait_until() {
	lab_untraced lab_waited_until "$@"
}

lab_waited_until() {
	local end=$((SECONDS + LAB_PATIENCE)) before pause
	while before=${EPOCHREALTIME/./} && ! "$@"; do
		((SECONDS < end)) || { echo "waited $LAB_PATIENCE s in vain for: $*" >&2; return 1; }
		# A read of a FIFO that nobody writes to is a sleep that starts no process.
		pause=$((3 * (${EPOCHREALTIME/./} - before)))
		((pause = pause < 20000 ? 20000 : pause > 60000 ? 60000 : pause))
		read -rt "0.0$pause" <>"$LAB/never" || true
	done
}

# Set-up. It runs before each of some 600 tests, so that a process more or less counts.

lab_up() {
	lab_untraced lab_set_up "$@"
}

lab_set_up() {
	local name addresses=()
	[ -d $LAB ] || { echo 'the lab runs inside tests/lab/enter: use tests/run' >&2; return 1; }
	[ -e $LAB/pods.net ] || lab_network
	lab_down
	rm -rf $LAB/pods/* $LAB/names/* $LAB/silent/*
	lab_apply_silence
	lab_forget_segments
	printf '127.0.0.1 localhost\n' >$LAB/hosts
	lab_nameserver $LAB_DNS
	: >$LAB/connections.log
	: >$LAB/queries.log
	echo 0 >$LAB/queries.mark
	# while there is no DNS server: so it reads the names when it starts, once
	lab_scale rng-headless "${1:-3}"
	lab_dns_start
	lab_absolute_is name rng-headless
	[ ! -e "$LAB/names/$name" ] || mapfile -t addresses <"$LAB/names/$name"
	lab_dns_comes_to_say "$name" "${addresses[@]}"
}

lab_forget_segments() {
	local segments
	mapfile -t segments </proc/sysvipc/shm
	((${#segments[@]} == 1)) || ipcrm --all=shm # the first line is a heading
}

# All that go are told at once, and then waited for.
lab_down() {
	lab_untraced lab_end_all
}

lab_end_all() {
	local file pid files=() pids=()
	for file in "$LAB"/*.pid "$LAB"/pods/*.pid; do
		[ -e "$file" ] || continue
		files+=("$file")
		pids+=("$(<"$file")")
	done
	[ ${#files[@]} -gt 0 ] || return 0
	for pid in "${pids[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		lab_wait_until lab_gone "$pid"
	done
	rm -f "${files[@]}"
}

lab_network() {
	mkfifo $LAB/never
	mkdir $LAB/pods $LAB/names $LAB/silent $LAB/addresses
	: >$LAB/pods.net
	unshare --net=$LAB/pods.net true
	ip link add client type veth peer name pods
	ip link set pods netns $LAB/pods.net
	ip addr add 10.244.3.2/24 dev client
	ip addr add fd00:244:3::2/64 dev client nodad
	ip link set client up
	lab_pods_side ip link set lo up
	lab_pods_side ip addr add 10.244.3.1/24 dev pods
	lab_pods_side ip addr add fd00:244:3::1/64 dev pods nodad
	lab_pods_side ip link set pods up
	lab_pods_side ip addr add $LAB_DNS/32 dev pods
	ip route add default via 10.244.3.1
	ip route add default via fd00:244:3::1

	printf 'hosts: files dns\n' >$LAB/nsswitch.conf
	: >$LAB/hosts
	: >$LAB/resolv.conf
	lab_mount_over /etc/hosts $LAB/hosts
	lab_mount_over /etc/resolv.conf $LAB/resolv.conf
	[ ! -e /etc/nsswitch.conf ] || lab_mount_over /etc/nsswitch.conf $LAB/nsswitch.conf
}

# /etc/resolv.conf is often a link into /run, which is our own and empty.
lab_mount_over() {
	local target
	target=$(realpath -m "$1")
	[ -e "$target" ] || { mkdir -p "$(dirname "$target")" && : >"$target"; }
	mount --bind "$2" "$target"
}

lab_pods_side() {
	nsenter --net=$LAB/pods.net -- "$@"
}

lab_nameserver() {
	printf 'search %s svc.cluster.local cluster.local\noptions ndots:5\nnameserver %s\n' \
		$LAB_DOMAIN "$1" >$LAB/resolv.conf
}

lab_gone() {
	[ ! -d "/proc/$1" ]
}

# Ends the process that PIDFILE names, and waits until it is gone.
lab_end() {
	local signal=$1 pidfile=$2 pid
	pid=$(<"$pidfile")
	kill -"$signal" "$pid" 2>/dev/null || true
	lab_wait_until lab_gone "$pid"
	rm -f "$pidfile"
}
