#include "libc.h"

#include "libc_versions.h"

#include <dlfcn.h>
#include <stdatomic.h>

static struct libc real;
static atomic_bool found;

static void *next(const char *symbol)
{
	return dlsym(RTLD_NEXT, symbol);
}

/* Two threads may both come here before the constructor ran; they write the same pointers. */
static void find_all(void)
{
	__atomic_store_n((void **)&real.getaddrinfo, next("getaddrinfo"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&real.freeaddrinfo, next("freeaddrinfo"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&real.connect, next("connect"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&real.getsockopt, next("getsockopt"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&real.gethostbyname, next("gethostbyname"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&real.gethostbyname2, next("gethostbyname2"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&real.gethostbyname_r, next("gethostbyname_r"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&real.gethostbyname2_r, next("gethostbyname2_r"),
	                 __ATOMIC_RELAXED);
	atomic_store_explicit(&found, true, memory_order_release); /* pairs with libc() */
}

const struct libc *libc(void)
{
	if (__builtin_expect(!atomic_load_explicit(&found, memory_order_acquire), 0))
		find_all();
	return &real;
}

bool libc_is_musl(void)
{
	return !dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
}

bool libc_owns_lookups(void)
{
	/* Every libc has this one and no preload stands before it. */
	void *start = dlsym(RTLD_DEFAULT, "__libc_start_main");
	Dl_info owner, lookup, release;

	return start && dladdr(start, &owner) && dladdr((void *)libc()->getaddrinfo, &lookup) &&
	       dladdr((void *)libc()->freeaddrinfo, &release) &&
	       owner.dli_fbase == lookup.dli_fbase && owner.dli_fbase == release.dli_fbase;
}

void libc_at_fork_child(void (*child)(void))
{
	int (*registers)(void (*)(void), void (*)(void), void (*)(void), void *);
	int (*registers_musl)(void (*)(void), void (*)(void), void (*)(void));

	/* glibc has pthread_atfork only as a static stub around this; no DSO handle: never
	 * unregistered. */
	*(void **)&registers = dlsym(RTLD_DEFAULT, "__register_atfork");
	if (registers) {
		registers(NULL, NULL, child, NULL);
		return;
	}
	*(void **)&registers_musl = dlsym(RTLD_DEFAULT, "pthread_atfork");
	if (registers_musl)
		registers_musl(NULL, NULL, child);
}
