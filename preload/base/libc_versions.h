/* Symbols that moved into libc.so.6 in glibc 2.32 to 2.34 got a new version there. Bound to their
 * oldest one, the same object loads from glibc 2.17 on; musl ignores versions. Included wherever
 * one of them is called. Those of pthread_ were in libc.so.6 before too, and went on to
 * libpthread.so.0 once that was loaded (nptl/forward.c); all others of threads are found by name
 * (base/apart.h). */
#ifndef LBDNS_BASE_LIBC_VERSIONS_H
#define LBDNS_BASE_LIBC_VERSIONS_H

#if defined __x86_64__
#define LIBC_OLDEST "GLIBC_2.2.5"
#elif defined __aarch64__
#define LIBC_OLDEST "GLIBC_2.17"
#endif

#ifdef LIBC_OLDEST
#define LIBC_BIND(symbol) __asm__(".symver " #symbol "," #symbol "@" LIBC_OLDEST)
LIBC_BIND(dlsym);
LIBC_BIND(pthread_attr_destroy);
LIBC_BIND(pthread_attr_init);
LIBC_BIND(pthread_attr_setdetachstate);
LIBC_BIND(pthread_setcanceltype);
#endif

#endif
