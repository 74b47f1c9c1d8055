# What lbdns is for: the clients of tests/tools/lab.bats, which make 0 / 0 / 60 there.

load ../lab/lab

setup() {
	lab_up
}

@test "60 curl, a process for each connection, make 20 / 20 / 20" {
	lab_equal "$(with_lbdns lab_curl 60 | lab_counts)" "20 20 20"
	lab_equal "$(lab_pod_log_named)" "20 20 20"
}

@test "60 connections of Python urllib make 20 / 20 / 20" {
	lab_equal "$(with_lbdns lab_urllib 60 | lab_counts)" "20 20 20"
	lab_equal "$(lab_pod_log_named)" "20 20 20"
}

@test "60 connections of Node http make 20 / 20 / 20" {
	lab_equal "$(with_lbdns lab_node 60 | lab_counts)" "20 20 20"
	lab_equal "$(lab_pod_log_named)" "20 20 20"
}

@test "60 connections of Java HttpURLConnection make 20 / 20 / 20" {
	lab_equal "$(with_lbdns lab_java 60 | lab_counts)" "20 20 20"
	lab_equal "$(lab_pod_log_named)" "20 20 20"
}
