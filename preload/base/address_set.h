/* Sets of addresses: sorted arrays in which no address is twice, the form in which DNS answers
 * become pools. Pure functions, no memory: any thread, any signal handler. */
#ifndef LBDNS_BASE_ADDRESS_SET_H
#define LBDNS_BASE_ADDRESS_SET_H

#include "base/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sorts by address_compare and keeps one of each, in place; returns how many are left. O(n log n)
 * whatever the input. Not libc's qsort, because that may call the client's malloc (glibc before
 * 2.37, for large arrays). */
size_t address_set_sort(struct address *addresses, size_t count);

/* Returns the set's name for its cursors: the same addresses give the same key in every process. */
uint64_t address_set_key(const struct address *set, size_t count);

/* Returns true if all addresses of the set are private (address_is_private) and in a network: none
 * is loopback, which is a code as often as it is an address (DNS block lists, RFC 5782). */
bool address_set_is_private(const struct address *set, size_t count);

/* Returns the index of an address, or -1. Reads the set word by word, atomically (acquire), because
 * it may be in a snapshot that is being overwritten; then any answer from -1 to count - 1 may come.
 */
int64_t address_set_find(const struct address *set, size_t count, struct address address);

/* Returns true if two sets have an address in common. */
bool address_set_overlaps(const struct address *a, size_t a_count, const struct address *b,
                          size_t b_count);

/* Writes what is in both sets into both[] (room for the smaller); returns how many. both may be a.
 */
size_t address_set_intersect(const struct address *a, size_t a_count, const struct address *b,
                             size_t b_count, struct address *both);

#endif
