#include "records.h"

#include "address_sort.h"
#include "cares.h"

#include <limits.h>
#include <string.h>

/* The shortest record there is: a pointer as its name, and the fixed fields. A message of 64 KiB
 * has 5,461 at most, fewer than RESOLVER_ADDRESS_LIMIT. */
enum { RECORD_SIZE = 2 + 10 };

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

bool records_parse(enum family family, const unsigned char *message, int size,
                   struct records *records)
{
	int most = size / RECORD_SIZE, status;

	memset(records, 0, sizeof(*records));
	records->addresses = cares_alloc((size_t)most * sizeof(*records->addresses));
	if (!records->addresses)
		return false;
	status = family == FAMILY_V4 ? records_parse_v4(records, message, size, most)
	                             : records_parse_v6(records, message, size, most);
	records->count = address_sort_unique(records->addresses, records->count);
	return status == ARES_SUCCESS || status == ARES_ENODATA;
}
