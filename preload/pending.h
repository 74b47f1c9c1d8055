/* Connects under way, and the endpoints that are late to answer one.
 *
 * An endpoint that goes silent shows first in that one connect takes far longer than those to it
 * have taken, while others that began later have been answered. Until that connect ends, this
 * process passes over its endpoint: more connections there would only wait too. It is no failure
 * yet, and nobody else's business; that it is once the SYN was repeated in vain (outcome.h).
 *
 * Only of this process. port is as in rotation.h, of a stream socket. Any thread, any signal
 * handler, no lock; errno is kept. */
#ifndef LBDNS_PENDING_H
#define LBDNS_PENDING_H

#include "address.h"

#include <stdbool.h>
#include <stdint.h>

/* This connect is under way, or is about to be: fd's client may never say how it ended. */
void pending_begin(int fd, struct address address, uint32_t port);

/* It has ended, with 0 or an errno. Nothing happens if it is not watched. True if it is a failure
 * that pending_silent has told of. */
bool pending_ended(int fd, int error);

/* Its client has asked how it ended and was told of no error: it may have asked too early. */
void pending_asked(int fd);

/* May any endpoint be late? One load. Never with LBDNS_EJECT=0. */
bool pending_any(uint64_t now_ms);

/* The next endpoint that is late, counting from *at, which begins with 0; false if there are no
 * more. System calls, now and then, on what is pending. */
bool pending_late(uint32_t *at, uint64_t now_ms, struct address *address, uint32_t *port);

/* The refresh thread: the next endpoint, counting from *at, that did not answer a repeated SYN for
 * 3 s, or until its client gave up; each once. Lowers *next_ms to when it wants to look again. */
bool pending_silent(uint32_t *at, uint64_t now_ms, uint64_t *next_ms, struct address *address,
                    uint32_t *port);

#endif
