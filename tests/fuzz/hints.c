/* rooms: hooks connection lookup refresh learn balance directory shared dns base */
/* getaddrinfo with any hints, ours beside libc's: lookups of 9 bytes each, of names in a hosts file
 * of our own (private addresses of one family and of both, one address, several names) and of what
 * is no name. The answers are the same in all but order, and the order of families is the same. */
#include "fuzz.h"
#include "base/config.h"
#include "base/libc.h"
#include "base/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KINDS = 6, NAMES_OF_A_KIND = 8, MOST_NODES = 256, CALL_BYTES = 9 };

static const char *const kinds[KINDS] = {"four", "six", "dual", "one", "public", "Mixed"};

static void write_file(const char *path, void (*write_into)(FILE *))
{
	char name[] = "/tmp/fuzz_hints.XXXXXX";
	int fd = mkstemp(name);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

	HOLDS(file);
	fchmod(fd, 0644);
	write_into(file);
	fclose(file);
	if (mount(name, path, NULL, MS_BIND, NULL)) {
		perror("mount: run it inside tests/lab/enter");
		exit(2);
	}
	unlink(name);
}

static void write_hosts(FILE *file)
{
	fputs("127.0.0.1 localhost\n::1 localhost\n", file);
	for (int k = 0; k < KINDS; k++)
		for (int i = 0; i < NAMES_OF_A_KIND; i++)
			for (int n = 1; n <= (k == 3 ? 1 : 3); n++) {
				if (k != 1)
					fprintf(file, "%s.%d.%d.%d %s-%d.example %s-%d\n",
					        k == 4 ? "8" : "10", k, i, n, kinds[k], i, kinds[k],
					        i);
				if (k == 1 || k == 2 || k == 5)
					fprintf(file, "fd00::%d:%d:%d %s-%d.example %s-%d\n", k, i,
					        n, kinds[k], i, kinds[k], i);
			}
}

static void write_nsswitch(FILE *file)
{
	fputs("hosts: files\nservices: files\n", file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		perror("unshare: run it inside tests/lab/enter");
		exit(2);
	}
	write_file("/etc/hosts", write_hosts);
	write_file("/etc/nsswitch.conf", write_nsswitch);
	config_load((char *[]){"LBDNS_SHARED=off", "LBDNS_REFRESH=1h", "LBDNS_MAX_STALE=24h",
	                       "LBDNS_IDLE=24h", NULL});
	atomic_store(&process.thread, THREAD_RUNS); /* none is to be started */
	return 0;
}

struct call {
	char node[64], service[16];
	const char *node_or_null, *service_or_null;
	struct addrinfo hints, *hints_or_null;
};

static void call_read(struct call *call, struct input *input)
{
	static const char *const odd[] = {"10.2.0.1", "::1",           "localhost", "nosuch",
	                                  "",         "fd00::2:0:1%1", "10.2",      "0x0a020001"};
	static const char *const services[] = {"80",     "http", "99999",  "",
	                                       "nosuch", "-1",   "domain", "0"};
	static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6, AF_UNIX};
	unsigned node = (unsigned)input_number(input, 1), how = (unsigned)input_number(input, 1),
		 service = (unsigned)input_number(input, 1);
	unsigned family = (unsigned)input_number(input, 1);

	memset(call, 0, sizeof(*call));
	if (how & 1)
		snprintf(call->node, sizeof(call->node), "%s", odd[node % 8]);
	else
		snprintf(call->node, sizeof(call->node), "%s-%u%s", kinds[node % KINDS],
		         node / KINDS % NAMES_OF_A_KIND, how & 2 ? ".example" : "");
	if (how & 4 && call->node[0] >= 'a')
		call->node[0] = (char)(call->node[0] - 'a' + 'A');
	if (how & 8)
		strcat(call->node, ".");
	snprintf(call->service, sizeof(call->service), "%s", services[service % 8]);
	call->node_or_null = (how & 0x70) == 0x70 ? NULL : call->node;
	call->service_or_null = service & 8 ? NULL : call->service;
	call->hints.ai_family = family < 128 ? families[family % 4] : (int)family - 192;
	call->hints.ai_socktype = (int)input_number(input, 1) - 1;
	call->hints.ai_protocol = (int)input_number(input, 1) - 1;
	if (call->hints.ai_socktype > 8)
		call->hints.ai_socktype %= 4;
	if (call->hints.ai_protocol > 20)
		call->hints.ai_protocol = 0;
	call->hints.ai_flags = (int)input_number(input, 2);
	call->hints_or_null = input_number(input, 1) & 1 ? NULL : &call->hints;
}

static int compare(const void *a, const void *b)
{
	const struct addrinfo *one = *(const struct addrinfo *const *)a,
			      *other = *(const struct addrinfo *const *)b;

	if (one->ai_family != other->ai_family)
		return one->ai_family - other->ai_family;
	if (one->ai_socktype != other->ai_socktype)
		return one->ai_socktype - other->ai_socktype;
	if (one->ai_protocol != other->ai_protocol)
		return one->ai_protocol - other->ai_protocol;
	return memcmp(one->ai_addr, other->ai_addr, one->ai_addrlen);
}

static size_t nodes_of(struct addrinfo *list, struct addrinfo *nodes[MOST_NODES])
{
	size_t count = 0;

	for (; list; list = list->ai_next) {
		HOLDS(count < MOST_NODES);
		nodes[count++] = list;
	}
	return count;
}

static void check_same(struct addrinfo *ours, struct addrinfo *plain)
{
	struct addrinfo *our_nodes[MOST_NODES], *plain_nodes[MOST_NODES];
	size_t count = nodes_of(ours, our_nodes);

	HOLDS(count == nodes_of(plain, plain_nodes));
	for (size_t i = 0; i < count; i++) {
		const char *our_name = our_nodes[i]->ai_canonname,
			   *plain_name = plain_nodes[i]->ai_canonname;

		HOLDS(our_nodes[i]->ai_family == plain_nodes[i]->ai_family);
		HOLDS(our_nodes[i]->ai_socktype == plain_nodes[i]->ai_socktype);
		HOLDS(our_nodes[i]->ai_protocol == plain_nodes[i]->ai_protocol);
		HOLDS(!our_name == !plain_name && (!our_name || !strcmp(our_name, plain_name)));
	}
	qsort(our_nodes, count, sizeof(*our_nodes), compare);
	qsort(plain_nodes, count, sizeof(*plain_nodes), compare);
	for (size_t i = 0; i < count; i++) {
		HOLDS(our_nodes[i]->ai_flags == plain_nodes[i]->ai_flags);
		HOLDS(our_nodes[i]->ai_addrlen == plain_nodes[i]->ai_addrlen);
		HOLDS(!compare(&our_nodes[i], &plain_nodes[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	for (int calls = 0; calls < 4 && input.left >= CALL_BYTES; calls++) {
		struct addrinfo *ours = NULL, *plain = NULL;
		struct call call;
		int error, plain_error;

		call_read(&call, &input);
		error = getaddrinfo(call.node_or_null, call.service_or_null, call.hints_or_null,
		                    &ours);
		plain_error = libc()->getaddrinfo(call.node_or_null, call.service_or_null,
		                                  call.hints_or_null, &plain);
		HOLDS(error == plain_error);
		if (error)
			continue;
		check_same(ours, plain);
		freeaddrinfo(ours);
		libc()->freeaddrinfo(plain);
	}
	return 0;
}
