# The unit programs and all of the library, built with ThreadSanitizer, and with AddressSanitizer and UBSan: no reports.

bats_require_minimum_version 1.5.0
load ../lab/lab

# make check has built them already.
setup_file() {
	make --no-print-directory -s -C "$LAB_ROOT" -j"$(nproc)" BUILD="$LAB_BUILD" sanitized >&2
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:report_signal_unsafe=1
	export UBSAN_OPTIONS=print_stacktrace=1
	export ASAN_OPTIONS=detect_stack_use_after_return=1
}

# A sanitizer that says something fails the program too.
silent() {
	run "$@"
	lab_equal "$status $output" "0 "
}

# -R: where a kernel spreads addresses further than the sanitizers of gcc 12 and clang 14 know, they do not start.
tsan() {
	silent setarch -R "$LAB_BUILD/tsan/unit/$1"
}

asan() {
	silent setarch -R "$LAB_BUILD/asan/unit/$1"
}

@test "ThreadSanitizer: the directory" {
	tsan directory_test
}

@test "ThreadSanitizer: endpoints that one process alone passes over" {
	tsan own_test
}

@test "ThreadSanitizer: rotation" {
	tsan rotation_test
}

@test "ThreadSanitizer: walks" {
	tsan walk_test
}

@test "ThreadSanitizer: readers beside writers, forks, signal handlers, siglongjmp" {
	tsan snapshot_race_test
}

@test "AddressSanitizer and UBSan: addresses" {
	asan address_test
}

@test "AddressSanitizer and UBSan: settings" {
	asan config_test
}

@test "AddressSanitizer and UBSan: the directory" {
	asan directory_test
}

@test "AddressSanitizer and UBSan: the log" {
	asan log_test
}

@test "AddressSanitizer and UBSan: endpoints that one process alone passes over" {
	asan own_test
}

@test "AddressSanitizer and UBSan: names with ports" {
	asan ports_test
}

@test "AddressSanitizer and UBSan: resolv.conf" {
	asan resolvconf_test
}

@test "AddressSanitizer and UBSan: rotation" {
	asan rotation_test
}

# What siglongjmp leaves behind of libc's own is leaked.
@test "AddressSanitizer and UBSan: readers beside writers, forks, signal handlers, siglongjmp" {
	ASAN_OPTIONS+=:detect_leaks=0
	asan snapshot_race_test
}
