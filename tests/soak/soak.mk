# Long: not part of `make test`.
SOAK_SECONDS ?= 3600

.PHONY: soak
soak: ## clones and deletes for SOAK_SECONDS=3600: memory, threads, sockets, sessions must stay flat; plot in build/soak/
	@lab/deps build ceph bench
	@$(MAKE) --no-print-directory all
	$(Q)PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=shim:lab VTCLONE_LIBRARY=$(CURDIR)/$(BUILD)/libvtclone.so.1 \
		$(PYTHON) tests/soak/soak.py --seconds $(SOAK_SECONDS) --build $(BUILD) \
		--port $(or $(VTCLONE_TEST_PORT),10000)
