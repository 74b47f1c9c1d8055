/* connect to an endpoint, and to another one if that fails. */
#ifndef LBDNS_CONNECT_RETRY_H
#define LBDNS_CONNECT_RETRY_H

#include "directory.h"

#include <sys/socket.h>

/* libc's connect, with another address in the client's sockaddr: same family, same port. */
int connect_to(int fd, const struct sockaddr *address, socklen_t length, struct address target);

/* Connects a fresh stream socket to picked->target. A blocking socket goes on to other endpoints if
 * that fails, up to LBDNS_ATTEMPTS in all; what is returned is the outcome of the last. */
int connect_retry(int fd, const struct sockaddr *address, socklen_t length,
                  struct directory_route *route, uint16_t port, struct directory_picked *picked);

#endif
