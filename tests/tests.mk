# Tests. Each folder of tests/ that needs targets of its own has a fragment (tests/*/*.mk) which adds its suite's name to
# SUITES; `make test` runs them all and sums up.

-include $(wildcard tests/*/*.mk)

unit_sources := $(wildcard tests/unit/test_*.c)
unit_programs := $(unit_sources:%.c=$(BUILD)/%)

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(lib_objects)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

.SECONDARY: $(unit_sources:%.c=$(BUILD)/%.o)
-include $(unit_sources:%.c=$(BUILD)/%.d)

.PHONY: check-unit
check-unit: $(unit_programs) ## unit tests only (no service)
	@tests/run-programs unit $(unit_programs)

deps: ## installs the packages that building and testing need
	lab/deps build ceph openstack

test: ## installs what is missing, runs every test, ends with one count line
	lab/deps build ceph openstack
	@tests/run-suites unit $(SUITES)
