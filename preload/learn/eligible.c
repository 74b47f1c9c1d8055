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

static enum eligible_verdict judge(bool listed, bool excluded)
{
	if (excluded || (config.listed && !listed))
		return ELIGIBLE_NEVER;
	return config.listed ? ELIGIBLE_LISTED : ELIGIBLE_BY_ADDRESS;
}

enum eligible_verdict eligible_judge(const struct name_text *asked)
{
	struct name_text name;
	struct resolvconf conf;
	bool listed, excluded;

	name_without_dot(asked, &name);
	if (is_localhost(name.text))
		return ELIGIBLE_NEVER;
	listed = config_names_match(&config.names, name.text);
	excluded = config_names_match(&config.exclude, name.text);
	if (excluded || ((listed || !config.names.count) && !config.exclude.count))
		return judge(listed, excluded);
	resolvconf_read(&conf);
	for (unsigned i = 0; !excluded && resolvconf_candidate(&conf, asked->text, i, name.text);
	     i++) {
		listed = listed || config_names_match(&config.names, name.text);
		excluded = config_names_match(&config.exclude, name.text);
	}
	return judge(listed, excluded);
}

enum eligible_verdict eligible_judge_absolute(const struct name_text *asked, const char *absolute)
{
	struct name_text name;

	name_without_dot(asked, &name);
	return judge(config_names_match(&config.names, name.text) ||
	                     config_names_match(&config.names, absolute),
	             config_names_match(&config.exclude, name.text) ||
	                     config_names_match(&config.exclude, absolute));
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
