# Bytes from outside, of every kind, never crash, hang or mislead: each program of tests/fuzz over the inputs that are
# kept in tests/fuzz/corpus. `make fuzz` goes on from there at random.

bats_require_minimum_version 1.5.0
load ../lab/lab

# make check has built them already.
setup_file() {
	make --no-print-directory -s -C "$LAB_ROOT" -j"$(nproc)" BUILD="$LAB_BUILD" sanitized >&2
}

kept_inputs() {
	local inputs=$LAB_ROOT/tests/fuzz/corpus/$1
	run setarch -R "$LAB_BUILD/asan/fuzz/$1" -runs=0 -timeout=10 -artifact_prefix="$BATS_TEST_TMPDIR/" "$inputs"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"seed corpus: files: $(find "$inputs" -type f -size +0 | wc -l) "* ]]
}

@test "settings: any environment leaves them within their bounds" {
	kept_inputs settings
}

@test "names: any pattern matches what a plainer matcher says" {
	kept_inputs names
}

@test "resolv.conf: any file gives servers that can be asked and names that can be asked for" {
	kept_inputs resolvconf
}

@test "DNS answers: any message gives usable addresses or none, by UDP and TCP" {
	kept_inputs answer
}

@test "shared memory: any content lets picks be endpoints and ends" {
	kept_inputs shared
}

@test "connect: any sockaddr gives what the kernel gives, or an endpoint of the pool" {
	kept_inputs sockaddr
}

@test "getaddrinfo: any hints give what libc gives, in another order" {
	kept_inputs hints
}
