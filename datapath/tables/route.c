// SPDX-License-Identifier: BSD-3-Clause
// From prefixes to ranges. Sorted by start and, of those that start together, widest first, each
// prefix comes after those that it lies in: a stack of the prefixes around the present address says
// which one goes on where another ends.

#include <stdlib.h>

#include "base/arena.h"
#include "tables/route.h"

#define END_OF_ADDRESSES (UINT64_C(1) << 32)
#define MAX_NESTED	 34 // prefixes of 33 lengths, and all addresses

struct builder {
	uint32_t *starts;	      // of the ranges
	struct route_target *targets; // likewise
	uint32_t n_ranges;
	struct route_hop *hops;
	uint32_t n_hops;
	struct {
		uint64_t end;
		struct route_target target;
	} around[MAX_NESTED];
	unsigned n_around;
};

static uint32_t prefix_size_mask(uint8_t len)
{
	return len == 0 ? UINT32_MAX : (uint32_t)((UINT64_C(1) << (32 - len)) - 1);
}

static uint32_t first_address(const struct route *route)
{
	return rte_be_to_cpu_32(route->prefix) & ~prefix_size_mask(route->len);
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_prefixes(const struct route *a, const struct route *b)
{
	int order = compare_numbers(first_address(a), first_address(b));

	return order != 0 ? order : compare_numbers(a->len, b->len);
}

// By next hop at last, so that the order in which routes are given changes no flow's path.
static int compare_routes(const void *left, const void *right)
{
	const struct route *a = left;
	const struct route *b = right;
	int order = compare_prefixes(a, b);

	if (order == 0)
		order = compare_numbers(a->source, b->source);
	if (order == 0)
		order = compare_numbers(rte_be_to_cpu_32(a->gateway), rte_be_to_cpu_32(b->gateway));
	return order != 0 ? order : compare_numbers(a->interface, b->interface);
}

static enum route_kind kind_of(const struct route *route)
{
	if (route->source == ROUTE_OWN)
		return ROUTE_TO_SELF;
	return route->source == ROUTE_BROADCAST ? ROUTE_TO_BROADCAST : ROUTE_TO_HOPS;
}

static void add_hop(struct builder *b, struct route_target *target, const struct route *route)
{
	const struct route_hop *last = &b->hops[b->n_hops - 1];

	if (target->n_hops != 0 && last->gateway == route->gateway &&
		last->interface == route->interface)
		return;
	b->hops[b->n_hops++] =
		(struct route_hop){.gateway = route->gateway, .interface = route->interface};
	target->n_hops++;
}

// What the best of `n` routes with one prefix lead to; the best come first.
static struct route_target target_of(struct builder *b, const struct route *routes, size_t n)
{
	struct route_target target = {.kind = kind_of(routes), .first = b->n_hops};

	for (size_t i = 0; i < n && routes[i].source == routes[0].source; i++)
		add_hop(b, &target, &routes[i]);
	return target;
}

// From an address on, another target holds.
static void add_range(struct builder *b, uint64_t start, struct route_target target)
{
	if (start == END_OF_ADDRESSES)
		return;
	// Nothing was in between.
	if (b->n_ranges != 0 && b->starts[b->n_ranges - 1] == start)
		b->n_ranges--;
	b->starts[b->n_ranges] = (uint32_t)start;
	b->targets[b->n_ranges++] = target;
}

static void enter(struct builder *b, uint64_t start, uint64_t size, struct route_target target)
{
	add_range(b, start, target);
	b->around[b->n_around].end = start + size;
	b->around[b->n_around++].target = target;
}

// Leaves all prefixes that end at `address` or before it, but the outermost.
static void leave(struct builder *b, uint64_t address)
{
	while (b->n_around > 1 && b->around[b->n_around - 1].end <= address) {
		uint64_t end = b->around[--b->n_around].end;

		add_range(b, end, b->around[b->n_around - 1].target);
	}
}

// Fills the last block up. Returns the number of blocks.
static uint32_t fill_up(struct builder *b)
{
	uint32_t n_blocks = (b->n_ranges + ROUTE_BLOCK - 1) / ROUTE_BLOCK;

	for (uint32_t i = b->n_ranges; i < n_blocks * ROUTE_BLOCK; i++) {
		b->starts[i] = UINT32_MAX;
		b->targets[i] = b->targets[b->n_ranges - 1];
	}
	return n_blocks;
}

void route_build(
	struct route_table *table, struct arena *arena, const struct route *routes, size_t n)
{
	const struct route_target nowhere = {.kind = ROUTE_TO_NOWHERE};
	size_t max_ranges = 2 * n + 1 + ROUTE_BLOCK;
	struct route *sorted = arena_alloc(arena, (n + 1) * sizeof(*sorted));
	struct builder b = {
		.starts = arena_alloc(arena, max_ranges * sizeof(*b.starts)),
		.targets = arena_alloc(arena, max_ranges * sizeof(*b.targets)),
		.hops = arena_alloc(arena, (n + 1) * sizeof(*b.hops)),
		.n_hops = 1, // hop 0 is nobody's
	};

	for (size_t i = 0; i < n; i++)
		sorted[i] = routes[i];
	qsort(sorted, n, sizeof(*sorted), compare_routes);
	enter(&b, 0, END_OF_ADDRESSES, nowhere);
	for (size_t i = 0, end; i < n; i = end) {
		uint64_t first = first_address(&sorted[i]);

		for (end = i + 1; end < n && compare_prefixes(&sorted[i], &sorted[end]) == 0;)
			end++;
		leave(&b, first);
		enter(&b, first, (uint64_t)prefix_size_mask(sorted[i].len) + 1,
			target_of(&b, &sorted[i], end - i));
	}
	leave(&b, END_OF_ADDRESSES);
	*table = (struct route_table){
		.n_blocks = fill_up(&b), .starts = b.starts, .targets = b.targets, .hops = b.hops};
}
