/* stack HOST PORT blocks|nonblock alone|threads: how much stack a connect(2) takes in a signal
 * handler. Each of CONNECTIONS, in turn to all addresses of HOST, is made on an alternate signal
 * stack (sigaltstack(2)) that was painted before: the lowest byte that has another value afterwards
 * is how deep the call went. Prints two numbers of bytes: what nine of ten connections need at
 * most, and what all of them do.
 *
 * The first connections, which are not counted, meet what is done once: tallies, say. With
 * "threads" some of these are another thread's, so that the process is known to have several. */

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STACK_SIZE = 256 * 1024, PAINT = 0xa5, FIRST = 30, CONNECTIONS = 60 };

static unsigned char stack[STACK_SIZE] __attribute__((aligned(64)));
static volatile uintptr_t frame; /* the handler's, which is just above that of what it calls */
static struct addrinfo *list;
static const struct addrinfo *target;
static int fd, error, flags;

static void handler(int number)
{
	(void)number;
	frame = (uintptr_t)__builtin_frame_address(0);
	error = connect(fd, target->ai_addr, target->ai_addrlen) ? errno : 0;
}

static size_t connect_once(void)
{
	size_t low = 0;

	fd = socket(target->ai_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	memset(stack, PAINT, sizeof(stack));
	raise(SIGUSR1);
	while (stack[low] == PAINT)
		low++;
	if (error && error != EINPROGRESS) {
		fprintf(stderr, "connect: %s\n", strerror(error));
		exit(1);
	}
	close(fd);
	target = target->ai_next ? target->ai_next : list;
	return frame - (uintptr_t)&stack[low];
}

static void *connect_first(void *unused)
{
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};

	sigaltstack(&alternate, NULL);
	for (int i = 0; i < FIRST; i++)
		connect_once();
	return unused;
}

static int compare(const void *a, const void *b)
{
	size_t left = *(const size_t *)a, right = *(const size_t *)b;

	return left < right ? -1 : left > right;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	size_t depths[CONNECTIONS];
	pthread_t other;

	if (argc != 5 || getaddrinfo(argv[1], argv[2], &hints, &list))
		return 2;
	target = list;
	flags = strcmp(argv[3], "blocks") ? SOCK_NONBLOCK : 0;
	sigaction(SIGUSR1, &action, NULL);
	if (!strcmp(argv[4], "threads") &&
	    (pthread_create(&other, NULL, connect_first, NULL) || pthread_join(other, NULL)))
		return 2;
	connect_first(NULL);
	for (int i = 0; i < CONNECTIONS; i++)
		depths[i] = connect_once();
	qsort(depths, CONNECTIONS, sizeof(depths[0]), compare);
	printf("%zu %zu\n", depths[CONNECTIONS * 9 / 10 - 1], depths[CONNECTIONS - 1]);
	return 0;
}
