// SPDX-License-Identifier: BSD-3-Clause
// Remotes: other VTEPs, and the multicast group as one of them. Control makes a new immutable
// entry for each change and swaps the pointer; the old one is retired after a grace period.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "tables/limits.h"
#include "tables/rcu.h"

#define REMOTE_HEADER_MAX 54 // Ethernet 14, tag 4, IPv4 20, UDP 8, VXLAN 8

// What encap needs, in two cache lines.
struct remote {
	rte_be32_t address;
	uint16_t id;
	uint16_t device;     // underlay device
	uint16_t attachment; // ATTACHMENT_UPLINK of that device
	uint16_t path_mtu;   // L3 size of the underlay toward this remote
	uint8_t header_len;  // 50, or 54 with an underlay tag
	bool resolved;	     // header[] has its destination MAC; else packets are punted
	bool configured;     // named by the configuration (else learned)
	bool failed;	     // resolution failed lately: drop vxlan_no_neigh instead of punting
	bool no_route;	     // no next hop: off the prefix and no gateway: drop vxlan_no_route
	uint8_t reserved[5];
	uint32_t ip_sum; // one's complement sum of the IPv4 header below as it stands: 16-bit
			 // words as they lie in memory, folded to 16 bits, not inverted
	// Outer headers, ready but for what differs by packet, which is 0 here: IPv4 length, id,
	// fragment word (DF too) and checksum; UDP source port, length and checksum; VNI.
	uint8_t header[REMOTE_HEADER_MAX];
} __attribute__((aligned(64)));

#define N_REMOTE_SLOTS (2 * MAX_REMOTES)

struct remote_table {
	struct remote *entries[MAX_REMOTES]; // by id; NULL: none
	// Address -> id, linear probing: address << 32 | id, one word so that a reader never sees
	// half of a change. 0: free; id 0: removed, but others may lie behind it.
	uint64_t slots[N_REMOTE_SLOTS];
	uint64_t multiplier; // of the hash; random and odd, set once
	struct remote_writer *writer;
};

struct remote_table *remote_table_new(struct rcu *rcu);
void remote_table_free(struct remote_table *table);

// Any thread. 0: unknown.
uint16_t remote_find(const struct remote_table *table, rte_be32_t address);

// Any thread; NULL: none, or gone by now. Valid until the reader's next quiescent state.
static inline const struct remote *remote_get(const struct remote_table *table, uint16_t id)
{
	return __atomic_load_n(&table->entries[id], __ATOMIC_ACQUIRE);
}

// Control. Copies *remote into a fresh entry and publishes it under its address; remote->id 0
// gives it a new id; the address of an id never changes. Returns the id, or 0 when there is no
// room. Ids are given out in turn, so that one rests long before it names another remote.
uint16_t remote_publish(struct remote_table *table, const struct remote *remote);
void remote_remove(struct remote_table *table, uint16_t id);
