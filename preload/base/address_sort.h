/* Sorted lists of addresses: the form in which DNS answers become pools.
 *
 * libc's qsort may call the client's malloc (glibc before 2.37, for large arrays), so this is our
 * own. */
#ifndef LBDNS_BASE_ADDRESS_SORT_H
#define LBDNS_BASE_ADDRESS_SORT_H

#include "base/address.h"

#include <stddef.h>

/* Sorts by address_compare and keeps one of each; returns how many are left. In place, no memory,
 * O(n log n) whatever the input: any thread, any signal handler. */
size_t address_sort_unique(struct address *addresses, size_t count);

#endif
