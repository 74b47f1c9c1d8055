# shellcheck disable=SC2016,SC2046 # backquotes are markdown; words are meant
# The MariaDB client, against a real server on each pod.

load ../lab/lab
load matrix
load servers

WHO='SELECT @@bind_address'

mariadb_start() {
	cp -r "$LAB/mariadb" "$LAB/mariadb-$1"
	lab_serve mariadb "$1" mariadbd --no-defaults --user=root --datadir="$LAB/mariadb-$1" --bind-address="$1" --port=3306 \
		--socket="$LAB/mariadb-$1/socket" --pid-file="$LAB/mariadb-$1/pid" --skip-grant-tables \
		--skip-networking=off --skip-name-resolve --innodb-buffer-pool-size=8M --innodb-log-file-size=4M \
		--innodb-flush-log-at-trx-commit=0 --key-buffer-size=1M --aria-pagecache-buffer-size=1M
}

mariadb_answers() {
	lab_pods_side mariadb --no-defaults -h "$1" -Ne "$WHO"
}

setup_file() {
	rm -rf "$LAB"/mariadb*
	mariadb-install-db --no-defaults --user=root --datadir="$LAB/mariadb" --skip-test-db --skip-name-resolve \
		--auth-root-authentication-method=normal --innodb-log-file-size=4M >"$LAB/mariadb-install.out" 2>&1 ||
		{ cat "$LAB/mariadb-install.out" >&2; return 1; }
	servers_up mariadb 3306 mariadb_start mariadb_answers
}

teardown_file() {
	lab_down
}

setup() {
	lab_scale mariadb 3
}

mariadbs() {
	local i
	for ((i = 0; i < $1; i++)); do
		mariadb --no-defaults -h mariadb -Ne "$WHO" || return
	done
}

# \r comes after its first connection.
mariadb_connects() {
	local i
	for ((i = 0; i < $1; i++)); do
		((i == 0)) || echo 'connect mysql mariadb;'
		echo "$WHO;"
	done | mariadb --no-defaults -h mariadb -N
}

@test "mariadb, a process for each connection" {
	served_processes Databases mariadb '' mariadbs
}

@test "mariadb, one process that reconnects" {
	served_processes Databases 'mariadb, `connect`' '' mariadb_connects
}

mariadb_says() {
	lab_pods_side mariadb --no-defaults -h "$1" -Ne "$2"
}

# The pods with a query that sleeps.
sleeping() {
	local pod
	for pod in $(served_pods 3); do
		[ "$(mariadb_says "$pod" "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")" = 0 ] ||
			echo "$pod"
	done
}

sleeps() {
	[ "$(sleeping)" ]
}

# How many KILLs came to each pod.
kills() {
	local pod
	for pod in $(served_pods 3); do
		echo "$pod $(mariadb_says "$pod" "SHOW GLOBAL STATUS LIKE 'Com_kill%'" | awk '{ n += $2 } END { print n }')"
	done
}

# The pod that a KILL came to since kills said what "$LAB/kills" has.
kill_arrived() {
	kills | diff "$LAB/kills" - | awk '$1 == ">" { print $2; found = 1 } END { exit !found }'
}

end_sleeping() {
	local id
	id=$(mariadb_says "$1" "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")
	mariadb_says "$1" "KILL $id"
}

# Six queries that only Ctrl-C ends, each of a client with SETTING...: it looks the name up again, and sends KILL QUERY over
# a connection of its own. How many are ended by it.
cancelled() {
	local ended=0 pod
	for _ in {1..6}; do
		env "$@" mariadb --no-defaults -h mariadb -Ne 'SELECT SLEEP(600)' >"$LAB/cancel.out" 2>"$LAB/cancel.err" 3>&- &
		lab_wait_until sleeps
		pod=$(sleeping)
		kills >"$LAB/kills"
		kill -INT $!
		lab_wait_until kill_arrived >"$LAB/killed"
		if [ "$(<"$LAB/killed")" = "$pod" ]; then ended=$((ended + 1)); else end_sleeping "$pod"; fi
		lab_wait_until lab_gone $!
	done
	echo "$ended of 6"
}

@test "mariadb, Ctrl-C: looks up again, so that only LBDNS_EXCLUDE helps" {
	lab_equal "$(cancelled)" '6 of 6'
	lab_equal "$(cancelled LD_PRELOAD="$LIBLBDNS")" '0 of 6'
	lab_equal "$(cancelled LD_PRELOAD="$LIBLBDNS" LBDNS_CONNECT=off)" '0 of 6'
	lab_equal "$(cancelled LD_PRELOAD="$LIBLBDNS" LBDNS_EXCLUDE=mariadb)" '6 of 6'
	matrix_row "The client's own choice" 'mariadb, Ctrl-C' '6 of 6 queries end' '0 of 6' – \
		'`LBDNS_EXCLUDE=` the name: 6 of 6. It looks the name up again for the connection that sends `KILL QUERY`, so that `LBDNS_CONNECT=off` is not enough'
}
