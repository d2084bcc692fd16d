# Properties of the resolver over generated sites and images: the same 100,000 and more in every make test, as many as fit in
# SECONDS=n (default 600, SEED=n) by `make properties`.
SUITES += properties
properties_batch := $(BUILD)/tests/properties/batch

$(properties_batch): $(BUILD)/tests/properties/batch.o $(BUILD)/libvtclone.so.1
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< -L$(BUILD) -l:libvtclone.so.1 -Wl,-rpath,$(CURDIR)/$(BUILD)
-include $(BUILD)/tests/properties/batch.d

.PHONY: check-properties properties
check-properties: $(properties_batch) ## properties of the resolver, fixed seed
	$(Q)PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/properties/run.py --batch $< --count $(or $(COUNT),100000)

properties: $(properties_batch) ## properties of the resolver for SECONDS=n, SEED=n
	$(Q)PYTHONDONTWRITEBYTECODE=1 $(PYTHON) tests/properties/run.py --batch $< --seconds $(or $(SECONDS),600) \
		--seed $(or $(SEED),$(shell date +%s))
