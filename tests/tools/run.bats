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
	[[ ${lines[-2]} == three*" # "* ]]
	lab_equal "${lines[-1]}" "2 passed, 1 failed"
}

@test "a folder is all its files" {
	run -1 tests/run "$FOLDER"
	lab_equal "${lines[-1]}" "3 passed, 1 failed"
}

@test "a file is found by its name, with and without its suffix" {
	run -2 tests/run headline headline.bats 'none of its tests'
	lab_equal "${lines[-1]}" "tests/run: no such test"
}

@test "words of a name choose the tests, and mean themselves" {
	run -0 tests/run "$FOLDER/three.bats" 'good one'
	lab_equal "${lines[-1]}" "1 passed, 0 failed"
	run -0 tests/run "$FOLDER" 'good one' 'one (of .)'
	lab_equal "${lines[-1]}" "2 passed, 0 failed"
	run -2 tests/run "$FOLDER" 'o.d one'
	lab_equal "${lines[-1]}" "tests/run: no such test"
}

@test "what is not there is named, with status 2, and nothing runs" {
	run -2 tests/run "$FOLDER/three.bats" nosuch tests/promises/nosuch.bats
	lab_equal "$output" "tests/run: no such test file, or folder of them: nosuch
tests/run: no such test file, or folder of them: tests/promises/nosuch.bats"
}
