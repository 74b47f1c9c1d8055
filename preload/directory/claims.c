#include "directory/claims.h"

#include "base/attributes.h"
#include "base/clock.h"

#include <stdatomic.h>

#include "base/poison.h"

enum { BUCKETS = 1024, PLACES = 8 };

/* Bit of a claim: it is one of a number. No name's has it. */
static const uint64_t NUMBER = 1;

/* The high half of a claim is of the address's hash and never 0, the low half of the name's, but
 * for NUMBER. 0: the place is free. */
static _Atomic uint64_t claims[BUCKETS][PLACES];
static _Atomic uint32_t
	claimed_s[BUCKETS][PLACES]; /* when, in seconds since boot: to find the oldest */
_Atomic uint64_t claims_made;
static atomic_bool numbers_count;

static uint64_t claim_high(uint64_t hash)
{
	return hash >> 32 | 1;
}

static uint64_t claim_word(struct address address, uint64_t name)
{
	return claim_high(address_hash(address)) << 32 | ((uint32_t)hash_mix(name) & ~NUMBER);
}

static unsigned claim_bucket(struct address address)
{
	return (unsigned)(address_hash(address) % BUCKETS);
}

/* Returns the place of a claim if it was made before, else one that it may have: a free place, or
 * that of the oldest claim. *there is what is there. */
static int claim_place(unsigned bucket, uint64_t word, uint64_t *there)
{
	int oldest = 0;

	for (int i = 0; i < PLACES; i++) {
		*there = atomic_load_explicit(&claims[bucket][i], memory_order_relaxed);
		if (*there == word || !*there)
			return i;
		if (atomic_load_explicit(&claimed_s[bucket][i], memory_order_relaxed) <
		    atomic_load_explicit(&claimed_s[bucket][oldest], memory_order_relaxed))
			oldest = i;
	}
	*there = atomic_load_explicit(&claims[bucket][oldest], memory_order_relaxed);
	return oldest;
}

static void claim(struct address address, uint64_t word)
{
	unsigned bucket = claim_bucket(address);
	uint64_t there;
	uint32_t now_s = (uint32_t)(clock_ms() / 1000);
	int place;

	do {
		place = claim_place(bucket, word, &there);
		/* Before the word, because a claim just made must not look like the oldest. */
		atomic_store_explicit(&claimed_s[bucket][place], now_s, memory_order_relaxed);
	} while (there != word &&
	         !atomic_compare_exchange_strong(&claims[bucket][place], &there, word));
	/* Even if the claim was there, because the thread that made it may not have come so far.
	 * Pairs with claims_hold_since. */
	atomic_fetch_add_explicit(&claims_made, 1, memory_order_release);
}

SELDOM void claims_add(struct address address, uint64_t name)
{
	claim(address, claim_word(address, name));
}

SELDOM void claims_add_number(struct address address)
{
	claim(address, claim_word(address, 0) | NUMBER);
}

void claims_count_numbers(void)
{
	if (atomic_load_explicit(&numbers_count, memory_order_relaxed))
		return;
	atomic_store_explicit(&numbers_count, true, memory_order_relaxed);
	/* As if all of them were made now: pairs with claims_hold_since. */
	if (atomic_load_explicit(&claims_made, memory_order_relaxed))
		atomic_fetch_add_explicit(&claims_made, 1, memory_order_release);
}

bool claims_hold(uint64_t hash)
{
	const _Atomic uint64_t *bucket = claims[hash % BUCKETS];
	uint64_t high = claim_high(hash);

	/* Acquire: pairs with the exchanges of claims_add and claims_release. */
	for (int i = 0; i < PLACES; i++) {
		uint64_t word = atomic_load_explicit(&bucket[i], memory_order_acquire);

		if (word >> 32 == high &&
		    (!(word & NUMBER) ||
		     atomic_load_explicit(&numbers_count, memory_order_relaxed)))
			return true;
	}
	return false;
}

void claims_release(uint64_t name, const struct address *endpoints, size_t count)
{
	if (!atomic_load_explicit(&claims_made, memory_order_relaxed))
		return;
	for (size_t e = 0; e < count; e++) {
		unsigned bucket = claim_bucket(endpoints[e]);
		uint64_t word = claim_word(endpoints[e], name);

		for (int i = 0; i < PLACES; i++) {
			uint64_t there = word;

			atomic_compare_exchange_strong(&claims[bucket][i], &there, 0);
		}
	}
}
