# What an API server says of the manifests of scripts/kubernetes: part of the Makefile.

.PHONY: check-kubernetes
check-kubernetes:
	@scripts/bootstrap kubernetes
	@$(MAKE) -s --no-print-directory WERROR=-Werror all lab
	@tests/cluster/programs/build >$(BUILD)/cluster-programs
	@BUILD=$(BUILD) PROGRAMS=$$(cat $(BUILD)/cluster-programs) \
		tests/lab/enter tests/cluster/up env JOBS=1 ENTER= tests/run cluster
