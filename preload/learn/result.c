#include "learn/result.h"

#include "balance/ejection.h"
#include "balance/own.h"
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

SELDOM void result_note(uint32_t service, struct peer peer, int error)
{
	int saved_errno = errno;
	uint64_t now_ms = clock_ms();

	if (error)
		counters_failed(service_name_hash(service), peer.address, peer.port, now_ms);
	if (!error)
		own_answered(peer, now_ms);
	if (!error)
		ejection_answered(peer, now_ms);
	else if (ejection_failed(peer, error, now_ms) && service_hurry(service))
		wakeup_hurry();
	errno = saved_errno;
}

SELDOM void result_note_peer(struct peer peer, int error)
{
	struct route route;
	uint32_t service;

	if (!route_find(peer.address, &route) || !route_service(&route, &service) ||
	    mode_for(service_name_hash(service)) != MODE_ON)
		return;
	result_note(service, peer, error);
	if (error)
		counters_rewritten_failed(peer.address, peer.port, error);
	if (error && log_wants(LOG_INFO))
		failure_log_ended(service, peer, error);
}

bool result_failure_matters(int error)
{
	return ejection_blames(error) && !directory_is_empty();
}
