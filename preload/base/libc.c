#include "base/libc.h"

#include "base/libc_versions.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

struct libc libc_real;
long (*libc_syscall)(long, long, long, long, long, long, long);
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

/* What stands behind the hooks: the next library's function of each name. */
static const struct {
	const char *name;
	void *place; /* of the pointer to it */
} behind[] = {
	{"getaddrinfo", &libc_real.getaddrinfo},
	{"freeaddrinfo", &libc_real.freeaddrinfo},
	{"connect", &libc_real.connect},
	{"getsockopt", &libc_real.getsockopt},
	{"gethostbyname", &libc_real.gethostbyname},
	{"gethostbyname2", &libc_real.gethostbyname2},
	{"gethostbyname_r", &libc_real.gethostbyname_r},
	{"gethostbyname2_r", &libc_real.gethostbyname2_r},
	{"unshare", &libc_real.unshare},
	{"setns", &libc_real.setns},
	{"socket", &libc_real.socket},
	{"setsockopt", &libc_real.setsockopt},
	{"setuid", &libc_real.setuid},
	{"setgid", &libc_real.setgid},
	{"seteuid", &libc_real.seteuid},
	{"setegid", &libc_real.setegid},
	{"setreuid", &libc_real.setreuid},
	{"setregid", &libc_real.setregid},
	{"setresuid", &libc_real.setresuid},
	{"setresgid", &libc_real.setresgid},
	{"setgroups", &libc_real.setgroups},
	{"initgroups", &libc_real.initgroups},
	{"prctl", &libc_real.prctl},
	{"syscall", &libc_syscall},
};

/* All that the dynamic linker is ever asked: its lock may be held by a thread that waits for one
 * that is in a hook (a library whose constructor starts a thread that resolves). Two threads may
 * both come here before the constructor ran; they write the same values. */
void libc_find(void)
{
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
		__atomic_store_n((void **)behind[i].place, next(behind[i].name), __ATOMIC_RELAXED);
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
