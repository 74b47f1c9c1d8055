/* What LBDNS_LOG tells of connections: debug each one in a line, info those that were to go
 * elsewhere than the client asked and failed in the end, at most one line a second. errno is kept.
 * Any thread, any signal handler; the caller asks log_wants first. */
#ifndef LBDNS_CONNECTION_REPORT_H
#define LBDNS_CONNECTION_REPORT_H

#include "balance/pick.h"
#include "base/address.h"

#include <stdint.h>

/* One that was left alone, observed, or whose end nobody watches. */
void connect_log_plain(const struct pick *picked, struct address asked, uint16_t port);

/* One that ended so (an errno, EINPROGRESS for one that goes on, 0 if it was made), after those
 * that failed before. picked is the last one. */
void connect_log_ended(const struct pick *picked, struct address asked, uint16_t port,
                       const struct address *failed, unsigned failed_count, int error);

#endif
