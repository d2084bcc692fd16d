# Every allocation of the library, and every call of it to libcurl, fails once, under ASan, over every call that needs no
# cluster. tests/ceph has those that do.
SUITES += alloc
comma := ,
wrap = $(addprefix -Wl$(comma)--wrap=,$(1))
alloc_wraps := $(call wrap,malloc calloc realloc strdup strndup vasprintf __vasprintf_chk free)
piece_wraps := arena_alloc arena_strdup arena_strndup arena_printf
curl_wraps := $(call wrap,curl_global_init curl_easy_init curl_easy_escape curl_slist_append curl_share_init curl_url curl_url_set \
	curl_url_get curl_share_setopt curl_easy_setopt curl_easy_getinfo curl_easy_perform)
alloc_programs := $(BUILD)/tests/alloc/test_alloc $(BUILD)/tests/alloc/test_curl
alloc_shared := $(addprefix $(BUILD)/tests/alloc/,failing.o answers.o public_calls.o)

$(BUILD)/tests/alloc/test_alloc: $(BUILD)/tests/alloc/test_alloc.o $(BUILD)/tests/alloc/pieces.o $(alloc_shared) $(lib_objects)
	$(Q)$(CC) $(ALL_LDFLAGS) $(alloc_wraps) $(call wrap,$(piece_wraps) http_attempt call_sleep) -o $@ $^ $(LIBS) -lcmocka

$(BUILD)/tests/alloc/test_curl: $(BUILD)/tests/alloc/test_curl.o $(BUILD)/tests/alloc/web.o $(alloc_shared) $(lib_objects)
	$(Q)$(CC) $(ALL_LDFLAGS) $(alloc_wraps) $(curl_wraps) $(call wrap,call_sleep) -o $@ $^ $(LIBS) -lcmocka
-include $(alloc_programs:=.d) $(alloc_shared:.o=.d) $(BUILD)/tests/alloc/web.d $(BUILD)/tests/alloc/pieces.d

.PHONY: check-alloc alloc-program
alloc-program: $(alloc_programs)
check-alloc: ## fails each allocation, and each call to libcurl, of each call, under ASan
	@$(MAKE) --no-print-directory FLAVOUR=$(or $(FLAVOUR),asan) alloc-program
	@$(asan_options) tests/run-programs alloc $(addprefix build/$(or $(FLAVOUR),asan)/tests/alloc/,test_alloc test_curl)
