# Allocators of memory that are preloaded.

load ../lab/lab
load beside

group=Allocators

@test "jemalloc" {
	preload=$(beside_library libjemalloc.so.2)
	beside_row jemalloc libjemalloc2 first last
}

@test "tcmalloc" {
	preload=$(beside_library libtcmalloc.so.4)
	beside_row tcmalloc libgoogle-perftools4 first last
}

@test "tcmalloc_minimal" {
	preload=$(beside_library libtcmalloc_minimal.so.4)
	beside_row tcmalloc_minimal libtcmalloc-minimal4 first last
}

@test "tcmalloc_debug" {
	preload=$(beside_library libtcmalloc_debug.so.4)
	beside_row tcmalloc_debug libgoogle-perftools4 first last
}

@test "mimalloc" {
	preload=$(beside_library libmimalloc.so.2.0)
	beside_row mimalloc libmimalloc2.0 first last
}

@test "Scudo" {
	preload=$(beside_library "libclang_rt.scudo_standalone-$(uname -m).so")
	beside_row 'Scudo, standalone' libclang-rt-14-dev first last
}

@test "libhugetlbfs" {
	export HUGETLB_MORECORE=yes
	preload=$(beside_library libhugetlbfs.so.0)
	beside_row 'libhugetlbfs, `HUGETLB_MORECORE=yes`' libhugetlbfs0 first last
}

@test "Electric Fence" {
	preload=$(beside_library libefence.so.0)
	BESIDE_AS_ALONE=1 BESIDE_NOTE='ends Python alone too' beside_row 'Electric Fence' electric-fence first last
}

@test "DUMA" {
	preload=$(beside_library libduma.so)
	BESIDE_AS_ALONE=1 BESIDE_NOTE='ends Python alone too' beside_row DUMA duma first last
}
