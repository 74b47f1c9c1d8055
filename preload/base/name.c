#include "base/name.h"

#include "base/address.h"

#include <string.h>

bool name_normalize(const char *from, struct name_text *name)
{
	size_t length = 0;

	memset(name, 0, sizeof(*name));
	for (; from[length]; length++) {
		char c = from[length];

		if (length >= CONFIG_NAME_SIZE - 2)
			return false;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		else if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
		         c != '_' && c != '.')
			return false;
		name->text[length] = c;
	}
	return length > 0;
}

bool name_is_numeric(const struct name_text *name)
{
	const char *last = strrchr(name->text, '.');

	last = last ? last + 1 : name->text;
	if (last[0] == '0' && last[1] == 'x')
		return true;
	return *last && !last[strspn(last, "0123456789")];
}

uint64_t name_hash(const struct name_text *name)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < sizeof(name->text) && name->text[i]; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, name->text + i, sizeof(word));
		hash = hash_mix(hash ^ word) + UINT64_C(0x9e3779b97f4a7c15);
	}
	return hash;
}

void name_without_dot(const struct name_text *from, struct name_text *to)
{
	size_t length = strlen(from->text);

	*to = *from;
	if (length && to->text[length - 1] == '.')
		to->text[length - 1] = '\0';
}
