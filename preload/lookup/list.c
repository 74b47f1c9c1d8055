#include "lookup/list.h"

#include "base/address_set.h"
#include "base/answer.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

bool answer_reserve(struct answer *answer, size_t count)
{
	int saved_errno = errno;
	long got;

	answer->room = ANSWER_INLINE;
	answer->mapped = 0;
	answer->order = ORDER_UNKNOWN;
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		answer->addresses[f] = answer->here[f];
		answer->count[f] = 0;
	}
	if (count <= ANSWER_INLINE)
		return true;
	/* Not malloc: a client may leave by siglongjmp or fail every allocation, and owns its heap.
	 */
	got = syscall(SYS_mmap, NULL, FAMILY_COUNT * count * sizeof(struct address),
	              PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
	errno = saved_errno;
	if (got == -1)
		return false;
	answer->room = count;
	answer->mapped = FAMILY_COUNT * count * sizeof(struct address);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		answer->addresses[f] = (struct address *)got + f * count;
	return true;
}

void answer_release(struct answer *answer)
{
	if (answer->mapped)
		munmap(answer->addresses[0], answer->mapped);
}

static void add(struct answer *answer, struct address address)
{
	enum family family = address_family(address);
	size_t *count = &answer->count[family];

	if (*count && address_equal(answer->addresses[family][*count - 1], address))
		return; /* the next socket type of the same address */
	answer->addresses[family][(*count)++] = address;
}

static void finish(struct answer *answer, enum family first)
{
	if (answer->count[FAMILY_V4] && answer->count[FAMILY_V6])
		answer->order = first == FAMILY_V4 ? ORDER_V4_FIRST : ORDER_V6_FIRST;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		answer->count[f] = address_set_sort(answer->addresses[f], answer->count[f]);
}

bool answer_read(struct answer *answer, const struct addrinfo *list)
{
	enum family first = FAMILY_COUNT;
	size_t nodes = 0;

	for (const struct addrinfo *node = list; node; node = node->ai_next)
		nodes++;
	if (!answer_reserve(answer, nodes))
		return false;
	for (const struct addrinfo *node = list; node; node = node->ai_next) {
		struct address address;
		uint16_t port;

		if (!node->ai_addr ||
		    !address_from_sockaddr(node->ai_addr, node->ai_addrlen, &address, &port))
			continue;
		if (first == FAMILY_COUNT)
			first = address_family(address);
		add(answer, address);
	}
	finish(answer, first);
	return true;
}

static enum family host_family(const struct hostent *host)
{
	return host->h_addrtype == AF_INET ? FAMILY_V4 : FAMILY_V6;
}

bool answer_read_host(struct answer *answer, const struct hostent *host)
{
	size_t count = 0;

	while (host->h_addr_list[count])
		count++;
	if (!answer_reserve(answer, count))
		return false;
	for (size_t i = 0; i < count; i++)
		add(answer, address_from_bytes(host_family(host), host->h_addr_list[i]));
	finish(answer, FAMILY_V4);
	return true;
}

/* ---- Order */

static struct address nth(const struct answer *answer, enum family family, size_t index)
{
	return answer->addresses[family][index % answer->count[family]];
}

void answer_order(const struct answer *answer, enum family family, size_t first,
                  struct addrinfo *list)
{
	struct address previous = {0, 0};
	size_t position = 0;

	for (struct addrinfo *node = list; node; node = node->ai_next) {
		struct address address;
		uint16_t port;

		if (!node->ai_addr ||
		    !address_from_sockaddr(node->ai_addr, node->ai_addrlen, &address, &port) ||
		    address_family(address) != family)
			continue;
		if (position && !address_equal(address, previous))
			position++;
		previous = address;
		if (!position)
			position = 1;
		address_into_sockaddr(nth(answer, family, first + position - 1), node->ai_addr);
	}
}

void answer_order_host(const struct answer *answer, enum family family, size_t first,
                       struct hostent *host)
{
	for (size_t i = 0; host->h_addr_list[i]; i++)
		address_to_bytes(nth(answer, family, first + i), host->h_addr_list[i]);
}
