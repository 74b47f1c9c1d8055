# Promise 3 by the port: where LBDNS_NAMES lists a name with a port, or LBDNS_EXCLUDE has it with one, only connections to
# the listed ports are rewritten. A client that was told a number by somebody else than a lookup for that port (a Redis
# Sentinel names the master) means that very pod. The pods say who they are on 8081, which is listed, and on 8082, which
# is what clients are told.

# shellcheck disable=SC2030,SC2031 # each test has its own environment

load ../lab/lab
load ../lab/steps

p2=10.244.2.12 p3=10.244.3.13

setup_file() {
	# Node gives getaddrinfo no port. both.js NAME TOLD N: one lookup of NAME, then N times a connection to TOLD, port 8082,
	# and one to the first address of NAME, port 8081: "told <pod>", "listed <pod>".
	cat >"$BATS_FILE_TMPDIR/both.js" <<-'END'
		const [name, told, count] = process.argv.slice(2);
		const connect = (host, port) => new Promise((resolve, reject) => {
			let answer = "";
			const socket = require("net").connect({ host, port });
			socket.on("error", reject);
			socket.on("data", (data) => (answer += data));
			socket.on("end", () => resolve(answer.trim().split(/\s+/).pop()));
			socket.end("GET /address HTTP/1.0\r\n\r\n");
		});
		(async () => {
			const { address } = await require("dns").promises.lookup(name);
			for (let i = 0; i < Number(count); i++) {
				console.log("told", await connect(told, 8082));
				console.log("listed", await connect(address, 8081));
			}
		})();
	END
}

setup() {
	lab_up
}

# Where 30 connections went that a client was told to make to p2, port 8082, and 30 to port 8081 of the addresses of one
# lookup without a port.
python_both() {
	steps_start "$@"
	step resolve rng-headless >"$LAB/resolved"
	step connect 30 told=$p2/8082 listed=$p3/8081
	echo "told $(went told), listed $(went listed)"
}

node_both() {
	"$@" node "$BATS_FILE_TMPDIR/both.js" rng-headless $p2 30 >"$LAB/both" || return
	echo "told $(grep ^told "$LAB/both" | lab_counts), listed $(grep ^listed "$LAB/both" | lab_counts)"
}

@test "a name listed with a port: a client that is told a number for another port reaches that very pod, 30 of 30" {
	lab_equal "$(python_both)" "told 0 30 0, listed 0 0 30"
	export LBDNS_NAMES=rng-headless
	lab_equal "$(python_both with_lbdns)" "told 10 10 10, listed 10 10 10"
	LBDNS_NAMES=rng-headless:8081
	lab_equal "$(python_both with_lbdns)" "told 0 30 0, listed 10 10 10"
	LBDNS_NAMES='db,*-headless:8081,rng-headless:1'
	lab_equal "$(python_both with_lbdns)" "told 0 30 0, listed 10 10 10"
	LBDNS_NAMES=rng-headless:8081,rng-headless:8082
	lab_equal "$(python_both with_lbdns)" "told 10 10 10, listed 10 10 10"
}

@test "a name listed with a port, or excluded with another: Node, which gives lookups no port" {
	lab_equal "$(node_both env)" "told 0 30 0, listed 0 0 30"
	lab_equal "$(node_both with_lbdns)" "told 10 10 10, listed 10 10 10"
	lab_equal "$(LBDNS_NAMES=rng-headless:8081 node_both with_lbdns)" "told 0 30 0, listed 10 10 10"
	lab_equal "$(LBDNS_EXCLUDE=rng-headless:8082 node_both with_lbdns)" "told 0 30 0, listed 10 10 10"
}

# The addresses that lookups begin with: the third of three, wherever libc has its way.
@test "a name listed with a port: lookups for another keep libc's order, those for it or without a port rotate" {
	export LBDNS_NAMES=rng-headless:8081
	lab_equal "$("$CLIENT" lookups rng-headless 8082 60 | lab_counts)" "0 0 60"
	lab_equal "$(with_lbdns "$CLIENT" lookups rng-headless 8082 60 | lab_counts)" "0 0 60"
	lab_equal "$(with_lbdns "$CLIENT" lookups rng-headless 8081 60 | lab_counts)" "20 20 20"
	lab_equal "$(with_lbdns "$CLIENT" lookups rng-headless - 60 | lab_counts)" "20 20 20"
	# with a pool that DNS has confirmed, and lookups for both ports in turn
	LBDNS_REFRESH=100ms steps_start with_lbdns
	step visit 1 rng-headless:8081
	refreshed rng-headless
	forget
	step visit 30 rng-headless:8081 rng-headless:8082
	lab_equal "$(lab_pod_log | awk '$2 == 8081 { print $1 }' | lab_counts)" "10 10 10"
	lab_equal "$(lab_pod_log | awk '$2 == 8082 { print $1 }' | lab_counts)" "0 0 30"
}

@test "a name listed with a port: what fails on another is not tried elsewhere, nor held against the pod" {
	local address
	lab_up 0
	for address in $(pods 3); do
		lab_pod_start "$address" 8081
	done
	lab_scale rng-headless 3
	steps_start
	step connect 5 told=$p2/8082 | cut -d ' ' -f 2- >"$LAB/without"
	lab_equal "$(sort "$LAB/without" | uniq -c | xargs)" "5 ConnectionRefusedError told -"
	LBDNS_NAMES=rng-headless:8081 steps_start with_lbdns
	step resolve rng-headless >"$LAB/resolved"
	step connect 5 told=$p2/8082 | cut -d ' ' -f 2- >"$LAB/with"
	lab_equal "$(<"$LAB/with")" "$(<"$LAB/without")"
	step connect 30 listed=$p3/8081
	lab_equal "$(went listed)" "10 10 10"
}

# A number in a pool that has left: clients that were told it for another port still mean it.
@test "a name listed with a port: an address that left is sent on for that port alone" {
	LBDNS_NAMES=rng-headless:8081 LBDNS_REFRESH=100ms steps_start with_lbdns
	step resolve rng-headless >"$LAB/resolved"
	lab_scale rng-headless 2
	refreshed rng-headless
	step connect 10 told=$p3/8082 listed=$p3/8081
	lab_equal "$(went told), $(went listed)" "0 0 10, 5 5 0"
}
