/* What LBDNS_LOG tells of connections: debug each one in a line, info those that were to go
 * elsewhere than the client asked and failed in the end, at most one line a second. errno is kept.
 * Any thread, any signal handler; the caller asks log_wants first. */
#ifndef LBDNS_CONNECTION_REPORT_H
#define LBDNS_CONNECTION_REPORT_H

#include "connection/connection.h"

/* Logs a connection that was left alone, observed, or whose end nobody watches. */
void report_unwatched(const struct connection *c);

/* Logs a connection whose last attempt ended with error (an errno, EINPROGRESS for one that goes
 * on, 0 if it was made), after attempts at those endpoints that failed before. */
void report_ended(const struct connection *c, const struct address *failed, unsigned failed_count,
                  int error);

#endif
