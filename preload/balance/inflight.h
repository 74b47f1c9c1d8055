/* Connects of this process that are under way.
 *
 * An endpoint that goes silent shows first in that one connect takes far longer than those to it
 * have taken, while others that began later have been answered. Until that connect ends, this
 * process passes over its endpoint (late.h), because more connections there would only wait too. It
 * is no failure yet, and nobody else's business; it becomes one once the SYN was repeated in vain
 * (refresh/silence.h).
 *
 * A peer is that of a stream socket. Any thread, any signal
 * handler, no lock; errno is kept. */
#ifndef LBDNS_BALANCE_INFLIGHT_H
#define LBDNS_BALANCE_INFLIGHT_H

#include "base/attributes.h"
#include "base/atomic.h"
#include "base/peer.h"
#include "base/process.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct inflight;

/* What is to happen while a client waits in connect. */
enum inflight_wait {
	INFLIGHT_WAITS, /* nothing */
	/* If the connect is still unanswered after more than a second the refresh thread lets it
	 * end as if its TCP_SYNCNT had been LIMITED_SYN_COUNT from the beginning; only if
	 * inflight_may_limit. */
	INFLIGHT_LIMIT,
	INFLIGHT_LIMIT_PRIVATE /* and no other thread makes connections: nobody is to learn from it
	                        */
};

/* One repetition of the SYN: a silent endpoint costs 3 s (1 + 2). */
enum { LIMITED_SYN_COUNT = 1 };

enum { INFLIGHT_SEVERAL = 1 };
extern HIDDEN _Atomic uintptr_t inflight_thread; /* inflight.c alone writes it */
bool inflight_meet(uintptr_t thread);

/* Returns true if any thread but this one has made a connection; if not, nobody is to see that this
 * one waits. thread is the address of the caller's errno, which is unique to the thread and already
 * computed. */
static inline bool inflight_has_company(const void *thread)
{
	uintptr_t first = load_relaxed(&inflight_thread);

	if (__builtin_expect(first == (uintptr_t)thread, 1))
		return false;
	return first == INFLIGHT_SEVERAL || inflight_meet((uintptr_t)thread);
}

/* Returns true if the refresh thread runs and can get at the client's sockets. */
static inline bool inflight_may_limit(void)
{
	return load_relaxed(&process.may_limit);
}

/* Records a connect that is about to be called, now (clock_ms), and that returns when the
 * connection is made or has failed. Returns what is for inflight_end; NULL if the connect is
 * neither watched nor limited, because another one is in its place. */
struct inflight *inflight_begin(int fd, struct peer peer, uint64_t now_ms, enum inflight_wait wait);

/* Records a connect that has returned while the connection is under way, since now_ms; the client
 * may never say how it ended. */
void inflight_add(int fd, struct peer peer, uint64_t now_ms);

struct inflight_ending {
	bool reported; /* the refresh thread has counted this failure; it is not to be counted again
	                */
	int syn_count; /* TCP_SYNCNT that the caller must set again; 0: the socket has the client's
	                */
};

/* Returns true if a connect that blocks has returned with error and goes on without its client:
 * SO_SNDTIMEO is over, or a signal came (connect(2), EINTR). */
static inline bool connect_goes_on(int error)
{
	return error == EINPROGRESS || error == EINTR;
}

/* Ends the record of a connect that has returned with 0 or an errno, unless connect_goes_on; the
 * refresh thread does not limit it any more. Does nothing if the connect is not watched, or not any
 * more. */
struct inflight_ending inflight_end(struct inflight *inflight, int fd, int error);

/* Ends the record of fd's connect, of which a client was told how it ended. Returns true if that is
 * a failure that the refresh thread has counted. */
bool inflight_reported(int fd, int error);

/* Records that the client has asked how fd's connect ended and was told of no error; it may have
 * asked too early. */
void inflight_polled_ok(int fd);

/* Has no connect limited by the refresh thread from now on, because a thread is about to have
 * descriptors of its own, and those of the process may be other sockets. */
void inflight_limit_never(void);

/* Returns true once inflight_limit_never was called. */
bool inflight_is_limit_refused(void);

#endif
