/* Services: what changes about a name between snapshots, at every connection or refresh: single
 * atomics outside the buffers of directory/snapshot.h. Any thread, any signal handler, unless said
 * otherwise. */
#ifndef LBDNS_DIRECTORY_SERVICE_H
#define LBDNS_DIRECTORY_SERVICE_H

#include "base/attributes.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/name.h"
#include "base/wakeup.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SERVICES = 256,
	DENIALS_TO_DROP = 3, /* answers in a row that there is nothing, until a pool is dropped */
	DNS_PATIENCE_MS = 5000, /* how long DNS may take for one name */
	USED_GRAIN_MS = 1000    /* uses are noted once in so long, so that a pick writes less */
};

/* What is known of a name in one family. */
enum directory_state {
	DIRECTORY_UNKNOWN, /* never asked, or addresses that are not managed: ask libc */
	DIRECTORY_NONE,    /* no addresses */
	DIRECTORY_POOL,    /* endpoints */
	DIRECTORY_GONE /* had a pool until DNS denied the name DENIALS_TO_DROP times in a row: ask
	                * libc, and go on asking DNS */
};

/* Times are clock_ms. All are loaded and stored relaxed, each for itself, except good_ms and
 * fast_until_ms, which are sequentially consistent where they must agree (service_note_fast,
 * service_invalidate). */
struct service_state {
	_Atomic uint64_t name;        /* name_hash of its service_text, for shared/counters.h */
	_Atomic uint64_t used_ms;     /* the last lookup or connection */
	_Atomic uint64_t checked_ms;  /* the last refresh or libc answer, good or not; 0: none */
	_Atomic uint64_t due_base_ms; /* the next refresh is due one interval after this */
	_Atomic uint64_t good_ms[FAMILY_COUNT];           /* the last good answer; 0: none */
	_Atomic uint64_t last_rejected_key[FAMILY_COUNT]; /* address_set_key of the last answer that
	                                                   * was not believed; 0: none */
	_Atomic uint32_t given_version[FAMILY_COUNT]; /* of the pool last handed to the client */
	_Atomic uint32_t denials[FAMILY_COUNT];       /* answers in a row that there is nothing */
	/* Until then the fast path may use this pool without looking at good_ms, used_ms and
	 * checked_ms; at most USED_GRAIN_MS ahead. 0: it may not. */
	_Atomic uint64_t fast_until_ms[FAMILY_COUNT];
	_Atomic uint32_t interval_ms; /* between two questions to DNS */
	_Atomic uint32_t generation;  /* raised when the place is given to another name */
	_Atomic uint32_t refreshes;   /* begun */
	_Atomic uint32_t unanswered;  /* questions since DNS last said anything */
	atomic_bool due_now;          /* DNS is to be asked out of turn */
	/* A refresh of this family has succeeded, and none since has failed but by silence: lookups
	 * may be answered without libc. */
	atomic_bool confirmed[FAMILY_COUNT];
	atomic_bool connected;       /* a connect to an endpoint was seen */
	atomic_bool untold;          /* connects were seen that do not tell how they end */
	_Atomic uint32_t port;       /* that lookups named last; 0: none has */
	_Atomic uint32_t lookups;    /* seen before any connect, LOOKUPS_ONLY_FROM at most */
	_Atomic uint64_t lookups_ms; /* when there were so many */
	/* The name may not be from DNS (learn/sources.h), which has not confirmed it: nothing of it
	 * is rotated yet. */
	atomic_bool unsure;
	/* The order of its families is not known any more: libc is to be asked. */
	atomic_bool order_lost;
};

extern HIDDEN struct service_state service_state[SERVICES];

/* Makes the state that of a new name: the place is given to it. The writer. */
void service_reset(uint32_t service);

/* Sets the interval to what it is before DNS has answered. The writer. */
void service_usual_interval(uint32_t service);

/* Notes the use of a service as one of another, which it turned out to be an alias of. The writer.
 */
void service_join(uint32_t service, uint32_t other);

/* Notes that a lookup or connection is of this service. */
static inline void service_note_use(uint32_t service, uint64_t now_ms)
{
	if (clock_since(atomic_load_explicit(&service_state[service].used_ms, memory_order_relaxed),
	                now_ms) > USED_GRAIN_MS)
		atomic_store_explicit(&service_state[service].used_ms, now_ms,
		                      memory_order_relaxed);
}

/* Returns true if the last good answer is not older than LBDNS_MAX_STALE. */
static inline bool service_is_fresh(uint32_t service, enum family family, uint64_t now_ms)
{
	uint64_t good_ms =
		atomic_load_explicit(&service_state[service].good_ms[family], memory_order_relaxed);

	return good_ms && clock_since(good_ms, now_ms) <= config.max_stale_ms;
}

/* Sets fast_until_ms, to most_ms at the latest. Readers, with LBDNS_MODE=on. */
void service_note_fast(uint32_t service, enum family family, uint64_t most_ms);

/* Returns what service_note_fast sets if nothing bounds it: for those with equal pools, which the
 * fast path does not look at. */
uint64_t service_fast_until(uint32_t service, enum family family);

/* Ends the time that the last good answer is believed: the pool is stale until the next one. */
void service_invalidate(uint32_t service, enum family family);

/* Returns true until fast_until_ms. until_ms - now_ms wraps to a large number once that is past,
 * and for 0; what lies further ahead than any note is of another boot (clock_since). */
static inline bool service_is_fast(uint32_t service, enum family family, uint64_t now_ms)
{
	uint64_t until_ms = atomic_load_explicit(&service_state[service].fast_until_ms[family],
	                                         memory_order_relaxed);

	return until_ms - now_ms <= USED_GRAIN_MS;
}

/* Returns how long ago DNS or libc was last asked. */
static inline uint64_t service_age_ms(uint32_t service, uint64_t now_ms)
{
	return clock_since(
		atomic_load_explicit(&service_state[service].checked_ms, memory_order_relaxed),
		now_ms);
}

/* Returns true if something that was checked so long ago is overdue, even for a refresh thread that
 * is waiting for DNS now. */
bool service_is_overdue(uint64_t age_ms, uint64_t interval_ms);

/* Has DNS asked at once, because a pool was found to be out of date (an endpoint of it failed).
 * Returns false, and does nothing, if the last such question of this process is less than a second
 * ago. */
bool service_hurry(uint32_t service);

/* Has DNS asked for a name for the first time, because it is looked up again, and libc is asked
 * each time until a refresh has succeeded. Does nothing if DNS was asked before. */
void service_hurry_first(uint32_t service);

/* Has the next lookup of every name go to libc, because a file that it goes by has changed. */
void service_want_libc(void);

/* Returns when service_want_libc was last called (clock_ms); 0: never. */
uint64_t service_libc_wanted_ms(void);

/* Forgets in which order libc lists the families of a name: that depends on this host's routes (RFC
 * 6724), which have changed. */
static inline void service_lose_order(uint32_t service)
{
	if (service < SERVICES)
		atomic_store_explicit(&service_state[service].order_lost, true,
		                      memory_order_relaxed);
}

/* Makes all that is known stale, until DNS or libc says it again: the client is in another network
 * now. */
void service_invalidate_all(void);

/* ---- Clients whose connects, or how they end, nobody sees
 *
 * Some look names up through libc and connect without it (Go, io_uring), and those that use Fast
 * Open are told how their connects end by what they send. The refresh thread tries the endpoints of
 * their services itself (refresh/untold.h). */

enum { LOOKUPS_ONLY_FROM = 3, LOOKUPS_ONLY_MS = 1000 };

/* Records a lookup, for a port or 0. Not in a signal handler. */
void service_note_lookup(uint32_t service, uint16_t port, uint64_t now_ms);

/* Records that a connect to an endpoint was seen; the first one has the service refreshed. */
static inline void service_note_connect(uint32_t service)
{
	_Atomic bool *connected = &service_state[service % SERVICES].connected;

	if (atomic_load_explicit(connected, memory_order_relaxed))
		return;
	atomic_store_explicit(connected, true, memory_order_relaxed);
	wakeup_hurry();
}

/* Records that a connect to a port does not tell how it ends. */
void service_note_untold(uint32_t service, uint16_t port);

/* Returns true if there were LOOKUPS_ONLY_FROM lookups, and no connect. */
static inline bool service_may_be_lookups_only(uint32_t service)
{
	const struct service_state *state = &service_state[service % SERVICES];

	return atomic_load_explicit(&state->lookups, memory_order_relaxed) >= LOOKUPS_ONLY_FROM &&
	       !atomic_load_explicit(&state->connected, memory_order_relaxed);
}

/* Returns true if there were LOOKUPS_ONLY_FROM lookups, all more than LOOKUPS_ONLY_MS ago, and no
 * connect. */
bool service_is_lookups_only(uint32_t service, uint64_t now_ms);

/* Copies the name of a service, for log lines; "" if it is gone. */
void service_name(uint32_t service, struct name_text *name);

/* Returns the name_hash of that name. */
uint64_t service_name_hash(uint32_t service);

#endif
