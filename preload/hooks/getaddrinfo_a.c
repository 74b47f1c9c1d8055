/* getaddrinfo_a(3) and its relatives. libc looks up in threads of its own, since glibc 2.34 without
 * coming through our getaddrinfo, and writes its answer into the client's struct. It is taken in,
 * and put in order, where the client asks how its request went: before that the answer is not
 * defined (gai_error(3)).
 *
 * State: the requests under way, each a place in a table that is taken and given back by its key.
 * What libc is given, and when it tells the client, is the client's own affair. gai_error may be
 * called in a signal handler (SIGEV_SIGNAL), so that nothing here locks or allocates. */
#include "hooks/hook.h"
#include "directory/unseen.h"

#include "base/attributes.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/process.h"
#include "hooks/getaddrinfo.h"
#include "shared/segment.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUESTS = 256 };

/* Keys that are no client's struct. */
enum { FREE = 0, BUSY = 1 };

struct request {
	_Atomic uintptr_t key;
	bool is_notified;
	struct question question;
};

static struct request requests[REQUESTS];

static struct request *request_take(uintptr_t key)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		uintptr_t was = key;

		if (atomic_load_explicit(&requests[i].key, memory_order_relaxed) == key &&
		    atomic_compare_exchange_strong(&requests[i].key, &was, BUSY))
			return &requests[i];
	}
	return NULL;
}

static void request_free(struct request *request)
{
	if (request->is_notified)
		unseen_end();
	request->is_notified = false;
	atomic_store_explicit(&request->key, FREE, memory_order_release);
}

static void request_add(struct gaicb *of, bool is_notified)
{
	struct request *request = request_take((uintptr_t)of);
	struct question question;

	if (request) /* used again, and never asked about */
		request_free(request);
	if (!question_ask(&question, of->ar_name, of->ar_service, of->ar_request))
		return;
	request = request_take(FREE);
	if (is_notified || !request)
		unseen_begin();
	if (!request)
		return;
	request->is_notified = is_notified;
	request->question = question;
	atomic_store_explicit(&request->key, (uintptr_t)of, memory_order_release);
}

/* The client may have been told that this request is done. */
static void request_done(struct gaicb *of, int status, bool in_handler)
{
	struct request *request = status == EAI_INPROGRESS ? NULL : request_take((uintptr_t)of);

	if (!request)
		return;
	if (!status && of->ar_result)
		question_answered(&request->question, of->ar_result, in_handler);
	request_free(request);
}

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
		    question_ask(&question, list[i]->ar_name, list[i]->ar_service,
		                 list[i]->ar_request))
			question_answered(&question, list[i]->ar_result, false);
	}
	errno = saved_errno;
	return error;
}

HOOK SELDOM int getaddrinfo_a(int mode, struct gaicb *list[], int count, struct sigevent *event)
{
	const struct libc_async *libc = libc_async();
	int saved_errno = errno;

	if (!libc)
		return absent();
	if (config.mode == MODE_OFF || libc_async_looks_up_here())
		return libc->getaddrinfo_a(mode, list, count, event);
	if (mode == GAI_WAIT)
		return look_up_and_wait(list, count, event);
	if (mode == GAI_NOWAIT) {
		/* Now, for the sake of gai_error. */
		process_start();
		shared_start();
		for (int i = 0; i < count; i++)
			if (list[i])
				request_add(list[i], event && event->sigev_notify != SIGEV_NONE);
	}
	errno = saved_errno;
	return libc->getaddrinfo_a(mode, list, count, event);
}

HOOK SELDOM int gai_error(struct gaicb *request)
{
	const struct libc_async *libc = libc_async();
	int status;

	if (!libc)
		return absent();
	status = libc->gai_error(request);
	request_done(request, status, true);
	return status;
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

		if (request)
			request_done(request, libc->gai_error(request), false);
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
	status = libc->gai_cancel(request);
	if (status == EAI_CANCELED)
		request_done(request, status, true);
	return status;
}
