// SPDX-License-Identifier: BSD-3-Clause
// Bridging: conformance items 20 to 34, those that need no filters or router.

#include "node.h"

#include <arpa/inet.h>

#define GROUP_MAC "01:00:5e:00:00:fb"

START_TEST(item_20_arp_broadcast_reaches_everyone_once)
{
	struct frame request = who_has(MAC_A);
	bool reached[256] = {false};

	node(HEADEND);
	arrive("a", &request);
	expect("b", &request);
	expect_none("b");
	expect_none("a");
	expect_none("c");
	expect_none("p");
	expect_none("v");
	expect_none("ens19");
	ck_assert_uint_eq(n_datagrams("ens18"), 3);
	for (int i = 0; i < 3; i++) {
		struct frame datagram = sent_datagram("ens18");
		struct frame inner = frame_inner(&datagram);

		ck_assert(frame_equal(&inner, &request));
		reached[remote_of(&datagram)] = true;
	}
	ck_assert(reached[101] && reached[103] && reached[105]);
	ck_assert_uint_eq(counters_of("port a").copies, 3);
}
END_TEST

START_TEST(item_20_broadcast_from_a_remote_reaches_local_ports_once)
{
	struct frame request = who_has(MAC_X);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &request);
	arrive("ens18", &datagram);
	expect("a", &request);
	expect("b", &request);
	expect_none("a");
	expect_none("b");
	expect_none("c");
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
}
END_TEST

START_TEST(item_21_unknown_unicast_floods_until_it_answers)
{
	struct frame to_x = talk(MAC_V, MAC_X, 10);
	struct frame answer = talk(MAC_X, MAC_V, 10);
	struct frame tagged = frame_tagged(&answer, ETHER_TYPE_VLAN, 1001);

	node(HEADEND);
	arrive("v", &to_x);
	expect("w", &to_x);
	ck_assert_uint_eq(n_sent("ens19"), 1);
	forget_sent("ens19");

	arrive("ens19", &tagged);
	expect("v", &answer);
	expect_none("w");
	ck_assert_uint_eq(where("vlan1001", MAC_X), attachment("provider.1001"));

	arrive("v", &to_x);
	expect_none("w");
	ck_assert_uint_eq(n_sent("ens19"), 1);
}
END_TEST

START_TEST(item_22_split_horizon)
{
	struct frame inner = talk(MAC_X, MAC_Y, 10);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &inner);
	arrive("ens18", &datagram);
	expect("a", &inner);
	expect("b", &inner);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
}
END_TEST

START_TEST(item_22_split_horizon_for_known_macs)
{
	struct frame from_y = talk(MAC_Y, BROADCAST, 10);
	struct frame to_y = talk(MAC_X, MAC_Y, 10);
	struct frame first, second;

	node(HEADEND);
	first = from_remote(IP_103, 1, &from_y);
	second = from_remote(IP_101, 1, &to_y);
	arrive("ens18", &first);
	forget_sent("a");
	arrive("ens18", &second);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
	expect_none("a");
	drops_are("vxlan.1", DROP_HAIRPIN, 1);
}
END_TEST

START_TEST(item_23_never_back_by_the_uplink_it_came_from)
{
	struct frame unknown = talk(MAC_X, MAC_Y, 50);
	struct frame broadcast = who_has(MAC_X);

	node(HEADEND);
	arrive("ens19", &unknown);
	arrive("ens19", &broadcast);
	expect("p", &unknown);
	expect("p", &broadcast);
	expect_none("ens19");
}
END_TEST

START_TEST(item_24_entries_age)
{
	struct frame from_x = talk(MAC_X, MAC_V, 10);
	struct frame to_x = talk(MAC_V, MAC_X, 10);
	struct frame tagged = frame_tagged(&from_x, ETHER_TYPE_VLAN, 1001);

	node(HEADEND);
	arrive("ens19", &tagged);
	pass_time(290);
	ck_assert_uint_eq(where("vlan1001", MAC_X), attachment("provider.1001"));
	arrive("v", &to_x);
	expect_none("w");
	pass_time(21);
	ck_assert_uint_eq(where("vlan1001", MAC_X), NOWHERE);
	arrive("v", &to_x);
	expect("w", &to_x);
}
END_TEST

START_TEST(item_24_traffic_keeps_an_entry)
{
	struct frame from_x = talk(MAC_X, MAC_V, 10);
	struct frame tagged = frame_tagged(&from_x, ETHER_TYPE_VLAN, 1001);

	node(HEADEND);
	for (int i = 0; i < 4; i++) {
		arrive("ens19", &tagged);
		pass_time(200);
		ck_assert_uint_eq(where("vlan1001", MAC_X), attachment("provider.1001"));
	}
	// The port's own MAC is static.
	ck_assert_uint_eq(where("vlan1001", MAC_V), attachment("port v"));
}
END_TEST

START_TEST(item_25_a_move_takes_effect_within_one_frame)
{
	struct frame from_x = talk(MAC_X, MAC_A, 10);
	struct frame to_x = talk(MAC_A, MAC_X, 10);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_103, 1, &from_x);
	arrive("ens18", &datagram);
	arrive("a", &to_x);
	datagram = sent_datagram("ens18");
	ck_assert_uint_eq(remote_of(&datagram), 103);
	ck_assert_uint_eq(info_of(INFO_FDB_MOVED), 0);

	datagram = from_remote(IP_105, 1, &from_x);
	arrive("ens18", &datagram);
	arrive("a", &to_x);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
	datagram = sent_datagram("ens18");
	ck_assert_uint_eq(remote_of(&datagram), 105);
	ck_assert_uint_eq(info_of(INFO_FDB_MOVED), 1);
}
END_TEST

START_TEST(item_25_a_move_back_and_forth)
{
	struct frame from_x = talk(MAC_X, MAC_A, 10);
	struct frame first, second;

	node(HEADEND);
	first = from_remote(IP_103, 1, &from_x);
	second = from_remote(IP_105, 1, &from_x);
	for (int i = 0; i < 3; i++) {
		arrive("ens18", &first);
		ck_assert_uint_eq(where("vxlan1", MAC_X), location_of_remote(IP_103));
		arrive("ens18", &second);
		ck_assert_uint_eq(where("vxlan1", MAC_X), location_of_remote(IP_105));
	}
	ck_assert_uint_eq(info_of(INFO_FDB_MOVED), 5);
}
END_TEST

START_TEST(item_26_static_entries_stand)
{
	struct frame inner = talk(MAC_X, MAC_A, 10);
	struct frame datagram;

	configure("{" UPLINKS ", 'tunnel': {" TUNNEL_KEYS HEADEND ", " OPEN "}, " NETWORKS
		  ", " PORTS ", 'fdb': {'vxlan1/" MAC_X "': {'remote': '" IP_101 "'}}}");
	resolve_all();
	datagram = from_remote(IP_250, 1, &inner);
	arrive("ens18", &datagram);
	expect_none("a");
	drops_are("vxlan.1", DROP_FDB_STATIC_CONFLICT, 1);
	ck_assert_uint_eq(where("vxlan1", MAC_X), location_of_remote(IP_101));

	datagram = from_remote(IP_101, 1, &inner);
	arrive("ens18", &datagram);
	expect("a", &inner);
}
END_TEST

START_TEST(item_26_an_instance_does_not_move_a_static_entry)
{
	struct frame frame = talk(MAC_X, MAC_B, 10);

	configure("{" UPLINKS ", 'tunnel': {" TUNNEL_KEYS HEADEND "}, " NETWORKS ", " PORTS
		  ", 'fdb': {'vxlan1/" MAC_X "': {'remote': '" IP_101 "'}}}");
	arrive("a", &frame);
	expect("b", &frame);
	ck_assert_uint_eq(where("vxlan1", MAC_X), location_of_remote(IP_101));
}
END_TEST

START_TEST(item_27_our_own_mac_from_outside)
{
	struct frame inner = talk(MAC_A, MAC_B, 10);
	struct frame from_v = talk(MAC_V, MAC_W, 10);
	struct frame tagged = frame_tagged(&from_v, ETHER_TYPE_VLAN, 1001);
	struct frame to_a = talk(MAC_B, MAC_A, 10);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &inner);
	arrive("ens18", &datagram);
	expect_none("b");
	drops_are("vxlan.1", DROP_SRC_MAC_OWN, 1);
	arrive("b", &to_a);
	expect("a", &to_a);

	arrive("ens19", &tagged);
	expect_none("w");
	drops_are("provider.1001", DROP_SRC_MAC_OWN, 1);
}
END_TEST

START_TEST(item_28_invalid_source_macs)
{
	struct frame group = talk("01:00:5e:00:00:01", MAC_B, 10);
	struct frame zero = talk("00:00:00:00:00:00", MAC_B, 10);

	node(HEADEND);
	arrive("a", &group);
	arrive("a", &zero);
	expect_none("b");
	drops_are("port a", DROP_SRC_MAC_INVALID, 2);
	ck_assert_uint_eq(where("vxlan1", "00:00:00:00:00:00"), NOWHERE);
	ck_assert_uint_eq(where("vxlan1", "01:00:5e:00:00:01"), NOWHERE);
}
END_TEST

START_TEST(item_29_link_local_destinations)
{
	struct frame lldp = frame_ethernet("01:80:c2:00:00:0e", MAC_A, 0x88cc, 50);
	struct frame stp = frame_ethernet("01:80:c2:00:00:00", MAC_A, 39, 39);
	struct frame other = frame_ethernet("01:80:c2:00:00:10", MAC_A, 0x88cc, 50);

	node(HEADEND);
	arrive("a", &lldp);
	arrive("a", &stp);
	expect_none("b");
	drops_are("port a", DROP_LINK_LOCAL, 2);
	arrive("a", &other);
	expect("b", &other);
}
END_TEST

START_TEST(item_30_hairpin)
{
	struct frame to_self = talk(MAC_X, MAC_A, 10);

	node(HEADEND);
	arrive("a", &to_self);
	expect_none("a");
	drops_are("port a", DROP_HAIRPIN, 1);
}
END_TEST

START_TEST(item_31_fdb_at_its_limit)
{
	struct frame first = talk("fa:16:3e:88:00:01", MAC_B, 10);
	struct frame second = talk("fa:16:3e:88:00:02", MAC_B, 10);
	struct frame third = talk("fa:16:3e:88:00:03", MAC_B, 10);
	struct frame to_third = talk(MAC_B, "fa:16:3e:88:00:03", 10);

	configure("{'networks': {'n': {'fdb-limit': 2, 'segments': [" SEGMENT_FLAT "]}},"
		  "'ports': {" PORT("a", "n", MAC_A) "," PORT("b", "n", MAC_B) "," PORT(
			  "c", "n", MAC_C) "}, " UPLINKS "}");
	arrive("a", &first);
	arrive("a", &second);
	arrive("a", &third);
	ck_assert_uint_eq(n_sent("b"), 3);
	ck_assert_uint_eq(where("n", "fa:16:3e:88:00:02"), attachment("port a"));
	ck_assert_uint_eq(where("n", "fa:16:3e:88:00:03"), NOWHERE);
	ck_assert_uint_eq(info_of(INFO_FDB_FULL), 1);
	arrive("b", &to_third);
	expect("a", &to_third);
	expect("c", &to_third);
}
END_TEST

START_TEST(item_32_networks_do_not_meet)
{
	struct frame from_vxlan = talk(MAC_X, BROADCAST, 50);
	struct frame from_provider = talk(MAC_X, BROADCAST, 50);
	struct frame to_x = talk(MAC_A, MAC_X, 50);
	struct frame p_to_x = talk(MAC_P, MAC_X, 50);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &from_vxlan);
	arrive("ens18", &datagram);
	arrive("ens19", &from_provider);
	ck_assert_uint_eq(where("vxlan1", MAC_X), location_of_remote(IP_101));
	ck_assert_uint_eq(where("provider", MAC_X), attachment("provider.flat"));
	ck_assert_uint_eq(where("vxlan2", MAC_X), NOWHERE);
	forget_sent("b");
	arrive("a", &to_x);
	datagram = sent_datagram("ens18");
	ck_assert_uint_eq(remote_of(&datagram), 101);
	arrive("p", &p_to_x);
	expect("ens19", &p_to_x);
	expect_none("b");
	expect_none("c");
}
END_TEST

// One copy is tagged, one encapsulated; the other eleven are as the original was.
START_TEST(item_33_copies_are_independent)
{
	struct frame frame = talk(MAC_X, GROUP_MAC, 700);
	struct frame datagram;
	char ports[2000];
	int n = 0;

	for (int i = 0; i < 12; i++)
		n += snprintf(ports + n, sizeof(ports) - n,
			"%s'p%d': {'network': 'n', 'device': 'fake:p%d'}", i ? "," : "", i, i);
	configure("{" UPLINKS ", 'tunnel': {" TUNNEL_KEYS "'remotes': ['" IP_101
		  "']}, 'networks': {'n': {'segments': [" SEGMENT_VLAN(1001) "," SEGMENT_VXLAN(
			  1) "]}}, 'ports': {%s}}",
		ports);
	resolve("ens18", OUR_IP, IP_101, MAC_101);
	arrive("p0", &frame);
	for (int i = 1; i < 12; i++) {
		char name[8];

		snprintf(name, sizeof(name), "p%d", i);
		expect(name, &frame);
	}
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 1001);

	expect("ens19", &tagged);
	datagram = sent_datagram("ens18");
	datagram = frame_inner(&datagram);
	ck_assert(frame_equal(&datagram, &frame));
	ck_assert_uint_eq(counters_of("port p0").copies, 12);
	ck_assert_uint_eq(counters_of("port p0").handed_out, 13);
}
END_TEST

START_TEST(item_34_a_port_that_is_down)
{
	struct frame from_a = talk(MAC_A, MAC_B, 10);
	struct frame to_a = talk(MAC_B, MAC_A, 10);

	node(HEADEND);
	ck_assert_uint_eq(where("vxlan1", MAC_A), attachment("port a"));
	call("port.set", "{'name': 'a', 'admin-state': 'down'}");
	ck_assert_uint_eq(where("vxlan1", MAC_A), NOWHERE);
	arrive("a", &from_a);
	expect_none("b");
	drops_are("port a", DROP_PORT_DOWN, 1);
	arrive("b", &to_a);
	expect_none("a");

	call("port.set", "{'name': 'a', 'admin-state': 'up'}");
	forget_sent("ens18");
	arrive("b", &to_a);
	expect("a", &to_a);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
}
END_TEST

START_TEST(networks_and_uplinks_that_are_down)
{
	struct frame from_v = talk(MAC_V, MAC_W, 10);
	struct frame from_p = talk(MAC_P, BROADCAST, 50);
	struct frame from_x = talk(MAC_X, BROADCAST, 50);

	node(HEADEND);
	call("network.set", "{'name': 'vlan1001', 'admin-state': 'down'}");
	arrive("v", &from_v);
	expect_none("w");
	drops_are("port v", DROP_PORT_DOWN, 1);

	call("uplink.set", "{'name': 'provider', 'admin-state': 'down'}");
	arrive("ens19", &from_x);
	expect_none("p");
	drops_are("uplink provider", DROP_PORT_DOWN, 1);
	arrive("p", &from_p);
	expect_none("ens19");
	drops_are("port p", DROP_NO_FLOOD_TARGET, 1);
}
END_TEST

START_TEST(a_network_may_refuse_unknown_macs_and_ethertypes)
{
	struct frame unknown = talk(MAC_A, MAC_X, 10);
	struct frame pppoe = frame_ethernet(MAC_B, MAC_A, 0x8863, 50);
	struct frame known = talk(MAC_A, MAC_B, 10);

	node(HEADEND);
	arrive("a", &pppoe);
	expect("b", &pppoe);
	call("network.set", "{'name': 'vxlan1', 'unknown-unicast': 'drop', "
			    "'other-ethertypes': 'drop'}");
	arrive("a", &unknown);
	drops_are("port a", DROP_UNKNOWN_UNICAST, 1);
	arrive("a", &pppoe);
	drops_are("port a", DROP_ETHERTYPE, 1);
	arrive("a", &known);
	expect("b", &known);
	expect_none("b");
}
END_TEST

START_TEST(frames_too_short_or_too_long)
{
	struct frame runt = {.len = 13};
	struct frame fits = talk(MAC_A, MAC_B, 1450 - 28);
	struct frame too_long = talk(MAC_A, MAC_B, 1451 - 28);

	node(HEADEND);
	arrive("a", &runt);
	drops_are("port a", DROP_RUNT, 1);
	arrive("a", &fits);
	expect("b", &fits);
	arrive("a", &too_long);
	drops_are("port a", DROP_OVERSIZE_RX, 1);
	expect_none("b");
}
END_TEST

// A network's flat segment carries what its uplink does; its ports have the network's MTU.
START_TEST(frames_too_long_for_the_port_they_leave_by)
{
	struct frame fits = talk(MAC_X, MAC_A, 1400 - 28);
	struct frame too_long = talk(MAC_X, MAC_A, 1401 - 28);

	configure("{" UPLINKS ", 'networks': {'n': {'mtu': 1400, 'segments': [" SEGMENT_FLAT
		  "]}}, 'ports': {" PORT("a", "n", MAC_A) "}}");
	arrive("ens19", &fits);
	expect("a", &fits);
	arrive("ens19", &too_long);
	expect_none("a");
	drops_are("port a", DROP_OVERSIZE_TX, 1);
}
END_TEST

START_TEST(order_within_a_burst_is_kept)
{
	struct frame frames[BURST_SIZE];

	node(HEADEND);
	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++)
		frames[i] = talk(MAC_A, i % 3 == 0 ? MAC_X : MAC_B, (uint16_t)(20 + i));
	arrive_burst("a", frames, ARRAY_SIZE(frames));
	// Floods leave before the rest; each kind is in order.
	for (unsigned i = 0; i < ARRAY_SIZE(frames); i += 3)
		expect("b", &frames[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
		if (i % 3 != 0)
			expect("b", &frames[i]);
	}
	expect_none("b");
}
END_TEST

START_TEST(frames_that_arrive_in_pieces)
{
	struct frame frame = talk(MAC_A, MAC_B, 1000);

	node(HEADEND);
	arrive_chained("a", &frame, 300);
	expect("b", &frame);
}
END_TEST

START_TEST(a_flushed_network_learns_anew)
{
	struct frame from_x = talk(MAC_X, MAC_V, 10);
	struct frame tagged = frame_tagged(&from_x, ETHER_TYPE_VLAN, 1001);

	node(HEADEND);
	arrive("ens19", &tagged);
	call("fdb.flush", "{'network': 'vlan1001'}");
	ck_assert_uint_eq(where("vlan1001", MAC_X), NOWHERE);
	ck_assert_uint_eq(where("vlan1001", MAC_V), attachment("port v"));
	arrive("ens19", &tagged);
	ck_assert_uint_eq(where("vlan1001", MAC_X), attachment("provider.1001"));
}
END_TEST

void l2_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_20_arp_broadcast_reaches_everyone_once,
		item_20_broadcast_from_a_remote_reaches_local_ports_once,
		item_21_unknown_unicast_floods_until_it_answers,
		item_22_split_horizon,
		item_22_split_horizon_for_known_macs,
		item_23_never_back_by_the_uplink_it_came_from,
		item_24_entries_age,
		item_24_traffic_keeps_an_entry,
		item_25_a_move_takes_effect_within_one_frame,
		item_25_a_move_back_and_forth,
		item_26_static_entries_stand,
		item_26_an_instance_does_not_move_a_static_entry,
		item_27_our_own_mac_from_outside,
		item_28_invalid_source_macs,
		item_29_link_local_destinations,
		item_30_hairpin,
		item_31_fdb_at_its_limit,
		item_32_networks_do_not_meet,
		item_33_copies_are_independent,
		item_34_a_port_that_is_down,
		networks_and_uplinks_that_are_down,
		a_network_may_refuse_unknown_macs_and_ethertypes,
		frames_too_short_or_too_long,
		frames_too_long_for_the_port_they_leave_by,
		order_within_a_burst_is_kept,
		frames_that_arrive_in_pieces,
		a_flushed_network_learns_anew,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
