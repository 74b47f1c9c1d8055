# make check-containers [WHAT="podman 'words of a name'"]: part of the Makefile.

.PHONY: check-containers
check-containers:
	@scripts/bootstrap containers
	@$(MAKE) -s --no-print-directory WERROR=-Werror all $(addprefix $(BUILD)/lab/,pod client client-musl) \
		$(BUILD)/containers/forbidden
	@BUILD=$(BUILD) tests/containers/run $(WHAT)

# Static: it runs in containers of any libc, or none.
$(BUILD)/containers/forbidden: tests/containers/forbidden.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -static -o $@ $<
