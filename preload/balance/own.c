/* State: process.own_places and process.own_until_ms, which any thread writes.
 *
 * LAYOUT: a place is an endpoint and until when it is passed over. It is free if that is 0 (it was
 * answered), or past for WRITING_MS.
 *
 * WRITER: own_pass takes a free place by a CAS of until_ms to now, writes the endpoint, and stores
 * until_ms last. A place that a thread leaves in between, by siglongjmp, is free WRITING_MS later.
 *
 * READER: reads until_ms, then the endpoint (acquire; pairs with the releases of take), then
 * until_ms again: a place that was written meanwhile has another one. */
#include "balance/own.h"

#include "balance/ejection.h"
#include "balance/skips.h"
#include "base/address.h"
#include "base/address_set.h"
#include "base/attributes.h"
#include "base/config.h"

#include <errno.h>
#include <stddef.h>

#include "base/poison.h"

enum { WRITING_MS = 1000, PASS_MOST_MS = 60 * 1000 };

/* connect(2); EINVAL is what a route of type blackhole says (ip-route(8)). */
bool own_blames(int error)
{
	return error == EACCES || error == EPERM || error == EADDRNOTAVAIL ||
	       error == ENETUNREACH || error == ENETDOWN || error == EAGAIN || error == ENOBUFS ||
	       error == EINVAL;
}

/* Reads the endpoint of a place; returns false if none is passed over there. */
static bool place_read(const struct own_place *place, uint64_t now_ms, struct peer *peer)
{
	uint64_t until_ms = atomic_load_explicit(&place->until_ms, memory_order_acquire);

	if (until_ms <= now_ms)
		return false;
	peer->address.high = atomic_load_explicit(&place->high, memory_order_acquire);
	peer->address.low = atomic_load_explicit(&place->low, memory_order_acquire);
	peer->port = (uint32_t)atomic_load_explicit(&place->port, memory_order_acquire);
	return load_relaxed(&place->until_ms) == until_ms;
}

static struct own_place *place_of(struct peer peer, uint64_t now_ms)
{
	for (uint32_t i = 0; i < OWN_PLACES; i++) {
		struct peer there;

		if (place_read(&process.own_places[i], now_ms, &there) && peer_equal(there, peer))
			return &process.own_places[i];
	}
	return NULL;
}

static bool take(struct own_place *place, struct peer peer, uint64_t now_ms, uint64_t until_ms)
{
	uint64_t was = load_relaxed(&place->until_ms);

	if ((was && was + WRITING_MS > now_ms) ||
	    !atomic_compare_exchange_strong(&place->until_ms, &was, now_ms))
		return false;
	atomic_store_explicit(&place->high, peer.address.high, memory_order_release);
	atomic_store_explicit(&place->low, peer.address.low, memory_order_release);
	atomic_store_explicit(&place->port, peer.port, memory_order_release);
	atomic_store_explicit(&place->until_ms, until_ms, memory_order_release);
	return true;
}

static void raise_until(uint64_t until_ms)
{
	uint64_t was = load_relaxed(&process.own_until_ms);

	while (was < until_ms && !swap_relaxed(&process.own_until_ms, &was, until_ms))
		;
}

SELDOM void own_pass(struct peer peer, uint64_t now_ms)
{
	uint64_t for_ms = config.eject_ms < PASS_MOST_MS ? config.eject_ms : PASS_MOST_MS;
	struct own_place *place = place_of(peer, now_ms);
	uint64_t until_ms = now_ms + for_ms, was;

	if (!for_ms)
		return;
	if (place) {
		was = load_relaxed(&place->until_ms);
		/* Unless it is answered, or another one's, meanwhile. */
		if (was > now_ms && was < until_ms)
			swap_relaxed(&place->until_ms, &was, until_ms);
		raise_until(until_ms);
		return;
	}
	for (uint32_t i = 0; i < OWN_PLACES; i++) {
		if (!take(&process.own_places[i], peer, now_ms, until_ms))
			continue;
		raise_until(until_ms);
		return;
	}
}

void own_answered(struct peer peer, uint64_t now_ms)
{
	struct own_place *place;

	if (!own_any(now_ms))
		return;
	/* Two threads that passed over it at the same time may have taken two places. */
	while ((place = place_of(peer, now_ms)))
		store_relaxed(&place->until_ms, 0);
}

bool own_has(struct peer peer, uint64_t now_ms)
{
	return own_any(now_ms) && place_of(peer, now_ms);
}

SELDOM bool own_next(uint32_t *place, uint64_t now_ms, struct peer *peer)
{
	while (*place < OWN_PLACES)
		if (place_read(&process.own_places[(*place)++], now_ms, peer))
			return true;
	return false;
}

SELDOM void own_skips(const struct address *endpoints, uint32_t count, uint32_t port,
                      uint64_t now_ms, struct skips *skips)
{
	struct peer peer;
	uint32_t place = 0;

	while (own_next(&place, now_ms, &peer)) {
		int64_t index =
			peer.port == port ? address_set_find(endpoints, count, peer.address) : -1;

		if (index >= 0 && !skips_has(skips, (uint32_t)index) && skips->count < SKIPS_MOST &&
		    skips->count + 1 < count && !ejection_until(peer, now_ms))
			skips_put(skips, (uint32_t)index);
	}
}
