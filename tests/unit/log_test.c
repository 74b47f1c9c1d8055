/* rooms: base */
/* Lines as the bytes that arrive: on descriptor 2, in a file, and where they must not. */
#include "check.h"
#include "base/config.h"
#include "base/log.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* CHECK must not write into what is being tested. */
static FILE *check_output;
#undef stderr
#define stderr check_output

static int real_stderr;
static char directory[] = "/tmp/lbdns-log-test.XXXXXX";
static char path[64];

/* Descriptor 2 becomes a pipe; returns the end to read. */
static int stderr_pipe_unnoticed(void)
{
	int ends[2];

	if (pipe(ends) != 0)
		abort();
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return ends[0];
}

/* The same, and it is what the process started with. */
static int stderr_pipe(void)
{
	int fd = stderr_pipe_unnoticed();

	log_start();
	return fd;
}

static void stderr_back(int fd)
{
	close(fd);
	dup2(real_stderr, STDERR_FILENO);
}

/* What is there to read, as a string. */
static const char *arrived(int fd)
{
	static char text[8192];
	ssize_t length = read(fd, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = '\0';
	return text;
}

static const char *in_file(void)
{
	int fd = open(path, O_RDONLY);
	const char *text = arrived(fd);

	close(fd);
	return text;
}

/* "lbdns[<pid>]: <rest>\n" */
static const char *expected(const char *rest)
{
	static char line[512];

	snprintf(line, sizeof(line), "lbdns[%d]: %s\n", (int)getpid(), rest);
	return line;
}

static void to_stderr(enum config_log level)
{
	memset(&config, 0, sizeof(config));
	config.log = level;
}

static void to_file(void)
{
	to_stderr(LOG_DEBUG);
	unlink(path);
	config.log_file = path;
}

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void each_level_writes_its_line(void)
{
	static const char *const lines[] = {"", "error: a", "warn: a", "info: a", "debug: a"};
	int fd = stderr_pipe();

	for (int wanted = LOG_OFF; wanted <= LOG_DEBUG; wanted++) {
		to_stderr((enum config_log)wanted);
		for (int level = LOG_OFF; level <= LOG_DEBUG; level++) {
			const char *text;

			log_line((enum config_log)level, "a", NULL);
			text = arrived(fd);
			if (level == LOG_OFF || level > wanted)
				CHECK(strcmp(text, "") == 0);
			else
				CHECK(strcmp(text, expected(lines[level])) == 0);
		}
	}
	stderr_back(fd);
}

static void texts_are_joined_and_made_printable(void)
{
	int fd = stderr_pipe();

	to_stderr(LOG_INFO);
	log_line(LOG_INFO, "rng", ": ", "3", " endpoints", NULL);
	CHECK(strcmp(arrived(fd), expected("info: rng: 3 endpoints")) == 0);
	log_line(LOG_INFO, "a\nb\tc\x1b[0m\x7f\xc3\xa9~ ", NULL);
	CHECK(strcmp(arrived(fd), expected("info: a?b?c?[0m???~ ")) == 0);
	log_line(LOG_INFO, NULL);
	CHECK(strcmp(arrived(fd), expected("info: ")) == 0);
	stderr_back(fd);
}

static void a_line_is_cut_at_255_bytes(void)
{
	char text[1001];
	int fd = stderr_pipe();

	to_stderr(LOG_INFO);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_line(LOG_INFO, text, "never", text, NULL);

	const char *line = arrived(fd);

	CHECK(strlen(line) == 255 && line[254] == '\n' && line[253] == 'x');
	CHECK(!strstr(line, "never"));
	stderr_back(fd);
}

static void another_descriptor_2_is_left_alone(void)
{
	int fd = stderr_pipe(), data;

	to_stderr(LOG_DEBUG);
	log_line(LOG_INFO, "before", NULL);
	CHECK(strcmp(arrived(fd), expected("info: before")) == 0);

	unlink(path);
	data = open(path, O_RDWR | O_CREAT, 0600);
	int start = dup(STDERR_FILENO);

	dup2(data, STDERR_FILENO);
	log_line(LOG_INFO, "astray", NULL);
	log_setting_error("astray");
	CHECK(lseek(data, 0, SEEK_END) == 0);

	/* On the same device, too. */
	int other = stderr_pipe_unnoticed();

	log_line(LOG_INFO, "astray", NULL);
	log_setting_error("astray");
	CHECK(strcmp(arrived(other), "") == 0);
	close(other);

	close(STDERR_FILENO);
	log_line(LOG_INFO, "astray", NULL);
	log_setting_error("astray");
	CHECK(strcmp(arrived(fd), "") == 0);

	dup2(start, STDERR_FILENO);
	log_line(LOG_INFO, "again", NULL);
	CHECK(strcmp(arrived(fd), expected("info: again")) == 0);
	close(start);
	close(data);
	stderr_back(fd);
}

static void a_descriptor_2_closed_from_the_start_stays_silent(void)
{
	int fd = stderr_pipe(), was = dup(STDERR_FILENO);

	to_stderr(LOG_DEBUG);
	close(STDERR_FILENO);
	log_start();
	dup2(was, STDERR_FILENO);
	close(was);
	log_line(LOG_ERROR, "astray", NULL);
	log_setting_error("astray");
	CHECK(strcmp(arrived(fd), "") == 0);
	stderr_back(fd);
}

static void a_file_gets_the_lines(void)
{
	int fd = stderr_pipe(), free_before = lowest_free();
	struct stat status;
	char both[512];

	to_file();
	umask(0);
	log_line(LOG_DEBUG, "one", NULL);
	snprintf(both, sizeof(both), "%s", expected("debug: one"));
	log_line(LOG_WARN, "two", NULL);
	strcat(both, expected("warn: two"));
	CHECK(strcmp(in_file(), both) == 0);
	CHECK(strcmp(arrived(fd), "") == 0);
	CHECK(stat(path, &status) == 0 && (status.st_mode & 07777) == 0600);
	CHECK(lowest_free() == free_before);

	/* Named anew after a rotation; nowhere if it cannot be opened. */
	unlink(path);
	log_line(LOG_WARN, "three", NULL);
	CHECK(strcmp(in_file(), expected("warn: three")) == 0);
	config.log_file = "/nonexistent/log";
	log_line(LOG_WARN, "four", NULL);
	CHECK(strcmp(arrived(fd), "") == 0);

	/* The usual names of a container's output are links. */
	config.log_file = "/dev/stderr";
	log_line(LOG_WARN, "five", NULL);
	CHECK(strcmp(arrived(fd), expected("warn: five")) == 0);
	stderr_back(fd);
}

static void a_fifo_without_a_reader_does_not_block(void)
{
	to_file();
	CHECK(mkfifo(path, 0600) == 0);
	alarm(10);
	log_line(LOG_WARN, "lost", NULL);

	int fd = open(path, O_RDONLY | O_NONBLOCK);

	log_line(LOG_WARN, "found", NULL);
	CHECK(strcmp(arrived(fd), expected("warn: found")) == 0);
	alarm(0);
	close(fd);
	unlink(path);
}

static void errno_is_kept(void)
{
	int fd = stderr_pipe();

	to_stderr(LOG_DEBUG);
	for (int i = 0; i < 3; i++) {
		errno = ENOTTY;
		log_line(LOG_INFO, "a", NULL);
		CHECK(errno == ENOTTY);
		log_setting_error("a");
		CHECK(errno == ENOTTY);
		log_start();
		CHECK(errno == ENOTTY);
		if (i == 0)
			close(STDERR_FILENO);
		config.log_file = i == 1 ? "/nonexistent/log" : NULL;
	}
	stderr_back(fd);
	log_start();
}

/* A reader that sleeps must not make the client sleep, nor may half a line arrive. */
static void a_full_pipe_does_not_block(void)
{
	int fd = stderr_pipe(), size = 0;
	char page[4096];

	to_stderr(LOG_INFO);
	memset(page, '.', sizeof(page));
	fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
	while (write(STDERR_FILENO, page, sizeof(page)) > 0)
		size += (int)sizeof(page);
	fcntl(STDERR_FILENO, F_SETFL, 0);
	alarm(10);
	log_line(LOG_ERROR, "lost", NULL);
	log_setting_error("lost");
	alarm(0);
	for (; size > 0; size -= (int)sizeof(page))
		CHECK(read(fd, page, sizeof(page)) == sizeof(page));
	CHECK(strcmp(arrived(fd), "") == 0);
	log_line(LOG_ERROR, "a", NULL);
	CHECK(strcmp(arrived(fd), expected("error: a")) == 0);
	stderr_back(fd);
}

static bool is_pending(int signal)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, signal) == 1;
}

static bool is_blocked(int signal)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	return sigismember(&mask, signal) == 1;
}

/* By default SIGPIPE and SIGXFSZ kill: a reader that went away is not the client's death. */
static void no_signal_arrives(void)
{
	struct rlimit nothing = {0, RLIM_INFINITY}, before;
	int fd = stderr_pipe(), sockets[2];
	sigset_t set;

	to_stderr(LOG_INFO);
	close(fd);
	log_line(LOG_ERROR, "lost", NULL);
	log_setting_error("lost");
	CHECK(!is_pending(SIGPIPE) && !is_blocked(SIGPIPE));

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0)
		abort();
	dup2(sockets[0], STDERR_FILENO);
	close(sockets[1]);
	log_start();
	log_line(LOG_ERROR, "lost", NULL);
	log_setting_error("lost");
	CHECK(!is_pending(SIGPIPE) && !is_blocked(SIGPIPE));

	/* One of the client's own stays. */
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	log_line(LOG_ERROR, "lost", NULL);
	CHECK(!is_pending(SIGPIPE) && is_blocked(SIGPIPE));
	raise(SIGPIPE);
	log_line(LOG_ERROR, "lost", NULL);
	CHECK(is_pending(SIGPIPE));
	sigwaitinfo(&set, NULL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	close(sockets[0]);
	dup2(real_stderr, STDERR_FILENO);

	to_file();
	getrlimit(RLIMIT_FSIZE, &before);
	nothing.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &nothing);
	log_line(LOG_ERROR, "lost", NULL);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK(!is_pending(SIGXFSZ) && !is_blocked(SIGXFSZ));
	CHECK(strcmp(in_file(), "") == 0);
}

static void *write_lines(void *unused)
{
	for (int i = 0; i < 500; i++)
		log_line(LOG_INFO, "threads", " write", " whole lines", NULL);
	return unused;
}

static void lines_of_threads_stay_whole(void)
{
	pthread_t threads[4];
	FILE *file;
	char line[512];
	int count = 0;

	to_file();
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, write_lines, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	/* fopen is cares_libc.c's here */
	file = fdopen(open(path, O_RDONLY | O_CLOEXEC), "r");
	for (; file && fgets(line, sizeof(line), file); count++)
		CHECK(strcmp(line, expected("info: threads write whole lines")) == 0);
	CHECK(count == 2000);
	if (file)
		fclose(file);
}

static void setting_errors(void)
{
	char line[1017];
	int fd = stderr_pipe();

	to_stderr(LOG_ERROR);
	config.log_file = path;
	unlink(path);
	log_setting_error("LBDNS_X=1: bad");
	CHECK(strcmp(arrived(fd), "lbdns: LBDNS_X=1: bad\n") == 0);
	CHECK(access(path, F_OK) != 0);

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	log_setting_error(line);
	CHECK(strlen(arrived(fd)) == 1024);

	to_stderr(LOG_OFF);
	log_setting_error("LBDNS_X=1: bad");
	CHECK(strcmp(arrived(fd), "") == 0);
	stderr_back(fd);
}

/* The pid is that of the writer, not of the process it was forked from. */
static void a_child_has_its_own_pid(void)
{
	int fd = stderr_pipe(), status = 1;
	char line[64];
	pid_t child;

	to_stderr(LOG_INFO);
	child = fork();
	if (child == 0) {
		log_line(LOG_INFO, "child", NULL);
		_exit(0);
	}
	waitpid(child, &status, 0);
	snprintf(line, sizeof(line), "lbdns[%d]: info: child\n", (int)child);
	CHECK(status == 0 && strcmp(arrived(fd), line) == 0);
	stderr_back(fd);
}

static void numbers(void)
{
	static const uint64_t values[] = {0,
	                                  1,
	                                  9,
	                                  10,
	                                  99,
	                                  100,
	                                  65535,
	                                  UINT32_MAX,
	                                  UINT64_C(9999999999999999999),
	                                  UINT64_C(10000000000000000000),
	                                  UINT64_MAX};
	char text[21], by_libc[21];

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		snprintf(by_libc, sizeof(by_libc), "%llu", (unsigned long long)values[i]);
		CHECK(text_number(values[i], text) == text && strcmp(text, by_libc) == 0);
	}
}

int main(void)
{
	real_stderr = dup(STDERR_FILENO);
	check_output = fdopen(real_stderr, "w");
	if (!check_output || !mkdtemp(directory))
		return 1;
	setbuf(check_output, NULL);
	snprintf(path, sizeof(path), "%s/log", directory);
	signal(SIGPIPE, SIG_DFL);

	each_level_writes_its_line();
	texts_are_joined_and_made_printable();
	a_line_is_cut_at_255_bytes();
	another_descriptor_2_is_left_alone();
	a_descriptor_2_closed_from_the_start_stays_silent();
	a_file_gets_the_lines();
	a_fifo_without_a_reader_does_not_block();
	errno_is_kept();
	a_full_pipe_does_not_block();
	no_signal_arrives();
	lines_of_threads_stay_whole();
	setting_errors();
	a_child_has_its_own_pid();
	numbers();

	unlink(path);
	rmdir(directory);
	return check_result();
}
