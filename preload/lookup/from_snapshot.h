/* The answer to a lookup from what the directory knows, without libc. Not in a signal handler. */
#ifndef LBDNS_LOOKUP_FROM_SNAPSHOT_H
#define LBDNS_LOOKUP_FROM_SNAPSHOT_H

#include "lookup/question.h"

#include <netdb.h>

enum libc_says {
	LIBC_NOTHING, /* it was not asked yet */
	LIBC_FAILED,  /* it could not find out: EAI_AGAIN, EAI_FAIL */
	LIBC_LATE,    /* there is none, after a time in which it has lost a question */
	LIBC_UNABLE   /* it could not ask, for want of memory or descriptors: EAI_MEMORY, EAI_SYSTEM */
};

/* Returns the list that libc would give for a question, with the endpoint that has the next turn
 * first in each family. The client frees it by freeaddrinfo. Returns NULL if libc is to be asked,
 * or its failure to stand:
 *   - the name is not managed, or lbdns mode says that it is not to be rotated;
 *   - a family that libc would look for is not known, or the last answer is too old;
 *   - no refresh of such a family has succeeded yet, or one has failed since, but by silence; where
 *     libc has failed too, the last good answer of DNS will do, and where it could not ask, which
 *     says nothing of the name, whatever is fresh;
 *   - it is 30 s since libc last said the same, or a file that it goes by has changed since; unless
 *     libc has failed, or was late;
 *   - a flag or the canonical name asks for what the directory does not have;
 *   - there is no memory.
 * A cancellation point if the node is a name, as libc's lookups are. errno is kept. */
struct addrinfo *from_snapshot(const struct question *question, enum libc_says libc_says);

#endif
