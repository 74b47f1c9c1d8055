#include "shared/read.h"

#include "base/atomic.h"
#include "base/clock.h"
#include "shared/counters_fast.h"
#include "shared/segment.h"

#include <string.h>

enum { REWRITE_TRIES = 2 /* a second one for a record that is just being written */ };

_Static_assert((int)READ_USED_COARSE_MS >= (COUNTERS_GRAIN_TICKS + 1) * (int)CLOCK_TICK_MS,
               "a use is marked as late as that");

static bool read_text(const struct shared_name *from, uint64_t hash, struct name_text *text)
{
	uint64_t words[SHARED_TEXT_WORDS];

	for (int i = 0; i < SHARED_TEXT_WORDS; i++)
		words[i] = load_relaxed(&from->text[i]);
	memcpy(text, words, sizeof(*text));
	text->text[CONFIG_NAME_SIZE - 1] = '\0';
	return hash && name_hash(text) == hash;
}

bool read_name(uint32_t place, struct read_name *name)
{
	const struct shared_name *from = &shared()->names[place];

	name->hash = load_relaxed(&from->hash);
	if (!read_text(from, name->hash, &name->text))
		return false;
	name->absolute = load_relaxed(&from->absolute);
	name->order = mode_get_name(from);
	name->refreshed_ms = load_relaxed(&from->refreshed_ms);
	name->good_ms = load_relaxed(&from->good_ms);
	name->interval_ms = load_relaxed(&from->interval_ms);
	name->ttl_s = load_relaxed(&from->ttl_s);
	name->outcome = (uint32_t)load_relaxed(&from->outcome);
	name->refreshes = load_relaxed(&from->refreshes);
	name->refresh_failures = load_relaxed(&from->refresh_failures);
	name->changes = load_relaxed(&from->changes);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		name->endpoints[f] = (uint32_t)load_relaxed(&from->endpoints[f]);
	for (int i = 0; i < LEAVE_COUNT; i++)
		name->passed[i] = load_relaxed(&from->passed[i]);
	return true;
}

uint64_t read_without_room(uint64_t *last_ms)
{
	*last_ms = load_relaxed(&shared()->without_room_ms);
	return load_relaxed(&shared()->without_room);
}

bool read_endpoint(uint32_t place, struct read_endpoint *endpoint)
{
	const struct tally *from = &shared()->tallies[place];
	uint64_t port_used = load_relaxed(&from->port_used);

	*endpoint = (struct read_endpoint){
		.name = load_relaxed(&from->name),
		.address = {.high = load_relaxed(&from->high), .low = load_relaxed(&from->low)},
		.port = (uint32_t)port_used,
		.kept = load_relaxed(&from->kept),
		.rewritten = load_relaxed(&from->rewritten),
		.failures = load_relaxed(&from->failures),
		.retries = load_relaxed(&from->retries),
		.used_ms = (port_used >> 32) * CLOCK_TICK_MS};
	return endpoint->name;
}

bool read_process(uint32_t place, struct read_process *process)
{
	const struct shared_process *from = &shared()->processes[place];
	uint64_t mode = load_relaxed(&from->mode);
	uint64_t words[2] = {load_relaxed(&from->name[0]), load_relaxed(&from->name[1])};

	*process =
		(struct read_process){.pid = load_relaxed(&from->pid),
	                              .pid_namespace = load_relaxed(&from->pid_namespace),
	                              .started_ms = load_relaxed(&from->started_ms),
	                              .seen_ms = load_relaxed(&from->seen_ms),
	                              .refreshes = load_relaxed(&from->refreshes),
	                              .mode = mode <= MODE_ON ? (enum config_mode)mode : MODE_ON};
	memcpy(process->name, words, sizeof(words));
	return process->pid;
}

uint64_t read_rewrite_count(void)
{
	return load_relaxed(&shared()->rewrite_next);
}

static bool try_rewrite(const _Atomic uint64_t *words, struct read_rewrite *rewrite)
{
	const uint64_t results = (1 << REWRITE_RESULT_BITS) - 1;
	uint64_t head = load_relaxed(&words[0]), check = load_relaxed(&words[3]);
	const struct tally *tally = &shared()->tallies[head % SHARED_TALLIES];

	*rewrite = (struct read_rewrite){
		.at_ms = head >> (REWRITE_RESULT_BITS + COUNTERS_TALLY_BITS),
		.asked = {.high = load_relaxed(&words[1]), .low = load_relaxed(&words[2])},
		.name = load_relaxed(&tally->name),
		.endpoint = {.high = load_relaxed(&tally->high), .low = load_relaxed(&tally->low)},
		.port = (uint32_t)load_relaxed(&tally->port_used),
		.result = (int)(head >> COUNTERS_TALLY_BITS & results)};
	return check == rewrite_check(head, rewrite->asked, tally);
}

bool read_rewrite(uint64_t turn, struct read_rewrite *rewrite)
{
	const _Atomic uint64_t *words = shared()->rewrites[turn % SHARED_REWRITES].words;

	for (int tries = 0; tries < REWRITE_TRIES; tries++)
		if (try_rewrite(words, rewrite))
			return true;
	return false;
}
