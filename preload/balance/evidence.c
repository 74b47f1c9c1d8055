#include "balance/evidence.h"

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/identity.h"

#include "base/poison.h"

enum {
	AHEAD_MS = 1000,         /* another process may have read its clock later */
	UNTENDED_MS = 10 * 1000, /* a check that is so late is nobody's */
	WRITTEN_MS = 100         /* nobody writes a record for so long */
};

static uint64_t key_in(struct peer peer, uint64_t network)
{
	return hash_mix(address_hash(peer.address) ^ hash_mix(network) ^
	                (uint64_t)(peer.port + 1) * HASH_GOLDEN) |
	       1;
}

uint64_t evidence_key(struct peer peer)
{
	return key_in(peer, identity_network());
}

bool evidence_holds(const struct ejection *record, uint64_t now_ms, struct peer *peer)
{
	uint64_t key = load_relaxed(&record->key), noted_ms = load_relaxed(&record->noted_ms);
	uint64_t check_ms = load_relaxed(&record->out_ms) ? load_relaxed(&record->check_ms) : 0;
	uint64_t network = load_relaxed(&record->network), last;

	if (!key || noted_ms > now_ms + AHEAD_MS || check_ms > now_ms + EVIDENCE_CHECK_MOST_MS)
		return false;
	last = check_ms > noted_ms ? check_ms : noted_ms;
	if (last + EVIDENCE_KEPT_MS < now_ms)
		return false;
	peer->address.high = load_relaxed(&record->high);
	peer->address.low = load_relaxed(&record->low);
	peer->port = (uint32_t)load_relaxed(&record->port);
	return network == identity_network() && key_in(*peer, network) == key;
}

struct ejection *evidence_find(uint64_t key)
{
	struct shared *in = shared();

	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++)
		if (load_relaxed(&in->ejections[i].key) == key)
			return &in->ejections[i];
	return NULL;
}

struct ejection *evidence_of(struct peer peer, uint64_t now_ms)
{
	struct ejection *record = evidence_find(evidence_key(peer));
	struct peer of;

	return record && evidence_holds(record, now_ms, &of) ? record : NULL;
}

/* Returns when something was last said of an endpoint, or is to be. */
static uint64_t last_ms(const struct ejection *record)
{
	uint64_t noted_ms = load_relaxed(&record->noted_ms);
	uint64_t check_ms = load_relaxed(&record->check_ms);

	return noted_ms > check_ms ? noted_ms : check_ms;
}

/* Returns true if the place of a record may be another's: free, or forgotten. What is of another
 * network namespace cannot be checked from here but by its times; nor can what is half written, of
 * which these come first: somebody may be about to write the rest. */
static bool record_is_free(const struct ejection *record, uint64_t now_ms)
{
	uint64_t last = last_ms(record);
	struct peer of;

	if (!load_relaxed(&record->key) || last > now_ms + EVIDENCE_CHECK_MOST_MS ||
	    last + EVIDENCE_KEPT_MS < now_ms)
		return true;
	return load_relaxed(&record->network) == identity_network() &&
	       !evidence_holds(record, now_ms, &of) && last + WRITTEN_MS < now_ms;
}

/* Takes the first free place; an unused one before a forgotten one, because another process may
 * just have taken a forgotten one, and not have written it yet. */
static struct ejection *claim_free(struct shared *in, uint64_t key, uint64_t now_ms)
{
	for (uint32_t i = 0; i < 2 * SHARED_EJECTIONS; i++) {
		struct ejection *record = &in->ejections[i % SHARED_EJECTIONS];
		uint64_t was = load_relaxed(&record->key);

		if (was != key &&
		    (i < SHARED_EJECTIONS ? was != 0 : !record_is_free(record, now_ms)))
			continue;
		/* Two that claim for one endpoint meet at the same record. */
		if (was == key || atomic_compare_exchange_strong(&record->key, &was, key) ||
		    was == key)
			return record;
	}
	return NULL;
}

/* Takes the place of the endpoint that was to be checked the longest ago, and was not, because
 * nobody connects to it any more: pods that are gone would keep all places for minutes. */
static struct ejection *claim_untended(struct shared *in, uint64_t key, uint64_t now_ms)
{
	struct ejection *oldest = NULL;
	uint64_t oldest_ms = now_ms > UNTENDED_MS ? now_ms - UNTENDED_MS : 0, was;

	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++) {
		uint64_t last = last_ms(&in->ejections[i]);

		if (last < oldest_ms) {
			oldest = &in->ejections[i];
			oldest_ms = last;
		}
	}
	if (!oldest)
		return NULL;
	was = load_relaxed(&oldest->key);
	return was == key || swap_relaxed(&oldest->key, &was, key) ? oldest : NULL;
}

/* Returns a place for a new record; NULL if so many endpoints are down that one more is not kept.
 */
static struct ejection *record_claim(struct shared *in, uint64_t key, uint64_t now_ms)
{
	struct ejection *record = evidence_find(key);

	if (!record)
		record = claim_free(in, key, now_ms);
	return record ? record : claim_untended(in, key, now_ms);
}

/* Empties a record that was claimed, forgotten, or never finished, because its process was killed.
 * Until the four words that its key is a hash of are written, evidence_holds does not take it for
 * valid. */
static void record_begin(struct ejection *record, struct peer peer, uint64_t now_ms)
{
	store_relaxed(&record->noted_ms, now_ms);
	store_relaxed(&record->count, 0);
	store_relaxed(&record->out_ms, 0);
	store_relaxed(&record->checks, 0);
	store_relaxed(&record->check_ms, 0);
	store_relaxed(&record->lease_ms, 0);
	store_relaxed(&record->silent, 0);
	store_relaxed(&record->since_ms, 0);
	store_relaxed(&record->doubt_ms, 0);
	store_relaxed(&record->pool, 0);
	store_relaxed(&record->by, identity_process());
	store_relaxed(&record->network, identity_network());
	store_relaxed(&record->high, peer.address.high);
	store_relaxed(&record->low, peer.address.low);
	store_relaxed(&record->port, peer.port);
}

struct ejection *evidence_get(struct peer peer, uint64_t now_ms)
{
	struct ejection *record = evidence_of(peer, now_ms);

	if (record)
		return record;
	record = record_claim(shared(), evidence_key(peer), now_ms);
	if (record)
		record_begin(record, peer, now_ms);
	return record;
}

/* Two places have a key if one was taken while another became free. */
bool evidence_forget(uint64_t key)
{
	bool any = false;

	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++) {
		uint64_t was = key; /* unless it is another endpoint's by now */

		if (load_relaxed(&shared()->ejections[i].key) == key)
			any = atomic_compare_exchange_strong(&shared()->ejections[i].key, &was,
			                                     0) ||
			      any;
	}
	return any;
}

void evidence_confirm(struct ejection *record)
{
	uint64_t by = load_relaxed(&record->by);

	if (by && by != identity_process())
		store_relaxed(&record->by, 0);
}

/* doubts_until_ms always becomes another number than before: pairs with evidence_settle. */
void evidence_doubt(uint64_t now_ms)
{
	_Atomic uint64_t *until_ms = &shared()->doubts_until_ms;
	static _Atomic uint32_t sequence;
	/* A number that is not the one before, which somebody may be about to end. */
	uint64_t other = add_relaxed(&sequence, 1) % (AHEAD_MS / 2);
	uint64_t was = load_relaxed(until_ms), next;

	do {
		next = now_ms + EVIDENCE_CHECK_MOST_MS + EVIDENCE_KEPT_MS + other;
		if (was >= next && was < next + AHEAD_MS)
			next = was + 1;
	} while (!atomic_compare_exchange_weak(until_ms, &was, next));
}

/* Whoever writes a record calls evidence_doubt afterwards: either the record is seen here, or
 * doubts_until_ms is another number by then. */
void evidence_settle(uint64_t now_ms)
{
	struct shared *in = shared();
	uint64_t was = atomic_load(&in->doubts_until_ms);

	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++)
		if (!record_is_free(&in->ejections[i], now_ms))
			return;
	atomic_compare_exchange_strong(&in->doubts_until_ms, &was, 0);
}
