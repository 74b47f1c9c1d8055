# Profilers, tracers and debuggers: preloaded, around the client, or attached to it.

load ../lab/lab
load beside

group='Profilers and tracers'

# Of gperftools, with the settings that are given: each hooks more than the one before.
gperftools() {
	preload=$(beside_library "$1")
	beside_row "$2" libgoogle-perftools4 first last
}

@test "gperftools, CPUPROFILE" {
	CPUPROFILE=$LAB/profile gperftools libprofiler.so.0 'gperftools, `CPUPROFILE`'
	[ -s "$LAB/profile" ]
}

@test "gperftools, HEAPPROFILE" {
	HEAPPROFILE=$LAB/profile gperftools libtcmalloc.so.4 'gperftools, `HEAPPROFILE`'
}

@test "gperftools, HEAP_PROFILE_MMAP" {
	HEAPPROFILE=$LAB/profile HEAP_PROFILE_MMAP=true gperftools libtcmalloc.so.4 'gperftools, `HEAP_PROFILE_MMAP`'
}

@test "gperftools, HEAPCHECK" {
	# It finds leaks in Python, and tells of each.
	BESIDE_STATUS=1 BESIDE_UNSAID='^[[:space:]]*$|^	@|^Leak of|^Skipping leaks|largest leaks|^pprof|^If ' HEAPCHECK=normal \
		gperftools libtcmalloc.so.4 'gperftools, `HEAPCHECK`'
}

@test "heaptrack" {
	around=(heaptrack -o "$LAB/heaptrack")
	BESIDE_FILES=1 beside_row heaptrack heaptrack around
}

# Without a session: they are there, and ask for one.
lttng() {
	preload=$(beside_library "liblttng-ust-$1.so.1")
	beside_row "lttng-ust, $1" liblttng-ust1 first last
}

@test "lttng-ust, libc-wrapper" {
	lttng libc-wrapper
}

@test "lttng-ust, pthread-wrapper" {
	lttng pthread-wrapper
}

@test "lttng-ust, fd and fork" {
	preload=$(beside_library liblttng-ust-fd.so.1):$(beside_library liblttng-ust-fork.so.1)
	beside_row 'lttng-ust, fd and fork' liblttng-ust1 first last
}

@test "lttng-ust, dl" {
	lttng dl
}

@test "lttng-ust, cyg-profile" {
	lttng cyg-profile
}

@test "strace -f" {
	around=(strace -f -o "$LAB/trace")
	beside_row 'strace -f' strace around inside
	grep -q 'connect(.*10\.244\.' "$LAB/trace"
}

strace_attached() {
	: >"$LAB/strace.err"
	strace -f -o "$LAB/trace" -p "$1" 2>"$LAB/strace.err" 3>&- &
	lab_wait_until grep -q attached "$LAB/strace.err"
}

@test "strace -p" {
	meanwhile=strace_attached
	BESIDE_NOTE='attached in the middle' beside_row 'strace -p' strace around
}

@test "ltrace -f" {
	around=(ltrace -f -e 'connect+getaddrinfo' -o "$LAB/trace")
	BESIDE_STATUS=0 beside_row 'ltrace -f' ltrace around
}

@test "uftrace" {
	around=(uftrace record --force -d "$LAB/uftrace")
	BESIDE_STATUS=1 beside_row 'uftrace record' uftrace around
}

@test "numactl" {
	around=(numactl --localalloc)
	beside_row 'numactl' numactl around inside
}

@test "gdb, run" {
	around=(gdb -q -batch -ex 'set print thread-events off' -ex run -ex "quit \$_exitcode" --args)
	BESIDE_FILES=1 beside_row 'gdb, run' gdb around
}

gdb_attached() {
	gdb -q -batch -p "$1" -ex 'thread apply all backtrace' -ex detach >"$LAB/gdb" 2>&1 3>&-
	grep -q '^#0' "$LAB/gdb"
}

@test "gdb, attach, backtrace, detach" {
	meanwhile=gdb_attached
	BESIDE_NOTE='attached in the middle, for a backtrace of all threads' beside_row 'gdb -p' gdb around
}

@test "perf record -g" {
	around=(perf record -q -g -o "$LAB/perf")
	beside_row 'perf record -g' linux-perf around inside
}

stopped() {
	kill -STOP "$1"
	sleep 1.5 # longer than several refreshes
	kill -CONT "$1"
}

@test "SIGSTOP and SIGCONT" {
	meanwhile=stopped
	BESIDE_NOTE='for 1.5 s in the middle' beside_row 'SIGSTOP, SIGCONT' coreutils around
}

sanitizer() {
	preload=$(beside_library "$1")
	beside_row "$2" "$3" last
}

@test "gcc's AddressSanitizer" {
	ASAN_OPTIONS=detect_leaks=0 BESIDE_WARNED=$(beside_library libasan.so.8) \
		BESIDE_NOTE='the other way round it ends the client: it wants to be first. `lbdns check` says so' \
		sanitizer libasan.so.8 'AddressSanitizer (gcc)' libasan8
}

@test "gcc's AddressSanitizer, behind lbdns" {
	export ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0
	preload=$(beside_library libasan.so.8)
	beside_row 'AddressSanitizer (gcc), `verify_asan_link_order=0`' libasan8 first
}

@test "gcc's UndefinedBehaviorSanitizer" {
	preload=$(beside_library libubsan.so.1)
	beside_row 'UndefinedBehaviorSanitizer (gcc)' libubsan1 first last
}
