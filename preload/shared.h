/* The memory that the processes of a user share: cursors (rotation.c) and ejections (health.c).
 *
 * One System V segment per user and IPC namespace; without it (LBDNS_SHARED=off, refused, hostile)
 * memory of this process alone. Nothing in it is trusted: any bytes at all only change whose turn
 * it is, and who is passed over. Every word is an atomic that any process may change; all zero is
 * valid, so nobody waits for whoever created the segment. */
#ifndef LBDNS_SHARED_H
#define LBDNS_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

enum { SHARED_SETS = 512, SHARED_WAYS = 8, SHARED_EJECTIONS = 64 };

/* Whose turn it is (rotation.h). A cache line each, so that two cursors never share one. */
struct cursor {
	_Atomic uint64_t key;   /* 0: unused; claimed by one CAS */
	_Atomic uint64_t picks; /* turns taken, never reset */
	_Atomic uint64_t shown; /* low half: picks at the last lookup; high half: lookups since */
	_Atomic uint64_t used;  /* when, in seconds since boot: the least recent is reused */
	_Atomic uint64_t retry_base; /* picks when the retries began to be counted */
	_Atomic uint64_t retries;    /* since then */
	uint64_t reserved[2];
};

/* An endpoint that failed (health.h). */
struct ejection {
	_Atomic uint64_t key;       /* of the rest; 0: unused */
	_Atomic uint64_t high, low; /* its address */
	_Atomic uint64_t port;      /* as in rotation.h */
	_Atomic uint64_t until_ms;  /* passed over so long; CLOCK_MONOTONIC is the same for all */
	_Atomic uint64_t lease_ms;  /* one connection is trying it again, and has until then */
	_Atomic uint64_t failures;  /* in a row */
	_Atomic uint64_t silent;    /* it did not refuse, it swallowed packets */
};

struct shared {
	_Atomic uint64_t magic;
	_Atomic uint64_t seed; /* of the random places where rotations start; 0: not chosen yet */
	_Atomic uint64_t ejected_until_ms; /* until then there may be ejections to look at */
	uint64_t reserved[5];
	struct cursor cursors[SHARED_SETS * SHARED_WAYS];
	struct ejection ejections[SHARED_EJECTIONS];
};

/* The memory in use. Any thread, any signal handler. */
struct shared *shared(void);

/* Attaches the segment, once; a few system calls. Not in a signal handler. */
void shared_start(void);

/* Follows when the segment was removed (ipcrm) and others made a new one. The refresh thread. */
void shared_check(void);

#endif
