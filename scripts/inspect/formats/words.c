#include "formats/words.h"

#include "base/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { TEXT_SIZE = 16 };

char *words_plain(const char *from, char *into, size_t size)
{
	size_t i = 0;

	for (; from[i] && i + 1 < size; i++)
		into[i] = from[i];
	into[i] = '\0';
	for (char *at = into; *at; at++)
		if (*at < ' ' || *at > '~')
			*at = '?';
	return into;
}

char *words_age(uint64_t ms, char *text)
{
	static const struct {
		uint64_t ms, below_ms;
		char unit[4];
	} units[] = {{1, 1000, "ms"},
	             {1000, 120 * 1000, "s"},
	             {60 * 1000, 120 * 60 * 1000, "m"},
	             {3600 * 1000, 48 * 3600 * 1000, "h"},
	             {24 * 3600 * 1000, UINT64_MAX, "d"}};
	size_t i = 0;

	while (ms >= units[i].below_ms && i + 1 < sizeof(units) / sizeof(units[0]))
		i++;
	if (ms / units[i].ms > 99999)
		snprintf(text, TEXT_SIZE, "long");
	else
		snprintf(text, TEXT_SIZE, "%" PRIu64 "%s", ms / units[i].ms, units[i].unit);
	return text;
}

char *words_count(uint64_t count, char *text)
{
	static const char units[] = "kMGTPE";
	double value = (double)count;
	size_t unit = 0;

	if (count < 10000000) {
		snprintf(text, TEXT_SIZE, "%" PRIu64, count);
		return text;
	}
	for (value /= 1000; value >= 1000 && unit + 2 < sizeof(units); unit++)
		value /= 1000;
	snprintf(text, TEXT_SIZE, "%.1f%c", value, units[unit]);
	return text;
}

const char *words_error(int error, char *text)
{
	const char *name = error > 0 ? strerrorname_np(error) : NULL;

	if (!error)
		return "connected";
	if (error == EINPROGRESS)
		return "in progress";
	if (name)
		return name;
	snprintf(text, TEXT_SIZE, "%d", error);
	return text;
}

const char *words_order(enum mode_order order)
{
	static const char words[][8] = {"default", "off", "observe", "on"};

	return words[order];
}

const char *words_mode(enum config_mode mode)
{
	static const char words[][8] = {"off", "observe", "on"};

	return words[mode];
}

const char *words_outcome(uint32_t outcome)
{
	static const char words[][16] = {"not asked", "answered", "no addresses", "no such name",
	                                 "failed"};

	return outcome <= DNS_FAILED ? words[outcome] : "unknown";
}

void words_json(FILE *to, const char *text)
{
	fputc('"', to);
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		if (*at == '"' || *at == '\\')
			fprintf(to, "\\%c", *at);
		else if (*at < ' ' || *at > '~')
			fprintf(to, "\\u%04x", *at);
		else
			fputc(*at, to);
	}
	fputc('"', to);
}
