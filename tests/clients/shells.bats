# Shells, network tools and TLS.
# shellcheck disable=SC2016 # backquotes are markdown

bats_require_minimum_version 1.5.0
load ../lab/lab
load matrix

request='GET /address HTTP/1.1\r\nHost: rng-headless\r\n\r\n'

@test "bash /dev/tcp" {
	matrix_program 'Shells and TLS' 'bash `/dev/tcp`' '' bash "$MATRIX/web.bash" rng-headless 8081
}

# each N CMD...: CMD is sent the request N times, each time over a connection of its own.
each() {
	local n=$1 i
	shift
	for ((i = 0; i < n; i++)); do
		# shellcheck disable=SC2059 # it is a format
		printf "$request" | "$@" 2>"$LAB/each.err" | tail -n 1
		[ "${PIPESTATUS[*]}" = "0 0 0" ] || { cat "$LAB/each.err" >&2; return 1; }
	done
}

with_nc() {
	each "$1" nc.openbsd rng-headless 8081
}

@test "nc" {
	matrix_processes 'Shells and TLS' nc 'one process for each connection' with_nc
}

# -t: how long it waits for an answer after its standard input has ended
with_socat() {
	each "$1" socat -t 60 - TCP:rng-headless:8081
}

@test "socat" {
	matrix_processes 'Shells and TLS' socat 'one process for each connection' with_socat
}

# ---- TLS: each pod has a certificate of its own, for the service's name, from one authority.

certificates() {
	local i
	mkdir "$LAB/tls"
	certificate authority -subj /CN=authority -addext basicConstraints=critical,CA:TRUE
	for i in 1 2 3 4 5; do
		certificate "$(lab_address $i)" -subj "/CN=$(lab_address $i)" -CA "$LAB/tls/authority.pem" \
			-CAkey "$LAB/tls/authority.pem" -addext subjectAltName=DNS:rng-headless
	done
}

certificate() {
	local name=$1
	shift
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "$@" \
		-keyout "$LAB/tls/$name.pem" -out "$LAB/tls/$name.crt" 2>&1 || return
	cat "$LAB/tls/$name.crt" >>"$LAB/tls/$name.pem"
}

tls_pods() {
	local i address
	[ -d "$LAB/tls" ] || certificates
	for i in 1 2 3 4 5; do
		address=$(lab_address $i)
		rm -f "$LAB/tls-$address.log"
		lab_serve tls "$address" /usr/bin/python3 "$MATRIX/tls_pod.py" "$address" 8443 "$LAB/connections.log" \
			"$LAB/tls/$address.pem"
	done
	for i in 1 2 3 4 5; do
		lab_wait_until grep -qs listening "$LAB/tls-$(lab_address $i).log"
	done
}

s_client() {
	openssl s_client -quiet -connect rng-headless:8443 -servername rng-headless -CAfile "$LAB/tls/authority.crt" \
		-verify_return_error -verify_hostname "${1:-rng-headless}"
}

with_s_client() {
	each "$1" s_client
}

@test "openssl s_client: a certificate for the name verifies, one for another does not" {
	MATRIX_SERVERS=tls_pods matrix_processes 'Shells and TLS' 'openssl s_client' \
		'SNI and the certificate are those of the name' with_s_client
	run ! with_lbdns s_client other-headless </dev/null
	[[ $output == *'hostname mismatch'* || $output == *'Hostname mismatch'* ]]
}

curl_https() {
	lab_curl "$1" https://rng-headless:8443/address --cacert "$LAB/tls/authority.crt"
}

@test "curl with HTTPS: a certificate for the name verifies" {
	MATRIX_SERVERS=tls_pods matrix_processes 'Shells and TLS' 'curl https://' \
		'SNI and the certificate are those of the name' curl_https
	# and it is looked at: by an address, which no certificate has, it fails
	run ! lab_curl 1 "https://$(lab_address 1):8443/address" --cacert "$LAB/tls/authority.crt"
}
