# The HTTP client against a scripted server that fails in every way: what a real Keystone, Glance or Cinder cannot be made
# to do. The real ones are in tests/openstack.
SUITES += http

.PHONY: check-http
check-http: all ## faults of Keystone, Glance and Cinder over HTTP, by a scripted server
	$(Q)VTCLONE_BUILD=$(CURDIR)/$(BUILD) $(pytest) tests/http $(PYTEST_ARGS)
