# The benchmark: stock Cinder, both engines and a hand-written loop, on one scratch Ceph in one run.
$(BUILD)/bench/floor: lab/bench/floor.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(warnings) -D_GNU_SOURCE $(CFLAGS) -o $@ $< -lrados -lpthread

.PHONY: bench
bench: ## measures; BENCH_ARGS="--docs" writes docs/performance.md, --quick measures less
	@lab/deps build openstack bench
	@$(MAKE) --no-print-directory all $(BUILD)/bench/floor
	$(Q)$(PYTHON) lab/bench/run --build $(BUILD) $(BENCH_ARGS)
