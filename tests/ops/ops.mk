# An operator's tools: doctor on broken deployments, man pages, completion, dashboards and rules.
SUITES += ops

.PHONY: check-ops
check-ops: all man ## doctor, manual pages, alert rules (starts a scratch Ceph and a Prometheus of its own)
	@lab/deps openstack ops wheels
	$(Q)VTCLONE_BUILD=$(CURDIR)/$(BUILD) VTCLONE_PROGRAM=$(CURDIR)/$(BUILD)/vtclone $(pytest) tests/ops $(PYTEST_ARGS)
