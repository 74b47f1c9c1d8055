/* What is counted for a name as a whole. */
#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/name.h"
#include "base/answer.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <string.h>

_Static_assert((int)LEAVE_COUNT <= (int)SHARED_REASONS, "there is room for each reason");
_Static_assert(sizeof(struct name_text) == SHARED_TEXT_WORDS * sizeof(uint64_t), "a whole name");

static struct shared_name *name_ways(struct shared *in, uint64_t hash)
{
	return &in->names[hash % (SHARED_NAMES / SHARED_WAYS) * SHARED_WAYS];
}

struct shared_name *counters_find(uint64_t hash)
{
	struct shared_name *ways = name_ways(shared(), hash);

	/* 0 is no name, but every unused place has it. */
	for (int i = 0; i < SHARED_WAYS && hash; i++)
		if (shared_load(&ways[i].hash) == hash)
			return &ways[i];
	return NULL;
}

static void name_reset(struct shared_name *at)
{
	shared_store(&at->absolute, 0);
	shared_store(&at->refreshed_ms, 0);
	shared_store(&at->good_ms, 0);
	shared_store(&at->outcome, 0);
	shared_store(&at->refreshes, 0);
	shared_store(&at->refresh_failures, 0);
	shared_store(&at->changes, 0);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		shared_store(&at->endpoints[f], 0);
	for (int i = 0; i < SHARED_REASONS; i++)
		shared_store(&at->passed[i], 0);
}

/* An unused place, or that of the name that was not used for the longest, and has no orders. */
static struct shared_name *name_claim(uint64_t hash)
{
	struct shared_name *ways = name_ways(shared(), hash), *oldest = NULL;
	uint64_t was;

	for (int i = 0; i < SHARED_WAYS; i++) {
		was = 0;
		if (atomic_compare_exchange_strong(&ways[i].hash, &was, hash) || was == hash)
			return &ways[i];
		if (!shared_load(&ways[i].mode) &&
		    (!oldest || shared_load(&ways[i].used_ms) < shared_load(&oldest->used_ms)))
			oldest = &ways[i];
	}
	was = oldest ? shared_load(&oldest->hash) : 0;
	if (!oldest || !atomic_compare_exchange_strong(&oldest->hash, &was, hash))
		return NULL;
	name_reset(oldest);
	return oldest;
}

static struct shared_name *name_get(const struct name_text *name)
{
	uint64_t hash = name_hash(name), words[SHARED_TEXT_WORDS];
	struct shared_name *at = counters_find(hash);

	if (!at)
		at = name_claim(hash);
	if (!at)
		return NULL;
	memcpy(words, name, sizeof(words));
	for (int i = 0; i < SHARED_TEXT_WORDS; i++)
		if (shared_load(&at->text[i]) != words[i])
			shared_store(&at->text[i], words[i]);
	return at;
}

void counters_name(const struct name_text *name)
{
	struct shared_name *at = name_get(name);

	if (at)
		shared_store(&at->used_ms, clock_ms());
}

void counters_alias(const struct name_text *name, const struct name_text *absolute)
{
	struct shared_name *from = counters_find(name_hash(name)), *to = name_get(absolute);

	if (!from || !to || from == to)
		return;
	shared_store(&from->absolute, name_hash(absolute));
	if (!shared_load(&to->mode))
		shared_store(&to->mode, shared_load(&from->mode));
}

void counters_refreshed(const struct counters_refresh *refresh)
{
	struct shared_name *at = name_get(refresh->name);

	if (!at)
		return;
	shared_store(&at->used_ms, refresh->now_ms);
	shared_store(&at->refreshed_ms, refresh->now_ms);
	shared_store(&at->outcome, refresh->outcome);
	shared_store(&at->interval_ms, refresh->interval_ms);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		shared_store(&at->endpoints[f], refresh->endpoints[f]);
	shared_add_one(&at->refreshes);
	if (refresh->changed)
		shared_add_one(&at->changes);
	if (refresh->outcome == DNS_ADDRESSES) {
		shared_store(&at->good_ms, refresh->now_ms);
		shared_store(&at->ttl_s, refresh->ttl_s);
	} else {
		shared_add_one(&at->refresh_failures);
	}
}

void counters_passed(uint64_t name, enum leave_reason why)
{
	struct shared_name *at = counters_find(name);

	if (at)
		shared_add_one(&at->passed[why]);
}

bool counters_read_name(const struct shared_name *from, struct name_text *text)
{
	uint64_t words[SHARED_TEXT_WORDS], hash = shared_load(&from->hash);

	for (int i = 0; i < SHARED_TEXT_WORDS; i++)
		words[i] = shared_load(&from->text[i]);
	memcpy(text, words, sizeof(*text));
	text->text[CONFIG_NAME_SIZE - 1] = '\0';
	return hash && name_hash(text) == hash;
}
