#include "base/libc.h"

#include "base/apart.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

struct libc libc_real;
long (*libc_syscall)(long, long, long, long, long, long, long);
atomic_bool libc_found;

static struct libc_async async;
static atomic_bool async_found;

/* ---- By name */

static void *next(const char *symbol)
{
	return apart_dlsym(RTLD_NEXT, symbol);
}

static void *anywhere(const char *symbol)
{
	return apart_dlsym(RTLD_DEFAULT, symbol);
}

/* What we looked for in vain is not for the client to see. */
static void *forget_error(void *found)
{
	if (libc_real.dlerror)
		libc_real.dlerror();
	return found;
}

void *libc_next(const char *symbol)
{
	return forget_error(next(symbol));
}

void *libc_first(const char *symbol)
{
	/* RTLD_DEFAULT would begin with us, who are linked with -Bsymbolic. */
	void *all = libc_real.dlopen ? libc_real.dlopen(NULL, RTLD_LAZY) : NULL;

	return forget_error(all ? apart_dlsym(all, symbol) : NULL);
}

static bool find_owner(const void *function, Dl_info *owner)
{
	return function && libc_real.dladdr && libc_real.dladdr(function, owner);
}

const char *libc_file_of(const void *function)
{
	Dl_info owner;

	return find_owner(function, &owner) && owner.dli_fname ? owner.dli_fname : "";
}

/* Do lookups and their release go straight from us to libc? */
static bool owns_lookups(void)
{
	Dl_info owner, lookup, release;

	/* Every libc has this one and no preload stands before it. */
	return find_owner(anywhere("__libc_start_main"), &owner) &&
	       find_owner((void *)libc_real.getaddrinfo, &lookup) &&
	       find_owner((void *)libc_real.freeaddrinfo, &release) &&
	       owner.dli_fbase == lookup.dli_fbase && owner.dli_fbase == release.dli_fbase;
}

/* ---- All that is called */

struct place {
	const char *name;
	void *pointer; /* to the pointer to it */
};

/* What old glibc has apart. */
static const struct place apart[] = {
	{"dladdr", &libc_real.dladdr},
	{"dlerror", &libc_real.dlerror},
	{"dlopen", &libc_real.dlopen},
	{"pthread_attr_setstacksize", &libc_real.pthread_attr_setstacksize},
	{"pthread_create", &libc_real.pthread_create},
	{"pthread_key_create", &libc_real.pthread_key_create},
	{"pthread_setspecific", &libc_real.pthread_setspecific},
	{"pthread_testcancel", &libc_real.pthread_testcancel},
	/* As the JVM and Rust do: nothing else tells how much of a stack thread-local storage
         * takes. */
	{"__pthread_get_minstack", &libc_real.minimum_stack},
};

/* What stands behind the hooks: the next library's function of each name. */
static const struct place behind[] = {
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
	{"mlockall", &libc_real.mlockall},
	{"syscall", &libc_syscall},
};

/* The client's own. */
static const struct place memory[] = {
	{"malloc", &libc_real.malloc},
	{"calloc", &libc_real.calloc},
	{"free", &libc_real.free},
};

static void put(const struct place *place, void *found)
{
	__atomic_store_n((void **)place->pointer, found, __ATOMIC_RELAXED);
}

/* All that the dynamic linker is ever asked: its lock may be held by a thread that waits for one
 * that is in a hook (a library whose constructor starts a thread that resolves). Two threads may
 * both come here before the constructor ran; they write the same values. */
void libc_find(void)
{
	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++)
		put(&apart[i], apart_find(apart[i].name));
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++)
		put(&behind[i], next(behind[i].name));
	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++)
		put(&memory[i], anywhere(memory[i].name));
	libc_real.is_musl = !anywhere("gnu_get_libc_version");
	libc_real.owns_lookups = owns_lookups();
	/* glibc has pthread_atfork only as a static stub around this. */
	*(void **)&libc_real.register_atfork = anywhere("__register_atfork");
	if (!libc_real.register_atfork)
		*(void **)&libc_real.pthread_atfork = anywhere("pthread_atfork");
	forget_error(NULL);
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
	const char *file = strrchr(libc_file_of((void *)async.getaddrinfo_a), '/');

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
