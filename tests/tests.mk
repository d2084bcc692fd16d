# Tests. Each folder of tests/ that needs targets of its own has a fragment (tests/*/*.mk) which adds its suite's name to
# SUITES; `make test` runs them all and sums up.

-include $(wildcard tests/*/*.mk)

unit_sources := $(wildcard tests/unit/test_*.c)
unit_programs := $(unit_sources:%.c=$(BUILD)/%)

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(lib_objects)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(BUILD)/tests/unit/test_parent: ALL_LDFLAGS += -Wl,--wrap=monotonic_cond_wait

.SECONDARY: $(unit_sources:%.c=$(BUILD)/%.o)
-include $(unit_sources:%.c=$(BUILD)/%.d)

.PHONY: check-unit
check-unit: $(unit_programs) ## unit tests only (no service)
	@tests/run-programs unit $(unit_programs)

deps: ## installs the packages that building and testing need
	lab/deps build ceph openstack

# What several suites use is built before them, since they run side by side: the long ones first, an OpenStack beside a Ceph.
test_builds := all man $(unit_programs) $(ceph_programs) $(properties_batch) $(BUILD)/tests/differential/location
long_suites := seed ceph openstack asan direct ops live properties

.PHONY: test-builds
test-builds: $(test_builds) abi-library
	@$(MAKE) --no-print-directory FLAVOUR=faults build/faults/libvtclone.so.1
	@$(MAKE) --no-print-directory FLAVOUR=asan CEPH=calls all alloc-program replay-programs $(patsubst %,build/asan/%,\
		$(unit_sources:%.c=%) tests/ceph/test_calls)

test: ## installs what is missing, runs every test (LANES=2 suites at a time), ends with one count line
	lab/deps build
	@lab/deps ceph openstack trust ops wheels & deps=$$!; $(MAKE) --no-print-directory -j2 test-builds && wait $$deps
	@LANES=$(or $(LANES),2) tests/run-suites $(long_suites) $(filter-out $(long_suites),unit $(SUITES))
