# The demo is checked as it is shown.

load ../lab/lab

@test "make demo shows what it promises, within 40 s, and leaves nothing behind" {
	# not in a pipe, whose own processes come and go
	processes() { ps -e -o comm= >"$BATS_TEST_TMPDIR/ps" && sort "$BATS_TEST_TMPDIR/ps"; }
	before=$(processes && ls -A "$TMPDIR" "$LAB_ROOT" && cat /proc/mounts && ipcs -m)
	timeout 40 "$LAB_ROOT/scripts/demo"
	after=$(processes && ls -A "$TMPDIR" "$LAB_ROOT" && cat /proc/mounts && ipcs -m)
	lab_equal "$after" "$before"
}
