/* Words for people and programs. What came out of shared memory or /proc may hold any bytes: none
 * of them reaches a terminal or a file unescaped. */
#ifndef LBDNS_INSPECT_FORMATS_WORDS_H
#define LBDNS_INSPECT_FORMATS_WORDS_H

#include "base/config.h"
#include "shared/mode.h"

#include <stdint.h>
#include <stdio.h>

/* Printable ASCII, the rest as '?'; of the given size. Returns into. */
char *words_plain(const char *from, char *into, size_t size);

/* "850ms", "12s", "5m", "3h", "2d" into text[16]; returns text. */
char *words_age(uint64_t ms, char *text);

/* "123456", "12.3M" into text[16], at most 7 characters; returns text. */
char *words_count(uint64_t count, char *text);

/* "ECONNREFUSED", "connected", "in progress", or the number into text[16]. */
const char *words_error(int error, char *text);

const char *words_order(enum mode_order order); /* "default", "off", … */
const char *words_mode(enum config_mode mode);
const char *words_outcome(uint32_t outcome); /* of enum dns_outcome: "answered", … */

/* A string of JSON, quotes and all. Bytes that are no ASCII are taken for Latin-1. */
void words_json(FILE *to, const char *text);

#endif
