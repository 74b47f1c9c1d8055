/* State: config, and one mapping with the texts that it points to. config_load alone writes both,
 * and the mapping stays until the process ends.
 *
 * Until config_load has run, config is all zeros, and that is MODE_OFF: a hook that is called
 * before passes through. */
#include "base/attributes.h"
#include "base/config.h"

#include "base/address.h"
#include "base/kernel.h"
#include "base/log.h"
#include "base/setting.h"
#include "base/text.h"

#include <string.h>

struct config config;

static const struct config defaults = {
	.mode = MODE_ON,
	.connect = true,
	.shared = true,
	.refresh_ms = 5000,
	.attempts = 3,
	.eject_ms = 5000,
	.idle_ms = 600000,
	.max_stale_ms = 300000,
	.log = LOG_ERROR,
};

/* Lists that can fill the error line come last, so that they hide no other error. */
enum setting_index {
	REFRESH,
	ATTEMPTS,
	EJECT,
	IDLE,
	MAX_STALE,
	MODE,
	CONNECT,
	UDP,
	SHARED,
	LOG,
	NAMESERVERS,
	FIRST_TEXT, /* of the settings whose text is kept, in no more room than the value has */
	LOG_FILE = FIRST_TEXT,
	LOCALDOMAIN,
	RES_OPTIONS,
	NAMES,
	EXCLUDE,
	SETTING_COUNT
};

#define TIMES   "; use 30s, 5m, 1h or plain seconds, 1s to 24h"
#define SWITCH  "; use on or off"
#define SERVERS "; use 10.96.0.10, 127.0.0.1:5353 or [fd00::10]:53, at most 8"
#define NAME    "; use letters, digits, - _ . and *, and :8081 for that port alone (left out)"

/* Arrays, not pointers, which would have to be relocated at the start of every process. */
static const struct setting {
	char variable[20];
	char right[84]; /* what would have been right, and what is used instead */
} settings[SETTING_COUNT] = {
	[REFRESH] = {"LBDNS_REFRESH",
                     "; use 500ms, 5s, 1m or plain seconds, 100ms to 1h, or ttl (using 5s)"},
	[ATTEMPTS] = {"LBDNS_ATTEMPTS", "; use 1 to 10 (using 3)"},
	[EJECT] = {"LBDNS_EJECT",
                   "; use 5s, 500ms or plain seconds, 100ms to 60s, or 0 (using 5s)"},
	[IDLE] = {"LBDNS_IDLE", TIMES " (using 10m)"},
	[MAX_STALE] = {"LBDNS_MAX_STALE", TIMES " (using 5m)"},
	[MODE] = {"LBDNS_MODE", "; use on, observe or off (using on)"},
	[CONNECT] = {"LBDNS_CONNECT", SWITCH " (using on)"},
	[UDP] = {"LBDNS_UDP", SWITCH " (using off)"},
	[SHARED] = {"LBDNS_SHARED", SWITCH " (using on)"},
	[LOG] = {"LBDNS_LOG", "; use off, error, warn, info or debug (using error)"},
	[NAMESERVERS] = {"LBDNS_NAMESERVERS", SERVERS " (using resolv.conf)"},
	[LOG_FILE] = {"LBDNS_LOG_FILE", "; use one such as /tmp/lbdns.log (using stderr)"},
	[LOCALDOMAIN] = {"LOCALDOMAIN", ""},
	[RES_OPTIONS] = {"RES_OPTIONS", ""},
	[NAMES] = {"LBDNS_NAMES", NAME},
	[EXCLUDE] = {"LBDNS_EXCLUDE", NAME},
};

enum {
	NAMESERVERS_LIMIT = 8,
	NAMESERVER_SIZE = sizeof("[],:65535") + ADDRESS_TEXT_SIZE,
	PATH_LIMIT = 4096,
	SHOWN_LIMIT = 40,
	COMPLAINT_SIZE = 1024 - 7 /* less log_setting_error's "lbdns: "; its newline is our NUL */
};

/* What is being loaded. */
struct loading {
	const char *const *values; /* by index; NULL: not set */
	char *room;                /* where the next text is kept */
	size_t complaint_length;
	char complaint[COMPLAINT_SIZE];
};

static void complaint_add(struct loading *loading, const char *text, size_t length)
{
	for (size_t i = 0; i < length && loading->complaint_length < COMPLAINT_SIZE - 1; i++) {
		char letter = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';

		loading->complaint[loading->complaint_length++] = letter;
	}
}

static SELDOM void complain(struct loading *loading, enum setting_index index, const char *value,
                            size_t length, const char *wrong)
{
	const struct setting *setting = &settings[index];

	if (loading->complaint_length > 0)
		complaint_add(loading, "; ", 2);
	complaint_add(loading, setting->variable, strlen(setting->variable));
	complaint_add(loading, "=", 1);
	complaint_add(loading, value, length < SHOWN_LIMIT ? length : SHOWN_LIMIT);
	if (length > SHOWN_LIMIT)
		complaint_add(loading, "...", 3);
	complaint_add(loading, ": ", 2);
	complaint_add(loading, wrong, strlen(wrong));
	complaint_add(loading, setting->right, strlen(setting->right));
}

static void complaint_write(struct loading *loading)
{
	if (loading->complaint_length == 0)
		return;
	if (loading->complaint_length == COMPLAINT_SIZE - 1)
		memcpy(loading->complaint + COMPLAINT_SIZE - 4, "...", 3);
	loading->complaint[loading->complaint_length] = '\0';
	log_setting_error(loading->complaint);
}

/* Returns the value if the entry is "name=value", else NULL. */
static const char *entry_value(const char *entry, const char *name)
{
	for (; *name; name++, entry++) {
		if (*entry != *name)
			return NULL;
	}
	return *entry == '=' ? entry + 1 : NULL;
}

/* Finds the values of all settings in one pass; true if there is any. Names that are not in the
 * table are not ours to judge: Kubernetes gives a service called lbdns its LBDNS_SERVICE_HOST and
 * LBDNS_PORT. Of two entries with one name the first counts, as for getenv(3). */
static bool find_values(char *const *environment, const char *values[SETTING_COUNT])
{
	bool found = false;

	for (; *environment; environment++) {
		if (**environment != 'L' && **environment != 'R')
			continue;
		for (int i = 0; i < SETTING_COUNT; i++) {
			const char *value = entry_value(*environment, settings[i].variable);

			if (!value)
				continue;
			if (!values[i])
				values[i] = value;
			found = true;
			break;
		}
	}
	return found;
}

static void load_time(struct loading *loading, enum setting_index index, uint32_t least_ms,
                      uint32_t most_ms, uint32_t *ms)
{
	const char *value = loading->values[index];
	const char *wrong = value ? setting_time(value, least_ms, most_ms, ms) : NULL;

	if (wrong)
		complain(loading, index, value, strlen(value), wrong);
}

/* Returns the index of the value in `words`, which is its number in the enum or bool; fallback if
 * it is none of them or is not set. */
static unsigned load_word(struct loading *loading, enum setting_index index, const char (*words)[8],
                          unsigned count, unsigned fallback)
{
	const char *value = loading->values[index];

	for (unsigned i = 0; value && i < count; i++) {
		if (setting_is_word(value, words[i]))
			return i;
	}
	if (value)
		complain(loading, index, value, strlen(value), "unknown");
	return fallback;
}

/* Keeps a port, once. Returns 1 + its index in config.ports; 0 if there is no room. */
static uint8_t keep_port(unsigned port)
{
	uint32_t i = 0;

	while (i < config.port_count && config.ports[i] != port)
		i++;
	if (i == CONFIG_PORTS)
		return 0;
	if (i == config.port_count)
		config.ports[config.port_count++] = (uint16_t)port;
	return (uint8_t)(i + 1);
}

/* Keeps the names of a list. Returns true if the list has entries, be they good or bad. */
static SELDOM bool load_names(struct loading *loading, enum setting_index index,
                              struct config_names *names)
{
	const char *list = loading->values[index], *entry;
	uint8_t *ports = (uint8_t *)loading->room;
	size_t length;
	bool any = false;

	loading->room += strlen(list) + 1;
	names->text = loading->room;
	names->ports = ports;
	while ((entry = setting_list_next(&list, &length))) {
		size_t kept = length;
		unsigned port;
		const char *wrong = setting_name(entry, &kept, &port);
		uint8_t place = wrong || !port ? 0 : keep_port(port);

		any = true;
		if (!wrong && port && !place)
			wrong = "one port too many, after 63";
		if (wrong) {
			complain(loading, index, entry, length, wrong);
			continue;
		}
		ports[names->count++] = place;
		for (size_t i = 0; i < kept; i++)
			*loading->room++ = setting_lower_case(entry[i]);
		*loading->room++ = '\0';
	}
	return any;
}

/* Keeps a name server, with brackets and port, because every c-ares reads that form alike. */
static void keep_nameserver(struct loading *loading, struct address address, unsigned port)
{
	bool v6 = address_family(address) == FAMILY_V6;
	char *at = loading->room, digits[21];

	if (v6)
		*at++ = '[';
	at += strlen(address_text(address, at));
	if (v6)
		*at++ = ']';
	*at++ = ':';
	text_number(port, digits);
	memcpy(at, digits, strlen(digits));
	loading->room = at + strlen(digits);
}

static void load_nameservers(struct loading *loading, const char *list)
{
	char *start = loading->room;
	const char *entry;
	size_t length;
	unsigned count = 0, port;
	struct address address;

	for (; (entry = setting_list_next(&list, &length)); count++) {
		bool valid = setting_nameserver(entry, length, &address, &port);

		if (!valid || count == NAMESERVERS_LIMIT) {
			complain(loading, NAMESERVERS, entry, length,
			         valid ? "one too many" : "not a name server");
			loading->room = start;
			return;
		}
		if (count > 0)
			*loading->room++ = ',';
		keep_nameserver(loading, address, port);
	}
	if (count > 0) {
		*loading->room++ = '\0';
		config.nameservers = start;
	}
}

static const char *keep_text(struct loading *loading, const char *text)
{
	size_t size = strlen(text) + 1;
	char *kept = memcpy(loading->room, text, size);

	loading->room += size;
	return kept;
}

static void load_log_file(struct loading *loading)
{
	const char *path = loading->values[LOG_FILE];

	if (!path)
		return;
	if (path[0] != '/' || strlen(path) >= PATH_LIMIT)
		complain(loading, LOG_FILE, path, strlen(path), "not an absolute path");
	else
		config.log_file = keep_text(loading, path);
}

static void load_attempts(struct loading *loading)
{
	static const char numbers[][8] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};

	config.attempts = load_word(loading, ATTEMPTS, numbers, 10, config.attempts - 1) + 1;
}

static void load_scalars(struct loading *loading)
{
	static const char switches[][8] = {"off", "on"};
	static const char modes[][8] = {"off", "observe", "on"};
	static const char levels[][8] = {"off", "error", "warn", "info", "debug"};
	const char *refresh = loading->values[REFRESH], *eject = loading->values[EJECT];

	if (refresh && setting_is_word(refresh, "ttl"))
		config.refresh_ms = 0;
	else
		load_time(loading, REFRESH, 100, 3600000, &config.refresh_ms);
	if (eject && setting_is_word(eject, "0"))
		config.eject_ms = 0;
	else
		load_time(loading, EJECT, 100, 60000, &config.eject_ms);
	load_attempts(loading);
	load_time(loading, IDLE, 1000, 86400000, &config.idle_ms);
	load_time(loading, MAX_STALE, 1000, 86400000, &config.max_stale_ms);
	config.mode = (enum config_mode)load_word(loading, MODE, modes, 3, config.mode);
	config.connect =
		load_word(loading, CONNECT, switches, 2, config.connect) && config.mode != MODE_OFF;
	config.udp = load_word(loading, UDP, switches, 2, config.udp);
	config.shared = load_word(loading, SHARED, switches, 2, config.shared);
	config.log = (enum config_log)load_word(loading, LOG, levels, 5, config.log);
}

static void load_texts(struct loading *loading)
{
	if (loading->values[NAMESERVERS])
		load_nameservers(loading, loading->values[NAMESERVERS]);
	load_log_file(loading);
	if (loading->values[LOCALDOMAIN])
		config.localdomain = keep_text(loading, loading->values[LOCALDOMAIN]);
	if (loading->values[RES_OPTIONS])
		config.res_options = keep_text(loading, loading->values[RES_OPTIONS]);
	if (loading->values[NAMES])
		config.listed = load_names(loading, NAMES, &config.names);
	if (loading->values[EXCLUDE])
		load_names(loading, EXCLUDE, &config.exclude);
}

/* Maps room for all that load_texts can keep. Returns false if there is none to be had. */
static bool find_room(struct loading *loading)
{
	size_t size = loading->values[NAMESERVERS] ? NAMESERVERS_LIMIT * NAMESERVER_SIZE : 0;

	/* Names have a byte more each, for their port. */
	for (int i = FIRST_TEXT; i < SETTING_COUNT; i++)
		if (loading->values[i])
			size += (strlen(loading->values[i]) + 1) * (i < NAMES ? 1 : 2);
	loading->room = NULL;
	if (size == 0)
		return true;
	loading->room = kernel_map(size, 0);
	return loading->room;
}

/* Drops empty values, which are as if not set. LOCALDOMAIN and RES_OPTIONS stay, because to glibc
 * an empty LOCALDOMAIN is an empty search list. */
static void drop_empty(const char *values[SETTING_COUNT])
{
	for (int i = 0; i < SETTING_COUNT; i++) {
		if (values[i] && *values[i] == '\0' && i != LOCALDOMAIN && i != RES_OPTIONS)
			values[i] = NULL;
	}
}

void config_load(char *const *environment)
{
	const char *values[SETTING_COUNT] = {NULL};

	config = defaults;
	if (!environment || !find_values(environment, values))
		return;
	drop_empty(values);

	struct loading loading = {.values = values};

	load_scalars(&loading);
	if (find_room(&loading))
		load_texts(&loading);
	else /* what to leave alone is not known, so that nothing may be managed */
		config.listed = values[NAMES] || values[EXCLUDE];
	complaint_write(&loading);
}
