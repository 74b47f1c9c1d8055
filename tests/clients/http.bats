# shellcheck disable=SC2016 # backquotes are markdown
# HTTP clients: those that end after their requests, and those that live on.

load ../lab/lab
load matrix

web() {
	matrix_program HTTP "$@"
}

same_answer_again() {
	yes "$LAB_URL" | head -n "$1"
}

@test "curl" {
	matrix_processes HTTP curl 'one process for each connection' lab_curl
}

curl_list() {
	same_answer_again "$1" | xargs curl -sS --max-time 60
}

@test "curl with a list of URLs" {
	matrix_processes HTTP 'curl URL URL …' 'one process' curl_list
}

curl_parallel() {
	same_answer_again "$1" | xargs curl -sS --max-time 60 --parallel --parallel-immediate --parallel-max 8
}

@test "curl --parallel" {
	matrix_processes HTTP 'curl --parallel' 'one process, 8 connections at a time' curl_parallel
}

wget_each() {
	local i
	for ((i = 0; i < $1; i++)); do
		wget -q -T 60 -O - "$LAB_URL" || return
	done
}

@test "wget" {
	matrix_processes HTTP wget 'one process for each connection' wget_each
}

wget_list() {
	same_answer_again "$1" | wget -q -T 60 -O - -i -
}

@test "wget with a list of URLs" {
	matrix_processes HTTP 'wget -i' 'one process; wget keeps the answer of DNS' wget_list
}

busybox_wget() {
	local i
	for ((i = 0; i < $1; i++)); do
		busybox wget -q -O - "$LAB_URL" || return
	done
}

@test "busybox wget" {
	matrix_processes HTTP 'busybox wget' 'one process for each connection' busybox_wget
}

# It prints no answer: the pods' log is what there is.
apache_bench() {
	ab -q -n "$1" "$LAB_URL" >"$LAB/ab.out" && grep -qx "Complete requests: *$1" "$LAB/ab.out" || return
	awk '{ print $1 }' "$LAB/connections.log"
}

@test "ab" {
	matrix_processes HTTP ab 'resolves once' apache_bench
}

@test "Python urllib" {
	web 'Python urllib' '' /usr/bin/python3 "$MATRIX/web.py" urllib "$LAB_URL"
}

@test "Python requests" {
	web 'Python requests' 'one session' /usr/bin/python3 "$MATRIX/web.py" requests "$LAB_URL"
}

@test "Python aiohttp" {
	web 'Python aiohttp' 'keeps the answer of DNS for 10 s and rotates over it by itself' \
		/usr/bin/python3 "$MATRIX/web.py" aiohttp "$LAB_URL"
}

@test "Node http" {
	web 'Node http' '`agent: false`' node "$MATRIX/web.js" http "$LAB_URL"
}

@test "Node fetch" {
	web 'Node fetch' 'a new connection for each request' node "$MATRIX/web.js" fetch "$LAB_URL"
}

@test "Java HttpURLConnection" {
	web 'Java HttpURLConnection' 'the JVM keeps the answer of DNS for 30 s' \
		java -XX:-UsePerfData -cp "$MATRIX_BUILD" Web url "$LAB_URL"
}

@test "Java HttpClient" {
	web 'Java HttpClient' 'NIO; the JVM keeps the answer of DNS for 30 s' \
		java -XX:-UsePerfData -cp "$MATRIX_BUILD" Web client "$LAB_URL"
}

@test "Netty" {
	web 'Java Netty' 'NIO; the JVM keeps the answer of DNS for 30 s' \
		java -XX:-UsePerfData -cp "$MATRIX_BUILD:/usr/share/java/*" WebNetty "$LAB_URL"
}

@test "Ruby net/http" {
	web 'Ruby net/http' '' ruby "$MATRIX/web.rb" "$LAB_URL"
}

@test "PHP streams" {
	web 'PHP file_get_contents' '' php "$MATRIX/web.php" streams "$LAB_URL"
}

# PHP before 8.5 loads extensions with RTLD_DEEPBIND: they, and the libraries that come with them, find libc first.
@test "PHP's curl as an extension does not see a preload" {
	php_curl=(php "$MATRIX/web.php" curl "$LAB_URL")
	lab_up
	matrix_start client "${php_curl[@]}"
	unmodified=$(matrix_checked 60 matrix_ask client 60)
	lab_up
	matrix_start client with_lbdns "${php_curl[@]}"
	with=$(matrix_checked 60 matrix_ask client 60)
	lab_scale rng-headless 5
	after=$(matrix_checked 60 matrix_ask client 60)
	matrix_row HTTP 'PHP curl, as an extension' "$unmodified" "$with" "$after" \
		'does not rotate: PHP before 8.5 shields its extensions (packages like `php-curl`) from preloads. See the next row; or use a PHP that has curl built in, as PHP'"'"'s own container images do'
	lab_equal "$with, $after" "0 0 60, 0 0 0 0 60"
}

@test "PHP's curl as an extension, with libcurl preloaded" {
	web 'PHP curl, libcurl preloaded too' \
		'the extension, with `LD_PRELOAD=…/liblbdns.so:libcurl.so.4`; one handle, with CURLOPT_FRESH_CONNECT' \
		"$MATRIX/beside" libcurl.so.4 after php "$MATRIX/web.php" curl "$LAB_URL"
}

@test "Perl HTTP::Tiny" {
	web 'Perl HTTP::Tiny' '' perl "$MATRIX/web.pl" "$LAB_URL"
}

@test "Go net/http with libc's resolver" {
	web 'Go net/http, cgo' 'built with cgo and run with `GODEBUG=netdns=cgo`: only its lookups are seen' \
		env GODEBUG=netdns=cgo "$MATRIX_BUILD/web-go" "$LAB_URL"
}

@test "Rust std" {
	web 'Rust std::net' '' "$MATRIX_BUILD/web-rs" rng-headless:8081
}
