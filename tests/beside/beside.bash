# Neighbours: others that are loaded into the client's process, or run it. `load ../lab/lab`, then `load beside`. A neighbour
# is a test; each order is a row of the table.
#
#   beside_row NEIGHBOUR PACKAGE ORDER...   measures tests/beside/client.py with the neighbour alone, and with lbdns too in
#                               each order; fails where they differ in more than they should. PACKAGE is Debian's, whose
#                               version the table shows
#   beside_library NAME         the path of a library in /usr/lib
# What the neighbour is, as variables of the test (besides those of its own, which it exports):
#   preload=PATH                a library
#   around=(COMMAND...)         words in front of the client
#   meanwhile=COMMAND           called as `COMMAND PID` while the client waits, once it has connected and been refreshed
# ORDER:
#   first, last                 LD_PRELOAD has lbdns before the library, or behind it
#   around                      LD_PRELOAD has lbdns for the command too
#   inside                      COMMAND... lbdns run -- client
#
# A run: 30 connections with a lookup before each, to three pods. Then (after two refreshes) libraries are loaded, and a child
# of a fork connects. Then one pod leaves DNS (and goes on running), another one is new there and one is killed, and (two
# refreshes later) the client makes three and then 30 connections to the address that it was told last. At the end it tells its threads
# and descriptors. Right is:
#   - the exit status (7), standard error, descriptors and what the child and the libraries say: as with the neighbour alone
#   - connections 10/10/10; then 15/15 at the pod that stayed and at the new one, and none that fails; as the pods' own log
#   - one thread more, lbdns
#   - nothing in the log of lbdns, at level warn; one segment of shared memory at most, and that the user's
# Settings in front, where something else is:
#   BESIDE_EACH, BESIDE_CHANGED connections, instead of "10 10 10" and "0 0 15 15" (pods 1 to 4)
#   BESIDE_AS_ALONE=1           connections and threads too are those of the neighbour alone: it does not work here even alone,
#                               or it makes the connections itself
#   BESIDE_PASSED=LIBRARY       as BESIDE_AS_ALONE, because that library's getaddrinfo goes past lbdns: log, status and check say so
#   BESIDE_FILES=1              the client is spoken to by files, because the neighbour has or says something on stdin and stdout
#   BESIDE_SERVERS=COMMAND      run after every lab_up
#   BESIDE_UNSAID=EXPRESSION    lines on stderr that differ each time
#   BESIDE_KEPT=1               connects go past lbdns: who keeps an address stays there, whoever it is
#   BESIDE_WARNED=LIBRARY       the log has that this library is before lbdns; all else is as usual
#   BESIDE_FAILS=1              one connection fails, that which finds the pod dead
#   BESIDE_STATUS=N             what the neighbour makes of the client's status (7)
#   BESIDE_THREAD=1             with BESIDE_AS_ALONE: there is one thread more, all the same
#   BESIDE_USER=UID             whose the shared memory is (0)
#   BESIDE_NOTE=WORDS           for the table
# shellcheck shell=bash disable=SC2154,SC2034

BESIDE=$LAB_ROOT/tests/beside
BESIDE_BUILD=$LAB_BUILD/beside
export LBDNS_REFRESH=200ms LBDNS_LOG=warn LBDNS_LOG_FILE=$LAB/lbdns.log LBDNS_LIBRARY=$LIBLBDNS
export PYTHONDONTWRITEBYTECODE=1
LAB_PATIENCE=30
mkdir -p "$BESIDE_BUILD"
declare -gA ended said each each_seen changed changed_seen extras threads descriptors log segments passed
around=() preload='' meanwhile=''

beside_library() {
	find /usr/lib -path "*/$1" | head -n 1 | grep . || { echo "no $1" >&2; return 1; }
}

beside_start() {
	local loaded=$1
	shift
	rm -f "$LAB/client.in"
	mkfifo "$LAB/client.in"
	# Held open, for reading too: a client that has died must not block the test.
	exec {input}<>"$LAB/client.in"
	: >"$LAB/client.out"
	answered=0
	(
		[ -z "$loaded" ] || export LD_PRELOAD=$loaded
		if [ -n "${BESIDE_FILES-}" ]; then
			export BESIDE_FILES=$LAB/client
			exec "$@" </dev/null >"$LAB/client.err" 2>&1 3>&- {input}>&-
		fi
		exec "$@" <"$LAB/client.in" >"$LAB/client.out" 2>"$LAB/client.err" 3>&- {input}>&-
	) &
	client=$!
	echo "$client" >"$LAB/client.pid"
}

beside_has() {
	local lines
	mapfile lines <"$LAB/client.out"
	{ ((${#lines[@]} >= $1)) && [[ ${lines[-1]} == *$'\n' ]]; } || lab_gone "$client"
}

# beside_ask WORD N: its N lines of answer, in $LAB/answer. That there are fewer shows in what they are.
beside_ask() {
	echo "$1 $2" >&"$input"
	lab_wait_until beside_has $((answered + $2)) || true
	tail -n "+$((answered + 1))" "$LAB/client.out" >"$LAB/answer"
	((answered += $2))
}

# Two refreshes later, if there are any.
beside_refreshed() {
	[ "$1" = alone ] || [ -n "$as_alone" ] || lab_dns_asks_more 2 rng-headless A
}

# What log, status and check say of who is before lbdns.
beside_told() {
	sed 's/.*: warn: //' "$LBDNS_LOG_FILE"
	"$LAB_BUILD/lbdns-inspect" status 2>&1 | sed -n 's/^lbdns: process [0-9]*: //p'
	"$LAB_BUILD/lbdns-inspect" check --pid "$client" | sed -n 's/.* loaded  *//p'
}

beside_run() {
	local order=$1 loaded=$preload run=(/usr/bin/python3 "$BESIDE/client.py") pods=() i
	for i in 1 2 3 4; do
		pods+=("$(lab_address $i)")
	done
	case $order in
	first) loaded=$LIBLBDNS:$preload ;;
	last) loaded=$preload:$LIBLBDNS ;;
	around) loaded=$LIBLBDNS ;;
	inside) run=("$LAB_ROOT/scripts/lbdns" run -- "${run[@]}") ;;
	esac
	lab_up
	${BESIDE_SERVERS-}
	: >"$LBDNS_LOG_FILE"
	chmod 666 "$LBDNS_LOG_FILE"
	beside_start "$loaded" "${around[@]}" "${run[@]}"
	beside_ask each 30
	each[$order]=$(lab_counts "${pods[@]:0:3}" <"$LAB/answer")
	each_seen[$order]=$(lab_pod_log_named "${pods[@]:0:3}")
	if [ "$order" = alone ] || [ -n "$as_alone" ] || [ "${each[$order]}" = "${BESIDE_EACH:-10 10 10}" ]; then
		beside_run_on "$order"
	else
		lab_end KILL "$LAB/client.pid"
	fi
	# A client that does not end is a finding, not something to wait for.
	lab_wait_until lab_gone "$client" || kill -KILL "$client"
	wait "$client" && ended[$order]=0 || ended[$order]=$?
	exec {input}>&-
	rm -f "$LAB/client.pid"
	said[$order]=$(sed -E "s#$LAB_ROOT/scripts/lbdns run -- |$LIBLBDNS:?##g; s/(0x)?[0-9a-f]*[0-9][0-9a-f]*/N/g" "$LAB/client.err" | grep -vE "${BESIDE_UNSAID:-^$}" || true)
	log[$order]=$(<"$LBDNS_LOG_FILE")
	segments[$order]=$(awk 'NR > 1 { print $8 }' /proc/sysvipc/shm | paste -sd ' ')
}

beside_run_on() {
	local order=$1
	beside_refreshed "$order" || return 0
	${meanwhile:+"$meanwhile" "$client"}
	beside_ask load 1
	extras[$order]=$(<"$LAB/answer")
	beside_ask child 1
	extras[$order]+=", child: $(sed 's/^10\.244\..*/a pod/' "$LAB/answer")"
	lab_pod_start "${pods[3]}"
	lab_dns_set rng-headless "${pods[@]:0:1}" "${pods[@]:2}"
	beside_refreshed "$order" || return 0
	lab_pod_kill "${pods[0]}"
	# The connection that finds the pod dead goes on to another one: from the next turn on, the others share evenly.
	beside_ask kept 3
	extras[$order]+=", then: $(sed 's/^10\.244\..*/a pod/' "$LAB/answer" | paste -sd ,)"
	lab_pod_log_reset
	beside_ask kept 30
	changed[$order]=$(lab_counts "${pods[@]}" <"$LAB/answer")
	changed_seen[$order]=$(lab_pod_log_named "${pods[@]}")
	[ -z "${BESIDE_PASSED-}" ] || passed[$order]=$(beside_told)
	beside_ask end 2
	threads[$order]=$(sed -n 's/^threads //p' "$LAB/answer")
	# Names of files may have a process id in them.
	descriptors[$order]=$(sed -nE ':next; s/(:[^ ]*[^0-9 ])[0-9]+/\1N/; t next; s/^descriptors //p' "$LAB/answer")
}

# beside_is WHAT GOT WANTED: what is wrong is told, and the row is written all the same.
beside_is() {
	[ "$2" != "$3" ] || return 0
	printf '%s, %s: %s\ngot: %s\nwanted: %s\n' "$neighbour" "$order" "$1" "$2" "$3"
	wrong=1
}

# What the log of lbdns has, each line once, but for what all such lines begin and end with.
beside_warnings() {
	sed -E "s/^lbdns\[[0-9]+\]: warn: (getaddrinfo|connect) is (.*)'s before it is lbdns's: what that does not pass on is not seen$/\2/" <<<"${log[$order]}" |
		sort -u
}

beside_sorted() {
	tr ' ' '\n' <<<"$1" | sort | paste -sd ' '
}

beside_judge() {
	local alone_threads=${threads[alone]-} expected seen each_is=${BESIDE_EACH:-10 10 10} changed_is=${BESIDE_CHANGED:-0 0 15 15}
	expected=$(beside_sorted "lbdns $alone_threads") seen="${each[$order]}, ${changed[$order]-}"
	if [ -n "$as_alone" ]; then
		seen="${each_seen[alone]}, ${changed_seen[alone]-}"
		# Lookups that nothing comes of are refreshed all the same.
		[ -z "${BESIDE_THREAD-}" ] || alone_threads="lbdns $alone_threads"
		expected=$alone_threads each_is=${each[alone]} changed_is=${changed[alone]-}
	fi
	if [ -n "${BESIDE_KEPT-}" ] && [[ ${changed[$order]-} =~ ^((0 )*30( 0)*|0 0 0 0 elsewhere=30)$ ]]; then
		changed[$order]='all at one address' changed_is='all at one address' extras[$order]=${extras[alone]}
		seen="${each[$order]}, ${changed_seen[$order]}"
	fi
	if [ -n "${BESIDE_FAILS-}" ]; then
		extras[$order]=${extras[$order]/failed: \[Errno 111] Connection refused/a pod}
	fi
	beside_is 'exit status' "${ended[$order]}" "${ended[alone]}"
	beside_is 'standard error' "${said[$order]}" "${said[alone]}"
	beside_is connections "${each[$order]}" "$each_is"
	beside_is 'connections after the change' "${changed[$order]-}" "$changed_is"
	beside_is 'what the pods have seen' "${each_seen[$order]}, ${changed_seen[$order]-}" "$seen"
	beside_is 'a library and a child' "${extras[$order]-}" "${extras[alone]-}"
	beside_is threads "$(beside_sorted "${threads[$order]-}")" "$(beside_sorted "$expected")"
	beside_is descriptors "${descriptors[$order]-}" "${descriptors[alone]-}"
	case ${segments[$order]} in
	'' | "${BESIDE_USER:-0}") ;;
	*) beside_is 'users of shared memory' "${segments[$order]}" "${BESIDE_USER:-0}" ;;
	esac
	if [ -n "${BESIDE_PASSED-}" ]; then
		expected="getaddrinfo is $BESIDE_PASSED's before it is lbdns's:"
		beside_is 'what log, status and check say' "${passed[$order]-}" "$expected what that does not pass on is not seen
$expected put liblbdns.so before that
$expected put liblbdns.so before that"
	else
		beside_is 'the log of lbdns' "$(beside_warnings)" "${BESIDE_WARNED-}"
	fi
}

# beside_cell GOT ALONE: for the table.
beside_cell() {
	if [ "$1" = "$2" ]; then echo 'as alone'; else echo "$1"; fi
}

beside_write_row() {
	local version end seen note=${BESIDE_NOTE-}
	version=$(dpkg-query -W -f='${source:Upstream-Version}' "$package") || return
	end=$(beside_cell "status ${ended[$order]}" "status ${ended[alone]}")
	[ "${ended[alone]}" = 7 ] || end+=", status ${ended[alone]}"
	[ "${said[$order]}" = "${said[alone]}" ] || end+=', other words on stderr'
	seen=$(beside_cell "${threads[$order]-} ${descriptors[$order]-}" "${threads[alone]-} ${descriptors[alone]-}")
	if [ "$seen" != 'as alone' ] && [ "${descriptors[$order]-}" = "${descriptors[alone]-}" ] &&
		[ "$(beside_sorted "${threads[$order]-}")" = "$(beside_sorted "lbdns ${threads[alone]-}")" ]; then
		seen='lbdns more'
	fi
	[ -z "${BESIDE_WARNED-}" ] || note+="${note:+; }the log says that it is before lbdns"
	if [ -n "${BESIDE_PASSED-}" ]; then
		note+="${note:+; }the log, status and check say: $(sed -n '2s/:.*//p' <<<"${passed[$order]-}")"
	fi
	set -- "$group" "$neighbour, $version" "$order" "$end" "${each[$order]}" "${changed[$order]:--}" "$seen" "$note"
	# One write(2) a row: files run side by side.
	local IFS=$'\t'
	printf '%s\n' "$*" >>"$BESIDE_BUILD/rows.tsv"
}

beside_row() {
	lab_untraced beside_rows "$@"
}

beside_rows() {
	local neighbour=$1 package=$2 order wrong='' as_alone=${BESIDE_AS_ALONE-}${BESIDE_PASSED-} input answered client
	shift 2
	ended=() said=() each=() each_seen=() changed=() changed_seen=() extras=() threads=() descriptors=() log=() segments=() passed=()
	order=alone
	beside_run alone || return
	if [ -z "$as_alone" ]; then
		beside_is 'connections without lbdns' "${each[alone]}, ${changed[alone]}" '0 0 30, 0 0 30 0'
		beside_is 'a library and a child without lbdns' "${extras[alone]}" 'loaded all, child: a pod, then: a pod,a pod,a pod'
		beside_is 'exit status without lbdns' "${ended[alone]}" "${BESIDE_STATUS:-7}"
	fi
	for order; do
		beside_run "$order" || return
		beside_judge
		beside_write_row
	done
	[ -z "$wrong" ]
}
