/* A small HTTP endpoint for one page. */
#ifndef LBDNS_INSPECT_NET_HTTP_H
#define LBDNS_INSPECT_NET_HTTP_H

#include <stdio.h>

/* Listens on an address and port, "127.0.0.1:9464" or "[::1]:9464", and answers GET /metrics with
 * what write(to, context) writes, in a child for each connection. Returns only if it cannot listen:
 * an exit status, after a complaint. A signal ends it. */
int http_serve(const char *where, void (*write)(FILE *to, void *context), void *context);

#endif
