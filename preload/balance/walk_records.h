/* The records of lookups: private to walk.c and walk_ended.c. walk.h says how they are written and
 * read. */
#ifndef LBDNS_BALANCE_WALK_RECORDS_H
#define LBDNS_BALANCE_WALK_RECORDS_H

#include "balance/walk.h"
#include "base/attributes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How many lookups, and reopenings of one, there were: the number of the newest. */
extern HIDDEN _Atomic uint64_t walk_tickets;

/* Reads the record at a place below WALKS, and its sequence number. Returns false if somebody
 * writes it. */
bool walk_read(uint32_t record, struct walk *walk, uint64_t *sequence);

/* Writes the record that has this sequence number. Returns false if it was written meanwhile. */
bool walk_write(uint32_t record, uint64_t sequence, const struct walk *walk);

/* Returns the sequence number of a record; an odd one if somebody writes it. */
uint64_t walk_sequence(uint32_t record);

/* Returns true if a connect at now_ms (clock_ms) may be of this lookup. */
bool walk_is_open(const struct walk *walk, uint64_t now_ms);

/* Has connects ask whether they are of a lookup, after the record of one was written; ticket is its
 * number. */
void walk_open_up(uint64_t ticket);

#endif
