# The Debian package as it was built on a fresh Debian 12: looked at from outside, where lintian is.

bats_require_minimum_version 1.5.0
load ../lab/lab
load ../lab/object

DEB=$LAB_BUILD/systems/fresh.build/deb

@test "lintian finds no error, and no warning but for a field that it does not know yet" {
	run -0 lintian --allow-root --fail-on error "$DEB"/lbdns_*.changes
	lab_equal "$(grep -v ': unknown-field Static-Built-Using$' <<<"$output")" ""
}

@test "the object in the package is right for glibc 2.17 and musl, and depends on glibc 2.17 alone" {
	dpkg-deb -x "$DEB"/lbdns_*.deb "$BATS_TEST_TMPDIR"
	object_is_right "$BATS_TEST_TMPDIR/usr/lib/lbdns/liblbdns.so" "/usr/lib/$(uname -m)-linux-musl/libc.so"
	lab_equal "$(dpkg-deb -f "$DEB"/lbdns_*.deb Depends)" "libc6 (>= 2.17)"
	lab_equal "$(dpkg-deb -f "$DEB"/lbdns_*.deb Version)" "$(sed -n 's/.*VERSION=//p' "$LAB_ROOT/scripts/lbdns")"
	lab_equal "$(dpkg-deb -f "$DEB"/lbdns_*.deb Static-Built-Using | sed 's/ ([^)]*)//g')" "c-ares, glibc"
}
