/* rooms: learn dns base */
/* Three lines, patterns to list, patterns to leave alone, and a name as a client writes it: what
 * matches is what a plainer matcher says. */
#include "fuzz.h"
#include "base/config.h"
#include "base/name.h"
#include "base/ports.h"
#include "learn/eligible.h"

#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

/* By the prefixes of the name that the pattern so far matches. */
static bool matches(const char *pattern, const char *name)
{
	bool prefix[CONFIG_NAME_SIZE] = {true};
	size_t length = strlen(name);

	for (; *pattern; pattern++) {
		bool before = prefix[0];

		prefix[0] = prefix[0] && *pattern == '*';
		for (size_t i = 1; i <= length; i++) {
			bool now = *pattern == '*' ? prefix[i] || prefix[i - 1]
			                           : before && *pattern == name[i - 1];

			before = prefix[i];
			prefix[i] = now;
		}
	}
	return prefix[length];
}

static uint64_t ports_of_all(const struct config_names *names, const char *name)
{
	const char *pattern = names->text;
	uint64_t ports = 0;

	for (size_t i = 0; i < names->count; i++, pattern += strlen(pattern) + 1)
		if (matches(pattern, name))
			ports |= names->ports[i] ? ports_of(config.ports[names->ports[i] - 1])
			                         : PORTS_ALL;
	return ports;
}

static void check_name(const char *text)
{
	struct name_text name, again;
	char bare[CONFIG_NAME_SIZE];
	struct port_rule rule;
	struct eligible eligible;

	if (!name_normalize(text, &name))
		return;
	HOLDS(name_normalize(name.text, &again) && !memcmp(&name, &again, sizeof(name)));
	HOLDS(name_hash(&name) == name_hash(&again));
	name_is_numeric(&name);
	memcpy(bare, name.text, sizeof(bare));
	if (bare[strlen(bare) - 1] == '.')
		bare[strlen(bare) - 1] = '\0';
	rule.listed = ports_of_all(&config.names, bare);
	rule.excluded = ports_of_all(&config.exclude, bare);
	HOLDS(config_names_ports(&config.names, bare) == rule.listed);
	HOLDS(config_names_ports(&config.exclude, bare) == rule.excluded);
	if (eligible_is_exact(&name))
		HOLDS(rule.listed && eligible_any_exact());

	rule.listed = config.listed ? rule.listed : PORTS_ALL;
	eligible = eligible_judge_absolute(&name, bare);
	HOLDS((eligible.verdict == ELIGIBLE_NEVER) == !ports_by(rule));
	HOLDS(ports_by(eligible.ports) == ports_by(rule));
	eligible = eligible_judge(&name);
	HOLDS(eligible.verdict == ELIGIBLE_NEVER ||
	      (eligible.verdict == ELIGIBLE_LISTED) == config.listed);
	HOLDS(rule.excluded != PORTS_ALL || eligible.verdict == ELIGIBLE_NEVER);
	HOLDS((eligible.verdict == ELIGIBLE_NEVER) == !ports_by(eligible.ports));
}

/* Into value behind the name of a variable; moves *at behind the line. */
static char *line_take(const char *variable, const char **at, const char *end)
{
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	size_t length = (size_t)((newline ? newline : end) - *at), name = strlen(variable);
	char *line = malloc(name + length + 1);

	memcpy(line, variable, name);
	memcpy(line + name, *at, length);
	line[name + length] = '\0';
	*at += newline ? length + 1 : length;
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	char *names = line_take("LBDNS_NAMES=", &at, end);
	char *exclude = line_take("LBDNS_EXCLUDE=", &at, end);
	char *asked = line_take("", &at, end);
	size_t room = strlen(names) + strlen(exclude);

	config_load((char *[]){names, exclude, NULL});
	check_name(asked);
	/* The first of the lists' ports are where the mapping begins, which is a little smaller
	 * than twice room. */
	if (config.names.ports || config.exclude.ports)
		munmap((void *)((uintptr_t)(config.names.ports ? config.names.ports
		                                               : config.exclude.ports) &
		                ~(uintptr_t)(PAGE - 1)),
		       2 * (room - strlen("LBDNS_NAMES=") - strlen("LBDNS_EXCLUDE=")) + 1);
	free(names);
	free(exclude);
	free(asked);
	return 0;
}
