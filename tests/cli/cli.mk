# The command line from outside, where it needs no service.
SUITES += cli

.PHONY: check-cli
check-cli: all ## options, output and exit statuses of the programs
	$(Q)VTCLONE_BUILD=$(CURDIR)/$(BUILD) $(pytest) tests/cli $(PYTEST_ARGS)
