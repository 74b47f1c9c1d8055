# Promise 5: a change in DNS is used by new connections within one interval plus the time of one answer; what DNS said
# last stays while it cannot be asked, for LBDNS_MAX_STALE; a name that is gone is left alone.

load ../lab/lab
load ../lab/steps

export LBDNS_REFRESH=1s
p1=10.244.1.11 p2=10.244.2.12 p3=10.244.3.13 p4=10.244.1.14 p5=10.244.2.15

setup() {
	lab_up
}

# ---- Scaling up and down, under clients that go on all the time. Their lines: <ms since 1970> <ok> <host> <pod>

# PROGRAM, which visits rng-headless without end.
client_runs() {
	LBDNS_SHARED=off lab_start client with_lbdns "$@"
}

client_looks_up() {
	client_runs "$CLIENT" visit rng-headless 8081 20
}

client_stays() {
	client_runs "$CLIENT" stay rng-headless 8081 20
}

client_is_node() {
	client_runs node -e '
		const http = require("http");
		function say(what, pod) {
			console.log(Date.now(), what, "rng-headless", pod);
			setTimeout(visit, 20);
		}
		function visit() {
			http.get("http://rng-headless:8081/address", (response) => {
				let body = "";
				response.on("data", (data) => body += data);
				response.on("end", () => say("ok", body.trim()));
			}).on("error", (error) => say(error.code, "-"));
		}
		visit();'
}

client_is_java() {
	cat >"$LAB/Visits.java" <<-'END'
		public class Visits {
			@SuppressWarnings("deprecation") // new URL(String), since 20
			public static void main(String[] arguments) throws Exception {
				java.net.URL url = new java.net.URL("http://rng-headless:8081/address");
				for (;; Thread.sleep(20)) {
					try (java.io.InputStream body = url.openStream()) {
						String pod = new String(body.readAllBytes()).trim();
						System.out.println(System.currentTimeMillis() + " ok rng-headless " + pod);
					}
				}
			}
		}
	END
	client_runs java -XX:-UsePerfData "$LAB/Visits.java"
}

# Has the client made a connection to ADDRESS?
visited() {
	grep -q " $1\$" "$LAB/client.out"
}

# Has the client made a connection after the moment MS?
visited_after() {
	awk -v ms="$1" '$1 > ms { found = 1 } END { exit !found }' "$LAB/client.out"
}

none_failed() {
	lab_equal "$(awk '$2 != "ok"' "$LAB/client.out")" ""
	lab_equal "$(cat "$LAB/client.err")" ""
}

# From three pods to five; the first connection to each of the new ones at most 1.5 s after DNS knew it.
follows_up() {
	local known address first
	refreshed rng-headless 1
	lab_scale rng-headless 5
	known=$(lab_now)
	for address in $p4 $p5; do
		lab_wait_until visited "$address"
		first=$(awk -v pod="$address" '$NF == pod { print $1; exit }' "$LAB/client.out")
		echo "$address: $((first - known)) ms"
		((first - known <= 1500))
	done
	# Exact again, from the first connection to a new pod on.
	lab_wait_until visited_after $((first + 500))
	lab_stop client
	awk -v p4=$p4 -v p5=$p5 '$NF == p4 || $NF == p5 { all = 1 } all { n[$NF]++ }
		END { for (a in n) for (b in n) if (n[a] - n[b] > 1) exit 1; exit length(n) != 5 }' "$LAB/client.out"
	none_failed
}

# From three pods to one; no connection to one that left later than 1.5 s after DNS knew it, though all go on running.
follows_down() {
	local known last
	for address in $p1 $p2 $p3; do
		lab_wait_until visited "$address"
	done
	lab_scale rng-headless 1
	known=$(lab_now)
	lab_wait_until visited_after $((known + 2000))
	lab_stop client
	last=$(awk -v pod=$p1 '$NF != pod { last = $1 } END { print last }' "$LAB/client.out")
	echo "last: $((last - known)) ms"
	((last - known <= 1500))
	none_failed
}

@test "without lbdns a client that resolved once sees neither new pods nor that its own has left" {
	lab_start client "$CLIENT" stay rng-headless 8081 20
	lab_scale rng-headless 5
	lab_scale rng-headless 2
	lab_wait_until visited_after $(($(lab_now) + 1500))
	lab_equal "$(awk '{ print $NF }' "$LAB/client.out" | sort -u)" $p3
}

@test "scale up: a client that looks up each time reaches each new pod within 1.5 s" {
	client_looks_up
	follows_up
}

@test "scale up: a client that resolved once reaches each new pod within 1.5 s" {
	client_stays
	follows_up
}

@test "scale up: Node reaches each new pod within 1.5 s" {
	client_is_node
	follows_up
}

@test "scale up: Java, which caches its answer, reaches each new pod within 1.5 s" {
	client_is_java
	follows_up
}

@test "scale down: no connection of a client that looks up each time to a pod that left 1.5 s ago" {
	client_looks_up
	follows_down
}

@test "scale down: no connection of a client that resolved once to a pod that left 1.5 s ago" {
	client_stays
	follows_down
}

@test "scale down: no connection of Node to a pod that left 1.5 s ago" {
	client_is_node
	follows_down
}

@test "scale down: no connection of Java, which caches its answer, to a pod that left 1.5 s ago" {
	client_is_java
	follows_down
}

@test "scale up and down over IPv6: a client that resolved once follows within 1.5 s each" {
	local known first last
	lab_scale6 rng-headless 2
	client_stays
	lab_scale6 rng-headless 3
	known=$(lab_now)
	lab_wait_until visited "$(lab_address6 3)"
	first=$(awk -v pod="$(lab_address6 3)" '$NF == pod { print $1; exit }' "$LAB/client.out")
	((first - known <= 1500))
	lab_scale6 rng-headless 1
	known=$(lab_now)
	lab_wait_until visited_after $((known + 2000))
	lab_stop client
	last=$(awk -v pod="$(lab_address6 1)" '$NF != pod { last = $1 } END { print last }' "$LAB/client.out")
	((last - known <= 1500))
	none_failed
}

# ---- To zero, and names that leave DNS

@test "to zero and back: a client that looks up each time has what libc says after three refreshes, and the new pods at once" {
	local known before
	lab_start client with_lbdns /usr/bin/python3 "$LAB_ROOT/tests/programs/steps.py" every 20 visit 1 rng-headless
	refreshed rng-headless 1
	before=$(lab_now) # the first of the three may come while DNS is told
	lab_dns_remove rng-headless
	known=$(lab_now)
	lab_wait_until grep -q ' gaierror ' "$LAB/client.out"
	# three refreshes, each at most an interval after the one before, and not fewer
	(($(awk '$2 != "ok" { print $1; exit }' "$LAB/client.out") - known <= 4500))
	(($(awk '$2 != "ok" { print $1; exit }' "$LAB/client.out") - before >= 1500))
	lab_pod_start $p4
	lab_pod_start $p5
	lab_dns_set rng-headless $p4 $p5
	known=$(lab_now)
	lab_wait_until visited $p4
	lab_wait_until visited $p5
	lab_stop client
	(($(awk -v pod=$p4 '$NF == pod { print $1; exit }' "$LAB/client.out") - known <= 1500))
	# But for the lookup that was under way.
	awk -v known="$known" '$1 > known && n++ && $2 != "ok" { exit 1 }' "$LAB/client.out"
}

@test "to zero and back: a client that resolved once goes where it was told, and follows to the new pods within 1.5 s" {
	local known
	lab_pod_start $p4
	lab_pod_start $p5
	client_stays
	refreshed rng-headless 1
	lab_dns_remove rng-headless
	refreshed rng-headless 4
	known=$(lab_now)
	lab_wait_until visited_after $((known + 500))
	lab_equal "$(awk -v known="$known" '$1 > known { print $NF }' "$LAB/client.out" | sort -u | wc -l)" 1
	lab_dns_set rng-headless $p4 $p5
	known=$(lab_now)
	lab_wait_until visited_after $((known + 2000))
	lab_stop client
	lab_equal "$(awk -v known="$known" '$1 > known + 1500 { print $NF }' "$LAB/client.out" | sort -u)" \
		"$(printf '%s\n' $p4 $p5)"
	none_failed
}

@test "a name that leaves DNS: its last good answer stays for two refreshes, after the third all passes as without lbdns" {
	steps_start with_lbdns
	step resolve rng-headless
	refreshed rng-headless 1
	lab_dns_silence
	lab_dns_remove rng-headless
	lab_dns_queries_reset
	lab_dns_silence 2 # no third answer until all this is seen
	lab_dns_asks 2 rng-headless A
	step connect 30 rng-headless=$p2
	lab_equal "$(went rng-headless)" "10 10 10"
	lab_equal "$(step resolve rng-headless | wc -w)" 3
	lab_dns_unsilence
	refreshed rng-headless 3
	forget
	step connect 30 rng-headless=$p2
	lab_equal "$(went rng-headless)" "0 30 0"
	lab_equal "$(step resolve rng-headless)" gaierror
}

@test "a name that leaves DNS with NODATA is left alone after three refreshes, and managed again when it is back" {
	LBDNS_REFRESH=200ms steps_start with_lbdns
	step resolve rng-headless
	refreshed rng-headless
	lab_dns_empty rng-headless
	refreshed rng-headless 4
	step connect 30 rng-headless=$p2
	lab_equal "$(went rng-headless)" "0 30 0"
	lab_dns_set rng-headless $p1 $p2 $p3
	refreshed rng-headless
	forget
	step connect 30 rng-headless=$p2
	lab_equal "$(went rng-headless)" "10 10 10"
}

@test "one NXDOMAIN in between changes nothing" {
	steps_start with_lbdns # asks every second, not sooner: three of them in a row would change something
	step resolve rng-headless
	refreshed rng-headless 1
	for _ in 1 2 3; do
		lab_dns_remove rng-headless
		refreshed rng-headless 1
		lab_dns_set rng-headless $p1 $p2 $p3
		refreshed rng-headless 1
		step connect 6 rng-headless=$p2
	done
	lab_equal "$(went rng-headless)" "6 6 6"
}

# ---- Departed addresses

@test "an address that left the pool is redirected in the process that was given it" {
	LBDNS_REFRESH=200ms steps_start with_lbdns
	step resolve rng-headless
	lab_scale rng-headless 2
	refreshed rng-headless
	step connect 60 rng-headless=$p3
	lab_equal "$(went rng-headless)" "30 30 0"
	lab_scale rng-headless 1
	refreshed rng-headless
	forget
	step connect 60 rng-headless=$p3 rng-headless=$p2
	lab_equal "$(went rng-headless)" "120 0 0"
}

@test "an address that left the pool is not redirected in a process that was not given it" {
	lab_scale rng-headless 2
	LBDNS_REFRESH=200ms steps_start with_lbdns
	step resolve rng-headless
	step connect 1 rng-headless=$p1 # and no further lookup: it is refreshed from now on
	lab_scale rng-headless 3
	lab_dns_asks_more 2 rng-headless A
	lab_scale rng-headless 2
	lab_dns_asks_more 2 rng-headless A
	step connect 60 stranger=$p3
	lab_equal "$(went stranger)" "0 0 60"
}

@test "an address that left the pool before the process looked the name up is not redirected" {
	lab_scale rng-headless 2
	steps_start with_lbdns
	step resolve rng-headless
	step connect 60 stranger=$p3
	lab_equal "$(went stranger)" "0 0 60"
}

@test "an address that came back into the pool has its turns again, and is redirected again when it leaves" {
	LBDNS_REFRESH=200ms steps_start with_lbdns
	step resolve rng-headless
	lab_dns_set rng-headless $p1 $p2
	refreshed rng-headless
	lab_dns_set rng-headless $p1 $p2 $p3
	refreshed rng-headless
	step connect 60 rng-headless=$p3
	lab_equal "$(went rng-headless)" "20 20 20"
	step resolve rng-headless
	lab_dns_set rng-headless $p1 $p2
	refreshed rng-headless
	forget
	step connect 60 rng-headless=$p3
	lab_equal "$(went rng-headless)" "30 30 0"
}

# ---- DNS that cannot be asked

@test "DNS stopped for less than LBDNS_MAX_STALE: the last good answer stays, and what DNS says afterwards is used once it is back" {
	LBDNS_REFRESH=500ms steps_start with_lbdns
	step resolve rng-headless
	refreshed rng-headless
	lab_dns_stop
	lab_wait_until past $(($(lab_now) + 2000)) # as long as four refreshes
	step connect 30 rng-headless=$p2
	step visit 30 rng-headless
	lab_equal "$(went rng-headless)" "20 20 20"
	lab_equal "$(step resolve rng-headless | wc -w)" 3
	lab_pod_start $p4
	lab_dns_set rng-headless $p1 $p4
	lab_dns_start
	back_within_an_answer
	forget
	step connect 60 rng-headless=$p2
	lab_equal "$(went rng-headless 4)" "30 0 0 30"
}

@test "DNS silent for less than LBDNS_MAX_STALE: the last good answer stays, and lookups are answered at once" {
	local began took
	LBDNS_REFRESH=500ms steps_start with_lbdns
	step resolve rng-headless
	refreshed rng-headless
	began=$(lab_now)
	step visit 60 rng-headless
	took=$(($(lab_now) - began))
	lab_dns_silence
	lab_wait_until past $(($(lab_now) + 2000))
	began=$(lab_now)
	step visit 60 rng-headless
	lab_equal "$(went rng-headless)" "40 40 40"
	# a lookup through libc would take 5 s and more
	(($(lab_now) - began - took < 4000))
	lab_dns_unsilence
	lab_scale rng-headless 1
	refreshed rng-headless
	forget
	step connect 60 rng-headless=$p2
	lab_equal "$(went rng-headless)" "60 0 0"
}

# Silence that ends while libc asks: its first question is lost, and of the next one, the bare name, DNS says that there is
# none. No question of ours is lost, because none is due: it is libc's turn once in 30 s, and always where a client never
# connects.
silence_within_a_lookup() {
	lab_dns_silence
	step resolve rng-headless >"$LAB/said" &
	lab_wait_until libc_asks
	lab_dns_unsilence
	wait $!
	cat "$LAB/said"
}

libc_asks() {
	ss -Hun state established dst "$LAB_DNS" | grep -q .
}

@test "DNS silent while libc is asked: that there is no bare name is no answer, the last good one stays" {
	export RES_OPTIONS='timeout:3 attempts:1'
	steps_start
	step resolve rng-headless
	lab_equal "$(silence_within_a_lookup)" gaierror
	exec 7>&- 8<&-
	LBDNS_REFRESH=60s steps_start with_lbdns
	step resolve rng-headless
	lab_dns_queries_reset
	step resolve rng-headless
	lab_wait_until lookups_are_ours
	lab_wait_until past $(($(lab_now) + 31000))
	lab_equal "$(silence_within_a_lookup | wc -w)" 3
}

lookups_are_ours() {
	lab_dns_queries_reset
	step resolve rng-headless >"$LAB/said"
	[ "$(lab_dns_queries)" = 0 ]
}

@test "DNS stopped for longer than LBDNS_MAX_STALE: connections and lookups pass untouched, and rotate once it is back" {
	LBDNS_MAX_STALE=2s LBDNS_REFRESH=500ms steps_start with_lbdns
	step resolve rng-headless
	refreshed rng-headless
	lab_dns_stop
	lab_wait_until past $(($(lab_now) + 2100))
	step connect 30 rng-headless=$p2
	lab_equal "$(went rng-headless)" "0 30 0"
	lab_equal "$(step resolve rng-headless)" gaierror
	lab_dns_start
	back_within_an_answer
	forget
	step connect 30 rng-headless=$p2
	lab_equal "$(went rng-headless)" "10 10 10"
	lab_equal "$(step resolve rng-headless | wc -w)" 3
}

# DNS is back: two questions more within two intervals, whatever became of the one under way.
back_within_an_answer() {
	local back
	back=$(lab_now)
	refreshed rng-headless
	echo "back after $(($(lab_now) - back)) ms"
	(($(lab_now) - back <= 2 * 500 + 500))
}

past() {
	((${EPOCHREALTIME/./} / 1000 >= $1))
}

# ---- Idle names

@test "a name nobody uses for LBDNS_IDLE is no longer asked for, and the next connection revives it" {
	local used
	LBDNS_IDLE=2s LBDNS_REFRESH=200ms steps_start with_lbdns
	step visit 3 rng-headless
	used=$(lab_now)
	refreshed rng-headless 5
	lab_wait_until past $((used + 3500))
	lab_dns_queries_reset
	lab_wait_until past $((used + 4500))
	lab_equal "$(lab_dns_queries)" 0
	lab_scale rng-headless 2
	step connect 1 rng-headless=$p2
	refreshed rng-headless
	forget
	step connect 60 rng-headless=$p2
	lab_equal "$(went rng-headless)" "30 30 0"
}

@test "a name nobody uses for LBDNS_IDLE is no longer asked for, and the next lookup revives it" {
	local used
	LBDNS_IDLE=1s LBDNS_REFRESH=200ms steps_start with_lbdns
	step visit 3 rng-headless
	used=$(lab_now)
	lab_wait_until past $((used + 2500))
	lab_dns_queries_reset
	lab_wait_until past $((used + 3500))
	lab_equal "$(lab_dns_queries)" 0
	step resolve rng-headless
	refreshed rng-headless 3
}

@test "a name in use is asked for long after LBDNS_IDLE" {
	LBDNS_IDLE=1s LBDNS_REFRESH=200ms lab_start client with_lbdns "$CLIENT" stay rng-headless 8081 20
	lab_wait_until visited_after $(($(lab_now) + 2500))
	refreshed rng-headless 3
}

# ---- A service that shrinks to one pod has no pool any more

# shrinks_to WHICH: a connect of the client waits for a pod that is silent and leaves, and so does all but one; that one is the
# pod that the client asks for, or another.
shrinks_to() {
	local asked silent left
	client_stays
	lab_wait_until has_lines 6
	read -r _ _ _ asked <"$LAB/client.out"
	mapfile -t others < <(lab_pods | grep -vxF "$asked")
	silent=${others[0]} left=${others[1]}
	[ "$1" != asked ] || left=$asked
	lab_pod_silence "$silent"
	lab_wait_until is_connecting "$silent"
	lab_dns_set rng-headless "$left"
	lab_wait_until has_lines $(($(wc -l <"$LAB/client.out") + 20))
	lab_equal "$(awk '$2 != "ok"' "$LAB/client.out")" ""
	lab_equal "$(tail -n 10 "$LAB/client.out" | lab_counts "$left")" 10
}

has_lines() {
	(($(wc -l <"$LAB/client.out") >= $1))
}

is_connecting() {
	[ -n "$(ss -Htn state syn-sent dst "$1")" ]
}

@test "all pods but the one asked for leave, while a connect waits for one of them: it goes on to that one" {
	shrinks_to asked
}

@test "all pods but one leave, the one asked for too, while a connect waits for another: it goes on to the one that is left" {
	shrinks_to other
}

# ---- TTLs

@test "behind a cache that keeps answers for 30 s: not fresher than the cache, and nothing breaks" {
	lab_unbound_start
	LBDNS_REFRESH=200ms steps_start with_lbdns
	step visit 30 rng-headless
	lab_equal "$(went rng-headless)" "10 10 10"
	lab_pod_start $p4
	lab_pod_start $p5
	lab_dns_set rng-headless $p2 $p4 $p5
	lab_wait_until past $(($(lab_now) + 1000)) # as long as five refreshes
	lab_equal "$("$CLIENT" list rng-headless - | wc -w)" 3
	step visit 30 rng-headless
	step connect 30 rng-headless=$p2
	lab_equal "$(went rng-headless 5)" "30 30 30 0 0"
	lab_equal "$(lab_dns_queries)" 0
	# The cache forgets.
	lab_end TERM "$LAB/unbound.pid"
	lab_unbound_start
	lab_wait_until lab_unbound_says_new
	lab_wait_until past $(($(lab_now) + 400)) # its answer is used within 200 ms
	forget
	step visit 30 rng-headless
	step connect 30 rng-headless=$p2
	lab_equal "$(went rng-headless 5)" "0 20 0 20 20"
}

lab_unbound_says_new() {
	[ "$(lab_dns_answer 10.96.0.20 "rng-headless.$LAB_DOMAIN" | wc -l)" = 3 ]
}
