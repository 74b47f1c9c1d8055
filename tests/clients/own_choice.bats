# shellcheck disable=SC2016,SC2030,SC2031,SC2046 # backquotes are markdown; each test has its own environment; words are meant
# Clients that choose the pod themselves, or come back to the one that they have a session with. Each is measured without
# lbdns, with it, and with the setting that helps: LBDNS_CONNECT=off for those that keep the address, a port in LBDNS_NAMES
# for those that go on to another port, LBDNS_EXCLUDE for those that look the name up a second time.

load ../lab/lab
load matrix

teardown() {
	[ ! -e "$LAB/client.pid" ] || lab_stop client
	lab_down
}

# choice_row CLIENT WITHOUT WITH NOTE
choice_row() {
	matrix_row "The client's own choice" "$1" "$2" "$3" – "$4"
}

# with SETTING... COMMAND...: with lbdns, and so set.
with() {
	local settings=()
	while [[ $1 == LBDNS_*=* ]]; do
		settings+=("$1")
		shift
	done
	MATRIX_LBDNS="${settings[*]}" matrix_setting "$@"
}

# The addresses of the pods 1 to $PODS.
pods() {
	local i
	for ((i = 1; i <= ${PODS:-3}; i++)); do
		lab_address $i
	done
}

# ---- Proxies

# proxy [SETTING...] -- PROGRAM...: starts it with lbdns if there is any setting.
proxy() {
	local settings=()
	while [ "$1" != -- ]; do
		settings+=("$1")
		shift
	done
	shift
	lab_up
	if [ ${#settings[@]} = 0 ]; then
		matrix_start client "$@"
	else
		MATRIX_LBDNS="${settings[*]}" matrix_start client with_lbdns "$@"
	fi
	lab_wait_until curl -sf -o "$LAB/ready" http://127.0.0.1:8080/ready
}

# Of six clients, each with OPTION... (%: its number), how many have ten requests in a row answered by one pod.
stay() {
	local client stayed=0
	for client in 1 2 3 4 5 6; do
		curl -sS "${@//%/$client}" $(printf 'http://127.0.0.1:8080/address %.0s' {1..10}) >"$LAB/answers"
		[ "$(wc -l <"$LAB/answers")" = 10 ]
		[ "$(sort -u "$LAB/answers" | wc -l)" != 1 ] || stayed=$((stayed + 1))
	done
	echo "$stayed of 6"
}

hashed() {
	proxy "$@" -- "${nginx[@]}"
	stay --interface 127.0.%.1
	lab_stop client
}

@test "nginx ip_hash" {
	mkdir -p "$LAB/nginx"
	sed 's/WORKERS/1/; s/USER/root/; s|http://rng-headless:8081|http://pods|
		s|^\tserver {|\tupstream pods {\n\t\tip_hash;\n\t\tserver rng-headless:8081;\n\t}\n\n&|' \
		"$MATRIX/proxies/nginx.conf" >"$LAB/nginx/nginx.conf"
	nginx=("$(PATH+=:/usr/sbin command -v nginx)" -p "$LAB/nginx" -c nginx.conf -e stderr)
	lab_equal "$(hashed)" '6 of 6'
	lab_equal "$(hashed LBDNS_CONNECT=on)" '0 of 6'
	lab_equal "$(hashed LBDNS_CONNECT=off)" '6 of 6'
	choice_row 'nginx `ip_hash`' '6 of 6 clients stay at their pod' '0 of 6' \
		'`LBDNS_CONNECT=off`: 6 of 6'
}

haproxy_addresses() {
	echo 'show servers state rng' | socat - "UNIX-CONNECT:$LAB/haproxy.sock" | awk '$2 == "rng" { print $5 }' | sort -u | wc -l
}

haproxy_has_all() {
	[ "$(haproxy_addresses)" = 3 ]
}

up() {
	curl -sS http://127.0.0.1:8080/up
}

checked() {
	local arrivals
	arrivals=$(lab_arrivals 8081 $(pods))
	((${arrivals// /+} >= 30))
}

# How many sessions stay; then how many servers are up once one of the three pods is dead and 30 checks were made.
sticky() {
	proxy "$@" -- "${haproxy[@]}"
	lab_wait_until haproxy_has_all
	stay -b "$LAB/jar-%" -c "$LAB/jar-%"
	rm -f "$LAB"/jar-*
	lab_pod_kill "$(lab_address 2)"
	lab_arrivals_reset
	lab_wait_until checked
	up
	lab_stop client
}

@test "HAProxy with cookies and checks, and a resolver of its own" {
	sed "s|SOCKET|$LAB/haproxy.sock|; s|NAMESERVER|$LAB_DNS|" "$MATRIX/proxies/sticky.cfg" >"$LAB/haproxy.cfg"
	haproxy=("$(PATH+=:/usr/sbin command -v haproxy)" -f "$LAB/haproxy.cfg" -db)
	lab_equal "$(sticky)" $'6 of 6\n2'
	lab_equal "$(sticky LBDNS_CONNECT=on)" $'0 of 6\n3'
	lab_equal "$(sticky LBDNS_CONNECT=off)" $'6 of 6\n2'
	lab_equal "$(sticky LBDNS_EXCLUDE=rng-headless.default.svc.cluster.local)" $'6 of 6\n2'
	sed -i '/server-template/s/$/ init-addr none/' "$LAB/haproxy.cfg"
	lab_equal "$(sticky LBDNS_CONNECT=on)" $'6 of 6\n2'
	choice_row 'HAProxy `cookie`, `check`' '6 of 6 sessions stay; a dead pod is found' '0 of 6; not found' \
		'`LBDNS_CONNECT=off`, or `LBDNS_EXCLUDE=` the absolute name, or `init-addr none`, so that libc is not asked besides `resolvers`: 6 of 6, found'
}

# ---- More than one connection

serve_all() {
	local address
	for address in $(pods); do
		lab_serve "$1" "$address" "${@:2}" "$address"
	done
}

listening() {
	local address
	for address in $(pods); do
		lab_pods_side nc.openbsd -z "$address" "$1" || return
	done
}

# N commands: how many of them succeed, and how many connections came to PORT of each pod.
succeed() {
	local n=$1 port=$2 ok=0 i
	shift 2
	: >"$LAB/complained"
	lab_arrivals_reset
	for ((i = 0; i < n; i++)); do
		"$@" >"$LAB/said" 2>>"$LAB/complained" </dev/null 3>&- && ok=$((ok + 1))
	done
	echo "$ok of $n at $(lab_arrivals "$port" $(pods))"
}

ftp_up() {
	lab_up
	lab_scale ftp "${PODS:-3}"
	serve_all ftp /usr/bin/python3 "$MATRIX/ftp_pod.py"
	lab_wait_until listening 21
}

@test "FTP, passive, by curl" {
	local client=(curl -sS ftp://ftp/who) some
	ftp_up
	lab_equal "$(succeed 30 21 "${client[@]}")" '30 of 30 at 0 0 30'
	some=$(succeed 30 21 with LBDNS_CONNECT=on "${client[@]}")
	((${some%% *} < 30))
	lab_equal "$(succeed 30 21 with LBDNS_NAMES=ftp:21 "${client[@]}")" '30 of 30 at 10 10 10'
	lab_equal "$(succeed 30 21 with LBDNS_CONNECT=off "${client[@]}")" '30 of 30 at 10 10 10'
	choice_row 'curl `ftp://`' '30 of 30 files' "${some%% at *} files" \
		'`LBDNS_NAMES=ftp:21`, the port of the control connection, or `LBDNS_CONNECT=off`: 30 of 30, 10 from each pod. The data connection goes to the same address, at another port'
}

# A connection of wget's blocks, and is tried at two more pods where it is refused.
@test "FTP, passive, by wget" {
	local PODS=5 client=(wget -q -t 1 -O - ftp://ftp/who) some
	ftp_up
	lab_equal "$(succeed 30 21 "${client[@]}")" '30 of 30 at 0 0 30 0 0'
	some=$(succeed 30 21 with LBDNS_CONNECT=on "${client[@]}")
	((${some%% *} < 30))
	lab_equal "$(succeed 30 21 with LBDNS_NAMES=ftp:21 "${client[@]}")" '30 of 30 at 6 6 6 6 6'
	lab_equal "$(succeed 30 21 with LBDNS_CONNECT=off "${client[@]}")" '30 of 30 at 6 6 6 6 6'
	choice_row 'wget `ftp://`, 5 pods' '30 of 30 files' "${some%% at *} files" \
		'as curl: 30 of 30, 6 from each pod. With 3 pods it succeeds anyway, because a refused data connection is tried at the others'
}

@test "iperf3" {
	local client=(iperf3 -c iperf -n 64K)
	lab_up
	lab_scale iperf 3
	serve_all iperf3 iperf3 -s -B
	lab_wait_until listening 5201
	lab_equal "$(succeed 6 5201 timeout 30 "${client[@]}")" '6 of 6 at 0 0 12'
	# It waits for ever: the pod that has its data connection took it for another client's first one.
	lab_equal "$(succeed 3 5201 with LBDNS_CONNECT=on timeout 3 "${client[@]}")" '0 of 3 at 2 2 2'
	lab_equal "$(succeed 3 5201 with LBDNS_CONNECT=off timeout 3 "${client[@]}")" '0 of 3 at 2 2 2'
	lab_equal "$(succeed 6 5201 with LBDNS_EXCLUDE=iperf timeout 30 "${client[@]}")" '6 of 6 at 0 0 12'
	choice_row iperf3 '6 of 6 runs' '0 of 3' \
		'`LBDNS_EXCLUDE=` the name: 6 of 6. It looks the name up again for each data stream, so that `LBDNS_CONNECT=off` is not enough'
}

@test "ssh" {
	local address client
	lab_up
	lab_scale shells 3
	mkdir -p "$LAB/ssh" /run/sshd
	chmod 700 "$LAB/ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$LAB/ssh/id"
	for address in $(pods); do
		ssh-keygen -q -t ed25519 -N '' -f "$LAB/ssh/host-$address"
		lab_serve sshd "$address" /usr/sbin/sshd -D -e -f /dev/null -p 22 -o ListenAddress="$address" -o PidFile=none \
			-o HostKey="$LAB/ssh/host-$address" -o AuthorizedKeysFile="$LAB/ssh/id.pub" -o StrictModes=no -o UsePAM=no
	done
	lab_wait_until listening 22
	client=(ssh -F /dev/null -i "$LAB/ssh/id" -o BatchMode=yes -o StrictHostKeyChecking=accept-new
		-o UserKnownHostsFile="$LAB/ssh/known" -o GlobalKnownHostsFile=/dev/null root@shells true)
	lab_equal "$(succeed 6 22 "${client[@]}")" '6 of 6 at 0 0 6'
	lab_equal "$(succeed 6 22 with LBDNS_CONNECT=on "${client[@]}")" '2 of 6 at 2 2 2'
	lab_equal "$(grep -c 'Host key verification failed' "$LAB/complained")" 4
	lab_equal "$(succeed 6 22 with LBDNS_EXCLUDE=shells "${client[@]}")" '6 of 6 at 0 0 6'
	for address in $(pods); do
		printf 'shells %s\n' "$(cut -d ' ' -f 1-2 "$LAB/ssh/host-$address.pub")"
	done >"$LAB/ssh/known"
	lab_equal "$(succeed 6 22 with LBDNS_CONNECT=on "${client[@]}")" '6 of 6 at 2 2 2'
	choice_row ssh '6 of 6 log in' '2 of 6' \
		'knows the host key of the one pod that it met first. With the keys of all pods under the name in `known_hosts`: 6 of 6, 2 at each pod; with `LBDNS_EXCLUDE=` the name: 6 of 6, at one pod'
}

# ---- Sessions

@test "Socket.IO, long polling" {
	local -x NODE_PATH=$MATRIX_BUILD/node_modules
	local client=(node "$MATRIX/socketio.js" http://chat:3000 polling) web=(node "$MATRIX/socketio.js" http://chat:3000 websocket)
	lab_up
	lab_scale chat 3
	serve_all socketio node "$MATRIX/socketio_pod.js"
	lab_wait_until listening 3000
	lab_equal "$(succeed 6 3000 "${client[@]}" | cut -d ' ' -f 1-3)" '6 of 6'
	lab_equal "$(succeed 6 3000 with LBDNS_CONNECT=on "${client[@]}" | cut -d ' ' -f 1-3)" '0 of 6'
	lab_equal "$(succeed 6 3000 with LBDNS_EXCLUDE=chat "${client[@]}" | cut -d ' ' -f 1-3)" '6 of 6'
	lab_equal "$(succeed 6 3000 with LBDNS_CONNECT=on "${web[@]}")" '6 of 6 at 2 2 2'
	choice_row 'Socket.IO, long polling' '6 of 6 sessions' '0 of 6' \
		'each request has a connection of its own, to a server that knows the session. `transports: ["websocket"]`: 6 of 6, 2 at each pod; with `LBDNS_EXCLUDE=` the name: 6 of 6, at one pod'
}

# A realm whose services are the pods, each by a name of its own, as their addresses are named in DNS.
realm_up() {
	local i
	export KRB5_CONFIG=$LAB/krb5.conf KRB5_KDC_PROFILE=$LAB/kdc.conf KRB5CCNAME=FILE:$LAB/tickets
	printf '[realms]\nLAB = {\ndatabase_name = %s\nkey_stash_file = %s\n}\n' "$LAB/principals" "$LAB/stash" >"$KRB5_KDC_PROFILE"
	names_by rdns
	kdb5_util create -s -P master
	kadmin.local addprinc -pw secret client
	for i in 1 2 3; do
		kadmin.local addprinc -randkey "HTTP/a-pod-$i.$LAB_DOMAIN"
	done
	kadmin.local addprinc -randkey "HTTP/web.$LAB_DOMAIN"
	for i in 1 2 3; do
		kadmin.local ktadd -k "$LAB/keys-$i" "HTTP/a-pod-$i.$LAB_DOMAIN"
		kadmin.local ktadd -norandkey -k "$LAB/keys-$i" "HTTP/web.$LAB_DOMAIN"
	done
	lab_start kdc sh -c 'echo && exec krb5kdc -n'
	lab_wait_until kinit client <<<secret
}

# What curl calls the server: rdns, after the address; name.
names_by() {
	local rdns=true
	[ "$1" = rdns ] || rdns=false
	printf '[libdefaults]\ndefault_realm = LAB\nrdns = %s\n[realms]\nLAB = {\nkdc = 127.0.0.1\n}\n' $rdns >"$KRB5_CONFIG"
}

@test "Kerberos, by curl" {
	local i client=(curl -sSf --negotiate -u : http://web/)
	lab_up
	for i in 1 2 3; do
		lab_dns_set "a-pod-$i" "$(lab_address $i)"
	done
	lab_scale web 3
	realm_up >"$LAB/realm" 2>&1 || { cat "$LAB/realm"; return 1; }
	for i in 1 2 3; do
		lab_serve negotiate "$(lab_address $i)" /usr/bin/python3 "$MATRIX/negotiate_pod.py" "$(lab_address $i)" "$LAB/keys-$i"
	done
	lab_wait_until listening 80
	lab_equal "$(succeed 6 80 "${client[@]}")" '6 of 6 at 0 0 6'
	lab_equal "$(succeed 6 80 with LBDNS_CONNECT=on "${client[@]}")" '0 of 6 at 2 2 2'
	lab_equal "$(succeed 6 80 with LBDNS_EXCLUDE=web "${client[@]}")" '6 of 6 at 0 0 6'
	names_by name
	lab_equal "$(succeed 6 80 with LBDNS_CONNECT=on "${client[@]}")" '6 of 6 at 2 2 2'
	choice_row 'curl `--negotiate` (Kerberos)' '6 of 6' '0 of 6' \
		'names the server after the address of a second lookup. With `rdns = false` in krb5.conf, and one key for all pods: 6 of 6, 2 at each pod; with `LBDNS_EXCLUDE=` the name: 6 of 6, at one pod'
}

# ---- Numbers

@test "curl --resolve" {
	local client urls
	mapfile -t urls < <(printf 'http://rng-headless:8081/address\n%.0s' {1..60})
	client=(curl -sS --resolve rng-headless:8081:10.244.1.11 "${urls[@]}")
	lab_up
	lab_equal "$(matrix_checked 60 "${client[@]}")" '60 0 0'
	lab_equal "$(matrix_checked 60 with LBDNS_CONNECT=on "${client[@]}")" '60 0 0'
	# where numbers are those of the name: all but those before lbdns has looked it up
	lab_equal "$(matrix_checked 60 with LBDNS_NAMES=rng-headless "${client[@]}" | awk '{ print ($2 > 9), ($3 > 9) }')" '1 1'
	lab_equal "$(matrix_checked 60 with LBDNS_NAMES=rng-headless LBDNS_CONNECT=off "${client[@]}")" '60 0 0'
	choice_row 'curl --resolve' '60 0 0' '60 0 0' \
		'curl looks nothing up. Where LBDNS_NAMES lists the name itself it rotates, unless `LBDNS_CONNECT=off`'
}
