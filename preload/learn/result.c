#include "learn/result.h"

#include "base/clock.h"
#include "shared/counters.h"
#include "directory/directory.h"
#include "balance/ejection.h"
#include "connection/report.h"
#include "base/log.h"
#include "shared/mode.h"
#include "balance/inflight.h"
#include "refresh/thread.h"

#include <errno.h>

void outcome_note(uint32_t service, struct address address, uint32_t port, int error)
{
	int saved_errno = errno;
	uint64_t now_ms = clock_ms();

	if (error)
		counters_failed(directory_hash(service), address, port, now_ms);
	if (!error)
		health_succeeded(address, port, now_ms);
	else if (health_failed(address, port, error, now_ms) && directory_hurry(service))
		refresher_hurry();
	errno = saved_errno;
}

void outcome_note_peer(struct address address, uint32_t port, int error)
{
	struct directory_route route;
	uint32_t service;

	if (!directory_route(address, &route) || !directory_service(&route, &service) ||
	    mode_for(directory_hash(service)) != MODE_ON)
		return;
	outcome_note(service, address, port, error);
	if (error)
		counters_recent_failed(address, port, error);
	if (error && log_wants(LOG_INFO))
		connect_log_told(service, address, (uint16_t)port, error);
}

bool outcome_failure_matters(int error)
{
	return health_blames(error) && !directory_is_empty();
}

uint64_t outcome_watch(uint64_t now_ms)
{
	uint64_t next_ms = UINT64_MAX;
	struct address address;
	uint32_t at = 0, port;

	while (pending_silent(&at, now_ms, &next_ms, &address, &port))
		outcome_note_peer(address, port, ETIMEDOUT);
	return next_ms;
}
