// SPDX-License-Identifier: BSD-3-Clause
// Routers at the edges of what may come: packets that can not be true, errors about errors, what is
// taken away under packets that wait, and mutated packets of every kind (item 120).

#include "router_node.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/checksum.h"
#include "net/icmp.h"

#define ETHERNET_LEN 14
#define HEAD_LEN     34

#define FIP_C "10.1.0.51"
#define TWO_FLOATING                                                                               \
	"'floating-ips': {'" FIP "': {'network': 'inside', 'port': 'a'}, '" FIP_C                  \
	"': {'network': 'inside', 'port': 'c'}}"

static void two_floating(void)
{
	router_node(&(struct router_config_text){.gateway = "", .others = ", " TWO_FLOATING});
}

// ---- two floating addresses --------------------------------------------------------------------

static const struct crossing a_to_fip_c = {
	"a", {MAC_A, MAC_R1, IP_A, FIP_C}, 1000, 22, "c", {MAC_R2, MAC_C, FIP, IP_C}, 0, 0};
static const struct crossing c_to_fip_a = {
	"c", {MAC_C, MAC_R2, IP_C, FIP}, 22, 1000, "a", {MAC_R1, MAC_A, FIP_C, IP_A}, 0, 0};

START_TEST(item_108_t2_between_two_floating_addresses)
{
	two_floating();
	crosses(&a_to_fip_c);
	crosses(&c_to_fip_a);
	crosses(&a_to_fip_c);
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 1);
}
END_TEST

START_TEST(item_113_an_error_between_two_floating_addresses)
{
	struct hosts quoted_hosts = {MAC_R2, MAC_C, FIP, IP_C};
	struct hosts error_hosts = {MAC_C, MAC_R2, IP_C, FIP};
	struct hosts sent_hosts = {MAC_A, MAC_R1, IP_A, FIP_C};
	struct hosts seen_hosts = {MAC_R1, MAC_A, FIP_C, IP_A};
	struct frame quoted = udp_over(&quoted_hosts, 1000, 22, 1);
	struct frame was_sent = udp_over(&sent_hosts, 1000, 22, 1);
	struct frame error =
		error_about(&error_hosts, ICMP_UNREACHABLE, ICMP_CODE_PORT_UNREACHABLE, 0, &quoted);
	struct frame seen = error_about(
		&seen_hosts, ICMP_UNREACHABLE, ICMP_CODE_PORT_UNREACHABLE, 0, &was_sent);

	two_floating();
	crosses(&a_to_fip_c);
	arrive("c", &error);
	frame_ip(&seen)->ttl--;
	frame_fix_ip(&seen);
	expect("a", &seen);
}
END_TEST

// ---- addresses that can not be sources ---------------------------------------------------------

// It is one of the router's own addresses as long as it stands for a port.
START_TEST(item_116_a_floating_address_is_no_source)
{
	struct frame to_c = frame_udp(&(struct hosts){MAC_X, MAC_GW, FIP, IP_C}, 1, 2, 20);
	struct frame to_itself = frame_udp(&(struct hosts){MAC_X, MAC_GW, FIP, FIP}, 1, 2, 20);
	struct frame inside = frame_udp(&(struct hosts){MAC_A, MAC_R1, FIP, IP_C}, 1, 2, 20);

	plain_router();
	arrive("ens20", &to_c);
	arrive("ens20", &to_itself);
	arrive("a", &inside);
	drops_are("inside.flat", DROP_RTR_MARTIAN, 2);
	drops_are("port a", DROP_RTR_MARTIAN, 1);
	expect_none("c");
	expect_none("a");
	call("floating-ip.set", "{'name': '" FIP "', 'port': null}");
	arrive("ens20", &to_c);
	ck_assert_uint_eq(n_sent("c"), 1);
	forget_sent("c");
}
END_TEST

// ---- packets that belong to nothing ------------------------------------------------------------

// The id of a query, as an answer to nothing.
static struct frame answer_to_nothing(const struct hosts *hosts)
{
	struct frame frame = frame_icmp_echo(hosts, 7, 56);
	uint8_t *icmp = frame.bytes + HEAD_LEN;
	uint16_t checksum;

	memcpy(&checksum, icmp + 2, 2);
	checksum = checksum_patch(checksum, htons(ICMP_ECHO_REQUEST << 8), 0);
	memcpy(icmp + 2, &checksum, 2);
	icmp[0] = ICMP_ECHO_REPLY;
	return frame;
}

START_TEST(what_belongs_to_nothing_does_not_enter_where_it_is_refused)
{
	struct frame inward = answer_to_nothing(&(struct hosts){MAC_X, MAC_GW, IP_X, IP_C});

	router_node(&(struct router_config_text){
		.gateway = "", .router = ", 'block-private-ingress': true"});
	arrive("ens20", &inward);
	expect_none("c");
	drops_are("inside.flat", DROP_NAT_NO_SESSION, 1);
}
END_TEST

START_TEST(what_belongs_to_nothing_enters_untranslated)
{
	struct frame inward = answer_to_nothing(&(struct hosts){MAC_X, MAC_GW, IP_X, IP_C});
	struct frame seen = hop(&inward, MAC_R2, MAC_C);
	struct frame floating = answer_to_nothing(&(struct hosts){MAC_X, MAC_GW, IP_X, FIP});

	plain_router();
	arrive("ens20", &inward);
	expect("c", &seen);
	arrive("ens20", &floating);
	expect_none("a");
	drops_are("inside.flat", DROP_NAT_NO_SESSION, 1);
}
END_TEST

START_TEST(an_error_about_an_error_is_not_translated)
{
	struct hosts at_x = {MAC_GW, MAC_X, IP_GW, FAR}, inner = {MAC_X, MAC_GW, FAR, IP_GW};
	struct hosts outer = {MAC_X, MAC_GW, IP_X, FIP};
	struct frame quoted = udp_over(&at_x, 1000, 2000, 1);
	struct frame first = error_about(&inner, ICMP_UNREACHABLE, 1, 0, &quoted);
	struct frame second = error_about(&outer, ICMP_UNREACHABLE, 1, 0, &first);

	plain_router();
	arrive("ens20", &second);
	expect_none("a");
	drops_are("inside.flat", DROP_NAT_NO_SESSION, 1);
}
END_TEST

// Whatever the header behind it says, and however little of it there is: nothing gets out with a
// private address.
START_TEST(l4_headers_that_are_cut)
{
	static const uint8_t protocols[] = {0, 1, 2, 6, 17, 33, 47, 50, 58, 59, 132, 136, 255};

	two_floating();
	for (unsigned i = 0; i < ARRAY_SIZE(protocols); i++) {
		for (uint16_t len = 0; len <= 24; len++) {
			struct hosts out = {MAC_B, MAC_R1, IP_B, FAR};
			struct hosts in = {MAC_X, MAC_GW, IP_X, len % 2 ? FIP : IP_GW};
			struct frame frame = frame_ip4(&out, protocols[i], len);

			arrive("b", &frame);
			while (n_sent("ens20") != 0) {
				struct frame seen = sent("ens20");

				ck_assert_uint_eq(frame_ip(&seen)->source, ip_of(IP_GW));
				ck_assert(frame_ip_checksum_ok(&seen));
			}
			frame = frame_ip4(&in, protocols[i], len);
			arrive("ens20", &frame);
			forget_sent("ens20");
			forget_sent("a");
			forget_sent("b");
		}
	}
	any_drops();
}
END_TEST

// ---- options -----------------------------------------------------------------------------------

static void add_options(struct frame *frame, const uint8_t *options, uint16_t len)
{
	memmove(frame->bytes + HEAD_LEN + len, frame->bytes + HEAD_LEN, frame->len - HEAD_LEN);
	memcpy(frame->bytes + HEAD_LEN, options, len);
	frame->len += len;
	frame_ip(frame)->version_ihl += len / 4;
	frame_ip(frame)->total_len = htons(frame->len - ETHERNET_LEN);
	frame_fix_ip(frame);
}

START_TEST(options_are_in_no_translations_way)
{
	static const uint8_t alert[8] = {148, 4, 0, 0, 1, 1, 1, 0};
	struct hosts out = {MAC_C, MAC_R2, IP_C, FAR}, at_x = {MAC_GW, MAC_X, IP_GW, FAR};
	struct hosts x_says = {MAC_X, MAC_GW, IP_X, IP_GW}, c_hears = {MAC_R2, MAC_C, IP_X, IP_C};
	struct frame frame = frame_udp(&out, 1000, 2000, 100),
		     seen = udp_over(&at_x, 1000, 2000, 1);

	plain_router();
	add_options(&frame, alert, sizeof(alert));
	add_options(&seen, alert, sizeof(alert));
	arrive("c", &frame);
	expect("ens20", &seen);
	// An error that quotes the options.
	struct frame error = error_about(&x_says, ICMP_UNREACHABLE, 1, 0, &seen), heard;

	frame_ip(&frame)->ttl--;
	frame_fix_ip(&frame);
	heard = error_about(&c_hears, ICMP_UNREACHABLE, 1, 0, &frame);
	frame_ip(&heard)->ttl--;
	frame_fix_ip(&heard);
	arrive("ens20", &error);
	expect("c", &heard);
}
END_TEST

// RFC 791: what is not copied is in the first piece only.
START_TEST(item_112_options_of_pieces)
{
	static const uint8_t options[8] = {148, 4, 0, 0, 7, 4, 4, 0}; // router alert, record route
	static const uint8_t copied[8] = {148, 4, 0, 0, 1, 1, 1, 0};
	struct hosts there = {MAC_V, MAC_R3, IP_V, IP_A};
	struct frame frame = frame_udp(&there, 1, 2, 1464), first, second;

	plain_router();
	add_options(&frame, options, sizeof(options));
	arrive("v", &frame);
	first = sent("a");
	second = sent("a");
	expect_none("a");
	ck_assert_uint_eq(frame_ip(&first)->version_ihl, 0x47);
	ck_assert_mem_eq(first.bytes + HEAD_LEN, options, sizeof(options));
	ck_assert(frame_ip_checksum_ok(&first) && frame_ip_checksum_ok(&second));
	unsigned header_len = (frame_ip(&second)->version_ihl & 0xf) * 4;

	ck_assert_uint_eq(header_len, 28);
	ck_assert_mem_eq(second.bytes + HEAD_LEN, copied, 4);
	ck_assert_uint_ne(second.bytes[HEAD_LEN + 4], 7);
	ck_assert_uint_eq(first.len + second.len - 2 * (ETHERNET_LEN + 28), 1472);
}
END_TEST

// ---- pieces that the next router translates ----------------------------------------------------

#define MAC_O "fa:16:3e:00:00:20" // of the other router, on vxlan2
#define IP_O  "172.16.2.2"
#define GW_O  "10.1.0.84"

// V is behind a router that sends all that leads outside to another one, by a narrow network; that
// one translates. C has the port that V's packets come from.
static void narrow_network(void)
{
	struct hosts from_v = {MAC_V, MAC_R3, IP_V, FAR}, from_c = {MAC_C, MAC_O, IP_C, FAR};
	struct frame frame = frame_udp(&from_v, 1, 2, 20);

	router_node(&(struct router_config_text){
		.router = ", 'routes': [{'destination': '0.0.0.0/0', 'nexthop': '" IP_O "'}]",
		.more_routers = ", 'other': {'interfaces': [{'subnet': 'vxlan2', 'address': '" IP_O
				"', 'mac': '" MAC_O "'}], 'gateway': {'network': 'inside',"
				" 'address': '" GW_O "'}}"});
	call("network.set", "{'name': 'vxlan2', 'mtu': 576}");
	meet("ens20", &(struct hosts){MAC_X, BROADCAST, IP_X, GW_O});
	meet("c", &(struct hosts){MAC_C, BROADCAST, IP_C, IP_O});
	arrive("v", &frame); // the routers make each other known
	frame = frame_udp(&from_c, 1000, 2000, 20);
	arrive("c", &frame);
	forget_sent("ens20");
	any_drops();
}

static void pieces_leave(unsigned n, unsigned len)
{
	for (; n != 0; n--) {
		struct frame piece = sent("ens20");

		ck_assert_uint_eq(frame_ip(&piece)->source, ip_of(GW_O));
		if ((frame_ip(&piece)->fragment & htons(IPV4_OFFSET_MASK)) == 0)
			ck_assert_uint_ne(ntohs(frame_l4(&piece)->source), 1000);
		len -= ntohs(frame_ip(&piece)->total_len) - 20;
	}
	expect_none("ens20");
	ck_assert_uint_eq(len, 0);
}

START_TEST(item_112_pieces_are_translated_alike)
{
	struct hosts from_v = {MAC_V, MAC_R3, IP_V, FAR};
	struct frame large = frame_udp(&from_v, 1000, 2000, 1472);

	narrow_network();
	arrive("v", &large);
	pieces_leave(3, 1480);
}
END_TEST

START_TEST(item_112_pieces_of_fragments_are_translated_alike)
{
	struct hosts from_v = {MAC_V, MAC_R3, IP_V, FAR};
	struct frame first = frame_udp(&from_v, 1000, 2000, 1472), second = first, third = first;

	narrow_network();
	frame_set_fragment(&first, IPV4_MF);
	frame_set_fragment(&second, IPV4_MF | 1480 / 8);
	frame_set_fragment(&third, 2 * 1480 / 8);
	arrive("v", &first);
	arrive("v", &second);
	arrive("v", &third);
	pieces_leave(9, 3 * 1480);
}
END_TEST

// ---- changes under packets that wait -----------------------------------------------------------

#define IP_NEW "172.16.1.57" // has not spoken yet

// X asks for what stands for a host that must be asked for.
static void x_waits(void)
{
	struct frame frame = frame_udp(&(struct hosts){MAC_X, MAC_GW, IP_X, FIP}, 3000, 22, 20);

	router_node(&(struct router_config_text){.gateway = "",
		.more_ports = ", 'w': {'network': 'vxlan1', 'device': 'fake:w', 'mac':"
			      " 'fa:16:3e:00:00:57', 'addresses': ['" IP_NEW "']}",
		.others = ", 'floating-ips': {'" FIP "': {'network': 'inside', 'port': 'w'}}"});
	arrive("ens20", &frame);
	forget_sent("b");
	forget_sent("w");
}

static void w_answers(void)
{
	struct frame reply =
		frame_arp(&(struct hosts){"fa:16:3e:00:00:57", MAC_R1, IP_NEW, IP_R1}, 2);

	arrive("w", &reply);
}

START_TEST(a_floating_address_goes_while_a_packet_waits)
{
	x_waits();
	call("floating-ip.del", "{'name': '" FIP "'}");
	w_answers();
	expect_none("w");
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 0);
	any_drops();
}
END_TEST

START_TEST(a_floating_address_moves_while_a_packet_waits)
{
	x_waits();
	call("floating-ip.set", "{'name': '" FIP "', 'port': 'b'}");
	w_answers();
	expect_none("w");
	ck_assert_uint_eq(n_sent("b"), 1);
	any_drops();
}
END_TEST

START_TEST(a_port_goes_while_a_packet_waits)
{
	x_waits();
	call("floating-ip.del", "{'name': '" FIP "'}");
	call("port.del", "{'name': 'w'}");
	pass_time(5);
	forget_sent("ens20");
	any_drops();
}
END_TEST

START_TEST(a_router_goes_while_a_packet_waits)
{
	x_waits();
	call("config.apply", "{'config': {}}");
	pass_time(5);
	any_drops();
}
END_TEST

START_TEST(a_router_that_comes_again_has_no_sessions)
{
	static const char again[] =
		"{'name': 'vxlan1and2', 'interfaces': [{'subnet': 'vxlan1', 'mac': '" MAC_R1
		"'}, {'subnet': 'vxlan2', 'mac': '" MAC_R2
		"'}], 'gateway': {'network': 'inside', 'address': '" IP_GW "', 'mac': '" MAC_GW
		"'}}";
	struct frame late = frame_udp(&(struct hosts){MAC_X, MAC_GW, FAR, FIP}, 2000, 1000, 20);

	plain_router();
	crosses(&(struct crossing){"a", {MAC_A, MAC_R1, IP_A, FAR}, 1000, 2000, "ens20",
		{MAC_GW, MAC_X, FIP, FAR}, 0, 0});
	call("floating-ip.del", "{'name': '" FIP "'}");
	call("router.set", "{'name': 'vxlan1and2', 'interfaces': [], 'gateway': null}");
	call("router.del", "{'name': 'vxlan1and2'}");
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 0);
	call("router.add", again);
	pass_time(10);
	meet_all();
	arrive("ens20", &late);
	expect_none("a");
	any_drops();
}
END_TEST

// ---- a gateway that moves ----------------------------------------------------------------------

#define OUTER                                                                                      \
	"{'name': 'vxlan1and2', 'gateway': {'network': 'outer', 'address': '" IP_GW                \
	"', 'mac': '" MAC_GW "'}}"

// To another network with the same addresses, where others have them.
START_TEST(a_gateway_that_moves_takes_no_neighbours_along)
{
	struct hosts outward = {MAC_C, MAC_R2, IP_C, FAR};
	struct frame frame = frame_udp(&outward, 1000, 2000, 20), request;

	plain_router();
	call("network.add", "{'name': 'outer', 'external': true, 'segments': [{'type': 'vlan',"
			    " 'uplink': 'provider', 'id': 1002}]}");
	call("subnet.add", "{'name': 'outer', 'network': 'outer', 'cidr': '10.1.0.0/24'}");
	call("floating-ip.del", "{'name': '" FIP "'}");
	arrive("c", &frame);
	ck_assert_uint_eq(n_sent("ens20"), 1);
	forget_sent("ens20");
	call("router.set", OUTER);
	forget_sent("ens19");
	arrive("c", &frame);
	request = frame_arp(&(struct hosts){MAC_GW, BROADCAST, IP_GW, IP_X}, 1);
	request = frame_tagged(&request, ETHER_TYPE_VLAN, 1002);
	request = frame_padded(&request);
	expect("ens19", &request);
	expect_none("ens19");
	any_drops();
}
END_TEST

START_TEST(item_92_a_gateway_that_moves_is_announced)
{
	struct frame claim = frame_arp(&(struct hosts){MAC_GW, BROADCAST, IP_GW, IP_GW}, 1);
	unsigned n = 0;

	router_node(&(struct router_config_text){.gateway = ""});
	call("network.add", "{'name': 'outer', 'external': true, 'segments': [{'type': 'vlan',"
			    " 'uplink': 'provider', 'id': 1002}]}");
	call("subnet.add", "{'name': 'outer', 'network': 'outer', 'cidr': '10.1.0.0/24'}");
	forget_sent("ens19");
	call("router.set", OUTER);
	claim = frame_tagged(&claim, ETHER_TYPE_VLAN, 1002);
	claim = frame_padded(&claim);
	for (unsigned second = 0; second < 8; second++) {
		pass_time(1);
		while (n_sent("ens19") != 0) {
			struct frame frame = sent("ens19");

			n += frame_equal(&frame, &claim);
		}
	}
	ck_assert_uint_eq(n, 3);
	any_drops();
}
END_TEST

START_TEST(item_92_a_floating_address_without_a_port_is_not_answered)
{
	struct frame request = frame_arp(&(struct hosts){MAC_X, BROADCAST, IP_X, FIP}, 1);

	plain_router();
	arrive("ens20", &request);
	ck_assert_uint_eq(n_sent("ens20"), 1);
	forget_sent("ens20");
	call("floating-ip.set", "{'name': '" FIP "', 'port': null}");
	arrive("ens20", &request);
	expect_none("ens20");
	any_drops();
}
END_TEST

START_TEST(neighbours_are_limited)
{
	struct hosts says = {MAC_V, BROADCAST, NULL, "172.20.0.1"};
	struct frame frame =
		frame_udp(&(struct hosts){MAC_V, MAC_O, IP_A, "172.20.99.9"}, 1, 2, 20);
	char text[INET_ADDRSTRLEN];

	router_node(&(struct router_config_text){
		.more_subnets = ", 'wide': {'network': 'vlan1001', 'cidr': '172.20.0.0/16'}",
		.more_routers =
			", 'other': {'interfaces': [{'subnet': 'wide', 'mac': '" MAC_O "'}]}"});
	says.from = text;
	for (unsigned i = 0; i < 1024; i++) {
		snprintf(text, sizeof(text), "172.20.%u.%u", 1 + i / 200, 1 + i % 200);
		clock_advance(50 * NS_PER_MS);
		meet("v", &says);
		forget_sent("ens19");
	}
	arrive("v", &frame);
	drops_are("port v", DROP_RTR_NEIGH_QUEUE, 1);
	pass_time(60); // they are of no use
	arrive("v", &frame);
	drops_are("port v", DROP_RTR_NEIGH_QUEUE, 1);
	any_drops();
}
END_TEST

// ---- what people ask for ------------------------------------------------------------------------

// A port that outsiders see is one of the session as much as that which an insider has chosen.
START_TEST(item_110_a_session_is_found_by_its_outside_port)
{
	struct frame first = frame_udp(&(struct hosts){MAC_C, MAC_R2, IP_C, FAR}, 1000, 2000, 20);
	struct frame second = frame_udp(&(struct hosts){MAC_B, MAC_R1, IP_B, FAR}, 1000, 2000, 20);
	struct frame seen;

	plain_router();
	arrive("c", &first);
	forget_sent("ens20");
	arrive("b", &second);
	seen = sent("ens20");
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 2);
	call("session.flush", "{'l4-port': %u}", ntohs(frame_l4(&seen)->source));
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 1);
	call("session.flush", "{'l4-port': 1000}");
	ck_assert_uint_eq(session_counts(sw.tables->sessions).live, 0);
}
END_TEST

// ---- anything ----------------------------------------------------------------------------------

#define N_FRAMES  20000
#define BURST_MAX 8

static const struct {
	const char *device;
	struct hosts hosts;
} ways[] = {
	{"a", {MAC_A, MAC_R1, IP_A, IP_C}},
	{"c", {MAC_C, MAC_R2, IP_C, IP_A}},
	{"a", {MAC_A, MAC_R1, IP_A, FAR}},
	{"c", {MAC_C, MAC_R2, IP_C, FAR}},
	{"a", {MAC_A, MAC_R1, IP_A, FIP}},
	{"c", {MAC_C, MAC_R2, IP_C, FIP}},
	{"ens20", {MAC_X, MAC_GW, FAR, FIP}},
	{"ens20", {MAC_X, MAC_GW, IP_X, IP_GW}},
	{"ens20", {MAC_X, MAC_GW, FAR, IP_GW}},
	{"ens20", {MAC_X, MAC_GW, FAR, FIP_C}},
	{"ens20", {MAC_X, MAC_GW, FAR, IP_A}},
	{"v", {MAC_V, MAC_R3, IP_V, IP_A}},
	{"a", {MAC_A, MAC_R1, IP_A, "9.9.9.9"}},
	{"a", {MAC_A, MAC_R1, IP_A, IP_R1}},
	{"v", {MAC_V, MAC_R3, IP_V, FIP_C}},
	{"b", {MAC_B, MAC_R1, IP_B, "172.16.2.77"}},
};

static struct frame plain_frame(const struct hosts *hosts)
{
	static const uint8_t protocols[] = {47, 132, 33, 136, 50, 59};
	uint16_t len = (uint16_t)(random_u32() % (random_u32() % 4 == 0 ? 1400 : 64));
	uint16_t port = (uint16_t)(random_u32() % 4);

	switch (random_u32() % 5) {
	case 0:
		return frame_icmp_echo(hosts, port, len);
	case 1:
		return frame_tcp(hosts, port, 80, len);
	case 2:
		return frame_ip4(hosts, protocols[random_u32() % ARRAY_SIZE(protocols)], len);
	default:
		return frame_udp(hosts, port, (uint16_t)(random_u32() % 4), len);
	}
}

// An error about something that may have gone the other way.
static struct frame random_error(const struct hosts *hosts)
{
	static const uint8_t types[] = {3, 4, 5, 11, 12};
	struct hosts back = {hosts->to_mac, hosts->from_mac, hosts->to, hosts->from};
	struct frame cause = plain_frame(&back);

	return error_about(hosts, types[random_u32() % ARRAY_SIZE(types)],
		(uint8_t)(random_u32() % 5), 1000, &cause);
}

static void mutate(struct frame *frame)
{
	static const uint8_t options[8] = {148, 4, 0, 0, 7, 4, 4, 0};

	if (random_u32() % 8 == 0 && frame->len < 1500)
		add_options(frame, options, random_u32() % 2 ? 4 : 8);
	if (random_u32() % 6 == 0) {
		frame_ip(frame)->id = htons(random_u32() % 4);
		frame_set_fragment(
			frame, (random_u32() % 2 ? IPV4_MF : 0) | (random_u32() % 3) * 8);
	}
	for (unsigned n = random_u32() % 4; n != 0; n--)
		frame->bytes[ETHERNET_LEN +
			     random_u32() % RTE_MIN(80, frame->len - ETHERNET_LEN)] ^=
			(uint8_t)(1u << random_u32() % 8);
	if (random_u32() % 6 == 0)
		frame_ip(frame)->total_len = htons(20 + random_u32() % 40);
	if (random_u32() % 8 != 0)
		frame_fix_ip(frame);
	if (random_u32() % 8 == 0)
		frame->len = ETHERNET_LEN + random_u32() % (frame->len - ETHERNET_LEN + 1);
}

// Objects come and go under what waits and what has sessions.
static void change_something(void)
{
	static const char gateway[] = "{'name': 'vxlan1and2', 'gateway': {'network': 'inside',"
				      " 'address': '" IP_GW "', 'mac': '" MAC_GW "'}}";

	switch (random_u32() % 4) {
	case 0:
		call("floating-ip.set", "{'name': '" FIP "', 'port': 'b'}");
		call("floating-ip.set", "{'name': '" FIP "', 'port': 'a'}");
		break;
	case 1:
		call("floating-ip.del", "{'name': '" FIP_C "'}");
		call("floating-ip.del", "{'name': '" FIP "'}");
		call("router.set", "{'name': 'vxlan1and2', 'gateway': null}");
		call("router.set", gateway);
		call("floating-ip.add", "{'name': '" FIP "', 'network': 'inside', 'port': 'a'}");
		call("floating-ip.add", "{'name': '" FIP_C "', 'network': 'inside', 'port': 'c'}");
		break;
	case 2:
		call("network.set", "{'name': 'vxlan2', 'admin-state': 'down'}");
		call("network.set", "{'name': 'vxlan2', 'admin-state': 'up', 'mtu': %u}",
			68 + random_u32() % 1300);
		break;
	default:
		pass_time(1 + random_u32() % 40);
		meet_all();
	}
}

static void forget_all(void)
{
	static const char *const devices[] = {"a", "b", "c", "d", "v", "ens18", "ens19", "ens20"};

	for (unsigned i = 0; i < ARRAY_SIZE(devices); i++)
		forget_sent(devices[i]);
}

START_TEST(item_120_mutated_packets_through_a_router)
{
	struct frame *frames = calloc(BURST_MAX, sizeof(*frames));

	random_seed(UINT64_C(0x9e3779b97f4a7c15));
	router_node(&(struct router_config_text){.gateway = "",
		.more_ports = ", 'd': {'network': 'vxlan1', 'device': 'fake:d', 'mac':"
			      " 'fa:16:3e:00:00:0d', 'addresses': ['172.16.1.44'],"
			      " 'security-groups': ['all']}",
		.others = ", 'security-groups': {'all': {'rules': [{'direction': 'ingress'},"
			  "{'direction': 'egress'}]}}, " TWO_FLOATING});
	for (unsigned done = 0; done < N_FRAMES;) {
		unsigned way = random_u32() % ARRAY_SIZE(ways), n = 1 + random_u32() % BURST_MAX;

		for (unsigned i = 0; i < n; i++) {
			frames[i] = random_u32() % 4 == 0 ? random_error(&ways[way].hosts)
							  : plain_frame(&ways[way].hosts);
			mutate(&frames[i]);
		}
		arrive_burst(ways[way].device, frames, n);
		clock_advance(10 * NS_PER_MS);
		forget_all();
		if (random_u32() % 64 == 0)
			change_something();
		done += n;
	}
	free(frames);
	any_drops();
}
END_TEST

void router_edge_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_108_t2_between_two_floating_addresses,
		item_113_an_error_between_two_floating_addresses,
		item_116_a_floating_address_is_no_source,
		what_belongs_to_nothing_does_not_enter_where_it_is_refused,
		what_belongs_to_nothing_enters_untranslated,
		an_error_about_an_error_is_not_translated,
		l4_headers_that_are_cut,
		options_are_in_no_translations_way,
		item_112_options_of_pieces,
		item_112_pieces_are_translated_alike,
		item_112_pieces_of_fragments_are_translated_alike,
		a_floating_address_goes_while_a_packet_waits,
		a_floating_address_moves_while_a_packet_waits,
		a_port_goes_while_a_packet_waits,
		a_router_goes_while_a_packet_waits,
		a_router_that_comes_again_has_no_sessions,
		a_gateway_that_moves_takes_no_neighbours_along,
		item_92_a_gateway_that_moves_is_announced,
		item_92_a_floating_address_without_a_port_is_not_answered,
		neighbours_are_limited,
		item_110_a_session_is_found_by_its_outside_port,
		item_120_mutated_packets_through_a_router,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
