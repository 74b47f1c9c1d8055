/* The table of connects under way: private to inflight.c, late.c and refresh/silence.c.
 *
 * LAYOUT: a place for each endpoint that hashes to it, taken by the first connect to it that has
 * not ended. Everything in it is a guess, because descriptors are closed and used again unseen, and
 * threads write at the same time; it is checked against the socket itself before anybody is late.
 *
 * WRITER: begin takes a place by a CAS of since_ms to BEING_WRITTEN, and stores since_ms last
 * (release).
 *
 * READER: reads since_ms, then the rest (acquire), then asks inflight_is_still. */
#ifndef LBDNS_BALANCE_INFLIGHT_TABLE_H
#define LBDNS_BALANCE_INFLIGHT_TABLE_H

#include "base/attributes.h"
#include "base/address.h"
#include "base/atomic.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	INFLIGHT_PLACES = 64,
	INFLIGHT_PLACE_SHIFT = 58,
	REPEATED_MS = 1250, /* the SYN was repeated (after 1 s), and there was time to answer */
	UNTOLD_MS = 10000,  /* where there is no refresh thread to report a failure */
	SLACK_MS = 250,     /* the refresh thread is not woken for less */
	BEING_WRITTEN =
		1 /* of since_ms: so long ago that who finds it (after siglongjmp) gives it up */
};

enum {
	FLAG_LATE = 1,
	FLAG_REPEATED = 2,   /* was seen to have repeated its SYN in vain */
	FLAG_REPORTED = 4,   /* silence_next has told of it */
	FLAG_GAVE_UP = 8,    /* the client has closed it */
	FLAG_POLLED_OK = 16, /* the client believes that it ended well */
	FLAG_OVERDUE = 32,   /* late, if others are answered meanwhile */
	FLAG_MAY_LIMIT = 64, /* its client leaves it to us to cut it short */
	FLAG_LIMITED = 128,  /* we have, or are about to */
	FLAG_ENDED = 256,    /* it has returned, and must not be cut any more */
	FLAG_PRIVATE = 512   /* nobody else is to learn from it */
};

struct inflight {
	_Alignas(64) _Atomic uint64_t since_ms; /* 0: nothing is under way */
	_Atomic uint64_t high, low;
	_Atomic uint64_t looked_ms;
	_Atomic uint64_t port_fd;    /* the upper half is the port */
	_Atomic uint32_t typical_ms; /* what it took before, and 1; 0: not known */
	_Atomic uint32_t flags;
	_Atomic uint32_t syn_count; /* the client's, of one that is FLAG_LIMITED */
};

extern HIDDEN struct inflight inflight_table[INFLIGHT_PLACES];
_Static_assert(INFLIGHT_PLACES == 1 << (64 - INFLIGHT_PLACE_SHIFT),
               "a hash's upper bits are a place");

/* Acquire, and the stores in inflight_begin are releases: who read a word of another connect's
 * finds another since_ms after it (is_still). */
static inline struct address inflight_address(const struct inflight *at)
{
	return (struct address){.high = atomic_load_explicit(&at->high, memory_order_acquire),
	                        .low = atomic_load_explicit(&at->low, memory_order_acquire)};
}

static inline uint32_t inflight_port(const struct inflight *at)
{
	return (uint32_t)(atomic_load_explicit(&at->port_fd, memory_order_acquire) >> 32);
}

static inline struct peer inflight_peer(const struct inflight *at)
{
	return (struct peer){.address = inflight_address(at), .port = inflight_port(at)};
}

static inline uint32_t inflight_fd(const struct inflight *at)
{
	return (uint32_t)load_relaxed(&at->port_fd);
}

static inline uint64_t inflight_port_fd(uint32_t port, int fd)
{
	return (uint64_t)port << 32 | (uint32_t)fd;
}

/* Is it still the connect that began then? */
static inline bool inflight_is_still(const struct inflight *at, uint64_t since_ms)
{
	return load_relaxed(&at->since_ms) == since_ms;
}

enum inflight_look { LOOK_GONE, LOOK_ANSWERED, LOOK_TRYING, LOOK_REPEATED };

/* Returns whether a socket is still trying to reach the endpoint of a place; another socket may
 * have the descriptor by now. */
enum inflight_look inflight_inspect(int fd, const struct inflight *at);

/* Notes what was seen of the connect that began at since_ms, unless it has ended meanwhile. */
void inflight_seen(struct inflight *at, enum inflight_look look, uint64_t since_ms,
                   uint64_t age_ms);

/* Gives up a place, unless its client may yet ask for its TCP_SYNCNT (inflight_end). */
void inflight_forget(struct inflight *at, uint64_t age_ms);

/* Returns how long a connect to the endpoint of a place may take before it is late. */
uint64_t late_limit_ms(const struct inflight *at);

/* Has the endpoints looked at by when_ms. */
void late_check_by(uint64_t when_ms);

/* Learns from a connect that began at since_ms and was answered. */
void late_answered(struct inflight *at, uint64_t since_ms);

#endif
