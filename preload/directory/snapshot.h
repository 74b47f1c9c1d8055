/* Snapshots: what is known of all names and addresses, as readers see it.
 *
 * LAYOUT
 *	There are two buffers and a sequence number (snapshot_state). A buffer holds one whole
 *	snapshot: pools, the endpoints of each, an index that finds an endpoint by its address,
 *	and the names. Whatever changes at every connection or refresh is not in it, but in
 *	service_state (directory/service.h) and departed_used_ms: single atomics outside the
 *	buffers.
 *
 * READER
 *	Any thread, any signal handler. Readers take no lock, write nothing and never wait:
 *
 *		struct reading reading = reading_begin();
 *		… words_load(&service, &reading.snapshot->services[index], sizeof(service)) …
 *		if (reading_held(reading))
 *			what was loaded is of one snapshot
 *
 *	A reader that must have an answer begins anew, READ_TRIES times at most; the others take
 *	"changed meanwhile" for "not known".
 *
 * WRITER
 *	One at a time (learn/writer.h). It drafts the next snapshot from the published one and
 *	the change, in memory that no reader sees (learn/draft.h); stores sequence + 1 into
 *	`begun`; copies the draft into the buffer that is not published; and raises `sequence`
 *	(learn/publish.c). The published buffer is all the state there is, so that a fork at any
 *	moment leaves the child with a whole directory.
 *
 * TORN READS
 *	A reader of `sequence` reads a buffer that the writer of sequence + 2 fills again. That
 *	writer stores its number into `begun` before its first store into the buffer, and each
 *	store into the buffer is a release of one 64-bit word (words_store), as each load is an
 *	acquire (words_load). So a reader that has loaded a single word of that writer's sees
 *	its `begun` as well, and what it has loaded is whole while begun <= sequence + 1:
 *	reading_held. Until then a reader may hold words of two snapshots, and must not run
 *	astray with them. Each word is of one snapshot that was in this buffer, so that each
 *	index in it is inside the arrays of this buffer, which never get less room; numbers that
 *	belong together (`first` and `count`) share a word. Indexes of arrays outside the buffer
 *	are bounded before they are used (% SERVICES). Hence a torn reading reads wrong data,
 *	never other memory.
 *
 * GROWING
 *	A buffer has little more room than it once needed, its arrays side by side, so that few
 *	names need few pages. One that is too small is replaced by one with at least twice the
 *	room. An outgrown buffer is never unmapped, because a reader may still be in it; all its
 *	pages but the first, where the pointers to the arrays are, are given back with
 *	MADV_DONTNEED, and that reader then finds zeros, and its reading does not hold. */
#ifndef LBDNS_DIRECTORY_SNAPSHOT_H
#define LBDNS_DIRECTORY_SNAPSHOT_H

#include "base/attributes.h"
#include "base/address.h"
#include "base/name.h"
#include "base/ports.h"
#include "directory/service.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAMES = 1024,
	POOL_ENDPOINTS = 32768, /* of all pools together */
	ENDPOINTS = 40960,      /* with what pools have in common, and departed addresses */
	POOL_RECORDS = 1024,
	MEMBERSHIPS = 2048,
	MEMBERSHIP_POOLS = 8, /* different ones, of one address */
	/* The address is in more than MEMBERSHIP_POOLS different pools; it is never rewritten. */
	MEMBERSHIP_TOO_MANY = 0,
	/* MEMBERSHIP_FIRST_POOL + p is the membership of addresses that are only in pool p and its
	 * equals, for p < pool_count. */
	MEMBERSHIP_FIRST_POOL = 1,
	/* Bit of endpoint_info.membership: its `ports` are not PORTS_ALL. Readers who do not ask
	 * drop it by % MEMBERSHIPS. */
	MEMBERSHIP_SOME_PORTS = 1 << 30,
	DEPARTED = 1024,
	DEPARTED_KEPT_MS = 60 * 60 * 1000, /* after it was last asked for */
	INDEX = 131072,                    /* slots */
	NO_POOL = UINT32_MAX,
	NO_SLOT = UINT32_MAX
};

/* How often a reader begins anew. An enum of its own, because NO_POOL makes that one unsigned. */
enum { READ_TRIES = 3 };

/* Bit of `joined_version`: some other name has held this address as well, so it is not redirected
 * after it departs. */
#define JOINED_SHARED (1u << 31)

/* A pool, or what several pools have in common: the endpoints first … first + count - 1. */
struct pool_record {
	uint64_t key;          /* address_set_key: cursors are kept by it (balance/rotation.h) */
	uint32_t first, count; /* in one word: see TORN READS */
	uint16_t service;      /* of the pool, or of the first of those pools */
	uint16_t next_equal;   /* index of the next pool with the same endpoints, which is a larger
	                        * one; 0: there is none. See snapshot_next_equal */
	uint32_t family;       /* enum family */
};

/* Which pools an address is in, and where connections to it may be redirected: the pool itself if
 * it is in one, what its pools have in common if it is in several, and the pool it left if it is a
 * departed address (which is in none). Pools with the same endpoints are one pool here, the first
 * of them: they have one cursor, and whoever asks for one may go where the others go. */
struct membership {
	uint32_t redirect_to; /* index of a pool_record; NO_POOL: nowhere. See membership_head */
	uint32_t count;       /* of `pools`; 0: a departed address, or MEMBERSHIP_TOO_MANY */
	/* Indexes of pool_records, each the first of its equals. */
	uint16_t pools[MEMBERSHIP_POOLS];
	/* At which connections to these addresses rotate (base/ports.h): those at which any of the
	 * names of these pools does, but for those that any of them excludes. Of
	 * MEMBERSHIP_TOO_MANY it is PORTS_ALL. */
	uint64_t ports;
};

/* The first two fields of a membership, loaded as one word. */
struct membership_head {
	uint32_t redirect_to, count;
};

_Static_assert(offsetof(struct membership, count) == sizeof(uint32_t),
               "as in struct membership_head");

/* What is known of an endpoint, at the same index as its address. */
struct endpoint_info {
	uint32_t membership; /* index of its membership, and MEMBERSHIP_SOME_PORTS */
	union {
		uint32_t joined_version; /* version of the pool when the endpoint joined it, and
		                          * JOINED_SHARED */
		uint32_t departed_place; /* of a departed address: index of its departed record */
	};
};

/* An address that has left its pool and that clients may still ask for. */
struct departed {
	struct address address;
	uint32_t used;    /* 0: the place is free */
	uint32_t service; /* whose pool it left */
	uint32_t family;  /* enum family */
	uint32_t pad;
};

/* What changes about the name at a place between snapshots. */
struct name_state {
	/* When libc last said what is known of it (clock_ms); 0: not yet. */
	_Atomic uint64_t libc_ms[FAMILY_COUNT];
};

extern HIDDEN struct name_state name_state[NAMES];

/* When the departed address at a place was last asked for (clock_ms). Readers write it too. */
extern HIDDEN _Atomic uint64_t departed_used_ms[DEPARTED];

/* What is known of a service in one family. */
struct service_family {
	uint32_t state;   /* enum directory_state */
	uint32_t pool;    /* index of its pool_record, while state is DIRECTORY_POOL */
	uint32_t version; /* raised whenever the endpoints change */
	uint32_t pad;
};

/* A name as DNS knows it. Several names of clients (struct name) may be spellings of one. */
struct service {
	struct service_family family[FAMILY_COUNT];
	uint32_t used;           /* 0: the place is free */
	uint32_t absolute_known; /* service_text is the absolute name, and DNS is believed for it */
	uint32_t order;          /* enum family_order */
	uint32_t listed;         /* LBDNS_NAMES lists it (ELIGIBLE_LISTED) */
	uint32_t exact;          /* LBDNS_NAMES has it as an exact name, so that it is never idle */
	uint32_t unmanaged;    /* DNS does not know this name as libc does, so it is not managed */
	uint64_t unmanaged_ms; /* since when (clock_ms) */
	uint32_t generation;   /* of the place in service_state, when this was written */
	uint32_t single;       /* it has one address, and never had more: see directory/singles.h */
	struct port_rule ports; /* at which its connections rotate */
};

/* A name as a client spells it. */
struct name {
	uint64_t hash;          /* name_hash of its name_text; 0: the place is free */
	uint32_t service;       /* which service it stands for; SERVICES: the place is free */
	uint32_t has_canonical; /* 0: libc is to be asked for the canonical name */
};

/* The arrays hold nothing but whole 64-bit words, to be read by words_load. */
struct snapshot {
	uint64_t service_count, name_count, endpoint_count, pool_record_count, membership_count,
		index_mask, departed_count;
	/* The first pool_count pool_records are whole pools, those behind them what several pools
	 * have in common. */
	uint64_t pool_count;
	/* The pointers are never changed while the snapshot is in snapshot_state. */
	uint64_t *index; /* by address_hash: index of an endpoint + 1, or 0 where a search ends; two
	                  * slots to a word, the low half first */
	struct address *addresses;
	struct endpoint_info *infos;
	struct membership *memberships;
	struct pool_record *pool_records;
	struct service *services;
	struct name *names;
	struct name_text *service_text; /* the absolute name once that is known (absolute_known),
	                                 * else the name that the client asked for */
	struct name_text *name_text;
	struct name_text *canonical; /* what libc said is the canonical name; see has_canonical */
	struct departed *departed;   /* room for DEPARTED, always */
};

typedef uint64_t __attribute__((may_alias)) snapshot_word;
typedef uint32_t __attribute__((may_alias)) snapshot_half;

/* Loads what lies in a buffer, word by word: each one an atomic acquire, which pairs with the
 * release of words_store. size is in bytes, a multiple of 8. */
static inline void words_load(void *to, const void *from, size_t size)
{
	/* The largest struct on the path of a connection, pool_record, has three words: unrolled,
	 * it stays in registers. */
#pragma GCC unroll 3
	for (size_t i = 0; i < size / sizeof(snapshot_word); i++)
		((snapshot_word *)to)[i] =
			__atomic_load_n((const snapshot_word *)from + i, __ATOMIC_ACQUIRE);
}

/* Stores into a buffer, word by word: each one an atomic release. The writer. */
static inline void words_store(void *to, const void *from, size_t size)
{
	for (size_t i = 0; i < size / sizeof(snapshot_word); i++)
		__atomic_store_n((snapshot_word *)to + i, ((const snapshot_word *)from)[i],
		                 __ATOMIC_RELEASE);
}

static inline void word_store(uint64_t *to, uint64_t value)
{
	__atomic_store_n((snapshot_word *)to, value, __ATOMIC_RELEASE);
}

/* Written by draft_commit (learn/publish.c) alone. */
extern HIDDEN struct snapshot_state {
	_Atomic uint64_t sequence; /* of the published snapshot; 0: none was ever published */
	_Atomic uint64_t begun;    /* which one the writer fills: sequence + 1, or else sequence */
	struct snapshot *_Atomic buffers[2]; /* the published one is buffers[sequence & 1] */
} snapshot_state;

/* One look at the published snapshot. */
struct reading {
	const struct snapshot *snapshot; /* NULL: none was ever published */
	uint64_t sequence;
};

static inline struct reading reading_begin(void)
{
	struct reading reading = {.snapshot = NULL};

	/* Before the buffer: this acquire pairs with the release of `sequence` in draft_commit,
	 * which brings the buffer along. */
	reading.sequence = atomic_load_explicit(&snapshot_state.sequence, memory_order_acquire);
	/* A larger buffer that the writer of sequence + 2 has put there brings its `begun` along.
	 */
	if (reading.sequence)
		reading.snapshot = atomic_load_explicit(
			&snapshot_state.buffers[reading.sequence & 1], memory_order_acquire);
	return reading;
}

/* Returns true if all that was loaded since reading_begin is of one snapshot; also if there was
 * none to read. */
static inline bool reading_held(struct reading reading)
{
	/* Loads before this one are acquires, so that none of them happens after it. It pairs with
	 * the release of `begun` in draft_commit. */
	return !reading.snapshot ||
	       atomic_load_explicit(&snapshot_state.begun, memory_order_acquire) <=
	               reading.sequence + 1;
}

/* reading_begin and reading_held, for who keeps the sequence number only. */
static inline const struct snapshot *snapshot_read(uint64_t *sequence)
{
	struct reading reading = reading_begin();

	*sequence = reading.sequence;
	return reading.snapshot;
}

static inline bool snapshot_valid(uint64_t sequence)
{
	return atomic_load_explicit(&snapshot_state.begun, memory_order_acquire) <= sequence + 1;
}

/* Finds an address by its hash (address_hash). Returns the index of the endpoint, or -1; *slot is
 * the slot of the index where it is or would be. The search goes round the index once at most,
 * because a reader may look at a buffer that is being filled. */
static inline int64_t snapshot_probe(const struct snapshot *snapshot, struct address address,
                                     uint64_t hash, uint64_t *slot)
{
	uint64_t mask =
		__atomic_load_n((const snapshot_word *)&snapshot->index_mask, __ATOMIC_ACQUIRE);

	mask &= INDEX - 1;
	*slot = hash & mask;
	for (uint64_t probes = 0; probes <= mask; probes++, *slot = (*slot + 1) & mask) {
		uint32_t endpoint = __atomic_load_n((const snapshot_half *)snapshot->index + *slot,
		                                    __ATOMIC_ACQUIRE);
		struct address there;

		if (!endpoint || endpoint > ENDPOINTS)
			return -1;
		words_load(&there, &snapshot->addresses[endpoint - 1], sizeof(there));
		if (address_equal(there, address))
			return endpoint - 1;
	}
	return -1;
}

static inline int64_t snapshot_find(const struct snapshot *snapshot, struct address address)
{
	uint64_t slot;

	return snapshot_probe(snapshot, address, address_hash(address), &slot);
}

/* Loads the pool_record at an index. */
static inline void snapshot_pool(const struct snapshot *snapshot, uint32_t index,
                                 struct pool_record *pool)
{
	words_load(pool, &snapshot->pool_records[index % POOL_RECORDS], sizeof(*pool));
	pool->service %= SERVICES;
	pool->family %= FAMILY_COUNT;
	if (pool->first > ENDPOINTS || pool->count > ENDPOINTS - pool->first)
		pool->count = 0; /* torn; reading_held will say so */
}

/* Loads the next pool with the same endpoints, of another name; *index is that of pool, and becomes
 * that of the next. Returns false if there is none. Indexes only rise, so that a reader of torn
 * words comes to an end. */
static inline bool snapshot_next_equal(const struct snapshot *snapshot, uint32_t *index,
                                       struct pool_record *pool)
{
	if (pool->next_equal <= *index)
		return false;
	*index = pool->next_equal;
	snapshot_pool(snapshot, *index, pool);
	return true;
}

/* Returns true if connections to a port (struct peer) of those who are only in a pool and its
 * equals rotate. */
static inline bool snapshot_pool_has(const struct snapshot *snapshot, uint32_t index, uint32_t port)
{
	uint64_t ports;

	index = (index + MEMBERSHIP_FIRST_POOL) % MEMBERSHIPS;
	words_load(&ports, &snapshot->memberships[index].ports, sizeof(ports));
	return ports_have(ports, port);
}

/* Returns the endpoint at an index, below count, of a pool. */
static inline struct address snapshot_endpoint(const struct snapshot *snapshot,
                                               const struct pool_record *pool, uint32_t index)
{
	struct address address;

	words_load(&address, &snapshot->addresses[pool->first + index], sizeof(address));
	return address;
}

/* Returns the index of a name, or -1. */
int64_t snapshot_find_name(const struct snapshot *snapshot, const struct name_text *text);

/* Returns the endpoints of a service, sorted, and how many they are; NULL and 0 if it has no pool.
 * Valid until the next publication. The writer, which alone may read without words_load. */
const struct address *snapshot_endpoints(const struct snapshot *snapshot, uint32_t service,
                                         enum family family, size_t *count);

#endif
