/* rooms: learn balance directory shared dns base */
/* Walks by themselves: which connects are of one lookup, and where they go. Each test has a process
 * of its own. */
#include "learned.h"

#include "balance/walk.h"
#include "balance/walk_records.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

enum { PODS = 3, THREADS = 8, OTHER = 1 };

#ifdef __SANITIZE_THREAD__
enum { ROUNDS = 2000 }; /* it takes twenty times as long for one */
#else
enum { ROUNDS = 20000 };
#endif

static const char name[] = "rng.default.svc.cluster.local";
static uint64_t key; /* of its pool */
static uint64_t now_ms;

static struct walk_ask ask_by(uint64_t thread, uint32_t index)
{
	return (struct walk_ask){.key = key,
	                         .now_ms = now_ms,
	                         .thread = thread,
	                         .count = PODS,
	                         .port = PORT,
	                         .index = index};
}

static struct walk_ask ask_for(uint32_t index)
{
	return ask_by((uintptr_t)&errno, index);
}

enum what { NONE, FIRST, CONTINUES };

/* A connect that is under way has not ended, but returned. */
static void returned(const struct walk_ask *ask)
{
	struct peer peer = {v4(ask->index + 1), (uint16_t)ask->port};

	walk_returned(ask->thread, peer, EINPROGRESS);
}

/* What the connect is, which then goes where it asks. */
static enum what made(const struct walk_ask *ask)
{
	struct walk_step step;

	walk_find(ask, &step);
	walk_note(ask, &step, ask->index);
	returned(ask);
	if (step.record >= WALKS)
		return NONE;
	return step.continues ? CONTINUES : FIRST;
}

static enum what connects_to(uint32_t index)
{
	struct walk_ask ask = ask_for(index);

	return made(&ask);
}

static enum what other_connects_to(uint64_t thread, uint32_t index)
{
	struct walk_ask ask = ask_by(thread, index);

	return made(&ask);
}

static void begin(void)
{
	struct listing listing;

	settings_for_tests();
	now_ms = clock_ms();
	CHECK(learn_v4(name, 1, PODS) && find(name, &listing));
	key = listing.family[FAMILY_V4].key;
}

static void one_after_the_other(void)
{
	CHECK(!walk_any() && connects_to(1) == NONE);
	walk_listed(key, PODS, 1);
	CHECK(walk_any());
	CHECK(connects_to(1) == FIRST && connects_to(2) == CONTINUES &&
	      connects_to(0) == CONTINUES);
	CHECK(connects_to(1) == NONE && !walk_any());
}

static void asked_for_twice(void)
{
	walk_listed(key, PODS, 1);
	CHECK(connects_to(1) == FIRST && connects_to(1) == NONE && !walk_any());
	CHECK(connects_to(2) == NONE && connects_to(0) == NONE);
}

static void all_at_once_from_one_answer(void)
{
	walk_listed(key, PODS, 0);
	CHECK(connects_to(0) == FIRST);
	for (int i = 0; i < 20; i++)
		CHECK(connects_to(0) == NONE);
	CHECK(!walk_any());
}

static void that_thread_port_and_pool(void)
{
	struct walk_ask port = ask_for(2), pool = ask_for(2);

	port.port++;
	pool.key++;
	walk_listed(key, PODS, 1);
	CHECK(connects_to(1) == FIRST);
	CHECK(other_connects_to(OTHER, 2) == NONE && made(&port) == NONE && made(&pool) == NONE);
	CHECK(connects_to(2) == CONTINUES);
}

static void a_moment_ago(void)
{
	walk_listed(key, PODS, 1);
	now_ms += WALK_MS / 2;
	CHECK(connects_to(1) == FIRST);
	now_ms += WALK_MS / 2;
	CHECK(connects_to(2) == CONTINUES);
	now_ms += WALK_MS;
	CHECK(connects_to(0) == NONE && !walk_any());
	walk_listed(key, PODS, 1);
	now_ms += WALK_MS;
	CHECK(connects_to(1) == NONE);
}

static void each_lookup_anew(void)
{
	for (uint32_t i = 0; i < 100; i++) {
		walk_listed(key, PODS, i % PODS);
		CHECK(connects_to(i % PODS) == FIRST);
	}
	walk_listed(key, PODS, 0); /* one of which nothing comes */
	walk_listed(key, PODS, 1);
	CHECK(connects_to(1) == FIRST);
	now_ms += 250;
	CHECK(connects_to(2) == CONTINUES);
	now_ms += 250;
	CHECK(connects_to(0) == CONTINUES);
	/* one that shuffles */
	walk_listed(key, PODS, 0);
	CHECK(connects_to(2) == FIRST);
	walk_listed(key, PODS, 0);
	CHECK(connects_to(1) == FIRST);
}

/* Lookups are this thread's, connects are another's. */
static void looked_up_by_another_thread(void)
{
	walk_listed(key, PODS, 0);
	walk_listed(key, PODS, 1);
	walk_listed(key, PODS, 2);
	CHECK(other_connects_to(OTHER, 0) == FIRST && other_connects_to(OTHER, 1) == FIRST);
	CHECK(other_connects_to(OTHER, 2) == FIRST);
	now_ms += 250; /* pod 1 is silent, and so is pod 2 */
	CHECK(other_connects_to(OTHER, 2) == CONTINUES && other_connects_to(OTHER, 0) == CONTINUES);
	now_ms += 250;
	CHECK(other_connects_to(OTHER, 0) == CONTINUES);
	now_ms += 250;
	walk_listed(key, PODS, 0);
	CHECK(other_connects_to(OTHER, 0) == FIRST);
}

static void lookups_of_others_that_connect_are_theirs(void)
{
	walk_listed(key, PODS, 0);
	CHECK(connects_to(0) == FIRST);
	walk_listed(key, PODS, 1);
	CHECK(other_connects_to(OTHER, 1) == NONE);
	CHECK(connects_to(1) == FIRST);
}

/* ---- How connects ended */

/* Connects as the hook does; returns the number of the pod, from 1. */
static unsigned goes_to(unsigned number)
{
	struct peer asked = {v4(number), PORT};
	struct route route;
	struct pick picked;

	CHECK(route_find(asked.address, &route));
	pick_connect(&route, asked, TRIAL_NONE, &errno, &picked);
	CHECK(picked.kind != PICK_LEAVE);
	walk_returned((uintptr_t)&errno, picked.target, EINPROGRESS);
	return (unsigned)(picked.target.address.low & 0xff);
}

/* Looks up, as lookups do; returns the number of the first pod. */
static unsigned look_up(void)
{
	struct address endpoints[PODS];
	struct listing listing;
	uint32_t first;

	CHECK(find(name, &listing) && listing_copy(&listing, FAMILY_V4, endpoints));
	first = pick_show(endpoints, PODS, listing.family[FAMILY_V4].key, PORT);
	walk_listed(listing.family[FAMILY_V4].key, PODS, first);
	return first + 1;
}

static unsigned after(unsigned number)
{
	return number % PODS + 1;
}

static void ended(unsigned number, int error)
{
	walk_ended((struct peer){v4(number), PORT}, error);
}

static void goes_where_it_has_not_been(void)
{
	unsigned first, turn;

	first = look_up();
	CHECK(goes_to(first) == first);
	/* another client takes a turn */
	turn = connect_to(v4(first)).target.address.low & 0xff;
	CHECK(turn == after(first));
	CHECK(goes_to(after(after(first))) == after(first));
	CHECK(goes_to(after(first)) == after(after(first)));
	first = look_up();
	CHECK(first == after(turn) && goes_to(first) == first); /* two turns were taken */
}

static void a_kept_answer_after_a_failure(void)
{
	unsigned first, turn;

	first = look_up();
	CHECK(goes_to(first) == first && goes_to(first) == after(first) && !walk_any());
	turn = goes_to(first);
	CHECK(turn == after(after(first)));
	ended(turn, ECONNREFUSED);
	CHECK(walk_any());
	CHECK(goes_to(after(first)) == first); /* a continuation, in the order of the lookup */
	CHECK(goes_to(turn) == first && !walk_any()); /* and no more, which is a turn */
	turn = goes_to(first);
	ended(turn, ECONNREFUSED);
	ended(after(turn), 0); /* but tried again within the same connect, and made */
	CHECK(goes_to(after(first)) == after(turn) && !walk_any());
	ended(after(turn), ECONNREFUSED);
	CHECK(goes_to(first) == after(after(turn)) &&
	      !walk_any()); /* asked for as before: a turn */
}

/* ---- Races */

static void check_step(const struct walk_ask *ask)
{
	struct walk_step step;

	walk_find(ask, &step);
	if (step.record < WALKS) {
		CHECK(step.place < PODS && step.walk.count == PODS && step.walk.key == key);
		CHECK(walk_index(&step.walk, step.place) == ask->index);
		CHECK(!step.continues || step.walk.thread == ask->thread);
	}
	walk_note(ask, &step, ask->index);
	returned(ask);
}

static void *all_kinds(void *argument)
{
	uint64_t random = (uintptr_t)argument;

	for (int i = 0; i < ROUNDS; i++) {
		struct walk_ask ask;

		random = hash_mix(random + 1);
		ask = random & 16 ? ask_for((uint32_t)(random >> 32) % PODS)
		                  : ask_by(OTHER, (uint32_t)(random >> 32) % PODS);
		if (random & 1)
			walk_listed(key + (random >> 8 & 1), PODS, (uint32_t)(random >> 16) % PODS);
		check_step(&ask);
	}
	return NULL;
}

static void on_signal(int number)
{
	static _Atomic uint32_t index;
	struct walk_ask ask = ask_for(atomic_fetch_add(&index, 1) % PODS);

	(void)number;
	walk_listed(key, PODS, ask.index);
	check_step(&ask);
}

static void threads_and_signal_handlers(void)
{
	const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	pthread_t threads[THREADS];

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, all_kinds, (void *)i));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	/* Nothing is left behind: a lookup and its connects are known as before. */
	now_ms = clock_ms() + 2 * WALK_MS;
	CHECK(connects_to(0) == NONE && !walk_any());
	now_ms = clock_ms();
	/* A handler may have been kept from connecting by its lookup: none of those is left. */
	for (int i = 0; i < WALKS; i++)
		walk_listed(key, PODS, 0);
	CHECK(connects_to(0) == FIRST && connects_to(1) == CONTINUES);
}

static _Atomic uint32_t lost, continued;

/* Each thread looks up and connects: each connect is the first of its lookup, though others' are
 * about. But where more than WALKS others have looked up in between, the lookup is lost, and its
 * connect may take another thread's, whose own connect continues then. */
static void *each_its_own(void *argument)
{
	(void)argument;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t before = atomic_load(&walk_tickets);

		walk_listed(key, PODS, i % PODS);
		if (connects_to(i % PODS) == CONTINUES)
			atomic_fetch_add(&continued, 1);
		if (atomic_load(&walk_tickets) - before > WALKS)
			atomic_fetch_add(&lost, 1);
	}
	return NULL;
}

static void threads_that_look_up_by_themselves(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, each_its_own, NULL));
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(continued <= lost);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*test)(void);
	} tests[] = {
		{"one after the other", one_after_the_other},
		{"asked for twice", asked_for_twice},
		{"all at once from one answer", all_at_once_from_one_answer},
		{"that thread, port and pool", that_thread_port_and_pool},
		{"a moment ago", a_moment_ago},
		{"each lookup anew", each_lookup_anew},
		{"looked up by another thread", looked_up_by_another_thread},
		{"lookups of others", lookups_of_others_that_connect_are_theirs},
		{"goes where it has not been", goes_where_it_has_not_been},
		{"a kept answer after a failure", a_kept_answer_after_a_failure},
		{"threads and signal handlers", threads_and_signal_handlers},
		{"threads that look up by themselves", threads_that_look_up_by_themselves},
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		failed += !check_run(tests[i].name, begin, tests[i].test);
	return failed ? 1 : 0;
}
