/* rooms: dns base */
/* An environment, an entry on each line: whatever is in it, the settings are within their bounds.
 */
#include "fuzz.h"
#include "base/config.h"
#include "dns/cares.h"

#include <string.h>
#include <sys/mman.h>

enum { ENTRIES = 64, PAGE = 4096 };

static void check_names(const struct config_names *names)
{
	const char *pattern = names->text;

	for (size_t i = 0; i < names->count; i++, pattern += strlen(pattern) + 1) {
		size_t length = strlen(pattern);

		HOLDS(length > 0 && length < CONFIG_NAME_SIZE - 1);
		HOLDS(pattern[length - 1] != '.');
		HOLDS(strspn(pattern, "abcdefghijklmnopqrstuvwxyz0123456789-_.*") == length);
		HOLDS(config_name_is_exact(pattern) == !strchr(pattern, '*'));
		HOLDS(names->ports[i] <= config.port_count);
		config_names_ports(names, pattern);
	}
}

static void check_nameservers(void)
{
	struct cares_arena *arena = cares_arena_open();
	static const struct resolvconf_scope none[RESOLVCONF_SERVERS];
	const struct cares_way way = {.servers = config.nameservers, .try_ms = 1000, .tries = 1};
	struct cares_wire wire = {.scopes = none};
	ares_channel channel;

	HOLDS(arena);
	cares_enter(arena);
	HOLDS(cares_channel_open(&channel, &way, &wire) == ARES_SUCCESS);
	ares_destroy(channel);
	cares_arena_close(arena);
}

static void check(void)
{
	HOLDS(config.mode <= MODE_ON && config.log <= LOG_DEBUG);
	HOLDS(!config.refresh_ms || (config.refresh_ms >= 100 && config.refresh_ms <= 3600000));
	HOLDS(config.attempts >= 1 && config.attempts <= 10);
	HOLDS(!config.eject_ms || (config.eject_ms >= 100 && config.eject_ms <= 60000));
	HOLDS(config.idle_ms >= 1000 && config.idle_ms <= 86400000);
	HOLDS(config.max_stale_ms >= 1000 && config.max_stale_ms <= 86400000);
	HOLDS(!config.log_file || config.log_file[0] == '/');
	HOLDS(config.listed || !config.names.count);
	HOLDS(config.port_count <= CONFIG_PORTS);
	for (uint32_t i = 0; i < config.port_count; i++)
		for (uint32_t k = 0; k <= i; k++)
			HOLDS(config.ports[i] && (i == k || config.ports[i] != config.ports[k]));
	check_names(&config.names);
	check_names(&config.exclude);
	if (config.nameservers)
		check_nameservers();
}

/* A process loads its settings once and keeps them; we do it again and again. RES_OPTIONS is always
 * there, so the first of these is where the texts begin. */
static void forget(void)
{
	const char *first = config.res_options, *end = first;
	const char *texts[] = {config.nameservers, config.log_file, config.localdomain,
	                       config.res_options};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (texts[i] && texts[i] < first)
			first = texts[i];
		if (texts[i] && texts[i] + strlen(texts[i]) + 1 > end)
			end = texts[i] + strlen(texts[i]) + 1;
	}
	for (int i = 0; i < 2; i++) {
		const struct config_names *names = i ? &config.exclude : &config.names;
		const char *pattern = names->text;

		for (size_t k = 0; k < names->count; k++)
			pattern += strlen(pattern) + 1;
		if (pattern > end)
			end = pattern;
	}
	munmap((void *)((uintptr_t)first & ~(uintptr_t)(PAGE - 1)),
	       (size_t)(end - first) + (uintptr_t)first % PAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *environment[ENTRIES + 2], options[] = "RES_OPTIONS=";
	size_t count = 0;

	for (const char *at = (const char *)data, *end = at + size; at < end && count < ENTRIES;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline ? newline : end) - at);

		environment[count++] = strndup(at, length);
		at += length + 1;
	}
	environment[count] = options;
	environment[count + 1] = NULL;
	config_load(environment);
	for (size_t i = 0; i < count; i++)
		free(environment[i]); /* nothing of them is kept */
	check();
	forget();
	return 0;
}
