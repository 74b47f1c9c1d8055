/*
 * answer SERVER NAME: what the DNS server at SERVER (IPv4) says NAME is, A and AAAA, one address a
 * line; nothing if there is no such name. Status 1 if there is no answer. (getent cannot be told
 * whom to ask.)
 * answer SERVER NAME PATIENCE [ADDRESS...]: waits until it is exactly these; status 1 if it is not
 * after PATIENCE seconds.
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 8192, EVERY_MS = 5 };

static unsigned char message[NS_MAXMSG];
static char texts[MOST][INET6_ADDRSTRLEN];
static size_t count;

/* False if the server did not answer. */
static bool add_answer(res_state resolver, const char *name, ns_type type)
{
	int length = res_nquery(resolver, name, ns_c_in, type, message, sizeof(message));
	if (length < 0)
		return resolver->res_h_errno != TRY_AGAIN;
	ns_msg parsed;
	if (ns_initparse(message, length, &parsed))
		return false;
	for (int i = 0; i < ns_msg_count(parsed, ns_s_an); i++) {
		ns_rr record;
		if (ns_parserr(&parsed, ns_s_an, i, &record))
			return false;
		if (ns_rr_type(record) != type || count == MOST)
			continue;
		inet_ntop(type == ns_t_a ? AF_INET : AF_INET6, ns_rr_rdata(record), texts[count++],
		          sizeof(texts[0]));
	}
	return true;
}

static bool ask(res_state resolver, const char *name)
{
	count = 0;
	return add_answer(resolver, name, ns_t_a) && add_answer(resolver, name, ns_t_aaaa);
}

static int compare(const void *left, const void *right)
{
	return strcmp(left, right);
}

/* WANTED is in order. */
static bool is_answer(char (*wanted)[INET6_ADDRSTRLEN], size_t number)
{
	if (count != number)
		return false;
	qsort(texts, count, sizeof(*texts), compare);
	for (size_t i = 0; i < number; i++)
		if (strcmp(texts[i], wanted[i]) != 0)
			return false;
	return true;
}

static time_t now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static bool wait_for(res_state resolver, const char *name, int patience, char **addresses)
{
	static const struct timespec pause = {.tv_nsec = EVERY_MS * 1000000};
	static char wanted[MOST][INET6_ADDRSTRLEN];
	size_t number = 0;
	for (; addresses[number] && number < MOST; number++)
		snprintf(wanted[number], sizeof(wanted[0]), "%s", addresses[number]);
	qsort(wanted, number, sizeof(*wanted), compare);
	time_t end = now_s() + patience;
	while (!ask(resolver, name) || !is_answer(wanted, number)) {
		if (now_s() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct __res_state resolver = {0};
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(NS_DEFAULTPORT)};
	if (argc < 3 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
		fputs("usage: answer SERVER NAME [PATIENCE [ADDRESS...]]\n", stderr);
		return 2;
	}
	if (res_ninit(&resolver))
		return 1;
	resolver.nscount = 1;
	resolver.nsaddr_list[0] = server;
	resolver.options |= RES_USE_EDNS0;
	resolver.retrans = 1;
	resolver.retry = 1;
	if (argc > 3)
		return !wait_for(&resolver, argv[2], atoi(argv[3]), argv + 4);
	if (!ask(&resolver, argv[2]))
		return 1;
	for (size_t i = 0; i < count; i++)
		puts(texts[i]);
	return 0;
}
