// SPDX-License-Identifier: BSD-3-Clause
// Written by control only. An entry is never changed once it is visible; a slot of the address
// index is one word.

#include <errno.h>
#include <stdlib.h>

#include <sys/random.h>

#include "tables/memory.h"
#include "tables/remote.h"

struct remote_writer {
	struct rcu *rcu;
	uint16_t next_id;
};

_Static_assert(sizeof(struct remote) == 128, "a remote is two cache lines");

struct remote_table *remote_table_new(struct rcu *rcu)
{
	struct remote_table *table = table_alloc(sizeof(*table));

	if (table == NULL)
		return NULL;
	table->writer = calloc(1, sizeof(*table->writer));
	if (table->writer == NULL ||
		getrandom(&table->multiplier, sizeof(table->multiplier), 0) < 0) {
		remote_table_free(table);
		return NULL;
	}
	table->multiplier |= 1;
	table->writer->rcu = rcu;
	table->writer->next_id = 1;
	return table;
}

void remote_table_free(struct remote_table *table)
{
	if (table == NULL)
		return;
	for (unsigned id = 0; id < MAX_REMOTES; id++)
		free(table->entries[id]);
	free(table->writer);
	table_free(table, sizeof(*table));
}

static uint32_t slot_of(const struct remote_table *table, rte_be32_t address)
{
	return (address * table->multiplier) >> 32 & (N_REMOTE_SLOTS - 1);
}

static uint32_t next_slot(uint32_t i)
{
	return (i + 1) & (N_REMOTE_SLOTS - 1);
}

uint16_t remote_find(const struct remote_table *table, rte_be32_t address)
{
	uint32_t i = slot_of(table, address);

	for (unsigned n = 0; n < N_REMOTE_SLOTS; n++, i = next_slot(i)) {
		uint64_t slot = __atomic_load_n(&table->slots[i], __ATOMIC_ACQUIRE);

		if (slot == 0)
			break;
		if (slot >> 32 == address && (uint16_t)slot != 0)
			return (uint16_t)slot;
	}
	return 0;
}

// 0: all ids are taken. Goes round, so that an id rests as long as possible before its next use.
static uint16_t free_id(struct remote_table *table)
{
	uint16_t id = table->writer->next_id;

	for (unsigned n = 1; n < MAX_REMOTES; n++) {
		uint16_t next = id + 1 < MAX_REMOTES ? id + 1 : 1;

		if (table->entries[id] == NULL) {
			table->writer->next_id = next;
			return id;
		}
		id = next;
	}
	return 0;
}

// There is always room: at most half of the slots hold live addresses.
static void index_add(struct remote_table *table, rte_be32_t address, uint16_t id)
{
	uint32_t i = slot_of(table, address);

	while ((uint16_t)table->slots[i] != 0)
		i = next_slot(i);
	__atomic_store_n(&table->slots[i], (uint64_t)address << 32 | id, __ATOMIC_RELEASE);
}

static void index_del(struct remote_table *table, rte_be32_t address)
{
	uint32_t i = slot_of(table, address);

	while (table->slots[i] >> 32 != address || (uint16_t)table->slots[i] == 0)
		i = next_slot(i);
	__atomic_store_n(&table->slots[i], (uint64_t)address << 32, __ATOMIC_RELEASE);

	// Removed slots at the end of a chain hold nobody up: free them.
	while (table->slots[next_slot(i)] == 0 && table->slots[i] != 0 &&
		(uint16_t)table->slots[i] == 0) {
		__atomic_store_n(&table->slots[i], 0, __ATOMIC_RELEASE);
		i = (i - 1) & (N_REMOTE_SLOTS - 1);
	}
}

uint16_t remote_publish(struct remote_table *table, const struct remote *remote)
{
	uint16_t id = remote->id != 0 ? remote->id : free_id(table);
	struct remote *entry = aligned_alloc(64, sizeof(*entry));

	if (id == 0 || entry == NULL) {
		free(entry);
		return 0;
	}
	*entry = *remote;
	entry->id = id;

	struct remote *old = table->entries[id];

	__atomic_store_n(&table->entries[id], entry, __ATOMIC_RELEASE);
	if (old == NULL)
		index_add(table, entry->address, id);
	rcu_retire(table->writer->rcu, old, free);
	return id;
}

void remote_remove(struct remote_table *table, uint16_t id)
{
	struct remote *old = table->entries[id];

	if (old == NULL)
		return;
	index_del(table, old->address);
	__atomic_store_n(&table->entries[id], NULL, __ATOMIC_RELEASE);
	rcu_retire(table->writer->rcu, old, free);
}
