/* SPDX-License-Identifier: MIT */
/* KVM or emulation, and the frequency of the host's time stamp counter. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/macro.h"
#include "runners/runner.h"

/*
 * Can KVM be tried at all: the CPU says so (vmx or svm), the device opens, the API answers, nobody
 * has remembered a failure since this boot. That is no proof: only contact from a guest is. On
 * false, why (240 bytes) has the reason.
 */
bool accel_kvm_plausible(char why[240]) must_check nonnull(1);

/* A guest under KVM made no contact: no run tries again until the next boot of this host. */
void accel_kvm_failed(void);

/* True once per boot of this host: the moment to warn that runs are emulated. */
bool accel_warn_once(void) must_check;

/*
 * kHz of the host's TSC, good to 1e-5: counted against CLOCK_MONOTONIC_RAW for 20 ms, remembered
 * per boot id. 0 where there is none, or where it stops or changes its pace.
 */
uint64_t accel_tsc_khz(void) must_check;

/* Adds what a frozen machine may know of the host's CPU: model, stepping, microcode, flags. */
int accel_cpu_model(struct buf *out) must_check nonnull(1);

/* Does the text of /proc/cpuinfo name this flag for its first CPU? Pure. */
bool accel_cpu_flag(const char *cpuinfo, const char *flag) must_check nonnull(1, 2);
