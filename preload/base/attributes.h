/* What a function is to the way of a connection or a lookup, which is what it costs. */
#ifndef LBDNS_BASE_ATTRIBUTES_H
#define LBDNS_BASE_ATTRIBUTES_H

/* Called where something fails, is new, or is asked for. It is compiled for size, and lies with its
 * kind in a segment that most clients never touch (sections.ld: .text.unlikely). Branches that lead
 * to it are taken to be the unlikely ones. */
#define SELDOM __attribute__((cold, noinline))

/* Inlined wherever it is called, because a call, and what would go through memory for it, costs
 * more than the body does. */
#define FAST static inline __attribute__((always_inline))

/* Never inlined, because its caller often does without it and is not to pay for its stack frame:
 * signal handlers may have little stack. */
#define APART __attribute__((noinline))

/* A variable that another file of ours defines, reached without the global offset table, which is
 * one load less at each use. -fvisibility=hidden says that of definitions only (gcc manual). */
#define HIDDEN __attribute__((visibility("hidden")))

#endif
