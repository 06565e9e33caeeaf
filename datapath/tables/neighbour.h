// SPDX-License-Identifier: BSD-3-Clause
// Neighbours of routers: (router interface, IPv4 address) -> MAC. Control alone changes the table,
// workers look up without locks. Who is not in here has no MAC yet: the slow path asks
// (slowpath/router_neighbour.c).
//
// Buckets of one cache line hold three entries. An entry whose bucket is full lies in the next one
// that has room; each bucket knows how many have passed it, so that a search ends at once where
// none has. A slot takes another entry only after a grace period: a key that a worker has found
// stays with its MAC.
//
// Workers note that an entry is used, so that control knows what to verify and what to forget: one
// store a second at most, since the line is shared.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "tables/rcu.h"

#define MAX_NEIGHBOURS	      65536
#define N_NEIGHBOUR_BUCKETS   32768
#define NEIGHBOUR_BUCKET_SIZE 3

struct neighbour_bucket {
	uint64_t key[NEIGHBOUR_BUCKET_SIZE]; // neighbour_key(); 0: free; 1: removed, not free yet
	uint64_t mac[NEIGHBOUR_BUCKET_SIZE]; // low 48 bits
	uint32_t used_s[NEIGHBOUR_BUCKET_SIZE]; // second of the last use by a worker, 0: never
	uint32_t n_passed;			// entries that found no room here
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct neighbour_bucket) == 64, "a bucket is one cache line");

struct neighbour_table {
	struct neighbour_bucket buckets[N_NEIGHBOUR_BUCKETS];
	uint64_t multiplier; // of the hash; random and odd, set once
	uint32_t n;	     // entries
	struct rcu *rcu;
};

static inline uint64_t neighbour_key(uint16_t attachment, rte_be32_t address)
{
	return UINT64_C(1) << 63 | (uint64_t)attachment << 32 | address;
}

// Number of the bucket that an entry belongs to.
static inline uint32_t neighbour_hash(const struct neighbour_table *table, uint64_t key)
{
	return (uint32_t)(((unsigned __int128)key * table->multiplier) >> 32) &
	       (N_NEIGHBOUR_BUCKETS - 1);
}

// For packets of a burst: the buckets of all, then they are looked up.
static inline uint32_t neighbour_hash_prefetch(const struct neighbour_table *table, uint64_t key)
{
	uint32_t hash = neighbour_hash(table, key);

	__builtin_prefetch(&table->buckets[hash]);
	return hash;
}

// The MAC of a neighbour, 0: none. *used_s gets where the time of its last use is kept.
static inline uint64_t neighbour_lookup(
	struct neighbour_table *table, uint64_t key, uint32_t hash, uint32_t **used_s)
{
	for (;; hash = (hash + 1) & (N_NEIGHBOUR_BUCKETS - 1)) {
		struct neighbour_bucket *bucket = &table->buckets[hash];

		for (unsigned i = 0; i < NEIGHBOUR_BUCKET_SIZE; i++) {
			// Acquire: the MAC read next is not older than the key.
			if (__atomic_load_n(&bucket->key[i], __ATOMIC_ACQUIRE) == key) {
				*used_s = &bucket->used_s[i];
				return __atomic_load_n(&bucket->mac[i], __ATOMIC_RELAXED);
			}
		}
		if (__atomic_load_n(&bucket->n_passed, __ATOMIC_RELAXED) == 0)
			return 0;
	}
}

static inline void neighbour_used(uint32_t *used_s, uint32_t now_s)
{
	if (__atomic_load_n(used_s, __ATOMIC_RELAXED) != now_s)
		__atomic_store_n(used_s, now_s, __ATOMIC_RELAXED);
}

struct neighbour_table *neighbour_table_new(struct rcu *rcu); // NULL and errno on failure
void neighbour_table_free(struct neighbour_table *table);     // after a last rcu_barrier()

// Control. A neighbour has this MAC from now on. False: there is no room.
bool neighbour_set(
	struct neighbour_table *table, uint16_t attachment, rte_be32_t address, uint64_t mac);
void neighbour_remove(struct neighbour_table *table, uint16_t attachment, rte_be32_t address);
// Second in which a worker used it last; 0: never, or there is no such neighbour.
uint32_t neighbour_last_use(struct neighbour_table *table, uint16_t attachment, rte_be32_t address);
