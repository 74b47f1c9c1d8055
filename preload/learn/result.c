#include "learn/result.h"

#include "balance/ejection.h"
#include "balance/inflight.h"
#include "balance/own.h"
#include "balance/rotation.h"
#include "balance/trial.h"
#include "balance/walk.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/wakeup.h"
#include "directory/listing.h"
#include "directory/route.h"
#include "directory/service.h"
#include "learn/failure_log.h"
#include "shared/counters.h"
#include "shared/mode.h"

#include <errno.h>

enum {
	OTHERS_TRIED = 2,  /* of a pool, where nobody knows whether any endpoint of it answers */
	CHECK_LEAST_MS = 4 /* a check is silent no earlier */
};

/* Has DNS asked for a service at once, because it may know already that an endpoint is gone. */
static void ask_dns(uint32_t service)
{
	if (service_hurry(service))
		wakeup_hurry();
}

static void note(uint32_t service, uint64_t pool, struct peer peer, uint64_t began_ms, int error)
{
	int saved_errno = errno;
	uint64_t now_ms = clock_ms();

	walk_ended(peer, error);
	if (!error)
		own_answered(peer, now_ms);
	else if (ejection_blames(error))
		own_pass(peer, now_ms); /* where others do not agree, for this process alone */
	if (!error)
		ejection_answered(peer, pool, began_ms, now_ms);
	else if (ejection_failed(peer, pool, error, now_ms))
		ask_dns(service);
	errno = saved_errno;
}

SELDOM void result_note(const struct pick *pick, int error)
{
	if (error)
		counters_failed(service_name_hash(pick->service), pick->target.address,
		                pick->target.port, clock_ms());
	note(pick->service, pick->key, pick->target, pick->picked_ms, error);
}

/* Finds the service of a peer that is to be rotated, and its pool. */
static bool find(struct peer peer, uint32_t *service, uint64_t *pool)
{
	struct route route;

	return route_find(peer.address, &route) && route_pool(&route, service, pool) &&
	       mode_for(service_name_hash(*service)) == MODE_ON;
}

SELDOM void result_note_counted(struct peer peer, uint64_t pool, uint64_t began_ms, int error)
{
	uint64_t own_pool;
	uint32_t service;

	if (!find(peer, &service, &own_pool))
		return;
	note(service, pool ? pool : own_pool, peer, began_ms, error);
}

SELDOM void result_count(struct peer peer, int error)
{
	int saved_errno = errno;
	uint32_t service;
	uint64_t pool;

	if (find(peer, &service, &pool)) {
		counters_failed(service_name_hash(service), peer.address, peer.port, clock_ms());
		counters_rewritten_failed(peer.address, peer.port, error);
		if (log_wants(LOG_INFO))
			failure_log_ended(service, peer, error);
	}
	errno = saved_errno;
}

SELDOM void result_note_peer(struct peer peer, uint64_t pool, uint64_t began_ms, int error)
{
	if (error)
		result_count(peer, error);
	result_note_counted(peer, pool, began_ms, error);
}

SELDOM void result_checked(struct peer peer, uint64_t began_ms, int error)
{
	uint64_t pool = 0, now_ms = clock_ms();
	uint32_t service;
	bool known;

	known = find(peer, &service, &pool);
	/* Silence alone ejects nobody (ejection_silent). */
	if (error == ETIMEDOUT && !ejection_until(peer, now_ms)) {
		if (ejection_still_silent(peer, now_ms) && known)
			ask_dns(service);
		return;
	}
	if (error) {
		ejection_failed(peer, pool, error, now_ms);
		return;
	}
	own_answered(peer, now_ms);
	ejection_answered(peer, pool, began_ms, now_ms);
}

SELDOM bool result_check_silent(struct peer peer)
{
	uint64_t pool;
	uint32_t service;
	bool again = ejection_check_silent(peer, clock_ms());

	if (!again && ejection_until(peer, clock_ms()) && find(peer, &service, &pool))
		ask_dns(service);
	return again;
}

SELDOM uint64_t result_check_ms(struct peer peer)
{
	uint64_t pool, usual_ms;
	uint32_t service;

	usual_ms = find(peer, &service, &pool) ? rotation_usual_ms(pool, peer.port) : 0;
	return 2 * usual_ms > CHECK_LEAST_MS ? 2 * usual_ms : CHECK_LEAST_MS;
}

/* Has some of the others of a pool tried, because clients that do not say how their connects end
 * have left it unknown whether any of them answers. */
static void try_others(struct peer peer)
{
	struct route route;
	struct peer other = peer;

	for (uint32_t turn = 1; turn <= OTHERS_TRIED; turn++)
		if (route_find(peer.address, &route) && route_other(&route, turn, &other.address) &&
		    !peer_equal(other, peer))
			trial_request(other);
}

SELDOM bool result_pool(struct peer peer, uint64_t *pool)
{
	uint32_t service;

	return find(peer, &service, pool) && rotation_is_known(*pool, peer.port);
}

/* Tells of an attempt at an endpoint that has no answer yet. Returns what came of it: SILENCE_CHECK
 * if the endpoint is doubted from now on; SILENCE_KNOWN if it is not to be rotated. */
static enum silence tell_silent(struct peer peer, uint64_t began_ms)
{
	uint64_t pool, now_ms = clock_ms();
	enum silence silence;
	uint32_t service;

	if (!find(peer, &service, &pool))
		return SILENCE_KNOWN;
	silence = ejection_silent(peer, pool, began_ms, now_ms);
	if (silence == SILENCE_CHECK && trial_is_possible())
		trial_request(peer);
	if (silence == SILENCE_FAILURE && !ejection_until(peer, now_ms) && trial_is_possible())
		try_others(peer);
	if (silence == SILENCE_FAILURE)
		ask_dns(service);
	return silence;
}

/* The refresh thread tells of attempts that this process does not know of, too: those of its
 * siblings, and of strangers, who may connect to other ports of a pod. */
SELDOM void result_silent(struct peer peer, uint64_t began_ms)
{
	uint64_t pool;

	if (result_pool(peer, &pool))
		tell_silent(peer, began_ms);
}

SELDOM uint64_t result_limit_ms(struct peer peer)
{
	uint64_t pool;
	uint32_t service;

	return find(peer, &service, &pool) ? inflight_limit_ms(pool, peer.port) : UINT32_MAX;
}

/* Where clients do not say how their connects end, no answer of another endpoint would come. */
SELDOM void result_trial_silent(struct peer peer, uint64_t began_ms)
{
	if (tell_silent(peer, began_ms) == SILENCE_CHECK)
		try_others(peer);
}

SELDOM void result_still_silent(struct peer peer)
{
	uint64_t pool;
	uint32_t service;

	if (ejection_still_silent(peer, clock_ms()) && find(peer, &service, &pool))
		ask_dns(service);
}

bool result_failure_matters(int error)
{
	return ejection_blames(error) && !directory_is_empty();
}
