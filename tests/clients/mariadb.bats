# shellcheck disable=SC2016 # backquotes are markdown
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
