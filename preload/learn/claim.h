/* Claims for addresses that stand for a name that is not managed: connections to them are left
 * alone. Any thread; not in a signal handler. */
#ifndef LBDNS_LEARN_CLAIM_H
#define LBDNS_LEARN_CLAIM_H

#include "base/address.h"
#include "base/answer.h"
#include "learn/draft.h"

#include <stdint.h>

/* Claims an address that libc gave for something that is no managed name. key tells one name, or
 * numeric literal, from another. */
void learn_claim(uint64_t key, struct address address);

/* Claims an address that the client wrote as a number. */
void learn_claim_number(struct address address);

/* Claims all addresses of a family of an answer. */
void learn_claim_family(uint64_t key, const struct answer *answer, enum family family);

/* Claims the endpoints that a service has in the published snapshot. The writer only. */
void learn_claim_endpoints(uint64_t key, const struct draft *draft, uint32_t service);

#endif
