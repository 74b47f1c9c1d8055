/* What is to be done in a forked child, beside the page of base/process.h. A file of its own, for
 * programs that look, which have no process.c. */
#ifndef LBDNS_BASE_FORK_H
#define LBDNS_BASE_FORK_H

/* Has `child` called in every child that is forked from now on, by the atfork handler: it may call
 * nothing of libc's. One function in all. */
void fork_child_set(void (*child)(void));

/* Calls that function, if there is one. process.c alone calls it, in a forked child. */
void fork_child(void);

#endif
