/* State: what was asked for, written by any thread. */
#include "balance/trial.h"

#include "base/wakeup.h"

#include <stdatomic.h>

enum { ASKED_FREE, ASKED_BEGUN, ASKED_DONE };

static struct asked {
	_Atomic uint64_t high, low;
	_Atomic uint32_t port, state;
} asked[TRIALS];

static atomic_bool possible;

bool trial_is_possible(void)
{
	return atomic_load_explicit(&possible, memory_order_relaxed) && wakeup_thread_runs();
}

/* A thread that leaves by siglongjmp in between leaves the place begun: one less. */
bool trial_request(struct peer peer)
{
	for (int i = 0; i < TRIALS; i++) {
		uint32_t was = ASKED_FREE;

		if (!atomic_compare_exchange_strong(&asked[i].state, &was, ASKED_BEGUN))
			continue;
		atomic_store_explicit(&asked[i].high, peer.address.high, memory_order_relaxed);
		atomic_store_explicit(&asked[i].low, peer.address.low, memory_order_relaxed);
		atomic_store_explicit(&asked[i].port, peer.port, memory_order_relaxed);
		atomic_store(&asked[i].state, ASKED_DONE);
		wakeup_by(0);
		return true;
	}
	return false;
}

bool trial_take(int place, struct peer *peer)
{
	struct asked *from = &asked[place];

	if (atomic_load(&from->state) != ASKED_DONE)
		return false;
	peer->address.high = atomic_load_explicit(&from->high, memory_order_relaxed);
	peer->address.low = atomic_load_explicit(&from->low, memory_order_relaxed);
	peer->port = atomic_load_explicit(&from->port, memory_order_relaxed);
	atomic_store(&from->state, ASKED_FREE);
	return true;
}

void trial_set_possible(bool now)
{
	atomic_store(&possible, now);
}

void trial_forget(void)
{
	for (int i = 0; i < TRIALS; i++)
		atomic_store(&asked[i].state, ASKED_FREE);
}
