/* rooms: balance shared base */
/* Health by itself: who is passed over, what is evidence, who checks when, whatever is in the
 * memory. The memory is shared with forked children, as that of a user's processes is. Each test
 * has a process of its own. */
#include "check.h"
#include "balance/ejection.h"
#include "balance/evidence.h"
#include "balance/rotation.h"
#include "balance/skips.h"
#include "base/address.h"
#include "base/config.h"
#include "base/identity.h"
#include "shared/segment.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 8081, MOST = 100, THREADS = 8, MINUTE_MS = 60 * 1000 };

static const uint64_t POOL = 0x7001, OTHER_POOL = 0x7002;

/* Any moment: health knows no clock but this one. */
static uint64_t now_ms = 100 * 1000 * 1000;
static struct address pod[MOST];

static struct peer peer_of(uint32_t index)
{
	return (struct peer){pod[index], PORT};
}

static struct skips look(uint32_t count, enum trial trial)
{
	struct skips skips;

	ejection_skips(pod, count, PORT, now_ms, trial, &skips);
	return skips;
}

static bool is_passed_over(uint32_t count, uint32_t index)
{
	struct skips skips = look(count, TRIAL_NONE);

	return skips_has(&skips, index);
}

static int64_t given(uint32_t count)
{
	return look(count, TRIAL_CALLER).probe;
}

static bool fails(uint32_t index, int error)
{
	return ejection_failed(peer_of(index), POOL, error, now_ms);
}

static void answers(uint32_t index)
{
	ejection_answered(peer_of(index), POOL, now_ms, now_ms);
}

/* An attempt that began so long ago is seen without an answer. */
static enum silence silent_for(uint32_t index, uint64_t age_ms)
{
	return ejection_silent(peer_of(index), POOL, now_ms - age_ms, now_ms);
}

/* Runs a test's other process. */
static void in_another_process(void (*run)(void))
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		check_failures = 0;
		run();
		_exit(check_result());
	}
	waitpid(child, &status, 0);
	CHECK(status == 0);
}

static struct ejection *record_of(uint32_t index)
{
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++)
		if (shared()->ejections[i].key && shared()->ejections[i].low == pod[index].low)
			return &shared()->ejections[i];
	return NULL;
}

/* ---- Who is passed over */

static void nobody_at_first(void)
{
	CHECK(!ejection_any(now_ms));
	CHECK(look(5, TRIAL_CALLER).count == 0 && given(5) == -1);
	answers(1);
	CHECK(!ejection_any(now_ms) && !record_of(1));
}

static void only_what_tells_of_the_endpoint(void)
{
	static const int blamed[] = {ECONNREFUSED, EHOSTUNREACH, EHOSTDOWN, ETIMEDOUT};
	static const int local[] = {0,           EADDRNOTAVAIL, EMFILE,      EPERM,
	                            EACCES,      EINTR,         EBADF,       ENOBUFS,
	                            EINPROGRESS, EISCONN,       ENETUNREACH, ECONNRESET};

	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
		CHECK(!fails(0, local[i]) && !is_passed_over(5, 0));
	for (uint32_t i = 0; i < sizeof(blamed) / sizeof(*blamed); i++)
		CHECK(fails(i, blamed[i]) && is_passed_over(20, i));
}

static void one_port(void)
{
	struct skips skips;

	CHECK(fails(1, ECONNREFUSED));
	ejection_skips(pod, 5, PORT + 1, now_ms, TRIAL_CALLER, &skips);
	CHECK(skips.count == 0);
	ejection_skips(pod + 2, 3, PORT, now_ms, TRIAL_CALLER, &skips);
	CHECK(skips.count == 0);
}

static void not_with_eject_0(void)
{
	CHECK(fails(1, ECONNREFUSED) && ejection_any(now_ms));
	config.eject_ms = 0;
	CHECK(!ejection_any(now_ms));
	CHECK(!fails(2, ECONNREFUSED));
	CHECK(silent_for(3, 100) == SILENCE_KNOWN && !record_of(3));
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
	skips = look(10, TRIAL_NONE);
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
	CHECK(look(6, TRIAL_NONE).count == 5);
	CHECK(look(2, TRIAL_NONE).count == 1);
	CHECK(look(1, TRIAL_NONE).count == 0);
	for (uint32_t i = 6; i < SHARED_EJECTIONS; i++)
		fails(i, ECONNREFUSED);
	CHECK(look(MOST, TRIAL_NONE).count == SKIPS_MOST);
}

static void the_last_is_the_one_that_has_rested_for_the_longest(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		fails(2 - i, ECONNREFUSED);
		now_ms += 10;
	}
	CHECK(!is_passed_over(3, 2) && is_passed_over(3, 0) && is_passed_over(3, 1));
	fails(2, ECONNREFUSED);
	CHECK(!is_passed_over(3, 1) && is_passed_over(3, 0) && is_passed_over(3, 2));
	CHECK(is_passed_over(4, 0) && is_passed_over(4, 1) && is_passed_over(4, 2));
}

static void silent_at_most_half(void)
{
	for (uint32_t i = 0; i < 6; i++)
		fails(i, ETIMEDOUT);
	CHECK(look(7, TRIAL_NONE).count == 3);
	CHECK(look(6, TRIAL_NONE).count == 3);
	CHECK(look(3, TRIAL_NONE).count == 1);
	CHECK(look(2, TRIAL_NONE).count == 1);
	CHECK(look(20, TRIAL_NONE).count == 6);
	fails(6, ECONNREFUSED);
	CHECK(look(7, TRIAL_NONE).count == 4);
}

/* ---- When it is checked */

/* How long a pod that fails at once whenever it is tried is passed over. */
static uint64_t passed_over_ms(uint32_t index)
{
	uint64_t began_ms = now_ms;

	while (is_passed_over(5, index) && given(5) < 0)
		now_ms += 10;
	return now_ms - began_ms;
}

static void check_times(const uint64_t *most_ms, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t ms;

		CHECK(fails(1, ECONNREFUSED) == (i == 0));
		ms = passed_over_ms(1);
		CHECK(ms >= most_ms[i] - most_ms[i] / 5 && ms <= most_ms[i] + 10);
	}
}

static void is_checked_soon_then_doubling_up_to_a_minute(void)
{
	static const uint64_t most_ms[] = {250,   500,   1000,  2000,  5000, 10000,
	                                   20000, 40000, 60000, 60000, 60000};

	check_times(most_ms, sizeof(most_ms) / sizeof(*most_ms));
	answers(1);
	CHECK(!is_passed_over(5, 1) && !ejection_any(now_ms));
	check_times(most_ms, 3);
}

static void never_later_than_eject_at_first(void)
{
	static const uint64_t most_ms[] = {250, 300, 300, 300, 300, 600, 1200, 2400, 4800, 4800};

	config.eject_ms = 300;
	check_times(most_ms, sizeof(most_ms) / sizeof(*most_ms));
}

static void late_failures_count_once(void)
{
	CHECK(fails(1, ECONNREFUSED));
	for (int i = 0; i < 50; i++)
		CHECK(!fails(1, ECONNREFUSED));
	CHECK(passed_over_ms(1) <= 260);
}

static void forgotten_begins_anew(void)
{
	for (int i = 0; i < 8; i++) {
		fails(1, ECONNREFUSED);
		passed_over_ms(1);
	}
	now_ms += EVIDENCE_KEPT_MS + 2 * MINUTE_MS;
	CHECK(!is_passed_over(5, 1) && !ejection_any(now_ms));
	CHECK(fails(1, ECONNREFUSED));
	CHECK(passed_over_ms(1) <= 260);
}

static void one_tries_again(void)
{
	fails(1, ECONNREFUSED);
	CHECK(given(5) == -1);
	now_ms += 251;
	CHECK(is_passed_over(5, 1)); /* who may not try it, passes over it */
	CHECK(given(5) == 1);
	CHECK(given(5) == -1 && is_passed_over(5, 1));
	answers(1);
	CHECK(given(5) == -1 && !is_passed_over(5, 1));
}

static void the_thread_tries_it_and_now_and_then_a_caller(void)
{
	unsigned callers = 0;

	for (int i = 0; i < 32; i++) {
		struct skips skips;

		fails(1, ECONNREFUSED);
		now_ms += MINUTE_MS + 1;
		skips = look(5, TRIAL_THREAD);
		CHECK((skips.probe == 1) != (skips.leased == 1));
		CHECK(skips_has(&skips, 1) == (skips.leased == 1));
		callers += skips.probe == 1;
	}
	CHECK(callers == 2);
}

static void a_lost_try_is_given_again(void)
{
	fails(1, ETIMEDOUT);
	now_ms += 251;
	CHECK(given(5) == 1);
	now_ms += 3500;
	CHECK(given(5) == -1);
	now_ms += 1000;
	CHECK(given(5) == 1);
}

static void one_try_for_each(void)
{
	bool tried[3] = {false};

	for (uint32_t i = 0; i < 3; i++)
		fails(i, ECONNREFUSED);
	now_ms += 5001;
	for (int i = 0; i < 3; i++) {
		int64_t probe = given(5);

		CHECK(probe >= 0 && probe < 3 && !tried[probe]);
		tried[probe < 0 ? 0 : probe] = true;
	}
	CHECK(given(5) == -1);
}

/* ---- Another process */

static void is_given_1(void)
{
	CHECK(given(5) == 1);
}

static void is_given_nothing(void)
{
	CHECK(is_passed_over(5, 1) && given(5) == -1);
}

static void fails_1(void)
{
	CHECK(!fails(1, ECONNREFUSED));
}

static void is_given_1_and_answered(void)
{
	is_given_1();
	answers(1);
}

static void another_process_checks_at_once(void)
{
	uint64_t self = identity_process();

	CHECK(fails(1, ECONNREFUSED) && record_of(1)->by == self);
	CHECK(given(5) == -1);
	in_another_process(is_given_1_and_answered);
	CHECK(!is_passed_over(5, 1) && !ejection_any(now_ms));
	CHECK(identity_process() == self);
}

static void what_two_processes_say_is_not_checked_at_once(void)
{
	CHECK(fails(1, ECONNREFUSED));
	in_another_process(fails_1);
	CHECK(record_of(1)->by == 0);
	in_another_process(is_given_nothing);
	now_ms += 251;
	in_another_process(is_given_1);
}

static void another_process_that_dies_checking_keeps_it_out_for_a_lease(void)
{
	CHECK(fails(1, ECONNREFUSED));
	in_another_process(is_given_1);
	in_another_process(is_given_nothing);
	now_ms += 3900;
	CHECK(given(5) == -1);
	now_ms += 200;
	CHECK(given(5) == 1);
}

/* ---- Silence */

static void one_silent_attempt_is_a_doubt(void)
{
	CHECK(silent_for(1, 100) == SILENCE_CHECK);
	CHECK(ejection_any(now_ms) && !is_passed_over(5, 1));
	answers(2);
	CHECK(!is_passed_over(5, 1) && ejection_any(now_ms));
	answers(1);
	CHECK(!ejection_any(now_ms));
}

static void two_in_a_row_if_another_has_answered(void)
{
	silent_for(1, 100);
	now_ms += 200;
	answers(2);
	now_ms += 400;
	CHECK(!ejection_speaks(peer_of(1), now_ms));
	CHECK(silent_for(1, 100) == SILENCE_FAILURE);
	CHECK(ejection_speaks(peer_of(1), now_ms) && !ejection_speaks(peer_of(2), now_ms));
	CHECK(is_passed_over(5, 1));
	CHECK(silent_for(1, 50) == SILENCE_KNOWN);
}

static void two_in_a_row_once_another_answers(void)
{
	silent_for(1, 100);
	now_ms += 200;
	CHECK(silent_for(1, 100) == SILENCE_FAILURE);
	CHECK(ejection_speaks(peer_of(1), now_ms));
	CHECK(!is_passed_over(5, 1));
	now_ms += 500;
	ejection_answered((struct peer){pod[2], PORT + 1}, POOL, now_ms, now_ms);
	ejection_answered(peer_of(3), OTHER_POOL, now_ms, now_ms);
	CHECK(!is_passed_over(5, 1));
	answers(2);
	CHECK(is_passed_over(5, 1));
}

static void not_two_with_an_answer_in_between(void)
{
	silent_for(4, 100);
	for (int i = 0; i < 5; i++) {
		silent_for(1, 100);
		now_ms += 200;
		answers(2);
		answers(1);
		now_ms += 200;
		CHECK(!is_passed_over(5, 1));
	}
}

/* It began before its endpoint's own answer, and was found silent after that. */
static void its_own_answer_is_not_anothers(void)
{
	silent_for(4, 100);
	now_ms += 50;
	answers(1);
	now_ms += 50;
	CHECK(silent_for(1, 100) == SILENCE_CHECK);
	now_ms += 200;
	CHECK(silent_for(1, 100) == SILENCE_FAILURE);
	now_ms += 1700;
	ejection_still_silent(peer_of(1), now_ms);
	CHECK(!is_passed_over(5, 1));
	answers(2);
	CHECK(is_passed_over(5, 1));
}

/* A pod that stood still for less has lost nothing but time. */
static void not_before_it_is_long_enough(void)
{
	silent_for(1, 100);
	now_ms += 200;
	answers(2);
	CHECK(silent_for(1, 100) == SILENCE_FAILURE);
	now_ms += 399;
	answers(2);
	CHECK(!ejection_still_silent(peer_of(1), now_ms) && !is_passed_over(5, 1));
	now_ms += 1;
	CHECK(ejection_still_silent(peer_of(1), now_ms) && is_passed_over(5, 1));
	CHECK(!ejection_still_silent(peer_of(1), now_ms));
	CHECK(!ejection_still_silent(peer_of(2), now_ms) && !record_of(2));
}

/* It may be the load of all. */
static void longer_where_others_are_doubted(void)
{
	silent_for(3, 100);
	silent_for(1, 100);
	now_ms += 1000;
	answers(2);
	CHECK(silent_for(1, 100) == SILENCE_FAILURE && !is_passed_over(5, 1));
	now_ms += 899;
	answers(2);
	CHECK(!is_passed_over(5, 1));
	now_ms += 1;
	answers(2);
	CHECK(is_passed_over(5, 1) && !is_passed_over(5, 3));
	CHECK(silent_for(3, 100) == SILENCE_FAILURE); /* which is the only one now */
	answers(2);
	CHECK(is_passed_over(5, 3));
}

static void held_while_its_checks_are_silent(void)
{
	CHECK(silent_for(1, 40) == SILENCE_CHECK);
	now_ms += 4;
	answers(2);
	for (int i = 0; i < 3; i++) {
		CHECK(!is_passed_over(5, 1));
		now_ms += 4;
		CHECK(ejection_check_silent(peer_of(1), now_ms));
	}
	CHECK(is_passed_over(5, 1) && !ejection_until(peer_of(1), now_ms));
	silent_for(3, 40);
	CHECK(!is_passed_over(5, 1)); /* not if it is not the only one */
	answers(3);
	CHECK(is_passed_over(5, 1));
	now_ms += 1000;
	CHECK(!is_passed_over(5, 1)); /* nobody checks it any more */
	CHECK(!ejection_check_silent(peer_of(3), now_ms) && !record_of(3));
	answers(1);
	CHECK(!record_of(1));
}

static void held_only_if_another_has_answered(void)
{
	CHECK(silent_for(1, 40) == SILENCE_CHECK);
	for (int i = 0; i < 3; i++) {
		now_ms += 4;
		ejection_check_silent(peer_of(1), now_ms);
	}
	CHECK(!is_passed_over(5, 1));
	answers(2);
	CHECK(is_passed_over(5, 1));
	answers(1);
	CHECK(!is_passed_over(5, 1));
}

/* It was the network's fault: nothing is left that would keep connections off the fast path. */
static void silent_at_the_same_time_and_one_answers(void)
{
	for (uint32_t i = 1; i <= 3; i++) {
		silent_for(i, 100);
		now_ms += 200;
		CHECK(silent_for(i, 100) == SILENCE_FAILURE);
	}
	now_ms += 300;
	answers(2);
	CHECK(look(5, TRIAL_NONE).count == 0);
	CHECK(!record_of(1) && !record_of(3) && !ejection_any(now_ms));
}

static void silent_1_for_150(void)
{
	CHECK(silent_for(1, 150) == SILENCE_KNOWN);
}

static void those_of_one_moment_count_once(void)
{
	silent_for(1, 100);
	answers(2);
	now_ms += 100;
	for (int i = 0; i < 50; i++)
		CHECK(silent_for(1, 150) == SILENCE_KNOWN);
	in_another_process(silent_1_for_150);
	CHECK(!is_passed_over(5, 1) && record_of(1)->count == 1);
	now_ms += 100;
	answers(2);
	CHECK(silent_for(1, 150) == SILENCE_FAILURE);
	now_ms += 500;
	answers(2);
	CHECK(is_passed_over(5, 1));
}

/* Of any attempt, whenever it began, in any process. */
static void answer_1_that_began_before(void)
{
	ejection_answered(peer_of(1), POOL, now_ms - 10000, now_ms);
}

static void any_answer_ends_it(void)
{
	static const int errors[] = {ECONNREFUSED, ETIMEDOUT};

	for (size_t i = 0; i < 2; i++) {
		fails(1, errors[i]);
		fails(1, errors[i]);
		now_ms += 300;
		CHECK(is_passed_over(5, 1));
		in_another_process(answer_1_that_began_before);
		CHECK(!is_passed_over(5, 1) && !record_of(1) && !ejection_any(now_ms));
	}
}

static void if_none_answers_the_ejected_are_checked(void)
{
	for (int i = 0; i < 6; i++) {
		fails(1, ECONNREFUSED);
		passed_over_ms(1);
	}
	fails(1, ECONNREFUSED);
	CHECK(given(5) == -1);
	silent_for(2, 100);
	now_ms += 200;
	CHECK(given(5) == -1);
	CHECK(silent_for(2, 100) == SILENCE_FAILURE);
	CHECK(given(5) == 1);
}

/* ---- Another network namespace */

static void in_another_network(void)
{
	CHECK(!unshare(CLONE_NEWNET));
	identity_moved();
	CHECK(!is_passed_over(5, 1));
	CHECK(ejection_any(now_ms));
	CHECK(fails(2, ECONNREFUSED) && is_passed_over(5, 2));
	CHECK(fails(1, ECONNREFUSED) && is_passed_over(5, 1));
	answers(1);
	answers(2);
	CHECK(ejection_any(now_ms)); /* for the other one */
	fails(3, ECONNREFUSED);
}

static void another_network_is_another_endpoint(void)
{
	fails(1, ECONNREFUSED);
	in_another_process(in_another_network);
	CHECK(is_passed_over(5, 1) && !is_passed_over(5, 2) && !is_passed_over(5, 3));
	answers(1);
	CHECK(!is_passed_over(5, 1));
	now_ms += EVIDENCE_KEPT_MS + 2 * MINUTE_MS;
	/* What is forgotten of the other one makes room. */
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++)
		CHECK(fails(i, ECONNREFUSED));
}

/* ---- Threads */

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
		probes += given(32) >= 0;
	return NULL;
}

static void in_threads(void *(*run)(void *))
{
	static const int numbers[THREADS] = {0, 1, 2, 3, 4, 5, 6, 7};
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, run, (void *)&numbers[i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void threads_agree(void)
{
	in_threads(fail_and_look);
	CHECK(look(32, TRIAL_NONE).count == 16);
	/* Those that fail at the same time may each be the first. */
	CHECK(firsts >= 16);
	now_ms += MINUTE_MS + 1;
	in_threads(look_for_probes);
	CHECK(probes == 16);
}

/* What one thread has said stands until that thread takes it back. */
static void *fail_and_answer(void *number)
{
	uint32_t index = (uint32_t) * (const int *)number;

	for (int i = 0; i < 3000; i++) {
		if (i % 2)
			fails(index, ECONNREFUSED);
		else
			silent_for(index, 100);
		CHECK(ejection_any(now_ms) && record_of(index));
		answers(index);
	}
	return NULL;
}

static void no_doubt_is_lost_beside_an_end(void)
{
	in_threads(fail_and_answer);
	CHECK(!ejection_any(now_ms));
}

/* ---- Whatever is in the memory */

/* A full table is nobody's fault; what is forgotten makes room. */
static void more_than_there_is_room_for(void)
{
	for (uint32_t i = 0; i < MOST; i++)
		CHECK(fails(i, ECONNREFUSED) == (i < SHARED_EJECTIONS));
	now_ms += EVIDENCE_KEPT_MS + 2 * MINUTE_MS;
	CHECK(fails(MOST - 1, ECONNREFUSED));
	CHECK(is_passed_over(MOST, MOST - 1));
}

/* Pods that left while they were ejected, as in a rolling update: nobody checks them any more. */
static void those_that_nobody_checks_make_room(void)
{
	for (uint32_t i = 0; i < SHARED_EJECTIONS; i++)
		fails(i, ECONNREFUSED);
	silent_for(MOST - 2, 100);
	CHECK(!record_of(MOST - 2));
	for (int i = 0; i < 300; i++) {
		int64_t checked = given(2);

		/* The last hope of a pool of two is now one, now the other. */
		fails(is_passed_over(2, 0) ? 1 : 0, ECONNREFUSED);
		if (checked > 0)
			fails((uint32_t)checked, ECONNREFUSED);
		now_ms += 100;
	}
	for (uint32_t i = SHARED_EJECTIONS; i < SHARED_EJECTIONS + 10; i++)
		CHECK(fails(i, ECONNREFUSED) && record_of(i));
	CHECK(record_of(0) && record_of(1));
}

/* As a process leaves it that was killed between the key and the rest. */
static void half_written(void)
{
	enum { WORDS = sizeof(struct ejection) / sizeof(uint64_t) };

	for (int word = 1; word < WORDS; word++) {
		_Atomic uint64_t *words;

		fails(1, ECONNREFUSED);
		words = (_Atomic uint64_t *)record_of(1);
		for (int i = word; i < WORDS; i++)
			words[i] = 0;
		is_passed_over(5, 1);
		CHECK(fails(1, ECONNREFUSED) || is_passed_over(5, 1));
		CHECK(is_passed_over(5, 1));
		answers(1);
		CHECK(!is_passed_over(5, 1) && !ejection_any(now_ms));
	}
}

/* Two processes that began to write a record when places were free here and there. */
static void two_records_of_one_endpoint(void)
{
	struct ejection *first, *second;

	fails(1, ECONNREFUSED);
	first = record_of(1);
	second = first + 1;
	memcpy((void *)second, (void *)first, sizeof(*second));
	answers(1);
	CHECK(!is_passed_over(5, 1) && !ejection_any(now_ms));
}

/* Longer than any of ours: not believed, and not there for ever. */
static void far_in_the_future(void)
{
	fails(1, ECONNREFUSED);
	record_of(1)->check_ms = UINT64_MAX;
	CHECK(!is_passed_over(5, 1));
	CHECK(fails(1, ECONNREFUSED) && is_passed_over(5, 1));
	record_of(1)->noted_ms = UINT64_MAX;
	CHECK(!is_passed_over(5, 1));
	CHECK(fails(1, ECONNREFUSED) && is_passed_over(5, 1));
	record_of(1)->lease_ms = UINT64_MAX;
	now_ms += 251;
	CHECK(given(5) == 1);
	record_of(1)->network = 12345;
	record_of(1)->check_ms = UINT64_MAX / 2;
	fails(2, ECONNREFUSED);
	answers(2);
	CHECK(!ejection_any(now_ms));
}

/* Else no connection would ever be on the fast path again. */
static void doubts_of_another_time(void)
{
	shared()->doubts_until_ms = UINT64_MAX;
	CHECK(!ejection_any(now_ms));
	shared()->doubts_until_ms = now_ms + 24 * 60 * MINUTE_MS;
	CHECK(!ejection_any(now_ms));
	fails(1, ECONNREFUSED);
	CHECK(ejection_any(now_ms));
	CHECK(!ejection_any(now_ms + EVIDENCE_KEPT_MS + 2 * MINUTE_MS));
}

static void random_words(void)
{
	enum { WORDS = SHARED_EJECTIONS * sizeof(struct ejection) / sizeof(uint64_t) };
	_Atomic uint64_t *words = (_Atomic uint64_t *)shared()->ejections;
	uint64_t state = 1;

	for (int round = 0; round < 2000; round++) {
		state += 1000;
		for (size_t i = 0; i < WORDS; i++)
			words[i] = hash_mix(state + i) >> (hash_mix(state * i) % 64);
		/* Some are records but for their times and numbers: all of it is believed. */
		for (uint32_t i = 0; i < SHARED_EJECTIONS && round % 2; i++) {
			struct ejection *record = &shared()->ejections[i];

			record->key = evidence_key(peer_of(i % 16));
			record->high = pod[i % 16].high;
			record->low = pod[i % 16].low;
			record->port = PORT;
			record->network = identity_network();
			record->noted_ms %= 2 * now_ms;
			record->check_ms %= 2 * now_ms;
		}
		shared()->doubts_until_ms = hash_mix(state) % (2 * now_ms);
		for (uint32_t count = 1; count < 8; count++) {
			struct skips skips = look(count, (enum trial)(round % 3));

			CHECK(skips.count < count && skips.probe < (int64_t)count &&
			      skips.leased < (int64_t)count);
			for (uint32_t i = 0; i < count - skips.count; i++)
				CHECK(skips_map(&skips, i) < count);
		}
		fails((uint32_t)round % MOST, round % 2 ? ETIMEDOUT : ECONNREFUSED);
		silent_for((uint32_t)round % 11, (uint64_t)round % 300);
		answers((uint32_t)round % 7);
		CHECK(!is_passed_over(MOST, (uint32_t)round % 7));
	}
}

static void begin(void)
{
	config_load((char *[]){NULL});
	config.shared = false;
	/* Instead of a segment: it ends with the test. */
	shared_used = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
	                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
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
	RUN(the_last_is_the_one_that_has_rested_for_the_longest);
	RUN(silent_at_most_half);
	RUN(is_checked_soon_then_doubling_up_to_a_minute);
	RUN(never_later_than_eject_at_first);
	RUN(late_failures_count_once);
	RUN(forgotten_begins_anew);
	RUN(one_tries_again);
	RUN(the_thread_tries_it_and_now_and_then_a_caller);
	RUN(a_lost_try_is_given_again);
	RUN(one_try_for_each);
	RUN(another_process_checks_at_once);
	RUN(what_two_processes_say_is_not_checked_at_once);
	RUN(another_process_that_dies_checking_keeps_it_out_for_a_lease);
	RUN(one_silent_attempt_is_a_doubt);
	RUN(two_in_a_row_if_another_has_answered);
	RUN(two_in_a_row_once_another_answers);
	RUN(not_two_with_an_answer_in_between);
	RUN(its_own_answer_is_not_anothers);
	RUN(not_before_it_is_long_enough);
	RUN(longer_where_others_are_doubted);
	RUN(held_while_its_checks_are_silent);
	RUN(held_only_if_another_has_answered);
	RUN(silent_at_the_same_time_and_one_answers);
	RUN(those_of_one_moment_count_once);
	RUN(any_answer_ends_it);
	RUN(if_none_answers_the_ejected_are_checked);
	RUN(another_network_is_another_endpoint);
	RUN(threads_agree);
	RUN(no_doubt_is_lost_beside_an_end);
	RUN(more_than_there_is_room_for);
	RUN(those_that_nobody_checks_make_room);
	RUN(half_written);
	RUN(two_records_of_one_endpoint);
	RUN(far_in_the_future);
	RUN(doubts_of_another_time);
	RUN(random_words);
	return !ok;
}
