/* How the directory is kept: private to directory*.c and snapshot*.c.
 *
 * There are two buffers and a sequence number. Readers read buffers[sequence & 1]; the writer (one
 * at a time, see writer_trylock) drafts the next snapshot from the published one and the change,
 * copies it into the other buffer, then raises the sequence. `begun` says what the writer is at: a
 * reader whose sequence is s has read nothing torn while begun <= s + 1. All that readers see is
 * read and written as 64-bit atomics, so readers hold nothing, write nothing and never wait; and as
 * the published buffer is all the state there is, a fork at any moment leaves the child with a
 * whole directory.
 *
 * A buffer has little more room than it once needed, its arrays side by side: few names need few
 * pages. One that is too small gives way to one of at least twice the room; it stays where it is,
 * for readers may be in it, and but its first page is given back. No number that is read from a
 * buffer reaches out of its arrays, torn as it may be; and none that was read from one reaches out
 * of the next.
 *
 * What changes at every connection or refresh is in `live`, single atomics outside the buffers. */
#ifndef LBDNS_DIRECTORY_SNAPSHOT_H
#define LBDNS_DIRECTORY_SNAPSHOT_H

#include "base/address.h"
#include "base/name.h"
#include "directory/service.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NAMES = 1024,
	POOL_ENDPOINTS = 32768, /* of all pools together */
	ENDPOINTS = 40960,      /* with intersections and departed ones */
	POOL_RECORDS = 1024,
	MEMBERSHIPS = 2048,
	MEMBERSHIP_POOLS = 8,
	/* The address is in more than MEMBERSHIP_POOLS pools; it is never rewritten. */
	MEMBERSHIP_TOO_MANY = 0,
	/* MEMBERSHIP_FIRST_POOL + p is the membership of addresses that are only in pool p, for
	 * p < pool_count. */
	MEMBERSHIP_FIRST_POOL = 1,
	DEPARTED = 1024,
	DEPARTED_KEPT_MS = 60 * 60 * 1000, /* after it was last asked for */
	INDEX = 131072,
	NO_POOL = UINT32_MAX,
	NO_SLOT = UINT32_MAX
};

/* By a reader, while what it reads changes. Apart: NO_POOL is why the others are unsigned. */
enum { READ_TRIES = 3 };

/* Bit of `joined_version`: some other name has held this address as well, so it is not redirected
 * after it departs. */
#define JOINED_SHARED (1u << 31)

/* The endpoints first … first + count - 1: one pool, or what several pools have in common. */
struct pool_record {
	uint64_t key; /* address_set_key */
	uint32_t first, count;
	uint32_t service, family;
};

/* Which pools an address is in, and where connections to it may be redirected: the pool itself if
 * it is in one, what its pools have in common if it is in several, and the pool it left if it is a
 * departed address (which is in none). */
struct membership {
	uint32_t redirect_to; /* index of a pool_record; NO_POOL: nowhere. See membership_head */
	uint32_t count;       /* of `pools`; 0: a departed address, or MEMBERSHIP_TOO_MANY */
	uint16_t pools[MEMBERSHIP_POOLS]; /* indexes of pool_records */
};

/* The first two fields of a membership, loaded as one word. */
struct membership_head {
	uint32_t redirect_to, count;
};

_Static_assert(offsetof(struct membership, count) == sizeof(uint32_t),
               "as in struct membership_head");

struct endpoint_info {
	uint32_t membership;
	union {
		uint32_t joined_version; /* the version of the pool that the endpoint joined with,
		                          * and JOINED_SHARED */
		uint32_t departed_place; /* of a departed address: its place in `departed` */
	};
};

struct departed {
	struct address address;
	uint32_t used, service, family, pad;
};

extern _Atomic uint64_t departed_used_ms[DEPARTED]; /* when a departed address was last asked for */

struct service_family {
	uint32_t state;   /* enum directory_state */
	uint32_t pool;    /* index of its pool_record, while state is DIRECTORY_POOL */
	uint32_t version; /* raised whenever the endpoints change */
	uint32_t pad;
};

struct service {
	struct service_family family[FAMILY_COUNT];
	uint32_t used;
	uint32_t absolute_known; /* text is the absolute name, and DNS is believed for it */
	uint32_t order;          /* enum family_order */
	uint32_t listed;         /* enum eligible_verdict was ELIGIBLE_LISTED */
	uint32_t exact;          /* an exact name in LBDNS_NAMES: never idle */
	uint32_t unmanaged;      /* DNS does not know this name as libc does: not managed */
	uint64_t unmanaged_ms;
	uint32_t generation; /* that of the place in `live`, when this was written */
	uint32_t pad;
};

struct name {
	uint64_t hash;
	uint32_t service;
	uint32_t has_canonical;
};

struct snapshot {
	uint64_t service_count, name_count, endpoint_count, pool_record_count, membership_count,
		index_mask, departed_count;
	/* The first pool_count pool_records are whole pools, those behind them what several pools
	 * have in common. */
	uint64_t pool_count;
	/* All that follows is never changed while it is a snapshot_state's. */
	uint64_t *index; /* by address_hash: an endpoint + 1, two to a word, the low half first */
	struct address *addresses;
	struct endpoint_info *infos;
	struct membership *memberships;
	struct pool_record *pool_records;
	struct service *services;
	struct name *names;
	struct name_text *service_text; /* the absolute name once pinned, else the one asked for */
	struct name_text *name_text;
	struct name_text *canonical; /* what libc said is the canonical name; see has_canonical */
	struct departed *departed;   /* DEPARTED of them, always */
};

typedef uint64_t __attribute__((may_alias)) snapshot_word;
typedef uint32_t __attribute__((may_alias)) snapshot_half;

/* Atomic, word by word; acquire and release pair with each other through `begun` (above). size in
 * bytes, a multiple of 8. */
static inline void words_load(void *to, const void *from, size_t size)
{
#pragma GCC unroll 3
	for (size_t i = 0; i < size / sizeof(snapshot_word); i++)
		((snapshot_word *)to)[i] =
			__atomic_load_n((const snapshot_word *)from + i, __ATOMIC_ACQUIRE);
}

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

/* snapshot.c alone writes it. */
extern struct snapshot_state {
	_Atomic uint64_t sequence; /* published; 0: nothing was */
	_Atomic uint64_t begun;    /* what the writer fills: sequence, or sequence + 1 */
	struct snapshot *_Atomic buffers[2];
} snapshot_state;

/* Readers: NULL while nothing was ever published. */
static inline const struct snapshot *snapshot_read(uint64_t *sequence)
{
	/* First: what it pairs with in draft_commit brings the buffer along. */
	*sequence = atomic_load_explicit(&snapshot_state.sequence, memory_order_acquire);
	/* A larger one, of the writer of sequence + 2, brings its `begun` along. */
	return *sequence ? atomic_load_explicit(&snapshot_state.buffers[*sequence & 1],
	                                        memory_order_acquire)
	                 : NULL;
}

/* Is all that was read from it since whole? */
static inline bool snapshot_valid(uint64_t sequence)
{
	/* The loads before this one are acquires, so none of them happens after it; a word that the
	 * writer of sequence + 2 stored (release) brings its `begun` along. */
	return atomic_load_explicit(&snapshot_state.begun, memory_order_acquire) <= sequence + 1;
}

/* The endpoint at an address, whose hash this is (address_hash), or -1; and the slot of the index
 * where it is or would be. Bounded by the index itself: a reader may look at a buffer that is being
 * filled. */
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

static inline void snapshot_pool(const struct snapshot *snapshot, uint32_t index,
                                 struct pool_record *pool)
{
	words_load(pool, &snapshot->pool_records[index % POOL_RECORDS], sizeof(*pool));
	pool->service %= SERVICES;
	pool->family %= FAMILY_COUNT;
	if (pool->first > ENDPOINTS || pool->count > ENDPOINTS - pool->first)
		pool->count = 0; /* torn; snapshot_valid will say so */
}

static inline struct address snapshot_endpoint(const struct snapshot *snapshot,
                                               const struct pool_record *pool, uint32_t index)
{
	struct address address;

	words_load(&address, &snapshot->addresses[pool->first + index], sizeof(address));
	return address;
}

/* The place of a name, or -1. */
int64_t snapshot_find_name(const struct snapshot *snapshot, const struct name_text *text);

/* The endpoints of a service in the published snapshot; none if it has no pool. Valid until the
 * next publication. */
const struct address *snapshot_endpoints(const struct snapshot *snapshot, uint32_t service,
                                         enum family family, size_t *count);

#endif
