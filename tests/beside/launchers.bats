# What runs the client among others. (That one rotation is shared by what they run: promises/rotation.bats.)

load ../lab/lab
load beside

group=Launchers

launcher() {
	local neighbour=$1 package=$2
	shift 2
	around=("$@")
	BESIDE_FILES=1 beside_row "$neighbour" "$package" around inside
}

@test "xargs -P 3" {
	BESIDE_STATUS=123 launcher 'xargs -P 3' findutils xargs -a /dev/null -P 3
}

@test "parallel -j 3" {
	BESIDE_STATUS=1 launcher 'parallel -j 3' parallel sh -c 'exec parallel -u -j 3 -q "$@" ::: ""' sh
}

@test "make -j4" {
	BESIDE_STATUS=2 launcher 'make -j4' make sh -c 'printf "all:\n\t%s\n" "$*" >$LAB/Makefile; exec make -s -j4 -f $LAB/Makefile' sh
}

@test "ninja -j4" {
	BESIDE_STATUS=1 launcher 'ninja -j4' ninja-build sh -c \
		'printf "rule run\n command = %s\nbuild all: run\n" "$*" >$LAB/build.ninja; exec ninja -C $LAB -j4' sh
}

@test "env -S" {
	launcher 'env -S' coreutils sh -c 'exec env -S "$*"' sh
}

@test "the dynamic linker" {
	around=("$(readelf -lW /usr/bin/python3 | sed -n 's/.*interpreter: \(.*\)]/\1/p')")
	beside_row 'ld.so PROGRAM' libc6 around
}
