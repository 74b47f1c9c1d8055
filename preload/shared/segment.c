/* The segment: found by its key, checked, attached; and what is used without one. State:
 * shared_used, own, segment, maker; written by shared_start (once), the refresh thread
 * (shared_check) and programs that look. */
#include "shared/segment.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/fork.h"
#include "base/kernel.h"
#include "base/locked.h"
#include "base/log.h"
#include "base/text.h"
#include "shared/user.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/shm.h>

enum {
	KEYS_TO_TRY = 4 /* somebody else may sit on our first keys */
};

static const uint64_t MAGIC = UINT64_C(0x6c62646e73000000) | SHARED_LAYOUT; /* "lbdns" */

static struct shared own; /* in use before shared_start, and where nothing else is to be had */
_Atomic(struct shared *) shared_used = &own;
static _Atomic int segment = -1; /* id of the attached one; -1: none */
/* The user whom the kernel took for the maker of a segment, and 1 << 32; 0: it is user_id(), as far
 * as is known. They differ where the kernel's answers are changed on the way (proot). */
static _Atomic uint64_t maker;

/* Returns a random word other than 0. */
static uint64_t random_word(void)
{
	uint64_t word = 0;

	/* The raw call: getrandom(3) is a cancellation point in glibc, and not in 2.17 at all. */
	if (kernel_call(SYS_getrandom, &word, sizeof(word), GRND_NONBLOCK) != (long)sizeof(word))
		word = hash_mix(clock_ms() ^ (uint64_t)kernel_call(SYS_getpid) << 32);
	return word | 1;
}

/* Returns who the process is to the kernel where segments are concerned. */
static uint32_t user(void)
{
	uint64_t other = atomic_load(&maker);

	return other ? (uint32_t)other : user_id();
}

/* Returns 0 if a segment is this user's: made by him, for him alone, of this layout; else -1. Marks
 * a new one with the layout, if it is attached (at is not NULL). */
static int segment_check(int id, uint32_t uid, struct shared *at)
{
	struct shmid_ds about;
	uint64_t magic = 0;

	if (kernel_call(SYS_shmctl, id, IPC_STAT, &about))
		return -1;
	if (about.shm_perm.cuid != uid || about.shm_perm.uid != uid ||
	    (about.shm_perm.mode & 0777) != 0600 || about.shm_segsz != sizeof(struct shared))
		return -1;
	if (at && !atomic_compare_exchange_strong(&at->magic, &magic, MAGIC) && magic != MAGIC)
		return -1;
	return 0;
}

/* Chooses the seed of a new segment. */
static void segment_seed(struct shared *at)
{
	uint64_t none = 0;

	atomic_compare_exchange_strong(&at->seed, &none, random_word());
}

/* Returns the attempt-th key of a user, who is user_outside of somebody. */
static key_t key_of(uint32_t outside, int attempt)
{
	return (key_t)hash_mix(MAGIC ^ (uint64_t)outside << 8 ^ (uint64_t)attempt);
}

/* Attaches a segment at an address (NULL: anywhere), and returns it; NULL if it is not to be had.
 * SHM_REMAP puts a new segment where a removed one was, so that no reader ever holds a pointer to
 * nothing. */
static struct shared *segment_attach(int id, uint32_t uid, struct shared *at)
{
	long where = kernel_call(SYS_shmat, id, at, at ? SHM_REMAP : 0);
	struct shared *got = (struct shared *)where;

	if (where < 0 && where >= -4095)
		return NULL;
	if (segment_check(id, uid, got)) {
		if (!at)
			kernel_call(SYS_shmdt, got);
		return NULL;
	}
	locked_release_new(got, sizeof(*got));
	segment_seed(got);
	return got;
}

static void segment_remove(int id)
{
	kernel_call(SYS_shmctl, id, IPC_RMID, NULL);
}

/* Removes a segment that was made for user() and is another user's, and notes whose. */
static void segment_disown(int id)
{
	struct shmid_ds about;

	if (!kernel_call(SYS_shmctl, id, IPC_STAT, &about))
		atomic_store(&maker, UINT64_C(1) << 32 | about.shm_perm.cuid);
	segment_remove(id);
}

/* Attaches the segment of user() under a key at an address (NULL: anywhere), for all to use; if
 * make, one that nobody has yet. What is made and cannot be used is removed at once. Returns 0, or
 * an errno's negative: -ENOENT: there is none; -EEXIST: it is somebody else's; -EAGAIN: user() is
 * another one now. */
static int segment_use(key_t key, struct shared *at, bool make)
{
	int id = (int)kernel_call(SYS_shmget, key, make ? sizeof(struct shared) : 0,
	                          make ? IPC_CREAT | IPC_EXCL | 0600 : 0);
	struct shared *got;

	if (id == -EEXIST) /* another process made it just now */
		return segment_use(key, at, false);
	if (id < 0)
		return id == -EACCES ? -EEXIST : id;
	if (segment_check(id, user(), NULL)) {
		if (make)
			segment_disown(id);
		return make ? -EAGAIN : -EEXIST;
	}
	got = segment_attach(id, user(), at);
	if (!got) {
		if (make)
			segment_remove(id);
		return make ? -ENOMEM : -EEXIST;
	}
	atomic_store(&segment, id);
	atomic_store_explicit(&shared_used, got, memory_order_release); /* pairs with shared() */
	return 0;
}

/* Returns true if no filter keeps a segment from being used. No segment has that id. */
static bool segments_are_allowed(void)
{
	struct shmid_ds about;

	return kernel_call(SYS_shmctl, -1, IPC_STAT, &about) == -EINVAL &&
	       kernel_call(SYS_shmat, -1, NULL, 0) == -EINVAL;
}

/* Attaches the segment of this process's user, made if there is none. Returns 0, or an errno's
 * negative (-EEXIST: all keys are somebody else's). */
static int segment_find(struct shared *at)
{
	uint32_t outside = user_outside(user());
	int result = -EEXIST;
	bool is_free = false;

	/* A second process of the user may find the first key free that the first one did not. */
	for (int i = 0; i < KEYS_TO_TRY; i++) {
		result = segment_use(key_of(outside, i), at, false);
		if (!result)
			return 0;
		is_free |= result == -ENOENT;
	}
	if (!is_free)
		return result;
	if (!segments_are_allowed())
		return -EPERM;
	for (int i = 0; i < KEYS_TO_TRY; i++) {
		result = segment_use(key_of(outside, i), at, true);
		if (result != -EEXIST)
			break;
	}
	return result;
}

static int segment_find_again(struct shared *at)
{
	int error = segment_find(at);

	return error == -EAGAIN ? segment_find(at) : error;
}

/* Returns memory that the children of this process share with it; NULL if there is none. */
static struct shared *family_map(void)
{
	long got = kernel_call(SYS_mmap, NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
	                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return got < 0 && got >= -4095 ? NULL : (void *)got; // NOLINT(performance-no-int-to-ptr)
}

/* Has a child whose memory is a copy of its parent's start at another place, because all children
 * would make the same pick. */
static void own_forked(void)
{
	uint64_t seed = atomic_load(&own.seed);

	atomic_store(&own.seed, hash_mix(seed ^ (uint64_t)kernel_call(SYS_getpid)) | 1);
}

/* Begins with memory that no other process of the user has. */
static void start_alone(void)
{
	struct shared *family = family_map();

	segment_seed(family ? family : &own);
	if (!family) {
		fork_child_set(own_forked);
		return;
	}
	locked_release_new(family, sizeof(*family));
	atomic_store_explicit(&shared_used, family, memory_order_release); /* pairs with shared() */
}

void shared_start(void)
{
	static atomic_bool done;
	char number[21];
	int error = 0;

	if (atomic_load(&done))
		return;
	if (config.shared)
		error = segment_find_again(NULL);
	if (shared() == &own)
		start_alone();
	atomic_store(&done, true); /* last: a child forked before this attaches by itself */
	if (error == -EEXIST)
		log_line(LOG_WARN,
		         "no shared memory: its keys are taken; each process rotates by itself",
		         NULL);
	else if (error)
		log_line(LOG_WARN, "no shared memory, errno ",
		         text_number((uint64_t)-error, number), ": each process rotates by itself",
		         NULL);
}

bool shared_open(uint32_t uid, bool writable)
{
	uint32_t outside = user_outside(uid);
	int taken = 0;

	for (int i = 0; i < KEYS_TO_TRY; i++) {
		int id = (int)kernel_call(SYS_shmget, key_of(outside, i), 0, 0);
		struct shared *at;
		long where;

		taken += id >= 0 || id == -EACCES;
		if (id < 0 || segment_check(id, uid, NULL))
			continue;
		where = kernel_call(SYS_shmat, id, NULL, writable ? 0 : SHM_RDONLY);
		if (where < 0 && where >= -4095) {
			errno = (int)-where;
			return false;
		}
		at = (struct shared *)where;
		if (atomic_load(&at->magic) == MAGIC) {
			atomic_store_explicit(&shared_used, at, memory_order_release);
			return true;
		}
		kernel_call(SYS_shmdt, at);
	}
	errno = taken == KEYS_TO_TRY ? EEXIST : ENOENT;
	return false;
}

void shared_close(void)
{
	struct shared *at = atomic_exchange(&shared_used, &own);

	if (at != &own)
		kernel_call(SYS_shmdt, at);
}

void shared_check(void)
{
	struct shared *at = shared();
	struct shmid_ds about;
	int id = atomic_load(&segment);
	long error;

	if (id < 0)
		return;
	error = kernel_call(SYS_shmctl, id, IPC_STAT, &about);
	if (!error) {
		if (!(about.shm_perm.mode & SHM_DEST))
			return;
	} else if (error != -EINVAL && error != -EIDRM) { /* there is one */
		/* -EACCES: the client is another user now, and its siblings still share it. */
		return;
	}
	segment_find_again(at);
}
