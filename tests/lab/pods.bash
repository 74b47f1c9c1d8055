# Pods, and the services they make up: part of lab.bash, which says what is here.
# shellcheck shell=bash disable=SC2154

lab_address() {
	local address
	lab_address_is address "$1"
	echo "$address"
}

lab_address6() {
	local address
	lab_address6_is address "$1"
	echo "$address"
}

# These without a process of their own: lab_address_is VARIABLE I
lab_address_is() {
	printf -v "$1" %s "10.244.$((($2 - 1) % 3 + 1)).$((10 + $2))"
}

lab_address6_is() {
	printf -v "$1" %s "fd00:244:$((($2 - 1) % 3 + 1))::$((10 + $2))"
}

lab_pod_start() {
	local address=$1
	shift
	[ ! -e "$LAB/pods/$address.pid" ] || return 0
	[ $# -gt 0 ] || set -- 8081 8082
	lab_pods_start "$*" "$address"
}

# lab_pods_start PORTS ADDRESS...: all at once, whom there is none of yet. An address stays when its pod ends.
lab_pods_start() {
	local ports=$1 address missing=
	shift
	for address; do
		[ ! -e "$LAB/addresses/$address" ] || continue
		case $address in
		0.0.0.0) ;;
		*:*) missing+="addr replace $address/128 dev pods nodad"$'\n' ;;
		*) missing+="addr replace $address/32 dev pods"$'\n' ;;
		esac
		: >"$LAB/addresses/$address"
	done
	[ -z "$missing" ] || lab_pods_side ip -batch - <<<"$missing"
	lab_pods_side "$LAB_BUILD/lab/pod" "$LAB/pods" "$LAB/connections.log" "$ports" "$@" 2>>"$LAB/pods.err" 3>&- ||
		{ cat "$LAB/pods.err" >&2; return 1; }
}

lab_serve() {
	local kind=$1 address=$2
	shift 2
	lab_pods_side ip addr replace "$address/32" dev pods
	(exec nsenter --net="$LAB/pods.net" -- "$@" >>"$LAB/$kind-$address.log" 2>&1 </dev/null 3>&-) &
	echo $! >"$LAB/pods/$address.$kind.pid"
	disown # or bash would tell of its end
}

lab_serve_kill() {
	lab_end KILL "$LAB/pods/$2.$1.pid"
}

# By the kernel, whatever the server: one packet opens a connection.
lab_arrivals_reset() {
	lab_pods_side nft -f - <<-EOF
		add table inet arrivals; delete table inet arrivals; add table inet arrivals
		add set inet arrivals seen { typeof ip daddr . tcp dport; size 65535; flags dynamic; counter; }
		add chain inet arrivals input { type filter hook input priority -10; }
		add rule inet arrivals input tcp flags & (syn | ack) == syn update @seen { ip daddr . tcp dport }
	EOF
}

lab_arrivals() {
	local port=$1
	shift
	lab_pods_side nft list set inet arrivals seen | tr ',{}' '\n' |
		awk -v port="$port" '$2 == "." && $3 == port && $4 == "counter" { for (i = 0; i < $6; i++) print $1 }' |
		lab_counts "$@"
}

lab_pod_stop() {
	lab_end TERM "$LAB/pods/$1.pid"
}

lab_pod_kill() {
	lab_end KILL "$LAB/pods/$1.pid"
}

lab_pod_remove() {
	local width=32
	[[ $1 != *:* ]] || width=128
	lab_pod_kill "$1"
	lab_pods_side ip addr del "$1/$width" dev pods
	rm -f "$LAB/addresses/$1"
}

lab_pod_number() {
	cat "$LAB/pods/$1.number"
}

lab_pod_silence() {
	: >"$LAB/silent/$1"
	lab_apply_silence
}

lab_pod_unsilence() {
	rm "$LAB/silent/$1"
	lab_apply_silence
}

# nft only where something is silent, or was: the demo does without it.
lab_apply_silence() {
	local path address answered
	[ -e "$LAB/silenced" ] || compgen -G "$LAB/silent/*" >/dev/null || return 0
	: >"$LAB/silenced"
	{
		echo 'add table inet lab; delete table inet lab; add table inet lab'
		echo 'add chain inet lab input { type filter hook input priority 0; }'
		for path in "$LAB/silent/"*; do
			[ -e "$path" ] || continue
			address=${path##*/}
			if [[ $address == *:* ]]; then
				echo "add rule inet lab input iifname pods ip6 daddr $address drop"
			elif [[ $address == dns ]]; then
				read -r answered <"$path"
				[ -z "$answered" ] || echo 'add rule inet lab input iifname pods ip daddr 10.96.0.0/24' \
					"limit rate 1/day burst $answered packets accept"
				echo 'add rule inet lab input iifname pods ip daddr 10.96.0.0/24 drop'
			else
				echo "add rule inet lab input iifname pods ip daddr $address drop"
			fi
		done
	} | lab_pods_side nft -f -
}

lab_crowd_start() {
	lab_pods_side ip route replace local 10.245.0.0/16 dev lo
	lab_pod_start 0.0.0.0 "$@"
}

lab_scale() {
	lab_untraced lab_scale_with lab_address_is "$@"
}

lab_scale6() {
	lab_untraced lab_scale_with lab_address6_is "$@"
}

lab_scale46() {
	lab_untraced lab_scale_with 'lab_address_is lab_address6_is' "$@"
}

# The headless name holds all pods; pod i of rng-headless is rng-<i-1>.rng-headless too, as in a StatefulSet.
lab_scale_with() {
	local kinds=$1 name=$2 n=$3 grace=${4-} i kind address absolute own all=() left=() before=() new=() gone=()
	local names=$LAB/names file
	lab_absolute_is absolute "$name"
	[ ! -e "$names/$absolute" ] || mapfile -t before <"$names/$absolute"
	for file in "$names/${name%-headless}"-*".$absolute"; do
		[ ! -e "$file" ] || gone+=("$file")
	done
	[ ${#gone[@]} = 0 ] || rm "${gone[@]}"
	for ((i = 1; i <= n; i++)); do
		own=()
		for kind in $kinds; do
			$kind address $i
			[ -e "$LAB/pods/$address.pid" ] || new+=("$address")
			own+=("$address")
		done
		printf '%s\n' "${own[@]}" >"$names/${name%-headless}-$((i - 1)).$absolute"
		all+=("${own[@]}")
	done
	[ ${#new[@]} = 0 ] || lab_pods_start '8081 8082' "${new[@]}"
	lab_dns_set "$name" "${all[@]}"
	[ -n "$grace" ] || return 0
	for address in "${before[@]}"; do
		[[ " ${all[*]} " == *" $address "* ]] || left+=("$address")
	done
	[ ${#left[@]} = 0 ] || lab_stop_later "$grace" "${left[@]}"
}

# A kubelet's grace: time is what is meant here.
lab_stop_later() (
	exec >/dev/null 2>&1 3>&-
	(
		sleep "$1"
		shift
		for address; do
			lab_pod_stop "$address"
		done
	) &
)
