/* Connects under way, and the endpoints that are late to answer one.
 *
 * An endpoint that goes silent shows first in that one connect takes far longer than those to it
 * have taken, while others that began later have been answered. Until that connect ends, this
 * process passes over its endpoint: more connections there would only wait too. It is no failure
 * yet, and nobody else's business; that it is once the SYN was repeated in vain (outcome.h).
 *
 * Only of this process. port is as in rotation.h, of a stream socket. Any thread, any signal
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

/* What is to happen while a client waits in connect. CUT: if it is still unanswered after more than
 * a second the refresh thread lets it end as if its TCP_SYNCNT had been LIMITED_SYN_COUNT from the
 * beginning; only if inflight_may_limit. ALONE: no other thread makes connections. */
enum inflight_wait { INFLIGHT_WAITS, INFLIGHT_LIMIT, INFLIGHT_LIMIT_PRIVATE };

/* One repetition of the SYN: a silent endpoint costs 3 s (1 + 2). */
enum { LIMITED_SYN_COUNT = 1 };

enum { INFLIGHT_SEVERAL = 1 };
extern HIDDEN _Atomic uintptr_t inflight_thread; /* pending.c alone writes it */
bool inflight_meet(uintptr_t thread);

/* Has any thread but this one made a connection? If not, nobody is to see that this one waits.
 * thread is the address of its errno. */
static inline bool inflight_has_company(const void *thread)
{
	uintptr_t first = load_relaxed(&inflight_thread);

	if (__builtin_expect(first == (uintptr_t)thread, 1))
		return false;
	return first == INFLIGHT_SEVERAL || inflight_meet((uintptr_t)thread);
}

/* Does the refresh thread run, and can it get at the client's sockets? */
static inline bool inflight_may_limit(void)
{
	return load_relaxed(&process.may_limit);
}

/* This connect is about to be called, now (clock_ms), and returns when the connection is made, or
 * has failed. Returns what is for inflight_end; NULL if it is not watched (nor cut), because
 * another one is in its place. */
struct inflight *inflight_begin(int fd, struct peer peer, uint64_t now_ms, enum inflight_wait wait);

/* This one has returned, and the connection is under way since now: fd's client may never say how
 * it ended. */
void inflight_add(int fd, struct peer peer, uint64_t now_ms);

struct inflight_ending {
	bool reported; /* it is a failure that silence_next has told of */
	int syn_count; /* the client's TCP_SYNCNT, which the socket may not have any more; 0: it has
	                */
};

/* Has a connect that blocks returned so, and goes on without its client? SO_SNDTIMEO is over, or a
 * signal came (connect(2), EINTR). */
static inline bool connect_goes_on(int error)
{
	return error == EINPROGRESS || error == EINTR;
}

/* It has returned, with 0 or an errno; one that is left is not cut short any more. Nothing happens
 * if it is not watched (any more). */
struct inflight_ending inflight_end(struct inflight *inflight, int fd, int error);

/* A client was told how fd's connect ended. True if it is a failure that silence_next has told
 * of. */
bool inflight_reported(int fd, int error);

/* Its client has asked how it ended and was told of no error: it may have asked too early. */
void inflight_polled_ok(int fd);

/* A thread is about to have descriptors of its own: those of the process may be other sockets. */
void inflight_limit_never(void);

/* Returns true once inflight_limit_never was called. */
bool inflight_is_limit_refused(void);

#endif
