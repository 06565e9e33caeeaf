// SPDX-License-Identifier: BSD-3-Clause
// The side of the neighbour table that changes it. It has half as many slots again as there may be
// entries, so that there is room near every bucket.

#include <errno.h>
#include <stdlib.h>

#include <sys/random.h>

#include "tables/memory.h"
#include "tables/neighbour.h"

#define SLOT_FREE    0
#define SLOT_REMOVED 1

_Static_assert(
	N_NEIGHBOUR_BUCKETS *NEIGHBOUR_BUCKET_SIZE >= MAX_NEIGHBOURS / 2 * 3, "room for all");

// Where an entry is, or could be.
struct slot {
	uint32_t home; // bucket that it belongs to
	uint32_t at;   // bucket that it is in
	unsigned i;
};

struct neighbour_table *neighbour_table_new(struct rcu *rcu)
{
	struct neighbour_table *table = table_alloc(sizeof(*table));

	if (table == NULL)
		return NULL;
	if (getrandom(&table->multiplier, sizeof(table->multiplier), 0) < 0) {
		table_free(table, sizeof(*table));
		return NULL;
	}
	table->multiplier |= 1;
	table->rcu = rcu;
	return table;
}

void neighbour_table_free(struct neighbour_table *table)
{
	if (table != NULL)
		table_free(table, sizeof(*table));
}

static uint32_t next_bucket(uint32_t bucket)
{
	return (bucket + 1) & (N_NEIGHBOUR_BUCKETS - 1);
}

// The slot in or behind the bucket of `key` that has `content`: the key itself, or SLOT_FREE.
// False: there is none.
static bool find(
	const struct neighbour_table *table, uint64_t key, uint64_t content, struct slot *slot)
{
	slot->home = neighbour_hash(table, key);
	slot->at = slot->home;
	do {
		const struct neighbour_bucket *bucket = &table->buckets[slot->at];

		for (slot->i = 0; slot->i < NEIGHBOUR_BUCKET_SIZE; slot->i++) {
			if (bucket->key[slot->i] == content)
				return true;
		}
		if (content == key && bucket->n_passed == 0)
			return false;
		slot->at = next_bucket(slot->at);
	} while (slot->at != slot->home);
	return false;
}

// Counts an entry in the buckets between its home and its place, or counts it no more (-1).
static void count_passed(struct neighbour_table *table, const struct slot *slot, uint32_t change)
{
	for (uint32_t i = slot->home; i != slot->at; i = next_bucket(i)) {
		uint32_t *n = &table->buckets[i].n_passed;

		__atomic_store_n(n, *n + change, __ATOMIC_RELEASE);
	}
}

bool neighbour_set(
	struct neighbour_table *table, uint16_t attachment, rte_be32_t address, uint64_t mac)
{
	uint64_t key = neighbour_key(attachment, address);
	struct slot slot;

	if (find(table, key, key, &slot)) {
		__atomic_store_n(&table->buckets[slot.at].mac[slot.i], mac, __ATOMIC_RELAXED);
		return true;
	}
	if (table->n == MAX_NEIGHBOURS || !find(table, key, SLOT_FREE, &slot))
		return false;
	struct neighbour_bucket *bucket = &table->buckets[slot.at];

	count_passed(table, &slot, 1);
	bucket->mac[slot.i] = mac;
	bucket->used_s[slot.i] = 0;
	__atomic_store_n(&bucket->key[slot.i], key, __ATOMIC_RELEASE);
	table->n++;
	return true;
}

// Of a slot, when no worker can have found its key any more.
static void free_slot(void *key)
{
	*(uint64_t *)key = SLOT_FREE;
}

void neighbour_remove(struct neighbour_table *table, uint16_t attachment, rte_be32_t address)
{
	uint64_t key = neighbour_key(attachment, address);
	struct slot slot;

	if (!find(table, key, key, &slot))
		return;
	uint64_t *found = &table->buckets[slot.at].key[slot.i];

	__atomic_store_n(found, SLOT_REMOVED, __ATOMIC_RELEASE);
	count_passed(table, &slot, UINT32_MAX);
	rcu_retire(table->rcu, found, free_slot);
	table->n--;
}

uint32_t neighbour_last_use(struct neighbour_table *table, uint16_t attachment, rte_be32_t address)
{
	uint64_t key = neighbour_key(attachment, address);
	uint32_t *used_s;

	if (neighbour_lookup(table, key, neighbour_hash(table, key), &used_s) == 0)
		return 0;
	return __atomic_load_n(used_s, __ATOMIC_RELAXED);
}
