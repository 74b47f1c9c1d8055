# lbdns check: whether it will work, and why not. What is refused is in command.bats, for lbdns run too.
# shellcheck disable=SC2030,SC2031 # each test has its own environment

bats_require_minimum_version 1.5.0
load ../lab/lab

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	chmod 755 .
	printf '#include <unistd.h>\nint main(void) { (void)!write(1, "up\\n", 3); pause(); return 0; }\n' >waits.c
	gcc -o waits waits.c
	gcc -static -o waits-static waits.c
	printf 'const char go[] __attribute__((section(".go.buildinfo"))) = "go";\n' | cat - waits.c >go.c
	gcc -o go go.c
	echo 'void io_uring(void) {}' | gcc -xc - -shared -fPIC -Wl,-soname,liburing.so.2 -o liburing.so.2
	gcc -o uring waits.c -Wl,--no-as-needed ./liburing.so.2
	printf 'GNU C Library stable release version 2.12.\n' >ld-linux-old.so.2
	gcc -o old waits.c -Wl,--dynamic-linker="$PWD/ld-linux-old.so.2"
	musl-gcc -o waits-musl waits.c
}

setup() {
	lab_up
	# another user's too
	cp "$LAB_BUILD/lbdns-inspect" "$LIBLBDNS" "$BATS_FILE_TMPDIR"/{waits,waits-static} "$LAB"
	chmod 755 "$LAB"/{lbdns-inspect,liblbdns.so}
	cd "$BATS_FILE_TMPDIR" || return
}

lbdns() {
	"$LAB/lbdns-inspect" "$@"
}

says() {
	local status=$1
	run "-$status" lbdns check "${@:3}"
	# shellcheck disable=SC2053 # a pattern is wanted
	[[ $output == $2 ]]
}

# ---- Programs

@test "a program of glibc, and one of musl: yes, with the version" {
	local version
	version=$(ldd --version | sed -n '1s/.* //p')
	says 0 "yes: /*/waits: 64-bit *, dynamic, glibc $version" "$PWD/waits"
	says 0 "yes: ./waits-musl: 64-bit *, dynamic, musl 1.*" ./waits-musl
	says 0 "yes: */curl: *" curl http://rng-headless:8081/ --option
	PATH=$PWD:$PATH says 0 "yes: $PWD/waits: *" waits
}

@test "a program that it cannot work for: no, and why" {
	says 1 "no: ./waits-static is statically linked: LD_PRELOAD cannot reach it" ./waits-static
	says 1 "no: ./old: glibc 2.12 is older than 2.17" ./old
	says 1 "no: no such command: nobody" nobody
}

@test "what a program does past libc is said: Go, c-ares, io_uring" {
	says 0 "yes: *It is written in Go*GODEBUG=netdns=cgo" ./go
	says 0 "yes: *c-ares, past libc: list them in LBDNS_NAMES" "$LAB_BUILD/lab/cares"
	says 0 "yes: *It has io_uring*" ./uring
	says 0 "yes: ./waits: *glibc +([0-9.])" ./waits
}

@test "another preload is said to be kept" {
	LD_PRELOAD="libm.so.6:$LIBLBDNS" says 0 'yes: *LD_PRELOAD has libm.so.6 too: lbdns run keeps it, after the library' ./waits
	LD_PRELOAD=$LIBLBDNS says 0 "yes: ./waits: *glibc +([0-9.])" ./waits
}

@test "two copies of the library in LD_PRELOAD are named, one by two names is not" {
	local two="$LIBLBDNS and $LAB/liblbdns.so: one of them does nothing"
	LD_PRELOAD="$LIBLBDNS:$LAB/liblbdns.so" says 0 "yes: ./waits: *glibc +([0-9.])"$'\n'"  LD_PRELOAD has $two" ./waits
	LD_PRELOAD="libm.so.6 $LIBLBDNS $LAB/liblbdns.so" says 0 "yes: *"$'\n'"  LD_PRELOAD has $two" ./waits
	mkdir -p "$LAB/link"
	ln -s "$LIBLBDNS" "$LAB/link/liblbdns.so"
	LD_PRELOAD="$LIBLBDNS $LIBLBDNS $LAB/link/liblbdns.so" says 0 "yes: ./waits: *glibc +([0-9.])" ./waits
}

# ---- Names

@test "--name: endpoints, TTL, eligible" {
	says 0 "rng-headless is rng-headless.default.svc.cluster.local
IPv4: 3 endpoints, TTL 1s, eligible
  10.244.1.11
  10.244.2.12
  10.244.3.13
  next picks: from a random endpoint on; no client has used lbdns here yet" --name rng-headless
	lab_scale46 both 2
	run -0 lbdns check --name both
	[[ $output == *'IPv4: 2 endpoints, TTL 1s, eligible'*'IPv6: 2 endpoints, TTL 1s, eligible'*fd00:244:1::11* ]]
}

@test "--name: the next picks are those that come" {
	local wanted
	with_lbdns lab_curl 2 >/dev/null
	run -0 lbdns check --name rng-headless:8081
	wanted=$(sed -n 's/^  next picks for port 8081: //p' <<<"$output")
	[ "$(with_lbdns lab_curl 3 | paste -sd ' ')" = "$wanted" ]
	run -0 lbdns check --name rng-headless:8081
	[ "$(sed -n 's/^  next picks for port 8081: //p' <<<"$output")" = "$wanted" ]
}

@test "--name with a port: who answers, who refuses, who is silent" {
	says 0 '*10.244.1.11     answers*10.244.2.12     answers*10.244.3.13     answers*' --name rng-headless:8081
	lab_pod_kill 10.244.1.11
	lab_pod_silence 10.244.2.12
	says 1 '*10.244.1.11     refuses*10.244.2.12     does not answer*10.244.3.13     answers*' --name rng-headless:8081
	[[ $output != *'pods refuse'* ]]
	lab_pod_unsilence 10.244.2.12
	says 1 '*pods refuse 80: a headless service does not map ports*' --name rng-headless:80
}

@test "--name: who is passed over is not among the next picks" {
	lab_pod_kill 10.244.2.12
	with_lbdns "$CLIENT" once rng-headless 8081 6
	run -1 lbdns check --name rng-headless:8081
	[[ $output == *'passed over, because it failed: 10.244.2.12'* ]]
	[[ $(sed -n 's/^  next picks for port 8081: //p' <<<"$output") != *10.244.2.12* ]]
}

@test "--name: what would be left alone, and why" {
	says 1 '*IPv4: 1 endpoint, TTL 1s, not eligible: one address: nothing to rotate over*' --name rng-0.rng-headless
	lab_dns_set public 192.0.2.1 192.0.2.2
	says 1 '*not eligible: public and loopback addresses rotate only for names that LBDNS_NAMES lists*' --name public
	LBDNS_NAMES=public says 0 '*IPv4: 2 endpoints, TTL 1s, eligible*' --name public
	LBDNS_EXCLUDE=rng-headless says 1 'no: rng-headless is left alone: by LBDNS_NAMES or LBDNS_EXCLUDE' --name rng-headless
	LBDNS_NAMES=rng-headless:8082,*:9 says 1 'no: rng-headless:8081 is left alone: by LBDNS_NAMES or LBDNS_EXCLUDE' \
		--name rng-headless:8081
	LBDNS_NAMES=rng-headless:8081 says 0 '*10.244.1.11     answers*next picks*' --name rng-headless:8081
	LBDNS_NAMES=rng-headless:8082,*:9,other:1 says 0 '*rotates on no port but 8082, 9
IPv4*' --name rng-headless
	LBDNS_EXCLUDE=rng-headless:9 says 0 '*rotates on all ports but 9
IPv4*' --name rng-headless
	says 1 'no: localhost is left alone: it is this host' --name localhost
	says 1 'no: nobody: no such name' --name nobody
	echo '10.244.9.9 hosted' >>"$LAB/hosts"
	says 1 'no: hosted is in /etc/hosts, where libc finds it before DNS' --name hosted
	lab_dns_stop
	LBDNS_NAMESERVERS=127.0.0.1:1 says 1 'no: rng-headless: failed' --name rng-headless
}

# ---- Processes

# a process that was given the library, in the background
process() {
	lab_start process env LD_PRELOAD="${LIBRARY-$LAB/liblbdns.so}" "$@"
}

process_says() {
	says "$1" "$(<"$LAB/process.pid")* $2" --pid "$(<"$LAB/process.pid")"
	lab_stop process
}

@test "--pid: loaded, switched off, replaced since, not given" {
	process "$LAB/waits"
	process_says 0 'waits            loaded*'
	process env LBDNS_MODE=off "$LAB/waits"
	process_says 1 '*off        LBDNS_MODE=off'
	process "$LAB/waits"
	cp "$LAB/liblbdns.so" "$LAB/new"
	mv "$LAB/new" "$LAB/liblbdns.so"
	process_says 0 '*loaded     of a version that was replaced since; restart it'
	lab_start process "$LAB/waits"
	process_says 1 '*not given  neither LD_PRELOAD nor /etc/ld.so.preload names liblbdns.so'
	says 1 'lbdns: there is no process 4000000' --pid 4000000
}

@test "--pid: given and not loaded, and why" {
	process "$LAB/waits-static"
	process_says 1 '*NOT LOADED it is statically linked'
	LIBRARY=/no/such/liblbdns.so process "$LAB/waits"
	process_says 1 '*NOT LOADED LD_PRELOAD names /no/such/liblbdns.so, which is not there'
	echo nothing >"$LAB/damaged"
	mkdir -p "$LAB/damaged.d"
	mv "$LAB/damaged" "$LAB/damaged.d/liblbdns.so"
	LIBRARY=$LAB/damaged.d/liblbdns.so process "$LAB/waits"
	process_says 1 "*NOT LOADED LD_PRELOAD names $LAB/damaged.d/liblbdns.so, which is no library that can be read there"
}

@test "--pid: a setuid program ignores what it was given" {
	setpriv --reuid 12345 --regid 12345 --clear-groups true || skip 'only root can be other users'
	cp "$LAB/waits" "$LAB/of-root"
	chmod 4755 "$LAB/of-root"
	process setpriv --reuid 12345 --regid 12345 --clear-groups "$LAB/of-root"
	process_says 1 '*NOT LOADED it is setuid, setgid or has file capabilities: the loader ignores LD_PRELOAD'
	process "$LAB/waits"
	run -1 setpriv --reuid 12345 --regid 12345 --clear-groups "$LAB/lbdns-inspect" check --pid "$(<"$LAB/process.pid")"
	[[ $output == *'unknown    it may not be looked at; root may' ]]
}

@test "--all: every process that was given it, and status 1 if one has it not" {
	says 1 'no process was given liblbdns.so' --all
	process "$LAB/waits"
	says 0 "$(<"$LAB/process.pid")* waits            loaded*" --all
	lab_start other env LD_PRELOAD="$LAB/liblbdns.so" "$LAB/waits-static"
	run -1 lbdns check --all
	[ ${#lines[@]} = 2 ]
	[[ $output == *'waits-static     NOT LOADED it is statically linked'* ]]
}

@test "wrong use is told with status 2" {
	local use
	for use in check 'check --fast' 'check --name' 'check --name a/b' 'check --name a:0' 'check --name a:b' 'check --name 10.0.0.1' \
		'check --name a curl' 'check --pid 1 --all'; do
		# shellcheck disable=SC2086
		run -2 lbdns $use
		[[ $output == 'lbdns: '* ]] || { echo "$use: $output"; return 1; }
	done
	run -0 lbdns check --help
	[[ $output == 'Usage: lbdns check '* ]]
}
