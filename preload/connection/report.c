#include "connection/report.h"

#include "balance/pick.h"
#include "base/attributes.h"
#include "base/reason.h"
#include "base/address.h"
#include "base/config.h"
#include "base/log.h"
#include "base/name.h"
#include "base/text.h"
#include "directory/service.h"
#include "learn/failure_log.h"
#include "shared/counters.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/poison.h"

enum { SHOWN = 4 };

SELDOM void report_unwatched(const struct connection *c)
{
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], at[21];
	const struct pick *pick = &c->pick;
	const char *how = pick->mode == MODE_OBSERVE ? " (observed) port " : " port ";
	bool none = pick->kind == PICK_LEAVE;
	struct name_text name;

	service_name(pick->service, &name);
	log_line(LOG_DEBUG, name.text, ": connect ", address_text(c->asked.address, from), " -> ",
	         address_text(pick->target.address, to), none ? " (untouched) port " : how,
	         text_number(c->asked.port & UINT16_MAX, at), none ? ": " : "",
	         none ? leave_reason_text(pick->why) : "", NULL);
}

SELDOM void report_ended(const struct connection *c, const struct address *failed,
                         unsigned failed_count, int error)
{
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], at[21], number[21], more[21];
	char tried[SHOWN * (ADDRESS_TEXT_SIZE + 2)] = "";
	bool failure = error && error != EINPROGRESS;
	uint64_t told = failure && !log_wants(LOG_DEBUG) ? failure_log_count() : 0;
	struct name_text name;

	if (!log_wants(LOG_DEBUG) && !told)
		return;
	for (unsigned i = 0; i < failed_count && i < SHOWN; i++) {
		strcat(tried, i ? ", " : " after ");
		address_text(failed[i], tried + strlen(tried));
	}
	service_name(c->pick.service, &name);
	log_line(failure ? LOG_INFO : LOG_DEBUG, name.text, ": connect ",
	         address_text(c->asked.address, from), " -> ",
	         address_text(c->pick.target.address, to), " port ",
	         text_number(c->asked.port & UINT16_MAX, at), tried, ": ",
	         failure_log_text(error, number), told > 1 ? FAILURE_LOG_SINCE : "",
	         told > 1 ? text_number(told, more) : "", NULL);
}
