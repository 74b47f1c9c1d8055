/* Whom libc asks for names: the `hosts` line of nsswitch.conf(5). Any thread; nothing of libc's
 * that takes a lock or allocates. */
#ifndef LBDNS_LEARN_SOURCES_H
#define LBDNS_LEARN_SOURCES_H

#include <stdbool.h>

/* Returns true if libc asks nobody but the hosts file and DNS, so that what it says of a name that
 * is not in that file is from DNS. Reads the file, as libc has just done; musl has none. */
bool sources_are_dns(void);

#endif
