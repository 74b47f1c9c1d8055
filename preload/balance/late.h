/* Late endpoints: those slow to answer a connect of this process, which passes over them meanwhile.
 * port is as in rotation.h. Any thread, any signal handler, no lock; errno is kept. */
#ifndef LBDNS_BALANCE_LATE_H
#define LBDNS_BALANCE_LATE_H

#include "base/attributes.h"
#include "base/atomic.h"
#include "base/peer.h"
#include "base/config.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* When the first of them may be late; 0: nothing is pending. pending.c alone writes it. */
extern HIDDEN _Atomic uint64_t late_check_ms;

/* May any endpoint be late? One load. Never with LBDNS_EJECT=0. */
static inline bool late_any(uint64_t now_ms)
{
	uint64_t when_ms = load_relaxed(&late_check_ms);

	return __builtin_expect(when_ms - 1 < now_ms, 0) && config.eject_ms;
}

/* The next endpoint that is late, counting from *at, which begins with 0; false if there are no
 * more. System calls, now and then, on what is pending. */
bool late_next(uint32_t *at, uint64_t now_ms, struct peer *peer);

#endif
