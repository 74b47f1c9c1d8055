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

#include "base/address.h"
#include "base/config.h"
#include "base/process.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct pending;

/* What is to happen while a client waits in connect. CUT: if it is still unanswered after more than
 * a second the refresh thread lets it end as if its TCP_SYNCNT had been PENDING_SYN_COUNT from the
 * beginning; only if pending_may_cut. ALONE: no other thread makes connections. */
enum pending_wait { PENDING_WAITS, PENDING_CUT, PENDING_CUT_ALONE };

/* One repetition of the SYN: a silent endpoint costs 3 s (1 + 2). */
enum { PENDING_SYN_COUNT = 1 };

enum { PENDING_SEVERAL = 1 };
extern _Atomic uintptr_t pending_thread; /* pending.c alone writes it */
bool pending_meet(uintptr_t thread);

/* Has any thread but this one made a connection? If not, nobody is to see that this one waits.
 * thread is the address of its errno. */
static inline bool pending_has_company(const void *thread)
{
	uintptr_t first = atomic_load_explicit(&pending_thread, memory_order_relaxed);

	if (__builtin_expect(first == (uintptr_t)thread, 1))
		return false;
	return first == PENDING_SEVERAL || pending_meet((uintptr_t)thread);
}

/* Does the refresh thread run, and can it get at the client's sockets? */
static inline bool pending_may_cut(void)
{
	return atomic_load_explicit(&process.cuts, memory_order_relaxed);
}

/* This connect is about to be called, now (clock_ms), and returns when the connection is made, or
 * has failed. Returns what is for pending_ended; NULL if it is not watched (nor cut), because
 * another one is in its place. */
struct pending *pending_begin(int fd, struct address address, uint32_t port, uint64_t now_ms,
                              enum pending_wait wait);

/* This one has returned, and the connection is under way since now: fd's client may never say how
 * it ended. */
void pending_goes_on(int fd, struct address address, uint32_t port, uint64_t now_ms);

struct pending_end {
	bool told;     /* it is a failure that pending_silent has told of */
	int syn_count; /* the client's TCP_SYNCNT, which the socket may not have any more; 0: it has
	                */
};

/* Has a connect that blocks returned so, and goes on without its client? SO_SNDTIMEO is over, or a
 * signal came (connect(2), EINTR). */
static inline bool pending_is_left(int error)
{
	return error == EINPROGRESS || error == EINTR;
}

/* It has returned, with 0 or an errno; one that is left is not cut short any more. Nothing happens
 * if it is not watched (any more). */
struct pending_end pending_ended(struct pending *pending, int fd, int error);

/* A client was told how fd's connect ended. True if it is a failure that pending_silent has told
 * of. */
bool pending_told(int fd, int error);

/* Its client has asked how it ended and was told of no error: it may have asked too early. */
void pending_asked(int fd);

/* When the first of them may be late; 0: nothing is pending. pending.c alone writes it. */
extern _Atomic uint64_t pending_look_ms;

/* May any endpoint be late? One load. Never with LBDNS_EJECT=0. */
static inline bool pending_any(uint64_t now_ms)
{
	uint64_t when_ms = atomic_load_explicit(&pending_look_ms, memory_order_relaxed);

	return __builtin_expect(when_ms - 1 < now_ms, 0) && config.eject_ms;
}

/* The next endpoint that is late, counting from *at, which begins with 0; false if there are no
 * more. System calls, now and then, on what is pending. */
bool pending_late(uint32_t *at, uint64_t now_ms, struct address *address, uint32_t *port);

/* The refresh thread: the next endpoint, counting from *at, that did not answer a repeated SYN for
 * 3 s, or until its client gave up; each once. Lowers *next_ms to when it wants to look again. */
bool pending_silent(uint32_t *at, uint64_t now_ms, uint64_t *next_ms, struct address *address,
                    uint32_t *port);

/* A thread is about to have descriptors of its own: those of the process may be other sockets. */
void pending_cut_no_more(void);

/* The refresh thread, when it starts, and before it ends: are the descriptors its own? */
void pending_watch_begins(bool own_descriptors);
void pending_watch_ends(void);

#endif
