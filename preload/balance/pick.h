/* Where one connection goes, and what a lookup lists first. Any thread, any signal handler; no
 * lock, no allocation. */
#ifndef LBDNS_BALANCE_PICK_H
#define LBDNS_BALANCE_PICK_H

#include "balance/trial.h"
#include "base/reason.h"
#include "base/address.h"
#include "base/config.h"
#include "directory/route.h"
#include "shared/counters.h"

#include <stdbool.h>
#include <stdint.h>

enum pick_kind { PICK_NONE, PICK_ASKED, PICK_OTHER };

struct pick {
	enum pick_kind
		what; /* none: untouched; asked: it had the turn, or took it; other: go to target */
	struct address target;
	uint32_t service;
	bool may_retry;  /* there are other endpoints that would do */
	uint64_t key;    /* for rotation_may_retry */
	uint64_t age_ms; /* as in a listing, for thread_nudge */
	uint32_t interval_ms;
	enum config_mode mode; /* observe: what would be, for nobody to act on; off: what is none */
	enum leave_reason why; /* of none */
	uint64_t name;         /* for counters.h; 0 if none is known */
	uint64_t now_ms;
};

/* Where this connection goes; takes the turn. Follows route to a newer snapshot. port as rotation.h
 * wants it. trial: who tries an endpoint that failed before. */
void pick_endpoint(struct route *route, uint32_t port, enum trial trial, struct pick *picked);

/* The endpoint that a lookup lists first: the next pick, or one more for each lookup since the last
 * connection, among those not passed over. endpoints are sorted, key is their pool_key; port in
 * host order, 0 if none is known. */
uint32_t pick_show(const struct address *endpoints, uint32_t count, uint64_t key, uint32_t port);

#endif
