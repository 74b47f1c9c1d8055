/* State: a table of the requests under way, each of which has a place. A place is taken and given
 * back by its key, without a lock, because gai_error may be called in a signal handler
 * (SIGEV_SIGNAL). */
#include "lookup/requests.h"

#include "base/attributes.h"
#include "base/process.h"
#include "directory/unseen.h"
#include "lookup/question.h"
#include "lookup/taken.h"
#include "shared/segment.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { REQUESTS = 256 };

/* Keys that are no client's struct: of a place that is free, and of one that somebody works on. */
enum { FREE = 0, BUSY = 1 };

struct request {
	_Atomic uintptr_t key; /* the address of the client's struct */
	bool is_notified;
	struct question_kept question;
};

static struct request requests[REQUESTS];

/* Returns a place that had this key and now is BUSY; NULL if there is none. */
static SELDOM struct request *request_take(uintptr_t key)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		uintptr_t found = key;

		if (atomic_load_explicit(&requests[i].key, memory_order_relaxed) == key &&
		    atomic_compare_exchange_strong(&requests[i].key, &found, BUSY))
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

static SELDOM void request_add(struct gaicb *of, bool is_notified)
{
	struct request *request = request_take((uintptr_t)of);
	struct question question;
	struct question_kept kept;

	/* The client uses its struct again, and has not asked how the first request went. */
	if (request)
		request_free(request);
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
	request->question = kept;
	atomic_store_explicit(&request->key, (uintptr_t)of, memory_order_release);
}

SELDOM void requests_add(struct gaicb *const list[], int count, bool is_notified)
{
	int saved_errno = errno;

	/* taken_list in a signal handler needs both. */
	process_start();
	shared_start();
	for (int i = 0; i < count; i++)
		if (list[i])
			request_add(list[i], is_notified);
	errno = saved_errno;
}

SELDOM void requests_ended(struct gaicb *of, int status, bool in_handler)
{
	struct request *request = status == EAI_INPROGRESS ? NULL : request_take((uintptr_t)of);

	if (!request)
		return;
	if (!status && of->ar_result) {
		struct question question = question_kept(&request->question);

		taken_list(&question, of->ar_result, in_handler);
	}
	request_free(request);
}
