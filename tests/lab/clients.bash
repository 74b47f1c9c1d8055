# Clients and counting: part of lab.bash, which says what is here.
# shellcheck shell=bash disable=SC2154

LAB_URL=http://rng-headless:8081/address

lab_urllib() {
	/usr/bin/python3 "$LAB_ROOT/tests/programs/connections.py" "${2:-$LAB_URL}" "$1"
}

lab_node() {
	node "$LAB_ROOT/tests/programs/connections.js" "${2:-$LAB_URL}" "$1"
}

# Without its file of counters in /tmp, which is not ours.
lab_java() {
	java -XX:-UsePerfData -cp "$LAB_BUILD/lab" Connections "${2:-$LAB_URL}" "$1"
}

lab_curl() {
	local n=$1 url=${2:-$LAB_URL} i
	shift $(($# < 2 ? $# : 2))
	for ((i = 0; i < n; i++)); do
		curl -sS --max-time 20 "$@" "$url" || return
	done
}

lab_counts() {
	local pods=$*
	[ -n "$pods" ] || pods=$(lab_pods)
	awk -v pods="$pods" '
		{ seen[$NF]++; all++ }
		END {
			n = split(pods, pod)
			for (i = 1; i <= n; i++) {
				printf "%s%d", (i > 1 ? " " : ""), seen[pod[i]]
				all -= seen[pod[i]]
			}
			print all ? " elsewhere=" all : ""
		}'
}

lab_equal() {
	[ "$1" = "$2" ] || { printf 'got: %s\nwanted: %s\n' "$1" "$2"; return 1; }
}

# The pods of this lab, dead or alive, in order of their addresses.
lab_pods() {
	(cd "$LAB/pods" && ls -- *.number) | sed 's/\.number$//' | sort -V
}

lab_pod_log() {
	awk -v host="${1-}" '{ name = $4; sub(/:[0-9]+$/, "", name) } host == "" || name == host' "$LAB/connections.log"
}

lab_pod_log_counts() {
	awk '{ print $1 }' "$LAB/connections.log" | lab_counts "$@"
}

lab_pod_log_named() {
	awk '$4 != "-" { print $1 }' "$LAB/connections.log" | lab_counts "$@"
}

lab_pod_log_reset() {
	: >"$LAB/connections.log"
}
