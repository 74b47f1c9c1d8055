/* What is counted for people to see: `lbdns status`, `lbdns metrics` (shared/read.h).
 *
 * The counters are in shared memory (layout.h): bounded, without locks, and never read by what
 * decides where a connection goes. What finds no place there is not counted.
 *
 * In all functions name is the name_hash of a name's text; 0 is no name, and nothing is counted for
 * it. endpoint is the address that a connection goes to, port its port in host order, with
 * PEER_DATAGRAM or'd in for UDP. now_ms is clock_ms(). Any thread, any signal handler, unless
 * a function says otherwise. */
#ifndef LBDNS_SHARED_COUNTERS_H
#define LBDNS_SHARED_COUNTERS_H

#include "base/address.h"
#include "base/name.h"
#include "base/reason.h"
#include "shared/layout.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- Names */

/* Makes a name known, so that what is counted for its hash can be shown; call it whenever the name
 * is learned. Not in a signal handler. */
void counters_name(const struct name_text *name);

/* Records that name is short for absolute: an order for the one is one for the other. Not in a
 * signal handler. */
void counters_alias(const struct name_text *name, const struct name_text *absolute);

/* Returns the record of a name; NULL if there is none. */
struct shared_name *counters_find(uint64_t name);

/* One refresh of a name. */
struct counters_refresh {
	const struct name_text *name;
	uint64_t now_ms;
	uint32_t outcome; /* enum dns_outcome, of the better family */
	uint32_t interval_ms, ttl_s;
	uint32_t endpoints[FAMILY_COUNT]; /* that the name has from now on */
	bool changed;                     /* they are others than before */
};

/* Counts a refresh. The refresh thread. */
void counters_refreshed(const struct counters_refresh *refresh);

/* Counts a connection to a known address that was left as the client asked for it. */
void counters_passed(uint64_t name, enum leave_reason why);

/* Counts a lookup that is libc's alone, because its process has no room for one more name. */
void counters_without_room(void);

/* ---- Connections to endpoints. counters_fast.h has the first three inlined. */

/* Returns what is counted for an endpoint on a port, and records that it is in use. NULL if nothing
 * is counted for it: no name, or no room. Memory that stays valid, but is given to another endpoint
 * once it has not been used for a minute. */
struct tally *counters_tally(uint64_t name, struct address endpoint, uint32_t port,
                             uint64_t now_ms);

/* Counts a connection: rewritten, or kept where the client asked. tally may be NULL. */
void counters_connected(struct tally *tally, bool rewritten);

/* Records a rewritten connection among the last SHARED_REWRITES, once its result is known: an
 * errno, EINPROGRESS if nobody knows yet, 0 if it was made. asked is the address that the client
 * asked for. Nothing if tally is NULL. */
void counters_rewritten(const struct tally *tally, struct address asked, uint64_t at_ms,
                        int result);

/* Records the error in the newest of them to this endpoint whose result was still EINPROGRESS. */
void counters_rewritten_failed(struct address endpoint, uint32_t port, int error);

/* Counts an attempt that failed. */
void counters_failed(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms);

/* Counts an attempt that follows a failed one. */
void counters_retried(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms);

/* ---- Processes */

/* Records that this process has refreshed a name. process is its name, of 16 bytes as of prctl(2)
 * (PR_GET_NAME). The refresh thread. */
void counters_process(uint64_t now_ms, const char *process);

#endif
