/*
 * lookups all|plain ROUNDS HOST...: every HOST with every combination of hints and services, ROUNDS
 * times; prints all there is in an answer but the order of addresses within a family, so that
 * two runs can be compared with cmp(1). plain leaves out the hints that lbdns always leaves to
 * libc. For glibc and musl.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { NODES = 1024, TEXT = 512 };

struct node {
	struct sockaddr_storage address;
	int run; /* how many changes of the family came before */
	int position;
	char text[TEXT];
};

static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, 99};
static const struct {
	int type, protocol;
} sockets[] = {
	{0, 0},           {SOCK_STREAM, 0},           {SOCK_DGRAM, 0},
	{SOCK_RAW, 0},    {SOCK_STREAM, IPPROTO_TCP}, {SOCK_STREAM, IPPROTO_UDP},
	{0, IPPROTO_UDP}, {SOCK_SEQPACKET, 0},        {77, 0},
};
static const char *const services[] = {NULL,   "80",    "http", "domain", "0", "no-such-service",
                                       "8081", "65536", "",     "08081",  "-1"};
static const struct {
	int flags;
	bool plain;
} flags[] = {
	{0, true},
	{AI_ADDRCONFIG, true},
	{AI_CANONNAME, true},
	{AI_PASSIVE, true},
	{AI_NUMERICSERV, true},
	{AI_V4MAPPED, true},
	{AI_V4MAPPED | AI_ADDRCONFIG | AI_CANONNAME, true},
	{AI_V4MAPPED | AI_ALL, false},
	{AI_NUMERICHOST, false},
	{0x400000, false},
};

static int compare(const void *left, const void *right)
{
	const struct node *a = left, *b = right;
	int order = a->run - b->run;

	if (!order)
		order = memcmp(&a->address, &b->address, sizeof(a->address));
	return order ? order : a->position - b->position;
}

static void node_read(struct node *node, const struct addrinfo *from, int position, int run)
{
	char address[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in *v4 = (const void *)from->ai_addr;
	const struct sockaddr_in6 *v6 = (const void *)from->ai_addr;
	bool is_v4 = from->ai_addr->sa_family == AF_INET;

	memset(node, 0, sizeof(*node));
	memcpy(&node->address, from->ai_addr, from->ai_addrlen);
	node->position = position;
	node->run = run;
	if (is_v4)
		inet_ntop(AF_INET, &v4->sin_addr, address, sizeof(address));
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, address, sizeof(address));
	snprintf(node->text, sizeof(node->text),
	         "  flags %#x family %d/%d type %d protocol %d length %u %s port %u flow %u scope "
	         "%u",
	         (unsigned)from->ai_flags, from->ai_family, from->ai_addr->sa_family,
	         from->ai_socktype, from->ai_protocol, from->ai_addrlen, address,
	         ntohs(is_v4 ? v4->sin_port : v6->sin6_port), is_v4 ? 0 : v6->sin6_flowinfo,
	         is_v4 ? 0 : v6->sin6_scope_id);
	if (is_v4)
		for (size_t i = 0; i < sizeof(v4->sin_zero); i++)
			if (v4->sin_zero[i])
				strcat(node->text, " sin_zero");
}

static void print_list(const struct addrinfo *list)
{
	static struct node nodes[NODES];
	int count = 0, run = 0, family = -1;

	for (const struct addrinfo *from = list; from && count < NODES; from = from->ai_next) {
		if (family != -1 && from->ai_family != family)
			run++;
		family = from->ai_family;
		if (from->ai_canonname)
			printf("  canonical %d %s\n", count, from->ai_canonname);
		node_read(&nodes[count], from, count, run);
		count++;
	}
	printf("  %d nodes\n", count);
	/* positions only order the socket types of one address */
	qsort(nodes, (size_t)count, sizeof(*nodes), compare);
	for (int i = 0; i < count; i++)
		puts(nodes[i].text);
}

static void look_up(const char *host, const char *service, const struct addrinfo *hints)
{
	struct addrinfo *list = NULL;
	int error;

	errno = 0;
	error = getaddrinfo(host, service, hints, &list);
	printf("%s %s ", host, service ? service : "-");
	if (hints)
		printf("family %d type %d protocol %d flags %#x", hints->ai_family,
		       hints->ai_socktype, hints->ai_protocol, (unsigned)hints->ai_flags);
	printf(": %d %s\n", error, error ? gai_strerror(error) : "");
	if (error)
		return;
	print_list(list);
	freeaddrinfo(list);
}

/* Sockets of all kinds with a few services, services of all kinds with a few sockets. */
static bool wanted(size_t family, size_t socket, size_t service, size_t flag)
{
	return (socket < 2 || service < 3) && (service < 3 || flag < 5) && (family < 3 || flag < 2);
}

static void round_of(const char *host, bool all)
{
	for (size_t s = 0; s < sizeof(services) / sizeof(*services); s++)
		look_up(host, services[s], NULL);
	for (size_t f = 0; f < sizeof(families) / sizeof(*families); f++)
		for (size_t k = 0; k < sizeof(sockets) / sizeof(*sockets); k++)
			for (size_t s = 0; s < sizeof(services) / sizeof(*services); s++)
				for (size_t g = 0; g < sizeof(flags) / sizeof(*flags); g++) {
					struct addrinfo hints = {.ai_family = families[f],
					                         .ai_socktype = sockets[k].type,
					                         .ai_protocol = sockets[k].protocol,
					                         .ai_flags = flags[g].flags};

					if (wanted(f, k, s, g) && (all || flags[g].plain))
						look_up(host, services[s], &hints);
				}
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fputs("usage: lookups all|plain ROUNDS HOST...\n", stderr);
		return 2;
	}
	for (int i = 0, rounds = atoi(argv[2]); i < rounds; i++)
		for (char **host = argv + 3; *host; host++)
			round_of(*host, !strcmp(argv[1], "all"));
	return 0;
}
