/* State: what was asked for, written by any thread. */
#include "balance/trial.h"

#include "base/atomic.h"
#include "base/clock.h"
#include "base/kernel.h"
#include "base/wakeup.h"

#include <stdatomic.h>

#include "base/poison.h"

enum { ASKED_FREE, ASKED_BEGUN, ASKED_DONE };

static struct asked {
	_Atomic uint64_t high, low;
	_Atomic uint32_t port, state;
	_Atomic uint32_t owner; /* the process that asks: a forked child finds its parent's */
} asked[TRIALS];

static _Atomic uint64_t impossible_until_ms;

bool trial_is_possible(void)
{
	return load_relaxed(&impossible_until_ms) <= clock_ms() && wakeup_thread_runs();
}

static uint32_t own_id(void)
{
	return (uint32_t)kernel_call(SYS_getpid);
}

/* A thread that leaves by siglongjmp in between leaves the place begun: one less. */
bool trial_request(struct peer peer)
{
	for (int i = 0; i < TRIALS; i++) {
		uint32_t was = ASKED_FREE;

		if (!atomic_compare_exchange_strong(&asked[i].state, &was, ASKED_BEGUN))
			continue;
		store_relaxed(&asked[i].high, peer.address.high);
		store_relaxed(&asked[i].low, peer.address.low);
		store_relaxed(&asked[i].port, peer.port);
		store_relaxed(&asked[i].owner, own_id());
		atomic_store(&asked[i].state, ASKED_DONE);
		wakeup_by(0);
		return true;
	}
	return false;
}

bool trial_take(int place, struct peer *peer)
{
	struct asked *from = &asked[place];
	uint32_t owner;

	if (atomic_load(&from->state) != ASKED_DONE)
		return false;
	peer->address.high = load_relaxed(&from->high);
	peer->address.low = load_relaxed(&from->low);
	peer->port = load_relaxed(&from->port);
	owner = load_relaxed(&from->owner);
	atomic_store(&from->state, ASKED_FREE);
	return owner == own_id();
}

void trial_set_impossible(uint64_t until_ms)
{
	atomic_store(&impossible_until_ms, until_ms);
}
