/* Connects in which a client would wait for minutes, cut short from outside. The refresh thread
 * only. */
#ifndef LBDNS_REFRESH_CUT_H
#define LBDNS_REFRESH_CUT_H

#include "balance/inflight.h"

#include <stdbool.h>

/* Returns true if the refresh thread, with a table of descriptors of its own, can get at the
 * client's. */
bool cut_is_possible(void);

/* Lets a connect that waits, of a socket without an answer, end as if its TCP_SYNCNT had been
 * LIMITED_SYN_COUNT from the beginning. Clears process.may_limit if that is refused. */
void cut_short(struct inflight *inflight, const struct inflight_view *view);

#endif
