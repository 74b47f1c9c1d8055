/* What glibc had apart from libc.so.6 until 2.33: dlsym(3) and its kin in libdl.so.2, threads in
 * libpthread.so.0. musl and later glibc have all of it in libc.
 *
 * This library needs neither (DT_NEEDED), because a system of today may lack both, and the dynamic
 * linker ends a client whose preload needs a file that is not there. A client of an old glibc that
 * has not loaded them gets them here, visible to nobody else, so that it is refreshed too. Where
 * they are not to be had either, it rotates without a refresh thread. */
#ifndef LBDNS_BASE_APART_H
#define LBDNS_BASE_APART_H

/* Returns a function of libdl.so.2 or libpthread.so.0, wherever this libc has it; NULL: nowhere, or
 * not for this client. Loads what has to be loaded. Only for libc_find, which may be called in a
 * constructor before ours. */
void *apart_find(const char *symbol);

/* dlsym(3); without libdl.so.2 it looks in libc.so.6, whatever the handle. The dynamic linker takes
 * whoever calls this for the caller, which is to be this library (RTLD_NEXT). Not in a signal
 * handler. */
void *apart_dlsym(void *handle, const char *symbol);

#endif
