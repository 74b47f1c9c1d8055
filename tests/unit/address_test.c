/* rooms: base */
/* Addresses: from and into sockaddrs and bytes, what they are, and their text beside inet_ntop(3).
 */
#include "check.h"
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct address from_text(const char *text)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		return address_from_bytes(FAMILY_V4, bytes);
	if (inet_pton(AF_INET6, text, bytes) != 1) {
		fprintf(stderr, "not an address: %s\n", text);
		abort();
	}
	return address_from_bytes(FAMILY_V6, bytes);
}

static uint64_t random_number(void)
{
	static uint64_t state = 42;

	return hash_mix(state += UINT64_C(0x9e3779b97f4a7c15));
}

static void check_text(const unsigned char bytes[16])
{
	struct address address = address_from_bytes(FAMILY_V6, bytes);
	char text[ADDRESS_TEXT_SIZE], expected[INET6_ADDRSTRLEN];
	unsigned char again[16];

	if (address_family(address) == FAMILY_V4)
		inet_ntop(AF_INET, bytes + 12, expected, sizeof(expected));
	else
		inet_ntop(AF_INET6, bytes, expected, sizeof(expected));
	CHECK(address_text(address, text) == text);
	CHECK(address_family(address) == FAMILY_V4 ||
	      (inet_pton(AF_INET6, text, again) == 1 && memcmp(bytes, again, 16) == 0));
#ifndef __GLIBC__ /* musl shortens a later run where the longest begins the address */
	if (address_family(address) == FAMILY_V6)
		return;
#endif
	/* glibc writes the deprecated ::/96 as ::1.2.3.4, which RFC 5952 does not ask for. */
	if (address.high == 0 && address.low >> 32 == 0) {
		CHECK(!strchr(text, '.'));
		return;
	}
	if (strcmp(text, expected) != 0)
		fprintf(stderr, "%s, not %s\n", text, expected);
	CHECK(strcmp(text, expected) == 0);
}

/* All 256 patterns of zero groups, with groups of every width. */
static void text_is_that_of_inet_ntop(void)
{
	for (int i = 0; i < 500000; i++) {
		uint64_t zero = random_number();
		unsigned char bytes[16];

		for (int group = 0; group < 8; group++) {
			uint64_t random = random_number();
			uint64_t value = (random & 0xffff) >> (random >> 16) % 16;

			if (zero >> group & 1)
				value = 0;
			if (zero >> 8 & 1 && group < 6)
				value = group == 5 ? 0xffff : 0;
			bytes[2 * group] = (unsigned char)(value >> 8);
			bytes[2 * group + 1] = (unsigned char)value;
		}
		check_text(bytes);
	}
}

static void text_is_canonical(void)
{
	static const char *const canonical[] = {
		"0.0.0.0",
		"10.244.1.5",
		"255.255.255.255",
		"100.64.0.1",
		"::",
		"::1",
		"1::",
		"fd00::5",
		"2001:db8::1:0:0:1",
		"2001:db8:0:1:1:1:1:1",
		"0:1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:0",
		"1:0:0:2::3",
		"1::2:0:0:3:4",
		"::2:3:4:5:6:7",
		"2:3:4:5:6:7::",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fe80::1:2:3:4",
		"64:ff9b::a00:1",
	};
	char text[ADDRESS_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(canonical) / sizeof(*canonical); i++)
		CHECK(strcmp(address_text(from_text(canonical[i]), text), canonical[i]) == 0);
	CHECK(strcmp(address_text(from_text("::ffff:10.1.2.3"), text), "10.1.2.3") == 0);
}

static void bytes_come_back(void)
{
	struct address v4 = from_text("10.244.3.27"), v6 = from_text("fd00::a:b");
	unsigned char bytes[17];

	CHECK(v4.high == 0 && v4.low == UINT64_C(0xffff0af4031b));
	CHECK(v6.high == UINT64_C(0xfd00000000000000) && v6.low == 0xa000b);
	CHECK(address_family(v4) == FAMILY_V4 && address_family(v6) == FAMILY_V6);
	CHECK(address_equal(v4, from_text("::ffff:10.244.3.27")));

	memset(bytes, 0xee, sizeof(bytes));
	CHECK(address_to_bytes(v4, bytes) == 4);
	CHECK(memcmp(bytes, "\x0a\xf4\x03\x1b\xee", 5) == 0);
	CHECK(address_to_bytes(v6, bytes) == 16 && bytes[16] == 0xee);
	CHECK(address_equal(address_from_bytes(FAMILY_V6, bytes), v6));
}

static void sockaddrs_are_read(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(8081)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(65535)};
	char odd[1 + sizeof(in6)];
	struct address address = {1, 2};
	uint16_t port = 7;

	inet_pton(AF_INET, "192.168.0.9", &in.sin_addr);
	CHECK(address_from_sockaddr((struct sockaddr *)&in, sizeof(in), &address, &port));
	CHECK(address_equal(address, from_text("192.168.0.9")) && port == 8081);

	inet_pton(AF_INET6, "::ffff:10.244.3.27", &in6.sin6_addr);
	CHECK(address_from_sockaddr((struct sockaddr *)&in6, sizeof(in6), &address, &port));
	CHECK(address_equal(address, from_text("10.244.3.27")) && port == 65535);

	/* At an odd place, longer than need be, or without the scope, as connect(2) takes it. */
	inet_pton(AF_INET6, "fd00::7", &in6.sin6_addr);
	memcpy(odd + 1, &in6, sizeof(in6));
	CHECK(address_from_sockaddr((struct sockaddr *)(void *)(odd + 1), 24, &address, &port));
	CHECK(address_equal(address, from_text("fd00::7")));
	CHECK(address_from_sockaddr((struct sockaddr *)(void *)(odd + 1), 128, &address, &port));
}

/* In memory of just that length, so that ASan sees a byte too many. */
static bool reads(sa_family_t family, socklen_t length)
{
	struct address address = {1, 2};
	uint16_t port = 7;
	void *exact = calloc(1, length ? length : 1);
	bool read;

	if (length >= sizeof(family))
		memcpy(exact, &family, sizeof(family));
	read = address_from_sockaddr(exact, length, &address, &port);
	free(exact);
	CHECK(read || (address.high == 1 && address.low == 2 && port == 7));
	return read;
}

static void other_sockaddrs_are_not(void)
{
	struct address address = {1, 2};
	uint16_t port = 7;

	for (socklen_t length = 0; length <= 130; length++) {
		CHECK(reads(AF_INET, length) == (length >= sizeof(struct sockaddr_in)));
		CHECK(reads(AF_INET6, length) == (length >= 24));
		CHECK(!reads(AF_UNIX, length));
		CHECK(!reads(AF_UNSPEC, length));
	}
	CHECK(!address_from_sockaddr(NULL, sizeof(struct sockaddr_in), &address, &port));
}

static void sockaddrs_are_changed_in_the_address_only(void)
{
	struct sockaddr_in in, in_before;
	struct sockaddr_in6 in6, in6_before;
	struct sockaddr_storage other, other_before;

	memset(&in, 0x5a, sizeof(in));
	in.sin_family = AF_INET;
	in_before = in;
	CHECK(!address_into_sockaddr(from_text("fd00::1"), (struct sockaddr *)&in));
	CHECK(memcmp(&in, &in_before, sizeof(in)) == 0);
	CHECK(address_into_sockaddr(from_text("10.1.2.3"), (struct sockaddr *)&in));
	CHECK(in.sin_addr.s_addr == inet_addr("10.1.2.3"));
	in_before.sin_addr = in.sin_addr;
	CHECK(memcmp(&in, &in_before, sizeof(in)) == 0);

	memset(&in6, 0x5a, sizeof(in6));
	in6.sin6_family = AF_INET6;
	in6_before = in6;
	CHECK(address_into_sockaddr(from_text("10.1.2.3"), (struct sockaddr *)&in6));
	inet_pton(AF_INET6, "::ffff:10.1.2.3", &in6_before.sin6_addr);
	CHECK(memcmp(&in6, &in6_before, sizeof(in6)) == 0);
	CHECK(address_into_sockaddr(from_text("fd00::1"), (struct sockaddr *)&in6));
	inet_pton(AF_INET6, "fd00::1", &in6_before.sin6_addr);
	CHECK(memcmp(&in6, &in6_before, sizeof(in6)) == 0);

	memset(&other, 0x5a, sizeof(other));
	other.ss_family = AF_UNIX;
	other_before = other;
	CHECK(!address_into_sockaddr(from_text("10.1.2.3"), (struct sockaddr *)&other));
	CHECK(memcmp(&other, &other_before, sizeof(other)) == 0);
}

/* The first and last address of each range, and their neighbours. */
static void private_addresses(void)
{
	static const char *const yes[] = {
		"10.0.0.0",    "10.255.255.255",
		"172.16.0.0",  "172.31.255.255",
		"192.168.0.0", "192.168.255.255",
		"100.64.0.0",  "100.127.255.255",
		"127.0.0.0",   "127.255.255.255",
		"fc00::",      "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"::1",         "::ffff:10.0.0.1",
	};
	static const char *const no[] = {
		"9.255.255.255",
		"11.0.0.0",
		"172.15.255.255",
		"172.32.0.0",
		"192.167.255.255",
		"192.169.0.0",
		"100.63.255.255",
		"100.128.0.0",
		"126.255.255.255",
		"128.0.0.0",
		"8.8.8.8",
		"0.0.0.0",
		"169.254.1.1",
		"::",
		"::2",
		"1::1",
		"fe00::",
		"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"fe80::1",
		"2001:db8::1",
		"ff02::1",
		"::ffff:8.8.8.8",
		"::10.0.0.1",
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		CHECK(address_is_private(from_text(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		CHECK(!address_is_private(from_text(no[i])));
}

static void usable_addresses(void)
{
	static const char *const yes[] = {
		"1.0.0.0",     "10.0.0.1",        "127.0.0.1", "169.253.255.255",
		"169.255.0.0", "223.255.255.255", "8.8.8.8",   "::1",
		"fd00::1",     "2001:db8::1",     "fec0::1",   "fe7f:ffff::",
		"feff::1",     "64:ff9b::1",      "240.0.0.0", "255.255.255.254",
	};
	static const char *const no[] = {
		"0.0.0.0",          "0.255.255.255",
		"169.254.0.0",      "169.254.255.255",
		"224.0.0.0",        "239.255.255.255",
		"255.255.255.255",  "::",
		"ff00::",           "ff02::1",
		"fe80::",           "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"::ffff:224.0.0.1",
	};

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		CHECK(address_is_usable(from_text(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		CHECK(!address_is_usable(from_text(no[i])));
}

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

static void order_is_that_of_the_bytes(void)
{
	for (int i = 0; i < 100000; i++) {
		uint64_t a[2] = {random_number() % 3, random_number() << i % 64};
		uint64_t b[2] = {random_number() % 3, i % 5 ? random_number() << i % 64 : a[1]};
		struct address first = address_from_bytes(FAMILY_V6, a);
		struct address second = address_from_bytes(FAMILY_V6, b);
		int expected = sign(memcmp(a, b, 16));

		CHECK(sign(address_compare(first, second)) == expected);
		CHECK(address_equal(first, second) == (expected == 0));
		CHECK(expected != 0 || address_hash(first) == address_hash(second));
	}
	CHECK(address_compare(from_text("10.0.0.9"), from_text("10.0.0.10")) < 0);
	CHECK(address_compare(from_text("10.255.0.0"), from_text("192.0.0.0")) < 0);
}

int main(void)
{
	text_is_that_of_inet_ntop();
	text_is_canonical();
	bytes_come_back();
	sockaddrs_are_read();
	other_sockaddrs_are_not();
	sockaddrs_are_changed_in_the_address_only();
	private_addresses();
	usable_addresses();
	order_is_that_of_the_bytes();
	return check_result();
}
