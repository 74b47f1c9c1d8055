#include "hooks/hook.h"
#include "hooks/getaddrinfo.h"

#include "balance/pick.h"
#include "base/address.h"
#include "base/answer.h"
#include "base/attributes.h"
#include "base/libc.h"
#include "base/libc_versions.h"
#include "base/name.h"
#include "directory/listing.h"
#include "directory/service.h"
#include "lookup/list.h"
#include "lookup/lookup.h"
#include "refresh/thread.h"
#include "shared/mode.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

/* Flags under which an answer differs only in what libc's answer for a numeric address shows too.
 */
enum { PLAIN_FLAGS = AI_ADDRCONFIG | AI_PASSIVE | AI_NUMERICSERV | AI_CANONNAME | AI_V4MAPPED };

/* As libc reads hints: none means these (getaddrinfo(3), "glibc extensions"). musl has no flags
 * there. */
static int flags_of(const struct addrinfo *hints)
{
	if (hints)
		return hints->ai_flags;
	return libc_is_musl() ? 0 : AI_V4MAPPED | AI_ADDRCONFIG;
}

static bool wants_canonical(const struct addrinfo *hints)
{
	return libc_is_musl() || flags_of(hints) & AI_CANONNAME;
}

static unsigned families_of(const struct addrinfo *hints)
{
	if (!hints || hints->ai_family == AF_UNSPEC)
		return FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6);
	if (hints->ai_family == AF_INET)
		return FAMILY_BIT(FAMILY_V4);
	return hints->ai_family == AF_INET6 ? FAMILY_BIT(FAMILY_V6) : 0;
}

/* libc's list for one numeric address of a family; NULL if these hints do not want the family (or
 * the service is wrong). */
static struct addrinfo *template_get(enum family family, const char *service,
                                     const struct addrinfo *hints)
{
	struct addrinfo *list;

	/* Any address would do: what counts is the rest of each node. No AI_CANONNAME: it would be
	 * this text. */
	if (libc()->getaddrinfo(family == FAMILY_V4 ? "10.0.0.1" : "fd00::1", service, hints,
	                        &list))
		return NULL;
	return list;
}

struct warm {
	struct listing listing;
	struct addrinfo *templates[FAMILY_COUNT];
	struct answer answer;
	unsigned families; /* that are pools, and wanted */
};

/* Is every family that the client wants known, and known freshly? Gets the templates of those that
 * are pools. */
static bool warm_families(struct warm *warm, const char *service, const struct addrinfo *hints)
{
	bool addrconfig = flags_of(hints) & AI_ADDRCONFIG;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		enum directory_state state = warm->listing.family[f].state;

		if (!(families_of(hints) & FAMILY_BIT(f)) || state == DIRECTORY_NONE)
			continue;
		if (state != DIRECTORY_POOL && !addrconfig)
			return false;
		warm->templates[f] = template_get(f, service, hints);
		if (!warm->templates[f] && !addrconfig)
			return false;
		if (!warm->templates[f])
			continue; /* no interface has this family: libc leaves it out */
		if (state != DIRECTORY_POOL || !warm->listing.family[f].fresh)
			return false;
		warm->families |= FAMILY_BIT(f);
	}
	if (warm->families == (FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6)))
		return warm->listing.order != ORDER_UNKNOWN;
	return warm->families != 0;
}

static bool warm_copy(struct warm *warm)
{
	size_t most = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (warm->listing.family[f].count > most)
			most = warm->listing.family[f].count;
	if (!answer_reserve(&warm->answer, most))
		return false;
	warm->answer.order = warm->listing.order;
	listing_given(&warm->listing, warm->families);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		if (!(warm->families & FAMILY_BIT(f)))
			continue;
		if (!listing_copy(&warm->listing, f, warm->answer.addresses[f]))
			return false;
		warm->answer.count[f] = warm->listing.family[f].count;
	}
	return true;
}

static struct addrinfo *warm_make(struct warm *warm, const struct name_text *name,
                                  const struct addrinfo *hints, uint16_t port)
{
	size_t first[FAMILY_COUNT] = {0};
	struct name_text canonical = {""};

	if (wants_canonical(hints) &&
	    (!warm->listing.has_canonical || !listing_canonical(&warm->listing, name, &canonical)))
		return NULL;
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (warm->families & FAMILY_BIT(f))
			first[f] =
				pick_show(warm->answer.addresses[f], warm->listing.family[f].count,
			                  warm->listing.family[f].key, port);
	return answer_make(&warm->answer, first, warm->templates,
	                   wants_canonical(hints) ? canonical.text : NULL);
}

static uint16_t port_of(const struct addrinfo *list)
{
	struct address address;
	uint16_t port = 0;

	if (list && list->ai_addr)
		address_from_sockaddr(list->ai_addr, list->ai_addrlen, &address, &port);
	return port;
}

/* The answer from the snapshot, or NULL: then libc is asked. */
static struct addrinfo *warm_answer(const char *node, const struct name_text *name,
                                    const char *service, const struct addrinfo *hints)
{
	struct warm warm = {.families = 0};
	struct addrinfo *list = NULL;
	int saved_errno = errno;

	answer_reserve(&warm.answer, 0);
	if (directory_is_empty() || flags_of(hints) & ~PLAIN_FLAGS ||
	    (wants_canonical(hints) && strcmp(node, name->text) != 0) ||
	    !listing_find(name, &warm.listing) ||
	    mode_for(service_name_hash(warm.listing.service)) != MODE_ON)
		return NULL;
	thread_want(false);
	thread_nudge(warm.listing.age_ms, warm.listing.interval_ms);
	if (lookup_is_fresh(&warm.listing) && answer_can_make() &&
	    warm_families(&warm, service, hints) && warm_copy(&warm)) {
		uint16_t port =
			port_of(warm.templates[warm.families & FAMILY_BIT(FAMILY_V4) ? FAMILY_V4
		                                                                     : FAMILY_V6]);

		list = warm_make(&warm, name, hints, port);
	}
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (warm.templates[f])
			libc()->freeaddrinfo(warm.templates[f]);
	answer_release(&warm.answer);
	errno = saved_errno;
	return list;
}

/* Which of these families libc looks for: with AI_ADDRCONFIG a family that no interface has is not
 * asked for. */
static unsigned families_sought(unsigned families, const char *service,
                                const struct addrinfo *hints)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		struct addrinfo *template;

		if (!(families & FAMILY_BIT(f)) || !(flags_of(hints) & AI_ADDRCONFIG))
			continue;
		template = template_get(f, service, hints);
		if (template)
			libc()->freeaddrinfo(template);
		else
			families &= ~FAMILY_BIT(f);
	}
	return families;
}

/* The canonical name, if it can be kept: in lower case, as all our names. One that was asked for in
 * upper case comes back so, and libc is asked for it again. */
static const char *canonical_of(const struct addrinfo *list, bool wanted)
{
	struct name_text name;

	if (!wanted || !list->ai_canonname || !name_normalize(list->ai_canonname, &name) ||
	    strcmp(list->ai_canonname, name.text) != 0)
		return NULL;
	return list->ai_canonname;
}

static bool is_name(const char *node, int flags, struct name_text *name)
{
	return !(flags & AI_NUMERICHOST) && name_normalize(node, name) && !name_is_numeric(name);
}

static unsigned families_in(const struct answer *answer)
{
	unsigned families = 0;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (answer->count[f])
			families |= FAMILY_BIT(f);
	return families;
}

/* Takes in what libc answered, and puts it in order. */
static void learn(const struct name_text *name, const struct answer *answer, unsigned families,
                  const char *canonical, bool in_handler, struct addrinfo *list)
{
	unsigned managed = lookup_learn(name, answer, families, canonical, in_handler);

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		if (managed & FAMILY_BIT(f))
			answer_order(answer, f, lookup_first(answer, f, port_of(list)), list);
}

SELDOM bool question_ask(struct question *question, const char *node, const char *service,
                         const struct addrinfo *hints)
{
	if (config.mode == MODE_OFF || !node || !families_of(hints))
		return false;
	question->node[sizeof(question->node) - 1] = '\0';
	/* What is longer is no name, and its beginning will do to tell it from another. */
	strncpy(question->node, node, sizeof(question->node) - 1);
	question->flags = flags_of(hints);
	question->wants_canonical = wants_canonical(hints);
	question->families = families_sought(families_of(hints), service, hints);
	return true;
}

SELDOM void question_answered(const struct question *question, struct addrinfo *list,
                              bool in_handler)
{
	struct name_text name;
	struct answer answer;
	int saved_errno = errno;

	if (!is_name(question->node, question->flags, &name)) {
		lookup_claim(question->node, list);
		return;
	}
	if (answer_read(&answer, list))
		learn(&name, &answer, question->families | families_in(&answer),
		      canonical_of(list, question->wants_canonical), in_handler, list);
	else
		lookup_claim(name.text, list);
	answer_release(&answer);
	errno = saved_errno;
}

static void answered(const struct name_text *name, const char *service,
                     const struct addrinfo *hints, struct addrinfo *list)
{
	struct answer answer;
	int saved_errno = errno;

	if (answer_read(&answer, list)) {
		/* IPv4 under AF_INET6: AI_V4MAPPED */
		unsigned has = families_in(&answer);

		learn(name, &answer,
		      has | families_sought(families_of(hints) & ~has, service, hints),
		      canonical_of(list, wants_canonical(hints)), false, list);
	} else {
		lookup_claim(name->text, list);
	}
	answer_release(&answer);
	errno = saved_errno;
}

HOOK int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                     struct addrinfo **list)
{
	struct name_text name;
	bool named;
	int error;

	if (config.mode == MODE_OFF || !node || !families_of(hints))
		return libc()->getaddrinfo(node, service, hints, list);
	named = is_name(node, flags_of(hints), &name);
	if (named) {
		struct addrinfo *warm;

		/* As libc's lookups are in practice: a thread may do nothing else. */
		pthread_testcancel();
		warm = warm_answer(node, &name, service, hints);
		if (warm) {
			*list = warm;
			return 0;
		}
	}
	error = libc()->getaddrinfo(node, service, hints, list);
	if (error)
		return error;
	if (named)
		answered(&name, service, hints, *list);
	else
		lookup_claim(node, *list);
	return 0;
}
