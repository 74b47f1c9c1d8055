/* What a client asks of getaddrinfo, as libc reads its arguments. Not in a signal handler, unless
 * said otherwise. */
#ifndef LBDNS_LOOKUP_QUESTION_H
#define LBDNS_LOOKUP_QUESTION_H

#include "base/address.h"
#include "base/config.h"
#include "base/name.h"

#include <netdb.h>
#include <stdbool.h>

/* One call of getaddrinfo(3), valid as long as its arguments are. */
struct question {
	const char *node, *service;
	const struct addrinfo *hints;
	int flags;            /* ai_flags, or what libc takes for them where there are no hints */
	unsigned families;    /* that the client accepts, as FAMILY_BITs; never 0 */
	bool wants_canonical; /* the list is to have the canonical name */
};

/* Reads the arguments of a call. Returns false if lbdns has nothing to do with it, because it is
 * off, there is no node, or ai_family is neither IPv4 nor IPv6. */
bool question_read(struct question *question, const char *node, const char *service,
                   const struct addrinfo *hints);

/* Writes the node as a name. Returns false if libc does not look it up as a name of DNS. Any signal
 * handler. */
bool question_name(const struct question *question, struct name_text *name);

/* Returns libc's list for one numeric address of a family, which differs from the answer to the
 * question in the address alone; NULL if libc leaves this family out, or refuses the service. The
 * caller frees it by libc's freeaddrinfo. errno may change. */
struct addrinfo *question_template(const struct question *question, enum family family);

/* Returns those of some families that libc looks for, because AI_ADDRCONFIG leaves a family out
 * that no interface has. errno may change. */
unsigned question_sought(const struct question *question, unsigned families);

/* A question that outlives the arguments of its call. */
struct question_kept {
	char node[CONFIG_NAME_SIZE];
	int flags;
	unsigned families; /* that libc looks for */
	bool wants_canonical;
};

/* Keeps a question. errno may change. */
void question_keep(const struct question *question, struct question_kept *kept);

/* Returns the question that was kept. It has neither service nor hints, and so no template; all of
 * its families are sought. Valid as long as *kept is. Any signal handler. */
struct question question_kept(const struct question_kept *kept);

#endif
