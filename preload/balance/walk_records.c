#include "balance/walk_records.h"

#include "base/clock.h"
#include "directory/snapshot.h"

#include "base/poison.h"

_Atomic uint64_t walk_open;
_Atomic uint64_t walk_tickets;

static struct record {
	_Atomic uint64_t sequence; /* odd: being written */
	struct walk walk;
} records[WALKS];

/* words_load is an acquire, so that a word of a later writer brings the odd number of that writer
 * along. */
bool walk_read(uint32_t record, struct walk *walk, uint64_t *sequence)
{
	const struct record *at = &records[record];

	*sequence = atomic_load_explicit(&at->sequence, memory_order_acquire);
	words_load(walk, &at->walk, sizeof(*walk));
	return !(*sequence & 1) && load_relaxed(&at->sequence) == *sequence;
}

bool walk_write(uint32_t record, uint64_t sequence, const struct walk *walk)
{
	struct record *at = &records[record];
	uint64_t claim = (sequence + 1) | 1;

	if (!atomic_compare_exchange_strong(&at->sequence, &sequence, claim))
		return false;
	words_store(&at->walk, walk, sizeof(*walk));
	atomic_store_explicit(&at->sequence, claim + 1, memory_order_release);
	return true;
}

uint64_t walk_sequence(uint32_t record)
{
	return load_relaxed(&records[record].sequence);
}

bool walk_is_open(const struct walk *walk, uint64_t now_ms)
{
	return walk->key && walk->state != WALK_CLOSED &&
	       clock_since(walk->used_ms, now_ms) < WALK_MS;
}

/* Pairs with the acquire in walk_find, so that who sees the number sees the record too. */
void walk_open_up(uint64_t ticket)
{
	atomic_store_explicit(&walk_open, ticket, memory_order_release);
}
