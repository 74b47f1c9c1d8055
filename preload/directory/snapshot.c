#include "directory/snapshot.h"

#include "base/clock.h"
#include "base/config.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	TTL_UNKNOWN_MS = 5000, /* LBDNS_REFRESH=ttl, before DNS was asked */
	PAGE_SMALLEST = 4096
};

struct live live[SERVICES];
_Atomic uint64_t departed_used_ms[DEPARTED];

struct snapshot_state snapshot_state;

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

void live_note_usual(uint32_t service, enum family family)
{
	struct live *of = &live[service];
	uint64_t good_ms = atomic_load(&of->good_ms[family]);
	uint64_t until_ms = load(&of->used_ms) + USED_GRAIN_MS;
	uint64_t asked_ms = load(&of->checked_ms) +
	                    atomic_load_explicit(&of->interval_ms, memory_order_relaxed);

	if (asked_ms < until_ms)
		until_ms = asked_ms;
	if (good_ms + config.max_stale_ms < until_ms)
		until_ms = good_ms + config.max_stale_ms;
	/* It may be doubted meanwhile: pairs with live_doubt, one of us sees the other. */
	atomic_store(&of->usual_until_ms[family], good_ms ? until_ms : 0);
	if (atomic_load(&of->good_ms[family]) != good_ms)
		atomic_store(&of->usual_until_ms[family], 0);
}

void live_doubt(uint32_t service, enum family family)
{
	atomic_store(&live[service].good_ms[family], 0);
	atomic_store(&live[service].usual_until_ms[family], 0);
}

void live_reset(uint32_t service)
{
	struct live *at = &live[service];

	atomic_store_explicit(&at->used_ms, clock_ms(), memory_order_relaxed);
	atomic_store_explicit(&at->checked_ms, 0, memory_order_relaxed);
	atomic_store_explicit(&at->asked_ms, 0, memory_order_relaxed);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		live_doubt(service, f);
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

static void *map(size_t size)
{
	long got = syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L);

	return got == -1 ? NULL : (void *)got; // NOLINT(performance-no-int-to-ptr)
}

/* ---- The writer's draft */

static struct draft_memory {
	struct snapshot next;
	struct service services[SERVICES];
	struct name names[NAMES];
	struct set sets[SETS];
	struct group groups[GROUPS];
	struct name_text service_text[SERVICES], name_text[NAMES], canonical[NAMES];
	struct mark marks[ENDPOINTS];
	struct address addresses[ENDPOINTS];
	uint64_t index[INDEX / 2];
	struct departed departed[DEPARTED];
	struct draft_scratch scratch;
} * memory; /* mapped once; its pages are given back after each draft */

/* What was there before anything was published. */
static uint64_t no_index;
static const struct snapshot nothing = {.index = &no_index};

static void names_copy(struct snapshot *to, const struct snapshot *from)
{
	words_store(to->services, from->services, from->service_count * sizeof(struct service));
	words_store(to->service_text, from->service_text,
	            from->service_count * sizeof(struct name_text));
	words_store(to->names, from->names, from->name_count * sizeof(struct name));
	words_store(to->name_text, from->name_text, from->name_count * sizeof(struct name_text));
	for (uint64_t n = 0; n < from->name_count; n++)
		if (from->names[n].has_canonical)
			words_store(&to->canonical[n], &from->canonical[n],
			            sizeof(struct name_text));
}

bool draft_begin(struct draft *draft)
{
	uint64_t at = atomic_load_explicit(&snapshot_state.sequence, memory_order_relaxed);
	const struct snapshot *old = &nothing;

	if (!memory)
		memory = map(sizeof(*memory));
	if (!memory)
		return false;
	if (at)
		old = atomic_load_explicit(&snapshot_state.buffers[at & 1], memory_order_relaxed);
	memory->next = (struct snapshot){
		.service_count = old->service_count,
		.name_count = old->name_count,
		.index = memory->index,
		.addresses = memory->addresses,
		.marks = memory->marks,
		.groups = memory->groups,
		.sets = memory->sets,
		.services = memory->services,
		.names = memory->names,
		.service_text = memory->service_text,
		.name_text = memory->name_text,
		.canonical = memory->canonical,
		.departed = memory->departed,
	};
	*draft = (struct draft){
		.old = old, .next = &memory->next, .scratch = &memory->scratch, .sequence = at};
	names_copy(draft->next, old);
	return true;
}

void draft_end(void)
{
	if (memory)
		syscall(SYS_madvise, memory, sizeof(*memory), MADV_DONTNEED);
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
	const struct service_family *of;

	*count = 0;
	if (service >= in->service_count)
		return NULL;
	of = &in->services[service].family[family];
	*count = of->state == DIRECTORY_POOL ? in->sets[of->set].count : 0;
	return *count ? in->addresses + in->sets[of->set].first : NULL;
}

/* ---- The buffers */

/* Of one family of arrays how many a buffer has room for. */
struct room {
	size_t services, names, sets, groups, endpoints, slots;
};

static const struct room least = {
	.services = 2, .names = 2, .sets = 4, .groups = 16, .endpoints = 32, .slots = 64};

struct buffer {
	struct snapshot snapshot; /* first: what snapshot_state points to */
	struct room room;
	size_t size;
};

_Static_assert(sizeof(struct buffer) <= PAGE_SMALLEST, "what buffer_leave leaves");

/* Lays the arrays one behind the other; returns where the last one ends. */
static uintptr_t lay(struct snapshot *in, const struct room *room, uintptr_t at)
{
#define LAY(array, count)                                                                          \
	in->array = (void *)at; /* NOLINT(performance-no-int-to-ptr) */                            \
	at += (count) * sizeof(*in->array)

	LAY(index, room->slots / 2);
	LAY(addresses, room->endpoints);
	LAY(marks, room->endpoints);
	LAY(groups, room->groups);
	LAY(sets, room->sets);
	LAY(services, room->services);
	LAY(names, room->names);
	LAY(service_text, room->services);
	LAY(name_text, room->names);
	LAY(canonical, room->names);
	LAY(departed, DEPARTED);
	return at;
#undef LAY
}

static size_t enough(size_t had, size_t need)
{
	while (had < need)
		had *= 2;
	return had;
}

/* The buffer itself if it has room for the draft, else a larger one; NULL if there is no memory. */
static struct buffer *buffer_for(struct buffer *had, const struct snapshot *draft)
{
	const struct room *was = had ? &had->room : &least;
	const struct room room = {
		.services = enough(was->services, draft->service_count),
		.names = enough(was->names, draft->name_count),
		.sets = enough(was->sets, draft->set_count),
		.groups = enough(was->groups, draft->group_count),
		.endpoints = enough(was->endpoints, draft->endpoint_count),
		.slots = enough(was->slots, draft->index_mask + 1),
	};
	struct snapshot measured;
	struct buffer *made;
	size_t size;

	if (had && !memcmp(was, &room, sizeof(room)))
		return had;
	size = lay(&measured, &room, sizeof(*made));
	made = map(size);
	if (!made)
		return NULL;
	made->room = room;
	made->size = size;
	lay(&made->snapshot, &room, (uintptr_t)(made + 1));
	return made;
}

/* A larger one is in its place. Who still reads it finds its arrays empty, where the system's pages
 * are as small as that, and the snapshot no longer valid: `begun` was stored before. */
static void buffer_leave(struct buffer *left)
{
	syscall(SYS_madvise, (char *)left + PAGE_SMALLEST, left->size - PAGE_SMALLEST,
	        MADV_DONTNEED);
}

bool draft_commit(const struct draft *draft)
{
	const struct snapshot *from = draft->next;
	struct snapshot *_Atomic *place = &snapshot_state.buffers[(draft->sequence + 1) & 1];
	struct buffer *had = (struct buffer *)atomic_load_explicit(place, memory_order_relaxed);
	struct buffer *buffer = buffer_for(had, from);
	struct snapshot *to;

	if (!buffer)
		return false;
	to = &buffer->snapshot;
	/* Before the first store into the buffer, and each of those is a release: see
	 * snapshot_valid. */
	atomic_store_explicit(&snapshot_state.begun, draft->sequence + 1, memory_order_release);
	atomic_store_explicit(place, to, memory_order_release); /* pairs with snapshot_read */
	if (had && had != buffer)
		buffer_leave(had);
	word_store(&to->service_count, from->service_count);
	word_store(&to->name_count, from->name_count);
	word_store(&to->endpoint_count, from->endpoint_count);
	word_store(&to->set_count, from->set_count);
	word_store(&to->group_count, from->group_count);
	word_store(&to->index_mask, from->index_mask);
	word_store(&to->departed_count, from->departed_count);
	word_store(&to->pool_count, from->pool_count);
	names_copy(to, from);
	words_store(to->sets, from->sets, from->set_count * sizeof(struct set));
	words_store(to->groups, from->groups, from->group_count * sizeof(struct group));
	words_store(to->departed, from->departed, from->departed_count * sizeof(struct departed));
	words_store(to->marks, from->marks, from->endpoint_count * sizeof(struct mark));
	words_store(to->addresses, from->addresses, from->endpoint_count * sizeof(struct address));
	words_store(to->index, from->index, (from->index_mask + 1) / 2 * sizeof(*from->index));
	/* Pairs with snapshot_read. */
	atomic_store_explicit(&snapshot_state.sequence, draft->sequence + 1, memory_order_release);
	return true;
}
