/*
 * driver HOST OTHER PORT PROCESSES THREADS
 *
 * PROCESSES processes of THREADS threads each that connect to HOST, some of them to OTHER, and ask
 * the pod for its address. In turn, the threads of a process
 *   look up before each connection (3 of 8), look up now and then (1), look up once (1),
 *   do not block and look up before each connection (1), do not block and look up now and then (1),
 *   connect to OTHER (1).
 *
 * Commands on stdin, one a line, each answered by a line on stdout:
 *   run             go on until told otherwise: "running" once all do
 *   idle            finish what is under way: "idle"
 *   settle A B ...  wait until every process' lookups of HOST give exactly these addresses, and the
 *                   connections of one go to all of them alike: "settled", or what is not so
 *   measure N       N connections to HOST by every thread, all at the same time, while idle: how
 * many each address of the last settle got, and then others usage           for each process: KiB
 * of memory, descriptors, threads At the end of stdin: a line for each count, and for each errno
 * how often it was seen.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MOST_ADDRESSES = 64,
	MOST_PROCESSES = 64,
	KINDS = 8,
	KEEP = 50,     /* connections, of those that look up now and then */
	PAUSE_MS = 50, /* at most, between two connections */
	SETTLE_MS = 60000,
	OUTCOME_MS = 30000, /* how long who does not block waits */
	ERRORS = 256
};

enum phase { IDLE, RUN, MEASURE, LOOK, TURNS, END };

/* What all processes see. */
static struct shared {
	_Atomic int phase, round; /* a new round for each MEASURE, LOOK and TURNS */
	_Atomic int idle;         /* threads that are */
	_Atomic int looked;       /* processes, or threads of MEASURE, that are done */
	_Atomic int differ;       /* processes that did not see what was expected */
	_Atomic long made, others_made, lookups, lookups_failed, failed, failed_nonblocking, broken;
	_Atomic long errors[ERRORS];
	_Atomic int per_thread;
	int count;
	struct in_addr expected[MOST_ADDRESSES];
	_Atomic long got[MOST_ADDRESSES + 1];
} * shared;

static const char *host, *other, *port;
static int processes, threads;

static void pause_ms(long ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&time, NULL);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct addrinfo *look_up(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;

	long began_ms = now_ms();
	int error = getaddrinfo(name, port, &hints, &list);

	shared->lookups++;
	if (!error)
		return list;
	shared->lookups_failed++;
	fprintf(stderr, "a lookup of %s failed after %ld ms: %s\n", name, now_ms() - began_ms,
	        gai_strerror(error));
	return NULL;
}

static bool look_up_first(const char *name, struct sockaddr_in *address)
{
	struct addrinfo *list = look_up(name);

	if (!list)
		return false;
	memcpy(address, list->ai_addr, sizeof(*address));
	freeaddrinfo(list);
	return true;
}

/* 0 or an errno. */
static int connect_nonblocking(int fd, const struct sockaddr_in *address)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t length = sizeof(error);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) && errno != EINPROGRESS)
		return errno;
	if (poll(&wait, 1, OUTCOME_MS) != 1)
		return ETIMEDOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	fcntl(fd, F_SETFL, 0);
	return error;
}

/* The pod's word for its address; false if the connection broke after it was made. */
static bool ask(int fd, const char *name, struct in_addr *pod)
{
	char text[1024], *body;
	int length =
		snprintf(text, sizeof(text), "GET /address HTTP/1.0\r\nHost: %s\r\n\r\n", name);
	size_t used = 0;
	ssize_t got;

	if (send(fd, text, (size_t)length, MSG_NOSIGNAL) != length)
		return false;
	while ((got = recv(fd, text + used, sizeof(text) - 1 - used, 0)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	body = strstr(text, "\r\n\r\n");
	if (got < 0 || !body)
		return false;
	body += strlen("\r\n\r\n");
	body[strcspn(body, "\n")] = '\0';
	return inet_aton(body, pod) != 0;
}

static bool visit(const char *name, const struct sockaddr_in *address, bool blocks,
                  struct in_addr *pod)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), error;
	bool answered = false;

	if (blocks)
		error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? errno : 0;
	else
		error = connect_nonblocking(fd, address);
	if (error) {
		(*(blocks ? &shared->failed : &shared->failed_nonblocking))++;
		shared->errors[error % ERRORS]++;
	} else {
		answered = ask(fd, name, pod);
		(*(answered ? name == other ? &shared->others_made : &shared->made
		            : &shared->broken))++;
	}
	close(fd);
	return answered;
}

static int place_of(struct in_addr address)
{
	for (int i = 0; i < shared->count; i++)
		if (shared->expected[i].s_addr == address.s_addr)
			return i;
	return MOST_ADDRESSES;
}

/* ---- The threads */

struct visitor {
	int kind, left;
	bool known;
	struct sockaddr_in address;
	unsigned seed;
};

static void visit_once(struct visitor *visitor)
{
	bool keeps = visitor->kind == 3 || visitor->kind == 4 || visitor->kind == 6;
	const char *name = visitor->kind == 7 ? other : host;
	struct in_addr pod;

	if (!keeps || !visitor->known || (visitor->kind != 4 && visitor->left-- == 0)) {
		visitor->left = KEEP;
		visitor->known = look_up_first(name, &visitor->address);
	}
	if (visitor->known)
		visit(name, &visitor->address, visitor->kind != 5 && visitor->kind != 6, &pod);
	pause_ms(rand_r(&visitor->seed) % PAUSE_MS);
}

static void measure(struct visitor *visitor)
{
	struct sockaddr_in address;
	struct in_addr pod;

	for (int i = 0; i < shared->per_thread; i++) {
		if (visitor->kind == 4 && visitor->known)
			address = visitor->address;
		else if (!look_up_first(host, &address))
			continue;
		if (visit(host, &address, true, &pod))
			shared->got[place_of(pod)]++;
	}
}

static void *visitor_main(void *argument)
{
	struct visitor *visitor = argument;
	int round = shared->round;

	for (;;) {
		shared->idle++;
		while (shared->phase != RUN && (shared->phase != MEASURE || shared->round == round))
			pause_ms(2);
		shared->idle--;
		if (shared->phase == MEASURE) {
			round = shared->round;
			measure(visitor);
			shared->looked++;
		}
		while (shared->phase == RUN)
			visit_once(visitor);
	}
	return NULL;
}

/* ---- What each process does besides */

static bool lists_expected(void)
{
	struct addrinfo *list = look_up(host);
	int count = 0;
	bool right = list;

	for (struct addrinfo *node = list; node; node = node->ai_next, count++) {
		struct sockaddr_in address;

		memcpy(&address, node->ai_addr, sizeof(address));
		right = right && place_of(address.sin_addr) < MOST_ADDRESSES;
	}
	if (list)
		freeaddrinfo(list);
	return right && count == shared->count;
}

/* Two for each, if none is passed over. */
static bool turns_are_even(void)
{
	int got[MOST_ADDRESSES + 1] = {0};
	bool even = true;

	for (int i = 0; i < 2 * shared->count; i++) {
		struct sockaddr_in address;
		struct in_addr pod;

		if (look_up_first(host, &address) && visit(host, &address, true, &pod))
			got[place_of(pod)]++;
	}
	for (int i = 0; i < shared->count; i++)
		even = even && got[i] == 2;
	return even;
}

static _Noreturn void process_main(int index)
{
	int round = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < threads; i++) {
		struct visitor *visitor = calloc(1, sizeof(*visitor));
		pthread_t thread;

		visitor->kind = i % KINDS;
		visitor->seed = (unsigned)(index * threads + i);
		if (pthread_create(&thread, NULL, visitor_main, visitor))
			abort();
	}
	while (shared->phase != END) {
		if ((shared->phase == LOOK || shared->phase == TURNS) && shared->round != round) {
			round = shared->round;
			if (shared->phase == LOOK ? !lists_expected() : !index && !turns_are_even())
				shared->differ++;
			shared->looked++;
		}
		pause_ms(2);
	}
	_exit(0);
}

/* ---- Commands */

static void wait_for(_Atomic int *count, int wanted)
{
	while (*count < wanted)
		pause_ms(1);
}

static void begin(enum phase phase)
{
	shared->looked = shared->differ = 0;
	shared->round++;
	shared->phase = phase;
}

static void idle(void)
{
	shared->phase = IDLE;
	wait_for(&shared->idle, processes * threads);
}

static bool all_agree(enum phase phase)
{
	begin(phase);
	wait_for(&shared->looked, processes);
	return !shared->differ;
}

static const char *settle(char *addresses)
{
	long until_ms = now_ms() + SETTLE_MS;

	idle();
	shared->count = 0;
	for (char *word = strtok(addresses, " "); word && shared->count < MOST_ADDRESSES;
	     word = strtok(NULL, " "))
		inet_aton(word, &shared->expected[shared->count++]);
	while (!all_agree(LOOK)) {
		if (now_ms() > until_ms)
			return "a process does not have these endpoints";
		pause_ms(20);
	}
	while (!all_agree(TURNS)) {
		if (now_ms() > until_ms)
			return "an endpoint is passed over";
		pause_ms(20);
	}
	shared->phase = IDLE;
	return "settled";
}

static void measure_all(int per_thread)
{
	idle();
	for (int i = 0; i <= MOST_ADDRESSES; i++)
		shared->got[i] = 0;
	shared->per_thread = per_thread;
	begin(MEASURE);
	wait_for(&shared->looked, processes * threads);
	idle();
	for (int i = 0; i < shared->count; i++)
		printf("%ld ", shared->got[i]);
	printf("%ld\n", shared->got[MOST_ADDRESSES]);
}

static int entries(pid_t process, const char *directory)
{
	char path[64];
	DIR *of;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", process, directory);
	of = opendir(path);
	for (const struct dirent *entry; of && (entry = readdir(of));)
		count += entry->d_name[0] != '.';
	if (of)
		closedir(of);
	return count;
}

static long memory_kib(pid_t process)
{
	char path[64];
	long resident = 0, of_files_and_shared = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", process);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*d %ld %ld", &resident, &of_files_and_shared) != 2)
		abort();
	fclose(file);
	return (resident - of_files_and_shared) * (sysconf(_SC_PAGESIZE) / 1024);
}

static void report(void)
{
	printf("made %ld\nothers %ld\nlookups %ld\nlookups_failed %ld\nfailed %ld\n"
	       "failed_nonblocking %ld\nbroken %ld\n",
	       shared->made, shared->others_made, shared->lookups, shared->lookups_failed,
	       shared->failed, shared->failed_nonblocking, shared->broken);
	for (int error = 0; error < ERRORS; error++)
		if (shared->errors[error])
			printf("%s %ld\n", strerrorname_np(error), shared->errors[error]);
}

int main(int argc, char **argv)
{
	pid_t started[MOST_PROCESSES];
	char line[4096];

	if (argc != 6 || (processes = atoi(argv[4])) > MOST_PROCESSES || processes < 1)
		return 2;
	host = argv[1];
	other = argv[2];
	port = argv[3];
	threads = atoi(argv[5]);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (shared == MAP_FAILED)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < processes; i++)
		if (!(started[i] = fork()))
			process_main(i);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "run")) {
			shared->phase = RUN;
			while (shared->idle)
				pause_ms(1);
			puts("running");
		} else if (!strcmp(line, "idle")) {
			idle();
			puts("idle");
		} else if (!strncmp(line, "settle ", strlen("settle "))) {
			puts(settle(line + strlen("settle ")));
		} else if (!strncmp(line, "measure ", strlen("measure "))) {
			measure_all(atoi(line + strlen("measure ")));
		} else if (!strcmp(line, "usage")) {
			for (int i = 0; i < processes; i++)
				printf("%ld %d %d%s", memory_kib(started[i]),
				       entries(started[i], "fd"), entries(started[i], "task"),
				       i + 1 < processes ? " " : "\n");
		}
	}
	idle();
	shared->phase = END;
	while (wait(NULL) > 0)
		;
	report();
	return 0;
}
