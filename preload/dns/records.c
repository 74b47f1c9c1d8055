#include "dns/records.h"

#include "base/address_set.h"
#include "dns/cares.h"

#include <limits.h>
#include <string.h>

/* The shortest record there is: a pointer as its name, and the fixed fields. A message of 64 KiB
 * has 5,461 at most, fewer than ANSWER_ADDRESS_LIMIT. */
enum { RECORD_SIZE = 2 + 10 };

enum { HEADER_SIZE = 12, FLAG_ANSWER = 0x80, FLAG_OPCODE = 0x78, RCODE = 0x0f };

bool records_is_answer(const unsigned char *message, int size, unsigned rcode)
{
	return size >= HEADER_SIZE && message[2] & FLAG_ANSWER && !(message[2] & FLAG_OPCODE) &&
	       (message[3] & RCODE) == rcode;
}

static unsigned records_number(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* The end of a name, or of the message: a pointer ends it, where it points to does not matter. */
static int records_skip_name(const unsigned char *message, int size, int at)
{
	while (at < size && message[at] && message[at] < 0xc0)
		at += 1 + message[at];
	return at < size ? at + (message[at] ? 2 : 1) : size;
}

/* Where the data of the last record of this type begin, be they ever so wrong; 0: there is none. */
static int records_last(const unsigned char *message, int size, unsigned type)
{
	unsigned questions = records_number(message + 4), answers = records_number(message + 6);
	int at = HEADER_SIZE, last = 0;

	for (; questions > 0 && at < size; questions--)
		at = records_skip_name(message, size, at) + 4;
	for (; answers > 0 && at < size; answers--) {
		at = records_skip_name(message, size, at);
		if (size - at < 10)
			break;
		if (records_number(message + at) == type)
			last = at + 10;
		at += 10 + (int)records_number(message + at + 8);
	}
	return last;
}

/* Returns the target of the last CNAME: libc, too, takes the records of a chain to be in its order.
 */
static const char *records_canonical(const unsigned char *message, int size)
{
	int last = records_last(message, size, DNS_TYPE_CNAME);
	char *name = NULL;
	long length;

	if (!last ||
	    ares_expand_name(message + last, message, size, &name, &length) != ARES_SUCCESS)
		return NULL;
	return name;
}

static void records_add(struct records *records, enum family family, const void *bytes, int ttl_s)
{
	struct address address = address_from_bytes(family, bytes);
	/* RFC 2181 8: a TTL that needs the highest bit is 0. c-ares 1.34 makes INT_MAX of it. */
	uint32_t ttl = ttl_s < 0 || ttl_s == INT_MAX ? 0 : (uint32_t)ttl_s;

	records->any = true;
	if (!address_is_usable(address))
		return;
	if (records->count == 0 || ttl < records->ttl_s)
		records->ttl_s = ttl;
	records->addresses[records->count++] = address;
}

/* Reads all addresses that there are, whichever name they are of, as musl does
 * (src/network/dns_parse.c). */
static bool records_parse_all(struct records *records, enum family family,
                              const unsigned char *message, int size)
{
	unsigned questions, answers, wanted = family == FAMILY_V4 ? DNS_TYPE_A : DNS_TYPE_AAAA;
	int length = family == FAMILY_V4 ? 4 : 16, at = HEADER_SIZE;

	if (size < HEADER_SIZE)
		return false;
	questions = records_number(message + 4);
	answers = records_number(message + 6);
	for (; questions > 0 && at < size; questions--)
		at = records_skip_name(message, size, at) + 4;
	for (; answers > 0; answers--) {
		unsigned type, data;

		at = records_skip_name(message, size, at);
		if (size - at < 10)
			return false;
		type = records_number(message + at);
		data = records_number(message + at + 8);
		if (size - at - 10 < (int)data)
			return false;
		if (type == wanted && (int)data == length)
			records_add(records, family, message + at + 10,
			            (int)(records_number(message + at + 4) << 16 |
			                  records_number(message + at + 6)));
		at += 10 + (int)data;
	}
	return true;
}

static int records_parse_v4(struct records *records, const unsigned char *message, int size,
                            int most)
{
	struct ares_addrttl *found = cares_alloc((size_t)most * sizeof(*found));
	int status = found ? ares_parse_a_reply(message, size, NULL, found, &most) : ARES_ENOMEM;

	for (int i = 0; status == ARES_SUCCESS && i < most; i++)
		records_add(records, FAMILY_V4, &found[i].ipaddr, found[i].ttl);
	return status;
}

static int records_parse_v6(struct records *records, const unsigned char *message, int size,
                            int most)
{
	struct ares_addr6ttl *found = cares_alloc((size_t)most * sizeof(*found));
	int status = found ? ares_parse_aaaa_reply(message, size, NULL, found, &most) : ARES_ENOMEM;

	for (int i = 0; status == ARES_SUCCESS && i < most; i++)
		records_add(records, FAMILY_V6, &found[i].ip6addr, found[i].ttl);
	return status;
}

bool records_parse(enum family family, const unsigned char *message, int size, bool any_owner,
                   struct records *records)
{
	int most = size / RECORD_SIZE, status;

	memset(records, 0, sizeof(*records));
	records->addresses = cares_alloc((size_t)most * sizeof(*records->addresses));
	if (!records->addresses)
		return false;
	if (any_owner)
		status = records_parse_all(records, family, message, size) ? ARES_SUCCESS
		                                                           : ARES_EBADRESP;
	else
		status = family == FAMILY_V4 ? records_parse_v4(records, message, size, most)
		                             : records_parse_v6(records, message, size, most);
	records->count = address_set_sort(records->addresses, records->count);
	if (status != ARES_SUCCESS && status != ARES_ENODATA) {
		records->count = 0;
		return false;
	}
	records->canonical = records_canonical(message, size);
	/* c-ares passes over records of a wrong length, and those of other names. */
	return records->any ||
	       !records_last(message, size, family == FAMILY_V4 ? DNS_TYPE_A : DNS_TYPE_AAAA);
}
