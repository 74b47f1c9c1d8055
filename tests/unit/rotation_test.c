/* rooms: balance shared base */
/* Rotation by itself: whose turn it is, over threads, processes, ports and lookups. Each test has a
 * process of its own. */
#include "check.h"
#include "balance/rotation.h"
#include "base/clock.h"
#include "base/config.h"
#include "shared/segment.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 8081, THREADS = 8, MOST = 4000 };

static const uint64_t key = 0x1234567890abcdef;

/* Shared with forked processes. */
static _Atomic uint32_t *counts;

/* All of the first count counts are the same, or differ by one where total does not divide. */
static void check_exact(uint32_t count, uint32_t total)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		CHECK(counts[i] == total / count || counts[i] == (total + count - 1) / count);
		sum += counts[i];
	}
	CHECK(sum == total);
}

static void picks_in_turn(void)
{
	uint32_t last = rotation_pick(key, PORT, 7, clock_ms()), next;

	for (int i = 0; i < 1000; i++) {
		next = rotation_pick(key, PORT, 7, clock_ms());
		CHECK(next == (last + 1) % 7);
		last = next;
	}
	CHECK(rotation_pick(key, PORT, 1, clock_ms()) == 0);
}

static void begins_anywhere(void)
{
	for (uint64_t k = 1; k <= 3000; k++)
		counts[rotation_pick(k, PORT, 3, clock_ms())]++;
	for (int i = 0; i < 3; i++)
		CHECK(counts[i] > 850 && counts[i] < 1150);
}

/* count and how many turns each thread takes */
struct work {
	uint32_t count, turns;
};

static void *pick_many(void *argument)
{
	const struct work *work = argument;

	for (uint32_t i = 0; i < work->turns; i++)
		atomic_fetch_add(&counts[rotation_pick(key, PORT, work->count, clock_ms())], 1);
	return NULL;
}

/* A peek that finds the turn of 0 takes it, as a client does that asks for the address that is
 * next. */
static void *take_many(void *argument)
{
	const struct work *work = argument;

	for (uint32_t i = 0; i < work->turns;) {
		uint64_t turn;
		uint32_t next = rotation_peek(key, PORT, work->count, &turn);

		if (next)
			next = rotation_pick(key, PORT, work->count, clock_ms());
		else if (!rotation_take(key, PORT, turn))
			continue;
		atomic_fetch_add(&counts[next], 1);
		i++;
	}
	return NULL;
}

static void *show_many(void *argument)
{
	const struct work *work = argument;

	for (uint32_t i = 0; i < work->turns; i++)
		CHECK(rotation_show(key, i % 2 ? PORT : 0, work->count) < work->count);
	return NULL;
}

static void in_threads(void *(*const main[])(void *), int kinds, struct work *work)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, main[i % kinds], work);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void threads_pick(void)
{
	struct work work = {.count = 7, .turns = 10001};

	in_threads((void *(*const[])(void *)){pick_many}, 1, &work);
	check_exact(7, THREADS * 10001);
}

static void threads_pick_and_take(void)
{
	struct work work = {.count = 3, .turns = 5000};

	in_threads((void *(*const[])(void *)){pick_many, take_many}, 2, &work);
	check_exact(3, THREADS * 5000);
}

/* Lookups do not move what connections take. */
static void threads_pick_and_show(void)
{
	struct work work = {.count = 7, .turns = 10000};

	in_threads((void *(*const[])(void *)){pick_many, show_many}, 2, &work);
	check_exact(7, THREADS / 2 * 10000);
}

static void processes_pick(bool shared)
{
	config.shared = shared;
	config.mode = MODE_ON;
	shared_start();
	for (int i = 0; i < THREADS; i++) {
		if (fork())
			continue;
		for (int k = 0; k < 375; k++)
			atomic_fetch_add(&counts[rotation_pick(key, PORT, 3, clock_ms())], 1);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	check_exact(3, 3000);
}

static void shared_processes_pick(void)
{
	processes_pick(true);
}

/* Each its own rotation, all beginning where the parent was: 375 is a multiple of 3. */
static void single_processes_pick(void)
{
	processes_pick(false);
}

static void shows_the_next_pick(void)
{
	for (int i = 0; i < 100; i++) {
		uint32_t shown = rotation_show(key, PORT, 5);

		CHECK(rotation_pick(key, PORT, 5, clock_ms()) == shown);
	}
	for (int i = 0; i < 100; i++) {
		uint32_t shown = rotation_show(key, PORT, 2);

		CHECK(rotation_show(key, PORT, 2) == (shown + 1) % 2);
		CHECK(rotation_pick(key, PORT, 2, clock_ms()) == shown);
	}
}

static void shows_in_turn(void)
{
	uint32_t first = rotation_show(key, 0, 3);

	for (uint32_t i = 1; i < 30; i++)
		CHECK(rotation_show(key, 0, 3) == (first + i) % 3);
}

static void peek_takes_nothing(void)
{
	for (int i = 0; i < 100; i++) {
		uint64_t turn, again;
		uint32_t next = rotation_peek(key, PORT, 4, &turn);

		CHECK(rotation_peek(key, PORT, 4, &again) == next && again == turn);
		if (i % 2)
			CHECK(rotation_pick(key, PORT, 4, clock_ms()) == next);
		else
			CHECK(rotation_take(key, PORT, turn));
		CHECK(!rotation_take(key, PORT, turn));
		CHECK(rotation_peek(key, PORT, 4, &again) == (next + 1) % 4);
	}
}

static void ports_are_apart(void)
{
	static const uint32_t ports[] = {0, 80, 8081, 8082, 65535, 53, 53 | PEER_DATAGRAM};
	enum { PORTS = sizeof(ports) / sizeof(*ports) };
	uint32_t last[PORTS];

	for (int p = 0; p < PORTS; p++)
		last[p] = rotation_pick(key, ports[p], 4, clock_ms());
	for (int i = 0; i < 100; i++) {
		for (int p = 0; p < PORTS; p++) {
			uint32_t next = rotation_pick(key, ports[p], 4, clock_ms());

			CHECK(next == (last[p] + 1) % 4);
			last[p] = next;
		}
	}
}

static void portless_shows_the_last_port(void)
{
	for (uint32_t port = 8000; port < 8020; port++) {
		uint32_t next = rotation_pick(key, port, 9, clock_ms());

		rotation_note_port(key, port);
		CHECK(rotation_port(key, 0) == port);
		CHECK(rotation_show(key, rotation_port(key, 0), 9) == (next + 1) % 9);
	}
}

/* Far more cursors than there is room for: each answer is still below its count. */
static void many_keys(void)
{
	for (int round = 0; round < 2; round++) {
		for (uint64_t k = 0; k < 20000; k++) {
			uint32_t count = (uint32_t)(k % MOST) + 1;

			CHECK(rotation_show(k, PORT, count) < count);
			CHECK(rotation_pick(k, PORT, count, clock_ms()) < count);
		}
	}
}

static void begin(void)
{
	for (int i = 0; i < MOST; i++)
		counts[i] = 0; /* shared with the other tests */
	config_load((char *[]){NULL});
	config.shared = false;
}

int main(void)
{
#define RUN(test) ok = check_run(#test, begin, test) && ok
	bool ok = true;

	counts = mmap(NULL, MOST * sizeof(*counts), PROT_READ | PROT_WRITE,
	              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		return 1;
	RUN(picks_in_turn);
	RUN(begins_anywhere);
	RUN(threads_pick);
	RUN(threads_pick_and_take);
	RUN(threads_pick_and_show);
	RUN(shared_processes_pick);
	RUN(single_processes_pick);
	RUN(shows_the_next_pick);
	RUN(shows_in_turn);
	RUN(peek_takes_nothing);
	RUN(ports_are_apart);
	RUN(portless_shows_the_last_port);
	RUN(many_keys);
	return !ok;
}
