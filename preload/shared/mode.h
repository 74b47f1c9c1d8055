/* What a client is to do: its LBDNS_MODE, unless `lbdns mode` has ordered something else for all
 * clients of this user, or for a name. Orders are words of shared memory; a word that is none, as
 * in a segment of random bytes, orders nothing. A name is told by its name_hash.
 *
 * Any thread, any signal handler. */
#ifndef LBDNS_SHARED_MODE_H
#define LBDNS_SHARED_MODE_H

#include "base/atomic.h"
#include "base/config.h"
#include "base/name.h"
#include "shared/layout.h"
#include "shared/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* Returns the mode for a name where something is ordered. */
enum config_mode mode_ordered(uint64_t name);

/* Returns the mode for a name: one load of shared memory if nobody ordered anything. */
static inline enum config_mode mode_for(uint64_t name)
{
	return __builtin_expect(load_relaxed(&shared()->mode) == 0, 1) ? config.mode
	                                                               : mode_ordered(name);
}

/* ---- For lbdns-inspect, in the memory that shared_open has attached */

/* MODE_ORDER_NONE: as each client's LBDNS_MODE says */
enum mode_order { MODE_ORDER_NONE, MODE_ORDER_OFF, MODE_ORDER_OBSERVE, MODE_ORDER_ON };

/* Orders for all names but those with an order of their own. */
void mode_order(enum mode_order order);

/* Orders for one name; for its absolute name, and all names that are short for that one, too,
 * because clients that have not learned the absolute name yet go by what they asked for. False if
 * no client has used the name. */
bool mode_order_name(const struct name_text *name, enum mode_order order);

/* Returns what is ordered for all names. */
enum mode_order mode_get(void);

/* Returns what is ordered for one name alone, by its record. */
enum mode_order mode_get_name(const struct shared_name *name);

#endif
