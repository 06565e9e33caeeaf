// SPDX-License-Identifier: BSD-3-Clause
// The side of the neighbour table that changes it. A removed entry leaves a mark in its slot, since
// others may lie behind it; a new entry takes the first mark on its way. Marks that no entry lies
// behind are freed at once, and a quarter of the slots always stays free, so that a search ends.

#include <errno.h>
#include <stdlib.h>

#include <sys/random.h>

#include "tables/memory.h"
#include "tables/neighbour.h"

static struct neighbour_entry removed; // the mark; its MAC is 0

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
	if (table == NULL)
		return;
	for (uint32_t i = 0; i < N_NEIGHBOUR_SLOTS; i++) {
		if (table->slots[i] != &removed)
			free(table->slots[i]);
	}
	table_free(table, sizeof(*table));
}

static struct neighbour_entry **slot_at(struct neighbour_table *table, uint32_t i)
{
	return &table->slots[i & (N_NEIGHBOUR_SLOTS - 1)];
}

static void put(
	struct neighbour_table *table, struct neighbour_entry **slot, struct neighbour_entry *entry)
{
	struct neighbour_entry *old = *slot;

	__atomic_store_n(slot, entry, __ATOMIC_RELEASE);
	if (old != NULL && old != &removed)
		rcu_retire(table->rcu, old, free);
}

// The slot of a key, or the one where a new entry belongs.
static struct neighbour_entry **find_slot(struct neighbour_table *table, uint64_t key)
{
	struct neighbour_entry **mark = NULL;

	for (uint32_t i = neighbour_slot(table, key);; i++) {
		struct neighbour_entry **slot = slot_at(table, i);

		if (*slot == NULL)
			return mark != NULL ? mark : slot;
		if (*slot == &removed && mark == NULL)
			mark = slot;
		if (*slot != &removed && (*slot)->key == key)
			return slot;
	}
}

bool neighbour_set(
	struct neighbour_table *table, uint16_t attachment, rte_be32_t address, uint64_t mac)
{
	struct neighbour_entry **slot = find_slot(table, neighbour_key(attachment, address));
	bool is_new = *slot == NULL || *slot == &removed;
	struct neighbour_entry *entry;

	if (!is_new && (*slot)->mac == mac)
		return true;
	if (is_new && (table->n == MAX_NEIGHBOURS ||
			      (*slot == NULL && table->n_used == N_NEIGHBOUR_SLOTS / 4 * 3)))
		return false;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return false;
	entry->key = neighbour_key(attachment, address);
	entry->mac = mac;
	if (!is_new)
		entry->used_s = __atomic_load_n(&(*slot)->used_s, __ATOMIC_RELAXED);
	table->n += is_new;
	table->n_used += *slot == NULL;
	put(table, slot, entry);
	return true;
}

// Marks before a free slot keep nobody together.
static void free_marks(struct neighbour_table *table, struct neighbour_entry **last)
{
	uint32_t i = (uint32_t)(last - table->slots);

	if (*slot_at(table, i + 1) != NULL)
		return;
	for (; *slot_at(table, i) == &removed; i--) {
		__atomic_store_n(slot_at(table, i), NULL, __ATOMIC_RELEASE);
		table->n_used--;
	}
}

void neighbour_remove(struct neighbour_table *table, uint16_t attachment, rte_be32_t address)
{
	uint64_t key = neighbour_key(attachment, address);
	struct neighbour_entry **slot = find_slot(table, key);

	if (*slot == NULL || (*slot)->key != key || *slot == &removed)
		return;
	put(table, slot, &removed);
	table->n--;
	free_marks(table, slot);
}
