#include "hooks/hook.h"
#include "base/libc.h"
#include "lookup/from_snapshot.h"
#include "lookup/question.h"
#include "lookup/taken.h"

/* Returns what is known where libc failed, NULL if its error is to stand. */
static struct addrinfo *known_after(const struct question *question, int error)
{
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
	int error;

	if (!question_read(&question, node, service, hints))
		return libc()->getaddrinfo(node, service, hints, list);
	known = from_snapshot(&question, LIBC_NOTHING);
	if (known) {
		*list = known;
		return 0;
	}
	error = libc()->getaddrinfo(node, service, hints, list);
	if (!error) {
		taken_list(&question, *list, false);
		return 0;
	}
	known = known_after(&question, error);
	if (!known)
		return error;
	*list = known;
	return 0;
}
