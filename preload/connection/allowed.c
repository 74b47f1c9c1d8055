#include "connection/allowed.h"

#include "base/attributes.h"

#include <errno.h>

#include "base/poison.h"

enum {
	TIME_LEAST_MS = 20,  /* for another attempt */
	TIME_READ_MS = 500,  /* the kernel gives no attempt up earlier */
	FIRST_RTO_MS = 1000, /* until the SYN is repeated (RFC 6298), and nothing ends earlier */
	LONGEST_RTO_MS = 120 * 1000,
	SYN_COUNT = 6,  /* where the socket does not say: net.ipv4.tcp_syn_retries, tcp(7) */
	LAST_PART = 10, /* of the time, for one more attempt when it is over */
	LAST_MOST_MS = 200
};

/* Returns how long the kernel tries, if it repeats the SYN so often: 1 s, then each time twice as
 * long. */
static uint64_t time_of_syn_count(int count)
{
	uint64_t total_ms = 0, next_ms = FIRST_RTO_MS;

	for (int i = 0; i <= count; i++) {
		total_ms += next_ms;
		if (next_ms * 2 <= LONGEST_RTO_MS)
			next_ms *= 2;
		else
			next_ms = LONGEST_RTO_MS;
	}
	return total_ms;
}

static void bound(struct allowed *allowed, uint64_t most_ms)
{
	if (allowed->total_ms && allowed->total_ms <= most_ms)
		return;
	allowed->total_ms = most_ms;
	allowed->goes_on = false;
}

static void read_client(struct allowed *allowed, int fd)
{
	socklen_t length = sizeof(allowed->client);

	allowed->has_client = true;
	if (kernel_get_option(fd, SOL_SOCKET, SO_SNDTIMEO, &allowed->client, &length))
		return;
	allowed->total_ms =
		(uint64_t)allowed->client.tv_sec * 1000 + (uint64_t)allowed->client.tv_usec / 1000;
	allowed->goes_on = true;
}

static void read_bounds(struct allowed *allowed, const struct attempt *attempt, int fd)
{
	int count = attempt->client_syn_count;
	unsigned user_ms = 0;
	socklen_t length = sizeof(user_ms);

	allowed->has_bounds = true;
	if (count <= 0 && attempt_get_syn_count(fd, &count))
		count = SYN_COUNT;
	bound(allowed, time_of_syn_count(count));
	if (!kernel_get_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, &length) && user_ms)
		bound(allowed, user_ms > FIRST_RTO_MS ? user_ms : FIRST_RTO_MS);
}

void allowed_begin_set(struct allowed *allowed)
{
	allowed->has_client = true;
	allowed->is_set = true;
	allowed->cuts = true;
}

SELDOM bool allowed_has_time(struct allowed *allowed, const struct attempt *attempt, int fd,
                             uint64_t elapsed_ms)
{
	if (!allowed->has_client)
		read_client(allowed, fd);
	if (!allowed->has_bounds && elapsed_ms >= TIME_READ_MS)
		read_bounds(allowed, attempt, fd);
	allowed->left_ms = 0;
	if (!allowed->total_ms)
		return true;
	if (elapsed_ms + TIME_LEAST_MS < allowed->total_ms) {
		allowed->left_ms = allowed->total_ms - elapsed_ms;
		return true;
	}
	if (allowed->goes_on || allowed->is_last)
		return false;
	allowed->is_last = true;
	allowed->left_ms = allowed->total_ms / LAST_PART;
	if (allowed->left_ms > LAST_MOST_MS)
		allowed->left_ms = LAST_MOST_MS;
	return true;
}

SELDOM void allowed_set(struct allowed *allowed, int fd, uint64_t most_ms)
{
	bool is_ours = most_ms && (!allowed->left_ms || most_ms < allowed->left_ms);
	uint64_t ms = is_ours ? most_ms : allowed->left_ms;

	if (!ms && !allowed->is_set)
		return;
	allowed->cuts = is_ours || !allowed->goes_on;
	allowed->is_set = true;
	attempt_set_send_timeout(fd, ms);
}

SELDOM void allowed_restore(struct allowed *allowed, int fd)
{
	if (allowed->is_set)
		kernel_set_option(fd, SOL_SOCKET, SO_SNDTIMEO, &allowed->client,
		                  sizeof(allowed->client));
	allowed->is_set = false;
}
