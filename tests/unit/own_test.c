/* rooms: balance shared base */
/* Endpoints that one process alone passes over, by themselves. Each test has a process of its own.
 */
#include "check.h"
#include "balance/own.h"
#include "base/config.h"
#include "base/process.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 8081, MOST = 2 * OWN_PLACES, THREADS = 8, ROUNDS = 20000 };

static const uint64_t NOW_MS = 1000000, EJECT_MS = 5000;
static struct peer pod[MOST];

static uint32_t passed_over(uint64_t now_ms)
{
	uint32_t place = 0, count = 0;
	struct peer peer;

	while (own_next(&place, now_ms, &peer))
		count++;
	return count;
}

static void nobody_at_first(void)
{
	CHECK(!own_any(NOW_MS) && !own_has(pod[0], NOW_MS) && !passed_over(NOW_MS));
}

static void for_a_while(void)
{
	own_pass(pod[0], NOW_MS);
	CHECK(own_any(NOW_MS) && own_has(pod[0], NOW_MS) && passed_over(NOW_MS) == 1);
	CHECK(own_has(pod[0], NOW_MS + EJECT_MS - 1));
	CHECK(!own_has(pod[0], NOW_MS + EJECT_MS) && !own_any(NOW_MS + EJECT_MS));
	own_pass(pod[0], NOW_MS + 1000);
	CHECK(own_has(pod[0], NOW_MS + EJECT_MS) && passed_over(NOW_MS + EJECT_MS) == 1);
	own_pass(pod[0], NOW_MS + 2 * EJECT_MS);
	CHECK(own_has(pod[0], NOW_MS + 3 * EJECT_MS - 1));
}

static void that_endpoint_and_port(void)
{
	struct peer other = {pod[0].address, PORT + 1};
	struct peer found = {.port = 0};
	uint32_t place = 0;

	own_pass(pod[0], NOW_MS);
	CHECK(!own_has(pod[1], NOW_MS) && !own_has(other, NOW_MS));
	CHECK(own_next(&place, NOW_MS, &found) && peer_equal(found, pod[0]));
	CHECK(!own_next(&place, NOW_MS, &found));
}

static void until_it_answers(void)
{
	own_pass(pod[0], NOW_MS);
	own_pass(pod[1], NOW_MS);
	own_answered(pod[0], NOW_MS);
	CHECK(!own_has(pod[0], NOW_MS) && own_has(pod[1], NOW_MS));
	own_answered(pod[2], NOW_MS);
	CHECK(passed_over(NOW_MS) == 1);
	own_pass(pod[0], NOW_MS);
	CHECK(own_has(pod[0], NOW_MS));
}

static void not_with_eject_0(void)
{
	config.eject_ms = 0;
	own_pass(pod[0], NOW_MS);
	CHECK(!own_any(NOW_MS) && !own_has(pod[0], NOW_MS));
}

static void more_than_there_is_room_for(void)
{
	for (uint32_t i = 0; i < MOST; i++)
		own_pass(pod[i], NOW_MS);
	CHECK(passed_over(NOW_MS) == OWN_PLACES && own_has(pod[OWN_PLACES - 1], NOW_MS));
	for (uint32_t i = OWN_PLACES; i < MOST; i++)
		own_pass(pod[i], NOW_MS + 2 * EJECT_MS);
	CHECK(passed_over(NOW_MS + 2 * EJECT_MS) == OWN_PLACES);
	CHECK(own_has(pod[MOST - 1], NOW_MS + 2 * EJECT_MS));
}

/* With MADV_WIPEONFORK and without. */
static void not_in_a_child(void)
{
	int status;

	process_start();
	own_pass(pod[0], NOW_MS);
	if (!fork()) {
		bool clean = !own_any(NOW_MS) && !passed_over(NOW_MS);

		own_pass(pod[1], NOW_MS);
		_exit(!clean || passed_over(NOW_MS) != 1);
	}
	wait(&status);
	CHECK(status == 0);
	CHECK(own_has(pod[0], NOW_MS) && !own_has(pod[1], NOW_MS));
}

static void *pass_and_answer(void *first)
{
	const struct peer *own = first;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		uint32_t place = 0;
		struct peer found;

		own_pass(own[i % 2], NOW_MS);
		CHECK(own_has(own[i % 2], NOW_MS));
		while (own_next(&place, NOW_MS, &found))
			CHECK(found.port == PORT);
		own_answered(own[i % 2], NOW_MS);
	}
	return NULL;
}

/* Each has two of its own, and none of the others' is in its way. */
static void threads(void)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, pass_and_answer, &pod[2 * i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK(!passed_over(NOW_MS));
}

static void begin(void)
{
	config_load((char *[]){NULL});
	config.eject_ms = (uint32_t)EJECT_MS;
	for (uint32_t i = 0; i < MOST; i++) {
		unsigned char bytes[] = {10, 244, 0, (unsigned char)(i + 1)};

		pod[i] = (struct peer){address_from_bytes(FAMILY_V4, bytes), PORT};
	}
}

int main(void)
{
#define RUN(test) ok = check_run(#test, begin, test) && ok
	bool ok = true;

	RUN(nobody_at_first);
	RUN(for_a_while);
	RUN(that_endpoint_and_port);
	RUN(until_it_answers);
	RUN(not_with_eject_0);
	RUN(more_than_there_is_room_for);
	RUN(not_in_a_child);
	RUN(threads);
	return !ok;
}
