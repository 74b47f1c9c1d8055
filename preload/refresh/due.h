/* Due: which names DNS is to be asked for, and when. The refresh thread only. */
#ifndef LBDNS_REFRESH_DUE_H
#define LBDNS_REFRESH_DUE_H

#include "learn/from_dns.h"

#include <stdbool.h>
#include <stdint.h>

/* Finds the next service, counting from *service, that is due at now_ms (clock_ms), and moves
 * *service behind it. Returns false if none is due. Lowers *next_ms to when the first of those that
 * are not due yet will be. */
bool due_next(uint32_t *service, uint64_t now_ms, uint64_t *next_ms, struct due *due);

/* Records that DNS is being asked: the service is due again an interval from now, answered or not.
 */
void due_asked(const struct due *due, uint64_t now_ms);

#endif
