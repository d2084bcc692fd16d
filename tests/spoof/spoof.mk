# Locations that point at somebody else's data, through the library and the command; tests/openstack writes the same table
# into a real Glance.
SUITES += spoof

.PHONY: check-spoof
check-spoof: all ## spoofed locations: the whole table, without services
	$(Q)VTCLONE_BUILD=$(CURDIR)/$(BUILD) $(pytest) tests/spoof $(PYTEST_ARGS)
