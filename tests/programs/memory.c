/*
 * memory HOW HOST PORT LOOKUPS: a client whose allocations fail, for glibc. It is also its own
 * malloc: what libc and a preload allocate comes here too, and mmap(3).
 *
 *   memory each …       for N from 1: a child makes LOOKUPS lookups with a connection after each,
 *                       while its N-th allocation fails, and no other; until none did
 *   memory some …       the same, while the N-th and the nineteen after it fail
 *   memory known …      as each, once libc is not asked any more (by the number of allocations)
 *   memory limit …      children with ever more room under RLIMIT_AS: N from 1 to 32 is 16 KiB
 *                       each, up to 96 half a MiB each
 *
 * A line for each child: "<N> <how it ended> <what became of each lookup and connection>": ok, or
 * the error; a pod that is not one of HOST's would be "astray".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 3000, PATIENCE_S = 3, LIMITS = 96, SMALL = 32 };

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *from, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* ---- Allocations */

static unsigned long seen, fail_from, fail_to; /* fail_to: the first that does not fail any more */

static bool fails(void)
{
	unsigned long now = __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED);

	if (now < fail_from || now >= fail_to)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *from, size_t size)
{
	return fails() ? NULL : __libc_realloc(from, size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
	return fails() ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	*memory = memalign(alignment, size);
	return *memory ? 0 : ENOMEM;
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return fails() ? MAP_FAILED
	               : (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

/* ---- The client */

static const char *host, *port;
static int lookups;
static int output;

static void say(const char *word)
{
	char text[128];
	size_t length = strlen(word);

	text[0] = ' ';
	memcpy(text + 1, word, length);
	for (size_t i = 1; i <= length; i++)
		if (text[i] == ' ')
			text[i] = '_';
	if (write(output, text, length + 1) < 0)
		_exit(5);
}

/* By number: glibc has the names since 2.32. */
static void say_error(void)
{
	char text[16];

	snprintf(text, sizeof(text), "E%d", errno);
	say(text);
}

/* The pods are 10.244.x.1x. */
static bool is_pod(const char *body)
{
	return !strncmp(body, "10.244.", 7);
}

static void ask(int fd)
{
	static const char question[] = "GET /address HTTP/1.0\r\n\r\n";
	char answer[1024];
	size_t have = 0;
	ssize_t got;
	const char *body;

	if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0) {
		say_error();
		return;
	}
	while ((got = recv(fd, answer + have, sizeof(answer) - 1 - have, 0)) > 0)
		have += (size_t)got;
	answer[have] = '\0';
	body = strstr(answer, "\r\n\r\n");
	say(!body ? "no answer" : is_pod(body + 4) ? "ok" : "astray");
}

static void look_up_and_connect(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	int error = getaddrinfo(host, port, &hints, &list), fd;

	if (error) {
		say(error == EAI_MEMORY   ? "EAI_MEMORY"
		    : error == EAI_AGAIN  ? "EAI_AGAIN"
		    : error == EAI_FAIL   ? "EAI_FAIL"
		    : error == EAI_SYSTEM ? "EAI_SYSTEM"
		                          : "EAI_OTHER");
		return;
	}
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, list->ai_addr, list->ai_addrlen))
		say_error();
	else
		ask(fd);
	close(fd);
	freeaddrinfo(list);
}

/* What the heap has already is taken, so that room is all there is. */
static void limit_to(rlim_t size, rlim_t room)
{
	struct rlimit limit = {size, RLIM_INFINITY};

	setrlimit(RLIMIT_AS, &limit);
	for (size_t piece = 4096; piece >= 16; piece /= 2)
		while (__libc_malloc(piece))
			;
	limit.rlim_cur = size + room;
	if (setrlimit(RLIMIT_AS, &limit))
		_exit(5);
}

static void run(unsigned long from, unsigned long count, rlim_t size, rlim_t room)
{
	alarm(PATIENCE_S); /* a hang ends by SIGALRM */
	if (size)
		limit_to(size, room);
	seen = 0;
	fail_from = from;
	fail_to = from + count;
	for (int i = 0; i < lookups; i++)
		look_up_and_connect();
	_exit(seen < from ? 0 : 1);
}

/* ---- The children */

/* True if it reached its fault, or something failed. */
static bool child(unsigned long n, unsigned long count, rlim_t size)
{
	char text[1024];
	int pipes[2], status;
	size_t have = 0;
	ssize_t got;
	pid_t pid;

	if (pipe(pipes))
		exit(5);
	pid = fork();
	if (!pid) {
		close(pipes[0]);
		output = pipes[1];
		run(size ? ULONG_MAX - 1 : n, count, size,
		    n <= SMALL ? n << 14 : (n - SMALL) << 19);
	}
	close(pipes[1]);
	while ((got = read(pipes[0], text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)got;
	text[have] = '\0';
	close(pipes[0]);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("%lu signal-%d%s\n", n, WTERMSIG(status), text);
	else
		printf("%lu %s%s\n", n, WEXITSTATUS(status) < 2 ? "ended" : "broken", text);
	return !WIFEXITED(status) || WEXITSTATUS(status) || strstr(text, "E");
}

static rlim_t size_now(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lu", &pages) != 1)
		exit(5);
	fclose(file);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Looks up until that takes half the allocations of the second lookup, or less. The first one reads
 * files that libc then knows. */
static void look_up_until_known(void)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	unsigned long second = 0;

	for (int i = 1; i <= 2 || seen > second / 2; i++) {
		seen = 0;
		if (getaddrinfo(host, port, &hints, &list))
			exit(5);
		freeaddrinfo(list);
		if (i == 2)
			second = seen;
	}
}

int main(int argc, char **argv)
{
	static char buffer[1 << 16];
	unsigned long n = 1;

	if (argc != 5)
		return 2;
	host = argv[2];
	port = argv[3];
	lookups = atoi(argv[4]);
	setvbuf(stdout, buffer, _IOLBF, sizeof(buffer));
	if (!strcmp(argv[1], "limit")) {
		rlim_t size = size_now();

		for (; n <= LIMITS; n++)
			child(n, 0, size);
	} else {
		unsigned long count = strcmp(argv[1], "some") ? 1 : 20;

		if (!strcmp(argv[1], "known"))
			look_up_until_known();
		while (n < CHILDREN && child(n, count, 0))
			n++;
	}
	return n < CHILDREN ? 0 : 3;
}
