#include "lookup/list.h"

#include "base/address_set.h"
#include "base/kernel.h"
#include "base/libc.h"

#include <netinet/in.h>

/* musl keeps at most 48 addresses (MAXADDRS in its lookup.h), and before 1.2.4, without TCP, about
 * 28: from so many on there may be more. */
enum { MUSL_TRUNCATES_FROM = 25 };

bool list_reserve(struct list_addresses *addresses, size_t count)
{
	struct address *got;

	addresses->mapped = 0;
	addresses->order = ORDER_UNKNOWN;
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		addresses->family[f].at = addresses->here[f];
		addresses->family[f].count = 0;
	}
	if (count <= LIST_INLINE)
		return true;
	/* Not malloc, because a client may leave by siglongjmp or fail every allocation, and the
	 * heap is its own. */
	got = kernel_map(FAMILY_COUNT * count * sizeof(struct address), 0);
	if (!got)
		return false;
	addresses->mapped = FAMILY_COUNT * count * sizeof(struct address);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		addresses->family[f].at = got + f * count;
	return true;
}

void list_release(struct list_addresses *addresses)
{
	if (addresses->mapped)
		kernel_unmap(addresses->family[0].at, addresses->mapped);
}

/* Adds an address, unless it is the last one's next socket type. */
static void add(struct list_addresses *addresses, struct address address)
{
	enum family family = address_family(address);
	size_t *count = &addresses->family[family].count;

	if (*count && address_equal(addresses->family[family].at[*count - 1], address))
		return;
	addresses->family[family].at[(*count)++] = address;
}

/* Sorts what was added. */
static void finish(struct list_addresses *addresses, enum family first)
{
	if (addresses->family[FAMILY_V4].count && addresses->family[FAMILY_V6].count)
		addresses->order = first == FAMILY_V4 ? ORDER_V4_FIRST : ORDER_V6_FIRST;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		addresses->family[f].count =
			address_set_sort(addresses->family[f].at, addresses->family[f].count);
}

bool list_read(struct list_addresses *addresses, const struct addrinfo *list)
{
	enum family first = FAMILY_COUNT;
	size_t nodes = 0;

	for (const struct addrinfo *node = list; node; node = node->ai_next)
		nodes++;
	if (!list_reserve(addresses, nodes))
		return false;
	for (const struct addrinfo *node = list; node; node = node->ai_next) {
		struct address address;
		uint16_t port;

		if (!node->ai_addr ||
		    !address_from_sockaddr(node->ai_addr, node->ai_addrlen, &address, &port))
			continue;
		if (first == FAMILY_COUNT)
			first = address_family(address);
		add(addresses, address);
	}
	finish(addresses, first);
	return true;
}

static enum family host_family(const struct hostent *host)
{
	return host->h_addrtype == AF_INET ? FAMILY_V4 : FAMILY_V6;
}

bool list_read_host(struct list_addresses *addresses, const struct hostent *host)
{
	size_t count = 0;

	while (host->h_addr_list[count])
		count++;
	if (!list_reserve(addresses, count))
		return false;
	for (size_t i = 0; i < count; i++)
		add(addresses, address_from_bytes(host_family(host), host->h_addr_list[i]));
	finish(addresses, FAMILY_V4);
	return true;
}

struct answer list_answer(const struct list_addresses *addresses, unsigned families)
{
	struct answer answer = {.source = ANSWER_LIBC, .order = addresses->order};
	size_t total = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		size_t count = addresses->family[f].count;

		if (families & FAMILY_BIT(f))
			answer.family[f].outcome = count ? DNS_ADDRESSES : DNS_NO_DATA;
		answer.family[f].addresses = addresses->family[f].at;
		answer.family[f].count = count;
		total += count;
	}
	answer.may_be_truncated = libc_is_musl() && total >= MUSL_TRUNCATES_FROM;
	return answer;
}

uint16_t list_port(const struct addrinfo *list)
{
	struct address address;
	uint16_t port = 0;

	if (list && list->ai_addr)
		address_from_sockaddr(list->ai_addr, list->ai_addrlen, &address, &port);
	return port;
}

/* ---- Order */

/* Returns the address at an index that may run over the end. */
static struct address nth(const struct list_addresses *addresses, enum family family, size_t index)
{
	return addresses->family[family].at[index % addresses->family[family].count];
}

void list_order(const struct list_addresses *addresses, enum family family, size_t first,
                struct addrinfo *list)
{
	struct address previous = {0, 0};
	size_t position = 0; /* of the address in this order, from 1 */

	for (struct addrinfo *node = list; node; node = node->ai_next) {
		struct address address;
		uint16_t port;

		if (!node->ai_addr ||
		    !address_from_sockaddr(node->ai_addr, node->ai_addrlen, &address, &port) ||
		    address_family(address) != family)
			continue;
		/* The next socket type of an address goes where the first went. */
		if (!position || !address_equal(address, previous))
			position++;
		previous = address;
		address_into_sockaddr(nth(addresses, family, first + position - 1), node->ai_addr);
	}
}

void list_order_host(const struct list_addresses *addresses, enum family family, size_t first,
                     struct hostent *host)
{
	for (size_t i = 0; host->h_addr_list[i]; i++)
		address_to_bytes(nth(addresses, family, first + i), host->h_addr_list[i]);
}
