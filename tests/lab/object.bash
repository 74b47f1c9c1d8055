# What a built library asks of libc and shows: object_is_right LIBRARY MUSL, musl's libc.so for the same machine. For
# tests that have loaded lab.bash.
# shellcheck shell=bash

HOOKS="connect freeaddrinfo gai_cancel gai_error gai_suspend getaddrinfo getaddrinfo_a gethostbyname gethostbyname2 gethostbyname2_r gethostbyname_r getsockopt initgroups lbdns_rank mlockall prctl setegid seteuid setgid setgroups setns setregid setresgid setresuid setreuid setsockopt setuid socket syscall unshare"

# What it may call of libc's by name. In the refresh thread, in the child of a fork and on the way of a connection that is what
# works on its arguments alone: whatever else is called by name may be another library's, which hooks it, and must not run there.
# (Beside it: what says that memory is broken.)
PURE="__ctype_b_loc __ctype_tolower_loc __errno_location __stack_chk_fail bcmp inet_ntop inet_pton memchr memcmp memcpy memmove
	memset stpcpy strcasecmp strcat strchr strcmp strcpy strcspn strlen strncasecmp strncmp strncpy strrchr strspn strtol strtoul
	vsnprintf"
# In the constructor, or by the first hook that is called.
AT_START="__environ __libc_dlopen_mode __libc_dlsym dlsym environ getauxval"
# In a call of the client's: what only libc can do.
FOR_THREADS="pthread_attr_destroy pthread_attr_init pthread_attr_setdetachstate pthread_setcanceltype"
# Weak, for some libc has it and some has not.
OF_OLD_GLIBC="__libc_dlopen_mode __libc_dlsym"

undefined() {
	nm -D --undefined-only --with-symbol-versions "$1" | awk '{ print $NF }'
}

versions_above() {
	undefined "$1" | sed -n 's/.*@GLIBC_//p' | sort -Vu | awk -v limit="$2" '
		{ split($1, is, "."); split(limit, may, "."); if (is[1] > may[1] || is[2] > may[2]) print }'
}

missing_in() {
	comm -23 <(undefined "$1" | sed 's/@.*//' | grep -vxF "$(tr ' ' '\n' <<<"$OF_OLD_GLIBC")" | sort -u) \
		<(nm -D --defined-only "$2" | awk '{ print $NF }' | sed 's/@.*//' | sort -u)
}

# What it calls by name and may not.
hookable() {
	undefined "$1" | sed 's/@.*//' | sort -u | grep -vxF "$(tr -s ' \t' '\n' <<<"$PURE $AT_START $FOR_THREADS")"
}

# Its variables that hold an address of libc's, over which who is attached to a process writes (memray): relocations by a symbol
# that are not of the global offset table.
addresses() {
	readelf -rW "$1" | awk '$3 ~ /^R_(X86_64_64|AARCH64_ABS64)$/ && NF > 4 { print $5 }'
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
	lab_equal "$(summary "$1")" " libc.so.6 relro now"
	lab_equal "$(hookable "$1")" ""
	lab_equal "$(addresses "$1")" ""
	lab_equal "$(versions_above "$1" 2.17)" ""
	lab_equal "$(missing_in "$1" "$2")" ""
}
