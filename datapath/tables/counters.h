// SPDX-License-Identifier: BSD-3-Clause
// Packet counters. Each worker (and control) has its own block and is its only writer; readers
// add the blocks up, a little late maybe. A relaxed load and store each, which cost what plain ones
// do.
//
// The ledger, for each attachment and in total, when nothing is in flight:
//   rx + originated + copies + handed_in = tx + consumed + sum(drops) + handed_out
// handed_out counts packets that left the care of the attachment they came in by, handed_in those
// that arrived in the care of the one they go out by; over all attachments the two are equal, so
// that in total rx + originated + copies = tx + consumed + sum(drops).
//
// A packet is rx of the attachment it was classified to; one that dies before that is rx of the
// device's root attachment. A packet that control takes off a ring was counted consumed by the
// worker that put it there; one that control sends is counted originated by the worker that takes
// it off the inject ring. One that dies in the slow path's hands is counted originated and dropped
// by control, so that its reason shows and the ledger still closes. A fragment that waits for the
// first one of its datagram is counted consumed when it is held, and originated when it goes on or
// dies: the ledger is closed while it waits, and a port may go meanwhile.
// Bytes are those of the frame without its own tag, outer headers or padding.

#pragma once

#include <stdint.h>

#include "tables/limits.h"

// By the one writer.
static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

// By anybody.
static inline uint64_t counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

enum drop_reason {
#define X(symbol, name, class, text) DROP_##symbol,
#include "pipeline/drop.def"
#undef X
	N_DROP_REASONS
};

enum drop_class {
	DROP_CLASS_POLICY,     // the configuration says so
	DROP_CLASS_ERROR,      // the packet or the network around it is wrong
	DROP_CLASS_CONGESTION, // a ring, queue or table is full
	DROP_CLASS_EXPECTED,   // part of normal operation
};

struct drop_info {
	const char *name; // "vlan_unknown"
	enum drop_class class;
	const char *text; // one sentence
};

extern const struct drop_info drop_infos[N_DROP_REASONS];

// Things worth knowing that are no drops.
enum info_counter {
	INFO_FDB_FULL,
	INFO_FDB_MOVED,
	INFO_ARP_CONFLICT, // somebody else claims an address of ours
	N_INFO_COUNTERS
};

extern const char *const info_counter_names[N_INFO_COUNTERS];

struct attachment_counters {
	uint64_t rx, rx_bytes;
	uint64_t tx, tx_bytes;
	uint64_t originated;
	uint64_t copies;
	uint64_t consumed;
	uint64_t handed_out;
	uint64_t handed_in;
	uint64_t drops[N_DROP_REASONS];
} __attribute__((aligned(64)));

struct counters {
	uint64_t info[N_INFO_COUNTERS];
	uint64_t busy_cycles, idle_cycles; // of a worker
	uint64_t polls, bursts, packets;
	struct attachment_counters attachments[MAX_ATTACHMENTS]; // by id; pages come on first use
};

struct counters *counters_new(void);
void counters_free(struct counters *counters);
