/*
 * differential full|core|pairs NODE...: getaddrinfo as this process has it (a preload's) against
 * libc's own, in the same process, for every NODE and combination of hints and services.
 *
 *   full    every service, socket and flag there is, each with a few of the others
 *   core    the usual services and sockets with every flag
 *   pairs   every two kinds of hints, one after the other, in a process that knows nothing yet
 *
 * Each combination: a lookup, another, libc's own, and a third. They may differ in nothing but the
 * order of addresses within a family: not in the status, the order of families, the number and
 * order of socket types, the canonical name, ports, scopes, or where a node's parts lie in memory.
 *
 * Lists of the third are freed by libc's own freeaddrinfo, unless DIFFERENTIAL_OWN is set.
 *
 * A NODE is a host, or "-" for NULL; C escapes of bytes (\xff) are understood. One line for each
 * difference (the first 20), then
 *   N combinations, N differences, N answered, N of them without asking
 * where asking is sending any datagram. Status 1 if there are differences. For glibc and musl.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <locale.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AI_IDN /* musl */
#define AI_IDN      0x40
#define AI_CANONIDN 0x80
#endif
enum { IDN_ALLOW_UNASSIGNED = 0x100, IDN_USE_STD3 = 0x200, UNKNOWN_FLAG = 0x400000, MPTCP = 262 };

enum { NODES = 1024, SHOWN = 20, TEXT = 1024 };

typedef int lookup_function(const char *, const char *, const struct addrinfo *,
                            struct addrinfo **);

static lookup_function *libc_lookup;
static void (*libc_release)(struct addrinfo *);

/* Of all processes. */
static struct {
	long combinations, differences, answered, silent;
} * totals;

/* ---- What is combined */

struct kind {
	int family, type, protocol, flags;
	bool none;     /* no hints at all */
	bool littered; /* with something in the members that libc does not read */
};

static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX, 99, -1};
enum { CORE_FAMILIES = 3 };

static const struct {
	int type, protocol;
} sockets[] = {
	{SOCK_STREAM, 0},
	{0, 0},
	{SOCK_DGRAM, IPPROTO_UDP},
	{SOCK_DGRAM, 0},
	{SOCK_RAW, 0},
	{SOCK_STREAM, IPPROTO_TCP},
	{SOCK_STREAM, IPPROTO_UDP},
	{0, IPPROTO_TCP},
	{0, IPPROTO_UDP},
	{SOCK_STREAM, MPTCP},
	{SOCK_STREAM, IPPROTO_SCTP},
	{SOCK_DGRAM, IPPROTO_UDPLITE},
	{SOCK_RAW, IPPROTO_ICMP},
	{SOCK_SEQPACKET, 0},
	{77, 0},
	{-1, -1},
};
enum { CORE_SOCKETS = 3 };

static const char *const services[] = {
	NULL,       "8081",  "http",  "",      "0",          "80",
	"domain",   "ftp",   "nfs",   "tftp",  "HTTP",       "no-such-service",
	"http/tcp", "-1",    "+80",   " 80",   "80 ",        "08081",
	"0x50",     "8081x", "65535", "65536", "4294967376",
};
enum { CORE_SERVICES = 3 };

static const int flags[] = {
	0,
	AI_CANONNAME,
	AI_V4MAPPED | AI_ADDRCONFIG,
	AI_NUMERICSERV,
	AI_PASSIVE,
	AI_NUMERICHOST,
	AI_V4MAPPED,
	AI_ALL,
	AI_ADDRCONFIG,
	AI_IDN,
	AI_CANONIDN,
	IDN_ALLOW_UNASSIGNED,
	IDN_USE_STD3,
	AI_V4MAPPED | AI_ALL,
	AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG,
	AI_V4MAPPED | AI_ALL | AI_CANONNAME,
	AI_V4MAPPED | AI_ADDRCONFIG | AI_CANONNAME,
	AI_ADDRCONFIG | AI_NUMERICSERV,
	AI_CANONNAME | AI_IDN,
	AI_CANONNAME | AI_CANONIDN,
	AI_CANONNAME | AI_IDN | AI_CANONIDN,
	AI_CANONNAME | AI_PASSIVE,
	AI_CANONNAME | AI_NUMERICHOST,
	AI_PASSIVE | AI_NUMERICHOST,
	AI_PASSIVE | AI_NUMERICSERV | AI_ADDRCONFIG,
	AI_NUMERICHOST | AI_NUMERICSERV,
	UNKNOWN_FLAG,
	-1,
};
enum { CORE_FLAGS = 4 };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- One answer */

struct item {
	struct sockaddr_storage address;
	char rest[TEXT]; /* of the node, but for its address */
};

struct answer {
	int status, count;
	bool untouched; /* the client's pointer was left alone */
	struct item items[NODES];
};

/* In which family an address counts: IPv4 under AF_INET6 (AI_V4MAPPED) stays IPv4. */
static const char *family_name(const struct addrinfo *node)
{
	const struct sockaddr_in6 *v6 = (const void *)node->ai_addr;

	if (node->ai_family != AF_INET6)
		return node->ai_family == AF_INET ? "IPv4" : "?";
	return IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) ? "mapped" : "IPv6";
}

static void item_read(struct item *item, const struct addrinfo *node, const struct addrinfo *before)
{
	const struct sockaddr_in *v4 = (const void *)node->ai_addr;
	const struct sockaddr_in6 *v6 = (const void *)node->ai_addr;
	bool is_v4 = node->ai_family == AF_INET, again = false;

	memset(item, 0, sizeof(*item));
	memcpy(&item->address, node->ai_addr, node->ai_addrlen);
	if (before && before->ai_addrlen == node->ai_addrlen)
		again = !memcmp(before->ai_addr, node->ai_addr, node->ai_addrlen);
	snprintf(item->rest, sizeof(item->rest),
	         "%s flags %#x family %d/%d type %d protocol %d length %u port %u%s at %td "
	         "canonical %s",
	         family_name(node), (unsigned)node->ai_flags, node->ai_family,
	         node->ai_addr->sa_family, node->ai_socktype, node->ai_protocol, node->ai_addrlen,
	         ntohs(is_v4 ? v4->sin_port : v6->sin6_port), again ? " again" : "",
	         (const char *)node->ai_addr - (const char *)node,
	         node->ai_canonname ? node->ai_canonname : "-");
}

static void ask(struct answer *answer, lookup_function *lookup, void (*release)(struct addrinfo *),
                const char *node, const char *service, const struct addrinfo *hints)
{
	struct addrinfo litter, *list = &litter, *before = NULL;

	errno = 0;
	answer->status = lookup(node, service, hints, &list);
	if (answer->status == EAI_SYSTEM)
		answer->status = 1000 + errno;
	answer->untouched = list == &litter;
	answer->count = 0;
	if (answer->status)
		return;
	for (const struct addrinfo *at = list; at && answer->count < NODES; at = at->ai_next) {
		item_read(&answer->items[answer->count++], at, before);
		before = (struct addrinfo *)at;
	}
	release(list);
}

static int compare(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct sockaddr_storage));
}

static void addresses_sorted(const struct answer *answer, struct sockaddr_storage *into)
{
	for (int i = 0; i < answer->count; i++)
		into[i] = answer->items[i].address;
	qsort(into, (size_t)answer->count, sizeof(*into), compare);
}

/* What differs from libc's answer, or NULL. */
static const char *differs(const struct answer *got, const struct answer *wanted)
{
	static struct sockaddr_storage here[NODES], there[NODES];

	if (got->status != wanted->status)
		return "status";
	if (got->untouched != wanted->untouched)
		return "the list of a failed lookup";
	if (got->count != wanted->count)
		return "number of nodes";
	for (int i = 0; i < got->count; i++)
		if (strcmp(got->items[i].rest, wanted->items[i].rest) != 0)
			return "node";
	addresses_sorted(got, here);
	addresses_sorted(wanted, there);
	for (int i = 0; i < got->count; i++)
		if (compare(&here[i], &there[i]))
			return "addresses";
	return NULL;
}

static long datagrams_sent(void)
{
	char line[512];
	long sent = -1;
	FILE *file = fopen("/proc/net/snmp", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Udp: %*d %*d %*d %ld", &sent) == 1)
			break;
	if (file)
		fclose(file);
	return sent;
}

/* ---- One combination */

static void show(const char *when, const char *what, const char *node, const char *service,
                 const struct kind *kind, const struct answer *got, const struct answer *wanted)
{
	if (__atomic_fetch_add(&totals->differences, 1, __ATOMIC_RELAXED) >= SHOWN)
		return;
	printf("%s, %s: %s %s ", when, what, node ? node : "NULL", service ? service : "NULL");
	if (kind->none)
		printf("no hints");
	else
		printf("family %d type %d protocol %d flags %#x", kind->family, kind->type,
		       kind->protocol, (unsigned)kind->flags);
	printf(": status %d (libc %d), %d nodes (libc %d)\n", got->status, wanted->status,
	       got->count, wanted->count);
	for (int i = 0; i < got->count && i < wanted->count; i++)
		if (strcmp(got->items[i].rest, wanted->items[i].rest) != 0) {
			printf("  got:  %s\n  libc: %s\n", got->items[i].rest,
			       wanted->items[i].rest);
			break;
		}
}

static void combine(const char *node, const char *service, const struct kind *kind)
{
	static struct answer first, second, wanted, third;
	struct addrinfo hints = {.ai_family = kind->family,
	                         .ai_socktype = kind->type,
	                         .ai_protocol = kind->protocol,
	                         .ai_flags = kind->flags};
	const struct addrinfo *given = kind->none ? NULL : &hints;
	const char *what;
	long before = 0, after = 0;

	if (kind->littered) {
		hints.ai_addrlen = 77;
		hints.ai_addr = (void *)&hints;
		hints.ai_canonname = (char *)1;
		hints.ai_next = &hints;
	}
	ask(&first, getaddrinfo, freeaddrinfo, node, service, given);
	if (!first.status)
		before = datagrams_sent();
	ask(&second, getaddrinfo, freeaddrinfo, node, service, given);
	if (!first.status)
		after = datagrams_sent();
	ask(&wanted, libc_lookup, libc_release, node, service, given);
	/* Whichever freeaddrinfo a client ends up in: that of RTLD_DEEPBIND is libc's. */
	ask(&third, getaddrinfo, getenv("DIFFERENTIAL_OWN") ? freeaddrinfo : libc_release, node,
	    service, given);
	totals->combinations++;
	if (!wanted.status) {
		totals->answered++;
		totals->silent += before == after;
	}
	if ((what = differs(&first, &wanted)))
		show("first", what, node, service, kind, &first, &wanted);
	else if ((what = differs(&second, &wanted)))
		show("second", what, node, service, kind, &second, &wanted);
	else if ((what = differs(&third, &wanted)))
		show("third", what, node, service, kind, &third, &wanted);
}

static void hintless(const char *node, bool all)
{
	struct kind none = {.none = true}, littered = {.littered = true};

	for (size_t s = 0; s < (all ? COUNT(services) : CORE_SERVICES); s++)
		combine(node, services[s], &none);
	combine(node, services[1], &littered);
}

/* At most one of family, socket, service and flags is out of the ordinary, but flags may be with
 * any of the usual. */
static bool is_wanted(size_t family, size_t socket, size_t service, size_t flag, bool all)
{
	int odd = (family >= CORE_FAMILIES) + (socket >= CORE_SOCKETS) +
	          (service >= CORE_SERVICES) + (flag >= CORE_FLAGS);

	return odd == 0 || (odd == 1 && (all || flag >= CORE_FLAGS));
}

static void product(const char *node, bool all)
{
	hintless(node, all);
	for (size_t f = 0; f < COUNT(families); f++)
		for (size_t k = 0; k < COUNT(sockets); k++)
			for (size_t s = 0; s < COUNT(services); s++)
				for (size_t g = 0; g < COUNT(flags); g++) {
					struct kind kind = {.family = families[f],
					                    .type = sockets[k].type,
					                    .protocol = sockets[k].protocol,
					                    .flags = flags[g]};

					if (is_wanted(f, k, s, g, all))
						combine(node, services[s], &kind);
				}
}

/* ---- Pairs */

static const int pair_flags[] = {0,
                                 AI_CANONNAME,
                                 AI_ADDRCONFIG,
                                 AI_V4MAPPED | AI_ADDRCONFIG,
                                 AI_V4MAPPED,
                                 AI_V4MAPPED | AI_ALL,
                                 AI_V4MAPPED | AI_CANONNAME};

/* Every hint of pairs by a number; false past the last. */
static bool pair_kind(size_t number, struct kind *kind)
{
	*kind = (struct kind){.type = SOCK_STREAM};
	if (!number) {
		kind->none = true;
		return true;
	}
	number--;
	kind->family = families[number % CORE_FAMILIES];
	number /= CORE_FAMILIES;
	if (number >= COUNT(pair_flags))
		return false;
	kind->flags = pair_flags[number];
	return true;
}

static void pairs(const char *node)
{
	struct kind first, second;
	int status;

	for (size_t i = 0; pair_kind(i, &first); i++)
		for (size_t k = 0; pair_kind(k, &second); k++) {
			pid_t child;

			fflush(stdout);
			child = fork();
			if (!child) {
				combine(node, "8081", &first);
				combine(node, "8081", &second);
				combine(node, NULL, &first);
				fflush(stdout);
				_exit(0);
			}
			if (child < 0 || waitpid(child, &status, 0) != child || status) {
				fprintf(stderr, "differential: a child ended with %d\n", status);
				exit(1);
			}
		}
}

/* ---- */

static void libc_find(void)
{
	/* glibc by its name; musl takes it for itself. */
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	if (libc) {
		*(void **)&libc_lookup = dlsym(libc, "getaddrinfo");
		*(void **)&libc_release = dlsym(libc, "freeaddrinfo");
	}
	if (!libc_lookup || !libc_release) {
		fputs("differential: no libc\n", stderr);
		exit(1);
	}
}

static void unescape(char *text)
{
	char *to = text;
	unsigned byte;

	for (; *text; text++) {
		if (sscanf(text, "\\x%2x", &byte) == 1) {
			*to++ = (char)byte;
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: differential full|core|pairs NODE...\n", stderr);
		return 2;
	}
	setlocale(LC_ALL, ""); /* AI_IDN: nodes are in the locale's encoding */
	libc_find();
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (totals == MAP_FAILED)
		return 1;
	for (char **node = argv + 2; *node; node++) {
		const char *name = strcmp(*node, "-") ? *node : NULL;

		unescape(*node);
		if (!strcmp(argv[1], "pairs"))
			pairs(name);
		else
			product(name, !strcmp(argv[1], "full"));
	}
	printf("%ld combinations, %ld differences, %ld answered, %ld of them without asking\n",
	       totals->combinations, totals->differences, totals->answered, totals->silent);
	return totals->differences != 0;
}
