# A rolling restart, and clients that live through it: for tests/rolling/run and tests/promises/rolling.bats, after lab/lab.
# shellcheck shell=bash disable=SC2034,SC2154
#
#   rolling_up              a lab whose rng-headless has 5 pods, and whose rng is a virtual address for the same ones:
#                           nftables sends each new connection to one of them at random, as kube-proxy does
#   rolling_restart I KIND  pod I dies, leaves DNS 2 s later, and pod I + 5 joins 2 s after that, under an address of its
#                           own. KIND: refuse, its port is closed; silence, its packets vanish. Both let the connections
#                           that are open end in peace: what is lost with those is lost however they were made
#   rolling_start COLUMN CLIENT SECONDS...  in the background: 64 connections a second. COLUMN: without, dnat, or lbdns,
#                           which has shared memory of its own, as in a container
#   rolling_result COLUMN CLIENT            "made N failed N longest N ms" once it has ended

ROLLING_VIRTUAL=10.96.1.1
ROLLING_RATE=64
ROLLING_CLIENTS=(blocking node java asyncio)

rolling_up() {
	lab_up 5
	rm -f "$LAB/dead"
	: >"$LAB/dead"
	# so that as many closed connections as we make do not fill the table
	nft add table ip rolling
	echo 5 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait
	rolling_endpoints 1 2 3 4 5
	lab_dns_set rng "$ROLLING_VIRTUAL"
}

# The pods that DNS has, and so has the virtual address: no sooner and no later, but without a TTL.
rolling_endpoints() {
	local i addresses=() map=
	for i; do
		addresses+=("$(lab_address "$i")")
		map+="$((${#addresses[@]} - 1)) : ${addresses[-1]}, "
	done
	echo "$*" >"$LAB/endpoints"
	nft -f - <<-EOF2
		add table ip rolling; delete table ip rolling; add table ip rolling
		add chain ip rolling output { type nat hook output priority -100; }
		add rule ip rolling output ip daddr $ROLLING_VIRTUAL tcp dport 8081 dnat to numgen random mod $# map { $map }
	EOF2
	lab_dns_set rng-headless "${addresses[@]}"
}

rolling_die() {
	echo "$(lab_address "$1") $2" >>"$LAB/dead"
	{
		echo 'add table ip dead; delete table ip dead; add table ip dead'
		echo 'add chain ip dead input { type filter hook input priority 0; }'
		sed -e 's/\(.*\) refuse/add rule ip dead input ip daddr \1 tcp flags \& (syn | ack) == syn reject with tcp reset/' \
			-e 's/\(.*\) silence/add rule ip dead input ip daddr \1 tcp flags \& (syn | ack) == syn drop/' "$LAB/dead"
	} | lab_pods_side nft -f -
	lab_pod_stop "$(lab_address "$1")"
}

rolling_restart() {
	local i=$1 left
	rolling_die "$i" "$2"
	sleep 2 # what is given: time
	left=$(tr ' ' '\n' <"$LAB/endpoints" | grep -vx "$i" | xargs)
	# shellcheck disable=SC2086
	rolling_endpoints $left
	sleep 2
	lab_pod_start "$(lab_address $((i + 5)))"
	# shellcheck disable=SC2086
	rolling_endpoints $left $((i + 5))
}

rolling_start() {
	local column=$1 client=$2 seconds=$3 host=rng-headless command=()
	case $client in
	blocking) command=("$LAB_BUILD/rolling/blocking") ;;
	node) command=(node "$LAB_ROOT/tests/rolling/nonblocking.js") ;;
	java) command=(java -XX:-UsePerfData -Xshare:auto -XX:TieredStopAtLevel=1 -cp "$LAB_BUILD/rolling" Nonblocking) ;;
	asyncio) command=(/usr/bin/python3 "$LAB_ROOT/tests/rolling/nonblocking.py") ;;
	esac
	[ "$column" != dnat ] || host=rng
	command+=("$host" 8081 "$ROLLING_RATE" "$seconds")
	case $column in
	lbdns) lab_start "$column-$client" with_lbdns unshare --ipc "${command[@]}" ;;
	*) lab_start "$column-$client" "${command[@]}" ;;
	esac
}

rolling_result() {
	lab_wait_until grep -q '^made' "$LAB/$1-$2.out" || { cat "$LAB/$1-$2.out" "$LAB/$1-$2.err" >&2; return 1; }
	grep '^made' "$LAB/$1-$2.out"
}
