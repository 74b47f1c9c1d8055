/* The directory: which names are managed, the endpoints of each, and where a connection may go.
 *
 * State: two snapshots in one mapping, made with the first managed name (snapshot.h), and the
 * claims (claims.h). Readers (find, list, copy, route, pick) take no lock, allocate nothing and
 * never wait: any thread, any signal handler. Writers (learn, refreshed, add_listed) take
 * process_trylock: any thread, not in a signal handler. */
#ifndef LBDNS_DIRECTORY_DIRECTORY_H
#define LBDNS_DIRECTORY_DIRECTORY_H

#include "base/address.h"
#include "base/reason.h"
#include "balance/ejection.h"
#include "base/name.h"
#include "dns/resolver.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of a name in one family. */
enum directory_state {
	DIRECTORY_UNKNOWN, /* never asked, or addresses that we do not manage: ask libc */
	DIRECTORY_NONE,    /* no addresses */
	DIRECTORY_POOL,
	DIRECTORY_GONE /* had a pool until DNS said three times that there is none: ask libc, keep
	                  watching */
};

/* The order in which libc gives the families of a dual-stack answer. */
enum directory_order { ORDER_UNKNOWN, ORDER_V4_FIRST, ORDER_V6_FIRST };

/* Is there any managed name? The first question of every hook. */
bool directory_is_empty(void);

/* ---- Lookups */

struct directory_listing {
	uint64_t sequence;
	uint32_t service;
	enum directory_order order;
	bool believed;   /* DNS is known to know this name as libc does */
	uint64_t age_ms; /* since DNS or libc was last asked */
	uint32_t interval_ms;
	bool has_canonical;
	struct {
		enum directory_state state;
		bool fresh;     /* the last good answer is not older than LBDNS_MAX_STALE */
		uint32_t first; /* for directory_copy */
		uint32_t count; /* endpoints */
		uint32_t version;
		uint64_t key; /* for rotation_show */
	} family[FAMILY_COUNT];
};

/* What is known of a name; false if it is not managed. Counts as a use of it. */
bool directory_find(const struct name_text *name, struct directory_listing *listing);

/* The endpoints of a family, sorted, into endpoints[count]; false if they changed since
 * directory_find. */
bool directory_copy(const struct directory_listing *listing, enum family family,
                    struct address *endpoints);

/* The canonical name libc gave for it; false if none is known or it changed. */
bool directory_canonical(const struct directory_listing *listing, const struct name_text *name,
                         struct name_text *canonical);

/* The client is given the endpoints of this listing. Said before they are looked at again: those
 * that leave the pool meanwhile have been handed out too. */
void directory_handed(const struct directory_listing *listing, unsigned families);

/* ---- Learning */

/* What libc answered. addresses are sorted, each once. */
struct directory_answer {
	unsigned families; /* those that libc was asked for */
	struct {
		const struct address *addresses;
		size_t count;
	} family[FAMILY_COUNT];
	enum directory_order order;
	const char *canonical; /* or NULL */
	bool may_be_cut; /* the resolver of this libc may have left addresses out: refresh at once
	                  */
};

/* Takes in an answer of libc: a pool if the name is eligible, else claims. Returns before the
 * client has the answer. True if the name is managed now. */
bool directory_learn(const struct name_text *name, const struct directory_answer *answer);

/* Claims for what libc gave for something that is no name (a numeric literal): key tells one from
 * another. */
void directory_claim(uint64_t key, struct address address);

/* ---- Connections */

/* The endpoint that a lookup lists first: the next pick, or one more for each lookup since the last
 * connection, among those not passed over. endpoints are sorted, key is their pool_key; port in
 * host order, 0 if none is known. */
uint32_t directory_show(const struct address *endpoints, uint32_t count, uint64_t key,
                        uint32_t port);

/* A bit for each hash of an address that was ever in a snapshot; the writer sets them before it
 * publishes, and nobody clears them. */
enum { DIRECTORY_SIEVE_BITS = 16 };
extern _Atomic uint64_t directory_sieve[1 << (DIRECTORY_SIEVE_BITS - 6)];

static inline uint32_t directory_sieve_bit(struct address address)
{
	return (uint32_t)(((address.low ^ address.high) * HASH_GOLDEN) >>
	                  (64 - DIRECTORY_SIEVE_BITS));
}

/* False if directory_route would be, for most addresses: connect's first question. */
static inline bool directory_may_route(struct address address)
{
	uint32_t bit = directory_sieve_bit(address);

	return atomic_load_explicit(&directory_sieve[bit / 64], memory_order_relaxed) >>
	               (bit % 64) &
	       1;
}

/* What is known of the address a client wants. */
struct directory_route {
	uint64_t sequence;
	struct address asked;
	uint64_t hash; /* address_hash of it */
	int64_t endpoint;
};

/* False if we have nothing to do with this address. */
bool directory_route(struct address asked, struct directory_route *route);

/* A service whose pool the address is in, or was. */
bool directory_service(const struct directory_route *route, uint32_t *service);

enum directory_pick { PICK_NONE, PICK_ASKED, PICK_OTHER };

struct directory_picked {
	enum directory_pick
		what; /* none: untouched; asked: it had the turn, or took it; other: go to target */
	struct address target;
	uint32_t service;
	bool may_retry;  /* there are other endpoints that would do */
	uint64_t key;    /* for rotation_may_retry */
	uint64_t age_ms; /* as in a listing, for refresher_nudge */
	uint32_t interval_ms;
	enum config_mode mode; /* observe: what would be, for nobody to act on; off: what is none */
	enum leave_reason why; /* of none */
	uint64_t name;         /* for counters.h; 0 if none is known */
	uint64_t now_ms;
};

/* A pool was found to be out of date (an endpoint of it failed): DNS is to be asked at once. False
 * if that was less than a second ago. Any signal handler. */
bool directory_hurry(uint32_t service);

/* The client is in another network now: what is known is stale until DNS or libc says it again. */
void directory_distrust(void);

/* Where this connection goes; takes the turn. Follows route to a newer snapshot. port as rotation.h
 * wants it. trial: who tries an endpoint that failed before. */
void directory_pick(struct directory_route *route, uint32_t port, enum health_trial trial,
                    struct directory_picked *picked);

/* ---- Refreshing (the refresh thread) */

struct directory_due {
	uint32_t service, generation;
	struct name_text name;
	bool absolute; /* take the name as it is: do not walk the search list */
	unsigned families;
};

/* The next service, counting from *service, that is due at now_ms; false if none is. Lowers
 * *next_ms to when the first of those that are not due yet will be. */
bool directory_due(uint32_t *service, uint64_t now_ms, uint64_t *next_ms,
                   struct directory_due *due);

/* DNS is being asked for it: it is due again an interval from now, answered or not. */
void directory_asked(const struct directory_due *due, uint64_t now_ms);

/* Takes in what DNS answered. False if the directory was busy: come again. */
bool directory_refreshed(const struct directory_due *due, const struct resolver_answer *answer);

/* Are there exact names in LBDNS_NAMES that were never resolved? Any signal handler. */
bool directory_wants_listed(void);

/* Makes them known, due at once. False if the directory was busy: come again. */
bool directory_add_listed(void);

/* The name of a service, for log lines; "" if it is gone. Any signal handler. */
void directory_name(uint32_t service, struct name_text *name);

/* Its names_hash. Any signal handler. */
uint64_t directory_hash(uint32_t service);

#endif
