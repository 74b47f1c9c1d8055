/* Words that several threads or processes read and write, and that tell nothing of other words: all
 * of these are of relaxed order. Where an order is needed, stdatomic.h is called, and a comment
 * names the line that it pairs with. Generic, as those of stdatomic.h are. */
#ifndef LBDNS_BASE_ATOMIC_H
#define LBDNS_BASE_ATOMIC_H

#include <stdatomic.h>

#define load_relaxed(word)         atomic_load_explicit(word, memory_order_relaxed)
#define store_relaxed(word, value) atomic_store_explicit(word, value, memory_order_relaxed)

/* Returns what the word was before. */
#define add_relaxed(word, value) atomic_fetch_add_explicit(word, value, memory_order_relaxed)

/* Stores value if the word is *expected; else loads the word into *expected and is false. */
#define swap_relaxed(word, expected, value)                                                        \
	atomic_compare_exchange_strong_explicit(word, expected, value, memory_order_relaxed,       \
	                                        memory_order_relaxed)

#endif
