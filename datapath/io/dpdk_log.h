// SPDX-License-Identifier: BSD-3-Clause
// What DPDK itself has to say: brought into our log, and kept at hand for error messages.

#pragma once

// Sends DPDK's log to ours: errors as warnings, all else as debug. Before EAL init.
void dpdk_log_route(void);

// From here to dpdk_log_release(), DPDK's errors are not printed but kept.
void dpdk_log_hold(void);
// The first error that DPDK logged since dpdk_log_hold(), "" when there was none. It is the most
// specific one: callers up the stack report their own failure after it. Valid until the next hold.
const char *dpdk_log_release(void);
