/* rooms: refresh learn balance directory shared dns base */
/* Endpoints that are late: what makes them so, and for how long. Real sockets on loopback: a
 * listener whose queue is full answers nobody. What is asked is what holds at a time after a
 * connect began (age_ms), whenever this process comes to ask it. Each test has a process of its
 * own. */
#include "check.h"
#include "balance/inflight.h"
#include "balance/inflight_table.h"
#include "balance/late.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "refresh/silence.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct sockaddr_in silent, answering;
static int listener; /* the last started: the silent one's */

static struct address address_of(const struct sockaddr_in *of)
{
	struct address address;
	uint16_t port;

	address_from_sockaddr((const struct sockaddr *)of, sizeof(*of), &address, &port);
	return address;
}

static uint32_t port_of(const struct sockaddr_in *of)
{
	return ntohs(of->sin_port);
}

static struct peer peer_of(const struct sockaddr_in *to)
{
	return (struct peer){.address = address_of(to), .port = port_of(to)};
}

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
}

static int begin_connect(const struct sockaddr_in *to)
{
	int fd = make_socket();

	connect(fd, (const struct sockaddr *)to, sizeof(*to));
	return fd;
}

static struct sockaddr_in start_listener(int queue)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(at);
	int fd = listener = make_socket();

	CHECK(!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, queue));
	getsockname(fd, (struct sockaddr *)&at, &length);
	return at;
}

static void nap(long ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

static uint64_t began_ms; /* the connect that was watched last, to the silent one */

/* As in a client: connecting is noted, and so is what it was told. */
static int watch(const struct sockaddr_in *to)
{
	uint64_t now_ms = clock_ms();
	int fd = begin_connect(to);

	inflight_add(fd, peer_of(to), now_ms);
	if (to == &silent)
		began_ms = now_ms;
	return fd;
}

static void answer_one(void)
{
	int fd = watch(&answering);

	CHECK(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10000) == 1);
	inflight_polled_ok(fd);
	close(fd);
}

/* How many are late then; the silent one must be the only one that ever is. */
static unsigned late_at(uint64_t now_ms)
{
	uint32_t at = 0;
	struct peer peer;
	unsigned count = 0;

	if (!late_any(now_ms))
		return 0;
	while (late_next(&at, now_ms, &peer)) {
		CHECK(peer_equal(peer, peer_of(&silent)));
		count++;
	}
	return count;
}

static unsigned late(void)
{
	return late_at(clock_ms());
}

static unsigned late_after(uint64_t age_ms)
{
	return late_at(began_ms + age_ms);
}

static bool told_after(uint64_t age_ms)
{
	uint64_t next_ms = UINT64_MAX;
	uint32_t at = 0;
	struct peer peer;

	return silence_next(&at, began_ms + age_ms, &next_ms, &peer) &&
	       peer_equal(peer, peer_of(&silent));
}

/* Until its SYN was repeated, after a second. */
static void wait_for_second_packet(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	do
		nap(10);
	while (!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) &&
	       info.tcpi_state == TCP_SYN_SENT && !info.tcpi_retransmits);
	CHECK(info.tcpi_state == TCP_SYN_SENT && info.tcpi_retransmits);
}

/* In the table: of two endpoints with the same one only the first is watched. */
static uint64_t place_of(const struct sockaddr_in *of)
{
	struct address address = address_of(of);

	return (address.low ^ address.high ^ (uint64_t)port_of(of) << 40) * HASH_GOLDEN >> 58;
}

static void begin(void)
{
	config.eject_ms = 5000;
	do {
		answering = start_listener(1000);
		silent = start_listener(0);
	} while (place_of(&answering) == place_of(&silent));
	/* Until its queue takes no more. */
	while (poll(&(struct pollfd){.fd = begin_connect(&silent), .events = POLLOUT}, 1, 200) == 1)
		;
}

static void late_while_it_does_not_answer(void)
{
	int fd = watch(&silent);

	CHECK(!late());
	answer_one();
	CHECK(!late_after(249));
	CHECK(late_after(250) == 1);
	CHECK(late_after(900) == 1);
	inflight_reported(fd, ETIMEDOUT);
	CHECK(!late_after(900));
}

static void never_while_nobody_else_is_answered(void)
{
	watch(&silent);
	CHECK(!late_after(600));
	CHECK(!late_after(1600));
}

/* Connected, but the client has not asked yet: it is the client that is slow. */
static void a_slow_client_makes_nobody_late(void)
{
	int fd = watch(&answering);

	CHECK(!late_at(clock_ms() + 400));
	inflight_polled_ok(fd);
	CHECK(!late_at(clock_ms() + 800));
}

static void sooner_if_it_used_to_answer_sooner(void)
{
	int fd = watch(&silent);

	/* As if it had answered at once, until now. */
	inflight_polled_ok(fd);
	close(fd);
	watch(&silent);
	answer_one();
	CHECK(!late_after(39));
	CHECK(late_after(200) == 1);
}

static void for_a_while_after_the_client_gave_up(void)
{
	int fd = watch(&silent);

	answer_one();
	CHECK(late_after(300) == 1);
	close(fd);
	CHECK(late_after(400) == 1);
	CHECK(late_after(999) == 1);
	CHECK(!late_after(1000));
	CHECK(!told_after(1000));
}

static void not_for_what_has_the_descriptor_later(void)
{
	int fd = watch(&silent), other;

	answer_one();
	close(fd);
	other = make_socket();
	CHECK(other == fd);
	CHECK(!late_after(400));
}

static void silent_after_three_seconds_and_told_of_once(void)
{
	wait_for_second_packet(watch(&silent));
	CHECK(!told_after(1250));
	CHECK(!told_after(2999));
	CHECK(told_after(3000));
	CHECK(!told_after(3500));
}

static void silent_if_the_client_gave_up_after_the_second_packet(void)
{
	int fd = watch(&silent);

	wait_for_second_packet(fd);
	CHECK(!told_after(1250));
	close(fd);
	CHECK(told_after(1300));
	CHECK(!told_after(3500));
}

static void not_silent_if_the_third_packet_is_answered(void)
{
	int fd = watch(&silent);

	wait_for_second_packet(fd);
	CHECK(!told_after(2500));
	do
		while (accept(listener, NULL, NULL) >= 0)
			;
	while (!poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10));
	CHECK(!told_after(3500));
}

static void told_of_when_it_ends_if_not_before(void)
{
	int fd = watch(&silent);

	CHECK(!inflight_reported(fd, ETIMEDOUT));
	fd = watch(&silent);
	wait_for_second_packet(fd);
	CHECK(!told_after(2999));
	CHECK(told_after(3000));
	CHECK(inflight_reported(fd, ETIMEDOUT));
	CHECK(!inflight_reported(fd, ETIMEDOUT));
}

/* What is seen of it before its client runs again does not lose the client's TCP_SYNCNT. */
static void cut_short_and_answered_before_its_client_returns(void)
{
	int fd = begin_connect(&silent), count = 0, now = 0;
	socklen_t length = sizeof(count);
	struct inflight *pending;

	getsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &count, &length);
	began_ms = clock_ms();
	pending =
		inflight_begin(fd, peer_of(&silent), began_ms, INFLIGHT_LIMIT);
	wait_for_second_packet(fd);
	CHECK(!told_after(1400)); /* and cuts it short; but let another SYN through */
	getsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &now, &length);
	CHECK(now == LIMITED_SYN_COUNT);
	setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &count, sizeof(count));
	CHECK(!listen(listener, 1000));
	CHECK(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10000) == 1);
	CHECK(!told_after(2000));
	CHECK(inflight_end(pending, fd, 0).syn_count == count);
	CHECK(inflight_end(pending, fd, 0).syn_count == 0);
}

static void never_silent_for_giving_up_before(void)
{
	int fd = watch(&silent);

	CHECK(!told_after(700));
	close(fd);
	CHECK(!told_after(1700));
}

static void nothing_without_ejections(void)
{
	config.eject_ms = 0;
	watch(&silent);
	answer_one();
	CHECK(!late_after(500));
}

int main(void)
{
	bool passed = true;

#define RUN(test) passed = check_run(#test, begin, test) && passed
	RUN(late_while_it_does_not_answer);
	RUN(never_while_nobody_else_is_answered);
	RUN(a_slow_client_makes_nobody_late);
	RUN(sooner_if_it_used_to_answer_sooner);
	RUN(for_a_while_after_the_client_gave_up);
	RUN(not_for_what_has_the_descriptor_later);
	RUN(silent_after_three_seconds_and_told_of_once);
	RUN(silent_if_the_client_gave_up_after_the_second_packet);
	RUN(not_silent_if_the_third_packet_is_answered);
	RUN(told_of_when_it_ends_if_not_before);
	RUN(cut_short_and_answered_before_its_client_returns);
	RUN(never_silent_for_giving_up_before);
	RUN(nothing_without_ejections);
	return !passed;
}
