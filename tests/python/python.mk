# Python tests that need no service: the shim against the built library, and the parts of the glue that stand alone.
SUITES += python
pytest = PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=shim:python-glue:tests \
	VTCLONE_LIBRARY=$(CURDIR)/$(BUILD)/libvtclone.so.1 $(PYTHON) -m pytest -q -W ignore -p no:cacheprovider -p pytest_count

.PHONY: check-python
check-python: $(BUILD)/libvtclone.so.1 ## tests of the Python packages (no services)
	$(Q)$(pytest) tests/python $(PYTEST_ARGS)

SAMPLE := docs/vtclone.conf.sample
.PHONY: sample
sample: ## docs/vtclone.conf.sample from the options in the code
	$(Q)PYTHONPATH=shim:python-glue $(PYTHON) -W ignore -c 'from tests.python import config_sample; config_sample.main("$(SAMPLE)")'
