# The client matrix: measures one real client and makes one row of the table. Load it after the lab (`load ../lab/lab`,
# `load matrix`).
#
# A row has three counts of new connections, taken from what the client got: 60 on 3 pods without lbdns, 60 with it, and
# 60 after a scale-up to 5, once the client uses the new pods. The pods' own log has to agree with each.
#
#   matrix_processes GROUP CLIENT NOTE RUN...   `RUN... N` makes N connections, prints a line that ends in the pod's
#                               address for each, and ends: a new program, or several, for every count
#   matrix_program GROUP CLIENT NOTE PROGRAM... one program for all: for each line N on its standard input it makes N
#                               connections, prints such a line for each, flushes, and waits for the next
#   matrix_row GROUP CLIENT UNMODIFIED WITH_LBDNS AFTER_SCALE_UP NOTE   adds a row, where the two above do not fit
# NOTE is for users, and may be empty. CLIENT is short, with the version if that matters. GROUP: see tests/clients/table.
#
# Settings of the first two, as variables in front:
#   MATRIX_HOST=NAME            whom all lines of the pods' log must name (rng-headless); - if the client names no host
#   MATRIX_WITH, MATRIX_AFTER   what is right where it is not "20 20 20" and "12 12 12 12 12": for a client that
#                               cannot rotate; NOTE says why, and what to set
#   MATRIX_LBDNS="A=B ..."      settings for lbdns besides LBDNS_REFRESH=500ms
#   MATRIX_SERVERS=CMD          run after every lab_up: starts servers of another kind, for pods 1 to 5
#   MATRIX_ASK=CMD              `CMD client N` instead of `matrix_ask client N`, for programs that take no counts
#
# Their parts:
#   matrix_start NAME [with_lbdns] PROGRAM...   starts a program that takes counts on its standard input
#   matrix_ask NAME N           has it make N connections; its lines on stdout
#   matrix_until_scaled NAME [N]  has it make one connection at a time until one is at none of the first N (3) pods
#   lab_stop NAME               ends it (SIGTERM)
#   matrix_checked N CMD...     runs CMD; its counts on stdout; fails unless CMD's lines are N and the pods have seen the
#                               same connections, all for MATRIX_HOST
#   matrix_setting CMD...       runs CMD with lbdns and MATRIX_LBDNS
# shellcheck shell=bash disable=SC2154

MATRIX=$LAB_ROOT/tests/clients
MATRIX_BUILD=$LAB_BUILD/clients
export MATRIX MATRIX_BUILD
export LBDNS_REFRESH=500ms
mkdir -p "$MATRIX_BUILD"

# One write(2) a row: files run side by side.
matrix_row() {
	local IFS=$'\t'
	printf '%s\n' "$*" >>"$MATRIX_BUILD/rows.tsv"
}

matrix_setting() (
	# shellcheck disable=SC2086 # words are meant
	[ -z "${MATRIX_LBDNS-}" ] || export ${MATRIX_LBDNS?}
	with_lbdns "$@"
)

matrix_start() {
	local name=$1 input
	shift
	rm -f "$LAB/$name.in"
	mkfifo "$LAB/$name.in"
	# Held open, for reading too: a program that has died must not block the test.
	exec {input}<>"$LAB/$name.in"
	echo 0 >"$LAB/$name.seen"
	: >"$LAB/$name.out"
	(
		if [ "$1" = with_lbdns ]; then
			shift
			# shellcheck disable=SC2086 # words are meant
			export LD_PRELOAD=$LIBLBDNS ${MATRIX_LBDNS-}
		fi
		exec "$@" <"$LAB/$name.in" >"$LAB/$name.out" 2>"$LAB/$name.err" 3>&- {input}>&-
	) &
	echo $! >"$LAB/$name.pid"
}

# Has it N lines, or ended?
matrix_has() {
	[ "$(wc -l <"$LAB/$1.out")" -ge "$2" ] || lab_gone "$(<"$LAB/$1.pid")"
}

matrix_ask() {
	local name=$1 n=$2 seen
	seen=$(<"$LAB/$name.seen")
	echo "$n" >"$LAB/$name.in"
	lab_wait_until matrix_has "$name" $((seen + n)) || true
	echo $((seen + n)) >"$LAB/$name.seen"
	tail -n "+$((seen + 1))" "$LAB/$name.out" >"$LAB/$name.answers"
	[ "$(wc -l <"$LAB/$name.answers")" = "$n" ] || cat "$LAB/$name.err" >&2
	cat "$LAB/$name.answers"
}

matrix_is_scaled() {
	local i before=()
	for ((i = 1; i <= $2; i++)); do
		before+=("$(lab_address "$i")")
	done
	[[ $("${MATRIX_ASK:-matrix_ask}" "$1" 1 | lab_counts "${before[@]}") == *elsewhere=1 ]]
}

matrix_until_scaled() {
	lab_wait_until matrix_is_scaled "$1" "${2:-3}"
}

matrix_checked() {
	local n=$1 counts host=${MATRIX_HOST:-rng-headless}
	shift
	lab_pod_log_reset
	"$@" >"$LAB/checked" || return
	counts=$(lab_counts <"$LAB/checked")
	echo "$counts"
	lab_equal "$(wc -l <"$LAB/checked") answers" "$n answers" >&2 || return
	lab_equal "in the pods' log: $(lab_pod_log_named)" "in the pods' log: $counts" >&2 || return
	lab_equal "for $host: $(lab_pod_log "$host" | wc -l)" "for $host: $n" >&2
}

matrix_result() {
	matrix_row "$1" "$2" "$4" "$5" "$6" "$3"
	lab_equal "$5" "${MATRIX_WITH:-20 20 20}" || return
	lab_equal "$6" "${MATRIX_AFTER:-12 12 12 12 12}"
}

matrix_up() {
	lab_up && ${MATRIX_SERVERS-}
}

matrix_processes() {
	local row=("${@:1:3}") unmodified with after
	shift 3
	matrix_up
	unmodified=$(matrix_checked 60 "$@" 60) || return
	matrix_up
	with=$(matrix_checked 60 matrix_setting "$@" 60) || return
	lab_scale rng-headless 5
	after=$(matrix_checked 60 matrix_setting "$@" 60) || return
	matrix_result "${row[@]}" "$unmodified" "$with" "$after"
}

matrix_program() {
	local row=("${@:1:3}") ask=${MATRIX_ASK:-matrix_ask} unmodified with after
	shift 3
	matrix_up
	matrix_start client "$@"
	unmodified=$(matrix_checked 60 "$ask" client 60) || return
	# not left to lab_up, which kills: a proxy's workers would stay
	lab_stop client
	matrix_up
	matrix_start client with_lbdns "$@"
	with=$(matrix_checked 60 "$ask" client 60) || return
	lab_scale rng-headless 5
	matrix_until_scaled client || return
	after=$(matrix_checked 60 "$ask" client 60) || return
	lab_stop client
	matrix_result "${row[@]}" "$unmodified" "$with" "$after"
}
