#include "snapshot.h"

#include "clock.h"
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TTL_UNKNOWN_MS = 5000 }; /* LBDNS_REFRESH=ttl, before DNS was asked */

struct live live[SERVICES];
_Atomic uint64_t departed_used_ms[DEPARTED];

struct snapshot_state snapshot_state;

/* The one mapping; snapshot_state.buffers points to its beginning. */
struct arena {
	struct snapshot buffers[2];
	struct draft_scratch scratch;
};

void live_reset(uint32_t service)
{
	struct live *at = &live[service];

	atomic_store_explicit(&at->used_ms, clock_ms(), memory_order_relaxed);
	atomic_store_explicit(&at->checked_ms, 0, memory_order_relaxed);
	atomic_store_explicit(&at->asked_ms, 0, memory_order_relaxed);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		atomic_store_explicit(&at->good_ms[f], 0, memory_order_relaxed);
		atomic_store_explicit(&at->handed[f], 0, memory_order_relaxed);
		atomic_store_explicit(&at->strikes[f], 0, memory_order_relaxed);
	}
	atomic_store_explicit(&at->interval_ms,
	                      config.refresh_ms ? config.refresh_ms : TTL_UNKNOWN_MS,
	                      memory_order_relaxed);
	atomic_store_explicit(&at->refreshes, 0, memory_order_relaxed);
	atomic_store_explicit(&at->unanswered, 0, memory_order_relaxed);
	atomic_store_explicit(&at->due_now, false, memory_order_relaxed);
}

void live_join(uint32_t service, uint32_t other)
{
	uint64_t used_ms = atomic_load_explicit(&live[service].used_ms, memory_order_relaxed);

	if (atomic_load_explicit(&live[other].used_ms, memory_order_relaxed) < used_ms)
		atomic_store_explicit(&live[other].used_ms, used_ms, memory_order_relaxed);
}

bool snapshot_has_room(const struct snapshot *in, size_t count)
{
	return in->endpoint_count + count <= POOL_ENDPOINTS;
}

int64_t snapshot_find_name(const struct snapshot *in, const struct name_text *text)
{
	uint64_t hash = names_hash(text), count;

	words_load(&count, &in->name_count, sizeof(count));
	for (uint64_t i = 0; i < count && i < NAMES; i++) {
		struct name name;
		struct name_text there;

		words_load(&name, &in->names[i], sizeof(name));
		if (name.hash != hash)
			continue;
		words_load(&there, &in->name_text[i], sizeof(there));
		if (!memcmp(&there, text, sizeof(there)) && name.service < SERVICES)
			return (int64_t)i;
	}
	return -1;
}

static struct arena *arena_get(void)
{
	struct snapshot *buffers =
		atomic_load_explicit(&snapshot_state.buffers, memory_order_acquire);
	struct arena *in;
	long got;

	if (buffers)
		return (struct arena *)buffers;
	got = syscall(SYS_mmap, NULL, sizeof(struct arena), PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);
	if (got == -1)
		return NULL;
	in = (struct arena *)got;
	atomic_store_explicit(&snapshot_state.buffers, in->buffers, memory_order_release);
	return in;
}

bool draft_begin(struct draft *draft)
{
	struct arena *in = arena_get();
	uint64_t at = atomic_load_explicit(&snapshot_state.sequence, memory_order_relaxed);
	struct snapshot *next;
	const struct snapshot *old;

	if (!in)
		return false;
	/* Before the first store into the buffer, and each of those is a release: see
	 * snapshot_valid. */
	atomic_store_explicit(&snapshot_state.begun, at + 1, memory_order_release);
	old = &in->buffers[at & 1];
	next = &in->buffers[(at + 1) & 1];
	*draft = (struct draft){.old = old, .next = next, .scratch = &in->scratch, .sequence = at};
	word_store(&next->service_count, old->service_count);
	word_store(&next->name_count, old->name_count);
	words_store(next->services, old->services, old->service_count * sizeof(struct service));
	words_store(next->service_text, old->service_text,
	            old->service_count * sizeof(struct name_text));
	words_store(next->names, old->names, old->name_count * sizeof(struct name));
	words_store(next->name_text, old->name_text, old->name_count * sizeof(struct name_text));
	words_store(next->canonical, old->canonical, old->name_count * sizeof(struct name_text));
	return true;
}

struct service draft_service(const struct draft *draft, uint32_t service)
{
	return draft->next->services[service];
}

void draft_set_service(struct draft *draft, uint32_t service, const struct service *value)
{
	struct service of = *value;

	of.generation = atomic_load_explicit(&live[service].generation, memory_order_relaxed);
	words_store(&draft->next->services[service], &of, sizeof(of));
}

void draft_set_service_text(struct draft *draft, uint32_t service, const struct name_text *text)
{
	words_store(&draft->next->service_text[service], text, sizeof(*text));
	atomic_store_explicit(&live[service].name, names_hash(text), memory_order_relaxed);
}

void draft_free_service(struct draft *draft, uint32_t service)
{
	draft_set_service(draft, service, &(struct service){.used = 0});
	atomic_fetch_add_explicit(&live[service].generation, 1, memory_order_relaxed);
}

void draft_set_name(struct draft *draft, uint32_t name, const struct name_text *text,
                    uint32_t service)
{
	struct name value = {.hash = service < SERVICES ? names_hash(text) : 0, .service = service};

	if (service < SERVICES)
		value.has_canonical = draft->next->names[name].has_canonical;
	words_store(&draft->next->name_text[name], text, sizeof(*text));
	words_store(&draft->next->names[name], &value, sizeof(value));
}

void draft_set_canonical(struct draft *draft, uint32_t name, const struct name_text *canonical)
{
	struct name value = draft->next->names[name];

	value.has_canonical = true;
	words_store(&draft->next->canonical[name], canonical, sizeof(*canonical));
	words_store(&draft->next->names[name], &value, sizeof(value));
}

uint32_t draft_add_service(struct draft *draft)
{
	struct snapshot *next = draft->next;

	for (uint32_t s = 0; s < next->service_count; s++)
		if (!next->services[s].used)
			return s;
	if (next->service_count == SERVICES)
		return SERVICES;
	draft_free_service(draft, (uint32_t)next->service_count);
	word_store(&next->service_count, next->service_count + 1);
	return (uint32_t)next->service_count - 1;
}

uint32_t draft_add_name(struct draft *draft)
{
	struct snapshot *next = draft->next;

	for (uint32_t n = 0; n < next->name_count; n++)
		if (next->names[n].service >= SERVICES)
			return n;
	if (next->name_count == NAMES)
		return NAMES;
	words_store(&next->names[next->name_count], &(struct name){.service = SERVICES},
	            sizeof(struct name));
	word_store(&next->name_count, next->name_count + 1);
	return (uint32_t)next->name_count - 1;
}

const struct address *snapshot_endpoints(const struct snapshot *in, uint32_t service,
                                         enum family family, size_t *count)
{
	const struct service_family *of = &in->services[service].family[family];

	*count = of->state == DIRECTORY_POOL ? in->sets[of->set].count : 0;
	return *count ? in->addresses + in->sets[of->set].first : NULL;
}

void draft_commit(const struct draft *draft)
{
	/* Pairs with snapshot_read. */
	atomic_store_explicit(&snapshot_state.sequence, draft->sequence + 1, memory_order_release);
}
