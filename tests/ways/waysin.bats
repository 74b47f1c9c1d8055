# Every way to look up and to connect: all hints of getaddrinfo, getaddrinfo_a, unusual sockets, libraries that are loaded
# late or apart, other preloads, other resolvers, other allocators.

bats_require_minimum_version 1.5.0
load ../lab/lab

setup() {
	# Questions are logged where they are counted.
	[[ $BATS_TEST_DESCRIPTION == *'DNS is asked'* ]] || export LAB_QUESTIONS=uncounted
	lab_up
	rm -f "$LAB/combinations"
}

lab() {
	"$LAB_BUILD/lab/$1" "${@:2}"
}

# ---- getaddrinfo: nothing but the order of addresses differs from libc's answer. Names that are asked for once an hour
# are answered by lbdns once DNS has confirmed them, where the hints allow it; that they are is counted.

DIFFERENTIAL='differential differential-musl'

# same PROGRAM ARGUMENT...: no differences. $LAB/differences has what it said, $LAB/combinations how many there were.
same() {
	LBDNS_REFRESH=1h with_lbdns lab "$@" >"$LAB/differences" || { cat "$LAB/differences"; return 1; }
	grep -q ' combinations, 0 differences, ' "$LAB/differences" || { cat "$LAB/differences"; return 1; }
	sed 's/ combinations.*//' "$LAB/differences" >>"$LAB/combinations"
}

# At least so many in all: they are not to be lost by a change of the program.
compared() {
	local all
	all=$(awk '{ n += $1 } END { print n + 0 }' "$LAB/combinations")
	((all >= $1)) || { echo "$all combinations"; return 1; }
}

# The last was answered without asking at least so many times.
without_asking() {
	local silent
	silent=$(sed -n 's/.* answered, \([0-9]*\) of them without asking/\1/p' "$LAB/differences")
	((${silent:-0} >= $1)) || { cat "$LAB/differences"; return 1; }
}

@test "the differential test sees what differs" {
	LAYERS_SPOIL=1 DIFFERENTIAL_OWN=1 LD_PRELOAD=$LAB_BUILD/lab/layers.so \
		run -1 lab differential full rng-headless
	[[ "${lines[-1]}" =~ ^2076\ combinations,\ [1-9][0-9]*\ differences ]]
	run -0 lab differential full rng-headless
	[[ "${lines[-1]}" =~ ^2076\ combinations,\ 0\ differences,\ .*,\ 0\ of\ them\ without\ asking ]]
}

@test "every hint, service and socket: IPv4, IPv6, both, a name with one address" {
	lab_scale46 dual-headless 4
	lab_scale6 six-headless 3
	lab_dns_set one 10.244.1.11
	for program in $DIFFERENTIAL; do
		for name in rng-headless dual-headless six-headless; do
			same "$program" full $name
			without_asking 350
		done
		same "$program" full one
	done
	compared 16000
}

@test "every two lookups, one after the other: AF_INET before AF_UNSPEC, AI_CANONNAME after none, and so on" {
	lab_scale46 dual-headless 4
	lab_scale6 six-headless 3
	for program in $DIFFERENTIAL; do
		same "$program" pairs rng-headless dual-headless six-headless
		without_asking 500 # in a process of its own each, which first has to hear from DNS
	done
	compared 8000
}

@test "names as people write them: absolute, with a dot, in upper case, two pools, public, in the hosts file" {
	local full=rng-headless.default.svc.cluster.local
	lab_dns_set mixed 10.244.1.11 192.0.2.7
	lab_dns_set public 192.0.2.7 192.0.2.8
	printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n10.9.9.1 hosted\n10.9.9.2 hosted\n' >"$LAB/hosts"
	for program in $DIFFERENTIAL; do
		same "$program" core $full $full. RNG-Headless rng-headless.
		without_asking 300
		same "$program" core RNG-HEADLESS rng-headless Rng-Headless.Default.Svc.Cluster.Local.
		same "$program" core mixed public hosted localhost ip6-localhost rng-0.rng-headless
	done
	compared 19760
}

@test "aliases, whose canonical name is another" {
	lab_pods_side ip addr replace 10.96.0.40/32 dev pods
	lab_pods_side dnsmasq --conf-file=/dev/null --user=root --group= --pid-file="$LAB/aliases.pid" --no-resolv --no-hosts \
		--listen-address=10.96.0.40 --bind-interfaces --local=/#/ --local-ttl=1 --addn-hosts="$LAB/names.hosts" \
		--cname="alias.$LAB_DOMAIN,rng-headless.$LAB_DOMAIN" 3>&-
	lab_nameserver 10.96.0.40
	/usr/bin/python3 -c 'import socket
print(socket.getaddrinfo("alias", 80, flags=socket.AI_CANONNAME)[0][3])' >"$LAB/canonical"
	lab_equal "$(<"$LAB/canonical")" "rng-headless.$LAB_DOMAIN"
	for program in $DIFFERENTIAL; do
		same "$program" core alias
		without_asking 100
		same "$program" core Alias rng-headless "alias.$LAB_DOMAIN."
		same "$program" pairs alias
	done
	compared 8000
}

@test "numbers, scopes, and no node" {
	for program in $DIFFERENTIAL; do
		same "$program" core - 10.0.0.1 10.244.1.11 10.1 0x7f.1 010.0.0.1 1 127.0.0.1 10.244.1.11. 256.1.1.1 1.2.3.4.5 \
			0.0.0.0 255.255.255.255 :: ::1 ::ffff:10.244.1.11 ::10.0.0.1 fd00:244:3::2 fe80::1 fe80::1%lo \
			fe80::1%client fe80::1%1 fe80::1%99 fe80::1%nosuch fe80::1% fd00::1%lo 10.0.0.1%lo '[::1]' ::1::
	done
	compared 44000
}

@test "names that are none: too long, empty, unknown, invalid" {
	local label=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg long
	long=$label.$label.$label.${label:2} # 253
	lab_dns_set "$long." 10.244.1.11 10.244.2.12
	lab_dns_empty nothing
	for program in $DIFFERENTIAL; do
		same "$program" core "$long"
		without_asking 100
		same "$program" core "$long." "a$long" "$long.a" $label $label.x a$label.x '' . .. a..b .a -a a- a_b 'a b' 'a/b' \
			'a*b' ' ' 'a\x01' '\xff\xfe' '\xc3\xbc' no-such nothing xn--bcher-kva
	done
	compared 38000
}

@test "names of other scripts, with and without AI_IDN and AI_CANONIDN" {
	lab_dns_set xn--bcher-kva 10.244.1.11 10.244.2.12
	lab_dns_set xn--e1afmkfd 10.244.1.11
	for program in $DIFFERENTIAL; do
		same "$program" core xn--bcher-kva
		without_asking 100
		same "$program" core bücher BÜCHER bücher.default.svc.cluster.local. пример xn--e1afmkfd 例え straße
	done
	compared 12000
}

# ---- getaddrinfo_a

HOWS='wait suspend poll handler sigwait thread told'

@test "getaddrinfo_a, unmodified: the pod of the subnet has it all" {
	for how in $HOWS; do
		lab_equal "$(lab async connect "$how" rng-headless 8081 6 | lab_counts)" "0 0 6"
	done
}

@test "getaddrinfo_a rotates, however a client waits for it" {
	for how in $HOWS; do
		lab_equal "$how $(with_lbdns lab async connect "$how" rng-headless 8081 60 | lab_counts)" "$how 20 20 20"
		lab_equal "$how $(with_lbdns lab async once "$how" rng-headless 8081 60 | lab_counts)" "$how 20 20 20"
	done
}

@test "getaddrinfo_a: a name that stands for one pod is never rewritten, asked with gai_error or not" {
	for how in $HOWS unasked; do
		lab_equal "$how $(with_lbdns lab async beside "$how" rng-headless 8081 9 rng-0.rng-headless | lab_counts)" "$how 9 0 0"
	done
}

@test "getaddrinfo_a says what libc's says" {
	lab async behave rng-headless no-such >"$LAB/libc"
	for mode in on observe off; do
		LBDNS_MODE=$mode with_lbdns lab async behave rng-headless no-such >"$LAB/$mode"
		cmp "$LAB/libc" "$LAB/$mode"
	done
	[ "$(wc -l <"$LAB/libc")" -gt 300 ]
}

@test "getaddrinfo_a on musl, which has none: ENOSYS for who finds ours" {
	cat >"$LAB/absent.c" <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <errno.h>
		#include <netdb.h>
		#include <stdio.h>
		int main(void)
		{
			int (*look_up)(int, void **, int, void *) = (void *)dlsym(RTLD_DEFAULT, "getaddrinfo_a");
			int (*error)(void *) = (void *)dlsym(RTLD_DEFAULT, "gai_error");

			errno = 0;
			puts(look_up(0, NULL, 0, NULL) == EAI_SYSTEM && errno == ENOSYS ? "ENOSYS" : "?");
			errno = 0;
			puts(error(NULL) == EAI_SYSTEM && errno == ENOSYS ? "ENOSYS" : "?");
			return dlerror() != NULL;
		}
	END
	musl-gcc -o "$LAB/absent" "$LAB/absent.c"
	with_lbdns "$LAB/absent" >"$LAB/said"
	lab_equal "$(xargs <"$LAB/said")" "ENOSYS ENOSYS"
}

# ---- Sockets

@test "TCP_FASTOPEN_CONNECT sockets rotate" {
	sysctl -qw net.ipv4.tcp_fastopen=5 # client, data in the SYN without a cookie
	for program in sockets sockets-musl; do
		for kind in fastopen fastopen-nonblock; do
			lab "$program" $kind rng-headless 8081 6 | lab_counts | tr ' ' '\n' | sort -n | xargs >"$LAB/counts"
			lab_equal "$(<"$LAB/counts")" "0 0 6"
			lab_equal "$(with_lbdns lab "$program" $kind rng-headless 8081 60 | lab_counts)" "20 20 20"
		done
	done
	# they were put off, and then sent with data
	(($(nstat -asz TcpExtTCPFastOpenActive TcpExtTCPFastOpenActiveFail | awk '{ n += $2 } END { print n }') >= 252))
}

@test "MPTCP sockets rotate" {
	sysctl -qw net.mptcp.enabled=1
	for program in sockets sockets-musl; do
		for kind in mptcp mptcp-nonblock; do
			lab "$program" $kind rng-headless 8081 6 | lab_counts | tr ' ' '\n' | sort -n | xargs >"$LAB/counts"
			lab_equal "$(<"$LAB/counts")" "0 0 6"
			lab_equal "$(with_lbdns lab "$program" $kind rng-headless 8081 60 | lab_counts)" "20 20 20"
		done
	done
}

@test "a socket that was connected before rotates each time" {
	with_lbdns lab sockets reused rng-headless 8081 60 >"$LAB/reached"
	lab_equal "$(tr ' ' '\n' <"$LAB/reached" | lab_counts)" "40 40 40"
	lab_equal "$(awk '$1 == $2' "$LAB/reached")" ""
}

@test "connected datagram sockets rotate with LBDNS_UDP=on only, and only UDP" {
	for program in "$CLIENT" "$CLIENT_MUSL"; do
		with_lbdns "$program" udp-once rng-headless 8081 12 | lab_counts | tr ' ' '\n' | sort -n | xargs >"$LAB/counts"
		lab_equal "$(<"$LAB/counts")" "0 0 12"
		lab_equal "$(LBDNS_UDP=on with_lbdns "$program" udp-once rng-headless 8081 60 | lab_counts)" "20 20 20"
	done
	LBDNS_UDP=on with_lbdns lab sockets udplite rng-headless 8081 12 | lab_counts | tr ' ' '\n' | sort -n | xargs >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "0 0 12"
}

# ---- Libraries that are loaded late

@test "libraries that resolve, loaded and unloaded each time, rotate" {
	for how in open stays; do
		lab_equal "$(lab loader $how "$LAB_BUILD/lab/plugin.so" rng-headless 8081 12 | lab_counts)" "0 0 12"
		lab_equal "$(with_lbdns lab loader $how "$LAB_BUILD/lab/plugin.so" rng-headless 8081 60 | lab_counts)" "20 20 20"
		lab_equal "$(with_lbdns lab loader-musl $how "$LAB_BUILD/lab/plugin-musl.so" rng-headless 8081 60 | lab_counts)" \
			"20 20 20"
	done
}

@test "RTLD_DEEPBIND and dlmopen: past lbdns, as without it, and lists are freed by anyone" {
	for how in deepbind apart; do
		lab_equal "$(lab loader $how "$LAB_BUILD/lab/plugin.so" rng-headless 8081 12 | lab_counts)" "0 0 12"
		lab_equal "$(with_lbdns lab loader $how "$LAB_BUILD/lab/plugin.so" rng-headless 8081 12 | lab_counts)" "0 0 12"
	done
}

@test "liblbdns.so itself, loaded and unloaded each time, preloaded or not" {
	lab_equal "$(lab loader through "$LIBLBDNS" rng-headless 8081 60 | lab_counts)" "20 20 20"
	lab_equal "$(with_lbdns lab loader through "$LIBLBDNS" rng-headless 8081 60 | lab_counts)" "20 20 20"
}

@test "dlerror speaks of the client's own failures only" {
	cat >"$LAB/dlerror.c" <<-'END'
		#include <dlfcn.h>
		#include <netdb.h>
		#include <stdio.h>
		int main(void)
		{
			struct addrinfo *list;
			char *error = dlerror();

			printf("%s", error ? error : "-");
			for (int i = 0; i < 3; i++)
				if (!getaddrinfo("rng-headless", "8081", NULL, &list))
					freeaddrinfo(list);
			error = dlerror();
			printf(" %s", error ? error : "-");
			dlsym(RTLD_DEFAULT, "not_there");
			if (!getaddrinfo("rng-headless", "8081", NULL, &list))
				freeaddrinfo(list);
			error = dlerror();
			printf(" %s\n", error ? "own" : "lost");
		}
	END
	for compiler in gcc musl-gcc; do
		$compiler -o "$LAB/dlerror" "$LAB/dlerror.c"
		lab_equal "$compiler $("$LAB/dlerror")" "$compiler - - own"
		lab_equal "$compiler $(with_lbdns "$LAB/dlerror")" "$compiler - - own"
	done
}

# ---- Other preloads, before ours and after it

library() {
	find /usr/lib -path "*/$1" | grep . || { echo "no $1" >&2; return 1; }
}

# beside PRELOAD: rotates with it, in both orders.
beside() {
	local order
	for order in "$1 $LIBLBDNS" "$LIBLBDNS $1"; do
		lab_equal "$(LD_PRELOAD=$order "$CLIENT" lookup-connect rng-headless 8081 60 | lab_counts)" "20 20 20"
		lab_equal "$(LD_PRELOAD=$order "$CLIENT" once rng-headless 8081 60 | lab_counts)" "20 20 20"
		lab_equal "$(LD_PRELOAD=$order "$CLIENT" threads rng-headless 8081 60 4 | lab_counts)" "20 20 20"
		lab_equal "$(LD_PRELOAD=$order "$CLIENT" gethostbyname rng-headless 8081 60 | lab_counts)" "20 20 20"
		lab_equal "$(LD_PRELOAD=$order lab release rng-headless 8081 400)" "all freed"
		lab_equal "$(LD_PRELOAD=$order "$CLIENT" fork rng-headless 8081 60 4 | lab_counts)" "20 20 20"
	done
}

@test "beside jemalloc, before and after" {
	beside "$(library libjemalloc.so.2)"
}

@test "beside libfaketime, before and after, also when it is another year" {
	beside "$(library faketime/libfaketime.so.1)"
	export FAKETIME=-3000d
	beside "$(library faketime/libfaketime.so.1)"
}

@test "beside libfaketime whose clock stands still: DNS is asked as often, and a new pod has its turn" {
	local faketime order
	faketime=$(library faketime/libfaketime.so.1)
	for order in "$faketime $LIBLBDNS" "$LIBLBDNS $faketime"; do
		lab_scale rng-headless 3
		lab_start client env LD_PRELOAD="$order" FAKETIME="2020-12-24 20:30:00" LBDNS_REFRESH=100ms \
			"$CLIENT" stay rng-headless 8081 20
		lab_dns_asks_more 10 rng-headless A
		lab_scale rng-headless 4
		lab_wait_until grep -q " $(lab_address 4)\$" "$LAB/client.out"
		lab_stop client
	done
}

# All its connections are to go through Tor, to the one address that Tor says.
@test "beside torsocks, before and after: as without lbdns" {
	local torsocks order
	torsocks=$(library torsocks/libtorsocks.so)
	lab_start tor /usr/bin/python3 "$LAB_ROOT/tests/programs/tor.py" rng-headless=10.244.2.12
	for order in "$torsocks" "$torsocks $LIBLBDNS" "$LIBLBDNS $torsocks"; do
		for mode in lookup-connect once; do
			lab_equal "$(LD_PRELOAD=$order "$CLIENT" $mode rng-headless 8081 9 | lab_counts)" "0 9 0"
		done
	done
	lab_equal "$(grep -c '^connect 10.244.2.12$' "$LAB/tor.out")" 54
}

@test "beside an allocator that ends the process at foreign memory, before and after" {
	beside "$LAB_BUILD/lab/allocator.so"
	lab_equal "$(with_lbdns lab client-allocator lookup-connect rng-headless 8081 60 | lab_counts)" "20 20 20"
	lab_equal "$(with_lbdns lab client-allocator threads rng-headless 8081 60 4 | lab_counts)" "20 20 20"
}

@test "two copies in one process: each connection takes one turn, and check says so" {
	local order pods
	mkdir "$LAB/image"
	cp "$LIBLBDNS" "$LAB/copy.so"
	cp "$LIBLBDNS" "$LAB/image/liblbdns.so"
	for order in "$LIBLBDNS $LAB/copy.so" "$LAB/copy.so $LIBLBDNS" "$LIBLBDNS $LAB/image/liblbdns.so $LAB/copy.so"; do
		for pods in 2 3; do
			lab_scale rng-headless $pods
			lab_equal "$(LD_PRELOAD=$order "$CLIENT" once rng-headless 8081 60 | lab_counts)" \
				"$([ $pods = 2 ] && echo '30 30 0' || echo '20 20 20')"
			lab_equal "$(LD_PRELOAD=$order "$CLIENT" lookup-connect rng-headless 8081 60 | lab_counts)" \
				"$([ $pods = 2 ] && echo '30 30 0' || echo '20 20 20')"
		done
	done
	lab_start client env LBDNS_REFRESH=100ms LD_PRELOAD="$LIBLBDNS $LAB/image/liblbdns.so" \
		"$CLIENT" stay rng-headless 8081 50
	lab_wait_until refreshes client
	lab_equal "$(threads_of client)" "client lbdns"
	run -0 "$LAB_BUILD/lbdns-inspect" check --pid "$(<"$LAB/client.pid")"
	[[ $output == *" loaded     it has "*"/liblbdns.so and "*"/liblbdns.so: one of them does nothing" ]]
}

threads_of() {
	sort "/proc/$(<"$LAB/$1.pid")/task/"*/comm | paste -sd ' '
}

refreshes() {
	[[ $(threads_of "$1") == *lbdns* ]]
}

# Its lookups go to libc past us, as those of nss_wrapper.
past_us() {
	cat >"$LAB/past.c" <<-'END'
		#include <dlfcn.h>
		int getaddrinfo(const char *node, const char *service, const void *hints, void **list)
		{
			int (*libc)(const char *, const char *, const void *, void **) =
				dlsym(dlopen("libc.so.6", RTLD_NOW), "getaddrinfo");

			return libc(node, service, hints, list);
		}
	END
	gcc -shared -fPIC -o "$LAB/past.so" "$LAB/past.c"
}

@test "a preload before lbdns whose lookups go past it: the log, status and check name it; none after lbdns" {
	local why="getaddrinfo is $LAB/past.so's before it is lbdns's"
	past_us
	lab_equal "$(LBDNS_LOG=warn LD_PRELOAD="$LAB/past.so $LIBLBDNS" "$CLIENT" lookup-connect rng-headless 8081 6 \
		2>"$LAB/err" | lab_counts)" "0 0 6"
	lab_equal "$(sed 's/.*: warn: //' "$LAB/err")" "$why: what that does not pass on is not seen"
	lab_start client env LD_PRELOAD="$LAB/past.so $LIBLBDNS" "$CLIENT" stay rng-headless 8081 60000
	lab_wait_until lines_of client
	run -0 "$LAB_BUILD/lbdns-inspect" check --pid "$(<"$LAB/client.pid")"
	[[ $output == *" loaded     $why: put liblbdns.so before that" ]]
	run -1 "$LAB_BUILD/lbdns-inspect" status
	lab_equal "$(tail -n 1 <<<"$output")" "lbdns: process $(<"$LAB/client.pid"): $why: put liblbdns.so before that"
	lab_stop client
	lab_equal "$(LD_PRELOAD="$LAB/past.so $LIBLBDNS" "$LAB_BUILD/lbdns-inspect" check "$CLIENT" | tail -n 1)" \
		"  $why: put liblbdns.so before that"
	lab_equal "$(LBDNS_LOG=warn LD_PRELOAD="$LIBLBDNS $LAB/past.so" "$CLIENT" lookup-connect rng-headless 8081 6 \
		2>"$LAB/err" | lab_counts)" "2 2 2"
	lab_equal "$(<"$LAB/err")" ""
	lab_start client env LD_PRELOAD="$LIBLBDNS $LAB/past.so" "$CLIENT" stay rng-headless 8081 60000
	lab_wait_until lines_of client
	run -0 "$LAB_BUILD/lbdns-inspect" check --pid "$(<"$LAB/client.pid")"
	[[ $output != *"$LAB/past.so"* ]]
}

lines_of() {
	grep -q . "$LAB/$1.out"
}

@test "beside a preload with lists of its own layout, before and after" {
	local order
	for order in "$LAB_BUILD/lab/layers.so $LIBLBDNS" "$LIBLBDNS $LAB_BUILD/lab/layers.so"; do
		for mode in lookup-connect once twice; do
			lab_equal "$(LD_PRELOAD=$order "$CLIENT" $mode rng-headless 8081 60 | lab_counts)" "20 20 20"
		done
		LBDNS_REFRESH=1h DIFFERENTIAL_OWN=1 LD_PRELOAD=$order lab differential full rng-headless >"$LAB/differences" ||
			{ cat "$LAB/differences"; return 1; }
	done
}

# ---- Clients with a resolver of their own

@test "a client of libcares.so.2 rotates with its name in LBDNS_NAMES, and is left alone without" {
	LBDNS_NAMES=rng-headless with_lbdns lab cares rng-headless 8081 60 | lab_counts >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "20 20 20"
	readelf -d "$LAB_BUILD/lab/cares" | grep -q 'NEEDED.*libcares\.so\.2'
}

@test "a preload list that begins with a colon, as kustomize makes it, is read by glibc and musl" {
	local glibc musl
	lab_equal "$("$CLIENT" lookup-connect rng-headless 8081 6 | lab_counts)" "0 0 6"
	glibc=$(LD_PRELOAD=:$LIBLBDNS "$CLIENT" lookup-connect rng-headless 8081 60)
	musl=$(LD_PRELOAD=:$LIBLBDNS "$CLIENT_MUSL" lookup-connect rng-headless 8081 60)
	lab_equal "$(lab_counts <<<"$glibc")" "20 20 20"
	lab_equal "$(lab_counts <<<"$musl")" "20 20 20"
}
