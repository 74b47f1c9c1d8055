#include "connection/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/reason.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { FAILURE_EVERY_MS = 1000, SHOWN = 4 };

static const char SINCE[] = ", failures since the last such line: ";

/* strerrorname_np(3) is younger than some of the libcs we run on. */
static const char *error_text(int error, char number[21])
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
	return log_number((uint64_t)error, number);
}

/* How many failures there were since the last line; 0: not now. */
static uint64_t failures_to_tell(void)
{
	static _Atomic uint64_t last_ms, untold;
	uint64_t now_ms = clock_ms(), was = atomic_load(&last_ms);

	atomic_fetch_add(&untold, 1);
	if ((was && clock_since(was, now_ms) < FAILURE_EVERY_MS) ||
	    !atomic_compare_exchange_strong(&last_ms, &was, now_ms))
		return 0;
	return atomic_exchange(&untold, 0);
}

void connect_log_plain(const struct directory_picked *picked, struct address asked, uint16_t port)
{
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], at[21];
	const char *how = picked->mode == MODE_OBSERVE ? " (observed) port " : " port ";
	bool none = picked->what == PICK_NONE;
	struct name_text name;

	directory_name(picked->service, &name);
	log_line(LOG_DEBUG, name.text, ": connect ", address_text(asked, from), " -> ",
	         address_text(picked->target, to), none ? " (untouched) port " : how,
	         log_number(port, at), none ? ": " : "", none ? leave_reason_text(picked->why) : "",
	         NULL);
}

void connect_log_ended(const struct directory_picked *picked, struct address asked, uint16_t port,
                       const struct address *failed, unsigned failed_count, int error)
{
	char from[ADDRESS_TEXT_SIZE], to[ADDRESS_TEXT_SIZE], at[21], number[21], more[21];
	char tried[SHOWN * (ADDRESS_TEXT_SIZE + 2)] = "";
	bool failure = error && error != EINPROGRESS;
	uint64_t told = failure && !log_wants(LOG_DEBUG) ? failures_to_tell() : 0;
	struct name_text name;

	if (!log_wants(LOG_DEBUG) && !told)
		return;
	for (unsigned i = 0; i < failed_count && i < SHOWN; i++) {
		strcat(tried, i ? ", " : " after ");
		address_text(failed[i], tried + strlen(tried));
	}
	directory_name(picked->service, &name);
	log_line(failure ? LOG_INFO : LOG_DEBUG, name.text, ": connect ", address_text(asked, from),
	         " -> ", address_text(picked->target, to), " port ", log_number(port, at), tried,
	         ": ", error_text(error, number), told > 1 ? SINCE : "",
	         told > 1 ? log_number(told, more) : "", NULL);
}

void connect_log_told(uint32_t service, struct address target, uint16_t port, int error)
{
	char to[ADDRESS_TEXT_SIZE], at[21], number[21], more[21];
	uint64_t told = log_wants(LOG_DEBUG) ? 1 : failures_to_tell();
	struct name_text name;

	if (!told)
		return;
	directory_name(service, &name);
	log_line(LOG_INFO, name.text, ": connect to ", address_text(target, to), " port ",
	         log_number(port, at), " ended: ", error_text(error, number), told > 1 ? SINCE : "",
	         told > 1 ? log_number(told, more) : "", NULL);
}
