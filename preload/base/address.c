#include "base/address.h"
#include "base/attributes.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

static void write_number(uint64_t number, unsigned char *bytes, unsigned length)
{
	for (unsigned i = length; i > 0; i--, number >>= 8)
		bytes[i - 1] = (unsigned char)number;
}

bool address_into_sockaddr(struct address address, struct sockaddr *into)
{
	unsigned char *bytes = (unsigned char *)into;

	switch (address_sockaddr_family(into)) {
	case AF_INET:
		if (address_family(address) != FAMILY_V4)
			return false;
		write_number(address.low, bytes + offsetof(struct sockaddr_in, sin_addr), 4);
		return true;
	case AF_INET6:
		bytes += offsetof(struct sockaddr_in6, sin6_addr);
		write_number(address.high, bytes, 8);
		write_number(address.low, bytes + 8, 8);
		return true;
	default:
		return false;
	}
}

unsigned address_to_bytes(struct address address, void *bytes)
{
	unsigned char *into = bytes;

	if (address_family(address) == FAMILY_V4) {
		write_number(address.low, into, 4);
		return 4;
	}
	write_number(address.high, into, 8);
	write_number(address.low, into + 8, 8);
	return 16;
}

bool address_is_loopback(struct address address)
{
	if (address_family(address) == FAMILY_V4)
		return (uint32_t)address.low >> 24 == 127;
	return address.high == 0 && address.low == 1;
}

bool address_is_private(struct address address)
{
	if (address_is_loopback(address))
		return true;
	if (address_family(address) == FAMILY_V4) {
		uint32_t v4 = (uint32_t)address.low;

		return v4 >> 24 == 10 || v4 >> 20 == 0xac1 || v4 >> 16 == 0xc0a8 ||
		       v4 >> 22 == 0x191; /* 100.64.0.0/10 */
	}
	return address.high >> 57 == 0xfc >> 1;
}

bool address_is_usable(struct address address)
{
	if (address_family(address) == FAMILY_V4) {
		uint32_t v4 = (uint32_t)address.low;

		return v4 >> 24 != 0 && v4 >> 28 != 0xe && v4 != UINT32_MAX &&
		       v4 >> 16 != 0xa9fe; /* 169.254.0.0/16 */
	}
	return (address.high | address.low) != 0 && address.high >> 56 != 0xff &&
	       address.high >> 54 != 0xfe80 >> 6;
}

int address_compare(struct address a, struct address b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return (a.low > b.low) - (a.low < b.low);
}

/* A number up to 65535 without leading zeros; returns the end. */
static char *group_text(char *text, unsigned number, unsigned base)
{
	unsigned scale = 1;

	while (number / scale >= base)
		scale *= base;
	for (; scale > 0; scale /= base)
		*text++ = "0123456789abcdef"[number / scale % base];
	return text;
}

static unsigned group_of(struct address address, unsigned index)
{
	uint64_t half = index < 4 ? address.high : address.low;

	return (unsigned)(half >> (3 - (index & 3)) * 16) & 0xffff;
}

/* The run that `::` stands for: the longest of two zero groups or more, the first of equals (RFC
 * 5952 4.2). Returns its length, 0 if there is none. */
static unsigned zero_run(struct address address, unsigned *start)
{
	unsigned longest = 1;

	for (unsigned i = 0, length = 0; i < 8; i++) {
		length = group_of(address, i) == 0 ? length + 1 : 0;
		if (length > longest) {
			longest = length;
			*start = i + 1 - length;
		}
	}
	return longest > 1 ? longest : 0;
}

SELDOM char *address_text(struct address address, char *text)
{
	bool v4 = address_family(address) == FAMILY_V4;
	unsigned start = 8, run = v4 ? 0 : zero_run(address, &start); /* start 8: no run */
	char *end = text;

	for (unsigned i = 0; v4 && i < 4; i++) {
		if (i > 0)
			*end++ = '.';
		end = group_text(end, (unsigned)(address.low >> (24 - 8 * i)) & 0xff, 10);
	}
	for (unsigned i = 0; !v4 && i < 8;) {
		if (i == start) {
			*end++ = ':';
			*end++ = ':';
			i += run;
			continue;
		}
		if (i > 0 && i != start + run)
			*end++ = ':';
		end = group_text(end, group_of(address, i++), 16);
	}
	*end = '\0';
	return text;
}
