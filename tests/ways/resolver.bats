# DNS: names into addresses, by real servers and by one that says odd things. Unit programs do the asking.

bats_require_minimum_version 1.5.0
load ../lab/lab

export SEARCH='search default.svc.cluster.local svc.cluster.local cluster.local'

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	for address in 10.96.0.10 10.96.0.11 10.96.0.12 10.96.0.13; do
		ip addr add $address/32 dev lo
	done
	start_dnsmasq 3>&-
	start_knot 3>&-
	start_odd 10.96.0.12
	lab_wait_until says 10.96.0.10 53 one.default.svc.cluster.local 10.244.1.1
	lab_wait_until says 10.96.0.11 53 small.big 10.245.0.1
}

teardown_file() {
	for file in "$BATS_FILE_TMPDIR"/*.pid; do
		lab_end KILL "$file"
	done
}

# 10.96.0.10, also on port 5353 of 127.0.0.1: a cluster.
start_dnsmasq() {
	cat >dnsmasq.conf <<-END
		no-resolv
		no-hosts
		local=/cluster.local/top/
		local-ttl=30
		host-record=one.default.svc.cluster.local,10.244.1.1
		host-record=rng.default.svc.cluster.local,10.244.1.2
		host-record=rng.default.svc.cluster.local,10.244.1.1
		host-record=dual.default.svc.cluster.local,10.244.1.1,fd00::1
		host-record=dual.default.svc.cluster.local,10.244.1.2,fd00::2
		host-record=six.default.svc.cluster.local,fd00::6
		host-record=six.svc.cluster.local,10.244.1.6
		host-record=elsewhere.svc.cluster.local,10.244.2.2
		txt-record=text.default.svc.cluster.local,only
		cname=alias.default.svc.cluster.local,rng.default.svc.cluster.local
		host-record=short.default.svc.cluster.local,10.244.1.3,7
		host-record=top,10.244.4.4
	END
	for where in 10.96.0.10:53 127.0.0.1:5353; do
		dnsmasq --conf-file=dnsmasq.conf --keep-in-foreground --user=root --pid-file= --bind-interfaces \
			--listen-address=${where%:*} --port=${where#*:} &
		echo $! >"dnsmasq-${where#*:}.pid"
	done
}

# 10.96.0.11: many addresses, so TCP.
start_knot() {
	{
		printf '@ 5 SOA ns. host. 1 60 60 60 5\n@ NS ns.\nsmall 5 A 10.245.0.1\n'
		seq 0 3999 | awk '{ printf "many 5 A 10.245.%d.%d\n", $1 / 250, $1 % 250 + 1 }'
		seq 1 2000 | awk '{ printf "many 5 AAAA fd00:245::%x\n", $1 }'
	} >big.zone
	cat >knot.conf <<-END
		server:
		  listen: 10.96.0.11@53
		  rundir: $PWD
		  user: root
		  tcp-workers: 1
		  udp-workers: 1
		  background-workers: 1
		log:
		  - target: stderr
		    any: error
		database:
		  storage: $PWD
		zone:
		  - domain: big
		    file: $PWD/big.zone
		    zonefile-load: whole
	END
	knotd -c knot.conf &
	echo $! >knot.pid
}

# start_odd ADDRESS [WHAT]
start_odd() {
	local out=$BATS_FILE_TMPDIR/odd-$1.out
	"$LAB_ROOT"/tests/lab/odd_dns.py "$1" 53 ${2+"$2"} >"$out" 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/odd-$1.pid"
	lab_wait_until grep -q ready "$out"
}

says() {
	dig +short +tries=1 +timeout=1 -p "$2" "@$1" "$3" | grep -qxF "$4"
}

# asks [OPTION...] NAME: the answer, its three lines as one
asks() {
	"$LAB_BUILD/unit/resolver_test" "$@" | paste -sd ' '
}

cluster() {
	asks -r "$(resolv_conf 10.96.0.10 ndots:5)" "$@"
}

# odd [OPTION...] WHAT
odd() {
	asks -s 10.96.0.12 -a "${@:1:$#-1}" "${!#}.odd"
}

# A file that names SERVER and has OPTIONS.
resolv_conf() {
	local file=$BATS_TEST_TMPDIR/resolv.conf
	printf '%s\noptions %s\nnameserver %s\n' "$SEARCH" "$2" "$1" >"$file"
	echo "$file"
}

has() {
	if [ "$1" != "$2" ]; then
		printf 'not the answer: %s\nbut:            %s\n' "$2" "$1" >&2
		return 1
	fi
}

rng='name rng.default.svc.cluster.local v4 2 30 10.244.1.1 10.244.1.2 v6 none'

@test "what needs no server" {
	"$LAB_BUILD/unit/resolver_test"
	"$LAB_BUILD/unit/resolvconf_test"
}

@test "a short, a longer and the full name become the same absolute name" {
	has "$(cluster rng)" "$rng"
	has "$(cluster RNG.default)" "$rng"
	has "$(cluster rng.default.svc)" "$rng"
	has "$(cluster rng.default.svc.cluster.local)" "$rng"
	has "$(cluster rng.default.svc.cluster.local.)" "$rng"
	has "$(cluster -a rng.default.svc.cluster.local)" "$rng"
}

@test "an absolute name is not searched for" {
	has "$(cluster rng.)" 'name  v4 failed v6 failed' # dnsmasq refuses what is not its own
	has "$(cluster -a rng.svc.cluster.local)" 'name  v4 no-name v6 no-name'
	has "$(cluster top)" 'name top v4 1 30 10.244.4.4 v6 none'
}

@test "with enough dots the name itself comes first, then the search list" {
	file=$(resolv_conf 10.96.0.10 ndots:1)
	has "$(asks -r "$file" rng)" "$rng"
	has "$(asks -r "$file" rng.default.svc.cluster.local)" "$rng"
	printf 'search svc.cluster.local\nnameserver 10.96.0.12\n' >"$file"
	has "$(asks -r "$file" rcode.3.odd)" 'name  v4 no-name v6 no-name'
}

@test "the search goes on where a name exists without data, and where it does not exist" {
	has "$(cluster elsewhere)" 'name elsewhere.svc.cluster.local v4 1 30 10.244.2.2 v6 none'
	has "$(cluster -f 4 six)" 'name six.svc.cluster.local v4 1 30 10.244.1.6 v6 not-asked'
	has "$(cluster six)" 'name six.default.svc.cluster.local v4 none v6 1 30 fd00::6'
}

@test "NXDOMAIN everywhere is no name; NODATA once is no data" {
	file=$(resolv_conf 10.96.0.10 ndots:5)
	sed -i 's/ svc.*//' "$file"
	has "$(asks -r "$file" -a nobody.default.svc.cluster.local)" 'name  v4 no-name v6 no-name'
	has "$(asks -r "$file" -a text.default.svc.cluster.local)" 'name  v4 none v6 none'
	has "$(asks -r "$file" -f 6 -a rng.default.svc.cluster.local)" 'name  v4 not-asked v6 none'
	has "$(odd rcode.3)" 'name  v4 no-name v6 no-name'
	printf 'search here there\noptions ndots:5\nnameserver 10.96.0.12\n' >"$file"
	has "$(asks -r "$file" rcode.3)" 'name  v4 no-name v6 no-name'
	has "$(asks -r "$file" -f 6 unusable)" 'name  v4 not-asked v6 none'
}

@test "both families, each alone, and none of one" {
	has "$(cluster dual)" \
		'name dual.default.svc.cluster.local v4 2 30 10.244.1.1 10.244.1.2 v6 2 30 fd00::1 fd00::2'
	has "$(cluster -f 4 dual)" 'name dual.default.svc.cluster.local v4 2 30 10.244.1.1 10.244.1.2 v6 not-asked'
	has "$(cluster -f 6 dual)" 'name dual.default.svc.cluster.local v4 not-asked v6 2 30 fd00::1 fd00::2'
}

@test "aliases are followed, the name asked for is the answer's" {
	has "$(cluster alias)" 'name alias.default.svc.cluster.local v4 2 30 10.244.1.1 10.244.1.2 v6 none'
	has "$(odd cname)" 'name cname.odd v4 1 4 10.244.1.1 v6 none'
	has "$(odd dangling)" 'name  v4 none v6 none'
}

@test "the TTL is the smallest" {
	has "$(odd ttl)" 'name ttl.odd v4 3 7 10.244.1.0 10.244.1.1 10.244.1.2 v6 none'
	has "$(odd -f 4 hugettl)" 'name hugettl.odd v4 1 0 10.244.1.1 v6 not-asked'
}

@test "4,000 addresses, by TCP" {
	answer=$("$LAB_BUILD/unit/resolver_test" -s 10.96.0.11 -a many.big)
	has "$(cut -d ' ' -f 1-4 <<<"$answer" | paste -sd ' ')" 'name many.big v4 4000 5 10.245.0.1 v6 2000 5 fd00:245::1'
	has "$(grep v4 <<<"$answer" | cut -d ' ' -f 4- | tr ' ' '\n' | sort -u | wc -l)" 4000
	has "$("$LAB_BUILD/unit/resolver_test" -s 10.96.0.12 -a large.odd | cut -d ' ' -f 1-3 | paste -sd ' ')" \
		'name large.odd v4 4000 30 v6 2300 30'
}

@test "servers with a port, and IPv6 ones" {
	has "$(asks -s 127.0.0.1:5353 -r "$(resolv_conf 10.96.0.13 ndots:5)" rng)" "$rng"
	ip addr add fd00:96::10/128 dev lo nodad
	start_odd fd00:96::10
	has "$(asks -s '[fd00:96::10]:53' -a usual.odd)" 'name usual.odd v4 1 30 10.244.1.1 v6 none'
	has "$(asks -r "$(resolv_conf fd00:96::10 ndots:5)" -a usual.odd)" 'name usual.odd v4 1 30 10.244.1.1 v6 none'
}

@test "a dead first server does not prevent the answer: port closed, and packets lost" {
	has "$(asks -s 127.0.0.1:9,10.96.0.10 -a rng.default.svc.cluster.local)" "$rng"
	ip route add blackhole 10.96.9.9
	has "$(asks -s 10.96.9.9,10.96.0.10 -a rng.default.svc.cluster.local)" "$rng"
	# a server that is there and silent, for each of the four names that one label may mean
	start_odd 10.96.0.13 silent
	file=$(resolv_conf 10.96.0.13 ndots:5)
	printf 'nameserver 10.96.0.10\n' >>"$file"
	has "$(asks -d 2000 -r "$file" top)" 'name top v4 1 30 10.244.4.4 v6 none'
	has "$(asks -d 2000 -r "$file" -a rng.default.svc.cluster.local)" "$rng"
}

@test "a silent server: failed, at the deadline" {
	before=$(lab_now)
	has "$(odd -d 700 silent)" 'name  v4 failed v6 failed' # not later: resolver_test looks at that
	after=$(lab_now)
	((after - before >= 650))
	has "$(odd -d 500 v6silent)" 'name v6silent.odd v4 1 30 10.244.1.1 v6 failed'
	has "$(odd -d 500 tcsilent)" 'name  v4 failed v6 failed'
}

@test "an answer that is late is taken, as long as it is in time" {
	! grep -qa ares_metrics_server_timeout "$LAB_BUILD/unit/resolver_test" ||
		skip "newer c-ares closes the socket of a try when it begins the next one"
	has "$(odd -d 3000 late.1600)" 'name late.1600.odd v4 1 30 10.244.1.1 v6 none'
}

@test "SERVFAIL, NOTIMP and REFUSED are failures, and end the search" {
	for rcode in 2 4 5; do
		has "$(odd rcode.$rcode)" 'name  v4 failed v6 failed'
		has "$(odd v6rcode.$rcode)" "name v6rcode.$rcode.odd v4 1 30 10.244.1.1 v6 failed"
		has "$(odd emptyrcode.$rcode)" 'name  v4 none v6 failed'
	done
	has "$(asks -s 10.96.0.12 -r "$(resolv_conf 10.96.0.12 ndots:5)" emptyrcode.2)" 'name  v4 failed v6 failed'
	# with another server, that one is asked
	has "$(asks -s 10.96.0.11,10.96.0.10 -a rng.default.svc.cluster.local)" "$rng"
}

@test "no name in IPv6 only: there is none of that family" {
	has "$(odd v6rcode.3)" 'name v6rcode.3.odd v4 1 30 10.244.1.1 v6 none'
	has "$(odd emptyrcode.3)" 'name  v4 none v6 none'
}

@test "a server that does not know EDNS" {
	has "$(odd noedns)" 'name noedns.odd v4 1 30 10.244.1.1 v6 none'
	has "$(odd -f 4 noedns)" 'name noedns.odd v4 1 30 10.244.1.1 v6 not-asked'
	has "$(odd rcode.1)" 'name  v4 failed v6 failed'
}

@test "twice the same, and addresses that no pod can have" {
	has "$(odd mixed)" 'name mixed.odd v4 1 30 10.244.1.1 v6 2 30 fd00::1 fd00::2'
	has "$(odd unusable)" 'name unusable.odd v4 none v6 none'
}

@test "malformed answers fail, noise is ignored" {
	has "$(odd -f 4 cut)" 'name  v4 failed v6 not-asked'
	has "$(odd -f 4 count)" 'name  v4 failed v6 not-asked'
	has "$(odd -f 4 loop)" 'name  v4 failed v6 not-asked'
	has "$(odd -f 4 -d 1000 tccut)" 'name  v4 failed v6 not-asked'
	has "$(odd capitals)" 'name capitals.odd v4 1 30 10.244.1.1 v6 none'
	has "$(odd noise)" 'name noise.odd v4 1 30 10.244.1.1 v6 none'
}

@test "each message of the malformed corpus fails" {
	for message in "$LAB_ROOT"/tests/fuzz/corpus/answer/malformed-*; do
		has "$message: $(odd -f 4 -d 100 malformed)" "$message: name  v4 failed v6 not-asked"
	done
}

@test "a query given up leaves nothing behind" {
	has "$(odd -c silent)" ''
	has "$(odd -c large)" ''
}

@test "between question and answer no file is opened and no malloc called" {
	command -v strace >/dev/null || skip 'no strace'
	ASAN_OPTIONS=detect_leaks=0 strace -f -o "$BATS_TEST_TMPDIR/trace" "$LAB_BUILD/unit/resolver_test" \
		-s 10.96.0.12 -a -r "$(resolv_conf 10.96.0.12 ndots:5)" usual.odd
	# from reading the file to the first malloc, which is printf's
	sed -n '/resolv.conf", O_RDONLY/,/brk(NULL)/{//!p}' "$BATS_TEST_TMPDIR/trace" >"$BATS_TEST_TMPDIR/asking"
	[ "$(grep -c 'recvfrom(.* = [1-9]' "$BATS_TEST_TMPDIR/asking")" = 2 ]
	run ! grep 'open.*/\(etc\|urandom\)' "$BATS_TEST_TMPDIR/asking"
}
