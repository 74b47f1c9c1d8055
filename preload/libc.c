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

/* Do lookups and their release go straight from us to libc? */
static bool owns_lookups(void)
{
	/* Every libc has this one and no preload stands before it. */
	void *start = dlsym(RTLD_DEFAULT, "__libc_start_main");
	Dl_info owner, lookup, release;

	return start && dladdr(start, &owner) && dladdr((void *)real.getaddrinfo, &lookup) &&
	       dladdr((void *)real.freeaddrinfo, &release) && owner.dli_fbase == lookup.dli_fbase &&
	       owner.dli_fbase == release.dli_fbase;
}

/* All that the dynamic linker is ever asked: its lock may be held by a thread that waits for one
 * that is in a hook (a library whose constructor starts a thread that resolves). Two threads may
 * both come here before the constructor ran; they write the same values. */
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
	real.is_musl = !dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
	real.owns_lookups = owns_lookups();
	/* glibc has pthread_atfork only as a static stub around this. */
	*(void **)&real.register_atfork = dlsym(RTLD_DEFAULT, "__register_atfork");
	if (!real.register_atfork)
		*(void **)&real.pthread_atfork = dlsym(RTLD_DEFAULT, "pthread_atfork");
	dlerror(); /* what we looked for in vain is not for the client to see */
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
	return libc()->is_musl;
}

void libc_at_fork_child(void (*child)(void))
{
	if (libc()->register_atfork)
		libc()->register_atfork(NULL, NULL, child, NULL);
	else if (libc()->pthread_atfork)
		libc()->pthread_atfork(NULL, NULL, child);
}
