#include "learn/hosts.h"

#include "base/address.h"
#include "base/address_set.h"
#include "base/kernel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

enum { READ_SIZE = 1024 };

/* Where in a line of the file (hosts(5): an address, and names of it) the reader is. */
enum place {
	AT_ADDRESS, /* before the first word, or in it */
	AT_NAMES,   /* behind an address of the answer */
	AT_REST     /* nothing in the rest of the line matters */
};

struct hosts_reader {
	struct name_text name; /* without a trailing dot */
	const struct answer *answer;
	enum place place;
	size_t length;               /* of the word; CONFIG_NAME_SIZE: it is too long for a name */
	char word[CONFIG_NAME_SIZE]; /* not terminated */
};

/* Returns true if a word is an address of the answer. */
static bool is_answered(const struct answer *answer, const char *word)
{
	unsigned char bytes[16];
	enum family family = strchr(word, ':') ? FAMILY_V6 : FAMILY_V4;

	if (inet_pton(family == FAMILY_V4 ? AF_INET : AF_INET6, word, bytes) != 1)
		return false;
	return address_set_find(answer->family[family].addresses, answer->family[family].count,
	                        address_from_bytes(family, bytes)) >= 0;
}

/* Takes the word that ends here. Returns true if it is the name. */
static bool word_ends(struct hosts_reader *reader)
{
	struct name_text name;
	bool is_word = reader->length && reader->length < sizeof(reader->word);

	if (is_word)
		reader->word[reader->length] = '\0';
	if (reader->length && reader->place == AT_ADDRESS)
		reader->place =
			is_word && is_answered(reader->answer, reader->word) ? AT_NAMES : AT_REST;
	else if (is_word && reader->place == AT_NAMES && name_normalize(reader->word, &name) &&
	         !memcmp(&name, &reader->name, sizeof(name)))
		return true;
	reader->length = 0;
	return false;
}

/* Returns true if the name has been read. */
static bool take(struct hosts_reader *reader, char c)
{
	bool is_space = c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#';

	if (!is_space) {
		if (reader->length < sizeof(reader->word))
			reader->word[reader->length++] = c;
		return false;
	}
	if (word_ends(reader))
		return true;
	if (c == '\n')
		reader->place = AT_ADDRESS;
	else if (c == '#')
		reader->place = AT_REST;
	return false;
}

bool hosts_say(const struct name_text *name, const struct answer *answer)
{
	struct hosts_reader reader = {.answer = answer};
	char buffer[READ_SIZE];
	bool found = false;
	long got, file = kernel_call(SYS_openat, AT_FDCWD, "/etc/hosts",
	                             O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (file < 0)
		return false;
	name_without_dot(name, &reader.name);
	while (!found && (got = kernel_call(SYS_read, file, buffer, sizeof(buffer))) > 0)
		for (long i = 0; !found && i < got; i++)
			found = take(&reader, buffer[i]);
	kernel_call(SYS_close, file);
	return found || take(&reader, '\n');
}
