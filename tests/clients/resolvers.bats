# Clients with a DNS resolver of their own: we see no lookup, so the name has to be in LBDNS_NAMES. It is resolved when the
# client first connects; until then connections are untouched.
# shellcheck disable=SC2016 # backquotes are markdown

load ../lab/lab
load matrix

logged_meanwhile() {
	matrix_ask client 1 >"$LAB/meanwhile"
	grep -q "$1" "$LAB/client.err"
}

own_resolver() {
	local row=("${@:1:2}") unmodified with after
	shift 2
	lab_up
	matrix_start client "$@"
	unmodified=$(matrix_checked 60 matrix_ask client 60) || return
	lab_stop client
	lab_up
	export MATRIX_LBDNS="LBDNS_LOG=debug LBDNS_NAMES=$MATRIX_HOST"
	matrix_start client with_lbdns "$@"
	lab_wait_until logged_meanwhile 'DNS answered' || return
	with=$(matrix_checked 60 matrix_ask client 60) || return
	lab_scale rng-headless 5
	# Not matrix_until_scaled: the client itself may know the new pods before us.
	lab_wait_until logged_meanwhile ': 5 endpoints' || return
	after=$(matrix_checked 60 matrix_ask client 60) || return
	lab_stop client
	matrix_result 'Resolvers of their own' "${row[@]}" "$unmodified" "$with" "$after"
}

@test "Node dns.resolve4, then connect" {
	MATRIX_HOST=rng-headless.default.svc.cluster.local
	own_resolver 'Node `dns.resolve4`' 'c-ares in Node; with the name in LBDNS_NAMES' \
		node "$MATRIX/web.js" resolve4 "http://$MATRIX_HOST:8081/address"
}

@test "Python aiodns, then connect" {
	MATRIX_HOST=rng-headless
	own_resolver 'Python aiodns' "Debian's libcares; with the name in LBDNS_NAMES" \
		/usr/bin/python3 "$MATRIX/web.py" aiodns "$LAB_URL"
}
