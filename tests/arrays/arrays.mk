# Cinder's own drivers for NetApp and PowerStore against the emulated arrays (lab/arrays), without the rest of
# OpenStack. In a mount namespace of its own: the NFS driver mounts.
SUITES += arrays

.PHONY: check-arrays
check-arrays: ## Cinder's array drivers against the emulated arrays
	$(Q)unshare --mount --propagation private -- env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=lab:tests \
		$(PYTHON) -W ignore -m pytest -q -p no:cacheprovider -p pytest_count tests/arrays $(PYTEST_ARGS)
