// SPDX-License-Identifier: BSD-3-Clause
// Who has an address: (network, IPv4 or IPv6 address) -> owner. Part of a snapshot: built by
// control, never changed, read by workers for the few flooded frames that ask for an address.
//
// Open addressing, linear probing, at most half full.

#pragma once

#include <stddef.h>
#include <stdint.h>

enum address_kind {
	ADDRESS_NONE,
	ADDRESS_OWN,	   // of an internal port
	ADDRESS_KNOWN,	   // of a port that is up, here or on another node, or of a static entry
	ADDRESS_BROADCAST, // of a subnet that an internal port serves
};

// IPv4 is held as ::ffff:a.b.c.d, in host order.
struct address_key {
	uint64_t high;
	uint64_t low;
	uint16_t network;
};

struct address_owner {
	uint16_t kind;	     // enum address_kind
	uint16_t attachment; // 0: on another node
};

struct address_entry {
	struct address_key key; // network 0: free
	struct address_owner owner;
};

struct address_table {
	uint32_t mask; // number of entries - 1
	struct address_entry *entries;
};

struct address_key address_key4(uint16_t network, uint32_t address_be);
struct address_key address_key6(uint16_t network, const uint8_t address[16]);

// Number of entries that the table needs for `n` addresses.
uint32_t address_table_size(size_t n);
// Adds an address; the first owner stays. `entries` are zeroed, mask is set.
void address_add(
	struct address_table *table, const struct address_key *key, struct address_owner owner);
// ADDRESS_NONE: nobody's.
struct address_owner address_find(const struct address_table *table, struct address_key key);
