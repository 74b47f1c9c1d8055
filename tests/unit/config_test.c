/* rooms: base */
/* Every setting, right and wrong, and the one line about those that are wrong. */
#include "check.h"
#include "base/config.h"
#include "base/log.h"
#include "base/ports.h"
#include "shared/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What loading these entries says on stderr. */
static const char *load(char *const *environment)
{
	static char said[4096];
	int saved = dup(STDERR_FILENO), ends[2];
	ssize_t length;

	if (pipe(ends) != 0)
		abort();
	dup2(ends[1], STDERR_FILENO);
	log_start();
	errno = ENOTTY;
	config_load(environment);
	CHECK(errno == ENOTTY);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	length = read(ends[0], said, sizeof(said) - 1);
	close(ends[0]);
	said[length > 0 ? length : 0] = '\0';
	return said;
}

#define LOAD(...) load((char *const[]){__VA_ARGS__, NULL})

/* Loads, and shows what was said if it is not this. */
#define SAYS(expected, ...)                                                                        \
	do {                                                                                       \
		const char *heard = LOAD(__VA_ARGS__);                                             \
		bool same = strcmp(heard, expected) == 0;                                          \
		if (!same)                                                                         \
			fprintf(stderr, "said:     %sexpected: %s", heard, expected);              \
		CHECK(same);                                                                       \
	} while (0)

static bool is_default(void)
{
	return config.mode == MODE_ON && config.connect && !config.udp && config.shared &&
	       !config.listed && config.refresh_ms == 5000 && config.idle_ms == 600000 &&
	       config.max_stale_ms == 300000 && config.names.count == 0 &&
	       config.exclude.count == 0 && !config.nameservers && !config.localdomain &&
	       !config.res_options && config.log == LOG_ERROR && !config.log_file;
}

static void before_loading_all_is_off(void)
{
	CHECK(config.mode == MODE_OFF && config.log == LOG_OFF);
}

static void defaults(void)
{
	CHECK(strcmp(load(NULL), "") == 0 && is_default());
	SAYS("", "PATH=/bin", "LANG=C", "LBDNS=5", "REFRESH=1s", "L", "R", "", "=");
	CHECK(is_default());
	SAYS("", "LBDNS_REFRESH", "LBDNS_REFRESHX=1", "XLBDNS_REFRESH=1s", "lbdns_refresh=1s");
	CHECK(is_default());
}

/* What Kubernetes and Docker inject for a service called lbdns. */
static void other_variables_are_not_ours(void)
{
	SAYS("", "LBDNS_SERVICE_HOST=10.96.0.1", "LBDNS_SERVICE_PORT=80", "LBDNS_PORT=tcp://x",
	     "LBDNS_PORT_80_TCP=tcp://x", "LBDNS_NAME=/a/b");
	CHECK(is_default());
}

static void attempts_and_eject(void)
{
	SAYS("", "LBDNS_ATTEMPTS=1", "LBDNS_EJECT=0");
	CHECK(config.attempts == 1 && config.eject_ms == 0);
	SAYS("", "LBDNS_ATTEMPTS=10", "LBDNS_EJECT=60s");
	CHECK(config.attempts == 10 && config.eject_ms == 60000);
	SAYS("lbdns: LBDNS_EJECT=61s: too long; use 5s, 500ms or plain seconds, 100ms to 60s, or 0 "
	     "(using 5s); LBDNS_ATTEMPTS=11: unknown; use 1 to 10 (using 3)\n",
	     "LBDNS_ATTEMPTS=11", "LBDNS_EJECT=61s");
	CHECK(is_default());
	LOAD("LBDNS_ATTEMPTS=0", "LBDNS_EJECT=99ms");
	CHECK(is_default());
	LOAD("LBDNS_ATTEMPTS=-1", "LBDNS_EJECT=off");
	CHECK(is_default());
}

static void empty_is_not_set(void)
{
	SAYS("", "LBDNS_REFRESH=", "LBDNS_NAMES=", "LBDNS_EXCLUDE=", "LBDNS_CONNECT=", "LBDNS_UDP=",
	     "LBDNS_MODE=", "LBDNS_NAMESERVERS=", "LBDNS_IDLE=", "LBDNS_MAX_STALE=",
	     "LBDNS_SHARED=", "LBDNS_LOG=", "LBDNS_LOG_FILE=");
	CHECK(is_default());
	SAYS("", "LBDNS_NAMES= ,\n", "LBDNS_EXCLUDE=,", "LBDNS_NAMESERVERS= , ");
	CHECK(is_default());
}

static void the_first_of_two_counts(void)
{
	SAYS("", "LBDNS_REFRESH=1s", "LBDNS_REFRESH=2s", "LBDNS_UDP=", "LBDNS_UDP=on",
	     "LBDNS_NAMES=a", "LBDNS_NAMES=!", "LOCALDOMAIN=a", "LOCALDOMAIN=b");
	CHECK(config.refresh_ms == 1000 && !config.udp && config.names.count == 1);
	CHECK(strcmp(config.localdomain, "a") == 0);
}

#define REFRESH_RIGHT "; use 500ms, 5s, 1m or plain seconds, 100ms to 1h, or ttl (using 5s)"

static void refresh(void)
{
	static const struct {
		const char *entry;
		uint32_t ms;
	} right[] = {
		{"LBDNS_REFRESH=100ms", 100},
		{"LBDNS_REFRESH=500ms", 500},
		{"LBDNS_REFRESH=1s", 1000},
		{"LBDNS_REFRESH=1", 1000},
		{"LBDNS_REFRESH=007", 7000},
		{"LBDNS_REFRESH=90s", 90000},
		{"LBDNS_REFRESH=1m", 60000},
		{"LBDNS_REFRESH=1h", 3600000},
		{"LBDNS_REFRESH=3600", 3600000},
		{"LBDNS_REFRESH=60m", 3600000},
		{"LBDNS_REFRESH=3600000ms", 3600000},
		{"LBDNS_REFRESH=ttl", 0},
		{"LBDNS_REFRESH=TTL", 0},
	};
	static const char *const no_times[] = {
		"x",  "5x",   "s",    "ms",   "-1",  "+5", " 5",   "5 ", "5s\n", "1.5s",     "1,5",
		"5S", "5sec", "5mss", "0x10", "1e3", "on", "ttl5", "tt", "5m5s", "\xd9\xa3",
	};
	static const char *const short_times[] = {"0", "0s", "99ms", "0h", "00000000000000000000"};
	static const char *const long_times[] = {
		"3600001ms",
		"3601",
		"61m",
		"2h",
		"4294967297",
		"4294967296ms",
		"18446744073709551617",
		"18446744073709551621ms",
		"99999999999999999999999999999999999999h",
	};
	char entry[128];

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		SAYS("", (char *)right[i].entry);
		CHECK(config.refresh_ms == right[i].ms);
	}
	for (size_t i = 0; i < sizeof(no_times) / sizeof(*no_times); i++) {
		snprintf(entry, sizeof(entry), "LBDNS_REFRESH=%s", no_times[i]);
		CHECK(strstr(LOAD(entry), ": not a time" REFRESH_RIGHT "\n") && is_default());
	}
	for (size_t i = 0; i < sizeof(short_times) / sizeof(*short_times); i++) {
		snprintf(entry, sizeof(entry), "LBDNS_REFRESH=%s", short_times[i]);
		CHECK(strstr(LOAD(entry), ": too short" REFRESH_RIGHT "\n") && is_default());
	}
	for (size_t i = 0; i < sizeof(long_times) / sizeof(*long_times); i++) {
		snprintf(entry, sizeof(entry), "LBDNS_REFRESH=%s", long_times[i]);
		CHECK(strstr(LOAD(entry), ": too long" REFRESH_RIGHT "\n") && is_default());
	}
	SAYS("lbdns: LBDNS_REFRESH=5x: not a time" REFRESH_RIGHT "\n", "LBDNS_REFRESH=5x");
}

static void idle_and_max_stale(void)
{
	SAYS("", "LBDNS_IDLE=1s", "LBDNS_MAX_STALE=24h");
	CHECK(config.idle_ms == 1000 && config.max_stale_ms == 86400000);
	SAYS("", "LBDNS_IDLE=1440m", "LBDNS_MAX_STALE=1000ms");
	CHECK(config.idle_ms == 86400000 && config.max_stale_ms == 1000);
	SAYS("lbdns: LBDNS_IDLE=999ms: too short; use 30s, 5m, 1h or plain seconds, 1s to 24h "
	     "(using 10m); LBDNS_MAX_STALE=86401: too long; use 30s, 5m, 1h or plain seconds, 1s "
	     "to 24h (using 5m)\n",
	     "LBDNS_IDLE=999ms", "LBDNS_MAX_STALE=86401");
	CHECK(is_default());
	LOAD("LBDNS_IDLE=ttl", "LBDNS_MAX_STALE=0");
	CHECK(is_default());
	LOAD("LBDNS_IDLE=86400001ms", "LBDNS_MAX_STALE=86400001ms");
	CHECK(is_default());
}

static void switches(void)
{
	static const char *const wrong[] = {"1",  "0",   "true", "false", "yes",  "no",  "o",
	                                    "of", "onn", "off ", " on",   "on\n", "none"};
	char entries[3][32];

	SAYS("", "LBDNS_CONNECT=off", "LBDNS_UDP=on", "LBDNS_SHARED=off");
	CHECK(!config.connect && config.udp && !config.shared);
	SAYS("", "LBDNS_CONNECT=on", "LBDNS_UDP=off", "LBDNS_SHARED=on");
	CHECK(is_default());
	SAYS("", "LBDNS_CONNECT=OFF", "LBDNS_UDP=On", "LBDNS_SHARED=oFf");
	CHECK(!config.connect && config.udp && !config.shared);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(entries[0], sizeof(entries[0]), "LBDNS_CONNECT=%s", wrong[i]);
		snprintf(entries[1], sizeof(entries[1]), "LBDNS_UDP=%s", wrong[i]);
		snprintf(entries[2], sizeof(entries[2]), "LBDNS_SHARED=%s", wrong[i]);
		CHECK(strlen(LOAD(entries[0], entries[1], entries[2])) > 150 && is_default());
	}
	SAYS("lbdns: LBDNS_CONNECT=no: unknown; use on or off (using on); "
	     "LBDNS_UDP=1: unknown; use on or off (using off); "
	     "LBDNS_SHARED=yes: unknown; use on or off (using on)\n",
	     "LBDNS_SHARED=yes", "LBDNS_UDP=1", "LBDNS_CONNECT=no");
}

static void mode(void)
{
	SAYS("", "LBDNS_MODE=off");
	CHECK(config.mode == MODE_OFF);
	SAYS("", "LBDNS_MODE=Observe");
	CHECK(config.mode == MODE_OBSERVE);
	SAYS("", "LBDNS_MODE=on");
	CHECK(config.mode == MODE_ON);
	SAYS("lbdns: LBDNS_MODE=observer: unknown; use on, observe or off (using on)\n",
	     "LBDNS_MODE=observer");
	CHECK(is_default());
}

static void log_levels(void)
{
	static const char *const levels[] = {"off", "error", "warn", "info", "debug"};
	char entry[32];

	for (int i = LOG_OFF; i <= LOG_DEBUG; i++) {
		snprintf(entry, sizeof(entry), "LBDNS_LOG=%s", levels[i]);
		SAYS("", entry);
		CHECK(config.log == (enum config_log)i);
	}
	SAYS("lbdns: LBDNS_LOG=warning: unknown; use off, error, warn, info or debug "
	     "(using error)\n",
	     "LBDNS_LOG=warning");
	CHECK(is_default());
	SAYS("", "LBDNS_REFRESH=x", "LBDNS_LOG=off");
	CHECK(config.log == LOG_OFF);
}

static void log_file(void)
{
	static char entry[5000] = "LBDNS_LOG_FILE=/";

	SAYS("", "LBDNS_LOG_FILE=/var/log/a b\xc3\xa9.log");
	CHECK(config.log_file && strcmp(config.log_file, "/var/log/a b\xc3\xa9.log") == 0);
	SAYS("lbdns: LBDNS_LOG_FILE=lbdns.log: not an absolute path; use one such as "
	     "/tmp/lbdns.log (using stderr)\n",
	     "LBDNS_LOG_FILE=lbdns.log");
	CHECK(is_default());
	memset(entry + 16, 'x', 4094);
	SAYS("", entry);
	CHECK(config.log_file && strlen(config.log_file) == 4095);
	entry[16 + 4094] = 'x';
	CHECK(strstr(LOAD(entry), "=/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: ") &&
	      is_default());
}

/* A list as "a,b:1,c". */
static const char *joined(const struct config_names *names)
{
	static char text[4096];
	const char *pattern = names->text;

	text[0] = '\0';
	for (size_t i = 0; i < names->count; i++, pattern += strlen(pattern) + 1) {
		strcat(text, i ? "," : "");
		strcat(text, pattern);
		if (names->ports[i])
			sprintf(text + strlen(text), ":%u", config.ports[names->ports[i] - 1]);
	}
	return text;
}

static bool any_matches(const char *name)
{
	return config_names_ports(&config.names, name) != 0;
}

static bool loads_names(const char *list, const char *expected)
{
	char entry[1024];

	snprintf(entry, sizeof(entry), "LBDNS_NAMES=%s", list);
	return strcmp(LOAD(entry), "") == 0 && config.listed &&
	       strcmp(joined(&config.names), expected) == 0;
}

#define NAME_RIGHT "; use letters, digits, - _ . and *, and :8081 for that port alone (left out)"

static bool refuses(const char *name, const char *why)
{
	char entry[1024], shown[64], expected[512];

	snprintf(shown, sizeof(shown), "%.40s%s", name, strlen(name) > 40 ? "..." : "");
	for (char *at = shown; *at; at++)
		*at = *at < ' ' || *at > '~' ? '?' : *at;
	snprintf(expected, sizeof(expected), "lbdns: LBDNS_NAMES=%s: %s" NAME_RIGHT "\n", shown,
	         why);
	snprintf(entry, sizeof(entry), "LBDNS_NAMES=good,%s,fine", name);
	return strcmp(LOAD(entry), expected) == 0 && config.listed &&
	       strcmp(joined(&config.names), "good,fine") == 0;
}

static bool refuses_name(const char *name)
{
	return refuses(name, "not a name");
}

#define LABEL_63 "a23456789012345678901234567890123456789012345678901234567890123"
#define NAME_253                                                                                   \
	LABEL_63 "." LABEL_63 "." LABEL_63 "."                                                     \
		 "b234567890123456789012345678901234567890123456789012345678901"

static void names(void)
{
	CHECK(loads_names("rng-headless", "rng-headless"));
	CHECK(loads_names("RNG.Default.SVC.", "rng.default.svc"));
	CHECK(loads_names("a,b c\td\r\ne,,f, ,g,", "a,b,c,d,e,f,g"));
	CHECK(loads_names("*.svc.cluster.local,*,a*b.*c,_tcp.x_y.1-2",
	                  "*.svc.cluster.local,*,a*b.*c,_tcp.x_y.1-2"));
	CHECK(loads_names("a,A,a.", "a,a,a"));
	CHECK(loads_names(NAME_253 ".", NAME_253));
	CHECK(loads_names(LABEL_63 "*", LABEL_63 "*"));

	CHECK(refuses_name("."));
	CHECK(refuses_name(".."));
	CHECK(refuses_name("a.."));
	CHECK(refuses_name("a..b"));
	CHECK(refuses_name(".svc"));
	CHECK(refuses_name("a/b"));
	CHECK(refuses("http://a", "not a port"));
	CHECK(refuses_name("a;b"));
	CHECK(refuses_name("\"a\""));
	CHECK(refuses_name("fd00::1"));
	CHECK(refuses_name("b\xc3\xbc"
	                   "cher"));
	CHECK(refuses_name("a\x1b[31mb"));
	CHECK(refuses_name("a" LABEL_63));
	CHECK(refuses_name(NAME_253 "x"));
}

static void names_with_ports(void)
{
	CHECK(loads_names("rng-headless:8081", "rng-headless:8081"));
	CHECK(loads_names("RNG.Default.:1,*:65535,a", "rng.default:1,*:65535,a"));
	CHECK(loads_names("a:1,a:2,b:1,a", "a:1,a:2,b:1,a") && config.port_count == 2);
	CHECK(loads_names("10.0.0.1:80," NAME_253 ".:80", "10.0.0.1:80," NAME_253 ":80"));

	CHECK(refuses("a:", "not a port"));
	CHECK(refuses("a:0", "not a port"));
	CHECK(refuses("a:080", "not a port"));
	CHECK(refuses("a:65536", "not a port"));
	CHECK(refuses("a:100000", "not a port"));
	CHECK(refuses("a:-1", "not a port"));
	CHECK(refuses("a:+1", "not a port"));
	CHECK(refuses("a:1x", "not a port"));
	CHECK(refuses("a:redis", "not a port"));
	CHECK(refuses("a:*", "not a port"));
	CHECK(refuses_name(":"));
	CHECK(refuses_name(":80"));
	CHECK(refuses_name(".:80"));
	CHECK(refuses_name("a:1:2"));
	CHECK(refuses_name("fd00::1:80"));
	CHECK(refuses_name("[fd00::1]:80"));
}

static uint64_t ports(const char *name)
{
	return config_names_ports(&config.names, name);
}

/* What connections to a name may use: the ports of all patterns that match it. */
static void ports_of_patterns(void)
{
	LOAD("LBDNS_NAMES=a:1,a:2,*b:3,cb", "LBDNS_EXCLUDE=a:4,b:1");
	CHECK(ports("a") == (ports_of(1) | ports_of(2)));
	CHECK(ports("ab") == ports_of(3) && ports("cb") == PORTS_ALL && ports("c") == 0);
	CHECK(config_names_ports(&config.exclude, "a") == ports_of(4));
	CHECK(ports_of(4) != ports_of(1) && ports_of(5) == PORTS_OTHERS);
	CHECK(ports_have(ports("a"), 2) && ports_have(ports("a"), 1 << 16 | 2));
	CHECK(!ports_have(ports("a"), 3) && !ports_have(ports("a"), 5) && !ports_have(0, 5));
	CHECK(ports_have(PORTS_ALL, 1) && ports_have(PORTS_ALL, 5));
	CHECK(ports_by((struct port_rule){PORTS_ALL, ports_of(4)}) == ~ports_of(4));
	CHECK(ports_have(~ports_of(4), 5) && !ports_have(~ports_of(4), 4));
}

/* As many as a set has bits for, less one for all others. */
static void at_most_63_ports(void)
{
	char entry[1024] = "LBDNS_NAMES=", *at = entry + strlen(entry);

	for (int i = 1; i <= 63; i++)
		at += sprintf(at, "a:%d,", i);
	SAYS("", entry, "LBDNS_EXCLUDE=b:63,b:1");
	CHECK(config.port_count == 63 && ports("a") == ~PORTS_OTHERS);
	strcpy(at, "b:1,b:64,c");
	SAYS("lbdns: LBDNS_NAMES=b:64: one port too many, after 63" NAME_RIGHT "\n", entry);
	CHECK(config.port_count == 63 && config.names.count == 65);
	CHECK(ports("b") == ports_of(1) && ports("c") == PORTS_ALL);
}

static void exclude(void)
{
	SAYS("lbdns: LBDNS_EXCLUDE=!: not a name" NAME_RIGHT "\n", "LBDNS_EXCLUDE=Db-*,!,x.");
	CHECK(strcmp(joined(&config.exclude), "db-*,x") == 0);
	CHECK(!config.listed && config.names.count == 0);
}

/* A restriction was wanted: better none managed than all. */
static void only_bad_names_list_nothing(void)
{
	CHECK(strlen(LOAD("LBDNS_NAMES=!, ?")) > 100);
	CHECK(config.listed && config.names.count == 0);
	CHECK(!any_matches("a") && !any_matches(""));
}

static void nameservers(void)
{
	static const struct {
		const char *entry, *csv;
	} right[] = {
		{"LBDNS_NAMESERVERS=10.96.0.10", "10.96.0.10:53"},
		{"LBDNS_NAMESERVERS=127.0.0.1:5353", "127.0.0.1:5353"},
		{"LBDNS_NAMESERVERS=[fd00::10]:53", "[fd00::10]:53"},
		{"LBDNS_NAMESERVERS=[fd00::10]", "[fd00::10]:53"},
		{"LBDNS_NAMESERVERS=FD00:0::10", "[fd00::10]:53"},
		{"LBDNS_NAMESERVERS=::1", "[::1]:53"},
		{"LBDNS_NAMESERVERS=::ffff:10.0.0.1", "10.0.0.1:53"},
		{"LBDNS_NAMESERVERS=[::ffff:10.0.0.1]:1", "10.0.0.1:1"},
		{"LBDNS_NAMESERVERS=10.0.0.1:65535", "10.0.0.1:65535"},
		{"LBDNS_NAMESERVERS= 10.96.0.10,127.0.0.1:5353 ,[fd00::10]:5, fd00::11,",
	         "10.96.0.10:53,127.0.0.1:5353,[fd00::10]:5,[fd00::11]:53"},
	};
	static const char *const wrong[] = {
		"10.96.0",
		"10.96.0.256",
		"10.96.0.1.2",
		"010.1.1.1",
		"10.96.0.10:",
		"10.96.0.10:0",
		"10.96.0.10:053",
		"10.96.0.10:65536",
		"10.96.0.10:99999",
		"10.96.0.10:100053",
		"10.96.0.10:4294967349",
		"10.96.0.10:5a",
		"10.96.0.10:-1",
		"10.96.0.10:+5",
		":53",
		":",
		"a",
		"kube-dns",
		"fd00::10::1",
		"fd00",
		"[fd00::10",
		"fd00::10]",
		"[fd00::10]53",
		"[fd00::10]:",
		"[fd00::10]:0",
		"[fd00::10]:65536",
		"[fd00::10]]",
		"[]",
		"[",
		"]",
		"[]:53",
		"[10.0.0.1]",
		"[10.0.0.1]:53",
		"[[fd00::1]]",
		"fe80::1%eth0",
		"[fe80::1%eth0]:53",
		"dns://10.0.0.1",
		"1:2:3:4:5:6:7:8:9",
		"tcp:10.0.0.1:53",
		"1111:2222:3333:4444:5555:6666:255.255.255.2555",
	};
	char entry[256], expected[512];

	for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
		SAYS("", (char *)right[i].entry);
		CHECK(config.nameservers && strcmp(config.nameservers, right[i].csv) == 0);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		snprintf(entry, sizeof(entry), "LBDNS_NAMESERVERS=10.0.0.1,%s,10.0.0.2", wrong[i]);
		snprintf(expected, sizeof(expected),
		         "lbdns: LBDNS_NAMESERVERS=%.40s%s: not a name server; use 10.96.0.10, "
		         "127.0.0.1:5353 or [fd00::10]:53, at most 8 (using resolv.conf)\n",
		         wrong[i], strlen(wrong[i]) > 40 ? "..." : "");
		SAYS(expected, entry);
		CHECK(is_default());
	}
}

static void at_most_eight_nameservers(void)
{
#define LONGEST "[1111:2222:3333:4444:5555:6666:7777:8888]:65535"
#define SEVEN   LONGEST "," LONGEST "," LONGEST "," LONGEST "," LONGEST "," LONGEST "," LONGEST
	SAYS("", "LBDNS_NAMESERVERS=" SEVEN "," LONGEST, "LOCALDOMAIN=x");
	CHECK(config.nameservers && strcmp(config.nameservers, SEVEN "," LONGEST) == 0);
	CHECK(strcmp(config.localdomain, "x") == 0);
	CHECK(strstr(LOAD("LBDNS_NAMESERVERS=" SEVEN "," LONGEST ",10.0.0.9"),
	             "LBDNS_NAMESERVERS=10.0.0.9: one too many; use ") &&
	      is_default());
}

static void resolver_variables_are_copied(void)
{
	char domain[] = "LOCALDOMAIN=a.example b.example", options[] = "RES_OPTIONS=ndots:2 !";

	SAYS("", domain, options);
	memset(domain, 'x', sizeof(domain) - 1);
	memset(options, 'x', sizeof(options) - 1);
	CHECK(strcmp(config.localdomain, "a.example b.example") == 0);
	CHECK(strcmp(config.res_options, "ndots:2 !") == 0);
	SAYS("", "LOCALDOMAIN=", "RES_OPTIONS=");
	CHECK(config.localdomain && !*config.localdomain);
	CHECK(config.res_options && !*config.res_options);
}

static void what_is_kept_is_copied(void)
{
	char entries[4][64] = {"LBDNS_NAMES=a,b", "LBDNS_EXCLUDE=c", "LBDNS_LOG_FILE=/d",
	                       "LBDNS_NAMESERVERS=10.0.0.1"};

	SAYS("", entries[0], entries[1], entries[2], entries[3]);
	memset(entries, 'x', sizeof(entries));
	CHECK(strcmp(joined(&config.names), "a,b") == 0);
	CHECK(strcmp(joined(&config.exclude), "c") == 0);
	CHECK(strcmp(config.log_file, "/d") == 0);
	CHECK(strcmp(config.nameservers, "10.0.0.1:53") == 0);
}

/* name=, then so many times text. */
static char *repeated(const char *name, const char *text, size_t times)
{
	size_t length = strlen(text);
	char *entry = malloc(strlen(name) + times * length + 1), *at = entry + strlen(name);

	strcpy(entry, name);
	for (size_t i = 0; i < times; i++)
		at = (char *)memcpy(at, text, length) + length;
	*at = '\0';
	return entry;
}

static void long_values(void)
{
	static const char *const variables[] = {
		"LBDNS_REFRESH=",     "LBDNS_IDLE=",     "LBDNS_MAX_STALE=", "LBDNS_MODE=",
		"LBDNS_CONNECT=",     "LBDNS_UDP=",      "LBDNS_SHARED=",    "LBDNS_LOG=",
		"LBDNS_NAMESERVERS=", "LBDNS_LOG_FILE=", "LBDNS_NAMES=",     "LBDNS_EXCLUDE=",
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		for (size_t length = 65535; length <= 131072; length += 65537) {
			char *entry = repeated(variables[i], "5", length);
			const char *said = LOAD(entry);
			char shown[128];

			snprintf(shown, sizeof(shown), "lbdns: %s%.40s...: ", variables[i],
			         "5555555555555555555555555555555555555555");
			CHECK(strncmp(said, shown, strlen(shown)) == 0 && strlen(said) < 200);
			config.listed = false;
			CHECK(is_default());
			free(entry);
		}
	}

	char *domain = repeated("LOCALDOMAIN=", "d", 131072);
	char *options = repeated("RES_OPTIONS=", "o", 65535);

	SAYS("", domain, options);
	CHECK(strcmp(config.localdomain, domain + 12) == 0);
	CHECK(strcmp(config.res_options, options + 12) == 0);
	free(domain);
	free(options);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void ten_thousand_names(void)
{
	char *entry = malloc(10000 * 16 + 32), *at = entry + sprintf(entry, "LBDNS_NAMES=");
	char *bad = repeated("LBDNS_NAMES=", "!,", 65535), *dense, name[32];
	const char *said;

	for (int i = 0; i < 10000; i++)
		at += sprintf(at, "%sname-%d.svc", i ? "," : "", i);
	SAYS("", entry);
	CHECK(config.names.count == 10000);
	for (int i = 0; i < 10000; i += 37) {
		snprintf(name, sizeof(name), "name-%d.svc", i);
		CHECK(any_matches(name));
		snprintf(name, sizeof(name), "name-%d.sv", i);
		CHECK(!any_matches(name));
	}
	CHECK(!any_matches("name-10000.svc"));
	free(entry);

	dense = repeated("LBDNS_NAMES=", "a ", 65535);
	SAYS("", dense, "LBDNS_EXCLUDE=b");
	CHECK(config.names.count == 65535 && strcmp(joined(&config.exclude), "b") == 0);
	free(dense);

	/* Bad ones fill the line, but hide no other error. */
	said = LOAD(bad, "LBDNS_UDP=x", "LBDNS_NAMESERVERS=x");
	CHECK(strlen(said) == 1024 && strcmp(said + 1020, "...\n") == 0);
	CHECK(strstr(said, "LBDNS_UDP=x: ") && strstr(said, "LBDNS_NAMESERVERS=x: "));
	CHECK(strchr(said, '\n') == said + 1023);
	CHECK(config.listed && config.names.count == 0);
	free(bad);
}

static void shown_values_are_cut_and_printable(void)
{
	SAYS("lbdns: LBDNS_MODE=0123456789012345678901234567890123456789: unknown; use on, observe "
	     "or off (using on)\n",
	     "LBDNS_MODE=0123456789012345678901234567890123456789");
	SAYS("lbdns: LBDNS_MODE=0123456789012345678901234567890123456789...: unknown; use on, "
	     "observe or off (using on)\n",
	     "LBDNS_MODE=01234567890123456789012345678901234567890");
	SAYS("lbdns: LBDNS_MODE=a?b?c???~ : unknown; use on, observe or off (using on)\n",
	     "LBDNS_MODE=a\nb\x1b"
	     "c\x7f\xc3\xa9~ ");
}

static void patterns(void)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{"a", "a", true},
		{"a", "b", false},
		{"a", "ab", false},
		{"ab", "a", false},
		{"a", "", false},
		{"*", "", true},
		{"*", "a.b", true},
		{"**", "a", true},
		{"*.svc", "a.svc", true},
		{"*.svc", "a.b.svc", true},
		{"*.svc", "svc", false},
		{"*.svc", ".svc", true},
		{"*.svc", "a.svc.x", false},
		{"a*", "a", true},
		{"a*", "ba", false},
		{"a*c", "abc", true},
		{"a*c", "ac", true},
		{"a*c", "abcd", false},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"*ab", "aab", true},
		{"*aab", "aaab", true},
		{"*a*a*", "a", false},
		{"*a*a*", "xaxax", true},
		{"rng.*.svc", "rng.default.svc", true},
		{"rng.*.svc", "rng.svc", false},
		{"a.b", "a-b", false},
		{"*-0", "kafka-0", true},
	};
	char entry[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(entry, sizeof(entry), "LBDNS_NAMES=zzz,%s", cases[i].pattern);
		LOAD(entry);
		CHECK(any_matches(cases[i].name) == cases[i].matches);
	}
	CHECK(config_name_is_exact("a.b-c_d") && !config_name_is_exact("*.b"));
	CHECK(!config_name_is_exact("a*b"));
}

static void no_pattern_takes_long(void)
{
	char *entry = repeated("LBDNS_NAMES=", "*a", 63), *name = repeated("", "a", 253);
	double start;

	name[252] = 'b';
	LOAD(entry);
	CHECK(config.names.count == 1);
	start = seconds();
	for (int i = 0; i < 1000; i++)
		CHECK(!any_matches(name));
	CHECK(seconds() - start < 5);
	free(entry);
	free(name);
}

/* No memory: the defaults, without a word, but nothing managed that might be meant to be left
 * alone. */
static void without_memory(void)
{
	struct rlimit before, nothing;

	getrlimit(RLIMIT_AS, &before);
	nothing = (struct rlimit){0, before.rlim_max};
	load(NULL); /* whatever that maps, before the limit */
	setrlimit(RLIMIT_AS, &nothing);
	bool limited =
		mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
	const char *said = LOAD("LBDNS_NAMES=a", "LBDNS_REFRESH=7s", "LBDNS_LOG_FILE=/a");

	setrlimit(RLIMIT_AS, &before);
	CHECK(limited && strcmp(said, "") == 0);
	CHECK(config.listed && config.names.count == 0 && !config.log_file);
	CHECK(config.refresh_ms == 7000);
	CHECK(!any_matches("a"));
}

int main(void)
{
	before_loading_all_is_off();
	defaults();
	other_variables_are_not_ours();
	attempts_and_eject();
	empty_is_not_set();
	the_first_of_two_counts();
	refresh();
	idle_and_max_stale();
	switches();
	mode();
	log_levels();
	log_file();
	names();
	names_with_ports();
	ports_of_patterns();
	at_most_63_ports();
	exclude();
	only_bad_names_list_nothing();
	nameservers();
	at_most_eight_nameservers();
	resolver_variables_are_copied();
	what_is_kept_is_copied();
	long_values();
	ten_thousand_names();
	shown_values_are_cut_and_printable();
	patterns();
	no_pattern_takes_long();
	without_memory();
	return check_result();
}
