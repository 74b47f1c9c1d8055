#include "directory/directory.h"

#include "base/clock.h"
#include "directory/snapshot.h"

enum { HURRY_MS = 1000 }; /* between two questions out of turn */

bool directory_is_empty(void)
{
	uint64_t sequence;

	return !snapshot_read(&sequence);
}

static void listing_fill(const struct snapshot *in, uint32_t at, struct directory_listing *listing)
{
	uint64_t now_ms = clock_ms();
	struct service service;
	struct name name;

	words_load(&name, &in->names[at], sizeof(name));
	listing->service = name.service % SERVICES;
	words_load(&service, &in->services[listing->service], sizeof(service));
	listing->order = service.order;
	listing->believed = service.pinned;
	listing->has_canonical = name.has_canonical;
	listing->age_ms = live_age_ms(listing->service, now_ms);
	listing->interval_ms =
		atomic_load_explicit(&live[listing->service].interval_ms, memory_order_relaxed);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		struct set set = {.count = 0};

		listing->family[f].state = service.family[f].state;
		listing->family[f].fresh = live_is_fresh(listing->service, f, now_ms);
		listing->family[f].version = service.family[f].version;
		if (service.family[f].state == DIRECTORY_POOL)
			words_load(&set, &in->sets[service.family[f].set % SETS], sizeof(set));
		listing->family[f].first = set.first;
		listing->family[f].count = set.count;
		listing->family[f].key = set.key;
	}
	live_note_use(listing->service, now_ms);
}

bool directory_find(const struct name_text *name, struct directory_listing *listing)
{
	for (int i = 0; i < READ_TRIES; i++) {
		const struct snapshot *in = snapshot_read(&listing->sequence);
		int64_t at = in ? snapshot_find_name(in, name) : -1;
		bool managed = false;

		if (at >= 0) {
			struct service service;

			listing_fill(in, (uint32_t)at, listing);
			words_load(&service, &in->services[listing->service], sizeof(service));
			managed = service.used && !service.disowned;
		}
		if (!in || snapshot_valid(listing->sequence))
			return managed;
	}
	return false;
}

bool directory_copy(const struct directory_listing *listing, enum family family,
                    struct address *endpoints)
{
	uint32_t first = listing->family[family].first, count = listing->family[family].count;
	uint64_t sequence;
	const struct snapshot *in = snapshot_read(&sequence);

	/* The buffer of the listing: this one, or the other if there was a publication since. */
	if (!in || sequence - listing->sequence > 1 || first > ENDPOINTS ||
	    count > ENDPOINTS - first)
		return false;
	if (sequence != listing->sequence)
		return false;
	words_load(endpoints, &in->addresses[first], count * sizeof(*endpoints));
	return snapshot_valid(listing->sequence);
}

bool directory_canonical(const struct directory_listing *listing, const struct name_text *name,
                         struct name_text *canonical)
{
	uint64_t sequence;
	const struct snapshot *in = snapshot_read(&sequence);
	int64_t at = in && sequence == listing->sequence ? snapshot_find_name(in, name) : -1;

	if (at < 0)
		return false;
	words_load(canonical, &in->canonical[at], sizeof(*canonical));
	return snapshot_valid(sequence);
}

/* A lookup that took long does not undo what a later one said. */
void directory_handed(const struct directory_listing *listing, unsigned families)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		_Atomic uint32_t *handed = &live[listing->service].handed[f];
		uint32_t version = listing->family[f].version;
		uint32_t was = atomic_load_explicit(handed, memory_order_relaxed);

		while (families & FAMILY_BIT(f) && was < version &&
		       !atomic_compare_exchange_weak(handed, &was, version))
			;
	}
}

void directory_name(uint32_t service, struct name_text *name)
{
	uint64_t sequence;
	const struct snapshot *in = snapshot_read(&sequence);

	name->text[0] = '\0';
	if (!in || service >= SERVICES)
		return;
	words_load(name, &in->service_text[service], sizeof(*name));
	if (!snapshot_valid(sequence))
		name->text[0] = '\0';
	name->text[CONFIG_NAME_SIZE - 1] = '\0';
}

uint64_t directory_hash(uint32_t service)
{
	return atomic_load_explicit(&live[service % SERVICES].name, memory_order_relaxed);
}

bool directory_hurry(uint32_t service)
{
	static _Atomic uint64_t last_ms;
	uint64_t now_ms = clock_ms(), was = atomic_load_explicit(&last_ms, memory_order_relaxed);

	if (clock_since(was, now_ms) < HURRY_MS ||
	    !atomic_compare_exchange_strong(&last_ms, &was, now_ms))
		return false;
	atomic_store_explicit(&live[service % SERVICES].due_now, true, memory_order_relaxed);
	return true;
}

void directory_distrust(void)
{
	for (uint32_t service = 0; service < SERVICES; service++) {
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			live_doubt(service, f);
		atomic_store_explicit(&live[service].checked_ms, 0, memory_order_relaxed);
	}
}
