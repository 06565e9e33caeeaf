// SPDX-License-Identifier: BSD-3-Clause
// Monotonic time that a test can hold still and move by hand. Everything that ages asks here.

#pragma once

#include <stdint.h>

#undef NS_PER_S // DPDK has one too, a double; its headers are included before ours
#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

// Nanoseconds on the monotonic clock, or on the virtual one while it is set.
uint64_t clock_now_ns(void);

// Holds time still at `now_ns` (must be non-zero) until clock_use_real().
void clock_use_virtual(uint64_t now_ns);

// Moves virtual time forward. Only while the virtual clock is in use.
void clock_advance(uint64_t ns);

void clock_use_real(void);
