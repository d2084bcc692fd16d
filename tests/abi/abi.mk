# What a program compiled against an older release relies on. tests/abi/VERSION holds the header and the ABI dump of each
# release: `make abi-dump` writes those of the version in the header, at its release and never later.
SUITES += abi
abi_release := tests/abi/$(basename $(VERSION))

.PHONY: check-abi abi abi-library abi-dump
abi: check-abi ## exports, header, dlopen, and abidiff against the releases' dumps

# abidiff reads debug information, so the library is built apart with it, whatever CFLAGS say.
abi-library:
	@$(MAKE) --no-print-directory BUILD=build/abi CFLAGS='-O0 -g' build/abi/libvtclone.so.1

check-abi: $(BUILD)/libvtclone.so.1 abi-library ## the suite that abi runs
	@lab/deps trust
	$(Q)VTCLONE_BUILD=$(CURDIR)/$(BUILD) CC="$(CC)" $(pytest) tests/abi $(PYTEST_ARGS)

abi-dump: abi-library ## at a release: keeps its header and ABI dump in tests/abi
	@lab/deps trust
	@mkdir -p $(abi_release)
	cp include/vtclone.h $(abi_release)/vtclone.h
	abidw --exported-interfaces-only --suppressions tests/abi/abidiff.supp --no-corpus-path --no-comp-dir-path --no-show-locs \
		--out-file $(abi_release)/libvtclone.abi build/abi/libvtclone.so.1
