// SPDX-License-Identifier: BSD-3-Clause
// Compile-time bounds of the datapath. Ids are small integers, given out by control, stable while
// the object lives, reused after a grace period. Id 0 means "none" everywhere.

#pragma once

#define MAX_WORKERS	32
#define MAX_DEVICES	512 // weft devices; at most RTE_MAX_ETHPORTS of them are ethdevs
#define MAX_ATTACHMENTS 16384
#define MAX_NETWORKS	8192
#define MAX_REMOTES	16384
#define MAX_FDB_ENTRIES (1u << 20)
#define MAX_SESSIONS	(1u << 21) // and those that wait for a grace period
#define BURST_SIZE	64	   // packets read from a device queue at once
