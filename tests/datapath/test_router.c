// SPDX-License-Identifier: BSD-3-Clause
// Routing between networks (items 105, 106, 111, 112, 114, 116 to 118), neighbours of routers
// (items 89, 90, 92), and every way a packet dies in one.

#include "router_node.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/arp.h"
#include "net/icmp.h"

#define ETHERNET_LEN 14

static const struct hosts a_to_c = {MAC_A, MAC_R1, IP_A, IP_C};
static const struct hosts c_to_a = {MAC_C, MAC_R2, IP_C, IP_A};

static struct hosts from_a(const char *to)
{
	return (struct hosts){MAC_A, MAC_R1, IP_A, to};
}

static struct hosts from_x(const char *to)
{
	return (struct hosts){MAC_X, MAC_GW, IP_X, to};
}

// ---- from network to network -------------------------------------------------------------------

START_TEST(item_105_without_a_router_nobody_answers)
{
	struct frame ping = frame_icmp_echo(&a_to_c, 1, 56);

	configure("{'uplinks': {'u': {'device': 'fake:ens19', 'vlans': '1-9'}},"
		  "'networks': {'n1': {'segments': [{'type': 'vlan', 'uplink': 'u', 'id': 1}]},"
		  " 'n2': {'segments': [{'type': 'vlan', 'uplink': 'u', 'id': 2}]}},"
		  "'ports': {'a': {'network': 'n1', 'device': 'fake:a', 'mac': '" MAC_A "'},"
		  " 'c': {'network': 'n2', 'device': 'fake:c', 'mac': '" MAC_C "'}}}");
	arrive("a", &ping);
	expect_none("c");
}
END_TEST

START_TEST(item_105_east_west_keeps_addresses)
{
	struct frame ping = frame_icmp_echo(&a_to_c, 1, 56), pong = frame_icmp_echo(&c_to_a, 1, 56);
	struct frame at_c = hop(&ping, MAC_R2, MAC_C), at_a = hop(&pong, MAC_R1, MAC_A);

	plain_router();
	arrive("a", &ping);
	expect("c", &at_c);
	arrive("c", &pong);
	expect("a", &at_a);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
}
END_TEST

START_TEST(item_105_a_burst_keeps_its_order)
{
	struct frame frames[10];

	plain_router();
	for (uint16_t i = 0; i < 10; i++)
		frames[i] = frame_udp(&a_to_c, 1000, i + 1, 20);
	arrive_burst("a", frames, 10);
	for (uint16_t i = 0; i < 10; i++) {
		struct frame seen = hop(&frames[i], MAC_R2, MAC_C);

		expect("c", &seen);
	}
}
END_TEST

START_TEST(item_106_vlan_and_vxlan)
{
	struct frame to_a = frame_udp(&(struct hosts){MAC_V, MAC_R3, IP_V, IP_A}, 1, 2, 20);
	struct frame to_v = frame_udp(&(struct hosts){MAC_A, MAC_R1, IP_A, IP_V}, 2, 1, 20);
	struct frame at_a = hop(&to_a, MAC_R1, MAC_A), at_v = hop(&to_v, MAC_R3, MAC_V);

	plain_router();
	arrive("v", &to_a);
	expect("a", &at_a);
	arrive("a", &to_v);
	expect("v", &at_v);
}
END_TEST

START_TEST(item_106_a_static_route_leads_further)
{
	struct hosts far = {MAC_A, MAC_R1, IP_A, "10.9.1.1"};
	struct frame frame = frame_udp(&far, 1, 2, 20), seen = hop(&frame, MAC_R2, MAC_C);

	router_node(&(struct router_config_text){
		.router = ", 'routes': [{'destination': '10.9.0.0/16', 'nexthop': '" IP_C "'}]"});
	arrive("a", &frame);
	expect("c", &seen);
}
END_TEST

START_TEST(item_106_without_a_route_back_one_way_works)
{
	struct hosts back = {MAC_C, MAC_R2, IP_C, "10.9.1.1"};
	struct frame reply = frame_udp(&back, 1, 2, 20);

	router_node(&(struct router_config_text){0});
	arrive("c", &reply);
	struct frame error = error_about(
		&(struct hosts){MAC_R2, MAC_C, IP_R2, IP_C}, ICMP_UNREACHABLE, 0, 0, &reply);

	expect_error("c", &error);
	drops_are("port c", DROP_RTR_NO_ROUTE, 1);
}
END_TEST

START_TEST(item_118_longest_prefix_decides)
{
	struct hosts by_8 = from_a("10.9.1.1"), by_16 = from_a("10.2.9.1"),
		     by_24 = from_a("10.2.3.4");
	struct frame frame = frame_udp(&by_8, 1, 2, 20), seen = hop(&frame, MAC_R1, MAC_B);

	router_node(&(struct router_config_text){
		.router = ", 'routes': [{'destination': '10.0.0.0/8', 'nexthop': '" IP_B "'},"
			  "{'destination': '10.2.0.0/16', 'nexthop': '" IP_C "'},"
			  "{'destination': '10.2.3.0/24', 'nexthop': '" IP_V "'}]"});
	arrive("a", &frame);
	expect("b", &seen);
	frame = frame_udp(&by_16, 1, 2, 20);
	seen = hop(&frame, MAC_R2, MAC_C);
	arrive("a", &frame);
	expect("c", &seen);
	frame = frame_udp(&by_24, 1, 2, 20);
	seen = hop(&frame, MAC_R3, MAC_V);
	arrive("a", &frame);
	expect("v", &seen);
}
END_TEST

// ---- TTL and MTU -------------------------------------------------------------------------------

START_TEST(item_111_no_hop_left)
{
	struct frame frame = udp_over(&a_to_c, 1, 2, 63);
	struct frame error = error_about(
		&(struct hosts){MAC_R1, MAC_A, IP_R1, IP_A}, ICMP_TIME_EXCEEDED, 0, 0, &frame);

	plain_router();
	arrive("a", &frame);
	expect_error("a", &error);
	expect_none("c");
	drops_are("port a", DROP_RTR_TTL, 1);
}
END_TEST

START_TEST(item_111_the_router_itself_needs_no_hop)
{
	struct hosts to_r1 = from_a(IP_R1), to_r2 = from_a(IP_R2), to_gw = from_a(IP_GW);
	const struct hosts *all[] = {&to_r1, &to_r2, &to_gw};

	plain_router();
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		struct frame ping = frame_icmp_echo(all[i], 7, 56);

		frame_ip(&ping)->ttl = 1;
		frame_fix_ip(&ping);
		arrive("a", &ping);
		struct frame pong = sent("a");

		ck_assert_uint_eq(frame_ip(&pong)->source, ip_of(all[i]->to));
		ck_assert_uint_eq(frame_ip(&pong)->destination, ip_of(IP_A));
		ck_assert_uint_eq(pong.bytes[34], 0); // echo reply
		ck_assert(frame_ip_checksum_ok(&pong));
	}
}
END_TEST

START_TEST(a_closed_port_of_the_router_is_refused)
{
	struct hosts to_r1 = from_a(IP_R1);
	struct frame frame = frame_udp(&to_r1, 1, 2, 20);
	struct frame error = error_about(&(struct hosts){MAC_R1, MAC_A, IP_R1, IP_A},
		ICMP_UNREACHABLE, ICMP_CODE_PORT_UNREACHABLE, 0, &frame);

	plain_router();
	arrive("a", &frame);
	expect_error("a", &error);
}
END_TEST

START_TEST(item_112_too_large_with_df)
{
	struct hosts to_fip = from_x(FIP);
	struct frame frame = frame_udp(&to_fip, 1, 2, 1472);
	struct frame error;

	frame_set_fragment(&frame, IPV4_DF);
	error = error_about(&(struct hosts){MAC_GW, MAC_X, IP_GW, IP_X}, ICMP_UNREACHABLE,
		ICMP_CODE_FRAGMENTATION_NEEDED, 1450, &frame);
	plain_router();
	arrive("ens20", &frame);
	expect_error("ens20", &error);
	expect_none("a");
	drops_are("inside.flat", DROP_RTR_DF, 1);
}
END_TEST

START_TEST(item_112_too_large_without_df)
{
	struct hosts to_fip = from_x(FIP);
	struct frame frame = frame_udp(&to_fip, 1, 2, 1472);
	struct hosts at_a = {MAC_GW, MAC_A, IP_X, IP_A};
	struct frame whole = frame_udp(&at_a, 1, 2, 1472), first, second;

	plain_router();
	arrive("ens20", &frame);
	first = sent("a");
	second = sent("a");
	expect_none("a");
	ck_assert(frame_ip_checksum_ok(&first));
	ck_assert(frame_ip_checksum_ok(&second));
	ck_assert_uint_eq(first.len, ETHERNET_LEN + 20 + 1424);
	ck_assert_uint_eq(frame_ip(&first)->fragment, htons(IPV4_MF));
	ck_assert_uint_eq(second.len, ETHERNET_LEN + 20 + 1480 - 1424);
	ck_assert_uint_eq(frame_ip(&second)->fragment, htons(1424 / 8));
	ck_assert_uint_eq(frame_ip(&second)->source, ip_of(IP_X));
	ck_assert_uint_eq(frame_ip(&second)->destination, ip_of(IP_A));
	// The datagram that they make, its checksum too.
	ck_assert_mem_eq(first.bytes + 34, whole.bytes + 34, 1424);
	ck_assert_mem_eq(second.bytes + 34, whole.bytes + 34 + 1424, 1480 - 1424);
}
END_TEST

// ---- the path to a remote ----------------------------------------------------------------------

#define MAC_D "fa:16:3e:00:00:0d" // behind the tunnel
#define IP_D  "172.16.1.77"

// D is on vxlan1 behind a remote, to which the underlay has told that only 1000 bytes go.
static void narrow_path(void)
{
	struct hosts outer = {
		"52:54:00:00:01:03", device_mac_text("ens18"), "192.168.31.103", "192.168.31.101"};
	struct hosts a_to_d = {MAC_A, MAC_D, IP_A, IP_D}, told = outer;
	struct frame request = frame_arp(&(struct hosts){MAC_D, BROADCAST, IP_D, IP_R1}, 1);
	struct frame frame = frame_vxlan(&outer, 1, &request), datagram, error;

	arrive("ens18", &frame);
	forget_sent("ens18");
	forget_sent("a");
	forget_sent("b");
	frame = frame_udp(&a_to_d, 1, 2, 20);
	arrive("a", &frame);
	datagram = sent_datagram("ens18");
	told.from = "192.168.31.1";
	error = error_about(
		&told, ICMP_UNREACHABLE, ICMP_CODE_FRAGMENTATION_NEEDED, 1000, &datagram);
	frame_ip(&error)->destination = ip_of("192.168.31.101");
	frame_fix_ip(&error);
	arrive("ens18", &error);
}

START_TEST(a_sender_is_told_what_the_path_to_a_remote_takes)
{
	struct hosts a_to_d = {MAC_A, MAC_D, IP_A, IP_D}, d_to_a = {MAC_D, MAC_A, IP_D, IP_A};
	struct frame frame = frame_udp(&a_to_d, 1, 2, 1300), error;

	frame_set_fragment(&frame, IPV4_DF);
	error = error_about(&d_to_a, ICMP_UNREACHABLE, ICMP_CODE_FRAGMENTATION_NEEDED, 950, &frame);
	plain_router();
	narrow_path();
	arrive("a", &frame);
	expect_error("a", &error);
	drops_are("vxlan.1", DROP_VXLAN_PMTU, 1);
}
END_TEST

START_TEST(a_sender_behind_a_router_is_told_too)
{
	struct hosts c_to_d = {MAC_C, MAC_R2, IP_C, IP_D}, c_hears = {MAC_R2, MAC_C, IP_D, IP_C};
	struct frame frame = frame_udp(&c_to_d, 1, 2, 1300), at_d, error;

	frame_set_fragment(&frame, IPV4_DF);
	at_d = hop(&frame, MAC_R1, MAC_D);
	error = error_about(&c_hears, ICMP_UNREACHABLE, ICMP_CODE_FRAGMENTATION_NEEDED, 950, &at_d);
	frame_ip(&error)->ttl--;
	frame_fix_ip(&error);
	plain_router();
	narrow_path();
	arrive("c", &frame);
	expect_error("c", &error);
	drops_are("vxlan.1", DROP_VXLAN_PMTU, 1);
}
END_TEST

// ---- neighbours --------------------------------------------------------------------------------

START_TEST(item_89_own_addresses_are_answered)
{
	struct frame ask_r1 = frame_arp(&(struct hosts){MAC_A, BROADCAST, IP_A, IP_R1}, 1);
	struct frame is_r1 = frame_arp(&(struct hosts){MAC_R1, MAC_A, IP_R1, IP_A}, 2);
	const char *outside[] = {FIP, IP_GW};

	plain_router();
	arrive("a", &ask_r1);
	expect("a", &is_r1);
	for (unsigned i = 0; i < 2; i++) {
		struct frame ask =
			frame_arp(&(struct hosts){MAC_X, BROADCAST, IP_X, outside[i]}, 1);
		struct frame is = frame_arp(&(struct hosts){MAC_GW, MAC_X, outside[i], IP_X}, 2);

		is = frame_padded(&is);
		arrive("ens20", &ask);
		expect("ens20", &is);
	}
}
END_TEST

START_TEST(item_90_addresses_of_another_side_are_not_answered)
{
	struct frame inside = frame_arp(&(struct hosts){MAC_X, BROADCAST, IP_X, IP_R1}, 1);
	struct frame outside = frame_arp(&(struct hosts){MAC_A, BROADCAST, IP_A, FIP}, 1);

	plain_router();
	arrive("ens20", &inside);
	expect_none("ens20");
	drops_are("inside.flat", DROP_NO_FLOOD_TARGET, 1);
	arrive("a", &outside);
	expect_none("a");
	any_drops();
}
END_TEST

START_TEST(item_92_a_floating_address_is_announced)
{
	struct frame request = frame_arp(&(struct hosts){MAC_GW, BROADCAST, FIP, FIP}, 1);
	unsigned n = 0;

	router_node(&(struct router_config_text){.gateway = ""});
	call("floating-ip.add", "{'name': '" FIP "', 'network': 'inside', 'port': 'a'}");
	for (unsigned second = 0; second < 8; second++) {
		pass_time(1);
		while (n_sent("ens20") != 0) {
			struct frame frame = sent("ens20");

			request = frame_padded(&request);
			n += frame_equal(&frame, &request);
		}
	}
	ck_assert_uint_eq(n, 3);
	any_drops();
}
END_TEST

START_TEST(item_114_a_host_that_does_not_answer)
{
	struct hosts to_dead = from_a("172.16.2.99");
	struct frame frame = frame_udp(&to_dead, 1, 2, 20);
	struct frame error = error_about(&(struct hosts){MAC_R1, MAC_A, IP_R1, IP_A},
		ICMP_UNREACHABLE, ICMP_CODE_HOST_UNREACHABLE, 0, &frame);
	struct frame request =
		frame_arp(&(struct hosts){MAC_R2, BROADCAST, IP_R2, "172.16.2.99"}, 1);

	plain_router();
	arrive("a", &frame);
	arrive("a", &frame);
	expect("c", &request);
	pass_time(1);
	expect("c", &request);
	pass_time(1);
	expect("c", &request);
	expect_none("a");
	pass_time(1);
	expect_error("a", &error);
	expect_error("a", &error);
	expect_none("c");
	drops_are("port a", DROP_RTR_NEIGH_FAIL, 2);
	any_drops(); // requests that flood have nowhere to go in the tunnel
}
END_TEST

START_TEST(item_114_a_host_that_answers_gets_what_waited)
{
	struct hosts to_new = from_a("172.16.2.99");
	struct frame first = frame_udp(&to_new, 1, 2, 20), second = frame_udp(&to_new, 1, 3, 20);
	struct frame reply = frame_arp(&(struct hosts){MAC_C, MAC_R2, "172.16.2.99", IP_R2}, 2);

	plain_router();
	arrive("a", &first);
	arrive("a", &second);
	forget_sent("c");
	arrive("c", &reply);
	first = hop(&first, MAC_R2, MAC_C);
	second = hop(&second, MAC_R2, MAC_C);
	expect("c", &first);
	expect("c", &second);
	any_drops();
}
END_TEST

START_TEST(too_many_wait)
{
	struct hosts to_dead = from_a("172.16.2.99");

	plain_router();
	for (unsigned i = 0; i < 103; i++) {
		struct frame frame = frame_udp(&to_dead, 1, (uint16_t)(i + 1), 20);

		arrive("a", &frame);
	}
	drops_are("port a", DROP_RTR_NEIGH_QUEUE, 2);
	any_drops();
}
END_TEST

START_TEST(a_stale_neighbour_is_verified_when_it_is_used)
{
	struct frame frame = frame_udp(&a_to_c, 1, 2, 20), seen = hop(&frame, MAC_R2, MAC_C);
	struct frame probe = frame_arp(&(struct hosts){MAC_R2, MAC_C, IP_R2, IP_C}, 1);

	plain_router();
	ether_addr_set(probe.bytes, mac_of(MAC_C));
	arrive("a", &frame);
	expect("c", &seen);
	pass_time(4);
	expect_none("c");
	pass_time(2);
	expect("c", &probe);
	any_drops();
}
END_TEST

START_TEST(a_neighbour_that_says_so_has_moved)
{
	struct frame frame = frame_udp(&a_to_c, 1, 2, 20);
	struct frame seen = hop(&frame, MAC_R2, "fa:16:3e:00:00:77");
	struct frame claim =
		frame_arp(&(struct hosts){"fa:16:3e:00:00:77", BROADCAST, IP_C, IP_C}, 1);
	struct frame stranger =
		frame_arp(&(struct hosts){MAC_C, BROADCAST, "172.16.2.88", "172.16.2.88"}, 1);
	struct hosts to_stranger = from_a("172.16.2.88");

	plain_router();
	arrive("c", &claim);
	arrive("a", &frame);
	expect("c", &seen);
	// Whom nobody has asked for is not learned.
	arrive("c", &stranger);
	frame = frame_udp(&to_stranger, 1, 2, 20);
	arrive("a", &frame);
	seen = frame_arp(&(struct hosts){MAC_R2, BROADCAST, IP_R2, "172.16.2.88"}, 1);
	expect("c", &seen);
	any_drops();
}
END_TEST

// ---- what is not forwarded ---------------------------------------------------------------------

static void dies(const char *device, const struct hosts *hosts, enum drop_reason reason)
{
	struct frame frame = frame_udp(hosts, 1, 2, 20);
	const char *name = device[0] == 'a' ? "port a" : "inside.flat";
	uint64_t before = counters_of(name).drops[reason];

	arrive(device, &frame);
	drops_are(name, reason, before + 1);
}

START_TEST(item_116_sources_that_can_not_be)
{
	const char *sources[] = {"127.0.0.1", "224.1.1.1", "255.255.255.255", "0.0.0.0", IP_R1,
		IP_R2, IP_GW, "172.16.2.255", "0.1.2.3"};

	plain_router();
	for (unsigned i = 0; i < ARRAY_SIZE(sources); i++)
		dies("a", &(struct hosts){MAC_A, MAC_R1, sources[i], IP_C}, DROP_RTR_MARTIAN);
	expect_none("c");
}
END_TEST

START_TEST(item_116_destinations_that_can_not_be)
{
	struct hosts here = from_a("127.0.0.1"), zero = from_a("0.1.2.3"), e = from_a("240.0.0.1");
	struct hosts link_local = from_a("169.254.1.1");

	plain_router();
	dies("a", &here, DROP_RTR_MARTIAN);
	dies("a", &zero, DROP_RTR_MARTIAN);
	dies("a", &e, DROP_RTR_MARTIAN);
	dies("a", &link_local, DROP_RTR_MARTIAN);
}
END_TEST

START_TEST(item_116_broadcast_and_multicast)
{
	struct hosts directed = from_x("172.16.1.255"), group = from_a("224.1.1.1");
	struct hosts all = from_a("255.255.255.255");

	plain_router();
	dies("ens20", &directed, DROP_RTR_DIRECTED_BCAST);
	dies("a", &group, DROP_RTR_MCAST);
	dies("a", &all, DROP_RTR_MCAST);
}
END_TEST

START_TEST(a_source_must_lie_behind_its_interface_if_asked)
{
	struct hosts strange = {MAC_A, MAC_R1, IP_V, IP_C};

	router_node(&(struct router_config_text){.router = ", 'strict-source': true"});
	dies("a", &strange, DROP_RTR_MARTIAN);
}
END_TEST

START_TEST(source_routes_are_refused_and_other_options_pass)
{
	static const uint8_t options[][4] = {{131, 3, 4, 0}, {1, 137, 3, 4}, {148, 4, 0, 0}};
	struct frame frames[3];

	plain_router();
	for (unsigned i = 0; i < 3; i++) {
		struct frame *f = &frames[i];

		*f = frame_udp(&a_to_c, 1, 2, 20);
		memmove(f->bytes + 38, f->bytes + 34, f->len - 34);
		memcpy(f->bytes + 34, options[i], 4);
		f->len += 4;
		frame_ip(f)->version_ihl = 0x46;
		frame_ip(f)->total_len = htons(f->len - ETHERNET_LEN);
		frame_fix_ip(f);
		arrive("a", f);
	}
	drops_are("port a", DROP_RTR_SOURCE_ROUTE, 2);
	struct frame seen = hop(&frames[2], MAC_R2, MAC_C);

	expect("c", &seen);
	expect_none("c");
}
END_TEST

START_TEST(other_ethertypes_end_at_a_router)
{
	struct frame frame = frame_ethernet(MAC_R1, MAC_A, 0x88b5, 50);

	plain_router();
	arrive("a", &frame);
	drops_are("port a", DROP_RTR_L2, 1);
}
END_TEST

START_TEST(metadata_without_a_backend)
{
	struct hosts to = from_a("169.254.169.254");
	struct frame frame = frame_tcp(&to, 40000, 80, 0);

	plain_router();
	arrive("a", &frame);
	drops_are("port a", DROP_METADATA_NONE, 1);
}
END_TEST

START_TEST(item_117_errors_are_limited)
{
	plain_router();
	for (unsigned i = 0; i < 30; i++) {
		struct frame frame = udp_over(&a_to_c, (uint16_t)(i + 1), 2, 63);

		arrive("a", &frame);
	}
	ck_assert_uint_eq(n_sent("a"), 6); // of one destination at once
	drops_are("port a", DROP_RTR_TTL, 6);
	drops_are("port a", DROP_ICMP_ERR_RATE, 24);
}
END_TEST

START_TEST(routers_that_lead_to_each_other)
{
	struct hosts lost = from_a("192.0.2.1");
	struct frame frame = frame_udp(&lost, 1, 2, 20);

	router_node(&(struct router_config_text){
		.router = ", 'routes': [{'destination': '192.0.2.0/24', 'nexthop': '172.16.2.2'}]",
		.more_routers = ", 'other': {'interfaces': [{'subnet': 'vxlan2',"
				" 'address': '172.16.2.2', 'mac': 'fa:16:3e:00:00:02'}],"
				" 'routes': [{'destination': '0.0.0.0/0',"
				" 'nexthop': '" IP_R2 "'}]}"});
	arrive("a", &frame); // they ask each other for their MACs
	arrive("a", &frame);
	ck_assert_uint_ge(counters_of("interface other vxlan2").drops[DROP_RTR_LOOP] +
				  counters_of(IF_2).drops[DROP_RTR_LOOP],
		1);
	any_drops();
}
END_TEST

START_TEST(a_router_of_a_network_that_is_down)
{
	struct frame frame = frame_udp(&a_to_c, 1, 2, 20);

	plain_router();
	call("network.set", "{'name': 'vxlan2', 'admin-state': 'down'}");
	forget_sent("c");
	arrive("a", &frame);
	expect_none("c");
	drops_are("port a", DROP_PORT_DOWN, 1);
	any_drops();
}
END_TEST

void router_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_105_without_a_router_nobody_answers,
		item_105_east_west_keeps_addresses,
		item_105_a_burst_keeps_its_order,
		item_106_vlan_and_vxlan,
		item_106_a_static_route_leads_further,
		item_106_without_a_route_back_one_way_works,
		item_118_longest_prefix_decides,
		item_111_no_hop_left,
		item_111_the_router_itself_needs_no_hop,
		a_closed_port_of_the_router_is_refused,
		item_112_too_large_with_df,
		item_112_too_large_without_df,
		a_sender_is_told_what_the_path_to_a_remote_takes,
		a_sender_behind_a_router_is_told_too,
		item_89_own_addresses_are_answered,
		item_90_addresses_of_another_side_are_not_answered,
		item_92_a_floating_address_is_announced,
		item_114_a_host_that_does_not_answer,
		item_114_a_host_that_answers_gets_what_waited,
		too_many_wait,
		a_stale_neighbour_is_verified_when_it_is_used,
		a_neighbour_that_says_so_has_moved,
		item_116_sources_that_can_not_be,
		item_116_destinations_that_can_not_be,
		item_116_broadcast_and_multicast,
		a_source_must_lie_behind_its_interface_if_asked,
		source_routes_are_refused_and_other_options_pass,
		other_ethertypes_end_at_a_router,
		metadata_without_a_backend,
		item_117_errors_are_limited,
		routers_that_lead_to_each_other,
		a_router_of_a_network_that_is_down,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
