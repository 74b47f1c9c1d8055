# What starts the client, or keeps an eye on it.

load ../lab/lab
load beside

group='Process managers'

manager() {
	local neighbour=$1 package=$2
	shift 2
	around=("$@")
	beside_row "$neighbour" "$package" around inside
}

@test "gosu" {
	manager gosu gosu gosu root
}

@test "setpriv" {
	manager setpriv util-linux setpriv --no-new-privs
}

@test "su" {
	manager 'su -m' util-linux su -m root -c 'exec "$@"' -- sh
}

@test "runuser" {
	manager 'runuser -m' util-linux runuser -m -u root --
}

@test "chpst" {
	manager chpst runit chpst -u root
}

@test "s6-setuidgid" {
	manager s6-setuidgid s6 s6-setuidgid root
}

@test "tini" {
	manager tini tini tini -s --
}

@test "dumb-init" {
	manager dumb-init dumb-init dumb-init
}

@test "nohup" {
	manager nohup coreutils nohup
}

@test "setsid" {
	manager 'setsid -w' util-linux setsid -w
}

@test "flock" {
	manager flock util-linux flock "$LAB/lock"
}

@test "timeout" {
	manager timeout coreutils timeout 300
}

@test "nice, ionice, taskset, prlimit, setarch" {
	manager 'nice, ionice, taskset, prlimit, setarch' util-linux nice ionice taskset -c 0 prlimit --nofile=512 setarch "$(uname -m)"
}

@test "script" {
	BESIDE_FILES=1 manager 'script -e' bsdutils sh -c 'exec script -eqc "$*" /dev/null' sh
}

@test "expect" {
	echo 'set timeout -1; spawn -noecho {*}$argv; expect eof; exit [lindex [wait] 3]' >"$LAB/client.exp"
	BESIDE_FILES=1 manager expect expect expect "$LAB/client.exp"
}

# The terminal's server runs the client, and tells nobody its status: the client's end is waited for.
@test "tmux" {
	BESIDE_FILES=1 BESIDE_STATUS=0 manager tmux tmux \
		sh -c 'tmux -L beside new-session -d "$*; tmux -L beside wait-for -S ended" && tmux -L beside wait-for ended' sh
}

@test "screen" {
	BESIDE_FILES=1 BESIDE_STATUS=0 manager screen screen screen -D -m
}

@test "sudo" {
	around=(sudo)
	BESIDE_NOTE='drops LD_PRELOAD: `sudo lbdns run -- client`' beside_row sudo sudo inside
}

# supervised COMMAND: a folder with a service, the client, whose end ends COMMAND.
supervised() {
	local service=$LAB/service/client
	rm -rf "$LAB/service"
	mkdir -p "$service"
	printf '#!/bin/sh\n%s\n' "$1" >"$service/finish"
	chmod +x "$service/finish"
	around=(sh -c "printf '#!/bin/sh\nexec %s\n' \"\$*\" >$service/run; chmod +x $service/run; exec $2 $LAB/service" sh)
}

@test "runsvdir" {
	supervised "exec 2>/dev/null; kill -HUP \$(cat $LAB/client.pid)" runsvdir
	BESIDE_FILES=1 BESIDE_STATUS=111 beside_row runsvdir runit around inside
}

@test "s6-svscan" {
	supervised "s6-svscanctl -t $LAB/service" s6-svscan
	BESIDE_FILES=1 BESIDE_STATUS=0 beside_row s6-svscan s6 around inside
}

@test "supervisord" {
	around=(sh -c "printf '[supervisord]\nnodaemon=true\npidfile=$LAB/supervisord\nlogfile=/dev/null\nlogfile_maxbytes=0\n[program:client]\nautorestart=false\ncommand=sh -c \"%s; kill \$PPID\"\n' \"\$*\" >$LAB/supervisord.conf
		exec supervisord -s -c $LAB/supervisord.conf" sh)
	BESIDE_FILES=1 BESIDE_STATUS=0 beside_row supervisord supervisor around inside
}
