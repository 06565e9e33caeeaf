// SPDX-License-Identifier: BSD-3-Clause
// The limits of what goes to the slow path: rates and depths of the buckets, and that workers who
// take from one at the same time get no more than one worker would.

#include "suite.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/util.h"
#include "tables/memory.h"
#include "tables/punt_limit.h"

#define START_NS UINT64_C(1000000000000)

static struct punt_limits *limits;

static void start(void)
{
	limits = table_alloc(sizeof(*limits));
	ck_assert_ptr_nonnull(limits);
}

static void stop(void)
{
	table_free(limits, sizeof(*limits));
}

static unsigned take_of_port(uint16_t port, enum punt_class class, unsigned n, uint64_t now_ns)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		taken += punt_limit_port(limits, port, class, now_ns);
	return taken;
}

START_TEST(a_bucket_is_full_at_first_and_fills_at_its_rate)
{
	start();
	ck_assert_uint_eq(take_of_port(1, PUNT_DHCP, 30, START_NS), 20);
	ck_assert_uint_eq(take_of_port(1, PUNT_DHCP, 1, START_NS + NS_PER_S / 10 - 1), 0);
	ck_assert_uint_eq(take_of_port(1, PUNT_DHCP, 2, START_NS + NS_PER_S / 10), 1);
	ck_assert_uint_eq(take_of_port(1, PUNT_DHCP, 30, START_NS + NS_PER_S), 9);
	// It never holds more than it is deep.
	ck_assert_uint_eq(take_of_port(1, PUNT_DHCP, 30, 2 * START_NS), 20);
	stop();
}
END_TEST

START_TEST(buckets_are_apart)
{
	start();
	ck_assert_uint_eq(take_of_port(1, PUNT_DHCP, 30, START_NS), 20);
	ck_assert_uint_eq(take_of_port(2, PUNT_DHCP, 30, START_NS), 20);
	ck_assert_uint_eq(take_of_port(1, PUNT_ARP_OWN, 200, START_NS), 100);
	ck_assert(punt_limit_station(limits, 1, PUNT_DHCP, START_NS));
	ck_assert(punt_limit_node(limits, PUNT_DHCP, START_NS));
	stop();
}
END_TEST

START_TEST(stations_with_the_same_hash_share_a_bucket)
{
	unsigned taken = 0;

	start();
	for (unsigned i = 0; i < 15; i++) {
		taken += punt_limit_station(limits, 5, PUNT_DHCP, START_NS);
		taken += punt_limit_station(limits, 5 + PUNT_STATIONS, PUNT_DHCP, START_NS);
	}
	ck_assert_uint_eq(taken, 20);
	ck_assert(punt_limit_station(limits, 6, PUNT_DHCP, START_NS));
	stop();
}
END_TEST

// The underlay's own traffic comes in by one port: only the node's limit counts.
START_TEST(control_of_the_underlay_has_no_limit_of_a_port)
{
	unsigned taken = 0;

	start();
	ck_assert_uint_eq(take_of_port(1, PUNT_UNDERLAY, 10000, START_NS), 10000);
	ck_assert_uint_eq(take_of_port(1, PUNT_ARP, 10000, START_NS), 10000);
	for (unsigned i = 0; i < 10000; i++)
		taken += punt_limit_node(limits, PUNT_UNDERLAY, START_NS);
	ck_assert_uint_eq(taken, 500);
	stop();
}
END_TEST

// ---- several workers ----------------------------------------------------------------------------

#define WORKERS 4
#define SECONDS 50

static void *take_for_a_while(void *arg)
{
	uintptr_t taken = 0;

	for (uint64_t at = 0; at < SECONDS * UINT64_C(1000); at++)
		taken += punt_limit_port(limits, 1, PUNT_LOCAL, START_NS + at * NS_PER_MS);
	return (void *)taken;
}

START_TEST(workers_share_a_bucket)
{
	pthread_t threads[WORKERS];
	uintptr_t taken = 0, n;

	start();
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_for_a_while, NULL), 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], (void **)&n), 0);
		taken += n;
	}
	// The depth of the bucket, and what came in until the last moment.
	ck_assert_uint_le(taken, 1000 + SECONDS * 500);
	ck_assert_uint_ge(taken, SECONDS * 500);
	stop();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_bucket_is_full_at_first_and_fills_at_its_rate,
		buckets_are_apart,
		stations_with_the_same_hash_share_a_bucket,
		control_of_the_underlay_has_no_limit_of_a_port,
		workers_share_a_bucket,
	};

	return suite_main("punt_limit", tests, ARRAY_SIZE(tests));
}
