# wget leaves lookups and connects by siglongjmp when its time is up: whatever we were at must not matter afterwards.
# shellcheck disable=SC2016 # for the shell inside

bats_require_minimum_version 1.5.0
load ../lab/lab
load matrix

setup() {
	lab_up
}

answers() {
	grep -c . "$LAB/wget.body" || true
}

@test "wget leaves 40 lookups while DNS is silent, and rotates as soon as it speaks" {
	lab_dns_silence
	# 2,000 URLs, so that wget is still at it; --no-dns-cache: each is a lookup
	yes "$LAB_URL" | head -n 2000 >"$LAB/urls"
	: >"$LAB/wget.log"
	lab_start wget with_lbdns bash -c 'echo starts; exec wget --no-dns-cache --tries=1 --dns-timeout=0.1 \
		--connect-timeout=20 -O "$LAB/wget.body" -o "$LAB/wget.log" -i "$LAB/urls"'
	left() { [ "$(grep -c 'failed: Connection timed out' "$LAB/wget.log")" -ge 40 ]; }
	lab_wait_until left
	# the unmodified wget says the same
	run ! wget --tries=1 --dns-timeout=0.1 -O "$LAB/unmodified" "$LAB_URL"
	[[ $output == *'failed: Connection timed out'* ]]
	lab_dns_unsilence
	lab_wait_until lab_gone "$(<"$LAB/wget.pid")"
	rm "$LAB/wget.pid"
	read -ra counts < <(lab_counts <"$LAB/wget.body")
	echo "${counts[*]} of $(grep -c 'failed: Connection timed out' "$LAB/wget.log") left"
	lab_equal "$(lab_pod_log_named)" "${counts[*]}"
	lab_equal "$((counts[0] + counts[1] + counts[2] + $(grep -c 'timed out' "$LAB/wget.log")))" 2000
	((counts[0] > 100))
	sorted=$(printf '%s\n' "${counts[@]}" | sort -n)
	(($(tail -n 1 <<<"$sorted") - $(head -n 1 <<<"$sorted") <= 1))
}

@test "60 wgets that leave their only lookup end as without lbdns" {
	lab_dns_silence
	leave() {
		local i
		for ((i = 0; i < 60; i++)); do
			wget -q --tries=1 --dns-timeout=0.05 -O /dev/stdout "$LAB_URL" 2>&1 && status=0 || status=$?
			echo "status $status"
		done
	}
	leave >"$LAB/without"
	with_lbdns leave >"$LAB/with"
	cmp "$LAB/without" "$LAB/with"
	lab_dns_unsilence
	lab_equal "$(with_lbdns lab_curl 60 | lab_counts)" "20 20 20"
}

# A connect that is left is one pick; wget goes on to the next address it knows.
@test "wget leaves connects to a silent pod, again and again, and gets all its answers from the others" {
	lab_pod_silence 10.244.2.12
	yes "$LAB_URL" | head -n 60 >"$LAB/urls"
	for how in --no-dns-cache --dns-timeout=20; do
		lab_pod_log_reset
		with_lbdns wget -q $how --tries=5 --waitretry=0 --connect-timeout=0.5 -O "$LAB/wget.body" -i "$LAB/urls"
		read -ra counts < <(lab_counts <"$LAB/wget.body")
		lab_equal "$((counts[0] + counts[2])) and ${counts[1]}" "60 and 0"
		lab_equal "$(lab_pod_log_named)" "${counts[*]}"
		((counts[0] > 0 && counts[2] > 0))
	done
	lab_pod_unsilence 10.244.2.12
	lab_equal "$(with_lbdns wget -q -O - -i "$LAB/urls" | wc -l)" 60
}
