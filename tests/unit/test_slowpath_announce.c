// SPDX-License-Identifier: BSD-3-Clause
// Announcements of own addresses (item 92).

#include "service_env.h"

#define ALL	     "ffffffffffff"
#define ZERO	     "000000000000"
#define IP_RTR	     "ac100101"
#define GARP_REQUEST ALL ROUTER_MAC "08060001080006040001" ROUTER_MAC IP_RTR ZERO IP_RTR
#define GARP_REPLY   ALL ROUTER_MAC "08060001080006040002" ROUTER_MAC IP_RTR ROUTER_MAC IP_RTR

#define NA_ANNOUNCE_R                                                                              \
	"333300000001fa163edde1a286dd6000000000203afffd000001000000000000000000000001"             \
	"ff0200000000000000000000000000018800c202a0000000fd00000100000000000000000000"             \
	"00010201fa163edde1a2"

static const struct service_setup plain = {0};
static const struct service_setup routed = {.router = true};

static void expect_round(void)
{
	env_expect_at(ROUTER, GARP_REQUEST);
	env_expect_at(ROUTER, GARP_REPLY);
	env_expect_at(ROUTER, NA_ANNOUNCE_R);
	env_expect_nothing();
}

START_TEST(item_92_new_addresses_are_announced_in_three_rounds)
{
	env_serve(&routed);
	for (unsigned round = 0; round < 3; round++) {
		expect_round();
		env_advance(1999 * NS_PER_MS);
		env_expect_nothing();
		env_advance(1 * NS_PER_MS);
	}
	env_run(10 * NS_PER_S, NS_PER_S);
	env_expect_nothing();
}
END_TEST

START_TEST(addresses_that_stay_are_not_announced_again)
{
	env_serve(&routed);
	expect_round();
	env_serve(&routed); // goes on where it was
	env_expect_nothing();
	env_advance(2 * NS_PER_S);
	expect_round();
	env_advance(2 * NS_PER_S);
	expect_round();
	env_serve(&routed);
	env_run(10 * NS_PER_S, NS_PER_S);
	env_expect_nothing();
}
END_TEST

START_TEST(addresses_that_come_back_are_announced)
{
	env_serve(&routed);
	expect_round();
	env_serve(&plain);
	env_run(10 * NS_PER_S, NS_PER_S);
	env_expect_nothing();
	env_serve(&routed);
	expect_round();
}
END_TEST

START_TEST(another_mac_is_announced)
{
	struct service_setup moved = {.router = true, .router_mac = UINT64_C(0xfa163edde1a3)};
	uint8_t frame[128];

	env_serve(&routed);
	env_run(10 * NS_PER_S, NS_PER_S);
	env_discard();
	env_serve(&moved);
	ck_assert_uint_eq(env_take_at(ROUTER, frame, sizeof(frame)), 42);
	ck_assert_uint_eq(frame[11], 0xa3);
	env_run(10 * NS_PER_S, NS_PER_S);
	ck_assert_uint_eq(env_discard(), 8);
}
END_TEST

START_TEST(item_119_an_address_that_moves_is_announced)
{
	struct service_setup floating = {.router = true, .fixed = "172.16.1.33"};

	env_serve(&floating);
	env_run(10 * NS_PER_S, NS_PER_S);
	env_discard();
	floating.fixed = "172.16.1.40";
	env_serve(&floating);
	for (unsigned round = 0; round < 3; round++) {
		env_expect_at(ROUTER, GARP_REQUEST);
		env_expect_at(ROUTER, GARP_REPLY);
		env_expect_nothing();
		env_advance(2 * NS_PER_S);
	}
	env_expect_nothing();
}
END_TEST

// Every node may have a service port with these addresses.
START_TEST(service_addresses_are_not_announced)
{
	env_serve(&plain);
	env_run(10 * NS_PER_S, NS_PER_S);
	env_expect_nothing();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		item_92_new_addresses_are_announced_in_three_rounds,
		addresses_that_stay_are_not_announced_again,
		addresses_that_come_back_are_announced,
		another_mac_is_announced,
		item_119_an_address_that_moves_is_announced,
		service_addresses_are_not_announced,
	};

	return env_main("slowpath_announce", tests, ARRAY_SIZE(tests));
}
