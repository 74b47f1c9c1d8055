/* Lists of struct addrinfo in the layout of the libc that will free them. */
#include "base/address.h"
#include "base/libc.h"
#include "lookup/list.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* musl (1.1.20 to 1.2.5, src/network/lookup.h) makes a list as one block of these. The first one's
 * references counts the nodes that are still to be freed. */
struct aibuf {
	struct addrinfo node;
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	volatile int lock[1];
	short slot, references;
};

enum layout {
	LAYOUT_UNKNOWN,
	/* glibc: one malloc for each node and the sockaddr behind it, another one for the canonical
	 * name */
	LAYOUT_NODES,
	LAYOUT_BLOCK, /* musl */
	LAYOUT_OTHER
};

static bool is_block(const struct addrinfo *list, short nodes)
{
	const struct aibuf *block = (const void *)list;

	for (short i = 0; i < nodes; i++)
		if (block[i].slot != i ||
		    (void *)block[i].node.ai_addr != (const void *)&block[i].address ||
		    (i + 1 < nodes && block[i].node.ai_next != &block[i + 1].node))
			return false;
	return block->references == nodes;
}

static bool is_nodes(const struct addrinfo *list)
{
	for (; list; list = list->ai_next) {
		const char *end = (const char *)(list + 1) + list->ai_addrlen;

		if ((const void *)list->ai_addr != (const void *)(list + 1) ||
		    (const char *)list->ai_next == end) /* one block after all */
			return false;
	}
	return true;
}

static enum layout layout_find(void)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
			*list;
	enum layout layout = LAYOUT_OTHER;
	short nodes = 0;

	/* Without a socket type in the hints there is a node for each, so at least two. */
	if (!libc()->owns_lookups || libc()->getaddrinfo("127.0.0.1", "1", &hints, &list))
		return LAYOUT_OTHER;
	for (const struct addrinfo *node = list; node; node = node->ai_next)
		nodes++;
	if (nodes > 1 && libc_is_musl() && is_block(list, nodes))
		layout = LAYOUT_BLOCK;
	else if (nodes > 1 && !libc_is_musl() && is_nodes(list))
		layout = LAYOUT_NODES;
	libc()->freeaddrinfo(list);
	return layout;
}

static enum layout layout_get(void)
{
	static _Atomic uint32_t found;
	uint32_t layout = atomic_load_explicit(&found, memory_order_relaxed);
	int saved_errno = errno;

	if (layout == LAYOUT_UNKNOWN) {
		layout = layout_find();
		atomic_store_explicit(&found, layout, memory_order_relaxed);
		errno = saved_errno;
	}
	return layout;
}

bool list_can_make(void)
{
	return layout_get() != LAYOUT_OTHER;
}

/* ---- One node after another */

/* A list in the making. */
struct making {
	struct addrinfo *head, **end;
	struct aibuf *block; /* the nodes of LAYOUT_BLOCK; NULL: LAYOUT_NODES */
	short nodes;         /* that are made in the block */
	char *canonical;     /* behind the nodes of the block, shared by all of them; or NULL */
};

/* Adds a node like one of a template; NULL if there is no memory. */
static struct addrinfo *node_new(struct making *making, const struct addrinfo *template)
{
	struct addrinfo *node;

	if (making->block) {
		struct aibuf *at = &making->block[making->nodes];

		at->slot = making->nodes++;
		at->node = *template;
		at->node.ai_addr = (struct sockaddr *)&at->address;
		at->node.ai_canonname = making->canonical;
		node = &at->node;
	} else {
		node = libc()->malloc(sizeof(*node) + template->ai_addrlen);
		if (!node)
			return NULL;
		*node = *template;
		node->ai_addr = (struct sockaddr *)(node + 1);
		node->ai_canonname = NULL;
	}
	memcpy(node->ai_addr, template->ai_addr, template->ai_addrlen);
	node->ai_next = NULL;
	*making->end = node;
	making->end = &node->ai_next;
	return node;
}

static bool family_make(struct making *making, const struct list_addresses *addresses,
                        enum family family, size_t first, const struct addrinfo *template)
{
	const struct address *at = addresses->family[family].at;
	size_t count = addresses->family[family].count;

	for (size_t i = 0; i < count; i++) {
		for (const struct addrinfo *like = template; like; like = like->ai_next) {
			struct addrinfo *node = node_new(making, like);

			if (!node)
				return false;
			address_into_sockaddr(at[(first + i) % count], node->ai_addr);
		}
	}
	return true;
}

static size_t count_nodes(const struct list_addresses *addresses,
                          struct addrinfo *const templates[FAMILY_COUNT])
{
	size_t nodes = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		for (const struct addrinfo *node = templates[f]; node; node = node->ai_next)
			nodes += addresses->family[f].count;
	return nodes;
}

static bool block_start(struct making *making, size_t nodes, const char *canonical)
{
	size_t name = canonical ? strlen(canonical) + 1 : 0;

	if (!nodes || nodes > INT16_MAX)
		return false;
	making->block = libc()->calloc(1, nodes * sizeof(struct aibuf) + name);
	if (!making->block)
		return false;
	making->block->references = (short)nodes;
	if (canonical)
		making->canonical = memcpy(making->block + nodes, canonical, name);
	return true;
}

/* glibc frees the canonical name of each node with free(3). */
static bool nodes_finish(struct making *making, const char *canonical)
{
	size_t size = canonical ? strlen(canonical) + 1 : 0;

	if (!canonical || !making->head)
		return making->head != NULL;
	making->head->ai_canonname = libc()->malloc(size);
	return making->head->ai_canonname && memcpy(making->head->ai_canonname, canonical, size);
}

struct addrinfo *list_make(const struct list_addresses *addresses, const size_t first[FAMILY_COUNT],
                           struct addrinfo *const templates[FAMILY_COUNT], const char *canonical)
{
	struct making making = {.head = NULL};
	bool block = layout_get() == LAYOUT_BLOCK, made;
	int saved_errno = errno;
	enum family leading = addresses->order == ORDER_V6_FIRST ? FAMILY_V6 : FAMILY_V4, other;

	making.end = &making.head;
	other = leading == FAMILY_V4 ? FAMILY_V6 : FAMILY_V4;
	made = (!block || block_start(&making, count_nodes(addresses, templates), canonical)) &&
	       family_make(&making, addresses, leading, first[leading], templates[leading]) &&
	       family_make(&making, addresses, other, first[other], templates[other]) &&
	       (block || nodes_finish(&making, canonical));
	if (!made) {
		while (!block && making.head) {
			struct addrinfo *next = making.head->ai_next;

			libc()->free(making.head);
			making.head = next;
		}
		errno = saved_errno;
		return NULL;
	}
	return making.head;
}
