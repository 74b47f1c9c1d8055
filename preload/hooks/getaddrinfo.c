#include "hooks/hook.h"
#include "base/clock.h"
#include "base/libc.h"
#include "lookup/from_snapshot.h"
#include "lookup/question.h"
#include "lookup/taken.h"

/* libc waits at least so long for an answer before it asks again (resolv.conf(5), "timeout:n"). */
enum { QUESTION_LOST_MS = 1000 };

/* Returns what is known where libc failed with an error, after so long; NULL if that is to stand.
 * glibc says EAI_NONAME too where an answer did not come and then there was no name of another
 * domain of the search list, or no bare one (__res_context_search in glibc's res_query.c). */
static struct addrinfo *known_after(const struct question *question, int error, uint64_t took_ms)
{
	if (error == EAI_NONAME && took_ms >= QUESTION_LOST_MS)
		return from_snapshot(question, LIBC_LATE);
	if (error == EAI_AGAIN || error == EAI_FAIL)
		return from_snapshot(question, LIBC_FAILED);
	if (error == EAI_MEMORY || error == EAI_SYSTEM)
		return from_snapshot(question, LIBC_UNABLE);
	return NULL;
}

HOOK int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                     struct addrinfo **list)
{
	struct question question;
	struct addrinfo *known;
	uint64_t began_ms;
	int error;

	if (!question_read(&question, node, service, hints))
		return libc()->getaddrinfo(node, service, hints, list);
	known = from_snapshot(&question, LIBC_NOTHING);
	if (known) {
		*list = known;
		return 0;
	}
	began_ms = clock_ms();
	error = libc()->getaddrinfo(node, service, hints, list);
	if (!error) {
		taken_list(&question, *list, false);
		return 0;
	}
	known = known_after(&question, error, clock_since(began_ms, clock_ms()));
	if (!known)
		return error;
	*list = known;
	return 0;
}
