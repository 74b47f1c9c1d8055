# Sandboxes around the client.

load ../lab/lab
load beside

group=Sandboxes

bubblewrap() {
	around=(bwrap --dev-bind / / "$@")
	beside_row "bwrap${*:+ $*}" bubblewrap around inside
}

@test "bwrap" {
	bubblewrap
}

@test "bwrap --unshare-user" {
	bubblewrap --unshare-user
}

@test "bwrap --unshare-pid" {
	bubblewrap --unshare-pid --proc /proc
}

@test "bwrap --unshare-ipc" {
	bubblewrap --unshare-ipc
}

@test "bwrap --unshare-net" {
	BESIDE_AS_ALONE=1 BESIDE_NOTE='no network' bubblewrap --unshare-net
}

@test "firejail --noprofile" {
	around=(firejail --quiet --noprofile)
	beside_row 'firejail --noprofile' firejail around inside
}

namespaces() {
	around=(unshare "$@")
	beside_row "unshare $*" util-linux around inside
}

@test "unshare -r" {
	namespaces -r
}

@test "unshare -m" {
	namespaces -m
}

@test "unshare -i" {
	namespaces -i
}

@test "chroot" {
	around=(chroot /)
	beside_row chroot coreutils around inside
}

@test "proot" {
	around=(proot)
	beside_row proot proot around inside
}
