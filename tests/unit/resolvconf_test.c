/* rooms: dns base */
#include "check.h"
#include "base/config.h"
#include "dns/resolvconf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/resolvconf_test.XXXXXX";

/* What a file with these bytes means. */
static struct resolvconf of_bytes(const char *bytes, size_t size)
{
	struct resolvconf conf;
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(write(file, bytes, size) == (ssize_t)size);
	close(file);
	memset(&conf, 0xaa, sizeof(conf));
	CHECK(resolvconf_read_file(path, &conf));
	return conf;
}

static struct resolvconf of(const char *text)
{
	return of_bytes(text, strlen(text));
}

/* All candidates in one text, a space after each. */
static const char *candidates(const struct resolvconf *conf, const char *name)
{
	static char text[64 * 1024];
	char candidate[CONFIG_NAME_SIZE];

	text[0] = '\0';
	for (unsigned i = 0; resolvconf_candidate(conf, name, i, candidate); i++) {
		CHECK(i < RESOLVCONF_CANDIDATES);
		strcat(strcat(text, candidate), " ");
	}
	return text;
}

static bool same(const char *a, const char *b)
{
	if (strcmp(a, b) != 0)
		fprintf(stderr, "<%s> is not <%s>\n", a, b);
	return strcmp(a, b) == 0;
}

static void check_servers(void)
{
	CHECK(same(of("").servers, "127.0.0.1"));
	CHECK(same(of("nameserver 10.96.0.10").servers, "10.96.0.10"));
	CHECK(same(of("nameserver\t10.96.0.10 \t# the cluster's\nnameserver fd00::10\n").servers,
	           "10.96.0.10,[fd00::10]:53"));
	CHECK(same(of("nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver "
	              "4.4.4.4\n")
	                   .servers,
	           "1.1.1.1,2.2.2.2,3.3.3.3"));
	CHECK(same(of("#nameserver 1.1.1.1\n;nameserver 1.1.1.2\n nameserver 1.1.1.3\n"
	              "nameservers 1.1.1.4\nnameserver\n")
	                   .servers,
	           "127.0.0.1"));
	CHECK(same(of("nameserver fe80::1%\n").servers, ""));
	CHECK(same(of("nameserver fe80::1%an-interface-of-16\n").servers, ""));
	CHECK(same(of("nameserver 10.0.0.1%eth0\n").servers, ""));
	CHECK(same(of("nameserver 0.0.0.0\nnameserver ::\n").servers, "127.0.0.1,[::1]:53"));
	CHECK(same(of("nameserver nonsense\nnameserver 10.0.0.1\n").servers, "10.0.0.1"));
	CHECK(same(of("nameserver ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255\n").servers,
	           "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:53"));
}

static void check_scopes(void)
{
	struct resolvconf conf = of("nameserver fd00::10\nnameserver fe80::1%eth0\n"
	                            "nameserver fe80::2%12\n");

	CHECK(same(conf.servers, "[fd00::10]:53,[fe80::1]:53,[fe80::2]:53"));
	CHECK(same(conf.scopes[0].interface, "eth0") && conf.scopes[0].address[15] == 1);
	CHECK(same(conf.scopes[1].interface, "12") && conf.scopes[1].address[15] == 2);
	CHECK(same(conf.scopes[2].interface, ""));
}

static void check_options(void)
{
	struct resolvconf conf = of("options ndots:5 timeout:2 attempts:3 rotate edns0\n");

	CHECK(!conf.use_vc && !conf.no_aaaa);
	conf = of("options use-vc\noptions no-aaaa\n");
	CHECK(conf.use_vc && conf.no_aaaa);
	conf = of("options ndots:5 timeout:2 attempts:3 rotate edns0\n");
	CHECK(conf.ndots == 5 && conf.timeout_ms == 2000 && conf.tries == 3);
	conf = of("options timeout:1\noptions ndots:0\n");
	CHECK(conf.ndots == 0 && conf.timeout_ms == 1000 && conf.tries == 2);
	conf = of("options ndots:99999999999999999999 timeout:30 attempts:100\n");
	CHECK(conf.ndots == 15 && conf.timeout_ms == 5000 && conf.tries == 5);
	conf = of("options ndots:x timeout: attempts:0\n");
	CHECK(conf.ndots == 0 && conf.timeout_ms == 1000 && conf.tries == 1);
	conf = of("");
	CHECK(conf.ndots == 1 && conf.timeout_ms == 5000 && conf.tries == 2);
}

static void check_environment(void)
{
	const char *file = "search of.file\noptions ndots:5 timeout:3\n";
	struct resolvconf conf;

	config.localdomain = "one.local two.local.";
	config.res_options = "ndots:2";
	conf = of(file);
	CHECK(conf.ndots == 2 && conf.timeout_ms == 3000);
	CHECK(same(candidates(&conf, "a"), "a.one.local a.two.local a "));
	config.localdomain = "";
	conf = of(file);
	CHECK(same(candidates(&conf, "a"), "a "));
	config.localdomain = config.res_options = NULL;
	conf = of(file);
	CHECK(same(candidates(&conf, "a"), "a.of.file a "));
}

static void check_candidates(void)
{
	struct resolvconf conf =
		of("search default.svc.cluster.local svc.cluster.local cluster.local\n"
	           "options ndots:5\n");
	char longest[300], label[80];

	CHECK(same(candidates(&conf, "Rng"), "rng.default.svc.cluster.local rng.svc.cluster.local "
	                                     "rng.cluster.local rng "));
	CHECK(same(candidates(&conf, "rng.default.svc.cluster.local"),
	           "rng.default.svc.cluster.local.default.svc.cluster.local "
	           "rng.default.svc.cluster.local.svc.cluster.local "
	           "rng.default.svc.cluster.local.cluster.local "
	           "rng.default.svc.cluster.local "));
	CHECK(same(candidates(&conf, "RNG.default.svc.cluster.local."),
	           "rng.default.svc.cluster.local "));
	conf.ndots = 1;
	CHECK(same(candidates(&conf, "rng.default"),
	           "rng.default rng.default.default.svc.cluster.local "
	           "rng.default.svc.cluster.local rng.default.cluster.local "));
	CHECK(same(candidates(&conf, "rng."), "rng "));
	CHECK(same(candidates(&conf, ""), ""));
	CHECK(same(candidates(&conf, "."), ""));
	CHECK(same(candidates(&conf, ".."), ""));
	CHECK(same(candidates(&conf, "a..b"), ""));
	CHECK(same(candidates(&conf, "a.."), ""));
	CHECK(same(candidates(&conf, ".a"), ""));
	CHECK(same(candidates(&conf, "a b"), ""));
	CHECK(same(candidates(&conf, "a\\.b"), ""));

	/* 63 + 1 + 63 + 1 + 63 + 1 + 61: 253 */
	memset(label, 'x', sizeof(label));
	snprintf(longest, sizeof(longest), "%.63s.%.63s.%.63s.%.61s", label, label, label, label);
	CHECK(strlen(candidates(&conf, longest)) == 254);
	snprintf(longest, sizeof(longest), "%.63s.%.63s.%.63s.%.61s.", label, label, label, label);
	CHECK(strlen(candidates(&conf, longest)) == 254);
	snprintf(longest, sizeof(longest), "%.63s.%.63s.%.63s.%.62s", label, label, label, label);
	CHECK(same(candidates(&conf, longest), ""));
	snprintf(longest, sizeof(longest), "%.64s", label);
	CHECK(same(candidates(&conf, longest), ""));
	/* Too long with all domains but the last. */
	snprintf(longest, sizeof(longest), "%.63s.%.63s.%.63s.%.46s", label, label, label, label);
	conf.ndots = 5;
	CHECK(strlen(candidates(&conf, longest)) == (252 + 1) + (238 + 1));
}

static void check_search(void)
{
	struct resolvconf conf = of("search one\nsearch Two. three\ndomain four five\n");
	char file[5000];

	CHECK(same(candidates(&conf, "a"), "a.four a "));
	conf = of("domain four\nsearch one .\n");
	CHECK(same(candidates(&conf, "a"), "a.one a "));
	CHECK(same(candidates(&conf, "a.b"), "a.b a.b.one "));
	conf = of("search . one\n");
	CHECK(same(candidates(&conf, "a"), "a a.one "));
	conf = of("search one\nsearch\n");
	CHECK(same(candidates(&conf, "a"), "a.one a "));

	/* A line as long as allowed, and a longer one, of which as much is taken as there is room
	 * for. */
	for (size_t size = 2000; size <= sizeof(file); size += 500) {
		memset(file, 'x', size);
		memcpy(file, "search ", 7);
		for (size_t i = 57; i < size; i += 50)
			file[i] = ' ';
		memcpy(file + size - 23, "\nnameserver 10.96.0.10\n", 23);
		conf = of_bytes(file, size);
		CHECK(same(conf.servers, "10.96.0.10"));
		CHECK(conf.search_count >= 33 && conf.search_count < RESOLVCONF_CANDIDATES);
		candidates(&conf, "a");
	}
	/* All bytes, and NULs. */
	for (size_t i = 0; i < sizeof(file); i++)
		file[i] = (char)(i * 7);
	conf = of_bytes(file, sizeof(file));
	CHECK(same(conf.servers, "127.0.0.1"));
}

static void check_unreadable(void)
{
	struct resolvconf conf;

	errno = EINTR;
	CHECK(!resolvconf_read_file("/nonexistent/resolv.conf", &conf));
	CHECK(errno == EINTR);
	CHECK(same(conf.servers, "127.0.0.1") && conf.ndots == 1);
	CHECK(!resolvconf_read_file("/", &conf));
	resolvconf_read(&conf);
	CHECK(errno == EINTR);
}

int main(void)
{
	int file = mkstemp(path);

	CHECK(file >= 0);
	close(file);
	check_servers();
	check_scopes();
	check_options();
	check_environment();
	check_candidates();
	check_search();
	check_unreadable();
	unlink(path);
	return check_result();
}
