#include "learn/from_libc.h"

#include "base/address_set.h"
#include "base/answer.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "base/clock.h"
#include "base/kernel.h"
#include "base/log.h"
#include "base/process.h"
#include "directory/claims.h"
#include "directory/listing.h"
#include "directory/service.h"
#include "directory/singles.h"
#include "directory/snapshot.h"
#include "learn/canonical.h"
#include "learn/claim.h"
#include "learn/draft.h"
#include "learn/eligible.h"
#include "learn/hosts.h"
#include "learn/known.h"
#include "learn/merge.h"
#include "learn/names.h"
#include "learn/sources.h"
#include "learn/writer.h"
#include "shared/counters.h"
#include "shared/segment.h"

#include <time.h>

enum {
	UNMANAGED_FOR_MS = 10 * 60 * 1000, /* then DNS is asked again whether it knows the name */
	LOCK_TRIES = 1000,                 /* 0.1 s */
	LOCK_NAP_NS = 100000
};

static void claim_all(uint64_t key, const struct answer *answer)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		learn_claim_family(key, answer, f);
}

/* Returns true if DNS was found not to know this name as libc does, not long ago. */
static bool is_unmanaged(const struct name_text *name)
{
	struct reading reading = reading_begin();
	const struct snapshot *snapshot = reading.snapshot;
	int64_t place = snapshot ? snapshot_find_name(snapshot, name) : -1;
	struct service service = {.used = false};
	struct name found;

	if (place < 0)
		return false;
	words_load(&found, &snapshot->names[place], sizeof(found));
	if (found.service < SERVICES)
		words_load(&service, &snapshot->services[found.service], sizeof(service));
	return service.unmanaged &&
	       clock_since(service.unmanaged_ms, clock_ms()) < UNMANAGED_FOR_MS &&
	       reading_held(reading);
}

/* Notes that libc has just said what is known of the families of an answer. */
static void note_libc(uint32_t name, const struct answer *answer)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->family[f].outcome != DNS_NOT_ASKED)
			atomic_store_explicit(&name_state[name].libc_ms[f], clock_ms(),
			                      memory_order_relaxed);
}

/* Returns what is known of a name before libc's answer. */
static struct merge_before before_of(const struct draft *draft, const struct name_text *name,
                                     bool listed)
{
	int64_t place = snapshot_find_name(draft->next, name);
	struct merge_before before =
		draft_before(draft, place < 0 ? SERVICES : draft->next->names[place].service);

	if (place < 0)
		before.listed = listed;
	return before;
}

/* Returns true if libc says of a name that DNS is believed for nothing that DNS has said: the
 * absolute name is another one now (the search list has changed, or a name that it has first was
 * made), or the name is one of the hosts file. Or every endpoint was replaced. */
static bool is_other_name(const struct merge_before *before, const struct answer *answer)
{
	bool is_other = false;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (address_set_overlaps(before->family[f].endpoints, before->family[f].count,
		                         answer->family[f].addresses, answer->family[f].count))
			return false;
		is_other = is_other || (before->family[f].count && answer->family[f].count);
	}
	return is_other && before->absolute_known;
}

/* Takes the absolute name from a service, so that DNS is asked for what the client asks for. The
 * pools stay until others replace them, because what leaves them departs. */
static void forget_absolute(struct draft *draft, uint32_t service, const struct name_text *name,
                            struct port_rule ports)
{
	struct service value = draft_service(draft, service);
	struct service_state *state = &service_state[service];

	value.absolute_known = false;
	value.ports = ports;
	draft_set_service(draft, service, &value);
	draft_set_service_text(draft, service, name);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		atomic_store_explicit(&state->confirmed[f], false, memory_order_relaxed);
		atomic_store_explicit(&state->denials[f], 0, memory_order_relaxed);
		atomic_store_explicit(&state->last_rejected_key[f], 0, memory_order_relaxed);
	}
	atomic_store_explicit(&state->refreshes, 0, memory_order_relaxed); /* service_hurry_first */
	atomic_store_explicit(&state->unanswered, 0, memory_order_relaxed);
}

/* Returns true if a service has another name than the one at a place. */
static bool has_other_names(const struct snapshot *snapshot, uint32_t service, uint32_t place)
{
	for (uint32_t n = 0; n < snapshot->name_count; n++)
		if (n != place && snapshot->names[n].service == service)
			return true;
	return false;
}

/* Parts a name from what DNS knows under it, where libc says that it is another name. Returns what
 * is known of it then. */
static struct merge_before part(struct draft *draft, const struct name_text *name,
                                struct port_rule ports, struct merge_before before,
                                const struct answer *answer)
{
	int64_t place = snapshot_find_name(draft->next, name);
	bool listed = before.listed;
	uint32_t service;

	if (place < 0 || !is_other_name(&before, answer))
		return before;
	service = draft->next->names[place].service;
	if (has_other_names(draft->next, service, (uint32_t)place)) {
		draft_set_name(draft, (uint32_t)place, &(struct name_text){""}, SERVICES);
		before = draft_before(draft, SERVICES);
		before.listed = listed;
		return before;
	}
	forget_absolute(draft, service, name, ports);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (!answer->family[f].count)
			before.family[f].state = DIRECTORY_UNKNOWN;
	return before;
}

/* Takes over the pools. The client is about to get the addresses of the new ones, and all others of
 * the answer are claimed by key. */
static void take_pools(struct draft *draft, uint32_t service, const struct answer *answer,
                       const struct merge_after *after, uint64_t key)
{
	struct service value = draft_service(draft, service);

	claims_count_numbers();
	draft_take(draft, service, after);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (after->family[f].replaced)
			/* draft_publish raises the version. */
			atomic_store_explicit(&service_state[service].given_version[f],
			                      value.family[f].version + 1, memory_order_relaxed);
		else
			learn_claim_family(key, answer, f);
	}
}

/* Notes all else that libc's answer says of a service. */
static void note_answer(struct draft *draft, uint32_t service, const struct answer *answer)
{
	struct service value = draft_service(draft, service);
	struct service_state *state = &service_state[service];
	uint64_t now_ms = clock_ms();

	if (answer->order != ORDER_UNKNOWN) {
		value.order = answer->order;
		atomic_store_explicit(&state->order_lost, false, memory_order_relaxed);
	}
	value.unmanaged = false;
	draft_set_service(draft, service, &value);
	atomic_store_explicit(&state->checked_ms, now_ms, memory_order_relaxed);
	/* Only where DNS is not asked already, because lookups that go to libc each time would put
	 * the next question off for ever. */
	if (clock_since(atomic_load_explicit(&state->due_base_ms, memory_order_relaxed), now_ms) >
	    2 * (uint64_t)atomic_load_explicit(&state->interval_ms, memory_order_relaxed))
		atomic_store_explicit(&state->due_base_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&state->used_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&state->due_now, answer->may_be_truncated, memory_order_relaxed);
}

/* Has DNS asked at once for a name of one address, and then as seldom as singles_interval_ms says.
 */
static void begin_single(struct draft *draft, uint32_t service)
{
	struct service value = draft_service(draft, service);

	value.single = true;
	draft_set_service(draft, service, &value);
	store_relaxed(&service_state[service].interval_ms, singles_interval_ms());
	store_relaxed(&service_state[service].due_now, true);
	service_note_connect(service);
}

/* Notes a name that libc has answered with one private address, if it has. */
static void note_single(const struct name_text *name, const struct answer *answer)
{
	struct single single = {.name = *name};

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (answer->family[f].outcome != DNS_NOT_ASKED)
			single.asked |= FAMILY_BIT(f);
		if (answer->family[f].count > 1 ||
		    !address_set_is_private(answer->family[f].addresses, answer->family[f].count))
			return;
		if (answer->family[f].count) {
			single.has |= FAMILY_BIT(f);
			single.address[f] = answer->family[f].addresses[0];
		}
	}
	if (single.has)
		singles_note(&single);
}

/* Learns an answer; are_dns is sources_are_dns. The writer. Returns false if that is not possible:
 * then nothing is published, and the name is as it was. */
static bool learn_locked(const struct name_text *name, const struct answer *answer,
                         const struct eligible *eligible, bool are_dns, bool single)
{
	bool listed = eligible->verdict == ELIGIBLE_LISTED;
	struct merge_before before;
	struct merge_after after;
	struct name_text canonical;
	struct draft draft;
	uint32_t service, place;
	bool is_new;

	shared_start();
	if (!draft_begin(&draft))
		return false;
	is_new = snapshot_find_name(draft.next, name) < 0;
	if (single && !is_new) /* a lookup was faster, and knows more */
		return false;
	before = part(&draft, name, eligible->ports, before_of(&draft, name, listed), answer);
	after = merge(&before, answer);
	/* Before names_service, so that no name is given up for an answer that has no room. */
	if (!after.fits)
		return false;
	service = names_service(&draft, name, eligible, &place);
	if (service == SERVICES)
		return false;
	if (!listed && is_new)
		store_relaxed(&service_state[service].unsure, !are_dns);
	if (answer->canonical && name_normalize(answer->canonical, &canonical))
		draft_set_canonical(&draft, place, &canonical);
	take_pools(&draft, service, answer, &after, name_hash(name));
	note_answer(&draft, service, answer);
	if (single)
		begin_single(&draft, service);
	note_libc(place, answer);
	if (!draft_publish(&draft))
		return false;
	counters_name(name);
	return true;
}

/* Waits for the right to write. Others hold it for microseconds, and several threads may look a
 * name up for the first time at the same moment: one that did without would have to claim the
 * addresses that another one manages. Returns false if it is not to be had. */
static bool lock_soon(struct writer_lock *lock)
{
	const struct timespec nap = {.tv_nsec = LOCK_NAP_NS};

	for (int i = 0; i < LOCK_TRIES && process_is_own(); i++) {
		if (writer_trylock(lock))
			return true;
		kernel_call(SYS_nanosleep, &nap, NULL);
	}
	return false;
}

/* Gives up a name that the hosts file has now. Its endpoints are claimed, because the client may
 * still have them. */
static SELDOM void leave_to_hosts(const struct name_text *name)
{
	struct writer_lock lock;
	struct draft draft;
	int64_t place;

	if (!lock_soon(&lock))
		return;
	place = draft_begin(&draft) ? snapshot_find_name(draft.next, name) : -1;
	if (place >= 0) {
		uint32_t service = draft.next->names[place].service;

		learn_claim_endpoints(name_hash(name), &draft, service);
		draft_set_name(&draft, (uint32_t)place, &(struct name_text){""}, SERVICES);
		if (!has_other_names(draft.next, service, (uint32_t)place))
			draft_free_service(&draft, service);
		if (draft_publish(&draft))
			log_line(LOG_INFO, name->text, ": left alone, the hosts file has it", NULL);
	}
	draft_end();
	writer_unlock(&lock);
}

bool learn_from_libc(const struct name_text *name, const struct answer *answer)
{
	uint64_t key = name_hash(name);
	struct listing listing;
	bool known = listing_find(name, &listing), are_dns, learned;
	struct eligible eligible;
	struct writer_lock lock;

	if (known && known_agrees(name, &listing, answer)) {
		canonical_learn(name, &listing, answer);
		return true;
	}
	eligible = eligible_judge(name);
	if (eligible.verdict == ELIGIBLE_NEVER || is_unmanaged(name) ||
	    (!known && !merge_begins(answer, eligible.verdict == ELIGIBLE_LISTED))) {
		claim_all(key, answer);
		if (eligible.verdict == ELIGIBLE_BY_ADDRESS && !known)
			note_single(name, answer);
		return false;
	}
	if (hosts_say(name, answer)) {
		claim_all(key, answer);
		if (known)
			leave_to_hosts(name);
		return false;
	}
	are_dns = known || sources_are_dns(); /* before the lock: files may be slow */
	if (!lock_soon(&lock)) {
		claim_all(key, answer);
		return false;
	}
	learned = learn_locked(name, answer, &eligible, are_dns, false);
	draft_end();
	writer_unlock(&lock);
	if (!learned)
		claim_all(key, answer);
	else
		log_line(LOG_DEBUG, name->text, ": learned from libc", NULL);
	if (learned)
		singles_forget(name);
	return learned;
}

bool learn_single(const struct single *single)
{
	struct eligible eligible = eligible_judge(&single->name);
	struct answer answer = {.source = ANSWER_LIBC};
	struct listing listing;
	struct writer_lock lock;
	bool are_dns;

	if (eligible.verdict == ELIGIBLE_NEVER)
		return true;
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (single->asked & FAMILY_BIT(f))
			answer.family[f].outcome = DNS_NO_DATA;
		if (single->has & FAMILY_BIT(f)) {
			answer.family[f].outcome = DNS_ADDRESSES;
			answer.family[f].addresses = &single->address[f];
			answer.family[f].count = 1;
		}
	}
	if (listing_find(&single->name, &listing) || is_unmanaged(&single->name) ||
	    hosts_say(&single->name, &answer))
		return true;
	are_dns = sources_are_dns();
	if (!writer_trylock(&lock))
		return false;
	if (learn_locked(&single->name, &answer, &eligible, are_dns, true))
		log_line(LOG_DEBUG, single->name.text, ": has one address, DNS is asked too", NULL);
	draft_end();
	writer_unlock(&lock);
	return true;
}
