#include "directory/listing.h"

#include "base/clock.h"
#include "directory/snapshot.h"

bool directory_is_empty(void)
{
	uint64_t sequence;

	return !snapshot_read(&sequence);
}

static void listing_fill(const struct snapshot *in, uint32_t at, struct listing *listing)
{
	uint64_t now_ms = clock_ms();
	struct service service;
	struct name name;

	words_load(&name, &in->names[at], sizeof(name));
	listing->service = name.service % SERVICES;
	words_load(&service, &in->services[listing->service], sizeof(service));
	listing->order = service.order;
	listing->believed = service.absolute_known;
	listing->has_canonical = name.has_canonical;
	listing->age_ms = service_age_ms(listing->service, now_ms);
	listing->interval_ms = atomic_load_explicit(&service_state[listing->service].interval_ms,
	                                            memory_order_relaxed);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		struct set set = {.count = 0};

		listing->family[f].state = service.family[f].state;
		listing->family[f].fresh = service_is_fresh(listing->service, f, now_ms);
		listing->family[f].version = service.family[f].version;
		if (service.family[f].state == DIRECTORY_POOL)
			words_load(&set, &in->sets[service.family[f].set % SETS], sizeof(set));
		listing->family[f].first = set.first;
		listing->family[f].count = set.count;
		listing->family[f].key = set.key;
	}
	service_note_use(listing->service, now_ms);
}

bool listing_find(const struct name_text *name, struct listing *listing)
{
	for (int i = 0; i < READ_TRIES; i++) {
		const struct snapshot *in = snapshot_read(&listing->sequence);
		int64_t at = in ? snapshot_find_name(in, name) : -1;
		bool managed = false;

		if (at >= 0) {
			struct service service;

			listing_fill(in, (uint32_t)at, listing);
			words_load(&service, &in->services[listing->service], sizeof(service));
			managed = service.used && !service.unmanaged;
		}
		if (!in || snapshot_valid(listing->sequence))
			return managed;
	}
	return false;
}

bool listing_copy(const struct listing *listing, enum family family, struct address *endpoints)
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

bool listing_canonical(const struct listing *listing, const struct name_text *name,
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
void listing_given(const struct listing *listing, unsigned families)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		_Atomic uint32_t *given_version = &service_state[listing->service].given_version[f];
		uint32_t version = listing->family[f].version;
		uint32_t was = atomic_load_explicit(given_version, memory_order_relaxed);

		while (families & FAMILY_BIT(f) && was < version &&
		       !atomic_compare_exchange_weak(given_version, &was, version))
			;
	}
}
