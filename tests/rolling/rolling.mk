# The rolling restart: part of the Makefile.

ROLLING = $(addprefix $(BUILD)/rolling/,blocking Nonblocking.class)
programs: $(ROLLING)

.PHONY: rolling
rolling:
	@scripts/bootstrap check
	@$(MAKE) -s --no-print-directory WERROR=-Werror all programs
	@BUILD=$(BUILD) tests/rolling/run

$(BUILD)/rolling/%: tests/rolling/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $<

$(BUILD)/rolling/%.class: tests/rolling/%.java
	@mkdir -p $(@D)
	@echo "  JAVAC   $@"
	$(Q)javac -d $(@D) $<
