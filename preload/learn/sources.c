#include "learn/sources.h"

#include "base/kernel.h"
#include "base/libc.h"

#include <fcntl.h>
#include <string.h>

enum {
	PIECE_SIZE = 256,
	LINE_SIZE = 256 /* a longer line may say anything */
};

/* Returns how long the word is that begins here, a source or an action ("[NOTFOUND=return]",
 * without its bracket); 0: the line ends here. */
static size_t word_length(const char *text)
{
	return *text == '[' ? strcspn(text, "]\n") : strcspn(text, " \t\r\n#[");
}

/* Is each source of a line one of these two? */
static bool are_files_and_dns(const char *line)
{
	for (;;) {
		size_t length;

		line += strspn(line, " \t\r]");
		length = word_length(line);
		if (!length) /* the end of the line, or a comment */
			return true;
		if (*line != '[' && !(length == 5 && !memcmp(line, "files", 5)) &&
		    !(length == 3 && !memcmp(line, "dns", 3)))
			return false;
		line += length;
	}
}

/* Returns true if a line is the one of host names; *are_dns becomes what it says. */
static bool is_hosts(const char *line, bool *are_dns)
{
	static const char key[] = "hosts:";

	line += strspn(line, " \t\r");
	if (strncmp(line, key, sizeof(key) - 1) != 0)
		return false;
	*are_dns = are_files_and_dns(line + sizeof(key) - 1);
	return true;
}

/* In pieces, because this may run on the small stack of a signal handler. */
bool sources_are_dns(void)
{
	char piece[PIECE_SIZE], line[LINE_SIZE];
	size_t length = 0;
	bool found = false, cut = false;
	bool are_dns = true; /* glibc's default is "dns [!UNAVAIL=return] files" */
	long got, file;

	if (libc_is_musl())
		return true;
	file = kernel_call(SYS_openat, AT_FDCWD, "/etc/nsswitch.conf",
	                   O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file < 0)
		return true;
	while (!found && (got = kernel_call(SYS_read, file, piece, sizeof(piece))) > 0)
		for (long i = 0; !found && i < got; i++) {
			if (length < sizeof(line) - 1)
				line[length++] = piece[i];
			else
				cut = true;
			if (piece[i] != '\n')
				continue;
			line[length] = '\0';
			found = is_hosts(line, &are_dns);
			are_dns = are_dns && !(found && cut);
			length = 0;
			cut = false;
		}
	kernel_call(SYS_close, file);
	line[length] = '\0';
	if (!found)
		is_hosts(line, &are_dns);
	return are_dns;
}
