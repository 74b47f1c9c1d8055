/* Answers of libc's on their way to the client: learned, or claimed where they are of no managed
 * name, and the addresses of a managed name put in order. errno is kept. */
#ifndef LBDNS_LOOKUP_TAKEN_H
#define LBDNS_LOOKUP_TAKEN_H

#include "lookup/question.h"

#include <netdb.h>
#include <stdbool.h>

/* Takes in libc's answer to a question, which is not NULL. In a signal handler, or where it is not
 * known to be none, in_handler is to be true, and process_start and shared_start are to have been
 * called before: no thread is started then. */
void taken_list(const struct question *question, struct addrinfo *list, bool in_handler);

/* Takes in libc's answer to gethostbyname or one of its relatives; host may be NULL. Not in a
 * signal handler. */
void taken_host(const char *node, struct hostent *host);

#endif
