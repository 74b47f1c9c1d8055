/* The files that libc goes by. For the refresh thread, or the thread that is about to start it. */
#ifndef LBDNS_REFRESH_FILES_H
#define LBDNS_REFRESH_FILES_H

/* Looks at hosts, resolv.conf, nsswitch.conf and gai.conf, and has libc asked again if one of them
 * is not what it was. errno is kept. */
void files_look(void);

#endif
