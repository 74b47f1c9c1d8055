/* When DNS is to be asked for what. */
#include "refresh/due.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/name.h"
#include "directory/snapshot.h"

#include <sys/syscall.h>
#include <unistd.h>

enum {
	NOW_AND_THEN = 12, /* intervals between questions that are not expected to have an answer */
	LOST_MS = 2000     /* without an answer to it, a question may have been lost on its way */
};

static bool is_now_and_then(uint32_t service)
{
	return atomic_load_explicit(&service_state[service].refreshes, memory_order_relaxed) %
	               NOW_AND_THEN ==
	       NOW_AND_THEN - 1;
}

static unsigned due_families(const struct service *service, uint32_t index)
{
	unsigned families = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		uint32_t state = service->family[f].state;

		if (state == DIRECTORY_POOL || state == DIRECTORY_GONE ||
		    (state == DIRECTORY_NONE && is_now_and_then(index)) ||
		    (state == DIRECTORY_UNKNOWN && service->exact && !service->absolute_known))
			families |= FAMILY_BIT(f);
	}
	return families;
}

static bool has_struck_out(uint32_t service)
{
	return atomic_load_explicit(&service_state[service].denials[FAMILY_V4],
	                            memory_order_relaxed) >= DENIALS_TO_DROP ||
	       atomic_load_explicit(&service_state[service].denials[FAMILY_V6],
	                            memory_order_relaxed) >= DENIALS_TO_DROP;
}

/* From 0.8 to 1 interval after the last question, so that a thousand clients do not ask in step;
 * the same whenever it is asked for. Sooner only after a single question without an answer: servers
 * that are silent for longer are asked as often as others. */
static uint64_t due_ms(const struct service *service, uint32_t index)
{
	uint64_t due_base_ms =
		atomic_load_explicit(&service_state[index].due_base_ms, memory_order_relaxed);
	uint64_t interval_ms =
		atomic_load_explicit(&service_state[index].interval_ms, memory_order_relaxed);
	uint64_t generation =
		atomic_load_explicit(&service_state[index].generation, memory_order_relaxed);

	if (atomic_load_explicit(&service_state[index].due_now, memory_order_relaxed))
		return 0;
	if (!service->absolute_known && has_struck_out(index))
		interval_ms *= NOW_AND_THEN; /* an exact name in LBDNS_NAMES that does not exist */
	if (interval_ms > LOST_MS &&
	    atomic_load_explicit(&service_state[index].unanswered, memory_order_relaxed) == 1)
		interval_ms = LOST_MS;
	return due_base_ms + interval_ms -
	       hash_mix(due_base_ms ^ generation << 48 ^ (uint64_t)syscall(SYS_getpid) << 16 ^
	                (uint64_t)(uintptr_t)&service_state[index]) %
	               (interval_ms / 5 + 1);
}

static bool is_idle(const struct service *service, uint32_t index, uint64_t now_ms)
{
	return !service->exact && clock_since(atomic_load_explicit(&service_state[index].used_ms,
	                                                           memory_order_relaxed),
	                                      now_ms) > config.idle_ms;
}

/* Some name that the client used for this service, for walking the search list. */
static void asked_name(const struct snapshot *snapshot, uint32_t service, struct name_text *text)
{
	uint64_t count;

	words_load(&count, &snapshot->name_count, sizeof(count));
	for (uint64_t i = 0; i < count && i < NAMES; i++) {
		struct name name;

		words_load(&name, &snapshot->names[i], sizeof(name));
		if (name.service == service) {
			words_load(text, &snapshot->name_text[i], sizeof(*text));
			return;
		}
	}
}

/* Only the refresh thread and learners publish; a torn read is found out by snapshot_valid and
 * tried again. */
static bool due_fill(const struct snapshot *snapshot, uint32_t index, const struct service *service,
                     struct due *due)
{
	due->service = index;
	due->generation = service->generation;
	due->families = due_families(service, index);
	due->absolute =
		service->absolute_known && !(has_struck_out(index) && is_now_and_then(index));
	words_load(&due->name, &snapshot->service_text[index], sizeof(due->name));
	if (!due->absolute)
		asked_name(snapshot, index, &due->name);
	return due->families != 0;
}

/* An interval begins, and what was due is no longer. */
static void begin_interval(uint32_t index, uint64_t now_ms)
{
	atomic_store_explicit(&service_state[index].due_base_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&service_state[index].due_now, false, memory_order_relaxed);
	atomic_fetch_add_explicit(&service_state[index].refreshes, 1, memory_order_relaxed);
}

void due_asked(const struct due *due, uint64_t now_ms)
{
	begin_interval(due->service, now_ms);
	atomic_fetch_add_explicit(&service_state[due->service].unanswered, 1, memory_order_relaxed);
}

/* Counts an interval in which there is nothing to ask; returns how long it is. */
static uint64_t pass_interval(uint32_t index, uint64_t now_ms)
{
	begin_interval(index, now_ms);
	atomic_store_explicit(&service_state[index].checked_ms, now_ms, memory_order_relaxed);
	return atomic_load_explicit(&service_state[index].interval_ms, memory_order_relaxed);
}

bool due_next(uint32_t *index, uint64_t now_ms, uint64_t *next_ms, struct due *due)
{
	uint64_t sequence, count;
	const struct snapshot *snapshot = snapshot_read(&sequence);

	if (!snapshot)
		return false;
	words_load(&count, &snapshot->service_count, sizeof(count));
	for (; *index < count && *index < SERVICES; ++*index) {
		struct service service;
		uint64_t at_ms;

		words_load(&service, &snapshot->services[*index], sizeof(service));
		if (!service.used || service.unmanaged || is_idle(&service, *index, now_ms))
			continue;
		at_ms = due_ms(&service, *index);
		if (at_ms <= now_ms && due_fill(snapshot, *index, &service, due)) {
			++*index;
			if (!snapshot_valid(sequence))
				*next_ms = now_ms; /* look again at once */
			return snapshot_valid(sequence);
		}
		if (at_ms <= now_ms) /* nothing to ask: count the interval all the same */
			at_ms = now_ms + pass_interval(*index, now_ms);
		if (at_ms < *next_ms)
			*next_ms = at_ms;
	}
	return false;
}
