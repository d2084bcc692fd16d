# Our readers against Cinder's and Python's own: where they differ, ours are stricter (docs/differences.md).
SUITES += differential

$(BUILD)/tests/differential/location: $(BUILD)/tests/differential/location.o $(lib_objects)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
-include $(BUILD)/tests/differential/location.d

.PHONY: check-differential
check-differential: $(BUILD)/tests/differential/location ## readers against Cinder's _parse_location, _extract_cinder_ids and json.loads
	$(Q)VTCLONE_READER=$(CURDIR)/$< $(pytest) tests/differential $(PYTEST_ARGS)
