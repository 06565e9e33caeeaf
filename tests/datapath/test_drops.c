// SPDX-License-Identifier: BSD-3-Clause
// Drops that come from want of room: conformance item 122, queues, rings and rate limits.

#include "node.h"

#include <arpa/inet.h>

#define STATION "52:54:00:00:00:77"

// Takes buffers until the pool has `left` of them.
static struct rte_mbuf *exhaust(unsigned left)
{
	struct rte_mbuf *taken = NULL;

	while (rte_mempool_avail_count(sw.pool) > left) {
		struct rte_mbuf *mbuf = rte_pktmbuf_alloc(sw.pool);

		ck_assert_ptr_nonnull(mbuf);
		mbuf->next = taken;
		taken = mbuf;
	}
	return taken;
}

static void give_back(struct rte_mbuf *taken)
{
	while (taken != NULL) {
		struct rte_mbuf *next = taken->next;

		taken->next = NULL;
		rte_pktmbuf_free(taken);
		taken = next;
	}
}

START_TEST(item_122_flood_without_buffers)
{
	struct frame broadcast = who_has(MAC_A);
	struct frame unicast = talk(MAC_A, MAC_B, 50);
	struct rte_mbuf *taken;

	node(HEADEND);
	taken = exhaust(0);
	arrive("a", &broadcast); // to B and three remotes: the last gets the original
	expect_none("b");
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
	drops_are("port a", DROP_FLOOD_NOMEM, 3);
	arrive("a", &unicast); // needs none
	expect("b", &unicast);
	give_back(taken);

	arrive("a", &broadcast);
	expect("b", &broadcast);
	drops_are("port a", DROP_FLOOD_NOMEM, 3);
}
END_TEST

START_TEST(item_122_copies_that_fail_are_counted_one_by_one)
{
	struct frame broadcast = who_has(MAC_A);
	struct rte_mbuf *taken;

	node(HEADEND);
	taken = exhaust(2);
	arrive("a", &broadcast);
	expect("b", &broadcast);
	ck_assert_uint_eq(n_datagrams("ens18"), 2);
	drops_are("port a", DROP_FLOOD_NOMEM, 1);
	ck_assert_uint_eq(counters_of("port a").copies, 3);
	give_back(taken);
}
END_TEST

START_TEST(item_122_other_needs_of_a_buffer)
{
	struct frame frame = talk(MAC_A, MAC_B, 1000);
	struct frame to_remote = talk(MAC_A, MAC_X, 1000);
	struct frame from_x = talk(MAC_X, MAC_A, 10);
	struct frame datagram;
	struct rte_mbuf *taken;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &from_x);
	arrive("ens18", &datagram);
	forget_sent("a");
	taken = exhaust(0);
	arrive_chained("a", &frame, 300);
	expect_none("b");
	drops_are("port a", DROP_NOMEM, 1);
	give_back(taken);
	arrive_chained("a", &frame, 300);
	expect("b", &frame);
	arrive("a", &to_remote);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
}
END_TEST

START_TEST(no_room_for_headers)
{
	struct frame from_x = talk(MAC_X, MAC_A, 10);
	struct frame to_x = talk(MAC_A, MAC_X, 10);
	struct frame from_y = talk(MAC_Y, MAC_V, 50);
	struct frame to_y = talk(MAC_V, MAC_Y, 50);
	struct frame tagged = frame_tagged(&from_y, ETHER_TYPE_VLAN, 1001);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &from_x);
	arrive("ens18", &datagram);
	arrive_without_headroom("a", &to_x, 49);
	drops_are("vxlan.1", DROP_VXLAN_NO_HEADROOM, 1);
	arrive_without_headroom("a", &to_x, 50);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);

	arrive("ens19", &tagged);
	arrive_without_headroom("v", &to_y, 3);
	expect_none("ens19");
	drops_are("provider.1001", DROP_NOMEM, 1);
	arrive_without_headroom("v", &to_y, 4);
	tagged = frame_tagged(&to_y, ETHER_TYPE_VLAN, 1001);
	expect("ens19", &tagged);
}
END_TEST

START_TEST(full_transmit_queue)
{
	struct frame frames[10];

	node(HEADEND);
	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++)
		frames[i] = talk(MAC_A, MAC_B, (uint16_t)(20 + i));
	set_room("b", 7);
	arrive_burst("a", frames, ARRAY_SIZE(frames));
	ck_assert_uint_eq(n_sent("b"), 7);
	for (unsigned i = 0; i < 7; i++)
		expect("b", &frames[i]);
	drops_are("port b", DROP_TX_FULL, 3);
	ck_assert_uint_eq(counters_of("port b").tx, 7);
	set_room("b", 100);
	arrive("a", &frames[0]);
	expect("b", &frames[0]);
}
END_TEST

START_TEST(nobody_at_the_other_end)
{
	struct frame frame = talk(MAC_A, MAC_B, 50);
	struct frame broadcast = who_has(MAC_A);

	node(HEADEND);
	set_room("b", 0);
	set_no_peer("b", true);
	arrive("a", &frame);
	arrive("a", &broadcast);
	drops_are("port b", DROP_TX_NO_PEER, 2);
	ck_assert_uint_eq(n_datagrams("ens18"), 3);
}
END_TEST

// A group membership report is for the slow path, which does nothing about it.
static struct frame report(void)
{
	return frame_ip4(&(struct hosts){STATION, "01:00:5e:00:00:01", "192.168.31.7", "224.0.0.1"},
		IP_PROTOCOL_IGMP, 8);
}

START_TEST(punts_have_a_rate)
{
	struct frame frame = report();
	uint64_t n;

	node(HEADEND);
	clock_advance(NS_PER_S);
	for (int i = 0; i < 700; i++)
		arrive("ens18", &frame);
	n = counters_of("uplink underlay").drops[DROP_PUNT_RATE];
	ck_assert_uint_eq(n, 200);
	drops_are("uplink underlay", DROP_PUNT_RATE, n);
	// A fifth of a millisecond makes up for one packet.
	clock_advance(NS_PER_MS / 5);
	arrive("ens18", &frame);
	drops_are("uplink underlay", DROP_PUNT_RATE, n);
	arrive("ens18", &frame);
	drops_are("uplink underlay", DROP_PUNT_RATE, n + 1);
	// Other traffic goes on.
	struct frame inner = talk(MAC_X, MAC_A, 100);
	struct frame datagram = from_remote(IP_101, 1, &inner);

	arrive("ens18", &datagram);
	expect("a", &inner);
	any_drops(); // what the slow path says about the reports is its own matter
}
END_TEST

START_TEST(punt_ring_is_full)
{
	struct frame frame = report();

	node(HEADEND);
	for (int i = 0; i < 1100; i++) {
		clock_advance(NS_PER_MS);
		arrive_unpolled("ens18", &frame);
	}
	ck_assert_uint_eq(counters_of("uplink underlay").drops[DROP_PUNT_FULL], 1100 - 1023);
	ck_assert_uint_eq(counters_of("uplink underlay").drops[DROP_PUNT_RATE], 0);
	any_drops();
}
END_TEST

// A source is posted once, not for each frame, until control had time to learn it.
START_TEST(learn_events_are_few)
{
	struct frame frame = talk(MAC_X, MAC_B, 50);
	struct rte_ring *ring;

	node(HEADEND);
	ring = sw.tables->rings[0].learns;
	for (int i = 0; i < 100; i++)
		arrive_unpolled("a", &frame);
	ck_assert_uint_eq(rte_ring_count(ring), 1);
	run();
	ck_assert_uint_eq(rte_ring_count(ring), 0);
	ck_assert_uint_eq(where("vxlan1", MAC_X), attachment("port a"));
	for (int i = 0; i < 100; i++)
		arrive_unpolled("a", &frame);
	ck_assert_uint_eq(rte_ring_count(ring), 0);
}
END_TEST

void drop_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_122_flood_without_buffers,
		item_122_copies_that_fail_are_counted_one_by_one,
		item_122_other_needs_of_a_buffer,
		no_room_for_headers,
		full_transmit_queue,
		nobody_at_the_other_end,
		punts_have_a_rate,
		punt_ring_is_full,
		learn_events_are_few,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
