// SPDX-License-Identifier: BSD-3-Clause

#include "tables/address.h"

#include <stdbool.h>
#include <string.h>

#include <rte_byteorder.h>

#define IP4_MAPPED UINT64_C(0x0000ffff00000000)

struct address_key address_key4(uint16_t network, uint32_t address_be)
{
	return (struct address_key){
		.low = IP4_MAPPED | rte_be_to_cpu_32(address_be), .network = network};
}

struct address_key address_key6(uint16_t network, const uint8_t address[16])
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return (struct address_key){
		.high = rte_be_to_cpu_64(words[0]),
		.low = rte_be_to_cpu_64(words[1]),
		.network = network,
	};
}

uint32_t address_table_size(size_t n)
{
	uint32_t size = 2;

	while (size < 2 * n)
		size *= 2;
	return size;
}

static uint32_t hash(const struct address_key *key)
{
	unsigned __int128 product = (unsigned __int128)(key->low ^ UINT64_C(0x9e3779b97f4a7c15)) *
				    (key->high ^ UINT64_C(0xc2b2ae3d27d4eb4f) ^ key->network);

	return (uint32_t)(product >> 64) ^ (uint32_t)(product >> 32);
}

static bool is_equal(const struct address_key *a, const struct address_key *b)
{
	return a->high == b->high && a->low == b->low && a->network == b->network;
}

// Where the key is, or the free entry where it would be.
static struct address_entry *find(const struct address_table *table, const struct address_key *key)
{
	uint32_t i = hash(key) & table->mask;

	while (table->entries[i].key.network != 0 && !is_equal(&table->entries[i].key, key))
		i = (i + 1) & table->mask;
	return &table->entries[i];
}

void address_add(
	struct address_table *table, const struct address_key *key, struct address_owner owner)
{
	struct address_entry *entry = find(table, key);

	if (entry->owner.kind == ADDRESS_NONE)
		*entry = (struct address_entry){*key, owner};
}

struct address_owner address_find(const struct address_table *table, struct address_key key)
{
	return find(table, &key)->owner;
}
