#include "learn/eligible.h"

#include "base/config.h"
#include "dns/resolvconf.h"

#include <string.h>

static bool is_localhost(const char *name)
{
	static const char localhost[] = "localhost";
	size_t length = strlen(name), tail = sizeof(localhost) - 1;

	if (!strcmp(name, "localhost.localdomain"))
		return true;
	/* RFC 6761 6.3: localhost and all below it */
	return length >= tail && !strcmp(name + length - tail, localhost) &&
	       (length == tail || name[length - tail - 1] == '.');
}

/* Adds what the settings say of one form of a name, without a trailing dot. */
static void add_form(struct port_rule *ports, const char *name)
{
	ports->listed |= config.listed ? config_names_ports(&config.names, name) : PORTS_ALL;
	ports->excluded |= config_names_ports(&config.exclude, name);
}

static struct eligible judge(struct port_rule ports)
{
	struct eligible eligible = {.ports = ports, .verdict = ELIGIBLE_NEVER};

	if (ports_by(ports))
		eligible.verdict = config.listed ? ELIGIBLE_LISTED : ELIGIBLE_BY_ADDRESS;
	return eligible;
}

/* Returns true if no other form of the name can change the rule. */
static bool is_settled(struct port_rule ports)
{
	return ports.excluded == PORTS_ALL ||
	       ((ports.listed == PORTS_ALL || !config.names.count) && !config.exclude.count);
}

struct eligible eligible_judge(const struct name_text *asked)
{
	struct port_rule ports = {.listed = 0};
	struct name_text name;
	struct resolvconf conf;

	name_without_dot(asked, &name);
	if (is_localhost(name.text))
		return judge(ports);
	add_form(&ports, name.text);
	if (is_settled(ports))
		return judge(ports);
	resolvconf_read(&conf);
	for (unsigned i = 0;
	     ports.excluded != PORTS_ALL && resolvconf_candidate(&conf, asked->text, i, name.text);
	     i++)
		add_form(&ports, name.text);
	return judge(ports);
}

struct eligible eligible_judge_absolute(const struct name_text *asked, const char *absolute)
{
	struct port_rule ports = {.listed = 0};
	struct name_text name;

	name_without_dot(asked, &name);
	add_form(&ports, name.text);
	add_form(&ports, absolute);
	return judge(ports);
}

bool eligible_is_exact(const struct name_text *name)
{
	const char *pattern = config.names.text;
	struct name_text bare;

	name_without_dot(name, &bare);
	for (size_t i = 0; i < config.names.count; i++, pattern += strlen(pattern) + 1)
		if (!strcmp(pattern, bare.text))
			return true;
	return false;
}

bool eligible_any_exact(void)
{
	const char *pattern = config.names.text;

	for (size_t i = 0; i < config.names.count; i++, pattern += strlen(pattern) + 1)
		if (config_name_is_exact(pattern))
			return true;
	return false;
}
