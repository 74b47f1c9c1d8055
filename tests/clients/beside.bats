# A real client beside other libraries that are preloaded. Two orders: theirs before ours and after it.
# shellcheck disable=SC2030,SC2031 # a test is a subshell

load ../lab/lab
load matrix

library() {
	find /usr/lib -path "*/$1" | grep . || { echo "no $1" >&2; return 1; }
}

beside() {
	local client=$1 note=$2 order
	shift 2
	for order in before after; do
		matrix_program 'Beside other libraries' "$client, $order lbdns" "$note" \
			"$MATRIX/beside" "$library" $order "$@"
	done
}

@test "jemalloc" {
	library=$(library libjemalloc.so.2)
	beside 'Python urllib with jemalloc' '' /usr/bin/python3 "$MATRIX/web.py" urllib "$LAB_URL"
}

@test "libfaketime" {
	library=$(library faketime/libfaketime.so.1)
	export FAKETIME=-1000d
	beside 'Python urllib with libfaketime' 'the date is 1,000 days ago' \
		/usr/bin/python3 "$MATRIX/web.py" urllib "$LAB_URL"
}

# A stand-in for Tor, which knows the name by one address, that of the second pod.
tor() {
	lab_start tor /usr/bin/python3 "$LAB_ROOT/tests/programs/tor.py" rng-headless=10.244.2.12
}

torsocks_curl() {
	local i
	for ((i = 0; i < $1; i++)); do
		"$MATRIX/beside" "$library" "$order" curl -sS --max-time 60 "$LAB_URL" || return
	done
}

@test "torsocks: as without lbdns" {
	library=$(library torsocks/libtorsocks.so)
	for order in before after; do
		MATRIX_SERVERS=tor MATRIX_WITH="0 60 0" MATRIX_AFTER="0 0 60 0 0" matrix_processes \
			'Beside other libraries' "curl with torsocks, $order lbdns" \
			'does not rotate: Tor looks the name up and makes the connections, so lbdns has to run where Tor lets them out' \
			torsocks_curl
	done
}
