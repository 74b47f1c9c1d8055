#include "driver.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t start(char **program, char **environment, const posix_spawn_file_actions_t *actions)
{
	uint64_t began_ns = now_ns();
	pid_t child;
	int status;

	if (posix_spawn(&child, program[0], actions, NULL, program, environment) ||
	    waitpid(child, &status, 0) != child || status)
		die(program[0]);
	return now_ns() - began_ns;
}

int mode_spawn(int argc, char **argv)
{
	char preload[4096], path[] = "PATH=/usr/bin:/bin";
	char *environment[] = {path, strcmp(argv[0], "-") ? preload : NULL, NULL};
	posix_spawn_file_actions_t actions;
	int count;

	(void)argc;
	snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", argv[0]);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	printf("{}\n");
	while (scanf("%d", &count) == 1) {
		static struct histogram whole;

		memset(&whole, 0, sizeof(whole));
		for (int i = 0; i < count; i++)
			histogram_add(&whole, start(argv + 1, environment, &actions));
		printf("{\"n\":%d", count);
		histogram_print("whole", &whole, false);
		printf("}\n");
	}
	return 0;
}
