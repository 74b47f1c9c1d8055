#include "directory/service.h"

#include "base/atomic.h"
#include "base/wakeup.h"
#include "directory/snapshot.h"

#include "base/poison.h"

enum {
	TTL_UNKNOWN_MS = 5000,              /* LBDNS_REFRESH=ttl, before DNS was asked */
	HURRY_MS = 1000,                    /* between two questions out of turn */
	OVERDUE_MS = DNS_PATIENCE_MS + 1000 /* beyond which nobody is waiting for DNS any more */
};

struct service_state service_state[SERVICES];

/* Returns until when (clock_ms) the fast path may use a pool whose last good answer was at good_ms.
 */
static uint64_t fast_until(const struct service_state *state, uint64_t good_ms)
{
	uint64_t until_ms = load_relaxed(&state->used_ms) + USED_GRAIN_MS;
	uint64_t due_ms = load_relaxed(&state->checked_ms) +
	                  atomic_load_explicit(&state->interval_ms, memory_order_relaxed);

	if (due_ms < until_ms)
		until_ms = due_ms;
	if (good_ms + config.max_stale_ms < until_ms)
		until_ms = good_ms + config.max_stale_ms;
	return good_ms ? until_ms : 0;
}

uint64_t service_fast_until(uint32_t service, enum family family)
{
	const struct service_state *state = &service_state[service];

	return fast_until(state, load_relaxed(&state->good_ms[family]));
}

void service_note_fast(uint32_t service, enum family family, uint64_t most_ms)
{
	struct service_state *state = &service_state[service];
	uint64_t good_ms = atomic_load(&state->good_ms[family]);
	uint64_t until_ms = fast_until(state, good_ms);

	/* Sequentially consistent, as in service_invalidate, which may run meanwhile: either the
	 * load below sees its good_ms, or its store of fast_until_ms comes after this one. */
	atomic_store(&state->fast_until_ms[family], until_ms < most_ms ? until_ms : most_ms);
	if (atomic_load(&state->good_ms[family]) != good_ms)
		atomic_store(&state->fast_until_ms[family], 0);
}

/* Sequentially consistent: pairs with service_note_fast. */
void service_invalidate(uint32_t service, enum family family)
{
	atomic_store(&service_state[service].good_ms[family], 0);
	atomic_store(&service_state[service].fast_until_ms[family], 0);
}

void service_usual_interval(uint32_t service)
{
	store_relaxed(&service_state[service].interval_ms,
	              config.refresh_ms ? config.refresh_ms : TTL_UNKNOWN_MS);
}

void service_reset(uint32_t service)
{
	struct service_state *state = &service_state[service];

	atomic_store_explicit(&state->used_ms, clock_ms(), memory_order_relaxed);
	atomic_store_explicit(&state->checked_ms, 0, memory_order_relaxed);
	atomic_store_explicit(&state->due_base_ms, 0, memory_order_relaxed);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		service_invalidate(service, f);
		atomic_store_explicit(&state->given_version[f], 0, memory_order_relaxed);
		atomic_store_explicit(&state->denials[f], 0, memory_order_relaxed);
		atomic_store_explicit(&state->confirmed[f], false, memory_order_relaxed);
	}
	service_usual_interval(service);
	atomic_store_explicit(&state->refreshes, 0, memory_order_relaxed);
	atomic_store_explicit(&state->unanswered, 0, memory_order_relaxed);
	atomic_store_explicit(&state->due_now, false, memory_order_relaxed);
	store_relaxed(&state->unsure, false);
	store_relaxed(&state->connected, false);
	store_relaxed(&state->untold, false);
	store_relaxed(&state->lookups, 0);
	store_relaxed(&state->port, 0);
	atomic_store_explicit(&state->order_lost, false, memory_order_relaxed);
}

void service_join(uint32_t service, uint32_t other)
{
	uint64_t used_ms =
		atomic_load_explicit(&service_state[service].used_ms, memory_order_relaxed);

	if (atomic_load_explicit(&service_state[other].used_ms, memory_order_relaxed) < used_ms)
		atomic_store_explicit(&service_state[other].used_ms, used_ms, memory_order_relaxed);
	if (load_relaxed(&service_state[service].connected))
		store_relaxed(&service_state[other].connected, true);
}

void service_name(uint32_t service, struct name_text *name)
{
	struct reading reading = reading_begin();

	name->text[0] = '\0';
	if (!reading.snapshot || service >= SERVICES)
		return;
	words_load(name, &reading.snapshot->service_text[service], sizeof(*name));
	if (!reading_held(reading))
		name->text[0] = '\0';
	name->text[CONFIG_NAME_SIZE - 1] = '\0';
}

uint64_t service_name_hash(uint32_t service)
{
	return atomic_load_explicit(&service_state[service % SERVICES].name, memory_order_relaxed);
}

bool service_hurry(uint32_t service)
{
	static _Atomic uint64_t last_ms;
	uint64_t now_ms = clock_ms(),
		 before_ms = atomic_load_explicit(&last_ms, memory_order_relaxed);

	if (clock_since(before_ms, now_ms) < HURRY_MS ||
	    !atomic_compare_exchange_strong(&last_ms, &before_ms, now_ms))
		return false;
	atomic_store_explicit(&service_state[service % SERVICES].due_now, true,
	                      memory_order_relaxed);
	return true;
}

/* When service_want_libc was last called (clock_ms); 0: never. */
static _Atomic uint64_t libc_wanted_ms;

void service_want_libc(void)
{
	atomic_store_explicit(&libc_wanted_ms, clock_ms(), memory_order_relaxed);
}

uint64_t service_libc_wanted_ms(void)
{
	return atomic_load_explicit(&libc_wanted_ms, memory_order_relaxed);
}

void service_hurry_first(uint32_t service)
{
	struct service_state *state = &service_state[service % SERVICES];

	if (atomic_load_explicit(&state->refreshes, memory_order_relaxed) ||
	    atomic_load_explicit(&state->due_now, memory_order_relaxed))
		return;
	atomic_store_explicit(&state->due_now, true, memory_order_relaxed);
	wakeup_hurry();
}

void service_invalidate_all(void)
{
	for (uint32_t service = 0; service < SERVICES; service++) {
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			service_invalidate(service, f);
		atomic_store_explicit(&service_state[service].checked_ms, 0, memory_order_relaxed);
	}
}

bool service_is_overdue(uint64_t age_ms, uint64_t interval_ms)
{
	return age_ms > interval_ms + interval_ms / 4 + OVERDUE_MS;
}

void service_note_lookup(uint32_t service, uint16_t port, uint64_t now_ms)
{
	struct service_state *state = &service_state[service % SERVICES];
	uint32_t lookups = load_relaxed(&state->lookups);

	if (port && load_relaxed(&state->port) != port)
		store_relaxed(&state->port, port);
	if (load_relaxed(&state->connected) || lookups >= LOOKUPS_ONLY_FROM)
		return;
	if (lookups + 1 == LOOKUPS_ONLY_FROM)
		store_relaxed(&state->lookups_ms, now_ms);
	store_relaxed(&state->lookups, lookups + 1);
	wakeup_by(now_ms + LOOKUPS_ONLY_MS);
}

void service_note_untold(uint32_t service, uint16_t port)
{
	struct service_state *state = &service_state[service % SERVICES];

	store_relaxed(&state->port, port);
	if (load_relaxed(&state->untold))
		return;
	store_relaxed(&state->untold, true);
	wakeup_by(0);
}

bool service_is_lookups_only(uint32_t service, uint64_t now_ms)
{
	const struct service_state *state = &service_state[service % SERVICES];

	return service_may_be_lookups_only(service) &&
	       clock_since(load_relaxed(&state->lookups_ms), now_ms) >= LOOKUPS_ONLY_MS;
}
