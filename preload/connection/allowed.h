/* How long a client that blocks lets its connection try: one attempt would have taken no longer
 * than SO_SNDTIMEO, TCP_USER_TIMEOUT or TCP_SYNCNT of the socket allow (socket(7), tcp(7)), and all
 * attempts together take no longer either. The options are read once an attempt has failed, so that
 * a connection that is made costs nothing. Any thread, any signal handler; errno is kept. */
#ifndef LBDNS_CONNECTION_ALLOWED_H
#define LBDNS_CONNECTION_ALLOWED_H

#include "connection/attempt.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

/* All zero: nothing was read yet. */
struct allowed {
	struct timeval client; /* SO_SNDTIMEO; all zero: none */
	uint64_t total_ms;     /* for all attempts; 0: no bound is known */
	uint64_t left_ms;      /* for the next one; 0: no bound is known */
	bool has_client;       /* SO_SNDTIMEO was read */
	bool has_bounds;       /* so were the others */
	bool goes_on; /* total_ms is SO_SNDTIMEO's: the connection goes on when it is over */
	bool is_last; /* the next attempt may take but a moment, and is the last one */
	bool is_set;  /* SO_SNDTIMEO is not the client's now, */
	bool cuts;    /* and ends an attempt that the client would have waited for */
};

/* Notes that the client has no SO_SNDTIMEO, and that the first attempt was given one that cuts. */
void allowed_begin_set(struct allowed *allowed);

/* Finds out what is left for the next attempt, elapsed_ms after the first one began. Returns false
 * if that is nothing. Where the time that is over was the kernel's patience with one endpoint, and
 * not SO_SNDTIMEO, a moment is left for one more: the first endpoint may have taken it all. */
bool allowed_has_time(struct allowed *allowed, const struct attempt *attempt, int fd,
                      uint64_t elapsed_ms);

/* Lets the next attempt take what is left, and at most most_ms, if that is not 0. */
void allowed_set(struct allowed *allowed, int fd, uint64_t most_ms);

/* Gives the socket the client's SO_SNDTIMEO again. */
void allowed_restore(struct allowed *allowed, int fd);

#endif
