/* Why a connection to an address that is known was left as the client asked for it. */
#ifndef LBDNS_BASE_REASON_H
#define LBDNS_BASE_REASON_H

/* Indexes shared_name.passed: a change of the order needs another LAYOUT (shared/segment.c). */
enum leave_reason {
	LEAVE_CLAIMED,  /* the address stands for another name too */
	LEAVE_SOCKET,   /* the socket was not fresh: most of these calls ask how a connect went */
	LEAVE_DATAGRAM, /* UDP, which does not rotate without LBDNS_UDP=on */
	LEAVE_STALE,    /* DNS has not answered for LBDNS_MAX_STALE */
	LEAVE_SEVERAL,  /* the address is in pools that have no endpoint in common */
	LEAVE_GONE, /* the address has left its pool, and nobody asked for the name for an hour, or
	               the pool is gone */
	LEAVE_BUSY, /* the pools changed during each of our looks at them */
	LEAVE_OBSERVED, /* LBDNS_MODE=observe: the connection would have been rewritten */
	LEAVE_OFF,      /* LBDNS_MODE=off */
	LEAVE_UNSURE,   /* libc has other sources than DNS, which has not confirmed the name yet */
	LEAVE_PORT, /* LBDNS_NAMES lists the name for other ports, or LBDNS_EXCLUDE has this one */
	LEAVE_COUNT
};

/* Returns the words for a reason as people see them: "claimed", "not fresh", …; "" for a number
 * that is none. Any thread, any signal handler. */
const char *leave_reason_text(enum leave_reason reason);

#endif
