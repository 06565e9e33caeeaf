// SPDX-License-Identifier: BSD-3-Clause
// Forwarding database: (network, MAC) -> location. Control is the only writer; workers look up
// without locks and refresh the time of last sight at most once a second.
//
// A bucket is one cache line: four 8-byte keys, four 4-byte values, four 4-byte stamps, so that a
// lookup costs one line and no branch over the keys. A full bucket passes keys on to the next
// one (linear probing, at most FDB_PROBES buckets) and says so with FDB_OVERFLOW in its first
// value, so that a miss in a normal bucket ends at once. The table doubles when it is half full;
// the old one is retired after a grace period.
//
// Key: network domain (16 bit) << 48 | MAC (48 bit). The domain, not the network id, is in the
// key: flushing a network gives it a new domain. Value: location (16 bit) | generation (14 bit)
// << 16 | flags. A value whose generation is not the current one of its location is a miss:
// flushing a port or remote bumps its generation. What a flush leaves behind is swept with ageing.
//
// A deleted slot is reused only after a grace period, so that a reader that matched the old key
// never reads the value of another one.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tables/limits.h"
#include "tables/rcu.h"

// A location is an attachment id, or LOCATION_REMOTE | remote id. 0: none.
#define LOCATION_REMOTE 0x8000u
#define N_LOCATIONS     0x10000u

#define FDB_GENERATION_SHIFT 16
#define FDB_GENERATION_MASK  0x3fffu
#define FDB_STATIC           0x40000000u
#define FDB_OVERFLOW         0x80000000u
#define FDB_PROBES           8

struct fdb_bucket {
	uint64_t key[4]; // 0: free
	uint32_t value[4];
	uint32_t seen_s[4]; // second in which a frame from this MAC was last seen
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct fdb_bucket) == 64, "a bucket is one cache line");

// What workers read; a new one is published when the table grows.
struct fdb_table {
	uint32_t mask; // number of buckets - 1
	struct fdb_bucket *buckets;
};

struct fdb {
	struct fdb_table *table;           // published with a release store
	uint16_t generation[N_LOCATIONS];  // current generation of each location
	uint64_t multiplier;               // of the hash; random and odd, set once
	struct fdb_writer *writer;         // control only
};

static inline uint64_t fdb_key(uint16_t domain, uint64_t mac)
{
	return (uint64_t)domain << 48 | mac;
}

// Value that an entry learned at `location` now would have, without flags.
static inline uint32_t fdb_value(const struct fdb *fdb, uint16_t location)
{
	return location | (uint32_t)fdb->generation[location] << FDB_GENERATION_SHIFT;
}

// ---- control ----------------------------------------------------------------------------------

struct fdb *fdb_new(struct rcu *rcu);
void fdb_free(struct fdb *fdb);

enum fdb_result {
	FDB_ADDED,
	FDB_MOVED,     // was elsewhere
	FDB_REFRESHED, // was there already
	FDB_KEPT,      // a static entry stands; nothing changed
	FDB_FULL,      // a limit is reached; nothing changed
};

// Learns `mac` at `location`. `network_limit` and `location_limit` bound the number of learned
// entries of the domain and of the location (0: no own limit).
enum fdb_result fdb_learn(struct fdb *fdb, uint16_t domain, uint64_t mac, uint16_t location,
	uint32_t now_s, uint32_t network_limit, uint32_t location_limit);
// A static entry replaces a learned one. -ENOSPC when the table is full.
int fdb_add_static(struct fdb *fdb, uint16_t domain, uint64_t mac, uint16_t location);
// Removes an entry, static or learned. -ENOENT when there is none.
int fdb_del(struct fdb *fdb, uint16_t domain, uint64_t mac);
// Forget everything learned at a location: O(1). Static entries of the location are gone too;
// who owns them adds them again.
void fdb_flush_location(struct fdb *fdb, uint16_t location);
// Forget a domain whose id will not be used again before fdb_domain_clean(): O(1).
void fdb_flush_domain(struct fdb *fdb, uint16_t domain);
// Whether no entry of a flushed domain is left in the table, so that its id may be reused.
bool fdb_domain_clean(const struct fdb *fdb, uint16_t domain);
uint32_t fdb_count(const struct fdb *fdb);                           // live entries
uint32_t fdb_count_domain(const struct fdb *fdb, uint16_t domain);   // learned entries
uint32_t fdb_count_location(const struct fdb *fdb, uint16_t location); // learned entries
// Ageing time of a domain in seconds; default 300.
void fdb_set_ageing(struct fdb *fdb, uint16_t domain, uint32_t ageing_s);
// Removes aged, flushed and dead entries, in steps of `max_buckets`; a whole pass over the table
// must come round at least every 5 s. Call regularly.
void fdb_sweep(struct fdb *fdb, uint32_t now_s, uint32_t max_buckets);

struct fdb_entry {
	uint16_t domain;
	uint64_t mac;
	uint16_t location;
	bool is_static;
	uint32_t seen_s;
};

// Calls visit() for every live entry; stops when it returns false.
void fdb_walk(const struct fdb *fdb, bool (*visit)(const struct fdb_entry *, void *), void *arg);
// One entry; false when there is none.
bool fdb_get(const struct fdb *fdb, uint16_t domain, uint64_t mac, struct fdb_entry *entry);
