# How much stack lbdns adds to a connect: signal handlers connect too, and may have little.

load ../lab/lab

setup() {
	lab_up
	STACK=$LAB_BUILD/lab/stack
}

# stack_adds MOST MOST_OF_ALL: bytes that a connect needs more than libc's, nine of ten of them and all. Those of ten that need
# more meet an endpoint that is late, because this machine is busy.
stack_adds() {
	local how threads program alone with failed=0
	for program in "$STACK" "$STACK-musl"; do
		for how in blocks nonblock; do
			for threads in alone threads; do
				# there is no failure to meet without lbdns: by address, to the first pod
				alone=$("$program" 10.244.1.11 8081 $how $threads)
				with=$(with_lbdns "$program" rng-headless 8081 $how $threads)
				((alone = ${alone% *}))
				echo "$(basename "$program") $how $threads: $((${with% *} - alone)), all $((${with#* } - alone))"
				((alone > 0 && ${with% *} > alone)) || failed=1
				((${with% *} - alone <= $1 && ${with#* } - alone <= $2)) || failed=1
			done
		done
	done
	((!failed))
}

@test "a connect to one of three endpoints needs at most 512 bytes of stack more" {
	stack_adds 512 1536
}

@test "a connect past an endpoint that is ejected needs at most 1.5 KiB of stack more" {
	export LBDNS_EJECT=60s
	lab_pod_kill 10.244.2.12
	with_lbdns lab_curl 3 >"$LAB/seen"
	lab_equal "$(with_lbdns lab_curl 6 | lab_counts)" "3 0 3"
	stack_adds 1536 1536
}
