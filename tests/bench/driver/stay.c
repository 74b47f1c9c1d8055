#include "driver.h"

#include <stdio.h>
#include <unistd.h>

int mode_stay(int argc, char **argv)
{
	struct sockaddr_in address;

	for (int i = 0; i < argc; i++)
		look_up(argv[i], "9000", &address, 1);
	printf("{}\n");
	for (;;)
		pause();
}
