// SPDX-License-Identifier: BSD-3-Clause
// Neighbours of routers: (router interface, IPv4 address) -> MAC. Control makes a new entry for
// each change and swaps the pointer; the old one is retired after a grace period. Who is not in
// here has no MAC yet: the slow path asks (slowpath/router_neighbour.c).
//
// Workers note that an entry is used, so that control knows what to verify and what to forget: one
// store a second at most, since the line is shared.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>
#include <rte_prefetch.h>

#include "tables/rcu.h"

#define MAX_NEIGHBOURS	  65536
#define N_NEIGHBOUR_SLOTS (2 * MAX_NEIGHBOURS)

struct neighbour_entry {
	uint64_t key;	 // neighbour_key()
	uint64_t mac;	 // low 48 bits; 0: the slot's entry was removed
	uint32_t used_s; // second of its last use by a worker, 0: never
};

struct neighbour_table {
	struct neighbour_entry *slots[N_NEIGHBOUR_SLOTS]; // linear probing; NULL: free
	uint64_t multiplier;				  // of the hash; random and odd, set once
	uint32_t n;					  // entries
	uint32_t n_used;				  // slots, with those of removed entries
	struct rcu *rcu;
};

static inline uint64_t neighbour_key(uint16_t attachment, rte_be32_t address)
{
	return (uint64_t)attachment << 32 | address;
}

static inline uint32_t neighbour_slot(const struct neighbour_table *table, uint64_t key)
{
	return (uint32_t)(((unsigned __int128)key * table->multiplier) >> 32) &
	       (N_NEIGHBOUR_SLOTS - 1);
}

static inline struct neighbour_entry *neighbour_lookup(
	const struct neighbour_table *table, uint16_t attachment, rte_be32_t address)
{
	uint64_t key = neighbour_key(attachment, address);

	for (uint32_t i = neighbour_slot(table, key);; i++) {
		struct neighbour_entry *entry = __atomic_load_n(
			&table->slots[i & (N_NEIGHBOUR_SLOTS - 1)], __ATOMIC_ACQUIRE);

		if (entry == NULL || (entry->key == key && entry->mac != 0))
			return entry;
	}
}

// For packets of a burst: the slots of all, then the entries of all, then they are looked up.
static inline void neighbour_prefetch_slot(const struct neighbour_table *table, uint32_t slot)
{
	rte_prefetch0(&table->slots[slot]);
}

static inline void neighbour_prefetch(const struct neighbour_table *table, uint32_t slot)
{
	rte_prefetch0(__atomic_load_n(&table->slots[slot], __ATOMIC_RELAXED));
}

static inline void neighbour_used(struct neighbour_entry *entry, uint32_t now_s)
{
	if (__atomic_load_n(&entry->used_s, __ATOMIC_RELAXED) != now_s)
		__atomic_store_n(&entry->used_s, now_s, __ATOMIC_RELAXED);
}

struct neighbour_table *neighbour_table_new(struct rcu *rcu); // NULL and errno on failure
void neighbour_table_free(struct neighbour_table *table);

// Control. A neighbour has this MAC from now on. False: there is no room.
bool neighbour_set(
	struct neighbour_table *table, uint16_t attachment, rte_be32_t address, uint64_t mac);
void neighbour_remove(struct neighbour_table *table, uint16_t attachment, rte_be32_t address);
