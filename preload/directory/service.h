/* What changes about a name between snapshots, at every connection or refresh: single atomics
 * outside the buffers. Any thread, any signal handler, unless said otherwise. */
#ifndef LBDNS_DIRECTORY_SERVICE_H
#define LBDNS_DIRECTORY_SERVICE_H

#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/name.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SERVICES = 256,
	DENIALS_TO_DROP = 3,    /* so many times in a row DNS must say that there is nothing */
	DNS_PATIENCE_MS = 5000, /* how long DNS may take for one name */
	/* Uses are noted once a second: the pick path writes nothing but the cursor. */
	USED_GRAIN_MS = 1000
};

/* What is known of a name in one family. */
enum directory_state {
	DIRECTORY_UNKNOWN, /* never asked, or addresses that we do not manage: ask libc */
	DIRECTORY_NONE,    /* no addresses */
	DIRECTORY_POOL,
	DIRECTORY_GONE /* had a pool until DNS said three times that there is none: ask libc, keep
	                  watching */
};

struct service_state {
	_Atomic uint64_t name;                  /* name_hash of its text, for counters.h */
	_Atomic uint64_t used_ms;               /* last lookup or connection */
	_Atomic uint64_t checked_ms;            /* last refresh or libc answer, good or not */
	_Atomic uint64_t due_base_ms;           /* what the next refresh is counted from */
	_Atomic uint64_t good_ms[FAMILY_COUNT]; /* last good answer; 0: none */
	_Atomic uint64_t
		last_rejected_key[FAMILY_COUNT];      /* pool_key of the last answer not believed */
	_Atomic uint32_t given_version[FAMILY_COUNT]; /* the version last handed to the client */
	_Atomic uint32_t denials[FAMILY_COUNT]; /* times in a row that DNS said there is nothing */
	/* Until then a pool is fresh, its name's use is noted and no refresh is late: all that a
	 * connection has to know (service_is_fast). */
	_Atomic uint64_t fast_until_ms[FAMILY_COUNT];
	_Atomic uint32_t interval_ms;
	_Atomic uint32_t generation; /* raised when the place is given to another name */
	_Atomic uint32_t refreshes;  /* begun */
	_Atomic uint32_t unanswered; /* questions since DNS last answered, or failed */
	atomic_bool due_now;
};

extern struct service_state service_state[SERVICES];

/* Of a place that is given to a new name; of a service that turned out to be another's alias. The
 * writer. */
void service_reset(uint32_t service);
void service_join(uint32_t service, uint32_t other);

/* Readers too: a lookup or connection is of this service. */
static inline void service_note_use(uint32_t service, uint64_t now_ms)
{
	if (clock_since(atomic_load_explicit(&service_state[service].used_ms, memory_order_relaxed),
	                now_ms) > USED_GRAIN_MS)
		atomic_store_explicit(&service_state[service].used_ms, now_ms,
		                      memory_order_relaxed);
}

/* Is the last good answer not older than LBDNS_MAX_STALE? */
static inline bool service_is_fresh(uint32_t service, enum family family, uint64_t now_ms)
{
	uint64_t good_ms =
		atomic_load_explicit(&service_state[service].good_ms[family], memory_order_relaxed);

	return good_ms && clock_since(good_ms, now_ms) <= config.max_stale_ms;
}

/* Readers, of LBDNS_MODE=on: notes until when connections need not look at all this again. */
void service_note_fast(uint32_t service, enum family family);

/* The last good answer counts no longer. */
void service_invalidate(uint32_t service, enum family family);

/* What lies further ahead than any note is of another boot (clock_since). */
static inline bool service_is_fast(uint32_t service, enum family family, uint64_t now_ms)
{
	uint64_t until_ms = atomic_load_explicit(&service_state[service].fast_until_ms[family],
	                                         memory_order_relaxed);

	return until_ms - now_ms <= USED_GRAIN_MS;
}

/* Since DNS or libc was last asked. */
static inline uint64_t service_age_ms(uint32_t service, uint64_t now_ms)
{
	return clock_since(
		atomic_load_explicit(&service_state[service].checked_ms, memory_order_relaxed),
		now_ms);
}

/* Is something checked so long ago overdue, even for a thread that is waiting for DNS? */
bool service_is_overdue(uint64_t age_ms, uint64_t interval_ms);

/* A pool was found to be out of date (an endpoint of it failed): DNS is to be asked at once. False
 * if that was less than a second ago. Any signal handler. */
bool service_hurry(uint32_t service);

/* The client is in another network now: what is known is stale until DNS or libc says it again. */
void service_invalidate_all(void);

/* The name of a service, for log lines; "" if it is gone. Any signal handler. */
void service_name(uint32_t service, struct name_text *name);

/* Its name_hash. Any signal handler. */
uint64_t service_name_hash(uint32_t service);

#endif
