/* connect alone: the stub behind it does nothing, so that one socket stays fresh for all calls and
 * what is left is the hook. */
#include "driver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

enum { BATCH = 64, ADDRESSES = 64, WARM = 12000, WHILE = 16 };

struct task {
	bool blocks;
	int count;
	struct sockaddr_in addresses[ADDRESSES];
};

static int fresh_socket(const struct task *task)
{
	int fd = socket(AF_INET, SOCK_STREAM | (task->blocks ? 0 : SOCK_NONBLOCK), 0);

	if (fd < 0)
		die("socket");
	return fd;
}

static __attribute__((noinline)) void calls(const struct task *task, int fd, int count)
{
	/* To each for a while, because how long it takes to find one depends on the address; as
	 * many connects as are no multiple of the endpoints, so that turns and addresses are not in
	 * step. */
	for (int i = 0; i < count; i++) {
		const struct sockaddr_in *to = &task->addresses[i / WHILE % task->count];

		connect(fd, (const struct sockaddr *)to, sizeof(*to));
	}
}

static void *run(void *argument)
{
	struct work *work = argument;
	int fd = fresh_socket(work->task);
	uint64_t at_ns = now_ns();

	while (at_ns < work->until_ns) {
		uint64_t ended_ns;

		calls(work->task, fd, BATCH);
		ended_ns = now_ns();
		work->done += BATCH;
		histogram_add(&work->whole, (ended_ns - at_ns) / BATCH);
		at_ns = ended_ns;
	}
	close(fd);
	return NULL;
}

static void count_calls(const struct task *task, int count)
{
	int fd = fresh_socket(task);

	/* Until it is known whether sockets block, and every endpoint has its counters. */
	calls(task, fd, WARM);
	CALLGRIND_TOGGLE_COLLECT;
	calls(task, fd, count);
	CALLGRIND_TOGGLE_COLLECT;
	close(fd);
	printf("{}\n");
}

int mode_hook(int argc, char **argv)
{
	struct task task = {.blocks = !strcmp(argv[2], "blocks")};
	int first, ms, got;
	char line[64];

	(void)argc;
	task.count = look_up(argv[0], "9000", task.addresses, ADDRESSES);
	if (strcmp(argv[1], "-")) {
		task.count = 1;
		if (inet_pton(AF_INET, argv[1], &task.addresses[0].sin_addr) != 1)
			die(argv[1]);
	}
	printf("{}\n");
	while (fgets(line, sizeof(line), stdin) && (got = sscanf(line, "%d %d", &first, &ms)) > 0) {
		if (got == 1) {
			count_calls(&task, first);
			continue;
		}
		histogram_print("whole", &work_run(run, &task, first, ms)->whole, false);
		printf("}\n");
	}
	return 0;
}
