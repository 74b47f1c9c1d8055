#include "base/libc.h"

#include "base/libc_versions.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

struct libc libc_real;
atomic_bool libc_found;

static struct libc_async async;
static atomic_bool async_found;

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

	return start && dladdr(start, &owner) && dladdr((void *)libc_real.getaddrinfo, &lookup) &&
	       dladdr((void *)libc_real.freeaddrinfo, &release) &&
	       owner.dli_fbase == lookup.dli_fbase && owner.dli_fbase == release.dli_fbase;
}

/* All that the dynamic linker is ever asked: its lock may be held by a thread that waits for one
 * that is in a hook (a library whose constructor starts a thread that resolves). Two threads may
 * both come here before the constructor ran; they write the same values. */
void libc_find(void)
{
	__atomic_store_n((void **)&libc_real.getaddrinfo, next("getaddrinfo"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.freeaddrinfo, next("freeaddrinfo"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.connect, next("connect"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.getsockopt, next("getsockopt"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.socket, next("socket"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.setsockopt, next("setsockopt"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.gethostbyname, next("gethostbyname"),
	                 __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.gethostbyname2, next("gethostbyname2"),
	                 __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.gethostbyname_r, next("gethostbyname_r"),
	                 __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.gethostbyname2_r, next("gethostbyname2_r"),
	                 __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.unshare, next("unshare"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.setns, next("setns"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.malloc, dlsym(RTLD_DEFAULT, "malloc"),
	                 __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.calloc, dlsym(RTLD_DEFAULT, "calloc"),
	                 __ATOMIC_RELAXED);
	__atomic_store_n((void **)&libc_real.free, dlsym(RTLD_DEFAULT, "free"), __ATOMIC_RELAXED);
	libc_real.is_musl = !dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
	libc_real.owns_lookups = owns_lookups();
	/* glibc has pthread_atfork only as a static stub around this. */
	*(void **)&libc_real.register_atfork = dlsym(RTLD_DEFAULT, "__register_atfork");
	if (!libc_real.register_atfork)
		*(void **)&libc_real.pthread_atfork = dlsym(RTLD_DEFAULT, "pthread_atfork");
	/* As the JVM and Rust do: nothing else tells how much of a stack thread-local storage
	 * takes. */
	*(void **)&libc_real.minimum_stack = dlsym(RTLD_DEFAULT, "__pthread_get_minstack");
	dlerror(); /* what we looked for in vain is not for the client to see */
	atomic_store_explicit(&libc_found, true, memory_order_release); /* pairs with libc() */
}

/* Apart from the others, and not before it is needed: musl does not have them, nor has glibc before
 * 2.34 outside libanl.so.1. */
static void find_async(void)
{
	if (libc_is_musl())
		return;
	__atomic_store_n((void **)&async.getaddrinfo_a, next("getaddrinfo_a"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&async.gai_error, next("gai_error"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&async.gai_suspend, next("gai_suspend"), __ATOMIC_RELAXED);
	__atomic_store_n((void **)&async.gai_cancel, next("gai_cancel"), __ATOMIC_RELAXED);
	atomic_store_explicit(&async_found, true,
	                      memory_order_release); /* pairs with libc_async() */
}

const struct libc_async *libc_async(void)
{
	if (!atomic_load_explicit(&async_found, memory_order_acquire))
		find_async();
	return async.getaddrinfo_a && async.gai_error && async.gai_suspend && async.gai_cancel
	               ? &async
	               : NULL;
}

bool libc_async_looks_up_here(void)
{
	Dl_info owner;
	const char *file = NULL;

	if (dladdr((void *)async.getaddrinfo_a, &owner) && owner.dli_fname)
		file = strrchr(owner.dli_fname, '/');
	return file && !strncmp(file, "/libanl", strlen("/libanl"));
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
