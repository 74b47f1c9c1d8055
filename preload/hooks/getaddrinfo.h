/* What a client asked for, kept for an answer that comes when its own arguments may be gone. */
#ifndef LBDNS_HOOKS_GETADDRINFO_H
#define LBDNS_HOOKS_GETADDRINFO_H

#include "base/config.h"

#include <netdb.h>
#include <stdbool.h>

struct question {
	char node[CONFIG_NAME_SIZE];
	int flags;
	unsigned families; /* that libc looks for */
	bool wants_canonical;
};

/* False if we have nothing to do with the answer. Not in a signal handler. */
bool question_ask(struct question *question, const char *node, const char *service,
                  const struct addrinfo *hints);

/* Takes in libc's answer, which is not NULL, and puts it in order. In a signal handler, or where
 * that is not known, in_handler is to be true and process_start and shared_start are to have been
 * called: no thread is started then. */
void question_answered(const struct question *question, struct addrinfo *list, bool in_handler);

#endif
