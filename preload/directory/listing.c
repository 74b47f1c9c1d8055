#include "directory/listing.h"

#include "base/clock.h"
#include "directory/claims.h"
#include "directory/snapshot.h"

#include "base/poison.h"

enum { LIBC_AGAIN_MS = 30 * 1000 }; /* after which a name may mean something else to libc */

bool directory_is_empty(void)
{
	return !reading_begin().snapshot;
}

/* Returns true if libc is to be asked again: a file that it goes by has changed, or it is long ago.
 * That it is long ago is not enough while a question to DNS is unanswered: if DNS is silent, the
 * lookup would hang. */
static bool is_libc_due(const struct listing *listing, enum family family, uint64_t now_ms)
{
	uint64_t libc_ms = atomic_load_explicit(&name_state[listing->name % NAMES].libc_ms[family],
	                                        memory_order_relaxed);

	if (libc_ms <= service_libc_wanted_ms())
		return true;
	return clock_since(libc_ms, now_ms) >= LIBC_AGAIN_MS &&
	       !atomic_load_explicit(&service_state[listing->service].unanswered,
	                             memory_order_relaxed);
}

static void fill_family(const struct snapshot *snapshot, const struct service *service,
                        enum family family, uint64_t now_ms, struct listing *listing)
{
	const struct service_family *known = &service->family[family];
	struct pool_record pool = {.count = 0};

	if (known->state == DIRECTORY_POOL)
		words_load(&pool, &snapshot->pool_records[known->pool % POOL_RECORDS],
		           sizeof(pool));
	listing->family[family].state = known->state;
	listing->family[family].fresh = service_is_fresh(listing->service, family, now_ms);
	listing->family[family].confirmed = atomic_load_explicit(
		&service_state[listing->service].confirmed[family], memory_order_relaxed);
	listing->family[family].libc_due = is_libc_due(listing, family, now_ms);
	listing->family[family].version = known->version;
	listing->family[family].first = pool.first;
	listing->family[family].count = pool.count;
	listing->family[family].key = pool.key;
}

/* Fills a listing from the name at an index. Returns true if the name is managed. */
static bool listing_fill(const struct snapshot *snapshot, uint32_t index, struct listing *listing)
{
	uint64_t now_ms = clock_ms();
	struct service service;
	struct name name;

	words_load(&name, &snapshot->names[index], sizeof(name));
	listing->name = index;
	listing->service = name.service % SERVICES;
	words_load(&service, &snapshot->services[listing->service], sizeof(service));
	listing->order = atomic_load_explicit(&service_state[listing->service].order_lost,
	                                      memory_order_relaxed)
	                         ? ORDER_UNKNOWN
	                         : service.order;
	listing->believed = service.absolute_known;
	listing->ports = ports_by(service.ports);
	listing->has_canonical = name.has_canonical;
	listing->age_ms = service_age_ms(listing->service, now_ms);
	listing->interval_ms = atomic_load_explicit(&service_state[listing->service].interval_ms,
	                                            memory_order_relaxed);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		fill_family(snapshot, &service, f, now_ms, listing);
	service_note_use(listing->service, now_ms);
	return service.used && !service.unmanaged;
}

bool listing_find(const struct name_text *name, struct listing *listing)
{
	for (int i = 0; i < READ_TRIES; i++) {
		struct reading reading = reading_begin();
		int64_t index = reading.snapshot ? snapshot_find_name(reading.snapshot, name) : -1;
		bool managed =
			index >= 0 && listing_fill(reading.snapshot, (uint32_t)index, listing);

		listing->sequence = reading.sequence;
		if (reading_held(reading))
			return managed;
	}
	return false;
}

bool listing_is_of_now(const struct listing *listing)
{
	return reading_begin().sequence == listing->sequence;
}

bool listing_copy(const struct listing *listing, enum family family, struct address *endpoints)
{
	uint32_t first = listing->family[family].first, count = listing->family[family].count;
	struct reading reading = reading_begin();

	if (!reading.snapshot || reading.sequence != listing->sequence || first > ENDPOINTS ||
	    count > ENDPOINTS - first)
		return false;
	words_load(endpoints, &reading.snapshot->addresses[first], count * sizeof(*endpoints));
	return reading_held(reading);
}

bool listing_canonical(const struct listing *listing, const struct name_text *name,
                       struct name_text *canonical)
{
	struct reading reading = reading_begin();
	int64_t index = reading.snapshot && reading.sequence == listing->sequence
	                        ? snapshot_find_name(reading.snapshot, name)
	                        : -1;

	if (index < 0)
		return false;
	words_load(canonical, &reading.snapshot->canonical[index], sizeof(*canonical));
	return reading_held(reading);
}

/* given_version only rises, so that a lookup that took long does not undo what a later one
 * recorded. */
void listing_given(const struct listing *listing, unsigned families)
{
	claims_count_numbers();
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		_Atomic uint32_t *given_version = &service_state[listing->service].given_version[f];
		uint32_t version = listing->family[f].version;
		uint32_t given = atomic_load_explicit(given_version, memory_order_relaxed);

		while (families & FAMILY_BIT(f) && given < version &&
		       !atomic_compare_exchange_weak(given_version, &given, version))
			;
	}
}
