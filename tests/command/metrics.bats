# lbdns metrics: what Prometheus is told, and the alerts and the dashboard that are made of it.

bats_require_minimum_version 1.5.0
load ../lab/lab

setup() {
	lab_up
}

lbdns() {
	"$LAB_BUILD/lbdns-inspect" "$@"
}

# value SERIES: its value in what is given.
value() {
	awk -v series="$1" '{ value = $NF; sub(/ [^ ]*$/, "") } $0 == series { print value }'
}

has() {
	lab_equal "$(value "$1" <<<"$output")" "$2"
}

# A failure has DNS asked, so the absolute name may be known by now, or not.
short_names() {
	sed "s/\.$LAB_DOMAIN//"
}

sound() {
	run --separate-stderr -0 promtool check metrics
	# shellcheck disable=SC2154 # run sets it
	lab_equal "$output$stderr" ''
}

@test "metrics are what was counted, and promtool has nothing to say of them" {
	with_lbdns "$CLIENT" once rng-headless 8081 30
	lab_pod_kill 10.244.2.12
	with_lbdns "$CLIENT" once rng-headless 8081 30
	lbdns metrics >"$LAB/metrics"
	sound <"$LAB/metrics"
	output=$(short_names <"$LAB/metrics")
	has "lbdns_build_info{version=\"$("$LAB_ROOT/scripts/lbdns" --version | cut -d ' ' -f 2)\"}" 1
	has 'lbdns_connections_total{name="rng-headless"}' 60
	has 'lbdns_connection_failures_total{name="rng-headless"}' 1
	has 'lbdns_connection_retries_total{name="rng-headless"}' 1
	has 'lbdns_ejected_endpoints{name="rng-headless"}' 1
	has 'lbdns_passed_connections_total{name="rng-headless",reason="claimed"}' 0
	has 'lbdns_order{order="default"}' 1
	has lbdns_scrape_errors 0
	[[ $output != *endpoint=* ]]
	lbdns metrics --endpoints >"$LAB/metrics"
	sound <"$LAB/metrics"
	output=$(short_names <"$LAB/metrics")
	has 'lbdns_endpoint_connection_failures_total{name="rng-headless",endpoint="10.244.2.12",port="8081",protocol="tcp"}' 1
	has 'lbdns_endpoint_ejected{name="rng-headless",endpoint="10.244.2.12",port="8081",protocol="tcp"}' 1
}

lbdns_told() {
	output=$(lbdns metrics) && "$@" >/dev/null 2>&1
}

failed_twice() {
	[ "$(value "lbdns_refresh_failures_total{name=\"$1\"}" <<<"$output")" -ge 2 ]
}

@test "metrics of refreshes, their failures, the pool's age, orders and processes" {
	local name=rng-headless.default.svc.cluster.local
	LBDNS_REFRESH=200ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 50
	lab_wait_until lbdns_told has "lbdns_endpoints{name=\"$name\",family=\"ipv4\"}" 3
	has lbdns_processes 1
	has "lbdns_record_ttl_seconds{name=\"$name\"}" 1
	has "lbdns_refresh_interval_seconds{name=\"$name\"}" 0.200
	has "lbdns_refresh_failures_total{name=\"$name\"}" 0
	lab_dns_stop
	lab_wait_until lbdns_told failed_twice "$name"
	awk -v age="$(value "lbdns_pool_age_seconds{name=\"$name\"}" <<<"$output")" 'BEGIN { exit !(age > 0.2 && age < 60) }'
	lbdns mode observe
	lbdns mode off --name rng-headless
	run -0 lbdns metrics
	has 'lbdns_order{order="observe"}' 1
	has 'lbdns_order{order="default"}' 0
	has "lbdns_order{name=\"$name\",order=\"off\"}" 1
	lab_stop client
	run -0 lbdns metrics
	has lbdns_processes 0
}

@test "without clients there is lbdns_build_info, and no error" {
	lbdns metrics >"$LAB/metrics"
	sound <"$LAB/metrics"
	grep -q '^lbdns_build_info{' "$LAB/metrics"
}

@test "--textfile: whole or not at all, and for the node exporter to read" {
	local reader
	with_lbdns lab_curl 3
	mkdir "$LAB/collector" 2>/dev/null || rm -f "$LAB/collector/"*
	(umask 077 && lbdns metrics --textfile "$LAB/collector/lbdns.prom")
	sound <"$LAB/collector/lbdns.prom"
	lab_equal "$(stat -c %a "$LAB/collector/lbdns.prom")" 644
	# whoever looks meanwhile sees all of it
	while [ ! -e "$LAB/collector/stop" ]; do
		tail -n 1 "$LAB/collector/lbdns.prom"
	done >"$LAB/seen" 3>&- &
	reader=$!
	for _ in {1..50}; do
		lbdns metrics --textfile "$LAB/collector/lbdns.prom"
	done
	touch "$LAB/collector/stop"
	wait $reader
	lab_equal "$(sed 's/ [0-9.]*$//' "$LAB/seen" | sort -u | wc -l)" 1
	rm "$LAB/collector/stop"
	lab_equal "$(ls "$LAB/collector")" lbdns.prom
	run -1 lbdns metrics --textfile "$LAB/no/such/lbdns.prom"
	[ "$output" = "lbdns: --textfile $LAB/no/such/lbdns.prom: No such file or directory" ]
}

serves() {
	lab_start_server "$1"
	lab_wait_until curl -sf -o "$LAB/metrics" "http://$1/metrics"
}

lab_start_server() {
	"$LAB_BUILD/lbdns-inspect" metrics --listen "$1" >"$LAB/listen.out" 2>&1 3>&- &
	echo $! >"$LAB/listen.pid"
}

@test "--listen serves /metrics, and nothing else" {
	local slow where
	for where in 127.0.0.1:9464 '[::1]:9464'; do
		ipcrm --all=shm
		with_lbdns lab_curl 3
		serves "$where"
		sound <"$LAB/metrics"
		grep -q '^lbdns_connections_total{name="rng-headless"} 3$' "$LAB/metrics"
		lab_equal "$(curl -s -o /dev/null -w '%{http_code} %{content_type}' "http://$where/metrics?x=1")" \
			'200 text/plain; version=0.0.4; charset=utf-8'
		lab_equal "$(curl -s -o /dev/null -w '%{http_code}' "http://$where/")" 404
		lab_equal "$(curl -s -o /dev/null -w '%{http_code}' -X POST "http://$where/metrics")" 405
		lab_equal "$(curl -sI -o /dev/null -w '%{http_code} %{size_download}' "http://$where/metrics")" '200 0'
		# whoever says nothing keeps nobody from it
		exec {slow}<>/dev/tcp/127.0.0.1/9464 || exec {slow}<>/dev/tcp/::1/9464
		curl -sf -o "$LAB/metrics" --max-time 5 "http://$where/metrics"
		exec {slow}>&-
		with_lbdns lab_curl 1
		curl -sf "http://$where/metrics" | grep -q '^lbdns_connections_total{name="rng-headless"} 4$'
		lab_end TERM "$LAB/listen.pid"
	done
}

@test "--listen: an address that is none, or taken, is named" {
	run -2 lbdns metrics --listen 9464
	[ "$output" = 'lbdns: --listen 9464: use an address and a port, 127.0.0.1:9464 or [::1]:9464' ]
	run -2 lbdns metrics --listen localhost:9464
	run -2 lbdns metrics --listen 127.0.0.1:94640
	serves 127.0.0.1:9464
	run -1 lbdns metrics --listen 127.0.0.1:9464
	[ "$output" = 'lbdns: --listen 127.0.0.1:9464: Address already in use' ]
}

@test "--all: every user and IPC namespace for itself, labelled with its container" {
	local id=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef group
	LBDNS_REFRESH=200ms lab_start apart unshare --ipc env LD_PRELOAD="$LIBLBDNS" "$CLIENT" stay rng-headless 8081 50
	with_lbdns lab_curl 3
	lbdns metrics --all --endpoints >"$LAB/metrics"
	sound <"$LAB/metrics"
	lab_equal "$(grep -c '^lbdns_order{uid=.*order="default"} 1$' "$LAB/metrics")" 2
	lab_equal "$(grep -o 'ipc_namespace="[0-9]*"' "$LAB/metrics" | sort -u | wc -l)" 2
	group=$(container_group "kubepods-pod01234567_89ab_cdef_0123_456789abcdef.slice/cri-containerd-$id.scope") ||
		skip 'no control group can be made'
	echo "$(<"$LAB/apart.pid")" >"$group/cgroup.procs"
	run -0 lbdns metrics --all
	grep -q 'container="0123456789ab",pod_uid="01234567-89ab-cdef-0123-456789abcdef"' <<<"$output"
	lab_stop apart
	rmdir "$group" "${group%/*}"
}

container_group() {
	local root
	root=$(awk '$3 == "cgroup2" || $3 == "cgroup" && /pids/ { print $2; exit }' /proc/mounts)
	[ -n "$root" ] && mkdir -p "$root/$1" 2>/dev/null && [ -w "$root/$1/cgroup.procs" ] && echo "$root/$1"
}

@test "the alerts fire when they should, says promtool" {
	run -0 promtool check rules "$LAB_ROOT/scripts/prometheus/alerts.yml"
	[[ $output == *'4 rules found'* ]]
	run -0 promtool test rules "$LAB_ROOT/tests/prometheus/alerts_test.yml"
}

# Every expression of the dashboard, one a line.
expressions() {
	/usr/bin/python3 -c '
import json, sys
for panel in json.load(open(sys.argv[1]))["panels"]:
    for target in panel["targets"]:
        print(target["expr"])' "$LAB_ROOT/scripts/prometheus/dashboard.json"
}

@test "dashboard and alerts ask for metrics that there are, in PromQL that is right" {
	local metric
	with_lbdns lab_curl 3
	lbdns metrics --endpoints >"$LAB/metrics"
	{ expressions && cat "$LAB_ROOT/scripts/prometheus/alerts.yml"; } | grep -o 'lbdns_[a-z_]*' | sort -u >"$LAB/asked"
	(($(wc -l <"$LAB/asked") >= 12))
	while read -r metric; do
		grep -q "^# TYPE $metric " "$LAB/metrics" || { echo "$metric"; return 1; }
	done <"$LAB/asked"
	{
		echo 'groups: [{name: dashboard, rules: ['
		expressions | sed "s/\\\$__rate_interval/5m/g; s/\$name/.*/; s/.*/{record: 'a:b', labels: {line: 'LINE'}, expr: '&'},/" |
			awk '{ sub(/LINE/, NR); print }'
		echo ']}]'
	} >"$LAB/dashboard.yml"
	run -0 promtool check rules "$LAB/dashboard.yml"
}

@test "wrong use is told with status 2" {
	local use
	for use in 'metrics --fast' 'metrics all' 'metrics --textfile' 'metrics --textfile a --listen 127.0.0.1:1'; do
		# shellcheck disable=SC2086
		run -2 lbdns $use
		[[ $output == 'lbdns: '* ]]
	done
	run -0 lbdns metrics --help
}
