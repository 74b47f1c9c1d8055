#include "learn/draft.h"

#include "base/address.h"
#include "base/kernel.h"
#include "base/locked.h"
#include "base/name.h"
#include "directory/service.h"

void *draft_map(size_t size)
{
	return locked_map(size, MAP_NORESERVE);
}

/* Mapped for the time of a draft: mlockall(2) succeeds only where all that is mapped may be locked.
 */
static struct draft_memory {
	struct snapshot next;
	struct service services[SERVICES];
	struct name names[NAMES];
	struct pool_record pool_records[POOL_RECORDS];
	struct membership memberships[MEMBERSHIPS];
	struct name_text service_text[SERVICES], name_text[NAMES], canonical[NAMES];
	struct endpoint_info infos[ENDPOINTS];
	struct address addresses[ENDPOINTS];
	uint64_t index[INDEX / 2];
	struct departed departed[DEPARTED];
	struct draft_scratch scratch;
} * memory;

/* The published snapshot before anything was published. */
static uint64_t no_index;
static const struct snapshot nothing = {.index = &no_index};

void draft_copy_names(struct snapshot *to, const struct snapshot *from)
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
	uint64_t sequence = atomic_load_explicit(&snapshot_state.sequence, memory_order_relaxed);
	const struct snapshot *old = &nothing;

	if (!memory)
		memory = draft_map(sizeof(*memory));
	if (!memory)
		return false;
	if (sequence)
		old = atomic_load_explicit(&snapshot_state.buffers[sequence & 1],
		                           memory_order_relaxed);
	memory->next = (struct snapshot){
		.service_count = old->service_count,
		.name_count = old->name_count,
		.index = memory->index,
		.addresses = memory->addresses,
		.infos = memory->infos,
		.memberships = memory->memberships,
		.pool_records = memory->pool_records,
		.services = memory->services,
		.names = memory->names,
		.service_text = memory->service_text,
		.name_text = memory->name_text,
		.canonical = memory->canonical,
		.departed = memory->departed,
	};
	*draft = (struct draft){.old = old,
	                        .next = &memory->next,
	                        .scratch = &memory->scratch,
	                        .sequence = sequence};
	draft_copy_names(draft->next, old);
	return true;
}

void draft_end(void)
{
	struct draft_memory *had = memory;

	/* Before it is unmapped, because a child may be forked in between. */
	memory = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	if (had)
		kernel_unmap(had, sizeof(*had));
}

struct service draft_service(const struct draft *draft, uint32_t service)
{
	return draft->next->services[service];
}

void draft_set_service(struct draft *draft, uint32_t service, const struct service *value)
{
	struct service written = *value;

	written.generation =
		atomic_load_explicit(&service_state[service].generation, memory_order_relaxed);
	words_store(&draft->next->services[service], &written, sizeof(written));
}

void draft_set_service_text(struct draft *draft, uint32_t service, const struct name_text *text)
{
	words_store(&draft->next->service_text[service], text, sizeof(*text));
	atomic_store_explicit(&service_state[service].name, name_hash(text), memory_order_relaxed);
}

void draft_free_service(struct draft *draft, uint32_t service)
{
	draft_set_service(draft, service, &(struct service){.used = 0});
	atomic_fetch_add_explicit(&service_state[service].generation, 1, memory_order_relaxed);
}

void draft_set_name(struct draft *draft, uint32_t name, const struct name_text *text,
                    uint32_t service)
{
	struct name value = {.hash = service < SERVICES ? name_hash(text) : 0, .service = service};

	if (service < SERVICES)
		value.has_canonical = draft->next->names[name].has_canonical;
	if (memcmp(&draft->next->name_text[name], text, sizeof(*text)) != 0)
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			atomic_store_explicit(&name_state[name].libc_ms[f], 0,
			                      memory_order_relaxed);
	words_store(&draft->next->name_text[name], text, sizeof(*text));
	words_store(&draft->next->names[name], &value, sizeof(value));
}

void draft_set_canonical(struct draft *draft, uint32_t name, const struct name_text *canonical)
{
	struct name value = draft->next->names[name];

	value.has_canonical = canonical != NULL;
	if (canonical)
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

struct merge_before draft_before(const struct draft *draft, uint32_t service)
{
	struct merge_before before = {.room = (int64_t)POOL_ENDPOINTS -
	                                      (int64_t)draft->old->endpoint_count};

	if (service == SERVICES)
		return before;
	before.listed = draft->next->services[service].listed;
	before.absolute_known = draft->next->services[service].absolute_known;
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		before.family[f].state = draft->next->services[service].family[f].state;
		before.family[f].endpoints =
			snapshot_endpoints(draft->old, service, f, &before.family[f].count);
		before.family[f].denials = atomic_load_explicit(&service_state[service].denials[f],
		                                                memory_order_relaxed);
		before.family[f].rejected_key = atomic_load_explicit(
			&service_state[service].last_rejected_key[f], memory_order_relaxed);
	}
	return before;
}

bool draft_take(struct draft *draft, uint32_t service, const struct merge_after *after)
{
	struct service value = draft_service(draft, service);
	bool changed = false;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		changed = changed || value.family[f].state != after->family[f].state ||
		          after->family[f].replaced;
		value.family[f].state = after->family[f].state;
		if (value.single && after->family[f].count > 1) {
			value.single = false;
			service_usual_interval(service);
		}
		if (after->family[f].replaced)
			draft->changes[draft->change_count++] =
				(struct change){.service = service,
			                        .family = f,
			                        .endpoints = after->family[f].endpoints,
			                        .count = after->family[f].count};
	}
	draft_set_service(draft, service, &value);
	return changed;
}
