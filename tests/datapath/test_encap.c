// SPDX-License-Identifier: BSD-3-Clause
// VXLAN transmit: conformance items 42 to 54.

#include "node.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/checksum.h"

// A node whose FDB has X behind .103.
static void node_with_x(const char *tunnel)
{
	struct frame frame = talk(MAC_X, MAC_A, 10);
	struct frame datagram;

	node(tunnel);
	datagram = from_remote(IP_103, 1, &frame);
	arrive("ens18", &datagram);
	forget_sent("a");
}

// What `frame` from A becomes on the underlay; exactly one datagram.
static struct frame encapsulated(const struct frame *frame)
{
	arrive("a", frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
	struct frame datagram = sent_datagram("ens18");
	struct frame inner = frame_inner(&datagram);

	ck_assert(frame_ip_checksum_ok(&datagram));
	ck_assert(frame_equal(&inner, frame));
	return datagram;
}

static uint16_t source_port(struct frame datagram)
{
	return ntohs(frame_l4(&datagram)->source);
}

START_TEST(item_42_every_field)
{
	struct frame frame = talk(MAC_A, MAC_X, 100);

	node_with_x(HEADEND);
	struct frame datagram = encapsulated(&frame);
	const struct ether_wire *ether = (const struct ether_wire *)datagram.bytes;
	const struct ipv4_wire *ip = frame_ip(&datagram);
	const struct udp_wire *udp = frame_l4(&datagram);
	const struct vxlan_wire *vxlan = frame_vxlan_header(&datagram);
	static const uint8_t vni_1[8] = {VXLAN_FLAG_I, 0, 0, 0, 0, 0, 1, 0};

	ck_assert_uint_eq(ether_addr_get(ether->destination), mac_of(MAC_103));
	ck_assert_uint_eq(ether_addr_get(ether->source), device_mac("ens18"));
	ck_assert_uint_eq(frame_ethertype(&datagram), ETHER_TYPE_IPV4);
	ck_assert_uint_eq(ip->version_ihl, 0x45);
	ck_assert_uint_eq(ip->tos, 0);
	ck_assert_uint_eq(ntohs(ip->total_len), frame.len + 36);
	ck_assert_uint_eq(ip->fragment, 0);
	ck_assert_uint_eq(ip->ttl, 64);
	ck_assert_uint_eq(ip->protocol, IP_PROTOCOL_UDP);
	ck_assert_uint_eq(ip->source, ip_of(OUR_IP));
	ck_assert_uint_eq(ip->destination, ip_of(IP_103));
	ck_assert_uint_eq(ntohs(udp->destination), 8472);
	ck_assert_uint_eq(ntohs(udp->len), frame.len + 16);
	ck_assert_mem_eq(vxlan, vni_1, sizeof(vni_1));
	ck_assert_uint_eq(datagram.len, frame.len + 50);
	ck_assert_uint_eq(counters_of("vxlan.1").tx_bytes, frame.len);
}
END_TEST

START_TEST(item_42_on_a_tagged_underlay)
{
	struct frame frame = talk(MAC_A, MAC_X, 100);

	configure("{'uplinks': {'underlay': {'device': 'fake:ens18', 'vlan': 31,"
		  " 'address': '192.168.31.104/24'}}, 'tunnel': {" TUNNEL_KEYS
		  "'remotes': ['" IP_101 "']}, 'networks': {'vxlan1': {'segments': [" SEGMENT_VXLAN(
			  1) "]}}, 'ports': {" PORT("a", "vxlan1", MAC_A) "}}");
	struct frame answer =
		frame_arp(&(struct hosts){MAC_101, device_mac_text("ens18"), IP_101, OUR_IP}, 2);

	answer = frame_tagged(&answer, ETHER_TYPE_VLAN, 31);
	arrive("ens18", &answer);
	forget_sent("ens18");
	arrive("a", &frame);
	ck_assert_uint_eq(n_sent("ens18"), 1);
	struct frame tagged = sent("ens18");

	ck_assert_uint_eq(frame_ethertype(&tagged), ETHER_TYPE_VLAN);
	ck_assert_uint_eq(tagged.bytes[15], 31);
	struct frame datagram = frame_untagged(&tagged);

	ck_assert_uint_eq(remote_of(&datagram), 101);
	ck_assert(frame_udp_checksum_ok(&datagram));

	// And back, with the tag in the frame and in the mbuf.
	struct frame back = talk(MAC_X, MAC_A, 100);
	struct frame from_101 = from_remote(IP_101, 1, &back);
	struct frame tagged_back = frame_tagged(&from_101, ETHER_TYPE_VLAN, 31);

	arrive("ens18", &tagged_back);
	expect("a", &back);
	arrive_offloaded("ens18", &from_101, RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED, 31);
	expect("a", &back);
	arrive("ens18", &from_101);
	expect_none("a");
	drops_are("uplink underlay", DROP_NO_FLAT_NETWORK, 1);
}
END_TEST

START_TEST(item_43_source_ports)
{
	static bool seen[65536];
	unsigned n_different = 0;
	bool inside = true, constant = true;

	memset(seen, 0, sizeof(seen));
	node_with_x(HEADEND);
	for (unsigned i = 0; i < 10000; i++) {
		struct frame frame =
			frame_tcp(&(struct hosts){MAC_A, MAC_X, "172.16.1.33", "172.16.1.17"},
				(uint16_t)(1024 + i), 80, 4);

		arrive("a", &frame);
		uint16_t port = source_port(sent_datagram("ens18"));

		inside &= port >= 32768 && port <= 60999;
		n_different += !seen[port];
		seen[port] = true;
		if (i % 100 == 0) {
			arrive("a", &frame);
			constant &= source_port(sent_datagram("ens18")) == port;
		}
	}
	ck_assert(inside);
	ck_assert(constant);
	ck_assert_uint_gt(n_different, 5000);
}
END_TEST

START_TEST(item_44_fragments_and_pings_have_one_source_port)
{
	const struct hosts hosts = {MAC_A, MAC_X, "172.16.1.33", "172.16.1.17"};
	struct frame first = frame_udp(&hosts, 1234, 80, 1000);
	struct frame second = frame_ip4(&hosts, IP_PROTOCOL_UDP, 500);
	struct frame ping_1 = frame_icmp_echo(&hosts, 1, 56);
	struct frame ping_2 = frame_icmp_echo(&hosts, 2, 56);

	node_with_x(HEADEND);
	frame_set_fragment(&first, IPV4_MF);
	frame_set_fragment(&second, 1008 / 8);
	ck_assert_uint_eq(source_port(encapsulated(&first)), source_port(encapsulated(&second)));
	ck_assert_uint_eq(source_port(encapsulated(&ping_1)), source_port(encapsulated(&ping_2)));
}
END_TEST

START_TEST(item_45_multicast)
{
	struct frame frame = who_has(MAC_A);

	node("'mode': 'multicast'");
	struct frame datagram = encapsulated(&frame);

	ck_assert_uint_eq(ether_addr_get(datagram.bytes), UINT64_C(0x01005e000001));
	ck_assert_uint_eq(frame_ip(&datagram)->destination, ip_of("224.0.0.1"));
	ck_assert_uint_eq(frame_ip(&datagram)->ttl, 1);
	ck_assert_uint_eq(frame_ip(&datagram)->fragment, 0);
}
END_TEST

START_TEST(item_45_a_group_for_each_vni)
{
	struct frame frame = who_has(MAC_A);
	struct frame from_c = who_has(MAC_C);

	node("'mode': 'multicast', 'group': '239.1.0.0/16'");
	struct frame datagram = encapsulated(&frame);

	ck_assert_uint_eq(frame_ip(&datagram)->destination, ip_of("239.1.0.1"));
	ck_assert_uint_eq(ether_addr_get(datagram.bytes), UINT64_C(0x01005e010001));
	arrive("c", &from_c);
	datagram = sent_datagram("ens18");
	ck_assert_uint_eq(frame_ip(&datagram)->destination, ip_of("239.1.0.2"));
	ck_assert_uint_eq(frame_vxlan_header(&datagram)->vni[2], 2);
}
END_TEST

// Frames whose outer checksum is derived, and such for which it must be computed.
START_TEST(item_46_udp_checksum)
{
	const struct hosts hosts = {MAC_A, MAC_X, "172.16.1.33", "172.16.1.17"};
	const struct hosts hosts6 = {MAC_A, MAC_X, "2001:db8::1", "2001:db8::2"};
	struct frame frames[] = {
		frame_udp(&hosts, 1, 2, 0), frame_udp(&hosts, 1, 2, 33),
		frame_tcp(&hosts, 1, 2, 100), frame_tcp(&hosts, 1, 2, 101),
		frame_udp6(&hosts6, 1, 2, 51), frame_icmp_echo(&hosts, 1, 56),
		frame_ip4(&hosts, 47, 99), frame_ethernet(MAC_X, MAC_A, 0x8863, 46),
		frame_udp(&hosts, 1, 2, 1),				 // padded below
		frame_udp(&hosts, 1, 2, 2), frame_udp(&hosts, 1, 2, 40), // no checksum below
		frame_tcp(&hosts, 1, 2, 40),				 // fragment below
	};

	frames[8] = frame_padded(&frames[8]);
	memset(frames[8].bytes + 43, 0x5a, 60 - 43); // padding that is not zero
	frames[9] = frame_padded(&frames[9]);
	memset(frames[9].bytes + 44, 0xa5, 60 - 44);
	frame_l4(&frames[10])->checksum = 0;
	frame_set_fragment(&frames[11], IPV4_MF);
	node_with_x(HEADEND);
	for (unsigned i = 0; i < ARRAY_SIZE(frames); i++) {
		struct frame datagram = encapsulated(&frames[i]);

		if (!frame_udp_checksum_ok(&datagram))
			ck_abort_msg("frame %u: wrong checksum", i);
	}
}
END_TEST

// A kernel leaves the sum of the pseudo header for hardware to finish.
START_TEST(item_46_partial_inner_checksum)
{
	const struct hosts hosts = {MAC_A, MAC_X, "172.16.1.33", "172.16.1.17"};
	struct frame frame = frame_tcp(&hosts, 1, 2, 100);
	uint16_t words[2] = {htons(120), htons(IP_PROTOCOL_TCP)};
	uint32_t sum = checksum_add(0, words, sizeof(words));
	uint16_t partial = checksum_fold(checksum_add(sum, frame.bytes + 26, 8));

	memcpy(frame.bytes + 34 + 16, &partial, sizeof(partial));
	node_with_x(HEADEND);
	struct frame datagram = encapsulated(&frame);

	ck_assert(frame_udp_checksum_ok(&datagram));
}
END_TEST

// The driver says that the inner checksum is wrong, or not there yet: it is no base for ours.
START_TEST(item_46_inner_checksum_that_the_driver_refused)
{
	static const uint64_t verdicts[] = {
		RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_RX_L4_CKSUM_NONE};
	struct frame frame = talk(MAC_A, MAC_X, 100);

	frame_l4(&frame)->checksum ^= 0x5555;
	node_with_x(HEADEND);
	for (unsigned i = 0; i < ARRAY_SIZE(verdicts); i++) {
		arrive_offloaded("a", &frame, verdicts[i], 0);
		struct frame datagram = sent_datagram("ens18");

		ck_assert(frame_udp_checksum_ok(&datagram));
	}
}
END_TEST

START_TEST(item_46_no_udp_checksum)
{
	struct frame frame = talk(MAC_A, MAC_X, 100);

	node_with_x(HEADEND ", 'udp-checksum': false");
	struct frame datagram = encapsulated(&frame);

	ck_assert_uint_eq(frame_l4(&datagram)->checksum, 0);
}
END_TEST

START_TEST(item_47_dscp_and_ecn)
{
	const struct hosts hosts6 = {MAC_A, MAC_X, "2001:db8::1", "2001:db8::2"};
	struct frame frame = talk(MAC_A, MAC_X, 100);
	struct frame frame6 = frame_udp6(&hosts6, 1, 2, 51);
	struct frame datagram;

	node_with_x(HEADEND);
	for (uint8_t ecn = 0; ecn < 3; ecn++) {
		frame_set_tos(&frame, 46 << 2 | ecn);
		datagram = encapsulated(&frame);
		ck_assert_uint_eq(frame_tos(&datagram), ecn);
		frame_set_tos(&frame6, 46 << 2 | ecn);
		datagram = encapsulated(&frame6);
		ck_assert_uint_eq(frame_tos(&datagram), ecn);
	}
	call("tunnel.set", "{'tos': 'inherit'}");
	frame_set_tos(&frame, 46 << 2 | 2);
	datagram = encapsulated(&frame);
	ck_assert_uint_eq(frame_tos(&datagram), 46 << 2 | 2);
	frame_set_tos(&frame6, 10 << 2 | 1);
	datagram = encapsulated(&frame6);
	ck_assert_uint_eq(frame_tos(&datagram), 10 << 2 | 1);
	call("tunnel.set", "{'tos': 184}");
	datagram = encapsulated(&frame6);
	ck_assert_uint_eq(frame_tos(&datagram), 184 | 1);
	ck_assert(frame_udp_checksum_ok(&datagram));
}
END_TEST

START_TEST(item_48_congestion_experienced_is_copied)
{
	struct frame frame = talk(MAC_A, MAC_X, 100);

	node_with_x(HEADEND);
	frame_set_tos(&frame, 3);
	struct frame datagram = encapsulated(&frame);

	ck_assert_uint_eq(frame_tos(&datagram), 3);
}
END_TEST

START_TEST(item_49_full_size)
{
	struct frame frame = talk(MAC_A, MAC_X, 1450 - 28);

	node_with_x(HEADEND);
	struct frame datagram = encapsulated(&frame);

	ck_assert_uint_eq(ntohs(frame_ip(&datagram)->total_len), 1500);
}
END_TEST

START_TEST(item_50_flood_lists)
{
	struct frame frame = who_has(MAC_A);
	struct frame datagrams[3];

	node(HEADEND);
	arrive("a", &frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 3);
	for (int i = 0; i < 3; i++)
		datagrams[i] = sent_datagram("ens18");
	ck_assert_uint_eq(source_port(datagrams[0]), source_port(datagrams[1]));
	ck_assert_uint_eq(source_port(datagrams[0]), source_port(datagrams[2]));
	call("tunnel.set", "{'mode': 'both'}");
	forget_sent("ens18");
	arrive("a", &frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 4);
}
END_TEST

START_TEST(item_50_remotes_of_one_network)
{
	struct frame frame = who_has(MAC_A);
	struct frame from_c = who_has(MAC_C);

	node("'mode': 'headend', 'remotes': ['" IP_101 "']");
	call("network.set", "{'name': 'vxlan1', 'remotes': ['" IP_103 "', '" IP_101 "']}");
	resolve_all();
	forget_sent("ens18");
	arrive("a", &frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 2);
	forget_sent("ens18");
	arrive("c", &from_c);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
}
END_TEST

START_TEST(item_51_empty_flood_list)
{
	struct frame frame = who_has(MAC_A);
	struct frame from_c = who_has(MAC_C);

	node("'mode': 'headend'");
	arrive("a", &frame);
	expect("b", &frame);
	drops_are("vxlan.1", DROP_NO_FLOOD_TARGET, 1);
	arrive("c", &from_c);
	drops_are("vxlan.2", DROP_NO_FLOOD_TARGET, 1);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
}
END_TEST

static bool asks_for(const struct frame *frame, const char *ip)
{
	const struct arp_wire *arp = (const struct arp_wire *)(frame->bytes + 14);

	return frame_ethertype(frame) == ETHER_TYPE_ARP && arp->op == htons(1) &&
	       arp->target_ip == ip_of(ip);
}

static unsigned n_requests(const char *device, const char *ip)
{
	unsigned n = 0;

	while (n_sent(device) != 0) {
		struct frame frame = sent(device);

		n += asks_for(&frame, ip);
	}
	return n;
}

START_TEST(item_52_a_remote_that_does_not_answer)
{
	struct frame frame = who_has(MAC_A);

	configure("{" UPLINKS ", 'tunnel': {" TUNNEL_KEYS HEADEND "}, " NETWORKS ", " PORTS "}");
	resolve("ens18", OUR_IP, IP_101, MAC_101);
	resolve("ens18", OUR_IP, IP_103, MAC_103);
	arrive("a", &frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 2);
	pass_time(5);
	ck_assert_uint_eq(n_requests("ens18", IP_105), 3);
	drops_are("vxlan.1", DROP_VXLAN_NO_NEIGH, 1);
	// It may be asked again, by and by; the others go on.
	arrive("a", &frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 2);
	pass_time(5);
	drops_are("vxlan.1", DROP_VXLAN_NO_NEIGH, 2);
}
END_TEST

START_TEST(item_52_what_was_held_is_sent)
{
	struct frame frame = who_has(MAC_A);

	configure("{" UPLINKS ", 'tunnel': {" TUNNEL_KEYS "'remotes': ['" IP_101 "']}, " NETWORKS
		  ", " PORTS "}");
	arrive("a", &frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
	struct frame answer =
		frame_arp(&(struct hosts){MAC_101, device_mac_text("ens18"), IP_101, OUR_IP}, 2);

	arrive("ens18", &answer);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
	struct frame datagram = sent_datagram("ens18");
	struct frame inner = frame_inner(&datagram);

	ck_assert(frame_equal(&inner, &frame));
	ck_assert_uint_eq(ether_addr_get(datagram.bytes), mac_of(MAC_101));
	ck_assert_uint_eq(counters_of("vxlan.1").consumed, 1);
	ck_assert_uint_eq(counters_of("vxlan.1").originated, 1);
}
END_TEST

#define FAR_NODE(gateway)                                                                          \
	"{'uplinks': {'underlay': {'device': 'fake:ens18', 'address': '192.168.31.104/24'" gateway \
	"}}, 'tunnel': {" TUNNEL_KEYS "'remotes': ['10.9.9.9']},"                                  \
	"'networks': {'vxlan1': {'segments': [" SEGMENT_VXLAN(1) "]}}, 'ports': {" PORT(           \
		"a", "vxlan1", MAC_A) "}}"

START_TEST(item_53_a_remote_behind_a_gateway)
{
	struct frame frame = who_has(MAC_A);

	configure(FAR_NODE(", 'gateway': '192.168.31.1'"));
	resolve("ens18", OUR_IP, "192.168.31.1", "52:54:00:00:00:01");
	struct frame datagram = encapsulated(&frame);

	ck_assert_uint_eq(ether_addr_get(datagram.bytes), mac_of("52:54:00:00:00:01"));
	ck_assert_uint_eq(frame_ip(&datagram)->destination, ip_of("10.9.9.9"));
}
END_TEST

START_TEST(item_53_a_remote_behind_no_gateway)
{
	struct frame frame = who_has(MAC_A);

	configure(FAR_NODE(""));
	arrive("a", &frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
	drops_are("vxlan.1", DROP_VXLAN_NO_ROUTE, 1);
}
END_TEST

START_TEST(item_54_identification)
{
	struct frame frame = talk(MAC_A, MAC_X, 100);
	uint16_t last = 0;

	node_with_x(HEADEND);
	for (int i = 0; i < 5; i++) {
		struct frame datagram = encapsulated(&frame);
		uint16_t id = ntohs(frame_ip(&datagram)->id);

		ck_assert(i == 0 || id == (uint16_t)(last + 1));
		last = id;
	}
	call("tunnel.set", "{'df': 'set'}");
	struct frame datagram = encapsulated(&frame);

	ck_assert_uint_eq(frame_ip(&datagram)->id, 0);
	ck_assert_uint_eq(ntohs(frame_ip(&datagram)->fragment), IPV4_DF);
}
END_TEST

START_TEST(df_inherited)
{
	struct frame frame = talk(MAC_A, MAC_X, 100);
	struct frame pppoe = frame_ethernet(MAC_X, MAC_A, 0x8863, 50);
	struct frame datagram;

	node_with_x(HEADEND ", 'df': 'inherit'");
	datagram = encapsulated(&frame);
	ck_assert_uint_eq(frame_ip(&datagram)->fragment, 0);
	frame_set_fragment(&frame, IPV4_DF);
	datagram = encapsulated(&frame);
	ck_assert_uint_eq(ntohs(frame_ip(&datagram)->fragment), IPV4_DF);
	datagram = encapsulated(&pppoe);
	ck_assert_uint_eq(frame_ip(&datagram)->fragment, 0);
}
END_TEST

// ---- path MTU ---------------------------------------------------------------------------------

// Tells the node, as a router of the underlay would, that packets to .103 must not exceed `mtu`.
static void lower_path_mtu(uint16_t mtu)
{
	const struct hosts back = {
		"52:54:00:00:00:01", device_mac_text("ens18"), "192.168.31.1", OUR_IP};
	struct frame frame = talk(MAC_A, MAC_X, 100);
	struct frame quote = encapsulated(&frame);
	struct frame error = frame_ip4(&back, IP_PROTOCOL_ICMP, 8 + 28);
	struct icmp_wire *icmp = (struct icmp_wire *)frame_l4(&error);

	*icmp = (struct icmp_wire){.type = 3, .code = 4, .word1 = htons(mtu)};
	memcpy(icmp + 1, quote.bytes + 14, 28);
	icmp->checksum = checksum_of(icmp, 8 + 28);
	arrive("ens18", &error);
}

// Puts the fragments of one outer packet together again.
static struct frame reassembled(void)
{
	struct frame whole = sent_datagram("ens18");
	uint16_t id = frame_ip(&whole)->id;
	uint16_t word = ntohs(frame_ip(&whole)->fragment);

	ck_assert_uint_eq(word, IPV4_MF);
	while (word & IPV4_MF) {
		struct frame piece = sent_datagram("ens18");

		word = ntohs(frame_ip(&piece)->fragment);
		ck_assert(frame_ip_checksum_ok(&piece));
		ck_assert_uint_eq(frame_ip(&piece)->id, id);
		ck_assert_uint_eq((word & IPV4_OFFSET_MASK) * 8, whole.len - 34);
		memcpy(whole.bytes + whole.len, piece.bytes + 34, piece.len - 34);
		whole.len += piece.len - 34;
	}
	frame_ip(&whole)->total_len = htons(whole.len - 14);
	frame_set_fragment(&whole, 0);
	return whole;
}

START_TEST(outer_fragments)
{
	struct frame frame = talk(MAC_A, MAC_X, 1450 - 28);

	node_with_x(HEADEND);
	lower_path_mtu(600);
	uint64_t tx = counters_of("vxlan.1").tx;

	arrive("a", &frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 3);
	struct frame whole = reassembled();
	struct frame inner = frame_inner(&whole);

	ck_assert(frame_udp_checksum_ok(&whole));
	ck_assert(frame_equal(&inner, &frame));
	ck_assert_uint_eq(counters_of("vxlan.1").tx, tx + 3);
	ck_assert_uint_eq(counters_of("vxlan.1").copies, 2);

	// Small ones before it in a burst leave before it.
	struct frame burst[3] = {talk(MAC_A, MAC_X, 10), frame, talk(MAC_A, MAC_X, 11)};

	arrive_burst("a", burst, 3);
	ck_assert_uint_eq(n_datagrams("ens18"), 5);
	whole = sent_datagram("ens18");
	ck_assert_uint_eq(whole.len, burst[0].len + 50);
	whole = reassembled();
	ck_assert_uint_eq(whole.len, burst[1].len + 50);
	whole = sent_datagram("ens18");
	ck_assert_uint_eq(whole.len, burst[2].len + 50);
}
END_TEST

START_TEST(packets_that_must_not_be_fragmented)
{
	const struct hosts hosts6 = {MAC_A, MAC_X, "2001:db8::1", "2001:db8::2"};
	struct frame df = talk(MAC_A, MAC_X, 1450 - 28);
	struct frame no_df = df;
	struct frame ip6 = frame_udp6(&hosts6, 1, 2, 1000);
	struct frame pppoe = frame_ethernet(MAC_X, MAC_A, 0x8863, 1000);
	struct frame fits = talk(MAC_A, MAC_X, 550 - 28);

	node_with_x(HEADEND);
	lower_path_mtu(600);
	frame_set_fragment(&df, IPV4_DF);
	frame_set_fragment(&fits, IPV4_DF);
	arrive("a", &df);
	arrive("a", &ip6);
	arrive("a", &pppoe);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
	drops_are("vxlan.1", DROP_VXLAN_PMTU, 3);
	encapsulated(&fits);
	call("tunnel.set", "{'df': 'set'}");
	arrive("a", &no_df);
	drops_are("vxlan.1", DROP_VXLAN_PMTU, 4);
}
END_TEST

void encap_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_42_every_field,
		item_42_on_a_tagged_underlay,
		item_43_source_ports,
		item_44_fragments_and_pings_have_one_source_port,
		item_45_multicast,
		item_45_a_group_for_each_vni,
		item_46_udp_checksum,
		item_46_partial_inner_checksum,
		item_46_inner_checksum_that_the_driver_refused,
		item_46_no_udp_checksum,
		item_47_dscp_and_ecn,
		item_48_congestion_experienced_is_copied,
		item_49_full_size,
		item_50_flood_lists,
		item_50_remotes_of_one_network,
		item_51_empty_flood_list,
		item_52_a_remote_that_does_not_answer,
		item_52_what_was_held_is_sent,
		item_53_a_remote_behind_a_gateway,
		item_53_a_remote_behind_no_gateway,
		item_54_identification,
		df_inherited,
		outer_fragments,
		packets_that_must_not_be_fragmented,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
