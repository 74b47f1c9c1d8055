/*
 * answer SERVER NAME: what the DNS server at SERVER (IPv4) says NAME is, A and AAAA, one address a
 * line; nothing if there is no such name. Status 1 if there is no answer. (getent cannot be told
 * whom to ask.)
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned char message[NS_MAXMSG];

/* False if the server did not answer. */
static int print_answer(res_state resolver, const char *name, ns_type type)
{
	int length = res_nquery(resolver, name, ns_c_in, type, message, sizeof(message));
	if (length < 0)
		return resolver->res_h_errno != TRY_AGAIN;
	ns_msg parsed;
	if (ns_initparse(message, length, &parsed))
		return 0;
	for (int i = 0; i < ns_msg_count(parsed, ns_s_an); i++) {
		ns_rr record;
		if (ns_parserr(&parsed, ns_s_an, i, &record))
			return 0;
		if (ns_rr_type(record) != type)
			continue;
		char text[INET6_ADDRSTRLEN];
		inet_ntop(type == ns_t_a ? AF_INET : AF_INET6, ns_rr_rdata(record), text,
		          sizeof(text));
		puts(text);
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct __res_state resolver = {0};
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(NS_DEFAULTPORT)};
	if (argc != 3 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
		fputs("usage: answer SERVER NAME\n", stderr);
		return 2;
	}
	if (res_ninit(&resolver))
		return 1;
	resolver.nscount = 1;
	resolver.nsaddr_list[0] = server;
	resolver.options |= RES_USE_EDNS0;
	resolver.retrans = 1;
	resolver.retry = 1;
	int answered = print_answer(&resolver, argv[2], ns_t_a) &&
	               print_answer(&resolver, argv[2], ns_t_aaaa);
	return answered ? 0 : 1;
}
