// SPDX-License-Identifier: BSD-3-Clause
// Ways through a router that its configuration makes: several next hops (item 118), several subnets
// of an external network, an interface given by a port, the metadata service; what waits in
// fragments; how many errors a router sends (item 117).

#include "router_node.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/icmp.h"

#define ETHERNET_LEN 14
#define HEAD_LEN     34

// ---- several next hops -------------------------------------------------------------------------

#define N_FLOWS 64

static struct frame to_flow(unsigned flow, uint16_t sequence)
{
	char to[INET_ADDRSTRLEN];

	snprintf(to, sizeof(to), "10.9.0.%u", flow + 1);
	return frame_udp(&(struct hosts){MAC_A, MAC_R1, IP_A, to}, 1000, sequence, 20);
}

START_TEST(item_118_a_flow_stays_on_one_of_equal_paths)
{
	unsigned n_by_b = 0;

	router_node(&(struct router_config_text){
		.router = ", 'routes': [{'destination': '10.9.0.0/16', 'nexthop': '" IP_B "'},"
			  "{'destination': '10.9.0.0/16', 'nexthop': '" IP_C "'}]"});
	for (unsigned flow = 0; flow < N_FLOWS; flow++) {
		bool by_b = false;

		for (uint16_t sequence = 0; sequence < 3; sequence++) {
			struct frame frame = to_flow(flow, sequence), seen;

			arrive("a", &frame);
			if (sequence == 0)
				by_b = n_sent("b") != 0;
			seen = hop(&frame, by_b ? MAC_R1 : MAC_R2, by_b ? MAC_B : MAC_C);
			expect(by_b ? "b" : "c", &seen);
			expect_none(by_b ? "c" : "b");
		}
		n_by_b += by_b;
	}
	ck_assert_uint_gt(n_by_b, 0);
	ck_assert_uint_lt(n_by_b, N_FLOWS);
}
END_TEST

START_TEST(item_114_a_default_route_that_goes)
{
	struct hosts outward = {MAC_A, MAC_R1, IP_A, FAR};
	struct frame frame = frame_udp(&outward, 1, 2, 20), seen = hop(&frame, MAC_R2, MAC_C);
	struct frame error = error_about(
		&(struct hosts){MAC_R1, MAC_A, IP_R1, IP_A}, ICMP_UNREACHABLE, 0, 0, &frame);

	router_node(&(struct router_config_text){
		.router = ", 'routes': [{'destination': '0.0.0.0/0', 'nexthop': '" IP_C "'}]"});
	arrive("a", &frame);
	expect("c", &seen);
	call("router.set", "{'name': 'vxlan1and2', 'routes': []}");
	arrive("a", &frame);
	expect_none("c");
	expect_error("a", &error);
	drops_are("port a", DROP_RTR_NO_ROUTE, 1);
}
END_TEST

// ---- the external network ----------------------------------------------------------------------

#define IP_Y  "10.2.0.5" // X in the second subnet
#define FIP_2 "10.2.0.50"

START_TEST(all_subnets_of_the_external_network_are_on_link)
{
	struct hosts outward = {MAC_C, MAC_R2, IP_C, IP_Y}, at_y = {MAC_GW, MAC_X, IP_GW, IP_Y};
	struct frame frame = udp_over(&outward, 1000, 2000, 0);
	struct frame seen = udp_over(&at_y, 1000, 2000, 1);
	struct frame request = frame_arp(&(struct hosts){MAC_GW, BROADCAST, IP_GW, IP_Y}, 1);
	struct frame reply = frame_arp(&(struct hosts){MAC_X, MAC_GW, IP_Y, IP_GW}, 2);

	router_node(&(struct router_config_text){.gateway = "",
		.others = ", 'floating-ips': {'" FIP_2 "': {'network': 'inside', 'port': 'a'}}",
		.more_subnets = ", 'inside2': {'network': 'inside', 'cidr': '10.2.0.0/24'}"});
	arrive("c", &frame);
	request = frame_padded(&request);
	expect("ens20", &request); // and not the gateway of the subnet
	arrive("ens20", &reply);
	expect("ens20", &seen);
	crosses(&(struct crossing){"ens20", {MAC_X, MAC_GW, IP_Y, FIP_2}, 3000, 22, "a",
		{MAC_R1, MAC_A, IP_Y, IP_A}, 0, 0});
	crosses(&(struct crossing){"a", {MAC_A, MAC_R1, IP_A, IP_Y}, 22, 3000, "ens20",
		{MAC_GW, MAC_X, FIP_2, IP_Y}, 0, 0});
}
END_TEST

START_TEST(static_routes_lead_over_all_subnets_of_the_external_network)
{
	struct hosts outward = {MAC_C, MAC_R2, IP_C, "10.9.1.1"};
	struct hosts at_y = {MAC_GW, MAC_X, IP_GW, "10.9.1.1"};
	struct frame frame = udp_over(&outward, 1000, 2000, 0);
	struct frame seen = udp_over(&at_y, 1000, 2000, 1);
	struct frame request = frame_arp(&(struct hosts){MAC_GW, BROADCAST, IP_GW, IP_Y}, 1);
	struct frame reply = frame_arp(&(struct hosts){MAC_X, MAC_GW, IP_Y, IP_GW}, 2);

	router_node(&(struct router_config_text){.gateway = "",
		.router = ", 'routes': [{'destination': '10.9.0.0/16', 'nexthop': '" IP_Y "'}]",
		.more_subnets = ", 'inside2': {'network': 'inside', 'cidr': '10.2.0.0/24'}"});
	arrive("c", &frame);
	request = frame_padded(&request);
	expect("ens20", &request);
	arrive("ens20", &reply);
	expect("ens20", &seen);
}
END_TEST

// ---- an interface given by a port --------------------------------------------------------------

#define MAC_P "fa:16:3e:00:00:05" // of a port without a device
#define IP_P  "172.16.1.5"
#define MAC_Q "fa:16:3e:00:00:06"
#define IP_Q  "172.17.0.2"

START_TEST(a_router_takes_over_a_port)
{
	router_node(&(struct router_config_text){
		.more_ports = ", 'p': {'network': 'vxlan1', 'mac': '" MAC_P
			      "', 'addresses': ['" IP_P "']}",
		.more_routers = ", 'other': {'interfaces': [{'port': 'p'}, {'subnet': 'vlan1001',"
				" 'address': '" IP_Q "', 'mac': '" MAC_Q "'}]}"});
	meet("a", &(struct hosts){MAC_A, BROADCAST, IP_A, IP_P});
	meet("v", &(struct hosts){MAC_V, BROADCAST, IP_V, IP_Q});
	forget_sent("b");
	crosses(&(struct crossing){
		"a", {MAC_A, MAC_P, IP_A, IP_V}, 1, 2, "v", {MAC_Q, MAC_V, IP_A, IP_V}, 0, 0});
	crosses(&(struct crossing){
		"v", {MAC_V, MAC_Q, IP_V, IP_A}, 2, 1, "a", {MAC_P, MAC_A, IP_V, IP_A}, 0, 0});
}
END_TEST

// ---- link-local addresses and metadata ---------------------------------------------------------

#define METADATA    "169.254.169.254"
#define MAC_BACKEND "52:54:00:00:aa:01"
#define BACKEND	    ", 'metadata-device': 'fake:meta'"

START_TEST(nothing_else_of_a_router_is_link_local)
{
	struct hosts to_it = {MAC_A, MAC_R1, IP_A, METADATA};
	struct hosts from_outside = {MAC_X, MAC_GW, IP_X, METADATA};
	struct frame ssh = frame_tcp(&to_it, 40000, 22, 0), name = frame_udp(&to_it, 1, 53, 20);
	struct frame outside = frame_tcp(&from_outside, 40000, 80, 0);

	router_node(&(struct router_config_text){.gateway = "", .router = BACKEND});
	arrive("a", &ssh);
	arrive("a", &name);
	drops_are("port a", DROP_RTR_MARTIAN, 2);
	arrive("ens20", &outside);
	drops_are("inside.flat", DROP_RTR_MARTIAN, 1);
	expect_none("meta");
}
END_TEST

// The device is the router's: whoever listens behind it knows the router, and by the source, which
// is unique behind a router, the instance.
static void asks_for_metadata(const char *device, const struct hosts *asks)
{
	struct hosts answers = {asks->to_mac, asks->from_mac, METADATA, asks->from};
	const char *ours = device_mac_text("meta");
	struct hosts inward = {ours, MAC_BACKEND, asks->from, METADATA};
	struct hosts outward = {MAC_BACKEND, ours, METADATA, asks->from};
	struct frame request = frame_tcp(asks, 40000, 80, 0);
	struct frame at_backend = frame_tcp(&inward, 40000, 80, 0);
	struct frame reply = frame_tcp(&outward, 80, 40000, 0);
	struct frame at_client = frame_tcp(&answers, 80, 40000, 0);

	arrive(device, &request);
	expect("meta", &at_backend);
	arrive_privately("meta", &reply);
	expect(device, &at_client);
	expect_none(device);
}

START_TEST(metadata_goes_to_the_backend_of_the_router_and_back)
{
	struct hosts asks = {MAC_A, MAC_R1, IP_A, METADATA};
	struct frame first = frame_tcp(&asks, 40001, 80, 0), who_has_backend, backend_is;
	const char *ours;

	router_node(&(struct router_config_text){.gateway = "", .router = BACKEND});
	ours = device_mac_text("meta");
	who_has_backend = frame_arp(&(struct hosts){ours, BROADCAST, IP_A, METADATA}, 1);
	backend_is = frame_arp(&(struct hosts){MAC_BACKEND, ours, METADATA, IP_A}, 2);
	arrive("a", &first);
	expect("meta", &who_has_backend);
	arrive_privately("meta", &backend_is);
	forget_sent("meta"); // what waited
	asks_for_metadata("a", &asks);
	asks_for_metadata("c", &(struct hosts){MAC_C, MAC_R2, IP_C, METADATA});
	expect_none("meta");
}
END_TEST

// ---- fragments that wait -----------------------------------------------------------------------

#define DATAGRAM_LEN 3900
#define PIECE_LEN    1400
#define N_PIECES     3

#define MAC_W "fa:16:3e:00:00:57"
#define IP_W  "172.16.1.57" // has not spoken yet

// A piece of a UDP datagram between ports 1 and 2, from one of them.
static struct frame piece_from(const struct hosts *hosts, uint16_t port, unsigned i)
{
	struct frame whole = frame_udp(hosts, port, 3 - port, DATAGRAM_LEN), piece = whole;
	unsigned payload = whole.len - HEAD_LEN, start = i * PIECE_LEN;
	unsigned len = RTE_MIN(PIECE_LEN, payload - start);

	memcpy(piece.bytes + HEAD_LEN, whole.bytes + HEAD_LEN + start, len);
	piece.len = HEAD_LEN + len;
	frame_ip(&piece)->id = htons(99);
	frame_ip(&piece)->total_len = htons(20 + len);
	frame_set_fragment(&piece, (start + len < payload ? IPV4_MF : 0) | start / 8);
	return piece;
}

static struct frame piece_of(const struct hosts *hosts, unsigned i)
{
	return piece_from(hosts, 1, i);
}

static const struct hosts to_floating = {MAC_X, MAC_GW, IP_X, FIP};

static void piece_comes(unsigned i)
{
	struct frame piece = piece_of(&to_floating, i);

	arrive("ens20", &piece);
}

// The router has sent nothing to whom a floating address stands for but the question who that is.
static void is_asked(void)
{
	struct frame request = frame_arp(&(struct hosts){MAC_R1, BROADCAST, IP_R1, IP_W}, 1);

	expect("w", &request);
	expect_none("w");
}

static struct frame answer(void)
{
	return frame_arp(&(struct hosts){MAC_W, MAC_R1, IP_W, IP_R1}, 2);
}

static void all_pieces_came(void)
{
	static const struct hosts seen = {MAC_R1, MAC_W, IP_X, IP_W};

	for (unsigned i = 0; i < N_PIECES; i++) {
		struct frame piece = piece_of(&seen, i), at_host = hop(&piece, MAC_R1, MAC_W);

		expect("w", &at_host);
	}
	expect_none("w");
	any_drops(); // requests have nowhere to go in the tunnel
}

// The answer comes when `n_waiting` pieces of a datagram from X have come; the others follow it.
static void pieces_wait(unsigned n_waiting)
{
	struct frame reply = answer();

	forget_sent("w");
	for (unsigned i = 0; i < n_waiting; i++)
		piece_comes(i);
	is_asked();
	arrive("w", &reply);
	for (unsigned i = n_waiting; i < N_PIECES; i++)
		piece_comes(i);
	all_pieces_came();
}

// The same, but the next piece comes before the worker has got back those that waited.
static void a_piece_overtakes(unsigned n_waiting)
{
	struct frame reply = answer(), next = piece_of(&to_floating, n_waiting);

	forget_sent("w");
	for (unsigned i = 0; i < n_waiting; i++)
		piece_comes(i);
	is_asked();
	arrive_unpolled("w", &reply);
	control_poll(sw.control, clock_now_ns());
	arrive_unpolled("ens20", &next);
	expect_none("w");
	run();
	for (unsigned i = n_waiting + 1; i < N_PIECES; i++)
		piece_comes(i);
	all_pieces_came();
}

#define PORT_W                                                                                     \
	", 'w': {'network': 'vxlan1', 'device': 'fake:w', 'mac': '" MAC_W                          \
	"', 'addresses': ['" IP_W "']"

static void waiting_node(bool filtered)
{
	router_node(&(struct router_config_text){.gateway = "",
		.more_ports = filtered ? PORT_W ", 'security-groups': ['udp']}" : PORT_W "}",
		.others = ", 'security-groups': {'udp': {'rules': [{'direction': 'ingress',"
			  " 'protocol': 'udp', 'ports': '2'}]}},"
			  "'floating-ips': {'" FIP "': {'network': 'inside', 'port': 'w'}}"});
}

START_TEST(item_115_fragments_wait_for_a_neighbour)
{
	waiting_node(false);
	pieces_wait(N_PIECES);
}
END_TEST

START_TEST(item_115_some_fragments_wait_for_a_neighbour)
{
	waiting_node(false);
	pieces_wait(2);
}
END_TEST

START_TEST(item_115_fragments_for_a_filtered_port_wait)
{
	waiting_node(true);
	pieces_wait(N_PIECES);
}
END_TEST

START_TEST(item_115_some_fragments_for_a_filtered_port_wait)
{
	waiting_node(true);
	pieces_wait(1);
}
END_TEST

START_TEST(item_115_a_fragment_overtakes_its_first)
{
	waiting_node(false);
	a_piece_overtakes(1);
}
END_TEST

START_TEST(item_115_a_fragment_overtakes_those_that_wait)
{
	waiting_node(false);
	a_piece_overtakes(2);
}
END_TEST

START_TEST(item_115_a_fragment_for_a_filtered_port_overtakes_its_first)
{
	waiting_node(true);
	a_piece_overtakes(1);
}
END_TEST

static const struct hosts from_w = {MAC_W, MAC_R1, IP_W, IP_X};

// W may send nothing but answers. It has to answer X, whom the router must ask for once more.
static void node_that_answers_x(void)
{
	struct frame frame = frame_udp(&from_w, 2, 1, 20);

	waiting_node(true);
	pieces_wait(1);
	arrive("w", &frame);
	pass_time(10); // X does not say that it is still there
	forget_sent("ens20");
}

static void x_is_asked_and_answers(void)
{
	struct frame request = frame_arp(&(struct hosts){MAC_GW, BROADCAST, IP_GW, IP_X}, 1);
	struct frame is_x = frame_arp(&(struct hosts){MAC_X, MAC_GW, IP_X, IP_GW}, 2);

	request = frame_padded(&request);
	expect("ens20", &request);
	expect_none("ens20");
	arrive("ens20", &is_x);
}

START_TEST(item_115_fragments_of_a_filtered_port_wait)
{
	static const struct hosts seen = {MAC_GW, MAC_X, FIP, IP_X};

	node_that_answers_x();
	for (unsigned i = 0; i < N_PIECES; i++) {
		struct frame piece = piece_from(&from_w, 2, i);

		if (i == 2)
			x_is_asked_and_answers();
		arrive("w", &piece);
	}
	for (unsigned i = 0; i < N_PIECES; i++) {
		struct frame piece = piece_from(&seen, 2, i), at_x = hop(&piece, MAC_GW, MAC_X);

		expect("ens20", &at_x);
	}
	expect_none("ens20");
}
END_TEST

START_TEST(item_115_fragments_that_wait_are_checked_like_others)
{
	struct frame first = piece_from(&from_w, 2, 0), second = piece_from(&from_w, 2, 1);

	node_that_answers_x();
	ether_addr_set(second.bytes + 6, mac_of(MAC_A));
	arrive("w", &first);
	arrive("w", &second);
	x_is_asked_and_answers();
	ck_assert_uint_eq(n_sent("ens20"), 1);
	forget_sent("ens20");
	drops_are("port w", DROP_SPOOF_MAC, 1);
}
END_TEST

// ---- errors ------------------------------------------------------------------------------------

// A packet without a hop left, from one of many senders behind a host.
static void expires(const char *device, const struct hosts *hosts, unsigned sender)
{
	char from[INET_ADDRSTRLEN];
	struct hosts of = *hosts;
	struct frame frame;

	snprintf(from, sizeof(from), "100.64.%u.%u", sender >> 8, sender & 0xff);
	of.from = from;
	frame = udp_over(&of, 1, 2, 63);
	arrive(device, &frame);
}

START_TEST(item_117_errors_are_limited_for_all_interfaces_of_a_router)
{
	static const struct hosts a_to_c = {MAC_A, MAC_R1, IP_A, IP_C};
	static const struct hosts c_to_a = {MAC_C, MAC_R2, IP_C, IP_A};

	plain_router();
	for (unsigned i = 0; i < 60; i++)
		expires(i % 2 == 0 ? "a" : "c", i % 2 == 0 ? &a_to_c : &c_to_a, i);
	ck_assert_uint_eq(n_sent("a") + n_sent("c"), 50);
	drops_are("port a", DROP_ICMP_ERR_RATE, 5);
	drops_are("port c", DROP_ICMP_ERR_RATE, 5);
	any_drops(); // those that were told
}
END_TEST

START_TEST(item_117_a_flood_of_errors_slows_nobody_down)
{
	static const struct hosts a_to_c = {MAC_A, MAC_R1, IP_A, IP_C};
	static const struct hosts b_to_c = {MAC_B, MAC_R1, IP_B, IP_C};
	struct frame frame = frame_udp(&b_to_c, 1, 2, 20), seen = hop(&frame, MAC_R2, MAC_C);
	unsigned n = 0;

	plain_router();
	for (unsigned ms = 0; ms < 1000; ms++) {
		expires("a", &a_to_c, 2 * ms);
		expires("a", &a_to_c, 2 * ms + 1);
		n += n_sent("a");
		forget_sent("a");
		arrive("b", &frame);
		expect("c", &seen);
		clock_advance(NS_PER_S / 1000);
	}
	ck_assert_uint_le(n, 1050);
	ck_assert_uint_ge(n, 1000);
	any_drops();
}
END_TEST

void router_path_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_118_a_flow_stays_on_one_of_equal_paths,
		item_114_a_default_route_that_goes,
		all_subnets_of_the_external_network_are_on_link,
		static_routes_lead_over_all_subnets_of_the_external_network,
		a_router_takes_over_a_port,
		nothing_else_of_a_router_is_link_local,
		metadata_goes_to_the_backend_of_the_router_and_back,
		item_115_fragments_wait_for_a_neighbour,
		item_115_some_fragments_wait_for_a_neighbour,
		item_115_fragments_for_a_filtered_port_wait,
		item_115_some_fragments_for_a_filtered_port_wait,
		item_115_fragments_of_a_filtered_port_wait,
		item_115_fragments_that_wait_are_checked_like_others,
		item_115_a_fragment_overtakes_its_first,
		item_115_a_fragment_overtakes_those_that_wait,
		item_115_a_fragment_for_a_filtered_port_overtakes_its_first,
		item_117_errors_are_limited_for_all_interfaces_of_a_router,
		item_117_a_flood_of_errors_slows_nobody_down,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
