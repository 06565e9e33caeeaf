// SPDX-License-Identifier: BSD-3-Clause
// Who may send what from a filtered port: conformance items 65 to 72 and 74.

#include "filter_env.h"

#define NOBODY_IP  "172.16.1.34"
#define GATEWAY_IP "172.16.1.1"
#define PAIR_MAC   "00:00:5e:00:01:07"

static struct frame udp(const struct hosts *hosts, uint16_t from, uint16_t to)
{
	return frame_udp(hosts, from, to, 100);
}

static struct frame arp(const char *from, const char *target, uint16_t op)
{
	return frame_arp(&(struct hosts){MAC_A, MAC_X, from, target}, op);
}

static struct frame discover(void)
{
	return frame_udp(&(struct hosts){MAC_A, BROADCAST, NO_ADDRESS, EVERYBODY}, 68, 67, 100);
}

// To everybody: O and X get it, B's chain does not let it in.
static void is_flooded(const struct frame *frame)
{
	uint64_t refused = counters_of("port b").drops[DROP_SG_INGRESS];

	arrive("a", frame);
	expect("o", frame);
	expect(UPLINK_OF_X, frame);
	expect_none("b");
	drops_are("port b", DROP_SG_INGRESS, refused + 1);
}

static void is_flooded_to_all(const struct frame *frame)
{
	struct frame padded = frame_padded(frame);

	arrive("a", frame);
	expect("b", frame);
	expect("o", frame);
	expect(UPLINK_OF_X, &padded);
}

START_TEST(item_65_a_foreign_source_address)
{
	struct frame own = udp(&a_to_x, 1000, 2000);
	struct frame foreign = udp(&(struct hosts){MAC_A, MAC_X, NOBODY_IP, IP_X}, 1000, 2000);
	struct frame d = discover();

	filter_node(&(struct filter_config){0});
	passes("a", UPLINK_OF_X, &own);
	pair_is("a", 0, 1);
	dies("a", &foreign, "port a", DROP_SPOOF_IP);
	row_is("a", ROW_OUT_SPOOF, 1, 128);
	is_flooded(&d);
	row_is("a", ROW_OUT_DISCOVER, 1, 128);
	row_is("a", ROW_OUT_SPOOF, 1, 128);
	pair_is("a", 0, 1);
}
END_TEST

// E1 is for a whole DISCOVER only.
START_TEST(item_65_no_address_is_no_excuse)
{
	struct frame others[] = {
		udp(&(struct hosts){MAC_A, MAC_X, NO_ADDRESS, IP_X}, 68, 67),
		udp(&(struct hosts){MAC_A, MAC_X, NO_ADDRESS, EVERYBODY}, 68, 68),
		udp(&(struct hosts){MAC_A, MAC_X, NO_ADDRESS, EVERYBODY}, 67, 67),
		frame_tcp(&(struct hosts){MAC_A, MAC_X, NO_ADDRESS, EVERYBODY}, 68, 67, 100),
	};

	filter_node(&(struct filter_config){0});
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		dies("a", &others[i], "port a", DROP_SPOOF_IP);
}
END_TEST

START_TEST(item_66_a_foreign_source_mac)
{
	struct frame frames[] = {
		udp(&(struct hosts){MAC_B, MAC_X, IP_A, IP_X}, 1000, 2000),
		frame_arp(&(struct hosts){MAC_B, MAC_X, IP_A, IP_X}, 1),
		frame_udp6(&(struct hosts){MAC_B, MAC_X, IP6_A, IP6_X}, 1000, 2000, 100),
		frame_ethernet(MAC_X, MAC_B, 0x8035, 46),
		frame_ethernet(MAC_X, MAC_B, 0x0100, 46),
	};

	filter_node(&(struct filter_config){0});
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		dies("a", &frames[i], "port a", DROP_SPOOF_MAC);
	row_is("a", ROW_SPOOF_MAC, ARRAY_SIZE(frames), 128 + 28 + 148 + 46 + 46);
	// It has taught nothing.
	ck_assert_uint_eq(where("net", MAC_B), attachment("port b"));
}
END_TEST

START_TEST(other_ethertypes_pass_with_the_own_mac)
{
	struct frame rarp = frame_ethernet(MAC_X, MAC_A, 0x8035, 46);
	struct frame back = frame_ethernet(MAC_A, MAC_X, 0x8035, 46);

	filter_node(&(struct filter_config){0});
	passes("a", UPLINK_OF_X, &rarp);
	passes(UPLINK_OF_X, "a", &back);
}
END_TEST

START_TEST(item_67_arp_for_a_foreign_address)
{
	struct frame own[] = {
		arp(IP_A, GATEWAY_IP, 1),
		arp(IP_A, IP_A, 1),
	};
	struct frame answer = arp(IP_A, IP_X, 2);
	struct frame foreign[] = {
		arp(GATEWAY_IP, IP_X, 1),
		arp(GATEWAY_IP, IP_X, 2),
		arp(GATEWAY_IP, GATEWAY_IP, 1),
	};

	filter_node(&(struct filter_config){0});
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		is_flooded_to_all(&own[i]);
	passes("a", UPLINK_OF_X, &answer);
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		dies("a", &foreign[i], "port a", DROP_SPOOF_ARP_IP);
	row_is("a", ROW_SPOOF_ARP_IP, 3, 3 * 28);
}
END_TEST

START_TEST(item_68_arp_with_another_hardware_address)
{
	struct frame right = arp(IP_A, IP_X, 2);
	struct frame wrong = arp_of(&right, MAC_B);

	filter_node(&(struct filter_config){0});
	dies("a", &wrong, "port a", DROP_SPOOF_ARP_MAC);
	row_is("a", ROW_SPOOF_ARP_MAC, 1, 28);
}
END_TEST

START_TEST(item_69_probes)
{
	struct frame probe = arp(NO_ADDRESS, IP_A, 1);
	struct frame foreign = arp(NO_ADDRESS, GATEWAY_IP, 1);
	struct frame answer = arp(NO_ADDRESS, IP_A, 2);
	struct frame stolen = arp_of(&probe, MAC_B);

	filter_node(&(struct filter_config){0});
	is_flooded_to_all(&probe);
	dies("a", &foreign, "port a", DROP_SPOOF_ARP_IP);
	dies("a", &answer, "port a", DROP_SPOOF_ARP_IP);
	dies("a", &stolen, "port a", DROP_SPOOF_ARP_MAC);
	filter_node(&(struct filter_config){.network = ", 'arp-probes': 'drop'"});
	dies("a", &probe, "port a", DROP_SPOOF_ARP_IP);
}
END_TEST

START_TEST(item_70_an_allowed_pair)
{
	static const char config[] =
		ADDRESSES_A ", 'allowed-address-pairs': [{'address': '172.16.1.200'},"
			    " {'address': '172.16.1.128/28', 'mac': '" PAIR_MAC "'}]";
	struct frame ip = udp(&(struct hosts){MAC_A, MAC_X, "172.16.1.200", IP_X}, 1000, 2000);
	struct frame shared = udp(&(struct hosts){PAIR_MAC, MAC_X, "172.16.1.143", IP_X}, 1, 2);
	struct frame outside = udp(&(struct hosts){PAIR_MAC, MAC_X, "172.16.1.144", IP_X}, 1, 2);
	struct frame mixed = udp(&(struct hosts){MAC_A, MAC_X, "172.16.1.143", IP_X}, 1, 2);
	struct frame asks = arp("172.16.1.200", IP_X, 2);

	filter_node(&(struct filter_config){0});
	dies("a", &ip, "port a", DROP_SPOOF_IP);
	dies("a", &asks, "port a", DROP_SPOOF_ARP_IP);
	dies("a", &shared, "port a", DROP_SPOOF_MAC);
	filter_node(&(struct filter_config){.a = config});
	passes("a", UPLINK_OF_X, &ip);
	passes("a", UPLINK_OF_X, &asks);
	passes("a", UPLINK_OF_X, &shared);
	pair_is("a", 0, 1);
	pair_is("a", 1, 1);
	dies("a", &outside, "port a", DROP_SPOOF_IP);
	dies("a", &mixed, "port a", DROP_SPOOF_IP);
}
END_TEST

START_TEST(item_70_a_pair_for_every_address)
{
	struct frame foreign = arp(GATEWAY_IP, IP_X, 2);
	struct frame stolen = arp_of(&foreign, MAC_B);

	filter_node(&(struct filter_config){
		.a = ADDRESSES_A ", 'allowed-address-pairs': [{'address': '0.0.0.0/0'}]"});
	passes("a", UPLINK_OF_X, &foreign);
	dies("a", &stolen, "port a", DROP_SPOOF_ARP_MAC);
	// One of IPv6 says nothing about ARP.
	filter_node(&(struct filter_config){
		.a = ADDRESSES_A ", 'allowed-address-pairs': [{'address': '::/0'}]"});
	dies("a", &foreign, "port a", DROP_SPOOF_ARP_IP);
}
END_TEST

START_TEST(item_71_an_open_port)
{
	struct frame frames[] = {
		udp(&(struct hosts){MAC_A, MAC_X, NOBODY_IP, IP_X}, 1000, 2000),
		frame_arp(&(struct hosts){MAC_A, MAC_X, GATEWAY_IP, IP_X}, 2),
		udp(&(struct hosts){"fa:16:3e:99:99:01", MAC_X, NOBODY_IP, IP_X}, 67, 68),
		icmp6(&(struct hosts){MAC_A, MAC_X, "fd00::99", IP6_X}, 134, 100),
	};
	struct frame tagged = frame_tagged(&frames[0], ETHER_TYPE_VLAN, 7);
	struct frame to_a = tcp(&x_to_a, 1000, 80, SYN);

	filter_node(&(struct filter_config){.a = "'port-security': false"});
	for (size_t i = 0; i < ARRAY_SIZE(frames); i++)
		passes("a", UPLINK_OF_X, &frames[i]);
	dies("a", &tagged, "port a", DROP_VLAN_FROM_PORT);
	passes(UPLINK_OF_X, "a", &to_a);
	ck_assert_uint_eq(n_sessions(), 0);
}
END_TEST

START_TEST(a_trusted_port_is_not_filtered)
{
	struct frame foreign = udp(&(struct hosts){MAC_A, MAC_X, NOBODY_IP, IP_X}, 67, 68);

	filter_node(&(struct filter_config){.a = "'owner': 'network:dhcp', 'port-security': true"});
	passes("a", UPLINK_OF_X, &foreign);
}
END_TEST

START_TEST(item_72_an_instance_is_no_server)
{
	struct frame offer = udp(&a_to_x, 67, 68);
	struct frame ra = icmp6(&(struct hosts){MAC_A, MAC_X, IP6_LA, IP6_X}, 134, 60);
	struct frame offer6 = frame_udp6(&a6_to_x, 547, 546, 100);

	filter_node(&(struct filter_config){0});
	dies("a", &offer, "port a", DROP_DHCP_SPOOF);
	row_is("a", ROW_OUT_DHCP_SERVER, 1, 128);
	dies("a", &ra, "port a", DROP_RA_SPOOF);
	row_is("a", ROW_OUT6_RA, 1, 108);
	dies("a", &offer6, "port a", DROP_DHCP_SPOOF);
	row_is("a", ROW_OUT6_DHCP_SERVER, 1, 148);
}
END_TEST

START_TEST(item_73_an_address_of_another_server)
{
	struct frame offer =
		frame_udp(&(struct hosts){MAC_X, BROADCAST, "172.16.1.9", EVERYBODY}, 67, 68, 100);
	struct frame ping = icmp(&(struct hosts){MAC_A, MAC_X, "172.16.1.222", IP_X}, 8, 0, 56);
	struct frame asks = arp("172.16.1.222", IP_X, 1);

	filter_node(&(struct filter_config){0});
	arrive(UPLINK_OF_X, &offer);
	expect("a", &offer);
	expect("b", &offer);
	expect("o", &offer);
	row_is("a", ROW_IN_DHCP_BROADCAST, 1, 128);
	dies("a", &ping, "port a", DROP_SPOOF_IP);
	arrive("a", &asks);
	drops_are("port a", DROP_SPOOF_ARP_IP, 1);
}
END_TEST

START_TEST(item_74_whoever_it_talks_to)
{
	static const char *const to[] = {GATEWAY_IP, "172.16.1.10", "169.254.169.254"};

	filter_node(&(struct filter_config){0});
	for (size_t i = 0; i < ARRAY_SIZE(to); i++) {
		struct frame good = udp(&(struct hosts){MAC_A, MAC_X, IP_A, to[i]}, 1000, 80);
		struct frame bad = udp(&(struct hosts){MAC_A, MAC_X, NOBODY_IP, to[i]}, 1000, 80);

		passes("a", UPLINK_OF_X, &good);
		dies("a", &bad, "port a", DROP_SPOOF_IP);
	}
}
END_TEST

START_TEST(frames_that_can_not_be_true)
{
	struct frame short_ip = udp(&a_to_x, 1, 2), bad_sum = short_ip;
	struct frame ip6 = frame_udp6(&a6_to_x, 1, 2, 100);
	struct frame bad_arp = arp(IP_A, IP_X, 3);

	frame_ip(&short_ip)->total_len = 0xffff;
	frame_ip(&bad_sum)->checksum ^= 1;
	ip6.bytes[14 + 4] = 0x7f;
	filter_node(&(struct filter_config){0});
	dies("a", &short_ip, "port a", DROP_IP4_MALFORMED);
	dies("a", &bad_sum, "port a", DROP_IP4_CSUM);
	dies("a", &ip6, "port a", DROP_IP6_MALFORMED);
	dies("a", &bad_arp, "port a", DROP_ARP_MALFORMED);
	// To a filtered port they come no further either.
	short_ip = udp(&x_to_a, 1, 2);
	frame_ip(&short_ip)->total_len = 0xffff;
	ip6 = frame_udp6(&x6_to_a, 1, 2, 100);
	ip6.bytes[14 + 4] = 0x7f;
	dies(UPLINK_OF_X, &short_ip, "provider.flat", DROP_IP4_MALFORMED);
	dies(UPLINK_OF_X, &ip6, "provider.flat", DROP_IP6_MALFORMED);
}
END_TEST

START_TEST(a_port_without_addresses_has_its_mac)
{
	struct frame any = udp(&(struct hosts){MAC_A, MAC_X, NOBODY_IP, IP_X}, 1000, 2000);
	struct frame any6 = frame_udp6(&(struct hosts){MAC_A, MAC_X, "fd00::77", IP6_X}, 1, 2, 100);

	filter_node(&(struct filter_config){.a = GROUPS("'default'")});
	passes("a", UPLINK_OF_X, &any);
	row_is("a", ROW_OUT_MAC, 1, 128);
	passes("a", UPLINK_OF_X, &any6);
	row_is("a", ROW_OUT6_MAC, 1, 148);
}
END_TEST

// An address of one family is enough: the MAC does not decide for the other one either.
START_TEST(a_port_with_addresses_of_one_family)
{
	struct frame any = udp(&(struct hosts){MAC_A, MAC_X, NOBODY_IP, IP_X}, 1000, 2000);
	struct frame any6 = frame_udp6(&(struct hosts){MAC_A, MAC_X, "fd00::77", IP6_X}, 1, 2, 100);

	filter_node(
		&(struct filter_config){.a = "'addresses': ['" IP_A "'], " GROUPS("'default'")});
	dies("a", &any, "port a", DROP_SPOOF_IP);
	dies("a", &any6, "port a", DROP_SPOOF_IP6);
	filter_node(
		&(struct filter_config){.a = "'addresses': ['" IP6_A "'], " GROUPS("'default'")});
	dies("a", &any, "port a", DROP_SPOOF_IP);
	dies("a", &any6, "port a", DROP_SPOOF_IP6);
}
END_TEST

START_TEST(addresses_of_ipv6)
{
	struct frame own = frame_udp6(&a6_to_x, 1000, 2000, 100);
	struct frame link = frame_udp6(&(struct hosts){MAC_A, MAC_X, IP6_LA, IP6_X}, 1, 2, 100);
	struct frame foreign = frame_udp6(&(struct hosts){MAC_A, MAC_X, IP6_B, IP6_X}, 1, 2, 100);
	struct frame unspecified =
		frame_udp6(&(struct hosts){MAC_A, MAC_X, "::", "ff02::1"}, 1, 2, 100);

	filter_node(&(struct filter_config){0});
	passes("a", UPLINK_OF_X, &own);
	passes("a", UPLINK_OF_X, &link);
	dies("a", &foreign, "port a", DROP_SPOOF_IP6);
	dies("a", &unspecified, "port a", DROP_SPOOF_IP6);
	row_is("a", ROW_OUT6_SPOOF, 2, 2 * 148);
}
END_TEST

START_TEST(the_chain_of_ipv6)
{
	static const uint8_t before_an_address[] = {131, 135, 143};
	struct frame ns = icmp6(&a6_to_x, 135, 60);
	struct frame solicit =
		frame_udp6(&(struct hosts){MAC_A, MAC_X, IP6_LA, "ff02::1:2"}, 546, 547, 100);
	struct frame udp6 = frame_udp6(&a6_to_x, 1000, 2000, 100);

	filter_node(&(struct filter_config){0});
	for (size_t i = 0; i < ARRAY_SIZE(before_an_address); i++) {
		struct frame good = icmp6(
			&(struct hosts){MAC_A, MAC_X, "::", "ff02::16"}, before_an_address[i], 60);
		struct frame bad =
			icmp6(&(struct hosts){MAC_A, MAC_X, "::", IP6_X}, before_an_address[i], 60);

		passes("a", UPLINK_OF_X, &good);
		dies("a", &bad, "port a", DROP_SPOOF_IP6);
	}
	row_is("a", ROW_OUT6_UNSPECIFIED, 3, 3 * 108);
	passes("a", UPLINK_OF_X, &ns);
	row_is("a", ROW_OUT6_ICMP, 1, 108);
	passes("a", UPLINK_OF_X, &solicit);
	row_is("a", ROW_OUT6_DHCP, 1, 148);
	passes("a", UPLINK_OF_X, &udp6);
	// The default group says: all IPv4, all IPv6.
	ck_assert_uint_eq(n_sessions(), 2);
	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("")});
	udp6 = frame_udp6(&a6_to_x, 1001, 2000, 100);
	dies("a", &udp6, "port a", DROP_SG_EGRESS);
	row_is("a", ROW_OUT6_FALLBACK, 1, 148);
	passes("a", UPLINK_OF_X, &ns);
}
END_TEST

// A tag does not hide what is below it where tags may pass.
START_TEST(tags_hide_nothing)
{
	struct frame own = udp(&a_to_x, 1000, 2000);
	struct frame foreign = udp(&(struct hosts){MAC_A, MAC_X, NOBODY_IP, IP_X}, 1000, 2000);
	struct frame tagged_own = frame_tagged(&own, ETHER_TYPE_VLAN, 7);
	struct frame tagged_foreign = frame_tagged(&foreign, ETHER_TYPE_VLAN, 7);

	filter_node(&(struct filter_config){.a = ADDRESSES_A ", 'vlan-transparent': true"});
	passes("a", UPLINK_OF_X, &tagged_own);
	dies("a", &tagged_foreign, "port a", DROP_SPOOF_IP);
}
END_TEST

// ---- cost -------------------------------------------------------------------------------------

#define FEW_RULES   10
#define MANY_RULES  1000
#define RULES_LEN   (128 * MANY_RULES)
#define COST_ROUNDS 200
#define FIRST_COST  1.5 // of a first packet with many rules, against few
#define LATER_COST  1.2 // of later ones: the same, but for what disturbs the machine
#define PREFIX_BASE 17	// rules are about 172.17.0.0/24 and so on

// `n` egress rules of ports, prefixes and both; the last one accepts UDP to X.
static void write_rules(char *to, unsigned n)
{
	for (unsigned i = 0; i < n - 1; i++) {
		to += sprintf(
			to, "{'direction': 'egress', 'protocol': '%s'", i % 2 ? "tcp" : "udp");
		if (i % 3 != 0)
			to += sprintf(to, ", 'ports': '%u'", 20000 + i);
		if (i % 3 != 1)
			to += sprintf(to, ", 'remote-prefix': '172.%u.%u.0/24'",
				PREFIX_BASE + i / 256, i % 256);
		to += sprintf(to, "}, ");
	}
	sprintf(to, "{'direction': 'egress', 'protocol': 'udp', 'remote-prefix': '" IP_X "'}");
}

// A has few rules, B many.
static void node_with_many_rules(void)
{
	static char few[RULES_LEN], many[RULES_LEN], groups[3 * RULES_LEN];

	write_rules(few, FEW_RULES);
	write_rules(many, MANY_RULES);
	sprintf(groups, "'few': {'rules': [%s]}, 'many': {'rules': [%s]}", few, many);
	filter_node(&(struct filter_config){
		.a = ADDRESSES_A ", " GROUPS("'few'"),
		.b = "'addresses': ['" IP_B "'], " GROUPS("'many'"),
		.groups = groups,
	});
}

struct cost {
	uint64_t first; // of a burst of first packets, the least seen
	uint64_t later;
};

// A burst of flows that begin, their answers, and the same flows once more.
static void add_cost(struct cost *cost, const char *port, const struct hosts *hosts, unsigned round)
{
	static struct frame there[BURST_SIZE], back[BURST_SIZE];
	const struct hosts reversed = {hosts->to_mac, hosts->from_mac, hosts->to, hosts->from};

	for (unsigned i = 0; i < BURST_SIZE; i++) {
		uint16_t from = (uint16_t)(1024 + round * BURST_SIZE + i);

		there[i] = frame_udp(hosts, from, 7, 18);
		back[i] = frame_udp(&reversed, 7, from, 18);
	}
	uint64_t first = arrive_timed(port, there, BURST_SIZE);

	arrive_burst(UPLINK_OF_X, back, BURST_SIZE);
	uint64_t later = arrive_timed(port, there, BURST_SIZE);

	cost->first = RTE_MIN(cost->first, first);
	cost->later = RTE_MIN(cost->later, later);
	ck_assert_uint_eq(n_sent(port), BURST_SIZE);
	forget_sent(port);
}

// All of the pipeline is in the measure, but no device: it has no room. The least of many rounds,
// in turns, is hardly disturbed by what else runs on the machine.
START_TEST(many_rules_cost_little)
{
	struct cost few = {UINT64_MAX, UINT64_MAX}, many = few;
	const struct hosts b_to_x = {MAC_B, MAC_X, IP_B, IP_X};

	node_with_many_rules();
	set_room(UPLINK_OF_X, 0);
	for (unsigned round = 0; round < COST_ROUNDS; round++) {
		add_cost(&few, "a", &a_to_x, round);
		add_cost(&many, "b", &b_to_x, round);
	}
	printf("cycles a packet with %u and %u rules: first %lu and %lu, later %lu and %lu\n",
		FEW_RULES, MANY_RULES, few.first / BURST_SIZE, many.first / BURST_SIZE,
		few.later / BURST_SIZE, many.later / BURST_SIZE);
	rule_is("b", CHAIN_OUT4, MANY_RULES - 1, (uint64_t)COST_ROUNDS * BURST_SIZE);
	drops_are("provider.flat", DROP_TX_FULL, (uint64_t)4 * COST_ROUNDS * BURST_SIZE);
	ck_assert_uint_eq(n_sessions(), 2 * COST_ROUNDS * BURST_SIZE);
	ck_assert_double_lt((double)many.first, FIRST_COST * (double)few.first);
	ck_assert_double_lt((double)many.later, LATER_COST * (double)few.later);
}
END_TEST

void filter_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_65_a_foreign_source_address,
		item_65_no_address_is_no_excuse,
		item_66_a_foreign_source_mac,
		other_ethertypes_pass_with_the_own_mac,
		item_67_arp_for_a_foreign_address,
		item_68_arp_with_another_hardware_address,
		item_69_probes,
		item_70_an_allowed_pair,
		item_70_a_pair_for_every_address,
		item_71_an_open_port,
		a_trusted_port_is_not_filtered,
		item_72_an_instance_is_no_server,
		item_73_an_address_of_another_server,
		item_74_whoever_it_talks_to,
		frames_that_can_not_be_true,
		a_port_without_addresses_has_its_mac,
		a_port_with_addresses_of_one_family,
		addresses_of_ipv6,
		the_chain_of_ipv6,
		tags_hide_nothing,
		many_rules_cost_little,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
