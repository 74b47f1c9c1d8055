#include "learn/failure_log.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "base/name.h"
#include "base/text.h"
#include "directory/service.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { FAILURE_EVERY_MS = 1000 };

/* Not strerrorname_np(3), because it is younger than some of the libcs that we run on. */
const char *failure_log_text(int error, char number[21])
{
	static const struct {
		int error;
		char text[16];
	} known[] = {
		{0, "connected"},
		{EINPROGRESS, "in progress"},
		{ECONNREFUSED, "ECONNREFUSED"},
		{ETIMEDOUT, "ETIMEDOUT"},
		{EHOSTUNREACH, "EHOSTUNREACH"},
		{ENETUNREACH, "ENETUNREACH"},
		{EHOSTDOWN, "EHOSTDOWN"},
		{ECONNRESET, "ECONNRESET"},
		{EADDRNOTAVAIL, "EADDRNOTAVAIL"},
		{EACCES, "EACCES"},
		{EPERM, "EPERM"},
		{EINTR, "EINTR"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].error == error)
			return known[i].text;
	return text_number((uint64_t)error, number);
}

uint64_t failure_log_count(void)
{
	static _Atomic uint64_t last_ms, unreported;
	uint64_t now_ms = clock_ms(), before_ms = atomic_load(&last_ms);

	atomic_fetch_add(&unreported, 1);
	if ((before_ms && clock_since(before_ms, now_ms) < FAILURE_EVERY_MS) ||
	    !atomic_compare_exchange_strong(&last_ms, &before_ms, now_ms))
		return 0;
	return atomic_exchange(&unreported, 0);
}

void failure_log_ended(uint32_t service, struct peer target, int error)
{
	char to[ADDRESS_TEXT_SIZE], port[21], number[21], more[21];
	uint64_t count = log_wants(LOG_DEBUG) ? 1 : failure_log_count();
	struct name_text name;

	if (!count)
		return;
	service_name(service, &name);
	log_line(LOG_INFO, name.text, ": connect to ", address_text(target.address, to), " port ",
	         text_number(target.port & UINT16_MAX, port),
	         " ended: ", failure_log_text(error, number), count > 1 ? FAILURE_LOG_SINCE : "",
	         count > 1 ? text_number(count, more) : "", NULL);
}
