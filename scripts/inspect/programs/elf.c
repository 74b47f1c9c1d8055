#include "programs/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file in memory; at is NULL and size 0 if it is empty or no regular file. */
struct bytes {
	const unsigned char *at;
	size_t size;
	bool big_endian;
};

static bool bytes_open(const char *path, struct bytes *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	void *at = MAP_FAILED;

	if (fd < 0)
		return false;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode) && status.st_size > 0)
		at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	bytes->at = at == MAP_FAILED ? NULL : at;
	bytes->size = at == MAP_FAILED ? 0 : (size_t)status.st_size;
	return true;
}

static void bytes_close(struct bytes *bytes)
{
	if (bytes->at)
		munmap((void *)bytes->at, bytes->size);
}

/* Returns the number of length bytes at offset; 0 if it is not in the file. */
static uint64_t number(const struct bytes *in, uint64_t offset, unsigned length)
{
	uint64_t value = 0;

	if (offset > in->size || length > in->size - offset)
		return 0;
	for (unsigned i = 0; i < length; i++)
		value = value << 8 | in->at[offset + (in->big_endian ? i : length - 1 - i)];
	return value;
}

/* Copies the text at offset, as much as is in the file and fits. */
static void text(const struct bytes *in, uint64_t offset, char *into, size_t size)
{
	size_t i = 0;

	for (; i + 1 < size && offset < in->size && in->at[offset]; i++, offset++)
		into[i] = (char)in->at[offset];
	into[i] = '\0';
}

/* ---- Headers: offsets of elf(5), for 32 and 64 bits */

/* Returns the number of the file's word size, at base and one of two offsets. */
static uint64_t word(const struct bytes *in, const struct elf *elf, uint64_t base, unsigned at32,
                     unsigned at64)
{
	return elf->bits == 64 ? number(in, base + at64, 8) : number(in, base + at32, 4);
}

struct segment {
	uint32_t type;
	uint64_t offset, address, size;
};

/* Reads the index-th program header; false if there are less. */
static bool segment_read(const struct bytes *in, const struct elf *elf, unsigned index,
                         struct segment *segment)
{
	unsigned count = (unsigned)number(in, elf->bits == 64 ? 56 : 44, 2);
	uint64_t at = word(in, elf, 0, 28, 32) + index * (elf->bits == 64 ? 56ull : 32ull);

	if (index >= count)
		return false;
	segment->type = (uint32_t)number(in, at, 4);
	segment->offset = word(in, elf, at, 4, 8);
	segment->address = word(in, elf, at, 8, 16);
	segment->size = word(in, elf, at, 16, 32);
	return true;
}

/* Returns where an address is in the file; UINT64_MAX if it is not there. */
static uint64_t file_offset(const struct bytes *in, const struct elf *elf, uint64_t address)
{
	struct segment segment;

	for (unsigned i = 0; segment_read(in, elf, i, &segment); i++)
		if (segment.type == PT_LOAD && address >= segment.address &&
		    address - segment.address < segment.size)
			return segment.offset + (address - segment.address);
	return UINT64_MAX;
}

/* Reads DT_NEEDED, in two passes: DT_STRTAB, where their texts are, may come after them. */
static void read_needed(const struct bytes *in, struct elf *elf, const struct segment *dynamic)
{
	unsigned size = elf->bits == 64 ? 16 : 8;
	uint64_t strings = UINT64_MAX, tag;

	for (int pass = 0; pass < 2; pass++) {
		for (uint64_t at = dynamic->offset; at + size <= dynamic->offset + dynamic->size;
		     at += size) {
			uint64_t value = word(in, elf, at, 4, 8);

			tag = word(in, elf, at, 0, 0);
			if (tag == DT_NULL)
				break;
			if (!pass && tag == DT_STRTAB)
				strings = file_offset(in, elf, value);
			if (pass && tag == DT_NEEDED && strings < in->size && value < in->size &&
			    elf->needed_count < ELF_NEEDED)
				text(in, strings + value, elf->needed[elf->needed_count++],
				     sizeof(elf->needed[0]));
		}
	}
}

/* Returns whether there is a section that Go's linker leaves, in a stripped file too. */
static bool find_go(const struct bytes *in, const struct elf *elf)
{
	uint64_t table = word(in, elf, 0, 32, 40), size = elf->bits == 64 ? 64 : 40, names;
	uint64_t count = number(in, elf->bits == 64 ? 60 : 48, 2);
	uint64_t index = number(in, elf->bits == 64 ? 62 : 50, 2);
	char name[32];

	names = word(in, elf, table + index * size, 16, 24);
	for (uint64_t i = 0; table && i < count; i++) {
		text(in, names + number(in, table + i * size, 4), name, sizeof(name));
		if (!strcmp(name, ".go.buildinfo") || !strcmp(name, ".note.go.buildid"))
			return true;
	}
	return false;
}

enum elf_kind elf_read(const char *path, struct elf *elf)
{
	struct segment segment;
	struct bytes in;
	enum elf_kind kind = ELF_NONE;

	memset(elf, 0, sizeof(*elf));
	if (!bytes_open(path, &in))
		return ELF_UNREADABLE;
	if (in.size >= EI_NIDENT && !memcmp(in.at, ELFMAG, SELFMAG)) {
		kind = ELF_FILE;
		in.big_endian = in.at[EI_DATA] == ELFDATA2MSB;
		elf->big_endian = in.big_endian;
		elf->bits = in.at[EI_CLASS] * 32u;
		elf->machine = (unsigned)number(&in, 18, 2);
		for (unsigned i = 0; segment_read(&in, elf, i, &segment); i++) {
			if (segment.type == PT_INTERP)
				text(&in, segment.offset, elf->interpreter, ELF_TEXT_SIZE);
			if (segment.type == PT_INTERP && !elf->interpreter[0])
				strcpy(elf->interpreter, "?"); /* its text is not in the file */
			if (segment.type == PT_DYNAMIC)
				read_needed(&in, elf, &segment);
		}
		elf->is_go = find_go(&in, elf);
	}
	bytes_close(&in);
	return kind;
}

/* ---- What it shows to others */

struct section {
	uint64_t type, offset, size, link;
};

static bool section_read(const struct bytes *in, const struct elf *elf, uint64_t index,
                         struct section *section)
{
	uint64_t at = word(in, elf, 0, 32, 40) + index * (elf->bits == 64 ? 64ull : 40ull);

	if (index >= number(in, elf->bits == 64 ? 60 : 48, 2))
		return false;
	section->type = number(in, at + 4, 4);
	section->offset = word(in, elf, at, 16, 24);
	section->size = word(in, elf, at, 20, 32);
	section->link = number(in, at + (elf->bits == 64 ? 40 : 24), 4);
	return true;
}

static const char *symbol_find(const struct bytes *in, const struct elf *elf,
                               const struct section *symbols, const char *const names[])
{
	unsigned size = elf->bits == 64 ? 24 : 16;
	struct section texts;
	char name[32];

	if (!section_read(in, elf, symbols->link, &texts))
		return NULL;
	for (uint64_t at = symbols->offset;
	     at < in->size && at + size <= symbols->offset + symbols->size; at += size) {
		if (number(in, at + (elf->bits == 64 ? 6 : 14), 2) == SHN_UNDEF)
			continue;
		text(in, texts.offset + number(in, at, 4), name, sizeof(name));
		for (unsigned i = 0; names[i]; i++)
			if (!strcmp(name, names[i]))
				return names[i];
	}
	return NULL;
}

const char *elf_defines(const char *path, const char *const names[])
{
	struct section section;
	struct bytes in;
	struct elf elf = {.bits = 0};
	const char *found = NULL;

	if (!bytes_open(path, &in))
		return NULL;
	if (in.size >= EI_NIDENT && !memcmp(in.at, ELFMAG, SELFMAG)) {
		in.big_endian = in.at[EI_DATA] == ELFDATA2MSB;
		elf.bits = in.at[EI_CLASS] * 32u;
		for (unsigned i = 0; !found && section_read(&in, &elf, i, &section); i++)
			if (section.type == SHT_DYNSYM)
				found = symbol_find(&in, &elf, &section, names);
	}
	bytes_close(&in);
	return found;
}

char *elf_architecture(const struct elf *elf, char *text)
{
	static const struct {
		unsigned machine;
		char name[12];
	} names[] = {{EM_386, "i386"},      {EM_MIPS, "mips"},       {EM_PPC, "powerpc"},
	             {EM_PPC64, "powerpc"}, {EM_S390, "s390"},       {EM_ARM, "arm"},
	             {EM_X86_64, "x86-64"}, {EM_AARCH64, "aarch64"}, {EM_RISCV, "riscv"},
	             {258, "loongarch"}};
	char number[24];
	const char *name = number;

	snprintf(number, sizeof(number), "machine %u", elf->machine);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == elf->machine)
			name = names[i].name;
	snprintf(text, 48, "%u-bit %s%s", elf->bits, name, elf->big_endian ? ", big endian" : "");
	return text;
}

const char *elf_needs(const struct elf *elf, const char *name)
{
	for (unsigned i = 0; i < elf->needed_count; i++)
		if (!strncmp(elf->needed[i], name, strlen(name)))
			return elf->needed[i];
	return NULL;
}

/* ---- Which libc */

/* Finds the version of glibc: "stable release version 2.36." is in libc.so.6, and since 2.33 in the
 * loader. */
static bool glibc_version(const char *path, char version[16])
{
	static const char before[] = "release version ";
	struct bytes in;
	const unsigned char *at = NULL;
	size_t length = 0;

	if (!bytes_open(path, &in))
		return false;
	if (in.at)
		at = memmem(in.at, in.size, before, sizeof(before) - 1);
	if (at) {
		text(&in, (uint64_t)(at - in.at) + sizeof(before) - 1, version, 16);
		length = strspn(version, "0123456789.");
		while (length && version[length - 1] == '.')
			length--;
		version[length] = '\0';
	}
	bytes_close(&in);
	return length > 0;
}

/* Finds the version of musl, whose loader is libc: a string by itself, of digits and two dots. */
static bool musl_version(const char *path, char version[16])
{
	struct bytes in;
	bool found = false;

	if (!bytes_open(path, &in))
		return false;
	for (size_t i = 1; in.at && i + 16 < in.size && !found; i++) {
		size_t dots = 0, length;

		if (in.at[i - 1] || in.at[i] < '0' || in.at[i] > '9')
			continue;
		text(&in, i, version, 16);
		length = strspn(version, "0123456789.");
		for (size_t k = 0; k < length; k++)
			dots += version[k] == '.';
		found = dots == 2 && !version[length] && length >= 5;
	}
	bytes_close(&in);
	return found;
}

char *elf_libc(const char *loader, char *text)
{
	char real[4096], version[16];
	char *slash;

	*text = '\0';
	if (strstr(loader, "ld-musl")) {
		snprintf(text, 48, musl_version(loader, version) ? "musl %s" : "musl", version);
		return text;
	}
	if (!strstr(loader, "/ld"))
		return text;
	snprintf(text, 48, "glibc");
	if (glibc_version(loader, version)) {
		snprintf(text, 48, "glibc %s", version);
		return text;
	}
	if (!realpath(loader, real) || !(slash = strrchr(real, '/')) ||
	    (size_t)(slash - real) + sizeof("/libc.so.6") > sizeof(real))
		return text;
	strcpy(slash, "/libc.so.6");
	if (glibc_version(real, version))
		snprintf(text, 48, "glibc %s", version);
	return text;
}
