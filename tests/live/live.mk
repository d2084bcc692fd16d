# The client of live services on the real Keystone, Glance and Cinder of lab/openstack, with stock Cinder.
SUITES += live

.PHONY: check-live
check-live: all ## resolve, stores, copy and clone on a real OpenStack
	$(Q)lab/deps ceph openstack
	$(Q)VTCLONE_BUILD=$(CURDIR)/$(BUILD) PYTHONPATH=shim:tests:tests/http:lab PYTHONDONTWRITEBYTECODE=1 \
		VTCLONE_LIBRARY=$(CURDIR)/$(BUILD)/libvtclone.so.1 \
		$(PYTHON) -m pytest -q -p no:cacheprovider -p pytest_count tests/live $(PYTEST_ARGS)
