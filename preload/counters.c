/* State: all in shared memory, but for the place of this process in it. */
#include "counters.h"

#include "clock.h"
#include "config.h"
#include "resolver.h"
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	USED_GRAIN_S = 8, /* how often it is noted that a tally is in use */
	IN_USE_S = 64,    /* a tally that was used so lately is not given away */
	RECENT_TRIES = 2
};

_Static_assert((int)PASS_COUNT <= (int)SHARED_REASONS, "there is room for each reason");
_Static_assert(sizeof(struct name_text) == SHARED_TEXT_WORDS * sizeof(uint64_t), "a whole name");

static _Atomic uint32_t own_process; /* our place among the processes, + 1; 0: none yet */

static uint64_t load(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void store(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static void add_one(_Atomic uint64_t *word)
{
	atomic_fetch_add_explicit(word, 1, memory_order_relaxed);
}

const char *counters_pass_text(enum counters_pass why)
{
	static const char texts[PASS_COUNT][16] = {"claimed", "not fresh", "datagram",
	                                           "stale",   "several",   "gone",
	                                           "busy",    "observed",  "off"};

	return why < PASS_COUNT ? texts[why] : "";
}

/* ---- Names */

static struct shared_name *name_ways(struct shared *in, uint64_t hash)
{
	return &in->names[hash % (SHARED_NAMES / SHARED_WAYS) * SHARED_WAYS];
}

struct shared_name *counters_find(uint64_t hash)
{
	struct shared_name *ways = name_ways(shared(), hash);

	/* 0 is no name, but every unused place has it. */
	for (int i = 0; i < SHARED_WAYS && hash; i++)
		if (load(&ways[i].hash) == hash)
			return &ways[i];
	return NULL;
}

static void name_reset(struct shared_name *at)
{
	store(&at->absolute, 0);
	store(&at->refreshed_ms, 0);
	store(&at->good_ms, 0);
	store(&at->outcome, 0);
	store(&at->refreshes, 0);
	store(&at->refresh_failures, 0);
	store(&at->changes, 0);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		store(&at->endpoints[f], 0);
	for (int i = 0; i < SHARED_REASONS; i++)
		store(&at->passed[i], 0);
}

/* An unused place, or that of the name that was not used for the longest, and has no orders. */
static struct shared_name *name_claim(uint64_t hash)
{
	struct shared_name *ways = name_ways(shared(), hash), *oldest = NULL;
	uint64_t was;

	for (int i = 0; i < SHARED_WAYS; i++) {
		was = 0;
		if (atomic_compare_exchange_strong(&ways[i].hash, &was, hash) || was == hash)
			return &ways[i];
		if (!load(&ways[i].mode) &&
		    (!oldest || load(&ways[i].used_ms) < load(&oldest->used_ms)))
			oldest = &ways[i];
	}
	was = oldest ? load(&oldest->hash) : 0;
	if (!oldest || !atomic_compare_exchange_strong(&oldest->hash, &was, hash))
		return NULL;
	name_reset(oldest);
	return oldest;
}

static struct shared_name *name_get(const struct name_text *name)
{
	uint64_t hash = names_hash(name), words[SHARED_TEXT_WORDS];
	struct shared_name *at = counters_find(hash);

	if (!at)
		at = name_claim(hash);
	if (!at)
		return NULL;
	memcpy(words, name, sizeof(words));
	for (int i = 0; i < SHARED_TEXT_WORDS; i++)
		if (load(&at->text[i]) != words[i])
			store(&at->text[i], words[i]);
	return at;
}

void counters_name(const struct name_text *name)
{
	struct shared_name *at = name_get(name);

	if (at)
		store(&at->used_ms, clock_ms());
}

void counters_alias(const struct name_text *name, const struct name_text *absolute)
{
	struct shared_name *from = counters_find(names_hash(name)), *to = name_get(absolute);

	if (!from || !to || from == to)
		return;
	store(&from->absolute, names_hash(absolute));
	if (!load(&to->mode))
		store(&to->mode, load(&from->mode));
}

void counters_refreshed(const struct counters_refresh *refresh)
{
	struct shared_name *at = name_get(refresh->name);

	if (!at)
		return;
	store(&at->used_ms, refresh->now_ms);
	store(&at->refreshed_ms, refresh->now_ms);
	store(&at->outcome, refresh->outcome);
	store(&at->interval_ms, refresh->interval_ms);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		store(&at->endpoints[f], refresh->endpoints[f]);
	add_one(&at->refreshes);
	if (refresh->changed)
		add_one(&at->changes);
	if (refresh->outcome == RESOLVER_ADDRESSES) {
		store(&at->good_ms, refresh->now_ms);
		store(&at->ttl_s, refresh->ttl_s);
	} else {
		add_one(&at->refresh_failures);
	}
}

void counters_passed(uint64_t name, enum counters_pass why)
{
	struct shared_name *at = counters_find(name);

	if (at)
		add_one(&at->passed[why]);
}

bool counters_read_name(const struct shared_name *from, struct name_text *text)
{
	uint64_t words[SHARED_TEXT_WORDS], hash = load(&from->hash);

	for (int i = 0; i < SHARED_TEXT_WORDS; i++)
		words[i] = load(&from->text[i]);
	memcpy(text, words, sizeof(*text));
	text->text[CONFIG_NAME_SIZE - 1] = '\0';
	return hash && names_hash(text) == hash;
}

/* ---- Endpoints */

static struct tally *tally_ways(uint64_t name, struct address endpoint, uint32_t port)
{
	/* The name is a good hash already. */
	uint64_t hash = (name ^ endpoint.high ^ endpoint.low ^ (uint64_t)port << 40) *
	                UINT64_C(0x9e3779b97f4a7c15);

	return &shared()->tallies[(hash >> 32) % (SHARED_TALLIES / SHARED_WAYS) * SHARED_WAYS];
}

static inline bool tally_is(const struct tally *tally, uint64_t name, struct address endpoint,
                            uint32_t port)
{
	/* Acquire: pairs with tally_begin, whose zeros are there before the port is. */
	return load(&tally->name) == name &&
	       (uint32_t)atomic_load_explicit(&tally->port_used, memory_order_acquire) == port &&
	       load(&tally->low) == endpoint.low && load(&tally->high) == endpoint.high;
}

static bool tally_begin(struct tally *tally, uint64_t was, uint64_t name, struct address endpoint,
                        uint64_t port_used)
{
	if (!atomic_compare_exchange_strong(&tally->name, &was, name))
		return false;
	store(&tally->kept, 0);
	store(&tally->rewritten, 0);
	store(&tally->failures, 0);
	store(&tally->retries, 0);
	store(&tally->high, endpoint.high);
	store(&tally->low, endpoint.low);
	/* Last: from now on others find it, and add to it. */
	atomic_store_explicit(&tally->port_used, port_used, memory_order_release);
	return true;
}

/* An unused place, or the one that was not used for the longest; NULL if all of them are in use:
 * endpoints that take places from each other are counted nowhere. Two that begin one for the same
 * endpoint may take two places: whoever reads adds them up. NULL too if somebody else was faster.
 */
static __attribute__((noinline)) struct tally *
tally_claim(struct tally *ways, uint64_t name, struct address endpoint, uint64_t port_used)
{
	struct tally *oldest = ways;

	for (int i = 0; i < SHARED_WAYS; i++) {
		if (!load(&ways[i].name) && tally_begin(&ways[i], 0, name, endpoint, port_used))
			return &ways[i];
		if (load(&ways[i].port_used) >> 32 < load(&oldest->port_used) >> 32)
			oldest = &ways[i];
	}
	if ((port_used >> 32) - (load(&oldest->port_used) >> 32) < IN_USE_S)
		return NULL;
	return tally_begin(oldest, load(&oldest->name), name, endpoint, port_used) ? oldest : NULL;
}

static bool tally_is_used(const struct tally *tally, uint64_t now_ms)
{
	return (now_ms >> 10) - (load(&tally->port_used) >> 32) < USED_GRAIN_S;
}

static struct tally *tally_get(uint64_t name, struct address endpoint, uint32_t port,
                               uint64_t now_ms)
{
	struct tally *ways = tally_ways(name, endpoint, port);
	uint64_t port_used = port | now_ms >> 10 << 32;

	if (!name)
		return NULL;
	for (int i = 0; i < SHARED_WAYS; i++) {
		if (!tally_is(&ways[i], name, endpoint, port))
			continue;
		if (!tally_is_used(&ways[i], now_ms))
			store(&ways[i].port_used, port_used);
		return &ways[i];
	}
	return tally_claim(ways, name, endpoint, port_used);
}

static __attribute__((noinline)) void connected_slowly(uint64_t name, struct address endpoint,
                                                       uint32_t port, bool rewritten,
                                                       uint64_t now_ms)
{
	struct tally *tally = tally_get(name, endpoint, port, now_ms);

	if (tally)
		add_one(rewritten ? &tally->rewritten : &tally->kept);
}

void counters_connected(uint64_t name, struct address endpoint, uint32_t port, bool rewritten,
                        uint64_t now_ms)
{
	struct tally *first = tally_ways(name, endpoint, port);

	/* The usual way: in the first place, and in use. 0 is no name, and has no tally. */
	if (tally_is(first, name, endpoint, port) && tally_is_used(first, now_ms) && name)
		add_one(rewritten ? &first->rewritten : &first->kept);
	else
		connected_slowly(name, endpoint, port, rewritten, now_ms);
}

void counters_failed(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms)
{
	struct tally *tally = tally_get(name, endpoint, port, now_ms);

	if (tally)
		add_one(&tally->failures);
}

void counters_retried(uint64_t name, struct address endpoint, uint32_t port, uint64_t now_ms)
{
	struct tally *tally = tally_get(name, endpoint, port, now_ms);

	if (tally)
		add_one(&tally->retries);
}

/* ---- The last rewritten connections */

static void recent_load(const struct shared_recent *from, uint64_t words[SHARED_RECENT_WORDS])
{
	for (int i = 0; i < SHARED_RECENT_WORDS; i++)
		words[i] = load(&from->words[i]);
}

void counters_recent_failed(struct address picked, uint32_t port, int error)
{
	struct shared *in = shared();
	uint64_t next = load(&in->recent_next), words[SHARED_RECENT_WORDS];

	for (uint64_t i = 1; i <= SHARED_RECENT; i++) {
		struct shared_recent *at = &in->recent[(next - i) % SHARED_RECENT];

		if (load(&at->words[7]) != (port | (uint64_t)EINPROGRESS << 32) ||
		    load(&at->words[6]) != picked.low || load(&at->words[5]) != picked.high)
			continue;
		recent_load(at, words);
		if (words[0] != counters_recent_check(words))
			continue;
		/* If another one takes the place meanwhile, the check will tell. */
		words[7] = port | (uint64_t)(uint32_t)error << 32;
		store(&at->words[0], counters_recent_check(words));
		store(&at->words[7], words[7]);
		return;
	}
}

bool counters_read_recent(const struct shared_recent *from, struct counters_rewrite *rewrite)
{
	uint64_t words[SHARED_RECENT_WORDS];

	for (int tries = 0; tries < RECENT_TRIES; tries++) {
		recent_load(from, words);
		if (words[0] != counters_recent_check(words))
			continue;
		*rewrite = (struct counters_rewrite){.name = words[2],
		                                     .at_ms = words[1],
		                                     .asked = {words[3], words[4]},
		                                     .picked = {words[5], words[6]},
		                                     .port = (uint32_t)words[7],
		                                     .result = (int)(words[7] >> 32)};
		return true;
	}
	return false;
}

/* ---- Processes */

/* Its inode: pods share IPC namespaces whose processes are in several PID namespaces. 0 if /proc is
 * not there. */
static uint64_t pid_namespace(void)
{
	struct stat status;

	if (syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &status, 0))
		return 0;
	return status.st_ino;
}

/* A place for this process: unused, or that of who was not seen for the longest. */
static struct shared_process *process_claim(uint64_t pid)
{
	struct shared *in = shared();
	struct shared_process *oldest = NULL;
	uint64_t was;

	for (uint32_t i = 0; i < SHARED_PROCESSES; i++) {
		struct shared_process *at = &in->processes[i];

		was = 0;
		if (atomic_compare_exchange_strong(&at->pid, &was, pid))
			return at;
		if (!oldest || load(&at->seen_ms) < load(&oldest->seen_ms))
			oldest = at;
	}
	was = load(&oldest->pid);
	return atomic_compare_exchange_strong(&oldest->pid, &was, pid) ? oldest : NULL;
}

void counters_process(uint64_t now_ms, const char *name)
{
	uint32_t place = atomic_load_explicit(&own_process, memory_order_relaxed);
	struct shared_process *at = place ? &shared()->processes[place - 1] : NULL;
	uint64_t pid = (uint64_t)syscall(SYS_getpid), words[2];

	/* A child has its parent's place; a segment made anew knows nobody. */
	if (!at || load(&at->pid) != pid) {
		at = process_claim(pid);
		if (!at)
			return;
		atomic_store_explicit(&own_process, (uint32_t)(at - shared()->processes) + 1,
		                      memory_order_relaxed);
		memcpy(words, name, sizeof(words));
		store(&at->name[0], words[0]);
		store(&at->name[1], words[1]);
		store(&at->started_ms, now_ms);
		store(&at->refreshes, 0);
		store(&at->mode, config.mode);
		store(&at->pid_namespace, pid_namespace());
	}
	store(&at->seen_ms, now_ms);
	add_one(&at->refreshes);
}
