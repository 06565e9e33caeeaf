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
// A removed slot keeps its key, with location 0, until a sweep finds that a grace period has
// passed: a reader that matched a key never gets the value of another one.
//
// Workers write one thing only: the time of last sight.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tables/limits.h"
#include "tables/rcu.h"
#include "tables/vector.h"

// A location is an attachment id, or LOCATION_REMOTE | remote id. 0: none.
#define LOCATION_REMOTE 0x8000u
#define N_LOCATIONS	0x10000u

#define FDB_GENERATION_SHIFT 16
#define FDB_GENERATION_MASK  0x3fffu
#define FDB_STATIC	     0x40000000u
#define FDB_OVERFLOW	     0x80000000u
#define FDB_PROBES	     16
#define FDB_NO_GENERATION    0xffffu // of location 0: equal to none

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
	struct fdb_table *table;	  // published with a release store
	uint64_t multiplier;		  // of the hash; random and odd, set once
	struct fdb_writer *writer;	  // control only
	uint16_t generation[N_LOCATIONS]; // current generation of each location
};

static inline uint64_t fdb_key(uint16_t domain, uint64_t mac)
{
	return (uint64_t)domain << 48 | mac;
}

// Value that an entry learned at `location` now would have, without flags.
static inline uint32_t fdb_value(const struct fdb *fdb, uint16_t location)
{
	uint32_t generation = __atomic_load_n(&fdb->generation[location], __ATOMIC_RELAXED);

	return location | generation << FDB_GENERATION_SHIFT;
}

static inline uint16_t fdb_location(uint32_t value)
{
	return (uint16_t)value;
}

static inline uint32_t fdb_generation(uint32_t value)
{
	return value >> FDB_GENERATION_SHIFT & FDB_GENERATION_MASK;
}

// ---- workers ----------------------------------------------------------------------------------
// In bulk: hash all keys of a burst with fdb_hash_prefetch(), then look up one after the other.

// The bits of a folded product all depend on all bits of the key; without the multiplier nobody can
// tell which keys share a bucket. The second product spreads keys in a row, whose folds differ by a
// multiple of one number, which is a bad one in some processes.
static inline uint32_t fdb_hash(const struct fdb *fdb, uint64_t key)
{
	unsigned __int128 product = (unsigned __int128)key * fdb->multiplier;
	uint64_t folded = (uint64_t)(product >> 64) ^ (uint64_t)product;

	return (uint32_t)((folded * UINT64_C(0x9e3779b97f4a7c15)) >> 32);
}

static inline uint32_t fdb_hash_prefetch(
	const struct fdb *fdb, const struct fdb_table *table, uint64_t key)
{
	uint32_t hash = fdb_hash(fdb, key);

	__builtin_prefetch(&table->buckets[hash & table->mask]);
	return hash;
}

// The slot of `bucket` that may hold `key`, found without a branch.
static inline unsigned fdb_slot(const struct fdb_bucket *bucket, uint64_t key)
{
#ifdef TABLES_AVX2
	const __m256i *keys = (const __m256i *)(const void *)bucket->key;
	__m256i equal =
		_mm256_cmpeq_epi64(_mm256_load_si256(keys), _mm256_set1_epi64x((long long)key));

	// Bit 4: the first one when there is none.
	return (unsigned)__builtin_ctz(
		       (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(equal)) | 16) &
	       3;
#else
	unsigned slot = 0;

#pragma GCC unroll 3
	for (unsigned i = 1; i < 4; i++)
		slot += i * (__atomic_load_n(&bucket->key[i], __ATOMIC_RELAXED) == key);
	return slot;
#endif
}

// Whether a slot has this key. *value gets what it has, 0: nothing that holds; *seen_s where its
// time of last sight is kept.
static inline bool fdb_read_slot(const struct fdb *fdb, struct fdb_bucket *bucket, uint64_t key,
	uint32_t *value, uint32_t **seen_s)
{
	unsigned slot = fdb_slot(bucket, key);

	// Acquire: the value read next is not older than the key.
	if (__atomic_load_n(&bucket->key[slot], __ATOMIC_ACQUIRE) != key)
		return false;
	*value = __atomic_load_n(&bucket->value[slot], __ATOMIC_RELAXED);
	*seen_s = &bucket->seen_s[slot];
	if (fdb_generation(*value) !=
		__atomic_load_n(&fdb->generation[fdb_location(*value)], __ATOMIC_RELAXED))
		*value = 0;
	return true;
}

static inline bool fdb_overflows(const struct fdb_bucket *bucket)
{
	return __atomic_load_n(&bucket->value[0], __ATOMIC_RELAXED) & FDB_OVERFLOW;
}

// The value of a key, 0: none. *seen_s gets where its time of last sight is kept.
static inline uint32_t fdb_lookup(const struct fdb *fdb, const struct fdb_table *table,
	uint64_t key, uint32_t hash, uint32_t **seen_s)
{
	struct fdb_bucket *bucket = &table->buckets[hash & table->mask];
	uint32_t value;

	// Nearly all keys are in their first bucket.
	if (__builtin_expect(fdb_read_slot(fdb, bucket, key, &value, seen_s), true))
		return value & ~FDB_OVERFLOW;
	for (unsigned probe = 1; probe < FDB_PROBES && fdb_overflows(bucket); probe++) {
		bucket = &table->buckets[(hash + probe) & table->mask];
		if (fdb_read_slot(fdb, bucket, key, &value, seen_s))
			return value & ~FDB_OVERFLOW;
	}
	return 0;
}

// Notes that a frame from the MAC was seen: one store a second at most, since the line is shared.
static inline void fdb_refresh(uint32_t *seen_s, uint32_t now_s)
{
	if (__atomic_load_n(seen_s, __ATOMIC_RELAXED) != now_s)
		__atomic_store_n(seen_s, now_s, __ATOMIC_RELAXED);
}

// ---- control ----------------------------------------------------------------------------------

struct fdb *fdb_new(struct rcu *rcu);
void fdb_free(struct fdb *fdb);

enum fdb_result {
	FDB_ADDED,
	FDB_MOVED,     // was elsewhere
	FDB_REFRESHED, // was there already
	FDB_KEPT,      // a static entry stands, or the domain was flushed; nothing changed
	FDB_FULL,      // a limit is reached; nothing changed
};

// A source MAC that was seen somewhere.
struct fdb_sighting {
	uint64_t mac;
	uint16_t domain;
	uint16_t location;
	uint32_t seen_s;
};

// Learns it. `network_limit` and `location_limit` bound the number of learned entries of the domain
// and of the location (0: no own limit).
enum fdb_result fdb_learn(struct fdb *fdb, const struct fdb_sighting *sighting,
	uint32_t network_limit, uint32_t location_limit);
// A static entry replaces a learned one. -ENOSPC when the table is full.
int fdb_add_static(struct fdb *fdb, uint16_t domain, uint64_t mac, uint16_t location);
// Removes an entry, static or learned. -ENOENT when there is none.
int fdb_del(struct fdb *fdb, uint16_t domain, uint64_t mac);
// Forget everything learned at a location: O(1). Static entries of the location are gone too;
// who owns them adds them again.
void fdb_flush_location(struct fdb *fdb, uint16_t location);
// Forget a domain and let nothing be learned into it: O(1). Give the network another domain first.
void fdb_flush_domain(struct fdb *fdb, uint16_t domain);
// Whether a flushed domain may be used again: no entry of it is left in the table and no worker can
// still know it. A domain that was never flushed is clean. True makes it as good as new.
bool fdb_domain_clean(struct fdb *fdb, uint16_t domain);
uint32_t fdb_count(struct fdb *fdb);			     // live entries
uint32_t fdb_count_domain(struct fdb *fdb, uint16_t domain); // learned entries
// Learned entries behind a location, with those of a flushed domain until they are swept.
uint32_t fdb_count_location(const struct fdb *fdb, uint16_t location);
// Ageing time of a domain in seconds; default 300.
void fdb_set_ageing(struct fdb *fdb, uint16_t domain, uint32_t ageing_s);
// Removes aged and flushed entries and frees slots whose grace period is over, in steps of
// `max_buckets`; a whole pass over the table must come round at least every 5 s.
void fdb_sweep(struct fdb *fdb, uint32_t now_s, uint32_t max_buckets);
uint32_t fdb_n_buckets(const struct fdb *fdb); // what a whole pass is

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
