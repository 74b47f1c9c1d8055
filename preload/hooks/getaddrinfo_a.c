/* getaddrinfo_a(3) and its relatives. What libc is given, and when it tells the client, is the
 * client's own affair: lbdns takes in the answers (lookup/requests.h). */
#include "hooks/hook.h"
#include "base/attributes.h"
#include "base/config.h"
#include "base/futex.h"
#include "base/libc.h"
#include "lookup/question.h"
#include "lookup/requests.h"
#include "lookup/taken.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdint.h>

static int absent(void)
{
	errno = ENOSYS;
	return EAI_SYSTEM;
}

static int look_up_and_wait(struct gaicb *list[], int count, struct sigevent *event)
{
	const struct libc_async *libc = libc_async();
	int error = libc->getaddrinfo_a(GAI_WAIT, list, count, event);
	int saved_errno = errno;

	for (int i = 0; i < count; i++) {
		struct question question;

		if (list[i] && !libc->gai_error(list[i]) && list[i]->ar_result &&
		    question_read(&question, list[i]->ar_name, list[i]->ar_service,
		                  list[i]->ar_request))
			taken_list(&question, list[i]->ar_result, false);
	}
	errno = saved_errno;
	return error;
}

HOOK SELDOM int getaddrinfo_a(int mode, struct gaicb *list[], int count, struct sigevent *event)
{
	const struct libc_async *libc = libc_async();
	struct sigevent given;

	if (!libc)
		return absent();
	if (config.mode == MODE_OFF || libc_async_looks_up_here())
		return libc->getaddrinfo_a(mode, list, count, event);
	if (mode == GAI_WAIT)
		return look_up_and_wait(list, count, event);
	if (event) {
		given = *event;
		event = &given;
	}
	if (mode == GAI_NOWAIT)
		requests_add(list, count, event);
	return libc->getaddrinfo_a(mode, list, count, event);
}

HOOK SELDOM int gai_error(struct gaicb *request)
{
	const struct libc_async *libc = libc_async();
	int status;

	if (!libc)
		return absent();
	if (requests_are_taken_in(request))
		return EAI_INPROGRESS;
	status = libc->gai_error(request);
	requests_ended(request, status, true);
	return requests_are_taken_in(request) ? EAI_INPROGRESS : status;
}

HOOK SELDOM int gai_suspend(const struct gaicb *const list[], int count,
                            const struct timespec *timeout)
{
	const struct libc_async *libc = libc_async();
	int status, saved_errno;

	if (!libc)
		return absent();
	status = libc->gai_suspend(list, count, timeout);
	saved_errno = errno;
	for (int i = 0; i < count; i++) {
		struct gaicb *request = (struct gaicb *)(uintptr_t)list[i];

		if (!request)
			continue;
		requests_ended(request, libc->gai_error(request), false);
		while (requests_are_taken_in(request))
			futex_sleep(1);
	}
	errno = saved_errno;
	return status;
}

HOOK SELDOM int gai_cancel(struct gaicb *request)
{
	const struct libc_async *libc = libc_async();
	int status;

	if (!libc)
		return absent();
	if (requests_are_taken_in(request))
		return EAI_NOTCANCELED;
	status = libc->gai_cancel(request);
	if (status == EAI_CANCELED)
		requests_ended(request, status, true);
	else if (status == EAI_ALLDONE)
		requests_ended(request, libc->gai_error(request), true);
	return requests_are_taken_in(request) ? EAI_NOTCANCELED : status;
}
