#include "driver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { THREADS = 8, OCTAVE = 128 };

_Noreturn void die(const char *what)
{
	fprintf(stderr, "driver: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	errno = EINVAL;
	if (!*text || *end || value < 0 || value > 1000000000)
		die(text);
	return (int)value;
}

/* ---- Histograms */

void histogram_add(struct histogram *histogram, uint64_t ns)
{
	uint64_t place = ns;

	if (ns >= OCTAVE) {
		unsigned octave = 63 - (unsigned)__builtin_clzll(ns) - 7; /* 0: 128 to 255 */

		place = (octave + 1) * (uint64_t)OCTAVE + ((ns >> octave) - OCTAVE);
	}
	histogram->counts[place < HISTOGRAM_BUCKETS ? place : HISTOGRAM_BUCKETS - 1]++;
}

static uint64_t histogram_ns(unsigned place)
{
	unsigned octave = place / OCTAVE;

	return octave ? (uint64_t)(OCTAVE + place % OCTAVE) << (octave - 1) : place;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->counts[i] += from->counts[i];
}

static uint64_t histogram_quantile(const struct histogram *histogram, uint64_t of, uint64_t percent)
{
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen * 100 >= of * percent)
			return histogram_ns(i);
	}
	return 0;
}

void histogram_print(const char *name, const struct histogram *histogram, bool buckets)
{
	uint64_t count = 0;
	const char *separator = "";

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		count += histogram->counts[i];
	printf(",\"%s\":{\"n\":%llu,\"p50\":%llu,\"p99\":%llu", name, (unsigned long long)count,
	       (unsigned long long)(count ? histogram_quantile(histogram, count, 50) : 0),
	       (unsigned long long)(count ? histogram_quantile(histogram, count, 99) : 0));
	if (buckets) {
		printf(",\"buckets\":[");
		for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
			if (!histogram->counts[i])
				continue;
			printf("%s[%llu,%u]", separator, (unsigned long long)histogram_ns(i),
			       histogram->counts[i]);
			separator = ",";
		}
		printf("]");
	}
	printf("}");
}

/* ---- Work */

static double cpu_seconds(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

const struct work *work_run(void *(*run)(void *), const void *task, int threads, int ms)
{
	static struct work works[THREADS];
	pthread_t ids[THREADS];
	uint64_t began_ns, until_ns;
	double cpu = cpu_seconds();

	if (threads < 1 || threads > THREADS) {
		errno = EINVAL;
		die("threads");
	}
	memset(works, 0, sizeof(works[0]) * (size_t)threads);
	began_ns = now_ns();
	until_ns = began_ns + (uint64_t)ms * 1000000;
	for (int i = 0; i < threads; i++) {
		works[i].task = task;
		works[i].index = (unsigned)i;
		works[i].until_ns = until_ns;
		/* The only thread is the one that is there: a client with one thread has one. */
		if (threads > 1 && pthread_create(&ids[i], NULL, run, &works[i]))
			die("pthread_create");
	}
	if (threads == 1)
		run(&works[0]);
	for (int i = 0; threads > 1 && i < threads; i++)
		pthread_join(ids[i], NULL);
	for (int i = 1; i < threads; i++) {
		works[0].done += works[i].done;
		works[0].failed += works[i].failed;
		histogram_merge(&works[0].first, &works[i].first);
		histogram_merge(&works[0].whole, &works[i].whole);
	}
	printf("{\"n\":%llu,\"failed\":%llu,\"s\":%.6f,\"cpu\":%.6f",
	       (unsigned long long)works[0].done, (unsigned long long)works[0].failed,
	       (double)(now_ns() - began_ns) / 1e9, cpu_seconds() - cpu);
	return &works[0];
}

int look_up(const char *host, const char *port, struct sockaddr_in *addresses, int room)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
	int count = 0, error = getaddrinfo(host, port, &hints, &list);

	if (error) {
		fprintf(stderr, "driver: %s: %s\n", host, gai_strerror(error));
		exit(1);
	}
	for (struct addrinfo *node = list; node && count < room; node = node->ai_next)
		memcpy(&addresses[count++], node->ai_addr, sizeof(*addresses));
	freeaddrinfo(list);
	return count;
}
