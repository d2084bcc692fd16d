# vtclone: `make help` lists the targets. CFLAGS, LDFLAGS, PREFIX and DESTDIR are the user's: they are added to, never
# overwritten. FLAVOUR=asan|tsan|cov builds apart, in build/FLAVOUR/.
SHELL := /bin/bash
.DEFAULT_GOAL := all
$(if $(word 2,$(CURDIR)),$(error the path of this folder has a space in it ($(CURDIR)), which make cannot work with))
MAKEFLAGS += --no-builtin-rules

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
PYTHON ?= /usr/bin/python3
CC ?= cc
ifeq ($(origin CC),default)
CC := cc
endif

version_part = $(shell sed -n 's/^\#define VTCLONE_VERSION_$(1) \([0-9]*\)$$/\1/p' include/vtclone.h)
VERSION := $(call version_part,MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)
SOVERSION := $(call version_part,MAJOR)

FLAVOUR ?=
BUILD := build$(if $(FLAVOUR),/$(FLAVOUR))
# Faults at chosen moments, for tests (plugin/fault.h). The sanitizers and the counters have them too: what only a fault
# reaches is what they are for.
flavour_faults := -DVTCLONE_FAULTS
flavour_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 $(flavour_faults)
flavour_tsan := -fsanitize=thread -O1 $(flavour_faults)
flavour_cov := --coverage -O0 -fprofile-update=atomic $(flavour_faults) -DVTCLONE_COUNTERS
flavour_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1
flavour_flags := $(flavour_$(FLAVOUR))

# V=1 shows the commands.
V ?= 0
Q := $(if $(filter 0,$(V)),@)

WERROR ?= 1
warnings := -Wall -Wextra -Wshadow -Wcast-qual -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	$(if $(filter 1,$(WERROR)),-Werror)
hardening := -fstack-protector-strong $(if $(FLAVOUR),,-D_FORTIFY_SOURCE=2) -fPIC -fvisibility=hidden
# Calls that have no bound fail the build.
banned := -include plugin/banned.h

# Where the programs look for the library before the system's places; a distribution's package sets it to nothing.
RUNPATH ?= -Wl,-rpath,'$$ORIGIN:$$ORIGIN/../lib'

CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu11 $(warnings) $(hardening) $(banned) -Iinclude -Iplugin -DVTCLONE_BUILD -D_GNU_SOURCE \
	-MMD -MP $(CFLAGS) $(flavour_flags) $(CPPFLAGS)
ALL_LDFLAGS = -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) $(flavour_flags)
LIBS := -lrbd -lrados -lcurl -lyajl -lpthread

lib_sources := $(wildcard plugin/*.c)
lib_objects := $(lib_sources:%.c=$(BUILD)/%.o)
tool_sources := $(wildcard tools/*.c)
tool_objects := $(tool_sources:%.c=$(BUILD)/%.o)

.PHONY: all help deps clean install uninstall demo test check-unit bench asan tsan valgrind fuzz abi lint

programs := $(BUILD)/vtclone $(if $(wildcard tools/vtclone_bench.c),$(BUILD)/vtclone-bench)

all: $(BUILD)/libvtclone.so.1 $(programs) ## library and programs

# ---- library and programs ----

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/libvtclone.so.1: $(lib_objects) plugin/libvtclone.map
	$(Q)$(CC) -shared -Wl,-soname,libvtclone.so.$(SOVERSION) -Wl,--version-script=plugin/libvtclone.map -Wl,-z,defs -Wl,-z,nodelete \
		$(ALL_LDFLAGS) -o $@ $(lib_objects) $(LIBS)
	@ln -sf libvtclone.so.1 $(BUILD)/libvtclone.so

# The programs use the library through its public header, but for what is linked in: doctor reads JSON, configuration and images
# with the library's own bounded readers (and asks clusters by librados), and `clone --count` writes JSON with its writer.
doctor_objects := $(patsubst %,$(BUILD)/plugin/%.o,image json_read json_text json_write arena yajl_arena strbuf error)
$(BUILD)/vtclone: $(BUILD)/tools/vtclone.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/cmd_*.c tools/cli_*.c tools/doctor_*.c)) \
		$(doctor_objects) $(BUILD)/libvtclone.so.1
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -l:libvtclone.so.1 -lrados -lyajl $(RUNPATH)

$(BUILD)/vtclone-bench: $(BUILD)/tools/vtclone_bench.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard tools/bench_*.c tools/cli_*.c)) \
		$(BUILD)/plugin/strbuf.o $(BUILD)/libvtclone.so.1
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -l:libvtclone.so.1 -lyajl -lrbd -lrados -lpthread $(RUNPATH)

-include $(lib_objects:.o=.d) $(tool_objects:.o=.d)

include packaging/packaging.mk
include lab/bench/bench.mk
include tests/tests.mk

# ---- installing ----

define pkgconfig
prefix=$(PREFIX)
libdir=$(LIBDIR)
includedir=$(PREFIX)/include

Name: vtclone
Description: volume-type aware clone of Glance images for Cinder
Version: $(VERSION)
Requires.private: libcurl yajl
Libs: -L$${libdir} -lvtclone
Libs.private: -lrbd -lrados
Cflags: -I$${includedir}
endef
export pkgconfig

install: all ## PREFIX=/usr/local, DESTDIR= for packages
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/libvtclone.so.1 $(DESTDIR)$(LIBDIR)/libvtclone.so.$(VERSION)
	ln -sf libvtclone.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libvtclone.so.1
	ln -sf libvtclone.so.1 $(DESTDIR)$(LIBDIR)/libvtclone.so
	install -m 644 include/vtclone.h $(DESTDIR)$(PREFIX)/include/vtclone.h
	install -m 755 $(programs) $(DESTDIR)$(PREFIX)/bin/
	printf '%s\n' "$$pkgconfig" >$(DESTDIR)$(LIBDIR)/pkgconfig/vtclone.pc
	if command -v scdoc >/dev/null; then $(MAKE) --no-print-directory install-docs; fi
	$(if $(DESTDIR),,-ldconfig)

uninstall: uninstall-docs ## what install has installed, with the same PREFIX and DESTDIR
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libvtclone.so.$(VERSION) libvtclone.so.1 libvtclone.so pkgconfig/vtclone.pc)
	rm -f $(DESTDIR)$(PREFIX)/include/vtclone.h $(addprefix $(DESTDIR)$(PREFIX)/bin/,$(notdir $(programs)))
	$(if $(DESTDIR),,-ldconfig)

# ---- the story ----

demo: ## the main job on real services; ARRAYS=emulated: netapp and powerstore by their own drivers
	@lab/deps build ceph openstack
	@$(MAKE) --no-print-directory all
	@lab/demo-ceph
	@$(if $(filter emulated,$(ARRAYS)),lab/demo-arrays,lab/demo-openstack)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(filter %Makefile %.mk,$(MAKEFILE_LIST)) | sort | expand -t 14

clean: ## removes build/
	rm -rf build
