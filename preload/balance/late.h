/* Late endpoints: those slow to answer a connect of this process, which passes over them meanwhile.
 * A port is as in struct peer. Any thread, any signal handler, no lock; errno is kept. */
#ifndef LBDNS_BALANCE_LATE_H
#define LBDNS_BALANCE_LATE_H

#include "base/attributes.h"
#include "base/atomic.h"
#include "base/peer.h"
#include "base/config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* When the first connect under way may be late (clock_ms); 0: none is under way. late.c alone
 * writes it. */
extern HIDDEN _Atomic uint64_t late_check_ms;

/* Returns true if any endpoint may be late; never with LBDNS_EJECT=0. One load. */
static inline bool late_any(uint64_t now_ms)
{
	uint64_t when_ms = load_relaxed(&late_check_ms);

	/* 0 - 1 wraps to the largest number, so 0 means never. */
	return __builtin_expect(when_ms - 1 < now_ms, 0) && config.eject_ms;
}

/* Finds the next endpoint that is late, counting from *place, which begins with 0; returns false if
 * there are no more. Looks at the sockets of connects under way now and then, by system calls. */
bool late_next(uint32_t *place, uint64_t now_ms, struct peer *peer);

#endif
