# The lab itself: what unmodified clients do without lbdns. The third pod is in the client's subnet, and has it all
# (RFC 6724, rule 9). A test that cannot fail without lbdns proves nothing.

bats_require_minimum_version 1.5.0
load ../lab/lab

setup() {
	lab_up
}

@test "unmodified: 60 curl make 0 / 0 / 60" {
	lab_equal "$(lab_curl 60 | lab_counts)" "0 0 60"
	lab_equal "$(lab_pod_log_counts)" "0 0 60"
}

@test "unmodified: 60 connections of Python urllib make 0 / 0 / 60" {
	lab_equal "$(lab_urllib 60 | lab_counts)" "0 0 60"
	lab_equal "$(lab_pod_log_counts)" "0 0 60"
}

@test "unmodified: 60 connections of Node http make 0 / 0 / 60" {
	lab_equal "$(lab_node 60 | lab_counts)" "0 0 60"
	lab_equal "$(lab_pod_log_counts)" "0 0 60"
}

@test "unmodified: 60 connections of Java HttpURLConnection make 0 / 0 / 60" {
	lab_equal "$(lab_java 60 | lab_counts)" "0 0 60"
	lab_equal "$(lab_pod_log_counts)" "0 0 60"
}

@test "the DNS server itself rotates: it is libc that sorts" {
	first() {
		"$LAB_BUILD/lab/answer" 10.96.0.10 rng-headless.default.svc.cluster.local | head -n 1
	}
	for _ in 1 2 3; do first; done | sort | uniq -c | awk '{ print $1 }' >"$LAB/firsts"
	lab_equal "$(wc -l <"$LAB/firsts")" 3
}

@test "a pod is reached by its own name, its address and on both its ports" {
	lab_equal "$("$CLIENT" once rng-1.rng-headless 8081 3 | lab_counts)" "0 3 0"
	lab_equal "$("$CLIENT" address 10.244.1.11 8082 2 | lab_counts)" "2 0 0"
	lab_equal "$(lab_pod_log rng-1.rng-headless | lab_counts 10.244.2.12 rng-1.rng-headless)" "0 3"
}

@test "scaling is seen by the next lookup" {
	lab_scale rng-headless 5
	lab_equal "$("$CLIENT" list rng-headless - | tr ' ' '\n' | lab_counts)" "1 1 1 1 1"
	lab_scale rng-headless 1
	lab_equal "$("$CLIENT" list rng-headless -)" 10.244.1.11
	lab_scale rng-headless 0
	run ! "$CLIENT" list rng-headless -
}

@test "a killed pod refuses, a silent one keeps silent" {
	lab_pod_kill 10.244.1.11
	[ "$("$CLIENT" nonblock-errors 10.244.1.11 8081 1 | cut -d ' ' -f 1)" != ok ]
	lab_pod_silence 10.244.2.12
	lab_equal "$("$CLIENT" nonblock-errors 10.244.2.12 8081 1)" "EINPROGRESS EALREADY -"
	lab_pod_unsilence 10.244.2.12
	lab_equal "$("$CLIENT" address 10.244.2.12 8081 1)" 10.244.2.12
}

@test "questions are counted, by name and type" {
	"$CLIENT" lookups rng-headless - 2
	lab_equal "$(lab_dns_queries rng-headless A)" 2
	lab_equal "$(lab_dns_queries rng-headless AAAA)" 2
	lab_equal "$(lab_dns_queries)" 4
	lab_dns_queries_reset
	lab_equal "$(lab_dns_queries)" 0
}

@test "DNS stopped, silent and back" {
	lab_dns_stop
	run ! "$CLIENT" list rng-headless -
	lab_dns_start
	"$CLIENT" list rng-headless -
}

@test "IPv6, alone and beside IPv4" {
	lab_up 0
	lab_scale6 rng-headless 3
	lab_equal "$("$CLIENT" lookup-connect rng-headless 8081 3 | lab_counts)" "0 0 3"
	lab_scale46 rng-headless 2
	lab_equal "$("$CLIENT" list rng-headless - | wc -w)" 4
}

@test "behind unbound an answer is kept" {
	lab_unbound_start
	lab_equal "$("$CLIENT" list rng-headless - | wc -w)" 3
	lab_scale rng-headless 5
	lab_equal "$("$CLIENT" list rng-headless - | wc -w)" 3
}

@test "knot answers 4,000 addresses, and all of them serve" {
	lab_knot_start many-headless 4000
	lab_crowd_start
	lab_equal "$("$CLIENT" each many-headless 8081 4000 | sort -u | wc -l)" 4000
}
