# An operator's tools: doctor on broken deployments, man pages, completion, dashboards and rules.
SUITES += ops

.PHONY: check-ops
check-ops: $(BUILD)/vtclone ## doctor, documents, rules (starts a scratch Ceph of its own)
	$(Q)VTCLONE_PROGRAM=$(CURDIR)/$(BUILD)/vtclone $(pytest) tests/ops $(PYTEST_ARGS)
