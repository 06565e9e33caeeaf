// SPDX-License-Identifier: BSD-3-Clause
// Translation by a router (items 107 to 110, 113, 115, 119), packet by packet as the table T1 to T5
// of the behaviour specification has it.

#include "router_node.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/checksum.h"
#include "net/icmp.h"

#define ETHERNET_LEN 14
#define HEAD_LEN     34

#define MAC_D "fa:16:3e:00:00:0d" // a port with a filter
#define IP_D  "172.16.1.44"

// ---- T1 to T5 ----------------------------------------------------------------------------------

static const struct crossing a_to_far = {
	"a", {MAC_A, MAC_R1, IP_A, FAR}, 1000, 2000, "ens20", {MAC_GW, MAC_X, FIP, FAR}, 0, 0};
static const struct crossing far_to_a = {
	"ens20", {MAC_X, MAC_GW, FAR, FIP}, 2000, 1000, "a", {MAC_R1, MAC_A, FAR, IP_A}, 0, 0};
static const struct crossing c_to_far = {
	"c", {MAC_C, MAC_R2, IP_C, FAR}, 1000, 2000, "ens20", {MAC_GW, MAC_X, IP_GW, FAR}, 0, 0};
static const struct crossing far_to_c = {
	"ens20", {MAC_X, MAC_GW, FAR, IP_GW}, 2000, 1000, "c", {MAC_R2, MAC_C, FAR, IP_C}, 0, 0};
static const struct crossing x_to_a = {
	"ens20", {MAC_X, MAC_GW, IP_X, FIP}, 3000, 22, "a", {MAC_R1, MAC_A, IP_X, IP_A}, 0, 0};
static const struct crossing a_to_x = {
	"a", {MAC_A, MAC_R1, IP_A, IP_X}, 22, 3000, "ens20", {MAC_GW, MAC_X, FIP, IP_X}, 0, 0};

START_TEST(item_107_a_ping_to_a_floating_address)
{
	struct hosts there = {MAC_X, MAC_GW, IP_X, FIP}, seen = {MAC_R1, MAC_A, IP_X, IP_A};
	struct frame ping = frame_icmp_echo(&there, 7, 56), at_a = frame_icmp_echo(&seen, 7, 56);

	plain_router();
	frame_ip(&at_a)->ttl--;
	frame_fix_ip(&at_a);
	arrive("ens20", &ping);
	expect("a", &at_a);
}
END_TEST

START_TEST(item_108_t1_east_west_with_a_floating_address)
{
	plain_router();
	crosses(&(struct crossing){
		"a", {MAC_A, MAC_R1, IP_A, IP_C}, 1, 2, "c", {MAC_R2, MAC_C, IP_A, IP_C}, 0, 0});
}
END_TEST

START_TEST(item_108_t2_outward_with_a_floating_address)
{
	plain_router();
	crosses(&a_to_far);
	crosses(&far_to_a);
	crosses(&a_to_far);
}
END_TEST

START_TEST(item_108_t2_to_its_own_floating_address)
{
	plain_router();
	crosses(&(struct crossing){
		"a", {MAC_A, MAC_R1, IP_A, FIP}, 1, 2, "a", {MAC_R1, MAC_A, FIP, IP_A}, 0, 0});
	crosses(&(struct crossing){
		"a", {MAC_A, MAC_R1, IP_A, FIP}, 2, 1, "a", {MAC_R1, MAC_A, FIP, IP_A}, 0, 0});
}
END_TEST

START_TEST(item_108_t3_outward_by_the_gateway)
{
	plain_router();
	crosses(&c_to_far);
	crosses(&far_to_c);
	crosses(&c_to_far);
}
END_TEST

START_TEST(item_108_t4_hairpin)
{
	plain_router();
	crosses(&(struct crossing){
		"c", {MAC_C, MAC_R2, IP_C, FIP}, 1, 2, "a", {MAC_R1, MAC_A, IP_GW, IP_A}, 0, 0});
	crosses(&(struct crossing){
		"a", {MAC_A, MAC_R1, IP_A, IP_GW}, 2, 1, "c", {MAC_R2, MAC_C, FIP, IP_C}, 0, 0});
}
END_TEST

START_TEST(item_108_t5_inward)
{
	plain_router();
	crosses(&x_to_a);
	crosses(&a_to_x);
	crosses(&x_to_a);
}
END_TEST

START_TEST(private_destinations_from_outside_stay_as_they_are)
{
	plain_router();
	crosses(&(struct crossing){"ens20", {MAC_X, MAC_GW, IP_X, IP_C}, 1, 2, "c",
		{MAC_R2, MAC_C, IP_X, IP_C}, 0, 0});
	crosses(&(struct crossing){"c", {MAC_C, MAC_R2, IP_C, IP_X}, 2, 1, "ens20",
		{MAC_GW, MAC_X, IP_C, IP_X}, 0, 0});
}
END_TEST

START_TEST(private_destinations_from_outside_can_be_refused)
{
	struct hosts inward = {MAC_X, MAC_GW, IP_X, IP_C};
	struct frame frame = frame_udp(&inward, 1, 2, 20);

	router_node(&(struct router_config_text){.gateway = "",
		.router = ", 'block-private-ingress': true",
		.others = ", " FLOATING});
	arrive("ens20", &frame);
	expect_none("c");
	drops_are("inside.flat", DROP_NAT_NO_SESSION, 1);
	crosses(&x_to_a);
	crosses(&c_to_far);
	crosses(&far_to_c);
}
END_TEST

START_TEST(item_109_without_snat)
{
	struct hosts outward = {MAC_C, MAC_R2, IP_C, FAR}, seen = {MAC_GW, MAC_X, IP_C, FAR};
	struct frame frame = frame_udp(&outward, 1, 2, 100), at_x = udp_over(&seen, 1, 2, 1);

	router_node(&(struct router_config_text){
		.gateway = ", 'enable-snat': false", .others = ", " FLOATING});
	arrive("c", &frame);
	expect("ens20", &at_x); // nobody out there can answer it
	crosses(&x_to_a);
	crosses(&a_to_x);
	crosses(&a_to_far);
	crosses(&far_to_a);
}
END_TEST

// ---- ports -------------------------------------------------------------------------------------

START_TEST(item_110_two_hosts_with_one_port)
{
	struct hosts from_b = {MAC_B, MAC_R1, IP_B, FAR};
	struct frame frame = frame_udp(&from_b, 1000, 2000, 100), seen;

	plain_router();
	crosses(&c_to_far);
	arrive("b", &frame);
	seen = sent("ens20");
	uint16_t port = ntohs(frame_l4(&seen)->source);

	ck_assert_uint_ne(port, 1000);
	ck_assert_uint_ge(port, 512); // as 1000 it is of those that need a right
	ck_assert_uint_lt(port, 1024);
	ck_assert(frame_udp_checksum_ok(&seen));
	crosses(&(struct crossing){"ens20", {MAC_X, MAC_GW, FAR, IP_GW}, 2000, port, "b",
		{MAC_R1, MAC_B, FAR, IP_B}, 2000, 1000});
	crosses(&far_to_c);
}
END_TEST

START_TEST(a_taken_tuple_of_a_protocol_without_ports)
{
	struct hosts from_c = {MAC_C, MAC_R2, IP_C, FAR}, from_b = {MAC_B, MAC_R1, IP_B, FAR};
	struct frame first = frame_ip4(&from_c, 47, 40), second = frame_ip4(&from_b, 47, 40);

	plain_router();
	arrive("c", &first);
	ck_assert_uint_eq(n_sent("ens20"), 1);
	arrive("b", &second);
	ck_assert_uint_eq(n_sent("ens20"), 1);
	drops_are("port b", DROP_NAT_EXHAUSTED, 1);
	forget_sent("ens20");
}
END_TEST

START_TEST(what_belongs_to_nothing_is_not_let_out)
{
	struct hosts outward = {MAC_C, MAC_R2, IP_C, FAR};
	struct frame reset = frame_tcp(&outward, 1000, 80, 0);
	uint8_t *tcp = reset.bytes + HEAD_LEN;
	uint16_t checksum;

	// RST instead of ACK; the checksum changes by the difference of the words.
	memcpy(&checksum, tcp + 16, 2);
	checksum = checksum_patch(checksum, htons(0x5010), htons(0x5004));
	memcpy(tcp + 16, &checksum, 2);
	tcp[13] = 0x04;
	plain_router();
	arrive("c", &reset);
	expect_none("ens20");
	drops_are("port c", DROP_NAT_NO_SESSION, 1);
}
END_TEST

// ---- errors ------------------------------------------------------------------------------------

START_TEST(item_113_an_error_from_outside)
{
	struct hosts outward = {MAC_C, MAC_R2, IP_C, FAR}, at_x = {MAC_GW, MAC_X, IP_GW, FAR};
	struct hosts error_hosts = {"52:54:00:0a:01:01", MAC_GW, IP_X, IP_GW};
	struct hosts error_seen = {MAC_R2, MAC_C, IP_X, IP_C};
	struct frame quoted = udp_over(&at_x, 1000, 2000, 1), sent_by_c;

	plain_router();
	crosses(&c_to_far);
	struct frame error =
		error_about(&error_hosts, ICMP_UNREACHABLE, ICMP_CODE_HOST_UNREACHABLE, 0, &quoted);

	arrive("ens20", &error);
	sent_by_c = udp_over(&outward, 1000, 2000, 1);
	struct frame expected = error_about(
		&error_seen, ICMP_UNREACHABLE, ICMP_CODE_HOST_UNREACHABLE, 0, &sent_by_c);

	frame_ip(&expected)->ttl--;
	frame_fix_ip(&expected);
	expect("c", &expected);
}
END_TEST

START_TEST(an_error_that_quotes_too_little)
{
	struct hosts at_x = {MAC_GW, MAC_X, IP_GW, FAR}, error_hosts = {MAC_X, MAC_GW, IP_X, IP_GW};
	struct frame quoted = udp_over(&at_x, 1000, 2000, 1);

	plain_router();
	crosses(&c_to_far);
	struct frame error = error_about(&error_hosts, ICMP_UNREACHABLE, 1, 0, &quoted);
	uint8_t *icmp = error.bytes + HEAD_LEN;

	// As much of the quote as has the ports, and no more.
	error.len = HEAD_LEN + 8 + 24;
	frame_ip(&error)->total_len = htons(error.len - ETHERNET_LEN);
	frame_fix_ip(&error);
	memset(icmp + 2, 0, 2);
	uint16_t checksum = checksum_of(icmp, 8 + 24);

	memcpy(icmp + 2, &checksum, 2);
	arrive("ens20", &error);
	expect_none("c");
	drops_are("inside.flat", DROP_ICMP_ERR_BAD, 1);
}
END_TEST

// ---- fragments ---------------------------------------------------------------------------------

#define DATAGRAM_LEN 3900
#define PIECE_LEN    1400

// The `i`th piece of a UDP datagram.
static struct frame piece_of(const struct frame *whole, unsigned i, unsigned piece_len)
{
	unsigned payload = whole->len - HEAD_LEN, start = i * piece_len;
	unsigned len = RTE_MIN(piece_len, payload - start);
	struct frame piece = *whole;
	bool more = start + len < payload;

	memcpy(piece.bytes + HEAD_LEN, whole->bytes + HEAD_LEN + start, len);
	piece.len = HEAD_LEN + len;
	frame_ip(&piece)->id = htons(99);
	frame_ip(&piece)->total_len = htons(20 + len);
	frame_set_fragment(&piece, (more ? IPV4_MF : 0) | start / 8);
	return piece;
}

static void pieces_go_through(const unsigned order[3])
{
	struct hosts there = {MAC_X, MAC_GW, IP_X, FIP}, seen = {MAC_R1, MAC_A, IP_X, IP_A};
	struct frame whole = frame_udp(&there, 1, 2, DATAGRAM_LEN);
	struct frame at_a = frame_udp(&seen, 1, 2, DATAGRAM_LEN), got[3];

	plain_router();
	for (unsigned i = 0; i < 3; i++) {
		struct frame piece = piece_of(&whole, order[i], PIECE_LEN);

		arrive("ens20", &piece);
	}
	for (unsigned i = 0; i < 3; i++)
		got[i] = sent("a");
	expect_none("a");
	for (unsigned i = 0; i < 3; i++) {
		unsigned start = (ntohs(frame_ip(&got[i])->fragment) & IPV4_OFFSET_MASK) * 8;

		ck_assert(frame_ip_checksum_ok(&got[i]));
		ck_assert_uint_eq(frame_ip(&got[i])->destination, ip_of(IP_A));
		ck_assert_mem_eq(got[i].bytes + HEAD_LEN, at_a.bytes + HEAD_LEN + start,
			got[i].len - HEAD_LEN);
	}
}

// D is filtered, takes UDP to port 2 only, and is known to the router; it has sent nothing by it.
static void node_with_filtered_port(void)
{
	router_node(&(struct router_config_text){
		.more_ports = ", 'd': {'network': 'vxlan1', 'device': 'fake:d', 'mac': '" MAC_D
			      "', 'addresses': ['" IP_D "'], 'security-groups': ['two']}",
		.others = ", 'security-groups': {'two': {'rules': [{'direction': 'ingress',"
			  " 'protocol': 'udp', 'ports': '2'}]}}"});
	meet("d", &(struct hosts){MAC_D, BROADCAST, IP_D, IP_R1});
}

// What D gets makes up `len` bytes of the datagram, from its beginning, in order.
static void pieces_are(const struct frame *whole, unsigned n, unsigned len)
{
	unsigned at = 0;

	for (unsigned i = 0; i < n; i++) {
		struct frame got = sent("d");

		ck_assert_uint_eq((ntohs(frame_ip(&got)->fragment) & IPV4_OFFSET_MASK) * 8, at);
		ck_assert_mem_eq(
			got.bytes + HEAD_LEN, whole->bytes + HEAD_LEN + at, got.len - HEAD_LEN);
		at += got.len - HEAD_LEN;
	}
	expect_none("d");
	ck_assert_uint_eq(at, len);
}

START_TEST(item_112_too_large_for_a_filtered_port)
{
	struct hosts v_to_d = {MAC_V, MAC_R3, IP_V, IP_D}, at_d = {MAC_R1, MAC_D, IP_V, IP_D};
	struct frame let_in = frame_udp(&v_to_d, 1, 2, 1472), seen = frame_udp(&at_d, 1, 2, 1472);
	struct frame refused = frame_udp(&v_to_d, 1, 3, 1472);

	node_with_filtered_port();
	arrive("v", &let_in);
	pieces_are(&seen, 2, 1480);
	arrive("v", &let_in); // now of a session
	pieces_are(&seen, 2, 1480);
	arrive("v", &refused);
	expect_none("d");
	drops_are("port d", DROP_SG_INGRESS, 2);
}
END_TEST

// Pieces of 1480 bytes become two each, or stay whole; those of one datagram share its fate.
START_TEST(item_112_fragments_too_large_for_a_filtered_port)
{
	struct hosts v_to_d = {MAC_V, MAC_R3, IP_V, IP_D}, at_d = {MAC_R1, MAC_D, IP_V, IP_D};
	struct frame whole = frame_udp(&v_to_d, 1, 2, DATAGRAM_LEN);
	struct frame seen = frame_udp(&at_d, 1, 2, DATAGRAM_LEN);

	node_with_filtered_port();
	for (unsigned i = 0; i < 3; i++) {
		struct frame piece = piece_of(&whole, i, 1480);

		arrive("v", &piece);
	}
	pieces_are(&seen, 5, DATAGRAM_LEN + 8);
}
END_TEST

START_TEST(item_115_fragments_in_order)
{
	pieces_go_through((const unsigned[]){0, 1, 2});
}
END_TEST

START_TEST(item_115_fragments_reversed)
{
	pieces_go_through((const unsigned[]){2, 1, 0});
}
END_TEST

START_TEST(item_115_without_the_first)
{
	struct hosts there = {MAC_X, MAC_GW, IP_X, FIP};
	struct frame whole = frame_udp(&there, 1, 2, DATAGRAM_LEN);
	struct frame second = piece_of(&whole, 1, PIECE_LEN),
		     third = piece_of(&whole, 2, PIECE_LEN);

	plain_router();
	arrive("ens20", &second);
	arrive("ens20", &third);
	pass_time(40);
	forget_sent("ens20");
	ck_assert_uint_eq(counters_of("inside.flat").drops[DROP_FRAG_TIMEOUT], 2);
	any_drops();
}
END_TEST

START_TEST(item_115_overlapping)
{
	struct hosts there = {MAC_X, MAC_GW, IP_X, FIP};
	struct frame whole = frame_udp(&there, 1, 2, DATAGRAM_LEN);
	struct frame first = piece_of(&whole, 0, PIECE_LEN),
		     second = piece_of(&whole, 1, PIECE_LEN);

	plain_router();
	frame_set_fragment(&second, IPV4_MF | (PIECE_LEN - 8) / 8);
	arrive("ens20", &second);
	arrive("ens20", &first);
	expect_none("a");
	drops_are("inside.flat", DROP_FRAG_OVERLAP, 2);
}
END_TEST

// ---- changes -----------------------------------------------------------------------------------

START_TEST(item_119_a_floating_address_moves)
{
	plain_router();
	crosses(&x_to_a);
	crosses(&a_to_x);
	crosses(&a_to_far);
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 2);
	call("floating-ip.set", "{'name': '" FIP "', 'port': 'b'}");
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 0);
	pass_time(10);
	forget_sent("ens20");
	meet_all();
	crosses(&(struct crossing){"ens20", {MAC_X, MAC_GW, IP_X, FIP}, 3000, 22, "b",
		{MAC_R1, MAC_B, IP_X, IP_B}, 0, 0});
	any_drops();
}
END_TEST

START_TEST(item_116_a_source_of_a_session_becomes_the_routers_own)
{
	const struct crossing passage = {"ens20", {MAC_X, MAC_GW, "198.51.100.1", FIP}, 3000, 22,
		"a", {MAC_R1, MAC_A, "198.51.100.1", IP_A}, 0, 0};
	struct frame frame = frame_udp(&passage.hosts, 3000, 22, 20);

	plain_router();
	crosses(&passage);
	crosses(&passage); // its source is not looked up any more
	call("network.add", "{'name': 'new', 'segments': [{'type': 'vxlan', 'id': 3}]}");
	call("subnet.add", "{'name': 'new', 'network': 'new', 'cidr': '198.51.100.0/24'}");
	call("router.set",
		"{'name': 'vxlan1and2', 'interfaces': [{'subnet': 'vxlan1', 'mac': '" MAC_R1 "'},"
		"  {'subnet': 'vxlan2', 'mac': '" MAC_R2 "'},"
		"  {'subnet': 'vlan1001', 'mac': '" MAC_R3 "'}, 'new']}");
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 1);
	forget_sent("a");
	arrive("ens20", &frame);
	arrive("ens20", &frame);
	expect_none("a");
	drops_are("inside.flat", DROP_RTR_MARTIAN, 2);
}
END_TEST

START_TEST(a_source_of_a_session_must_lie_behind_its_interface_if_asked)
{
	struct frame frame = frame_udp(&(struct hosts){MAC_A, MAC_R1, IP_C, FAR}, 1000, 2000, 20);

	router_node(
		&(struct router_config_text){.router = ", 'strict-source': true", .gateway = ""});
	crosses(&c_to_far);
	crosses(&far_to_c);
	crosses(&c_to_far);
	arrive("a", &frame);
	expect_none("ens20");
	drops_are("port a", DROP_RTR_MARTIAN, 1);
}
END_TEST

static const struct crossing a_by_gateway = {
	"a", {MAC_A, MAC_R1, IP_A, FAR}, 1000, 2000, "ens20", {MAC_GW, MAC_X, IP_GW, FAR}, 0, 0};
static const struct crossing a_untranslated = {
	"a", {MAC_A, MAC_R1, IP_A, FAR}, 1000, 2000, "ens20", {MAC_GW, MAC_X, IP_A, FAR}, 0, 0};

static const struct crossing c_to_x = {
	"c", {MAC_C, MAC_R2, IP_C, IP_X}, 1000, 2000, "ens20", {MAC_GW, MAC_X, IP_GW, IP_X}, 0, 0};
static const struct crossing x_to_c = {
	"ens20", {MAC_X, MAC_GW, IP_X, IP_GW}, 2000, 1000, "c", {MAC_R2, MAC_C, IP_X, IP_C}, 0, 0};

static void give_floating_address(void)
{
	call("floating-ip.add", "{'name': '" FIP "', 'network': 'inside', 'port': 'a'}");
}

// Announcements of an address that was added are over.
static void wait_for_announcements(void)
{
	pass_time(10);
	forget_sent("ens20");
	meet_all();
	any_drops();
}

START_TEST(flows_go_on_by_a_new_floating_address)
{
	router_node(&(struct router_config_text){.gateway = ""});
	crosses(&a_by_gateway);
	crosses(&c_to_x);
	give_floating_address();
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 1); // that of C
	wait_for_announcements();
	crosses(&far_to_a); // with the ports of the flow that there was
	crosses(&a_to_far);
	crosses(&x_to_c);
}
END_TEST

START_TEST(flows_without_snat_go_on_by_a_new_floating_address)
{
	router_node(&(struct router_config_text){.gateway = ", 'enable-snat': false"});
	crosses(&a_untranslated);
	give_floating_address();
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 0);
	wait_for_announcements();
	crosses(&a_to_far);
	crosses(&far_to_a);
}
END_TEST

// A segment of a connection between A and what is far away, which knows A as `known`.
static void segment_crosses(bool outward, const char *known, uint16_t port)
{
	struct hosts out = {MAC_A, MAC_R1, IP_A, FAR}, out_seen = {MAC_GW, MAC_X, known, FAR};
	struct hosts in = {MAC_X, MAC_GW, FAR, known}, in_seen = {MAC_R1, MAC_A, FAR, IP_A};
	struct frame frame =
		outward ? frame_tcp(&out, port, 80, 100) : frame_tcp(&in, 80, port, 100);
	struct frame seen =
		outward ? frame_tcp(&out_seen, port, 80, 100) : frame_tcp(&in_seen, 80, port, 100);

	frame_ip(&seen)->ttl--;
	frame_fix_ip(&seen);
	arrive(outward ? "a" : "ens20", &frame);
	expect(outward ? "ens20" : "a", &seen);
}

START_TEST(connections_keep_their_address)
{
	router_node(&(struct router_config_text){.gateway = ""});
	segment_crosses(true, IP_GW, 1000);
	segment_crosses(false, IP_GW, 1000);
	segment_crosses(true, IP_GW, 1000);
	give_floating_address();
	wait_for_announcements();
	segment_crosses(true, IP_GW, 1000);
	segment_crosses(false, IP_GW, 1000);
	segment_crosses(true, FIP, 1001);
	segment_crosses(false, FIP, 1001);
}
END_TEST

// A has a connection by the gateway's address from the ports that a remote uses to its new floating
// address: the remote gets another, as on Linux.
START_TEST(a_remote_whose_ports_are_taken_gets_another)
{
	struct hosts in = {MAC_X, MAC_GW, FAR, FIP}, back = {MAC_A, MAC_R1, IP_A, FAR};
	struct frame frame = frame_tcp(&in, 80, 1000, 100), seen;

	router_node(&(struct router_config_text){.gateway = ""});
	segment_crosses(true, IP_GW, 1000);
	segment_crosses(false, IP_GW, 1000);
	segment_crosses(true, IP_GW, 1000);
	give_floating_address();
	wait_for_announcements();
	arrive("ens20", &frame);
	seen = sent("a");
	uint16_t port = ntohs(frame_l4(&seen)->source);

	ck_assert_uint_ne(port, 80);
	ck_assert_uint_ne(port, 0);
	ck_assert_uint_lt(port, 512); // of the same class
	ck_assert_uint_eq(ntohs(frame_l4(&seen)->destination), 1000);
	frame = frame_tcp(&back, 1000, port, 100);
	arrive("a", &frame);
	seen = sent("ens20");
	ck_assert_uint_eq(ntohs(frame_l4(&seen)->source), 1000);
	ck_assert_uint_eq(ntohs(frame_l4(&seen)->destination), 80);
	segment_crosses(true, IP_GW, 1000);
}
END_TEST

START_TEST(sessions_end_with_a_floating_address)
{
	plain_router();
	crosses(&x_to_a);
	crosses(&a_to_far);
	crosses(&c_to_far);
	segment_crosses(true, FIP, 1000);
	segment_crosses(false, FIP, 1000);
	call("floating-ip.del", "{'name': '" FIP "'}");
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 1); // that of C
	crosses(&far_to_c);
	struct hosts to_nobody = {MAC_X, MAC_GW, IP_X, FIP};
	struct frame frame = frame_udp(&to_nobody, 3000, 22, 20);

	arrive("ens20", &frame);
	expect_none("a");
	forget_sent("ens20"); // it is the address of some neighbour now
	segment_crosses(true, IP_GW, 1000);
	any_drops();
}
END_TEST

START_TEST(sessions_end_with_the_gateway)
{
	plain_router();
	crosses(&c_to_far);
	call("router.set", "{'name': 'vxlan1and2', 'gateway': {'network': 'inside', 'address':"
			   " '" IP_GW "', 'mac': '" MAC_GW "', 'enable-snat': false}}");
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 0);
	any_drops();
}
END_TEST

START_TEST(without_its_gateway_a_router_leads_nowhere)
{
	struct hosts outward = {MAC_C, MAC_R2, IP_C, FAR},
		     to_dead = {MAC_C, MAC_R2, IP_C, "10.1.0.77"};
	struct frame frame = frame_udp(&outward, 1000, 2000, 100);
	struct frame waits = frame_udp(&to_dead, 1, 2, 20);
	struct frame request = frame_arp(&(struct hosts){MAC_X, BROADCAST, IP_X, IP_GW}, 1);
	struct frame error = error_about(
		&(struct hosts){MAC_R2, MAC_C, IP_R2, IP_C}, ICMP_UNREACHABLE, 0, 0, &frame);

	router_node(&(struct router_config_text){.gateway = ""});
	crosses(&c_to_far);
	arrive("c", &waits);
	forget_sent("ens20");
	call("router.set", "{'name': 'vxlan1and2', 'gateway': null}");
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 0);
	drops_are("port c", DROP_PORT_DOWN, 1); // what waited for a neighbour there
	arrive("c", &frame);
	expect_error("c", &error);
	drops_are("port c", DROP_RTR_NO_ROUTE, 1);
	crosses(&(struct crossing){
		"a", {MAC_A, MAC_R1, IP_A, IP_C}, 1, 2, "c", {MAC_R2, MAC_C, IP_A, IP_C}, 0, 0});
	// Out there nobody has its address or its MAC any more.
	arrive("ens20", &request);
	frame = frame_udp(&far_to_c.hosts, 2000, 1000, 100);
	arrive("ens20", &frame);
	expect_none("ens20");
	expect_none("c");
	drops_are("inside.flat", DROP_NO_FLOOD_TARGET, 2);
	call("router.set", "{'name': 'vxlan1and2', 'gateway': {'network': 'inside', 'address':"
			   " '" IP_GW "', 'mac': '" MAC_GW "'}}");
	wait_for_announcements();
	crosses(&c_to_far);
	crosses(&far_to_c);
}
END_TEST

// Nothing but its session lets the answer in to a port whose groups accept nothing.
START_TEST(item_78_answers_come_back_through_the_router)
{
	static const struct crossing d_to_far = {"d", {MAC_D, MAC_R1, IP_D, FAR}, 1000, 2000,
		"ens20", {MAC_GW, MAC_X, IP_GW, FAR}, 0, 0};
	static const struct crossing far_to_d = {"ens20", {MAC_X, MAC_GW, FAR, IP_GW}, 2000, 1000,
		"d", {MAC_R1, MAC_D, FAR, IP_D}, 0, 0};
	struct hosts to_c = {MAC_D, MAC_R1, IP_D, IP_C}, back = {MAC_R1, MAC_D, IP_R1, IP_D};
	struct frame expired = frame_udp(&to_c, 1, 2, 20);

	router_node(&(struct router_config_text){
		.gateway = "",
		.more_ports = ", 'd': {'network': 'vxlan1', 'device': 'fake:d', 'mac': '" MAC_D
			      "', 'addresses': ['" IP_D "'], 'security-groups': ['asks']}",
		.others = ", 'security-groups': {'asks': {'rules': [{'direction': 'egress'}]}}",
	});
	meet("d", &(struct hosts){MAC_D, BROADCAST, IP_D, IP_R1});
	crosses(&d_to_far);
	crosses(&far_to_d);
	crosses(&d_to_far);
	frame_ip(&expired)->ttl = 1;
	frame_fix_ip(&expired);
	struct frame error = error_about(&back, ICMP_TIME_EXCEEDED, 0, 0, &expired);

	arrive("d", &expired);
	expect_error("d", &error);
	any_drops();
}
END_TEST

void router_nat_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_107_a_ping_to_a_floating_address,
		item_108_t1_east_west_with_a_floating_address,
		item_108_t2_outward_with_a_floating_address,
		item_108_t2_to_its_own_floating_address,
		item_108_t3_outward_by_the_gateway,
		item_108_t4_hairpin,
		item_108_t5_inward,
		private_destinations_from_outside_stay_as_they_are,
		private_destinations_from_outside_can_be_refused,
		item_109_without_snat,
		item_110_two_hosts_with_one_port,
		a_taken_tuple_of_a_protocol_without_ports,
		what_belongs_to_nothing_is_not_let_out,
		item_113_an_error_from_outside,
		an_error_that_quotes_too_little,
		item_112_too_large_for_a_filtered_port,
		item_112_fragments_too_large_for_a_filtered_port,
		item_115_fragments_in_order,
		item_115_fragments_reversed,
		item_115_without_the_first,
		item_115_overlapping,
		item_119_a_floating_address_moves,
		item_116_a_source_of_a_session_becomes_the_routers_own,
		a_source_of_a_session_must_lie_behind_its_interface_if_asked,
		flows_go_on_by_a_new_floating_address,
		flows_without_snat_go_on_by_a_new_floating_address,
		connections_keep_their_address,
		a_remote_whose_ports_are_taken_gets_another,
		sessions_end_with_a_floating_address,
		sessions_end_with_the_gateway,
		without_its_gateway_a_router_leads_nowhere,
		item_78_answers_come_back_through_the_router,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
