#include "shared/user.h"

#include "base/attributes.h"
#include "base/kernel.h"

#include <fcntl.h>
#include <stdbool.h>

enum { MAP_SIZE = 512 }; /* a line has 33 bytes; users that further ones map keep their number */

uint32_t user_id(void)
{
	return (uint32_t)kernel_call(SYS_geteuid);
}

/* Reads a number of /proc/self/uid_map; *at ends behind it. Returns false if there is none. */
static bool read_number(const char **at, uint32_t *number)
{
	while (**at == ' ' || **at == '\n')
		++*at;
	*number = 0;
	for (; **at >= '0' && **at <= '9'; ++*at)
		*number = *number * 10 + (uint32_t)(**at - '0');
	return **at == ' ' || **at == '\n';
}

uint32_t user_outside(uint32_t uid)
{
	char map[MAP_SIZE];
	const char *at = map;
	uint32_t inside, outside, count;
	long file = kernel_call(SYS_openat, AT_FDCWD, "/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	long got = file >= 0 ? kernel_call(SYS_read, file, map, sizeof(map) - 1) : 0;

	if (file >= 0)
		kernel_call(SYS_close, file);
	map[got > 0 ? got : 0] = '\0';
	/* Each line has the first user inside, the first outside, and how many there are
	 * (user_namespaces(7)). */
	while (read_number(&at, &inside) && read_number(&at, &outside) && read_number(&at, &count))
		if (uid - inside < count)
			return outside + (uid - inside);
	return uid;
}
