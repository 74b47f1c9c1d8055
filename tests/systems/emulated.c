/* PROGRAM: runs PROGRAM.arm64, which is beside it, with qemu. Static, so that LD_PRELOAD is for the
 * emulated program alone, and under the name that the tests know. */

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	static const char suffix[] = ".arm64";
	char program[PATH_MAX];
	char *line[count + 2];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - sizeof(suffix));

	if (length < 0) {
		perror("/proc/self/exe");
		return 126;
	}
	strcpy(program + length, suffix);
	line[0] = "qemu-aarch64-static";
	line[1] = program;
	for (int i = 1; i <= count; i++)
		line[i + 1] = arguments[i];
	execvp(line[0], line);
	perror(line[0]);
	return 127;
}
