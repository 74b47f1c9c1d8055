/* What the client is to do: its LBDNS_MODE, unless `lbdns mode` has ordered something else for all
 * clients of this user, or for a name. Orders are words of shared memory (shared.h); a word that is
 * none, as in a segment of random bytes, orders nothing. */
#ifndef LBDNS_SHARED_MODE_H
#define LBDNS_SHARED_MODE_H

#include "base/config.h"
#include "shared/segment.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What mode_ordered returns for a name (name_hash). Any thread, any signal handler. */
enum config_mode mode_ordered(uint64_t name);

/* The mode for a name: one load of shared memory if nobody ordered anything. */
static inline enum config_mode mode_for(uint64_t name)
{
	uint64_t word = atomic_load_explicit(&shared()->mode, memory_order_relaxed);

	return __builtin_expect(word == 0, 1) ? config.mode : mode_ordered(name);
}

/* ---- For the command. The words are in shared(), which is writable for those that order. */

/* none: as LBDNS_MODE says */
enum mode_order { MODE_ORDER_NONE, MODE_ORDER_OFF, MODE_ORDER_OBSERVE, MODE_ORDER_ON };

/* Orders for all names, those with an order of their own excepted. */
void mode_order(enum mode_order order);
enum mode_order mode_get(void);

/* Orders for one name, whose record is in shared(). */
void mode_order_name(struct shared_name *name, enum mode_order order);
enum mode_order mode_get_name(const struct shared_name *name);

#endif
