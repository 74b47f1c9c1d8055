/*
 * scripted HOST PORT [lock]: a client that looks HOST up once (lock: it does that step before), and
 * then does what stdin says, a step a line; a line "." ends each answer, and the first one when it
 * is ready. Who connects says the pod, in the pod's own words, or what failed. For glibc and musl.
 *
 *   connect N        N connections to the first address of the first lookup
 *   visit N [NAME]   N times a lookup of HOST or NAME and a connection
 *   close WAY N      N times: closes every descriptor from 3 on, as daemons do, in a loop or by
 *                    close_range (WAY is loop or range), opens files and sockets of its own, which
 *                    get the same numbers, waits 20 ms, and sees that nobody has read, written,
 *                    moved or closed what is its own: or says what was, with status 4
 *   replace [HOW]    a thread connects; meanwhile closes the socket, and opens another one that
 *                    gets the same number: "untouched", or what became of it, once the thread is
 *                    back. short: with TCP_SYNCNT=1; busy: another thread connects the other one
 *   fill N           opens files until it may not (RLIMIT_NOFILE is 256), and then closes N
 *   empty            closes them all
 *   stderr FILE      descriptor 2 becomes FILE
 *   write TEXT       to descriptor 2
 *   chroot DIRECTORY
 *   setuid ID
 *   unshare WHAT     newuser or newnet; "vfork newnet": in a child of vfork
 *   leave N [THREADS]  in THREADS (1) threads each, N times setns(2) of no namespace, while as many
 *                    others look up: says so if one took longer than 800 ms (it is 1,000 for who
 *                    waits for a refresh thread that sleeps, and may be hundreds on a busy system)
 *   setenv MS        for so long, sets and removes variables
 *   lock             mlockall(2) of what there is and comes: what fails
 *   locked           how much is locked, KiB
 *   quit
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	FIRST = 3,
	LAST = 255,
	FILES = 4,
	PAIRS = 12,
	SETTLE_MS = 20,
	FOREIGN = 4,
	LEAVE_MS = 800,
	LEAVE_THREADS = 8,
	VARIABLES = 8000
};

static const char CONTENT[] = "the client's own", DATAGRAM[] = "to the client alone";

static const char *host, *port;
static struct sockaddr_storage address;
static socklen_t address_length;

/* One write for each line. */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[256];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	dprintf(STDOUT_FILENO, "%.*s\n", length, line);
}

static void say_failed(const char *what, bool failed)
{
	if (failed)
		say("%s: %s", what, strerror(errno));
}

/* ---- Connections */

static bool look_up(const char *name, struct sockaddr_storage *to, socklen_t *length)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
	int error = getaddrinfo(name, port, &hints, &list);

	if (error) {
		say("lookup: %s", gai_strerror(error));
		return false;
	}
	memcpy(to, list->ai_addr, list->ai_addrlen);
	*length = list->ai_addrlen;
	freeaddrinfo(list);
	return true;
}

/* What the pod says of itself is the first word after the empty line. */
static void ask(int fd)
{
	static const char question[] = "GET /address HTTP/1.0\r\n\r\n";
	char answer[1024], pod[64];
	size_t have = 0;
	ssize_t got;
	const char *body;

	if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) < 0) {
		say_failed("send", true);
		return;
	}
	while ((got = recv(fd, answer + have, sizeof(answer) - 1 - have, 0)) > 0)
		have += (size_t)got;
	answer[have] = '\0';
	body = strstr(answer, "\r\n\r\n");
	if (body && sscanf(body, "%63s", pod) == 1)
		say("%s", pod);
	else
		say("no answer");
}

static void connect_to(const struct sockaddr_storage *to, socklen_t length)
{
	int fd = socket(to->ss_family, SOCK_STREAM, 0);

	if (fd < 0)
		say_failed("socket", true);
	else if (connect(fd, (const struct sockaddr *)to, length))
		say_failed("connect", true);
	else
		ask(fd);
	if (fd >= 0)
		close(fd);
}

static void connect_mode(const char *argument)
{
	for (int i = atoi(argument); i > 0; i--)
		connect_to(&address, address_length);
}

static void visit(const char *argument)
{
	const char *name = strchr(argument, ' ');

	for (int i = atoi(argument); i > 0; i--) {
		struct sockaddr_storage to;
		socklen_t length;

		if (look_up(name ? name + 1 : host, &to, &length))
			connect_to(&to, length);
	}
}

/* ---- Descriptors */

struct own {
	int fd;
	ino_t inode;
};

static struct own files[FILES], pairs[PAIRS][2];

static void expect(bool right, int fd, const char *what)
{
	if (right)
		return;
	say("%d %s", fd, what);
	_exit(FOREIGN);
}

static void close_all(const char *way)
{
	if (!strncmp(way, "range", strlen("range"))) {
		syscall(436, FIRST, ~0U, 0);
		return;
	}
	for (int fd = FIRST; fd <= LAST; fd++)
		close(fd);
}

static struct own opened(int fd)
{
	struct stat status;

	expect(fd >= FIRST && !fstat(fd, &status), fd, "could not be opened");
	return (struct own){fd, status.st_ino};
}

static void open_own(void)
{
	for (int i = 0; i < PAIRS; i++) {
		int pair[2] = {-1, -1};

		socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
		for (int k = 0; k < 2; k++) {
			pairs[i][k] = opened(pair[k]);
			expect(send(pair[k], DATAGRAM, sizeof(DATAGRAM), 0) == sizeof(DATAGRAM),
			       pair[k], "could not be sent to");
		}
	}
	for (int i = 0; i < FILES; i++) {
		char scratch[] = "/run/tmp/scripted.XXXXXX";

		files[i] = opened(mkstemp(scratch));
		unlink(scratch);
		expect(write(files[i].fd, CONTENT, sizeof(CONTENT)) == sizeof(CONTENT), files[i].fd,
		       "could not be written");
	}
}

static void still_there(const struct own *own)
{
	struct stat status;

	expect(!fstat(own->fd, &status), own->fd, "was closed");
	expect(status.st_ino == own->inode, own->fd, "is another file");
}

static void check_own(void)
{
	char data[256];

	for (int i = 0; i < FILES; i++) {
		int fd = files[i].fd;

		still_there(&files[i]);
		expect(lseek(fd, 0, SEEK_CUR) == sizeof(CONTENT), fd, "was read or written");
		expect(pread(fd, data, sizeof(data), 0) == sizeof(CONTENT) &&
		               !memcmp(data, CONTENT, sizeof(CONTENT)),
		       fd, "was written");
	}
	for (int i = 0; i < PAIRS; i++) {
		for (int k = 0; k < 2; k++) {
			int fd = pairs[i][k].fd;

			still_there(&pairs[i][k]);
			expect(recv(fd, data, sizeof(data), 0) == sizeof(DATAGRAM) &&
			               !memcmp(data, DATAGRAM, sizeof(DATAGRAM)),
			       fd, "was received from");
			expect(recv(fd, data, sizeof(data), 0) < 0, pairs[i][!k].fd, "was sent to");
		}
	}
}

static void close_mode(const char *argument)
{
	for (int i = atoi(strchr(argument, ' ')); i > 0; i--) {
		close_all(argument);
		open_own();
		poll(NULL, 0, SETTLE_MS);
		check_own();
	}
	close_all("loop");
}

static void *connect_thread(void *fd)
{
	connect(*(int *)fd, (const struct sockaddr *)&address, address_length);
	*(int *)fd = -1;
	return NULL;
}

static int number_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	getsockopt(fd, level, name, &value, &length);
	return value;
}

static bool is_over(const int *connecting)
{
	return __atomic_load_n(connecting, __ATOMIC_RELAXED) < 0;
}

/* The other socket's own connect, to a silent endpoint: it is given up after 3 s, and until then
 * has another TCP_SYNCNT than its client gave it. */
static void replace_busy(int *connecting, int *other, int fd)
{
	int own = number_option(fd, IPPROTO_TCP, TCP_SYNCNT), count, i = 0;
	bool over;
	pthread_t second;

	if (pthread_create(&second, NULL, connect_thread, other))
		say("no thread");
	pthread_detach(second);
	for (; i < 25 && number_option(fd, IPPROTO_TCP, TCP_SYNCNT) == own; i++)
		poll(NULL, 0, 100);
	/* The last of its three attempts has the client's own again. */
	for (; i < 40 && !is_over(connecting) && !is_over(other); i++)
		poll(NULL, 0, 100);
	count = number_option(fd, IPPROTO_TCP, TCP_SYNCNT);
	over = is_over(other);
	say(count == 1 || (over && count == own) ? "untouched" : "has another TCP_SYNCNT");
}

/* A silent endpoint is given up after 3 s, and nobody has to wait for more than twice that. */
static void replace(const char *how)
{
	static int connecting, other;
	int was = connecting = socket(AF_INET, SOCK_STREAM, 0), fresh, syn_count;
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	struct tcp_info info;
	socklen_t info_length = sizeof(info);
	const int short_count = 1;
	pthread_t thread;

	if (!strcmp(how, " short"))
		setsockopt(was, IPPROTO_TCP, TCP_SYNCNT, &short_count, sizeof(short_count));
	if (pthread_create(&thread, NULL, connect_thread, &connecting)) {
		say("no thread");
		return;
	}
	pthread_detach(thread);
	poll(NULL, 0, 500);
	close(was);
	fresh = socket(AF_INET, SOCK_STREAM, 0);
	expect(fresh == was, fresh, "has another number");
	other = fresh;
	if (!strcmp(how, " busy")) {
		replace_busy(&connecting, &other, fresh);
		close(fresh);
		return;
	}
	syn_count = number_option(fresh, IPPROTO_TCP, TCP_SYNCNT);
	for (int i = 0; i < 60 && !is_over(&connecting); i++)
		poll(NULL, 0, 100);
	if (!getpeername(fresh, (struct sockaddr *)&peer, &length) ||
	    getsockopt(fresh, IPPROTO_TCP, TCP_INFO, &info, &info_length) ||
	    info.tcpi_state != TCP_CLOSE)
		say("was connected");
	else if (number_option(fresh, IPPROTO_TCP, TCP_SYNCNT) != syn_count)
		say("has another TCP_SYNCNT");
	else
		say("untouched");
	close(fresh);
}

static int filled[LAST + 1], filled_count;

static void fill(const char *argument)
{
	struct rlimit limit = {LAST + 1, LAST + 1};
	int fd;

	setrlimit(RLIMIT_NOFILE, &limit);
	while ((fd = open("/dev/null", O_RDWR)) >= 0)
		filled[filled_count++] = fd;
	say_failed("open", true);
	for (int i = atoi(argument); i > 0; i--)
		close(filled[--filled_count]);
}

static void empty(const char *unused)
{
	(void)unused;
	while (filled_count)
		close(filled[--filled_count]);
}

static void stderr_mode(const char *path)
{
	close(STDERR_FILENO);
	say_failed("open", open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) != STDERR_FILENO);
}

static void write_mode(const char *text)
{
	dprintf(STDERR_FILENO, "%s\n", text);
}

/* ---- Who and where it is */

static void chroot_mode(const char *path)
{
	say_failed("chroot", chroot(path) || chdir("/"));
}

static void setuid_mode(const char *id)
{
	uid_t uid = (uid_t)atoi(id);

	say_failed("setuid", setgroups(0, NULL) || setgid(uid) || setuid(uid));
}

static void unshare_mode(const char *what)
{
	if (!strncmp(what, "vfork ", strlen("vfork "))) {
		pid_t pid = vfork();
		int status;

		if (!pid)
			_exit(unshare(CLONE_NEWNET));
		if (waitpid(pid, &status, 0) != pid || status)
			say("the child's unshare failed");
		return;
	}
	say_failed("unshare", unshare(strcmp(what, "newuser") ? CLONE_NEWNET : CLONE_NEWUSER));
}

static int leave_times, leaving;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *leave_thread(void *unused)
{
	uint64_t longest_ms = 0;

	for (int i = 0; i < leave_times; i++) {
		uint64_t began_ms = now_ms(), took_ms;

		setns(-1, 0);
		say_failed("setns", errno != EBADF);
		took_ms = now_ms() - began_ms;
		if (took_ms > longest_ms)
			longest_ms = took_ms;
	}
	if (longest_ms > LEAVE_MS)
		say("took %d ms", (int)longest_ms);
	__atomic_sub_fetch(&leaving, 1, __ATOMIC_SEQ_CST);
	return unused;
}

static void *look_up_thread(void *unused)
{
	struct sockaddr_storage to;
	socklen_t length;

	while (__atomic_load_n(&leaving, __ATOMIC_SEQ_CST))
		look_up(host, &to, &length);
	return unused;
}

static void leave(const char *argument)
{
	const char *count = strchr(argument, ' ');
	pthread_t threads[2 * LEAVE_THREADS];

	leave_times = atoi(argument);
	leaving = count ? atoi(count) : 1;
	if (!count) {
		leave_thread(NULL);
		return;
	}
	for (int i = 0, n = leaving; i < 2 * n; i++)
		pthread_create(&threads[i], NULL, i < n ? leave_thread : look_up_thread, NULL);
	for (int i = 0; i < 2 * atoi(count); i++)
		pthread_join(threads[i], NULL);
}

/* The environment moves each time, and the memory that it was in is gone. */
static void setenv_mode(const char *argument)
{
	static char variables[VARIABLES][16];
	const size_t size = (VARIABLES + 1) * sizeof(char *);
	struct timespec now, end;
	char **regions[2];

	for (int i = 0; i < VARIABLES; i++)
		snprintf(variables[i], sizeof(variables[i]), "V%d=", i);
	for (int i = 0; i < 2; i++)
		regions[i] = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += atoi(argument) / 1000;
	for (unsigned turn = 0;; turn++) {
		char **fresh = regions[turn % 2];

		mprotect(fresh, size, PROT_READ | PROT_WRITE);
		for (int i = 0; i < VARIABLES; i++)
			fresh[i] = variables[i];
		environ = fresh;
		setenv("NEW", "value", 1); /* into memory of libc's */
		mprotect(fresh, size, PROT_NONE);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec >= end.tv_sec)
			break;
	}
	unsetenv("NEW");
}

static void lock(const char *unused)
{
	(void)unused;
	say_failed("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE));
}

static void locked(const char *unused)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long size;

	(void)unused;
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmLck: %ld kB", &size) == 1)
			say("%ld", size);
	if (file)
		fclose(file);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const char *argument);
	} modes[] = {
		{"connect ", connect_mode},
		{"visit ", visit},
		{"close ", close_mode},
		{"fill ", fill},
		{"replace", replace},
		{"empty", empty},
		{"stderr ", stderr_mode},
		{"write ", write_mode},
		{"chroot ", chroot_mode},
		{"setuid ", setuid_mode},
		{"unshare ", unshare_mode},
		{"setenv ", setenv_mode},
		{"leave ", leave},
		{"locked", locked},
		{"lock", lock},
	};
	char line[256];

	if (argc != 3 && (argc != 4 || strcmp(argv[3], "lock") != 0))
		return 2;
	host = argv[1];
	port = argv[2];
	close_all("loop"); /* what it inherited */
	if (argc == 4)
		lock(NULL);
	setvbuf(stdin, NULL, _IONBF, 0);
	look_up(host, &address, &address_length);
	say(".");
	while (fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n") != 0) {
		bool known = false;

		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
			if (!strncmp(line, modes[i].name, strlen(modes[i].name))) {
				modes[i].run(line + strlen(modes[i].name));
				known = true;
				break;
			}
		if (!known)
			say("not known: %s", line);
		say(".");
	}
	return 0;
}
