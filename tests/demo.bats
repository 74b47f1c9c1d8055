# The demo is checked as it is shown.

load lab/lab

@test "make demo shows what it promises, within 40 s, and leaves nothing behind" {
	processes() { ps -e -o comm= | sort | uniq -c; }
	before=$(processes && ls -A "$TMPDIR" "$LAB_ROOT" && cat /proc/mounts && ipcs -m)
	timeout 40 "$LAB_ROOT/scripts/demo"
	after=$(processes && ls -A "$TMPDIR" "$LAB_ROOT" && cat /proc/mounts && ipcs -m)
	lab_equal "$after" "$before"
}
