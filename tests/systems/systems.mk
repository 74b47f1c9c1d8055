# make check-systems [PARTS="debian11 package"]: part of the Makefile.

.PHONY: check-systems
check-systems:
	@scripts/bootstrap systems
	@$(MAKE) -s --no-print-directory WERROR=-Werror all lab
	@BUILD=$(BUILD) tests/systems/run $(PARTS)
