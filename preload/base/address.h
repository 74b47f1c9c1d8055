/* One IP address, apart from the sockaddr that carries it.
 *
 * All functions are pure but for their out parameters: any thread, any signal handler. */
#ifndef LBDNS_BASE_ADDRESS_H
#define LBDNS_BASE_ADDRESS_H

#include <endian.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* The 16 bytes of an IPv6 address as two numbers in host order, so that comparing them is comparing
 * the bytes. An IPv4 address is kept as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), whatever socket it came
 * from. */
struct address {
	uint64_t high, low;
};

/* The families a name is asked for, as bits: FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6). */
enum family { FAMILY_V4, FAMILY_V6, FAMILY_COUNT };
#define FAMILY_BIT(family) (1u << (family))

enum { ADDRESS_TEXT_SIZE = 46 }; /* INET6_ADDRSTRLEN */

static inline enum family address_family(struct address address)
{
	return address.high == 0 && address.low >> 32 == 0xffff ? FAMILY_V4 : FAMILY_V6;
}

/* From the 4 bytes (FAMILY_V4) or 16 bytes (FAMILY_V6) of a DNS record or a hostent, network order.
 */
static inline struct address address_from_bytes(enum family family, const void *bytes)
{
	uint64_t half[2] = {0, 0};
	uint32_t v4;

	if (family == FAMILY_V4) {
		memcpy(&v4, bytes, sizeof(v4));
		return (struct address){.low = UINT64_C(0xffff) << 32 | be32toh(v4)};
	}
	memcpy(half, bytes, sizeof(half));
	return (struct address){.high = be64toh(half[0]), .low = be64toh(half[1])};
}

/* Clients pass sockaddrs at odd addresses, so all access is by bytes. */
static inline sa_family_t address_sockaddr_family(const struct sockaddr *from)
{
	sa_family_t family;

	memcpy(&family, (const char *)from + offsetof(struct sockaddr, sa_family), sizeof(family));
	return family;
}

/* The address and the port (host order) of an AF_INET or AF_INET6 sockaddr; false for any other
 * family or a length too short for its family, and then nothing is written. connect(2) takes an
 * AF_INET6 address without its scope (RFC 2133), as the kernel's SIN6_LEN_RFC2133. */
static inline bool address_from_sockaddr(const struct sockaddr *from, socklen_t length,
                                         struct address *address, uint16_t *port)
{
	const char *bytes = (const char *)from;
	sa_family_t family;
	uint16_t at;

	if (!from || length < sizeof(struct sockaddr_in)) /* the shorter of the two */
		return false;
	family = address_sockaddr_family(from);
	if (family == AF_INET)
		*address = address_from_bytes(FAMILY_V4,
		                              bytes + offsetof(struct sockaddr_in, sin_addr));
	else if (family == AF_INET6 && length >= offsetof(struct sockaddr_in6, sin6_scope_id))
		*address = address_from_bytes(FAMILY_V6,
		                              bytes + offsetof(struct sockaddr_in6, sin6_addr));
	else
		return false;
	/* sin_port and sin6_port are at the same place. */
	memcpy(&at, bytes + offsetof(struct sockaddr_in, sin_port), sizeof(at));
	*port = be16toh(at);
	return true;
}

/* Replaces the address in a sockaddr, which keeps its family, port, flow label and scope. An IPv4
 * address goes into AF_INET6 as v4-mapped; an IPv6 one does not go into AF_INET: false, and nothing
 * is written. */
bool address_into_sockaddr(struct address address, struct sockaddr *into);

/* The 4 or 16 bytes of an address, network order; returns how many. */
unsigned address_to_bytes(struct address address, void *bytes);

/* RFC 1918, 100.64.0.0/10 (RFC 6598), fc00::/7 (RFC 4193), 127.0.0.0/8 and ::1. */
bool address_is_private(struct address address);

/* 127.0.0.0/8 and ::1. */
bool address_is_loopback(struct address address);

/* False for what no pod can have: unspecified, multicast, broadcast, link-local and 0.0.0.0/8.
 * (240.0.0.0/4 is some clusters' own.) */
bool address_is_usable(struct address address);

/* Less than, equal to, or greater than 0, as memcmp(3). */
int address_compare(struct address a, struct address b);

static inline bool address_equal(struct address a, struct address b)
{
	return ((a.high ^ b.high) | (a.low ^ b.low)) == 0;
}

/* A finaliser of 64 bits to 64 bits (splitmix64, Steele et al. 2014); also mixes the keys of
 * cursors. */
static inline uint64_t hash_mix(uint64_t value)
{
	value ^= value >> 30;
	value *= UINT64_C(0xbf58476d1ce4e5b9);
	value ^= value >> 27;
	value *= UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

/* 2^64 divided by the golden ratio: the upper bits of a product with it are spread evenly (Knuth,
 * The Art of Computer Programming, 6.4). */
#define HASH_GOLDEN UINT64_C(0x9e3779b97f4a7c15)

/* For tables, by any of its bits. */
static inline uint64_t address_hash(struct address address)
{
	/* The odd number is hash_mix's: halves that are alike must not cancel out. */
	uint64_t product =
		(address.low ^ address.high * UINT64_C(0x94d049bb133111eb)) * HASH_GOLDEN;

	return product ^ product >> 32;
}

/* "10.244.1.5" or "fd00::5" into text[ADDRESS_TEXT_SIZE]; no libc call, so usable in a signal
 * handler. Returns text. */
char *address_text(struct address address, char *text);

#endif
