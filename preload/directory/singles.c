#include "directory/singles.h"

#include "base/atomic.h"
#include "base/clock.h"

enum { LOOK_MS = 1000 /* between two connects that look through the table */ };

/* A place of the table. Whoever has set `held` writes the rest; what a thread leaves held by
 * siglongjmp, or a child inherits so, is lost. */
static struct place {
	atomic_bool held;
	atomic_bool wanted;
	_Atomic uint64_t name;                  /* name_hash; 0: the place is free */
	_Atomic uint64_t address[FAMILY_COUNT]; /* address_hash; 0: none */
	_Atomic uint64_t looked_ms;             /* when the name was last looked up */
	struct single single;
} places[SINGLES];

_Atomic uint64_t singles_due_ms;

static bool hold(struct place *place)
{
	/* Pairs with release. */
	return !atomic_exchange_explicit(&place->held, true, memory_order_acquire);
}

static void release(struct place *place)
{
	atomic_store_explicit(&place->held, false, memory_order_release);
}

/* Returns the place of a name; if it has none, one that it may have: a free place, or that of the
 * name that was looked up the longest ago. */
static struct place *find_place(uint64_t name)
{
	struct place *best = &places[0];

	for (struct place *place = places; place < places + SINGLES; place++) {
		uint64_t there = load_relaxed(&place->name);

		if (there == name)
			return place;
		if (load_relaxed(&best->name) &&
		    (!there || load_relaxed(&place->looked_ms) < load_relaxed(&best->looked_ms)))
			best = place;
	}
	return best;
}

void singles_note(const struct single *single)
{
	uint64_t name = name_hash(&single->name), now_ms = clock_ms(), none = 0;
	struct place *place = find_place(name);

	if (!hold(place))
		return;
	place->single = *single;
	store_relaxed(&place->looked_ms, now_ms);
	store_relaxed(&place->wanted, false);
	store_relaxed(&place->name, name);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		store_relaxed(&place->address[f],
		              single->has & FAMILY_BIT(f) ? address_hash(single->address[f]) : 0);
	release(place);
	atomic_compare_exchange_strong(&singles_due_ms, &none, now_ms + SINGLES_WAIT_MS);
}

static void clear(struct place *place)
{
	store_relaxed(&place->name, 0);
	store_relaxed(&place->wanted, false);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		store_relaxed(&place->address[f], 0);
}

void singles_forget(const struct name_text *name)
{
	uint64_t hash = name_hash(name);
	struct place *place;

	if (!singles_any())
		return;
	place = find_place(hash);
	if (load_relaxed(&place->name) != hash || !hold(place))
		return;
	clear(place);
	release(place);
}

bool singles_connected(struct address address)
{
	uint64_t hash = address_hash(address), now_ms = clock_ms();
	bool any = false, wanted = false;

	if (now_ms < load_relaxed(&singles_due_ms))
		return false;
	for (struct place *place = places; place < places + SINGLES; place++) {
		if (!load_relaxed(&place->name))
			continue;
		any = true;
		for (enum family f = 0; f < FAMILY_COUNT; f++)
			if (load_relaxed(&place->address[f]) == hash &&
			    clock_since(load_relaxed(&place->looked_ms), now_ms) >=
			            SINGLES_WAIT_MS) {
				store_relaxed(&place->wanted, true);
				wanted = true;
			}
	}
	store_relaxed(&singles_due_ms, any ? now_ms + LOOK_MS : 0);
	return wanted;
}

bool singles_take(struct single *single)
{
	for (struct place *place = places; place < places + SINGLES; place++) {
		bool taken;

		if (!load_relaxed(&place->wanted) || !hold(place))
			continue;
		taken = load_relaxed(&place->wanted);
		*single = place->single;
		if (taken)
			clear(place);
		release(place);
		if (taken)
			return true;
	}
	return false;
}
