# make            build/liblbdns.so
# make demo       what it does, in half a minute
# make check      build with warnings as errors, run every test
# make clients    run the client matrix, write its table
# make bench      what it costs, beside others that balance
# make check-kubernetes   what the manifests become, and whether a cluster would take them
# make deb        build/deb/lbdns_VERSION_ARCH.deb
# make fuzz       bytes from outside, at random: each program of tests/fuzz for FUZZ_SECONDS=60
# make image      build/lbdns-image.tar
# make check-systems   other systems and the packages, in roots of their own
# make rolling    restart pods in turn under load, count what fails: ROLLING_SECONDS=60
# make soak       connects while pods and DNS change five times a second, for SOAK_SECONDS=180
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

# Not on the way of a connection or a lookup, but once or now and then: for them small is fast. Unless CFLAGS say otherwise.
SMALL = $(patsubst %.c,$(BUILD)/%.o,$(wildcard preload/dns/*.c preload/learn/*.c preload/refresh/*.c)) \
	$(patsubst %,$(BUILD)/preload/%.o,base/config base/libc base/log base/process base/setting connection/report \
	directory/snapshot hooks/getaddrinfo_a hooks/gethostbyname hooks/start hooks/unshare shared/processes shared/segment)
$(SMALL): ALL_CFLAGS += $(patsubst -O2,-Os,$(filter -O2,$(CFLAGS)))

# libpthread and libdl are named even though nothing needs them on new glibc: on old glibc the symbols live there, and
# musl answers to both names itself. Found by path, so that -l does not pick a static stub.
stub = $(firstword $(wildcard $(patsubst %,%/$(1),$(LIBRARY_DIRS))) $(1))
LIBRARY_DIRS := $(shell $(CC) -print-search-dirs 2>/dev/null | sed -n 's/^libraries: =//p' | tr ':' ' ')
STUBS = $(call stub,libpthread.so.0) $(call stub,libdl.so.2)
LINK = -shared -nostartfiles -Wl,--version-script=preload/exports.map -Wl,--exclude-libs,ALL -Wl,-Bsymbolic \
	-Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,text -Wl,-z,defs -Wl,--hash-style=both \
	-Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-T,preload/sections.ld -Wl,-soname,liblbdns.so

UNIT = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*_test.c))
# The unit programs again, library and all: those with threads, and those that need no DNS.
SANITIZED = $(patsubst $(BUILD)/%,$(BUILD)/tsan/%,$(filter %/directory_test %/health_test %/rotation_test %_race_test,$(UNIT))) \
	$(patsubst $(BUILD)/%,$(BUILD)/asan/%,$(filter-out %/resolver_test,$(UNIT)))
FUZZ = $(patsubst tests/%.c,$(BUILD)/fuzzer/%,$(wildcard tests/fuzz/*.c))
TEST_CFLAGS = -std=gnu11 -D_GNU_SOURCE -O2 -g -pthread $(WARNINGS)

.PHONY: all programs units check demo fuzz soak clean
all: $(BUILD)/liblbdns.so $(BUILD)/lbdns-inspect

$(BUILD)/liblbdns.so: $(OBJECTS) preload/exports.map preload/sections.ld
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $(OBJECTS) -l:libcares.a -Wl,--no-as-needed $(STUBS) -Wl,--as-needed

# Static: it runs in containers of any libc, or none.
INSPECT = $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard scripts/inspect/*/*.c))) \
	$(patsubst %,$(BUILD)/preload/%.o,balance/ejection balance/rotation base/address base/address_set base/address_sort \
	base/config base/log base/name base/reason base/setting dns/cares dns/records dns/resolvconf dns/resolver shared/endpoint_counters \
	shared/mode shared/name_counters shared/segment)
$(BUILD)/scripts/inspect/%.o: ALL_CFLAGS += -Iscripts/inspect
$(BUILD)/lbdns-inspect: $(INSPECT)
	@echo "  LINK    $@"
	$(Q)$(CC) $(CFLAGS) -static -o $@ $(INSPECT) -l:libcares.a

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

check:
	@scripts/bootstrap check
	@$(MAKE) -s --no-print-directory WERROR=-Werror all programs
	@BUILD=$(BUILD) tests/run

programs: lab units $(SANITIZED) $(FUZZ) $(addprefix $(BUILD)/,soak/driver bench/driver bench/stub.so)

# This and lab are what other systems build too: make check-systems.
units: $(UNIT)

fuzz:
	@scripts/bootstrap check
	@$(MAKE) -s --no-print-directory $(FUZZ)
	@BUILD=$(BUILD) tests/fuzz/run

soak:
	@scripts/bootstrap check
	@$(MAKE) -s --no-print-directory WERROR=-Werror all $(LAB) $(BUILD)/soak/driver
	@BUILD=$(BUILD) tests/soak/run

# The objects as they are, but for what a program has of its own: the hooks and the constructor.
$(BUILD)/unit/%: tests/unit/%.c $(OBJECTS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit -o $@ $< $(filter-out %/hooks/start.o,$(OBJECTS)) -l:libcares.a -ldl

# Without preload/base/libc_versions.h: the sanitizers have no old versions of what they stand before.
SANITIZERS = tsan asan fuzzer
sanitize = -DLBDNS_BASE_LIBC_VERSIONS_H -fno-omit-frame-pointer
tsan = $(CC) $(sanitize) -fsanitize=thread
asan = $(CC) $(sanitize) -fsanitize=address,undefined -fno-sanitize-recover=undefined
# libFuzzer is clang's, and needs libc's own getenv and fopen.
fuzzer = clang $(sanitize) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
fuzzer_without = %/dns/cares_libc.o

define sanitized
$(BUILD)/$(1)/%.o: %.c Makefile
	@mkdir -p $$(@D)
	@echo "  CC      $$@"
	$$(Q)$$($(1)) $$(ALL_CFLAGS) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/%: tests/%.c $$(OBJECTS:$(BUILD)/%=$(BUILD)/$(1)/%)
	@mkdir -p $$(@D)
	@echo "  CC      $$@"
	$$(Q)$$($(1)) $$(ALL_CFLAGS) -Itests/unit -o $$@ $$< \
		$$(filter-out %/hooks/start.o $$($(1)_without),$$(filter %.o,$$^)) -l:libcares.a -ldl
endef
$(foreach sanitizer,$(SANITIZERS),$(eval $(call sanitized,$(sanitizer))))
.SECONDARY: $(foreach sanitizer,$(SANITIZERS),$(OBJECTS:$(BUILD)/%=$(BUILD)/$(sanitizer)/%))

$(BUILD)/soak/%: tests/soak/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $<

# ---- The lab, and the programs that run in it

include tests/programs/programs.mk

# ---- The client matrix: make clients

include tests/clients/clients.mk

# ---- What it costs: make bench

include tests/bench/bench.mk

# ---- The manifests for Kubernetes: make check-kubernetes

include tests/kubernetes/kubernetes.mk

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

-include $(OBJECTS:.o=.d) $(INSPECT:.o=.d) $(foreach sanitizer,$(SANITIZERS),$(OBJECTS:$(BUILD)/%.o=$(BUILD)/$(sanitizer)/%.d))
