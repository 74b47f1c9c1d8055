/* What lies in the memory that the processes of a user share: cursors (balance/rotation.c),
 * ejections (balance/ejection.c), what is counted for people to see (counters.h), and what they
 * have ordered (mode.h).
 *
 * LAYOUT
 * struct shared is one System V segment per user and IPC namespace; without it (LBDNS_SHARED=off,
 * refused, hostile) memory of this process and its children alone (segment.c). It is a header and
 * six arrays of records, whose size never changes. The records of cursors, names and tallies are
 * found by a hash, in one of SHARED_WAYS places each; those of ejections and processes by looking
 * at all of them; rewrites are a ring. All zero is valid, and empty: nobody waits for whoever
 * created the segment. Raise SHARED_LAYOUT with every change of a struct, of a constant, of what a
 * word means, or of an enum whose numbers are stored (leave_reason, dns_outcome, config_mode): a
 * segment of another layout is another segment. Outside of shared/ and balance/ read.h is how it is
 * read.
 *
 * TRUST
 * Nothing in it is trusted. Any bytes at all only change whose turn it is, who is passed over and
 * what people see: an index that was read is bounded before it is used, a length is never read, and
 * a record that could be half written, or be two that were mixed, has a key or a check word over
 * the others.
 *
 * WRITERS
 * Any process of the user writes any word at any time, without locks; each word is an atomic. A
 * place is claimed by one compare-and-swap of its first word (key, hash, name, pid), from 0 or from
 * the key of who is to leave. The rest follows; until it is there readers find a record whose check
 * fails, or count for one that just began. A process that dies between two words leaves a record
 * that the next one claims.
 *
 * Times ending in _ms are of CLOCK_MONOTONIC, which is the same for all processes. Ticks are of
 * 1,024 ms (clock_tick) of that clock. */
#ifndef LBDNS_SHARED_LAYOUT_H
#define LBDNS_SHARED_LAYOUT_H

#include <stdatomic.h>
#include <stdint.h>

enum {
	SHARED_LAYOUT = 9,
	SHARED_WAYS = 8,   /* places where the record of one key may be */
	SHARED_SETS = 512, /* of cursors, of SHARED_WAYS each */
	SHARED_EJECTIONS = 64,
	SHARED_NAMES = 256,
	SHARED_TALLIES = 16384,
	SHARED_PROCESSES = 128,
	SHARED_REWRITES = 64,
	SHARED_REWRITE_WORDS = 4,
	SHARED_TEXT_WORDS = 32, /* of a name: CONFIG_NAME_SIZE bytes */
	SHARED_REASONS = 12     /* room for enum leave_reason */
};

/* Whose turn it is in a set of endpoints, on a port (balance/rotation.h). A cache line each, so
 * that two cursors never share one. */
struct cursor {
	_Atomic uint64_t key;   /* of set and port; 0: unused */
	_Atomic uint64_t picks; /* turns taken, never reset */
	_Atomic uint64_t shown; /* low half: picks at the last lookup; high half: lookups since */
	_Atomic uint64_t used;  /* tick of the last use: the least recent is given away */
	_Atomic uint64_t retry_base;  /* picks when the retries began to be counted */
	_Atomic uint64_t retries;     /* since then */
	_Atomic uint64_t answered_ms; /* when one of them last answered while any was doubted */
	_Atomic uint64_t usual_ms;    /* how long such answers take; 0: not known */
};

/* What speaks against an endpoint (balance/ejection.h). */
struct ejection {
	_Atomic uint64_t key; /* hash of address, port and network, and their check; 0: unused */
	_Atomic uint64_t high, low; /* address */
	_Atomic uint64_t port;      /* host order; PEER_DATAGRAM or'd in for UDP */
	_Atomic uint64_t network;  /* the network namespace in which it failed (identity_network) */
	_Atomic uint64_t pool;     /* in which it failed, an address_set_key; 0: not known */
	_Atomic uint64_t since_ms; /* when the first of its silent attempts in a row began */
	_Atomic uint64_t doubt_ms; /* when that was counted */
	_Atomic uint64_t noted_ms; /* when the last of them, or a failure, was counted */
	_Atomic uint64_t count;    /* of them, and of failures */
	_Atomic uint64_t out_ms;   /* since when it is ejected; 0: it is only doubted */
	_Atomic uint64_t silent;   /* 1: it did not refuse, it swallowed packets; 0: it refused */
	_Atomic uint64_t check_ms; /* when it is to be checked next */
	_Atomic uint64_t checks;   /* begun since out_ms; while it is doubted, silent ones */
	_Atomic uint64_t lease_ms; /* until then somebody is checking it */
	_Atomic uint64_t by; /* the only process that says so (identity_process); 0: several do */
};

/* What is known of a name (counters.h). */
struct shared_name {
	_Atomic uint64_t hash;     /* name_hash of the text, and its check; 0: unused */
	_Atomic uint64_t absolute; /* hash of the absolute name; 0: this is it, or not known */
	_Atomic uint64_t mode;     /* ordered for this name (mode.c); 0: nothing */
	_Atomic uint64_t used_ms;  /* last learned or refreshed: the least recent is given away */
	_Atomic uint64_t refreshed_ms; /* DNS was asked last; 0: never */
	_Atomic uint64_t good_ms;      /* DNS last gave addresses; 0: never */
	_Atomic uint64_t outcome;      /* enum dns_outcome of the last refresh */
	_Atomic uint64_t interval_ms;  /* between refreshes, at the last one */
	_Atomic uint64_t ttl_s;        /* of the last good answer */
	_Atomic uint64_t refreshes, refresh_failures;
	_Atomic uint64_t changes;      /* refreshes that changed the endpoints */
	_Atomic uint64_t endpoints[2]; /* by enum family, since the last refresh */
	uint64_t reserved[6];
	_Atomic uint64_t passed[SHARED_REASONS]; /* connections left alone, by enum leave_reason */
	_Atomic uint64_t text[SHARED_TEXT_WORDS];
};

/* The connections to an endpoint on a port, for a name. One connection adds to kept or rewritten,
 * each failed attempt to failures, each attempt that follows one to retries. */
struct tally {
	_Atomic uint64_t name;      /* name_hash; 0: unused */
	_Atomic uint64_t high, low; /* address of the endpoint */
	_Atomic uint64_t port_used; /* low half: port, as in struct ejection; high half: tick of the
	                               last use, COUNTERS_GRAIN_TICKS coarse */
	_Atomic uint64_t kept;      /* went where the client asked */
	_Atomic uint64_t rewritten; /* went elsewhere */
	_Atomic uint64_t failures;
	_Atomic uint64_t retries;
};

/* A process that has a refresh thread. */
struct shared_process {
	_Atomic uint64_t pid;        /* in its own PID namespace; 0: unused */
	_Atomic uint64_t started_ms; /* its first refresh */
	_Atomic uint64_t seen_ms;    /* its last refresh */
	_Atomic uint64_t refreshes;
	_Atomic uint64_t mode;          /* enum config_mode of its LBDNS_MODE */
	_Atomic uint64_t name[2];       /* 16 bytes, as of prctl(PR_GET_NAME) */
	_Atomic uint64_t pid_namespace; /* its inode; 0: not known */
};

/* A rewritten connection (rewrites.c): [0] when, result and tally; [1] and [2] the address that was
 * asked for; [3] the check of these and of the tally's owner. */
struct shared_rewrite {
	_Atomic uint64_t words[SHARED_REWRITE_WORDS];
};

struct shared {
	_Atomic uint64_t magic;           /* MAGIC of segment.c; 0: just created */
	_Atomic uint64_t seed;            /* of where rotations start; 0: not chosen yet */
	_Atomic uint64_t doubts_until_ms; /* until then something may speak against an endpoint */
	_Atomic uint64_t mode;            /* ordered for all names (mode.c); 0: nothing */
	_Atomic uint64_t rewrite_next;    /* rewrites written: the place of the next, modulo */
	_Atomic uint64_t looked;          /* who last looked at connects under way, and when
	                                     (refresh/silence.c) */
	_Atomic uint64_t without_room;    /* lookups of names that had no room (counters.h) */
	_Atomic uint64_t without_room_ms; /* the last of them; 0: there was none */
	struct shared_process processes[SHARED_PROCESSES]; /* the first of them in the same page */
	struct cursor cursors[SHARED_SETS * SHARED_WAYS];
	struct ejection ejections[SHARED_EJECTIONS];
	struct shared_name names[SHARED_NAMES];
	struct tally tallies[SHARED_TALLIES];
	struct shared_rewrite rewrites[SHARED_REWRITES];
};

#endif
