/* Texts for people, without stdio. Any thread, any signal handler. */
#ifndef LBDNS_BASE_TEXT_H
#define LBDNS_BASE_TEXT_H

#include <stdint.h>

/* Writes the decimal digits of value into text[21]; returns text. */
char *text_number(uint64_t value, char *text);

#endif
