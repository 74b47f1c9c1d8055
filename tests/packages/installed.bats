# make install: what it puts in place, and that the man pages and the completion say what is true.
# shellcheck disable=SC2030,SC2031 # some tests have a PLACE of their own

bats_require_minimum_version 1.5.0

setup_file() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BUILD=$(cd "$ROOT" && realpath "${BUILD:-build}")
	PLACE=$BATS_FILE_TMPDIR/place
	export ROOT BUILD PLACE
	installed install
}

installed() {
	make -s --no-print-directory -C "$ROOT" "$1" DESTDIR="$PLACE" PREFIX=/usr BUILD="$BUILD"
}

@test "make install puts all in place, and command and library find each other" {
	diff <(find "$PLACE" ! -type d -printf '%P %m\n' | sort) - <<-EOF
		usr/bin/lbdns 755
		usr/lib/lbdns/lbdns-inspect 755
		usr/lib/lbdns/liblbdns.so 644
		usr/share/bash-completion/completions/lbdns 644
		usr/share/lbdns/alerts.yml 644
		usr/share/lbdns/dashboard.json 644
		usr/share/man/man1/lbdns.1 644
		usr/share/man/man7/liblbdns.7 644
	EOF
	run -0 "$PLACE/usr/bin/lbdns" run -- printenv LD_PRELOAD
	[ "$output" = "$PLACE/usr/lib/lbdns/liblbdns.so" ]
}

@test "make uninstall leaves nothing of it, and what is not ours" {
	local PLACE=$BATS_TEST_TMPDIR/other
	installed install
	touch "$PLACE/usr/bin/another"
	installed uninstall
	run -0 find "$PLACE" ! -type d -printf '%P\n'
	[ "$output" = usr/bin/another ]
	[ ! -e "$PLACE/usr/lib/lbdns" ]
}

@test "make install over a library that is in use: its processes go on with the old one" {
	local PLACE=$BATS_TEST_TMPDIR/other client
	installed install
	LD_PRELOAD=$PLACE/usr/lib/lbdns/liblbdns.so sleep 60 3>&- &
	client=$!
	until grep -q liblbdns.so "/proc/$client/maps"; do :; done
	installed install
	run -0 grep -c 'liblbdns.so (deleted)' "/proc/$client/maps"
	kill $client
}

# ---- The man pages

COMMAND_PAGE=usr/share/man/man1/lbdns.1
LIBRARY_PAGE=usr/share/man/man7/liblbdns.7

@test "the man pages are without a fault, at 80 columns too" {
	cd "$PLACE"
	run -0 mandoc -Tlint -Wwarning $COMMAND_PAGE $LIBRARY_PAGE
	[ -z "$output" ]
	run -0 mandoc -Tutf8 -Owidth=80 $COMMAND_PAGE $LIBRARY_PAGE
	# grep counts characters; Debian's awk, bytes
	! sed 's/.\x08//g' <<<"$output" | grep -E '.{81}' || false
}

help() {
	"$PLACE/usr/bin/lbdns" --help
}

# help_of COMMAND: its own.
help_of() {
	"$PLACE/usr/bin/lbdns" "$1" --help
}

# Of the lines "Usage: lbdns run [options]".
subcommands_of_help() {
	help | sed -n 's/^\(Usage:\|      \) lbdns \([a-z][a-z-]*\).*/\2/p' | awk '!seen[$0]++'
}

options_of_help() {
	help_of "${1-run}" | sed -n 's/^  \(--[a-z-]*\) .*/\1/p' | sort
}

same() {
	[ -n "$1" ]
	diff <(echo "$1") <(echo "$2")
}

@test "lbdns(1) has the subcommands and options that lbdns --help has" {
	same "$(subcommands_of_help | sort)" "$(sed -n '/^\.Sh SYNOPSIS/,/^\.Sh D/s/^\.Cm \([a-z-]*\)$/\1/p' "$PLACE/$COMMAND_PAGE" | sort -u)"
	local command
	for command in $(subcommands_of_help); do
		same "$(options_of_help "$command")" "$(options_of_page "$command")"
	done
}

# Those of the subsection on a command.
options_of_page() {
	sed -n "/^\.Ss lbdns $1/,/^\.S/s/^\.It Fl \(-[a-z-]*\).*/-\1/p" "$PLACE/$COMMAND_PAGE" | sort
}

# The table of the README, as "LBDNS_REFRESH --refresh 5s".
settings_of_readme() {
	awk -F ' *[|] *' '$2 ~ /^LBDNS_/ { gsub(/`/, "", $3); gsub(/[()]/, "", $4); print $2, $3, $4 ? $4 : "none" }' \
		"$ROOT/README.md" | sort
}

@test "liblbdns(7) has the settings and defaults of the README" {
	same "$(settings_of_readme | cut -d ' ' -f 1,3)" \
		"$(sed -n 's/^\.It Ev \(LBDNS_[A-Z_]*\) Pq \(.*\)/\1 \2/p' "$PLACE/$LIBRARY_PAGE" | sort)"
}

@test "the README has the options of lbdns --help, and all that the library reads" {
	same "$(options_of_help)" "$(settings_of_readme | cut -d ' ' -f 2 | sort)"
	same "$(strings "$PLACE/usr/lib/lbdns/liblbdns.so" | grep -x 'LBDNS_[A-Z_]*' | sort)" \
		"$(settings_of_readme | cut -d ' ' -f 1)"
}

# ---- Completion

# completed TEXT: what bash offers for TEXT and a tab, in a shell that finds the completion where it was installed.
completed() {
	local rc=$BATS_TEST_TMPDIR/rc
	: >"$BATS_TEST_TMPDIR/offered"
	cat >"$rc" <<-EOF
		BASH_COMPLETION_USER_DIR=$PLACE/usr/share/bash-completion
		. /usr/share/bash-completion/bash_completion
		_completion_loader lbdns
		offered() { _lbdns "\$@"; printf '%s\n' "\${COMPREPLY[@]}" >"$BATS_TEST_TMPDIR/offered"; }
		complete -F offered lbdns
		PATH=$PLACE/usr/bin:\$PATH PS1='ready: '
	EOF
	coproc TERMINAL { exec script -qfc "bash --noprofile --rcfile '$rc' -i" /dev/null 3>&-; }
	read -rd : -t 20 <&"${TERMINAL[0]}"
	# and the line is taken back: ^U
	printf '%s\t\025exit\n' "$1" >&"${TERMINAL[1]}"
	cat <&"${TERMINAL[0]}" >"$BATS_TEST_TMPDIR/screen"
	awk '!seen[$0]++' "$BATS_TEST_TMPDIR/offered" | paste -sd ' ' # /bin and /usr/bin may be one
}

offers() {
	same "$2" "$(completed "$1")"
}

@test "bash completes the subcommands" {
	offers 'lbdns ' "$(subcommands_of_help | paste -sd ' ') --help --version"
	offers 'lbdns r' run
}

@test "bash completes the options of every other subcommand" {
	local command words
	for command in $(subcommands_of_help); do
		[ "$command" != run ] || continue
		words=$(completed "lbdns $command --")
		same "$(tr ' ' '\n' <<<"$words" | grep -v -x -e --help | sort)" "$(options_of_help "$command")"
	done
	offers 'lbdns mode o' 'on observe off'
	offers 'lbdns mode --pid 1 --name x d' default
}

@test "bash completes the options of run" {
	offers 'lbdns run --' "$(help | sed -n 's/^  \(--[a-z-]*\) .*/\1/p' | paste -sd ' ') --help"
	offers 'lbdns run --connect off --na' '--names --nameservers'
	offers 'lbdns run --nameservers=127.0.0.1:53 --refresh=1s --max' --max-stale
}

@test "bash completes values, and the library takes them" {
	local option value
	offers 'lbdns run --connect ' 'on off'
	offers 'lbdns run --mode=o' 'on observe off'
	for option in $(options_of_help); do
		[ "$option" != --log-file ] || continue
		for value in $(completed "lbdns run $option "); do
			run -0 "$PLACE/usr/bin/lbdns" run "$option" "$value" -- true
			[ -z "$output" ] || { echo "$output"; return 1; }
			echo "$option $value"
		done
	done >"$BATS_TEST_TMPDIR/taken"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/taken")" -ge 15 ]
	touch "$BATS_TEST_TMPDIR/a.log"
	offers "lbdns run --log-file $BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/a.log"
}

@test "after the options of run, bash completes the command as it does without lbdns" {
	offers 'lbdns run -- unsha' unshare
	offers 'lbdns run --refresh 1s --log=info unsha' unshare
	# completion of make: with targets
	printf 'target-of-mine:\n' >"$BATS_TEST_TMPDIR/Makefile"
	offers "lbdns run --nameservers=127.0.0.1:53,[::1]:53 -- make -C $BATS_TEST_TMPDIR target-" target-of-mine
	offers 'lbdns run --help' --help
}
