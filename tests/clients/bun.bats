# Bun, built for musl, as in Alpine: one liblbdns.so is for both.
# shellcheck disable=SC2016 # backquotes are markdown

load ../lab/lab
load matrix

setup() {
	bun=("$MATRIX_BUILD/node_modules/@oven/bun-linux-x64-musl/bin/bun" "$MATRIX/web.js")
	[ -x "${bun[0]}" ] || skip "Bun for musl is there for x86_64 only"
	export LD_LIBRARY_PATH=$MATRIX_BUILD/musl
}

@test "Bun http" {
	matrix_program HTTP 'Bun `node:http`, musl' '' "${bun[@]}" http "$LAB_URL"
}

# Of the connections that Bun makes for one request it uses one; the pods see the others too.
answers() {
	lab_pod_log_reset
	matrix_ask client 60 >"$LAB/answers"
	lab_counts <"$LAB/answers"
	lab_equal "$(wc -l <"$LAB/answers")" 60 >&2
	lab_equal "$(lab_pod_log rng-headless | awk '{ print $1 }' | lab_counts)" "$(lab_counts <"$LAB/answers")" >&2
}

@test "Bun fetch connects to all addresses at once and uses the fastest connection" {
	lab_up
	matrix_start client "${bun[@]}" fetch "$LAB_URL"
	unmodified=$(answers)
	lab_up
	matrix_start client with_lbdns "${bun[@]}" fetch "$LAB_URL"
	with=$(answers)
	lab_equal "$(lab_pod_log_counts)" "60 60 60"
	lab_scale rng-headless 5
	lab_wait_until eval 'matrix_ask client 1 >"$LAB/probe"; lab_pod_log | grep -qF "$(lab_address 4) "'
	after=$(answers)
	matrix_row HTTP 'Bun `fetch`, musl' "$unmodified" "$with" "$after" \
		'`fetch` connects to several addresses at once and uses the fastest: which pods serve is left to chance. Use `node:http`'
}
