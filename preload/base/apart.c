#include "base/apart.h"

#include "base/libc_versions.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stddef.h>

/* Bound when this library is loaded, if the client has it by then. */
#pragma weak dlsym

/* libc's own dlopen(3) and dlsym(3): in libc.so.6 for as long as libdl.so.2 was apart from it, and
 * in no other libc. */
extern void *__libc_dlopen_mode(const char *file, int mode) __attribute__((weak));
extern void *__libc_dlsym(void *handle, const char *symbol) __attribute__((weak));

typedef void *(*dlsym_function)(void *, const char *);

/* Without this flag the mode is that of a program linked before glibc 2.1 (include/dlfcn.h,
 * __RTLD_DLOPEN). */
enum { OF_TODAY = INT_MIN };

/* Returns a library's handle, which is never given back; NULL: it is not there, or this is no old
 * glibc. */
static void *load(const char *file)
{
	return __libc_dlopen_mode ? __libc_dlopen_mode(file, RTLD_NOW | OF_TODAY) : NULL;
}

static void *find_in(const char *file, const char *symbol)
{
	void *library = load(file);

	return library ? __libc_dlsym(library, symbol) : NULL;
}

void *apart_dlsym(void *handle, const char *symbol)
{
	/* Two threads may both look for it; they store the same value. */
	static _Atomic(void *) brought;
	void *found = dlsym ? (void *)dlsym : atomic_load(&brought);

	if (!found) {
		found = find_in("libdl.so.2", "dlsym");
		atomic_store(&brought, found);
	}
	return found ? ((dlsym_function)found)(handle, symbol) : find_in("libc.so.6", symbol);
}

void *apart_find(const char *symbol)
{
	void *found = apart_dlsym(RTLD_DEFAULT, symbol);

	if (!found)
		found = find_in("libdl.so.2", symbol);
	return found ? found : find_in("libpthread.so.0", symbol);
}
