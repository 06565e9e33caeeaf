// SPDX-License-Identifier: BSD-3-Clause
// The routes of one router: longest prefix match for IPv4. Built by control, part of the snapshot,
// never changed.
//
// Prefixes nest, so that a set of them cuts the addresses into ranges of which each has one longest
// prefix: at most two for each prefix, and one. They lie sorted in an array of blocks. A look-up is
// a binary search for the block, and in it a count of the ranges that start at the address or
// before. A router has some tens of routes:
// one to four blocks, a few hundred bytes (docs/adr/0012-routes.md).

#pragma once

#include <stdint.h>

#include <rte_byteorder.h>

#include "tables/vector.h"

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

#define ROUTE_BLOCK 16 // ranges

struct route_table {
	uint32_t n_blocks;
	// Of the ranges, host order, ascending; the first is 0. The last block is filled up with
	// ranges that start at the last address and lead where the one before them does.
	const uint32_t *starts;
	const struct route_target *targets; // of the ranges
	const struct route_hop *hops;
};

// Fills in a table of the `n` routes. Bits of a prefix behind its length do not count. Routes of
// one prefix and one source share its packets; exact duplicates merge. All memory is the arena's.
void route_build(
	struct route_table *table, struct arena *arena, const struct route *routes, size_t n);

// How many ranges of a block start at an address or before it. Compilers need more than
// twice as many instructions for the loop.
static inline unsigned route_count(const uint32_t *block, uint32_t address)
{
#ifdef TABLES_SSE4
	const __m128i *starts = (const __m128i *)(const void *)block;
	__m128i all = _mm_set1_epi32((int)address), is_before[4];

	for (unsigned i = 0; i < 4; i++) {
		__m128i four = _mm_loadu_si128(&starts[i]);

		is_before[i] = _mm_cmpeq_epi32(_mm_min_epu32(four, all), four);
	}
	__m128i low = _mm_packs_epi32(is_before[0], is_before[1]);
	__m128i high = _mm_packs_epi32(is_before[2], is_before[3]);

	return (unsigned)__builtin_popcount(
		(unsigned)_mm_movemask_epi8(_mm_packs_epi16(low, high)));
#else
	unsigned n = 0;

	for (unsigned i = 0; i < ROUTE_BLOCK; i++)
		n += block[i] <= address;
	return n;
#endif
}

static inline const struct route_target *route_find(
	const struct route_table *table, rte_be32_t destination)
{
	uint32_t address = rte_be_to_cpu_32(destination);
	const uint32_t *block = table->starts;

	for (uint32_t n = table->n_blocks; n > 1; n -= n / 2)
		block += block[n / 2 * ROUTE_BLOCK] <= address ? n / 2 * ROUTE_BLOCK : 0;
	return &table->targets[block - table->starts + route_count(block, address) - 1];
}

// The next hop of a flow; `target` leads to hops. A hash takes one path as long as the routes stay;
// where there is one hop, any hash does.
static inline const struct route_hop *route_hop(
	const struct route_table *table, const struct route_target *target, uint32_t flow_hash)
{
	uint32_t n = target->n_hops == 1 ? 0 : (uint64_t)flow_hash * target->n_hops >> 32;

	return &table->hops[target->first + n];
}
