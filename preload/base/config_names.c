/* Name patterns, matched. config.c reads them. */
#include "base/config.h"
#include "base/ports.h"

#include <string.h>

/* Takes time of at most the product of the lengths, because it goes back to the last `*` only. */
static bool pattern_matches(const char *pattern, const char *name)
{
	const char *after_star = NULL, *resume = NULL;

	while (*name) {
		if (*pattern == '*') {
			after_star = ++pattern;
			resume = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (after_star) {
			pattern = after_star;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

uint64_t config_names_ports(const struct config_names *names, const char *name)
{
	const char *pattern = names->text;
	uint64_t ports = 0;

	for (size_t i = 0; i < names->count; i++, pattern += strlen(pattern) + 1) {
		if (!pattern_matches(pattern, name))
			continue;
		if (!names->ports[i])
			return PORTS_ALL;
		ports |= UINT64_C(1) << (names->ports[i] - 1);
	}
	return ports;
}

bool config_name_is_exact(const char *pattern)
{
	return !strchr(pattern, '*');
}
