# Promise 3: a connection goes only to an endpoint of the name it was meant for. No LBDNS_NAMES: what is left alone here
# is found out, not configured.
#
# p1, p2, p3 are rng-headless; each is also rng-0.rng-headless and so on. A connection for rng-0.rng-headless whose
# address has rng-headless's turn takes that turn (it cannot be told from one of rng-headless's own): where both
# alternate on one port, rng-headless's own connections go to the other two. Without lbdns the first address of
# rng-headless is always p3.

load ../lab/lab
load ../lab/steps

export LBDNS_REFRESH=100ms
p1=10.244.1.11 p2=10.244.2.12 p3=10.244.3.13 p4=10.244.1.14 p5=10.244.2.15
full=rng-headless.$LAB_DOMAIN

setup() {
	lab_up
}

# Until the next turn of NAME is that of its first pod: the last one, ADDRESS, had it just now.
turn_begins() {
	until
		step visit 1 "$1"
		[[ $(tail -n 1 "$LAB/steps.said") == *" ${2:-$p3}" ]]
	do :; done
	forget
}

# An address in several pools takes the turn that it has in one of them. Afterwards the next in each of these are others,
# and stay so while only these addresses are asked for.
settle_turns() {
	for _ in {1..5}; do
		step connect 1 "${@/#/any=}"
	done
	forget
}

# ---- A name of one pod beside the service's

@test "a pod's own name, looked up before the service's: its connections all reach it, 60 between 60 of the service's" {
	steps_start with_lbdns
	step resolve rng-0.rng-headless
	turn_begins rng-headless
	step visit 60 rng-0.rng-headless rng-headless
	lab_equal "$(went rng-0.rng-headless)" "60 0 0"
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "a pod's own name, looked up after the service's: its connections all reach it, 60 between 60 of the service's" {
	steps_start with_lbdns
	turn_begins rng-headless
	refreshed rng-headless
	step visit 60 rng-0.rng-headless rng-headless
	lab_equal "$(went rng-0.rng-headless)" "60 0 0"
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "a pod's own name on one port and the service's on another: 60 / 0 / 0 and 20 / 20 / 20" {
	steps_start with_lbdns
	step visit 60 rng-0.rng-headless:8082 rng-headless:8081
	lab_equal "$(went rng-0.rng-headless)" "60 0 0"
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "a pod's own name does not upset the service's rotation once it is looked up" {
	steps_start with_lbdns
	step visit 5 rng-0.rng-headless rng-headless rng-1.rng-headless
	forget
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "pods' own names, all three, learned before the service's: each is reached by its own, the service rotates" {
	steps_start with_lbdns
	step resolve rng-0.rng-headless rng-1.rng-headless rng-2.rng-headless
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "20 20 20"
	forget
	step visit 20 rng-0.rng-headless rng-1.rng-headless rng-2.rng-headless
	lab_equal "$(went rng-0.rng-headless)" "20 0 0"
	lab_equal "$(went rng-1.rng-headless)" "0 20 0"
	lab_equal "$(went rng-2.rng-headless)" "0 0 20"
}

@test "clients that resolved once, a pod's own name before the service's: 60 to the pod, the service's rotate" {
	steps_start with_lbdns
	step resolve rng-0.rng-headless rng-headless
	turn_begins rng-headless
	step connect 60 rng-0.rng-headless=$p1 rng-headless=$p2
	lab_equal "$(went rng-0.rng-headless)" "60 0 0"
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "clients that resolved once, a pod's own name after the service's: 60 to the pod, the service's rotate" {
	steps_start with_lbdns
	step resolve rng-headless rng-0.rng-headless
	turn_begins rng-headless
	refreshed rng-headless
	step connect 60 rng-0.rng-headless=$p1 rng-headless=$p2
	lab_equal "$(went rng-0.rng-headless)" "60 0 0"
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "an address that a pod's own name and the service both gave out is never rewritten" {
	steps_start with_lbdns
	step resolve rng-headless rng-1.rng-headless
	step connect 60 rng-headless=$p2
	lab_equal "$(went rng-headless)" "0 60 0"
}

@test "a pod's own name through gethostbyname: its connections all reach it" {
	steps_start with_lbdns
	lab_equal "$(step gethostbyname rng-1.rng-headless)" $p2
	step resolve rng-headless
	step connect 60 rng-1.rng-headless=$p2
	lab_equal "$(went rng-1.rng-headless)" "0 60 0"
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "a pod's own name over IPv6 and as an IPv4-mapped address: its connections all reach it" {
	lab_scale46 rng-headless 3
	steps_start with_lbdns
	step resolve rng-0.rng-headless rng-headless
	step connect 60 rng-0.rng-headless="$(lab_address6 1)" rng-0.rng-headless=::ffff:$p1
	lab_equal "$(awk '{ print $1 }' "$LAB/connections.log" | lab_counts $p1 "$(lab_address6 1)")" "60 60"
	forget
	step connect 60 rng-headless="$(lab_address6 2)" rng-headless=::ffff:$p2
	lab_equal "$(awk '{ print $1 }' "$LAB/connections.log" | lab_counts \
		$p1 $p2 $p3 "$(lab_address6 1)" "$(lab_address6 2)" "$(lab_address6 3)")" "20 20 20 20 20 20"
}

# ---- Literals

# KIND is how lbdns sees LITERAL, before the service and after it.
literal_is_left_alone() {
	steps_start with_lbdns
	step "$1" "$2"
	step resolve rng-headless
	step connect 60 literal="$2"
	lab_equal "$(went literal)" "60 0 0"
	lab_end KILL "$LAB/steps.pid"

	steps_start with_lbdns
	step resolve rng-headless
	refreshed rng-headless
	step "$1" "$2"
	step connect 60 literal="$2"
	lab_equal "$(went literal)" "60 0 0"
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "a literal through getaddrinfo with AI_NUMERICHOST is connected to as it is" {
	literal_is_left_alone numeric $p1
}

@test "a literal through getaddrinfo without AI_NUMERICHOST is connected to as it is" {
	literal_is_left_alone resolve $p1
}

@test "an IPv4-mapped literal is connected to as it is" {
	literal_is_left_alone resolve ::ffff:$p1
}

@test "a literal through gethostbyname is connected to as it is" {
	literal_is_left_alone gethostbyname $p1
}

@test "an IPv6 literal is connected to as it is" {
	lab_scale6 rng-headless 3
	steps_start with_lbdns
	step resolve rng-headless
	step resolve "$(lab_address6 2)"
	step connect 60 literal="$(lab_address6 2)"
	lab_equal "$(lab_pod_log_counts "$(lab_address6 2)")" 60
	forget
	step visit 60 rng-headless
	lab_equal "$(lab_pod_log_counts "$(lab_address6 1)" "$(lab_address6 2)" "$(lab_address6 3)")" "20 20 20"
}

# ---- Excluded names

# fixed-headless has the pods of rng-headless; PATTERN excludes it.
excluded_by() {
	lab_dns_set fixed-headless $p1 $p2 $p3
	LBDNS_EXCLUDE=$1 steps_start with_lbdns
	step resolve fixed-headless
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "20 20 20"
	refreshed rng-headless
	step visit 60 fixed-headless
	lab_equal "$(went fixed-headless)" "0 0 60"
	forget
	step connect 60 fixed-headless=$p2
	lab_equal "$(went fixed-headless)" "0 60 0"
	lab_equal "$(lab_dns_queries fixed-headless A)" 61
}

@test "a name excluded exactly is looked up and connected to as it is, and not refreshed" {
	excluded_by fixed-headless
}

@test "a name excluded by a pattern is looked up and connected to as it is, and not refreshed" {
	excluded_by 'other,fixed-*'
}

@test "a short name excluded by a pattern on its absolute name is looked up and connected to as it is" {
	excluded_by 'fixed-*.svc.cluster.local'
}

@test "a short name excluded by its absolute name is looked up and connected to as it is" {
	excluded_by fixed-headless.default.svc.cluster.local
}

# ---- Names of the hosts file

@test "a hosts-file name of one address, before and after the service: its connections all reach it" {
	echo "$p2 db-primary" >>"$LAB/hosts"
	steps_start with_lbdns
	step resolve db-primary rng-headless
	step connect 60 db-primary=$p2
	lab_equal "$(went db-primary)" "0 60 0"
	lab_end KILL "$LAB/steps.pid"

	steps_start with_lbdns
	step resolve rng-headless
	refreshed rng-headless
	step resolve db-primary
	step connect 60 db-primary=$p2
	lab_equal "$(went db-primary)" "0 60 0"
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "a hosts-file name of two of the service's pods: its connections go where they are meant to, from the first one on" {
	printf '%s db-pair\n' $p1 $p2 >>"$LAB/hosts"
	steps_start with_lbdns
	step resolve rng-headless
	step resolve db-pair
	step connect 60 db-pair=$p1
	lab_equal "$(went db-pair)" "60 0 0"
	forget
	step connect 60 db-pair=$p1 db-pair=$p2
	lab_equal "$(went db-pair)" "60 60 0"
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "20 20 20"
	lab_equal "$(lab_dns_queries db-pair)" 0
}

@test "a hosts-file name that DNS answers differently: its connections go where the file says, and DNS is not asked" {
	lab_pod_start $p4
	lab_dns_set db-pair $p3 $p4
	printf '# %s db-pair\n%s\tother DB-Pair # db-pair\n%s db-pair' $p4 $p1 $p2 >>"$LAB/hosts"
	steps_start with_lbdns
	step resolve db-pair
	step connect 60 db-pair=$p1
	lab_equal "$(went db-pair 4)" "60 0 0 0"
	step resolve rng-headless
	refreshed rng-headless
	forget
	step connect 60 db-pair=$p2
	lab_equal "$(went db-pair 4)" "0 60 0 0"
	lab_equal "$(lab_dns_queries db-pair)" 0
}

@test "a service's short name in the hosts file as one address, its full name from DNS: each is reached by its own" {
	echo "$p1 rng-headless" >>"$LAB/hosts"
	steps_start with_lbdns
	step visit 20 rng-headless "$full:8082"
	refreshed rng-headless
	step visit 40 rng-headless "$full:8082"
	lab_equal "$(went rng-headless)" "60 0 0"
	lab_equal "$(went "$full")" "20 20 20"
}

# ---- Services that overlap

@test "primary (one pod) and all (three), primary first: 200 connections to the primary all reach it" {
	lab_dns_set primary $p1
	steps_start with_lbdns
	step resolve primary rng-headless
	refreshed rng-headless
	step connect 200 primary=$p1
	lab_equal "$(went primary)" "200 0 0"
}

@test "primary (one pod) and all (three), all first: 200 connections to the primary all reach it" {
	lab_dns_set primary $p1
	steps_start with_lbdns
	step resolve rng-headless
	refreshed rng-headless
	step resolve primary
	step connect 200 primary=$p1
	lab_equal "$(went primary)" "200 0 0"
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "primary, managed and down from three pods to one, and all: 200 connections to the primary all reach it" {
	lab_dns_set primary $p1 $p2 $p3
	lab_pod_start $p4
	lab_dns_set all $p1 $p2 $p3 $p4
	steps_start with_lbdns
	step resolve primary all
	lab_dns_set primary $p1
	refreshed primary
	step connect 200 primary=$p1
	lab_equal "$(went primary 4)" "200 0 0 0"
	step visit 1 all
	forget
	step visit 60 all
	lab_equal "$(went all 4)" "15 15 15 15"
}

# left is p1 p2 p3, right is p2 p3 p4.
two_pools() {
	lab_pod_start $p4
	lab_dns_set left $p1 $p2 $p3
	lab_dns_set right $p2 $p3 $p4
	steps_start with_lbdns
	step resolve left right
	refreshed right
	refreshed left
}

@test "two pools with two pods in common: connections to a common address go to the common ones, half and half" {
	two_pools
	settle_turns $p2 $p3
	step connect 60 common=$p2
	lab_equal "$(went common 4)" "0 30 30 0"
	forget
	step connect 60 common=$p3 common=$p2
	lab_equal "$(went common 4)" "0 60 60 0"
}

@test "two pools with two pods in common: connections to an address of one pool rotate over that pool" {
	two_pools
	step connect 60 left=$p1
	lab_equal "$(went left 4)" "20 20 20 0"
	step connect 60 right=$p4
	lab_equal "$(went right 4)" "0 20 20 20"
}

@test "two pools with two pods in common: each name rotates over its own when one comes after the other" {
	two_pools
	step visit 60 left
	lab_equal "$(went left 4)" "20 20 20 0"
	step visit 60 right
	lab_equal "$(went right 4)" "0 20 20 20"
}

@test "two pools with two pods in common, visited in turn: each name rotates exactly over its own" {
	two_pools
	step visit 3 left right
	forget
	step visit 60 left right
	lab_equal "$(went left 4)" "20 20 20 0"
	lab_equal "$(went right 4)" "0 20 20 20"
}

@test "two pools with one pod in common: connections to it all reach it" {
	lab_scale rng-headless 5
	lab_dns_set left $p1 $p2 $p3
	lab_dns_set right $p3 $p4 $p5
	steps_start with_lbdns
	step resolve left right
	refreshed right
	step connect 60 common=$p3
	lab_equal "$(went common 5)" "0 0 60 0 0"
}

@test "a pool within another: connections to its addresses stay within it, those to the others rotate over all" {
	lab_dns_set pair $p1 $p2
	steps_start with_lbdns
	step resolve rng-headless pair
	refreshed pair
	settle_turns $p1
	step connect 60 pair=$p1
	lab_equal "$(went pair)" "30 30 0"
	step connect 60 rng-headless=$p3
	lab_equal "$(went rng-headless)" "20 20 20"
}

@test "three pools: connections to a common address go only to what all of them have" {
	lab_scale rng-headless 5
	lab_dns_set left $p1 $p2 $p3 $p4
	lab_dns_set right $p2 $p3 $p4 $p5
	steps_start with_lbdns
	lab_dns_set middle $p1 $p3 $p4
	step resolve left right middle
	refreshed middle
	settle_turns $p3 $p2
	step connect 60 common=$p3
	lab_equal "$(went common 5)" "0 0 30 30 0"
	forget
	step connect 60 common=$p2
	lab_equal "$(went common 5)" "0 20 20 20 0"
	settle_turns $p1
	step connect 60 common=$p1
	lab_equal "$(went common 5)" "20 0 20 20 0"
}

# ---- Addresses that move from one service to another

@test "an address that left one service and is another's only pod: the other's connections all reach it" {
	steps_start with_lbdns
	step resolve rng-headless
	lab_dns_set rng-headless $p1 $p2
	lab_dns_set other $p3
	refreshed rng-headless
	step resolve other
	step connect 60 other=$p3
	lab_equal "$(went other)" "0 0 60"
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "30 30 0"
}

@test "another's only pod that was a service's too, and leaves the service: the other's connections all reach it" {
	lab_dns_set other $p3
	steps_start with_lbdns
	step resolve other rng-headless
	lab_dns_set rng-headless $p1 $p2
	refreshed rng-headless
	step connect 60 other=$p3
	lab_equal "$(went other)" "0 0 60"
}

@test "an address that left one service and is in another's pool: connections to it go to the other's pods" {
	lab_pod_start $p4
	steps_start with_lbdns
	step resolve rng-headless
	lab_dns_set rng-headless $p1 $p2
	lab_dns_set other $p3 $p4
	refreshed rng-headless
	step resolve other
	refreshed other
	step connect 60 other=$p3
	lab_equal "$(went other 4)" "0 0 30 30"
}

@test "an address handed out for one service, then for another, gone from both: nobody can say whose it is, and it is connected to as it is" {
	lab_pod_start $p4
	steps_start with_lbdns
	step resolve rng-headless
	lab_dns_set rng-headless $p1 $p2
	lab_dns_set other $p3 $p4
	refreshed rng-headless
	step resolve other
	lab_dns_set other $p4
	refreshed other
	step connect 60 either=$p3
	lab_equal "$(went either 4)" "0 0 60 0"
}

@test "an address in two services' pools, gone from both at different times: it is connected to as it is" {
	lab_pod_start $p4
	lab_dns_set other $p3 $p4
	steps_start with_lbdns
	step resolve rng-headless other
	refreshed rng-headless
	refreshed other
	lab_dns_set rng-headless $p1 $p2
	refreshed rng-headless
	lab_dns_set other $p4
	refreshed other
	step connect 60 either=$p3
	lab_equal "$(went either 4)" "0 0 60 0"
}

@test "an address that was a pod's own name's once, and left the service: it is connected to as it is" {
	steps_start with_lbdns
	step resolve rng-2.rng-headless rng-headless
	lab_scale rng-headless 2
	refreshed rng-headless
	step connect 60 rng-2.rng-headless=$p3
	lab_equal "$(went rng-2.rng-headless)" "0 0 60"
}

# ---- Claims and when they are given up

@test "a name that grows from one pod to three gives up its claim and rotates" {
	lab_dns_set grown $p1
	steps_start with_lbdns
	step resolve grown rng-headless
	step connect 30 grown=$p1
	lab_equal "$(went grown)" "30 0 0"
	lab_dns_set grown $p1 $p2 $p3
	step resolve grown
	forget
	step connect 60 grown=$p1
	lab_equal "$(went grown)" "20 20 20"
	step visit 60 grown
	lab_equal "$(went grown)" "40 40 40"
}

@test "a name that grows from one pod to three gives up its own claim, not that of a pod's own name" {
	lab_dns_set grown $p1
	steps_start with_lbdns
	step resolve grown rng-0.rng-headless rng-headless
	lab_dns_set grown $p1 $p2 $p3
	step resolve grown
	refreshed grown
	step connect 60 rng-0.rng-headless=$p1
	lab_equal "$(went rng-0.rng-headless)" "60 0 0"
}

@test "a name of one pod that moves to two others: what it gave out before stays claimed" {
	lab_scale rng-headless 5
	lab_dns_set moved $p1
	lab_dns_set all $p1 $p2 $p3
	steps_start with_lbdns
	step resolve moved all
	lab_dns_set moved $p4 $p5
	step resolve moved
	refreshed all
	step connect 60 moved=$p1
	lab_equal "$(went moved 5)" "60 0 0 0 0"
}

@test "first lookups of a service from 8 threads at once leave no claim behind: a client that resolved once rotates" {
	for _ in {1..15}; do
		steps_start with_lbdns
		step threads 8 resolve rng-headless "$full"
		step connect 30 rng-headless=$p2
		lab_equal "$(went rng-headless)" "10 10 10"
		lab_end KILL "$LAB/steps.pid"
	done
}

@test "from 8 threads at once: 400 connections for a pod's own name all reach it, 400 of the service's its pods" {
	steps_start with_lbdns
	step threads 8 visit 50 rng-0.rng-headless rng-headless
	lab_equal "$(went rng-0.rng-headless)" "400 0 0"
	lab_equal "$(went rng-headless | wc -w)" 3
	lab_equal "$(lab_pod_log rng-headless | wc -l)" 400
}

@test "from 8 threads at once, while the service scales all the time: 0 of 800 astray" {
	lab_scale rng-headless 5
	lab_dns_set primary $p1
	steps_start with_lbdns
	echo "threads 8 visit 100 primary rng-headless" >&7
	for _ in 1 2 3; do
		lab_dns_set rng-headless $p1 $p2
		lab_dns_set rng-headless $p1 $p2 $p3 $p4 $p5
	done
	step threads 1 resolve primary # its answer comes after that of the step before, of which this reads the end
	step resolve primary
	lab_equal "$(went primary 5)" "800 0 0 0 0"
	lab_equal "$(lab_pod_log rng-headless | wc -l)" 800
	lab_equal "$(went rng-headless 5 | wc -w)" 5
}
