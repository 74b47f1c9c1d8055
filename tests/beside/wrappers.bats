# Wrappers for tests and builds, most of them preloads.

load ../lab/lab
load beside

group='Test wrappers'

wrapper() {
	preload=$(beside_library "$1")
	beside_row "$2" "$3" first last
}

# What another user may read.
for_all() {
	[ "$(id -u)" = 0 ] && setpriv --reuid=65534 --clear-groups true || skip 'other users need root'
	mkdir -p "$LAB/all"
	cp "$LIBLBDNS" "$LAB_BUILD/lbdns-inspect" "$BESIDE/client.py" "$LAB/all"
	chmod -R a+rX "$LAB/all"
	LIBLBDNS=$LAB/all/liblbdns.so BESIDE=$LAB/all
	as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
}

@test "fakeroot" {
	around=(fakeroot)
	beside_row fakeroot fakeroot around inside
}

@test "fakeroot, as a user" {
	for_all
	around=("${as_nobody[@]}" fakeroot)
	BESIDE_USER=65534 beside_row 'fakeroot, as a user' fakeroot around
}

@test "pseudo, as a user" {
	for_all
	export PSEUDO_LOCALSTATEDIR=$LAB/pseudo
	mkdir -m 777 -p "$LAB/pseudo"
	around=("${as_nobody[@]}" pseudo)
	BESIDE_USER=65534 beside_row 'pseudo, as a user' pseudo around
}

@test "proot -0, as a user" {
	for_all
	around=("${as_nobody[@]}" proot -0)
	BESIDE_USER=65534 beside_row 'proot -0, as a user' proot around
}

@test "fakechroot" {
	around=(fakechroot)
	BESIDE_WARNED=$(beside_library fakechroot/libfakechroot.so) beside_row fakechroot fakechroot around
	beside_row fakechroot fakechroot inside
}

@test "eatmydata" {
	around=(eatmydata)
	beside_row eatmydata eatmydata around inside
}

@test "eatmydata's library" {
	wrapper libeatmydata.so "eatmydata's library" libeatmydata1
}

@test "stdbuf -oL" {
	around=(stdbuf -oL)
	beside_row 'stdbuf -oL' coreutils around inside
}

@test "nocache" {
	around=(nocache)
	beside_row nocache nocache around
}

@test "authbind" {
	around=(authbind)
	beside_row authbind authbind around inside
}

@test "snoopy" {
	wrapper libsnoopy.so snoopy snoopy
}

@test "umockdev" {
	preload=$(beside_library libumockdev-preload.so.0)
	beside_row umockdev umockdev first
	BESIDE_KEPT=1 BESIDE_WARNED=$preload BESIDE_NOTE='lookups rotate; who keeps an address stays there' \
		beside_row umockdev umockdev last
}

faketime() {
	export FAKETIME=$1
	wrapper faketime/libfaketime.so.1 "libfaketime, \`$1\`" libfaketime
}

@test "libfaketime, an offset" {
	faketime -1000d
}

@test "libfaketime, x100" {
	faketime '+0 x100'
}

@test "libfaketime, x0.1" {
	faketime '+0 x0.1'
}

@test "libfaketime, @" {
	faketime '@2020-12-24 20:30:00'
}

@test "libfaketime, a clock that stands still" {
	faketime '2020-12-24 20:30:00'
}

@test "libfaketime for threads, a clock that stands still" {
	export FAKETIME='2020-12-24 20:30:00'
	wrapper faketime/libfaketimeMT.so.1 'libfaketimeMT, a clock that stands still' libfaketime
}

@test "socket_wrapper, idle" {
	preload=$(beside_library libsocket_wrapper.so)
	beside_row 'socket_wrapper, idle' libsocket-wrapper first
	BESIDE_KEPT=1 BESIDE_WARNED=$preload BESIDE_NOTE='lookups rotate; who keeps an address stays there' \
		beside_row 'socket_wrapper, idle' libsocket-wrapper last
}

@test "socket_wrapper" {
	export SOCKET_WRAPPER_DIR=$LAB/sockets
	mkdir -p "$LAB/sockets"
	preload=$(beside_library libsocket_wrapper.so)
	export BESIDE_AS_ALONE=1 BESIDE_THREAD=1 BESIDE_NOTE='lets no connection out'
	beside_row socket_wrapper libsocket-wrapper first
	BESIDE_WARNED=$preload beside_row socket_wrapper libsocket-wrapper last
}

@test "uid_wrapper" {
	export UID_WRAPPER=1 UID_WRAPPER_ROOT=1
	wrapper libuid_wrapper.so uid_wrapper libuid-wrapper
}

@test "nss_wrapper" {
	local passwd='root:x:0:0:root:/root:/bin/sh'
	export NSS_WRAPPER_PASSWD=$LAB/passwd NSS_WRAPPER_GROUP=$LAB/group
	echo "$passwd" >"$NSS_WRAPPER_PASSWD"
	echo 'root:x:0:' >"$NSS_WRAPPER_GROUP"
	preload=$(beside_library libnss_wrapper.so)
	beside_row nss_wrapper libnss-wrapper first
	BESIDE_PASSED=$preload beside_row nss_wrapper libnss-wrapper last
}

@test "resolv_wrapper" {
	wrapper libresolv_wrapper.so resolv_wrapper libresolv-wrapper
}

@test "pam_wrapper" {
	wrapper libpam_wrapper.so pam_wrapper libpam-wrapper
}

@test "fiu-run" {
	around=(fiu-run -x)
	BESIDE_NOTE='drops lbdns from LD_PRELOAD: `fiu-run … lbdns run -- client`' beside_row fiu-run fiu-utils inside
}
