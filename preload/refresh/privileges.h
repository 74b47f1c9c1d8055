/* What the refresh thread may do that other threads of its user may not: nothing. */
#ifndef LBDNS_REFRESH_PRIVILEGES_H
#define LBDNS_REFRESH_PRIVILEGES_H

/* Looks what there is to give up, for privileges_drop. It opens a file, so that the calling task
 * needs a table of descriptors of its own; what it finds is the same in a task that the thread
 * starts. */
void privileges_look(void);

/* Gives up all capabilities of the calling thread, and the right to gain any. capset(2) is of one
 * thread: what the client gives up later would stay with this one. It still opens what its user may
 * open. */
void privileges_drop(void);

#endif
