#include "directory/claims.h"

#include "base/attributes.h"
#include "base/clock.h"

#include <stdatomic.h>

enum { SETS = 1024, WAYS = 8 };

/* The high half is of the address's hash and never 0, the low half of the name's; 0 is no claim. */
static _Atomic uint64_t claims[SETS][WAYS];
static _Atomic uint32_t claimed_s[SETS][WAYS]; /* seconds since boot, to find the oldest */
_Atomic uint64_t claims_made;

static uint64_t claim_high(uint64_t hash)
{
	return hash >> 32 | 1;
}

static uint64_t claim_word(struct address address, uint64_t name)
{
	return claim_high(address_hash(address)) << 32 | (uint32_t)hash_mix(name);
}

static unsigned claim_set(struct address address)
{
	return (unsigned)(address_hash(address) % SETS);
}

/* Where a claim is, or may go: its own place, a free one, or the oldest. */
static int claim_place(unsigned set, uint64_t word, uint64_t *was)
{
	int place = 0;

	for (int i = 0; i < WAYS; i++) {
		*was = atomic_load_explicit(&claims[set][i], memory_order_relaxed);
		if (*was == word || !*was)
			return i;
		if (atomic_load_explicit(&claimed_s[set][i], memory_order_relaxed) <
		    atomic_load_explicit(&claimed_s[set][place], memory_order_relaxed))
			place = i;
	}
	*was = atomic_load_explicit(&claims[set][place], memory_order_relaxed);
	return place;
}

SELDOM void claims_add(struct address address, uint64_t name)
{
	unsigned set = claim_set(address);
	uint64_t word = claim_word(address, name), was;
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	int place;

	do {
		place = claim_place(set, word, &was);
		/* Before the word: a claim just made must not look like the oldest. */
		atomic_store_explicit(&claimed_s[set][place], now_s, memory_order_relaxed);
	} while (was != word && !atomic_compare_exchange_strong(&claims[set][place], &was, word));
	/* Even if it was there: who made it may not have come so far. */
	atomic_fetch_add_explicit(&claims_made, 1, memory_order_release);
}

bool claims_hold(uint64_t hash)
{
	const _Atomic uint64_t *set = claims[hash % SETS];
	uint64_t high = claim_high(hash);

	/* Pairs with the exchanges of claims_add and claims_release. */
	for (int i = 0; i < WAYS; i++)
		if (atomic_load_explicit(&set[i], memory_order_acquire) >> 32 == high)
			return true;
	return false;
}

void claims_release(uint64_t name, const struct address *endpoints, size_t count)
{
	if (!atomic_load_explicit(&claims_made, memory_order_relaxed))
		return;
	for (size_t e = 0; e < count; e++) {
		unsigned set = claim_set(endpoints[e]);
		uint64_t word = claim_word(endpoints[e], name);

		for (int i = 0; i < WAYS; i++) {
			uint64_t was = word;

			atomic_compare_exchange_strong(&claims[set][i], &was, 0);
		}
	}
}
