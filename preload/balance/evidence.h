/* Records of what speaks against an endpoint (struct ejection), in shared memory: private to
 * ejection.c.
 *
 * LAYOUT: SHARED_EJECTIONS places, each free, forgotten, or an endpoint's in a network namespace.
 * The key is a hash of the address, the port and the namespace, and their check: until all of them
 * are written a record does not hold.
 *
 * WRITER: claims a place by a CAS of its key; two that claim for one endpoint meet at one place.
 * Where none is free the one is taken whose endpoint nobody has checked for the longest.
 * What is written then are single words, of which any mixture is sound; evidence_doubt comes last.
 *
 * READER: evidence_holds, for every record, because any bytes at all may be there.
 *
 * Any thread, any signal handler; no lock; errno is kept. */
#ifndef LBDNS_BALANCE_EVIDENCE_H
#define LBDNS_BALANCE_EVIDENCE_H

#include "base/peer.h"
#include "shared/segment.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	EVIDENCE_KEPT_MS = 5 * 60 * 1000,  /* against an endpoint that nobody tries */
	EVIDENCE_CHECK_MOST_MS = 60 * 1000 /* from one check to the next */
};

/* Returns the key of a peer's record in this network namespace. */
uint64_t evidence_key(struct peer peer);

/* Returns true, and the peer, if a record counts; false if it is unused, half written, long past,
 * of another network namespace, or of a time that no process of ours can have written. */
bool evidence_holds(const struct ejection *record, uint64_t now_ms, struct peer *peer);

/* Returns the place that has a key, whether or not it holds; NULL if there is none. */
struct ejection *evidence_find(uint64_t key);

/* Returns the record of a peer; NULL if none holds. */
struct ejection *evidence_of(struct peer peer, uint64_t now_ms);

/* Returns the record of a peer, an empty one if need be; NULL if there is no room. */
struct ejection *evidence_get(struct peer peer, uint64_t now_ms);

/* Makes the place of a key free. Returns false if none has it. */
bool evidence_forget(uint64_t key);

/* Records that this process, too, says what a record says. Once two processes say it, it is not for
 * another one to check at once. */
void evidence_confirm(struct ejection *record);

/* Has connections say how they end from now on (ejection_any). To be called after a record was
 * written. */
void evidence_doubt(uint64_t now_ms);

/* Ends what evidence_doubt began, if nothing speaks against any endpoint now. */
void evidence_settle(uint64_t now_ms);

#endif
