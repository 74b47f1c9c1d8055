# One client process that a test tells what to do next, and what became of its connections: for tests that change DNS
# under a client. `load lab/steps` after lab/lab.
# shellcheck shell=bash disable=SC2154
#
#   steps_start [with_lbdns]    starts tests/programs/steps.py, which lists its steps; settings in front, as for with_lbdns
#   step STEP...                has it do STEP; its answer on stdout, but for connections that were made: see went
#   steps                       a process of its own, steps on stdin
#   went HOST [N]               where connections meant for HOST went since steps_start or forget: how many to each of
#                               the pods 1 to N (3), as lab_counts. The client and the pods have to agree
#   forget                      begins a new count
#   pods N                      the addresses of pods 1 to N
#   refreshed NAME [N]          looks NAME up once more, and waits for N (2) more questions for it: by the second the first
#                               answer is in use

steps() {
	/usr/bin/python3 "$LAB_ROOT/tests/programs/steps.py"
}

steps_start() {
	rm -f "$LAB/steps.in" "$LAB/steps.out"
	mkfifo "$LAB/steps.in" "$LAB/steps.out"
	(
		[ "${1-}" != with_lbdns ] || export LD_PRELOAD=$LIBLBDNS
		exec /usr/bin/python3 "$LAB_ROOT/tests/programs/steps.py" <"$LAB/steps.in" >"$LAB/steps.out" 3>&-
	) &
	echo $! >"$LAB/steps.pid"
	exec 7>"$LAB/steps.in" 8<"$LAB/steps.out"
	forget
}

step() {
	lab_untraced step_to_its_end "$@"
}

step_to_its_end() {
	local line
	echo "$*" >&7
	while read -r -t "$LAB_PATIENCE" line <&8; do
		[ "$line" != . ] || return 0
		echo "$line" >>"$LAB/steps.said"
		[[ $line == *' ok '* ]] || echo "$line"
	done
	echo "the client did not finish: $*" >&2
	return 1
}

forget() {
	: >"$LAB/steps.said"
	lab_pod_log_reset
}

pods() {
	local i
	for ((i = 1; i <= $1; i++)); do
		lab_address "$i"
	done
}

went() {
	local client servers
	# shellcheck disable=SC2046
	client=$(awk -v host="$1" '$3 == host' "$LAB/steps.said" | lab_counts $(pods "${2:-3}"))
	# shellcheck disable=SC2046
	servers=$(lab_pod_log "$1" | awk '{ print $1 }' | lab_counts $(pods "${2:-3}"))
	echo "$client"
	[ "$client" = "$servers" ] || echo "but the pods saw: $servers"
}

# A name that was looked up once and not connected to is not refreshed.
refreshed() {
	[ ! -e /dev/fd/7 ] || step resolve "$1" >/dev/null
	lab_dns_asks_more "${2:-2}" "$1" A
}
