/* What is counted for a name as a whole, and for those that have no room. */
#include "shared/counters.h"

#include "base/address.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/name.h"
#include "base/answer.h"
#include "shared/segment.h"

#include <string.h>

_Static_assert((int)LEAVE_COUNT <= (int)SHARED_REASONS, "there is room for each reason");
_Static_assert(sizeof(struct name_text) == SHARED_TEXT_WORDS * sizeof(uint64_t), "a whole name");

/* Returns the SHARED_WAYS records of which one may be the name's. */
static struct shared_name *name_ways(struct shared *in, uint64_t hash)
{
	return &in->names[hash % (SHARED_NAMES / SHARED_WAYS) * SHARED_WAYS];
}

struct shared_name *counters_find(uint64_t name)
{
	struct shared_name *ways = name_ways(shared(), name);

	/* 0 is no name, but every unused record has it. */
	for (int i = 0; i < SHARED_WAYS && name; i++)
		if (load_relaxed(&ways[i].hash) == name)
			return &ways[i];
	return NULL;
}

/* Clears what was known of another name: all but mode, which is 0, used_ms and text. */
static void name_reset(struct shared_name *record)
{
	store_relaxed(&record->absolute, 0);
	store_relaxed(&record->refreshed_ms, 0);
	store_relaxed(&record->good_ms, 0);
	store_relaxed(&record->outcome, 0);
	store_relaxed(&record->refreshes, 0);
	store_relaxed(&record->refresh_failures, 0);
	store_relaxed(&record->changes, 0);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		store_relaxed(&record->endpoints[f], 0);
	for (int i = 0; i < SHARED_REASONS; i++)
		store_relaxed(&record->passed[i], 0);
}

/* Claims an unused record, or that of the name that was not used for the longest and has no orders.
 * NULL if there is none, or another thread was faster. */
static struct shared_name *name_claim(uint64_t hash)
{
	struct shared_name *ways = name_ways(shared(), hash), *oldest = NULL;
	uint64_t found;

	for (int i = 0; i < SHARED_WAYS; i++) {
		found = 0;
		if (atomic_compare_exchange_strong(&ways[i].hash, &found, hash) || found == hash)
			return &ways[i];
		if (!load_relaxed(&ways[i].mode) &&
		    (!oldest || load_relaxed(&ways[i].used_ms) < load_relaxed(&oldest->used_ms)))
			oldest = &ways[i];
	}
	found = oldest ? load_relaxed(&oldest->hash) : 0;
	if (!oldest || !atomic_compare_exchange_strong(&oldest->hash, &found, hash))
		return NULL;
	name_reset(oldest);
	return oldest;
}

/* Returns the record of a name, claimed and with its text written if need be; NULL if there is no
 * room. */
static struct shared_name *name_get(const struct name_text *name)
{
	uint64_t hash = name_hash(name), words[SHARED_TEXT_WORDS];
	struct shared_name *record = counters_find(hash);

	if (!record)
		record = name_claim(hash);
	if (!record)
		return NULL;
	memcpy(words, name, sizeof(words));
	for (int i = 0; i < SHARED_TEXT_WORDS; i++)
		if (load_relaxed(&record->text[i]) != words[i])
			store_relaxed(&record->text[i], words[i]);
	return record;
}

void counters_name(const struct name_text *name)
{
	struct shared_name *record = name_get(name);

	if (record)
		store_relaxed(&record->used_ms, clock_ms());
}

void counters_alias(const struct name_text *name, const struct name_text *absolute)
{
	struct shared_name *from = counters_find(name_hash(name)), *to = name_get(absolute);

	if (!from || !to || from == to)
		return;
	store_relaxed(&from->absolute, name_hash(absolute));
	if (!load_relaxed(&to->mode))
		store_relaxed(&to->mode, load_relaxed(&from->mode));
}

void counters_refreshed(const struct counters_refresh *refresh)
{
	struct shared_name *record = name_get(refresh->name);

	if (!record)
		return;
	store_relaxed(&record->used_ms, refresh->now_ms);
	store_relaxed(&record->refreshed_ms, refresh->now_ms);
	store_relaxed(&record->outcome, refresh->outcome);
	store_relaxed(&record->interval_ms, refresh->interval_ms);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		store_relaxed(&record->endpoints[f], refresh->endpoints[f]);
	add_relaxed(&record->refreshes, 1);
	if (refresh->changed)
		add_relaxed(&record->changes, 1);
	if (refresh->outcome == DNS_ADDRESSES) {
		store_relaxed(&record->good_ms, refresh->now_ms);
		store_relaxed(&record->ttl_s, refresh->ttl_s);
	} else {
		add_relaxed(&record->refresh_failures, 1);
	}
}

void counters_passed(uint64_t name, enum leave_reason why)
{
	struct shared_name *record = counters_find(name);

	if (record)
		add_relaxed(&record->passed[why], 1);
}

void counters_without_room(void)
{
	add_relaxed(&shared()->without_room, 1);
	store_relaxed(&shared()->without_room_ms, clock_ms());
}
