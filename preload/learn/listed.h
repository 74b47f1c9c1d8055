/* Exact names in LBDNS_NAMES, which are managed before libc was asked for them, for clients that
 * look names up by themselves. */
#ifndef LBDNS_LEARN_LISTED_H
#define LBDNS_LEARN_LISTED_H

#include <stdbool.h>

/* Returns true if LBDNS_NAMES has exact names that listed_add has not added yet. Any thread, any
 * signal handler. */
bool listed_wanted(void);

/* Adds the exact names to the directory, so that DNS is asked for them at once. Returns false if
 * another thread is writing the directory: come again. Not in a signal handler. */
bool listed_add(void);

#endif
