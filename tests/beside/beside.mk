# Neighbours in the same process: part of the Makefile.

.PHONY: beside
beside:
	@scripts/bootstrap beside
	@$(MAKE) --no-print-directory WERROR=-Werror all $(LAB)
	@BUILD=$(BUILD) tests/beside/run
