// SPDX-License-Identifier: BSD-3-Clause
// The table of remotes: ids, addresses, removal.

#include "suite.h"

#include <arpa/inet.h>

#include "base/util.h"
#include "tables/remote.h"

static struct rcu *rcu;
static struct remote_table *table;

static void start(void)
{
	rcu = rcu_new(1);
	table = remote_table_new(rcu);
	ck_assert_ptr_nonnull(table);
}

static void stop(void)
{
	rcu_barrier(rcu);
	remote_table_free(table);
	rcu_free(rcu);
}

static uint16_t publish(uint16_t id, uint32_t address, uint16_t path_mtu)
{
	return remote_publish(
		table, &(struct remote){.id = id, .address = htonl(address), .path_mtu = path_mtu});
}

START_TEST(found_by_address_and_id)
{
	start();
	uint16_t a = publish(0, 0x0a000001, 1500);
	uint16_t b = publish(0, 0x0a000002, 1400);

	ck_assert_uint_ne(a, 0);
	ck_assert_uint_ne(a, b);
	ck_assert_uint_eq(remote_find(table, htonl(0x0a000001)), a);
	ck_assert_uint_eq(remote_find(table, htonl(0x0a000002)), b);
	ck_assert_uint_eq(remote_find(table, htonl(0x0a000003)), 0);
	ck_assert_uint_eq(remote_get(table, b)->path_mtu, 1400);
	ck_assert_uint_eq(remote_get(table, b)->id, b);
	stop();
}
END_TEST

START_TEST(a_change_is_a_new_entry)
{
	start();
	uint16_t id = publish(0, 0x0a000001, 1500);
	const struct remote *old = remote_get(table, id);

	rcu_reader_online(rcu, 0);
	ck_assert_uint_eq(publish(id, 0x0a000001, 1400), id);
	rcu_poll(rcu);
	ck_assert_uint_eq(old->path_mtu, 1500); // a reader may still look at it
	ck_assert_uint_eq(remote_get(table, id)->path_mtu, 1400);
	rcu_reader_offline(rcu, 0);
	stop();
}
END_TEST

START_TEST(removed_ones_are_gone)
{
	start();
	uint16_t id = publish(0, 0x0a000001, 1500);

	remote_remove(table, id);
	ck_assert_uint_eq(remote_find(table, htonl(0x0a000001)), 0);
	ck_assert_ptr_null(remote_get(table, id));
	remote_remove(table, id);
	// An id rests before it is used again.
	ck_assert_uint_ne(publish(0, 0x0a000001, 1500), id);
	stop();
}
END_TEST

START_TEST(all_ids)
{
	uint16_t last = 1;

	start();
	for (uint32_t i = 1; i < MAX_REMOTES && last != 0; i++)
		last = publish(0, 0x0a000000 + i, 1500);
	ck_assert_uint_ne(last, 0);
	ck_assert_uint_eq(publish(0, 0x0b000000, 1500), 0);
	ck_assert_uint_eq(remote_find(table, htonl(0x0b000000)), 0);
	remote_remove(table, remote_find(table, htonl(0x0a000007)));
	ck_assert_uint_ne(publish(0, 0x0b000000, 1500), 0);
	stop();
}
END_TEST

// Addresses that come and go leave no slots behind that make later searches long or wrong.
START_TEST(churn)
{
	bool right = true;

	start();
	for (uint32_t i = 0; i < 200000; i++) {
		publish(0, 0x0a000000 + i, 1500);
		if (i >= 100) {
			uint32_t old = htonl(0x0a000000 + i - 100);

			right &= remote_find(table, old) != 0;
			remote_remove(table, remote_find(table, old));
			right &= remote_find(table, old) == 0;
		}
		rcu_poll(rcu);
	}
	ck_assert(right);
	stop();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		found_by_address_and_id,
		a_change_is_a_new_entry,
		removed_ones_are_gone,
		all_ids,
		churn,
	};

	return suite_main("remote", tests, ARRAY_SIZE(tests));
}
