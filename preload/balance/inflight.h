/* Connects of this process that are under way, by descriptor: when the refresh thread has to look
 * whether they are answered (refresh/silence.h), and whose they are when the client is told how one
 * ended.
 *
 * LAYOUT: a place for each descriptor, modulo DESCRIPTORS. What is in it may be of a connect that
 * has ended unseen.
 *
 * WRITER: who connects. It clears since_ms, writes the rest (releases), and stores since_ms last.
 * A place in which a client waits (FLAG_WAITS) is not taken by another descriptor of the same
 * place.
 *
 * READER: reads since_ms, the rest (acquires), and since_ms again (inflight_is_still).
 *
 * A peer is that of a stream socket, a pool an address_set_key. Any thread, any signal handler, no
 * lock; errno is kept. */
#ifndef LBDNS_BALANCE_INFLIGHT_H
#define LBDNS_BALANCE_INFLIGHT_H

#include "base/attributes.h"
#include "base/atomic.h"
#include "base/descriptor.h"
#include "base/peer.h"
#include "base/process.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	INFLIGHT_LEAST_MS = 12,  /* no attempt is overdue earlier */
	INFLIGHT_QUICK_MS = 12,  /* between looks of connects at those before them */
	INFLIGHT_LOOK_MS = 104,  /* where no connect after it looks */
	INFLIGHT_ALONE_MS = 1000 /* where nobody but the one that waits would learn of it */
};

enum {
	FLAG_WAITS = 1,     /* its client waits in connect */
	FLAG_MAY_LIMIT = 2, /* the refresh thread may cut the wait short */
	FLAG_LIMITED = 4,   /* the refresh thread has done so, or is about to */
	FLAG_ENDED = 8,     /* it has returned, and must not be cut short any more */
	FLAG_TOLD = 16,     /* its client was told of no error, and believes that it ended well */
	FLAG_ANSWERED = 32, /* it is overdue, and not in the kernel's table: there was an answer, of
	                       which the client may yet learn; or its client has left connect by
	                       siglongjmp, or closed it */
	FLAG_COUNTED = 64,  /* it was silent, and is counted as a failure: not again when it ends */
	FLAG_SEEN = 128,    /* a later connect of this process has seen that it is not answered */
	FLAG_SAID = 256     /* and the refresh thread has said so */
};

struct inflight {
	_Alignas(64) _Atomic uint64_t since_ms; /* 0: nothing is under way */
	_Atomic uint64_t high, low;             /* address of the endpoint */
	_Atomic uint64_t port_fd;               /* the upper half is the port */
	_Atomic uint64_t pool;
	_Atomic uint32_t generation; /* of the descriptor */
	_Atomic uint32_t flags;
	_Atomic uint32_t syn_count; /* the client's, if FLAG_LIMITED */
	_Atomic uint32_t seen_ms;   /* if FLAG_SEEN: when last (the lower half of clock_ms) */
};

extern HIDDEN struct inflight inflight_table[DESCRIPTORS];

/* The places from here on were never used. */
extern HIDDEN _Atomic uint32_t inflight_top;

/* When the refresh thread will look at the table, or later than that; 0: nobody has asked it to. */
extern HIDDEN _Atomic uint64_t inflight_look_ms;

/* When the next connect that does not block is to look whether one before it is overdue: sooner
 * than the refresh thread, which is not to be woken for each. */
extern HIDDEN _Atomic uint64_t inflight_quick_ms;

/* ---- What is under way */

/* What is to happen while a client waits in connect. */
enum inflight_wait {
	INFLIGHT_WAITS, /* nothing */
	/* If the connect is still unanswered after more than a second the refresh thread lets it
	 * end as if its TCP_SYNCNT had been LIMITED_SYN_COUNT from the beginning; only if
	 * inflight_may_limit. */
	INFLIGHT_LIMIT,
	INFLIGHT_LIMIT_PRIVATE /* and no other thread makes connections */
};

/* One repetition of the SYN: a silent endpoint costs 3 s (1 + 2). */
enum { LIMITED_SYN_COUNT = 1 };

/* The thread that makes connections, as the address of its errno; 0: none has made any;
 * INFLIGHT_SEVERAL: more than one has. inflight.c alone writes it. */
enum { INFLIGHT_SEVERAL = 1 };
extern HIDDEN _Atomic uintptr_t inflight_thread;

/* Notes that a thread makes a connection. Returns true if another one has made one. */
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

/* Has the refresh thread look at the table by when_ms (clock_ms). */
void inflight_ask(uint64_t when_ms);

/* Does what inflight_ask does, unless the thread is to look as early as that anyway. */
static inline void inflight_look_by(uint64_t when_ms)
{
	/* 0 - 1 wraps to the largest number, so 0 is later than everything. */
	if (load_relaxed(&inflight_look_ms) - 1 >= when_ms)
		inflight_ask(when_ms);
}

/* Raises inflight_top to top. */
void inflight_grow(uint32_t top);

/* Writes a place. flags are FLAG_WAITS and FLAG_MAY_LIMIT. */
FAST void inflight_put(struct inflight *at, int fd, struct peer peer, uint64_t pool,
                       uint64_t now_ms, uint32_t flags)
{
	uint32_t place = (uint32_t)(at - inflight_table);

	store_relaxed(&at->since_ms, 0);
	atomic_store_explicit(&at->high, peer.address.high, memory_order_release);
	atomic_store_explicit(&at->low, peer.address.low, memory_order_release);
	atomic_store_explicit(&at->port_fd, (uint64_t)peer.port << 32 | (uint32_t)fd,
	                      memory_order_release);
	atomic_store_explicit(&at->pool, pool, memory_order_release);
	store_relaxed(&at->generation, descriptor_generation(fd));
	atomic_store_explicit(&at->flags, flags, memory_order_release);
	atomic_store_explicit(&at->since_ms, now_ms, memory_order_release);
	if (__builtin_expect(load_relaxed(&inflight_top) <= place, 0))
		inflight_grow(place + 1);
}

/* Returns true if a client waits in a place for another descriptor. */
static inline bool inflight_is_taken(const struct inflight *at, int fd)
{
	return (load_relaxed(&at->flags) & (FLAG_WAITS | FLAG_ANSWERED)) == FLAG_WAITS &&
	       (uint32_t)load_relaxed(&at->port_fd) != (uint32_t)fd;
}

/* Returns how long an attempt in a pool, on a port, may be without an answer before it is overdue.
 */
uint64_t inflight_limit_ms(uint64_t pool, uint32_t port);

/* Looks at the connects that did not block and are overdue, of this process, which can get at their
 * sockets. Has the refresh thread look now if it does not know of one that waits. */
void inflight_quicken(uint64_t now_ms);

/* Does what inflight_quicken does, unless a connect has done so lately. For each connect that did
 * not block. */
FAST void inflight_quick(uint64_t now_ms)
{
	if (__builtin_expect(load_relaxed(&inflight_quick_ms) <= now_ms, 0))
		inflight_quicken(now_ms);
}

/* Records a connect that has returned while the connection is under way, since now_ms; the client
 * may never say how it ended. */
FAST void inflight_add(int fd, struct peer peer, uint64_t pool, uint64_t now_ms)
{
	struct inflight *at = &inflight_table[descriptor_place(fd)];

	if (inflight_is_taken(at, fd))
		return;
	inflight_put(at, fd, peer, pool, now_ms, 0);
	inflight_look_by(now_ms + INFLIGHT_LOOK_MS);
	inflight_quick(now_ms);
}

/* Records a connect that is about to be called, now (clock_ms), and that returns when the
 * connection is made or has failed. Returns what is for inflight_end; NULL if the connect is
 * neither watched nor limited, because another one is in its place. */
FAST struct inflight *inflight_begin(int fd, struct peer peer, uint64_t pool, uint64_t now_ms,
                                     enum inflight_wait wait)
{
	struct inflight *at = &inflight_table[descriptor_place(fd)];

	if (inflight_is_taken(at, fd))
		return NULL;
	inflight_put(at, fd, peer, pool, now_ms,
	             wait == INFLIGHT_WAITS ? FLAG_WAITS : FLAG_WAITS | FLAG_MAY_LIMIT);
	inflight_look_by(now_ms +
	                 (wait == INFLIGHT_LIMIT_PRIVATE ? INFLIGHT_ALONE_MS : INFLIGHT_LOOK_MS));
	return at;
}

/* Returns true if a connect that blocks has returned with error and goes on without its client:
 * SO_SNDTIMEO is over, or a signal came (connect(2), EINTR). */
static inline bool connect_goes_on(int error)
{
	return error == EINPROGRESS || error == EINTR;
}

/* Ends the record of a connect that blocked and that the refresh thread may have limited. Returns
 * the TCP_SYNCNT that the caller must set again; 0: the socket has the client's. */
int inflight_unlimit(struct inflight *inflight);

/* Ends the record of a connect that has returned with 0 or an errno, unless connect_goes_on; the
 * refresh thread does not limit it any more. Does nothing if the connect is not watched (NULL).
 * Returns the TCP_SYNCNT that the caller must set again; 0: the socket has the client's. */
FAST int inflight_end(struct inflight *inflight, int error)
{
	int syn_count = 0;

	if (!inflight)
		return 0;
	if (load_relaxed(&inflight->flags) & FLAG_MAY_LIMIT)
		syn_count = inflight_unlimit(inflight);
	if (!connect_goes_on(error))
		store_relaxed(&inflight->since_ms, 0);
	store_relaxed(&inflight->flags, 0);
	return syn_count;
}

/* Has no connect limited by the refresh thread from now on, because a thread is about to have
 * descriptors of its own, and those of the process may be other sockets. */
void inflight_limit_never(void);

/* Returns true once inflight_limit_never was called. */
bool inflight_is_limit_refused(void);

/* ---- How one ended */

/* A connect under way, copied out of the table. */
struct inflight_view {
	uint64_t since_ms;
	struct peer peer;
	uint64_t pool;
	uint32_t flags;
	uint32_t seen_ms;
	int fd;
};

/* Copies a place of the table. Returns false if nothing is under way there, or it changes now. */
bool inflight_read(const struct inflight *at, struct inflight_view *view);

/* Returns the place of the connect that is under way on a descriptor, and copies it; NULL if none
 * is known of this very socket. */
struct inflight *inflight_find(int fd, struct inflight_view *view);

/* Returns true if a place still has the connect that began at since_ms. */
static inline bool inflight_is_still(const struct inflight *at, uint64_t since_ms)
{
	return load_relaxed(&at->since_ms) == since_ms;
}

/* Sets FLAG_ANSWERED, after which nobody looks at that connect any more, but its client may say how
 * it ended; or FLAG_COUNTED. Returns false if the connect has changed since it was read. */
bool inflight_mark(struct inflight *at, const struct inflight_view *view, uint32_t flag);

/* Forgets the connect that began at since_ms. */
void inflight_forget(struct inflight *at, uint64_t since_ms);

#endif
