/* rooms: balance shared base */
/* Health by itself: who is passed over, who tries again, whatever is in the memory. Each test has a
 * process of its own. */
#include "check.h"
#include "balance/ejection.h"
#include "balance/late.h"
#include "balance/skips.h"
#include "base/address.h"
#include "base/config.h"
#include "shared/segment.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 8081, MOST = 100, THREADS = 8 };

/* Any moment: health knows no clock but this one. */
static uint64_t now_ms = 1000000;
static struct address pod[MOST];

static struct skips look(uint32_t count, bool may_probe)
{
	struct skips skips;

	ejection_skips(pod, count, PORT, now_ms, may_probe, &skips);
	return skips;
}

static bool is_passed_over(uint32_t count, uint32_t index)
{
	struct skips skips = look(count, false);

	for (uint32_t i = 0; i < skips.count; i++)
		if (skips.excluded[i] == index)
			return true;
	return false;
}

static bool fails(uint32_t index, int error)
{
	return ejection_failed((struct peer){pod[index], PORT}, error, now_ms);
}

static void succeeds(uint32_t index)
{
	ejection_answered((struct peer){pod[index], PORT}, now_ms);
}

static void nobody_at_first(void)
{
	CHECK(!ejection_any(now_ms));
	CHECK(look(5, true).count == 0 && look(5, true).probe == -1);
}

static void only_what_tells_of_the_endpoint(void)
{
	static const int blamed[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH,
	                             EHOSTDOWN,    ECONNRESET,   ETIMEDOUT};
	static const int local[] = {0,     EADDRNOTAVAIL, EMFILE,  EPERM,       EACCES,
	                            EINTR, EBADF,         ENOBUFS, EINPROGRESS, EISCONN};

	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
		CHECK(!fails(0, local[i]) && !is_passed_over(5, 0));
	for (uint32_t i = 0; i < sizeof(blamed) / sizeof(*blamed); i++)
		CHECK(fails(i, blamed[i]) && is_passed_over(20, i));
}

static void one_port(void)
{
	struct skips skips;

	CHECK(fails(1, ECONNREFUSED));
	ejection_skips(pod, 5, PORT + 1, now_ms, true, &skips);
	CHECK(skips.count == 0);
	ejection_skips(pod + 2, 3, PORT, now_ms, true, &skips);
	CHECK(skips.count == 0);
}

static void not_with_eject_0(void)
{
	CHECK(fails(1, ECONNREFUSED) && ejection_any(now_ms));
	config.eject_ms = 0;
	CHECK(!ejection_any(now_ms));
	CHECK(!fails(2, ECONNREFUSED));
	config.eject_ms = 5000;
	CHECK(is_passed_over(5, 1) && !is_passed_over(5, 2));
}

static void maps_to_the_others(void)
{
	static const uint32_t others[] = {1, 3, 4, 5, 8};
	struct skips skips;

	fails(9, ECONNREFUSED);
	fails(0, ECONNREFUSED);
	fails(7, ECONNREFUSED);
	fails(2, ECONNREFUSED);
	fails(6, ECONNREFUSED);
	skips = look(10, false);
	CHECK(skips.count == 5);
	for (uint32_t i = 0; i < 5; i++)
		CHECK(skips_map(&skips, i) == others[i]);
	skips.count = 0;
	CHECK(skips_map(&skips, 3) == 3);
}

static void refusing_down_to_the_last(void)
{
	for (uint32_t i = 0; i < 6; i++)
		fails(i, ECONNREFUSED);
	CHECK(look(6, false).count == 5);
	CHECK(look(2, false).count == 1);
	CHECK(look(1, false).count == 0);
	for (uint32_t i = 6; i < SHARED_EJECTIONS; i++)
		fails(i, ECONNREFUSED);
	CHECK(look(MOST, false).count == SKIPS_MOST);
}

static void silent_at_most_half(void)
{
	for (uint32_t i = 0; i < 6; i++)
		fails(i, ETIMEDOUT);
	CHECK(look(7, false).count == 3);
	CHECK(look(6, false).count == 3);
	CHECK(look(3, false).count == 1);
	CHECK(look(2, false).count == 1);
	CHECK(look(20, false).count == 6);
	fails(6, ECONNREFUSED);
	CHECK(look(7, false).count == 4);
}

/* How long a pod that fails at once whenever it is tried is passed over. */
static uint64_t passed_over_ms(uint32_t index)
{
	uint64_t began_ms = now_ms;

	while (is_passed_over(5, index) && look(5, true).probe < 0)
		now_ms += 10;
	return now_ms - began_ms;
}

static void doubles_up_to_a_minute(void)
{
	static const uint64_t most_ms[] = {5000, 10000, 20000, 40000, 60000, 60000, 60000};

	for (size_t i = 0; i < sizeof(most_ms) / sizeof(*most_ms); i++) {
		uint64_t ms;

		CHECK(fails(1, ECONNREFUSED) == (i == 0));
		ms = passed_over_ms(1);
		CHECK(ms >= most_ms[i] - most_ms[i] / 5 && ms <= most_ms[i] + 10);
	}
	succeeds(1);
	CHECK(!is_passed_over(5, 1));
	CHECK(fails(1, ECONNREFUSED));
	CHECK(passed_over_ms(1) <= 5010);
}

static void late_failures_count_once(void)
{
	CHECK(fails(1, ECONNREFUSED));
	for (int i = 0; i < 50; i++)
		CHECK(!fails(1, ECONNREFUSED));
	CHECK(passed_over_ms(1) <= 5010);
}

static void forgotten_begins_anew(void)
{
	for (int i = 0; i < 4; i++) {
		fails(1, ECONNREFUSED);
		now_ms += 60000;
	}
	now_ms += 60 * 60 * 1000;
	CHECK(!is_passed_over(5, 1));
	CHECK(fails(1, ECONNREFUSED));
	CHECK(passed_over_ms(1) <= 5010);
}

static void one_tries_again(void)
{
	fails(1, ECONNREFUSED);
	CHECK(look(5, true).probe == -1);
	now_ms += 5001;
	CHECK(is_passed_over(5, 1)); /* who may not try it, passes over it */
	CHECK(look(5, true).probe == 1);
	CHECK(look(5, true).probe == -1 && is_passed_over(5, 1));
	succeeds(1);
	CHECK(look(5, true).probe == -1 && !is_passed_over(5, 1));
}

static void a_lost_try_is_given_again(void)
{
	fails(1, ETIMEDOUT);
	now_ms += 5001;
	CHECK(look(5, true).probe == 1);
	now_ms += 3500;
	CHECK(look(5, true).probe == -1);
	now_ms += 1000;
	CHECK(look(5, true).probe == 1);
}

static void one_try_for_each(void)
{
	bool tried[3] = {false};

	for (uint32_t i = 0; i < 3; i++)
		fails(i, ECONNREFUSED);
	now_ms += 5001;
	for (int i = 0; i < 3; i++) {
		int64_t probe = look(5, true).probe;

		CHECK(probe >= 0 && probe < 3 && !tried[probe]);
		tried[probe < 0 ? 0 : probe] = true;
	}
	CHECK(look(5, true).probe == -1);
}

static _Atomic int firsts, probes;

static void *fail_and_look(void *unused)
{
	(void)unused;
	for (uint32_t i = 0; i < 16; i++)
		firsts += fails(i, ECONNREFUSED);
	return NULL;
}

static void *look_for_probes(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++)
		probes += look(32, true).probe >= 0;
	return NULL;
}

static void in_threads(void *(*run)(void *))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void threads_agree(void)
{
	in_threads(fail_and_look);
	CHECK(look(32, false).count == 16);
	/* Those that fail at the same time may each be the first. */
	CHECK(firsts >= 16);
	now_ms += 60001;
	in_threads(look_for_probes);
	CHECK(probes == 16);
}

/* A full table is nobody's fault; what is forgotten makes room. */
static void more_than_there_is_room_for(void)
{
	for (uint32_t i = 0; i < MOST; i++)
		CHECK(fails(i, ECONNREFUSED) == (i < SHARED_EJECTIONS));
	now_ms += 60000 + 60001;
	CHECK(fails(MOST - 1, ECONNREFUSED));
	CHECK(is_passed_over(MOST, MOST - 1));
}

static struct ejection *record_of(uint32_t index)
{
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++)
		if (shared()->ejections[i].key && shared()->ejections[i].low == pod[index].low)
			return &shared()->ejections[i];
	CHECK(false);
	return NULL;
}

/* As a process leaves it that was killed between the key and the rest. */
static void half_written(void)
{
	struct ejection *record;

	fails(1, ECONNREFUSED);
	record = record_of(1);
	record->high = record->low = record->port = record->until_ms = record->failures = 0;
	CHECK(!is_passed_over(5, 1));
	CHECK(fails(1, ECONNREFUSED));
	CHECK(is_passed_over(5, 1));
	CHECK(passed_over_ms(1) <= 5010);
}

/* Longer than any of ours: not believed, and not there for ever. */
static void far_in_the_future(void)
{
	fails(1, ECONNREFUSED);
	record_of(1)->until_ms = UINT64_MAX;
	CHECK(!is_passed_over(5, 1));
	fails(1, ECONNREFUSED);
	CHECK(is_passed_over(5, 1));
	CHECK(passed_over_ms(1) <= 5010);
	record_of(1)->lease_ms = UINT64_MAX;
	now_ms += 120 * 1000;
	CHECK(!is_passed_over(5, 1));
}

static void random_words(void)
{
	enum { WORDS = SHARED_EJECTIONS * sizeof(struct ejection) / sizeof(uint64_t) };
	uint64_t *words = (uint64_t *)shared()->ejections;
	uint64_t state = 1;

	for (int round = 0; round < 2000; round++) {
		state += 1000;
		for (size_t i = 0; i < WORDS; i++)
			words[i] = hash_mix(state + i) >> (hash_mix(state * i) % 64);
		/* Some look like records: all that can be said of them is believed. */
		for (uint32_t i = 0; i < SHARED_EJECTIONS && round % 2; i++) {
			uint64_t until_ms = shared()->ejections[i].until_ms;

			shared()->ejections[i].until_ms = until_ms % (2 * now_ms);
		}
		for (uint32_t count = 1; count < 8; count++) {
			struct skips skips = look(count, round % 3 == 0);

			CHECK(skips.count < count && skips.probe < (int64_t)count);
			for (uint32_t i = 0; i < count - skips.count; i++)
				CHECK(skips_map(&skips, i) < count);
		}
		fails((uint32_t)round % MOST, round % 2 ? ETIMEDOUT : ECONNREFUSED);
		succeeds((uint32_t)round % 7);
	}
}

static void begin(void)
{
	config_load((char *[]){NULL});
	config.shared = false;
	for (uint32_t i = 0; i < MOST; i++) {
		unsigned char bytes[] = {10, 244, 0, (unsigned char)(i + 1)};

		pod[i] = address_from_bytes(FAMILY_V4, bytes);
	}
}

int main(void)
{
#define RUN(test) ok = check_run(#test, begin, test) && ok
	bool ok = true;

	RUN(nobody_at_first);
	RUN(only_what_tells_of_the_endpoint);
	RUN(one_port);
	RUN(not_with_eject_0);
	RUN(maps_to_the_others);
	RUN(refusing_down_to_the_last);
	RUN(silent_at_most_half);
	RUN(doubles_up_to_a_minute);
	RUN(late_failures_count_once);
	RUN(forgotten_begins_anew);
	RUN(one_tries_again);
	RUN(a_lost_try_is_given_again);
	RUN(one_try_for_each);
	RUN(threads_agree);
	RUN(more_than_there_is_room_for);
	RUN(half_written);
	RUN(far_in_the_future);
	RUN(random_words);
	return !ok;
}
