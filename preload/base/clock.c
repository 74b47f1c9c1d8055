#include "base/clock.h"

#include "base/attributes.h"
#include "base/kernel.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>

static int read_by_call(clockid_t clock, struct timespec *now)
{
	return (int)kernel_call(SYS_clock_gettime, clock, now);
}

_Atomic(clock_reader) clock_read = read_by_call;

/* The vDSO's dynamic section, as much of it as is wanted here. */
struct vdso {
	uintptr_t offset; /* from its addresses to where it is mapped */
	const ElfW(Sym) * symbols;
	const char *names; /* they lie behind the symbols (the kernel's vdso-layout.lds.S) */
};

static bool vdso_read(struct vdso *vdso, uintptr_t start)
{
	const ElfW(Ehdr) *header = (const void *)start;
	const ElfW(Phdr) *segment = (const void *)(start + header->e_phoff);
	const ElfW(Dyn) *dynamic = NULL;
	bool is_loaded = false;

	for (int i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type == PT_LOAD && !is_loaded) {
			vdso->offset = start + segment[i].p_offset - segment[i].p_vaddr;
			is_loaded = true;
		} else if (segment[i].p_type == PT_DYNAMIC) {
			dynamic = (const void *)(start + segment[i].p_offset);
		}
	}
	for (; is_loaded && dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_SYMTAB)
			vdso->symbols = (const void *)(dynamic->d_un.d_ptr + vdso->offset);
		else if (dynamic->d_tag == DT_STRTAB)
			vdso->names = (const void *)(dynamic->d_un.d_ptr + vdso->offset);
	}
	return vdso->symbols && vdso->names > (const char *)vdso->symbols;
}

void clock_start(void)
{
	uintptr_t start = getauxval(AT_SYSINFO_EHDR);
	struct vdso vdso = {.offset = 0};

	if (!start || !vdso_read(&vdso, start))
		return;
	for (const ElfW(Sym) *symbol = vdso.symbols; (const char *)(symbol + 1) <= vdso.names;
	     symbol++) {
		const char *name = vdso.names + symbol->st_name;
		struct timespec now;
		clock_reader reader;

		if (!symbol->st_value || (strcmp(name, "__vdso_clock_gettime") != 0 &&
		                          strcmp(name, "__kernel_clock_gettime") != 0))
			continue;
		reader = (clock_reader)(symbol->st_value + vdso.offset);
		if (!reader(CLOCK_MONOTONIC_COARSE, &now))
			atomic_store_explicit(&clock_read, reader, memory_order_relaxed);
		return;
	}
}
