#include "hooks/socket_state.h"

#include "config.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	INFO_SIZE = offsetof(struct tcp_info, tcpi_segs_in), /* the last word is tcpi_segs_out */
	TCP_STATE_CLOSE = 7
};
_Static_assert(offsetof(struct tcp_info, tcpi_segs_out) + sizeof(uint32_t) == INFO_SIZE, "last");
/* TCP_CLOSE of netinet/tcp.h, which does not go with linux/tcp.h */

static int option(int fd, int level, int name, void *value, socklen_t *length)
{
	return (int)syscall(SYS_getsockopt, fd, level, name, value, length);
}

static __attribute__((noinline)) enum socket_state datagram_state(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(int);
	int protocol;

	if (option(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) || protocol != IPPROTO_UDP)
		return SOCKET_USED;
	length = sizeof(peer);
	return syscall(SYS_getpeername, fd, &peer, &length) && errno == ENOTCONN
	               ? SOCKET_FRESH_DATAGRAM
	               : SOCKET_USED;
}

/* TCP_CLOSE is also the state after a failed non-blocking connect, whose second call only collects
 * the error: such a socket has sent a segment. The field is there since Linux 4.2; without it we
 * cannot know, and do not rewrite. */
enum socket_state socket_state(int fd)
{
	/* As much of it as we need: signal handlers may have little stack. */
	union {
		char bytes[INFO_SIZE];
		struct {
			uint8_t tcpi_state;
		} state;
		uint32_t words[INFO_SIZE / sizeof(uint32_t)];
	} info;
	socklen_t length = INFO_SIZE;
	int saved_errno = errno;
	enum socket_state state = SOCKET_USED;

	if (!option(fd, IPPROTO_TCP, TCP_INFO, &info, &length)) {
		if (length == INFO_SIZE && info.state.tcpi_state == TCP_STATE_CLOSE)
			state = info.words[INFO_SIZE / sizeof(uint32_t) - 1] ? SOCKET_ENDED
			                                                     : SOCKET_FRESH_STREAM;
	} else if (config.udp) {
		state = datagram_state(fd);
	} else if (errno == EOPNOTSUPP || errno == ENOPROTOOPT) {
		state = SOCKET_OTHER;
	}
	errno = saved_errno;
	return state;
}

enum socket_past socket_past(int fd)
{
	struct tcp_info info;
	socklen_t length = INFO_SIZE;
	int saved_errno = errno;
	enum socket_past past = SOCKET_UNKNOWN;

	/* The peer has acknowledged our SYN, which counts as a byte. */
	if (!option(fd, IPPROTO_TCP, TCP_INFO, &info, &length) && length == INFO_SIZE)
		past = info.tcpi_bytes_acked ? SOCKET_CONNECTED : SOCKET_NEVER_CONNECTED;
	errno = saved_errno;
	return past;
}

bool socket_peer(int fd, struct address *address, uint16_t *port)
{
	struct sockaddr_in6 peer;
	socklen_t length = sizeof(peer);
	int saved_errno = errno;
	/* The kernel refuses a length that is more than the address has. */
	bool known = !option(fd, SOL_SOCKET, SO_PEERNAME, &peer, &length);

	if (!known) {
		length = sizeof(struct sockaddr_in);
		known = !option(fd, SOL_SOCKET, SO_PEERNAME, &peer, &length);
	}
	errno = saved_errno;
	return known && address_from_sockaddr((struct sockaddr *)&peer, length, address, port);
}
