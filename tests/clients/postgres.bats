# shellcheck disable=SC2016,SC2046 # backquotes are markdown; words are meant
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

postgres_says() {
	lab_pods_side psql -h "$1" -XAtc "$2"
}

postgres_answers() {
	postgres_says "$1" "$WHO"
}

setup_file() {
	rm -rf "$LAB"/postgres*
	unshare --user --map-user=65534 --map-group=65534 "$POSTGRES/initdb" -D "$LAB/postgres" -U postgres -A trust -N \
		--wal-segsize=1 --locale=C >"$LAB/initdb.out"
	echo 'host all all all trust' >>"$LAB/postgres/pg_hba.conf"
	servers_up pg 5432 postgres_start postgres_answers
}

teardown_file() {
	lab_down
}

setup() {
	lab_scale pg 3
	[ ! -e "$LAB/client.pid" ] || lab_stop client
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

hikari() {
	local jars=/usr/share/java
	matrix_start client "$@" java -XX:-UsePerfData \
		-cp "$MATRIX_BUILD:$jars/HikariCP.jar:$jars/postgresql.jar:$jars/slf4j-api.jar:$jars/slf4j-nop.jar" Hikari pg 30
}

@test "pgjdbc in a HikariCP pool, refilled after maxLifetime" {
	local unmodified with after
	hikari
	unmodified=$(served_checked 30 matrix_ask client 30)
	lab_stop client
	hikari with_lbdns
	with=$(served_checked 30 matrix_ask client 30)
	lab_scale pg 5
	after=$(served_checked 30 matrix_ask client 30)
	SERVED_EACH=30 served_result Databases 'pgjdbc, HikariCP' \
		'a pool of 30; new pods get their share when `maxLifetime` ends; `setQueryTimeout` cancels over a connection of its own, which goes to another pod, so the query goes on: use `statement_timeout`' \
		"$unmodified" "$with" "$after"
}

own_names() {
	printf '%s\n' "pg-0.pg 10.244.1.11" "pg-1.pg 10.244.2.12" "pg-2.pg 10.244.3.13"
}

# Connections to a pod's own name take its turn where it has the turn, so those to pg are exact from one of these on.
@test "the names of a StatefulSet's pods beside the headless name, in one process" {
	matrix_start client with_lbdns node "$MATRIX/postgres.js" pg pg pg pg pg pg pg-0.pg pg-1.pg pg-2.pg
	matrix_ask client 63 >"$LAB/whom"
	lab_equal "$(grep '^pg ' "$LAB/whom" | lab_counts $(served_pods 3))" "14 14 14"
	lab_equal "$(grep -v '^pg ' "$LAB/whom" | sort | uniq -c | awk '{ print $1, $2, $3 }')" "$(own_names | sed 's/^/7 /')"
}

sleeping() {
	local pod
	for pod in $(served_pods 3); do
		[ "$(postgres_says "$pod" "SELECT count(*) FROM pg_stat_activity
			WHERE query LIKE '%pg_sleep(600)' AND application_name = 'cancelled'")" = 0 ] || return 0
	done
	return 1
}

# Servers that were asked to cancel a query of another one.
refused_cancels() {
	cat "$LAB"/postgres-*.log | grep -c 'in cancel request' || true
}

cancel_arrived() {
	lab_gone "$1" || [ "$(refused_cancels)" != "$2" ]
}

end_sleeping() {
	local pod
	for pod in $(served_pods 3); do
		postgres_says "$pod" "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cancelled'"
	done >>"$LAB/ended"
}

# Six queries that only a cancel request ends, each of a psql with SETTING...: psql asks for it over a connection of its
# own. How many are ended by it.
cancelled() {
	local ended=0 before
	for _ in {1..6}; do
		PGAPPNAME=cancelled env "$@" psql -h pg -XAtc 'SELECT pg_sleep(600)' >"$LAB/cancel.out" 2>"$LAB/cancel.err" 3>&- &
		lab_wait_until sleeping
		before=$(refused_cancels)
		kill -INT $!
		lab_wait_until cancel_arrived $! "$before"
		lab_gone $! || end_sleeping
		lab_wait_until lab_gone $!
		! grep -qx 'ERROR:  canceling statement due to user request' "$LAB/cancel.err" || ended=$((ended + 1))
	done
	echo "$ended of 6"
}

@test "psql with LBDNS_CONNECT=off: rotates as well, and Ctrl-C reaches the server of its session" {
	MATRIX_LBDNS=LBDNS_CONNECT=off served_processes Databases 'psql, `LBDNS_CONNECT=off`' \
		'for Ctrl-C: libpq sends the cancel request over a second connection to the same address, which `LBDNS_CONNECT=on` would rotate' \
		psqls
	lab_scale pg 3
	lab_equal "$(cancelled)" '6 of 6'
	lab_equal "$(cancelled LD_PRELOAD="$LIBLBDNS")" '0 of 6'
	lab_equal "$(cancelled LD_PRELOAD="$LIBLBDNS" LBDNS_CONNECT=off)" '6 of 6'
	matrix_row "The client's own choice" 'psql, Ctrl-C' '6 of 6 queries end' '0 of 6' – \
		'`LBDNS_CONNECT=off`: 6 of 6'
}

# sessions N HOST: how many of N sessions are at the primary.
sessions() {
	local i
	for ((i = 0; i < $1; i++)); do
		psql "host=$2 user=sessions target_session_attrs=read-write" -XAtc "$WHO" 2>>"$LAB/sessions.err" || true
	done | grep -cx 10.244.2.12 || true
}

@test "psql, target_session_attrs=read-write, by the pods' own names and by the headless name" {
	local pod own=pg-0.pg,pg-1.pg,pg-2.pg
	for pod in $(served_pods 3); do
		postgres_says "$pod" 'CREATE ROLE sessions LOGIN'
		[ "$pod" = 10.244.2.12 ] || postgres_says "$pod" 'ALTER ROLE sessions SET default_transaction_read_only = on'
	done >"$LAB/roles"
	lab_equal "$(sessions 12 $own)" 12
	lab_equal "$(with_lbdns sessions 12 $own)" 12
	# libpq goes on to the next host, but not to the next address of one
	lab_equal "$(sessions 12 pg)" 0
	lab_equal "$(with_lbdns sessions 12 pg)" 4
	matrix_row "The client's own choice" 'psql, `target_session_attrs=read-write`' '12 of 12 at the primary' '12 of 12' – \
		"with the pods' own names as hosts. Of one name libpq 15 tries one address: 0 of 12, with lbdns 4 of 12"
}
