/* resolv.conf(5): servers, search list, ndots.
 *
 * Read here, not by c-ares, because the file must be read with raw system calls (no stdio on our
 * thread), be kept for clients that chroot, and tell which absolute names a short name may stand
 * for. */
#ifndef LBDNS_DNS_RESOLVCONF_H
#define LBDNS_DNS_RESOLVCONF_H

#include "base/config.h"

#include <stdbool.h>

enum {
	RESOLVCONF_SERVERS = 3, /* more are ignored, as libc does (MAXNS) */
	RESOLVCONF_SEARCH_SIZE = 2048,
	RESOLVCONF_CANDIDATES = 34 /* domains of the search list, and the name itself */
};

/* The interface that a link-local server is asked over, which c-ares 1.18 has no field for. */
struct resolvconf_scope {
	unsigned char address[16]; /* of the server, network order */
	char interface[16];        /* its name or its number; "": none, in any further ones too */
};

struct resolvconf {
	/* "10.96.0.10,[fd00::10]:53", as ares_set_servers_ports_csv(3) takes it (1.18 wants a port
	 * after brackets); 127.0.0.1 if the file names none, "" if it names only such as are no
	 * addresses. The unspecified address is the loopback one, because answers come from there.
	 * (LBDNS_NAMESERVERS, where it is set, is used in its place by the resolver.) */
	char servers[RESOLVCONF_SERVERS * 64];
	struct resolvconf_scope scopes[RESOLVCONF_SERVERS];
	char search[RESOLVCONF_SEARCH_SIZE]; /* domains, each ended by NUL, no trailing dots; "" is
	                                        the root */
	unsigned search_count;
	unsigned ndots;
	unsigned timeout_ms; /* of one try; resolv.conf's `timeout`, at most 5 s here */
	unsigned tries;
	bool edns;      /* ask with EDNS; refresh/queries.c clears it where that was in vain */
	bool use_vc;    /* ask by TCP alone */
	bool any_owner; /* take records of other names too, as musl does; not from the file */
	bool no_aaaa;   /* the name has no address in IPv6, whatever DNS says (glibc 2.36) */
};

/* Reads /etc/resolv.conf, LOCALDOMAIN and RES_OPTIONS. False if the file cannot be read (then *conf
 * is what an empty file means). Raw system calls and 8 KiB of stack only; any thread. errno is
 * kept. */
bool resolvconf_read(struct resolvconf *conf);

/* Reads another file as resolvconf_read does /etc/resolv.conf, for tests. */
bool resolvconf_read_file(const char *path, struct resolvconf *conf);

/* Writes the index-th absolute name that libc would try for name, in lower case and without
 * trailing dot, into candidate[CONFIG_NAME_SIZE]. Returns false when there are no more. Candidates
 * that are no DNS names (too long, an empty label) are left out, and the name itself is one of them
 * once even if the root is in the search list. */
bool resolvconf_candidate(const struct resolvconf *conf, const char *name, unsigned index,
                          char *candidate);

#endif
