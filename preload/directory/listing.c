#include "directory/listing.h"

#include "base/clock.h"
#include "directory/snapshot.h"

bool directory_is_empty(void)
{
	uint64_t sequence;

	return !snapshot_read(&sequence);
}

static void listing_fill(const struct snapshot *snapshot, uint32_t place, struct listing *listing)
{
	uint64_t now_ms = clock_ms();
	struct service service;
	struct name name;

	words_load(&name, &snapshot->names[place], sizeof(name));
	listing->service = name.service % SERVICES;
	words_load(&service, &snapshot->services[listing->service], sizeof(service));
	listing->order = service.order;
	listing->believed = service.absolute_known;
	listing->has_canonical = name.has_canonical;
	listing->age_ms = service_age_ms(listing->service, now_ms);
	listing->interval_ms = atomic_load_explicit(&service_state[listing->service].interval_ms,
	                                            memory_order_relaxed);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		struct pool_record pool = {.count = 0};

		listing->family[f].state = service.family[f].state;
		listing->family[f].fresh = service_is_fresh(listing->service, f, now_ms);
		listing->family[f].version = service.family[f].version;
		if (service.family[f].state == DIRECTORY_POOL)
			words_load(&pool,
			           &snapshot->pool_records[service.family[f].pool % POOL_RECORDS],
			           sizeof(pool));
		listing->family[f].first = pool.first;
		listing->family[f].count = pool.count;
		listing->family[f].key = pool.key;
	}
	service_note_use(listing->service, now_ms);
}

bool listing_find(const struct name_text *name, struct listing *listing)
{
	for (int i = 0; i < READ_TRIES; i++) {
		const struct snapshot *snapshot = snapshot_read(&listing->sequence);
		int64_t place = snapshot ? snapshot_find_name(snapshot, name) : -1;
		bool managed = false;

		if (place >= 0) {
			struct service service;

			listing_fill(snapshot, (uint32_t)place, listing);
			words_load(&service, &snapshot->services[listing->service],
			           sizeof(service));
			managed = service.used && !service.unmanaged;
		}
		if (!snapshot || snapshot_valid(listing->sequence))
			return managed;
	}
	return false;
}

bool listing_copy(const struct listing *listing, enum family family, struct address *endpoints)
{
	uint32_t first = listing->family[family].first, count = listing->family[family].count;
	uint64_t sequence;
	const struct snapshot *snapshot = snapshot_read(&sequence);

	/* The buffer of the listing: this one, or the other if there was a publication since. */
	if (!snapshot || sequence - listing->sequence > 1 || first > ENDPOINTS ||
	    count > ENDPOINTS - first)
		return false;
	if (sequence != listing->sequence)
		return false;
	words_load(endpoints, &snapshot->addresses[first], count * sizeof(*endpoints));
	return snapshot_valid(listing->sequence);
}

bool listing_canonical(const struct listing *listing, const struct name_text *name,
                       struct name_text *canonical)
{
	uint64_t sequence;
	const struct snapshot *snapshot = snapshot_read(&sequence);
	int64_t place =
		snapshot && sequence == listing->sequence ? snapshot_find_name(snapshot, name) : -1;

	if (place < 0)
		return false;
	words_load(canonical, &snapshot->canonical[place], sizeof(*canonical));
	return snapshot_valid(sequence);
}

/* A lookup that took long does not undo what a later one said. */
void listing_given(const struct listing *listing, unsigned families)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		_Atomic uint32_t *given_version = &service_state[listing->service].given_version[f];
		uint32_t version = listing->family[f].version;
		uint32_t given = atomic_load_explicit(given_version, memory_order_relaxed);

		while (families & FAMILY_BIT(f) && given < version &&
		       !atomic_compare_exchange_weak(given_version, &given, version))
			;
	}
}
