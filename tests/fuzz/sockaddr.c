/* rooms: hooks connection lookup refresh learn balance directory shared dns base */
/* Sockaddrs and lengths of all kinds: as we read and change them, and as the arguments of connect
 * on sockets of all kinds, beside what the kernel says to the same. Byte 0 chooses the socket, byte
 * 1 whether it blocks, byte 2 a length of its own, the rest is the sockaddr. */
#include "fuzz.h"
#include "base/address.h"
#include "base/answer.h"
#include "base/config.h"
#include "base/name.h"
#include "base/process.h"
#include "directory/listing.h"
#include "learn/from_libc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTENING = 80, LOWEST_LOCAL_PORT = 1024, POOL = 3, SOCKETS = 8 };

static struct address pool[POOL];
static int listeners[2];

static struct address v4(unsigned number)
{
	return address_from_bytes(FAMILY_V4, (unsigned char[]){127, 9, 0, (unsigned char)number});
}

static int listen_on(int family, const void *address, socklen_t length)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	HOLDS(fd >= 0);
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, address, length) || listen(fd, 64)) {
		perror("port 80: run it inside tests/lab/enter");
		exit(2);
	}
	return fd;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(LISTENING)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(LISTENING)};
	struct answer answer = {.source = ANSWER_LIBC};
	struct listing listing;
	struct name_text name;

	(void)argc;
	(void)argv;
	listeners[0] = listen_on(AF_INET, &in, sizeof(in));
	listeners[1] = listen_on(AF_INET6, &in6, sizeof(in6));
	/* Each endpoint is as good as the others, always. */
	config_load((char *[]){"LBDNS_SHARED=off", "LBDNS_REFRESH=1h", "LBDNS_MAX_STALE=24h",
	                       "LBDNS_UDP=on", "LBDNS_EJECT=0",
	                       "LBDNS_NAMES=rng*", /* loopback addresses are in no pool else */
	                       NULL});
	atomic_store(&process.thread, THREAD_RUNS); /* none is to be started */
	for (unsigned i = 0; i < POOL; i++)
		pool[i] = v4(i + 1);
	answer.family[FAMILY_V4].outcome = DNS_ADDRESSES;
	answer.family[FAMILY_V4].addresses = pool;
	answer.family[FAMILY_V4].count = POOL;
	HOLDS(name_normalize("rng", &name) && learn_from_libc(&name, &answer));
	HOLDS(listing_find(&name, &listing));
	listing_given(&listing, FAMILY_BIT(FAMILY_V4));
	return 0;
}

static bool is_endpoint(struct address address)
{
	for (unsigned i = 0; i < POOL; i++)
		if (address_equal(address, pool[i]))
			return true;
	return false;
}

static void check_reading(const struct sockaddr *from, socklen_t length)
{
	struct address address, again;
	char text[ADDRESS_TEXT_SIZE], libc_text[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	uint16_t port;
	struct sockaddr_storage copy;

	if (!address_from_sockaddr(from, length, &address, &port))
		return;
	memset(&copy, 0, sizeof(copy));
	memcpy(&copy, from, length < sizeof(copy) ? length : sizeof(copy));
	HOLDS(address_from_sockaddr((struct sockaddr *)&copy, sizeof(copy), &again, &port));
	HOLDS(address_equal(address, again));
	HOLDS(port == ntohs(((struct sockaddr_in *)&copy)->sin_port));
	HOLDS(address_to_bytes(address, bytes) == (address_family(address) == FAMILY_V4 ? 4 : 16));
	HOLDS(address_equal(address, address_from_bytes(address_family(address), bytes)));
	inet_ntop(address_family(address) == FAMILY_V4 ? AF_INET : AF_INET6, bytes, libc_text,
	          sizeof(libc_text));
	/* libc writes the addresses that embed IPv4 ones with dots, which we have no need of. */
	address_text(address, text);
	HOLDS(!strcmp(text, libc_text) || strchr(libc_text, '.'));
	HOLDS(address_into_sockaddr(pool[0], (struct sockaddr *)&copy));
	HOLDS(address_from_sockaddr((struct sockaddr *)&copy, sizeof(copy), &again, &port));
	HOLDS(address_equal(again, pool[0]));
}

static int socket_of(unsigned kind, bool blocking)
{
	static const struct {
		int family, type;
	} kinds[SOCKETS] = {{AF_INET, SOCK_STREAM}, {AF_INET6, SOCK_STREAM}, {AF_INET, SOCK_DGRAM},
	                    {AF_INET6, SOCK_DGRAM}, {AF_UNIX, SOCK_STREAM},  {AF_UNIX, SOCK_DGRAM},
	                    {AF_NETLINK, SOCK_RAW}, {AF_INET, SOCK_STREAM}};

	return socket(kinds[kind % SOCKETS].family,
	              kinds[kind % SOCKETS].type | (blocking ? 0 : SOCK_NONBLOCK), 0);
}

static bool peer_of(int fd, struct address *address)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	uint16_t port;

	return !getpeername(fd, (struct sockaddr *)&peer, &length) &&
	       address_from_sockaddr((struct sockaddr *)&peer, length, address, &port);
}

static void accept_all(void)
{
	for (int i = 0; i < 2; i++)
		for (int fd; (fd = accept(listeners[i], NULL, NULL)) >= 0;)
			close(fd);
}

/* With nothing left in TIME_WAIT: there are only so many ports. */
static void close_at_once(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
	           sizeof(struct linger));
	close(fd);
}

/* Ours and the kernel's, on two sockets that are alike; twice, as clients do. */
static void check_connect(unsigned kind, bool blocking, const struct sockaddr *to, socklen_t length)
{
	int ours = socket_of(kind, blocking), plain = socket_of(kind, blocking);

	HOLDS(ours >= 0 && plain >= 0);
	for (int i = 0; i < 2; i++) {
		struct address our_peer, plain_peer, asked;
		uint16_t port;
		int status, plain_status, error;
		bool known, plain_known;

		errno = ENOTTY;
		status = connect(ours, to, length);
		error = errno;
		errno = ENOTTY;
		plain_status = (int)syscall(SYS_connect, plain, to, length);
		if (error == EINTR || errno == EINTR)
			break; /* libFuzzer's alarm */
		HOLDS(status == plain_status && error == errno);
		HOLDS(fcntl(ours, F_GETFL) == fcntl(plain, F_GETFL));
		known = peer_of(ours, &our_peer);
		plain_known = peer_of(plain, &plain_peer);
		HOLDS(known == plain_known);
		if (!known || !address_from_sockaddr(to, length, &asked, &port))
			continue;
		HOLDS(is_endpoint(asked) ? is_endpoint(our_peer)
		                         : address_equal(our_peer, plain_peer));
	}
	accept_all();
	close_at_once(ours);
	close_at_once(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	unsigned kind = (unsigned)input_number(&input, 1),
		 blocking = (unsigned)input_number(&input, 1);
	size_t length = (size_t)input_number(&input, 1);
	struct sockaddr *to;
	uint16_t port = 0;

	if (length > input.left)
		length = input.left;
	to = malloc(length + 1); /* AddressSanitizer sees what is read behind it */
	to = realloc(to, length ? length : 1);
	memcpy(to, input.at, length);
	/* A socket that gets the very port it connects to as its own is connected to itself. */
	if (length >= 4) {
		memcpy(&port, (char *)to + 2, sizeof(port));
		port = ntohs(port) % LOWEST_LOCAL_PORT;
		memcpy((char *)to + 2, &(uint16_t){htons(port)}, sizeof(port));
	}
	for (size_t shorter = 0; shorter <= length; shorter++)
		check_reading(to, (socklen_t)shorter);
	check_connect(kind, blocking & 1, to, (socklen_t)length);
	free(to);
	return 0;
}
