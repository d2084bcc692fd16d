# What sanitizers and analysers say. Each target installs what it needs.
SUITES += asan lint

.PHONY: check-asan check-lint asan tsan valgrind lint coverage

# An allocation of 2^63 bytes must be NULL, not an abort, for the tests that ask for it.
asan_options := ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:strict_string_checks=1:detect_stack_use_after_return=1 \
	UBSAN_OPTIONS=print_stacktrace=1

check-asan:
	@$(asan_options) $(MAKE) --no-print-directory FLAVOUR=asan check-unit

asan: check-asan check-fuzz ## unit tests and the fuzzers' corpora under ASan and UBSan

tsan: ## unit tests under ThreadSanitizer
	@TSAN_OPTIONS=halt_on_error=1 $(MAKE) --no-print-directory FLAVOUR=tsan check-unit

valgrind: ## unit tests under valgrind
	@lab/deps analysis
	@WRAPPER="valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect" \
		$(MAKE) --no-print-directory check-unit

lint: ## cppcheck, clang-tidy, pyflakes, pycodestyle, lengths of sources
	@lab/deps trust analysis
	@TIDY=1 tests/trust/lint

check-lint: # without clang-tidy, which takes a minute of two processors
	@lab/deps trust
	@tests/trust/lint

coverage: ## line and branch coverage of plugin/ by every suite: build/cov/coverage.html
	@lab/deps analysis
	@tests/trust/coverage
