// SPDX-License-Identifier: BSD-3-Clause
// The routes of one router: longest prefix match for IPv4. Built by control, part of the snapshot,
// never changed.
//
// Prefixes nest, so that a set of them cuts the addresses into ranges of which each has one longest
// prefix: at most two for each prefix, and one. They lie sorted in an array, and a look-up is a
// binary search without branches that depend on the packet. A router has some tens of routes: it
// takes a few hundred bytes and five to eight steps (docs/adr/0012-routes.md).

#pragma once

#include <stdint.h>

#include <rte_byteorder.h>

struct arena;

// Where a route comes from, the preferred first: of several with one prefix only the best counts.
enum route_source {
	ROUTE_OWN,	 // an address of the router itself
	ROUTE_BROADCAST, // of a connected subnet
	ROUTE_CONNECTED,
	ROUTE_STATIC,
	ROUTE_GATEWAY, // default by the gateway's subnet
};

// A route as it is configured.
struct route {
	rte_be32_t prefix;
	uint8_t len;	    // of the prefix
	uint8_t source;	    // enum route_source
	uint16_t interface; // attachment
	rte_be32_t gateway; // 0: on the link
};

struct route_hop {
	rte_be32_t gateway; // 0: the destination itself
	uint16_t interface; // attachment
	uint16_t reserved;
};

enum route_kind {
	ROUTE_TO_NOWHERE,
	ROUTE_TO_SELF,
	ROUTE_TO_BROADCAST,
	ROUTE_TO_HOPS,
};

// What a packet's destination leads to.
struct route_target {
	uint16_t kind;	 // enum route_kind
	uint16_t n_hops; // to choose from, in turn by flow
	uint32_t first;	 // of them, in hops
};

struct route_table {
	uint32_t n_ranges;
	const uint32_t *starts;		    // of the ranges, host order, ascending; the first is 0
	const uint32_t *ranges;		    // what each leads to: index in targets
	const struct route_target *targets; // [0]: nowhere
	const struct route_hop *hops;
};

// Fills in a table of the `n` routes. Bits of a prefix behind its length do not count. Routes of
// one prefix and one source share its packets; exact duplicates merge. All memory is the arena's.
void route_build(
	struct route_table *table, struct arena *arena, const struct route *routes, size_t n);

static inline const struct route_target *route_find(
	const struct route_table *table, rte_be32_t destination)
{
	uint32_t address = rte_be_to_cpu_32(destination);
	const uint32_t *range = table->starts;

	for (uint32_t n = table->n_ranges; n > 1; n -= n / 2)
		range += range[n / 2] <= address ? n / 2 : 0;
	return &table->targets[table->ranges[range - table->starts]];
}

// The next hop of a flow; `target` leads to hops. A hash takes one path as long as the routes stay.
static inline const struct route_hop *route_hop(
	const struct route_table *table, const struct route_target *target, uint32_t flow_hash)
{
	return &table->hops[target->first + ((uint64_t)flow_hash * target->n_hops >> 32)];
}
