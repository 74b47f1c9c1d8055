#include "base/name.h"

#include "base/address.h"
#include "dns/resolvconf.h"

#include <string.h>

bool names_normalize(const char *from, struct name_text *name)
{
	size_t length = 0;

	memset(name, 0, sizeof(*name));
	for (; from[length]; length++) {
		char c = from[length];

		if (length >= CONFIG_NAME_SIZE - 2)
			return false;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		else if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
		         c != '_' && c != '.')
			return false;
		name->text[length] = c;
	}
	return length > 0;
}

bool names_is_numeric(const struct name_text *name)
{
	const char *last = strrchr(name->text, '.');

	last = last ? last + 1 : name->text;
	if (last[0] == '0' && last[1] == 'x')
		return true;
	return *last && !last[strspn(last, "0123456789")];
}

uint64_t names_hash(const struct name_text *name)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < sizeof(name->text) && name->text[i]; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, name->text + i, sizeof(word));
		hash = hash_mix(hash ^ word) + UINT64_C(0x9e3779b97f4a7c15);
	}
	return hash;
}

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

static enum names_verdict judge(bool listed, bool excluded)
{
	if (excluded || (config.listed && !listed))
		return NAMES_LEAVE;
	return config.listed ? NAMES_LISTED : NAMES_AUTO;
}

static void without_dot(const struct name_text *from, struct name_text *to)
{
	size_t length = strlen(from->text);

	*to = *from;
	if (length && to->text[length - 1] == '.')
		to->text[length - 1] = '\0';
}

enum names_verdict names_judge(const struct name_text *asked)
{
	struct name_text name;
	struct resolvconf conf;
	bool listed, excluded;

	without_dot(asked, &name);
	if (is_localhost(name.text))
		return NAMES_LEAVE;
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

enum names_verdict names_judge_absolute(const struct name_text *asked, const char *absolute)
{
	struct name_text name;

	without_dot(asked, &name);
	return judge(config_names_match(&config.names, name.text) ||
	                     config_names_match(&config.names, absolute),
	             config_names_match(&config.exclude, name.text) ||
	                     config_names_match(&config.exclude, absolute));
}

bool names_is_exact(const struct name_text *name)
{
	const char *pattern = config.names.text;
	struct name_text bare;

	without_dot(name, &bare);
	for (size_t i = 0; i < config.names.count; i++, pattern += strlen(pattern) + 1)
		if (!strcmp(pattern, bare.text))
			return true;
	return false;
}

bool names_any_exact(void)
{
	const char *pattern = config.names.text;

	for (size_t i = 0; i < config.names.count; i++, pattern += strlen(pattern) + 1)
		if (config_name_is_exact(pattern))
			return true;
	return false;
}
