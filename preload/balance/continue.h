/* Where a continuation goes: a further connect of a lookup (walk.h). Any thread, any signal
 * handler; no lock, no allocation. */
#ifndef LBDNS_BALANCE_CONTINUE_H
#define LBDNS_BALANCE_CONTINUE_H

#include "balance/policy.h"
#include "balance/skips.h"
#include "balance/trial.h"
#include "balance/walk.h"

#include <stdint.h>

/* Returns the index of the endpoint that a continuation goes to: the first one in the order of the
 * lookup that the connection has not tried and that is not passed over. If there is none, the last
 * hope is one that is passed over and was not tried: the one asked for if the connect before has
 * failed, else the one that has rested for the longest. If all were tried it is the one asked for.
 */
uint32_t continue_next(const struct candidates *among, const struct walk_step *step);

/* Finds the endpoints to pass over: those that all processes pass over, and this one's own. Has one
 * checked whose time is up; trial says by whom. Defined in pick.c. */
void pick_skips(const struct candidates *among, enum trial trial, struct skips *skips);

#endif
