# SPDX-License-Identifier: MIT
# One program, two link profiles: guest = static musl, no libraries; host = dynamic, all tools.
#   make [all]   both programs                make demo    set up everything, run one pipeline in a VM
#   make check   no root, no VM, ~90 s        make test    set up everything, run every test
#   make kernel  our kernels, cached          make help    the other targets

SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:

BUILD ?= build
CC ?= cc
MUSL_CC ?= musl-gcc
WERROR ?= 1
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := $(shell cat VERSION)
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

WARN = -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wformat-nonliteral -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wpointer-arith -Wcast-align \
	-Wundef -Wswitch-enum -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion \
	$(if $(filter 1,$(WERROR)),-Werror)
# Paths of the build do not reach the binary: the same source gives the same bytes anywhere.
ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE $(WARN) -I. -I$(BUILD)/include -ffile-prefix-map=$(CURDIR)=.
HOST_CFLAGS = $(ALL_CFLAGS) -DEXECVM_LIBDIR='"$(PREFIX)/lib/execvm"' -O2 -g -fstack-protector-strong -fPIE \
	$(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer,-D_FORTIFY_SOURCE=2) $(CFLAGS)
HOST_LDFLAGS = -pie -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)
HOST_LIBS = -ljansson -lnettle -lz -llz4
# Kernel headers through links of our own: /usr/include itself would bring glibc's.
GUEST_CFLAGS = $(ALL_CFLAGS) -isystem $(BUILD)/kernel-include -Os -fno-pie -ffunction-sections \
	-fdata-sections -fno-asynchronous-unwind-tables -fno-stack-protector
GUEST_LDFLAGS = -static -no-pie -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,norelro -s

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2) >&2)

LIB_SRC := $(wildcard lib/*.c)
GUEST_SRC := execvm.c $(LIB_SRC) $(wildcard chain/*.c) $(wildcard init/*.c)
HOST_SRC := $(GUEST_SRC) $(foreach d,archive completion image initrd late pipeline runners,$(wildcard $(d)/*.c))
GUEST_OBJ := $(GUEST_SRC:%.c=$(BUILD)/guest/%.o)
HOST_OBJ := $(HOST_SRC:%.c=$(BUILD)/host/%.o) $(BUILD)/host/initrd/guest-image.o \
	$(BUILD)/host/completion/scripts.o
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/host/%.o)

.PHONY: all
all: $(BUILD)/guest/execvm $(BUILD)/host/execvm $(BUILD)/host/run-in-vm $(BUILD)/api/libexecvm.so

$(BUILD)/include/version.h: VERSION Makefile
	@mkdir -p $(@D)
	@echo '#define EXECVM_VERSION "$(VERSION)"' > $@

# What is called of a library that is loaded late: pointers, under the names of its functions.
LATE_H = $(BUILD)/include/late-archive.h $(BUILD)/include/late-kmod.h
$(LATE_H): $(BUILD)/include/late-%.h: late/%.names Makefile
	@mkdir -p $(@D)
	@awk -v list=LATE_$$(echo $* | tr a-z A-Z) '!/^#/ { names = names " X(" $$1 ")"; \
		pointers = pointers "extern __typeof__(" $$1 ") *late_" $$1 ";\n#define " $$1 " (*late_" $$1 ")\n" } \
		END { printf "#pragma once\n#define %s(X)%s\n%s", list, names, pointers }' $< > $@

$(BUILD)/kernel-include/.stamp:
	@mkdir -p $(@D)
	@ln -sfn /usr/include/linux $(@D)/linux
	@ln -sfn /usr/include/asm-generic $(@D)/asm-generic
	@ln -sfn /usr/include/$(MULTIARCH)/asm $(@D)/asm
	@touch $@

$(BUILD)/guest/%.o: %.c Makefile | $(BUILD)/include/version.h $(BUILD)/kernel-include/.stamp
	@mkdir -p $(@D)
	$(call say,MUSL,$@)
	$(Q)$(MUSL_CC) $(CPPFLAGS) $(GUEST_CFLAGS) -DEXECVM_GUEST=1 -MMD -MP -c -o $@ $<

$(BUILD)/guest/execvm: $(GUEST_OBJ)
	$(call say,LINK,$@)
	$(Q)$(MUSL_CC) $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@ $^

$(BUILD)/host/%.o: %.c Makefile | $(BUILD)/include/version.h $(LATE_H)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(HOST_CFLAGS) -DEXECVM_GUEST=0 -MMD -MP -c -o $@ $<

# The guest program travels inside the host program: one file to install, never two versions.
$(BUILD)/host/initrd/guest-image.o: initrd/guest-image.S $(BUILD)/guest/execvm Makefile
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) -DGUEST_IMAGE='"$(BUILD)/guest/execvm"' -c -o $@ $<

$(BUILD)/host/completion/scripts.o: completion/scripts.S completion/execvm.bash completion/execvm.zsh Makefile
	@mkdir -p $(@D)
	$(call say,AS,$@)
	$(Q)$(CC) -c -o $@ $<

$(BUILD)/host/execvm: $(HOST_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(HOST_CFLAGS) $(HOST_LDFLAGS) -o $@ $^ $(HOST_LIBS)

$(BUILD)/host/run-in-vm: $(BUILD)/host/execvm
	@ln -sfn execvm $@

# The library for C: what of lib/ it needs is inside, and not to be seen from outside.
API_SRC := $(wildcard api/*.c) $(foreach f,argv b64 buf clock err fd io json num proc,lib/$(f).c)
API_OBJ := $(API_SRC:%.c=$(BUILD)/api/%.o)
API_SONAME = libexecvm.so.1

$(BUILD)/api/%.o: %.c Makefile | $(BUILD)/include/version.h
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(CPPFLAGS) $(HOST_CFLAGS) -fPIC -DEXECVM_GUEST=0 -MMD -MP -c -o $@ $<

$(BUILD)/api/$(API_SONAME): $(API_OBJ) api/libexecvm.map
	$(call say,LINK,$@)
	$(Q)$(CC) $(HOST_CFLAGS) -shared -Wl,-z,relro,-z,now,-z,defs -Wl,-soname,$(API_SONAME) \
		-Wl,--version-script=api/libexecvm.map $(LDFLAGS) -o $@ $(API_OBJ) -ljansson

$(BUILD)/api/libexecvm.so: $(BUILD)/api/$(API_SONAME)
	@ln -sfn $(API_SONAME) $@

-include $(API_OBJ:.o=.d)
-include $(GUEST_OBJ:.o=.d) $(HOST_OBJ:.o=.d)

# Our kernels, for one CPU and for several, built once for each version and configuration, in
# ${XDG_CACHE_HOME:-~/.cache}/execvm.
.PHONY: kernel kernel-up
kernel: kernel-up
	@kernel-config/build.sh smp
kernel-up:
	@kernel-config/build.sh up

.PHONY: demo
demo:
	@tests/install-packages demo
	@$(MAKE) --no-print-directory all kernel-up
	@BUILD=$(BUILD) demo/run

# A Debian root that can build this program, and a machine description for it. MAKEFLAGS: make -C
# would say on stdout which directory it enters, in front of what the pipeline is there for.
.PHONY: debian-root
debian-root: $(BUILD)/demo/debian.json
$(BUILD)/demo/debian.json: demo/make-root Makefile
	@mkdir -p $(@D)
	@image=$$(demo/make-root debian) && \
		printf '{ "root": "%s", "memory": "1G", "cwd": "/tmp", "env": {"MAKEFLAGS": "%s"} }\n' \
			"$$image" --no-print-directory >$@

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/execvm
	install -m 755 $(BUILD)/host/execvm $(DESTDIR)$(PREFIX)/bin/execvm
	ln -sfn execvm $(DESTDIR)$(PREFIX)/bin/run-in-vm
	install -d $(DESTDIR)$(PREFIX)/include
	install -m 644 api/execvm.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 $(BUILD)/api/$(API_SONAME) $(DESTDIR)$(PREFIX)/lib/
	ln -sfn $(API_SONAME) $(DESTDIR)$(PREFIX)/lib/libexecvm.so
	for page in docs/man/*.[1-8]; do \
		section=$${page##*.}; \
		install -d $(DESTDIR)$(PREFIX)/share/man/man$$section && \
		install -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$$section/ || exit 1; \
	done
	share=$(DESTDIR)$(PREFIX)/share; \
	install -d $$share/bash-completion/completions $$share/zsh/site-functions && \
	$(BUILD)/host/execvm completion bash >$$share/bash-completion/completions/execvm && \
	ln -sfn execvm $$share/bash-completion/completions/run-in-vm && \
	$(BUILD)/host/execvm completion zsh >$$share/zsh/site-functions/_execvm
	dir=$(DESTDIR)$(PREFIX)/lib/execvm; \
	for cpus in up smp; do \
		kernel=$$(kernel-config/build.sh --print-path $$cpus) && test -f "$$kernel" && \
			install -d "$$dir" && install -m 644 "$$kernel" "$$kernel.config" "$$dir/" || \
			echo "no kernel of ours installed ($$cpus): make kernel first"; \
		dir=$$dir/smp; \
	done

.PHONY: dist distcheck
dist:
	git archive --prefix=execvm-$(VERSION)/ HEAD | gzip -n >execvm-$(VERSION).tar.gz
distcheck: dist
	rm -rf $(BUILD)/distcheck && mkdir -p $(BUILD)/distcheck
	tar -C $(BUILD)/distcheck -xzf execvm-$(VERSION).tar.gz
	$(MAKE) -C $(BUILD)/distcheck/execvm-$(VERSION) check

.PHONY: help
help:
	@echo 'all check check-vm lint asan fuzz-NAME format kernel demo test bench install dist distcheck clean'

-include tests/tests.mk

.PHONY: clean
clean:
	rm -rf $(BUILD)
