# Broken DNS: clients that connect all the time while DNS fails in every way we know, and after it is right again. A
# server of the tests' own does it, tests/lab/odd_dns.py, told by $LAB/odd.
#
# While DNS fails, connections rotate over the last good answer and none fails. (A client that looks up each time is given
# what libc says where DNS says anything at all; glibc takes FORMERR and malformed answers for a name that does not exist.)
# Once it is right again its answer, another one now, is used within one interval and the time of one answer. 10.244.9.9 is
# a pod that only false answers name.

# shellcheck disable=SC2030,SC2031 # each test has its own environment
# shellcheck disable=SC2153 # $CLIENT is the lab's

load ../lab/lab

export LBDNS_SHARED=off
p1=10.244.1.11 p2=10.244.2.12 p3=10.244.3.13 p4=10.244.1.14
ODD=10.96.0.40
CLIENTS='stays visits'

setup() {
	interval 300
	right="$p1 $p2 $p3" next="$p2 $p4"
	lab_up
	lab_pod_start $p4
	lab_pod_start 10.244.9.9
	dns_does usual $p1 $p2 $p3
	dns_starts
	lab_nameserver $ODD
}

# Of refreshes, in ms.
interval() {
	export LBDNS_REFRESH=$1ms
	INTERVAL=$1
}

dns_starts() {
	lab_pods_side ip addr replace $ODD/32 dev pods
	dns_listens $ODD nsenter --net="$LAB/pods.net" --
}

# dns_listens ADDRESS [PREFIX...]
dns_listens() {
	local address=$1
	shift
	: >"$LAB/odd.out"
	(exec "$@" "$LAB_ROOT"/tests/lab/odd_dns.py "$address" 53 "@$LAB/odd" >>"$LAB/odd.out" 3>&-) &
	echo $! >"$LAB/odd.pid"
	lab_wait_until grep -q ready "$LAB/odd.out"
}

# What DNS does from the next question on: WHAT ADDRESS...
dns_does() {
	echo "$*" >"$LAB/odd.new"
	mv "$LAB/odd.new" "$LAB/odd"
}

# How often DNS was asked for the pool.
asked() {
	grep -c " A rng-headless.$LAB_DOMAIN udp" "$LAB/odd.out"
}

asked_more_than() {
	(($(asked) > $1))
}

# Two clients: one did a lookup once, one does before each connection. Returns when DNS was believed by both.
clients_start() {
	local client
	for client in $CLIENTS; do
		lab_start "$client" with_lbdns "$CLIENT" "${client%s}" rng-headless 8081 20
		if [ "$client" = stays ]; then
			lab_wait_until asked_more_than 2 # by libc, and twice by the refresh
		else
			lab_wait_until asked_less_than_connected "$client"
		fi
	done
}

# Are there fewer questions than connections? Until then libc is asked before each.
asked_less_than_connected() {
	local connections count
	connections=$(wc -l <"$LAB/$1.out") count=$(asked)
	lab_wait_until went_on "$1" "$(lab_now)" 10
	(($(asked) - count < $(wc -l <"$LAB/$1.out") - connections))
}

# Has NAME made N (1) connections after the moment MS?
went_on() {
	awk -v ms="$2" -v n="${3:-1}" '$1 > ms { n-- } END { exit n > 0 }' "$LAB/$1.out"
}

all_went_on() {
	local client
	for client in $CLIENTS; do
		lab_wait_until went_on "$client" "$@"
	done
}

# ms that the clients' refresh threads and the server have been ready to run and did not.
starved() {
	local client name task tasks=("/proc/$(<"$LAB/odd.pid")/task/"*)
	for client in $CLIENTS; do
		for task in "/proc/$(<"$LAB/$client.pid")/task/"*; do
			read -r name <"$task/comm"
			[ "$name" != lbdns ] || tasks+=("$task")
		done
	done
	cat "${tasks[@]/%//schedstat}" | awk '{ ns += $2 } END { print int(ns / 1000000) }'
}

# Connections of each client from the moment FROM to TO: evenly over exactly ADDRESS...
rotated() {
	local from=$1 to=$2 client
	shift 2
	for client in $CLIENTS; do
		awk -v from="$from" -v to="$to" -v pods="$*" '
			$1 > from && $1 <= to { seen[$NF]++; all++ }
			END {
				n = split(pods, pod)
				least = most = seen[pod[1]]
				for (i = 1; i <= n; i++) {
					all -= seen[pod[i]]
					least = seen[pod[i]] < least ? seen[pod[i]] : least
					most = seen[pod[i]] > most ? seen[pod[i]] : most
					counts = counts " " seen[pod[i]] + 0
				}
				printf "from %s to %s:%s, elsewhere %d\n", from, to, counts, all
				exit !(least > 0 && most - least <= 1 && all == 0)
			}' "$LAB/$client.out" || { echo "$client"; return 1; }
	done
}

# From the clients' and the pods' point of view.
none_failed() {
	local client
	for client in $CLIENTS; do
		lab_equal "$(awk '$2 != "ok"' "$LAB/$client.out")$(cat "$LAB/$client.err")" ""
	done
	none_astray
}

none_astray() {
	lab_equal "$(lab_pod_log_counts 10.244.9.9 | cut -d ' ' -f 1)" 0
}

# DNS is right, with another set than before: from an interval and the time of an answer on, nothing else is used. What a
# busy system keeps the refresh threads and the server from running is not the clients' time.
recovers() {
	local by starved was=$right
	starved=$(starved)
	by=$(($(lab_now) + INTERVAL + 500))
	right=$next next=$was
	all_went_on $by
	((by += $(starved) - starved))
	all_went_on $by 15
	# shellcheck disable=SC2086
	rotated $by "$(lab_now)" $right
	none_failed
}

dns_is_right() {
	# shellcheck disable=SC2086
	dns_does usual $next
}

# Has DNS been asked no more than N times an interval by each client since the moment BEGAN, when it had been asked COUNT
# times? Intervals are 0.8 to 1 of LBDNS_REFRESH.
asked_at_most() {
	local count=$(($(asked) - $3)) clients
	clients=$(wc -w <<<"$CLIENTS")
	echo "$count questions in $(($(lab_now) - $2)) ms"
	((count <= $1 * clients * (($(lab_now) - $2) * 10 / (8 * INTERVAL) + 1)))
}

# The clients run while DNS does WHAT ADDRESS..., as long as three refreshes take: they rotate over what was right before,
# and each asks at least twice, and no more than N times an interval.
keeps() {
	local most=$1 began count
	shift
	count=$(asked) began=$(lab_now)
	dns_does "$@"
	all_went_on $((began + 3 * INTERVAL + 100))
	asked_more_than $((count + 3))
	asked_at_most "$most" "$began" "$count"
	# shellcheck disable=SC2086
	rotated $((began + 50)) $((began + 3 * INTERVAL + 100)) $right
	none_failed
}

# The same for each WHAT, with false answers if it answers, and after each DNS is right again.
survives() {
	local what
	clients_start
	for what; do
		keeps 1 "$what" 10.244.9.9
		dns_is_right
		recovers
	done
}

# An answer that is right, in an odd way.
follows() {
	clients_start
	# shellcheck disable=SC2086
	dns_does "$1" $next
	recovers
}

# ---- DNS that answers with an error

@test "REFUSED, SERVFAIL, NOTIMP: the last good answer stays, and DNS is asked once an interval" {
	CLIENTS=stays
	survives rcode.5 rcode.2 rcode.4
}

@test "REFUSED, SERVFAIL, NOTIMP: a client that looks up each time, whose libc fails, has the last good answer" {
	local what
	CLIENTS=visits
	clients_start
	for what in rcode.5 rcode.2 rcode.4; do
		keeps 1000 "$what" 10.244.9.9 # libc asks each time, and again
		dns_is_right
		recovers
	done
}

@test "FORMERR: the last good answer stays" {
	CLIENTS=stays
	clients_start
	keeps 3 rcode.1 # each question once more by c-ares and once by us, without EDNS
	dns_is_right
	recovers
}

@test "NXDOMAIN twice, and NODATA twice: the last good answer stays" {
	local what count
	interval 1000 # time enough to stop before one of the clients is told a third time
	clients_start
	for what in rcode.3 usual; do
		count=$(asked)
		dns_does $what
		lab_wait_until asked_more_than "$count" # by one of the clients, and by the other at most twice
		dns_does usual $p1 $p2 $p3
		lab_wait_until asked_more_than $((count + 4))
	done
	rotated 0 "$(lab_now)" $p1 $p2 $p3
	dns_is_right
	recovers
}

@test "NXDOMAIN, NODATA, no usable address, three times and more: as without lbdns, until DNS has the name again" {
	gone_and_back rcode.3 usual unusable
}

@test "aliases of themselves and of each other: no address, so as without lbdns, until DNS is right again" {
	gone_and_back self ring
}

# Connections of the client that resolved once go where it was told.
stays_where_it_was() {
	lab_equal "$(tail -n 10 "$LAB/stays.out" | awk '{ print $2, $NF }' | sort -u | wc -l)" 1
}

gone_and_back() {
	local what
	CLIENTS=stays
	clients_start
	for what; do
		dns_does "$what"
		lab_wait_until asked_more_than $(($(asked) + 3))
		all_went_on "$(lab_now)" 11 # of which one may have begun before
		stays_where_it_was
		dns_is_right
		recovers
	done
}

# ---- DNS that does not answer

@test "silent, for less than a second and for longer than an answer may take: heard within 500 ms of being back" {
	interval 500
	outages dns_is_silent dns_is_right 900 5300
}

@test "silent for more than two seconds: heard within 1 s of being back" {
	interval 1000
	outages dns_is_silent dns_is_right 2300
}

@test "the port closed, for less than a second and for longer than an answer may take: heard within 500 ms of being open" {
	interval 500
	outages dns_stops dns_starts 900 5300
}

@test "the port closed for more than two seconds: heard within 1 s of being open" {
	interval 1000
	outages dns_stops dns_starts 2300
}

# outages BREAK MEND MS...: DNS is broken for so long, and mended.
outages() {
	local break=$1 mend=$2 ms began
	shift 2
	clients_start
	for ms; do
		$break
		began=$(lab_now)
		all_went_on $((began + ms))
		# shellcheck disable=SC2086
		rotated $((began + 50)) $((began + ms)) $right
		$mend
		recovers
	done
}

dns_is_silent() {
	dns_does silent
}

dns_stops() {
	lab_end KILL "$LAB/odd.pid"
	dns_is_right
}

@test "answers that come 5 s late: the last good answer stays, and they are not used" {
	local began
	clients_start
	dns_does late.6000 10.244.9.9 # a client that stands still at 5 s hears what comes a moment later
	began=$(lab_now)
	all_went_on $((began + 7000))
	rotated $((began + 50)) $((began + 7000)) $p1 $p2 $p3
	dns_is_right
	recovers
}

@test "answers that come 700 ms late are used, and each question is answered" {
	local i
	interval $((INTERVAL + 700))
	export LBDNS_REFRESH=300ms
	clients_start
	for i in 1 2 3; do
		# shellcheck disable=SC2086
		dns_does late.700 $next
		recovers
	done
}

asked_for_v6_since() {
	(($(asked_for_v6) > $1))
}

@test "a server that never answers for IPv6: the IPv4 answer is not held up" {
	local i
	interval 100
	clients_start
	# shellcheck disable=SC2086
	dns_does v6silent $right
	for i in 1 2 3; do
		# Now and then; from then on a question is under way, and stays unanswered.
		lab_wait_until asked_for_v6_since "$(asked_for_v6)"
		# shellcheck disable=SC2086
		dns_does v6silent $next
		recovers
	done
}

asked_for_v6() {
	grep -c " AAAA rng-headless.$LAB_DOMAIN udp" "$LAB/odd.out"
}

@test "a first server that is silent and a second that answers" {
	clients_start
	lab_pods_side ip addr replace 10.96.0.41/32 dev pods # an address without a server, and packets to it vanish
	: >"$LAB/silent/10.96.0.41"
	lab_apply_silence
	printf 'search %s\noptions ndots:5\nnameserver 10.96.0.41\nnameserver %s\n' "$LAB_DOMAIN" $ODD >"$LAB/resolv.conf"
	all_went_on $(($(lab_now) + INTERVAL))
	dns_does usual $p2 $p4
	INTERVAL=$((INTERVAL + 1700)) # as long as a silent server is waited for
	recovers
}

@test "a first server whose port is closed and a second that answers" {
	clients_start
	lab_pods_side ip addr replace 10.96.0.41/32 dev pods
	lab_pods_side sysctl -qw net.ipv4.icmp_ratelimit=0 # or it says so six times, and then once a second
	printf 'search %s\noptions ndots:5\nnameserver 10.96.0.41\nnameserver %s\n' "$LAB_DOMAIN" $ODD >"$LAB/resolv.conf"
	all_went_on $(($(lab_now) + INTERVAL))
	dns_is_right
	recovers
}

@test "resolv.conf replaced while DNS is silent: the new server is asked within an interval" {
	clients_start
	keeps 1 silent
	lab_dns_set rng-headless $p2 $p4
	lab_nameserver "$LAB_DNS"
	recovers
}

# ---- Answers that are none

@test "wrong id, wrong question, from a wrong port and address: as silent, and DNS is asked once an interval" {
	survives silent wrongid wrongquestion wrongsource
}

@test "truncated, and TCP refused, silent, or cut in the middle: the last good answer stays" {
	survives tcrefused tcsilent tccut
}

@test "a record cut, counts too large, names that loop: the last good answer stays" {
	CLIENTS=stays
	survives cut count loop
}

@test "every message of the malformed corpus, with the question's id and name and without" {
	local corpus
	corpus=$(find "$LAB_ROOT/tests/fuzz/corpus/answer" -name 'malformed-*' | wc -l)
	((corpus > 40))
	interval 100
	CLIENTS=stays
	clients_start
	dns_does malformed
	lab_wait_until asked_more_than $(($(asked) + 2 * corpus))
	rotated 0 "$(lab_now)" $p1 $p2 $p3
	dns_is_right
	recovers
}

# ---- Answers that are odd

@test "a chain of aliases is followed" {
	follows chain.12
}

@test "truncated, then the answer by TCP" {
	follows tcusual
}

@test "the same address twice, and 0.0.0.0, multicast, broadcast and link-local ones: each is used once or never" {
	follows mixed
}

@test "TTL 0, and 2^31, which is none: asked once a second with LBDNS_REFRESH=ttl" {
	local ttl count began
	interval 1000
	export LBDNS_REFRESH=ttl
	dns_does lives.0 $p1 $p2 $p3
	clients_start
	for ttl in 0 2147483648; do
		# shellcheck disable=SC2086
		dns_does lives.$ttl $next
		count=$(asked) began=$(lab_now)
		recovers
		asked_at_most 1 "$began" "$count"
	done
}

# ms between the Nth question and the next.
between_questions() {
	grep " A rng-headless.$LAB_DOMAIN udp" "$LAB/odd.out" |
		awk -v n="$1" 'NR == n { was = $1 } NR == n + 1 { print $1 - was }'
}

@test "LBDNS_REFRESH=ttl asks as often as the records' TTL says: every 1.6 s to 2 s, then every 0.8 s to 1 s" {
	local ms count
	dns_does lives.2 $p1 $p2 $p3
	LBDNS_REFRESH=ttl lab_start stays with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_wait_until asked_more_than 2 # by libc, and by the first refresh, which saw the TTL
	ms=$(between_questions 2)
	echo "TTL 2 s: $ms ms"
	((ms >= 1550 && ms <= 2500))
	dns_does lives.1 $p1 $p2 $p3
	count=$(asked)
	lab_wait_until asked_more_than $((count + 2)) # the first may have been answered as before
	ms=$(between_questions $((count + 2)))
	echo "TTL 1 s: $ms ms"
	((ms >= 750 && ms <= 1500))
}

@test "another 3 of 9 addresses each time: all connections are made, over all 9" {
	local i all=()
	for i in {1..9}; do
		lab_pod_start "$(lab_address "$i")"
		all+=("$(lab_address "$i")")
	done
	interval 200
	dns_does part.3 "${all[@]}"
	clients_start
	lab_wait_until all_seen visits "${all[@]}"
	lab_wait_until all_seen stays "${all[@]}"
	none_failed
	dns_is_right
	recovers
}

all_seen() {
	local client=$1
	shift
	lab_equal "$(awk '{ print $NF }' "$LAB/$client.out" | sort -u)" "$(printf '%s\n' "$@" | sort)" >"$LAB/all_seen"
}

@test "two sets in turn at every refresh: all connections are made, to the one or the other" {
	local client
	interval 200
	for client in visits stays; do
		CLIENTS=$client right="$p1 $p3" next="$p2 $p4"
		dns_does usual $p1 $p3
		clients_start
		dns_does flap.2 $p1 $p3 $p2 $p4
		lab_wait_until all_seen "$client" $p1 $p2 $p3 $p4
		all_went_on $(($(lab_now) + 1000)) # as long as five refreshes
		all_seen "$client" $p1 $p2 $p3 $p4
		none_failed
		dns_is_right
		recovers
		lab_stop "$client"
	done
}

# ---- Broken from the start

@test "SERVFAIL from the start: a client fails as without lbdns, and rotates as soon as a lookup works" {
	local began
	dns_does rcode.2
	lab_start visits with_lbdns /usr/bin/python3 "$LAB_ROOT/tests/programs/steps.py" every 20 visit 1 rng-headless
	lab_wait_until grep -q gaierror "$LAB/visits.out"
	dns_does usual $p1 $p2 $p3
	lab_wait_until grep -q ' ok ' "$LAB/visits.out"
	began=$(($(awk '$2 == "ok" { print $1; exit }' "$LAB/visits.out") - 1))
	lab_wait_until went_on visits $((began + 1000))
	CLIENTS=visits rotated "$began" $((began + 1000)) $p1 $p2 $p3
	lab_equal "$(awk -v began="$began" '$1 > began && $2 != "ok"' "$LAB/visits.out")" ""
	none_astray
}

# ---- Other sources of names

@test "a name from the hosts file that DNS answers differently: connected to as it is" {
	printf '%s rng-headless\n' $p1 $p3 >>"$LAB/hosts"
	dns_does usual $p2 $p4
	lab_start visits with_lbdns "$CLIENT" visit rng-headless 8081 20
	lab_start stays with_lbdns "$CLIENT" stay rng-headless 8081 20
	all_went_on "$(lab_now)" 10
	lab_equal "$(awk '{ print $NF }' "$LAB/visits.out" "$LAB/stays.out" | sort -u)" $p3 # as libc sorts
	none_failed
	lab_equal "$(asked)" 0
}

# ---- Our own questions improve on libc's answer, they never replace it. libc asks the lab's server, which is right all the
# time; LBDNS_NAMESERVERS has ours go to the odd one.

ours_are_odd() {
	export LBDNS_NAMESERVERS=$ODD
	lab_nameserver "$LAB_DNS"
	export LAB_PATIENCE=20
}

# Has the client NAME reached ADDRESS, after the moment MS?
reached() {
	awk -v pod="$2" -v ms="${3:-0}" '$1 > ms && $2 == "ok" && $NF == pod { found = 1 } END { exit !found }' "$LAB/$1.out"
}

# A client that looks up each time, with PREFIX; then all pods are replaced, and those that were are killed.
all_are_replaced() {
	local pod
	for pod in $p1 $p2 $p3 $p4; do
		lab_pod_start $pod
	done
	lab_dns_set rng-headless $p1 $p2
	lab_start visits "$@" "$CLIENT" visit rng-headless 8081 20
	all_went_on "$(lab_now)" 10
	lab_dns_set rng-headless $p3 $p4
	lab_wait_until reached visits $p3
	all_went_on "$(lab_now)" # what it looked up before
	lab_pod_kill $p1
	lab_pod_kill $p2
	all_went_on "$(lab_now)" 50
	lab_stop visits
	lab_equal "$(awk '$2 != "ok"' "$LAB/visits.out")" ""
}

@test "our questions are never answered, or never to be believed: all pods are replaced, and a client that looks up each time does not fail" {
	local what
	CLIENTS=visits
	ours_are_odd
	all_are_replaced env
	for what in silent rcode.2 rcode.5 cut; do
		dns_does "$what" 10.244.9.9
		all_are_replaced with_lbdns
	done
}

@test "our questions fail from now on: lookups are libc's, until a refresh succeeds" {
	local what
	CLIENTS=visits
	ours_are_odd
	lab_dns_set rng-headless $p1 $p2
	dns_does usual $p1 $p2
	lab_start visits with_lbdns "$CLIENT" visit rng-headless 8081 20
	for what in rcode.5 rcode.2 rcode.1 rcode.4 cut; do
		lab_dns_set rng-headless $p1 $p2
		dns_does usual $p1 $p2
		lab_wait_until libc_is_not_asked
		dns_does "$what" 10.244.9.9
		lab_dns_set rng-headless $p3 $p4
		echo "$what"
		lab_wait_until reached visits $p3 "$(lab_now)"
	done
	none_failed
}

# Five lookups and more, and none of them libc's.
libc_is_not_asked() {
	lab_dns_queries_reset
	all_went_on "$(lab_now)" 5
	lab_equal "$(lab_dns_queries)" 0
}

@test "our questions are silent from now on: lookups are answered at once, by what DNS said last" {
	CLIENTS=visits
	ours_are_odd
	lab_dns_set rng-headless $p1 $p2
	dns_does usual $p1 $p2
	lab_start visits with_lbdns "$CLIENT" visit rng-headless 8081 20
	lab_wait_until libc_is_not_asked
	dns_does silent
	lab_dns_queries_reset
	all_went_on $(($(lab_now) + 6000)) # longer than an answer may take
	lab_equal "$(lab_dns_queries)" 0
	none_failed
}

@test "a family for which DNS fails at the first lookup is there with the next" {
	local with
	dns_does first.28.2 $p1 $p2 fd00:244:1::11 fd00:244:2::12
	for with in env with_lbdns; do
		lab_end TERM "$LAB/odd.pid" # it counts anew
		dns_starts
		printf 'resolve rng-headless\nresolve rng-headless\n' |
			$with /usr/bin/python3 "$LAB_ROOT/tests/programs/steps.py" >"$LAB/$with.out"
		lab_equal "$with: $(awk '$0 != "." { print gsub(/10\.244\./, "") " " gsub(/fd00:/, "") }' "$LAB/$with.out" | paste -sd ,)" \
			"$with: 2 0,2 2"
	done
}

# ---- Asked as libc asks

# A client that looked up once, with a server that does WHAT, which this libc takes: it follows to a new pod.
stays_and_follows() {
	dns_does "$1" $p1 $p2 $p3
	lab_start stays with_lbdns "${2-$CLIENT}" stay rng-headless 8081 20
	dns_does "$1" $p2 $p4
	lab_wait_until reached stays $p4
	lab_stop stays
	lab_equal "$(awk '$2 != "ok"' "$LAB/stays.out")" ""
}

@test "questions with EDNS vanish, or have FORMERR for an answer without the question" {
	export LAB_PATIENCE=20
	stays_and_follows dropedns
	stays_and_follows ednsempty
}

@test "a server that answers by TCP alone, with use-vc in resolv.conf or RES_OPTIONS" {
	export LAB_PATIENCE=20
	RES_OPTIONS=use-vc stays_and_follows tconly
	printf 'search %s\noptions ndots:5 use-vc\nnameserver %s\n' "$LAB_DOMAIN" $ODD >"$LAB/resolv.conf"
	stays_and_follows tconly
}

@test "records of another owner, which musl takes and glibc does not" {
	export LAB_PATIENCE=20
	stays_and_follows owner "$CLIENT_MUSL"
	dns_does owner $p1 $p2 $p3
	run "$CLIENT" list rng-headless 8081
	[ "$status" != 0 ]
}

@test "a server with a link-local address, and one named 0.0.0.0 or ::" {
	local address
	export LAB_PATIENCE=20
	lab_pods_side ip addr replace fe80::53/64 dev pods nodad
	lab_end TERM "$LAB/odd.pid"
	dns_listens fe80::53%pods nsenter --net="$LAB/pods.net" --
	lab_nameserver fe80::53%client
	stays_and_follows usual
	for address in 0.0.0.0 ::; do
		lab_end TERM "$LAB/odd.pid"
		dns_listens $address
		lab_nameserver $address
		stays_and_follows usual
	done
}

# The client side's.
interface() {
	ip -o -6 route get fd00:244:1::1 | sed 's/.* dev \([^ ]*\).*/\1/'
}

@test "options no-aaaa: a name that has both families is IPv4 alone, in lookups that DNS answers too" {
	dns_does pair $p1 $p2 fd00:244:1::11 fd00:244:2::12
	printf 'search %s\noptions ndots:5 no-aaaa\nnameserver %s\n' "$LAB_DOMAIN" $ODD >"$LAB/resolv.conf"
	lab_start looks with_lbdns /usr/bin/python3 "$LAB_ROOT/tests/programs/steps.py" every 20 resolve rng-headless
	lab_wait_until asked_more_than 20
	lab_stop looks
	lab_equal "$(tr ' ' '\n' <"$LAB/looks.out" | sort -u | paste -sd ' ')" "$p1 $p2"
	lab_equal "$(asked_for_v6)" 0
}
