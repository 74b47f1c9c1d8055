/* Whether this is valgrind's processor. Valgrind tells of each system call that it does not know,
 * on the client's standard error. Any thread, any signal handler. */
#ifndef LBDNS_BASE_VALGRIND_H
#define LBDNS_BASE_VALGRIND_H

#include <stdbool.h>

/* Returns true under valgrind. A request to it is a row of instructions that does nothing
 * elsewhere: rotations of a register by 64 in all (valgrind.h, RUNNING_ON_VALGRIND). */
static inline bool valgrind_runs(void)
{
	unsigned long request[6] = {0x1001}, answer = 0;

#if defined(__x86_64__) && !defined(__ILP32__)
	__asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi\n\t"
	                 "xchgq %%rbx, %%rbx"
	                 : "+d"(answer)
	                 : "a"(request)
	                 : "cc", "memory");
#elif defined(__aarch64__)
	register unsigned long result __asm__("x3") = answer;
	register unsigned long *where __asm__("x4") = request;

	__asm__ volatile("ror x12, x12, #3; ror x12, x12, #13\n\t"
	                 "ror x12, x12, #51; ror x12, x12, #61\n\t"
	                 "orr x10, x10, x10"
	                 : "+r"(result)
	                 : "r"(where)
	                 : "cc", "memory");
	answer = result;
#else
	(void)request;
#endif
	return answer != 0;
}

#endif
