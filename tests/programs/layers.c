/*
 * layers.so: a preload of the client's own that wraps getaddrinfo and freeaddrinfo, with a list
 * layout of its own: one block, its nodes from the last to the first. Ends the process with status
 * 97 if it is given a list to free that is not its own. With LAYERS_SPOIL=1 an answer of more than
 * one node lacks its last: tests/programs/differential.c is to see that.
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FOREIGN = 97 };

struct node {
	struct addrinfo info;
	struct sockaddr_storage address;
	char canonical[256];
};

struct block {
	struct block *self; /* what tells our lists from others */
	size_t count;
	struct node nodes[];
};

static struct addrinfo *copy(const struct addrinfo *list, size_t count)
{
	struct block *block = calloc(1, sizeof(*block) + count * sizeof(struct node));

	if (!block)
		abort();
	block->self = block;
	block->count = count;
	for (size_t i = count; i-- > 0; list = list->ai_next) {
		struct node *node = &block->nodes[i];

		node->info = *list;
		memcpy(&node->address, list->ai_addr, list->ai_addrlen);
		node->info.ai_addr = (struct sockaddr *)&node->address;
		if (list->ai_canonname)
			node->info.ai_canonname = strncpy(node->canonical, list->ai_canonname,
			                                  sizeof(node->canonical) - 1);
		node->info.ai_next = i ? &block->nodes[i - 1].info : NULL;
	}
	return &block->nodes[count - 1].info;
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
	__typeof__(&getaddrinfo) next = (__typeof__(&getaddrinfo))dlsym(RTLD_NEXT, "getaddrinfo");
	__typeof__(&freeaddrinfo) release =
		(__typeof__(&freeaddrinfo))dlsym(RTLD_NEXT, "freeaddrinfo");
	struct addrinfo *theirs;
	size_t count = 0;
	int error = next(node, service, hints, &theirs);

	if (error)
		return error;
	for (const struct addrinfo *at = theirs; at; at = at->ai_next)
		count++;
	if (count > 1 && getenv("LAYERS_SPOIL"))
		count--;
	*list = copy(theirs, count);
	release(theirs);
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	struct node *first = NULL;
	struct block *block;

	for (struct addrinfo *at = list; at; at = at->ai_next)
		first = (struct node *)(void *)at;
	block = first ? (struct block *)(void *)((char *)first - sizeof(*block)) : NULL;
	if (!block || block->self != block || &block->nodes[block->count - 1].info != list)
		_exit(FOREIGN);
	free(block);
}
