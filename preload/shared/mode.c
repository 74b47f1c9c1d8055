/* Orders. A word that is one has ORDERED in its upper half, which tells it from random bytes; below
 * are the order (ORDER_BITS) and, in the word for all names, whether some name has an order of its
 * own (SOME_NAMES). 0 orders nothing. */
#include "shared/mode.h"

#include "base/atomic.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <stdatomic.h>

static const uint64_t ORDERED = UINT64_C(0x6d6f6465) << 32; /* "mode" */

enum { ORDER_BITS = 3, SOME_NAMES = 4, LOW_BITS = 7 };

static bool is_order(uint64_t word)
{
	return (word & ~(uint64_t)LOW_BITS) == ORDERED;
}

static enum mode_order order_of(uint64_t word)
{
	return is_order(word) ? (enum mode_order)(word & ORDER_BITS) : MODE_ORDER_NONE;
}

enum config_mode mode_ordered(uint64_t name)
{
	static const uint8_t modes[] = {[MODE_ORDER_OFF] = MODE_OFF,
	                                [MODE_ORDER_OBSERVE] = MODE_OBSERVE,
	                                [MODE_ORDER_ON] = MODE_ON};
	uint64_t word = load_relaxed(&shared()->mode);
	enum mode_order order = order_of(word);

	if (is_order(word) && word & SOME_NAMES) {
		const struct shared_name *record = counters_find(name);
		enum mode_order own = record ? mode_get_name(record) : MODE_ORDER_NONE;

		if (own != MODE_ORDER_NONE)
			order = own;
	}
	return order == MODE_ORDER_NONE ? config.mode : (enum config_mode)modes[order];
}

void mode_order(enum mode_order order)
{
	struct shared *in = shared();
	uint64_t before = load_relaxed(&in->mode), word;

	do
		word = ORDERED | (uint64_t)order | (is_order(before) ? before & SOME_NAMES : 0);
	while (!atomic_compare_exchange_weak(&in->mode, &before, word == ORDERED ? 0 : word));
}

enum mode_order mode_get(void)
{
	return order_of(load_relaxed(&shared()->mode));
}

/* Sets SOME_NAMES in the word for all names if a name has an order of its own, else clears it. */
static void update_some_names(void)
{
	struct shared *in = shared();
	uint64_t some = 0, before = load_relaxed(&in->mode), word;

	for (int i = 0; i < SHARED_NAMES; i++)
		if (mode_get_name(&in->names[i]) != MODE_ORDER_NONE)
			some = SOME_NAMES;
	do
		word = ORDERED | (uint64_t)order_of(before) | some;
	while (!atomic_compare_exchange_weak(&in->mode, &before, word == ORDERED ? 0 : word));
}

bool mode_order_name(const struct name_text *name, enum mode_order order)
{
	struct shared *in = shared();
	const struct shared_name *record = counters_find(name_hash(name));
	uint64_t absolute = record ? load_relaxed(&record->absolute) : 0;

	if (!record)
		return false;
	if (!absolute)
		absolute = load_relaxed(&record->hash);
	for (int i = 0; i < SHARED_NAMES; i++) {
		struct shared_name *each = &in->names[i];

		if (each == record || load_relaxed(&each->hash) == absolute ||
		    load_relaxed(&each->absolute) == absolute)
			atomic_store(&each->mode,
			             order == MODE_ORDER_NONE ? 0 : ORDERED | (uint64_t)order);
	}
	update_some_names();
	return true;
}

enum mode_order mode_get_name(const struct shared_name *name)
{
	return order_of(load_relaxed(&name->mode));
}
