# vtclone in a real Keystone, Glance and Cinder whose NetApp and PowerStore backends run the arrays' own drivers, on emulated
# arrays (lab/arrays).
SUITES += seed

.PHONY: check-seed
check-seed: $(BUILD)/libvtclone.so.1 ## the seed's three backends with the arrays' own drivers
	$(Q)PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=shim:python-glue:tests:tests/openstack \
		VTCLONE_LIBRARY=$(CURDIR)/$(BUILD)/libvtclone.so.1 $(PYTHON) -m pytest -q -p no:cacheprovider -p pytest_count \
		$(or $(SEED_TESTS),tests/seed) $(PYTEST_ARGS)
