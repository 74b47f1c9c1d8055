# The lab's own programs (tests/lab) and the clients that run in it (tests/programs), all in build/lab: part of the Makefile.

LAB = $(addprefix $(BUILD)/lab/,pod client answer questions)
LAB_CHECK = $(addprefix $(BUILD)/lab/,lookups release client-musl lookups-musl release-musl Connections.class meddler.so)
# Ways in: clients that look up or connect in ways of their own, and what is loaded into clients beside us.
LAB_CHECK += $(addprefix $(BUILD)/lab/,async cares client-allocator differential differential-musl loader loader-musl \
	sockets sockets-musl allocator.so layers.so plugin.so plugin-musl.so)
# Surroundings: what a client does to itself, and what its system refuses.
LAB_CHECK += $(addprefix $(BUILD)/lab/,denied memory names scripted scripted-musl stack stack-musl)
# Hostile surroundings: processes, threads and signals.
LAB_CHECK += $(foreach libc,glibc musl,$(patsubst %,$(BUILD)/lab/%$(if $(filter musl,$(libc)),-musl), \
	processes interrupted client-tls248 client-tls300))

.PHONY: lab
lab: $(LAB) $(LAB_CHECK)

$(addprefix $(BUILD)/lab/,pod answer questions): $(BUILD)/lab/%: tests/lab/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $< -lresolv

$(BUILD)/lab/%-musl.so: tests/programs/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)musl-gcc $(TEST_CFLAGS) -fPIC -shared -o $@ $<

$(BUILD)/lab/%-musl: tests/programs/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)musl-gcc $(TEST_CFLAGS) -o $@ $<

$(BUILD)/lab/Connections.class: tests/programs/Connections.java
	@mkdir -p $(@D)
	@echo "  JAVAC   $@"
	$(Q)javac -d $(@D) $<

$(BUILD)/lab/%.so: tests/programs/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -fPIC -shared -o $@ $< -ldl

$(BUILD)/lab/client-allocator: tests/programs/client.c tests/programs/allocator.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -fno-builtin -o $@ $^

$(BUILD)/lab/client-tls%-musl: tests/programs/client.c tests/programs/tls.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)musl-gcc $(TEST_CFLAGS) -DTLS_KIB=$* -o $@ $^

$(BUILD)/lab/client-tls%: tests/programs/client.c tests/programs/tls.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -DTLS_KIB=$* -o $@ $^

$(BUILD)/lab/memory: TEST_CFLAGS += -fno-builtin
# These are c-ares' old functions, which clients still call.
$(BUILD)/lab/cares: LAB_LIBRARY = -lcares -Wno-deprecated-declarations
$(BUILD)/lab/async: LAB_LIBRARY = -lanl

$(BUILD)/lab/processes $(BUILD)/lab/processes-musl $(BUILD)/lab/interrupted $(BUILD)/lab/interrupted-musl: \
	tests/programs/growth.h

$(BUILD)/lab/%: tests/programs/%.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(TEST_CFLAGS) -o $@ $< $(LAB_LIBRARY) -lresolv -ldl -lrt
