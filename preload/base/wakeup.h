/* When the refresh thread is to look next: its alarm clock, which everybody may set.
 *
 * The thread itself is refresh/thread.h's. errno is kept. Any thread, any signal handler, unless
 * said otherwise. */
#ifndef LBDNS_BASE_WAKEUP_H
#define LBDNS_BASE_WAKEUP_H

#include <stdbool.h>
#include <stdint.h>

/* Returns true if there is a refresh thread now, which is not about to end. */
bool wakeup_thread_runs(void);

/* Wakes the thread, whether or not it sleeps. */
void wakeup(void);

/* Wakes the thread if it runs, because something is due now. */
void wakeup_hurry(void);

/* Wakes the thread if it runs and would sleep longer than until when_ms (clock_ms); 0: now. */
void wakeup_by(uint64_t when_ms);

/* ---- The refresh thread */

/* Returns how often the thread was woken. It is read before looking at what is due, so that
 * wakeup_sleep does not sleep through a wake that came after. */
uint32_t wakeup_count(void);

/* Sleeps until when_ms (clock_ms), or until somebody has woken the thread since wakeup_count
 * returned count, or asked it to look earlier. */
void wakeup_sleep(uint64_t when_ms, uint32_t count);

#endif
