#include "base/attributes.h"
#include "base/setting.h"

#include <arpa/inet.h>
#include <string.h>

enum {
	NAME_LENGTH_LIMIT = 253, /* RFC 1035 2.3.4, as text */
	LABEL_LENGTH_LIMIT = 63,
};

char setting_lower_case(char letter)
{
	return letter >= 'A' && letter <= 'Z' ? (char)(letter + ('a' - 'A')) : letter;
}

const char *setting_time(const char *text, uint32_t least_ms, uint32_t most_ms, uint32_t *ms)
{
	static const struct {
		char unit[4];
		uint32_t ms;
	} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	const char *at = text;
	uint64_t number = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (number <=
		    UINT32_MAX) /* a larger one is too long in any unit, and could overflow */
			number = number * 10 + (uint64_t)(*at - '0');
	}
	for (size_t i = 0; at > text && i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(at, units[i].unit) != 0)
			continue;
		number *= units[i].ms;
		if (number < least_ms)
			return "too short";
		if (number > most_ms)
			return "too long";
		*ms = (uint32_t)number;
		return NULL;
	}
	return "not a time";
}

bool setting_is_word(const char *text, const char *word)
{
	while (*word && setting_lower_case(*text) == *word)
		text++, word++;
	return *word == '\0' && *text == '\0';
}

const char *setting_list_next(const char **list, size_t *length)
{
	static const char separators[] = ", \t\r\n\v\f";
	const char *entry = *list + strspn(*list, separators);

	*length = strcspn(entry, separators);
	*list = entry + *length;
	return *length > 0 ? entry : NULL;
}

/* Returns true if the text can be a name, or with `*` a pattern of names, without a trailing dot.
 */
static bool is_name(const char *text, size_t length)
{
	size_t label = 0;   /* characters of the label so far */
	size_t letters = 0; /* those but `*`, which may stand for nothing */

	if (length == 0 || length > NAME_LENGTH_LIMIT || text[length - 1] == '.')
		return false;
	for (size_t i = 0; i < length; i++) {
		char letter = setting_lower_case(text[i]);

		if (letter == '.') {
			if (label == 0)
				return false;
			label = letters = 0;
			continue;
		}
		if (!(letter >= 'a' && letter <= 'z') && !(letter >= '0' && letter <= '9') &&
		    letter != '-' && letter != '_' && letter != '*')
			return false;
		label++;
		letters += letter != '*';
		if (letters > LABEL_LENGTH_LIMIT)
			return false;
	}
	return true;
}

/* Reads ":1" to ":65535"; returns 0 if the text is something else. */
static unsigned parse_port(const char *text, size_t length)
{
	unsigned port = 0;

	if (length < 2 || length > 6 || text[0] != ':' || text[1] == '0')
		return 0;
	for (size_t i = 1; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	return port <= UINT16_MAX ? port : 0;
}

const char *setting_name(const char *text, size_t *length, unsigned *port)
{
	size_t name = *length, end = *length;

	/* No name has a colon, so that the last one is the port's. */
	while (name > 0 && text[name - 1] != ':')
		name--;
	name = name > 0 ? name - 1 : end;
	*port = name < end ? parse_port(text + name, end - name) : 0;
	*length = name > 0 && text[name - 1] == '.' ? name - 1 : name;
	if (!is_name(text, *length))
		return "not a name";
	return name < end && !*port ? "not a port" : NULL;
}

SELDOM bool setting_nameserver(const char *text, size_t length, struct address *address,
                               unsigned *port)
{
	const char *host = text, *end = text + length, *host_end = end;
	char host_text[ADDRESS_TEXT_SIZE];
	unsigned char bytes[16];
	bool bracket = *text == '[';

	if (bracket) {
		host++;
		host_end = memchr(host, ']', (size_t)(end - host));
	} else {
		const char *colon = memchr(text, ':', length);

		/* With a second colon it is IPv6 without a port. */
		if (colon && !memchr(colon + 1, ':', (size_t)(end - colon - 1)))
			host_end = colon;
	}
	if (!host_end || (size_t)(host_end - host) >= sizeof(host_text))
		return false;
	memcpy(host_text, host, (size_t)(host_end - host));
	host_text[host_end - host] = '\0';

	bool v6 = bracket || strchr(host_text, ':');

	if (inet_pton(v6 ? AF_INET6 : AF_INET, host_text, bytes) != 1)
		return false;
	*address = address_from_bytes(v6 ? FAMILY_V6 : FAMILY_V4, bytes);
	host_end += bracket;
	*port = host_end == end ? 53 : parse_port(host_end, (size_t)(end - host_end));
	return *port != 0;
}
