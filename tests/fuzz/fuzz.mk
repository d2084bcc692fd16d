# Fuzzing. A target is tests/fuzz/fuzz_NAME.c with its corpus tests/fuzz/corpus/NAME. `make check-fuzz` replays every
# corpus under ASan and UBSan; `make fuzz SECONDS=n` searches with libFuzzer, n seconds shared by all targets (TARGETS= for
# some), new inputs in build/fuzz/found/NAME.
SUITES += fuzz
fuzz_targets := $(sort $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
TARGETS ?= $(fuzz_targets)

# The mutator that knows JSON is for documents. fuzz_replies holds two sources itself; fuzz_cloud stands in for the network.
fuzz_plain := location http replies
fuzz_objects_replies := $(filter-out %/direct_read.o %/cls_rbd_read.o,$(lib_objects))
fuzz_objects = $(or $(fuzz_objects_$*),$(lib_objects))
fuzz_ldflags_cloud := -Wl,--wrap=http_attempt -Wl,--wrap=call_sleep

$(BUILD)/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay.o $(lib_objects)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(fuzz_ldflags_$*) -o $@ $(filter-out $(lib_objects),$^) $(fuzz_objects) $(LIBS)

$(BUILD)/fuzz/search_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/mutate_json.o $(lib_objects)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $(fuzz_ldflags_$*) -o $@ \
		$(filter-out $(lib_objects) $(if $(filter $*,$(fuzz_plain)),%/mutate_json.o),$^) $(fuzz_objects) $(LIBS)

.SECONDARY: $(foreach t,$(fuzz_targets),$(BUILD)/tests/fuzz/fuzz_$(t).o) $(BUILD)/tests/fuzz/mutate_json.o $(BUILD)/tests/fuzz/replay.o
-include $(wildcard $(BUILD)/tests/fuzz/*.d)

.PHONY: fuzz replay-programs search-programs check-fuzz
replay-programs: $(fuzz_targets:%=$(BUILD)/fuzz/replay_%)
search-programs: $(TARGETS:%=$(BUILD)/fuzz/search_%)

check-fuzz: ## replays the fuzzers' corpora under ASan and UBSan
	@$(MAKE) --no-print-directory FLAVOUR=asan replay-programs
	@tests/fuzz/replay build/asan/fuzz $(fuzz_targets)

fuzz: ## searches with libFuzzer for SECONDS=n (default 60), TARGETS="image site"
	@lab/deps analysis
	@$(MAKE) --no-print-directory FLAVOUR=fuzz CC=clang search-programs
	@tests/fuzz/search build/fuzz/fuzz $(or $(SECONDS),60) $(TARGETS)
