// SPDX-License-Identifier: BSD-3-Clause
// A router as workers see it: part of the snapshot, built by control, never changed. Its interfaces
// and its gateway are attachments (ATTACHMENT_ROUTER) that name it.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "tables/route.h"

#define MAX_ROUTERS 4096
#define ROUTER_ZONE 0x8000 // of its sessions, and its id: not one of a network

#define ROUTER_SNAT		     0x01 // what leaves by the gateway gets its address
#define ROUTER_STRICT_SOURCE	     0x02 // a source must lie behind the interface it comes in by
#define ROUTER_BLOCK_PRIVATE_INGRESS 0x04 // nothing untranslated from the gateway
#define ROUTER_METADATA		     0x08 // has a metadata backend

// Address -> address: open addressing, linear probing, at most half full.
struct router_pair {
	rte_be32_t from; // 0: free
	rte_be32_t to;
};

struct router_map {
	uint32_t mask;			 // number of slots - 1; without slots the map is empty
	const struct router_pair *slots; // NULL: empty
};

struct router {
	uint16_t zone;
	uint16_t gateway;   // attachment, 0: none
	uint32_t flags;	    // ROUTER_*
	rte_be32_t address; // of the gateway
	struct route_table routes;
	struct router_map fixed;    // floating address -> fixed address
	struct router_map floating; // the other way round
	// What no other can send from: own addresses, floating ones, broadcast addresses of
	// connected subnets; each leads to itself.
	struct router_map own;
};

static inline uint32_t router_map_slot(rte_be32_t address)
{
	return (uint32_t)((uint64_t)address * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

// 0: none.
static inline rte_be32_t router_map_find(const struct router_map *map, rte_be32_t address)
{
	if (map->slots == NULL)
		return 0;
	for (uint32_t i = router_map_slot(address);; i++) {
		const struct router_pair *slot = &map->slots[i & map->mask];

		if (slot->from == address || slot->from == 0)
			return slot->from == 0 ? 0 : slot->to;
	}
}
