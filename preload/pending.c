/* State: what is watched, one connect for an endpoint, the first that has not ended. Everything in
 * it is a guess: descriptors are closed and used again unseen, and threads write at the same time.
 * It is checked against the socket itself before anybody is late. */
#include "pending.h"

#include "clock.h"
#include "config.h"
#include "hooks/socket_state.h"
#include "refresher.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

enum {
	WATCHED = 64,
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
	FLAG_OVERDUE = 32  /* late, if others are answered meanwhile */
};

static struct watched {
	_Alignas(64) _Atomic uint64_t since_ms; /* 0: nothing is pending */
	_Atomic uint64_t high, low;
	_Atomic uint64_t looked_ms;
	_Atomic uint32_t port, fd;
	_Atomic uint32_t usual_ms; /* what it took before, and 1; 0: not known */
	_Atomic uint32_t flags;
} table[WATCHED];

static _Atomic uint8_t places[DESCRIPTORS]; /* of a descriptor, in table, and 1 */
static _Atomic uint64_t look_ms;     /* when the first of them may be late; 0: nothing is pending */
static _Atomic uint64_t answered_ms; /* when the last that was answered began */

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
static struct address address_of(const struct watched *at)
{
	return (struct address){.high = atomic_load_explicit(&at->high, memory_order_acquire),
	                        .low = atomic_load_explicit(&at->low, memory_order_acquire)};
}

static uint32_t port_of(const struct watched *at)
{
	return atomic_load_explicit(&at->port, memory_order_acquire);
}

/* Is it still the connect that began then? */
static bool is_still(const struct watched *at, uint64_t since_ms)
{
	return load(&at->since_ms) == since_ms;
}

static uint64_t limit_ms(const struct watched *at)
{
	uint32_t usual_ms = load32(&at->usual_ms);

	if (!usual_ms)
		return LATE_UNKNOWN_MS;
	return usual_ms * TIMES_USUAL > LATE_MS ? usual_ms * TIMES_USUAL : LATE_MS;
}

/* ---- Beginning and ending */

static void look_by(uint64_t when_ms)
{
	uint64_t was = load(&look_ms);

	while ((!was || was > when_ms) &&
	       !atomic_compare_exchange_weak_explicit(&look_ms, &was, when_ms, memory_order_relaxed,
	                                              memory_order_relaxed))
		;
}

void pending_begin(int fd, struct address address, uint32_t port)
{
	uint64_t hash = hash_mix(address_hash(address) ^ port), now_ms = clock_ms();
	struct watched *at = &table[hash % WATCHED];
	uint64_t since_ms = load(&at->since_ms);
	bool same = address_equal(address_of(at), address) && load32(&at->port) == port;

	/* Another one is watched; if it had this descriptor it has ended, whatever became of it. */
	if (since_ms && !(load32(&at->flags) & FLAG_ASKED) &&
	    (!same || load32(&at->fd) != (uint32_t)fd))
		return;
	if (!atomic_compare_exchange_strong(&at->since_ms, &since_ms, BEING_WRITTEN))
		return;
	if (!same)
		store32(&at->usual_ms, 0);
	atomic_store_explicit(&at->high, address.high, memory_order_release);
	atomic_store_explicit(&at->low, address.low, memory_order_release);
	atomic_store_explicit(&at->port, port, memory_order_release);
	store32(&at->fd, (uint32_t)fd);
	store32(&at->flags, 0);
	store(&at->looked_ms, 0);
	atomic_store_explicit(&at->since_ms, now_ms, memory_order_release);
	atomic_store_explicit(&places[(uint32_t)fd % DESCRIPTORS], hash % WATCHED + 1,
	                      memory_order_relaxed);
	look_by(now_ms + limit_ms(at));
	refresher_wake_by(now_ms + REPEATED_MS + SLACK_MS);
}

static void answered(struct watched *at, uint64_t since_ms)
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
static struct watched *find(int fd)
{
	uint32_t place =
		atomic_load_explicit(&places[(uint32_t)fd % DESCRIPTORS], memory_order_relaxed);
	struct watched *at = &table[(place - 1) % WATCHED];

	return place && load(&at->since_ms) && load32(&at->fd) == (uint32_t)fd ? at : NULL;
}

bool pending_ended(int fd, int error)
{
	struct watched *at = find(fd);
	uint32_t flags = at ? load32(&at->flags) : 0;

	if (!at)
		return false;
	if (!error && !(flags & FLAG_ASKED))
		answered(at, load(&at->since_ms));
	store(&at->since_ms, 0);
	return error && flags & FLAG_TOLD;
}

void pending_asked(int fd)
{
	struct watched *at = find(fd);

	if (!at || load32(&at->flags) & FLAG_ASKED)
		return;
	answered(at, load(&at->since_ms));
	store32(&at->flags, FLAG_ASKED);
}

/* ---- Looking at sockets */

enum look { LOOK_GONE, LOOK_ANSWERED, LOOK_TRYING, LOOK_REPEATED };

/* Is that socket still trying to reach that endpoint? Another one may have the descriptor by now.
 */
static enum look look_at(int fd, const struct watched *at)
{
	socklen_t length = offsetof(struct tcp_info, tcpi_rto);
	struct tcp_info info = {.tcpi_state = TCP_STATE_CLOSE};
	struct address peer;
	uint16_t port;

	if (!socket_peer(fd, &peer, &port) || !address_equal(peer, address_of(at)) ||
	    port != load32(&at->port) ||
	    syscall(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &length) ||
	    info.tcpi_state == TCP_STATE_CLOSE)
		return LOOK_GONE;
	if (info.tcpi_state != TCP_STATE_SYN_SENT)
		return LOOK_ANSWERED;
	return info.tcpi_retransmits ? LOOK_REPEATED : LOOK_TRYING;
}

/* Notes what was seen, unless it has ended meanwhile. */
static void looked(struct watched *at, enum look look, uint64_t since_ms, uint64_t age_ms)
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
		store(&at->since_ms, 0);
	}
}

/* A copy of the client's descriptor: the refresh thread's are a table of their own (refresher.c).
 * -1 and EBADF if it is closed; other errors where the kernel is too old or there is a filter, and
 * then nobody is blamed. Not tried under any filter: many services have one (systemd's
 * @system-service) that kills for this call, and nothing tells beforehand. */
static int borrow(uint32_t fd)
{
	long process = -1, got = -1;
	int error = ENOSYS;

	if (!syscall(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0)) {
		process = syscall(SYS_pidfd_open, syscall(SYS_getpid), 0);
		got = process < 0 ? -1 : syscall(SYS_pidfd_getfd, process, fd, 0);
		error = errno;
	}
	if (process >= 0)
		syscall(SYS_close, process);
	errno = error;
	return (int)got;
}

/* ---- Who is late */

bool pending_any(uint64_t now_ms)
{
	uint64_t when_ms = load(&look_ms);

	return when_ms && __builtin_expect(when_ms <= now_ms, 0) && config.eject_ms;
}

/* By the client's own threads, whose descriptors these are. */
static bool is_late(struct watched *at, uint64_t since_ms, uint64_t now_ms)
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
		store(&at->since_ms, 0);
		return false;
	}
	if (clock_since(load(&at->looked_ms), now_ms) >= LOOK_MS) {
		store(&at->looked_ms, now_ms);
		look = look_at((int)load32(&at->fd), at);
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
	uint64_t was = load(&look_ms), first_ms = 0;

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
		atomic_compare_exchange_strong_explicit(&look_ms, &was, first_ms,
		                                        memory_order_relaxed, memory_order_relaxed);
}

bool pending_late(uint32_t *index, uint64_t now_ms, struct address *address, uint32_t *port)
{
	int saved_errno = errno;
	bool late = false;

	for (; *index < WATCHED && !late; ++*index) {
		struct watched *at = &table[*index];
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
	errno = saved_errno;
	return late;
}

/* ---- Who is silent */

static bool is_silent(struct watched *at, uint64_t since_ms, uint64_t now_ms)
{
	uint64_t age_ms = clock_since(since_ms, now_ms);
	int fd = borrow(load32(&at->fd));
	uint32_t flags;

	if (fd >= 0 || errno == EBADF)
		looked(at, fd < 0 ? LOOK_GONE : look_at(fd, at), since_ms, age_ms);
	else if (age_ms >= SILENT_MS)
		store(&at->since_ms, 0);
	if (fd >= 0)
		syscall(SYS_close, fd);
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
		struct watched *at = &table[*index];
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
