/* rooms: dns base */
/* A resolv.conf, its last line also as the name asked for: what comes out is what c-ares can ask
 * for, and ends. */
#include "fuzz.h"
#include "base/config.h"
#include "dns/cares.h"
#include "dns/resolvconf.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char path[sizeof("/proc/self/fd/2147483647")];
static int file;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	file = memfd_create("resolv.conf", 0);
	HOLDS(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

static void check_candidates(const struct resolvconf *conf, const char *name)
{
	char candidate[CONFIG_NAME_SIZE];
	unsigned count = 0;

	for (; resolvconf_candidate(conf, name, count, candidate); count++) {
		size_t length = strlen(candidate);

		HOLDS(count < RESOLVCONF_CANDIDATES);
		HOLDS(length > 0 && length <= 253);
		HOLDS(candidate[0] != '.' && candidate[length - 1] != '.');
		HOLDS(!strstr(candidate, ".."));
		for (size_t i = 0; i < length; i++)
			HOLDS((unsigned char)candidate[i] > ' ' &&
			      !(candidate[i] >= 'A' && candidate[i] <= 'Z'));
	}
}

static void check_servers(const struct resolvconf *conf)
{
	struct cares_arena *arena = cares_arena_open();
	const struct cares_way way = {.servers = conf->servers, .try_ms = 1000, .tries = 1};
	struct cares_wire wire = {.scopes = conf->scopes};
	ares_channel channel;

	HOLDS(arena);
	cares_enter(arena);
	HOLDS(cares_channel_open(&channel, &way, &wire) == ARES_SUCCESS);
	ares_destroy(channel);
	cares_arena_close(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resolvconf conf;
	const char *newline = memrchr(data, '\n', size);
	char *name =
		newline ? strndup(newline + 1, (size_t)((const char *)data + size - newline - 1))
			: strndup((const char *)data, size);

	HOLDS(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
	memset(&conf, 0xaa, sizeof(conf));
	HOLDS(resolvconf_read_file(path, &conf));
	HOLDS(memchr(conf.servers, '\0', sizeof(conf.servers)));
	HOLDS(conf.search_count < RESOLVCONF_CANDIDATES && conf.ndots <= 15);
	HOLDS(conf.timeout_ms >= 1000 && conf.timeout_ms <= 5000);
	HOLDS(conf.tries >= 1 && conf.tries <= 5);
	if (conf.servers[0])
		check_servers(&conf);
	check_candidates(&conf, "rng");
	check_candidates(&conf, "a.b.c.d.e.f");
	check_candidates(&conf, name);
	free(name);
	return 0;
}
