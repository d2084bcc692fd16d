# The benchmark: stock Cinder, both engines and a hand-written loop, on one scratch Ceph in one run.
$(BUILD)/bench/floor: lab/bench/floor.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 $(warnings) -D_GNU_SOURCE $(CFLAGS) -o $@ $< -lrados -lpthread

.PHONY: bench
bench: all $(BUILD)/bench/floor ## measures; BENCH_ARGS="--docs" writes docs/performance.md, --quick measures less
	lab/deps openstack bench
	$(Q)$(PYTHON) lab/bench/run --build $(BUILD) $(BENCH_ARGS)
