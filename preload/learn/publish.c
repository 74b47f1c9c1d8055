/* The buffers that readers see: laid out, grown, filled, made the published snapshot. */
#include "base/address.h"
#include "base/kernel.h"
#include "directory/snapshot.h"
#include "learn/draft.h"

#include <string.h>

enum { PAGE_SMALLEST = 4096 };

/* How many elements of each kind a buffer has room for. */
struct room {
	size_t services, names, pool_records, memberships, endpoints, slots;
};

/* The room of a first buffer. */
static const struct room least = {.services = 2,
                                  .names = 2,
                                  .pool_records = 4,
                                  .memberships = 16,
                                  .endpoints = 32,
                                  .slots = 64};

struct buffer {
	struct snapshot snapshot; /* first: what snapshot_state points to */
	struct room room;
	size_t size;
};

_Static_assert(sizeof(struct buffer) <= PAGE_SMALLEST, "what buffer_outgrown leaves");

/* Lays the arrays of a snapshot one behind the other, from next on. Returns where the last one
 * ends. */
static uintptr_t lay(struct snapshot *snapshot, const struct room *room, uintptr_t next)
{
#define LAY(array, count)                                                                          \
	snapshot->array = (void *)next; /* NOLINT(performance-no-int-to-ptr) */                    \
	next += (count) * sizeof(*snapshot->array)

	LAY(index, room->slots / 2);
	LAY(addresses, room->endpoints);
	LAY(infos, room->endpoints);
	LAY(memberships, room->memberships);
	LAY(pool_records, room->pool_records);
	LAY(services, room->services);
	LAY(names, room->names);
	LAY(service_text, room->services);
	LAY(name_text, room->names);
	LAY(canonical, room->names);
	LAY(departed, DEPARTED);
	return next;
#undef LAY
}

/* Returns the room that there was, doubled until there is enough. */
static size_t enough(size_t had, size_t need)
{
	while (had < need)
		had *= 2;
	return had;
}

/* Returns the buffer itself if it has room for the draft, else a new one that has; NULL if there is
 * no memory. */
static struct buffer *buffer_for(struct buffer *had, const struct snapshot *draft)
{
	const struct room *old_room = had ? &had->room : &least;
	const struct room room = {
		.services = enough(old_room->services, draft->service_count),
		.names = enough(old_room->names, draft->name_count),
		.pool_records = enough(old_room->pool_records, draft->pool_record_count),
		.memberships = enough(old_room->memberships, draft->membership_count),
		.endpoints = enough(old_room->endpoints, draft->endpoint_count),
		.slots = enough(old_room->slots, draft->index_mask + 1),
	};
	struct snapshot measured;
	struct buffer *made;
	size_t size;

	if (had && !memcmp(old_room, &room, sizeof(room)))
		return had;
	size = lay(&measured, &room, sizeof(*made));
	made = draft_map(size);
	if (!made)
		return NULL;
	made->room = room;
	made->size = size;
	lay(&made->snapshot, &room, (uintptr_t)(made + 1));
	return made;
}

/* Gives back the pages of a buffer that a larger one has replaced, all but the first, because a
 * reader may still be in it. That reader finds the arrays empty (unless the system's pages are
 * larger than PAGE_SMALLEST), and the snapshot no longer valid, because `begun` was stored before.
 */
static void buffer_outgrown(struct buffer *outgrown)
{
	kernel_call(SYS_madvise, (char *)outgrown + PAGE_SMALLEST, outgrown->size - PAGE_SMALLEST,
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
	/* `begun` is stored before the first word of the buffer, and each of those stores is a
	 * release, so that a reader that has loaded one of them sees it (reading_held). */
	atomic_store_explicit(&snapshot_state.begun, draft->sequence + 1, memory_order_release);
	atomic_store_explicit(place, to, memory_order_release); /* pairs with reading_begin */
	if (had && had != buffer)
		buffer_outgrown(had);
	word_store(&to->service_count, from->service_count);
	word_store(&to->name_count, from->name_count);
	word_store(&to->endpoint_count, from->endpoint_count);
	word_store(&to->pool_record_count, from->pool_record_count);
	word_store(&to->membership_count, from->membership_count);
	word_store(&to->index_mask, from->index_mask);
	word_store(&to->departed_count, from->departed_count);
	word_store(&to->pool_count, from->pool_count);
	draft_copy_names(to, from);
	words_store(to->pool_records, from->pool_records,
	            from->pool_record_count * sizeof(struct pool_record));
	words_store(to->memberships, from->memberships,
	            from->membership_count * sizeof(struct membership));
	words_store(to->departed, from->departed, from->departed_count * sizeof(struct departed));
	words_store(to->infos, from->infos, from->endpoint_count * sizeof(struct endpoint_info));
	words_store(to->addresses, from->addresses, from->endpoint_count * sizeof(struct address));
	words_store(to->index, from->index, (from->index_mask + 1) / 2 * sizeof(*from->index));
	/* Pairs with reading_begin. */
	atomic_store_explicit(&snapshot_state.sequence, draft->sequence + 1, memory_order_release);
	return true;
}
