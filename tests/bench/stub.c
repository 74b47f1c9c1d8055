/* stub.so: what stands behind the hooks when they are measured alone. connect does nothing, and
 * says BENCH_CONNECT (an errno, 0); getaddrinfo answers "pool-N" with N private addresses, and any
 * other name with one. Preloaded after liblbdns.so, which takes it for libc. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct node {
	struct addrinfo info;
	struct sockaddr_in address;
};

static int result;

__attribute__((constructor)) static void start(void)
{
	const char *text = getenv("BENCH_CONNECT");

	result = text ? atoi(text) : 0;
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	(void)fd;
	(void)address;
	(void)length;
	if (result)
		errno = result;
	return result ? -1 : 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **list)
{
	unsigned count = 1;

	*list = NULL;
	sscanf(node, "pool-%u", &count);
	for (unsigned i = count; i > 0; i--) {
		struct node *made = calloc(1, sizeof(*made));

		if (!made)
			return EAI_MEMORY;
		made->address.sin_family = AF_INET;
		made->address.sin_port = htons((uint16_t)(service ? atoi(service) : 0));
		made->address.sin_addr.s_addr = htonl(0x0ac80000 + i);
		made->info =
			(struct addrinfo){.ai_family = AF_INET,
		                          .ai_socktype = hints ? hints->ai_socktype : SOCK_STREAM,
		                          .ai_protocol = IPPROTO_TCP,
		                          .ai_addrlen = sizeof(made->address),
		                          .ai_addr = (struct sockaddr *)&made->address,
		                          .ai_next = *list};
		*list = &made->info;
	}
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		free(list);
		list = next;
	}
}
