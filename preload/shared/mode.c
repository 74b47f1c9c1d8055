#include "shared/mode.h"

#include "shared/counters.h"

/* The upper half tells an order from random bytes; below it is the order, and whether there are any
 * for single names. */
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
	struct shared *in = shared();
	uint64_t word = atomic_load_explicit(&in->mode, memory_order_relaxed);
	enum mode_order order = order_of(word);

	if (is_order(word) && word & SOME_NAMES) {
		const struct shared_name *at = counters_find(name);
		enum mode_order own = at ? mode_get_name(at) : MODE_ORDER_NONE;

		if (own != MODE_ORDER_NONE)
			order = own;
	}
	return order == MODE_ORDER_NONE ? config.mode : (enum config_mode)modes[order];
}

void mode_order(enum mode_order order)
{
	struct shared *in = shared();
	uint64_t was = atomic_load(&in->mode), word;

	do
		word = ORDERED | (uint64_t)order | (is_order(was) ? was & SOME_NAMES : 0);
	while (!atomic_compare_exchange_weak(&in->mode, &was, word == ORDERED ? 0 : word));
}

enum mode_order mode_get(void)
{
	return order_of(atomic_load_explicit(&shared()->mode, memory_order_relaxed));
}

static void tell_of_names(void)
{
	struct shared *in = shared();
	uint64_t some = 0, was = atomic_load(&in->mode), word;

	for (int i = 0; i < SHARED_NAMES; i++)
		if (mode_get_name(&in->names[i]) != MODE_ORDER_NONE)
			some = SOME_NAMES;
	do
		word = ORDERED | (uint64_t)order_of(was) | some;
	while (!atomic_compare_exchange_weak(&in->mode, &was, word == ORDERED ? 0 : word));
}

void mode_order_name(struct shared_name *name, enum mode_order order)
{
	atomic_store(&name->mode, order == MODE_ORDER_NONE ? 0 : ORDERED | (uint64_t)order);
	tell_of_names();
}

enum mode_order mode_get_name(const struct shared_name *name)
{
	return order_of(atomic_load_explicit(&name->mode, memory_order_relaxed));
}
