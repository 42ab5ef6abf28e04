# SPDX-License-Identifier: MIT
# Tests, included by the Makefile. README.md beside this says how to run and to write one.
#
# Unit tests and fuzz replays are clang programs with address and undefined behaviour sanitizers,
# each linked to one archive of everything that is not a tool: cmd-*.c and execvm.c print and exit,
# so they are tested from outside, as tests/cmd and tests/vm do.

CLANG ?= clang
FUZZ_TIME ?= 60
TESTFLAGS ?=

SAN_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TEST_CFLAGS = $(ALL_CFLAGS) -O1 -g $(SAN_FLAGS) -DEXECVM_GUEST=0
# What a fuzzer needs is marked in everything that it runs.
FUZZ_CFLAGS = $(TEST_CFLAGS) -fsanitize=fuzzer-no-link

PARTS_SRC := $(wildcard api/*.c) $(foreach f,$(HOST_SRC),$(if $(filter execvm.c cmd-%,$(notdir $(f))),,$(f)))
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test-*.c))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz-*.c))
HELPERS := $(patsubst tests/helpers/%.c,$(BUILD)/helpers/%,$(wildcard tests/helpers/*.c))

UNIT_BIN := $(UNIT:%=$(BUILD)/asan/tests/unit/%)
REPLAY_BIN := $(FUZZ:%=$(BUILD)/asan/tests/fuzz/%)
CMD_TESTS := $(sort $(wildcard tests/cmd/*.t))
VM_TESTS := $(sort $(wildcard tests/vm/*.t))
ANALYZE_TESTS := $(sort $(wildcard tests/lint/analyze-*))
LINT_TESTS := $(filter-out $(ANALYZE_TESTS),$(sort $(wildcard tests/lint/*)))

RUN = BUILD=$(BUILD) tests/run $(TESTFLAGS)

$(BUILD)/helpers/%: tests/helpers/%.c Makefile tests/tests.mk
	@mkdir -p $(@D)
	$(call say,MUSL,$@)
	$(Q)$(MUSL_CC) $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@ $<

$(BUILD)/helpers/%: | $(BUILD)/kernel-include/.stamp

$(BUILD)/asan/%.o: %.c Makefile tests/tests.mk | $(BUILD)/include/version.h $(LATE_H)
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) $(TEST_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/%.o: %.c Makefile tests/tests.mk | $(BUILD)/include/version.h $(LATE_H)
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

# Made anew each time: an object whose source has gone must not stay in it.
$(BUILD)/asan/parts.a: $(PARTS_SRC:%.c=$(BUILD)/asan/%.o) $(BUILD)/host/initrd/guest-image.o $(BUILD)/host/completion/scripts.o
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/fuzz/parts.a: $(PARTS_SRC:%.c=$(BUILD)/fuzz/%.o) $(BUILD)/host/initrd/guest-image.o $(BUILD)/host/completion/scripts.o
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(UNIT_BIN): %: %.o $(BUILD)/asan/parts.a
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^ $(HOST_LIBS)

$(REPLAY_BIN): %: %.o $(BUILD)/asan/tests/fuzz/replay.o $(BUILD)/asan/parts.a
	$(Q)$(CLANG) $(SAN_FLAGS) -o $@ $^ $(HOST_LIBS)

$(FUZZ:%=$(BUILD)/fuzz/tests/fuzz/%): %: %.o $(BUILD)/fuzz/parts.a
	$(Q)$(CLANG) $(SAN_FLAGS) -fsanitize=fuzzer -o $@ $^ $(HOST_LIBS)

.SECONDARY: $(UNIT_BIN:%=%.o) $(REPLAY_BIN:%=%.o) $(FUZZ:%=$(BUILD)/fuzz/tests/fuzz/%.o)

-include $(PARTS_SRC:%.c=$(BUILD)/asan/%.d) $(PARTS_SRC:%.c=$(BUILD)/fuzz/%.d)
-include $(UNIT_BIN:%=%.d) $(REPLAY_BIN:%=%.d)

.PHONY: build-tests build-black-box
build-black-box: all $(HELPERS)
build-tests: build-black-box $(UNIT_BIN) $(REPLAY_BIN)

# One run each, so that one line at the end counts everything.
.PHONY: check check-unit check-fuzz check-cmd check-lint check-vm lint asan test
check: build-tests
	@$(RUN) $(UNIT_BIN) $(REPLAY_BIN) $(CMD_TESTS) $(LINT_TESTS)
check-unit: $(HELPERS) $(UNIT_BIN)
	@$(RUN) $(UNIT_BIN)
check-fuzz: $(HELPERS) $(REPLAY_BIN)
	@$(RUN) $(REPLAY_BIN)
check-cmd: build-black-box
	@$(RUN) $(CMD_TESTS)
check-lint: build-black-box
	@$(RUN) $(LINT_TESTS)
check-vm: build-black-box
	@$(RUN) $(VM_TESTS)
lint: build-black-box
	@tests/lint/function-size --report
	@$(RUN) $(ANALYZE_TESTS) $(LINT_TESTS)

# The black-box tests once more, on a host program that has the sanitizers in it.
asan:
	@EXECVM_TIME_FACTOR=5 LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan-suppressions:print_suppressions=0 \
		$(MAKE) --no-print-directory BUILD=$(BUILD)/sanitized CC=$(CLANG) SAN=address,undefined check-cmd

test:
	@tests/install-packages test
	@$(MAKE) --no-print-directory build-tests
	@$(MAKE) --no-print-directory kernel
	@$(RUN) $(ANALYZE_TESTS) $(UNIT_BIN) $(REPLAY_BIN) $(CMD_TESTS) $(LINT_TESTS) $(VM_TESTS)

# make fuzz-chain [FUZZ_TIME=600]: what reaches new code is added to the corpus.
.PHONY: $(FUZZ)
$(FUZZ): fuzz-%: $(BUILD)/fuzz/tests/fuzz/fuzz-%
	@mkdir -p $(BUILD)/fuzz/corpus/$* tests/fuzz/corpus/$*
	$< -max_total_time=$(FUZZ_TIME) -timeout=5 -artifact_prefix=$(BUILD)/fuzz/ \
		$(BUILD)/fuzz/corpus/$* tests/fuzz/corpus/$*
	$< -set_cover_merge=1 tests/fuzz/corpus/$* $(BUILD)/fuzz/corpus/$*

.PHONY: format
format:
	clang-format -i $$(tests/lint/format --list)

# For the scripts in tests/lint, which compile as we do.
print-%:
	@echo '$(subst ','\'',$($*))'

# Comparisons with other programs, docs/performance.md: bench/README.md. make bench-chain: one of them.
.PHONY: bench
bench:
	@tests/install-packages bench
	@$(MAKE) --no-print-directory build-black-box kernel
	@BUILD=$(BUILD) bench/run
bench-%: build-black-box kernel
	@BUILD=$(BUILD) bench/run $*
