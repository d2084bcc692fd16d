# What sanitizers and analysers say. Each target installs what it needs.
SUITES += asan lint

.PHONY: check-asan check-lint asan tsan valgrind lint coverage

# An allocation of 2^63 bytes must be NULL, not an abort, for the tests that ask for it.
asan_rules := allocator_may_return_null=1:strict_string_checks=1:detect_stack_use_after_return=1:suppressions=$(CURDIR)/tests/trust/asan.supp
asan_options := ASAN_OPTIONS=detect_leaks=1:$(asan_rules) \
	UBSAN_OPTIONS=print_stacktrace=1

# Python loads the library into a program that knows nothing of sanitizers, so the runtime comes first, by LD_PRELOAD: of
# Python alone, since make has an overflow of its own; and libstdc++ with it, or it would not find the function that throws.
# Of leaks only programs are asked there (WRAPPER): the interpreter keeps what it has at its end.
preloaded = $(shell $(CC) -print-file-name=libasan.so):$(shell $(CC) -print-file-name=libstdc++.so.6)
asan_python = PYTHON="env LD_PRELOAD=$(preloaded) PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0:$(asan_rules) UBSAN_OPTIONS=print_stacktrace=1 $(PYTHON)" \
	WRAPPER="env LD_PRELOAD= $(asan_options)"

# What a sanitizer is slower with has more time; nothing else changes.
patient := LANES=1 TEST_TIMEOUT=1800

# By make test: of the Ceph programs the one that leads calls down every failing path. The others measure time, sessions and
# operations on whole storms, which the plain build answers for; make asan runs them too.
check-asan: ## unit tests, Ceph tests of failing calls and the command line under ASan and UBSan
	@$(asan_options) $(patient) FLAVOUR=asan CEPH="calls" tests/run-suites unit ceph cli

asan: ## all that can run under ASan and UBSan: also the HTTP and direct suites, allocations, the fuzzers' corpora
	@$(asan_options) $(patient) FLAVOUR=asan tests/run-suites unit ceph cli alloc fuzz
	@$(asan_python) $(patient) FLAVOUR=asan PYTEST_ARGS="-k 'not failing_allocation'" tests/run-suites http direct

tsan: ## unit and Ceph tests under ThreadSanitizer
	@TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:atexit_sleep_ms=0:ignore_noninstrumented_modules=1:suppressions=$(CURDIR)/tests/trust/tsan.supp $(patient) \
		FLAVOUR=tsan tests/run-suites unit ceph

valgrind: ## unit and Ceph tests under valgrind, which takes an hour
	@lab/deps analysis
	@VTCLONE_TEST_SLOWNESS=8 WRAPPER="valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect" TEST_TIMEOUT=7200 tests/run-suites unit ceph

lint: ## cppcheck, clang-tidy, pyflakes, pycodestyle, lengths of sources
	@lab/deps trust analysis
	@TIDY=1 tests/trust/lint

check-lint: ## lint without clang-tidy, which takes a minute of two processors
	@lab/deps trust
	@tests/trust/lint

coverage: ## line and branch coverage of plugin/ by the suites that reach it: build/cov/coverage.html
	@lab/deps analysis
	@tests/trust/coverage
