/* What a client forbids itself, one thread at a time: a filter (seccomp(2)), rules for files
 * (landlock(7)). The refresh thread would keep what its client has given up; so it ends before
 * that. libc has no function for seccomp(2) nor for landlock: they are called by syscall(2). */
#include "hooks/hook.h"
#include "base/attributes.h"
#include "base/libc.h"
#include "refresh/thread.h"

#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/syscall.h>

#ifndef SYS_landlock_restrict_self
#define SYS_landlock_restrict_self 446
#endif

typedef unsigned long word;

/* prctl(2) and syscall(2) are variadic in libc; their arguments arrive where those of a fixed list
 * do. */
HOOK int prctl_hook(int option, word a, word b, word c, word d) __asm__("prctl");

static SELDOM int filter(word a, word b, word c, word d)
{
	bool held = thread_hold();
	int result = libc()->prctl(PR_SET_SECCOMP, a, b, c, d);

	if (held)
		thread_release(result == 0);
	return result;
}

int prctl_hook(int option, word a, word b, word c, word d)
{
	return option == PR_SET_SECCOMP ? filter(a, b, c, d) : libc()->prctl(option, a, b, c, d);
}

/* Has seccomp(2) installed a filter? With SECCOMP_FILTER_FLAG_NEW_LISTENER it returns a descriptor.
 */
static bool is_filtered(long result, long flags)
{
	return !result || (result > 0 && (unsigned long)flags & SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

/* Makes a call of at most four arguments that restricts the calling thread. */
static SELDOM long restrict_self(long number, long a, long b, long c, long d)
{
	long result;
	bool held;

	if (number == SYS_prctl)
		return prctl_hook((int)a, (word)b, (word)c, (word)d, 0);
	if (number == SYS_unshare)
		return unshare((int)a);
	held = thread_hold();
	libc();
	result = libc_syscall(number, a, b, c, d, 0, 0);
	if (held)
		thread_release(number == SYS_seccomp && is_filtered(result, b));
	return result;
}

/* Makes those calls of syscall(2) that are not libc's alone. */
HIDDEN long syscall_seldom(long number, long a, long b, long c, long d, long e, long f);

SELDOM long syscall_seldom(long number, long a, long b, long c, long d, long e, long f)
{
	/* What seccomp(2) is asked beside SECCOMP_SET_MODE_STRICT and _FILTER restricts nobody. */
	if ((number == SYS_seccomp && (word)a <= SECCOMP_SET_MODE_FILTER) ||
	    number == SYS_unshare || number == SYS_landlock_restrict_self ||
	    (number == SYS_prctl && a == PR_SET_SECCOMP))
		return restrict_self(number, a, b, c, d);
	libc();
	return libc_syscall(number, a, b, c, d, e, f);
}

#if defined(__x86_64__) && !defined(__ILP32__)

/* Jumps to libc's function, with all that the client gave as it is: the last argument would be on
 * the stack, and where the client gave fewer, that word is a variable of its own; and the call may
 * be one that returns twice. */
__asm__(".pushsection .text.syscall_hook,\"ax\",@progbits\n\t"
        ".globl syscall\n\t"
        ".type syscall, @function\n"
        "syscall:\n\t"
        "cmp $317, %rdi\n\t" /* SYS_seccomp */
        "je 1f\n\t"
        "cmp $272, %rdi\n\t" /* SYS_unshare */
        "je 1f\n\t"
        "cmp $446, %rdi\n\t" /* SYS_landlock_restrict_self */
        "je 1f\n\t"
        "cmp $157, %rdi\n\t" /* SYS_prctl */
        "je 1f\n\t"
        "mov libc_syscall(%rip), %r11\n\t"
        "test %r11, %r11\n\t"
        "jz 1f\n\t"
        "jmp *%r11\n"
        "1:\n\t"
        "jmp syscall_seldom\n\t"
        ".size syscall, .-syscall\n\t"
        ".popsection");
_Static_assert(SYS_seccomp == 317 && SYS_unshare == 272 && SYS_landlock_restrict_self == 446 &&
                       SYS_prctl == 157,
               "numbers of x86-64");

#else

/* All arguments are in registers. */
HOOK long syscall_hook(long number, long a, long b, long c, long d, long e,
                       long f) __asm__("syscall");

long syscall_hook(long number, long a, long b, long c, long d, long e, long f)
{
	return syscall_seldom(number, a, b, c, d, e, f);
}

#endif
