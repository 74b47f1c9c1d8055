# One long-lived process with 8 threads that use three services.

load ../lab/lab
load matrix

services=(rng-headless other-headless apart-headless)

# Pods of each service: other-headless shares the third one with rng-headless, apart-headless shares nothing. The last two
# of each are those of the scale-up.
declare -gA pods=([rng-headless]="1 2 3 9 10" [other-headless]="3 4 5 11 12" [apart-headless]="6 7 8 13 14")

# addresses SERVICE N: of the first N pods of a service.
addresses() {
	local all i
	read -ra all <<<"${pods[$1]}"
	for i in "${all[@]:0:$2}"; do
		lab_address "$i"
	done
}

all_have() {
	local service at
	for service in "${services[@]}"; do
		mapfile -t at < <(addresses "$service" "$1")
		lab_dns_set "$service" "${at[@]}"
	done
}

services_up() {
	local i
	lab_up
	for i in {4..14}; do
		lab_pod_start "$(lab_address "$i")"
	done
	all_have 3
}

counts_of() {
	local at
	mapfile -t at < <(addresses "$1" "$2")
	grep "^$1 " "$LAB/got" | lab_counts "${at[@]}"
}

# Has N connections made to each service, now of SIZE pods; none of them may be at a pod of another service.
visit() {
	local n=$1 size=$2 service
	lab_pod_log_reset
	matrix_ask client $((3 * n)) >"$LAB/got"
	lab_equal "$(awk '{ print $4, $1 }' "$LAB/connections.log" | sort)" "$(sort "$LAB/got")"
	for service in "${services[@]}"; do
		lab_equal "$(grep -c "^$service " "$LAB/got")" "$n"
		[[ $(counts_of "$service" "$size") != *elsewhere* ]]
	done
}

# are_scaled SERVICE...: are new pods of each in use?
are_scaled() {
	local service
	matrix_ask client 30 >"$LAB/got"
	for service; do
		[[ $(counts_of "$service" 3) == *elsewhere* ]] || return
	done
}

# threads HOW SERVICE...: fills unmodified, with and after, by service; after a scale-up of all to 5, once these services'
# new pods are in use.
threads() {
	local how=$1 service
	shift
	services_up
	matrix_start client "$MATRIX_BUILD/services" "$how" 8081 "${services[@]}"
	visit 60 3
	for service in "${services[@]}"; do unmodified[$service]=$(counts_of "$service" 3); done
	services_up
	matrix_start client with_lbdns "$MATRIX_BUILD/services" "$how" 8081 "${services[@]}"
	visit 60 3
	for service in "${services[@]}"; do with[$service]=$(counts_of "$service" 3); done
	all_have 5
	lab_wait_until are_scaled "$@"
	visit 60 5
	for service in "${services[@]}"; do after[$service]=$(counts_of "$service" 5); done
}

# row CLIENT SERVICE NOTE
row() {
	matrix_row 'Several services' "$1" "${unmodified[$2]}" "${with[$2]}" "${after[$2]}" "$3"
}

# about N COUNT...: every count is within 8 of N: a connection to a pod of two services, whose turn another thread has taken
# since the lookup, can go nowhere else.
about() {
	local n=$1 count
	shift
	for count; do
		((count >= n - 8 && count <= n + 8)) || { echo "not about $n: $*"; return 1; }
	done
}

@test "3 services, 2 of them overlapping, from 8 threads that look up each time" {
	local service
	declare -A unmodified with after
	threads each "${services[@]}"
	row '8 threads, 3 services: one apart' apart-headless 'a lookup before each connection'
	row '8 threads, 3 services: one that shares a pod with another' rng-headless 'none goes to a pod of the other service'
	lab_equal "${with[apart-headless]}, ${after[apart-headless]}" "20 20 20, 12 12 12 12 12"
	for service in rng-headless other-headless; do
		# shellcheck disable=SC2086 # counts are words
		about 20 ${with[$service]}
		# shellcheck disable=SC2086
		about 12 ${after[$service]}
	done
}

# An address that was kept is all there is to tell which service is meant. The shared pod's is both's, so it is left as it is,
# and takes the turn of either: which counts the overlapping services get depends on where their rotations began.
@test "3 services, 2 of them overlapping, from 8 threads that looked up once" {
	declare -A unmodified with after
	threads once apart-headless
	row '8 threads, 3 services, one lookup for all: one apart' apart-headless \
		'where two services share a pod, a client that keeps its address stays there: look up again, or exclude one service (LBDNS_EXCLUDE)'
	lab_equal "${with[apart-headless]}, ${after[apart-headless]}" "20 20 20, 12 12 12 12 12"
}
