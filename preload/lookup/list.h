/* Lists that lookups give: what is in a list of struct addrinfo or a hostent, its order, and lists
 * of our own.
 *
 * Not for signal handlers, because lookups are not. errno is kept. */
#ifndef LBDNS_LOOKUP_LIST_H
#define LBDNS_LOOKUP_LIST_H

#include "base/address.h"
#include "base/answer.h"

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIST_INLINE = 48 };

/* The addresses of a list by family: sorted, each once. */
struct list_addresses {
	struct {
		struct address *at;
		size_t count;
	} family[FAMILY_COUNT];
	enum family_order order; /* in which the list has the families; unknown if it has one */
	size_t mapped;           /* bytes that list_release unmaps; 0: the addresses are in here */
	struct address here[FAMILY_COUNT][LIST_INLINE];
};

/* Makes room for so many addresses in each family, none of which is set. Returns false if there is
 * no memory. list_release is to be called either way. */
bool list_reserve(struct list_addresses *addresses, size_t count);
void list_release(struct list_addresses *addresses);

/* Reads a list, or a hostent. Returns false if there is no memory. list_release is to be called
 * either way. */
bool list_read(struct list_addresses *addresses, const struct addrinfo *list);
bool list_read_host(struct list_addresses *addresses, const struct hostent *host);

/* Returns the addresses as libc's answer, if libc looked for these families: without a canonical
 * name. Valid until list_release. */
struct answer list_answer(const struct list_addresses *addresses, unsigned families);

/* Returns the port in the first node of a list, in host order; 0 if there is none. */
uint16_t list_port(const struct addrinfo *list);

/* Puts the addresses of one family that are in the list (from which *addresses was read) into the
 * order that begins with the one at first: by changing what the sockaddrs hold, never the links. */
void list_order(const struct list_addresses *addresses, enum family family, size_t first,
                struct addrinfo *list);
void list_order_host(const struct list_addresses *addresses, enum family family, size_t first,
                     struct hostent *host);

/* Returns true if libc's freeaddrinfo can free a list that list_make makes. The first call finds
 * out by looking at a list of libc's. */
bool list_can_make(void);

/* Makes a list that has, for each address, one node for each node of its family's template (a list
 * that libc made for one numeric address with the client's hints). The families are in order, and
 * each begins with its address at first. canonical is NULL or the canonical name. Returns NULL if
 * there is no memory. The caller owns the list, and frees it with freeaddrinfo. */
struct addrinfo *list_make(const struct list_addresses *addresses, const size_t first[FAMILY_COUNT],
                           struct addrinfo *const templates[FAMILY_COUNT], const char *canonical);

#endif
