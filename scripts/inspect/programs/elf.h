/* What an ELF file (elf(5)) tells of how it is loaded. */
#ifndef LBDNS_INSPECT_PROGRAMS_ELF_H
#define LBDNS_INSPECT_PROGRAMS_ELF_H

#include <stdbool.h>

enum { ELF_TEXT_SIZE = 256, ELF_NEEDED = 64 };

struct elf {
	unsigned bits; /* 32 or 64; 0: the file was damaged */
	bool big_endian;
	unsigned machine;                /* EM_… */
	char interpreter[ELF_TEXT_SIZE]; /* the loader's path; "": statically linked */
	bool is_go;                      /* Go's linker made it */
	unsigned needed_count;
	char needed[ELF_NEEDED][64]; /* names of shared libraries (DT_NEEDED) */
};

enum elf_kind { ELF_NONE, ELF_FILE, ELF_UNREADABLE };

/* Reads a file. ELF_NONE: it is no ELF file; ELF_UNREADABLE: errno says why. A damaged file tells
 * less, and may have any bytes in its texts. */
enum elf_kind elf_read(const char *path, struct elf *elf);

/* Writes what machine it is for, as "64-bit x86-64" or "32-bit powerpc, big endian", into text[48].
 * Returns text. */
char *elf_architecture(const struct elf *elf, char *text);

/* Writes which libc a loader is of, as "glibc 2.36", "musl 1.2.3", "glibc" or "" (not known), into
 * text[48]. Returns text. */
char *elf_libc(const char *loader, char *text);

/* Returns the shared library that it needs and whose name begins so; NULL: it needs none. */
const char *elf_needs(const struct elf *elf, const char *name);

/* Returns the first of names, of which the last is NULL, that is a function or variable which a
 * file shows to others; NULL: none is. */
const char *elf_defines(const char *path, const char *const names[]);

#endif
