# What a built library asks of libc and shows: object_is_right LIBRARY MUSL, musl's libc.so for the same machine. For
# tests that have loaded lab.bash.
# shellcheck shell=bash

HOOKS="connect freeaddrinfo gai_cancel gai_error gai_suspend getaddrinfo getaddrinfo_a gethostbyname gethostbyname2 gethostbyname2_r gethostbyname_r getsockopt setns unshare"

undefined() {
	nm -D --undefined-only --with-symbol-versions "$1" | awk '{ print $NF }'
}

versions_above() {
	undefined "$1" | sed -n 's/.*@GLIBC_//p' | sort -Vu | awk -v limit="$2" '
		{ split($1, is, "."); split(limit, may, "."); if (is[1] > may[1] || is[2] > may[2]) print }'
}

missing_in() {
	comm -23 <(undefined "$1" | sed 's/@.*//' | sort -u) \
		<(nm -D --defined-only "$2" | awk '{ print $NF }' | sed 's/@.*//' | sort -u)
}

# What the header says of an object, as one line.
summary() {
	readelf -dlW "$1" | awk '
		/\(NEEDED\)/ { gsub(/[][]/, "", $NF); needed = needed " " $NF }
		/\(FLAGS_1\)/ && /NOW/ { now = " now" }
		/\(TEXTREL\)/ || /TEXTREL/ { bad = bad " textrel" }
		$1 == "GNU_STACK" { bad = bad ($7 == "RW" ? "" : " stack:" $7) }
		$1 == "GNU_RELRO" { relro = " relro" }
		$1 == "TLS" { bad = bad " tls" }
		$1 == "INTERP" { bad = bad " interp" }
		END { print needed relro now bad }'
}

object_is_right() {
	lab_equal "$(nm -D --defined-only "$1" | awk '{ print $3 ($2 == "T" ? "" : ":" $2) }' | sort | paste -sd ' ')" "$HOOKS"
	lab_equal "$(summary "$1")" " libpthread.so.0 libdl.so.2 libc.so.6 relro now"
	lab_equal "$(versions_above "$1" 2.17)" ""
	lab_equal "$(missing_in "$1" "$2")" ""
}
