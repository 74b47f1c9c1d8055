/* rooms: connection refresh learn balance directory shared dns base */
/* Connects under way, as a client makes them, and what its refresh thread sees of them in the
 * kernel's table. Real sockets, on addresses of the lab's loopback: a listener whose queue is full
 * answers nobody. Each test has a process of its own. */
#include "learned.h"

#include "balance/ejection.h"
#include "balance/evidence.h"
#include "balance/inflight.h"
#include "base/address_set.h"
#include "base/descriptor.h"
#include "base/identity.h"
#include "base/kernel.h"
#include "base/process.h"
#include "connection/collect.h"
#include "learn/result.h"
#include "refresh/silence.h"
#include "refresh/sockets.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { SILENT = 1, ANSWERING, REFUSING, SILENT_TOO, PODS = SILENT_TOO };
enum { DEADLINE_MS = 20000 }; /* of what takes a second at most, on a machine under load */

static const char name[] = "rng.default.svc.cluster.local";
static int listeners[PODS + 1];
static uint64_t pool;

/* ---- Sockets */

static socklen_t sockaddr_of(int family, struct address address, struct sockaddr_in6 *into)
{
	*into = (struct sockaddr_in6){.sin6_family = (sa_family_t)family, .sin6_port = htons(PORT)};
	address_into_sockaddr(address, (struct sockaddr *)into);
	return family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(*into);
}

static int begin_connect(int family, struct address address)
{
	struct sockaddr_in6 to;
	socklen_t length = sockaddr_of(family, address, &to);
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	descriptor_opened(fd); /* as hooks/socket.c does */
	CHECK(connect(fd, (struct sockaddr *)&to, length) && errno == EINPROGRESS);
	return fd;
}

static bool is_connected_within(int fd, int ms)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, ms) == 1;
}

static int start_listener(int family, struct address address, int queue)
{
	struct sockaddr_in6 at;
	socklen_t length = sockaddr_of(family, address, &at);
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	CHECK(!bind(fd, (struct sockaddr *)&at, length) && !listen(fd, queue));
	return fd;
}

static int start_silent(int family, struct address address)
{
	int fd = start_listener(family, address, 0), filler;

	/* Until its queue takes no more. */
	while (is_connected_within(filler = begin_connect(family, address), 200))
		;
	close(filler);
	return fd;
}

/* Has a silent listener answer, which takes until the next SYN. */
static void wake_up(int listener)
{
	while (accept(listener, NULL, NULL) >= 0)
		;
	CHECK(!listen(listener, 1000));
}

/* ---- A client, and its refresh thread */

static struct peer peer_of(unsigned number)
{
	return (struct peer){v4(number), PORT};
}

static int attempt(unsigned number)
{
	uint64_t now_ms = clock_ms();
	int fd = begin_connect(AF_INET, v4(number));

	inflight_add(fd, peer_of(number), pool, now_ms);
	return fd;
}

static void answer_of(unsigned number)
{
	result_note_peer(peer_of(number), pool, clock_ms(), 0);
}

static const struct ejection *evidence(unsigned number)
{
	return evidence_of(peer_of(number), clock_ms());
}

static bool is_out(unsigned number)
{
	return ejection_until(peer_of(number), clock_ms()) != 0;
}

static void sleep_until(uint64_t when_ms)
{
	struct timespec at = {.tv_sec = (time_t)(when_ms / 1000),
	                      .tv_nsec = (long)(when_ms % 1000 * 1000000)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static unsigned looks; /* that the thread took, by watch_until */

/* Does what the thread does, when it does it, until something holds. */
static bool watch_until(bool (*holds)(void))
{
	uint64_t end_ms = clock_ms() + DEADLINE_MS;

	for (looks = 0; !holds(); looks++) {
		uint64_t next_ms = silence_watch(clock_ms());

		if (holds())
			return true;
		if (clock_ms() > end_ms)
			return false;
		sleep_until(next_ms < end_ms ? next_ms : clock_ms() + 10);
	}
	return true;
}

static bool doubts_silent(void)
{
	return evidence(SILENT) != NULL;
}

static bool doubts_silent_too(void)
{
	return evidence(SILENT_TOO) != NULL;
}

static bool trusts_silent(void)
{
	return !doubts_silent();
}

static bool ejects_silent(void)
{
	return is_out(SILENT);
}

static bool nothing_to_watch(void)
{
	return silence_watch(clock_ms()) == UINT64_MAX;
}

static bool is_blind(void)
{
	return !atomic_load(&process.sees_silence);
}

static uint64_t pause_end_ms;

static bool pause_is_over(void)
{
	return clock_ms() >= pause_end_ms;
}

static void watch_for(uint64_t ms)
{
	pause_end_ms = clock_ms() + ms;
	CHECK(watch_until(pause_is_over));
}

static void begin(void)
{
	static struct addresses pods;

	settings_for_tests();
	addresses_range(&pods, v4, 1, PODS);
	CHECK(learn(name, &pods, NULL));
	pool = address_set_key(pods.at, PODS);
	CHECK(connect_to(v4(1)).key == pool); /* the port is known now */
	listeners[ANSWERING] = start_listener(AF_INET, v4(ANSWERING), 1000);
	listeners[SILENT] = start_silent(AF_INET, v4(SILENT));
	silence_begin(false);
	CHECK(nothing_to_watch());
}

/* ---- What is noticed */

static void one_without_an_answer_is_a_doubt(void)
{
	attempt(SILENT);
	CHECK(silence_watch(clock_ms()) <= clock_ms() + INFLIGHT_LOOK_MS);
	CHECK(!evidence(SILENT));
	CHECK(watch_until(doubts_silent));
	CHECK(evidence(SILENT)->count == 1 && !is_out(SILENT));
}

static void what_was_given_up_stays(void)
{
	int fd = attempt(SILENT);

	CHECK(watch_until(doubts_silent));
	close(fd);
	CHECK(watch_until(nothing_to_watch));
	CHECK(evidence(SILENT) && evidence(SILENT)->count == 1);
}

static void two_in_a_row_if_another_answers(void)
{
	close(attempt(SILENT)); /* never seen */
	attempt(SILENT);
	CHECK(watch_until(doubts_silent));
	watch_for(20); /* later than the first was noticed, by a clock that is coarse */
	answer_of(ANSWERING);
	attempt(SILENT);
	CHECK(watch_until(ejects_silent));
}

static void answered_after_all(void)
{
	int fd = attempt(SILENT);

	CHECK(watch_until(doubts_silent));
	wake_up(listeners[SILENT]);
	CHECK(is_connected_within(fd, DEADLINE_MS));
	CHECK(watch_until(trusts_silent));
	CHECK(!ejection_any(clock_ms()));
	CHECK(watch_until(nothing_to_watch));
}

/* One flow is lost, and the endpoint answers all others. */
static void what_was_told_is_not_told_again(void)
{
	attempt(SILENT);
	CHECK(watch_until(doubts_silent));
	answer_of(SILENT);
	CHECK(!evidence(SILENT));
	watch_for(800);
	CHECK(!evidence(SILENT));
	attempt(SILENT);
	CHECK(watch_until(doubts_silent));
}

/* Those of another process are seen, if this one looks at all. */
static void another_process_waits_too(void)
{
	int ready[2];
	pid_t child;
	char byte;

	listeners[SILENT_TOO] = start_silent(AF_INET, v4(SILENT_TOO));
	CHECK(!pipe(ready));
	child = fork();
	if (!child) {
		begin_connect(AF_INET, v4(SILENT_TOO));
		write(ready[1], "x", 1);
		pause();
	}
	read(ready[0], &byte, 1);
	watch_for(300);
	CHECK(!evidence(SILENT_TOO));
	attempt(SILENT);
	CHECK(watch_until(doubts_silent_too));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static uint64_t looked_by_now(void)
{
	return clock_ms() << 16 | (identity_network() & UINT16_MAX);
}

static void another_process_has_just_looked(void)
{
	attempt(SILENT);
	sleep_until(clock_ms() + 150);
	shared()->looked = looked_by_now();
	CHECK(silence_watch(clock_ms()) <= clock_ms() + 200);
	CHECK(!evidence(SILENT));
	CHECK(watch_until(doubts_silent));
}

static void whatever_is_in_looked(void)
{
	attempt(SILENT);
	shared()->looked = looked_by_now() + (UINT64_C(1000000) << 16);
	CHECK(watch_until(doubts_silent));
}

static void nothing_without_ejections(void)
{
	config.eject_ms = 0;
	attempt(SILENT);
	watch_for(400);
	CHECK(nothing_to_watch() && shared()->looked == 0);
}

/* ---- Whose it is, and how it ended */

static bool is_known(int fd)
{
	struct inflight_view view;

	return inflight_find(fd, &view) != NULL;
}

static uint32_t flags_of(int fd)
{
	struct inflight_view view;

	return inflight_find(fd, &view) ? view.flags : 0;
}

static void a_number_used_again_is_another(void)
{
	int fd = attempt(ANSWERING), again;

	CHECK(is_known(fd));
	close(fd);
	again = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(again == fd);
	descriptor_opened(again);
	CHECK(!is_known(fd));
	collect_error(fd, ECONNREFUSED);
	CHECK(!is_out(ANSWERING));
	inflight_add(fd, peer_of(ANSWERING), pool, clock_ms());
	CHECK(is_known(fd) && !is_known(fd + DESCRIPTORS) && !is_known(-1));
}

/* The client's thread is slow: the answer, and the error, are there before it asks. */
static void a_client_that_asks_late(void)
{
	int answered = attempt(ANSWERING), refused = attempt(REFUSING);

	CHECK(watch_until(nothing_to_watch));
	CHECK(!ejection_any(clock_ms()));
	CHECK(flags_of(answered) == FLAG_ANSWERED && flags_of(refused) == FLAG_ANSWERED);
	collect_error(refused, ECONNREFUSED);
	CHECK(is_out(REFUSING));
	CHECK(ejection_failed(peer_of(ANSWERING), pool, ETIMEDOUT, clock_ms()));
	collect_error(answered, 0);
	CHECK(!is_out(ANSWERING));
}

/* SO_ERROR is 0 as long as it is not over. */
static void a_client_that_asks_early(void)
{
	int fd = attempt(SILENT);

	collect_error(fd, 0);
	CHECK(flags_of(fd) == FLAG_TOLD);
	collect_error(fd, 0); /* it shows what it is */
	close(fd);
	fd = attempt(SILENT);
	collect_error(fd, 0);
	CHECK(flags_of(fd) == 0);
	CHECK(watch_until(doubts_silent));
	collect_error(fd, 0);
	CHECK(doubts_silent() && flags_of(fd) == 0);
	wake_up(listeners[SILENT]);
	CHECK(is_connected_within(fd, DEADLINE_MS));
	collect_error(fd, 0);
	CHECK(!doubts_silent() && flags_of(fd) == FLAG_TOLD);
}

static void an_error_of_later_is_not_the_connects(void)
{
	int fd = attempt(ANSWERING);

	CHECK(is_connected_within(fd, DEADLINE_MS));
	collect_error(fd, ECONNREFUSED);
	CHECK(!is_out(ANSWERING) && !is_known(fd));
}

static void a_place_is_kept_for_who_waits(void)
{
	struct inflight *inflight;
	int fd = 50;

	inflight = inflight_begin(fd, peer_of(SILENT), pool, clock_ms(), INFLIGHT_WAITS);
	CHECK(inflight && is_known(fd));
	inflight_add(fd + DESCRIPTORS, peer_of(ANSWERING), pool, clock_ms());
	CHECK(is_known(fd) && !is_known(fd + DESCRIPTORS));
	CHECK(!inflight_begin(fd + DESCRIPTORS, peer_of(ANSWERING), pool, clock_ms(),
	                      INFLIGHT_LIMIT));
	CHECK(inflight_end(inflight, EINTR) == 0 && is_known(fd)); /* it goes on */
	inflight_add(fd + DESCRIPTORS, peer_of(ANSWERING), pool, clock_ms());
	CHECK(is_known(fd + DESCRIPTORS));
	CHECK(inflight_end(NULL, 0) == 0);
}

/* By siglongjmp, from a signal handler. */
static void a_client_that_left_connect(void)
{
	int fd = 50;

	inflight_begin(fd, peer_of(ANSWERING), pool, clock_ms() - 5000, INFLIGHT_WAITS);
	CHECK(watch_until(nothing_to_watch));
	CHECK(looks <= 10);
	inflight_add(fd + DESCRIPTORS, peer_of(ANSWERING), pool, clock_ms());
	CHECK(is_known(fd + DESCRIPTORS));
}

/* ---- What is cut short */

static int syn_count_of(int fd)
{
	int count = 0;
	socklen_t length = sizeof(count);

	getsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &count, &length);
	return count;
}

static struct inflight *wait_in_connect(int fd, uint64_t age_ms)
{
	silence_begin(true);
	CHECK(inflight_may_limit());
	return inflight_begin(fd, peer_of(SILENT), pool, clock_ms() - age_ms, INFLIGHT_LIMIT);
}

static void is_cut_short_once_the_second_packet_is_late(void)
{
	int fd = begin_connect(AF_INET, v4(SILENT)), count = syn_count_of(fd);
	struct inflight *inflight = wait_in_connect(fd, 500);

	silence_watch(clock_ms());
	CHECK(syn_count_of(fd) == count);
	inflight = wait_in_connect(fd, 1300);
	silence_watch(clock_ms());
	CHECK(syn_count_of(fd) == LIMITED_SYN_COUNT);
	CHECK(inflight_end(inflight, ETIMEDOUT) == count);
	CHECK(inflight_end(inflight, ETIMEDOUT) == 0);
}

static void is_cut_short_before_the_thread_ends(void)
{
	int fd = begin_connect(AF_INET, v4(SILENT)), count = syn_count_of(fd);
	struct inflight *inflight = wait_in_connect(fd, 0);

	silence_end();
	CHECK(!inflight_may_limit());
	CHECK(syn_count_of(fd) == LIMITED_SYN_COUNT);
	CHECK(inflight_end(inflight, 0) == count);
}

static void is_not_cut_short_after_it_is_connected(void)
{
	int fd = begin_connect(AF_INET, v4(ANSWERING)), count = syn_count_of(fd);

	CHECK(is_connected_within(fd, DEADLINE_MS));
	wait_in_connect(fd, 1300);
	silence_watch(clock_ms());
	CHECK(syn_count_of(fd) == count);
}

static void never_where_threads_have_descriptors_of_their_own(void)
{
	inflight_limit_never();
	silence_begin(true);
	CHECK(!inflight_may_limit());
}

/* ---- How often the thread wakes */

/* A client that makes a connection each millisecond, and never says how they end. */
static unsigned wakes_in(uint64_t ms)
{
	uint64_t from_ms = clock_ms() - ms, next_ms = 0;
	unsigned wakes = 0;

	for (uint64_t at_ms = 0; at_ms < ms; at_ms++) {
		inflight_add((int)(at_ms % 1000), peer_of(ANSWERING), pool, from_ms + at_ms);
		if (load_relaxed(&inflight_look_ms) > from_ms + at_ms)
			continue;
		wakes++;
		next_ms = silence_watch(from_ms + at_ms);
		CHECK(next_ms == UINT64_MAX || next_ms > from_ms + at_ms);
	}
	return wakes;
}

static void ten_times_a_second_at_most(void)
{
	CHECK(wakes_in(3000) <= 32);
	config.eject_ms = 0;
	CHECK(wakes_in(3000) <= 32);
}

/* Of two requests the earlier one counts, in whatever order. */
static void the_earlier_request_counts(void)
{
	uint64_t now_ms = clock_ms();

	inflight_ask(now_ms + 500);
	inflight_ask(now_ms + 100);
	inflight_ask(now_ms + 300);
	CHECK(load_relaxed(&inflight_look_ms) == now_ms + 100);
	CHECK(silence_watch(now_ms) == now_ms + 100);
}

/* ---- The kernel's table */

/* Has socket(2) of netlink, or any open(2), end so (SECCOMP_RET_). */
static void filter(bool files, uint32_t end)
{
	struct sock_filter netlink[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, files ? 2 : 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, end),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(netlink) / sizeof(*netlink), netlink};

	netlink[1].jt = files ? 3 : 4;
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void refuse_netlink(void)
{
	filter(false, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
}

/* All that wait for one peer. */
struct found {
	struct peer peer;
	struct socket_seen last;
	unsigned count;
};

static void take_seen(const struct socket_seen *seen, void *with)
{
	struct found *found = with;

	if (!peer_equal(seen->peer, found->peer))
		return;
	found->last = *seen;
	found->count++;
}

static void check_table(int family, struct address address)
{
	int listener = start_silent(
		family == AF_INET6 && address_family(address) == FAMILY_V4 ? AF_INET : family,
		address);
	struct found found = {.peer = {address, PORT}};
	struct sockaddr_in6 own;
	socklen_t length = sizeof(own);
	uint64_t began_ms;
	uint16_t port = 0;
	int fd;

	CHECK(sockets_connecting(take_seen, &found) && !found.count);
	began_ms = clock_ms();
	fd = begin_connect(family, address);
	sleep_until(clock_ms() + 200);
	CHECK(sockets_connecting(take_seen, &found) && found.count == 1);
	CHECK(found.last.v6 == (family == AF_INET6));
	CHECK(found.last.age_ms >= 190 && found.last.age_ms <= clock_ms() - began_ms + 20);
	getsockname(fd, (struct sockaddr *)&own, &length);
	address_from_sockaddr((struct sockaddr *)&own, length, &address, &port);
	CHECK(peer_equal(found.last.own, (struct peer){address, port}));
	CHECK(sockets_fate(&found.last) == FATE_CONNECTING);
	wake_up(listener);
	CHECK(is_connected_within(fd, DEADLINE_MS));
	CHECK(sockets_fate(&found.last) == FATE_ANSWERED);
	found.count = 0;
	CHECK(sockets_connecting(take_seen, &found) && !found.count);
	/* A reset: it is nowhere, not even in TIME_WAIT. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
	           sizeof(struct linger));
	close(fd);
	CHECK(sockets_fate(&found.last) == FATE_GONE);
	close(listener);
}

static void check_tables(void)
{
	check_table(AF_INET, v4(SILENT_TOO));
	check_table(AF_INET6, v6(1));
	check_table(AF_INET6, v4(SILENT_TOO));
}

static void by_netlink(void)
{
	check_tables();
}

static void by_proc(void)
{
	refuse_netlink();
	check_tables();
}

/* Its own port is a listener's now. */
static void a_listener_is_no_answer(void)
{
	struct socket_seen gone = {.peer = {v4(REFUSING), PORT}, .own = peer_of(ANSWERING)};

	CHECK(sockets_fate(&gone) == FATE_GONE);
}

/* More than one part of an answer holds, or a page of /proc. */
static void many(void)
{
	enum { MANY = 400 };
	struct found found = {.peer = peer_of(SILENT)};

	for (int i = 0; i < MANY; i++)
		begin_connect(AF_INET, v4(SILENT));
	CHECK(sockets_connecting(take_seen, &found) && found.count == MANY);
	refuse_netlink();
	found.count = 0;
	CHECK(sockets_connecting(take_seen, &found) && found.count == MANY);
	attempt(SILENT);
	CHECK(watch_until(doubts_silent));
	CHECK(evidence(SILENT)->count == 1);
}

static void noticed_by_proc(void)
{
	refuse_netlink();
	answered_after_all();
}

static void not_at_all(void)
{
	CHECK(identity_network() > 1);
	filter(true, SECCOMP_RET_ERRNO | EACCES);
	attempt(SILENT);
	CHECK(watch_until(is_blind));
	CHECK(!evidence(SILENT) && watch_until(nothing_to_watch));
	collect_error(attempt(REFUSING), ECONNREFUSED);
	CHECK(is_out(REFUSING));
}

/* There was no descriptor left, say: it is asked again after a minute. */
static void not_for_ever(void)
{
	struct rlimit none = {.rlim_cur = 0}, before;

	attempt(SILENT);
	sleep_until(clock_ms() + 150);
	CHECK(!getrlimit(RLIMIT_NOFILE, &before));
	none.rlim_max = before.rlim_max;
	CHECK(!setrlimit(RLIMIT_NOFILE, &none));
	silence_watch(clock_ms());
	CHECK(is_blind());
	CHECK(!setrlimit(RLIMIT_NOFILE, &before));
	attempt(SILENT);
	watch_for(300);
	CHECK(is_blind() && !evidence(SILENT));
	attempt(SILENT);
	silence_watch(clock_ms() + 61 * 1000);
	CHECK(!is_blind());
	CHECK(watch_until(doubts_silent));
}

/* The kernel's table is not read while all is well: whoever opens a netlink socket is killed. */
static void good_days(void)
{
	for (int i = 0; i < 200; i++) {
		int fd = attempt(ANSWERING);

		CHECK(is_connected_within(fd, DEADLINE_MS));
		collect_error(fd, 0);
		silence_watch(clock_ms());
		if (i % 2)
			close(fd);
	}
	watch_for(400);
	CHECK(nothing_to_watch());
}

static void a_bad_day(void)
{
	attempt(SILENT);
	watch_until(doubts_silent);
}

static int status_with_netlink_deadly(void (*days)(void))
{
	int status;
	pid_t child = fork();

	if (!child) {
		check_failures = 0;
		filter(false, SECCOMP_RET_KILL_PROCESS);
		days();
		_exit(check_result());
	}
	waitpid(child, &status, 0);
	return status;
}

static void no_look_while_nothing_is_overdue(void)
{
	CHECK(status_with_netlink_deadly(good_days) == 0);
	CHECK(WTERMSIG(status_with_netlink_deadly(a_bad_day)) == SIGSYS);
}

/* ---- Forks */

static void a_child_does_not_wait_for_its_parents_threads(void)
{
	int status;
	pid_t child;

	inflight_begin(50, peer_of(SILENT), pool, clock_ms(), INFLIGHT_WAITS);
	child = fork();
	if (!child) {
		check_failures = 0;
		atomic_store(&process.has_watched, false); /* as process.c does in a fork */
		silence_begin(false);
		CHECK(!is_known(50));
		inflight_add(50 + DESCRIPTORS, peer_of(ANSWERING), pool, clock_ms());
		CHECK(is_known(50 + DESCRIPTORS));
		_exit(check_result());
	}
	waitpid(child, &status, 0);
	CHECK(status == 0 && is_known(50));
}

int main(void)
{
	bool ok = !system("for i in 1 2 3 4; do ip addr replace 10.0.0.$i/32 dev lo; done;"
	                  "ip addr replace fd00::1/128 dev lo");

#define RUN(test) ok = check_run(#test, begin, test) && ok
	RUN(one_without_an_answer_is_a_doubt);
	RUN(what_was_given_up_stays);
	RUN(two_in_a_row_if_another_answers);
	RUN(answered_after_all);
	RUN(what_was_told_is_not_told_again);
	RUN(another_process_waits_too);
	RUN(another_process_has_just_looked);
	RUN(whatever_is_in_looked);
	RUN(nothing_without_ejections);
	RUN(a_number_used_again_is_another);
	RUN(a_client_that_asks_late);
	RUN(a_client_that_asks_early);
	RUN(an_error_of_later_is_not_the_connects);
	RUN(a_place_is_kept_for_who_waits);
	RUN(a_client_that_left_connect);
	RUN(is_cut_short_once_the_second_packet_is_late);
	RUN(is_cut_short_before_the_thread_ends);
	RUN(is_not_cut_short_after_it_is_connected);
	RUN(never_where_threads_have_descriptors_of_their_own);
	RUN(ten_times_a_second_at_most);
	RUN(the_earlier_request_counts);
	RUN(by_netlink);
	RUN(by_proc);
	RUN(a_listener_is_no_answer);
	RUN(many);
	RUN(noticed_by_proc);
	RUN(not_at_all);
	RUN(not_for_ever);
	RUN(no_look_while_nothing_is_overdue);
	RUN(a_child_does_not_wait_for_its_parents_threads);
	return !ok;
}
