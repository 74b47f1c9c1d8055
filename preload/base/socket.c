#include "base/attributes.h"
#include "base/socket.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/kernel.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>

enum {
	INFO_SIZE = offsetof(struct tcp_info, tcpi_segs_in), /* the last word is tcpi_segs_out */
	/* TCP_SYN_SENT and TCP_CLOSE of netinet/tcp.h, which does not go with linux/tcp.h */
	TCP_STATE_SYN_SENT = 2,
	TCP_STATE_CLOSE = 7
};
_Static_assert(offsetof(struct tcp_info, tcpi_segs_out) + sizeof(uint32_t) == INFO_SIZE, "last");

static SELDOM enum socket_state datagram_state(int fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(int);
	int protocol;

	if (kernel_get_option(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) ||
	    protocol != IPPROTO_UDP)
		return SOCKET_USED;
	length = sizeof(peer);
	return kernel_call(SYS_getpeername, fd, &peer, &length) == -ENOTCONN ? SOCKET_FRESH_DATAGRAM
	                                                                     : SOCKET_USED;
}

/* TCP_CLOSE is also the state after a failed non-blocking connect, whose second call only collects
 * the error: such a socket has sent a segment. The field is there since Linux 4.2; without it we
 * cannot know, and do not rewrite. */
static APART enum socket_state state_by_info(int fd)
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
	long error = kernel_get_option(fd, IPPROTO_TCP, TCP_INFO, &info, &length);

	if (!error) {
		if (length != INFO_SIZE || info.state.tcpi_state != TCP_STATE_CLOSE)
			return SOCKET_USED;
		return info.words[INFO_SIZE / sizeof(uint32_t) - 1] ? SOCKET_ENDED
		                                                    : SOCKET_FRESH_STREAM;
	}
	if (config.udp)
		return datagram_state(fd);
	return error == -EOPNOTSUPP || error == -ENOPROTOOPT ? SOCKET_OTHER : SOCKET_USED;
}

enum socket_state socket_state(int fd)
{
	return socket_is_fresh(fd) ? SOCKET_FRESH_STREAM : state_by_info(fd);
}

enum socket_past socket_past(int fd)
{
	struct tcp_info info;
	socklen_t length = INFO_SIZE;

	if (kernel_get_option(fd, IPPROTO_TCP, TCP_INFO, &info, &length) || length != INFO_SIZE)
		return SOCKET_UNKNOWN;
	/* The peer has acknowledged our SYN, which counts as a byte. */
	return info.tcpi_bytes_acked ? SOCKET_CONNECTED : SOCKET_NEVER_CONNECTED;
}

enum socket_wait socket_wait(int fd)
{
	uint8_t state; /* tcpi_state is the first byte */
	socklen_t length = sizeof(state);

	if (kernel_get_option(fd, IPPROTO_TCP, TCP_INFO, &state, &length))
		return SOCKET_MAY_WAIT;
	return state == TCP_STATE_SYN_SENT ? SOCKET_WAITS : SOCKET_WAITS_NOT;
}

SELDOM uint64_t socket_began_ms(int fd, uint64_t began_ms)
{
	struct tcp_info info;
	socklen_t length = INFO_SIZE;
	uint64_t now_ms = clock_ms();

	if (kernel_get_option(fd, IPPROTO_TCP, TCP_INFO, &info, &length) || length != INFO_SIZE ||
	    !info.tcpi_rtt || info.tcpi_rtt / 1000 >= clock_since(began_ms, now_ms))
		return began_ms;
	return now_ms - info.tcpi_rtt / 1000;
}
