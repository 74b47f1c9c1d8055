# The modules by themselves: the programs of tests/unit. (The resolver's has servers of its own: resolver.bats.)

bats_require_minimum_version 1.5.0
load ../lab/lab

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

unit() {
	"$LAB_BUILD/unit/$1"
}

@test "addresses" {
	unit address_test
}

@test "settings" {
	unit config_test
}

@test "the directory: what is learnt, where connections may go, its bounds" {
	unit directory_test
}

@test "the engine alone: it learns a name, picks, is told of a failure, and picks again" {
	unit engine_test
}

@test "health: who is passed over, what is evidence, who checks when, whatever is in the memory" {
	unit health_test
}

@test "merge: what becomes of a name's pools when libc or DNS answers" {
	unit merge_test
}

@test "the log" {
	unit log_test
}

@test "endpoints that one process alone passes over" {
	unit own_test
}

@test "connects under way: how they ended, and what the kernel shows of those without an answer" {
	unit inflight_test
}

@test "names with ports: which connections and lookups rotate" {
	unit ports_test
}

@test "resolv.conf" {
	unit resolvconf_test
}

@test "rotation: exact over threads, processes, ports and lookups" {
	unit rotation_test
}

@test "readers beside writers: threads, forks, signal handlers, siglongjmp" {
	unit snapshot_race_test
}

@test "walks: which connects are of one lookup, over threads and signal handlers" {
	unit walk_test
}

@test "no unit program is forgotten" {
	run --separate-stderr comm -3 \
		<(cd "$LAB_ROOT/tests/unit" && printf '%s\n' *_test.c | sed 's/\.c$//' | grep -v '^resolver_test$' | sort) \
		<(sed -n 's/^\tunit \([a-z_]*_test\)$/\1/p' "$BATS_TEST_FILENAME" | sort)
	lab_equal "$output" ""
}
