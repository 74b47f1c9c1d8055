/* The settings: LBDNS_* of the environment, read once. config_load writes config, and
 * hooks/start.c its mode, in the constructor; after that any thread may read it, any signal handler
 * too. */
#ifndef LBDNS_BASE_CONFIG_H
#define LBDNS_BASE_CONFIG_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_mode { MODE_OFF, MODE_OBSERVE, MODE_ON };
enum config_log { LOG_OFF, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Room for a name: 253 characters (RFC 1035 2.3.4, as text), a trailing dot, the NUL. */
enum { CONFIG_NAME_SIZE = 256 };

/* How many different ports LBDNS_NAMES and LBDNS_EXCLUDE may have together: a bit each in a set of
 * ports, which has one more bit for all others (base/ports.h). */
enum { CONFIG_PORTS = 63 };

/* Name patterns: an exact name, or one with `*` for any run of characters. In lower case and
 * without trailing dots. An entry given twice is here twice. */
struct config_names {
	const char *text;     /* one pattern after another, each ended by NUL */
	const uint8_t *ports; /* of each pattern: 1 + the index of its port in config.ports; 0: it
	                       * has none, and is for all ports */
	size_t count;         /* 0: none */
};

struct config {
	enum config_mode mode;
	bool connect;          /* false: connects are untouched */
	bool udp;              /* connected datagram sockets rotate too */
	bool shared;           /* cursors in shared memory */
	bool listed;           /* LBDNS_NAMES was given: names are managed only if listed */
	uint32_t refresh_ms;   /* 0: by the records' TTL */
	uint32_t attempts;     /* endpoints that one connect tries; 1: no retry */
	uint32_t eject_ms;     /* time between checks of an ejected endpoint; 0: none is ejected */
	uint32_t idle_ms;      /* a name that nobody used for so long is not refreshed */
	uint32_t max_stale_ms; /* a pool is used for so long without a good answer */
	struct config_names names;    /* LBDNS_NAMES */
	struct config_names exclude;  /* LBDNS_EXCLUDE */
	uint32_t port_count;          /* 0: neither of them has a port */
	uint16_t ports[CONFIG_PORTS]; /* that they have, in host order, each once */
	const char *nameservers;      /* as ares_set_servers_ports_csv(3) takes it; NULL: those of
	                               * resolv.conf */
	const char *localdomain;      /* a copy of LOCALDOMAIN (resolv.conf(5)); NULL: not set */
	const char *res_options;      /* a copy of RES_OPTIONS; NULL: not set */
	enum config_log log;          /* the least severe level that is written */
	const char *log_file;         /* NULL: stderr */
};

extern HIDDEN struct config config;

/* Reads the settings from environment, or takes the defaults if it is NULL (AT_SECURE). Copies what
 * it keeps, so later setenv(3) calls do not matter. A bad value is named on stderr, all of them in
 * one line, and its default stays. The constructor only. */
void config_load(char *const *environment);

/* Returns the ports of all patterns that match the name, which is in lower case without a trailing
 * dot, as a set (base/ports.h); 0 if none does. */
uint64_t config_names_ports(const struct config_names *names, const char *name);

/* Returns true for a pattern without `*`. Patterns are walked as
 *	const char *pattern = names->text;
 *	for (size_t i = 0; i < names->count; i++, pattern += strlen(pattern) + 1) */
bool config_name_is_exact(const char *pattern);

#endif
