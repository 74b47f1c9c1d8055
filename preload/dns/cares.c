#include "dns/cares.h"

#include "base/kernel.h"
#include "base/locked.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* State, written by the refresh thread alone:
 *	cares_current   the arena that c-ares allocates from
 *	cares_ready     ares_library_init_mem was called; it stays so in a forked child */
static struct cares_arena *cares_current;
static bool cares_ready;

/* The size of UDP answers we take; larger ones come by TCP. What fits any link unfragmented
 * (dnsflagday.net/2020). */
enum { CARES_EDNS_SIZE = 1232 };

/* The header of a message, its flags and codes (RFC 1035 4.1.1). */
enum { HEADER_SIZE = 12, FLAG_ANSWER = 0x80, FLAG_OPCODE = 0x78, RCODE = 0x0f };
enum { RCODE_FORMERR = 1, RCODE_SERVFAIL = 2, RCODE_NOTIMP = 4, RCODE_REFUSED = 5 };

/* Blocks are powers of two, a header included, from regions mapped as needed; freed ones wait in a
 * list per size. A single large mapping would be populated whole in a client that called
 * mlockall(MCL_FUTURE). */
enum { CLASS_SMALLEST = 5, CLASS_LARGEST = 23, REGION_SIZE = 256 << 10 };

struct cares_block {
	union {
		unsigned class;           /* while in use: log2 of the size */
		struct cares_block *next; /* while free */
	};
	_Alignas(16) unsigned char data[];
};

struct cares_region {
	struct cares_region *next;
	size_t size;
};

struct cares_arena {
	struct cares_region region;  /* the first, which the arena itself lives in */
	size_t mapped;               /* by all regions */
	unsigned char *unused, *end; /* of the region mapped last */
	struct cares_block *free[CLASS_LARGEST + 1];
};

static void *cares_map(size_t size)
{
	void *memory = locked_map(size, 0);

	/* Unheeded where the kernel does not know it: the child only carries some pages more. */
	if (memory)
		kernel_call(SYS_madvise, memory, size, MADV_DONTFORK);
	return memory;
}

static unsigned char *cares_aligned(void *from)
{
	return (unsigned char *)(((uintptr_t)from + 15) & ~(uintptr_t)15);
}

struct cares_arena *cares_arena_open(void)
{
	struct cares_arena *arena = cares_map(REGION_SIZE);

	if (arena) {
		arena->region.size = arena->mapped = REGION_SIZE;
		arena->unused = cares_aligned(arena + 1);
		arena->end = (unsigned char *)arena + REGION_SIZE;
	}
	return arena;
}

void cares_arena_close(struct cares_arena *arena)
{
	for (struct cares_region *region = arena->region.next, *next; region; region = next) {
		next = region->next;
		kernel_unmap(region, region->size);
	}
	if (cares_current == arena)
		cares_current = NULL;
	kernel_unmap(arena, arena->region.size);
}

void cares_enter(struct cares_arena *arena)
{
	cares_current = arena;
}

/* What was left of the region before is not used any more. */
static bool cares_arena_grow(struct cares_arena *arena, size_t need)
{
	size_t size = (need + sizeof(struct cares_region) + 16 + REGION_SIZE - 1) &
	              ~((size_t)REGION_SIZE - 1);
	struct cares_region *region;

	if (size > CARES_ARENA_LIMIT - arena->mapped)
		return false;
	region = cares_map(size);
	if (!region)
		return false;
	region->size = size;
	region->next = arena->region.next;
	arena->region.next = region;
	arena->mapped += size;
	arena->unused = cares_aligned(region + 1);
	arena->end = (unsigned char *)region + size;
	return true;
}

void *cares_alloc(size_t size)
{
	struct cares_arena *arena = cares_current;
	unsigned class = CLASS_SMALLEST;
	struct cares_block *block;

	if (!arena || size > ((size_t)1 << CLASS_LARGEST) - sizeof(*block))
		return NULL;
	while (((size_t)1 << class) - sizeof(*block) < size)
		class ++;

	block = arena->free[class];
	if (block) {
		arena->free[class] = block->next;
	} else {
		size_t need = (size_t)1 << class;

		if ((size_t)(arena->end - arena->unused) < need && !cares_arena_grow(arena, need))
			return NULL;
		block = (struct cares_block *)arena->unused;
		arena->unused += need;
	}
	block->class = class;
	return block->data;
}

void *cares_alloc_zeroed(size_t size)
{
	void *data = cares_alloc(size);

	return data ? memset(data, 0, size) : NULL;
}

static struct cares_block *cares_block_of(void *data)
{
	return (struct cares_block *)((unsigned char *)data - offsetof(struct cares_block, data));
}

static void cares_free(void *data)
{
	if (data && cares_current) {
		struct cares_block *block = cares_block_of(data);
		unsigned class = block->class;

		block->next = cares_current->free[class];
		cares_current->free[class] = block;
	}
}

static void *cares_realloc(void *data, size_t size)
{
	size_t had =
		data ? ((size_t)1 << cares_block_of(data)->class) - sizeof(struct cares_block) : 0;
	void *moved;

	if (data && size <= had)
		return data;
	moved = cares_alloc(size);
	if (moved && data) {
		memcpy(moved, data, had);
		cares_free(data);
	}
	return moved;
}

/* The sockets of c-ares make system calls of our own: neither the hook of connect must be met, nor
 * what a client has in place of any of these functions. */

/* Returns what libc's function returns where the kernel's call returned result: -1, with errno, for
 * an error. */
static ares_ssize_t told(long result)
{
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

static ares_socket_t cares_socket(int domain, int type, int protocol, void *unused)
{
	(void)unused;
	return (int)told(
		kernel_call(SYS_socket, domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

static int cares_close(ares_socket_t descriptor, void *unused)
{
	(void)unused;
	return (int)told(kernel_call(SYS_close, descriptor));
}

/* Returns the number of an interface, by its name or its number; 0 if there is none. */
static uint32_t interface_number(int descriptor, const char *interface)
{
	struct ifreq request = {.ifr_ifindex = 0};
	uint32_t number = 0;

	for (const char *digit = interface; *digit >= '0' && *digit <= '9'; digit++) {
		number = number * 10 + (uint32_t)(*digit - '0');
		if (!digit[1])
			return number;
	}
	strncpy(request.ifr_name, interface, sizeof(request.ifr_name) - 1);
	return kernel_call(SYS_ioctl, descriptor, SIOCGIFINDEX, &request)
	               ? 0
	               : (uint32_t)request.ifr_ifindex;
}

static int cares_connect(ares_socket_t descriptor, const struct sockaddr *to, ares_socklen_t length,
                         void *wire)
{
	const struct resolvconf_scope *scope = ((struct cares_wire *)wire)->scopes;
	struct sockaddr_in6 scoped;

	for (int i = 0; i < RESOLVCONF_SERVERS && to->sa_family == AF_INET6; i++, scope++) {
		memcpy(&scoped, to, sizeof(scoped));
		if (!scope->interface[0] || memcmp(&scoped.sin6_addr, scope->address, 16) != 0)
			continue;
		scoped.sin6_scope_id = interface_number(descriptor, scope->interface);
		to = (const struct sockaddr *)&scoped;
		break;
	}
	return (int)told(kernel_call(SYS_connect, descriptor, to, length));
}

/* Notes an answer that is an error. c-ares 1.18 asks the next server then, and says in the end that
 * the last one refused the connection, as it says of a port that is closed. A part of a message
 * that came by TCP may be taken for one, which does no harm. */
static void cares_hear(struct cares_wire *wire, const unsigned char *message, ares_ssize_t size)
{
	unsigned rcode;

	if (size < HEADER_SIZE || (message[2] & (FLAG_ANSWER | FLAG_OPCODE)) != FLAG_ANSWER)
		return;
	rcode = message[3] & RCODE;
	if (rcode == RCODE_FORMERR || rcode == RCODE_SERVFAIL || rcode == RCODE_NOTIMP ||
	    rcode == RCODE_REFUSED)
		wire->error_heard = true;
}

static ares_ssize_t cares_recvfrom(ares_socket_t descriptor, void *data, size_t size, int flags,
                                   struct sockaddr *from, ares_socklen_t *from_length, void *wire)
{
	ares_ssize_t got =
		told(kernel_call(SYS_recvfrom, descriptor, data, size, flags, from, from_length));

	cares_hear(wire, data, got);
	/* An empty datagram is not the end of a connection, as 1.18 takes it (CVE-2023-32067). */
	if (got == 0 && from) {
		errno = EAGAIN;
		return -1;
	}
	return got;
}

static ares_ssize_t cares_sendv(ares_socket_t descriptor, const struct iovec *parts, int count,
                                void *unused)
{
	struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};

	(void)unused;
	return told(kernel_call(SYS_sendmsg, descriptor, &message, MSG_NOSIGNAL));
}

static const struct ares_socket_functions cares_sockets = {
	.asocket = cares_socket,
	.aclose = cares_close,
	.aconnect = cares_connect,
	.arecvfrom = cares_recvfrom,
	.asendv = cares_sendv,
};

int cares_channel_open(ares_channel *channel, const struct cares_way *way, struct cares_wire *wire)
{
	/* With all of these given, 1.18 looks into no file; the server is replaced at once. */
	struct in_addr placeholder = {.s_addr = htonl(INADDR_LOOPBACK)};
	char lookups[] = "b";
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
	                 (way->edns ? ARES_FLAG_EDNS : 0) | (way->tcp ? ARES_FLAG_USEVC : 0),
		.timeout = way->try_ms,
		.tries = way->tries,
		.ndots = 1,
		.servers = &placeholder,
		.nservers = 1,
		.lookups = lookups,
		.ednspsz = CARES_EDNS_SIZE,
	};
	int status;

	if (!cares_ready) {
		status = ares_library_init_mem(ARES_LIB_INIT_NONE, cares_alloc, cares_free,
		                               cares_realloc);
		if (status != ARES_SUCCESS)
			return status;
		cares_ready = true;
	}
	status = ares_init_options(channel, &options,
	                           ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
	                                   ARES_OPT_NDOTS | ARES_OPT_SERVERS | ARES_OPT_DOMAINS |
	                                   ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST | ARES_OPT_EDNSPSZ |
	                                   ARES_OPT_NOROTATE);
	if (status != ARES_SUCCESS)
		return status;
	ares_set_socket_functions(*channel, &cares_sockets, wire);
	status = ares_set_servers_ports_csv(*channel, way->servers);
	if (status != ARES_SUCCESS) {
		ares_destroy(*channel);
		*channel = NULL;
	}
	return status;
}
