/* Namespaces: what a client that calls unshare(2) or setns(2) must not find in its way, and what is
 * not true any more once it has. Any thread; not in a signal handler. */
#ifndef LBDNS_REFRESH_NAMESPACE_H
#define LBDNS_REFRESH_NAMESPACE_H

#include <stdbool.h>

/* Returns call(first, second), made while there is no refresh thread: a client whose only thread
 * but ours calls is, as far as it knows, of one thread, and the kernel wants that for a user
 * namespace (unshare(2), setns(2)). The thread starts anew when it is needed. If is_network and the
 * call was a success, all that is known is stale, because what DNS said in one network is not to be
 * believed in another. errno is that of the call if it failed, and kept if it did not. */
int namespace_change(int (*call)(int, int), int first, int second, bool is_network);

/* Records that a thread of the client's is about to have a descriptor table of its own. */
void namespace_unshare_files(void);

#endif
