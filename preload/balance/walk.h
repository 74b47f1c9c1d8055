/* Walks: which connects are of one lookup.
 *
 * A client that is given a list of addresses may connect to one after another, or to all at once,
 * and keep the connection that is made first. All of these are one connection, which takes one
 * turn: the first connect takes it, and each further one is a continuation, which goes to the first
 * endpoint in the order of its lookup that this connection has not tried (balance/continue.h).
 * A connect is a continuation if
 *   - the thread that makes it has made the first connect of the lookup too, on the same port;
 *   - the lookup has listed the address asked for, and nobody has asked for it since;
 *   - the lookup, or its last connect, was less than WALK_MS ago.
 * An address that is asked for twice closes the lookup: its client keeps the answer. After a
 * connect that failed, such a client has one continuation again.
 *
 * STATE
 *	A ring of the last WALKS lookups, those of each family apart, of this process alone; a child
 *	inherits it. A record is a sequence number and a struct walk. Who writes it makes the number
 *	odd by a compare-and-swap, and gives up if somebody else does the same; a reader that
 *	finds the number odd, or changed, takes the record for none. So nobody waits, and whoever
 *	is in doubt takes a turn.
 *
 * Any thread, any signal handler; no lock, no allocation. */
#ifndef LBDNS_BALANCE_WALK_H
#define LBDNS_BALANCE_WALK_H

#include "base/atomic.h"
#include "base/attributes.h"
#include "base/peer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	WALKS = 32,
	WALK_PLACES = 64, /* of a list: addresses behind these are not told apart */
	/* Walkers such as curl give an address up to 5 s. */
	WALK_MS = 10 * 1000
};

enum walk_state {
	WALK_LISTED, /* no connect yet */
	WALK_GOES,
	WALK_CLOSED /* its client keeps the answer, or has asked for all of it */
};

/* One lookup in one family, and the connects of one connection. A thread is told by the address of
 * its errno. A place is a number in the order of the list, from 0. Whole 64-bit words. */
struct walk {
	uint64_t key;          /* address_set_key of the list; 0: no lookup */
	uint64_t ticket;       /* the number of the lookup */
	uint64_t lister;       /* the thread that looked up */
	uint64_t thread;       /* the thread that connects */
	uint64_t asked;        /* a bit for each place that was asked for */
	uint64_t tried;        /* a bit for each place that a connect has gone to */
	uint64_t used_ms;      /* when the last connect was, or the lookup (clock_ms) */
	uint64_t newest;       /* the ticket of the newest lookup at the last connect */
	uint32_t first, count; /* the index of the first address of the list in the sorted pool */
	uint32_t port, state;  /* of the connects, as in struct peer; enum walk_state */
	uint32_t begun_at;     /* the place that the first connect asked for */
	uint8_t failed;        /* its last connect has failed */
	uint8_t kept;          /* its client keeps the answer: it goes on only after a failure */
	uint8_t owes;          /* it has taken no turn yet */
	uint8_t busy;          /* its connect has not returned: another one is a signal handler's */
};

/* 0 if no lookup is open: then no connect is a continuation, nor is any to be recorded. Else
 * another number each time that a lookup opens. walk_records.c and walk.c alone write it. */
extern HIDDEN _Atomic uint64_t walk_open;

/* Returns true if any lookup may be open. One load. */
static inline bool walk_any(void)
{
	return load_relaxed(&walk_open) != 0;
}

/* Records a lookup: the client is given the count endpoints of a pool, in the order that begins
 * with the one at first. */
void walk_listed(uint64_t key, uint32_t count, uint32_t first);

/* A connect that is about to be made. */
struct walk_ask {
	uint64_t key, now_ms;
	uint64_t thread;
	uint32_t count, port;
	uint32_t index; /* of the address asked for, in the pool */
};

/* Which lookup a connect is of, and what it is of that. */
struct walk_step {
	struct walk walk;  /* before the connect */
	uint64_t sequence; /* of the record */
	uint32_t record;   /* WALKS: the connect is of no lookup that is known */
	uint32_t place;    /* of the address asked for */
	bool continues;    /* false: the connect takes a turn */
	bool owes;         /* set by the caller: neither it nor a connect before has taken a turn */
};

/* Finds out what a connect is. Closes the lookup that it asks for the same address again. */
void walk_find(const struct walk_ask *ask, struct walk_step *step);

/* Records that the connect goes to the endpoint at an index of the pool. */
void walk_note(const struct walk_ask *ask, struct walk_step *step, uint32_t index);

/* Records how a connect of the calling thread to a peer ended: with 0 or an errno that blames the
 * peer. errno is kept. */
void walk_ended(struct peer peer, int error);

/* Records that a connect of a thread to a peer has returned, with 0, EINPROGRESS or another errno.
 * One that made the connection is the end of its lookup. errno is kept. */
void walk_returned(uint64_t thread, struct peer peer, int error);

/* Returns the place of the endpoint at an index of the pool, which may be above WALK_PLACES. */
static inline uint32_t walk_place(const struct walk *walk, uint32_t index)
{
	return (index + walk->count - walk->first) % walk->count;
}

/* Returns the index of the endpoint at a place. */
static inline uint32_t walk_index(const struct walk *walk, uint32_t place)
{
	return (walk->first + place) % walk->count;
}

/* Returns the bit of a place; 0 for one above WALK_PLACES. */
static inline uint64_t walk_bit(uint32_t place)
{
	return place < WALK_PLACES ? UINT64_C(1) << place : 0;
}

/* Returns true if a connect has gone to the endpoint at an index. */
static inline bool walk_has_tried(const struct walk *walk, uint32_t index)
{
	return walk->tried & walk_bit(walk_place(walk, index));
}

#endif
