# Cinder's own unit tests, as Debian ships them, with CloneVolumeManager in the place of Cinder's manager.
SUITES += cinder
cinder_tests := test_image test_init_host test_volume_manager test_driver test_volume test_volume_migration \
	test_volume_reimage test_replication_manager flows.test_create_volume_flow drivers.test_rbd

.PHONY: check-cinder
# Some of the tests let every file exist: with a locale set, gettext would open translations that are not there.
check-cinder: $(BUILD)/libvtclone.so.1 ## Cinder's own unit tests with our volume manager
	$(Q)LANGUAGE=C PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(CURDIR)/shim:$(CURDIR)/python-glue \
		VTCLONE_LIBRARY=$(CURDIR)/$(BUILD)/libvtclone.so.1 $(PYTHON) -W ignore $(CURDIR)/tests/cinder/cinder_unit.py \
		$(cinder_tests:%=cinder.tests.unit.volume.%) 2>/dev/null
