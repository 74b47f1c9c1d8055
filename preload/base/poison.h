/* What the way of a connection must not call: the compiler stops where it does (gcc manual,
 * "poison").
 *
 * A connect may be made in a signal handler, after fork, or with any lock of the client's held, and
 * keeps the client's errno. malloc and its kin take locks, and may be the client's own; getenv
 * crashes beside a client's setenv; syscall(3) writes errno (base/kernel.h has the system calls);
 * poll(3) is a point of cancellation; clock_gettime(3) may be another library's (base/clock.h).
 * Included last by the .c files of directory/, balance/ and connection/, because headers of libc
 * name these. tests/layers checks the objects. */
#ifndef LBDNS_BASE_POISON_H
#define LBDNS_BASE_POISON_H

#pragma GCC poison malloc calloc realloc free getenv syscall poll clock_gettime

#endif
