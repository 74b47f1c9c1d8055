/* What LBDNS_LOG tells of failed connections: at most one line a second. errno is kept. Any thread,
 * any signal handler; the caller asks log_wants first. */
#ifndef LBDNS_LEARN_FAILURE_LOG_H
#define LBDNS_LEARN_FAILURE_LOG_H

#include "base/peer.h"

#include <stdint.h>

#define FAILURE_LOG_SINCE ", failures since the last such line: "

/* Returns a text for an errno: "ECONNREFUSED", or its number, written into number[21], if it has no
 * name here. */
const char *failure_log_text(int error, char number[21]);

/* Counts a failure. Returns how many there were since the last line, this one included; 0 if that
 * line is younger than a second: there is to be none now. */
uint64_t failure_log_count(void);

/* Logs the error with which a non-blocking connect to an endpoint of a service ended. */
void failure_log_ended(uint32_t service, struct peer target, int error);

#endif
