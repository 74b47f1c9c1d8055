/* The segment: found by its key, checked, attached. State: shared_used, own, segment; written by
 * shared_start (once), the refresh thread (shared_check) and programs that look. */
#include "shared/segment.h"

#include "base/address.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/kernel.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/random.h>
#include <sys/shm.h>

enum {
	KEYS_TO_TRY = 4 /* somebody else may sit on our first keys */
};

static const uint64_t MAGIC = UINT64_C(0x6c62646e73000000) | SHARED_LAYOUT; /* "lbdns" */

static struct shared own; /* in use while no segment is attached */
_Atomic(struct shared *) shared_used = &own;
static _Atomic int segment = -1; /* id of the attached one; -1: none */

/* Returns a random word other than 0. */
static uint64_t random_word(void)
{
	uint64_t word = 0;

	/* The raw call: getrandom(3) is a cancellation point in glibc, and not in 2.17 at all. */
	if (kernel_call(SYS_getrandom, &word, sizeof(word), GRND_NONBLOCK) != (long)sizeof(word))
		word = hash_mix(clock_ms() ^ (uint64_t)kernel_call(SYS_getpid) << 32);
	return word | 1;
}

/* Returns who the process is to the kernel: libc's geteuid(3) may be another library's, which says
 * what it was told to (fakeroot). */
static uint32_t user(void)
{
	return (uint32_t)kernel_call(SYS_geteuid);
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

/* Returns the id of a user's segment under the attempt-th of the keys; -1 if there is none to be
 * had. create: IPC_CREAT, or 0. */
static int segment_find(uint32_t uid, int attempt, int create)
{
	key_t key = (key_t)hash_mix(MAGIC ^ (uint64_t)uid << 8 ^ (uint64_t)attempt);
	int id;

	if (key == IPC_PRIVATE)
		return -1;
	id = (int)kernel_call(SYS_shmget, key, create ? sizeof(struct shared) : 0, create | 0600);
	return id >= 0 && segment_check(id, uid, NULL) == 0 ? id : -1;
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
	segment_seed(got);
	return got;
}

void shared_start(void)
{
	static atomic_bool done;

	if (atomic_load(&done))
		return;
	for (int i = 0; i < KEYS_TO_TRY && config.shared; i++) {
		int id = segment_find(user(), i, IPC_CREAT);
		struct shared *at = id >= 0 ? segment_attach(id, user(), NULL) : NULL;

		if (!at)
			continue;
		atomic_store(&segment, id);
		atomic_store_explicit(&shared_used, at,
		                      memory_order_release); /* pairs with shared() */
		break;
	}
	if (shared() == &own)
		segment_seed(&own);
	atomic_store(&done, true); /* last: a child forked before this attaches by itself */
}

bool shared_open(uint32_t uid, bool writable)
{
	errno = ENOENT;
	for (int i = 0; i < KEYS_TO_TRY; i++) {
		int id = segment_find(uid, i, 0);
		struct shared *at;
		long where;

		if (id < 0)
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
		errno = ENOENT;
	}
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

	if (at == &own)
		return;
	error = kernel_call(SYS_shmctl, id, IPC_STAT, &about);
	if (!error) {
		if (!(about.shm_perm.mode & SHM_DEST))
			return;
	} else if (error != -EINVAL && error != -EIDRM) { /* there is one */
		/* -EACCES: the client is another user now, and its siblings still share it. */
		return;
	}
	for (int i = 0; i < KEYS_TO_TRY; i++) {
		id = segment_find(user(), i, IPC_CREAT);
		if (id >= 0 && segment_attach(id, user(), at)) {
			atomic_store(&segment, id);
			return;
		}
	}
}
