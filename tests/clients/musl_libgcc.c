/*
 * What Debian's libstdc++ and libgcc_s want of glibc and musl lacks, so that a C++ program for musl
 * (Bun) runs here without a libstdc++ built for musl. It takes the name of glibc's loader, which
 * they ask for. Good enough for a test: destructors of thread_local objects are not run, and
 * exceptions are unwound by dl_iterate_phdr.
 */
#include <locale.h>
#include <stdint.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded;
struct {
	unsigned words[4];
} __cpu_model;

int __cpu_indicator_init(void)
{
	return 0;
}

uint32_t arc4random(void)
{
	uint32_t word = 0;

	getrandom(&word, sizeof(word), 0);
	return word;
}

size_t __strftime_l(char *text, size_t size, const char *format, const struct tm *time,
                    locale_t locale)
{
	return strftime_l(text, size, format, time, locale);
}

int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library)
{
	(void)destructor, (void)object, (void)library;
	return 0;
}

int _dl_find_object(void *address, void *result)
{
	(void)address, (void)result;
	return -1;
}
