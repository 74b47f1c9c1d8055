/* State: the sockets seen without an answer. */
#include "refresh/sightings.h"

#include "balance/inflight.h"
#include "base/clock.h"
#include "learn/result.h"

#include <stddef.h>

enum { SIGHTINGS = 64 };

/* A socket that was seen without an answer, of whatever process. */
static struct sighting {
	struct socket_seen socket;
	uint64_t began_ms; /* 0: none */
	bool again;        /* it is in the table that is being read */
	bool told;         /* learn/result.h knows: once, because an answer of its endpoint to
	                      another may have ended all that spoke against it */
} sightings[SIGHTINGS];

/* ---- What is known */

bool sightings_have(struct peer peer)
{
	unsigned count = 0;

	for (int i = 0; i < SIGHTINGS; i++) {
		if (sightings[i].began_ms && peer_equal(sightings[i].socket.peer, peer))
			return true;
		count += sightings[i].began_ms != 0;
	}
	return count == SIGHTINGS;
}

unsigned sightings_count(uint64_t now_ms, uint64_t *youngest_ms)
{
	unsigned count = 0;

	*youngest_ms = UINT64_MAX;
	for (int i = 0; i < SIGHTINGS; i++) {
		uint64_t age_ms = clock_since(sightings[i].began_ms, now_ms);

		if (!sightings[i].began_ms)
			continue;
		count++;
		if (age_ms < *youngest_ms)
			*youngest_ms = age_ms;
	}
	if (!count || count == SIGHTINGS) /* too many to tell which are new */
		*youngest_ms = 0;
	return count;
}

/* ---- A look */

void sightings_begin(void)
{
	for (int i = 0; i < SIGHTINGS; i++)
		if (sightings[i].began_ms) /* what is not written takes no memory */
			sightings[i].again = false;
}

static bool same_socket(const struct socket_seen *a, const struct socket_seen *b)
{
	return peer_equal(a->peer, b->peer) && peer_equal(a->own, b->own) && a->v6 == b->v6;
}

static struct sighting *sighting_of(const struct socket_seen *seen)
{
	struct sighting *place = NULL;

	for (int i = 0; i < SIGHTINGS; i++) {
		if (sightings[i].began_ms && same_socket(&sightings[i].socket, seen))
			return &sightings[i];
		if (!sightings[i].began_ms)
			place = &sightings[i];
	}
	return place;
}

bool sightings_take(const struct socket_seen *seen, uint64_t now_ms)
{
	struct sighting *sighting;
	uint64_t pool, began_ms;

	if (!result_pool(seen->peer, &pool) ||
	    seen->age_ms < inflight_limit_ms(pool, seen->peer.port))
		return false;
	began_ms = seen->age_ms < now_ms ? now_ms - seen->age_ms : 1;
	sighting = sighting_of(seen);
	if (sighting && !sighting->began_ms)
		*sighting = (struct sighting){.socket = *seen, .began_ms = began_ms};
	if (!sighting) {
		/* There is no room to note that it was told: not of an old one, again and again. */
		if (seen->age_ms < inflight_limit_ms(pool, seen->peer.port) + LOOK_EVERY_MS)
			result_silent(seen->peer, began_ms);
		return true;
	}
	sighting->again = true;
	if (sighting->told)
		result_still_silent(seen->peer);
	else
		result_silent(seen->peer, sighting->began_ms);
	sighting->told = true;
	return true;
}

/* Those to peers that have left all pools meanwhile are of no interest. */
void sightings_end(void)
{
	for (int i = 0; i < SIGHTINGS; i++) {
		struct sighting *sighting = &sightings[i];
		enum socket_fate fate;
		uint64_t pool;

		if (!sighting->began_ms || sighting->again)
			continue;
		if (!result_pool(sighting->socket.peer, &pool)) {
			sighting->began_ms = 0;
			continue;
		}
		fate = sockets_fate(&sighting->socket);
		if (fate == FATE_CONNECTING)
			continue;
		if (fate == FATE_ANSWERED)
			result_note_peer(sighting->socket.peer, 0, sighting->began_ms, 0);
		sighting->began_ms = 0;
	}
}

void sightings_forget(void)
{
	for (int i = 0; i < SIGHTINGS; i++)
		if (sightings[i].began_ms) /* what is not written takes no memory */
			sightings[i].began_ms = 0;
}
