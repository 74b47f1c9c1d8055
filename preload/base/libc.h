/* The way out: the libc functions behind our hooks, and what old glibc, musl and c-ares want of us.
 *
 * The functions are found once (libc_start, from the constructor or the first hook called before
 * it) and never change; any thread may call them, each under the rules of the function itself. */
#ifndef LBDNS_BASE_LIBC_H
#define LBDNS_BASE_LIBC_H

#include "base/attributes.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct libc {
	int (*getaddrinfo)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	void (*freeaddrinfo)(struct addrinfo *);
	int (*connect)(int, const struct sockaddr *, socklen_t);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	int (*socket)(int, int, int);
	int (*setsockopt)(int, int, int, const void *, socklen_t);
	struct hostent *(*gethostbyname)(const char *);
	struct hostent *(*gethostbyname2)(const char *, int);
	int (*gethostbyname_r)(const char *, struct hostent *, char *, size_t, struct hostent **,
	                       int *);
	int (*unshare)(int);
	int (*setns)(int, int);
	int (*setuid)(uid_t);
	int (*setgid)(gid_t);
	int (*seteuid)(uid_t);
	int (*setegid)(gid_t);
	int (*setreuid)(uid_t, uid_t);
	int (*setregid)(gid_t, gid_t);
	int (*setresuid)(uid_t, uid_t, uid_t);
	int (*setresgid)(gid_t, gid_t, gid_t);
	int (*setgroups)(size_t, const gid_t *);
	int (*initgroups)(const char *, gid_t);
	int (*mlockall)(int);
	int (*prctl)(int, unsigned long, unsigned long, unsigned long, unsigned long);
	/* The client's own, in whichever library they are, because freeaddrinfo(3) gives back what
	 * they gave. They are not to be had by name (Makefile: NO_POINTER). */
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void (*free)(void *);
	int (*register_atfork)(void (*)(void), void (*)(void), void (*)(void), void *);
	int (*pthread_atfork)(void (*)(void), void (*)(void), void (*)(void));
	/* NULL on musl. */
	size_t (*minimum_stack)(const pthread_attr_t *);
	/* NULL where there are no threads to be had (base/apart.h). */
	int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*pthread_attr_setstacksize)(pthread_attr_t *, size_t);
	int (*pthread_key_create)(pthread_key_t *, void (*)(void *));
	int (*pthread_setspecific)(pthread_key_t, const void *);
	void (*pthread_testcancel)(void);
	/* For libc.c alone: libc_first, libc_file_of. */
	void *(*dlopen)(const char *, int);
	int (*dladdr)(const void *, Dl_info *);
	char *(*dlerror)(void);
	bool is_musl;
	bool owns_lookups; /* no other preload, whose lists need not have libc's layout, stands
	                      between */
	int (*gethostbyname2_r)(const char *, int, struct hostent *, char *, size_t,
	                        struct hostent **, int *);
};

/* libc.c alone writes these. */
extern HIDDEN long (*libc_syscall)(long, long, long, long, long, long, long);
extern HIDDEN struct libc libc_real;
extern HIDDEN atomic_bool libc_found;
void libc_find(void);

/* The real functions. */
static inline const struct libc *libc(void)
{
	/* Pairs with libc_find. */
	if (__builtin_expect(!atomic_load_explicit(&libc_found, memory_order_acquire), 0))
		libc_find();
	return &libc_real;
}

struct libc_async {
	int (*getaddrinfo_a)(int, struct gaicb *[], int, struct sigevent *);
	int (*gai_error)(struct gaicb *);
	int (*gai_suspend)(const struct gaicb *const[], int, const struct timespec *);
	int (*gai_cancel)(struct gaicb *);
};

/* NULL where there are none. */
const struct libc_async *libc_async(void);

/* True if these call getaddrinfo as any client does, and so our hook: before glibc 2.34. */
bool libc_async_looks_up_here(void);

/* Return what a symbol means to the client, and what it means behind this library; NULL: nothing.
 * Only in the constructor, because the dynamic linker's lock may be held later (libc_find). */
void *libc_first(const char *symbol);
void *libc_next(const char *symbol);

/* Returns the path of the library or program that a function is in, which the dynamic linker owns;
 * "": not known. */
const char *libc_file_of(const void *function);

/* True on musl. */
bool libc_is_musl(void);

/* Has child called in every child of fork(3). Not in a signal handler. */
void libc_at_fork_child(void (*child)(void));

#endif
