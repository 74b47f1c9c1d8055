/* What an ELF file (elf(5)) tells of how it is loaded. */
#ifndef LBDNS_INSPECT_PROGRAMS_ELF_H
#define LBDNS_INSPECT_PROGRAMS_ELF_H

#include <stdbool.h>

enum { ELF_TEXT_SIZE = 256, ELF_NEEDED = 64 };

struct elf {
	unsigned bits; /* 32 or 64 */
	bool big_endian;
	unsigned machine;
	char interpreter[ELF_TEXT_SIZE]; /* "": statically linked */
	bool is_go;
	unsigned needed_count;
	char needed[ELF_NEEDED][64]; /* DT_NEEDED */
};

enum elf_kind { ELF_NONE, ELF_FILE, ELF_UNREADABLE };

/* ELF_NONE: it is no ELF file; ELF_UNREADABLE: errno says why. A damaged one tells less. */
enum elf_kind elf_read(const char *path, struct elf *elf);

/* "64-bit x86-64", "32-bit powerpc, big endian" into text[48]; returns text. */
char *elf_architecture(const struct elf *elf, char *text);

/* Which libc a loader is of: "glibc 2.36", "musl 1.2.3", "glibc", "", into text[48]; returns text.
 */
char *elf_libc(const char *loader, char *text);

bool elf_needs(const struct elf *elf, const char *name);

#endif
