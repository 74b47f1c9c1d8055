/*
 * processes MODE HOST PORT N ARGUMENT...: clients that fork, vfork, spawn, are killed, and exit at
 * any moment. For glibc and musl. A line on stdout for each connection: the address of the pod, in
 * its own words. Status 1 and a message on any error, also of a child's.
 *
 *   fork HOST PORT N            looks up, connects, and waits for a line on stdin; then 8 threads
 *                               that look up and connect all the time, and N children forked
 *                               beside them: each looks up, connects, and connects again
 *   vfork HOST PORT N           N children of vfork: the first does the process's first lookup,
 *                               each looks up and connects, and is gone by _exit or execve. Then
 *                               "stays", and a connection every 10 ms until SIGTERM
 *   fork-vfork HOST PORT N      the same in a forked child
 *   spawn HOST PORT N PROGRAM   4 threads that posix_spawn "PROGRAM lookup-connect HOST PORT 1",
 *                               N times in all, with file actions
 *   daemon HOST PORT FILE       looks up and connects, becomes a daemon by two forks, all its
 *                               descriptors closed, and connects every 10 ms; lines to FILE, with
 *                               the daemon's process id as the first
 *   killed HOST PORT N          N children that look up and connect all the time and are killed
 *                               after up to 3 ms; they write nothing
 *   killed-new HOST PORT N PROGRAM   the same with "PROGRAM once HOST PORT 1000" each time
 *   exits HOST PORT N           N children that leave after up to 2 ms, by exit, _exit, quick_exit
 *                               or from main, while threads of theirs look up and connect, with
 *                               atexit handlers that connect
 *   main-ends HOST PORT N HOW   main ends by pthread_exit (exit), thrd_exit (thrd) or is cancelled
 *                               (cancel), before anything was looked up (-first) or after; another
 *                               thread makes N connections and ends: that ends the process, with
 *                               status 0 and what is in stdout's buffer
 */
#include "growth.h"

#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>

enum { WATCHDOG_S = 60, THREADS = 8, SPAWNERS = 4 };

extern char **environ;
static int count;
static const char *argument;

static void collect(pid_t pid, int wanted)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("waitpid", strerror(errno));
	if (status != wanted) {
		dprintf(STDERR_FILENO, "a child ended with %#x, not %#x\n", status, wanted);
		_exit(1);
	}
}

static void fork_beside_threads(int children)
{
	pthread_t threads[THREADS];
	struct sockaddr_in to = look_up();

	atomic_store(&stop, false);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, look_up_and_visit, NULL);
	for (int i = 0; i < children; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(WATCHDOG_S);
			if (i % 2)
				visit(&to);
			to = look_up();
			visit(&to);
			visit(&to);
			_exit(0);
		}
		collect(pid, 0);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void forks(void)
{
	struct sockaddr_in to = look_up();
	struct use before;

	visit(&to);
	/* By then no lookup is for libc, whose resolver a child must not use: a thread that is not
	 * in the child may have had a lock of it. */
	getchar();
	fork_beside_threads(count / 4);
	before = use_now();
	fork_beside_threads(count - count / 4);
	check_growth(&before, 8, 1024);
}

static void vfork_visit(bool exec)
{
	static char *const arguments[] = {"true", NULL};
	static char *const nothing[] = {NULL};
	pid_t pid = vfork();

	if (!pid) {
		struct sockaddr_in to = look_up();

		visit(&to);
		if (exec)
			execve("/bin/true", arguments, nothing);
		_exit(exec);
	}
	collect(pid, 0);
}

static _Noreturn void vforks(void)
{
	struct sockaddr_in to;
	struct use before;

	vfork_visit(true);
	to = look_up();
	before = use_now();
	for (int i = 0; i < count; i++) {
		vfork_visit(i % 2);
		visit(&to);
	}
	check_growth(&before, 2, 1024);
	dprintf(STDOUT_FILENO, "stays\n");
	for (;;) {
		visit(&to);
		wait_us(10000);
	}
}

static _Noreturn void fork_vforks(void)
{
	struct sockaddr_in to = look_up();
	pid_t pid;
	int status;

	visit(&to);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		vforks();
	}
	waitpid(pid, &status, 0);
	_exit(1);
}

static void *spawner(void *unused)
{
	char *const arguments[] = {
		(char *)argument, "lookup-connect", (char *)host, (char *)port, "1", NULL};

	(void)unused;
	for (int i = 0; i < count / SPAWNERS; i++) {
		posix_spawn_file_actions_t actions;
		pid_t pid;
		int error;

		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, 9);
		error = posix_spawn(&pid, argument, &actions, NULL, arguments, environ);
		if (error)
			die("posix_spawn", strerror(error));
		posix_spawn_file_actions_destroy(&actions);
		collect(pid, 0);
	}
	return NULL;
}

static void spawns(void)
{
	pthread_t threads[SPAWNERS];
	struct sockaddr_in to = look_up();

	visit(&to);
	for (int i = 0; i < SPAWNERS; i++)
		pthread_create(&threads[i], NULL, spawner, NULL);
	for (int i = 0; i < SPAWNERS; i++)
		pthread_join(threads[i], NULL);
}

static void daemon_twice(void)
{
	struct sockaddr_in to = look_up();
	pid_t pid;

	visit(&to);
	pid = fork();
	if (pid) {
		collect(pid, 0);
		return;
	}
	setsid();
	if (fork())
		_exit(0);
	if (chdir("/"))
		_exit(1);
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	/* 0, 1 and 2 */
	if (open("/dev/null", O_RDONLY) ||
	    open(argument, O_WRONLY | O_CREAT | O_APPEND, 0600) != STDOUT_FILENO || dup(1) != 2)
		_exit(1);
	dprintf(STDOUT_FILENO, "%d\n", getpid());
	for (;;) {
		visit(&to);
		wait_us(10000);
	}
}

static _Noreturn void look_up_and_connect(void)
{
	struct linger none = {1, 0};

	for (;;) {
		struct sockaddr_in to = look_up();

		for (int i = 0; i < 3; i++) {
			int fd = connect_first(&to);

			setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
			close(fd);
		}
	}
}

static void killed(bool anew)
{
	char *const arguments[] = {(char *)argument, "once", (char *)host,
	                           (char *)port,     "1000", NULL};

	if (!anew)
		(void)look_up();
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(WATCHDOG_S);
			if (!anew)
				look_up_and_connect();
			dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
			execv(argument, arguments);
			die(argument, strerror(errno));
		}
		wait_us(anew ? random_below(8000) : random_below(3000));
		kill(pid, SIGKILL);
		collect(pid, SIGKILL);
	}
}

static struct sockaddr_in known;

static void at_exit(void)
{
	visit(&known);
}

static void *look_up_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		(void)look_up();
	return NULL;
}

static void leave(int how)
{
	pthread_t thread;

	alarm(WATCHDOG_S);
	atexit(at_exit);
	at_quick_exit(at_exit);
	/* The refresh thread of a child begins with what its parent knows, which is overdue. */
	visit(&known);
	if (how & 4)
		pthread_create(&thread, NULL, look_up_for_ever, NULL);
	wait_us(random_below(2000));
	if ((how & 3) == 0)
		exit(42);
	if ((how & 3) == 1)
		quick_exit(42);
	if ((how & 3) == 2)
		_exit(42);
}

static int exits(void)
{
	known = look_up();
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (!pid) {
			leave(i);
			return 42;
		}
		collect(pid, 42 << 8);
	}
	return 0;
}

static void ended(void)
{
	printf("ended\n");
}

static void *last_thread(void *main_thread)
{
	if (!strncmp(argument, "cancel", strlen("cancel")))
		pthread_cancel(*(pthread_t *)main_thread);
	pthread_join(*(pthread_t *)main_thread, NULL);
	for (int i = 0; i < count; i++) {
		struct sockaddr_in to = look_up();
		char pod[INET_ADDRSTRLEN];

		ask(connect_first(&to), pod);
		printf("%s\n", pod);
		wait_us(2000);
	}
	return NULL;
}

static void main_ends(void)
{
	static pthread_t self;
	pthread_t thread;

	self = pthread_self();
	atexit(ended);
	if (!strstr(argument, "-first")) {
		struct sockaddr_in to = look_up();

		(void)to;
		wait_us(150000); /* refreshes are under way */
	}
	pthread_create(&thread, NULL, last_thread, &self);
	if (!strncmp(argument, "exit", strlen("exit")))
		pthread_exit(NULL);
	if (!strncmp(argument, "thrd", strlen("thrd")))
		thrd_exit(0);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 4 ? argv[1] : "";

	if (argc > 4) {
		host = argv[2];
		port = argv[3];
		count = atoi(argv[4]);
		argument = argv[argc > 5 ? 5 : 4];
	}
	if (!strcmp(mode, "fork"))
		forks();
	else if (!strcmp(mode, "vfork"))
		vforks();
	else if (!strcmp(mode, "fork-vfork"))
		fork_vforks();
	else if (!strcmp(mode, "spawn"))
		spawns();
	else if (!strcmp(mode, "daemon"))
		daemon_twice();
	else if (!strcmp(mode, "killed"))
		killed(false);
	else if (!strcmp(mode, "killed-new"))
		killed(true);
	else if (!strcmp(mode, "exits"))
		return exits();
	else if (!strcmp(mode, "main-ends"))
		main_ends();
	else
		die("processes", "modes are at the top of tests/programs/processes.c");
	return 0;
}
