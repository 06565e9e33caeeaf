// SPDX-License-Identifier: BSD-3-Clause
// VXLAN receive and the underlay's other packets: conformance items 55 to 64 and 121.

#include "node.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/checksum.h"

// A datagram of .101 to A, as all is well.
static struct frame good_datagram(void)
{
	struct frame inner = talk(MAC_X, MAC_A, 100);

	return from_remote(IP_101, 1, &inner);
}

static void accepted(const struct frame *datagram)
{
	struct frame inner = frame_inner(datagram);

	arrive("ens18", datagram);
	expect("a", &inner);
}

// Dies of `reason` in the care of `place`, for the `n`-th time.
static void refused(
	const struct frame *datagram, const char *place, enum drop_reason reason, uint64_t n)
{
	arrive("ens18", datagram);
	expect_none("a");
	drops_are(place, reason, n);
}

static void set_destination(struct frame *datagram, const char *mac, const char *ip)
{
	ether_addr_set(datagram->bytes, mac_of(mac));
	frame_ip(datagram)->destination = ip_of(ip);
	frame_fix_ip(datagram);
	frame_fix_udp(datagram);
}

START_TEST(item_55_to_every_address_of_ours)
{
	struct frame datagram;

	node(HEADEND);
	datagram = good_datagram();
	accepted(&datagram);
	set_destination(&datagram, "01:00:5e:00:00:01", "224.0.0.1");
	accepted(&datagram);
	ck_assert_uint_eq(where("vxlan1", MAC_X), location_of_remote(IP_101));
	set_destination(&datagram, BROADCAST, "255.255.255.255");
	accepted(&datagram);
	set_destination(&datagram, BROADCAST, "192.168.31.255");
	accepted(&datagram);
}
END_TEST

START_TEST(item_55_to_a_group_in_use)
{
	struct frame datagram;

	node("'mode': 'multicast', 'group': '239.1.0.0/16'");
	datagram = good_datagram();
	set_destination(&datagram, "01:00:5e:01:00:01", "239.1.0.1");
	accepted(&datagram);
	set_destination(&datagram, "01:00:5e:02:00:01", "239.2.0.1");
	refused(&datagram, "uplink underlay", DROP_UNDERLAY_OTHER, 1);
}
END_TEST

START_TEST(item_56_udp_checksum)
{
	struct frame datagram;

	node(HEADEND);
	datagram = good_datagram();
	frame_l4(&datagram)->checksum = 0;
	accepted(&datagram);
	frame_fix_udp(&datagram);
	datagram.bytes[datagram.len - 1] ^= 1;
	refused(&datagram, "uplink underlay", DROP_VXLAN_UDP_CSUM, 1);
}
END_TEST

START_TEST(item_56_verdict_of_the_driver)
{
	struct frame datagram, inner;

	node(HEADEND);
	set_trusts_checksum("ens18", true);
	datagram = good_datagram();
	frame_l4(&datagram)->checksum ^= 0xffff;
	inner = frame_inner(&datagram);
	arrive_offloaded("ens18", &datagram, RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0);
	expect("a", &inner);
	arrive_offloaded("ens18", &datagram, RTE_MBUF_F_RX_L4_CKSUM_NONE, 0);
	expect("a", &inner);
	arrive_offloaded("ens18", &datagram, RTE_MBUF_F_RX_L4_CKSUM_BAD, 0);
	drops_are("uplink underlay", DROP_VXLAN_UDP_CSUM, 1);
	set_trusts_checksum("ens18", false);
	arrive_offloaded("ens18", &datagram, RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0);
	drops_are("uplink underlay", DROP_VXLAN_UDP_CSUM, 2);
	expect_none("a");
}
END_TEST

START_TEST(item_57_flags_and_reserved_bits)
{
	struct frame datagram;
	uint64_t n = 0;

	node(HEADEND);
	datagram = good_datagram();
	frame_vxlan_header(&datagram)->flags = 0;
	frame_fix_udp(&datagram);
	refused(&datagram, "uplink underlay", DROP_VXLAN_NO_I, 1);
	for (unsigned i = 0; i < 5; i++) {
		static const struct {
			unsigned byte;
			uint8_t value;
		} changes[] = {{0, 0x88}, {1, 1}, {2, 0x80}, {3, 1}, {7, 1}};

		datagram = good_datagram();
		((uint8_t *)frame_vxlan_header(&datagram))[changes[i].byte] = changes[i].value;
		frame_fix_udp(&datagram);
		refused(&datagram, "uplink underlay", DROP_VXLAN_RESERVED, ++n);
	}
	call("tunnel.set", "{'reserved-bits': 'ignore'}");
	accepted(&datagram);
	frame_vxlan_header(&datagram)->flags = 0x80;
	frame_fix_udp(&datagram);
	refused(&datagram, "uplink underlay", DROP_VXLAN_NO_I, 2);
}
END_TEST

START_TEST(item_58_vni_and_port)
{
	struct frame inner = talk(MAC_X, MAC_A, 100);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 77, &inner);
	refused(&datagram, "uplink underlay", DROP_VXLAN_UNKNOWN_VNI, 1);
	datagram = from_remote(IP_101, 0, &inner);
	refused(&datagram, "uplink underlay", DROP_VXLAN_UNKNOWN_VNI, 2);
	datagram = good_datagram();
	frame_l4(&datagram)->destination = htons(4789);
	frame_fix_udp(&datagram);
	refused(&datagram, "uplink underlay", DROP_UNDERLAY_OTHER, 1);
	call("tunnel.set", "{'port': 4789}");
	accepted(&datagram);
}
END_TEST

START_TEST(item_59_unknown_senders)
{
	struct frame inner = talk(MAC_X, MAC_A, 100);
	struct frame datagram;

	node(HEADEND ", " OPEN);
	datagram = from_remote(IP_250, 1, &inner);
	accepted(&datagram);
	ck_assert_uint_eq(where("vxlan1", MAC_X), location_of_remote(IP_250));
	call("tunnel.set", "{'strict-remotes': true}");
	refused(&datagram, "vxlan.1", DROP_VXLAN_UNKNOWN_REMOTE, 1);
	datagram = good_datagram();
	accepted(&datagram);
}
END_TEST

START_TEST(item_60_lengths)
{
	struct frame short_inner = {.len = 10};
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &short_inner);
	refused(&datagram, "uplink underlay", DROP_VXLAN_SHORT, 1);
	datagram = good_datagram();
	frame_l4(&datagram)->len = htons(12);
	refused(&datagram, "uplink underlay", DROP_VXLAN_SHORT, 2);
	datagram = good_datagram();
	frame_l4(&datagram)->len = htons(ntohs(frame_l4(&datagram)->len) + 1);
	refused(&datagram, "uplink underlay", DROP_VXLAN_SHORT, 3);
	datagram = good_datagram();
	frame_ip(&datagram)->total_len = htons(20 + 7);
	frame_fix_ip(&datagram);
	refused(&datagram, "uplink underlay", DROP_VXLAN_SHORT, 4);
	datagram = good_datagram();
	datagram.len--;
	refused(&datagram, "uplink underlay", DROP_IP4_MALFORMED, 1);
}
END_TEST

START_TEST(item_60_padding_behind_the_datagram_is_cut_off)
{
	struct frame inner = frame_ethernet(MAC_A, MAC_X, 0x8863, 0);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &inner);
	datagram.len += 20;
	arrive("ens18", &datagram);
	expect("a", &inner);
}
END_TEST

START_TEST(item_61_fragments_options_and_tags)
{
	struct frame inner = talk(MAC_X, MAC_A, 100);
	struct frame tagged = frame_tagged(&inner, ETHER_TYPE_VLAN, 0);
	struct frame datagram, with_options;

	node(HEADEND);
	datagram = good_datagram();
	frame_set_fragment(&datagram, IPV4_MF);
	refused(&datagram, "uplink underlay", DROP_VXLAN_FRAGMENT, 1);
	frame_set_fragment(&datagram, 100);
	refused(&datagram, "uplink underlay", DROP_VXLAN_FRAGMENT, 2);

	datagram = good_datagram();
	with_options = datagram;
	memcpy(with_options.bytes + 38, datagram.bytes + 34, datagram.len - 34);
	memset(with_options.bytes + 34, 1, 4); // no operation
	with_options.len += 4;
	frame_ip(&with_options)->version_ihl = 0x46;
	frame_ip(&with_options)->total_len = htons(with_options.len - 14);
	frame_fix_ip(&with_options);
	refused(&with_options, "uplink underlay", DROP_VXLAN_IP_OPTIONS, 1);

	datagram = from_remote(IP_101, 1, &tagged);
	refused(&datagram, "vxlan.1", DROP_VXLAN_INNER_VLAN, 1);
}
END_TEST

// Outer and inner ECN, and what the inner becomes; -1: vxlan_ecn.
START_TEST(item_62_ecn)
{
	static const struct {
		uint8_t outer, inner;
		int result;
	} cases[] = {
		{0, 0, 0},
		{0, 1, 1},
		{0, 2, 2},
		{0, 3, 3},
		{1, 0, 0},
		{1, 1, 1},
		{1, 2, 1},
		{1, 3, 3},
		{2, 0, 0},
		{2, 1, 1},
		{2, 2, 2},
		{2, 3, 3},
		{3, 0, -1},
		{3, 1, 3},
		{3, 2, 3},
		{3, 3, 3},
	};
	const struct hosts hosts6 = {MAC_X, MAC_A, "2001:db8::1", "2001:db8::2"};
	uint64_t n_dropped = 0;

	node(HEADEND);
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		uint8_t outer = cases[i / 2].outer, inner = cases[i / 2].inner;
		struct frame frame = i % 2 ? frame_udp6(&hosts6, 1, 2, 30) : talk(MAC_X, MAC_A, 30);
		struct frame datagram;

		frame_set_tos(&frame, 0x28 | inner);
		datagram = from_remote(IP_101, 1, &frame);
		frame_set_tos(&datagram, outer);
		if (cases[i / 2].result < 0) {
			refused(&datagram, "vxlan.1", DROP_VXLAN_ECN, ++n_dropped);
			continue;
		}
		arrive("ens18", &datagram);
		frame_set_tos(&frame, 0x28 | (uint8_t)cases[i / 2].result);
		expect("a", &frame);
	}
	struct frame arp = who_has(MAC_X);
	struct frame datagram = from_remote(IP_101, 1, &arp);

	frame_set_tos(&datagram, 3);
	arrive("ens18", &datagram);
	expect("a", &arp);
}
END_TEST

START_TEST(item_63_another_address)
{
	struct frame datagram;

	node(HEADEND);
	datagram = good_datagram();
	frame_ip(&datagram)->destination = ip_of("192.168.31.9");
	frame_fix_ip(&datagram);
	frame_fix_udp(&datagram);
	refused(&datagram, "uplink underlay", DROP_UNDERLAY_OTHER, 1);
	// To another MAC it is none of ours, and there is no flat network on the underlay.
	datagram = good_datagram();
	set_destination(&datagram, MAC_105, OUR_IP);
	refused(&datagram, "uplink underlay", DROP_NO_FLAT_NETWORK, 1);
}
END_TEST

START_TEST(item_64_our_own_echo)
{
	struct frame inner = talk(MAC_X, MAC_A, 100);
	struct frame datagram;

	node("'mode': 'multicast'");
	datagram = from_remote(OUR_IP, 1, &inner);
	set_destination(&datagram, "01:00:5e:00:00:01", "224.0.0.1");
	refused(&datagram, "vxlan.1", DROP_VXLAN_SELF, 1);
}
END_TEST

START_TEST(inner_frames_are_checked)
{
	struct frame zero = talk("00:00:00:00:00:00", MAC_A, 100);
	struct frame lldp = frame_ethernet("01:80:c2:00:00:0e", MAC_X, 0x88cc, 50);
	struct frame too_long = talk(MAC_X, MAC_A, 1451 - 28);
	struct frame datagram;

	node(HEADEND);
	datagram = from_remote(IP_101, 1, &zero);
	refused(&datagram, "vxlan.1", DROP_SRC_MAC_INVALID, 1);
	datagram = from_remote(IP_101, 1, &lldp);
	refused(&datagram, "vxlan.1", DROP_LINK_LOCAL, 1);
	datagram = from_remote(IP_101, 1, &too_long);
	refused(&datagram, "vxlan.1", DROP_OVERSIZE_RX, 1);
}
END_TEST

START_TEST(item_121_outer_ipv4_headers)
{
	struct frame datagram;

	node(HEADEND);
	datagram = good_datagram();
	frame_ip(&datagram)->total_len = htons(datagram.len - 14 + 1);
	frame_fix_ip(&datagram);
	refused(&datagram, "uplink underlay", DROP_IP4_MALFORMED, 1);
	frame_ip(&datagram)->total_len = htons(19);
	frame_fix_ip(&datagram);
	refused(&datagram, "uplink underlay", DROP_IP4_MALFORMED, 2);
	datagram = good_datagram();
	frame_ip(&datagram)->version_ihl = 0x44;
	refused(&datagram, "uplink underlay", DROP_IP4_MALFORMED, 3);
	frame_ip(&datagram)->version_ihl = 0x65;
	frame_fix_ip(&datagram);
	refused(&datagram, "uplink underlay", DROP_IP4_MALFORMED, 4);
	datagram = good_datagram();
	datagram.len = 14 + 19;
	refused(&datagram, "uplink underlay", DROP_IP4_MALFORMED, 5);
	datagram = good_datagram();
	frame_ip(&datagram)->checksum ^= 1;
	refused(&datagram, "uplink underlay", DROP_IP4_CSUM, 1);
}
END_TEST

// A bridged frame is not judged by its IP header.
START_TEST(item_121_bridged_frames_are_not_judged)
{
	struct frame frame = talk(MAC_X, MAC_P, 50);

	node(HEADEND);
	frame_ip(&frame)->checksum ^= 1;
	frame_ip(&frame)->version_ihl = 0x13;
	arrive("ens19", &frame);
	expect("p", &frame);
}
END_TEST

// ---- the host stack ---------------------------------------------------------------------------

#define STATION "52:54:00:00:00:77"

START_TEST(arp_and_ping_to_us)
{
	struct frame request, ping, answer;

	node(HEADEND);
	request = frame_arp(&(struct hosts){STATION, BROADCAST, "192.168.31.7", OUR_IP}, 1);
	arrive("ens18", &request);
	ck_assert_uint_eq(n_sent("ens18"), 1);
	answer = sent("ens18");
	ck_assert_uint_eq(frame_ethertype(&answer), ETHER_TYPE_ARP);
	ck_assert_uint_eq(ether_addr_get(answer.bytes), mac_of(STATION));

	ping = frame_icmp_echo(
		&(struct hosts){STATION, device_mac_text("ens18"), "192.168.31.7", OUR_IP}, 9, 56);
	arrive("ens18", &ping);
	ck_assert_uint_eq(n_sent("ens18"), 1);
	answer = sent("ens18");
	ck_assert_uint_eq(frame_ip(&answer)->protocol, IP_PROTOCOL_ICMP);
	ck_assert(frame_ip_checksum_ok(&answer));
	ck_assert_uint_eq(
		counters_of("uplink underlay").consumed, counters_of("uplink underlay").rx);
}
END_TEST

START_TEST(arp_that_is_not_for_us)
{
	struct frame request, malformed;

	node(HEADEND);
	request = frame_arp(&(struct hosts){STATION, BROADCAST, "192.168.31.7", "192.168.31.8"}, 1);
	arrive("ens18", &request);
	drops_are("uplink underlay", DROP_UNDERLAY_OTHER, 1);
	malformed = frame_arp(&(struct hosts){STATION, BROADCAST, "192.168.31.7", OUR_IP}, 1);
	malformed.bytes[14 + 4] = 8;
	arrive("ens18", &malformed);
	malformed.bytes[14 + 4] = 6;
	malformed.bytes[14 + 7] = 3;
	arrive("ens18", &malformed);
	malformed.bytes[14 + 7] = 1;
	malformed.len = 34;
	arrive("ens18", &malformed);
	drops_are("uplink underlay", DROP_ARP_MALFORMED, 3);
	ck_assert_uint_eq(n_sent("ens18"), 0);
}
END_TEST

START_TEST(other_packets_to_us)
{
	struct hosts hosts = {STATION, NULL, "192.168.31.7", OUR_IP};
	struct frame ssh, ip6;

	node(HEADEND);
	hosts.to_mac = device_mac_text("ens18");
	ssh = frame_tcp(&hosts, 1024, 22, 0);
	arrive("ens18", &ssh);
	ip6 = frame_ethernet(hosts.to_mac, STATION, ETHER_TYPE_IPV6, 60);
	arrive("ens18", &ip6);
	drops_are("uplink underlay", DROP_UNDERLAY_OTHER, 2);
}
END_TEST

// One uplink carries the underlay and a flat network.
START_TEST(an_underlay_that_is_shared)
{
	struct frame request, other, datagram, inner = talk(MAC_X, MAC_A, 100);
	struct frame odd;

	configure("{'uplinks': {'underlay': {'device': 'fake:ens18',"
		  " 'address': '192.168.31.104/24'}}, 'tunnel': {" TUNNEL_KEYS HEADEND "},"
		  "'networks': {'vxlan1': {'segments': [" SEGMENT_VXLAN(
			  1) "]},"
			     " 'lan': {'segments': [{'type': 'flat', 'uplink': 'underlay'}]}},"
			     "'ports': {" PORT("a", "vxlan1", MAC_A) "," PORT(
				     "p", "lan", MAC_P) "}}");
	resolve_all();
	request = frame_arp(&(struct hosts){STATION, BROADCAST, "192.168.31.7", OUR_IP}, 1);
	arrive("ens18", &request);
	expect("p", &request);
	ck_assert_uint_eq(n_sent("ens18"), 1); // our answer
	forget_sent("ens18");
	ck_assert_uint_eq(counters_of("uplink underlay").copies, 1);

	other = frame_arp(&(struct hosts){STATION, BROADCAST, "192.168.31.7", "192.168.31.8"}, 1);
	arrive("ens18", &other);
	expect("p", &other);
	ck_assert_uint_eq(n_sent("ens18"), 0);

	datagram = from_remote(IP_101, 1, &inner);
	arrive("ens18", &datagram);
	expect("a", &inner);
	expect_none("p");

	odd = talk(STATION, BROADCAST, 50);
	frame_ip(&odd)->checksum ^= 1;
	arrive("ens18", &odd);
	expect("p", &odd);
}
END_TEST

void decap_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_55_to_every_address_of_ours,
		item_55_to_a_group_in_use,
		item_56_udp_checksum,
		item_56_verdict_of_the_driver,
		item_57_flags_and_reserved_bits,
		item_58_vni_and_port,
		item_59_unknown_senders,
		item_60_lengths,
		item_60_padding_behind_the_datagram_is_cut_off,
		item_61_fragments_options_and_tags,
		item_62_ecn,
		item_63_another_address,
		item_64_our_own_echo,
		inner_frames_are_checked,
		item_121_outer_ipv4_headers,
		item_121_bridged_frames_are_not_judged,
		arp_and_ping_to_us,
		arp_that_is_not_for_us,
		other_packets_to_us,
		an_underlay_that_is_shared,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
