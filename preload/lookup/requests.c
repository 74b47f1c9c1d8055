/* State: a table of the requests under way, each of which has a place, and one of the calls that
 * end in a thread. A place is taken and given back by its key, without a lock, because gai_error
 * may be called in a signal handler (SIGEV_SIGNAL). */
#include "lookup/requests.h"

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/libc.h"
#include "base/process.h"
#include "directory/unseen.h"
#include "lookup/question.h"
#include "lookup/taken.h"
#include "shared/segment.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REQUESTS = 256,
	NOTICES = 64,
	/* Longer than it takes: who has a place for longer has left by siglongjmp, or is a thread
	 * of the parent's. */
	BUSY_MOST_MS = 1000
};

/* In keys: of a place that is free, and the bit of one that somebody works on. */
enum { FREE = 0, BUSY = 1 };

/* What the client wants to have called (SIGEV_THREAD), while libc is to call on_notified. */
struct notice {
	atomic_bool is_taken;
	void (*function)(union sigval);
	union sigval value;
};

static struct notice notices[NOTICES];

struct request {
	_Atomic uintptr_t key; /* the address of the client's struct */
	bool is_notified;
	_Atomic uint64_t busy_ms;        /* since when somebody works on it (clock_ms) */
	_Atomic uintptr_t worker;        /* and in which thread, as the address of its errno */
	_Atomic(struct notice *) notice; /* of its call; NULL: it has none */
	struct question_kept question;
};

static struct request requests[REQUESTS];

/* Makes a place with this key BUSY; returns false if somebody else was faster. */
static SELDOM bool request_hold(struct request *request, uintptr_t key)
{
	store_relaxed(&request->busy_ms, clock_ms());
	if (!atomic_compare_exchange_strong(&request->key, &key, key | BUSY))
		return false;
	store_relaxed(&request->worker, (uintptr_t)&errno);
	return true;
}

/* Returns a place that had this key, and now is BUSY too; NULL if there is none. */
static SELDOM struct request *request_take(uintptr_t key)
{
	for (size_t i = 0; i < REQUESTS; i++)
		if (load_relaxed(&requests[i].key) == key && request_hold(&requests[i], key))
			return &requests[i];
	return NULL;
}

static void request_free(struct request *request)
{
	if (request->is_notified)
		unseen_end();
	request->is_notified = false;
	store_relaxed(&request->worker, 0);
	atomic_store_explicit(&request->key, FREE, memory_order_release);
}

static void forget_busy(uintptr_t key)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		uintptr_t found = key | BUSY;

		if (load_relaxed(&requests[i].key) == found)
			atomic_compare_exchange_strong(&requests[i].key, &found, BUSY);
	}
}

static SELDOM void request_add(struct gaicb *of, bool is_notified, struct notice *notice)
{
	struct request *request = request_take((uintptr_t)of);
	struct question question;
	struct question_kept kept;

	/* The client uses its struct again, and has not asked how the first request went. */
	if (request)
		request_free(request);
	/* Or whoever took that in has never ended: the place is lost, but not the struct. */
	forget_busy((uintptr_t)of);
	if (!question_read(&question, of->ar_name, of->ar_service, of->ar_request))
		return;
	question_keep(&question, &kept);
	request = request_take(FREE);
	/* The answer to a request that finds no place stays unseen for ever. */
	if (is_notified || !request)
		unseen_begin();
	if (!request)
		return;
	request->is_notified = is_notified;
	atomic_store_explicit(&request->notice, notice, memory_order_relaxed);
	request->question = kept;
	store_relaxed(&request->worker, 0);
	atomic_store_explicit(&request->key, (uintptr_t)of, memory_order_release);
}

/* Ends a request, whose place is BUSY, that has a status. */
static SELDOM void end(struct request *request, const struct gaicb *of, int status, bool in_handler)
{
	if (!status && of->ar_result) {
		struct question question = question_kept(&request->question);

		taken_list(&question, of->ar_result, in_handler);
	}
	request_free(request);
}

bool requests_are_taken_in(const struct gaicb *of)
{
	for (size_t i = 0; i < REQUESTS; i++)
		/* Pairs with request_free. */
		if (atomic_load_explicit(&requests[i].key, memory_order_acquire) ==
		            ((uintptr_t)of | BUSY) &&
		    load_relaxed(&requests[i].worker) != (uintptr_t)&errno &&
		    clock_since(load_relaxed(&requests[i].busy_ms), clock_ms()) < BUSY_MOST_MS)
			return true;
	return false;
}

/* Takes in the answers to the requests of a call, in a thread that libc has started because there
 * are all of them, and then does what the client wants of that thread. */
static SELDOM void on_notified(union sigval value)
{
	struct notice *notice = value.sival_ptr;
	void (*function)(union sigval) = notice->function;
	union sigval wanted = notice->value;

	for (size_t i = 0; i < REQUESTS; i++) {
		uintptr_t key = atomic_load_explicit(&requests[i].key, memory_order_acquire);
		struct gaicb *of = (struct gaicb *)key; // NOLINT(performance-no-int-to-ptr)

		if (key == FREE || key & BUSY || load_relaxed(&requests[i].notice) != notice)
			continue;
		/* From here on the client, if it asks too, is told that it is under way. */
		if (request_hold(&requests[i], key))
			end(&requests[i], of, libc_async()->gai_error(of), false);
	}
	atomic_store(&notice->is_taken, false);
	function(wanted);
}

/* Has libc call on_notified for an event. Returns the notice of it; NULL: the event is none of a
 * thread, or there is no place. */
static SELDOM struct notice *notice_put(struct sigevent *event)
{
	if (!event || event->sigev_notify != SIGEV_THREAD)
		return NULL;
	for (size_t i = 0; i < NOTICES; i++) {
		struct notice *notice = &notices[i];

		if (atomic_exchange(&notice->is_taken, true))
			continue;
		notice->function = event->sigev_notify_function;
		notice->value = event->sigev_value;
		event->sigev_notify_function = on_notified;
		event->sigev_value.sival_ptr = notice;
		return notice;
	}
	return NULL;
}

SELDOM void requests_add(struct gaicb *const list[], int count, struct sigevent *event)
{
	bool is_notified = event && event->sigev_notify != SIGEV_NONE;
	struct notice *notice = notice_put(event);
	int saved_errno = errno;

	/* taken_list in a signal handler needs both. */
	process_start();
	shared_start();
	for (int i = 0; i < count; i++)
		if (list[i])
			request_add(list[i], is_notified, notice);
	errno = saved_errno;
}

SELDOM void requests_ended(struct gaicb *of, int status, bool in_handler)
{
	struct request *request = status == EAI_INPROGRESS ? NULL : request_take((uintptr_t)of);

	if (request)
		end(request, of, status, in_handler);
}
