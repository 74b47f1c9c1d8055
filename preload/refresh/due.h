/* When DNS is to be asked for what. The refresh thread. */
#ifndef LBDNS_REFRESH_DUE_H
#define LBDNS_REFRESH_DUE_H

#include "learn/from_dns.h"

#include <stdbool.h>
#include <stdint.h>

/* The next service, counting from *service, that is due at now_ms; false if none is. Lowers
 * *next_ms to when the first of those that are not due yet will be. */
bool due_next(uint32_t *service, uint64_t now_ms, uint64_t *next_ms, struct due *due);

/* DNS is being asked for it: it is due again an interval from now, answered or not. */
void due_asked(const struct due *due, uint64_t now_ms);

#endif
