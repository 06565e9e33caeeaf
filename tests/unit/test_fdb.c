// SPDX-License-Identifier: BSD-3-Clause
// The forwarding database: what is learned, moved, flushed, aged and limited, and that readers see
// nothing but the truth while it changes.

#include "suite.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/util.h"
#include "tables/fdb.h"

#define DOMAIN 7
#define PORT   20
#define OTHER  21
#define REMOTE (LOCATION_REMOTE | 3)
#define MAC    UINT64_C(0xfa163e000001)

static struct rcu *rcu;
static struct fdb *fdb;

static void start(void)
{
	rcu = rcu_new(4);
	fdb = fdb_new(rcu);
	ck_assert_ptr_nonnull(fdb);
}

static void stop(void)
{
	rcu_barrier(rcu);
	fdb_free(fdb);
	rcu_free(rcu);
}

static enum fdb_result learn(uint64_t mac, uint16_t location, uint32_t now_s)
{
	return fdb_learn(fdb, &(struct fdb_sighting){mac, DOMAIN, location, now_s}, 0, 0);
}

// As a worker looks it up.
static uint16_t lookup(uint16_t domain, uint64_t mac)
{
	uint64_t key = fdb_key(domain, mac);
	uint32_t *seen_s;
	const struct fdb_table *table = __atomic_load_n(&fdb->table, __ATOMIC_ACQUIRE);

	return fdb_location(
		fdb_lookup(fdb, table, key, fdb_hash_prefetch(fdb, table, key), &seen_s));
}

static void refresh(uint64_t mac, uint32_t now_s)
{
	uint64_t key = fdb_key(DOMAIN, mac);
	uint32_t *seen_s;

	ck_assert_uint_ne(fdb_lookup(fdb, fdb->table, key, fdb_hash(fdb, key), &seen_s), 0);
	fdb_refresh(seen_s, now_s);
}

static void sweep_all(uint32_t now_s)
{
	fdb_sweep(fdb, now_s, fdb_n_buckets(fdb));
}

START_TEST(learned_and_found)
{
	start();
	ck_assert_uint_eq(lookup(DOMAIN, MAC), 0);
	ck_assert_int_eq(learn(MAC, PORT, 1), FDB_ADDED);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), PORT);
	ck_assert_int_eq(learn(MAC, PORT, 2), FDB_REFRESHED);
	ck_assert_int_eq(learn(MAC, REMOTE, 3), FDB_MOVED);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), REMOTE);
	ck_assert_uint_eq(lookup(DOMAIN + 1, MAC), 0);
	ck_assert_uint_eq(lookup(DOMAIN, MAC + 1), 0);
	ck_assert_uint_eq(fdb_count(fdb), 1);
	stop();
}
END_TEST

START_TEST(removed_and_learned_again)
{
	struct fdb_entry entry;

	start();
	learn(MAC, PORT, 1);
	ck_assert_int_eq(fdb_del(fdb, DOMAIN, MAC), 0);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), 0);
	ck_assert_int_lt(fdb_del(fdb, DOMAIN, MAC), 0);
	ck_assert(!fdb_get(fdb, DOMAIN, MAC, &entry));
	ck_assert_uint_eq(fdb_count_domain(fdb, DOMAIN), 0);
	ck_assert_int_eq(learn(MAC, OTHER, 5), FDB_ADDED);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), OTHER);
	ck_assert(fdb_get(fdb, DOMAIN, MAC, &entry));
	ck_assert_uint_eq(entry.seen_s, 5);
	ck_assert_uint_eq(entry.mac, MAC);
	ck_assert(!entry.is_static);
	stop();
}
END_TEST

START_TEST(static_entries_stand)
{
	struct fdb_entry entry;

	start();
	learn(MAC, PORT, 1);
	ck_assert_int_eq(fdb_add_static(fdb, DOMAIN, MAC, REMOTE), 0);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), REMOTE);
	ck_assert_int_eq(learn(MAC, PORT, 2), FDB_KEPT);
	ck_assert_uint_eq(fdb_count_domain(fdb, DOMAIN), 0);
	sweep_all(100000);
	ck_assert(fdb_get(fdb, DOMAIN, MAC, &entry));
	ck_assert(entry.is_static);
	ck_assert_int_eq(fdb_del(fdb, DOMAIN, MAC), 0);
	ck_assert_int_eq(learn(MAC, PORT, 2), FDB_ADDED);
	stop();
}
END_TEST

START_TEST(ageing)
{
	start();
	learn(MAC, PORT, 10);
	sweep_all(309);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), PORT);
	refresh(MAC, 300);
	sweep_all(310);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), PORT);
	sweep_all(600);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), 0);
	ck_assert_uint_eq(fdb_count(fdb), 0);

	fdb_set_ageing(fdb, DOMAIN, 20);
	learn(MAC, PORT, 1000);
	// Seen by a worker whose clock is a second ahead.
	refresh(MAC, 1001);
	sweep_all(1000);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), PORT);
	sweep_all(1021);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), 0);
	stop();
}
END_TEST

START_TEST(flush_of_a_location)
{
	start();
	for (uint64_t i = 0; i < 100; i++)
		learn(MAC + i, i % 2 ? PORT : REMOTE, 1);
	fdb_add_static(fdb, DOMAIN, MAC + 1000, PORT);
	ck_assert_uint_eq(fdb_count_location(fdb, PORT), 50);
	fdb_flush_location(fdb, PORT);
	ck_assert_uint_eq(lookup(DOMAIN, MAC + 1), 0);
	ck_assert_uint_eq(lookup(DOMAIN, MAC + 1000), 0);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), REMOTE);
	ck_assert_uint_eq(fdb_count(fdb), 50);
	ck_assert_uint_eq(fdb_count_domain(fdb, DOMAIN), 50);
	ck_assert_uint_eq(fdb_count_location(fdb, PORT), 0);
	ck_assert_int_eq(learn(MAC + 1, PORT, 2), FDB_ADDED);
	ck_assert_uint_eq(lookup(DOMAIN, MAC + 1), PORT);
	stop();
}
END_TEST

// The generation of a location comes again after 2^14 flushes: nothing old may come back with it.
START_TEST(flushed_entries_stay_away)
{
	start();
	learn(MAC, PORT, 1);
	for (unsigned i = 0; i <= FDB_GENERATION_MASK; i++)
		fdb_flush_location(fdb, PORT);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), 0);
	ck_assert_uint_eq(fdb_count(fdb), 0);
	stop();
}
END_TEST

START_TEST(flush_of_a_domain)
{
	start();
	ck_assert(fdb_domain_clean(fdb, DOMAIN));
	for (uint64_t i = 0; i < 100; i++)
		learn(MAC + i, PORT, 1);
	fdb_set_ageing(fdb, DOMAIN, 20);
	rcu_reader_online(rcu, 0);
	fdb_flush_domain(fdb, DOMAIN);
	ck_assert_int_eq(learn(MAC, PORT, 2), FDB_KEPT);
	ck_assert(!fdb_domain_clean(fdb, DOMAIN));
	sweep_all(2);
	ck_assert(!fdb_domain_clean(fdb, DOMAIN)); // a worker may still know it
	rcu_quiescent(rcu, 0);
	ck_assert(fdb_domain_clean(fdb, DOMAIN));
	ck_assert_uint_eq(fdb_count(fdb), 0);
	// As good as new: the ageing time too.
	ck_assert_int_eq(learn(MAC, PORT, 3), FDB_ADDED);
	sweep_all(30);
	ck_assert_uint_eq(lookup(DOMAIN, MAC), PORT);
	rcu_reader_offline(rcu, 0);
	stop();
}
END_TEST

START_TEST(limits)
{
	start();
	ck_assert_int_eq(
		fdb_learn(fdb, &(struct fdb_sighting){MAC, DOMAIN, PORT, 1}, 2, 0), FDB_ADDED);
	ck_assert_int_eq(
		fdb_learn(fdb, &(struct fdb_sighting){MAC + 1, DOMAIN, OTHER, 1}, 2, 0), FDB_ADDED);
	ck_assert_int_eq(
		fdb_learn(fdb, &(struct fdb_sighting){MAC + 2, DOMAIN, PORT, 1}, 2, 0), FDB_FULL);
	ck_assert_uint_eq(lookup(DOMAIN, MAC + 2), 0);
	ck_assert_int_eq(
		fdb_learn(fdb, &(struct fdb_sighting){MAC, DOMAIN + 1, PORT, 1}, 2, 0), FDB_ADDED);
	// A move adds nothing to the network, but to the place.
	ck_assert_int_eq(
		fdb_learn(fdb, &(struct fdb_sighting){MAC + 1, DOMAIN, PORT, 1}, 2, 2), FDB_FULL);
	ck_assert_int_eq(fdb_learn(fdb, &(struct fdb_sighting){MAC + 1, DOMAIN, REMOTE, 1}, 2, 2),
		FDB_MOVED);
	// What was flushed makes room at once.
	fdb_flush_location(fdb, REMOTE);
	ck_assert_int_eq(
		fdb_learn(fdb, &(struct fdb_sighting){MAC + 2, DOMAIN, OTHER, 1}, 2, 0), FDB_ADDED);
	stop();
}
END_TEST

START_TEST(a_slot_is_used_again_after_a_grace_period)
{
	start();
	learn(MAC, PORT, 1);
	rcu_reader_online(rcu, 0);
	fdb_del(fdb, DOMAIN, MAC);

	uint64_t key = fdb_key(DOMAIN, MAC);
	const struct fdb_bucket *bucket =
		&fdb->table->buckets[fdb_hash(fdb, key) & fdb->table->mask];

	sweep_all(2);
	sweep_all(2);
	ck_assert_uint_eq(bucket->key[0], key);
	rcu_quiescent(rcu, 0);
	sweep_all(2);
	rcu_quiescent(rcu, 0);
	sweep_all(2);
	ck_assert_uint_eq(bucket->key[0], 0);
	rcu_reader_offline(rcu, 0);
	stop();
}
END_TEST

static bool count_one(const struct fdb_entry *entry, void *arg)
{
	uint32_t *n = arg;

	(*n)++;
	return *n < 1000000000;
}

START_TEST(a_million_entries)
{
	bool right = true;
	uint32_t n_full = 0, n_walked = 0;

	start();
	for (uint64_t i = 0; i < MAX_FDB_ENTRIES; i++) {
		right &= learn(MAC + i, i % 2 ? PORT : REMOTE, 1) == FDB_ADDED;
		rcu_poll(rcu);
	}
	ck_assert(right);
	for (uint64_t i = 0; i < 1000; i++)
		n_full += learn(MAC + MAX_FDB_ENTRIES + i, PORT, 1) == FDB_FULL;
	ck_assert_uint_eq(n_full, 1000);
	ck_assert_uint_eq(fdb_count(fdb), MAX_FDB_ENTRIES);
	for (uint64_t i = 0; i < MAX_FDB_ENTRIES; i++)
		right &= lookup(DOMAIN, MAC + i) == (i % 2 ? PORT : REMOTE);
	ck_assert(right);
	ck_assert_int_eq(learn(MAC, PORT, 1), FDB_MOVED); // though the table is full
	fdb_walk(fdb, count_one, &n_walked);
	ck_assert_uint_eq(n_walked, MAX_FDB_ENTRIES);

	// Another million after a flush, without waiting for a sweep.
	fdb_flush_location(fdb, PORT);
	fdb_flush_location(fdb, REMOTE);
	for (uint64_t i = 0; i < MAX_FDB_ENTRIES; i++) {
		right &= learn(MAC + 2 * MAX_FDB_ENTRIES + i, OTHER, 1) == FDB_ADDED;
		rcu_poll(rcu);
	}
	ck_assert(right);
	ck_assert_uint_eq(fdb_count(fdb), MAX_FDB_ENTRIES);
	stop();
}
END_TEST

// Keys come and go for long: chains over full buckets must be followed and forgotten rightly.
START_TEST(churn_agrees_with_a_plain_array)
{
	enum { N = 4000 };
	static uint16_t model[N];
	uint64_t state = 88172645463325252u;
	bool right = true;

	start();
	for (unsigned i = 0; i < N; i++)
		model[i] = 0;
	for (unsigned round = 0; round < 300000; round++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		unsigned i = state % N;

		if (state >> 32 & 1) {
			model[i] = state >> 40 & 1 ? PORT : OTHER;
			learn(MAC + i, model[i], 1);
		} else {
			right &= (fdb_del(fdb, DOMAIN, MAC + i) == 0) == (model[i] != 0);
			model[i] = 0;
		}
		if (round % 64 == 0)
			fdb_sweep(fdb, 1, 50);
		rcu_poll(rcu);
	}
	for (unsigned i = 0; i < N; i++)
		right &= lookup(DOMAIN, MAC + i) == model[i];
	ck_assert(right);
	stop();
}
END_TEST

// ---- a reader beside the writer ---------------------------------------------------------------

#define N_KEYS 5000u

static atomic_bool done;
static atomic_bool reader_right;

// Where a key may be: so that a value that belongs to another key is seen as such.
static uint16_t place_of(uint64_t i, bool moved)
{
	return (uint16_t)(1 + i % 1000 + (moved ? 1000 : 0));
}

static void *read_all(void *arg)
{
	unsigned reader = (unsigned)(uintptr_t)arg;

	rcu_reader_online(rcu, reader);
	while (!atomic_load(&done)) {
		for (uint64_t i = 0; i < N_KEYS; i++) {
			uint16_t location = lookup(DOMAIN, MAC + i);

			if (location != 0 && location != place_of(i, false) &&
				location != place_of(i, true))
				atomic_store(&reader_right, false);
			if (i % 64 == 0)
				rcu_quiescent(rcu, reader);
		}
	}
	rcu_reader_offline(rcu, reader);
	return NULL;
}

START_TEST(readers_see_the_value_of_their_key_or_none)
{
	pthread_t threads[2];

	start();
	atomic_store(&done, false);
	atomic_store(&reader_right, true);
	for (uintptr_t i = 0; i < ARRAY_SIZE(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_all, (void *)i), 0);
	for (unsigned round = 0; round < 30; round++) {
		for (uint64_t i = 0; i < N_KEYS; i++) {
			uint64_t mac = MAC + (i * 7 + round) % N_KEYS;

			if ((i + round) % 3 == 0)
				fdb_del(fdb, DOMAIN, mac);
			else
				learn(mac, place_of(mac - MAC, round & 1), 1);
			if (i % 16 == 0)
				fdb_sweep(fdb, 1, 100);
			rcu_poll(rcu);
		}
	}
	atomic_store(&done, true);
	for (unsigned i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	ck_assert(atomic_load(&reader_right));
	stop();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		learned_and_found,
		removed_and_learned_again,
		static_entries_stand,
		ageing,
		flush_of_a_location,
		flushed_entries_stay_away,
		flush_of_a_domain,
		limits,
		a_slot_is_used_again_after_a_grace_period,
		a_million_entries,
		churn_agrees_with_a_plain_array,
		readers_see_the_value_of_their_key_or_none,
	};

	return suite_main("fdb", tests, ARRAY_SIZE(tests));
}
