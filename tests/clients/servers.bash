# Real servers on the pods, for the client matrix: load it after matrix.bash. The servers of a file run for all its tests,
# so nothing but servers_up calls lab_up; teardown_file calls lab_down, else bats waits for them.
#
#   servers_up NAME PORT START WAIT [N]   in setup_file: a fresh lab; START ADDRESS starts a server at each of the first N
#                               (5) pods, WAIT ADDRESS succeeds when it answers. NAME is the headless name of the first 3,
#                               NAME-0.NAME and so on their own
#   served_pods N               the addresses of pods 1 to N
#   served_checked N CMD...     runs CMD; its counts over the pods of NAME on stdout; fails unless CMD's lines are N and the
#                               kernel of the pods has seen the same connections arrive
#   served_processes, served_program GROUP CLIENT NOTE CMD...   rows: as matrix_processes, matrix_program
# Settings of these, as variables in front: MATRIX_WITH, MATRIX_AFTER, MATRIX_LBDNS as in matrix.bash, and
#   SERVED_EACH=N               connections for each count (60)
#   SERVED_BESIDES=N            a client makes N connections besides those that it shows (0)
# shellcheck shell=bash disable=SC2154

export NODE_PATH=$MATRIX_BUILD/node_modules

served_pods() {
	local i
	for ((i = 1; i <= $1; i++)); do
		lab_address "$i"
	done
}

servers_up() {
	local address pods
	export SERVED=$1 SERVED_PORT=$2
	mapfile -t pods < <(served_pods "${5:-5}")
	lab_up 0
	for address in "${pods[@]}"; do
		"$3" "$address"
	done
	for address in "${pods[@]}"; do
		lab_wait_until "$4" "$address" >>"$LAB/servers.err" 2>&1 || { cat "$LAB"/*-"$address.log" >&2; return 1; }
	done
	lab_scale "$SERVED" 3
}

served_checked() {
	local n=$1 besides=${SERVED_BESIDES:-0} pods counts arrivals
	shift
	mapfile -t pods <"$LAB/names/$(lab_absolute "$SERVED")"
	lab_arrivals_reset
	"$@" >"$LAB/checked" || return
	counts=$(lab_counts "${pods[@]}" <"$LAB/checked")
	arrivals=$(lab_arrivals "$SERVED_PORT" "${pods[@]}")
	echo "$counts"
	lab_equal "$(wc -l <"$LAB/checked") answers" "$n answers" >&2 || return
	if [ "$besides" = 0 ]; then
		lab_equal "arrived: $arrivals" "arrived: $counts" >&2
	else
		lab_equal "arrived: $((${arrivals// /+}))" "arrived: $((n + besides))" >&2
	fi
}

served_result() {
	local n=${SERVED_EACH:-60} three five
	three=$((n / 3)) five=$((n / 5))
	MATRIX_WITH=${MATRIX_WITH:-$three $three $three} \
		MATRIX_AFTER=${MATRIX_AFTER:-$five $five $five $five $five} matrix_result "$@"
}

served_processes() {
	local row=("${@:1:3}") n=${SERVED_EACH:-60} unmodified with after
	shift 3
	unmodified=$(served_checked "$n" "$@" "$n") || return
	with=$(served_checked "$n" matrix_setting "$@" "$n") || return
	lab_scale "$SERVED" 5
	after=$(served_checked "$n" matrix_setting "$@" "$n") || return
	served_result "${row[@]}" "$unmodified" "$with" "$after"
}

served_program() {
	local row=("${@:1:3}") n=${SERVED_EACH:-60} unmodified with after
	shift 3
	matrix_start client "$@"
	unmodified=$(served_checked "$n" matrix_ask client "$n") || return
	lab_stop client
	matrix_start client with_lbdns "$@"
	with=$(served_checked "$n" matrix_ask client "$n") || return
	lab_scale "$SERVED" 5
	matrix_until_scaled client || return
	after=$(served_checked "$n" matrix_ask client "$n") || return
	lab_stop client
	served_result "${row[@]}" "$unmodified" "$with" "$after"
}
