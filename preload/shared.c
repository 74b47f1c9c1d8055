#include "shared.h"

#include "address.h"
#include "clock.h"
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	LAYOUT = 1,     /* raise it with every change of struct shared */
	KEYS_TO_TRY = 4 /* somebody else may sit on our first keys */
};

static const uint64_t MAGIC = UINT64_C(0x6c62646e73000000) | LAYOUT; /* "lbdns" */

static struct shared own;
static _Atomic(struct shared *) used = &own;
static _Atomic int segment = -1; /* the id of the attached one */

struct shared *shared(void)
{
	return atomic_load_explicit(&used, memory_order_acquire); /* pairs with shared_start */
}

static uint64_t random_word(void)
{
	uint64_t word = 0;

	/* The raw call: getrandom(3) is a cancellation point in glibc, and not in 2.17 at all. */
	if (syscall(SYS_getrandom, &word, sizeof(word), GRND_NONBLOCK) != (long)sizeof(word))
		word = hash_mix(clock_ms() ^ (uint64_t)syscall(SYS_getpid) << 32);
	return word | 1;
}

/* 0 if it is ours: made by this user, for this user alone, of this layout. (Raw system calls, as
 * everywhere: another preload may stand before libc's.) */
static int segment_check(int id, struct shared *at)
{
	struct shmid_ds about;
	uint64_t magic = 0;

	if (syscall(SYS_shmctl, id, IPC_STAT, &about))
		return -1;
	if (about.shm_perm.cuid != geteuid() || about.shm_perm.uid != geteuid() ||
	    (about.shm_perm.mode & 0777) != 0600 || about.shm_segsz != sizeof(struct shared))
		return -1;
	if (at && !atomic_compare_exchange_strong(&at->magic, &magic, MAGIC) && magic != MAGIC)
		return -1;
	return 0;
}

static void segment_seed(struct shared *at)
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
	id = (int)syscall(SYS_shmget, key, sizeof(struct shared), IPC_CREAT | 0600);
	return id >= 0 && segment_check(id, NULL) == 0 ? id : -1;
}

/* Attaches at an address (NULL: anywhere). SHM_REMAP puts a new segment where a removed one was, so
 * that no reader ever holds a pointer to nothing. */
static struct shared *segment_attach(int id, struct shared *at)
{
	struct shared *got = (struct shared *)syscall(SYS_shmat, id, at, at ? SHM_REMAP : 0);

	if (got == (void *)-1)
		return NULL;
	if (segment_check(id, got)) {
		if (!at)
			syscall(SYS_shmdt, got);
		return NULL;
	}
	segment_seed(got);
	return got;
}

void shared_start(void)
{
	static atomic_bool done;
	int saved_errno = errno;

	if (atomic_load(&done))
		return;
	segment_seed(&own);
	/* What observe mode counts must not move the cursors of those that act. */
	for (int i = 0; i < KEYS_TO_TRY && config.shared && config.mode == MODE_ON; i++) {
		int id = segment_find(i);
		struct shared *at = id >= 0 ? segment_attach(id, NULL) : NULL;

		if (!at)
			continue;
		atomic_store(&segment, id);
		atomic_store_explicit(&used, at, memory_order_release); /* pairs with shared() */
		break;
	}
	atomic_store(&done, true); /* last: a child forked before this attaches by itself */
	errno = saved_errno;
}

void shared_check(void)
{
	struct shared *at = shared();
	struct shmid_ds about;
	int id = atomic_load(&segment);

	if (at == &own)
		return;
	if (syscall(SYS_shmctl, id, IPC_STAT, &about) == 0) {
		if (!(about.shm_perm.mode & SHM_DEST))
			return;
	} else if (errno != EINVAL && errno != EIDRM) {
		return; /* EACCES: the client is another user now, and its siblings still share it
		         */
	}
	for (int i = 0; i < KEYS_TO_TRY; i++) {
		id = segment_find(i);
		if (id >= 0 && segment_attach(id, at)) {
			atomic_store(&segment, id);
			return;
		}
	}
}
