/* Whether endpoints answer: one TCP connection to each, on which nothing is said. */
#ifndef LBDNS_INSPECT_NET_PROBE_H
#define LBDNS_INSPECT_NET_PROBE_H

#include "base/address.h"

#include <stddef.h>

/* Connects to all of count addresses, and writes the results into errors[count]: 0 if the
 * connection was made, ETIMEDOUT if it was not after 3 s, else an errno. port is in host order. */
void probe(const struct address *addresses, size_t count, uint16_t port, int *errors);

#endif
