/* The driver of the benchmark: one program with a mode for each kind of work. Those that are told
 * what to do read a command a line on stdin and answer each with a line of JSON, so that
 * contestants stay ready and their turns can be short and interleaved. */
#ifndef LBDNS_BENCH_DRIVER_H
#define LBDNS_BENCH_DRIVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

_Noreturn void die(const char *what);
uint64_t now_ns(void);
int number(const char *text);

/* Times: 128 buckets to each power of 2, so that what is read from it is off by 0.8 % at most. */
enum { HISTOGRAM_BUCKETS = 30 * 128 };

struct histogram {
	uint32_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* ,"NAME":{"p50":ns,"p99":ns,"n":count}, and the buckets that are not empty as [[ns,count],…] if
 * asked for. */
void histogram_print(const char *name, const struct histogram *histogram, bool buckets);

/* What one thread does for so long, and what it has to tell. */
struct work {
	const void *task;
	unsigned index; /* of the thread */
	uint64_t until_ns;
	uint64_t done, failed;
	struct histogram first, whole;
};

/* Runs threads for ms, and adds up: n, s, failed and CPU seconds of this process into a line of
 * JSON, which the caller ends. The work returned is valid until the next call. */
const struct work *work_run(void *(*run)(void *), const void *task, int threads, int ms);

/* The IPv4 addresses of a name, by getaddrinfo; returns how many, at most room. */
int look_up(const char *host, const char *port, struct sockaddr_in *addresses, int room);

int mode_client(int argc, char **argv);
int mode_delay(int argc, char **argv);
int mode_fresh(int argc, char **argv);
int mode_hook(int argc, char **argv);
int mode_lookup(int argc, char **argv);
int mode_memory(int argc, char **argv);
int mode_serve(int argc, char **argv);
int mode_spawn(int argc, char **argv);
int mode_stay(int argc, char **argv);

#endif
