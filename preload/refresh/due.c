#include "refresh/due.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/kernel.h"
#include "base/name.h"
#include "directory/snapshot.h"

enum {
	NOW_AND_THEN = 12, /* intervals between questions that are not expected to have an answer */
	LOST_MS = 2000     /* a question that has no answer after this may have been lost */
};

/* Is this interval one in which the unexpected is asked too? */
static bool is_now_and_then(uint32_t service)
{
	return atomic_load_explicit(&service_state[service].refreshes, memory_order_relaxed) %
	               NOW_AND_THEN ==
	       NOW_AND_THEN - 1;
}

/* Is a family that the name does not have to be asked for in this interval? Until DNS has said so
 * too, because libc says so as well where DNS failed: in every other interval, so that a server
 * that never answers for it does not hold up the other family. */
static bool is_missed(uint32_t service, enum family family)
{
	const struct service_state *state = &service_state[service];

	if (atomic_load_explicit(&state->confirmed[family], memory_order_relaxed))
		return is_now_and_then(service);
	return atomic_load_explicit(&state->refreshes, memory_order_relaxed) % 2 == 0;
}

/* Returns which families of a service DNS is to be asked for in this interval. */
static unsigned due_families(const struct service *service, uint32_t index)
{
	unsigned families = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		uint32_t state = service->family[f].state;

		if (state == DIRECTORY_POOL || state == DIRECTORY_GONE ||
		    (state == DIRECTORY_NONE && is_missed(index, f)) ||
		    (state == DIRECTORY_UNKNOWN && service->exact && !service->absolute_known))
			families |= FAMILY_BIT(f);
	}
	return families;
}

/* Has DNS denied the name so often that it is no more? */
static bool is_denied(uint32_t service)
{
	return atomic_load_explicit(&service_state[service].denials[FAMILY_V4],
	                            memory_order_relaxed) >= DENIALS_TO_DROP ||
	       atomic_load_explicit(&service_state[service].denials[FAMILY_V6],
	                            memory_order_relaxed) >= DENIALS_TO_DROP;
}

/* Returns when a service is due: 0.8 to 1.0 intervals after the last question. The jitter is there
 * so that many processes do not ask at once; it is a hash of constants of this interval, so that
 * repeated calls return the same time. After exactly one unanswered question (a lost packet) the
 * service is due after LOST_MS; after more of them (a silent server) at the normal pace. */
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
	if (!service->absolute_known && is_denied(index))
		interval_ms *= NOW_AND_THEN; /* an exact name in LBDNS_NAMES that does not exist */
	if (interval_ms > LOST_MS &&
	    atomic_load_explicit(&service_state[index].unanswered, memory_order_relaxed) == 1)
		interval_ms = LOST_MS;
	return due_base_ms + interval_ms -
	       hash_mix(due_base_ms ^ generation << 48 ^ (uint64_t)kernel_call(SYS_getpid) << 16 ^
	                (uint64_t)(uintptr_t)&service_state[index]) %
	               (interval_ms / 5 + 1);
}

static bool is_idle(const struct service *service, uint32_t index, uint64_t now_ms)
{
	return !service->exact && clock_since(atomic_load_explicit(&service_state[index].used_ms,
	                                                           memory_order_relaxed),
	                                      now_ms) > config.idle_ms;
}

/* Is anything to be had of asking DNS for a service? Only once it has been connected to, is looked
 * up again, or LBDNS_NAMES lists it exactly: some look up thousands of names that nobody connects
 * to (block lists, RFC 5782). */
static bool is_wanted(const struct service *service, uint32_t index)
{
	const struct service_state *state = &service_state[index];

	return service->exact || atomic_load_explicit(&state->connected, memory_order_relaxed) ||
	       atomic_load_explicit(&state->lookups, memory_order_relaxed) > 1 ||
	       atomic_load_explicit(&state->due_now, memory_order_relaxed);
}

/* Finds a name that the client used for this service, for walking the search list. */
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

/* Fills in what to ask DNS for. Returns false if it is nothing in this interval. What it loads may
 * be torn: due_next finds out. */
static bool due_fill(const struct snapshot *snapshot, uint32_t index, const struct service *service,
                     struct due *due)
{
	due->service = index;
	due->generation = service->generation;
	due->families = due_families(service, index);
	due->pools = 0;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (service->family[f].state == DIRECTORY_POOL ||
		    service->family[f].state == DIRECTORY_GONE)
			due->pools |= FAMILY_BIT(f);
	due->absolute = service->absolute_known && !(is_denied(index) && is_now_and_then(index));
	words_load(&due->name, &snapshot->service_text[index], sizeof(due->name));
	if (!due->absolute)
		asked_name(snapshot, index, &due->name);
	return due->families != 0;
}

/* Begins an interval: what was due is not due any more. */
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

/* Begins an interval in which there is nothing to ask. Returns how long it is. */
static uint64_t pass_interval(uint32_t index, uint64_t now_ms)
{
	begin_interval(index, now_ms);
	atomic_store_explicit(&service_state[index].checked_ms, now_ms, memory_order_relaxed);
	return atomic_load_explicit(&service_state[index].interval_ms, memory_order_relaxed);
}

bool due_next(uint32_t *index, uint64_t now_ms, uint64_t *next_ms, struct due *due)
{
	struct reading reading = reading_begin();
	const struct snapshot *snapshot = reading.snapshot;
	uint64_t count;

	if (!snapshot)
		return false;
	words_load(&count, &snapshot->service_count, sizeof(count));
	for (; *index < count && *index < SERVICES; ++*index) {
		struct service service;
		uint64_t when_ms;

		words_load(&service, &snapshot->services[*index], sizeof(service));
		if (!service.used || service.unmanaged || is_idle(&service, *index, now_ms) ||
		    !is_wanted(&service, *index))
			continue;
		when_ms = due_ms(&service, *index);
		if (when_ms <= now_ms && due_fill(snapshot, *index, &service, due)) {
			++*index;
			if (reading_held(reading))
				return true;
			*next_ms = now_ms; /* look again at once */
			return false;
		}
		if (when_ms <= now_ms) /* nothing to ask in this interval */
			when_ms = now_ms + pass_interval(*index, now_ms);
		if (when_ms < *next_ms)
			*next_ms = when_ms;
	}
	return false;
}
