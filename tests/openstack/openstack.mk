# The Python glue in a real Keystone, Glance and Cinder on a scratch Ceph (lab/openstack).
SUITES += openstack

.PHONY: check-openstack
check-openstack: $(BUILD)/libvtclone.so.1 ## the glue on a real Keystone, Glance, Cinder and Ceph
	$(Q)$(pytest) tests/openstack $(PYTEST_ARGS)

.PHONY: bench-openstack
bench-openstack: $(BUILD)/libvtclone.so.1 ## storms and misses through the Cinder API, beside stock Cinder
	$(Q)VTCLONE_LIBRARY=$(CURDIR)/$(BUILD)/libvtclone.so.1 $(PYTHON) tests/openstack/bench_storm.py $(BENCH_ARGS)
