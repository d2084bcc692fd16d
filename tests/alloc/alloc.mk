# Every allocation of the library fails once, under ASan, over every call that needs no cluster.
SUITES += alloc
comma := ,
alloc_wraps := $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup strndup vasprintf __vasprintf_chk free)

$(BUILD)/tests/alloc/test_alloc: $(BUILD)/tests/alloc/test_alloc.o $(BUILD)/tests/alloc/failing.o $(lib_objects)
	$(Q)$(CC) $(ALL_LDFLAGS) $(alloc_wraps) -Wl,--wrap=http_attempt,--wrap=call_sleep -o $@ $^ $(LIBS) -lcmocka
-include $(BUILD)/tests/alloc/test_alloc.d $(BUILD)/tests/alloc/failing.d

.PHONY: check-alloc alloc-program
alloc-program: $(BUILD)/tests/alloc/test_alloc
check-alloc: ## fails each allocation of each call, under ASan
	@$(MAKE) --no-print-directory FLAVOUR=$(or $(FLAVOUR),asan) alloc-program
	@$(asan_options) tests/run-programs alloc build/$(or $(FLAVOUR),asan)/tests/alloc/test_alloc
