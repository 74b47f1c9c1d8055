/* Words for people and programs. What came out of shared memory or /proc may hold any bytes: none
 * of them reaches a terminal or a file unescaped. */
#ifndef LBDNS_INSPECT_FORMATS_WORDS_H
#define LBDNS_INSPECT_FORMATS_WORDS_H

#include "base/config.h"
#include "shared/mode.h"

#include <stdint.h>
#include <stdio.h>

/* Copies a text into an array of that size: its printable ASCII, and '?' for all else. Returns the
 * array. */
char *words_plain(const char *from, char *into, size_t size);

/* Writes a time as "850ms", "12s", "5m", "3h" or "2d" into text[16]. Returns text. */
char *words_age(uint64_t ms, char *text);

/* Writes a number as "123456" or "12.3M", at most 7 characters, into text[16]. Returns text. */
char *words_count(uint64_t count, char *text);

/* Returns an errno as "ECONNREFUSED", "connected" (0) or "in progress"; or writes the number into
 * text[16] and returns text. */
const char *words_error(int error, char *text);

/* Return "default", "off", …; "off", …; "answered", … outcome is any number. */
const char *words_order(enum mode_order order);
const char *words_mode(enum config_mode mode);
const char *words_outcome(uint32_t outcome); /* of enum dns_outcome */

/* Writes a string of JSON, quotes and all. Bytes that are no ASCII are taken for Latin-1. */
void words_json(FILE *to, const char *text);

#endif
