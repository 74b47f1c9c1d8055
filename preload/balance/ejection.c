#include "balance/ejection.h"

#include "balance/evidence.h"
#include "balance/rotation.h"
#include "balance/skips.h"
#include "base/address_set.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/identity.h"
#include "shared/segment.h"

#include <errno.h>

#include "base/poison.h"

enum {
	CHECK_FIRST_MS = 250,  /* from an ejection to its first check; then twice as long, */
	CHECKS_QUICK = 4,      /* so many times, but never longer than LBDNS_EJECT; then */
	DOUBLINGS = 4,         /* LBDNS_EJECT doubled so often: 5 s become more than a minute */
	CALLERS_CHECK = 16,    /* one check of so many is a client's, though the thread could */
	LEASE_MS = 4000,       /* longer than a silent endpoint keeps an attempt */
	SILENT_LEAST_MS = 700, /* from the first silent attempt on: pods stand still for less */
	SILENT_ALL_MS = 2000,  /* where others of the pool are doubted: overload looks like that */
	SILENT_TO_HOLD = 3,    /* checks in a row */
	HELD_MOST_MS = 1000,   /* from the first silent attempt on: until then it is checked */
	CLOCKS_MS = 8,         /* by which two clocks of the kernel's may differ; below any limit */
	SILENT_TO_EJECT = 2    /* attempts in a row */
};

/* ---- Checks */

/* Returns how long after a check, or after the ejection (0 checks), the next one is due. */
static uint64_t check_delay_ms(uint64_t checks, uint64_t key, uint64_t now_ms)
{
	uint64_t delay_ms = (uint64_t)config.eject_ms, quick_ms;

	if (checks < CHECKS_QUICK) {
		quick_ms = (uint64_t)CHECK_FIRST_MS << checks;
		if (quick_ms < delay_ms)
			delay_ms = quick_ms;
	} else {
		checks -= CHECKS_QUICK;
		delay_ms <<= checks < DOUBLINGS ? checks : DOUBLINGS;
	}
	if (delay_ms > EVIDENCE_CHECK_MOST_MS)
		delay_ms = EVIDENCE_CHECK_MOST_MS;
	/* Jitter: not all of them are checked at once. */
	return delay_ms - hash_mix(now_ms ^ key) % (delay_ms / 5 + 1);
}

static void check_later(struct ejection *record, uint64_t now_ms)
{
	uint64_t checks = load_relaxed(&record->checks);

	store_relaxed(&record->check_ms,
	              now_ms + check_delay_ms(checks, load_relaxed(&record->key), now_ms));
}

/* Is it time to check an ejected endpoint? At once, if one other process alone complains of it. */
static bool check_is_due(const struct ejection *record, uint64_t now_ms)
{
	uint64_t by = load_relaxed(&record->by);

	return load_relaxed(&record->check_ms) <= now_ms || (by && by != identity_process());
}

/* Returns true if the caller is to check an ejected endpoint. Others pass over it until the lease
 * ends, whatever becomes of the caller: the next check is due as if this one had failed. */
static bool lease(struct ejection *record, uint64_t now_ms)
{
	uint64_t was = load_relaxed(&record->lease_ms);

	if ((was > now_ms && was <= now_ms + LEASE_MS) || !check_is_due(record, now_ms) ||
	    !swap_relaxed(&record->lease_ms, &was, now_ms + LEASE_MS))
		return false;
	evidence_confirm(record);
	add_relaxed(&record->checks, 1);
	check_later(record, now_ms);
	evidence_doubt(now_ms);
	return true;
}

/* Returns true if the caller's connection is the check. Where the refresh thread can check, one of
 * CALLERS_CHECK is, because a client may reach what that thread cannot. */
static bool is_callers(const struct ejection *record, enum trial trial)
{
	return trial == TRIAL_CALLER ||
	       load_relaxed(&record->checks) % CALLERS_CHECK == CALLERS_CHECK - 1;
}

/* ---- Who is passed over */

/* Returns true if no other endpoint of a record's pool is doubted: then what loses packets is
 * neither the network nor the load of all. */
static bool is_alone(const struct ejection *record, uint64_t now_ms)
{
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++) {
		const struct ejection *other = &shared()->ejections[i];
		struct peer peer;

		if (load_relaxed(&other->key) != load_relaxed(&record->key) &&
		    load_relaxed(&other->pool) == load_relaxed(&record->pool) &&
		    evidence_holds(other, now_ms, &peer) &&
		    peer.port == load_relaxed(&record->port) && !load_relaxed(&other->out_ms))
			return false;
	}
	return true;
}

/* Returns true if another endpoint of its pool has answered since a record's was doubted. */
static bool another_answered(const struct ejection *record)
{
	return rotation_answered_ms(load_relaxed(&record->pool),
	                            (uint32_t)load_relaxed(&record->port)) >
	       load_relaxed(&record->doubt_ms);
}

/* Returns true if a doubted endpoint is passed over because all of its checks were silent. Not
 * where others are doubted too, because what moves to them may be too much for them. */
static bool is_held(const struct ejection *record, uint64_t now_ms)
{
	return load_relaxed(&record->checks) >= SILENT_TO_HOLD &&
	       clock_since(load_relaxed(&record->since_ms), now_ms) < HELD_MOST_MS &&
	       another_answered(record) && is_alone(record, now_ms);
}

/* Finds the ejected endpoint that is tried though it is ejected, because all of them are: the one
 * that failed first, and has rested for the longest. Returns -1 if there is another. */
static int64_t longest_rested(const struct address *endpoints, uint32_t count, uint32_t port,
                              uint64_t now_ms)
{
	uint64_t first_ms = UINT64_MAX;
	int64_t first = -1;
	uint32_t found = 0;

	if (count > SHARED_EJECTIONS)
		return -1;
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++) {
		const struct ejection *record = &shared()->ejections[i];
		struct peer peer;
		int64_t index;

		if (!evidence_holds(record, now_ms, &peer) || peer.port != port ||
		    !load_relaxed(&record->out_ms))
			continue;
		index = address_set_find(endpoints, count, peer.address);
		if (index < 0)
			continue;
		found++;
		if (load_relaxed(&record->noted_ms) < first_ms) {
			first_ms = load_relaxed(&record->noted_ms);
			first = index;
		}
	}
	return found >= count ? first : -1;
}

SELDOM void ejection_skips(const struct address *endpoints, uint32_t count, uint32_t port,
                           uint64_t now_ms, enum trial trial, struct skips *skips)
{
	int64_t last = longest_rested(endpoints, count, port, now_ms);

	skips->count = 0;
	skips->silent = 0;
	skips->probe = -1;
	skips->leased = -1;
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++) {
		struct ejection *record = &shared()->ejections[i];
		struct peer peer;
		int64_t index;
		bool out = load_relaxed(&record->out_ms);

		if (!evidence_holds(record, now_ms, &peer) || peer.port != port)
			continue;
		index = address_set_find(endpoints, count, peer.address);
		if (index < 0 || index == last || skips_has(skips, (uint32_t)index))
			continue;
		if (!out) {
			if (is_held(record, now_ms))
				skips_add(skips, count, (uint32_t)index);
			continue;
		}
		if (trial != TRIAL_NONE && skips->probe < 0 && skips->leased < 0 &&
		    lease(record, now_ms)) {
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

uint64_t ejection_until(struct peer peer, uint64_t now_ms)
{
	const struct ejection *record = evidence_of(peer, now_ms);

	return record && load_relaxed(&record->out_ms) ? load_relaxed(&record->check_ms) : 0;
}

uint64_t ejection_failed_ms(struct peer peer, uint64_t now_ms)
{
	const struct ejection *record = evidence_of(peer, now_ms);

	return record && load_relaxed(&record->out_ms) ? load_relaxed(&record->noted_ms) : 0;
}

/* ---- What is learnt */

bool ejection_is_silent(int error)
{
	return error == ETIMEDOUT || error == EHOSTUNREACH || error == EHOSTDOWN;
}

bool ejection_blames(int error)
{
	return ejection_is_silent(error) || error == ECONNREFUSED;
}

static void eject(struct ejection *record, bool silent, uint64_t now_ms)
{
	store_relaxed(&record->silent, silent);
	store_relaxed(&record->checks, 0);
	check_later(record, now_ms);
	store_relaxed(&record->out_ms, now_ms);
}

SELDOM bool ejection_failed(struct peer peer, uint64_t pool, int error, uint64_t now_ms)
{
	struct ejection *record;
	bool first;

	if (!config.eject_ms || !ejection_blames(error))
		return false;
	record = evidence_get(peer, now_ms);
	if (!record)
		return false;
	first = !load_relaxed(&record->out_ms);
	store_relaxed(&record->noted_ms, now_ms);
	add_relaxed(&record->count, 1);
	evidence_confirm(record);
	if (pool)
		store_relaxed(&record->pool, pool);
	if (first)
		eject(record, ejection_is_silent(error), now_ms);
	else
		store_relaxed(&record->silent, ejection_is_silent(error));
	store_relaxed(&record->lease_ms, 0);
	evidence_doubt(now_ms);
	return first;
}

/* Calls act for each record of a pool on a port. */
static void of_pool(uint64_t pool, uint32_t port, uint64_t now_ms,
                    void (*act)(struct ejection *record, uint64_t now_ms))
{
	for (uint32_t i = 0; pool && i < SHARED_EJECTIONS; i++) {
		struct ejection *record = &shared()->ejections[i];
		struct peer peer;

		if (load_relaxed(&record->pool) == pool && evidence_holds(record, now_ms, &peer) &&
		    peer.port == port)
			act(record, now_ms);
	}
}

/* Has an ejected endpoint checked now, because the others of its pool do not answer either. */
static void check_now(struct ejection *record, uint64_t now_ms)
{
	if (load_relaxed(&record->out_ms))
		store_relaxed(&record->check_ms, now_ms);
}

/* Ejects an endpoint that has been silent often and long enough, if another one of its pool has
 * answered since that was noticed; before, it may have been the endpoint itself that answered. */
static void judge(struct ejection *record, uint64_t now_ms)
{
	uint64_t silent_ms = clock_since(load_relaxed(&record->since_ms), now_ms);

	if (!load_relaxed(&record->out_ms) && load_relaxed(&record->count) >= SILENT_TO_EJECT &&
	    silent_ms >= SILENT_LEAST_MS && another_answered(record) &&
	    (silent_ms >= SILENT_ALL_MS || is_alone(record, now_ms))) {
		eject(record, true, now_ms);
		store_relaxed(&record->lease_ms, 0); /* of the doubt's check */
	}
}

/* Begins to doubt an endpoint. Returns true if the caller has the lease to check it, which is the
 * second attempt where clients make none. */
static bool begin_doubt(struct ejection *record, uint64_t pool, uint64_t began_ms, uint64_t now_ms)
{
	uint64_t none = 0;

	store_relaxed(&record->since_ms, began_ms);
	store_relaxed(&record->doubt_ms, now_ms);
	store_relaxed(&record->pool, pool);
	store_relaxed(&record->noted_ms, now_ms);
	store_relaxed(&record->count, 1);
	store_relaxed(&record->checks, 0);
	evidence_doubt(now_ms);
	return swap_relaxed(&record->lease_ms, &none, now_ms + LEASE_MS);
}

SELDOM enum silence ejection_silent(struct peer peer, uint64_t pool, uint64_t began_ms,
                                    uint64_t now_ms)
{
	struct ejection *record = config.eject_ms ? evidence_get(peer, now_ms) : NULL;
	uint64_t noted_ms;

	if (!record)
		return SILENCE_KNOWN;
	if (!load_relaxed(&record->count))
		return begin_doubt(record, pool, began_ms, now_ms) ? SILENCE_CHECK : SILENCE_KNOWN;
	judge(record, now_ms);
	/* Those that were under way when the last one was counted are of the same moment: they
	 * count once, in whatever process. */
	noted_ms = load_relaxed(&record->noted_ms);
	if (load_relaxed(&record->out_ms) || began_ms + CLOCKS_MS <= noted_ms ||
	    !swap_relaxed(&record->noted_ms, &noted_ms, now_ms))
		return SILENCE_KNOWN;
	evidence_confirm(record);
	evidence_doubt(now_ms);
	add_relaxed(&record->count, 1);
	judge(record, now_ms);
	if (rotation_answered_ms(pool, peer.port) <= load_relaxed(&record->doubt_ms))
		of_pool(pool, peer.port, now_ms, check_now);
	return SILENCE_FAILURE;
}

SELDOM bool ejection_check_silent(struct peer peer, uint64_t now_ms)
{
	struct ejection *record = config.eject_ms ? evidence_of(peer, now_ms) : NULL;
	uint64_t one = 1;

	if (!record || load_relaxed(&record->out_ms))
		return false;
	swap_relaxed(&record->count, &one, SILENT_TO_EJECT);
	add_relaxed(&record->checks, 1);
	evidence_doubt(now_ms);
	judge(record, now_ms);
	return !load_relaxed(&record->out_ms) &&
	       clock_since(load_relaxed(&record->since_ms), now_ms) < HELD_MOST_MS;
}

/* No record is begun here, because an answer may have ended what spoke against the endpoint. */
SELDOM bool ejection_still_silent(struct peer peer, uint64_t now_ms)
{
	struct ejection *record = config.eject_ms ? evidence_of(peer, now_ms) : NULL;

	if (!record || load_relaxed(&record->out_ms))
		return false;
	judge(record, now_ms);
	return load_relaxed(&record->out_ms) != 0;
}

SELDOM bool ejection_speaks(struct peer peer, uint64_t now_ms)
{
	const struct ejection *record = evidence_of(peer, now_ms);

	return record &&
	       (load_relaxed(&record->out_ms) || load_relaxed(&record->count) >= SILENT_TO_EJECT);
}

/* Ends what silence speaks against an endpoint, because another one of its pool that was silent at
 * the same time has answered: it was the network's fault, the load's or this host's. */
static void excuse(struct ejection *record, uint64_t now_ms)
{
	(void)now_ms;
	if (!load_relaxed(&record->out_ms))
		evidence_forget(load_relaxed(&record->key));
}

SELDOM static void answered(struct peer peer, uint64_t pool, uint64_t began_ms, uint64_t now_ms)
{
	uint64_t key = evidence_key(peer);
	const struct ejection *record = evidence_of(peer, now_ms);
	bool was_silent = record && load_relaxed(&record->count) >= SILENT_TO_EJECT &&
	                  !load_relaxed(&record->out_ms) &&
	                  clock_since(load_relaxed(&record->since_ms), now_ms) >= SILENT_LEAST_MS;
	bool was_doubted = evidence_forget(key);

	if (pool) {
		rotation_note_answered(pool, peer.port, began_ms, now_ms);
		of_pool(pool, peer.port, now_ms, was_silent ? excuse : judge);
	}
	if (was_doubted)
		evidence_settle(now_ms);
}

void ejection_answered(struct peer peer, uint64_t pool, uint64_t began_ms, uint64_t now_ms)
{
	if (ejection_any(now_ms))
		answered(peer, pool, began_ms, now_ms);
}
