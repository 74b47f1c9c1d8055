/* Claims: addresses that a name without a pool stands for. A connection to one is never rewritten.
 *
 * State: a fixed table of 64-bit words, each one claim, changed by single atomic operations. When a
 * place in it is full the oldest claim there goes. Two different addresses may look the same: that
 * one is claimed too many, never one too few. Any thread, any signal handler; no lock. */
#ifndef LBDNS_CLAIMS_H
#define LBDNS_CLAIMS_H

#include "address.h"

#include <stddef.h>
#include <stdint.h>

/* Name (its names_hash) stands for address. */
void claims_add(struct address address, uint64_t name);

bool claims_hold(struct address address);

/* These are endpoints of the name now: its claims to them go. What else it once stood for stays
 * claimed, as the client may still ask for it. */
void claims_release(uint64_t name, const struct address *endpoints, size_t count);

#endif
