/* Exact names in LBDNS_NAMES, for clients that look names up by themselves. */
#ifndef LBDNS_LEARN_LISTED_H
#define LBDNS_LEARN_LISTED_H

#include <stdbool.h>

/* Are there exact names in LBDNS_NAMES that were never resolved? Any signal handler. */
bool listed_wanted(void);

/* Makes them known, due at once. False if the directory was busy: come again. */
bool listed_add(void);

#endif
