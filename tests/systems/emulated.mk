# What arm64.bats runs: made in the root arm64, from the top of the repository, into BUILD=/build.

include Makefile

CROSS = aarch64-linux-gnu-gcc
EMULATED = $(BUILD)/emulated

.PHONY: emulated
emulated: $(addprefix $(EMULATED)/lab/,pod answer questions client client-musl client.arm64 client-musl.arm64)
	$(Q)$(MAKE) --no-print-directory CC=$(CROSS) BUILD=$(EMULATED) all

$(addprefix $(EMULATED)/lab/,pod answer questions): $(EMULATED)/lab/%: $(BUILD)/lab/%
	@mkdir -p $(@D)
	$(Q)ln -f $< $@

$(EMULATED)/lab/client $(EMULATED)/lab/client-musl: tests/systems/emulated.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -static -o $@ $<

$(EMULATED)/lab/client.arm64: tests/programs/client.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CROSS) $(TEST_CFLAGS) -o $@ $<

# musl-gcc is only for this machine's musl; the other differs from it by its name.
$(EMULATED)/lab/client-musl.arm64: tests/programs/client.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)sed 's/x86_64/aarch64/g' /usr/lib/x86_64-linux-musl/musl-gcc.specs >$(EMULATED)/musl.specs
	$(Q)$(CROSS) -specs $(EMULATED)/musl.specs $(TEST_CFLAGS) -o $@ $<
