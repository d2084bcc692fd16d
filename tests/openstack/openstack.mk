# The Python glue in a real Keystone, Glance and Cinder on a scratch Ceph (lab/openstack).
SUITES += openstack

.PHONY: check-openstack
check-openstack: $(BUILD)/libvtclone.so.1 ## the glue on a real Keystone, Glance, Cinder and Ceph
	$(Q)$(pytest) tests/openstack $(PYTEST_ARGS)
