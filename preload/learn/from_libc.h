/* What libc's answers teach: pools for names that are eligible, claims for all else. Any thread;
 * not in a signal handler. */
#ifndef LBDNS_LEARN_FROM_LIBC_H
#define LBDNS_LEARN_FROM_LIBC_H

#include "base/answer.h"
#include "base/name.h"
#include "directory/singles.h"

#include <stdbool.h>

/* Takes in an answer of libc's, before the client has it: a pool if the name is eligible, else
 * claims. Returns true if the name is managed now. */
bool learn_from_libc(const struct name_text *name, const struct answer *answer);

/* Makes a name of one address a pool of one, for which DNS is asked at once, and then once in
 * SINGLES_WAIT_MS at most until it has more. Does nothing if the name is managed, or the hosts file
 * has it. Returns false if another thread is writing the directory: come again. The refresh thread.
 */
bool learn_single(const struct single *single);

#endif
