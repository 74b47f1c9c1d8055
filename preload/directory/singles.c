/* State: a table of names, and when connects are to look through it. */
#include "directory/singles.h"

#include "base/atomic.h"
#include "base/clock.h"

enum {
	LOOK_MS = 1000, /* until a name that DNS is to be asked for is looked for again */
	SLOTS = 64,
	NOTE_TRIES = 3
};

/* A place of the table. Whoever has set `held` writes the rest; one that a thread leaves held by
 * siglongjmp, or a child inherits so, is lost. */
static struct place {
	atomic_bool held;
	atomic_bool wanted;
	_Atomic uint64_t name;                  /* name_hash; 0: the place is free */
	_Atomic uint64_t address[FAMILY_COUNT]; /* address_hash; 0: none */
	_Atomic uint64_t looked_ms;             /* when the name was last looked up */
	struct single single;
} places[SINGLES];

/* When a connect to an address is next to look through the table, by the hash of the address: not
 * later than one of its names is due; 0: never. */
static _Atomic uint64_t look_ms[SLOTS];

atomic_bool singles_noted;

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
 * name that was looked up the longest ago. NULL if others work on all of them. *has becomes the
 * name that is there. */
static struct place *find_place(uint64_t name, uint64_t *has)
{
	struct place *best = NULL;

	for (struct place *place = places; place < places + SINGLES; place++) {
		uint64_t there = load_relaxed(&place->name);

		if (there == name) {
			*has = name;
			return place;
		}
		if (load_relaxed(&place->held))
			continue;
		if (!best || (*has && (!there || load_relaxed(&place->looked_ms) <
		                                         load_relaxed(&best->looked_ms)))) {
			best = place;
			*has = there;
		}
	}
	return best;
}

/* Returns the place that a name has or may have, held; NULL if there is none. */
static struct place *take_place(uint64_t name)
{
	for (int i = 0; i < NOTE_TRIES; i++) {
		uint64_t has = 0;
		struct place *place = find_place(name, &has);

		if (!place || !hold(place))
			continue;
		/* Another thread may have been faster with a name of its own. */
		if (load_relaxed(&place->name) == has)
			return place;
		release(place);
	}
	return NULL;
}

/* Has connects to an address look by when_ms. */
static void look_by(uint64_t address, uint64_t when_ms)
{
	_Atomic uint64_t *slot = &look_ms[address % SLOTS];
	uint64_t was = load_relaxed(slot);

	while ((!was || was > when_ms) && !swap_relaxed(slot, &was, when_ms))
		;
}

void singles_note(const struct single *single)
{
	uint64_t now_ms = clock_ms(), name = name_hash(&single->name);
	struct place *place = take_place(name);

	if (!place)
		return;
	place->single = *single;
	store_relaxed(&place->looked_ms, now_ms);
	store_relaxed(&place->wanted, false);
	store_relaxed(&place->name, name);
	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		uint64_t address = 0;

		if (single->has & FAMILY_BIT(f)) {
			address = address_hash(single->address[f]);
			look_by(address, now_ms + SINGLES_WAIT_MS);
		}
		store_relaxed(&place->address[f], address);
	}
	release(place);
	store_relaxed(&singles_noted, true);
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
	uint64_t hash = name_hash(name), has = 0;
	struct place *place;

	if (!singles_any())
		return;
	place = find_place(hash, &has);
	if (!place || has != hash || !hold(place))
		return;
	if (load_relaxed(&place->name) == hash)
		clear(place);
	release(place);
}

/* Marks the names of an address that are due. Lowers *next_ms to when a connect to an address of
 * this slot is next to look. Returns true if there are any. */
static bool mark_wanted(struct place *place, uint64_t address, uint64_t now_ms, uint64_t *next_ms)
{
	bool wanted = false;

	for (enum family f = 0; f < FAMILY_COUNT; f++) {
		uint64_t there = load_relaxed(&place->address[f]);
		uint64_t due_ms = load_relaxed(&place->looked_ms) + SINGLES_WAIT_MS;

		if (!there || there % SLOTS != address % SLOTS)
			continue;
		if (due_ms <= now_ms && there == address && !load_relaxed(&place->held)) {
			store_relaxed(&place->wanted, true);
			wanted = true;
		}
		if (due_ms <= now_ms)
			due_ms = now_ms + LOOK_MS;
		if (due_ms < *next_ms)
			*next_ms = due_ms;
	}
	return wanted;
}

bool singles_connected(struct address address)
{
	uint64_t hash = address_hash(address), now_ms = clock_ms();
	_Atomic uint64_t *slot = &look_ms[hash % SLOTS];
	/* Not never, because a name may have been noted behind this look. */
	uint64_t was = load_relaxed(slot), next_ms = now_ms + SINGLES_WAIT_MS;
	bool wanted = false;

	if (!was || now_ms < was)
		return false;
	for (struct place *place = places; place < places + SINGLES; place++)
		if (load_relaxed(&place->name))
			wanted = mark_wanted(place, hash, now_ms, &next_ms) || wanted;
	swap_relaxed(slot, &was, next_ms);
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
