/* Answers of lookups: what is in a list of struct addrinfo or a hostent, its order, and lists of
 * our own.
 *
 * Not for signal handlers, as lookups are not. errno is kept. */
#ifndef LBDNS_LOOKUP_LIST_H
#define LBDNS_LOOKUP_LIST_H

#include "base/address.h"
#include "base/answer.h"

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>

enum { ANSWER_INLINE = 48 };

/* The addresses of an answer by family: sorted, each once. */
struct answer {
	struct address *addresses[FAMILY_COUNT];
	size_t count[FAMILY_COUNT];
	size_t room;   /* in each family */
	size_t mapped; /* bytes to unmap in answer_release */
	enum family_order order;
	struct address here[FAMILY_COUNT][ANSWER_INLINE];
};

/* Reads a list, or a hostent; false if there is no memory. To be released either way. */
bool answer_read(struct answer *answer, const struct addrinfo *list);
bool answer_read_host(struct answer *answer, const struct hostent *host);

/* Room for so many addresses in each family, all of it unset; false if there is no memory. */
bool answer_reserve(struct answer *answer, size_t count);
void answer_release(struct answer *answer);

/* Puts the addresses of one family that are in the list (of which answer was read) into the order
 * that begins with addresses[first]: by changing what the sockaddrs hold, never the links. */
void answer_order(const struct answer *answer, enum family family, size_t first,
                  struct addrinfo *list);
void answer_order_host(const struct answer *answer, enum family family, size_t first,
                       struct hostent *host);

/* Can libc's freeaddrinfo free a list that answer_make makes? Finds out once, by looking at a list
 * of libc's. */
bool answer_can_make(void);

/* One node for each endpoint and node of its family's template (a list that libc made for one
 * numeric address with the client's hints), families in order, each beginning with
 * addresses[first]. canonical is NULL or the canonical name. NULL if there is no memory. The caller
 * owns it, and frees it with freeaddrinfo. */
struct addrinfo *answer_make(const struct answer *answer, const size_t first[FAMILY_COUNT],
                             struct addrinfo *const templates[FAMILY_COUNT], const char *canonical);

#endif
