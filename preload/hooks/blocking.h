/* Whether the client's sockets block. Nothing but fcntl(2) tells, a client mostly goes on as it
 * has, and a wrong guess shows in how connect(2) ends. Any thread, any signal handler; errno is
 * kept. */
#ifndef LBDNS_BLOCKING_H
#define LBDNS_BLOCKING_H

#include <stdbool.h>

enum blocking {
	BLOCKING_NO,
	BLOCKING_YES,
	BLOCKING_TRUSTED_NOT /* nobody asked: blocking_trusted wants to know how it ended */
};

/* As the last one that blocked, as far as anybody knows: a socket that does not block, taken for
 * one that does, costs system calls and nothing else. The other way round it could cost minutes at
 * a silent endpoint, so sockets are trusted not to block only after many in a row that did not, and
 * one at a time. */
enum blocking blocking_guess(int fd);

/* Did the last socket not block? False if none was seen. */
bool blocking_is_unlikely(void);

/* A connect on trust has returned, with 0 or an errno. */
void blocking_trusted(int fd, int error);

/* Asks, and remembers. */
bool blocking_ask(int fd);

#endif
