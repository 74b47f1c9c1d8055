/* The hosts file, which libc reads before it asks DNS: what it says of a name is no pool, however
 * many addresses there are. Any thread; nothing of libc's that takes a lock or allocates. */
#ifndef LBDNS_LEARN_HOSTS_H
#define LBDNS_LEARN_HOSTS_H

#include "base/answer.h"
#include "base/name.h"

#include <stdbool.h>

/* Returns true if the hosts file gives a name an address that is in the answer: then it is libc's
 * source, and not DNS. Reads the file, as libc has just done. */
bool hosts_say(const struct name_text *name, const struct answer *answer);

#endif
