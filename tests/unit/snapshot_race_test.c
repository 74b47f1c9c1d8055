/* rooms: hooks connection lookup refresh learn balance directory shared dns base */
/* The directory read from many threads while it changes; in forked children, in signal handlers,
 * and by threads that leave the hooks by siglongjmp. Pools are ranges, and each name's addresses
 * are its own, so that what is torn or astray is seen. */
#include "learned.h"
#include "balance/pick.h"
#include "balance/rotation.h"
#include "lookup/list.h"
#include "base/address.h"
#include "base/clock.h"
#include "base/process.h"
#include "directory/listing.h"
#include "directory/service.h"
#include "learn/from_libc.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
	TESTED = 4,    /* names that change */
	SPAN = 80,     /* addresses a name may have */
	CLAIMED = 20,  /* one of them, claimed throughout */
	COMMON = 40,   /* one that each answer has: else libc and DNS would speak of other names */
	PASSING = 300, /* names that come, more than there is room for */
	PHASE_MS = 1200,
	READERS = 3,
	WRITERS = 2,
	FORKS = 30,
	CHILD_SECONDS = 60,
	TICK_US = 1000,
	LEAVE_TIMES = 100,
	MOST_PHASES =
		300,    /* until a test has seen what it waits for, on a machine that has no time */
	CLOSED_PORT = 9 /* nobody listens there */
};

static atomic_bool stop;

static struct address at(unsigned name, unsigned number)
{
	unsigned char bytes[] = {127, (unsigned char)(name + 1), 0, (unsigned char)number};

	return address_from_bytes(FAMILY_V4, bytes);
}

static const char *text_of(unsigned name)
{
	static const char texts[TESTED][8] = {"svc-0", "svc-1", "svc-2", "svc-3"};

	return texts[name];
}

static uint64_t random_next(uint64_t *state)
{
	return hash_mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

/* ---- What is to hold at any time */

static void check_listing(unsigned name)
{
	struct listing listing;
	struct address endpoints[SPAN];
	size_t count;

	if (!find(text_of(name), &listing))
		return;
	count = listing.family[FAMILY_V4].count;
	if (listing.family[FAMILY_V4].state != DIRECTORY_POOL)
		return;
	CHECK(count > 0 && count <= SPAN);
	if (count > SPAN || !listing_copy(&listing, FAMILY_V4, endpoints))
		return;
	CHECK(endpoints[0].low >> 8 == at(name, 0).low >> 8);
	for (size_t i = 1; i < count; i++)
		CHECK(endpoints[i].low == endpoints[0].low + i);
	if (count > 1)
		CHECK(rotation_show(listing.family[FAMILY_V4].key, PORT, (uint32_t)count) < count);
	listing_given(&listing, BOTH);
}

static void check_connection(unsigned name, unsigned number)
{
	struct pick picked = connect_to(at(name, number));

	CHECK(picked.target.address.low >> 8 == at(name, 0).low >> 8);
	CHECK(number != CLAIMED || picked.kind != PICK_OTHER);
}

/* Through the hook: whichever address it goes to, nobody is there. */
static void check_hook(unsigned name, unsigned number)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(CLOSED_PORT)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	address_into_sockaddr(at(name, number), (struct sockaddr *)&address);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno == ECONNREFUSED);
	close(fd);
}

static void check_once(uint64_t *state)
{
	uint64_t random = random_next(state);
	unsigned name = random % TESTED, number = (unsigned)(random >> 8) % SPAN + 1;

	check_listing(name);
	check_connection(name, number);
	check_connection(name, CLAIMED);
	if (random >> 60 == 0)
		check_hook(name, number);
}

/* ---- Who changes it */

static void change(unsigned name, uint64_t random)
{
	static _Thread_local struct addresses addresses;
	struct listing listing;
	unsigned from = 1 + (unsigned)(random >> 16) % COMMON;

	addresses.count = COMMON + 1 - from + (random >> 32) % (SPAN - COMMON);
	for (size_t i = 0; i < addresses.count; i++)
		addresses.at[i] = at(name, from + (unsigned)i);
	if (random % 16 == 0 || !find(text_of(name), &listing))
		learn(text_of(name), &addresses, NULL);
	else
		refresh(text_of(name), text_of(name), random % 8 == 1 ? NULL : &addresses);
}

static void change_passing(uint64_t random)
{
	char name[32];
	unsigned number = (unsigned)(random >> 16) % PASSING;

	snprintf(name, sizeof(name), "passing-%u", number);
	learn_v4(name, 3 * number + 1, 2 + random % 2);
}

static void *writer(void *argument)
{
	uint64_t state = (uintptr_t)argument;

	while (!atomic_load(&stop)) {
		uint64_t random = random_next(&state);

		if (random >> 60 < 3)
			change_passing(random);
		else
			change((random >> 8) % TESTED, random);
	}
	return NULL;
}

static void *reader(void *argument)
{
	uint64_t state = (uintptr_t)argument;

	while (!atomic_load(&stop))
		check_once(&state);
	return NULL;
}

static void begin(void)
{
	static struct addresses addresses;

	/* Loopback addresses, where all ports are closed, are in a pool only if the name is listed. */
	settings_with("LBDNS_NAMES=svc-*,passing-*");
	addresses.count = COMMON;
	for (unsigned name = 0; name < TESTED; name++) {
		for (unsigned i = 0; i < addresses.count; i++)
			addresses.at[i] = at(name, 1 + i);
		CHECK(learn(text_of(name), &addresses, NULL));
		refresh(text_of(name), text_of(name), &addresses);
		learn_claim(1, at(name, CLAIMED));
	}
}

static void futex_sleep(unsigned ms)
{
	uint64_t end_ms = clock_ms() + ms;

	while (clock_ms() < end_ms)
		usleep(1000);
}

static void with_threads(void (*main_thread)(void))
{
	pthread_t threads[READERS + WRITERS];

	for (uintptr_t i = 0; i < READERS + WRITERS; i++)
		pthread_create(&threads[i], NULL, i < READERS ? reader : writer, (void *)(i + 1));
	main_thread();
	atomic_store(&stop, true);
	for (int i = 0; i < READERS + WRITERS; i++)
		pthread_join(threads[i], NULL);
}

/* ---- Threads */

static void look_on(void)
{
	futex_sleep(PHASE_MS);
}

static void threads(void)
{
	with_threads(look_on);
}

/* ---- Children, forked at any moment of the writers */

static void child(uint64_t state)
{
	static struct addresses addresses;
	struct listing listing;

	alarm(CHILD_SECONDS);
	for (int i = 0; i < 200; i++)
		check_once(&state);
	/* The right to write was not inherited. */
	addresses.count = 7;
	for (unsigned i = 0; i < addresses.count; i++)
		addresses.at[i] = at(0, COMMON - 3 + i);
	/* Forked in the midst of a change, it reads nothing until its own next one. */
	if (!find(text_of(0), &listing))
		learn(text_of(0), &addresses, NULL);
	refresh(text_of(0), text_of(0), &addresses);
	CHECK(find(text_of(0), &listing) && listing.family[FAMILY_V4].count == 7);
	for (int i = 0; i < 20; i++)
		change((unsigned)i % TESTED, random_next(&state));
	check_listing(1);
	_exit(check_result());
}

static void fork_many(void)
{
	for (uint64_t i = 0; i < FORKS; i++) {
		int status = 0;
		pid_t pid = fork();

		if (!pid)
			child(i);
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	}
}

static void forks(void)
{
	with_threads(fork_many);
}

/* ---- Signal handlers */

static _Atomic uint32_t handled;

static void on_tick(int signal)
{
	int saved_errno = errno;
	uint64_t random = hash_mix(atomic_fetch_add(&handled, 1));

	(void)signal;
	check_connection(random % TESTED, (unsigned)(random >> 8) % SPAN + 1);
	check_hook(random % TESTED, (unsigned)(random >> 8) % SPAN + 1);
	errno = saved_errno;
}

static void tick(void)
{
	struct itimerval every = {{0, TICK_US}, {0, TICK_US}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	/* On a busy machine, and behind a sanitizer, a handler may take as long as many ticks. */
	for (int i = 0; i < MOST_PHASES && (!i || atomic_load(&handled) <= 50); i++)
		futex_sleep(PHASE_MS);
	setitimer(ITIMER_REAL, &never, NULL);
	CHECK(atomic_load(&handled) > 50);
}

static void handlers(void)
{
	with_threads(tick);
}

/* ---- siglongjmp */

extern char __executable_start, etext;

static _Thread_local sigjmp_buf back;
static _Thread_local volatile sig_atomic_t may_leave;
static _Atomic uint32_t left, looked_up;

/* ThreadSanitizer keeps the context where another thread's memory may be later, and takes that for
 * a race. */
__attribute__((no_sanitize("thread"))) static uintptr_t interrupted(const void *context)
{
	const ucontext_t *at_signal = context;

#if defined __x86_64__
	return (uintptr_t)at_signal->uc_mcontext.gregs[REG_RIP];
#else
	return (uintptr_t)at_signal->uc_mcontext.pc;
#endif
}

/* Only out of code of ours: libc's own locks would stay held. */
static void on_leave(int signal, siginfo_t *info, void *context)
{
	uintptr_t pc = interrupted(context);

	(void)signal;
	(void)info;
	if (!may_leave || pc < (uintptr_t)&__executable_start || pc >= (uintptr_t)&etext)
		return;
	may_leave = false;
	atomic_fetch_add(&left, 1);
	siglongjmp(back, 1);
}

/* Behind AddressSanitizer libc itself would be asked, or lookups take longer than from one tick to
 * the next. */
#ifdef __has_feature
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
enum { BEHIND_SANITIZER = 1 };
#else
enum { BEHIND_SANITIZER = 0 };
#endif

static bool has_lists(void)
{
	return !BEHIND_SANITIZER && list_can_make();
}

static void look_up(unsigned name)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list;

	if (!has_lists())
		return;
	if (getaddrinfo(text_of(name), "8081", &hints, &list))
		return;
	may_leave = false;
	atomic_fetch_add(&looked_up, 1);
	CHECK(list->ai_addrlen == sizeof(struct sockaddr_in));
	freeaddrinfo(list);
}

static void *leaver(void *argument)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	struct itimerspec every = {{0, TICK_US * 200}, {0, TICK_US * 200}};
	volatile uint64_t state = (uintptr_t)argument;
	timer_t timer;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		return NULL;
	timer_settime(timer, 0, &every, NULL);
	while (!atomic_load(&stop)) {
		uint64_t random = hash_mix(state += UINT64_C(0x9e3779b97f4a7c15));

		if (sigsetjmp(back, true))
			continue;
		may_leave = true;
		check_listing(random % TESTED);
		check_connection(random % TESTED, (unsigned)(random >> 8) % SPAN + 1);
		look_up(0);
		change(1 + (unsigned)random % (TESTED - 1), random);
		may_leave = false;
	}
	timer_delete(timer);
	return NULL;
}

static void leave(void)
{
	struct sigaction action = {.sa_sigaction = on_leave, .sa_flags = SA_SIGINFO | SA_RESTART};
	pthread_t threads[4];

	sigaction(SIGUSR1, &action, NULL);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, leaver, (void *)(i + 100));
	/* Most ticks find a thread in a system call. */
	for (int i = 0; i < MOST_PHASES && (!i || atomic_load(&left) < LEAVE_TIMES); i++)
		futex_sleep(PHASE_MS);
	atomic_store(&stop, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(atomic_load(&left) >= LEAVE_TIMES);
	CHECK(atomic_load(&looked_up) > 20 || !has_lists());
}

static void jumps(void)
{
	struct listing listing;

	with_threads(leave);
	/* Nothing was left held. */
	refresh(text_of(0), text_of(0),
	        &(struct addresses){.count = 2, .at = {at(0, COMMON), at(0, COMMON + 1)}});
	CHECK(find(text_of(0), &listing) && listing.family[FAMILY_V4].count == 2);
	CHECK(atomic_load(&process.thread) != THREAD_REFUSED);
}

int main(void)
{
#define RUN(test) ok = check_run(#test, begin, test) && ok
	bool ok = true;

	RUN(threads);
	RUN(forks);
	RUN(handlers);
	RUN(jumps);
	return !ok;
}
