/* A table of descriptors of the refresh thread's own: the client's closing of everything does not
 * reach its sockets, it cannot touch the client's files, and RLIMIT_NOFILE is not shared.
 *
 * Nothing else would do. A socket in the client's table may be closed by it at any moment, and its
 * number be the client's next file: no check of what a number stands for holds until the system
 * call that uses it. So there is no refresh thread where there is no such table, and the client's
 * own lookups refresh. The refresh thread only. */
#ifndef LBDNS_REFRESH_FD_TABLE_H
#define LBDNS_REFRESH_FD_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>

/* Gives the calling thread a table for good, with nothing in it but descriptor 2 if that is to be
 * kept. False: the kernel or a filter refuses. */
bool fd_table_unshare(bool keep_stderr);

/* Runs it with such a table where there is none for good: in a task of the kernel that is nobody's
 * thread, while the calling thread waits. That task has the user and group ids of the moment when
 * it began; *stop becomes true when the client has changed its own, and run has to return soon.
 * False if this is refused too, or not made for this machine; then run may have not been run. */
bool fd_table_run_apart(void (*run)(void), atomic_bool *stop, bool keep_stderr);

#endif
