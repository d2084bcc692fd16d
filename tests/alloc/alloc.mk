# Every allocation of the library fails once, under ASan, over every call that needs no cluster.
SUITES += alloc
alloc_wraps := malloc calloc realloc strdup strndup http_attempt call_sleep

$(BUILD)/tests/alloc/test_alloc: $(BUILD)/tests/alloc/test_alloc.o $(lib_objects)
	$(Q)$(CC) $(ALL_LDFLAGS) $(alloc_wraps:%=-Wl,--wrap=%) -o $@ $^ $(LIBS) -lcmocka
-include $(BUILD)/tests/alloc/test_alloc.d

.PHONY: check-alloc alloc-program
alloc-program: $(BUILD)/tests/alloc/test_alloc
check-alloc: ## fails each allocation of each call, under ASan
	@$(MAKE) --no-print-directory FLAVOUR=$(or $(FLAVOUR),asan) alloc-program
	@$(asan_options) tests/run-programs alloc build/$(or $(FLAVOUR),asan)/tests/alloc/test_alloc
