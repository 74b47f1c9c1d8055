#include "refresh/sockets.h"

#include "base/address.h"
#include "base/attributes.h"
#include "base/kernel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

enum {
	STATE_SYN_SENT = 2, /* include/net/tcp_states.h of Linux */
	STATE_SYN_RECEIVED = 3,
	STATE_CLOSE = 7,
	STATE_LISTEN = 10,
	STATE_COUNT = 12,
	TIMER_RETRANSMIT = 1, /* idiag_timer, and the timer of /proc/net/tcp */
	RETRANSMIT_MS = 1000, /* RFC 6298, 2.1 */
	RETRANSMITS_MOST = 6,
	USER_TICK_MS = 10, /* of /proc/net/tcp (USER_HZ) */
	BUFFER_SIZE = 8192
};

/* A set of states has 1 << STATE_… for each. */
static const uint32_t CONNECTING = 1 << STATE_SYN_SENT;
static const uint32_t CONNECTED =
	((1 << STATE_COUNT) - 2) &
	~(1 << STATE_SYN_SENT | 1 << STATE_SYN_RECEIVED | 1 << STATE_CLOSE | 1 << STATE_LISTEN);

/* Returns how long ago the first SYN was sent, or more: the one that was repeated so many times,
 * and is to be sent again in left_ms. Linear timeouts (tcp_syn_linear_timeouts) are shorter. */
static uint64_t age_ms(unsigned repeated, uint64_t left_ms)
{
	uint64_t timeout_ms;

	if (repeated > RETRANSMITS_MOST)
		repeated = RETRANSMITS_MOST;
	timeout_ms = (uint64_t)RETRANSMIT_MS << repeated;
	return timeout_ms - RETRANSMIT_MS + (left_ms < timeout_ms ? timeout_ms - left_ms : 0);
}

/* ---- SOCK_DIAG */

struct question {
	struct nlmsghdr header;
	struct inet_diag_req_v2 about;
};

static struct address diag_address(bool v6, const __be32 words[4])
{
	return address_from_bytes(v6 ? FAMILY_V6 : FAMILY_V4, words);
}

static struct socket_seen diag_seen(const struct inet_diag_msg *at)
{
	bool v6 = at->idiag_family == AF_INET6;

	return (struct socket_seen){
		.v6 = v6,
		.peer = {diag_address(v6, at->id.idiag_dst), ntohs(at->id.idiag_dport)},
		.own = {diag_address(v6, at->id.idiag_src), ntohs(at->id.idiag_sport)},
		.age_ms = age_ms(at->idiag_retrans, at->idiag_expires)};
}

/* Returns a socket on which a question was sent; -1 if the kernel refuses. */
static int diag_ask(struct question *question)
{
	int fd = (int)kernel_call(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	                          NETLINK_SOCK_DIAG);

	if (fd < 0)
		return -1;
	question->header.nlmsg_len = sizeof(*question);
	question->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	question->header.nlmsg_flags |= NLM_F_REQUEST;
	if (kernel_call(SYS_write, fd, question, sizeof(*question)) == (long)sizeof(*question))
		return fd;
	kernel_call(SYS_close, fd);
	return -1;
}

typedef void see_function(const struct socket_seen *seen, void *with);

struct seer {
	uint32_t states; /* whom it wants to see */
	see_function *see;
	void *with;
};

/* Takes one part of an answer. Returns 1 if more follows, 0 at its end, -1 for an error. */
static int diag_take(const char *part, long length, const struct seer *seer)
{
	const struct nlmsghdr *header = (const void *)part;

	for (; length > 0 && NLMSG_OK(header, (size_t)length);
	     header = NLMSG_NEXT(header, length)) {
		const struct inet_diag_msg *at = NLMSG_DATA(header);
		struct socket_seen seen;

		if (header->nlmsg_type == NLMSG_DONE)
			return 0;
		if (header->nlmsg_type == NLMSG_ERROR)
			return -1;
		if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*at)) ||
		    !(seer->states >> at->idiag_state % 32 & 1) ||
		    (at->idiag_state == STATE_SYN_SENT && at->idiag_timer != TIMER_RETRANSMIT))
			continue; /* no timer: Fast Open waits for its client's first bytes */
		seen = diag_seen(at);
		seer->see(&seen, seer->with);
	}
	return 1;
}

static SELDOM bool diag_dump(int family, const struct seer *seer)
{
	_Alignas(struct nlmsghdr) char part[BUFFER_SIZE];
	struct question question = {.header = {.nlmsg_flags = NLM_F_DUMP},
	                            .about = {.sdiag_family = (uint8_t)family,
	                                      .sdiag_protocol = IPPROTO_TCP,
	                                      .idiag_states = seer->states}};
	int fd = diag_ask(&question), more = 1;
	long length;

	if (fd < 0)
		return false;
	while (more > 0) {
		length = kernel_call(SYS_read, fd, part, sizeof(part));
		more = length > 0 ? diag_take(part, length, seer) : -1;
	}
	kernel_call(SYS_close, fd);
	return !more;
}

static void diag_fill(__be32 words[4], bool v6, struct address address)
{
	struct sockaddr_in6 in = {.sin6_family = v6 ? AF_INET6 : AF_INET};

	address_into_sockaddr(address, (struct sockaddr *)&in);
	if (v6)
		memcpy(words, &in.sin6_addr, sizeof(in.sin6_addr));
	else
		memcpy(words, &((struct sockaddr_in *)&in)->sin_addr, sizeof(struct in_addr));
}

static SELDOM enum socket_fate diag_fate(const struct socket_seen *seen)
{
	_Alignas(struct nlmsghdr) char part[BUFFER_SIZE];
	struct question question = {
		.about = {.sdiag_family = seen->v6 ? AF_INET6 : AF_INET,
	                  .sdiag_protocol = IPPROTO_TCP,
	                  .idiag_states = ~0u,
	                  .id = {.idiag_sport = htons((uint16_t)seen->own.port),
	                         .idiag_dport = htons((uint16_t)seen->peer.port),
	                         .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}}};
	const struct nlmsghdr *header = (const void *)part;
	const struct inet_diag_msg *at = NLMSG_DATA(header);
	long length;
	int fd;

	diag_fill(question.about.id.idiag_src, seen->v6, seen->own.address);
	diag_fill(question.about.id.idiag_dst, seen->v6, seen->peer.address);
	fd = diag_ask(&question);
	if (fd < 0)
		return FATE_UNKNOWN;
	length = kernel_call(SYS_read, fd, part, sizeof(part));
	kernel_call(SYS_close, fd);
	if (length < 0 || !NLMSG_OK(header, (size_t)length))
		return FATE_UNKNOWN;
	if (header->nlmsg_type == NLMSG_ERROR)
		return FATE_GONE;
	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*at)))
		return FATE_UNKNOWN;
	if (at->idiag_state == STATE_SYN_SENT)
		return FATE_CONNECTING;
	/* A listener is found by its own address alone, where the socket is not there any more. */
	return at->idiag_state == STATE_CLOSE || at->idiag_state == STATE_LISTEN ? FATE_GONE
	                                                                         : FATE_ANSWERED;
}

/* ---- /proc/thread-self/net/tcp and tcp6 */

/* Reads hexadecimal digits; *at ends behind them, and behind one more character. */
static uint32_t hexadecimal(const char **at)
{
	uint32_t value = 0;

	for (;; ++*at) {
		char c = **at;

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint32_t)(c - '0');
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (uint32_t)(c - 'A' + 10);
		else
			break;
	}
	if (**at)
		++*at;
	return value;
}

/* Reads an address as the kernel prints it, in words of 32 bits, 8 digits each, and ":PORT ". */
static struct peer line_peer(const char **at, bool v6)
{
	uint32_t words[4] = {0};
	char digits[9] = "";
	struct peer peer;

	for (unsigned i = 0; i < (v6 ? 4 : 1) && strlen(*at) >= 8; i++, *at += 8) {
		const char *here = digits;

		memcpy(digits, *at, 8);
		words[i] = hexadecimal(&here);
	}
	if (**at)
		++*at;
	peer.address = address_from_bytes(v6 ? FAMILY_V6 : FAMILY_V4, words);
	peer.port = hexadecimal(at);
	return peer;
}

/* Reads a line. Returns the state of its socket; 0 if it has none. */
static unsigned line_read(const char *line, bool v6, struct socket_seen *seen)
{
	unsigned state, timer, repeated;
	uint64_t left_ms;

	line = strchr(line, ':');
	if (!line || line[1] != ' ')
		return 0; /* the heading */
	line += 2;
	seen->v6 = v6;
	seen->own = line_peer(&line, v6);
	seen->peer = line_peer(&line, v6);
	state = hexadecimal(&line);
	hexadecimal(&line); /* bytes in two queues */
	hexadecimal(&line);
	timer = hexadecimal(&line);
	left_ms = (uint64_t)hexadecimal(&line) * USER_TICK_MS;
	repeated = hexadecimal(&line);
	seen->age_ms = age_ms(repeated, left_ms);
	return state == STATE_SYN_SENT && timer != TIMER_RETRANSMIT ? STATE_CLOSE : state;
}

typedef void line_function(unsigned state, const struct socket_seen *seen, void *with);

static SELDOM bool proc_lines(bool v6, line_function *take, void *with)
{
	const char *path = v6 ? "/proc/thread-self/net/tcp6" : "/proc/thread-self/net/tcp";
	int fd = (int)kernel_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	char text[BUFFER_SIZE + 1];
	long kept = 0, got;

	if (fd < 0)
		return false;
	while ((got = kernel_call(SYS_read, fd, text + kept, BUFFER_SIZE - kept)) > 0) {
		char *line = text, *end;

		text[kept + got] = '\0';
		while ((end = strchr(line, '\n'))) {
			struct socket_seen seen;
			unsigned state;

			*end = '\0';
			state = line_read(line, v6, &seen);
			if (state)
				take(state, &seen, with);
			line = end + 1;
		}
		kept += got - (line - text);
		if (kept >= BUFFER_SIZE)
			break; /* no line is so long */
		memmove(text, line, (size_t)kept);
	}
	kernel_call(SYS_close, fd);
	return !got;
}

static void see_line(unsigned state, const struct socket_seen *seen, void *with)
{
	const struct seer *seer = with;

	if (seer->states >> state % 32 & 1)
		seer->see(seen, seer->with);
}

struct search {
	const struct socket_seen *wanted;
	enum socket_fate fate;
};

static void search_line(unsigned state, const struct socket_seen *seen, void *with)
{
	struct search *search = with;

	if (!peer_equal(seen->peer, search->wanted->peer) ||
	    !peer_equal(seen->own, search->wanted->own))
		return;
	if (state == STATE_SYN_SENT)
		search->fate = FATE_CONNECTING;
	else if (state != STATE_CLOSE)
		search->fate = FATE_ANSWERED;
}

/* ---- Either */

static bool dump(struct seer *seer)
{
	if (diag_dump(AF_INET, seer) && diag_dump(AF_INET6, seer))
		return true;
	/* Without IPv6 there is no tcp6. */
	return proc_lines(false, see_line, seer) && (proc_lines(true, see_line, seer), true);
}

bool sockets_connecting(see_function *see, void *with)
{
	return dump(&(struct seer){.states = CONNECTING, .see = see, .with = with});
}

bool sockets_connected(see_function *see, void *with)
{
	return dump(&(struct seer){.states = CONNECTED, .see = see, .with = with});
}

enum socket_fate sockets_fate(const struct socket_seen *seen)
{
	struct search search = {.wanted = seen, .fate = FATE_GONE};
	enum socket_fate fate = diag_fate(seen);

	if (fate != FATE_UNKNOWN)
		return fate;
	return proc_lines(seen->v6, search_line, &search) ? search.fate : FATE_UNKNOWN;
}
