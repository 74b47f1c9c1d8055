# The rooms of preload/ and who may use whom: preload/rooms. tests/layers checks it.

load ../lab/lab

LAYERS=$LAB_ROOT/tests/layers

# A house of two floors and an attic, in which all is right.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir -p house/{cellar,ground,attic} built/{cellar,ground,attic}
	printf '%s\n' 'cellar:' 'ground: cellar' 'attic: ground cellar' >house/rooms
	echo 'int coal(void);' >house/cellar/coal.h
	echo 'int door(void);' >house/ground/door.h
	echo 'static inline int stairs(void) { return 1; }' >house/ground/stairs_fast.h
	source_of cellar/coal.c '#include "cellar/coal.h"' 'int coal(void) { return 1; }'
	source_of ground/door.c '#include "cellar/coal.h"' '#include "ground/door.h"' '#include "ground/stairs_fast.h"' \
		'#include <stdlib.h>' 'int door(void) { return coal() + stairs() + abs(1); }'
	source_of attic/roof.c '#include "ground/door.h"' 'int roof(void);' 'int roof(void) { return door(); }'
}

# source_of FILE LINE...
source_of() {
	printf '%s\n' "${@:2}" >"house/$1"
	gcc -Ihouse -c -o "built/${1%.c}.o" "house/$1"
}

# sees LINE...: all that is said, in order.
sees() {
	run "$LAYERS" house built
	lab_equal "$output" "$(printf '%s\n' "$@")"
	lab_equal "$status" $(($# > 0))
}

@test "preload: a room uses only rooms that preload/rooms lets it use" {
	"$LAYERS" "$LAB_ROOT/preload" "$LAB_BUILD/preload"
}

@test "lbdns-inspect: a room uses only rooms that scripts/inspect/rooms lets it use" {
	"$LAYERS" "$LAB_ROOT/scripts/inspect" "$LAB_BUILD/scripts/inspect"
}

@test "preload: no file of more than 400 lines, no function of more than 60" {
	"$LAB_ROOT/tests/lengths" "$LAB_ROOT/preload"
}

@test "the check of lengths sees a file and a function that are too long" {
	{ echo 'int long_one(void)'; echo '{'; yes '	coal();' | head -n 59; echo '}'; } >house/cellar/long.c
	yes '/* coal */' | head -n 401 >house/cellar/many.c
	run "$LAB_ROOT/tests/lengths" house
	lab_equal "$output" "$(printf '%s\n' 'house/cellar/long.c:2: 61 lines, at most 60' \
		'house/cellar/many.c: 401 lines, at most 400')"
	lab_equal "$status" 1
}

@test "the check sees nothing wrong with a house in order" {
	sees
}

@test "the check sees an include of a room above" {
	source_of cellar/stove.c '#include "ground/door.h"'
	sees "cellar/stove.c: cellar may not include ground/door.h"
}

@test "the check sees an include of a room above in a header" {
	echo '  #  include "attic/roof.h"' >>house/ground/door.h
	sees "ground/door.h: ground may not include attic/roof.h"
}

@test "the check sees an include that does not name its room" {
	source_of ground/window.c '#include "door.h"'
	sees "ground/window.c: \"door.h\" does not name its room"
	source_of ground/window.c '#include "../cellar/coal.h"'
	sees "ground/window.c: \"../cellar/coal.h\" does not name its room"
}

@test "the check sees a room that rooms does not have" {
	mkdir house/shed built/shed
	source_of shed/rake.c '#include "cellar/coal.h"'
	sees "rooms does not have shed" "shed/rake.c: shed may not include cellar/coal.h"
	rm -r house/shed
	source_of loose.c '#include "cellar/coal.h"'
	sees "rooms does not have loose.c" "loose.c: loose.c may not include cellar/coal.h"
}

@test "the check sees a circle in rooms" {
	printf '%s\n' 'cellar: ground' 'ground: cellar' 'attic: ground cellar' >house/rooms
	sees "rooms: cellar is not above ground"
}

@test "the check sees a FAST header outside of its room" {
	source_of attic/ladder.c '#include "ground/stairs_fast.h"'
	sees "attic/ladder.c: it may not include ground/stairs_fast.h, a FAST header"
	rm house/attic/ladder.c
	echo '#include "ground/stairs_fast.h"' >house/attic/ladder_fast.h # of its kind
	sees
}

@test "the check sees a function of a room above, declared by hand" {
	source_of cellar/stove.c 'int door(void), stove(void);' 'int stove(void) { return door(); }'
	sees "cellar/stove.o: cellar may not use door, which is ground's"
}

@test "the check sees a weak reference to a room above, and a variable" {
	source_of cellar/stove.c 'extern int bell, lamp __attribute__((weak));' 'int *stove(void) { return &lamp ? &bell : 0; }'
	source_of attic/bell.c 'int bell, lamp __attribute__((weak));'
	sees "cellar/stove.o: cellar may not use bell, which is attic's" "cellar/stove.o: cellar may not use lamp, which is attic's"
}

@test "the check sees a function of libc's that a room above has one of its own of" {
	source_of cellar/stove.c 'char *getenv(const char *);' 'char *stove(void) { return getenv("HEAT"); }'
	sees
	source_of ground/getenv.c 'char *getenv(const char *name) { return 0; }'
	sees "cellar/stove.o: cellar may not use getenv, which is ground's"
}

@test "the check sees c-ares outside of dns" {
	source_of attic/phone.c 'int ares_init(void), phone(void);' 'int phone(void) { return ares_init(); }'
	sees "attic/phone.o: attic may not use ares_init, which is c-ares's"
	mkdir house/dns built/dns
	echo dns: >>house/rooms
	mv house/attic/phone.c house/dns
	mv built/attic/phone.o built/dns
	sees
}

@test "the check sees what the way of a connection must not call of libc's" {
	mkdir house/balance built/balance
	echo balance: cellar >>house/rooms
	source_of balance/pick.c '#include "cellar/coal.h"' '#include <stdlib.h>' '#include <string.h>' 'void *pick(void);' \
		'void *pick(void) { return malloc(strlen(getenv("HEAT")) + (size_t)coal()); }'
	sees "balance/pick.o: balance may not call getenv" "balance/pick.o: balance may not call malloc"
}

@test "the check sees a source without an object" {
	rm built/attic/roof.o
	run "$LAYERS" house built
	[ "$status" != 0 ]
}
