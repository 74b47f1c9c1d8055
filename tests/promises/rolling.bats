# Pods that die one after another while clients open connections and wait for none of those before. make rolling is the
# same at length.

load ../lab/lab
load ../rolling/rolling

@test "pods die under clients that go on connecting: one that blocks never fails, Node at most once for each" {
	rolling_up
	export ROLLING_RATE=8 # so few that a busy machine is no reason to fail
	rolling_start lbdns blocking 8
	rolling_start lbdns node 8
	lab_wait_until has_served 30
	rolling_die 1 refuse
	lab_pod_log_reset
	lab_wait_until has_served 10
	rolling_die 2 silence
	rolling_result lbdns blocking >"$LAB/blocking"
	rolling_result lbdns node >"$LAB/node"
	cat "$LAB/lbdns-blocking.out" "$LAB/lbdns-node.out"
	grep -q '^made 64 failed 0 ' "$LAB/blocking"
	grep -q '^made 64 failed [0-2] ' "$LAB/node"
}

has_served() {
	[ "$(wc -l <"$LAB/connections.log")" -ge "$1" ]
}
