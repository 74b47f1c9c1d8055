/* All pods in one: whichever addresses lead here, so that the work behind one pod and behind three
 * is the same. */
#include "driver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MESSAGE = 64, THREADS = 4, BACKLOG = 4096 };

static int listener;
static _Atomic unsigned long accepted[256]; /* by the last byte of the pod's address */

static void answer(int fd, const struct sockaddr_in *own)
{
	/* For one that never says anything. */
	const struct timeval patience = {.tv_sec = 2};
	const unsigned char *pod = (const unsigned char *)&own->sin_addr;
	char message[MESSAGE] = "";
	ssize_t got = recv(fd, message, sizeof(message), MSG_DONTWAIT);

	if (got < 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		got = recv(fd, message, sizeof(message), 0);
	}
	if (got <= 0)
		return;
	if (message[0] == 'c')
		snprintf(message, sizeof(message), "%lu",
		         atomic_fetch_sub(&accepted[pod[3]], 1) - 1);
	else
		snprintf(message, sizeof(message), "%u.%u.%u.%u", pod[0], pod[1], pod[2], pod[3]);
	send(fd, message, sizeof(message), MSG_NOSIGNAL);
}

static void *run(void *argument)
{
	for (;;) {
		struct sockaddr_in own = {.sin_family = AF_UNSPEC};
		socklen_t length = sizeof(own);
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		getsockname(fd, (struct sockaddr *)&own, &length);
		atomic_fetch_add(&accepted[((unsigned char *)&own.sin_addr)[3]], 1);
		answer(fd, &own);
		close(fd);
	}
	return argument;
}

int mode_serve(int argc, char **argv)
{
	static const int on = 1;
	struct sockaddr_in address = {.sin_family = AF_INET,
	                              .sin_port = htons((uint16_t)number(argv[0]))};
	pthread_t id;

	(void)argc;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, BACKLOG))
		die("listen");
	for (int i = 1; i < THREADS; i++)
		if (pthread_create(&id, NULL, run, NULL))
			die("pthread_create");
	run(NULL);
	return 0;
}
