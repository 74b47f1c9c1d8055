/* State: runs, how far each service's endpoints have been tried; the refresh thread alone uses it.
 */
#include "refresh/untold.h"

#include "balance/rotation.h"
#include "balance/skips.h"
#include "balance/trial.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/config.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "learn/known.h"
#include "refresh/sockets.h"
#include "shared/mode.h"

enum {
	FULL_MS = 20,    /* until the next look, while no more can be tried at the same time */
	TOLD_MS = 50,    /* after which an endpoint that refuses has done so */
	PORT_MS = 5,     /* between two looks for the port that a client connects to, soon after a
	                    lookup */
	PORT_LOOKS = 100 /* so many of them, before that is done as seldom as trying */
};

static struct run {
	uint64_t next_ms; /* when the next one begins */
	uint32_t tried;   /* endpoints of all families, in this one */
	uint32_t looks;   /* for a port, in vain */
	uint64_t told_ms; /* when what was found by trying is known */
} runs[SERVICES];

/* Notes the port of a connection to an endpoint of a service, which nobody has named. The larger
 * port of the two is the one that the kernel chose, on the side that connects. */
static void see_port(const struct socket_seen *seen, void *with)
{
	uint32_t service = *(const uint32_t *)with;

	if (seen->own.port > seen->peer.port && known_is_endpoint(service, seen->peer.address))
		store_relaxed(&service_state[service].port, seen->peer.port);
}

/* Finds an endpoint of a service by its number, over both families. Returns false if there are
 * fewer, or no port is known. While any endpoint is passed over, the port is noted for lookups that
 * name none. */
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
		if (!reading_held(reading) || !peer->port)
			return false;
		/* Not before, because lookups go on from another cursor then. */
		if (skips_any(clock_ms()))
			rotation_note_port(pool.key, peer->port);
		return true;
	}
	return false;
}

/* Looks for the port that clients connect to, if none is known: a few milliseconds after their
 * lookups at first. Returns 0 if one is known, else when to look again. */
static uint64_t look(uint32_t service, uint64_t now_ms)
{
	uint64_t used_ms = load_relaxed(&service_state[service].used_ms);
	struct run *run = &runs[service];
	bool soon = run->looks < PORT_LOOKS;
	struct peer peer;

	if (run->tried || find(service, 0, &peer))
		return 0;
	if (run->next_ms > now_ms)
		return run->next_ms;
	sockets_connected(see_port, &service);
	if (find(service, 0, &peer))
		return 0;
	run->looks += soon;
	run->next_ms = now_ms + (soon ? PORT_MS : (uint64_t)config.eject_ms);
	return clock_since(used_ms, now_ms) <= USED_GRAIN_MS ? run->next_ms : UINT64_MAX;
}

/* Goes on with a service. Returns when to call again. */
static uint64_t step(uint32_t service, uint64_t now_ms)
{
	struct run *run = &runs[service];
	struct peer peer;

	if (run->next_ms > now_ms && !run->tried)
		return run->told_ms > now_ms ? run->told_ms : run->next_ms;
	while (find(service, run->tried, &peer)) {
		if (!trial_request(peer))
			return now_ms + FULL_MS;
		run->tried++;
	}
	*run = (struct run){.next_ms = now_ms + (uint64_t)config.eject_ms,
	                    .told_ms = now_ms + TOLD_MS};
	return run->told_ms;
}

/* Returns when to look for the port of a service, or to try its endpoints; UINT64_MAX if that is
 * not to be done. */
static uint64_t when(uint32_t service, uint64_t now_ms)
{
	const struct service_state *state = &service_state[service];
	uint64_t look_ms, only_ms;

	if (mode_for(service_name_hash(service)) != MODE_ON)
		return UINT64_MAX;
	look_ms = look(service, now_ms);
	if (load_relaxed(&state->untold) || service_is_lookups_only(service, now_ms))
		return look_ms ? look_ms : step(service, now_ms);
	only_ms = load_relaxed(&state->lookups_ms) + LOOKUPS_ONLY_MS;
	return look_ms && look_ms < only_ms ? look_ms : only_ms;
}

uint64_t untold_step(uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX, when_ms;

	if (!config.eject_ms || !trial_is_possible())
		return UINT64_MAX;
	for (uint32_t i = 0; i < SERVICES; i++) {
		if (!load_relaxed(&service_state[i].untold) && !service_may_be_lookups_only(i))
			continue;
		when_ms = when(i, now_ms);
		if (when_ms < next_ms)
			next_ms = when_ms;
	}
	return next_ms;
}
