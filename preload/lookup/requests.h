/* Requests of getaddrinfo_a(3) that libc has not answered yet. libc looks up in threads of its own,
 * since glibc 2.34 without coming through our getaddrinfo, and writes its answer into the client's
 * struct gaicb. The answer is taken in where the client asks how its request went, because before
 * that it is not defined (gai_error(3)). */
#ifndef LBDNS_LOOKUP_REQUESTS_H
#define LBDNS_LOOKUP_REQUESTS_H

#include <netdb.h>
#include <signal.h>
#include <stdbool.h>

/* Keeps the questions of a call with GAI_NOWAIT; elements of list may be NULL. event says how libc
 * tells the client that they are answered (NULL: not at all), and is what libc is to be given
 * afterwards: where it is a thread that calls a function (SIGEV_THREAD), that takes the answers in
 * first. A client that is told by a signal may read them without asking us: until they are taken in
 * no connection is rewritten (unseen_any). Call it before libc gets the requests. Not in a signal
 * handler; errno is kept. */
void requests_add(struct gaicb *const list[], int count, struct sigevent *event);

/* Ends a request that has a status of gai_error(3), and takes in its answer if it has one; does
 * nothing for EAI_INPROGRESS or an unknown request. In a signal handler, or where it is not known
 * to be none, in_handler is to be true. errno is kept. */
void requests_ended(struct gaicb *of, int status, bool in_handler);

/* Returns true while another thread, or the one that this is a signal handler of, takes in the
 * answer to a request: until it has, the answer is not to be read. Any thread, any signal handler.
 */
bool requests_are_taken_in(const struct gaicb *of);

#endif
