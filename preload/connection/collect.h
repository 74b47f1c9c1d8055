/* How clients that do not block learn how their connect ended: by SO_ERROR. */
#ifndef LBDNS_CONNECTION_COLLECT_H
#define LBDNS_CONNECTION_COLLECT_H

/* Learns from what getsockopt(2) has told a client of a socket, for SO_ERROR: 0 or an errno. errno
 * is kept. Any thread, any signal handler. */
void collect_error(int fd, int error);

#endif
