/* Descriptors by generation: what a number stood for when a connect began may be closed, and the
 * number be another socket's, unseen. Whoever makes a socket by socket(2) raises the generation of
 * its number, so that two moments of one generation are of one socket, unless the number was used
 * again by accept(2), dup(2) or the like in between. Any thread, any signal handler. */
#ifndef LBDNS_BASE_DESCRIPTOR_H
#define LBDNS_BASE_DESCRIPTOR_H

#include "base/atomic.h"
#include "base/attributes.h"

#include <stdatomic.h>
#include <stdint.h>

/* Two numbers that are DESCRIPTORS apart share a generation, and are one in all tables by number.
 */
enum { DESCRIPTORS = 1024 };

extern HIDDEN _Atomic uint32_t descriptor_generations[DESCRIPTORS]; /* descriptor.c's */

/* Returns the place of a descriptor in a table of DESCRIPTORS. */
static inline uint32_t descriptor_place(int fd)
{
	return (uint32_t)fd % DESCRIPTORS;
}

/* Records that socket(2) has returned a descriptor. Two threads never get one number at the same
 * time; two numbers of one place that are made at the same time count once. */
static inline void descriptor_opened(int fd)
{
	_Atomic uint32_t *generation = &descriptor_generations[descriptor_place(fd)];

	store_relaxed(generation, load_relaxed(generation) + 1);
}

/* Returns the generation of a descriptor's number. */
static inline uint32_t descriptor_generation(int fd)
{
	return load_relaxed(&descriptor_generations[descriptor_place(fd)]);
}

#endif
