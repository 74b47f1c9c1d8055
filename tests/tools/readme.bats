# tests/README.md: each test that its table names is there, under that name.

load ../lab/lab

# The table's tests: file, tab, name; of README.md, or of what is on stdin.
named() {
	sed -n 's/^| .* | \(`.*\) |$/\1/p' "${1:-/dev/stdin}" | sed 's/<br>/\n/g' | sed -n 's/^`\([a-z_]*\)`: /\1\t/p'
}

# The tests that there are, in the same form.
existing() {
	awk '/^@test "/ {
			file = FILENAME; gsub(/.*\/|\.bats$/, "", file)
			name = $0; sub(/^@test "/, "", name); sub(/" \{.*/, "", name)
			print file "\t" name
		}' "$LAB_ROOT"/tests/*/*.bats
}

missing() {
	comm -23 <(named "$@" | sort -u) <(existing | sort -u)
}

@test "each test that the table of promises names exists" {
	[ "$(named "$LAB_ROOT/tests/README.md" | wc -l)" -gt 60 ]
	lab_equal "$(missing "$LAB_ROOT/tests/README.md")" ""
}

@test "each row of the table has a test, or says why not" {
	awk '/^\| sentence/ { table = 1; getline; next } table && !/^\|/ { table = 0 }
		table && !/ \| (`[a-z_]+`: |not yet: ).* \|$/ && !/^\| \*\*.* \| \|$/ { print; bad = 1 } END { exit bad }' \
		"$LAB_ROOT/tests/README.md"
}

@test "these checks see what is wrong" {
	lab_equal "$(missing <<<'| a | `readme`: these checks see what is wrong<br>`readme`: no such test |')" $'readme\tno such test'
	lab_equal "$(missing <<<'| a | `cost`: these checks see what is wrong |')" $'cost\tthese checks see what is wrong'
}
