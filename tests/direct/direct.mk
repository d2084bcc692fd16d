# The direct engine against librbd on a real Ceph: equality, leftovers of killed processes, races, fallbacks. Needs the
# library as it ships and one with faults (plugin/fault.h).
SUITES += direct

# The builds with sanitizers or counters have the faults as well.
faults := $(if $(filter asan tsan cov,$(FLAVOUR)),$(FLAVOUR),faults)

.PHONY: check-direct
check-direct: $(BUILD)/libvtclone.so.1 ## the direct engine, compared with librbd byte for byte (starts a scratch Ceph)
	$(Q)$(MAKE) --no-print-directory FLAVOUR=$(faults) build/$(faults)/libvtclone.so.1
	$(Q)VTCLONE_FAULTS_LIBRARY=$(CURDIR)/build/$(faults)/libvtclone.so.1 $(pytest) tests/direct $(PYTEST_ARGS)
