// SPDX-License-Identifier: BSD-3-Clause
// VLANs on uplinks and ports: conformance items 35 to 41 and 125.

#include "node.h"

#define STRIPPED (RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED)

START_TEST(item_35_one_tag_on_the_wire_none_at_the_instance)
{
	struct frame frame = talk(MAC_V, MAC_X, 50);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 1001);
	struct frame back = talk(MAC_X, MAC_V, 50);
	struct frame tagged_back = frame_tagged(&back, ETHER_TYPE_VLAN, 1001);

	node(HEADEND);
	arrive("v", &frame);
	expect("ens19", &tagged);
	arrive("ens19", &tagged_back);
	expect("v", &back);
}
END_TEST

START_TEST(item_35_a_tag_that_the_driver_took_out)
{
	struct frame back = talk(MAC_X, MAC_V, 50);

	node(HEADEND);
	arrive_offloaded("ens19", &back, STRIPPED, 1001);
	expect("v", &back);
	expect_none("p");
	// The priority is not ours to keep.
	arrive_offloaded("ens19", &back, STRIPPED, 7 << 13 | 1001);
	expect("v", &back);
	arrive_offloaded("ens19", &back, STRIPPED, 1002);
	drops_are("uplink provider", DROP_VLAN_UNKNOWN, 1);
	expect_none("v");
}
END_TEST

START_TEST(item_36_flat_beside_vlan)
{
	struct frame broadcast = talk(MAC_X, BROADCAST, 50);
	struct frame tagged = frame_tagged(&broadcast, ETHER_TYPE_VLAN, 1001);
	struct frame from_p = talk(MAC_P, BROADCAST, 50);

	node(HEADEND);
	arrive("ens19", &broadcast);
	expect("p", &broadcast);
	expect_none("v");
	arrive("ens19", &tagged);
	expect("v", &broadcast);
	expect("w", &broadcast);
	expect_none("p");
	ck_assert_uint_eq(where("provider", MAC_X), attachment("provider.flat"));
	ck_assert_uint_eq(where("vlan1001", MAC_X), attachment("provider.1001"));
	arrive("p", &from_p);
	expect("ens19", &from_p);
}
END_TEST

START_TEST(item_37_unknown_vlan)
{
	struct frame frame = talk(MAC_X, BROADCAST, 50);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 1002);

	node(HEADEND);
	arrive("ens19", &tagged);
	expect_none("p");
	expect_none("v");
	drops_are("uplink provider", DROP_VLAN_UNKNOWN, 1);
	ck_assert_uint_eq(counters_of("uplink provider").rx, 1);
}
END_TEST

START_TEST(item_38_priority_tag_is_no_tag)
{
	struct frame frame = talk(MAC_X, MAC_P, 50);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 5 << 13);
	struct frame from_v = talk(MAC_V, MAC_W, 50);
	struct frame tagged_v = frame_tagged(&from_v, ETHER_TYPE_VLAN, 3 << 13);

	node(HEADEND);
	arrive("ens19", &tagged);
	expect("p", &frame);
	arrive_offloaded("ens19", &frame, STRIPPED, 0);
	expect("p", &frame);
	arrive("v", &tagged_v);
	expect("w", &from_v);
	arrive_offloaded("v", &from_v, STRIPPED, 0);
	expect("w", &from_v);
}
END_TEST

START_TEST(item_39_tags_from_instances)
{
	struct frame frame = talk(MAC_P, MAC_X, 50);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 1001);
	struct frame qinq = frame_tagged(&frame, ETHER_TYPE_QINQ, 1001);
	struct frame twice = frame_tagged(&tagged, ETHER_TYPE_VLAN, 0);

	node(HEADEND);
	arrive("p", &tagged);
	arrive("p", &qinq);
	arrive("p", &twice);
	arrive_offloaded("p", &frame, STRIPPED, 1001);
	expect_none("ens19");
	expect_none("v");
	drops_are("port p", DROP_VLAN_FROM_PORT, 4);
}
END_TEST

START_TEST(item_40_nested_tags)
{
	struct frame frame = talk(MAC_X, MAC_V, 50);
	struct frame qinq = frame_tagged(&frame, ETHER_TYPE_QINQ, 1001);
	struct frame inner = frame_tagged(&frame, ETHER_TYPE_VLAN, 5);
	struct frame twice = frame_tagged(&inner, ETHER_TYPE_VLAN, 1001);

	node(HEADEND);
	arrive("ens19", &qinq);
	drops_are("provider.flat", DROP_VLAN_NESTED, 1);
	arrive("ens19", &twice);
	drops_are("provider.1001", DROP_VLAN_NESTED, 1);
	arrive_offloaded("ens19", &inner, STRIPPED, 1001);
	drops_are("provider.1001", DROP_VLAN_NESTED, 2);
	expect_none("v");
	expect_none("p");
}
END_TEST

START_TEST(item_40_nested_tag_where_no_flat_network_is)
{
	struct frame frame = talk(MAC_X, MAC_V, 50);
	struct frame qinq = frame_tagged(&frame, ETHER_TYPE_QINQ, 1001);

	configure("{" UPLINKS ", 'networks': {'n': {'segments': [" SEGMENT_VLAN(1001) "]}}}");
	arrive("ens19", &qinq);
	drops_are("uplink provider", DROP_VLAN_NESTED, 1);
	arrive("ens19", &frame);
	drops_are("uplink provider", DROP_NO_FLAT_NETWORK, 1);
}
END_TEST

START_TEST(item_41_full_size_with_tag)
{
	struct frame frame = talk(MAC_V, MAC_X, 1500 - 28);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 1001);
	struct frame back = talk(MAC_X, MAC_V, 1500 - 28);
	struct frame tagged_back = frame_tagged(&back, ETHER_TYPE_VLAN, 1001);

	node(HEADEND);
	ck_assert_uint_eq(tagged.len, 1518);
	arrive("v", &frame);
	expect("ens19", &tagged);
	arrive("ens19", &tagged_back);
	expect("v", &back);
}
END_TEST

START_TEST(short_frames_are_padded_on_the_wire_only)
{
	struct frame frame = talk(MAC_V, MAC_X, 1);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 1001);
	struct frame padded = frame_padded(&tagged);
	struct frame to_w = talk(MAC_V, MAC_W, 1);

	node(HEADEND);
	arrive("v", &frame);
	expect("ens19", &padded);
	arrive("v", &to_w);
	forget_sent("w");
	arrive("v", &to_w);
	expect("w", &to_w);
}
END_TEST

START_TEST(tags_with_priority)
{
	struct frame frame = talk(MAC_V, BROADCAST, 50);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 5 << 13 | 1001);

	configure("{'uplinks': {'provider': {'device': 'fake:ens19', 'vlans': '1001', "
		  "'vlan-priority': 5}}, 'networks': {'n': {'segments': [" SEGMENT_VLAN(
			  1001) "]}}, 'ports': {" PORT("v", "n", MAC_V) "}}");
	arrive("v", &frame);
	expect("ens19", &tagged);
}
END_TEST

// Ports that are VLANs of one device.
START_TEST(ports_on_a_trunk)
{
	struct frame frame = talk(MAC_A, MAC_B, 50);
	struct frame on_10 = frame_tagged(&frame, ETHER_TYPE_VLAN, 10);
	struct frame on_11 = frame_tagged(&frame, ETHER_TYPE_VLAN, 11);
	struct frame on_12 = frame_tagged(&frame, ETHER_TYPE_VLAN, 12);
	struct frame twice = frame_tagged(&on_12, ETHER_TYPE_VLAN, 10);

	configure(
		"{" UPLINKS ", 'networks': {'n': {'segments': [" SEGMENT_FLAT "]}}, 'ports': {"
		"'a': {'network': 'n', 'device': 'fake:trunk', 'vlan': 10, 'mac': '" MAC_A "'},"
		"'b': {'network': 'n', 'device': 'fake:trunk', 'vlan': 11, 'mac': '" MAC_B "'}}}");
	arrive("trunk", &on_10);
	expect("trunk", &on_11);
	ck_assert_uint_eq(counters_of("port a").rx, 1);
	ck_assert_uint_eq(counters_of("port b").tx, 1);
	arrive("trunk", &on_12);
	drops_are("trunk fake:trunk", DROP_VLAN_UNKNOWN, 1);
	arrive("trunk", &frame);
	drops_are("trunk fake:trunk", DROP_NO_FLAT_NETWORK, 1);
	arrive("trunk", &twice);
	drops_are("port a", DROP_VLAN_FROM_PORT, 1);
	expect_none("trunk");
}
END_TEST

#define TRANSPARENT_PORT(name, mac)                                                                \
	"'" name "': {'network': 'n', 'device': 'fake:" name "', 'mac': '" mac                     \
	"', 'vlan-transparent': true}"

static void transparent_node(void)
{
	configure("{'uplinks': {'provider': {'device': 'fake:ens19', 'vlans': '1001-2000'},"
		  " 'underlay': {'device': 'fake:ens18', 'address': '192.168.31.104/24',"
		  " 'mtu': 1600}}, 'tunnel': {" TUNNEL_KEYS HEADEND "},"
		  "'networks': {'n': {'mtu': 1450, 'vlan-transparent': true, 'segments': "
		  "[" SEGMENT_VXLAN(1) "," SEGMENT_VLAN(
			  1001) "]}},"
				"'ports': {" TRANSPARENT_PORT("a", MAC_A) "," TRANSPARENT_PORT(
					"b", MAC_B) "}}");
	resolve_all();
}

START_TEST(item_125_tags_cross_vxlan)
{
	struct frame frame = talk(MAC_A, MAC_X, 1450 - 28);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 5 << 13 | 7);
	struct frame too_long = talk(MAC_A, MAC_X, 1451 - 28);
	struct frame back = talk(MAC_X, MAC_A, 1450 - 28);
	struct frame tagged_back = frame_tagged(&back, ETHER_TYPE_VLAN, 7);
	struct frame datagram;

	transparent_node();
	datagram = from_remote(IP_101, 1, &tagged_back);
	arrive("ens18", &datagram);
	expect("a", &tagged_back);

	arrive("a", &tagged);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
	datagram = sent_datagram("ens18");
	ck_assert_uint_eq(datagram.len, 14 + 36 + 1450 + 18);
	datagram = frame_inner(&datagram);
	ck_assert(frame_equal(&datagram, &tagged));

	too_long = frame_tagged(&too_long, ETHER_TYPE_VLAN, 7);
	arrive("a", &too_long);
	drops_are("port a", DROP_OVERSIZE_RX, 1);
}
END_TEST

START_TEST(item_125_tags_below_the_segments_own)
{
	struct frame frame = talk(MAC_A, MAC_B, 100);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 7);
	struct frame qinq = frame_tagged(&tagged, ETHER_TYPE_QINQ, 8);
	struct frame to_x = talk(MAC_A, BROADCAST, 100);
	struct frame tagged_x = frame_tagged(&to_x, ETHER_TYPE_VLAN, 7);
	struct frame on_wire = frame_tagged(&tagged_x, ETHER_TYPE_VLAN, 1001);

	transparent_node();
	arrive("a", &tagged);
	expect("b", &tagged);
	arrive("a", &qinq);
	expect("b", &qinq);
	arrive_offloaded("a", &frame, STRIPPED, 7);
	expect("b", &tagged);
	arrive("a", &tagged_x);
	expect("ens19", &on_wire);
}
END_TEST

START_TEST(item_125_one_end_only)
{
	struct frame inner = talk(MAC_X, MAC_A, 50);
	struct frame tagged = frame_tagged(&inner, ETHER_TYPE_VLAN, 7);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &tagged);
	arrive("ens18", &datagram);
	expect_none("a");
	drops_are("vxlan.1", DROP_VXLAN_INNER_VLAN, 1);
}
END_TEST

// One network with a vxlan and a vlan segment.
START_TEST(a_gateway_between_vxlan_and_vlan)
{
	struct frame frame = talk(MAC_X, MAC_Y, 100);
	struct frame tagged = frame_tagged(&frame, ETHER_TYPE_VLAN, 1001);
	struct frame back = talk(MAC_Y, MAC_X, 100);
	struct frame tagged_back = frame_tagged(&back, ETHER_TYPE_VLAN, 1001);
	struct frame datagram;

	configure("{" UPLINKS ", 'tunnel': {" TUNNEL_KEYS HEADEND
		  "}, 'networks': {'n': {'segments': [" SEGMENT_VXLAN(1) "," SEGMENT_VLAN(
			  1001) "]}}}");
	resolve_all();
	datagram = from_remote(IP_101, 1, &frame);
	arrive("ens18", &datagram);
	expect("ens19", &tagged);
	arrive("ens19", &tagged_back);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
	datagram = sent_datagram("ens18");
	ck_assert_uint_eq(remote_of(&datagram), 101);
	datagram = frame_inner(&datagram);
	ck_assert(frame_equal(&datagram, &back));
}
END_TEST

void vlan_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_35_one_tag_on_the_wire_none_at_the_instance,
		item_35_a_tag_that_the_driver_took_out,
		item_36_flat_beside_vlan,
		item_37_unknown_vlan,
		item_38_priority_tag_is_no_tag,
		item_39_tags_from_instances,
		item_40_nested_tags,
		item_40_nested_tag_where_no_flat_network_is,
		item_41_full_size_with_tag,
		short_frames_are_padded_on_the_wire_only,
		tags_with_priority,
		ports_on_a_trunk,
		item_125_tags_cross_vxlan,
		item_125_tags_below_the_segments_own,
		item_125_one_end_only,
		a_gateway_between_vxlan_and_vlan,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
