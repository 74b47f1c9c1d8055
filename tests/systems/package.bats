# The Debian package, on a Debian 12 that has nothing of lbdns but what the package brings.

bats_require_minimum_version 1.5.0
load ../lab/lab

setup_file() {
	export DEBIAN_FRONTEND=noninteractive
	lab_up
	files >/run/before
	apt-get -qy install "$(ls "$LAB_BUILD"/deb/lbdns_*.deb)"
}

setup() {
	lab_up
}

# All files with size and time, all directories; but for dpkg's and apt's own, the lab's, and what is no part of the system.
files() {
	find / -xdev \( -path /tmp -o -path /run -o -path /var/log -o -path /var/cache/apt -o -path /var/lib/apt \
		-o -path /var/lib/dpkg -o -path /etc/hosts -o -path /etc/nsswitch.conf -o -path /etc/resolv.conf \) -prune -o \( -type d -printf '%p/ %m %U %G\n' -o -printf '%p %y %m %U %G %s %T@ %l\n' \) |
		sort
}

@test "the files of the package are there, with the owners and modes they should have" {
	diff <(dpkg -L lbdns | grep -v -e /share/doc/ -e /share/lintian/ | xargs -d '\n' stat -c '%n %F %a %U' | grep -v ' directory 755 root$' |
		sed 's/ regular file//; s/ root$//' | sort) - <<-EOF
		/usr/bin/lbdns 755
		/usr/lib/lbdns/lbdns-inspect 755
		/usr/lib/lbdns/liblbdns.so 644
		/usr/share/bash-completion/completions/lbdns 644
		/usr/share/lbdns/alerts.yml 644
		/usr/share/lbdns/dashboard.json 644
		/usr/share/man/man1/lbdns.1.gz 644
		/usr/share/man/man7/liblbdns.7.gz 644
	EOF
	dpkg --verify lbdns
}

@test "lbdns run -- curl rotates, for root and for another user" {
	cd /
	lab_equal "$(lab_curl 60 | lab_counts)" "0 0 60"
	for _ in {1..60}; do lbdns run -- curl -sS "$LAB_URL"; done | lab_counts >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "20 20 20"
	for _ in {1..30}; do
		setpriv --reuid=65534 --regid=65534 --clear-groups lbdns run -- curl -sS "$LAB_URL"
	done | lab_counts >"$LAB/counts"
	lab_equal "$(<"$LAB/counts")" "10 10 10"
}

@test "lbdns status shows the thirds" {
	for _ in {1..60}; do lbdns run -- curl -sS "$LAB_URL"; done >"$LAB/answers"
	run -0 lbdns status
	lab_equal "$(awk '$1 ~ /^10\.244\./ { print $1, $2, $3, $4 }' <<<"$output")" \
		"$(printf '%s 8081 20 33.3%%\n' 10.244.1.11 10.244.2.12 10.244.3.13)"
}

# Pods that the client reached after the moment MS, once there are enough: all of them, if it rotates.
reached_after() {
	awk -v ms="$1" '$1 > ms { if (!seen[$NF]++) pods++; n++ } END { print pods + 0; exit n < 9 }' "$LAB/client.out"
}

reaches() {
	lab_wait_until reached_after "$2" >"$LAB/reached"
	lab_equal "$(tail -n 1 "$LAB/reached")" "$1"
}

@test "lbdns mode off stops it in a running client within a second, and default goes on" {
	lab_start client lbdns run -- "$CLIENT" stay rng-headless 8081 20
	reaches 3 0
	lbdns mode off
	reaches 1 $(($(lab_now) + 1000))
	lbdns mode default
	reaches 3 $(($(lab_now) + 1000))
	lab_equal "$(awk '$2 != "ok"' "$LAB/client.out")" ""
}

@test "lbdns metrics has what was counted, and passes promtool" {
	for _ in {1..9}; do lbdns run -- curl -sS "$LAB_URL"; done >"$LAB/answers"
	lbdns metrics --endpoints >"$LAB/metrics"
	promtool check metrics <"$LAB/metrics"
	lab_equal "$(grep -c '^lbdns_.*endpoint="10\.244\.[0-9.]*.* 3$' "$LAB/metrics")" 3
}

@test "upgraded under a running client: it goes on" {
	LBDNS_REFRESH=200ms lab_start client lbdns run -- "$CLIENT" stay rng-headless 8081 20
	apt-get -qy reinstall "$(ls "$LAB_BUILD"/deb/lbdns_*.deb)"
	grep -q 'liblbdns.so (deleted)' "/proc/$(<"$LAB/client.pid")/maps"
	lab_scale rng-headless 5
	lab_wait_until grep -q "$(lab_address 5)\$" "$LAB/client.out"
	lab_stop client
	lab_equal "$(awk '$2 != "ok"' "$LAB/client.out")" ""
}

@test "removed, nothing is left of it" {
	apt-get -qy purge lbdns
	run ! dpkg -s lbdns
	files | diff /run/before -
	run ! ls /var/lib/dpkg/info/lbdns.*
}
