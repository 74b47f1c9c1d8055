/* The endpoints of a name in one family: a sorted array of different addresses. Pure functions: any
 * thread. */
#ifndef LBDNS_BASE_ADDRESS_SET_H
#define LBDNS_BASE_ADDRESS_SET_H

#include "base/address.h"

#include <stddef.h>
#include <stdint.h>

/* Names the set, for its cursors: the same endpoints give the same key in every process. */
uint64_t pool_key(const struct address *endpoints, size_t count);

bool pool_is_private(const struct address *endpoints, size_t count);

/* The index of an endpoint, or -1. Reads endpoints word by word, atomically (acquire): they may be
 * in a snapshot that is being overwritten, and then any answer from -1 to count - 1 may come. */
int64_t pool_find(const struct address *endpoints, size_t count, struct address address);

/* Do two pools have an endpoint in common? */
bool pool_overlaps(const struct address *a, size_t a_count, const struct address *b,
                   size_t b_count);

/* What is in both, into both[] (room for the smaller); returns how many. both may be a. */
size_t pool_intersect(const struct address *a, size_t a_count, const struct address *b,
                      size_t b_count, struct address *both);

#endif
