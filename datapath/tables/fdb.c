// SPDX-License-Identifier: BSD-3-Clause
// The writer's side of the forwarding database; control thread only. The order of its stores is
// what readers rely on: value before key when an entry appears, one word when it changes or goes,
// and a key leaves its slot only after a grace period.

#include <errno.h>
#include <stdlib.h>

#include <sys/random.h>

#include "tables/fdb.h"
#include "tables/memory.h"

#define MIN_BUCKETS	 1024u
#define MAX_BUCKETS	 (MAX_FDB_ENTRIES / 2) // half full with MAX_FDB_ENTRIES
#define DEFAULT_AGEING_S 300
#define N_DOMAINS	 0x10000u

struct domain {
	uint32_t live;	  // entries
	uint32_t learned; // of them, those that are not static
	uint32_t ageing_s;
	bool flushed;
	uint64_t token; // grace period since the flush
};

struct fdb_writer {
	struct rcu *rcu;
	// By bucket: how many keys of earlier buckets lie behind it. FDB_OVERFLOW is set while it
	// is not 0. At most 15 buckets before it with 4 keys each can pass it.
	uint8_t *passed;
	uint32_t live;	     // entries, among them those that a flush made stale
	uint32_t used;	     // slots: live entries and removed ones
	uint32_t cursor;     // next bucket to sweep
	uint16_t pass;	     // over the table; a removed slot remembers in which it was removed
	uint64_t token;	     // a grace period that began with
	uint16_t token_pass; // this pass
	uint16_t safe_pass;  // no reader knows a slot that was removed before this pass
	bool stale;	     // a flush may have left entries behind
	uint32_t learned_at[N_LOCATIONS];
	struct domain domains[N_DOMAINS];
};

// An entry on its way into a table.
struct item {
	uint64_t key;
	uint32_t value;
	uint32_t seen_s;
};

// Where an entry is. bucket NULL: nowhere.
struct place {
	struct fdb_bucket *bucket;
	unsigned slot;
};

static uint16_t key_domain(uint64_t key)
{
	return key >> 48;
}

static size_t table_size(const struct fdb_table *table)
{
	return (size_t)(table->mask + 1) * sizeof(struct fdb_bucket);
}

static void table_destroy(void *arg)
{
	struct fdb_table *table = arg;

	if (table == NULL)
		return;
	table_free(table->buckets, table_size(table));
	free(table);
}

static struct fdb_table *table_create(uint32_t n_buckets)
{
	struct fdb_table *table = malloc(sizeof(*table));

	if (table == NULL)
		return NULL;
	table->mask = n_buckets - 1;
	table->buckets = table_alloc(table_size(table));
	if (table->buckets == NULL) {
		free(table);
		return NULL;
	}
	return table;
}

static void domain_reset(struct domain *domain)
{
	*domain = (struct domain){.ageing_s = DEFAULT_AGEING_S};
}

struct fdb *fdb_new(struct rcu *rcu)
{
	struct fdb *fdb = table_alloc(sizeof(*fdb));

	if (fdb == NULL)
		return NULL;
	fdb->table = table_create(MIN_BUCKETS);
	fdb->writer = table_alloc(sizeof(*fdb->writer));
	if (fdb->table == NULL || fdb->writer == NULL)
		goto fail;
	fdb->writer->passed = calloc(MIN_BUCKETS, 1);
	if (fdb->writer->passed == NULL ||
		getrandom(&fdb->multiplier, sizeof(fdb->multiplier), 0) < 0)
		goto fail;
	fdb->multiplier |= 1;
	fdb->generation[0] = FDB_NO_GENERATION;
	fdb->writer->rcu = rcu;
	for (unsigned i = 0; i < N_DOMAINS; i++)
		domain_reset(&fdb->writer->domains[i]);
	return fdb;
fail:
	fdb_free(fdb);
	errno = ENOMEM;
	return NULL;
}

void fdb_free(struct fdb *fdb)
{
	if (fdb == NULL)
		return;
	table_destroy(fdb->table);
	if (fdb->writer != NULL)
		free(fdb->writer->passed);
	table_free(fdb->writer, sizeof(*fdb->writer));
	table_free(fdb, sizeof(*fdb));
}

// ---- slots ------------------------------------------------------------------------------------

static void store_value(struct fdb_bucket *bucket, unsigned slot, uint32_t value)
{
	uint32_t overflow = bucket->value[slot] & FDB_OVERFLOW;

	__atomic_store_n(&bucket->value[slot], value | overflow, __ATOMIC_RELEASE);
}

static void set_overflow(struct fdb_bucket *bucket, bool on)
{
	uint32_t value = bucket->value[0] & ~FDB_OVERFLOW;

	__atomic_store_n(&bucket->value[0], on ? value | FDB_OVERFLOW : value, __ATOMIC_RELEASE);
}

// A key at `bucket` that belongs to `home` passes all buckets between them.
static void pass_buckets(struct fdb_table *table, uint8_t *passed, uint32_t home,
	const struct fdb_bucket *bucket, int by)
{
	for (uint32_t i = home & table->mask; &table->buckets[i] != bucket;
		i = (i + 1) & table->mask) {
		passed[i] += by;
		set_overflow(&table->buckets[i], passed[i] != 0);
	}
}

// Puts an entry whose key is not in the table into its first free slot.
static bool insert(struct fdb_table *table, uint8_t *passed, uint32_t hash, const struct item *item)
{
	for (unsigned probe = 0; probe < FDB_PROBES; probe++) {
		struct fdb_bucket *bucket = &table->buckets[(hash + probe) & table->mask];

		for (unsigned slot = 0; slot < 4; slot++) {
			if (bucket->key[slot] != 0)
				continue;
			pass_buckets(table, passed, hash, bucket, 1);
			store_value(bucket, slot, item->value);
			__atomic_store_n(&bucket->seen_s[slot], item->seen_s, __ATOMIC_RELAXED);
			__atomic_store_n(&bucket->key[slot], item->key, __ATOMIC_RELEASE);
			return true;
		}
	}
	return false;
}

static struct place find(const struct fdb *fdb, uint64_t key)
{
	const struct fdb_table *table = fdb->table;
	uint32_t hash = fdb_hash(fdb, key);

	for (unsigned probe = 0; probe < FDB_PROBES; probe++) {
		struct fdb_bucket *bucket = &table->buckets[(hash + probe) & table->mask];
		unsigned slot = fdb_slot(bucket, key);

		if (bucket->key[slot] == key)
			return (struct place){bucket, slot};
		if (!(bucket->value[0] & FDB_OVERFLOW))
			break;
	}
	return (struct place){NULL, 0};
}

static bool is_removed(uint32_t value)
{
	return fdb_location(value) == 0;
}

// Whether a flush has made an entry void.
static bool is_stale(const struct fdb *fdb, uint64_t key, uint32_t value)
{
	return fdb_generation(value) != fdb->generation[fdb_location(value)] ||
	       fdb->writer->domains[key_domain(key)].flushed;
}

static void count(struct fdb *fdb, uint64_t key, uint32_t value, int by)
{
	struct fdb_writer *w = fdb->writer;
	struct domain *domain = &w->domains[key_domain(key)];

	w->live += by;
	domain->live += by;
	if (value & FDB_STATIC)
		return;
	domain->learned += by;
	// A flush of the location has already set this to 0.
	if (fdb_generation(value) == fdb->generation[fdb_location(value)])
		w->learned_at[fdb_location(value)] += by;
}

// The entry is gone for readers; its slot waits for a grace period.
static void kill(struct fdb *fdb, struct place at)
{
	count(fdb, at.bucket->key[at.slot], at.bucket->value[at.slot], -1);
	store_value(at.bucket, at.slot,
		(uint32_t)(fdb->writer->pass & FDB_GENERATION_MASK) << FDB_GENERATION_SHIFT);
}

static void free_slot(struct fdb *fdb, struct place at)
{
	struct fdb_table *table = fdb->table;
	uint32_t home = fdb_hash(fdb, at.bucket->key[at.slot]);

	pass_buckets(table, fdb->writer->passed, home, at.bucket, -1);
	__atomic_store_n(&at.bucket->key[at.slot], 0, __ATOMIC_RELEASE);
	fdb->writer->used--;
}

// ---- sweeping ---------------------------------------------------------------------------------

static bool is_aged(const struct fdb *fdb, uint32_t now_s, struct place at)
{
	uint32_t seen_s = __atomic_load_n(&at.bucket->seen_s[at.slot], __ATOMIC_RELAXED);
	const struct domain *domain = &fdb->writer->domains[key_domain(at.bucket->key[at.slot])];

	// A worker's clock may be ahead of ours by a poll round: the difference is signed.
	return !(at.bucket->value[at.slot] & FDB_STATIC) &&
	       (int32_t)(now_s - seen_s) >= (int32_t)domain->ageing_s;
}

// Whether no reader can still know what was in a removed slot.
static bool is_safe(const struct fdb_writer *w, uint32_t value)
{
	uint32_t n_passes = (w->safe_pass - fdb_generation(value)) & FDB_GENERATION_MASK;

	return n_passes != 0 && n_passes <= FDB_GENERATION_MASK / 2;
}

static void sweep_bucket(struct fdb *fdb, struct fdb_bucket *bucket, uint32_t now_s)
{
	for (unsigned slot = 0; slot < 4; slot++) {
		struct place at = {bucket, slot};
		uint32_t value = bucket->value[slot];

		if (bucket->key[slot] == 0)
			continue;
		if (is_removed(value)) {
			if (is_safe(fdb->writer, value))
				free_slot(fdb, at);
		} else if (is_stale(fdb, bucket->key[slot], value) || is_aged(fdb, now_s, at)) {
			kill(fdb, at);
		}
	}
}

static void follow_grace_period(struct fdb_writer *w)
{
	if (rcu_passed(w->rcu, w->token))
		w->safe_pass = w->token_pass;
}

static void begin_pass(struct fdb_writer *w)
{
	w->pass++;
	if (w->safe_pass != w->token_pass)
		return; // the last one still runs
	w->token = rcu_token(w->rcu);
	w->token_pass = w->pass;
	follow_grace_period(w);
}

void fdb_sweep(struct fdb *fdb, uint32_t now_s, uint32_t max_buckets)
{
	struct fdb_writer *w = fdb->writer;

	follow_grace_period(w);
	for (uint32_t n = 0; n < max_buckets && n <= fdb->table->mask; n++) {
		if (w->cursor == 0)
			begin_pass(w);
		sweep_bucket(fdb, &fdb->table->buckets[w->cursor], now_s);
		w->cursor = (w->cursor + 1) & fdb->table->mask;
	}
}

// Removes at once what flushes have left, so that the counts are exact.
static void reap_stale(struct fdb *fdb)
{
	if (!fdb->writer->stale)
		return;
	for (uint32_t i = 0; i <= fdb->table->mask; i++) {
		struct fdb_bucket *bucket = &fdb->table->buckets[i];

		for (unsigned slot = 0; slot < 4; slot++) {
			uint32_t value = bucket->value[slot];

			if (bucket->key[slot] != 0 && !is_removed(value) &&
				is_stale(fdb, bucket->key[slot], value))
				kill(fdb, (struct place){bucket, slot});
		}
	}
	fdb->writer->stale = false;
}

// ---- growth -----------------------------------------------------------------------------------

// Copies the live entries; false when one finds no slot.
static bool copy_table(struct fdb *fdb, struct fdb_table *to, uint8_t *passed)
{
	const struct fdb_table *from = fdb->table;

	for (uint32_t i = 0; i <= from->mask; i++) {
		const struct fdb_bucket *bucket = &from->buckets[i];

		for (unsigned slot = 0; slot < 4; slot++) {
			struct item item = {
				.key = bucket->key[slot],
				.value = bucket->value[slot] & ~FDB_OVERFLOW,
				.seen_s = __atomic_load_n(&bucket->seen_s[slot], __ATOMIC_RELAXED),
			};

			if (item.key == 0 || is_removed(item.value))
				continue;
			if (!insert(to, passed, fdb_hash(fdb, item.key), &item))
				return false;
		}
	}
	return true;
}

static int rebuild(struct fdb *fdb, uint32_t n_buckets)
{
	struct fdb_writer *w = fdb->writer;
	struct fdb_table *old = fdb->table;
	struct fdb_table *table = table_create(n_buckets);
	uint8_t *passed = calloc(n_buckets, 1);

	if (table == NULL || passed == NULL || !copy_table(fdb, table, passed)) {
		table_destroy(table);
		free(passed);
		return -ENOMEM;
	}
	free(w->passed);
	w->passed = passed;
	w->used = w->live;
	w->cursor = 0;
	__atomic_store_n(&fdb->table, table, __ATOMIC_RELEASE);
	rcu_retire(w->rcu, old, table_destroy);
	return 0;
}

// Makes room for one more entry: a quarter full after a rebuild, rebuilt when half full. A table
// of full size may have removed slots on top of that, so that it is not rebuilt for each of them.
static void make_room(struct fdb *fdb)
{
	struct fdb_writer *w = fdb->writer;
	uint32_t n_buckets = fdb->table->mask + 1;
	uint32_t bound = n_buckets * 2;

	if (n_buckets == MAX_BUCKETS)
		bound += n_buckets / 2;
	if (w->used < bound)
		return;
	reap_stale(fdb);
	for (n_buckets = MIN_BUCKETS; n_buckets < w->live && n_buckets < MAX_BUCKETS;)
		n_buckets *= 2;
	rebuild(fdb, n_buckets); // on failure the old table goes on as long as it has slots
}

// A crowd around one bucket, by bad luck: a larger table scatters it, or at least one without the
// removed slots, when they are so many that this will not be for every entry.
static int scatter(struct fdb *fdb)
{
	const struct fdb_writer *w = fdb->writer;
	uint32_t n_buckets = fdb_n_buckets(fdb);

	if (n_buckets < MAX_BUCKETS)
		return rebuild(fdb, n_buckets * 2);
	if (w->used - w->live < n_buckets / 8)
		return -ENOSPC;
	return rebuild(fdb, n_buckets);
}

// ---- changes ----------------------------------------------------------------------------------

// Writes an entry over whatever is at its key; false when there is no slot.
static bool put(struct fdb *fdb, const struct item *item)
{
	struct place at = find(fdb, item->key);

	if (at.bucket != NULL) {
		if (!is_removed(at.bucket->value[at.slot]))
			count(fdb, item->key, at.bucket->value[at.slot], -1);
		__atomic_store_n(&at.bucket->seen_s[at.slot], item->seen_s, __ATOMIC_RELAXED);
		store_value(at.bucket, at.slot, item->value);
	} else {
		make_room(fdb);
		while (!insert(fdb->table, fdb->writer->passed, fdb_hash(fdb, item->key), item)) {
			if (scatter(fdb) < 0)
				return false;
		}
		fdb->writer->used++;
	}
	count(fdb, item->key, item->value, 1);
	return true;
}

// The live entry of a key, if any.
static struct place find_live(const struct fdb *fdb, uint64_t key)
{
	struct place at = find(fdb, key);

	if (at.bucket != NULL && (is_removed(at.bucket->value[at.slot]) ||
					 is_stale(fdb, key, at.bucket->value[at.slot])))
		at.bucket = NULL;
	return at;
}

static bool location_full(const struct fdb *fdb, uint16_t location, uint32_t limit)
{
	return limit != 0 && fdb->writer->learned_at[location] >= limit;
}

static bool domain_full(struct fdb *fdb, uint16_t domain, uint32_t limit)
{
	const struct fdb_writer *w = fdb->writer;

	if (w->live < MAX_FDB_ENTRIES && (limit == 0 || w->domains[domain].learned < limit))
		return false;
	if (!w->stale)
		return true;
	reap_stale(fdb);
	return domain_full(fdb, domain, limit);
}

enum fdb_result fdb_learn(struct fdb *fdb, const struct fdb_sighting *sighting,
	uint32_t network_limit, uint32_t location_limit)
{
	uint16_t domain = sighting->domain, location = sighting->location;
	struct item item = {
		fdb_key(domain, sighting->mac), fdb_value(fdb, location), sighting->seen_s};
	struct place at = find_live(fdb, item.key);

	if (fdb->writer->domains[domain].flushed)
		return FDB_KEPT;
	if (at.bucket != NULL) {
		uint32_t value = at.bucket->value[at.slot];

		if (value & FDB_STATIC)
			return FDB_KEPT;
		if (fdb_location(value) == location) {
			fdb_refresh(&at.bucket->seen_s[at.slot], sighting->seen_s);
			return FDB_REFRESHED;
		}
		if (location_full(fdb, location, location_limit))
			return FDB_FULL;
		put(fdb, &item);
		return FDB_MOVED;
	}
	if (location_full(fdb, location, location_limit) ||
		domain_full(fdb, domain, network_limit) || !put(fdb, &item))
		return FDB_FULL;
	return FDB_ADDED;
}

int fdb_add_static(struct fdb *fdb, uint16_t domain, uint64_t mac, uint16_t location)
{
	struct item item = {fdb_key(domain, mac), fdb_value(fdb, location) | FDB_STATIC, 0};

	if (find_live(fdb, item.key).bucket == NULL && fdb_count(fdb) >= MAX_FDB_ENTRIES)
		return -ENOSPC;
	return put(fdb, &item) ? 0 : -ENOSPC;
}

int fdb_del(struct fdb *fdb, uint16_t domain, uint64_t mac)
{
	struct place at = find_live(fdb, fdb_key(domain, mac));

	if (at.bucket == NULL)
		return -ENOENT;
	kill(fdb, at);
	return 0;
}

void fdb_flush_location(struct fdb *fdb, uint16_t location)
{
	uint16_t next = (fdb->generation[location] + 1) & FDB_GENERATION_MASK;

	if (location == 0)
		return;
	// Before a generation comes again, nothing of its last time may be left.
	if (next == 0)
		reap_stale(fdb);
	__atomic_store_n(&fdb->generation[location], next, __ATOMIC_RELEASE);
	fdb->writer->learned_at[location] = 0;
	fdb->writer->stale = true;
}

void fdb_flush_domain(struct fdb *fdb, uint16_t domain)
{
	fdb->writer->domains[domain].flushed = true;
	fdb->writer->domains[domain].token = rcu_token(fdb->writer->rcu);
	fdb->writer->stale = true;
}

bool fdb_domain_clean(struct fdb *fdb, uint16_t domain)
{
	struct domain *d = &fdb->writer->domains[domain];

	if (!d->flushed)
		return true;
	if (d->live != 0 || !rcu_passed(fdb->writer->rcu, d->token))
		return false;
	domain_reset(d);
	return true;
}

void fdb_set_ageing(struct fdb *fdb, uint16_t domain, uint32_t ageing_s)
{
	fdb->writer->domains[domain].ageing_s = ageing_s;
}

// ---- questions --------------------------------------------------------------------------------

uint32_t fdb_count(struct fdb *fdb)
{
	reap_stale(fdb);
	return fdb->writer->live;
}

uint32_t fdb_count_domain(struct fdb *fdb, uint16_t domain)
{
	reap_stale(fdb);
	return fdb->writer->domains[domain].learned;
}

uint32_t fdb_count_location(const struct fdb *fdb, uint16_t location)
{
	return fdb->writer->learned_at[location];
}

uint32_t fdb_n_buckets(const struct fdb *fdb)
{
	return fdb->table->mask + 1;
}

static struct fdb_entry entry_at(struct place at)
{
	uint64_t key = at.bucket->key[at.slot];
	uint32_t value = at.bucket->value[at.slot];

	return (struct fdb_entry){
		.domain = key_domain(key),
		.mac = key & UINT64_C(0xffffffffffff),
		.location = fdb_location(value),
		.is_static = (value & FDB_STATIC) != 0,
		.seen_s = __atomic_load_n(&at.bucket->seen_s[at.slot], __ATOMIC_RELAXED),
	};
}

void fdb_walk(const struct fdb *fdb, bool (*visit)(const struct fdb_entry *, void *), void *arg)
{
	for (uint32_t i = 0; i <= fdb->table->mask; i++) {
		struct fdb_bucket *bucket = &fdb->table->buckets[i];

		for (unsigned slot = 0; slot < 4; slot++) {
			uint32_t value = bucket->value[slot];

			if (bucket->key[slot] == 0 || is_removed(value) ||
				is_stale(fdb, bucket->key[slot], value))
				continue;
			struct fdb_entry entry = entry_at((struct place){bucket, slot});

			if (!visit(&entry, arg))
				return;
		}
	}
}

bool fdb_get(const struct fdb *fdb, uint16_t domain, uint64_t mac, struct fdb_entry *entry)
{
	struct place at = find_live(fdb, fdb_key(domain, mac));

	if (at.bucket == NULL)
		return false;
	*entry = entry_at(at);
	return true;
}
