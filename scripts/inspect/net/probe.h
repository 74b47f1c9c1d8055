/* Whether endpoints answer: one TCP connection to each, which says nothing. */
#ifndef LBDNS_INSPECT_NET_PROBE_H
#define LBDNS_INSPECT_NET_PROBE_H

#include "base/address.h"

#include <stddef.h>

/* Into errors[count]: 0 if it was made, an errno, ETIMEDOUT after 3 s. port in host order. */
void probe(const struct address *addresses, size_t count, uint16_t port, int *errors);

#endif
