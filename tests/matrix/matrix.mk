# The suites on two generations of Debian, each in a tree of its own (lab/tree), which is kept between runs.
MATRIX_GENERATIONS ?= bookworm trixie
MATRIX_SUITES ?= $(filter-out asan lint abi fuzz generations,unit $(SUITES))

.PHONY: matrix
matrix: ## unit, Ceph and OpenStack suites on bookworm and on trixie: build/matrix.md (MATRIX_RESUME=1: goes on)
	@lab/deps trees
	@tests/matrix/run "$(MATRIX_GENERATIONS)" $(MATRIX_SUITES)
