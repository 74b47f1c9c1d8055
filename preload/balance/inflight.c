#include "balance/inflight.h"

#include "balance/inflight_table.h"
#include "base/atomic.h"
#include "base/attributes.h"
#include "base/kernel.h"
#include "base/process.h"
#include "base/socket.h"
#include "base/wakeup.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>

#include "base/poison.h"

enum { DESCRIPTORS = 256, TCP_STATE_SYN_SENT = 2, TCP_STATE_CLOSE = 7 };

struct inflight inflight_table[INFLIGHT_PLACES];
static _Atomic uint8_t places[DESCRIPTORS]; /* of a descriptor, in the table, plus 1; 0: none */
_Atomic uintptr_t inflight_thread;
static atomic_bool never_limit; /* which sockets a descriptor is depends on the thread */

/* NULL if another one is in its place. */
static APART struct inflight *begin(struct inflight *at, int fd, struct peer peer, uint64_t now_ms,
                                    uint32_t flags)
{
	uint64_t since_ms = load_relaxed(&at->since_ms);
	bool same = peer_equal(inflight_peer(at), peer);

	/* Another one is watched; if it had this descriptor it has ended, whatever became of it. */
	if (since_ms && !(load_relaxed(&at->flags) & FLAG_POLLED_OK) &&
	    (!same || inflight_fd(at) != (uint32_t)fd))
		return NULL;
	if (!atomic_compare_exchange_strong(&at->since_ms, &since_ms, BEING_WRITTEN))
		return NULL;
	if (!same) {
		store_relaxed(&at->typical_ms, 0);
		atomic_store_explicit(&at->high, peer.address.high, memory_order_release);
		atomic_store_explicit(&at->low, peer.address.low, memory_order_release);
	}
	atomic_store_explicit(&at->port_fd, inflight_port_fd(peer.port, fd), memory_order_release);
	store_relaxed(&at->flags, flags);
	store_relaxed(&at->looked_ms, 0);
	atomic_store_explicit(&at->since_ms, now_ms, memory_order_release);
	if (!(flags & FLAG_PRIVATE))
		late_check_by(now_ms + late_limit_ms(at));
	wakeup_by(now_ms + REPEATED_MS + SLACK_MS);
	return at;
}

static uint8_t place_of(struct peer peer)
{
	return (uint8_t)((peer.address.low ^ peer.address.high ^ (uint64_t)peer.port << 40) *
	                         HASH_GOLDEN >>
	                 INFLIGHT_PLACE_SHIFT);
}

struct inflight *inflight_begin(int fd, struct peer peer, uint64_t now_ms, enum inflight_wait wait)
{
	static const uint16_t flags[] = {[INFLIGHT_LIMIT] = FLAG_MAY_LIMIT,
	                                 [INFLIGHT_LIMIT_PRIVATE] = FLAG_MAY_LIMIT | FLAG_PRIVATE};

	return begin(&inflight_table[place_of(peer)], fd, peer, now_ms, flags[wait]);
}

static void note_place(int fd, uint8_t place)
{
	store_relaxed(&places[(uint32_t)fd % DESCRIPTORS], (uint8_t)(place + 1));
}

static APART void goes_on(int fd, struct peer peer, uint64_t now_ms)
{
	uint8_t place = place_of(peer);

	if (begin(&inflight_table[place], fd, peer, now_ms, 0))
		note_place(fd, place);
}

void inflight_add(int fd, struct peer peer, uint64_t now_ms)
{
	uint8_t place = place_of(peer);
	const struct inflight *at = &inflight_table[place];

	/* As it was noted a moment ago, of a socket that has ended. */
	if (load_relaxed(&at->since_ms) == now_ms &&
	    load_relaxed(&at->port_fd) == inflight_port_fd(peer.port, fd) &&
	    !load_relaxed(&at->flags) && address_equal(inflight_address(at), peer.address))
		note_place(fd, place);
	else
		goes_on(fd, peer, now_ms);
}

/* NULL if that descriptor's connect is not watched. */
static struct inflight *find(int fd)
{
	uint32_t place = load_relaxed(&places[(uint32_t)fd % DESCRIPTORS]);
	struct inflight *at = &inflight_table[(place - 1) % INFLIGHT_PLACES];

	return place && load_relaxed(&at->since_ms) && inflight_fd(at) == (uint32_t)fd ? at : NULL;
}

/* Pairs with cut_short: one of us sees that the other has been there. */
static uint32_t limit_no_more(struct inflight *at)
{
	uint32_t flags = load_relaxed(&at->flags);

	return flags & FLAG_MAY_LIMIT ? atomic_fetch_or(&at->flags, FLAG_ENDED) : flags;
}

static int count_of(const struct inflight *at, uint32_t flags)
{
	return flags & FLAG_LIMITED ? (int)load_relaxed(&at->syn_count) : 0;
}

/* Its client waits no longer. */
static APART struct inflight_ending left(struct inflight *at, int fd)
{
	uint32_t flags = limit_no_more(at);

	note_place(fd, (uint8_t)(at - inflight_table));
	return (struct inflight_ending){.syn_count = count_of(at, flags)};
}

/* Of one that is watched: as inflight_end. */
static struct inflight_ending end(struct inflight *at, int error)
{
	uint64_t since_ms = load_relaxed(&at->since_ms);
	uint32_t flags = limit_no_more(at);
	struct inflight_ending how = {.reported = error && flags & FLAG_REPORTED,
	                              .syn_count = count_of(at, flags)};

	if (!error && !(flags & (FLAG_POLLED_OK | FLAG_PRIVATE)))
		late_answered(at, since_ms);
	store_relaxed(&at->since_ms, 0);
	return how;
}

struct inflight_ending inflight_end(struct inflight *inflight, int fd, int error)
{
	/* It may have been given up, and its place be another one's. */
	if (!inflight || inflight_fd(inflight) != (uint32_t)fd ||
	    !load_relaxed(&inflight->since_ms))
		return (struct inflight_ending){.reported = false};
	if (connect_goes_on(error))
		return left(inflight, fd);
	return end(inflight, error);
}

bool inflight_reported(int fd, int error)
{
	struct inflight *at = find(fd);

	return at && end(at, error).reported;
}

void inflight_polled_ok(int fd)
{
	struct inflight *at = find(fd);

	if (!at || load_relaxed(&at->flags) & FLAG_POLLED_OK)
		return;
	late_answered(at, load_relaxed(&at->since_ms));
	store_relaxed(&at->flags, FLAG_POLLED_OK);
}

/* ---- Looking at sockets */

/* Is that socket still trying to reach that endpoint? Another one may have the descriptor by now.
 */
enum inflight_look inflight_inspect(int fd, const struct inflight *at)
{
	socklen_t length = offsetof(struct tcp_info, tcpi_rto);
	struct tcp_info info = {.tcpi_state = TCP_STATE_CLOSE};
	struct address peer;
	uint16_t port;

	if (!socket_peer(fd, &peer, &port) || !address_equal(peer, inflight_address(at)) ||
	    port != inflight_port(at) ||
	    kernel_get_option(fd, IPPROTO_TCP, TCP_INFO, &info, &length) ||
	    info.tcpi_state == TCP_STATE_CLOSE)
		return LOOK_GONE;
	if (info.tcpi_state != TCP_STATE_SYN_SENT)
		return LOOK_ANSWERED;
	return info.tcpi_retransmits ? LOOK_REPEATED : LOOK_TRYING;
}

/* Not while its client may yet ask for its count (inflight_end): it would keep ours. */
void inflight_forget(struct inflight *at, uint64_t age_ms)
{
	if ((load_relaxed(&at->flags) & (FLAG_LIMITED | FLAG_ENDED)) != FLAG_LIMITED ||
	    age_ms >= UNTOLD_MS)
		store_relaxed(&at->since_ms, 0);
	else
		atomic_fetch_and_explicit(&at->flags, ~(uint32_t)(FLAG_LATE | FLAG_REPEATED),
		                          memory_order_relaxed);
}

/* Notes what was seen, unless it has ended meanwhile. */
void inflight_seen(struct inflight *at, enum inflight_look look, uint64_t since_ms, uint64_t age_ms)
{
	uint32_t flags = load_relaxed(&at->flags);

	if (!inflight_is_still(at, since_ms))
		return;
	if (look == LOOK_REPEATED && age_ms >= REPEATED_MS)
		atomic_fetch_or_explicit(&at->flags, FLAG_REPEATED, memory_order_relaxed);
	if (look >= LOOK_TRYING || flags & FLAG_GAVE_UP)
		return;
	if (look == LOOK_GONE && flags & (FLAG_LATE | FLAG_REPEATED)) {
		atomic_fetch_or_explicit(&at->flags, FLAG_GAVE_UP, memory_order_relaxed);
		if (flags & FLAG_REPEATED && !(flags & FLAG_REPORTED))
			wakeup_by(0);
	} else {
		inflight_forget(at, age_ms);
	}
}

bool inflight_meet(uintptr_t thread)
{
	uintptr_t was = 0;

	if (atomic_compare_exchange_strong(&inflight_thread, &was, thread) || was == thread)
		return false;
	atomic_store(&inflight_thread, INFLIGHT_SEVERAL);
	return true;
}

void inflight_limit_never(void)
{
	atomic_store(&never_limit, true);
	atomic_store(&process.may_limit, false);
}

bool inflight_is_limit_refused(void)
{
	return atomic_load(&never_limit);
}
