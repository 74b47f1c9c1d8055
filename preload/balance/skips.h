/* Skips: which endpoints of a pool connections pass over now: those that all processes pass over
 * (ejection.h), and this one's own (own.h). Any thread, any signal handler. */
#ifndef LBDNS_BALANCE_SKIPS_H
#define LBDNS_BALANCE_SKIPS_H

#include "balance/ejection.h"
#include "balance/own.h"
#include "balance/trial.h"
#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

enum { SKIPS_MOST = 32 };

struct skips {
	uint16_t excluded[SKIPS_MOST]; /* indexes of endpoints to pass over, ascending */
	uint32_t count, silent;
	int64_t probe;  /* the endpoint that the caller is to try again, or -1 */
	int64_t leased; /* the one that it is to have tried by the refresh thread, or -1 */
};

/* Passes over one more of these count endpoints for silence, if it may. */
void skips_add(struct skips *skips, uint32_t count, uint32_t index);

/* The endpoint that is the index-th of those not excluded. */
uint32_t skips_map(const struct skips *skips, uint32_t index);

/* Returns true if there may be endpoints to pass over: ejected ones, or this process's own. */
static inline bool skips_any(uint64_t now_ms)
{
	return ejection_any(now_ms) || own_any(now_ms);
}

/* Returns true if an endpoint is passed over. */
bool skips_has(const struct skips *skips, uint32_t index);

/* Passes over one more endpoint, for which there is room. */
void skips_put(struct skips *skips, uint32_t index);

#endif
