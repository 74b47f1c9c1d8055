# tests/run itself: what it runs, and what it ends with.

bats_require_minimum_version 1.5.0
load ../lab/lab

setup() {
	FOLDER=$LAB_BUILD/run-$$-$BATS_TEST_NUMBER
	mkdir -p "$FOLDER"
	# bats would take a line that begins with @test for one of its own
	printf '@%s\n' 'test "good one" { true; }' 'test "bad one" { seq 100; false; }' 'test "good again" { true; }' \
		>"$FOLDER/three.bats"
	printf '@%s\n' 'test "one (of .)" { true; }' >"$FOLDER/one.bats"
}

teardown() {
	rm -r "$FOLDER"
}

cd "$LAB_ROOT" || exit

@test "what failed is said once more at the end, before the totals" {
	run -1 tests/run "$FOLDER/three.bats"
	lab_equal "$(grep -c ' not ok 2 bad one' <<<"$output")" 2
	lab_equal "$(grep -c ' ok 3 good again' <<<"$output")" 1
	[[ ${lines[-3]} == three*" # "* ]]
	lab_equal "${lines[-2]}" "failed $FOLDER/three.bats: bad one"
	[[ ${lines[-1]} != *skipped* ]]
	lab_equal "${lines[-1]}" "2 passed, 1 failed"
}

@test "a part that is killed, or whose setup fails, says which tests are missing, and why" {
	# as if the time was up
	printf '@%s\n' 'test "quick one" { true; }' 'test "endless one" { pkill -ALRM -x timeout; sleep 300 3>&-; }' 'test "another, (later)" { true; }' \
		>"$FOLDER/endless.bats"
	LIMIT=300 run -1 tests/run "$FOLDER/endless.bats" "$FOLDER/one.bats"
	printf '%s\n' "${lines[@]: -3}" >"$FOLDER/said"
	lab_equal "$(<"$FOLDER/said")" "missing $FOLDER/endless.bats: endless one (killed after 300 s)
missing $FOLDER/endless.bats: another, (later) (killed after 300 s)
2 passed, 2 failed"
	printf 'setup_file() {\n\tfalse\n}\n@%s\n' 'test "never one" { true; }' >"$FOLDER/endless.bats"
	run -1 tests/run "$FOLDER/endless.bats" "$FOLDER/one.bats"
	printf '%s\n' "${lines[@]: -3}" >"$FOLDER/said"
	lab_equal "$(<"$FOLDER/said")" "failed $FOLDER/endless.bats: setup_file failed
missing $FOLDER/endless.bats: never one (ended with status 1)
1 passed, 2 failed"
	# a failure outside the tests
	printf '@%s\n' 'test "good one" { true; }' 'teardown_file() { false; }' | sed 's/^@teardown/teardown/' >"$FOLDER/endless.bats"
	run -1 tests/run "$FOLDER/endless.bats"
	[[ ${lines[-2]} == "failed $FOLDER/endless.bats: "* ]]
}

@test "a folder is all its files" {
	run -1 tests/run "$FOLDER"
	lab_equal "${lines[-1]}" "3 passed, 1 failed"
}

@test "a file in parts: each of its tests runs once" {
	PART=1 run -1 tests/run "$FOLDER/three.bats"
	lab_equal "$(grep -c '^three *1\.\.1$' <<<"$output")" 3
	lab_equal "${lines[-1]}" "2 passed, 1 failed"
	PART=2 run -1 tests/run "$FOLDER/three.bats"
	lab_equal "${lines[-1]}" "2 passed, 1 failed"
}

# tests/run looks for them in these folders, and knows tests by how their first lines are written.
@test "no test is forgotten" {
	lab_equal "$(find tests -maxdepth 2 -name '*.bats' ! -path 'tests/beside/*' ! -path 'tests/clients/*' \
		! -path 'tests/cluster/*' ! -path 'tests/containers/*' ! -path 'tests/systems/*' | sort)" "$(printf '%s\n' tests/{promises,ways,command,packages,tools}/*.bats | sort)"
	lab_equal "$(grep -hE '^[[:space:]]*@test' tests/{promises,ways,command,packages,tools}/*.bats |
		grep -vE '^@test "[^"\\$`]*" \{' || true)" ""
}

@test "what a test leaves running, mounted or shared ends with it" {
	seen() {
		ps -e -o comm= >"$FOLDER/ps" # and then sorted, or the others of a pipe would be seen begin
		sort "$FOLDER/ps" && cat /proc/mounts && ipcs -m && ls -A "$TMPDIR" "$LAB_ROOT" /run
	}
	# bats would take a line that begins with @test for one of its own
	printf '@%s\n' 'test "leaves all" {
		setsid sleep 300 >/dev/null 2>&1 3>&- &
		mount -t tmpfs left /mnt
		ipcmk -M 4096
		touch /run/left "$TMPDIR/left"
	}' >"$FOLDER/one.bats"
	local before
	before=$(seen)
	run -0 tests/run "$FOLDER/one.bats"
	lab_equal "$(seen)" "$before"
}

@test "a file is found by its name, with and without its suffix" {
	run -2 tests/run headline headline.bats 'none of its tests'
	lab_equal "${lines[-1]}" "tests/run: no such test: none of its tests"
}

@test "words of a name choose the tests, and mean themselves" {
	run -0 tests/run "$FOLDER/three.bats" 'good one'
	lab_equal "${lines[-1]}" "1 passed, 0 failed"
	run -0 tests/run "$FOLDER" 'good one' 'one (of .)'
	lab_equal "${lines[-1]}" "2 passed, 0 failed"
	run -2 tests/run "$FOLDER" 'o.d one'
	lab_equal "${lines[-1]}" "tests/run: no such test: o.d one"
}

@test "what is not there is named, with status 2, and nothing runs" {
	run -2 tests/run "$FOLDER/three.bats" nosuch tests/promises/nosuch.bats
	lab_equal "$output" "tests/run: no such test file, or folder of them: nosuch
tests/run: no such test file, or folder of them: tests/promises/nosuch.bats"
}
