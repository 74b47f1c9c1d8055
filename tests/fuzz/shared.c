/* rooms: learn balance directory shared dns base */
/* The shared memory as another process may have left it: the first half of an input fills all of
 * it, again and again; the rest are steps, of 2 bytes and what they need: what we do with it, and
 * what is written into it meanwhile. Whatever is there, a pick is one of the endpoints, and
 * everything ends. */
#include "fuzz.h"
#include "balance/ejection.h"
#include "balance/pick.h"
#include "balance/rotation.h"
#include "balance/skips.h"
#include "base/address.h"
#include "base/address_set.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/name.h"
#include "shared/counters.h"
#include "shared/mode.h"
#include "shared/read.h"
#include "shared/segment.h"

#include <errno.h>
#include <string.h>

enum { POOLS = 4, LARGEST = 100, PORTS = 3 };

static const uint32_t counts[POOLS] = {1, 2, 5, LARGEST};
static const uint32_t ports[PORTS] = {80, 0, 53 | PEER_DATAGRAM};
static struct address endpoints[POOLS][LARGEST];
static uint64_t keys[POOLS], names[POOLS];
static struct name_text texts[POOLS];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	config_load((char *[]){"LBDNS_SHARED=off", NULL});
	for (uint32_t p = 0; p < POOLS; p++) {
		char text[] = "pool-0";

		for (uint32_t i = 0; i < counts[p]; i++)
			endpoints[p][i] = address_from_bytes(
				FAMILY_V4,
				(unsigned char[]){10, (unsigned char)p, 0, (unsigned char)(i + 1)});
		keys[p] = address_set_key(endpoints[p], counts[p]);
		text[sizeof(text) - 2] = (char)('0' + p);
		HOLDS(name_normalize(text, &texts[p]));
		names[p] = name_hash(&texts[p]);
	}
	return 0;
}

static void fill(const uint8_t *data, size_t size)
{
	unsigned char *memory = (unsigned char *)shared();

	if (!size) {
		memset(memory, 0, sizeof(struct shared));
		return;
	}
	for (size_t at = 0; at < sizeof(struct shared); at += size)
		memcpy(memory + at, data,
		       size < sizeof(struct shared) - at ? size : sizeof(struct shared) - at);
}

/* A word of the index-th record in use of a kind: those at random would meet none. */
static void poke(struct input *input)
{
	static const struct {
		size_t offset, size, count;
	} kinds[] = {
		{offsetof(struct shared, cursors), sizeof(struct cursor),
	         SHARED_SETS * SHARED_WAYS},
		{offsetof(struct shared, ejections), sizeof(struct ejection), SHARED_EJECTIONS},
		{offsetof(struct shared, names), sizeof(struct shared_name), SHARED_NAMES},
		{offsetof(struct shared, tallies), sizeof(struct tally), SHARED_TALLIES},
		{offsetof(struct shared, processes), sizeof(struct shared_process),
	         SHARED_PROCESSES},
		{offsetof(struct shared, rewrites), sizeof(struct shared_rewrite), SHARED_REWRITES},
		{0, offsetof(struct shared, cursors), 1},
	};
	size_t kind = input_number(input, 1) % (sizeof(kinds) / sizeof(*kinds));
	size_t index = input_number(input, 1), word = input_number(input, 1);
	uint64_t value = input_number(input, 8);

	for (size_t i = 0; i < kinds[kind].count; i++) {
		_Atomic uint64_t *record =
			(void *)((char *)shared() + kinds[kind].offset + i * kinds[kind].size);

		if (record[0] && index-- == 0) {
			record[word % (kinds[kind].size / sizeof(*record))] = value;
			return;
		}
	}
}

static void check_rotation(uint32_t p, uint32_t port, uint64_t now_ms)
{
	uint32_t count = counts[p];
	uint64_t turn;

	HOLDS(rotation_show(keys[p], port, count) < count);
	rotation_is_shown(keys[p], port);
	HOLDS(rotation_peek(keys[p], port, count, &turn) < count);
	HOLDS(rotation_take(keys[p], port, turn));
	HOLDS(rotation_pick(keys[p], port, count, now_ms) < count);
	rotation_may_retry(keys[p], port);
	rotation_note_port(keys[p], port);
	HOLDS(rotation_port(keys[p], port) == port || !port);
	HOLDS(pick_show(endpoints[p], count, keys[p], port) < count);
}

static void check_health(uint32_t p, uint32_t port, uint64_t now_ms, enum trial trial)
{
	uint32_t count = counts[p];
	struct skips view;
	bool seen[LARGEST] = {false};

	ejection_any(now_ms);
	ejection_skips(endpoints[p], count, port, now_ms, trial, &view);
	HOLDS(view.count < count && view.count <= SKIPS_MOST);
	HOLDS(view.probe >= -1 && view.probe < (int64_t)count);
	HOLDS(view.leased >= -1 && view.leased < (int64_t)count);
	HOLDS(trial != TRIAL_NONE || (view.probe == -1 && view.leased == -1));
	for (uint32_t i = 0; i < view.count; i++)
		HOLDS(view.excluded[i] < count && (!i || view.excluded[i - 1] < view.excluded[i]));
	/* Those that are left, each once. */
	for (uint32_t i = 0; i < count - view.count; i++) {
		uint32_t index = skips_map(&view, i);

		HOLDS(index < count && !seen[index]);
		seen[index] = true;
	}
	for (uint32_t i = 0; i < view.count; i++)
		HOLDS(!seen[view.excluded[i]]);
}

/* What is learnt of an endpoint, which may be anything; an answer ends all that is said of it. */
static void check_evidence(struct input *input, uint32_t p, uint32_t port, uint64_t now_ms)
{
	static const int errors[] = {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EPERM};
	uint32_t index = (uint32_t)input_number(input, 1), what = (uint32_t)input_number(input, 1);
	struct peer peer = {endpoints[p][index % counts[p]], port};
	uint64_t pool = what & 128 ? 0 : keys[p];
	uint64_t began_ms = what & 64 ? input_number(input, 8) : now_ms - what;

	if (what & 4)
		ejection_failed(peer, pool, errors[what % 4], now_ms);
	else
		HOLDS(ejection_silent(peer, pool, began_ms, now_ms) <= SILENCE_FAILURE);
	check_health(p, port, now_ms, TRIAL_NONE);
	HOLDS(rotation_usual_ms(keys[p], port) < 1000);
	if (!(what & 8) || !ejection_any(now_ms))
		return;
	ejection_answered(peer, pool, began_ms, now_ms);
	HOLDS(!ejection_until(peer, now_ms) && !ejection_failed_ms(peer, now_ms));
}

static void count_all(uint32_t p, uint32_t index, uint32_t port, uint64_t now_ms)
{
	struct address address = endpoints[p][index % counts[p]];

	counters_name(&texts[p]);
	counters_alias(&texts[p], &texts[(p + 1) % POOLS]);
	counters_refreshed(&(struct counters_refresh){
		.name = &texts[p], .now_ms = now_ms, .outcome = index % 5, .changed = index & 1});
	counters_connected(counters_tally(names[p], address, port, now_ms), index & 1);
	counters_failed(names[p], address, port, now_ms);
	counters_retried(names[p], address, port, now_ms);
	counters_passed(names[p], index % LEAVE_COUNT);
	counters_rewritten(counters_tally(names[p], endpoints[p][0], port, now_ms), address, now_ms,
	                   EINPROGRESS);
	counters_rewritten_failed(address, port, ECONNREFUSED);
	counters_process(now_ms, "a process's name");
}

static void check_reading(void)
{
	struct read_name name;
	struct read_endpoint endpoint;
	struct read_process running;
	struct read_rewrite rewrite;

	for (uint32_t i = 0; i < SHARED_NAMES; i++)
		if (read_name(i, &name)) {
			HOLDS(memchr(name.text.text, '\0', sizeof(name.text.text)));
			HOLDS(name.order <= MODE_ORDER_ON);
		}
	for (uint32_t i = 0; i < SHARED_TALLIES; i += 16)
		read_endpoint(i, &endpoint);
	for (uint32_t i = 0; i < SHARED_PROCESSES; i++)
		if (read_process(i, &running))
			HOLDS(running.mode <= MODE_ON &&
			      memchr(running.name, '\0', sizeof(running.name)));
	for (uint64_t turn = 0; turn < SHARED_REWRITES; turn++)
		read_rewrite(read_rewrite_count() - turn, &rewrite);
}

static void check_mode(uint32_t p, unsigned order)
{
	HOLDS(mode_for(names[p]) <= MODE_ON && mode_get() <= MODE_ORDER_ON);
	/* What does not begin with "mode" orders nothing. */
	if (shared()->mode >> 32 != UINT64_C(0x6d6f6465))
		HOLDS(mode_for(names[p]) == config.mode);
	if (!(order & 4) || !mode_order_name(&texts[p], order % 4)) {
		mode_order(order % 4);
		HOLDS(mode_get() == order % 4);
	}
	HOLDS(mode_for(names[p]) <= MODE_ON);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data + size / 2, size - size / 2};
	uint64_t now_ms = clock_ms();

	fill(data, size / 2);
	while (input.left) {
		unsigned step = (unsigned)input_number(&input, 1);
		uint32_t which = (uint32_t)input_number(&input, 1);
		uint32_t p = which % POOLS, port = ports[which / POOLS % PORTS];

		switch (step % 7) {
		case 0:
			poke(&input);
			break;
		case 1:
			check_rotation(p, port, now_ms);
			break;
		case 2:
			check_health(p, port, now_ms, (enum trial)(which / 64 % 3));
			break;
		case 3:
			check_evidence(&input, p, port, now_ms);
			break;
		case 4:
			count_all(p, which, port, now_ms);
			break;
		case 5:
			check_mode(p, which);
			break;
		case 6:
			now_ms = which & 128 ? input_number(&input, 8) : now_ms + which * 1000;
			break;
		}
	}
	check_reading();
	for (uint32_t p = 0; p < POOLS; p++)
		for (uint32_t i = 0; i < PORTS; i++) {
			check_rotation(p, ports[i], now_ms);
			check_health(p, ports[i], now_ms, TRIAL_CALLER);
		}
	return 0;
}
