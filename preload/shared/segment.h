/* The memory that the processes of a user share: cursors (rotation.c), ejections (health.c), what
 * is counted for people to see (counters.h) and what they have ordered (mode.c).
 *
 * One System V segment per user and IPC namespace; without it (LBDNS_SHARED=off, refused, hostile)
 * memory of this process alone. Nothing in it is trusted: any bytes at all only change whose turn
 * it is, who is passed over, and what people see. Every word is an atomic that any process may
 * change; all zero is valid, so nobody waits for whoever created the segment. */
#ifndef LBDNS_SHARED_SEGMENT_H
#define LBDNS_SHARED_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SHARED_SETS = 512,
	SHARED_WAYS = 8,
	SHARED_EJECTIONS = 64,
	SHARED_NAMES = 256,
	SHARED_TALLIES = 16384,
	SHARED_PROCESSES = 128,
	SHARED_RECENT = 64,
	SHARED_RECENT_WORDS = 4,
	SHARED_TEXT_WORDS = 32, /* of a name: CONFIG_NAME_SIZE bytes */
	SHARED_REASONS = 12     /* room for enum leave_reason */
};

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

/* What is known of a name (counters.h). Times are of CLOCK_MONOTONIC, in ms. */
struct shared_name {
	_Atomic uint64_t hash;     /* name_hash of its text; 0: unused */
	_Atomic uint64_t absolute; /* the hash of its absolute name; 0: it is that, or not known */
	_Atomic uint64_t mode;     /* ordered for this name (mode.h) */
	_Atomic uint64_t used_ms;  /* last learned or refreshed: the least recent is reused */
	_Atomic uint64_t refreshed_ms, good_ms; /* DNS last asked; last good answer. 0: never */
	_Atomic uint64_t outcome;               /* enum dns_outcome of the last one */
	_Atomic uint64_t interval_ms, ttl_s;
	_Atomic uint64_t refreshes, refresh_failures, changes;
	_Atomic uint64_t endpoints[2]; /* by family */
	uint64_t reserved[6];
	_Atomic uint64_t passed[SHARED_REASONS]; /* connections left alone, by enum leave_reason */
	_Atomic uint64_t text[SHARED_TEXT_WORDS];
};

/* The connections to an endpoint on a port, for a name. One connection adds to kept or rewritten,
 * each failed attempt to failures, each attempt that follows one to retries. */
struct tally {
	_Atomic uint64_t name;      /* hash; 0: unused */
	_Atomic uint64_t high, low; /* the endpoint */
	_Atomic uint64_t port_used; /* low half: port as in rotation.h; high half: when, in s */
	_Atomic uint64_t kept;      /* went where the client asked */
	_Atomic uint64_t rewritten;
	_Atomic uint64_t failures;
	_Atomic uint64_t retries;
};

/* A process that has a refresh thread. Its pid is that of its own PID namespace. */
struct shared_process {
	_Atomic uint64_t pid; /* 0: unused */
	_Atomic uint64_t started_ms;
	_Atomic uint64_t seen_ms; /* when it last refreshed a name */
	_Atomic uint64_t refreshes;
	_Atomic uint64_t mode;          /* enum config_mode of its LBDNS_MODE */
	_Atomic uint64_t name[2];       /* 16 bytes, as of prctl(PR_GET_NAME) */
	_Atomic uint64_t pid_namespace; /* its inode; 0: not known */
};

/* A rewritten connection (counters.h): when (clock_ms), result and tally in one, asked (2), and a
 * check of these and of whose the tally was. */
struct shared_recent {
	_Atomic uint64_t words[SHARED_RECENT_WORDS];
};

struct shared {
	_Atomic uint64_t magic;
	_Atomic uint64_t seed; /* of the random places where rotations start; 0: not chosen yet */
	_Atomic uint64_t ejected_until_ms; /* until then there may be ejections to look at */
	_Atomic uint64_t mode;             /* ordered for all names (mode.h) */
	_Atomic uint64_t recent_next;      /* how many of recent were written */
	uint64_t reserved[3];
	struct shared_process processes[SHARED_PROCESSES]; /* the first of them in the same page */
	struct cursor cursors[SHARED_SETS * SHARED_WAYS];
	struct ejection ejections[SHARED_EJECTIONS];
	struct shared_name names[SHARED_NAMES];
	struct tally tallies[SHARED_TALLIES];
	struct shared_recent recent[SHARED_RECENT];
};

extern _Atomic(struct shared *) shared_used; /* shared.c alone writes it */

/* The memory in use. Any thread, any signal handler. */
static inline struct shared *shared(void)
{
	return atomic_load_explicit(&shared_used,
	                            memory_order_acquire); /* pairs with shared_start */
}

/* For programs that look at the segment of a user, in the IPC namespace they are in: makes it what
 * shared() returns, to be read only unless writable. It is never made. False, with errno, if there
 * is none (ENOENT), of this layout, or it may not be attached. shared_close detaches it. One
 * thread.
 */
bool shared_open(uint32_t uid, bool writable);
void shared_close(void);

/* Attaches the segment, once; a few system calls. Not in a signal handler. */
void shared_start(void);

/* Follows when the segment was removed (ipcrm) and others made a new one. The refresh thread. */
void shared_check(void);

/* Of words that tell nothing of other words. */
static inline uint64_t shared_load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void shared_store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline void shared_add_one(_Atomic uint64_t *word)
{
	atomic_fetch_add_explicit(word, 1, memory_order_relaxed);
}

#endif
