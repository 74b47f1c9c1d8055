/*
 * client MODE ARGUMENT...: the unmodified programs of the tests, in one. For glibc and musl.
 *
 * One line for each connection on stdout: the address of the pod it reached, in the pod's own
 * words (GET /address), and as the last word of the line where a mode prints more. Status 1 and a
 * message on any error. HOST may be a name or a literal.
 *
 *   lookup-connect HOST PORT N      getaddrinfo before each connection
 *   twice HOST PORT N               two lookups before each connection
 *   once HOST PORT N                one lookup, then all connections to its first address
 *   each HOST PORT N                one lookup, then connections to its addresses in turn
 *   threads HOST PORT N T [first]   lookup-connect, N in all, over T threads; first: a lookup before
 *                                   there are any (a thousand at once are too many for dnsmasq)
 *   fork HOST PORT N W              lookup-connect, N in all, over W forked workers
 *   on-line HOST PORT N             lookup-connect, each when a line comes on stdin
 *   shown HOST PORT N               lookup-connect: "<the address looked up> <pod>"
 *   bound HOST PORT N SOURCE        once, from sockets bound to SOURCE
 *   ports HOST PORTA PORTB N        lookup-connect, the ports in turn: "<port> <pod>"
 *   nonblock HOST PORT N            non-blocking connect, poll, SO_ERROR, connect again to collect
 *   nonblock-errors HOST PORT N     what three calls of connect on one non-blocking socket say: at
 *                                   once, at once again, and after poll (5 s, "-" if it is pending)
 *   nonblock-failed HOST PORT N     once; what five calls of connect on one non-blocking socket say
 *                                   that a pod refuses: at once, after poll, once more, and that
 *                                   after poll and SO_ERROR, and once more
 *   connected HOST PORT N           once; connect, and connect again: "<first> <second> <pod>"
 *   errno HOST PORT N               lookup-connect: what getaddrinfo, connect and freeaddrinfo
 *                                   leave in errno, "kept" if it is what was there: three words and
 *                                   <pod>
 *   bad HOST PORT N                 once; a line for each kind of wrong arguments to connect
 *   mapped HOST PORT N [K]          IPv4 as ::ffff: on AF_INET6 sockets, as Java; a lookup before
 *                                   every K connections (1)
 *   v4mapped HOST PORT N            lookup-connect, AF_INET6 with AI_V4MAPPED
 *   inet, inet6 HOST PORT N         lookup-connect, addresses of that family only
 *   gethostbyname HOST PORT N [K]   a lookup with it before every K connections (1); and the same
 *                                   with gethostbyname2, gethostbyname_r, gethostbyname2_r, and
 *                                   gethostbyname2-inet6, gethostbyname2_r-inet6
 *   literal ADDRESS PORT N          a literal through getaddrinfo with AI_NUMERICHOST
 *   address ADDRESS PORT N          a literal through inet_pton
 *   udp HOST PORT N                 lookup, connected UDP socket, one datagram
 *   udp-once HOST PORT N            the same with one lookup for all
 *   peers HOST PORT N               once, but prints getpeername, not the pod's word
 *   lookups HOST PORT|- N           no connection: the first address of each lookup
 *   list HOST PORT|-                no connection: all addresses of one lookup, on one line
 *   stay HOST PORT MS               one lookup, then a connection to its first address every MS ms:
 *                                   "<ms since 1970> <ok or the error> <host> <pod or ->", until
 *                                   SIGTERM or, if stdin is a pipe, its end; errors do not end it.
 *                                   EAGAIN: connected, and no answer for 5 s
 *   visit HOST PORT MS [HOST...]    every MS ms a lookup and a connection for each HOST
 *   timed HOST PORT MS WAIT         stay, by connections that do not block, each given up after WAIT
 *                                   ms, and so is each answer
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct endpoint {
	struct sockaddr_storage address;
	socklen_t length;
};

struct target {
	const char *host;
	const char *port;
	int count;
	int family;
	int flags;
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "client: %s: %s\n", what, why);
	exit(1);
}

static const char *error_name(int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
		{0, "ok"},
		{EAGAIN, "EAGAIN"},
		{EAFNOSUPPORT, "EAFNOSUPPORT"},
		{EALREADY, "EALREADY"},
		{EBADF, "EBADF"},
		{ECONNABORTED, "ECONNABORTED"},
		{ECONNREFUSED, "ECONNREFUSED"},
		{ECONNRESET, "ECONNRESET"},
		{EFAULT, "EFAULT"},
		{EHOSTUNREACH, "EHOSTUNREACH"},
		{EINPROGRESS, "EINPROGRESS"},
		{EINVAL, "EINVAL"},
		{EISCONN, "EISCONN"},
		{ENETUNREACH, "ENETUNREACH"},
		{ENOTSOCK, "ENOTSOCK"},
		{ETIMEDOUT, "ETIMEDOUT"},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].error == error)
			return names[i].name;
	return strerror(error);
}

static int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (!*text || *end || value < 0 || value > 1000000000)
		die(text, "not a number");
	return (int)value;
}

/* Lookups */

static struct addrinfo *look_up(const struct target *target, int socktype)
{
	struct addrinfo hints = {
		.ai_family = target->family, .ai_socktype = socktype, .ai_flags = target->flags};
	const char *port = strcmp(target->port, "-") ? target->port : NULL;
	struct addrinfo *list;
	int error = getaddrinfo(target->host, port, &hints, &list);
	if (error)
		die(target->host, gai_strerror(error));
	return list;
}

static struct endpoint endpoint_of(const struct addrinfo *info)
{
	struct endpoint endpoint = {.length = info->ai_addrlen};
	memcpy(&endpoint.address, info->ai_addr, info->ai_addrlen);
	return endpoint;
}

static struct endpoint first_of(const struct target *target, int socktype)
{
	struct addrinfo *list = look_up(target, socktype);
	struct endpoint endpoint = endpoint_of(list);
	freeaddrinfo(list);
	return endpoint;
}

static struct endpoint make_endpoint(int family, const void *raw, const char *port)
{
	struct endpoint endpoint = {0};
	in_port_t net_port = htons((unsigned short)number(port));
	if (family == AF_INET) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = net_port};
		memcpy(&in.sin_addr, raw, sizeof(in.sin_addr));
		memcpy(&endpoint.address, &in, sizeof(in));
		endpoint.length = sizeof(in);
	} else {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = net_port};
		memcpy(&in6.sin6_addr, raw, sizeof(in6.sin6_addr));
		memcpy(&endpoint.address, &in6, sizeof(in6));
		endpoint.length = sizeof(in6);
	}
	return endpoint;
}

static void text_of(const struct sockaddr *address, char text[INET6_ADDRSTRLEN])
{
	if (address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text,
		          INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text,
		          INET6_ADDRSTRLEN);
}

/* Connections */

/* The descriptor, or -1 and errno. */
static int try_connect(const struct endpoint *endpoint, int type)
{
	int fd = socket(endpoint->address.ss_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket", strerror(errno));
	if (!connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->length))
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int connect_to(const struct endpoint *endpoint, int type)
{
	int fd = try_connect(endpoint, type);
	if (fd < 0)
		die("connect", strerror(errno));
	return fd;
}

/*
 * Asks the pod at the other end who it is, and closes. False and errno if it does not say.
 */
static bool ask(int fd, const char *host, char pod[INET6_ADDRSTRLEN])
{
	char text[1024];
	int length =
		snprintf(text, sizeof(text), "GET /address HTTP/1.1\r\nHost: %s\r\n\r\n", host);
	bool said = false;
	if (send(fd, text, (size_t)length, MSG_NOSIGNAL) == length) {
		size_t have = 0;
		ssize_t got;
		while ((got = recv(fd, text + have, sizeof(text) - 1 - have, 0)) > 0)
			have += (size_t)got;
		text[have] = '\0';
		const char *body = strstr(text, "\r\n\r\n");
		said = body && sscanf(body, "%45s", pod) == 1;
		if (!said && got == 0)
			errno = ECONNRESET;
	}
	int error = errno;
	close(fd);
	errno = error;
	return said;
}

static void ask_and_print(int fd, const char *host, const char *before)
{
	char pod[INET6_ADDRSTRLEN];
	if (!ask(fd, host, pod))
		die("no answer", strerror(errno));
	/* one write: lines of threads and workers do not mix */
	dprintf(STDOUT_FILENO, "%s%s\n", before, pod);
}

static void visit_once(const struct endpoint *endpoint, const char *host)
{
	ask_and_print(connect_to(endpoint, SOCK_STREAM), host, "");
}

/* Modes */

static void lookup_connect(const struct target *target)
{
	for (int i = 0; i < target->count; i++) {
		struct endpoint endpoint = first_of(target, SOCK_STREAM);
		visit_once(&endpoint, target->host);
	}
}

static void on_line(const struct target *target)
{
	struct target one = *target;
	one.count = 1;
	for (int i = 0; i < target->count; i++) {
		for (int c = getchar(); c != '\n'; c = getchar())
			if (c == EOF)
				die("stdin", "no line");
		lookup_connect(&one);
	}
}

static void shown(const struct target *target)
{
	for (int i = 0; i < target->count; i++) {
		struct endpoint endpoint = first_of(target, SOCK_STREAM);
		char before[INET6_ADDRSTRLEN + 1];
		text_of((struct sockaddr *)&endpoint.address, before);
		strcat(before, " ");
		ask_and_print(connect_to(&endpoint, SOCK_STREAM), target->host, before);
	}
}

static void twice(const struct target *target)
{
	for (int i = 0; i < target->count; i++) {
		(void)first_of(target, SOCK_STREAM);
		struct endpoint endpoint = first_of(target, SOCK_STREAM);
		visit_once(&endpoint, target->host);
	}
}

static void mapped(const struct target *target, int per_lookup)
{
	struct target v4 = *target;
	struct endpoint endpoint = {0};
	v4.family = AF_INET;
	for (int i = 0; i < target->count; i++) {
		if (i % per_lookup == 0) {
			struct endpoint found = first_of(&v4, SOCK_STREAM);
			struct in6_addr raw = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
			memcpy(&raw.s6_addr[12], &((struct sockaddr_in *)&found.address)->sin_addr,
			       4);
			endpoint = make_endpoint(AF_INET6, &raw, target->port);
		}
		visit_once(&endpoint, target->host);
	}
}

static void once(const struct target *target)
{
	struct endpoint endpoint = first_of(target, SOCK_STREAM);
	for (int i = 0; i < target->count; i++)
		visit_once(&endpoint, target->host);
}

static void bound(const struct target *target, const char *source_host)
{
	struct target source = {
		.host = source_host, .port = "0", .flags = AI_NUMERICHOST | AI_PASSIVE};
	struct endpoint endpoint = first_of(target, SOCK_STREAM);
	struct endpoint from = first_of(&source, SOCK_STREAM);
	for (int i = 0; i < target->count; i++) {
		int fd = socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0 || bind(fd, (const struct sockaddr *)&from.address, from.length) ||
		    connect(fd, (const struct sockaddr *)&endpoint.address, endpoint.length))
			die("bound", strerror(errno));
		ask_and_print(fd, target->host, "");
	}
}

static void each(const struct target *target)
{
	struct addrinfo *list = look_up(target, SOCK_STREAM), *next = list;
	for (int i = 0; i < target->count; i++) {
		struct endpoint endpoint = endpoint_of(next);
		visit_once(&endpoint, target->host);
		next = next->ai_next ? next->ai_next : list;
	}
	freeaddrinfo(list);
}

static void peers(const struct target *target)
{
	struct endpoint endpoint = first_of(target, SOCK_STREAM);
	for (int i = 0; i < target->count; i++) {
		int fd = connect_to(&endpoint, SOCK_STREAM);
		struct sockaddr_storage peer;
		socklen_t length = sizeof(peer);
		if (getpeername(fd, (struct sockaddr *)&peer, &length))
			die("getpeername", strerror(errno));
		char text[INET6_ADDRSTRLEN];
		text_of((struct sockaddr *)&peer, text);
		dprintf(STDOUT_FILENO, "%s\n", text);
		close(fd);
	}
}

static void lookups(const struct target *target)
{
	for (int i = 0; i < target->count; i++) {
		struct endpoint endpoint = first_of(target, SOCK_STREAM);
		char text[INET6_ADDRSTRLEN];
		text_of((struct sockaddr *)&endpoint.address, text);
		dprintf(STDOUT_FILENO, "%s\n", text);
	}
}

static void list_all(const struct target *target)
{
	struct addrinfo *list = look_up(target, SOCK_STREAM);
	for (struct addrinfo *info = list; info; info = info->ai_next) {
		char text[INET6_ADDRSTRLEN];
		text_of(info->ai_addr, text);
		printf("%s%s", text, info->ai_next ? " " : "\n");
	}
	freeaddrinfo(list);
}

/* The part of N that worker i of n does. */
static struct target share(const struct target *target, int i, int n)
{
	struct target part = *target;
	part.count = (int)((long)target->count * (i + 1) / n - (long)target->count * i / n);
	return part;
}

static void *lookup_connect_thread(void *target)
{
	lookup_connect(target);
	return NULL;
}

static void threads(const struct target *target, int n)
{
	pthread_t *ids = calloc((size_t)n, sizeof(*ids));
	struct target *parts = calloc((size_t)n, sizeof(*parts));
	if (!ids || !parts)
		die("threads", "memory");
	for (int i = 0; i < n; i++) {
		parts[i] = share(target, i, n);
		int error = pthread_create(&ids[i], NULL, lookup_connect_thread, &parts[i]);
		if (error)
			die("pthread_create", strerror(error));
	}
	for (int i = 0; i < n; i++)
		pthread_join(ids[i], NULL);
	free(parts);
	free(ids);
}

static void fork_workers(const struct target *target, int n)
{
	/* the parent is a client too: its workers inherit what it knows */
	(void)first_of(target, SOCK_STREAM);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid < 0)
			die("fork", strerror(errno));
		if (!pid) {
			struct target part = share(target, i, n);
			lookup_connect(&part);
			exit(0);
		}
	}
	bool failed = false;
	for (int status; wait(&status) > 0;)
		failed |= status != 0;
	if (failed)
		die("fork", "a worker failed");
}

static void ports(const struct target *target, const char *other_port)
{
	struct target other = *target;
	other.port = other_port;
	for (int i = 0; i < target->count; i++) {
		const struct target *now = i % 2 ? &other : target;
		struct endpoint endpoint = first_of(now, SOCK_STREAM);
		char before[32];
		snprintf(before, sizeof(before), "%s ", now->port);
		ask_and_print(connect_to(&endpoint, SOCK_STREAM), now->host, before);
	}
}

static int nonblocking_socket(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket", strerror(errno));
	return fd;
}

static int connect_error(int fd, const struct endpoint *endpoint)
{
	int failed = connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->length);
	return failed ? errno : 0;
}

static void nonblock(const struct target *target)
{
	for (int i = 0; i < target->count; i++) {
		struct endpoint endpoint = first_of(target, SOCK_STREAM);
		int fd = nonblocking_socket(&endpoint);
		int error = connect_error(fd, &endpoint);
		if (error && error != EINPROGRESS)
			die("connect", error_name(error));
		struct pollfd ready = {.fd = fd, .events = POLLOUT};
		if (poll(&ready, 1, 10000) != 1)
			die("poll", "not connected in 10 s");
		socklen_t length = sizeof(error);
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) || error)
			die("SO_ERROR", error_name(error));
		error = connect_error(fd, &endpoint);
		if (error && error != EISCONN)
			die("second connect", error_name(error));
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
		ask_and_print(fd, target->host, "");
	}
}

static void nonblock_errors(const struct target *target)
{
	for (int i = 0; i < target->count; i++) {
		struct endpoint endpoint = first_of(target, SOCK_STREAM);
		int fd = nonblocking_socket(&endpoint);
		const char *at_once = error_name(connect_error(fd, &endpoint));
		const char *again = error_name(connect_error(fd, &endpoint));
		struct pollfd ready = {.fd = fd, .events = POLLOUT};
		const char *later = "-";
		if (poll(&ready, 1, 5000) == 1)
			later = error_name(connect_error(fd, &endpoint));
		dprintf(STDOUT_FILENO, "%s %s %s\n", at_once, again, later);
		close(fd);
	}
}

static int polled(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	if (poll(&ready, 1, 10000) != 1)
		die("poll", "neither connected nor refused in 10 s");
	return fd;
}

static void nonblock_failed(const struct target *target)
{
	struct endpoint endpoint = first_of(target, SOCK_STREAM);
	for (int i = 0; i < target->count; i++) {
		int fd = nonblocking_socket(&endpoint), error, said[5];
		socklen_t length = sizeof(error);
		said[0] = connect_error(fd, &endpoint);
		said[1] = connect_error(polled(fd), &endpoint);
		said[2] = connect_error(fd, &endpoint);
		getsockopt(polled(fd), SOL_SOCKET, SO_ERROR, &error, &length);
		said[3] = connect_error(fd, &endpoint);
		said[4] = connect_error(fd, &endpoint);
		polled(fd);
		dprintf(STDOUT_FILENO, "%s %s %s %s %s\n", error_name(said[0]), error_name(said[1]),
		        error_name(said[2]), error_name(said[3]), error_name(said[4]));
		close(fd);
	}
}

static void connected(const struct target *target)
{
	struct endpoint endpoint = first_of(target, SOCK_STREAM);
	for (int i = 0; i < target->count; i++) {
		int fd = socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		const char *first = error_name(connect_error(fd, &endpoint));
		const char *second = error_name(connect_error(fd, &endpoint));
		char before[64];
		snprintf(before, sizeof(before), "%s %s ", first, second);
		ask_and_print(fd, target->host, before);
	}
}

static const char *errno_left(void)
{
	return errno == ENOTTY ? "kept" : error_name(errno);
}

static void errno_mode(const struct target *target)
{
	struct addrinfo hints = {.ai_family = target->family, .ai_socktype = SOCK_STREAM};
	for (int i = 0; i < target->count; i++) {
		struct addrinfo *list;
		char before[128];
		errno = ENOTTY;
		if (getaddrinfo(target->host, target->port, &hints, &list))
			die(target->host, "getaddrinfo");
		const char *after_lookup = errno_left();
		int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		errno = ENOTTY;
		if (connect(fd, list->ai_addr, list->ai_addrlen))
			die("connect", strerror(errno));
		const char *after_connect = errno_left();
		errno = ENOTTY;
		freeaddrinfo(list);
		snprintf(before, sizeof(before), "%s %s %s ", after_lookup, after_connect,
		         errno_left());
		ask_and_print(fd, target->host, before);
	}
}

static void print_bad(const char *what, int fd, const void *address, socklen_t length)
{
	int result = connect(fd, address, length);
	int error = result ? errno : 0;
	dprintf(STDOUT_FILENO, "%s: %d %s\n", what, result, error_name(error));
}

static void bad(const struct target *target)
{
	struct endpoint endpoint = first_of(target, SOCK_STREAM);
	int family = endpoint.address.ss_family;
	for (int i = 0; i < target->count; i++) {
		int tcp = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int udp = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		int tcp6 = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int file = open("/dev/null", O_RDWR | O_CLOEXEC);
		int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		listen(listener, 1);
		struct endpoint other = endpoint;
		print_bad("no address", tcp, NULL, endpoint.length);
		print_bad("no address, no length", tcp, NULL, 0);
		print_bad("no address, UDP", udp, NULL, endpoint.length);
		print_bad("no length", tcp, &endpoint.address, 0);
		print_bad("the family alone", tcp, &endpoint.address, sizeof(sa_family_t));
		print_bad("one byte short", tcp, &endpoint.address, endpoint.length - 1);
		print_bad("longer than any", tcp, &endpoint.address, sizeof(endpoint.address) + 1);
		print_bad("negative length", tcp, &endpoint.address, (socklen_t)-1);
		print_bad("no descriptor", -1, &endpoint.address, endpoint.length);
		print_bad("closed descriptor", 1000, &endpoint.address, endpoint.length);
		print_bad("file", file, &endpoint.address, endpoint.length);
		print_bad("AF_UNIX socket", local, &endpoint.address, endpoint.length);
		print_bad("listening", listener, &endpoint.address, endpoint.length);
		print_bad("AF_INET6 socket", tcp6, &endpoint.address, endpoint.length);
		other.address.ss_family = AF_UNIX;
		print_bad("AF_UNIX address", tcp, &other.address, endpoint.length);
		other.address.ss_family = 999;
		print_bad("no family", tcp, &other.address, endpoint.length);
		other.address.ss_family = AF_UNSPEC;
		print_bad("AF_UNSPEC", tcp, &other.address, endpoint.length);
		close(listener);
		close(file);
		close(local);
		close(tcp6);
		close(udp);
		close(tcp);
	}
}

static void address(const struct target *target)
{
	unsigned char raw[sizeof(struct in6_addr)];
	int family = strchr(target->host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(family, target->host, raw) != 1)
		die(target->host, "not an address");
	struct endpoint endpoint = make_endpoint(family, raw, target->port);
	for (int i = 0; i < target->count; i++)
		visit_once(&endpoint, target->host);
}

static void ask_datagram(const struct endpoint *endpoint)
{
	int fd = connect_to(endpoint, SOCK_DGRAM);
	char answer[INET6_ADDRSTRLEN + 2];
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	if (send(fd, "?", 1, 0) != 1 || poll(&ready, 1, 10000) != 1)
		die("udp", "no answer");
	ssize_t got = recv(fd, answer, sizeof(answer), 0);
	if (got < 0)
		die("recv", strerror(errno));
	dprintf(STDOUT_FILENO, "%.*s", (int)got, answer);
	close(fd);
}

static void udp(const struct target *target)
{
	for (int i = 0; i < target->count; i++) {
		struct endpoint endpoint = first_of(target, SOCK_DGRAM);
		ask_datagram(&endpoint);
	}
}

static void udp_once(const struct target *target)
{
	struct endpoint endpoint = first_of(target, SOCK_DGRAM);
	for (int i = 0; i < target->count; i++)
		ask_datagram(&endpoint);
}

/* The four gethostbyname: found by name, to be called in one loop. */

static struct hostent *by_name_r(const char *host, int family, bool two)
{
	static struct hostent entry;
	static char buffer[65536];
	struct hostent *result;
	int error;
	int failed = two ? gethostbyname2_r(host, family, &entry, buffer, sizeof(buffer), &result,
	                                    &error)
	                 : gethostbyname_r(host, &entry, buffer, sizeof(buffer), &result, &error);
	return failed ? NULL : result;
}

static struct hostent *by_name(const char *mode, const char *host)
{
	int family = strstr(mode, "-inet6") ? AF_INET6 : AF_INET;
	bool two = !strncmp(mode, "gethostbyname2", strlen("gethostbyname2"));
	if (strstr(mode, "_r"))
		return by_name_r(host, family, two);
	return two ? gethostbyname2(host, family) : gethostbyname(host);
}

static void gethostbyname_mode(const char *mode, const struct target *target, int per_lookup)
{
	struct endpoint endpoint = {0};
	for (int i = 0; i < target->count; i++) {
		if (i % per_lookup == 0) {
			struct hostent *entry = by_name(mode, target->host);
			if (!entry)
				die(target->host, mode);
			endpoint = make_endpoint(entry->h_addrtype, entry->h_addr_list[0],
			                         target->port);
		}
		visit_once(&endpoint, target->host);
	}
}

static bool stdin_ended(int wait_ms)
{
	struct stat status;
	bool is_pipe = !fstat(STDIN_FILENO, &status) && S_ISFIFO(status.st_mode);
	struct pollfd input = {.fd = is_pipe ? STDIN_FILENO : -1, .events = POLLIN};
	if (poll(&input, 1, wait_ms) != 1)
		return false;
	char byte;
	return read(STDIN_FILENO, &byte, 1) == 0;
}

static void report(int error, const char *host, const char *pod)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	dprintf(STDOUT_FILENO, "%lld %s %s %s\n",
	        (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, error_name(error), host, pod);
}

static void report_connection(const struct endpoint *endpoint, const char *host)
{
	char pod[INET6_ADDRSTRLEN] = "-";
	int fd = try_connect(endpoint, SOCK_STREAM);
	int error = errno;
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = 5},
		           sizeof(struct timeval));
		error = ask(fd, host, pod) ? 0 : errno;
	}
	report(error, host, pod);
}

/* Returns what became of a connect that is under way: 0 or an error. */
static int outcome(int fd, int wait_ms)
{
	int error = 0;
	socklen_t length = sizeof(error);
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	if (poll(&ready, 1, wait_ms) != 1)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) ? errno : error;
}

static void report_timed(const struct endpoint *endpoint, const char *host, int wait_ms)
{
	const struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
	char pod[INET6_ADDRSTRLEN] = "-";
	int fd = nonblocking_socket(endpoint);
	int error = connect_error(fd, endpoint);
	if (error == EINPROGRESS)
		error = outcome(fd, wait_ms);
	if (error) {
		close(fd);
	} else {
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		if (!ask(fd, host, pod))
			error = errno == EAGAIN ? ETIMEDOUT : errno;
	}
	report(error, host, pod);
}

static void stay(const struct target *target)
{
	struct endpoint endpoint = first_of(target, SOCK_STREAM);
	do
		report_connection(&endpoint, target->host);
	while (!stdin_ended(target->count));
}

static void timed(const struct target *target, int wait_ms)
{
	struct endpoint endpoint = first_of(target, SOCK_STREAM);
	do
		report_timed(&endpoint, target->host, wait_ms);
	while (!stdin_ended(target->count));
}

static void visit(const struct target *target, char **others)
{
	do {
		struct endpoint endpoint = first_of(target, SOCK_STREAM);
		report_connection(&endpoint, target->host);
		for (char **host = others; *host; host++) {
			struct target other = *target;
			other.host = *host;
			endpoint = first_of(&other, SOCK_STREAM);
			report_connection(&endpoint, other.host);
		}
	} while (!stdin_ended(target->count));
}

static _Noreturn void usage(void)
{
	fputs("usage: client MODE HOST PORT N..., modes at the top of tests/programs/client.c\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const struct target *);
		int family;
		int flags;
	} plain[] = {
		{"lookup-connect", lookup_connect, AF_UNSPEC, 0},
		{"twice", twice, AF_UNSPEC, 0},
		{"once", once, AF_UNSPEC, 0},
		{"on-line", on_line, AF_UNSPEC, 0},
		{"shown", shown, AF_UNSPEC, 0},
		{"each", each, AF_UNSPEC, 0},
		{"peers", peers, AF_UNSPEC, 0},
		{"nonblock", nonblock, AF_UNSPEC, 0},
		{"nonblock-errors", nonblock_errors, AF_UNSPEC, 0},
		{"nonblock-failed", nonblock_failed, AF_UNSPEC, 0},
		{"connected", connected, AF_UNSPEC, 0},
		{"errno", errno_mode, AF_UNSPEC, 0},
		{"bad", bad, AF_UNSPEC, 0},
		{"v4mapped", lookup_connect, AF_INET6, AI_V4MAPPED},
		{"inet", lookup_connect, AF_INET, 0},
		{"inet6", lookup_connect, AF_INET6, 0},
		{"literal", lookup_connect, AF_UNSPEC, AI_NUMERICHOST},
		{"address", address, AF_UNSPEC, 0},
		{"udp", udp, AF_UNSPEC, 0},
		{"udp-once", udp_once, AF_UNSPEC, 0},
		{"lookups", lookups, AF_UNSPEC, 0},
	};
	if (argc < 4)
		usage();
	const char *mode = argv[1];
	struct target target = {.host = argv[2], .port = argv[3], .family = AF_UNSPEC};
	if (!strcmp(mode, "list")) {
		list_all(&target);
		return 0;
	}
	if (argc < 5)
		usage();
	if (!strcmp(mode, "ports")) {
		if (argc < 6)
			usage();
		target.count = number(argv[5]);
		ports(&target, argv[4]);
		return 0;
	}
	target.count = number(argv[4]);
	if (!strcmp(mode, "threads") && argc > 5) {
		if (argc > 6 && !strcmp(argv[6], "first"))
			first_of(&target, SOCK_STREAM);
		threads(&target, number(argv[5]));
	} else if (!strcmp(mode, "fork") && argc > 5)
		fork_workers(&target, number(argv[5]));
	else if (!strncmp(mode, "gethostbyname", strlen("gethostbyname")))
		gethostbyname_mode(mode, &target, argc > 5 ? number(argv[5]) : 1);
	else if (!strcmp(mode, "mapped"))
		mapped(&target, argc > 5 ? number(argv[5]) : 1);
	else if (!strcmp(mode, "bound") && argc > 5)
		bound(&target, argv[5]);
	else if (!strcmp(mode, "stay"))
		stay(&target);
	else if (!strcmp(mode, "timed") && argc > 5)
		timed(&target, number(argv[5]));
	else if (!strcmp(mode, "visit"))
		visit(&target, argv + 5);
	else {
		for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
			if (strcmp(mode, plain[i].name))
				continue;
			target.family = plain[i].family;
			target.flags = plain[i].flags;
			plain[i].run(&target);
			return 0;
		}
		usage();
	}
	return 0;
}
