/* STACK: while a handler runs, the frame that the kernel made for it lies on the stack that it runs
 * on, between this function and the beginning of that stack, and begins with where the handler
 * returns to: the restorer of its sigaction(2) (arch/x86/kernel/signal_64.c), or the vDSO
 * (arch/arm64/kernel/signal.c). If there is no such word up to where the stack ends, no handler
 * runs. A word that only looks like one, left over from another call, is a doubt too many, and
 * delays what is asked for until it is overwritten, or another thread asks.
 *
 * MASK: where the stack cannot be read, no handler runs if no signal is blocked and none has a
 * handler that runs with its own signal open (SA_NODEFER). */
#include "refresh/handler.h"

#include "base/attributes.h"
#include "base/kernel.h"
#include "base/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/uio.h>

enum {
	SIGNALS = 64,
	STACK_LIMIT = 1 << 20, /* bytes that are looked at; a deeper stack is a doubt */
	CHUNK = 512,           /* that are read at a time; none of them is on two pages */
	CHUNK_WORDS = CHUNK / 8,
	RESTORERS = 4,            /* different ones; more are a doubt */
	VDSO_SIZE = 64 * 1024,    /* at most, with pages of 64 KiB */
	HAS_RESTORER = 0x04000000 /* SA_RESTORER, which libc's headers do not name */
};

/* What rt_sigaction(2) fills in: the kernel's struct sigaction, which is not libc's. */
struct kernel_action {
	void (*handler)(int);
	unsigned long flags;
	uint64_t restorer;
	signal_set mask;
};

/* Where handlers return to. */
struct returns {
	uint64_t restorer[RESTORERS];
	unsigned count;
	uint64_t vdso;   /* 0: handlers do not return there */
	bool undeferred; /* a signal has a handler with SA_NODEFER */
};

enum finding { FOUND, NOT_FOUND, UNKNOWN };

static bool returns_add(struct returns *returns, uint64_t restorer)
{
	for (unsigned i = 0; i < returns->count; i++)
		if (returns->restorer[i] == restorer)
			return true;
	if (returns->count == RESTORERS)
		return false;
	returns->restorer[returns->count++] = restorer;
	return true;
}

/* Finds where the handlers of this process return to. A handler may be gone by now (SA_RESETHAND,
 * or it has removed itself): its restorer stays. Returns false if there are too many. */
static bool returns_find(struct returns *returns)
{
	struct kernel_action action;
	bool fits = true;

	*returns = (struct returns){.count = 0};
#ifndef __x86_64__
	returns->vdso = getauxval(AT_SYSINFO_EHDR);
#endif
	for (int number = 1; number <= SIGNALS; number++) {
		if (kernel_call(SYS_rt_sigaction, number, NULL, &action, sizeof(signal_set)))
			continue;
		if (action.flags & HAS_RESTORER)
			fits = returns_add(returns, action.restorer) && fits;
		if (action.flags & SA_NODEFER && action.handler != SIG_DFL &&
		    action.handler != SIG_IGN)
			returns->undeferred = true;
	}
	return fits;
}

/* Copies from memory that may be gone, all of it on one page. Returns 0, or an errno's negative.
 *
 * Under a filter process_vm_readv(2) is not called, because filters refuse it, or kill for it: the
 * kernel is asked whether it can read there, as a set of signals for an order that there is not.
 * Between that and the copy the memory is still there if it is a stack of the calling thread. */
static long copy(void *to, uintptr_t from, size_t size, bool filtered)
{
	const void *source = (const void *)from; /* NOLINT(performance-no-int-to-ptr) */
	struct iovec local = {.iov_base = to, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)source, .iov_len = size};
	long copied;

	if (!filtered) {
		copied = kernel_call(SYS_process_vm_readv, kernel_call(SYS_getpid), &local, 1,
		                     &remote, 1, 0);
		return copied < 0 ? copied : copied == (long)size ? 0 : -EFAULT;
	}
	copied = kernel_call(SYS_rt_sigprocmask, -1, source, NULL, sizeof(signal_set));
	if (copied != -EINVAL)
		return copied == -EFAULT ? copied : -EPERM;
	memcpy(to, source, size);
	return 0;
}

#ifdef __x86_64__
/* Returns true if the frame of a signal handler may begin here. It may if the words after the first
 * are what the kernel writes (struct ucontext, arch/x86/include/uapi/asm/ucontext.h): few flags, no
 * uc_link, and processor flags of which the second is always set and those beyond the 22nd never.
 */
static bool may_be_frame(uintptr_t frame, bool filtered)
{
	enum { FLAGS = 1, LINK = 2, PROCESSOR_FLAGS = 23, WORDS = 24 };
	uint64_t words[WORDS];

	for (uintptr_t i = 0; i < WORDS; i++)
		if (copy(&words[i], frame + i * 8, 8, filtered))
			return false; /* it would not be whole */
	return words[FLAGS] < 256 && !words[LINK] && words[PROCESSOR_FLAGS] & 2 &&
	       words[PROCESSOR_FLAGS] < 1 << 22;
}
#else
static bool may_be_frame(uintptr_t frame, bool filtered)
{
	(void)frame;
	(void)filtered;
	return true;
}
#endif

/* Is a word where a handler returns to? On aarch64 it may be signed, in the bits that an address
 * does not have. */
static bool is_return(const struct returns *returns, uint64_t word)
{
#ifdef __aarch64__
	word &= (UINT64_C(1) << 48) - 1;
#endif
	for (unsigned i = 0; i < returns->count; i++)
		if (word == returns->restorer[i])
			return true;
	return returns->vdso && word - returns->vdso < VDSO_SIZE;
}

/* Looks for a handler's frame from `from`, which is aligned to 8, to the end of the stack that it
 * is on. */
static enum finding stack_search(uintptr_t from, const struct returns *returns)
{
	uint64_t words[CHUNK_WORDS];
	uintptr_t at = from, thread = (uintptr_t)&errno;
	bool filtered = kernel_call(SYS_prctl, PR_GET_SECCOMP) != 0;

	while (at - from < STACK_LIMIT) {
		size_t size = CHUNK - at % CHUNK;
		long error;

		if (from < thread && at >= thread)
			return NOT_FOUND; /* libc puts a thread's own data behind its stack */
		error = copy(words, at, size, filtered);

		if (error)
			return error == -EFAULT && at != from ? NOT_FOUND : UNKNOWN;
		for (size_t i = 0; i < size / 8; i++)
			if (is_return(returns, words[i]) && may_be_frame(at + i * 8, filtered))
				return FOUND;
		at += size;
	}
	return UNKNOWN;
}

SELDOM bool handler_is_none(void)
{
	struct returns returns;
	stack_t alternate = {.ss_flags = 0};
	signal_set mask = 1;

	if (returns_find(&returns) && !kernel_call(SYS_sigaltstack, NULL, &alternate)) {
		if (alternate.ss_flags & SS_ONSTACK)
			return false;
		switch (stack_search((uintptr_t)__builtin_frame_address(0), &returns)) {
		case FOUND:
			return false;
		case NOT_FOUND:
			return true;
		case UNKNOWN:
			break;
		}
	}
	return !kernel_call(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &mask, sizeof(mask)) && !mask &&
	       !returns.undeferred;
}
