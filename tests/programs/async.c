/*
 * async MODE ARGUMENT...: clients of getaddrinfo_a(3). For glibc.
 *
 *   connect HOW HOST PORT N    a lookup before each connection; a line for each with the address of
 *                              the pod it reached, in the pod's own words
 *   once HOW HOST PORT N       one lookup, then all connections to its first address
 *   beside HOW HOST PORT N OTHER   getaddrinfo of HOST, then OTHER; all connections to OTHER's
 *   behave HOST NONE           what every call says, for a HOST that exists and one that does not;
 *                              addresses in order of their bytes, to be compared with cmp(1)
 *
 * HOW: wait (GAI_WAIT), suspend (gai_suspend), poll (gai_error again and again), handler (a signal,
 * gai_error in its handler), sigwait (a signal that is blocked), thread (SIGEV_THREAD), told (the
 * same, and the answer is read without gai_error), unasked (a signal that is blocked, and the
 * answer is read without gai_error).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SI_ASYNCNL
#define SI_ASYNCNL (-60)
#endif

static const struct addrinfo stream = {.ai_socktype = SOCK_STREAM};
static struct gaicb *asked;
static volatile sig_atomic_t handled, status_in_handler;
static sem_t notified;

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "async: %s: %s\n", what, why);
	exit(1);
}

/* ---- One lookup */

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code != SI_ASYNCNL || info->si_value.sival_int != 4711 ||
	    info->si_pid != getpid() || number != SIGUSR1)
		abort();
	status_in_handler = gai_error(asked);
	handled = 1;
}

static void on_thread(union sigval value)
{
	if (value.sival_int != 4711)
		abort();
	sem_post(&notified);
}

static void wait_for_handler(const sigset_t *before)
{
	while (!handled)
		sigsuspend(before);
	if (status_in_handler)
		die("gai_error", gai_strerror(status_in_handler));
	handled = 0;
}

static void look_up(const char *how, struct gaicb *request)
{
	struct gaicb *list[] = {request};
	struct sigevent event = {.sigev_notify = SIGEV_NONE, .sigev_value.sival_int = 4711};
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	bool asks = strcmp(how, "unasked") != 0 && strcmp(how, "told") != 0;
	bool by_signal =
		!strcmp(how, "unasked") || !strcmp(how, "handler") || !strcmp(how, "sigwait");
	bool by_thread = !strcmp(how, "thread") || !strcmp(how, "told");
	sigset_t usr1, before;
	int status;

	asked = request;
	if (by_signal) {
		event.sigev_notify = SIGEV_SIGNAL;
		event.sigev_signo = SIGUSR1;
		sigemptyset(&usr1);
		sigaddset(&usr1, SIGUSR1);
		pthread_sigmask(SIG_BLOCK, &usr1, &before);
		sigaction(SIGUSR1, &action, NULL);
	} else if (by_thread) {
		event.sigev_notify = SIGEV_THREAD;
		event.sigev_notify_function = on_thread;
	}
	status = getaddrinfo_a(strcmp(how, "wait") ? GAI_NOWAIT : GAI_WAIT, list, 1,
	                       strcmp(how, "wait") ? &event : NULL);
	if (status)
		die("getaddrinfo_a", gai_strerror(status));
	if (!strcmp(how, "handler"))
		wait_for_handler(&before);
	else if (by_signal)
		sigwaitinfo(&usr1, NULL);
	else if (by_thread)
		sem_wait(&notified);
	while (!strcmp(how, "suspend") && gai_error(request) == EAI_INPROGRESS)
		gai_suspend((const struct gaicb *const *)list, 1, NULL);
	while (!strcmp(how, "poll") && gai_error(request) == EAI_INPROGRESS)
		sched_yield();
	status = asks ? gai_error(request) : 0;
	if (status)
		die(request->ar_name, gai_strerror(status));
	if (by_signal)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void visit(const struct addrinfo *to)
{
	char text[1024];
	size_t have = 0;
	ssize_t got;
	int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, to->ai_addr, to->ai_addrlen))
		die("connect", strerror(errno));
	if (send(fd, "GET /address HTTP/1.0\r\n\r\n", 25, MSG_NOSIGNAL) != 25)
		die("send", strerror(errno));
	while ((got = recv(fd, text + have, sizeof(text) - 1 - have, 0)) > 0)
		have += (size_t)got;
	text[have] = '\0';
	close(fd);
	if (!strstr(text, "\r\n\r\n"))
		die("no answer", text);
	dprintf(STDOUT_FILENO, "%s", strstr(text, "\r\n\r\n") + 4);
}

static void connections(const char *how, const char *host, const char *port, int n, bool once)
{
	for (int i = 0; i < n; i++) {
		/* On the heap, its strings not for long: nothing is the client's to keep. */
		struct gaicb *request = calloc(1, sizeof(*request));
		char *name = strdup(host);

		if (!request || !name)
			die("memory", strerror(errno));
		request->ar_name = name;
		request->ar_service = port;
		request->ar_request = &stream;
		look_up(how, request);
		do
			visit(request->ar_result);
		while (once && ++i < n);
		freeaddrinfo(request->ar_result);
		free(name);
		free(request);
	}
}

static void beside(const char *how, const char *host, const char *port, int n, const char *other)
{
	struct gaicb request = {.ar_name = other, .ar_service = port, .ar_request = &stream};
	struct addrinfo *known;

	if (getaddrinfo(host, port, &stream, &known))
		die(host, "lookup");
	look_up(how, &request);
	if (!request.ar_result)
		die(other, "lookup");
	for (int i = 0; i < n; i++)
		visit(request.ar_result);
}

/* ---- What the calls say */

static int compare(const void *left, const void *right)
{
	return strcmp(left, right);
}

static void print_request(struct gaicb *request)
{
	static char lines[64][128];
	size_t count = 0;
	int status = request ? gai_error(request) : 0;

	printf("  %d", status);
	if (request && !status) {
		for (struct addrinfo *at = request->ar_result; at && count < 64; at = at->ai_next) {
			char address[INET6_ADDRSTRLEN];

			getnameinfo(at->ai_addr, at->ai_addrlen, address, sizeof(address), NULL, 0,
			            NI_NUMERICHOST);
			snprintf(lines[count++], sizeof(*lines), " %s/%d", address,
			         at->ai_socktype);
			if (at->ai_canonname)
				printf(" %s at %zu", at->ai_canonname, count);
		}
		freeaddrinfo(request->ar_result);
		request->ar_result = NULL;
	}
	qsort(lines, count, sizeof(*lines), compare);
	for (size_t i = 0; i < count; i++)
		printf("%s", lines[i]);
	puts("");
}

/* In structs of its own, that last, and one by one: glibc (2.36) marks a request as done before it
 * takes the request off its lists, and falls over a client that asks for it again, or waits for
 * several, in between. */
static void call(const char *what, int mode, struct gaicb **like, int count, struct sigevent *event)
{
	struct gaicb **list = calloc((size_t)count + 1, sizeof(*list));
	int status;

	for (int i = 0; i < count; i++) {
		list[i] = like[i] ? malloc(sizeof(**list)) : NULL;
		if (list[i])
			*list[i] = *like[i];
	}
	errno = 0;
	status = getaddrinfo_a(mode, list, count, event);
	printf("%s: %d errno %d\n", what, status, status == EAI_SYSTEM ? errno : 0);
	for (int i = 0; i < count; i++) {
		const struct gaicb *const waited[] = {list[i]};

		if (mode == GAI_NOWAIT && list[i]) {
			while (!(status = gai_suspend(waited, 1, NULL)))
				;
			printf("  suspend %d\n", status);
		}
		print_request(list[i]);
	}
	for (int i = 0; i < count; i++) {
		if (!list[i])
			continue;
		status = gai_cancel(list[i]);
		/* done, whether glibc has taken it off its lists by now or not */
		printf("  once more %d, cancel %s\n", gai_error(list[i]),
		       status == EAI_ALLDONE || status == EAI_NOTCANCELED ? "done" : "?");
	}
}

static void behave(const char *host, const char *none)
{
	struct addrinfo full = {.ai_flags = AI_CANONNAME}, wrong = {.ai_family = 99};
	struct gaicb there = {.ar_name = host, .ar_service = "80", .ar_request = &full};
	struct gaicb plain = {.ar_name = host};
	struct gaicb missing = {.ar_name = none, .ar_service = "80", .ar_request = &stream};
	struct gaicb numeric = {.ar_name = "10.9.8.7", .ar_service = "http", .ar_request = &stream};
	struct gaicb passive = {.ar_service = "80", .ar_request = &stream};
	struct gaicb nothing = {.ar_request = &stream};
	struct gaicb bad = {.ar_name = host, .ar_request = &wrong};
	struct gaicb service = {
		.ar_name = host, .ar_service = "no-such-service", .ar_request = &stream};
	struct gaicb *all[] = {&there,   &plain,   NULL, &missing, &numeric,
	                       &passive, &nothing, &bad, &service};
	struct sigevent thread = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_thread};
	struct sigevent odd = {.sigev_notify = 77};
	int count = (int)(sizeof(all) / sizeof(*all));

	thread.sigev_value.sival_int = 4711;
	for (int round = 0; round < 3; round++) {
		call("wait", GAI_WAIT, all, count, NULL);
		call("no wait", GAI_NOWAIT, all, count, NULL);
		call("thread", GAI_NOWAIT, all, count, &thread);
		sem_wait(&notified);
		call("no such notification", GAI_NOWAIT, all, count, &odd);
		call("no request, thread", GAI_NOWAIT, all + 2, 1, &thread);
		sem_wait(&notified);
		call("no request", GAI_WAIT, all + 2, 1, NULL);
		call("nothing", GAI_WAIT, NULL, 0, NULL);
		call("no such mode", 77, all, count, NULL);
	}
}

int main(int argc, char **argv)
{
	sem_init(&notified, 0, 0);
	if (argc == 6 && !strcmp(argv[1], "connect"))
		connections(argv[2], argv[3], argv[4], atoi(argv[5]), false);
	else if (argc == 6 && !strcmp(argv[1], "once"))
		connections(argv[2], argv[3], argv[4], atoi(argv[5]), true);
	else if (argc == 7 && !strcmp(argv[1], "beside"))
		beside(argv[2], argv[3], argv[4], atoi(argv[5]), argv[6]);
	else if (argc == 4 && !strcmp(argv[1], "behave"))
		behave(argv[2], argv[3]);
	else {
		fputs("usage: async MODE ARGUMENT..., modes at the top of tests/programs/async.c\n",
		      stderr);
		return 2;
	}
	return 0;
}
