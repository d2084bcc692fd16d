# The library on the scratch Ceph of lab/: programs that use the built .so, and librbd beside it to look at the outcome.
SUITES += ceph

# CEPH="calls clone": only these.
CEPH ?=
ceph_sources := $(if $(CEPH),$(CEPH:%=tests/ceph/test_%.c),$(wildcard tests/ceph/test_*.c))
ceph_programs := $(ceph_sources:%.c=$(BUILD)/%)
ceph_shared := $(BUILD)/tests/ceph/lab.o $(BUILD)/tests/ceph/request.o $(BUILD)/plugin/librbd_image.o

$(BUILD)/tests/ceph/%: $(BUILD)/tests/ceph/%.o $(ceph_shared) $(BUILD)/libvtclone.so.1
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -l:libvtclone.so.1 -lrbd -lrados -lcmocka -lpthread -ldl \
		-Wl,-rpath,'$$ORIGIN/../..'

# Their functions stand before those of librados and librbd.
$(BUILD)/tests/ceph/test_calls: $(BUILD)/tests/ceph/calls.o
$(BUILD)/tests/ceph/test_answers $(BUILD)/tests/ceph/test_undo: $(BUILD)/tests/ceph/acts.o
$(BUILD)/tests/ceph/test_calls $(BUILD)/tests/ceph/test_answers $(BUILD)/tests/ceph/test_undo: ALL_LDFLAGS += -rdynamic

# The library's own objects, so that its allocations can be told from all others.
ceph_memory := $(BUILD)/tests/ceph/test_memory
$(ceph_memory): $(ceph_memory).o $(BUILD)/tests/alloc/failing.o $(ceph_shared) $(lib_objects)
	$(Q)$(CC) $(ALL_LDFLAGS) $(alloc_wraps) $(call wrap,rados_aio_write_op_operate) -o $@ $^ $(LIBS) -lcmocka

# A host with nothing of Ceph in it.
$(BUILD)/tests/ceph/loader: $(BUILD)/tests/ceph/loader.o
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< -lpthread -ldl
$(BUILD)/tests/ceph/test_loading: $(BUILD)/tests/ceph/loader

.SECONDARY: $(ceph_sources:%.c=$(BUILD)/%.o)
-include $(ceph_sources:%.c=$(BUILD)/%.d) $(ceph_shared:.o=.d) $(patsubst %,$(BUILD)/tests/ceph/%.d,calls acts loader)

.PHONY: check-ceph
check-ceph: $(ceph_programs) ## the library on two scratch Ceph clusters
	@tests/ceph/run $(ceph_programs)

.PHONY: load
load: ## 2,000 clones at 64 threads by each engine, a monitor restarted in the middle (LOAD_VOLUMES=n)
	@lab/deps build ceph
	@$(MAKE) --no-print-directory $(BUILD)/tests/ceph/test_load
	@LOAD_VOLUMES=$(or $(LOAD_VOLUMES),2000) TEST_TIMEOUT=3600 tests/ceph/run $(BUILD)/tests/ceph/test_load
