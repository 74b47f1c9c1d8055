# Promise 4: what a name means to libc may change while DNS goes on answering for what it meant: a name that the search list
# has first is made, the list itself changes, the hosts file does. Lookups come back to libc, and it wins.

load ../lab/lab
load ../lab/steps

export LBDNS_REFRESH=500ms LBDNS_SHARED=off
p1=10.244.1.11 p2=10.244.2.12 p3=10.244.3.13 p4=10.244.1.14 p5=10.244.2.15

setup() {
	lab_up
	lab_pod_start $p4
	lab_pod_start $p5
}

search() {
	printf 'search %s\noptions ndots:5\nnameserver %s\n' "$*" "$LAB_DNS" >"$LAB/resolv.conf"
}

# Two services of one name, in two domains, and a client that has the first of them, with PREFIX.
client_has_one() {
	lab_dns_set rng-headless.one.example. $p1 $p2
	lab_dns_set rng-headless.two.example. $p4 $p5
	search one.example
	lab_start client "$@" "$CLIENT" visit rng-headless 8081 20
	lab_wait_until libc_is_not_asked "$1"
	lab_equal "$(reached_after 0)" "$p1 $p2"
}

# Ten connections: does the refresh thread alone ask? (Without lbdns libc asks for each.)
libc_is_not_asked() {
	local count
	[ "$1" = with_lbdns ] || return 0
	count=$(lab_dns_queries)
	lab_wait_until went_on "$(lab_now)" 10
	(($(lab_dns_queries) - count < 10))
}

# Has the client made N connections after the moment MS?
went_on() {
	awk -v ms="$1" -v n="$2" '$1 > ms && $2 == "ok" { n-- } END { exit n > 0 }' "$LAB/client.out"
}

# The pods of the connections after the moment MS.
reached_after() {
	awk -v ms="$1" '$1 > ms { print $2 == "ok" ? $NF : $2 }' "$LAB/client.out" | sort -u | paste -sd ' '
}

has_reached() {
	reached_after "$1" | grep -qwF "$2"
}

# From the first connection to ADDRESS... on there are no others.
follows_to() {
	local changed
	changed=$(lab_now)
	lab_wait_until has_reached "$changed" "$1"
	changed=$(awk -v ms="$changed" -v pod="$1" '$1 > ms && $NF == pod { print $1; exit }' "$LAB/client.out")
	lab_wait_until went_on "$changed" 50
	lab_equal "$(reached_after $((changed - 1)))" "$*"
}

@test "the search list changes: the next lookups are libc's" {
	client_has_one with_lbdns
	search two.example
	follows_to $p4 $p5
	# and are DNS's again
	lab_wait_until libc_is_not_asked with_lbdns
	search one.example
	follows_to $p1 $p2
}

@test "a name in the hosts file while the client runs: the next lookups are libc's" {
	client_has_one with_lbdns
	echo "$p3 rng-headless" >>"$LAB/hosts"
	follows_to $p3
}

@test "a name of two spellings, one of which comes to mean something else: each goes where it is to go" {
	lab_dns_set rng-headless.one.example. $p1 $p2
	lab_dns_set rng-headless.two.example. $p4 $p5
	search one.example
	lab_start client with_lbdns "$CLIENT" visit rng-headless 8081 20 rng-headless.one.example
	lab_wait_until libc_is_not_asked with_lbdns
	search two.example
	follows_to_of rng-headless $p4 $p5
	follows_to_of rng-headless.one.example $p1 $p2
}

# The same for one of the client's names.
follows_to_of() {
	local name=$1
	shift
	lab_wait_until spelling_reaches "$name" "$(lab_now)" "$*"
}

# Twenty connections and more, all to ADDRESS...
spelling_reaches() {
	lab_equal "$(awk -v ms="$2" -v name="$1" '$1 > ms && $3 == name { print $2 == "ok" ? $NF : $2 }' "$LAB/client.out" |
		tail -n 20 | sort | uniq -c | awk '$1 >= 8 { print $2 }' | paste -sd ' ')" "$3"
}

@test "each file that libc goes by has it asked again once it changes" {
	local file
	# our own questions go to another server, and are not counted
	lab_unbound_start
	export LBDNS_NAMESERVERS=10.96.0.20
	client_has_one with_lbdns
	if [ -e /etc/gai.conf ]; then
		cp /etc/gai.conf "$LAB/gai.conf"
		mount --bind "$LAB/gai.conf" /etc/gai.conf
	fi
	for file in "$LAB/hosts" "$LAB/resolv.conf" "$LAB/nsswitch.conf" "$LAB/gai.conf"; do
		[ -e "$file" ] || continue
		echo "$file"
		lab_wait_until libc_is_left_alone
		lab_dns_queries_reset
		echo '# nothing' >>"$file"
		lab_dns_asks 1
	done
}

libc_is_left_alone() {
	lab_dns_queries_reset
	lab_wait_until went_on "$(lab_now)" 10
	lab_equal "$(lab_dns_queries)" 0
}

@test "a name that the search list has first is made: within 30 s the lookups are libc's" {
	local changed
	client_has_one with_lbdns
	search none.example two.example
	follows_to $p4 $p5
	lab_wait_until libc_is_not_asked with_lbdns
	changed=$(lab_now)
	lab_dns_set rng-headless.none.example. $p1 $p3
	follows_to $p1 $p3
	changed=$(($(awk -v ms="$changed" -v pod=$p3 '$1 > ms && $NF == pod { print $1; exit }' "$LAB/client.out") - changed))
	echo "after $changed ms"
	((changed < 40000)) # 30 s, and what a busy system takes
}

# ---- Aliases (CNAME)

# A name server of its own: alias is an alias of an alias of SERVICE.
alias_of() {
	[ ! -e "$LAB/aliases.pid" ] || lab_end KILL "$LAB/aliases.pid"
	lab_pods_side ip addr replace 10.96.0.40/32 dev pods
	lab_pods_side dnsmasq --conf-file=/dev/null --user=root --group= --pid-file="$LAB/aliases.pid" --no-resolv --no-hosts \
		--listen-address=10.96.0.40 --bind-interfaces --local=/#/ --local-ttl=1 --addn-hosts="$LAB/names.hosts" \
		--cname="alias.$LAB_DOMAIN,to-$1.$LAB_DOMAIN" --cname="to-$1.$LAB_DOMAIN,$1.$LAB_DOMAIN" \
		--log-queries --log-facility="$LAB/queries.log" 3>&-
}

# What a new process is told without lbdns.
libc_says() {
	/usr/bin/python3 "$LAB_ROOT/tests/programs/steps.py" <<<'canonical alias' | sed '$d'
}

@test "an alias is pointed at another service: AI_CANONNAME says what libc says, and costs no question each time" {
	lab_dns_set blue $p1 $p2
	lab_dns_set green $p2 $p3
	alias_of blue
	lab_nameserver 10.96.0.40
	steps_start with_lbdns
	step visit 1 alias
	for service in blue green blue; do
		alias_of $service
		refreshed alias 3
		lab_equal "$(step canonical alias)" "$(libc_says)"
		lab_equal "$(step canonical alias)" "$(lab_absolute $service) $(paste -sd ' ' "$LAB/names/$(lab_absolute $service)")"
		lab_dns_queries_reset
		step canonical "$(printf 'alias %.0s' {1..100})" >"$LAB/said"
		lab_equal "$(sort "$LAB/said" | uniq -c | awk '{ print $1 }')" 100
		(($(lab_dns_queries) < 50))
	done
}

# ---- Other sources of names than the hosts file and DNS (nsswitch.conf)

@test "where nsswitch.conf has other sources, a name keeps libc's order until DNS has confirmed it" {
	printf 'hosts: files mdns4_minimal [NOTFOUND=return] dns # as on desktops\n' >"$LAB/nsswitch.conf"
	# each a process of its own
	lab_equal "$(with_lbdns "$CLIENT" once rng-headless 8081 6 | lab_counts)" "$("$CLIENT" once rng-headless 8081 6 | lab_counts)"
	lab_equal "$(LBDNS_REFRESH=1h with_lbdns "$CLIENT" lookup-connect rng-headless 8081 1)" $p3
	# one that goes on: rotated from the first refresh on
	lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_wait_until has_reached 0 $p1
	lab_equal "$(head -n 5 "$LAB/client.out" | awk '{ print $NF }' | sort -u)" $p3
	lab_wait_until went_on "$(lab_now)" 40
	lab_stop client
	lab_equal "$(tail -n 31 "$LAB/client.out" | head -n 30 | awk '{ print $NF }' | lab_counts $p1 $p2 $p3)" "10 10 10"
	# a name that LBDNS_NAMES lists is rotated at once
	lab_equal "$(LBDNS_NAMES=rng-headless with_lbdns "$CLIENT" once rng-headless 8081 6 | lab_counts $p1 $p2 $p3)" "2 2 2"
}
