# make            build/liblbdns.so
# make demo       what it does, in half a minute
# make check      build with warnings as errors, run every test
# make clients    run the client matrix, write its table
# make beside     beside others in the same process (allocators, profilers, wrappers, sandboxes), write the table
# make bench      what it costs, beside others that balance
# make check-containers   in containers of podman and of Docker, set up for it
# make check-kubernetes   what a real API server makes of the manifests
# make deb        build/deb/lbdns_VERSION_ARCH.deb
# make fuzz       bytes from outside, at random: each program of tests/fuzz for FUZZ_SECONDS=60
# make image      build/lbdns-image.tar
# make check-systems   other systems and the packages, in roots of their own
# make rolling    restart pods in turn under load, count what fails: ROLLING_SECONDS=60
# make soak       connects while pods and DNS change five times a second, for SOAK_SECONDS=180; SOAK_LOSS=1: % of SYNs lost;
#                 SOAK_OVERLOADED=1: with a pod that has too much to do
# make install    PREFIX=/usr/local DESTDIR=
# V=1 shows the commands

ifeq ($(origin CC),default)
CC = gcc
endif
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
WERROR  ?= -Werror
VERSION := $(shell sed -n 's/^[[:blank:]]*VERSION=//p' scripts/lbdns)

ifneq ($(V),1)
Q = @
endif

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu11 -fPIC -fvisibility=hidden -ftls-model=initial-exec -fno-plt -pthread \
	-ffunction-sections -fdata-sections -fno-tree-slp-vectorize \
	-DLBDNS_VERSION='"$(VERSION)"' -D_GNU_SOURCE -Ipreload $(WARNINGS) $(CFLAGS)

SOURCES := $(sort $(wildcard preload/*/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)

# Rooms in which small is fast: what they do is done once or now and then. Unless CFLAGS say otherwise.
SMALL = $(patsubst %.c,$(BUILD)/%.o,$(foreach room,dns learn refresh base,$(wildcard preload/$(room)/*.c)))
$(SMALL): ALL_CFLAGS += $(patsubst -O2,-Os,$(filter -O2,$(CFLAGS)))

LINK = -shared -nostartfiles -Wl,--version-script=preload/exports.map -Wl,--exclude-libs,ALL -Wl,-Bsymbolic \
	-Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,text -Wl,-z,defs -Wl,--hash-style=both \
	-Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-T,preload/sections.ld -Wl,-soname,liblbdns.so \
	$(NO_POINTER:%=-Wl,--defsym=%=cares_no_pointer) $(patsubst %,-Wl$(comma)--defsym=%=cares_no_number,$(filter-out $(HOOKED),$(NO_NUMBER)))
# Of libc's what c-ares names and, as cares_channel_open sets it up, never calls: bound to functions of ours that do nothing
# (preload/dns/cares_libc.c). So what the refresh thread can call of others is known when it is linked; and c-ares' variables that
# begin as malloc and its kin hold no address of libc's, over which profilers write theirs. Nothing else calls these by name.
# What is a hook of ours stays one.
NO_POINTER = malloc calloc realloc free strdup fclose ferror fgets fread setvbuf getservbyname if_indextoname
HOOKED := $(shell sed -n "s/^[[:blank:]]*\([a-z_0-9]*\);/\1/p" preload/exports.map)
NO_NUMBER = bind close fcntl gethostname getservbyport_r getsockname qsort recv recvfrom send setsockopt socket writev

UNIT = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*_test.c))
# The unit programs again, library and all: those with threads, and those that need no DNS; and the fuzz programs.
SANITIZED = $(patsubst $(BUILD)/%,$(BUILD)/tsan/%,$(filter %/directory_test %/own_test %/rotation_test %/walk_test %_race_test,$(UNIT))) \
	$(patsubst $(BUILD)/%,$(BUILD)/asan/%,$(filter-out %/resolver_test,$(UNIT))) \
	$(patsubst tests/%.c,$(BUILD)/asan/%,$(wildcard tests/fuzz/*.c))
FUZZ = $(patsubst tests/%.c,$(BUILD)/fuzzer/%,$(wildcard tests/fuzz/*.c))
# Of what only tests: the optimizer would take three quarters of the time. What measures is as fast as what it measures.
unhurried = $(patsubst -O2,-O0,$(patsubst -g,-g1,$(1)))
BENCH_CFLAGS = -std=gnu11 -D_GNU_SOURCE -O2 -g -pthread $(WARNINGS)
TEST_CFLAGS = $(call unhurried,$(BENCH_CFLAGS))

.PHONY: all objects programs units sanitized clang fuzzers check demo fuzz soak clean
all: $(BUILD)/liblbdns.so $(BUILD)/lbdns-inspect

$(BUILD)/liblbdns.so: $(OBJECTS) preload/exports.map preload/sections.ld
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $(OBJECTS) -l:libcares.a

# Each room is an archive too, so that a program names rooms and gets what it needs of them. Not in it is what is for the
# library alone: its constructor, and what c-ares calls in place of libc's.
ROOMS := $(shell sed 's/:.*//' preload/rooms | tac)
ALONE = preload/hooks/start.c preload/dns/cares_libc.c
ifeq ($(origin AR),default)
AR = $(shell $(CC) -print-prog-name=ar)
endif

# archive PREFIX ROOM: build/preload/ROOM.a, or one of a sanitizer's, whose name is the prefix.
define archive
$(BUILD)/$(1)preload/$(2).a: $(patsubst %.c,$(BUILD)/$(1)%.o,$(filter-out $(ALONE),$(wildcard preload/$(2)/*.c)))
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call archive,,$(room))))

# archives PREFIX ROOM...: from the top floor down, as the linker wants them, in whatever order they are named.
archives = $(patsubst %,$(BUILD)/$(1)preload/%.a,$(filter $(2),$(ROOMS)))
# What is linked of them. The hooks are all linked: nobody asks for them who is not content with libc's.
linked = $(patsubst %/hooks.a,-Wl$(comma)--whole-archive %/hooks.a -Wl$(comma)--no-whole-archive,$(filter %.a,$(1)))
comma := ,

# Static: it runs in containers of any libc, or none.
INSPECT = $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard scripts/inspect/*/*.c)))
$(BUILD)/scripts/inspect/%.o: ALL_CFLAGS += -Iscripts/inspect
$(BUILD)/lbdns-inspect: $(INSPECT) $(call archives,,balance learn shared dns base)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) -static -o $@ $(INSPECT) $(call linked,$^) -l:libcares.a

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# ---- For tests and the demo

# Bootstrap first, and make again: before it there may be no compiler.
demo:
	@scripts/bootstrap demo
	@$(MAKE) -s --no-print-directory all $(LAB)
	@BUILD=$(BUILD) scripts/demo

# On all cores, unless make was told how many. All that the tests want is built here, where it does not hold them up.
check:
	@scripts/bootstrap check
	@$(MAKE) -s --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) WERROR=-Werror \
		all programs sanitized clang
	@MAKEFLAGS= BUILD=$(BUILD) tests/run

programs: lab units $(addprefix $(BUILD)/,soak/driver bench/driver bench/stub.so)

sanitized: $(SANITIZED)

# What a test links to see whether clang builds all of it.
clang:
	$(Q)$(MAKE) -s --no-print-directory BUILD=$(BUILD)/clang CC=clang CFLAGS=-O2 objects

objects: $(OBJECTS) $(INSPECT)

fuzzers: $(FUZZ)

# This and lab are what other systems build too: make check-systems.
units: $(UNIT)

fuzz:
	@scripts/bootstrap check
	@$(MAKE) -s --no-print-directory fuzzers
	@BUILD=$(BUILD) tests/fuzz/run

soak:
	@scripts/bootstrap check
	@$(MAKE) -s --no-print-directory WERROR=-Werror all $(LAB) $(BUILD)/soak/driver
	@BUILD=$(BUILD) tests/soak/run

# A unit or fuzz program says in its first line which rooms it links: "/* rooms: balance shared base */". There too, c-ares
# calls what it calls in the library.
rooms_of = $(shell sed -n '1s|^/\* rooms: \([a-z ]*\) \*/$$|\1|p' $(1))
define program
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(1) $(2) -MMD -MP -MT $@ -MF $@.d -o $@ $< $(filter %.o,$^) $(call linked,$^) \
		$(if $(filter %/dns.a,$^),-l:libcares.a) -ldl
endef
# But for fuzz programs: libFuzzer needs libc's own getenv and fopen.
cares_libc = $(patsubst %,$(BUILD)/$(1)preload/%/cares_libc.o,$(filter dns,$(2)))
links = $(call archives,$(1),$(call rooms_of,$(2))) \
	$(if $(filter tests/fuzz/%,$(2)),,$(call cares_libc,$(1),$(call rooms_of,$(2))))

.SECONDEXPANSION:
$(BUILD)/unit/%: tests/unit/%.c $$(call links,,tests/unit/$$*.c)
	$(call program,$(CC),$(call unhurried,$(ALL_CFLAGS)) -Itests/unit)

# Without preload/base/libc_versions.h: the sanitizers have no old versions of what they stand before. asan has the unit
# programs, and the fuzz programs over what is kept in tests/fuzz/corpus; clang's is built in a third of gcc's time, where
# nothing is optimized away that it could look at. fuzzer is for make fuzz, which needs speed. libFuzzer is clang's.
SANITIZERS = tsan asan fuzzer
sanitize = -DLBDNS_BASE_LIBC_VERSIONS_H -fno-omit-frame-pointer
tsan = $(CC) $(sanitize) -fsanitize=thread
asan = clang $(sanitize) -fsanitize=$(or $(LIBFUZZER),fuzzer-no-link),address,undefined -fno-sanitize-recover=undefined
fuzzer = clang $(sanitize) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
$(BUILD)/asan/fuzz/%: private LIBFUZZER = fuzzer
# -O1 shows what is wrong as well, and is built in two thirds of the time.
tsan_level = $(patsubst -O2,-O1,$(patsubst -g,-g1,$(1)))
asan_level = $(call unhurried,$(1))
fuzzer_level = $(patsubst -O2,-O1,$(1))

define sanitized
$(BUILD)/$(1)/%.o: %.c Makefile
	@mkdir -p $$(@D)
	@echo "  CC      $$@"
	$$(Q)$$($(1)) $$(call $(1)_level,$$(ALL_CFLAGS)) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/%: tests/%.c $$$$(call links,$(1)/,tests/$$$$*.c)
	$$(call program,$$($(1)),$$(call $(1)_level,$$(ALL_CFLAGS)) -Itests/unit)
endef
$(foreach sanitizer,$(SANITIZERS),$(eval $(call sanitized,$(sanitizer))) \
	$(foreach room,$(ROOMS),$(eval $(call archive,$(sanitizer)/,$(room)))))
.SECONDARY: $(foreach sanitizer,$(SANITIZERS),$(OBJECTS:$(BUILD)/%=$(BUILD)/$(sanitizer)/%))

$(BUILD)/soak/%: tests/soak/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $<

# ---- The lab, and the programs that run in it

include tests/programs/programs.mk

# ---- The client matrix: make clients

include tests/clients/clients.mk

# ---- Neighbours in the same process: make beside

include tests/beside/beside.mk

# ---- What it costs: make bench

include tests/bench/bench.mk

# ---- The manifests for Kubernetes: make check-kubernetes

include tests/cluster/cluster.mk

# ---- In containers: make check-containers

include tests/containers/containers.mk

# ---- Other systems: make check-systems

include tests/systems/systems.mk

# ---- The rolling restart: make rolling

include tests/rolling/rolling.mk

# ---- Installing

include scripts/install.mk

# ---- Packages: make deb, make image

include scripts/packages.mk

clean:
	rm -rf $(BUILD)

-include $(OBJECTS:.o=.d) $(INSPECT:.o=.d) $(foreach sanitizer,$(SANITIZERS),$(OBJECTS:$(BUILD)/%.o=$(BUILD)/$(sanitizer)/%.d)) \
	$(wildcard $(BUILD)/unit/*.d $(BUILD)/*/unit/*.d $(BUILD)/*/fuzz/*.d)
