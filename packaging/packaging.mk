# Packages and manual pages. All of it is made under build/; the tree stays clean.

# ---- manual pages: scdoc sources in docs/man, and the header's own comments ----

man_sources := $(wildcard docs/man/*.scd)
man_pages := $(man_sources:docs/man/%.scd=build/man/%) build/man/vtclone.h.3
# A page's date is fixed by its release, so that two builds are alike.
man_date := SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-1795392000}
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions

.PHONY: man install-docs uninstall-docs deb check-deb wheel check-wheel

man: $(man_pages) ## manual pages (needs scdoc)

build/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	$(Q)$(man_date) scdoc <$< >$@.part && mv $@.part $@

build/man/vtclone.h.3: include/vtclone.h packaging/header_man.py
	@mkdir -p $(@D)
	$(Q)$(PYTHON) packaging/header_man.py <include/vtclone.h >$@.scd
	$(Q)$(man_date) scdoc <$@.scd >$@.part && mv $@.part $@

install-docs: man ## manual pages and shell completion, to PREFIX and DESTDIR
	for page in $(man_pages); do install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$$(basename $$page); done
	install -D -m 644 packaging/completion/vtclone $(DESTDIR)$(COMPLETIONDIR)/vtclone
	ln -sf vtclone $(DESTDIR)$(COMPLETIONDIR)/vtclone-bench

uninstall-docs:
	rm -f $(foreach page,$(notdir $(man_pages)),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(page))
	rm -f $(addprefix $(DESTDIR)$(COMPLETIONDIR)/,vtclone vtclone-bench)

# ---- Debian packages ----

deb: ## Debian packages, in build/deb (installs debhelper and what else that needs)
	@lab/deps build packages
	$(Q)packaging/build-deb build/deb $(VERSION)

check-deb: deb ## builds the packages, lintian on them, and a clean tree in which they are installed, used and removed
	$(Q)packaging/check-deb build/deb

# ---- a wheel with the library inside ----

wheel: ## platform wheels of both Python packages, in build/wheel
	@lab/deps build wheels
	@$(MAKE) --no-print-directory $(BUILD)/libvtclone.so.1
	$(Q)packaging/build-wheel $(BUILD)/libvtclone.so.1 build/wheel

check-wheel: wheel ## installs the wheels into an empty environment and uses them
	$(Q)packaging/check-wheel build/wheel

# ---- a container image ----

.PHONY: check-container
check-container: ## builds the container recipe with buildah on a base made here, and has Cinder in it find vtclone
	$(Q)packaging/check-container
