# The benchmark: part of the Makefile.
#   make bench                            all of it, about 5 minutes
#   make bench SECTIONS="connect hook"    some of it: connect lookup hook start fresh scale
#   BENCH_ROUNDS=2                        fewer rounds than 15, for a quick look

SECTIONS ?=
DRIVER = $(patsubst tests/bench/driver/%.c,$(BUILD)/bench/driver.o/%.o,$(wildcard tests/bench/driver/*.c))
BENCH  = $(addprefix $(BUILD)/bench/,driver pick stub.so connect4)

.PHONY: bench bench-programs
bench:
	@scripts/bootstrap bench
	@$(MAKE) -s --no-print-directory WERROR=-Werror all bench-programs $(LAB)
	@BUILD=$(BUILD) tests/bench/run $(SECTIONS)

bench-programs: $(BENCH)

$(BUILD)/bench/driver.o/%.o: tests/bench/driver/%.c tests/bench/driver/driver.h
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(BENCH_CFLAGS) -c -o $@ $<

$(BUILD)/bench/driver: $(DRIVER)
	@echo "  LINK    $@"
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $(DRIVER)

$(BUILD)/bench/pick: tests/bench/pick.c $(BUILD)/bench/driver.o/common.o $$(call links,,tests/bench/pick.c)
	$(call program,$(CC),$(ALL_CFLAGS) -Itests/bench)

$(BUILD)/bench/stub.so: tests/bench/stub.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(BENCH_CFLAGS) -fPIC -shared -o $@ $<

$(BUILD)/bench/connect4: tests/bench/connect4.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $<
