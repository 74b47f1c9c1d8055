/* clang-format off */
/*
 * driver MODE ARGUMENT...
 *
 *   serve PORT                     pods: answers a request with 64 bytes that begin with the address
 *                                  it came to, and a request "c" with how many connections that has
 *                                  accepted
 *   client KIND HOST PORT          new connections; once, lookup, nonblock, or poll (once, and does
 *                                  one poll(2) more). HOST may be several with commas between them,
 *                                  for a client that rotates by itself. Commands: WHAT THREADS MS,
 *                                  WHAT being connect or request
 *   lookup                         getaddrinfo. Commands: NAME THREADS MS
 *   hook HOST TO blocks|nonblock   connect alone, over tests/bench/stub.c: HOST is looked up, TO (an
 *                                  address, or - for the first of HOST's) connected to. Commands:
 *                                  CALLS (once, counted by callgrind), or THREADS MS
 *   spawn PRELOAD|- PROGRAM...     starts it. Commands: how many times
 *   memory HOST|- PORT MS          looks up and connects, if so told, and says after MS what is
 *                                  resident
 *   fresh HOST PORT MS             one lookup, a connection every MS ms, and a line for each pod
 *                                  when it is reached first: nanoseconds of CLOCK_MONOTONIC, address
 *   stay NAME...                   looks the names up, and stays
 *   delay US FROM DEVICE TO DEVICE holds what leaves network namespace FROM through DEVICE for US
 *                                  microseconds, then lets it in at DEVICE of TO; until stdin ends
 */
/* clang-format on */
#include "driver.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int, char **);
		int arguments;
	} modes[] = {
		{"serve", mode_serve, 1}, {"client", mode_client, 3}, {"lookup", mode_lookup, 0},
		{"hook", mode_hook, 3},   {"spawn", mode_spawn, 2},   {"memory", mode_memory, 3},
		{"fresh", mode_fresh, 3}, {"stay", mode_stay, 1},     {"delay", mode_delay, 5},
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name) && argc - 2 >= modes[i].arguments)
			return modes[i].run(argc - 2, argv + 2);
	fprintf(stderr, "driver: no such mode, or too few arguments\n");
	return 2;
}
