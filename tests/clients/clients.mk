# The client matrix: part of the Makefile. Programs of tests/clients that have to be built, each by its language's compiler.

MATRIX = $(addprefix $(BUILD)/clients/,web-go web-rs services Web.class WebNetty.class Hikari.class rng_pb2.py)

.PHONY: clients client-programs
clients:
	@scripts/bootstrap clients
	@$(MAKE) --no-print-directory WERROR=-Werror all programs client-programs
	@BUILD=$(BUILD) tests/clients/run

client-programs: $(MATRIX)

# GODEBUG=netdns=cgo in the test: the pure Go resolver is Go's default only where /etc/resolv.conf is simple.
$(BUILD)/clients/web-go: tests/clients/web.go
	@mkdir -p $(@D)
	@echo "  GO      $@"
	$(Q)CGO_ENABLED=1 GO111MODULE=off GOFLAGS= go build -o $@ $<

$(BUILD)/clients/web-rs: tests/clients/web.rs
	@mkdir -p $(@D)
	@echo "  RUSTC   $@"
	$(Q)rustc -O -o $@ $<

$(BUILD)/clients/services: tests/clients/services.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $<

$(BUILD)/clients/%.class: tests/clients/%.java
	@mkdir -p $(@D)
	@echo "  JAVAC   $@"
	$(Q)javac -cp '/usr/share/java/*' -d $(@D) $<

# And rng_pb2_grpc.py.
$(BUILD)/clients/rng_pb2.py: tests/clients/rng.proto
	@mkdir -p $(@D)
	@echo "  PROTOC  $@"
	$(Q)protoc --plugin=protoc-gen-grpc_python=$$(command -v grpc_python_plugin) -I$(<D) --grpc_python_out=$(@D) \
		--python_out=$(@D) $<
