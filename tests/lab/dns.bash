# DNS: part of lab.bash, which says what is here.
# shellcheck shell=bash disable=SC2154

lab_absolute() {
	case $1 in
	*.) echo "${1%.}" ;;
	*) echo "$1.$LAB_DOMAIN" ;;
	esac
}

# lab_absolute without a process of its own: lab_absolute_is VARIABLE NAME
lab_absolute_is() {
	case $2 in
	*.) printf -v "$1" %s "${2%.}" ;;
	*) printf -v "$1" %s "$2.$LAB_DOMAIN" ;;
	esac
}

lab_write_names() {
	local file addresses
	for file in "$LAB/names/"*; do
		[ -e "$file" ] || continue
		mapfile -t addresses <"$file"
		printf "%s ${file##*/}\n" "${addresses[@]}"
	done >"$LAB/names.new"
	mv "$LAB/names.new" "$LAB/names.hosts" # whole, because dnsmasq may be reading it
}

lab_dns_set() {
	lab_untraced lab_dns_set_to "$@"
}

lab_dns_set_to() {
	local name
	lab_absolute_is name "$1"
	shift
	if [ $# -gt 0 ]; then
		printf '%s\n' "$@" >"$LAB/names/$name"
	else
		rm -f "$LAB/names/$name"
	fi
	lab_write_names
	[ -e "$LAB/dns.pid" ] || return 0
	kill -HUP "$(<"$LAB/dns.pid")"
	lab_dns_comes_to_say "$name" "$@"
}

lab_dns_set_all() {
	local names=$1 name
	shift
	for name in $names; do
		lab_absolute_is name "$name"
		printf '%s\n' "$@" >"$LAB/names/$name"
	done
	lab_dns_set "$name." "$@"
}

# Names under it go too: a name with names under it is not NXDOMAIN.
lab_dns_remove() {
	rm -f "$LAB/names/"*".$(lab_absolute "$1")"
	lab_dns_set "$1"
}

lab_dns_empty() {
	printf '192.0.2.1\n' >"$LAB/names/below.$(lab_absolute "$1")"
	lab_dns_set "$1"
}

# Asked from the pods' side, whose questions are not counted.
lab_dns_answer() {
	lab_pods_side "$LAB_BUILD/lab/answer" "$@" | sort
}

lab_dns_comes_to_say() {
	lab_pods_side "$LAB_BUILD/lab/answer" "$LAB_DNS" "$1" "$LAB_PATIENCE" "${@:2}" && return
	echo "waited $LAB_PATIENCE s in vain for DNS to say: $*" >&2
	return 1
}

lab_dns_start() {
	local log=(--log-queries --log-facility="$LAB/queries.log")
	[ "${LAB_QUESTIONS-}" != uncounted ] || log=()
	# --user=root: what may be changed to differs between root and a user namespace
	lab_pods_side dnsmasq --conf-file=/dev/null --user=root --group= --pid-file="$LAB/dns.pid" \
		--listen-address="$LAB_DNS" --bind-interfaces --no-resolv --no-hosts --no-ping \
		--addn-hosts="$LAB/names.hosts" --local=/#/ --local-ttl="$LAB_TTL" --max-ttl="$LAB_TTL" \
		"${log[@]}" 3>&-
}

lab_dns_stop() {
	lab_end KILL "$LAB/dns.pid"
}

lab_dns_ttl() {
	LAB_TTL=$1
	lab_dns_stop
	lab_dns_start
}

lab_dns_silence() {
	echo "${1-}" >"$LAB/silent/dns"
	lab_apply_silence
}

lab_dns_unsilence() {
	rm "$LAB/silent/dns"
	lab_apply_silence
}

lab_dns_queries_reset() {
	wc -l <"$LAB/queries.log" >"$LAB/queries.mark"
}

lab_dns_queries() {
	lab_dns_questions "${1-}" "${2-}"
}

# lab_dns_questions NAME TYPE [[+]N]: how many there were, or waits until there are N, or N more.
lab_dns_questions() {
	local name= mark
	[ -z "$1" ] || lab_absolute_is name "$1"
	read -r mark <"$LAB/queries.mark"
	"$LAB_BUILD/lab/questions" "$LAB/queries.log" "$mark" "$name" "$2" ${3+"$LAB_PATIENCE" "$3"} && return
	echo "waited $LAB_PATIENCE s in vain for questions: $*" >&2
	return 1
}

lab_unbound_start() {
	lab_pods_side ip addr replace 10.96.0.20/32 dev pods
	cat >"$LAB/unbound.conf" <<-EOF
		server:
			interface: 10.96.0.20
			access-control: 0.0.0.0/0 allow
			username: ""
			chroot: ""
			directory: "$LAB"
			pidfile: "$LAB/unbound.pid"
			logfile: "$LAB/unbound.log"
			use-syslog: no
			module-config: "iterator"
			cache-min-ttl: 30
			cache-max-ttl: 30
			cache-max-negative-ttl: 30
			num-threads: 1
			do-ip6: no
			local-zone: "local." nodefault
		forward-zone:
			name: "."
			forward-addr: $LAB_DNS
		remote-control:
			control-enable: no
	EOF
	lab_pods_side unbound -c "$LAB/unbound.conf" 3>&-
	lab_wait_until lab_dns_answer 10.96.0.20 localhost >"$LAB/unbound.answer"
	lab_nameserver 10.96.0.20
}

lab_knot_start() {
	lab_untraced lab_knot_start_with "$@"
}

lab_knot_start_with() {
	local name i
	name=$(lab_absolute "$1")
	lab_pods_side ip addr replace 10.96.0.30/32 dev pods
	rm -rf "$LAB/knot"
	mkdir -p "$LAB/knot/db"
	{
		echo "\$ORIGIN cluster.local."
		echo "\$TTL $LAB_TTL"
		echo "@ SOA dns.cluster.local. admin.cluster.local. 1 3600 600 86400 $LAB_TTL"
		echo "@ NS dns.cluster.local."
		echo "dns A 10.96.0.30"
		for ((i = 1; i <= $2; i++)); do
			echo "$name. A 10.245.$((i / 250)).$((i % 250 + 1))"
		done
	} >"$LAB/knot/cluster.local.zone"
	cat >"$LAB/knot/knot.conf" <<-EOF
		server:
		    rundir: "$LAB/knot"
		    user: root:root
		    pidfile: "$LAB/knot.pid"
		    listen: 10.96.0.30@53
		    udp-workers: 1
		    tcp-workers: 1
		    background-workers: 1
		log:
		  - target: "$LAB/knot/log"
		    any: info
		database:
		    storage: "$LAB/knot/db"
		template:
		  - id: default
		    storage: "$LAB/knot"
		    zonefile-sync: -1
		    journal-content: none
		zone:
		  - domain: cluster.local
	EOF
	lab_pods_side knotd -c "$LAB/knot/knot.conf" -d 3>&-
	lab_nameserver 10.96.0.30
	lab_wait_until lab_knot_has "$name" "$2"
}

lab_knot_has() {
	[ "$(lab_dns_answer 10.96.0.30 "$1" | wc -l)" = "$2" ]
}

lab_dns_asks() {
	lab_dns_questions "${2-}" "${3-}" "$1"
}

lab_dns_asks_more() {
	lab_dns_questions "${2-}" "${3-}" "+$1"
}
