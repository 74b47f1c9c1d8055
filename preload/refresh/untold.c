/* State: runs, how far each service's endpoints have been tried; the refresh thread alone uses it.
 */
#include "refresh/untold.h"

#include "balance/rotation.h"
#include "balance/trial.h"
#include "base/atomic.h"
#include "base/config.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "shared/mode.h"

enum { FULL_MS = 20 /* until the next look, while no more can be tried at the same time */ };

static struct run {
	uint64_t next_ms; /* when the next one begins */
	uint32_t tried;   /* endpoints of all families, in this one */
} runs[SERVICES];

/* Finds an endpoint of a service by its number, over both families. Returns false if there are
 * fewer, or no port is known. */
static bool find(uint32_t service, uint32_t number, struct peer *peer)
{
	struct reading reading = reading_begin();
	struct service record;
	struct pool_record pool;

	if (!reading.snapshot)
		return false;
	words_load(&record, &reading.snapshot->services[service], sizeof(record));
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (!record.used || record.family[f].state != DIRECTORY_POOL)
			continue;
		snapshot_pool(reading.snapshot, record.family[f].pool % POOL_RECORDS, &pool);
		if (number >= pool.count) {
			number -= pool.count;
			continue;
		}
		peer->address = snapshot_endpoint(reading.snapshot, &pool, number);
		peer->port = rotation_port(pool.key, load_relaxed(&service_state[service].port));
		return reading_held(reading) && peer->port;
	}
	return false;
}

/* Goes on with a service. Returns when to call again. */
static uint64_t step(uint32_t service, uint64_t now_ms)
{
	struct run *run = &runs[service];
	struct peer peer;

	if (run->next_ms > now_ms && !run->tried)
		return run->next_ms;
	while (find(service, run->tried, &peer)) {
		if (!trial_request(peer))
			return now_ms + FULL_MS;
		run->tried++;
	}
	*run = (struct run){.next_ms = now_ms + (uint64_t)config.eject_ms};
	return run->next_ms;
}

/* Returns when to try the endpoints of a service; UINT64_MAX if its clients tell how connects end.
 */
static uint64_t when(uint32_t service, uint64_t now_ms)
{
	const struct service_state *state = &service_state[service];

	if (mode_for(service_name_hash(service)) != MODE_ON)
		return UINT64_MAX;
	if (load_relaxed(&state->untold) || service_is_lookups_only(service, now_ms))
		return step(service, now_ms);
	return load_relaxed(&state->connected) ? UINT64_MAX
	                                       : load_relaxed(&state->lookups_ms) + LOOKUPS_ONLY_MS;
}

uint64_t untold_step(uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX, when_ms;

	if (!config.eject_ms || !trial_is_possible())
		return UINT64_MAX;
	for (uint32_t i = 0; i < SERVICES; i++) {
		if (!load_relaxed(&service_state[i].untold) &&
		    load_relaxed(&service_state[i].lookups) < LOOKUPS_ONLY_FROM)
			continue;
		when_ms = when(i, now_ms);
		if (when_ms < next_ms)
			next_ms = when_ms;
	}
	return next_ms;
}
