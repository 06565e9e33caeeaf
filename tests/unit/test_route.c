// SPDX-License-Identifier: BSD-3-Clause
// Longest prefix match: the examples of item 118, and random tables against a search through all
// prefixes.

#include <stdbool.h>
#include <stdlib.h>

#include <arpa/inet.h>

#include <check.h>

#include "base/arena.h"
#include "base/util.h"
#include "suite.h"
#include "tables/route.h"

static struct arena *arena;
static struct route_table table;

static void setup(void)
{
	arena = arena_new();
}

static void teardown(void)
{
	arena_free(arena);
}

static rte_be32_t ip(const char *text)
{
	struct in_addr address;

	ck_assert_int_eq(inet_pton(AF_INET, text, &address), 1);
	return address.s_addr;
}

static struct route route(const char *prefix, uint8_t len, uint8_t source, const char *gateway)
{
	return (struct route){
		.prefix = ip(prefix),
		.len = len,
		.source = source,
		.interface = 7,
		.gateway = ip(gateway),
	};
}

static const struct route_target *find(const char *address)
{
	return route_find(&table, ip(address));
}

// The only next hop to an address.
static rte_be32_t way(const char *address)
{
	const struct route_target *target = find(address);

	ck_assert_uint_eq(target->kind, ROUTE_TO_HOPS);
	ck_assert_uint_eq(target->n_hops, 1);
	return route_hop(&table, target, UINT32_MAX)->gateway;
}

START_TEST(no_routes_lead_nowhere)
{
	route_build(&table, arena, NULL, 0);
	ck_assert_uint_eq(find("0.0.0.0")->kind, ROUTE_TO_NOWHERE);
	ck_assert_uint_eq(find("10.0.0.1")->kind, ROUTE_TO_NOWHERE);
	ck_assert_uint_eq(find("255.255.255.255")->kind, ROUTE_TO_NOWHERE);
}
END_TEST

START_TEST(item_118_longest_prefix_wins)
{
	const struct route routes[] = {
		route("0.0.0.0", 0, ROUTE_GATEWAY, "1.1.1.0"),
		route("10.2.3.0", 24, ROUTE_STATIC, "1.1.1.24"),
		route("10.0.0.0", 8, ROUTE_STATIC, "1.1.1.8"),
		route("10.2.0.0", 16, ROUTE_STATIC, "1.1.1.16"),
	};

	route_build(&table, arena, routes, ARRAY_SIZE(routes));
	ck_assert_uint_eq(way("0.0.0.0"), ip("1.1.1.0"));
	ck_assert_uint_eq(way("9.255.255.255"), ip("1.1.1.0"));
	ck_assert_uint_eq(way("10.0.0.0"), ip("1.1.1.8"));
	ck_assert_uint_eq(way("10.1.255.255"), ip("1.1.1.8"));
	ck_assert_uint_eq(way("10.2.0.0"), ip("1.1.1.16"));
	ck_assert_uint_eq(way("10.2.2.255"), ip("1.1.1.16"));
	ck_assert_uint_eq(way("10.2.3.0"), ip("1.1.1.24"));
	ck_assert_uint_eq(way("10.2.3.255"), ip("1.1.1.24"));
	ck_assert_uint_eq(way("10.2.4.0"), ip("1.1.1.16"));
	ck_assert_uint_eq(way("10.3.0.0"), ip("1.1.1.8"));
	ck_assert_uint_eq(way("11.0.0.0"), ip("1.1.1.0"));
	ck_assert_uint_eq(way("255.255.255.255"), ip("1.1.1.0"));
}
END_TEST

START_TEST(item_118_a_flow_keeps_its_path)
{
	const struct route routes[] = {
		route("10.0.0.0", 8, ROUTE_STATIC, "1.1.1.1"),
		route("10.0.0.0", 8, ROUTE_STATIC, "1.1.1.2"),
		route("10.0.0.0", 8, ROUTE_STATIC, "1.1.1.3"),
		route("10.0.0.0", 8, ROUTE_STATIC, "1.1.1.2"), // merges
	};
	const struct route other_order[] = {routes[2], routes[0], routes[1]};
	unsigned counts[3] = {0};
	struct route_table other;

	route_build(&table, arena, routes, ARRAY_SIZE(routes));
	route_build(&other, arena, other_order, ARRAY_SIZE(other_order));
	ck_assert_uint_eq(find("10.1.1.1")->n_hops, 3);
	for (uint32_t i = 0; i < 30000; i++) {
		uint32_t hash = i * 0x9e3779b1u;
		rte_be32_t hop = route_hop(&table, find("10.1.1.1"), hash)->gateway;

		counts[ntohl(hop) - ntohl(ip("1.1.1.1"))]++;
		if (route_hop(&other, route_find(&other, ip("10.9.9.9")), hash)->gateway != hop)
			ck_abort_msg("hash %x takes another path", hash);
	}
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_gt(counts[i], 9000);
}
END_TEST

START_TEST(connected_comes_before_static_and_static_before_the_gateway)
{
	const struct route routes[] = {
		route("172.16.1.0", 24, ROUTE_STATIC, "1.1.1.1"),
		route("172.16.1.0", 24, ROUTE_CONNECTED, "0.0.0.0"),
		route("172.16.1.1", 32, ROUTE_OWN, "0.0.0.0"),
		route("172.16.1.255", 32, ROUTE_BROADCAST, "0.0.0.0"),
		route("0.0.0.0", 0, ROUTE_GATEWAY, "1.1.1.3"),
		route("0.0.0.0", 0, ROUTE_STATIC, "1.1.1.4"),
	};

	route_build(&table, arena, routes, ARRAY_SIZE(routes));
	ck_assert_uint_eq(way("172.16.1.0"), 0);
	ck_assert_uint_eq(way("172.16.1.33"), 0);
	ck_assert_uint_eq(find("172.16.1.1")->kind, ROUTE_TO_SELF);
	ck_assert_uint_eq(find("172.16.1.255")->kind, ROUTE_TO_BROADCAST);
	ck_assert_uint_eq(way("8.8.8.8"), ip("1.1.1.4"));
}
END_TEST

START_TEST(bits_behind_the_length_do_not_count)
{
	const struct route routes[] = {
		route("10.1.2.3", 8, ROUTE_STATIC, "1.1.1.1"),
		route("10.4.5.6", 8, ROUTE_STATIC, "1.1.1.2"),
	};

	route_build(&table, arena, routes, ARRAY_SIZE(routes));
	ck_assert_uint_eq(find("10.0.0.0")->n_hops, 2);
	ck_assert_uint_eq(find("11.0.0.0")->kind, ROUTE_TO_NOWHERE);
}
END_TEST

START_TEST(the_last_address_ends_no_range)
{
	const struct route routes[] = {
		route("255.255.255.255", 32, ROUTE_STATIC, "1.1.1.1"),
		route("240.0.0.0", 4, ROUTE_STATIC, "1.1.1.2"),
		route("128.0.0.0", 1, ROUTE_STATIC, "1.1.1.3"),
	};

	route_build(&table, arena, routes, ARRAY_SIZE(routes));
	ck_assert_uint_eq(way("255.255.255.255"), ip("1.1.1.1"));
	ck_assert_uint_eq(way("255.255.255.254"), ip("1.1.1.2"));
	ck_assert_uint_eq(way("239.255.255.255"), ip("1.1.1.3"));
	ck_assert_uint_eq(find("127.255.255.255")->kind, ROUTE_TO_NOWHERE);
}
END_TEST

// ---- against a search through all -------------------------------------------------------------

#define N_RANDOM 200

static bool covers(const struct route *r, uint32_t address)
{
	uint32_t mask = r->len == 0 ? 0 : UINT32_MAX << (32 - r->len);

	return ((ntohl(r->prefix) ^ address) & mask) == 0;
}

static const struct route *search(const struct route *routes, size_t n, uint32_t address)
{
	const struct route *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct route *r = &routes[i];

		if (covers(r, address) &&
			(best == NULL || r->len > best->len ||
				(r->len == best->len && r->source < best->source)))
			best = r;
	}
	return best;
}

static void compare(const struct route *routes, size_t n, uint32_t address)
{
	const struct route_target *target = route_find(&table, htonl(address));
	const struct route *best = search(routes, n, address);

	if (best == NULL) {
		if (target->kind != ROUTE_TO_NOWHERE)
			ck_abort_msg("%08x leads somewhere", address);
		return;
	}
	const struct route_hop *hop = route_hop(&table, target, 0);

	// Its gateway is its length and source, so that equal routes are the same.
	if (target->kind != ROUTE_TO_HOPS || hop->gateway != best->gateway)
		ck_abort_msg(
			"%08x takes %08x instead of %08x", address, hop->gateway, best->gateway);
}

START_TEST(random_tables_match_as_a_search_does)
{
	struct route routes[N_RANDOM];

	srand(_i + 1);
	size_t n = (size_t)rand() % N_RANDOM;

	for (size_t i = 0; i < n; i++) {
		uint8_t len = rand() % 33;
		uint8_t source = ROUTE_CONNECTED + rand() % 3;

		// In few bits, so that prefixes nest and meet.
		routes[i] = (struct route){
			.prefix = htonl((uint32_t)(rand() & 7) << 29 | (uint32_t)(rand() & 3) << 8 |
					(uint32_t)(rand() & 3)),
			.len = len,
			.source = source,
			.gateway = (rte_be32_t)source << 8 | len,
		};
	}
	route_build(&table, arena, routes, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t first = ntohl(routes[i].prefix);
		uint32_t size =
			routes[i].len == 0 ? 0 : (uint32_t)(UINT64_C(1) << (32 - routes[i].len));

		first &= ~(size - 1);
		compare(routes, n, first);
		compare(routes, n, first - 1);
		compare(routes, n, first + size - 1);
		compare(routes, n, first + size);
	}
	for (unsigned i = 0; i < 1000; i++)
		compare(routes, n, (uint32_t)rand() << 16 ^ (uint32_t)rand());
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		no_routes_lead_nowhere,
		item_118_longest_prefix_wins,
		item_118_a_flow_keeps_its_path,
		connected_comes_before_static_and_static_before_the_gateway,
		bits_behind_the_length_do_not_count,
		the_last_address_ends_no_range,
	};
	Suite *suite = suite_create("route");
	TCase *tcase = tcase_create("route");
	SRunner *runner = srunner_create(suite);

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, random_tables_match_as_a_search_does, 0, 50);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
