/*
 * interrupted MODE HOST PORT N ARGUMENT: clients whose lookups and connects are interrupted, in
 * every way there is. For glibc and musl. Status 1 and a message on any error.
 *
 *   handler HOST PORT N         looks up and connects all the time, while a signal handler connects
 *                               too, at 1 kHz, N times: a line for each connection, the peer's
 *   handler-first ADDRESS PORT N    the first that the process does is N connects in a handler
 *   handler-child HOST PORT N HOW   N children that take and give memory while a handler connects
 *                               that blocks nothing (nodefer), its own signal (deferred), or
 *                               nothing any more (open), or that is on a stack of its own
 *                               (alternate); what the parent knew is overdue
 *   jump HOST PORT N            connects that N times are left by siglongjmp, at any moment
 *   jump-lookup HOST PORT N OTHER FILE   looks HOST up, says "ready", waits until FILE is there,
 * and leaves N lookups of OTHER, which nobody answers, by siglongjmp; connects to HOST after each
 *   cancel HOST PORT N HOW      N threads that connect and look up (deferred), only look up
 *                               (lookup), or connect (asynchronous, in which connect(2) alone can
 *                               be interrupted), cancelled at any moment
 *   cancel-child HOST PORT N    N children whose first connect, that of a thread that is cancelled
 *                               asynchronously, finds what the parent knew overdue; threads start
 *                               as ever, and DNS is asked again: "refreshed" or "not refreshed"
 *   ids HOST PORT N             setuid, setgid and their relatives, N times and until 4 threads
 *                               have looked up and connected 60 times: a line for each connection
 */
#include "growth.h"

#include <grp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

enum { WATCHDOG_S = 20, OVERDUE_US = 150000, LOOKERS = 4, HANDLED = 40, TOGETHER = 20 };
enum { VISITS = 60 }; /* enough to see that they rotate */

/* Descriptors of libc's that stay open when a lookup is left that waits for DNS: in glibc those of
 * the last one, which the next one closes. */
#ifdef __GLIBC__
enum { LEFT_BY_LIBC = 0 };
#else
enum { LEFT_BY_LIBC = 1 };
#endif

static int count;
static const char *argument, *file;
static struct sockaddr_in known;

/* Without a FIN: thousands of ports would be in TIME_WAIT. */
static void drop(int fd)
{
	struct linger none = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

static void every_us(int clock, unsigned us)
{
	struct itimerval every = {{0, (int)us}, {0, (int)us}};

	setitimer(clock, &every, NULL);
}

/* ---- Handlers */

static _Atomic int handled;
static struct in_addr *reached;

/* All of these may be called in a handler (signal-safety(7)). */
static void on_tick(int number)
{
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);
	int saved_errno = errno, fd, turn = atomic_fetch_add(&handled, 1);
	sigset_t nothing = {0};

	(void)number;
	if (argument && !strcmp(argument, "open"))
		pthread_sigmask(SIG_SETMASK, &nothing, NULL);
	if (turn < count) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0 || connect(fd, (struct sockaddr *)&known, sizeof(known)) ||
		    getpeername(fd, (struct sockaddr *)&peer, &length))
			die("in the handler", strerror(errno));
		reached[turn] = peer.sin_addr;
		drop(fd);
	}
	errno = saved_errno;
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = on_tick, .sa_flags = flags};

	reached = calloc((size_t)count, sizeof(*reached));
	sigaction(number, &action, NULL);
}

static void print_reached(void)
{
	for (int i = 0; i < count; i++)
		dprintf(STDOUT_FILENO, "%s\n", inet_ntoa(reached[i]));
}

static void in_handler(void)
{
	struct use before;

	known = look_up();
	handle(SIGALRM, SA_RESTART);
	before = use_now();
	every_us(ITIMER_REAL, 1000);
	while (atomic_load(&handled) < count) {
		struct sockaddr_in to = look_up();

		visit(&to);
	}
	every_us(ITIMER_REAL, 0);
	before.threads++; /* ours */
	check_growth(&before, 8, 1024);
	print_reached();
}

static void in_handler_first(void)
{
	known = (struct sockaddr_in){.sin_family = AF_INET,
	                             .sin_port = htons((unsigned short)atoi(port))};
	inet_pton(AF_INET, host, &known.sin_addr);
	handle(SIGUSR1, 0);
	while (atomic_load(&handled) < count)
		raise(SIGUSR1);
	print_reached();
}

static void *nothing(void *unused)
{
	return unused;
}

static void start_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL))
		die("pthread_create", strerror(errno));
	pthread_join(thread, NULL);
}

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* A thread beside this one, that no signal is for: libc takes its locks. In glibc it has the stack
 * of the parent's refresh thread, and one more needs a new one, with memory behind such a lock. */
static void start_sleeper(void)
{
	pthread_attr_t small;
	sigset_t all, before;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 * 1024);
	if (pthread_create(&thread, &small, sleeper, NULL))
		die("pthread_create", strerror(errno));
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Most of this time a lock of libc's is held that pthread_create(3) takes too. */
static void hold_lock(void)
{
	void *blocks[64];

	for (unsigned i = 0; i < 64; i++)
		blocks[i] = malloc(2000 + 300 * i);
	for (unsigned i = 0; i < 64; i++)
		free(blocks[i]);
}

static void collect(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("waitpid", strerror(errno));
	if (status) {
		dprintf(STDERR_FILENO, "a child ended with %#x%s\n", status,
		        status == SIGKILL ? ": it hung" : "");
		_exit(1);
	}
}

/* Ends a child that hangs, whatever it does with SIGALRM. */
static void watchdog(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
	struct itimerspec time = {.it_value.tv_sec = WATCHDOG_S};
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &time, NULL))
		die("timer", strerror(errno));
}

/* In each child nobody refreshes what its parent knew, and it is overdue when it does begin. */
static void in_children(int children, void (*begin)(void))
{
	pid_t pids[TOGETHER];

	known = look_up();
	for (int done = 0, together; done < children; done += together) {
		for (together = 0; together < TOGETHER && done + together < children; together++) {
			pids[together] = fork();
			if (!pids[together]) {
				watchdog();
				wait_us(OVERDUE_US + random_below(20000));
				begin();
				_exit(0);
			}
			(void)random_below(2); /* the next one is another */
		}
		for (int i = 0; i < together; i++)
			collect(pids[i]);
	}
}

static void in_handler_of_child(void)
{
	static char stack[64 * 1024];
	stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};

	sigaltstack(&alternate, NULL);
	handle(SIGALRM, SA_RESTART | (strcmp(argument, "nodefer") ? 0 : SA_NODEFER) |
	                        (strcmp(argument, "alternate") ? 0 : SA_ONSTACK));
	start_sleeper();
	every_us(ITIMER_REAL, 200);
	while (atomic_load(&handled) < count)
		hold_lock();
	every_us(ITIMER_REAL, 0);
}

static void in_handlers_of_children(void)
{
	int children = count;

	count = HANDLED;
	in_children(children, in_handler_of_child);
}

/* ---- siglongjmp */

static sigjmp_buf back;
static volatile sig_atomic_t may_jump, jumped;

static void jump(void)
{
	if (!may_jump)
		return;
	may_jump = false;
	jumped++;
	siglongjmp(back, 1);
}

static void on_jump(int number)
{
	(void)number;
	jump();
}

/* Only out of a system call that waits: libc's lookups also hold its locks, and who leaves them
 * then meets the lock the next time, with or without lbdns. */
static void on_jump_waiting(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
#ifdef __x86_64__
	if (((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] != -EINTR)
		return;
#else
	(void)context;
#endif
	jump();
}

static void after_us(unsigned us)
{
	struct itimerval once = {{0, 0}, {0, (int)us}};

	setitimer(ITIMER_REAL, &once, NULL);
}

static void jump_out_of_connect(void)
{
	struct use before;
	volatile int fd;

	known = look_up();
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_jump}, NULL);
	wait_us(OVERDUE_US);
	before = use_now();
	while (jumped < count) {
		fd = new_socket();
		after_us(1 + random_below(60));
		if (!sigsetjmp(back, true)) {
			may_jump = true;
			for (int i = 0; i < 20; i++)
				if (connect(fd, (struct sockaddr *)&known, sizeof(known)) &&
				    errno != EISCONN && errno != EALREADY)
					die("connect", strerror(errno));
			may_jump = false;
		}
		drop(fd);
	}
	check_growth(&before, 2, 1024);
}

static void jump_out_of_lookup(void)
{
	struct use before = {.threads = 0};
	struct addrinfo *list;
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	known = look_up();
	visit(&known);
	sigaction(SIGALRM,
	          &(struct sigaction){.sa_sigaction = on_jump_waiting, .sa_flags = SA_SIGINFO},
	          NULL);
	dprintf(STDOUT_FILENO, "ready\n");
	while (access(file, F_OK))
		wait_us(1000);
	while (jumped < count) {
		/* What libc itself leaves behind when it is left: more at the first times. */
		if (jumped == count / 4)
			before = use_now();
		every_us(ITIMER_REAL, 1000 + random_below(1000));
		if (!sigsetjmp(back, true)) {
			may_jump = true;
			if (!getaddrinfo(argument, port, NULL, &list))
				die(argument, "was answered");
			if (may_jump)
				die(argument, "failed");
		}
		every_us(ITIMER_REAL, 0);
		visit(&known);
	}
	before.descriptors += 4 + (jumped - count / 4) * LEFT_BY_LIBC;
	check_growth(&before, 64, 4096);
	dprintf(STDOUT_FILENO, "jumped\n");
}

/* ---- Cancellation */

static void drop_it(void *fd)
{
	if (*(volatile int *)fd >= 0)
		drop(*(volatile int *)fd);
}

static void *connect_for_ever(void *unused)
{
	volatile int fd = -1;
	int old;

	/* Which descriptor is open is known to the cleanup at every cancellation point. */
	pthread_cleanup_push(drop_it, (void *)&fd);
	for (;;) {
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
		drop_it((void *)&fd);
		fd = new_socket();
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
		connect(fd, (struct sockaddr *)&known, sizeof(known));
	}
	pthread_cleanup_pop(0);
	return unused;
}

static void *look_up_and_connect_for_ever(void *unused)
{
	volatile int fd = -1;
	int old;

	pthread_cleanup_push(drop_it, (void *)&fd);
	for (;;) {
		struct sockaddr_in to = look_up();

		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
		fd = new_socket();
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
		connect(fd, (struct sockaddr *)&to, sizeof(to));
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
		drop(fd);
		fd = -1;
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	}
	pthread_cleanup_pop(0);
	return unused;
}

static void *look_up_only(void *unused)
{
	(void)unused;
	for (;;)
		(void)look_up();
	return NULL;
}

/* connect(2), the system call, may be interrupted anywhere; what else a thread does may not. */
static void *connect_asynchronously(void *descriptor)
{
	int old;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	for (;;)
		connect(*(int *)descriptor, (struct sockaddr *)&known, sizeof(known));
	return NULL;
}

static void cancel_one(void *(*main)(void *), void *of, unsigned most_us)
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, main, of))
		die("pthread_create", strerror(errno));
	wait_us(random_below(most_us));
	pthread_cancel(thread);
	pthread_join(thread, &result);
	if (result != PTHREAD_CANCELED)
		die("a thread", "ended by itself");
}

static void cancels(void)
{
	struct use before = {.threads = 0};

	known = look_up();
	wait_us(OVERDUE_US);
	for (int i = 0; i < count; i++) {
		if (i == count / 4)
			before = use_now();
		if (!strcmp(argument, "asynchronous")) {
			int fd = new_socket();

			cancel_one(connect_asynchronously, &fd, 300);
			drop(fd);
		} else if (!strcmp(argument, "lookup")) {
			cancel_one(look_up_only, NULL, 400);
		} else {
			cancel_one(i % 2 ? connect_for_ever : look_up_and_connect_for_ever, NULL,
			           400);
		}
	}
	check_growth(&before, 8, 2048);
}

static bool has_threads(int wanted)
{
	for (int i = 0; i < 1000; i++) {
		if (status_number("Threads:") >= wanted)
			return true;
		wait_us(1000);
	}
	return false;
}

static void cancel_in_child(void)
{
	int fd = new_socket();

	cancel_one(connect_asynchronously, &fd, 200);
	start_thread();
	close(fd);
	fd = connect_first(&known);
	dprintf(STDOUT_FILENO, has_threads(2) ? "refreshed\n" : "not refreshed\n");
}

static void cancels_of_children(void)
{
	in_children(count, cancel_in_child);
}

/* ---- setuid and its relatives: libc interrupts every thread for them */

static void ids(void)
{
	pthread_t threads[LOOKERS];
	gid_t group = getgid();

	known = look_up();
	for (int i = 0; i < LOOKERS; i++)
		pthread_create(&threads[i], NULL, look_up_and_visit, NULL);
	for (int i = 0; i < count || atomic_load(&visits) < VISITS; i++)
		if (setresuid(getuid(), geteuid(), (uid_t)-1) || setgid(group) || setegid(group) ||
		    seteuid(geteuid()))
			die("setuid", strerror(errno));
	atomic_store(&stop, true);
	for (int i = 0; i < LOOKERS; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {
		{"handler", in_handler},
		{"handler-first", in_handler_first},
		{"handler-child", in_handlers_of_children},
		{"jump", jump_out_of_connect},
		{"jump-lookup", jump_out_of_lookup},
		{"cancel", cancels},
		{"cancel-child", cancels_of_children},
		{"ids", ids},
	};

	if (argc > 4) {
		host = argv[2];
		port = argv[3];
		count = atoi(argv[4]);
		argument = argv[argc > 5 ? 5 : 4];
		file = argv[argc - 1];
	}
	for (size_t i = 0; argc > 4 && i < sizeof(modes) / sizeof(*modes); i++)
		if (!strcmp(argv[1], modes[i].name)) {
			modes[i].run();
			return 0;
		}
	die("interrupted", "modes are at the top of tests/programs/interrupted.c");
}
