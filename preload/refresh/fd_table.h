/* The refresh thread's own table of descriptors. A client that closes all descriptors does not
 * reach the thread's sockets, the thread cannot touch the client's files, and RLIMIT_NOFILE is not
 * shared.
 *
 * Nothing else would do. The client may close a socket in its own table at any moment, and its
 * number may be the client's next file: no check of what a number stands for holds until the system
 * call that uses it. So where there can be no such table there is no refresh thread, and the
 * client's own lookups refresh. The refresh thread only. */
#ifndef LBDNS_REFRESH_FD_TABLE_H
#define LBDNS_REFRESH_FD_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>

/* Gives the calling thread a table for good, with nothing of the client's in it but descriptor 2 if
 * keep_stderr. Descriptors 0 to 2 are never free in it. Returns false if the kernel or a filter
 * refuses. */
bool fd_table_unshare(bool keep_stderr);

/* Calls run with such a table, where fd_table_unshare is refused: in a task of the kernel that is
 * no thread of libc's, while the calling thread waits. That task has the user and group ids of the
 * moment when it began; *stop becomes true when the client has changed its own, and run has to
 * return soon. Returns false if this is refused too, or is not written for this machine; then run
 * may not have been called. */
bool fd_table_run_apart(void (*run)(void), atomic_bool *stop, bool keep_stderr);

#endif
