#include "balance/rotation.h"

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "shared/segment.h"

#include <stdatomic.h>
#include <stddef.h>

#include "base/poison.h"

enum {
	CAS_TRIES = 4,
	RETRY_WINDOW = 1000, /* connections */
	RETRY_BURST = 10     /* so that few connections can be retried too */
};

_Atomic uint64_t rotation_noted;

static struct cursor *slot_find(struct cursor *ways, uint64_t key)
{
	for (int i = 0; i < SHARED_WAYS; i++)
		if (load_relaxed(&ways[i].key) == key)
			return &ways[i];
	return NULL;
}

/* The slot of a key in a full set: the least recently used one, unless another thread has just
 * taken it for this key. */
static struct cursor *slot_reuse(struct cursor *ways, uint64_t key)
{
	for (int tries = 0; tries < SHARED_WAYS; tries++) {
		struct cursor *oldest = NULL;
		uint64_t oldest_used = UINT64_MAX, was;

		for (int i = 0; i < SHARED_WAYS; i++) {
			/* Pairs with slot_get: who sees that a slot was used sees for which key. */
			uint64_t used = atomic_load_explicit(&ways[i].used, memory_order_acquire);

			if (load_relaxed(&ways[i].key) == key)
				return &ways[i];
			if (used < oldest_used || !oldest) {
				oldest = &ways[i];
				oldest_used = used;
			}
		}
		was = load_relaxed(&oldest->key);
		if (was == key || swap_relaxed(&oldest->key, &was, key))
			return oldest;
	}
	return ways;
}

/* The slot of a key, claimed if need be. In the order of the ways, so that all who claim for one
 * key at the same time meet at the same unused slot: two slots would be two cursors. A slot that is
 * reused keeps its picks: any number is as good a place as any other, and there is no moment at
 * which it is not valid. */
static struct cursor *slot_claim(struct cursor *ways, uint64_t key)
{
	for (int i = 0; i < SHARED_WAYS; i++) {
		uint64_t was = 0;

		if (swap_relaxed(&ways[i].key, &was, key) || was == key)
			return &ways[i];
	}
	return slot_reuse(ways, key);
}

static void slot_use(struct cursor *slot, uint64_t now_ms)
{
	if (load_relaxed(&slot->used) != clock_tick(now_ms))
		atomic_store_explicit(&slot->used, clock_tick(now_ms),
		                      memory_order_release); /* pairs with slot_reuse */
}

static struct cursor *slot_get(struct shared *in, uint64_t key)
{
	struct cursor *ways = rotation_slot_ways(in, key), *slot = slot_find(ways, key);

	if (!slot)
		slot = slot_claim(ways, key);
	slot_use(slot, clock_ms());
	return slot;
}

uint32_t rotation_pick_slowly(struct shared *in, uint64_t slot_key, uint32_t count)
{
	return rotation_slot_pick(in, slot_get(in, slot_key), slot_key, count);
}

uint32_t rotation_peek(uint64_t key, uint32_t port, uint32_t count, uint64_t *turn)
{
	struct shared *in = shared();
	uint64_t of = rotation_slot_key(key, port);

	*turn = load_relaxed(&slot_get(in, of)->picks);
	return (uint32_t)((*turn + rotation_slot_start(in, of)) % count);
}

uint32_t rotation_next(uint64_t key, uint32_t port, uint32_t count)
{
	struct shared *in = shared();
	uint64_t of = rotation_slot_key(key, port);
	struct cursor *slot = slot_find(rotation_slot_ways(in, of), of);
	uint64_t picks = slot ? load_relaxed(&slot->picks) : 0;

	return (uint32_t)((picks + rotation_slot_start(in, of)) % count);
}

bool rotation_is_shown(uint64_t key, uint32_t port)
{
	struct cursor *slot = slot_get(shared(), rotation_slot_key(key, port));
	uint64_t shown = load_relaxed(&slot->shown);
	uint64_t picks = load_relaxed(&slot->picks);

	return shown >> 32 && (uint32_t)shown == (uint32_t)picks;
}

bool rotation_take(uint64_t key, uint32_t port, uint64_t turn)
{
	struct cursor *slot = slot_get(shared(), rotation_slot_key(key, port));

	return swap_relaxed(&slot->picks, &turn, turn + 1);
}

/* The slot whose picks word is not a cursor but the port last connected. */
static uint64_t port_key(uint64_t key)
{
	return rotation_slot_key(~key, 0);
}

uint32_t rotation_port(uint64_t key, uint32_t port)
{
	uint64_t of = port_key(key);
	struct cursor *slot = port ? NULL : slot_find(rotation_slot_ways(shared(), of), of);

	if (port)
		return port;
	return slot ? (uint16_t)load_relaxed(&slot->picks) : 0;
}

void rotation_write_port(uint64_t key, uint32_t port)
{
	store_relaxed(&rotation_noted, key + port);
	store_relaxed(&slot_get(shared(), port_key(key))->picks, port);
}

uint32_t rotation_show(uint64_t key, uint32_t port, uint32_t count)
{
	struct shared *in = shared();
	uint64_t of = rotation_slot_key(key, port);
	struct cursor *slot = slot_get(in, of);
	uint64_t picks = 0, offset = 0;

	for (int i = 0; i < CAS_TRIES; i++) {
		uint64_t shown = load_relaxed(&slot->shown);

		picks = load_relaxed(&slot->picks);
		offset = (uint32_t)shown == (uint32_t)picks ? shown >> 32 : 0;
		if (swap_relaxed(&slot->shown, &shown, (uint32_t)picks | (offset + 1) << 32))
			break;
	}
	return (uint32_t)((picks + offset + rotation_slot_start(in, of)) % count);
}

SELDOM bool rotation_is_known(uint64_t key, uint32_t port)
{
	uint64_t of = rotation_slot_key(key, port);

	return slot_find(rotation_slot_ways(shared(), of), of) != NULL;
}

enum {
	REPEATED_MS = 1000, /* a later answer is that to a SYN which was sent again */
	COARSE_MS = 4,      /* by which clock_ms may be late */
	USUAL_STEP_MS = 2   /* by which usual_ms rises, beside a quarter */
};

SELDOM void rotation_note_answered(uint64_t key, uint32_t port, uint64_t began_ms, uint64_t now_ms)
{
	struct cursor *slot = slot_get(shared(), rotation_slot_key(key, port));
	uint64_t usual_ms = load_relaxed(&slot->usual_ms) % REPEATED_MS;
	uint64_t took_ms = clock_since(began_ms, now_ms);

	store_relaxed(&slot->answered_ms, now_ms);
	if (took_ms >= REPEATED_MS)
		return;
	took_ms = took_ms > COARSE_MS ? took_ms - COARSE_MS : 0;
	/* Up by small steps: a client that was late to ask has not waited for so long. */
	if (took_ms > usual_ms + usual_ms / 4 + USUAL_STEP_MS)
		took_ms = usual_ms + usual_ms / 4 + USUAL_STEP_MS;
	store_relaxed(&slot->usual_ms, took_ms > usual_ms ? took_ms : (usual_ms * 3 + took_ms) / 4);
}

SELDOM uint64_t rotation_answered_ms(uint64_t key, uint32_t port)
{
	uint64_t of = rotation_slot_key(key, port);
	struct cursor *slot = slot_find(rotation_slot_ways(shared(), of), of);

	return slot ? load_relaxed(&slot->answered_ms) : 0;
}

SELDOM uint64_t rotation_usual_ms(uint64_t key, uint32_t port)
{
	uint64_t of = rotation_slot_key(key, port);
	struct cursor *slot = slot_find(rotation_slot_ways(shared(), of), of);

	return slot ? load_relaxed(&slot->usual_ms) % REPEATED_MS : 0;
}

SELDOM bool rotation_may_retry(uint64_t key, uint32_t port)
{
	struct cursor *cursor = slot_get(shared(), rotation_slot_key(key, port));
	uint64_t picks = load_relaxed(&cursor->picks);
	uint64_t base = load_relaxed(&cursor->retry_base);
	uint64_t retries = load_relaxed(&cursor->retries);
	uint64_t connections;

	if (picks - base > RETRY_WINDOW) {
		/* Two processes may do this at the same time: no harm. */
		store_relaxed(&cursor->retry_base, picks);
		store_relaxed(&cursor->retries, 0);
		base = picks;
		retries = 0;
	}
	/* A retry takes a turn too, and earns none. */
	connections = picks - base > retries ? picks - base - retries : 0;
	if (retries >= RETRY_BURST + connections / 5)
		return false;
	add_relaxed(&cursor->retries, 1);
	return true;
}
