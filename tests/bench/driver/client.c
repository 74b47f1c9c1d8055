/* New connections, as clients make them: the name looked up once, or before each one; sockets that
 * block, or do not. */
#include "driver.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE = 64, WAIT_MS = 5000, ADDRESSES = 8, WARM_NS = 1000000 };

struct task {
	const char *host, *port;
	bool looks_up, polls, blocks, requests;
	unsigned count; /* of addresses, which are taken in turn */
	struct sockaddr_in addresses[ADDRESSES];
};

static bool wait_for(int fd, short events)
{
	struct pollfd poller = {.fd = fd, .events = events};

	return poll(&poller, 1, WAIT_MS) == 1;
}

static bool is_connected(const struct task *task, int fd, const struct sockaddr_in *address)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return true;
	return !task->blocks && errno == EINPROGRESS && wait_for(fd, POLLOUT) &&
	       !getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) && !error;
}

static bool is_answered(const struct task *task, int fd)
{
	char message[MESSAGE] = "r";
	ssize_t got = 0, part;

	if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		return false;
	while (got < MESSAGE) {
		if (!task->blocks && !wait_for(fd, POLLIN))
			return false;
		part = recv(fd, message, sizeof(message), 0);
		if (part <= 0)
			return false;
		got += part;
	}
	return true;
}

/* The time at its end. */
static uint64_t connect_one(const struct task *task, struct work *work, uint64_t began_ns)
{
	/* Ends by a reset: no TIME_WAIT uses up the ports. */
	const struct linger none = {.l_onoff = 1, .l_linger = 0};
	struct sockaddr_in address =
		task->addresses[(work->index + work->done + work->failed) % task->count];
	uint64_t connecting_ns, connected_ns, ended_ns;
	int fd;
	bool good;

	if (task->looks_up)
		look_up(task->host, task->port, &address, 1);
	fd = socket(AF_INET, SOCK_STREAM | (task->blocks ? 0 : SOCK_NONBLOCK), 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	connecting_ns = now_ns();
	if (task->polls)
		poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 0);
	good = is_connected(task, fd, &address);
	connected_ns = now_ns();
	if (good && task->requests)
		good = is_answered(task, fd);
	close(fd);
	/* Nobody waits for anything here: the pods, and other threads, would have no turn. */
	if (!task->requests)
		sched_yield();
	ended_ns = now_ns();
	if (good) {
		work->done++;
		histogram_add(&work->first, connected_ns - connecting_ns);
		histogram_add(&work->whole, ended_ns - began_ns);
	} else {
		work->failed++;
	}
	return ended_ns;
}

static void *run(void *argument)
{
	struct work *work = argument;
	uint64_t at_ns = now_ns();

	while (at_ns < work->until_ns)
		at_ns = connect_one(work->task, work, at_ns);
	return NULL;
}

/* What those before it left in the caches is not its own. How many connections that took. */
static uint64_t warm_up(const struct task *task)
{
	static struct work work;

	memset(&work, 0, sizeof(work));
	work.task = task;
	work.until_ns = now_ns() + WARM_NS;
	run(&work);
	return work.done;
}

int mode_client(int argc, char **argv)
{
	struct task task = {.host = argv[1],
	                    .port = argv[2],
	                    .looks_up = !strcmp(argv[0], "lookup"),
	                    .polls = !strcmp(argv[0], "poll"),
	                    .blocks = strcmp(argv[0], "nonblock") != 0};
	char what[16], *rest = strdup(argv[1]), *host;
	int threads, ms;

	(void)argc;
	while (task.count < ADDRESSES && (host = strsep(&rest, ",")))
		if (look_up(host, task.port, &task.addresses[task.count++], 1) != 1)
			return 1;
	printf("{}\n");
	while (scanf("%15s %d %d", what, &threads, &ms) == 3) {
		const struct work *work;
		uint64_t warm;

		task.requests = !strcmp(what, "request");
		warm = warm_up(&task);
		work = work_run(run, &task, threads, ms);
		histogram_print("connect", &work->first, true);
		histogram_print("whole", &work->whole, false);
		printf(",\"warm\":%llu}\n", (unsigned long long)warm);
	}
	return 0;
}
