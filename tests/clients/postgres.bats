# PostgreSQL clients, against a real server on each pod.

load ../lab/lab
load matrix
load servers

export PGUSER=postgres PGDATABASE=postgres
WHO="SELECT current_setting('cluster_name')"
POSTGRES=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

# PostgreSQL will not run as root: as nobody, in a user namespace where nobody owns what is root's here.
postgres_start() {
	cp -r "$LAB/postgres" "$LAB/postgres-$1"
	chmod 700 "$LAB/postgres-$1"
	lab_serve postgres "$1" unshare --user --map-user=65534 --map-group=65534 \
		"$POSTGRES/postgres" -D "$LAB/postgres-$1" -c listen_addresses="$1" -c cluster_name="$1" \
		-c unix_socket_directories= -c shared_buffers=8MB -c max_connections=80 -c fsync=off \
		-c autovacuum=off -c max_wal_senders=0 -c wal_level=minimal -c log_connections=on
}

postgres_answers() {
	lab_pods_side psql -h "$1" -XAtc "$WHO"
}

setup_file() {
	rm -rf "$LAB"/postgres*
	unshare --user --map-user=65534 --map-group=65534 "$POSTGRES/initdb" -D "$LAB/postgres" -U postgres -A trust -N \
		--wal-segsize=1 --locale=C >"$LAB/initdb.out"
	echo 'host all all all trust' >>"$LAB/postgres/pg_hba.conf"
	servers_up pg 5432 postgres_start postgres_answers
}

setup() {
	lab_scale pg 3
}

psqls() {
	local i
	for ((i = 0; i < $1; i++)); do
		psql -h pg -XAtc "$WHO" || return
	done
}

# \connect comes after psql's first connection.
psql_connects() {
	local i
	for ((i = 0; i < $1; i++)); do
		((i == 0)) || echo "\\connect -reuse-previous=off 'host=pg user=postgres dbname=postgres'"
		echo "$WHO;"
	done | psql -h pg -qXAt
}

# Its setting-up takes a connection more.
pgbench_connects() {
	printf '%s AS who \\gset\n\\shell echo :who\n' "$WHO" >"$LAB/pgbench.sql"
	pgbench -h pg -n -C -c 4 -j 2 -t $(($1 / 4)) -f "$LAB/pgbench.sql" >"$LAB/pgbench.out" 2>"$LAB/pgbench.err" ||
		{ cat "$LAB/pgbench.err" >&2; return 1; }
	grep '^10[.]244[.]' "$LAB/pgbench.out"
}

@test "psql, a process for each connection" {
	served_processes Databases 'psql' '' psqls
}

@test "psql, one process that reconnects" {
	served_processes Databases 'psql, `\connect`' '' psql_connects
}

@test "pgbench -C, over two threads" {
	SERVED_BESIDES=1 served_processes Databases 'pgbench -C' '' pgbench_connects
}

@test "node pg" {
	served_program Databases 'Node pg' '' node "$MATRIX/postgres.js" pg
}
