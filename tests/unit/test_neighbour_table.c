// SPDX-License-Identifier: BSD-3-Clause
// The table of routers' neighbours: entries that come, change and go, against a plain array.

#include <stdlib.h>

#include <check.h>

#include "base/util.h"
#include "suite.h"
#include "tables/neighbour.h"

static struct rcu *rcu;
static struct neighbour_table *table;

static void setup(void)
{
	rcu = rcu_new(RCU_MAX_READERS);
	table = neighbour_table_new(rcu);
	ck_assert_ptr_nonnull(table);
}

static void teardown(void)
{
	rcu_barrier(rcu);
	neighbour_table_free(table);
	rcu_free(rcu);
}

static uint64_t mac_at(uint16_t attachment, uint32_t address)
{
	uint64_t key = neighbour_key(attachment, address);
	uint32_t *used_s;

	return neighbour_lookup(table, key, neighbour_hash(table, key), &used_s);
}

START_TEST(an_interface_and_an_address_are_the_key)
{
	ck_assert(neighbour_set(table, 1, 100, 0xa));
	ck_assert(neighbour_set(table, 2, 100, 0xb));
	ck_assert_uint_eq(mac_at(1, 100), 0xa);
	ck_assert_uint_eq(mac_at(2, 100), 0xb);
	ck_assert_uint_eq(mac_at(3, 100), 0);
	ck_assert_uint_eq(mac_at(1, 101), 0);
}
END_TEST

START_TEST(a_new_mac_keeps_the_time_of_use)
{
	uint64_t key = neighbour_key(1, 100);
	uint32_t *used_s = NULL;

	neighbour_set(table, 1, 100, 0xa);
	ck_assert_uint_eq(neighbour_last_use(table, 1, 100), 0);
	neighbour_lookup(table, key, neighbour_hash(table, key), &used_s);
	neighbour_used(used_s, 77);
	neighbour_set(table, 1, 100, 0xb);
	ck_assert_uint_eq(mac_at(1, 100), 0xb);
	ck_assert_uint_eq(neighbour_last_use(table, 1, 100), 77);
	ck_assert_uint_eq(table->n, 1);
	neighbour_remove(table, 1, 100);
	rcu_barrier(rcu);
	neighbour_set(table, 1, 100, 0xb);
	ck_assert_uint_eq(neighbour_last_use(table, 1, 100), 0); // another neighbour
}
END_TEST

START_TEST(what_is_not_there_can_be_removed)
{
	neighbour_remove(table, 1, 100);
	neighbour_set(table, 1, 100, 0xa);
	neighbour_remove(table, 1, 100);
	neighbour_remove(table, 1, 100);
	ck_assert_uint_eq(mac_at(1, 100), 0);
	ck_assert_uint_eq(table->n, 0);
}
END_TEST

// Who is in the middle of a look-up may have found the key, but has not read the MAC yet.
START_TEST(a_slot_is_not_used_again_at_once)
{
	uint64_t key = neighbour_key(1, 100);
	uint32_t *used_s = NULL;

	rcu_reader_online(rcu, 0);
	neighbour_set(table, 1, 100, 0xa);
	neighbour_lookup(table, key, neighbour_hash(table, key), &used_s);
	struct neighbour_bucket *bucket = &table->buckets[neighbour_hash(table, key)];

	neighbour_remove(table, 1, 100);
	neighbour_set(table, 1, 100, 0xb);
	rcu_poll(rcu);
	ck_assert_uint_eq(bucket->mac[0], 0xa);
	ck_assert_uint_eq(bucket->mac[1], 0xb);
	rcu_quiescent(rcu, 0);
	rcu_poll(rcu);
	neighbour_remove(table, 1, 100);
	neighbour_set(table, 1, 100, 0xc);
	ck_assert_uint_eq(bucket->mac[0], 0xc);
	rcu_reader_offline(rcu, 0);
}
END_TEST

// Search goes on behind a full bucket as long as somebody went on, and no longer.
START_TEST(entries_behind_a_full_bucket)
{
	enum { N = 3 * NEIGHBOUR_BUCKET_SIZE };
	uint32_t addresses[N], n = 0;

	for (uint32_t address = 1; n < N; address++) {
		if (neighbour_hash(table, neighbour_key(1, address)) == 77)
			addresses[n++] = address;
	}
	for (unsigned i = 0; i < N; i++)
		ck_assert(neighbour_set(table, 1, addresses[i], i + 1));
	ck_assert_uint_eq(table->buckets[77].n_passed, N - NEIGHBOUR_BUCKET_SIZE);
	for (unsigned i = 0; i < N; i++) {
		ck_assert_uint_eq(mac_at(1, addresses[i]), i + 1);
		neighbour_remove(table, 1, addresses[i]);
		ck_assert_uint_eq(mac_at(1, addresses[i]), 0);
	}
	ck_assert_uint_eq(table->buckets[77].n_passed, 0);
	ck_assert_uint_eq(table->buckets[78].n_passed, 0);
}
END_TEST

START_TEST(a_full_table_takes_no_more)
{
	for (uint32_t i = 0; i < MAX_NEIGHBOURS; i++) {
		if (!neighbour_set(table, 1, i + 1, i + 1))
			ck_abort_msg("%u are too many", i + 1);
	}
	ck_assert(!neighbour_set(table, 2, 1, 1));
	ck_assert(neighbour_set(table, 1, 1, 2)); // a change
	neighbour_remove(table, 1, 7);
	ck_assert(neighbour_set(table, 2, 1, 1));
	for (uint32_t i = 7; i < MAX_NEIGHBOURS; i++) {
		if (mac_at(1, i + 1) != i + 1)
			ck_abort_msg("%u is lost", i + 1);
	}
}
END_TEST

START_TEST(entries_that_come_and_go)
{
	enum { N = 4096 };
	static uint64_t macs[N];

	srand(1);
	for (unsigned round = 0; round < 200000; round++) {
		uint32_t i = (uint32_t)rand() % N;

		macs[i] = rand() % 3 == 0 ? 0 : (uint64_t)round + 1;
		if (macs[i] == 0)
			neighbour_remove(table, i % 7, i);
		else if (!neighbour_set(table, i % 7, i, macs[i]))
			ck_abort_msg("round %u: no room", round);
		if (round % 1000 == 0)
			rcu_poll(rcu);
	}
	for (uint32_t i = 0; i < N; i++) {
		if (mac_at(i % 7, i) != macs[i])
			ck_abort_msg("%u has another MAC", i);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_interface_and_an_address_are_the_key,
		a_new_mac_keeps_the_time_of_use,
		what_is_not_there_can_be_removed,
		a_slot_is_not_used_again_at_once,
		entries_behind_a_full_bucket,
		a_full_table_takes_no_more,
		entries_that_come_and_go,
	};

	return suite_main_with("neighbour_table", tests, ARRAY_SIZE(tests), setup, teardown);
}
