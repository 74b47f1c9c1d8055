# scripts/lbdns: the command that sets LD_PRELOAD and the variables.
# shellcheck disable=SC2016 # what is quoted here is for other shells to expand
# shellcheck disable=SC2030,SC2031 # each test has its own PATH

bats_require_minimum_version 1.5.0

setup_file() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BUILD=$(realpath "${BUILD:-$ROOT/build}")
	PROGRAMS=$(mktemp -d) # bats' own directories are closed to other users
	export ROOT BUILD PROGRAMS
	chmod 755 "$PROGRAMS"
	mkdir -p "$PROGRAMS/bin" "$PROGRAMS/lib/lbdns"
	cp "$ROOT/scripts/lbdns" "$PROGRAMS/bin/"
	cp "$BUILD/lbdns-inspect" "$PROGRAMS/lib/lbdns/"
	cp "$BUILD/liblbdns.so" "$PROGRAMS/"

	cat >"$PROGRAMS/program.c" <<-'EOF'
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/auxv.h>

		int main(void)
		{
			printf("secure=%lu preload=%s\n", getauxval(AT_SECURE), getenv("LD_PRELOAD"));
			return 0;
		}
	EOF
	cd "$PROGRAMS" || return
	gcc -o dynamic program.c
	gcc -no-pie -o dynamic-exec program.c
	gcc -static -o static program.c
	gcc -static-pie -o static-pie program.c
	gcc -fsanitize=address -o asan program.c
	musl-gcc -o musl-dynamic program.c
	musl-gcc -static -o musl-static program.c
}

teardown_file() {
	rm -rf "$PROGRAMS"
}

setup() {
	export LBDNS_LIBRARY=$PROGRAMS/liblbdns.so
	unset LD_PRELOAD
	cd "$BATS_TEST_TMPDIR" || return
}

lbdns() {
	"$PROGRAMS/bin/lbdns" "$@"
}

as_user() {
	setpriv --reuid 12345 --regid 12345 --clear-groups "$@"
}

needs_other_users() {
	as_user true || skip 'only root can be other users'
}

# script NAME LINE: an executable file of one line.
script() {
	printf '%s\n' "$2" >"$1"
	chmod 755 "$1"
}

# elf32_big_endian TYPE: a PowerPC program with one program header of that type (octal), as far as its
# headers go.
elf32_big_endian() {
	printf '\177ELF\1\2\1\0\0\0\0\0\0\0\0\0'
	printf '\0\2\0\24\0\0\0\1\1\0\0\0\0\0\0\64\0\0\0\0\0\0\0\0\0\64\0\40\0\1\0\0\0\0\0\0'
	printf '\0\0\0%b' "\\0$1"
	head -c 28 /dev/zero
}

refused() {
	local status_wanted=$1 message=$2
	shift 2
	run --separate-stderr "-$status_wanted" "$@"
	[ -z "$output" ]
	# shellcheck disable=SC2154 # run sets it
	[ "$stderr" = "lbdns: $message" ] || { echo "$stderr"; return 1; }
}

@test "the library is loaded into the command" {
	run -0 lbdns run -- cat /proc/self/maps
	[[ $output == *"$LBDNS_LIBRARY"* ]]
}

@test "the command sees the library in LD_PRELOAD, and otherwise its own environment" {
	# Names that the script uses too, or that no shell takes for a name.
	local environment=(PATH="$PATH" PWD="$PWD" VERSION=9 file=f library=l found=x name=n list=q
		LBDNS_LIBRARY="$LBDNS_LIBRARY" spring.datasource.url="it's
two lines" 1st='$HOME `id` \n' "BASH_FUNC_f%%=() { :; }")
	local wanted got
	wanted=$(env -i "${environment[@]}" LD_PRELOAD="$LBDNS_LIBRARY" env -0 | sort -z | tr '\0' '|')
	for shell in dash 'busybox sh'; do
		command -v "${shell% *}" || continue
		# shellcheck disable=SC2086
		got=$(env -i "${environment[@]}" $shell "$PROGRAMS/bin/lbdns" run -- env -0 |
			grep -zv '^SHLVL=' | sort -z | tr '\0' '|')
		[ "$got" = "$wanted" ] || { printf '%s\n' "$shell" "$got" "$wanted"; return 1; }
	done
}

@test "options become variables, in both forms" {
	run -0 lbdns run --refresh 1s --names=a,*.b --exclude c --connect=off --udp on --mode=observe \
		--nameservers '127.0.0.1:5353,[::1]:53' --idle=1m --max-stale 2m --shared=off --log error \
		--attempts=2 --eject 10s --log-file='/tmp/a log=file' -- sh -c 'env | grep ^LBDNS_ | grep -v ^LBDNS_LIBRARY | sort'
	diff - <<-'EOF' <(printf '%s\n' "$output")
		LBDNS_ATTEMPTS=2
		LBDNS_CONNECT=off
		LBDNS_EJECT=10s
		LBDNS_EXCLUDE=c
		LBDNS_IDLE=1m
		LBDNS_LOG=error
		LBDNS_LOG_FILE=/tmp/a log=file
		LBDNS_MAX_STALE=2m
		LBDNS_MODE=observe
		LBDNS_NAMES=a,*.b
		LBDNS_NAMESERVERS=127.0.0.1:5353,[::1]:53
		LBDNS_REFRESH=1s
		LBDNS_SHARED=off
		LBDNS_UDP=on
	EOF
}

@test "an option wins over the variable, and a variable without an option stays" {
	LBDNS_REFRESH=7s LBDNS_IDLE=3m run -0 lbdns run --refresh 1s -- sh -c 'echo $LBDNS_REFRESH $LBDNS_IDLE'
	[ "$output" = '1s 3m' ]
}

@test "every option of --help is taken, and an unknown one is answered with all of them" {
	local options option
	options=$(lbdns --help | grep -o '^  --[a-z-]*' | xargs)
	[ "$(wc -w <<<"$options")" -ge 12 ]
	for option in $options; do
		lbdns run "$option" off -- true
	done
	refused 2 "unknown option --fresh; the options are $options" lbdns run --fresh 1s -- true
	refused 2 "unknown option --fresh; the options are $options" lbdns run --fresh=1s -- true
	refused 2 "unknown option -r; the options are $options" lbdns run -r 1s -- true
	refused 2 "unknown option --refresh names; the options are $options" lbdns run '--refresh names=1' -- true
}

@test "wrong use is told with status 2" {
	refused 2 'nothing to do; try lbdns --help' lbdns
	refused 2 'unknown command curl; try lbdns --help' lbdns curl
	refused 2 'no command to run; try lbdns --help' lbdns run
	refused 2 'no command to run; try lbdns --help' lbdns run --refresh 1s --
	refused 2 '--refresh needs a value' lbdns run --refresh
	refused 2 '--connect needs a value' lbdns run --connect -- true
}

@test "--version and --help" {
	run -0 lbdns --version
	[ "$output" = "lbdns $(sed -n 's/^[[:blank:]]*VERSION=//p' "$ROOT/scripts/lbdns")" ]
	run -0 lbdns --help
	[[ $output == 'Usage: lbdns run '* ]]
	run -0 lbdns run --help
	[[ $output == 'Usage: lbdns run '* ]]
}

@test "an LD_PRELOAD that is there is kept, after the library" {
	LD_PRELOAD="libdl.so.2 libm.so.6:libpthread.so.0" run -0 lbdns run -- printenv LD_PRELOAD
	[ "$output" = "$LBDNS_LIBRARY:libdl.so.2:libm.so.6:libpthread.so.0" ]
}

@test "the library is not added twice, nor another copy of it" {
	run -0 lbdns run -- "$PROGRAMS/bin/lbdns" run -- printenv LD_PRELOAD
	[ "$output" = "$LBDNS_LIBRARY" ]
	mkdir other
	cp "$LBDNS_LIBRARY" other/
	LD_PRELOAD="libm.so.6 $PWD/other/liblbdns.so" run -0 lbdns run -- printenv LD_PRELOAD
	[ "$output" = "$LBDNS_LIBRARY:libm.so.6" ]
}

@test "arguments reach the command as they are" {
	run -0 lbdns run -- printf '<%s>' 'a  b' '' '*' "it's" '$HOME' '--' '--refresh' '\n' $'two\nlines'
	[ "$output" = $'<a  b><><*><it\'s><$HOME><--><--refresh><\\n><two\nlines>' ]
	env 'odd.name=1' "$PROGRAMS/bin/lbdns" run -- printf '<%s>' 'a  b' '' "it's" --refresh >printed
	[ "$(cat printed)" = "<a  b><><it's><--refresh>" ]
}

@test "the command keeps its standard input, its process and its name" {
	run -0 bash -c 'echo text | "$PROGRAMS/bin/lbdns" run -- cat'
	[ "$output" = text ]
	run -0 bash -c '"$PROGRAMS/bin/lbdns" run -- sh -c "echo \$\$" & echo $!; wait'
	[ "${lines[0]}" = "${lines[1]}" ]
	script 'a name' '#!/bin/sh'
	echo 'echo "$0"' >>'a name'
	run -0 lbdns run -- './a name'
	[ "$output" = './a name' ]
}

@test "the exit status of the command is passed on" {
	run -3 lbdns run -- sh -c 'exit 3'
	run -143 lbdns run -- sh -c 'kill -TERM $$'
}

@test "a dynamic program runs, glibc's and musl's" {
	for program in dynamic dynamic-exec musl-dynamic; do
		run -0 lbdns run -- "$PROGRAMS/$program"
		[ "$output" = "secure=0 preload=$LBDNS_LIBRARY" ]
	done
}

@test "a program run through its loader is not taken for a static one" {
	local loader
	loader=$(readelf -lW "$PROGRAMS/dynamic" | sed -n 's/.*interpreter: \(.*\)]/\1/p')
	run -0 lbdns run -- "$loader" "$PROGRAMS/dynamic"
	[ "$output" = "secure=0 preload=$LBDNS_LIBRARY" ]
}

@test "a statically linked program is refused" {
	for program in static static-pie musl-static; do
		refused 126 "$PROGRAMS/$program is statically linked: LD_PRELOAD cannot reach it" \
			lbdns run -- "$PROGRAMS/$program"
	done
	elf32_big_endian 1 >big # PT_LOAD
	chmod 755 big
	refused 126 './big is statically linked: LD_PRELOAD cannot reach it' lbdns run -- ./big
}

@test "a program for another machine is refused" {
	local ours
	ours=$(lbdns run -- sh -c 'echo $LD_PRELOAD')
	elf32_big_endian 3 >big # PT_INTERP
	chmod 755 big
	run --separate-stderr -126 lbdns run -- ./big
	[[ $stderr == "lbdns: ./big is 32-bit powerpc, big endian, but $ours is 64-bit "* ]]
	cp "$PROGRAMS/dynamic" other
	printf '\363' | dd of=other bs=1 seek=18 conv=notrunc status=none # EM_RISCV
	run --separate-stderr -126 lbdns run -- ./other
	[[ $stderr == "lbdns: ./other is 64-bit riscv, but $ours is 64-bit "* ]]
}

@test "a setuid program is refused, but not where its ids are those of the user already" {
	needs_other_users
	local directory=$PROGRAMS/setuid
	mkdir "$directory"
	cp "$PROGRAMS/dynamic" "$directory/root"
	cp "$PROGRAMS/dynamic" "$directory/user"
	cp "$PROGRAMS/dynamic" "$directory/group"
	cp "$PROGRAMS/dynamic" "$directory/locking"
	chown 12345:0 "$directory/user"
	chown 0:12346 "$directory/group" "$directory/locking"
	chmod 4755 "$directory/root" "$directory/user"
	chmod 2755 "$directory/group"
	chmod 2745 "$directory/locking" # setgid without x for the group changes nothing

	refused 126 "$directory/root is setuid: the loader ignores LD_PRELOAD for it" \
		as_user "$PROGRAMS/bin/lbdns" run -- "$directory/root"
	refused 126 "$directory/user is setuid: the loader ignores LD_PRELOAD for it" lbdns run -- "$directory/user"
	refused 126 "$directory/group is setgid: the loader ignores LD_PRELOAD for it" lbdns run -- "$directory/group"
	refused 126 "$directory/group is setgid: the loader ignores LD_PRELOAD for it" \
		as_user "$PROGRAMS/bin/lbdns" run -- "$directory/group"

	local unchanged="secure=0 preload=$LBDNS_LIBRARY"
	run -0 lbdns run -- "$directory/root"
	[ "$output" = "$unchanged" ]
	run -0 as_user "$PROGRAMS/bin/lbdns" run -- "$directory/user"
	[ "$output" = "$unchanged" ]
	run -0 lbdns run -- "$directory/locking"
	[ "$output" = "$unchanged" ]
}

@test "a setuid program runs where the kernel ignores the bit" {
	needs_other_users
	cp "$PROGRAMS/dynamic" "$PROGRAMS/ignored"
	chmod 4755 "$PROGRAMS/ignored"
	run -0 as_user setpriv --no-new-privs "$PROGRAMS/bin/lbdns" run -- "$PROGRAMS/ignored"
	[ "$output" = "secure=0 preload=$LBDNS_LIBRARY" ]
	chown 12346:12346 "$PROGRAMS/ignored" # an owner who is nobody in the user namespace
	chmod 6755 "$PROGRAMS/ignored"
	run -0 unshare --user --map-root-user "$PROGRAMS/bin/lbdns" run -- "$PROGRAMS/ignored"
	[ "$output" = "secure=0 preload=$LBDNS_LIBRARY" ]
}

@test "a program with file capabilities is refused, but not for root" {
	needs_other_users
	PATH=$PATH:/usr/sbin:/sbin
	command -v setcap || skip "setcap (libcap2-bin) is not here"
	cp "$PROGRAMS/dynamic" "$PROGRAMS/capable"
	cp "$PROGRAMS/dynamic" "$PROGRAMS/inheriting"
	setcap cap_net_raw+ep "$PROGRAMS/capable"
	setcap cap_net_raw+i "$PROGRAMS/inheriting"
	refused 126 "$PROGRAMS/capable has file capabilities: the loader ignores LD_PRELOAD for it" \
		as_user "$PROGRAMS/bin/lbdns" run -- "$PROGRAMS/capable"
	run -0 lbdns run -- "$PROGRAMS/capable"
	[ "$output" = "secure=0 preload=$LBDNS_LIBRARY" ]
	run -0 as_user "$PROGRAMS/bin/lbdns" run -- "$PROGRAMS/inheriting"
	[ "$output" = "secure=0 preload=$LBDNS_LIBRARY" ]
}

@test "a program with gcc's AddressSanitizer is refused, with the order of LD_PRELOAD that works" {
	local asan order
	asan=$(readelf -dW "$PROGRAMS/asan" | sed -n 's/.*\[\(libasan\.so\.[0-9]*\)\]/\1/p')
	order=$asan:$LBDNS_LIBRARY
	refused 126 "$PROGRAMS/asan wants $asan to be first: LD_PRELOAD=$order works" lbdns run -- "$PROGRAMS/asan"
	run env LD_PRELOAD="$LBDNS_LIBRARY" "$PROGRAMS/asan"
	[ "$status" != 0 ]
	run -0 env LD_PRELOAD="$order" "$PROGRAMS/asan"
	[ "$output" = "secure=0 preload=$order" ]
	ASAN_OPTIONS=verify_asan_link_order=0 run -0 lbdns run -- "$PROGRAMS/asan"
	[ "$output" = "secure=0 preload=$LBDNS_LIBRARY" ]
}

@test "a script is run, and the program of its #! line is what counts" {
	script shell '#!/bin/sh'
	echo 'echo "$LD_PRELOAD $1"' >>shell
	run -0 lbdns run -- ./shell 'a b'
	[ "$output" = "$LBDNS_LIBRARY a b" ]
	script python '#!/usr/bin/env python3'
	echo 'import os; print(os.environ["LD_PRELOAD"])' >>python
	run -0 lbdns run -- ./python
	[ "$output" = "$LBDNS_LIBRARY" ]
	script split '#!/usr/bin/env -S A=1 python3 -u'
	echo 'import os; print(os.environ["LD_PRELOAD"], os.environ["A"])' >>./split
	run -0 lbdns run -- ./split
	[ "$output" = "$LBDNS_LIBRARY 1" ]

	script direct "#! $PROGRAMS/static -x"
	refused 126 "$PROGRAMS/static (which runs ./direct) is statically linked: LD_PRELOAD cannot reach it" \
		lbdns run -- ./direct
	script by-env '#!/usr/bin/env -S static'
	PATH=$PROGRAMS:$PATH refused 126 \
		"$PROGRAMS/static (which runs ./by-env) is statically linked: LD_PRELOAD cannot reach it" \
		lbdns run -- ./by-env
	script second "#!$PWD/direct"
	refused 126 "$PROGRAMS/static (which runs $PWD/direct) is statically linked: LD_PRELOAD cannot reach it" \
		lbdns run -- ./second
	script nowhere '#!/no/such/shell'
	refused 127 'no such command: /no/such/shell (which runs ./nowhere)' lbdns run -- ./nowhere
	script no-env '#!/usr/bin/env no-such-shell'
	refused 127 'no such command: no-such-shell (which runs ./no-env)' lbdns run -- ./no-env
	script loop "#!$PWD/loop"
	refused 126 "$PWD/loop (which runs $PWD/loop): too many levels of #! lines" lbdns run -- ./loop
}

@test "a script without a #! line is run by the shell" {
	script plain 'echo "$LD_PRELOAD"'
	run -0 lbdns run -- ./plain
	[ "$output" = "$LBDNS_LIBRARY" ]
}

@test "no such command: 127" {
	refused 127 'no such command: no-such-command' lbdns run -- no-such-command
	refused 127 'no such command: ./no-such-command' lbdns run -- ./no-such-command
	refused 127 'no such command:' lbdns run -- ''
	ln -s nowhere dangling
	refused 127 'no such command: ./dangling' lbdns run -- ./dangling
}

@test "a directory, and a file that is not executable: 126" {
	mkdir directory
	refused 126 './directory is a directory' lbdns run -- ./directory
	echo 'exit 0' >not-executable
	refused 126 './not-executable is not executable' lbdns run -- ./not-executable
	PATH=$PWD:$PATH refused 126 "$PWD/not-executable is not executable" lbdns run -- not-executable
}

@test "the command is found in PATH as exec finds it" {
	mkdir first second first/tool
	touch second/tool
	script tool '#!/bin/sh'
	PATH=$PWD/first:$PWD/second:$PWD:$PATH run -0 lbdns run -- tool
}

@test "the library is found in a build tree, through symlinks" {
	unset LBDNS_LIBRARY
	mkdir -p tree/scripts tree/build bin
	cp "$PROGRAMS/bin/lbdns" tree/scripts/
	cp "$PROGRAMS/lib/lbdns/lbdns-inspect" tree/build/
	refused 126 "no library at $PWD/tree/build/liblbdns.so: build or install it, or set LBDNS_LIBRARY" \
		tree/scripts/lbdns run -- true
	cp "$PROGRAMS/liblbdns.so" tree/build/
	run -0 tree/scripts/lbdns run -- printenv LD_PRELOAD
	[ "$output" = "$PWD/tree/build/liblbdns.so" ]
	ln -s ../tree/scripts/lbdns bin/linked
	ln -s "$PWD/bin/linked" lbdns
	run -0 ./lbdns run -- printenv LD_PRELOAD
	[ "$output" = "$PWD/tree/build/liblbdns.so" ]
	PATH=$PWD:$PATH run -0 command lbdns run -- printenv LD_PRELOAD
	[ "$output" = "$PWD/tree/build/liblbdns.so" ]
	cd tree/scripts
	run -0 sh lbdns run -- printenv LD_PRELOAD
	[ "$output" = "${PWD%/scripts}/build/liblbdns.so" ]
}

@test "LBDNS_LIBRARY may be relative, and must be a library" {
	cp "$PROGRAMS/liblbdns.so" ours.so
	LBDNS_LIBRARY=ours.so run -0 lbdns run -- printenv LD_PRELOAD
	[ "$output" = "$PWD/ours.so" ]
	LBDNS_LIBRARY=/no/such.so refused 126 'no library at /no/such.so, which is what LBDNS_LIBRARY says' \
		lbdns run -- true
	LBDNS_LIBRARY=/etc/passwd refused 126 '/etc/passwd is not a shared library' lbdns run -- true
}

@test "a library whose path LD_PRELOAD cannot hold is refused" {
	for directory in 'a b' a:b; do
		mkdir "$directory"
		cp "$PROGRAMS/liblbdns.so" "$directory/"
		LBDNS_LIBRARY=$PWD/$directory/liblbdns.so refused 126 \
			"LD_PRELOAD cannot hold a path with a space or a colon: $PWD/$directory/liblbdns.so" lbdns run -- true
	done
}

@test "dash and busybox ash run it alike" {
	local shells=(dash) shell
	command -v busybox && shells+=('busybox sh')
	for shell in "${shells[@]}"; do
		# shellcheck disable=SC2086
		as_shell() { $shell "$PROGRAMS/bin/lbdns" "$@"; }
		run -0 as_shell --version
		LD_PRELOAD=libm.so.6 run -0 as_shell run --refresh 1s --names=a -- \
			sh -c 'echo "$LD_PRELOAD $LBDNS_REFRESH $LBDNS_NAMES $1"' sh 'a  b'
		[ "$output" = "$LBDNS_LIBRARY:libm.so.6 1s a a  b" ]
		run -3 as_shell run -- sh -c 'exit 3'
		for program in static static-pie musl-static; do
			refused 126 "$PROGRAMS/$program is statically linked: LD_PRELOAD cannot reach it" \
				as_shell run -- "$PROGRAMS/$program"
		done
		run -0 as_shell run -- "$PROGRAMS/musl-dynamic"
		script by-env '#!/usr/bin/env static'
		PATH=$PROGRAMS:$PATH refused 126 \
			"$PROGRAMS/static (which runs ./by-env) is statically linked: LD_PRELOAD cannot reach it" \
			as_shell run -- ./by-env
		refused 127 'no such command: no-such-command' as_shell run -- no-such-command
		refused 126 './ is a directory' as_shell run -- ./
	done
}

@test "lbdns run and lbdns check are of one opinion, and say it in the same words" {
	local program why judged=0
	needs_other_users
	script by-static "#! $PROGRAMS/static"
	script plain 'true'
	elf32_big_endian 3 >big
	head -c 100 "$PROGRAMS/dynamic" >cut-off
	printf '\177ELF' >short
	chmod 755 big cut-off short "$PROGRAMS"/{dynamic,static}
	cp "$PROGRAMS/dynamic" "$PROGRAMS/of-root"
	chmod 4755 "$PROGRAMS/of-root"
	chmod 755 .
	for program in "$PROGRAMS"/{dynamic,dynamic-exec,static,static-pie,musl-dynamic,musl-static,of-root,asan} ./by-static ./plain \
		./big ./cut-off ./short no-such-command "$PROGRAMS" /etc/passwd sh; do
		run as_user "$PROGRAMS/bin/lbdns" check "$program"
		why=${output#no: }
		if [ "$status" = 1 ]; then
			run as_user "$PROGRAMS/bin/lbdns" run -- "$program"
			[ "$output" = "lbdns: $why" ] || { echo "$program: $output, not $why"; return 1; }
			((++judged))
		else
			[ "$status" = 0 ]
			run as_user "$PROGRAMS/bin/lbdns" run -- "$program" </dev/null
			[[ $output != lbdns:* ]] || { echo "$program: $output"; return 1; }
		fi
	done
	((judged >= 9))
}
