#include "lookup/from_snapshot.h"

#include "balance/pick.h"
#include "balance/walk.h"
#include "base/answer.h"
#include "base/libc.h"
#include "directory/listing.h"
#include "directory/service.h"
#include "directory/snapshot.h"
#include "lookup/list.h"
#include "refresh/thread.h"
#include "shared/mode.h"

#include <errno.h>
#include <string.h>

/* Flags under which an answer differs only in what libc's answer for a numeric address shows too.
 */
enum { PLAIN_FLAGS = AI_ADDRCONFIG | AI_PASSIVE | AI_NUMERICSERV | AI_CANONNAME | AI_V4MAPPED };

/* A list in the making. */
struct reply {
	const struct question *question;
	struct name_text name;
	struct listing listing;
	struct addrinfo *templates[FAMILY_COUNT]; /* NULL: the family is not in the list */
	struct list_addresses addresses;
	unsigned families; /* that are in the list */
	enum libc_says libc_says;
};

/* Returns true if DNS or libc was asked lately enough to answer without asking again. */
static bool is_fresh(const struct listing *listing)
{
	/* Without a thread nothing is newer than libc's last answer. */
	if (thread_is_refused())
		return listing->age_ms <= listing->interval_ms;
	return !service_is_overdue(listing->age_ms, listing->interval_ms);
}

/* Returns true if what is known of a family will do without libc. */
static bool is_known(const struct reply *reply, enum family family)
{
	const struct listing *listing = &reply->listing;

	if (listing->family[family].state != DIRECTORY_NONE &&
	    (listing->family[family].state != DIRECTORY_POOL || !listing->family[family].fresh))
		return false;
	if (reply->libc_says == LIBC_UNABLE)
		return true;
	if (reply->libc_says == LIBC_FAILED)
		return listing->believed;
	if (reply->libc_says == LIBC_LATE)
		return listing->believed && listing->family[family].confirmed;
	return listing->family[family].confirmed && !listing->family[family].libc_due;
}

/* Finds the families of the list, and gets their templates. Returns false if there is one that is
 * not known, or not freshly. */
static bool reply_families(struct reply *reply)
{
	const struct question *question = reply->question;
	bool addrconfig = question->flags & AI_ADDRCONFIG;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		bool known = is_known(reply, f);

		if (!(question->families & FAMILY_BIT(f)) ||
		    (known && reply->listing.family[f].state == DIRECTORY_NONE))
			continue;
		if (!known && !addrconfig)
			return false;
		reply->templates[f] = question_template(question, f);
		if (!reply->templates[f] && !addrconfig)
			return false;
		if (!reply->templates[f])
			continue; /* no interface has this family: libc leaves it out */
		if (!known)
			return false;
		reply->families |= FAMILY_BIT(f);
	}
	if (reply->families == (FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6)))
		return reply->listing.order != ORDER_UNKNOWN;
	return reply->families != 0;
}

/* Copies the endpoints. Returns false if they have changed, or there is no memory. */
static bool reply_copy(struct reply *reply)
{
	size_t most = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (reply->listing.family[f].count > most)
			most = reply->listing.family[f].count;
	if (!list_reserve(&reply->addresses, most))
		return false;
	reply->addresses.order = reply->listing.order;
	listing_given(&reply->listing, reply->families);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (!(reply->families & FAMILY_BIT(f)))
			continue;
		if (!listing_copy(&reply->listing, f, reply->addresses.family[f].at))
			return false;
		reply->addresses.family[f].count = reply->listing.family[f].count;
	}
	return true;
}

/* Returns the index of the address that is to come first in a family. */
static uint32_t reply_first(const struct reply *reply, enum family family, uint16_t port)
{
	uint64_t key = reply->listing.family[family].key;
	uint32_t count = reply->listing.family[family].count;
	uint32_t first = pick_show(reply->addresses.family[family].at, count, key, port);

	walk_listed(key, count, first);
	return first;
}

static struct addrinfo *reply_make(struct reply *reply)
{
	bool wants_canonical = reply->question->wants_canonical;
	enum family leading = reply->families & FAMILY_BIT(FAMILY_V4) ? FAMILY_V4 : FAMILY_V6;
	uint16_t port = list_port(reply->templates[leading]);
	struct name_text canonical = {""};
	size_t first[FAMILY_COUNT] = {0};

	if (wants_canonical && (!reply->listing.has_canonical ||
	                        !listing_canonical(&reply->listing, &reply->name, &canonical)))
		return NULL;
	if (!listing_rotates(&reply->listing, port))
		return NULL;
	/* That libc's order is to be kept is no reason to say nothing where libc has none. */
	if (!pick_shows(reply->listing.service, reply->listing.family[leading].key, port) &&
	    reply->libc_says == LIBC_NOTHING)
		return NULL;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (reply->families & FAMILY_BIT(f))
			first[f] = reply_first(reply, f, port);
	return list_make(&reply->addresses, first, reply->templates,
	                 wants_canonical ? canonical.text : NULL);
}

/* Returns true if the question is of a managed name that is to be rotated, and asks for nothing
 * that only libc can say. Reads the listing. */
static bool reply_begin(struct reply *reply, const struct question *question)
{
	reply->question = question;
	list_reserve(&reply->addresses, 0);
	return !directory_is_empty() && !(question->flags & ~PLAIN_FLAGS) &&
	       /* glibc gives a canonical name back as it was spelt */
	       (!question->wants_canonical || !strcmp(question->node, reply->name.text)) &&
	       listing_find(&reply->name, &reply->listing) &&
	       mode_for(service_name_hash(reply->listing.service)) == MODE_ON;
}

/* Has DNS asked for the first time if a family is not confirmed yet. */
static void hurry(const struct reply *reply)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (reply->question->families & FAMILY_BIT(f) &&
		    !reply->listing.family[f].confirmed)
			service_hurry_first(reply->listing.service);
}

/* Makes the list by the snapshot of the moment. Returns NULL where from_snapshot does, and if a new
 * one is published meanwhile: then it sets *overtaken. */
static struct addrinfo *list_of(const struct question *question, enum libc_says libc_says,
                                bool *overtaken)
{
	struct reply reply = {.libc_says = libc_says};
	struct addrinfo *list = NULL;
	int saved_errno = errno;

	*overtaken = false;
	if (!question_name(question, &reply.name))
		return NULL;
	/* libc's lookups are cancellation points in practice, and a thread may do nothing else. */
	if (libc()->pthread_testcancel)
		libc()->pthread_testcancel();
	if (!reply_begin(&reply, question))
		return NULL;
	hurry(&reply);
	thread_want(false);
	thread_nudge(reply.listing.age_ms, reply.listing.interval_ms);
	if (is_fresh(&reply.listing) && list_can_make() && reply_families(&reply) &&
	    reply_copy(&reply))
		list = reply_make(&reply);
	*overtaken = !list && !listing_is_of_now(&reply.listing);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (reply.templates[f])
			libc()->freeaddrinfo(reply.templates[f]);
	list_release(&reply.addresses);
	errno = saved_errno;
	return list;
}

struct addrinfo *from_snapshot(const struct question *question, enum libc_says libc_says)
{
	struct addrinfo *list;
	bool overtaken;
	int tries = 0;

	do
		list = list_of(question, libc_says, &overtaken);
	while (overtaken && ++tries < READ_TRIES);
	return list;
}
