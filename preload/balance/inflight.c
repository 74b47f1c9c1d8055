/* State: what is watched, one connect for an endpoint, the first that has not ended. Everything in
 * it is a guess: descriptors are closed and used again unseen, and threads write at the same time.
 * It is checked against the socket itself before anybody is late. */
#include "balance/inflight.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/socket.h"
#include "base/kernel.h"
#include "base/process.h"
#include "refresh/thread.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/prctl.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

enum {
	WATCHED = 64,
	PLACE_SHIFT = 58,
	DESCRIPTORS = 256,
	TIMES_USUAL = 4,       /* an endpoint is late after so many times what it took before, */
	LATE_MS = 40,          /* and so long, */
	LATE_UNKNOWN_MS = 250, /* or so long, if it never answered */
	USUAL_MOST_MS = 1000,
	LOOK_MS = 50, /* between looks at the same socket */
	/* What gave up early was late all the same; for as long as it takes to know more. */
	GAVE_UP_MS = 1000,
	REPEATED_MS = 1250, /* the SYN was repeated (after 1 s), and there was time to answer */
	WATCH_MS = 500,
	SILENT_MS = 3000,
	UNTOLD_MS = 10000, /* where there is no refresh thread to tell of it */
	SLACK_MS = 250,    /* the refresh thread is not woken for less */
	TCP_STATE_SYN_SENT = 2,
	TCP_STATE_CLOSE = 7
};

/* Of since_ms: so long ago that who finds it left so (by siglongjmp) soon gives it up. */
enum { BEING_WRITTEN = 1 };

enum {
	FLAG_LATE = 1,
	FLAG_REPEATED = 2, /* was seen to have repeated its SYN in vain */
	FLAG_TOLD = 4,     /* pending_silent has told of it */
	FLAG_GAVE_UP = 8,  /* the client has closed it */
	FLAG_ASKED = 16,   /* the client believes that it ended well */
	FLAG_OVERDUE = 32, /* late, if others are answered meanwhile */
	FLAG_CUT = 64,     /* its client leaves it to us to cut it short */
	FLAG_SHORT = 128,  /* we have, or are about to */
	FLAG_ENDED = 256,  /* it has returned, and must not be cut any more */
	FLAG_ALONE = 512   /* nobody else is to learn from it */
};

static struct pending {
	_Alignas(64) _Atomic uint64_t since_ms; /* 0: nothing is pending */
	_Atomic uint64_t high, low;
	_Atomic uint64_t looked_ms;
	_Atomic uint64_t port_fd;  /* the upper half is the port */
	_Atomic uint32_t usual_ms; /* what it took before, and 1; 0: not known */
	_Atomic uint32_t flags;
	_Atomic uint32_t syn_count; /* the client's, of one that is FLAG_SHORT */
} table[WATCHED];
_Static_assert(WATCHED == 1 << (64 - PLACE_SHIFT), "a hash's upper bits are a place");

_Atomic uint64_t pending_look_ms;
static _Atomic uint8_t places[DESCRIPTORS]; /* of a descriptor, in table, and 1 */
static _Atomic uint64_t answered_ms;        /* when the last that was answered began */
static atomic_bool never_cut; /* which sockets a descriptor is depends on the thread */

_Atomic uintptr_t pending_thread;

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static uint32_t load32(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static void store32(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

/* Acquire, and the stores in pending_begin are releases: who read a word of another connect's finds
 * another since_ms after it (is_still). */
static struct address address_of(const struct pending *at)
{
	return (struct address){.high = atomic_load_explicit(&at->high, memory_order_acquire),
	                        .low = atomic_load_explicit(&at->low, memory_order_acquire)};
}

static uint32_t port_of(const struct pending *at)
{
	return (uint32_t)(atomic_load_explicit(&at->port_fd, memory_order_acquire) >> 32);
}

static uint32_t fd_of(const struct pending *at)
{
	return (uint32_t)load(&at->port_fd);
}

static uint64_t port_and_fd(uint32_t port, int fd)
{
	return (uint64_t)port << 32 | (uint32_t)fd;
}

/* Is it still the connect that began then? */
static bool is_still(const struct pending *at, uint64_t since_ms)
{
	return load(&at->since_ms) == since_ms;
}

static uint64_t limit_ms(const struct pending *at)
{
	uint32_t usual_ms = load32(&at->usual_ms);

	if (!usual_ms)
		return LATE_UNKNOWN_MS;
	return usual_ms * TIMES_USUAL > LATE_MS ? usual_ms * TIMES_USUAL : LATE_MS;
}

/* ---- Beginning and ending */

static void look_by(uint64_t when_ms)
{
	uint64_t was = load(&pending_look_ms);

	while ((!was || was > when_ms) &&
	       !atomic_compare_exchange_weak_explicit(&pending_look_ms, &was, when_ms,
	                                              memory_order_relaxed, memory_order_relaxed))
		;
}

/* NULL if another one is in its place. */
static __attribute__((noinline)) struct pending *begin(struct pending *at, int fd,
                                                       struct address address, uint32_t port,
                                                       uint64_t now_ms, uint32_t flags)
{
	uint64_t since_ms = load(&at->since_ms);
	bool same = address_equal(address_of(at), address) && port_of(at) == port;

	/* Another one is watched; if it had this descriptor it has ended, whatever became of it. */
	if (since_ms && !(load32(&at->flags) & FLAG_ASKED) && (!same || fd_of(at) != (uint32_t)fd))
		return NULL;
	if (!atomic_compare_exchange_strong(&at->since_ms, &since_ms, BEING_WRITTEN))
		return NULL;
	if (!same) {
		store32(&at->usual_ms, 0);
		atomic_store_explicit(&at->high, address.high, memory_order_release);
		atomic_store_explicit(&at->low, address.low, memory_order_release);
	}
	atomic_store_explicit(&at->port_fd, port_and_fd(port, fd), memory_order_release);
	store32(&at->flags, flags);
	store(&at->looked_ms, 0);
	atomic_store_explicit(&at->since_ms, now_ms, memory_order_release);
	if (!(flags & FLAG_ALONE))
		look_by(now_ms + limit_ms(at));
	refresher_wake_by(now_ms + REPEATED_MS + SLACK_MS);
	return at;
}

static uint8_t place_of(struct address address, uint32_t port)
{
	return (uint8_t)((address.low ^ address.high ^ (uint64_t)port << 40) * HASH_GOLDEN >>
	                 PLACE_SHIFT);
}

struct pending *pending_begin(int fd, struct address address, uint32_t port, uint64_t now_ms,
                              enum pending_wait wait)
{
	static const uint16_t flags[] = {
		[PENDING_CUT] = FLAG_CUT, [PENDING_CUT_ALONE] = FLAG_CUT | FLAG_ALONE};

	return begin(&table[place_of(address, port)], fd, address, port, now_ms, flags[wait]);
}

static void note_place(int fd, uint8_t place)
{
	atomic_store_explicit(&places[(uint32_t)fd % DESCRIPTORS], (uint8_t)(place + 1),
	                      memory_order_relaxed);
}

static __attribute__((noinline)) void goes_on(int fd, struct address address, uint32_t port,
                                              uint64_t now_ms)
{
	uint8_t place = place_of(address, port);

	if (begin(&table[place], fd, address, port, now_ms, 0))
		note_place(fd, place);
}

void pending_goes_on(int fd, struct address address, uint32_t port, uint64_t now_ms)
{
	uint8_t place = place_of(address, port);
	const struct pending *at = &table[place];

	/* As it was noted a moment ago, of a socket that has ended. */
	if (load(&at->since_ms) == now_ms && load(&at->port_fd) == port_and_fd(port, fd) &&
	    !load32(&at->flags) && address_equal(address_of(at), address))
		note_place(fd, place);
	else
		goes_on(fd, address, port, now_ms);
}

static __attribute__((noinline)) void answered(struct pending *at, uint64_t since_ms)
{
	uint64_t took_ms = clock_since(since_ms, clock_ms()), was = load(&answered_ms);
	uint32_t usual_ms = load32(&at->usual_ms);

	/* Down at once, up slowly: a client that is late itself is not to make it look slow. */
	if (took_ms > USUAL_MOST_MS)
		took_ms = USUAL_MOST_MS;
	if (!usual_ms || took_ms + 1 < usual_ms)
		usual_ms = (uint32_t)took_ms + 1;
	else
		usual_ms += ((uint32_t)took_ms + 1 - usual_ms + 7) / 8;
	store32(&at->usual_ms, usual_ms);
	while (was < since_ms &&
	       !atomic_compare_exchange_weak_explicit(&answered_ms, &was, since_ms,
	                                              memory_order_relaxed, memory_order_relaxed))
		;
}

/* NULL if that descriptor's connect is not watched. */
static struct pending *find(int fd)
{
	uint32_t place =
		atomic_load_explicit(&places[(uint32_t)fd % DESCRIPTORS], memory_order_relaxed);
	struct pending *at = &table[(place - 1) % WATCHED];

	return place && load(&at->since_ms) && fd_of(at) == (uint32_t)fd ? at : NULL;
}

/* Pairs with cut_short: one of us sees that the other has been there. */
static uint32_t cut_no_more(struct pending *at)
{
	uint32_t flags = load32(&at->flags);

	return flags & FLAG_CUT ? atomic_fetch_or(&at->flags, FLAG_ENDED) : flags;
}

static int count_of(const struct pending *at, uint32_t flags)
{
	return flags & FLAG_SHORT ? (int)load32(&at->syn_count) : 0;
}

/* Its client waits no longer. */
static __attribute__((noinline)) struct pending_end left(struct pending *at, int fd)
{
	uint32_t flags = cut_no_more(at);

	note_place(fd, (uint8_t)(at - table));
	return (struct pending_end){.syn_count = count_of(at, flags)};
}

/* Of one that is watched: as pending_ended. */
static struct pending_end end(struct pending *at, int error)
{
	uint64_t since_ms = load(&at->since_ms);
	uint32_t flags = cut_no_more(at);
	struct pending_end how = {.told = error && flags & FLAG_TOLD,
	                          .syn_count = count_of(at, flags)};

	if (!error && !(flags & (FLAG_ASKED | FLAG_ALONE)))
		answered(at, since_ms);
	store(&at->since_ms, 0);
	return how;
}

struct pending_end pending_ended(struct pending *pending, int fd, int error)
{
	/* It may have been given up, and its place be another one's. */
	if (!pending || fd_of(pending) != (uint32_t)fd || !load(&pending->since_ms))
		return (struct pending_end){.told = false};
	if (pending_is_left(error))
		return left(pending, fd);
	return end(pending, error);
}

bool pending_told(int fd, int error)
{
	struct pending *at = find(fd);

	return at && end(at, error).told;
}

void pending_asked(int fd)
{
	struct pending *at = find(fd);

	if (!at || load32(&at->flags) & FLAG_ASKED)
		return;
	answered(at, load(&at->since_ms));
	store32(&at->flags, FLAG_ASKED);
}

/* ---- Looking at sockets */

enum look { LOOK_GONE, LOOK_ANSWERED, LOOK_TRYING, LOOK_REPEATED };

/* Is that socket still trying to reach that endpoint? Another one may have the descriptor by now.
 */
static enum look look_at(int fd, const struct pending *at)
{
	socklen_t length = offsetof(struct tcp_info, tcpi_rto);
	struct tcp_info info = {.tcpi_state = TCP_STATE_CLOSE};
	struct address peer;
	uint16_t port;

	if (!socket_peer(fd, &peer, &port) || !address_equal(peer, address_of(at)) ||
	    port != port_of(at) || kernel_get_option(fd, IPPROTO_TCP, TCP_INFO, &info, &length) ||
	    info.tcpi_state == TCP_STATE_CLOSE)
		return LOOK_GONE;
	if (info.tcpi_state != TCP_STATE_SYN_SENT)
		return LOOK_ANSWERED;
	return info.tcpi_retransmits ? LOOK_REPEATED : LOOK_TRYING;
}

/* Not while its client may yet ask for its count (pending_ended): it would keep ours. */
static void forget(struct pending *at, uint64_t age_ms)
{
	if ((load32(&at->flags) & (FLAG_SHORT | FLAG_ENDED)) != FLAG_SHORT || age_ms >= UNTOLD_MS)
		store(&at->since_ms, 0);
	else
		atomic_fetch_and_explicit(&at->flags, ~(uint32_t)(FLAG_LATE | FLAG_REPEATED),
		                          memory_order_relaxed);
}

/* Notes what was seen, unless it has ended meanwhile. */
static void looked(struct pending *at, enum look look, uint64_t since_ms, uint64_t age_ms)
{
	uint32_t flags = load32(&at->flags);

	if (!is_still(at, since_ms))
		return;
	if (look == LOOK_REPEATED && age_ms >= REPEATED_MS)
		atomic_fetch_or_explicit(&at->flags, FLAG_REPEATED, memory_order_relaxed);
	if (look >= LOOK_TRYING || flags & FLAG_GAVE_UP)
		return;
	if (look == LOOK_GONE && flags & (FLAG_LATE | FLAG_REPEATED)) {
		atomic_fetch_or_explicit(&at->flags, FLAG_GAVE_UP, memory_order_relaxed);
		if (flags & FLAG_REPEATED && !(flags & FLAG_TOLD))
			refresher_wake_by(0);
	} else {
		forget(at, age_ms);
	}
}

/* A copy of the client's descriptor: the refresh thread's are a table of their own (refresher.c).
 * -EBADF if it is closed; other errors where the kernel is too old or there is a filter, and
 * then nobody is blamed. Not tried under any filter: many services have one (systemd's
 * @system-service) that kills for this call, and nothing tells beforehand. */
static int borrow(uint32_t fd)
{
	long pidfd, got;

	if (kernel_call(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0))
		return -ENOSYS;
	pidfd = kernel_call(SYS_pidfd_open, kernel_call(SYS_getpid, 0, 0, 0, 0, 0), 0, 0, 0, 0);
	if (pidfd < 0)
		return (int)pidfd;
	got = kernel_call(SYS_pidfd_getfd, pidfd, fd, 0, 0, 0);
	kernel_call(SYS_close, pidfd, 0, 0, 0, 0);
	return (int)got;
}

/* Lets a connect that its client waits in end as if its socket had been told to before (SYN_COUNT
 * in connect_retry.c). It may return meanwhile: then one of us sees that the other has been there,
 * and gives the client its own count again; or both. */
static void cut_short(int fd, struct pending *at, uint64_t since_ms)
{
	uint32_t flags = load32(&at->flags);
	int count = 0;
	socklen_t length = sizeof(count);

	if (kernel_get_option(fd, IPPROTO_TCP, TCP_SYNCNT, &count, &length) ||
	    count <= PENDING_SYN_COUNT)
		return;
	store32(&at->syn_count, (uint32_t)count);
	do {
		if ((flags & (FLAG_CUT | FLAG_SHORT | FLAG_ENDED)) != FLAG_CUT ||
		    !is_still(at, since_ms))
			return;
	} while (!atomic_compare_exchange_weak(&at->flags, &flags, flags | FLAG_SHORT));
	kernel_set_option(fd, IPPROTO_TCP, TCP_SYNCNT, &(int){PENDING_SYN_COUNT}, sizeof(count));
	if (is_still(at, since_ms) && !(atomic_load(&at->flags) & FLAG_ENDED))
		return;
	kernel_set_option(fd, IPPROTO_TCP, TCP_SYNCNT, &count, sizeof(count));
	if (!is_still(at, since_ms)) /* another one began in its place before the flag was set */
		atomic_fetch_and(&at->flags, ~(uint32_t)FLAG_SHORT);
}

/* ---- Who is late */

/* By the client's own threads, whose descriptors these are. */
static bool is_late(struct pending *at, uint64_t since_ms, uint64_t now_ms)
{
	uint64_t age_ms = clock_since(since_ms, now_ms);
	uint32_t flags = load32(&at->flags);
	enum look look;

	if (flags & FLAG_ASKED)
		return false;
	if (flags & FLAG_GAVE_UP) {
		bool untold = flags & FLAG_REPEATED && !(flags & FLAG_TOLD);

		if (age_ms < (untold ? UNTOLD_MS : GAVE_UP_MS))
			return true;
		forget(at, age_ms);
		return false;
	}
	if (clock_since(load(&at->looked_ms), now_ms) >= LOOK_MS) {
		store(&at->looked_ms, now_ms);
		look = look_at((int)fd_of(at), at);
		if (look >= LOOK_TRYING && is_still(at, since_ms))
			atomic_fetch_or_explicit(&at->flags, FLAG_OVERDUE, memory_order_relaxed);
		looked(at, look, since_ms, age_ms);
	}
	if (!is_still(at, since_ms))
		return false;
	flags = load32(&at->flags);
	if (flags & FLAG_OVERDUE && load(&answered_ms) >= since_ms) {
		flags |= FLAG_LATE;
		atomic_fetch_or_explicit(&at->flags, FLAG_LATE, memory_order_relaxed);
	}
	return flags & FLAG_LATE;
}

/* After all were looked at. A connect that begins meanwhile says itself when it may be late. */
static void look_again(uint64_t now_ms)
{
	uint64_t was = load(&pending_look_ms), first_ms = 0;

	for (uint32_t i = 0; i < WATCHED; i++) {
		uint64_t since_ms = load(&table[i].since_ms),
			 when_ms = since_ms + limit_ms(&table[i]);

		if (!since_ms || load32(&table[i].flags) & FLAG_ASKED)
			continue;
		if (when_ms < now_ms)
			when_ms = now_ms;
		if (!first_ms || when_ms < first_ms)
			first_ms = when_ms;
	}
	if (was != first_ms)
		atomic_compare_exchange_strong_explicit(&pending_look_ms, &was, first_ms,
		                                        memory_order_relaxed, memory_order_relaxed);
}

bool pending_late(uint32_t *index, uint64_t now_ms, struct address *address, uint32_t *port)
{
	bool late = false;

	for (; *index < WATCHED && !late; ++*index) {
		struct pending *at = &table[*index];
		uint64_t since_ms = load(&at->since_ms);

		if (!since_ms || clock_since(since_ms, now_ms) < limit_ms(at) ||
		    !is_late(at, since_ms, now_ms))
			continue;
		*address = address_of(at);
		*port = port_of(at);
		late = is_still(at, since_ms);
	}
	if (!late)
		look_again(now_ms);
	return late;
}

/* ---- Who is silent */

/* Looks at it through the client's descriptor. */
static void look_from_afar(struct pending *at, uint64_t since_ms, uint64_t age_ms)
{
	int fd = borrow(fd_of(at));
	enum look look = LOOK_GONE;

	if (fd >= 0) {
		look = look_at(fd, at);
		if (look >= LOOK_TRYING)
			cut_short(fd, at, since_ms);
		kernel_call(SYS_close, fd, 0, 0, 0, 0);
	}
	if (fd >= 0 || fd == -EBADF) {
		looked(at, look, since_ms, age_ms);
		return;
	}
	atomic_store(&process.cuts, false);
	if (age_ms >= SILENT_MS)
		forget(at, age_ms);
}

static bool is_silent(struct pending *at, uint64_t since_ms, uint64_t now_ms)
{
	uint64_t age_ms = clock_since(since_ms, now_ms);
	uint32_t flags;

	look_from_afar(at, since_ms, age_ms);
	flags = load32(&at->flags);
	if (!is_still(at, since_ms)) /* it was answered, or another one began */
		return false;
	if (!(flags & FLAG_REPEATED) || (age_ms < SILENT_MS && !(flags & FLAG_GAVE_UP)))
		return false;
	atomic_fetch_or_explicit(&at->flags, FLAG_TOLD, memory_order_relaxed);
	return true;
}

bool pending_silent(uint32_t *index, uint64_t now_ms, uint64_t *next_ms, struct address *address,
                    uint32_t *port)
{
	for (; *index < WATCHED; ++*index) {
		struct pending *at = &table[*index];
		uint64_t since_ms = load(&at->since_ms), again_ms = now_ms + WATCH_MS;
		uint32_t flags = load32(&at->flags);

		/* What was told of, or is not known to have been silent, is for who picks. */
		if (!since_ms || flags & FLAG_TOLD ||
		    (flags & FLAG_GAVE_UP && !(flags & FLAG_REPEATED)))
			continue;
		if (clock_since(since_ms, now_ms) < REPEATED_MS) {
			again_ms = since_ms + REPEATED_MS;
		} else if (is_silent(at, since_ms, now_ms)) {
			*address = address_of(at);
			*port = port_of(at);
			if (is_still(at, since_ms)) {
				++*index;
				return true;
			}
		}
		if (load(&at->since_ms) && again_ms < *next_ms)
			*next_ms = again_ms;
	}
	return false;
}

/* ---- The refresh thread comes and goes */

void pending_watch_begins(bool own_descriptors)
{
	/* A child finds what its parent's threads wait for: it has their sockets, and not them. */
	if (!atomic_exchange(&process.watched, true))
		for (uint32_t i = 0; i < WATCHED; i++)
			if (load32(&table[i].flags) & FLAG_CUT)
				store(&table[i].since_ms, 0);
	/* No process has so many descriptors: that this one is not there tells that it could be
	 * borrowed. */
	atomic_store(&process.cuts, own_descriptors && borrow(INT32_MAX) == -EBADF);
	if (atomic_load(&never_cut)) /* after process.cuts: pairs with pending_cut_no_more */
		atomic_store(&process.cuts, false);
}

void pending_cut_no_more(void)
{
	atomic_store(&never_cut, true);
	atomic_store(&process.cuts, false);
}

void pending_watch_ends(void)
{
	atomic_store(&process.cuts, false);
	for (uint32_t i = 0; i < WATCHED; i++) {
		uint64_t since_ms = load(&table[i].since_ms);

		if (since_ms && load32(&table[i].flags) & FLAG_CUT)
			look_from_afar(&table[i], since_ms, clock_since(since_ms, clock_ms()));
	}
}

bool pending_meet(uintptr_t thread)
{
	uintptr_t was = 0;

	if (atomic_compare_exchange_strong(&pending_thread, &was, thread) || was == thread)
		return false;
	atomic_store(&pending_thread, PENDING_SEVERAL);
	return true;
}
