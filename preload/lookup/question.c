#include "lookup/question.h"

#include "base/attributes.h"
#include "base/libc.h"

#include <netinet/in.h>
#include <string.h>

/* As libc reads hints: none means these (getaddrinfo(3), "glibc extensions"). musl has no flags
 * there. */
static int flags_of(const struct addrinfo *hints)
{
	if (hints)
		return hints->ai_flags;
	return libc_is_musl() ? 0 : AI_V4MAPPED | AI_ADDRCONFIG;
}

static unsigned families_of(const struct addrinfo *hints)
{
	if (!hints || hints->ai_family == AF_UNSPEC)
		return FAMILY_BIT(FAMILY_V4) | FAMILY_BIT(FAMILY_V6);
	if (hints->ai_family == AF_INET)
		return FAMILY_BIT(FAMILY_V4);
	return hints->ai_family == AF_INET6 ? FAMILY_BIT(FAMILY_V6) : 0;
}

bool question_read(struct question *question, const char *node, const char *service,
                   const struct addrinfo *hints)
{
	if (config.mode == MODE_OFF || !node || !families_of(hints))
		return false;
	question->node = node;
	question->service = service;
	question->hints = hints;
	question->flags = flags_of(hints);
	question->families = families_of(hints);
	/* musl writes the canonical name into every list. */
	question->wants_canonical = libc_is_musl() || question->flags & AI_CANONNAME;
	return true;
}

bool question_name(const struct question *question, struct name_text *name)
{
	return !(question->flags & AI_NUMERICHOST) && name_normalize(question->node, name) &&
	       !name_is_numeric(name);
}

struct addrinfo *question_template(const struct question *question, enum family family)
{
	struct addrinfo *list;

	/* Any address would do, because only the rest of each node counts. Its ai_canonname does
	 * not: with AI_CANONNAME it is this text. */
	if (libc()->getaddrinfo(family == FAMILY_V4 ? "10.0.0.1" : "fd00::1", question->service,
	                        question->hints, &list))
		return NULL;
	return list;
}

unsigned question_sought(const struct question *question, unsigned families)
{
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		struct addrinfo *template;

		if (!(families & FAMILY_BIT(f)) || !(question->flags & AI_ADDRCONFIG))
			continue;
		template = question_template(question, f);
		if (template)
			libc()->freeaddrinfo(template);
		else
			families &= ~FAMILY_BIT(f);
	}
	return families;
}

SELDOM void question_keep(const struct question *question, struct question_kept *kept)
{
	/* A longer node is no name, and its beginning will do to tell it from another. */
	strncpy(kept->node, question->node, sizeof(kept->node) - 1);
	kept->node[sizeof(kept->node) - 1] = '\0';
	kept->flags = question->flags & ~AI_ADDRCONFIG;
	kept->families = question_sought(question, question->families);
	kept->wants_canonical = question->wants_canonical;
}

SELDOM struct question question_kept(const struct question_kept *kept)
{
	return (struct question){.node = kept->node,
	                         .flags = kept->flags,
	                         .families = kept->families,
	                         .wants_canonical = kept->wants_canonical};
}
