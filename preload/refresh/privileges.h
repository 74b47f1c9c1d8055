/* What the refresh thread may do that other threads of its user may not: nothing. */
#ifndef LBDNS_REFRESH_PRIVILEGES_H
#define LBDNS_REFRESH_PRIVILEGES_H

/* Gives up all capabilities of the calling thread, and the right to gain any. capset(2) is of one
 * thread: what the client gives up later would stay with this one. It still opens what its user may
 * open. */
void privileges_drop(void);

#endif
