# The manifests of scripts/kubernetes: part of the Makefile.

.PHONY: check-kubernetes
check-kubernetes:
	@scripts/bootstrap kubernetes
	@$(MAKE) -s --no-print-directory WERROR=-Werror all $(LAB) $(BUILD)/lab/client-musl
	@cp tests/kubernetes/*.mjs $(BUILD)/kubernetes
	@BUILD=$(BUILD) tests/run tests/kubernetes/kubernetes.bats
