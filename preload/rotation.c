#include "rotation.h"

#include "address.h"
#include "clock.h"
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	SETS = 512,
	WAYS = 8,
	LAYOUT = 1,      /* raise it with every change of struct table */
	KEYS_TO_TRY = 4, /* somebody else may sit on our first keys */
	CAS_TRIES = 4
};

static const uint64_t MAGIC = UINT64_C(0x6c62646e73000000) | LAYOUT; /* "lbdns" */

/* A cache line each, so that two cursors never share one. All zero is a valid unused slot. */
struct slot {
	_Atomic uint64_t key;   /* 0: unused; claimed by one CAS */
	_Atomic uint64_t picks; /* turns taken, never reset */
	_Atomic uint64_t shown; /* low half: picks at the last lookup; high half: lookups since */
	_Atomic uint64_t used;  /* when, in seconds since boot: the least recent is reused */
	uint64_t reserved[4];
};

/* A new segment is all zero, which is valid: nobody needs to wait for whoever created it. */
struct table {
	_Atomic uint64_t magic;
	_Atomic uint64_t seed; /* of the random places where rotations start; 0: not chosen yet */
	uint64_t reserved[6];
	struct slot slots[SETS * WAYS];
};

static struct table own_table;
static _Atomic(struct table *) table = &own_table;
static _Atomic int segment = -1; /* the id of the attached one */

/* Two words of the process: the last key and port written by rotation_note_port, to write only
 * changes. */
static _Atomic uint64_t noted;

static uint64_t random_word(void)
{
	uint64_t word = 0;

	/* The raw call: getrandom(3) is a cancellation point in glibc, and not in 2.17 at all. */
	if (syscall(SYS_getrandom, &word, sizeof(word), GRND_NONBLOCK) != (long)sizeof(word))
		word = hash_mix(clock_ms() ^ (uint64_t)syscall(SYS_getpid) << 32);
	return word | 1;
}

static uint64_t slot_key(uint64_t key, uint32_t port)
{
	return hash_mix(key ^ (uint64_t)(port + 1) * UINT64_C(0x9e3779b97f4a7c15)) | 1;
}

static struct slot *slot_ways(struct table *in, uint64_t key)
{
	return &in->slots[(key >> 40) % SETS * WAYS];
}

static struct slot *slot_find(struct slot *ways, uint64_t key)
{
	for (int i = 0; i < WAYS; i++)
		if (atomic_load_explicit(&ways[i].key, memory_order_relaxed) == key)
			return &ways[i];
	return NULL;
}

/* The slot of a key in a full set: the least recently used one, unless another thread has just
 * taken it for this key. */
static struct slot *slot_reuse(struct slot *ways, uint64_t key)
{
	for (int tries = 0; tries < WAYS; tries++) {
		struct slot *oldest = NULL;
		uint64_t oldest_used = UINT64_MAX, was;

		for (int i = 0; i < WAYS; i++) {
			/* Pairs with slot_get: who sees that a slot was used sees for which key. */
			uint64_t used = atomic_load_explicit(&ways[i].used, memory_order_acquire);

			if (atomic_load_explicit(&ways[i].key, memory_order_relaxed) == key)
				return &ways[i];
			if (used < oldest_used || !oldest) {
				oldest = &ways[i];
				oldest_used = used;
			}
		}
		was = atomic_load_explicit(&oldest->key, memory_order_relaxed);
		if (was == key || atomic_compare_exchange_strong_explicit(&oldest->key, &was, key,
		                                                          memory_order_relaxed,
		                                                          memory_order_relaxed))
			return oldest;
	}
	return ways;
}

/* The slot of a key, claimed if need be. In the order of the ways, so that all who claim for one
 * key at the same time meet at the same unused slot: two slots would be two cursors. A slot that is
 * reused keeps its picks: any number is as good a place as any other, and there is no moment at
 * which it is not valid. */
static struct slot *slot_get(struct table *in, uint64_t key)
{
	struct slot *ways = slot_ways(in, key), *slot = slot_find(ways, key);
	uint64_t now_s = clock_ms() >> 10;

	for (int i = 0; i < WAYS && !slot; i++) {
		uint64_t was = 0;

		if (atomic_compare_exchange_strong_explicit(
			    &ways[i].key, &was, key, memory_order_relaxed, memory_order_relaxed) ||
		    was == key)
			slot = &ways[i];
	}
	if (!slot)
		slot = slot_reuse(ways, key);
	if (atomic_load_explicit(&slot->used, memory_order_relaxed) != now_s)
		atomic_store_explicit(&slot->used, now_s,
		                      memory_order_release); /* pairs with slot_reuse */
	return slot;
}

static struct table *table_now(void)
{
	return atomic_load_explicit(&table, memory_order_acquire); /* pairs with table_use */
}

/* Where a rotation starts: random, so that a thousand clients do not begin with the same pod, and a
 * function of the key alone, so that two processes that meet on a new slot agree. 32 bits: adding
 * picks must not wrap around. */
static uint64_t slot_start(struct table *in, uint64_t key)
{
	return hash_mix(key ^ atomic_load_explicit(&in->seed, memory_order_relaxed)) >> 32;
}

uint32_t rotation_pick(uint64_t key, uint32_t port, uint32_t count)
{
	struct table *in = table_now();
	uint64_t of = slot_key(key, port);
	struct slot *slot = slot_get(in, of);

	return (uint32_t)((atomic_fetch_add_explicit(&slot->picks, 1, memory_order_relaxed) +
	                   slot_start(in, of)) %
	                  count);
}

uint32_t rotation_peek(uint64_t key, uint32_t port, uint32_t count, uint64_t *turn)
{
	struct table *in = table_now();
	uint64_t of = slot_key(key, port);

	*turn = atomic_load_explicit(&slot_get(in, of)->picks, memory_order_relaxed);
	return (uint32_t)((*turn + slot_start(in, of)) % count);
}

bool rotation_is_shown(uint64_t key, uint32_t port)
{
	struct slot *slot = slot_get(table_now(), slot_key(key, port));
	uint64_t shown = atomic_load_explicit(&slot->shown, memory_order_relaxed);
	uint64_t picks = atomic_load_explicit(&slot->picks, memory_order_relaxed);

	return shown >> 32 && (uint32_t)shown == (uint32_t)picks;
}

bool rotation_take(uint64_t key, uint32_t port, uint64_t turn)
{
	struct slot *slot = slot_get(table_now(), slot_key(key, port));

	return atomic_compare_exchange_strong_explicit(&slot->picks, &turn, turn + 1,
	                                               memory_order_relaxed, memory_order_relaxed);
}

/* The slot whose picks word is not a cursor but the port last connected. */
static uint64_t port_key(uint64_t key)
{
	return slot_key(~key, 0);
}

static uint32_t port_last_connected(struct table *in, uint64_t key)
{
	uint64_t of = port_key(key);
	struct slot *slot = slot_find(slot_ways(in, of), of);

	return slot ? (uint16_t)atomic_load_explicit(&slot->picks, memory_order_relaxed) : 0;
}

void rotation_note_port(uint64_t key, uint32_t port)
{
	uint64_t both = key + port;

	if (atomic_load_explicit(&noted, memory_order_relaxed) == both)
		return;
	atomic_store_explicit(&noted, both, memory_order_relaxed);
	atomic_store_explicit(&slot_get(table_now(), port_key(key))->picks, port,
	                      memory_order_relaxed);
}

uint32_t rotation_show(uint64_t key, uint32_t port, uint32_t count)
{
	struct table *in = table_now();
	uint64_t of = slot_key(key, port ? port : port_last_connected(in, key));
	struct slot *slot = slot_get(in, of);
	uint64_t picks = 0, offset = 0;

	for (int i = 0; i < CAS_TRIES; i++) {
		uint64_t shown = atomic_load_explicit(&slot->shown, memory_order_relaxed);

		picks = atomic_load_explicit(&slot->picks, memory_order_relaxed);
		offset = (uint32_t)shown == (uint32_t)picks ? shown >> 32 : 0;
		if (atomic_compare_exchange_strong_explicit(
			    &slot->shown, &shown, (uint32_t)picks | (offset + 1) << 32,
			    memory_order_relaxed, memory_order_relaxed))
			break;
	}
	return (uint32_t)((picks + offset + slot_start(in, of)) % count);
}

/* 0 if it is ours: made by this user, for this user alone, of this layout. (Raw system calls, as
 * everywhere: another preload may stand before libc's.) */
static int table_check(int id, struct table *at)
{
	struct shmid_ds about;
	uint64_t magic = 0;

	if (syscall(SYS_shmctl, id, IPC_STAT, &about))
		return -1;
	if (about.shm_perm.cuid != geteuid() || about.shm_perm.uid != geteuid() ||
	    (about.shm_perm.mode & 0777) != 0600 || about.shm_segsz != sizeof(struct table))
		return -1;
	if (at && !atomic_compare_exchange_strong(&at->magic, &magic, MAGIC) && magic != MAGIC)
		return -1;
	return 0;
}

static void table_seed(struct table *at)
{
	uint64_t none = 0;

	atomic_compare_exchange_strong(&at->seed, &none, random_word());
}

/* The id of our segment, made if need be; -1 if there is none to be had under this key. */
static int segment_find(int attempt)
{
	key_t key = (key_t)hash_mix(MAGIC ^ (uint64_t)geteuid() << 8 ^ (uint64_t)attempt);
	int id;

	if (key == IPC_PRIVATE)
		return -1;
	id = (int)syscall(SYS_shmget, key, sizeof(struct table), IPC_CREAT | 0600);
	return id >= 0 && table_check(id, NULL) == 0 ? id : -1;
}

/* Attaches at an address (NULL: anywhere). SHM_REMAP puts a new segment where a removed one was, so
 * that no reader ever holds a pointer to nothing. */
static struct table *segment_attach(int id, struct table *at)
{
	struct table *got = (struct table *)syscall(SYS_shmat, id, at, at ? SHM_REMAP : 0);

	if (got == (void *)-1)
		return NULL;
	if (table_check(id, got)) {
		if (!at)
			syscall(SYS_shmdt, got);
		return NULL;
	}
	table_seed(got);
	return got;
}

void rotation_start(void)
{
	int saved_errno = errno;

	if (atomic_load(&own_table.seed))
		return;
	table_seed(&own_table);
	/* What observe mode counts must not move the cursors of those that act. */
	for (int i = 0; i < KEYS_TO_TRY && config.shared && config.mode == MODE_ON; i++) {
		int id = segment_find(i);
		struct table *at = id >= 0 ? segment_attach(id, NULL) : NULL;

		if (!at)
			continue;
		atomic_store(&segment, id);
		atomic_store_explicit(&table, at, memory_order_release); /* pairs with table_now */
		break;
	}
	errno = saved_errno;
}

void rotation_check(void)
{
	struct table *at = table_now();
	struct shmid_ds about;
	int id = atomic_load(&segment);

	if (at == &own_table)
		return;
	if (syscall(SYS_shmctl, id, IPC_STAT, &about) == 0) {
		if (!(about.shm_perm.mode & SHM_DEST))
			return;
	} else if (errno != EINVAL && errno != EIDRM) {
		return; /* EACCES: the client is another user now, and its siblings still share it */
	}
	for (int i = 0; i < KEYS_TO_TRY; i++) {
		id = segment_find(i);
		if (id >= 0 && segment_attach(id, at)) {
			atomic_store(&segment, id);
			return;
		}
	}
}
