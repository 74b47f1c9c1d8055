#include "balance/ejection.h"

#include "balance/skips.h"
#include "base/attributes.h"
#include "base/atomic.h"
#include "base/address_set.h"
#include "base/config.h"
#include "shared/segment.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/poison.h"

enum {
	EJECT_MOST_MS = 60 * 1000,
	DOUBLINGS = 4, /* from 5 s to over 60 s */
	CALLERS_TRIAL = 8,
	PROBE_MS = 4000,        /* a lease: longer than a silent endpoint keeps an attempt */
	REMEMBER_MS = 60 * 1000 /* how long after its time an endpoint nobody tried is remembered */
};

static uint64_t endpoint_key(struct address address, uint32_t port)
{
	return hash_mix(address_hash(address) ^ (uint64_t)(port + 1) * HASH_GOLDEN) | 1;
}

/* The endpoint of a record that counts; false if it is unused, half written, long past, or further
 * in the future than any ejection of ours. */
static bool record_read(const struct ejection *record, uint64_t now_ms, struct address *address,
                        uint64_t *port)
{
	uint64_t key = load_relaxed(&record->key), until_ms = load_relaxed(&record->until_ms);

	if (!key || until_ms > now_ms + EJECT_MOST_MS || until_ms + REMEMBER_MS < now_ms)
		return false;
	address->high = load_relaxed(&record->high);
	address->low = load_relaxed(&record->low);
	*port = load_relaxed(&record->port);
	return endpoint_key(*address, (uint32_t)*port) == key;
}

/* Time is up: one caller gets to try it, the others pass over it as long as the lease lasts. */
static bool lease(struct ejection *record, uint64_t now_ms)
{
	uint64_t was = load_relaxed(&record->lease_ms);

	return was <= now_ms && swap_relaxed(&record->lease_ms, &was, now_ms + PROBE_MS);
}

/* Those who would fail by trying leave it to the refresh thread; now and then they do try, for what
 * that thread cannot reach and they can. */
static bool is_callers(const struct ejection *record, enum trial trial)
{
	return trial == TRIAL_CALLER ||
	       load_relaxed(&record->failures) % CALLERS_TRIAL == CALLERS_TRIAL - 1;
}

SELDOM void ejection_skips(const struct address *endpoints, uint32_t count, uint32_t port,
                           uint64_t now_ms, enum trial trial, struct skips *skips)
{
	struct shared *in = shared();

	skips->count = 0;
	skips->silent = 0;
	skips->probe = -1;
	skips->leased = -1;
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++) {
		struct ejection *record = &in->ejections[i];
		struct address address;
		uint64_t of_port;
		int64_t index;

		if (!record_read(record, now_ms, &address, &of_port) || of_port != port)
			continue;
		index = address_set_find(endpoints, count, address);
		if (index < 0 || skips_has(skips, (uint32_t)index))
			continue;
		if (trial != TRIAL_NONE && skips->probe < 0 && skips->leased < 0 &&
		    load_relaxed(&record->until_ms) <= now_ms && lease(record, now_ms)) {
			if (is_callers(record, trial)) {
				skips->probe = index;
				continue;
			}
			skips->leased = index;
		}
		if (load_relaxed(&record->silent))
			skips_add(skips, count, (uint32_t)index);
		else if (skips->count < SKIPS_MOST && skips->count + 1 < count)
			skips_put(skips, (uint32_t)index);
	}
}

bool ejection_is_silent(int error)
{
	return error == ETIMEDOUT || error == EHOSTUNREACH || error == EHOSTDOWN;
}

bool ejection_blames(int error)
{
	return ejection_is_silent(error) || error == ECONNREFUSED || error == ENETUNREACH ||
	       error == ECONNRESET;
}

static struct ejection *record_find(struct shared *in, uint64_t key)
{
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++)
		if (load_relaxed(&in->ejections[i].key) == key)
			return &in->ejections[i];
	return NULL;
}

/* A place for a new record: free, or forgotten. NULL if so many endpoints are down that one more is
 * not kept. */
static struct ejection *record_claim(struct shared *in, uint64_t key, uint64_t now_ms)
{
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++) {
		struct ejection *record = &in->ejections[i];
		uint64_t was = load_relaxed(&record->key), of_port;
		struct address of;

		if (was != key && record_read(record, now_ms, &of, &of_port))
			continue;
		/* Two that claim for one endpoint meet at the same record. */
		if (was == key || atomic_compare_exchange_strong(&record->key, &was, key) ||
		    was == key)
			return record;
	}
	return NULL;
}

/* Of a record that was claimed, forgotten, or never finished by a process that was killed. Until
 * all three are written, record_read does not take it for valid. */
static void record_begin(struct ejection *record, struct peer peer)
{
	store_relaxed(&record->high, peer.address.high);
	store_relaxed(&record->low, peer.address.low);
	store_relaxed(&record->port, peer.port);
	store_relaxed(&record->failures, 0);
}

static void raise_until(struct shared *in, uint64_t until_ms)
{
	uint64_t was = load_relaxed(&in->ejected_until_ms);

	while (was < until_ms &&
	       !atomic_compare_exchange_weak(&in->ejected_until_ms, &was, until_ms))
		;
}

SELDOM bool ejection_failed(struct peer peer, int error, uint64_t now_ms)
{
	struct shared *in = shared();
	struct ejection *record;
	uint64_t key = endpoint_key(peer.address, peer.port), eject_ms, failures, of_port;
	struct address of;

	if (!config.eject_ms || !ejection_blames(error))
		return false;
	record = record_find(in, key);
	if (!record || !record_read(record, now_ms, &of, &of_port)) {
		if (!record)
			record = record_claim(in, key, now_ms);
		if (!record)
			return false;
		record_begin(record, peer);
	} else if (load_relaxed(&record->until_ms) > now_ms) {
		return false; /* known: this one was under way before it was ejected */
	}
	failures = add_relaxed(&record->failures, 1);
	eject_ms = (uint64_t)config.eject_ms << (failures < DOUBLINGS ? failures : DOUBLINGS);
	if (eject_ms > EJECT_MOST_MS)
		eject_ms = EJECT_MOST_MS;
	/* Jitter: not all of them are tried again at once. */
	eject_ms -= hash_mix(now_ms ^ key) % (eject_ms / 5 + 1);
	store_relaxed(&record->silent, ejection_is_silent(error));
	store_relaxed(&record->lease_ms, 0);
	store_relaxed(&record->until_ms, now_ms + eject_ms);
	raise_until(in, now_ms + eject_ms + REMEMBER_MS);
	return !failures;
}

void ejection_answered(struct peer peer, uint64_t now_ms)
{
	uint64_t key = endpoint_key(peer.address, peer.port);
	struct ejection *record;

	if (!ejection_any(now_ms))
		return;
	record = record_find(shared(), key);
	/* Unless it is another endpoint's by now. */
	if (record)
		atomic_compare_exchange_strong(&record->key, &key, 0);
}

uint64_t ejection_until(struct peer peer, uint64_t now_ms)
{
	const struct ejection *record =
		record_find(shared(), endpoint_key(peer.address, peer.port));
	struct address of;
	uint64_t of_port;

	return record && record_read(record, now_ms, &of, &of_port)
	               ? load_relaxed(&record->until_ms)
	               : 0;
}
