// SPDX-License-Identifier: BSD-3-Clause
// Security groups and connection states: conformance items 75 to 80 and 82 to 88.

#include "filter_env.h"

#define EGRESS_ALL "{'direction': 'egress'}, {'direction': 'egress', 'ethertype': 'ipv6'}"
#define GROUP_OUT  "'out': {'rules': [" EGRESS_ALL "]}"
#define INGRESS(x) "{'direction': 'ingress', " x "}"

// Rules of A's ingress chain: those of group default (its own group) come first.
enum { RULE_MEMBERS, RULE_SSH, RULE_PING };

static struct frame udp(const struct hosts *hosts, uint16_t from, uint16_t to)
{
	return frame_udp(hosts, from, to, 100);
}

// A with these rules of a group of its own, besides everything that goes out.
static void node_with_rules(const char *rules)
{
	char groups[1024];

	snprintf(groups, sizeof(groups), "'own': {'rules': [" EGRESS_ALL "%s%s]}",
		*rules != '\0' ? ", " : "", rules);
	filter_node(
		&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'own'"), .groups = groups});
}

START_TEST(item_75_a_run_of_pings)
{
	struct frame ping = icmp(&x_to_a, 8, 0, 56);
	struct frame pong = icmp(&a_to_x, 0, 0, 56);

	filter_node(&(struct filter_config){0});
	for (unsigned i = 0; i < 10; i++) {
		passes(UPLINK_OF_X, "a", &ping);
		passes("a", UPLINK_OF_X, &pong);
	}
	rule_is("a", CHAIN_IN4, RULE_PING, 1);
	row_is("a", ROW_IN_RELATED, 9, 9 * 84);
	row_is("a", ROW_OUT_RELATED, 10, 10 * 84);
	ck_assert_uint_eq(n_sessions(), 1);
}
END_TEST

START_TEST(item_76_only_the_open_port)
{
	struct frame ssh = tcp(&x_to_a, 1000, 22, SYN);
	struct frame web = tcp(&x_to_a, 1000, 80, SYN);

	filter_node(&(struct filter_config){0});
	passes(UPLINK_OF_X, "a", &ssh);
	rule_is("a", CHAIN_IN4, RULE_SSH, 1);
	dies(UPLINK_OF_X, &web, "port a", DROP_SG_INGRESS);
	row_is("a", ROW_IN_FALLBACK, 1, 40);
}
END_TEST

// Five connections show five packets of 60 bytes at most: the rest is known.
START_TEST(connections_are_counted_once)
{
	filter_node(&(struct filter_config){0});
	for (uint16_t port = 1000; port < 1005; port++) {
		struct frame syn = tcp(&x_to_a, port, 22, SYN);
		struct frame back = tcp(&a_to_x, 22, port, SYN | ACK);
		struct frame ack = tcp(&x_to_a, port, 22, ACK);

		syn = tcp_at(&syn, 100, 0);
		back = tcp_at(&back, 500, 101);
		ack = tcp_at(&ack, 101, 501);
		passes(UPLINK_OF_X, "a", &syn);
		passes("a", UPLINK_OF_X, &back);
		passes(UPLINK_OF_X, "a", &ack);
	}
	rule_is("a", CHAIN_IN4, RULE_SSH, 5);
	row_is("a", ROW_IN_RELATED, 5, 5 * 60);
	row_is("a", ROW_IN_INVALID, 0, 0);
}
END_TEST

START_TEST(item_77_members_of_the_group)
{
	struct frame ping = icmp(&b_to_a, 8, 0, 56);

	filter_node(&(struct filter_config){0});
	passes("b", "a", &ping);
	rule_is("a", CHAIN_IN4, RULE_MEMBERS, 1);
	rule_is("a", CHAIN_IN4, RULE_PING, 0);
}
END_TEST

START_TEST(item_77_others)
{
	struct frame ping = icmp(&b_to_a, 8, 0, 56);

	filter_node(&(struct filter_config){.b = "'addresses': ['" IP_B "'], " GROUPS("'out'"),
		.groups = GROUP_SSH ", " GROUP_PING ", " GROUP_OUT});
	passes("b", "a", &ping);
	rule_is("a", CHAIN_IN4, RULE_MEMBERS, 0);
	rule_is("a", CHAIN_IN4, RULE_PING, 1);
}
END_TEST

// A member of the group that lives on another node.
START_TEST(item_77_members_elsewhere)
{
	struct frame web = tcp(&x_to_a, 1000, 80, SYN);

	filter_node(&(struct filter_config){
		.groups = "'default': {'members': ['" IP_X
			  "'], 'rules': [" INGRESS("'remote-group': 'default'") "]}",
		.a = ADDRESSES_A ", " GROUPS("'default'")});
	passes(UPLINK_OF_X, "a", &web);
	rule_is("a", CHAIN_IN4, RULE_MEMBERS, 1);
}
END_TEST

START_TEST(item_78_answers)
{
	struct frame syn = tcp(&a_to_x, 1000, 80, SYN);
	struct frame back = tcp(&x_to_a, 80, 1000, SYN | ACK);
	struct frame ask = udp(&a_to_x, 1000, 53);
	struct frame answer = udp(&x_to_a, 53, 1000);

	node_with_rules("");
	dies(UPLINK_OF_X, &answer, "port a", DROP_SG_INGRESS);
	syn = tcp_at(&syn, 100, 0);
	back = tcp_at(&back, 500, 101);
	passes("a", UPLINK_OF_X, &syn);
	passes(UPLINK_OF_X, "a", &back);
	passes("a", UPLINK_OF_X, &ask);
	passes(UPLINK_OF_X, "a", &answer);
	row_is("a", ROW_IN_RELATED, 2, 40 + 128);
	rule_is("a", CHAIN_OUT4, 0, 2);
}
END_TEST

START_TEST(item_79_a_discover_of_the_neighbour)
{
	struct frame discover =
		frame_udp(&(struct hosts){MAC_B, BROADCAST, "0.0.0.0", EVERYBODY}, 68, 67, 301);

	filter_node(&(struct filter_config){0});
	for (unsigned i = 0; i < 2; i++) {
		arrive("b", &discover);
		expect("o", &discover);
		expect(UPLINK_OF_X, &discover);
		expect_none("a");
	}
	drops_are("port a", DROP_SG_INGRESS, 2);
	row_is("a", ROW_IN_FALLBACK, 2, 658);
}
END_TEST

START_TEST(dhcp_of_the_own_server)
{
	struct frame offer =
		frame_udp(&(struct hosts){MAC_X, MAC_A, "172.16.1.10", IP_A}, 67, 68, 301);
	struct frame other =
		frame_udp(&(struct hosts){MAC_X, MAC_A, "172.16.1.10", "172.16.1.99"}, 67, 68, 301);
	struct frame renew = udp(&a_to_x, 68, 67);

	node_with_rules("");
	passes(UPLINK_OF_X, "a", &offer);
	row_is("a", ROW_IN_DHCP, 1, 329);
	dies(UPLINK_OF_X, &other, "port a", DROP_SG_INGRESS);
	passes("a", UPLINK_OF_X, &renew);
	row_is("a", ROW_OUT_DHCP, 1, 128);
	// An address that a pair names as well is the port's own all the same.
	filter_node(&(struct filter_config){
		.a = ADDRESSES_A ", 'allowed-address-pairs': [{'address': '" IP_A "'}]"});
	passes(UPLINK_OF_X, "a", &offer);
}
END_TEST

START_TEST(item_80_an_answer_that_nobody_asked_for)
{
	struct frame pong = icmp(&x_to_a, 0, 0, 56);

	filter_node(&(struct filter_config){0});
	passes(UPLINK_OF_X, "a", &pong);
	rule_is("a", CHAIN_IN4, RULE_PING, 1);
	ck_assert_uint_eq(n_sessions(), 0);
	filter_node(&(struct filter_config){
		.a = ADDRESSES_A ", " GROUPS("'default', 'ssh'"), .groups = GROUP_SSH});
	dies(UPLINK_OF_X, &pong, "port a", DROP_CT_INVALID);
	row_is("a", ROW_IN_INVALID, 1, 84);
}
END_TEST

// E7 stands behind the rules: it needs a group that does not accept everything.
START_TEST(invalid_on_the_way_out)
{
	struct frame pong = icmp(&a_to_x, 0, 0, 56);
	struct frame web = udp(&a_to_x, 1000, 80);

	filter_node(&(struct filter_config){0});
	passes("a", UPLINK_OF_X, &pong);
	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'ssh'")});
	dies("a", &pong, "port a", DROP_CT_INVALID);
	row_is("a", ROW_OUT_INVALID, 1, 84);
	dies("a", &web, "port a", DROP_SG_EGRESS);
	row_is("a", ROW_OUT_FALLBACK, 1, 128);
}
END_TEST

START_TEST(item_82_errors)
{
	struct frame ask = udp(&a_to_x, 1000, 53);
	struct frame never = udp(&a_to_x, 1001, 53);
	struct frame error = icmp_error(&x_to_a, 3, &ask);
	struct frame fake = icmp_error(&x_to_a, 3, &never);

	node_with_rules("");
	passes("a", UPLINK_OF_X, &ask);
	passes(UPLINK_OF_X, "a", &error);
	row_is("a", ROW_IN_RELATED, 1, 20 + 8 + 128);
	dies(UPLINK_OF_X, &fake, "port a", DROP_CT_INVALID);
	ck_assert_uint_eq(n_sessions(), 1);
}
END_TEST

// A connection of X to A's ssh that both sides have seen; returns its next segment.
static struct frame open_ssh(void)
{
	struct frame syn = tcp(&x_to_a, 1000, 22, SYN);
	struct frame back = tcp(&a_to_x, 22, 1000, SYN | ACK);
	struct frame ack = tcp(&x_to_a, 1000, 22, ACK);

	syn = tcp_at(&syn, 100, 0);
	back = tcp_at(&back, 500, 101);
	passes(UPLINK_OF_X, "a", &syn);
	passes("a", UPLINK_OF_X, &back);
	return tcp_at(&ack, 101, 501);
}

START_TEST(item_83_a_revoked_rule)
{
	struct frame ack;

	filter_node(&(struct filter_config){0});
	ack = open_ssh();
	passes(UPLINK_OF_X, "a", &ack);
	filter_node(&(struct filter_config){
		.a = ADDRESSES_A ", " GROUPS("'default', 'ping'"), .groups = GROUP_PING});
	dies(UPLINK_OF_X, &ack, "port a", DROP_SG_INGRESS);
	filter_node(&(struct filter_config){0});
	passes(UPLINK_OF_X, "a", &ack);
}
END_TEST

START_TEST(item_84_a_member_leaves)
{
	struct frame ask = udp(&b_to_a, 1000, 53);
	struct frame answer = udp(&a_to_b, 53, 1000);

	filter_node(&(struct filter_config){
		.a = ADDRESSES_A ", " GROUPS("'default'"), .groups = GROUP_OUT});
	passes("b", "a", &ask);
	passes("a", "b", &answer);
	passes("b", "a", &ask);
	row_is("a", ROW_IN_RELATED, 1, 128);
	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'default'"),
		.b = "'addresses': ['" IP_B "', '" IP6_B "'], " GROUPS("'out'"),
		.groups = GROUP_OUT});
	dies("b", &ask, "port a", DROP_SG_INGRESS);
}
END_TEST

// ---- what a change of rules ends ---------------------------------------------------------------

#define N_RULES	   60
#define FIRST_PORT 1000
#define TCP_RULE   20 // even ones are TCP
#define UDP_RULE   31
#define RULE(i)	   (UINT64_C(1) << (i))

// A with everything that goes out and N_RULES ports that are open, but for those `without`.
static void node_with_ports(bool reversed, uint64_t without)
{
	char rules[96 * N_RULES], *to = rules;

	for (unsigned k = 0; k < N_RULES; k++) {
		unsigned i = reversed ? N_RULES - 1 - k : k;

		if (!(without & RULE(i)))
			to += sprintf(to, ", " INGRESS("'protocol': '%s', 'ports': '%u'"),
				i % 2 ? "udp" : "tcp", FIRST_PORT + i);
	}
	char groups[sizeof(rules) + 128];

	snprintf(groups, sizeof(groups), "'own': {'rules': [" EGRESS_ALL "%s]}", rules);
	filter_node(
		&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'own'"), .groups = groups});
}

START_TEST(one_rule_of_many_ends)
{
	struct frame to_udp = udp(&x_to_a, 1, FIRST_PORT + UDP_RULE);
	struct frame to_tcp = tcp(&x_to_a, 1, FIRST_PORT + TCP_RULE, SYN);
	struct frame out = udp(&a_to_x, 1, 53);

	node_with_ports(false, 0);
	passes(UPLINK_OF_X, "a", &to_udp);
	passes(UPLINK_OF_X, "a", &to_tcp);
	passes("a", UPLINK_OF_X, &out);
	node_with_ports(true, 0); // the order means nothing
	ck_assert_uint_eq(n_sessions(), 3);
	node_with_ports(false, RULE(UDP_RULE + 2)); // another port, but the same protocol
	ck_assert_uint_eq(n_sessions(), 2);
	passes(UPLINK_OF_X, "a", &to_udp);
	ck_assert_uint_eq(n_sessions(), 3);
	node_with_ports(true, RULE(TCP_RULE - 2) | RULE(UDP_RULE + 2));
	ck_assert_uint_eq(n_sessions(), 2);
	passes(UPLINK_OF_X, "a", &to_tcp);
	node_with_ports(true, 0); // more rules end nothing
	ck_assert_uint_eq(n_sessions(), 3);
	node_with_ports(true, RULE(UDP_RULE) | RULE(TCP_RULE)); // one of each
	ck_assert_uint_eq(n_sessions(), 1);
}
END_TEST

// Of two groups that say the same one may go.
START_TEST(an_equal_rule_is_left)
{
	const char *const groups = GROUP_OUT ", " GROUP_SSH ", 'twin': {'rules': [" INGRESS(
		"'protocol': 'icmp'") ", " INGRESS("'protocol': 'tcp', 'ports': '22'") "]}";
	const char *const of_a[] = {
		ADDRESSES_A ", " GROUPS("'out', 'ssh', 'twin'"),
		ADDRESSES_A ", " GROUPS("'twin', 'out'"),
		ADDRESSES_A ", " GROUPS("'ssh', 'out'"),
		ADDRESSES_A ", " GROUPS("'out'"),
	};

	for (unsigned i = 0; i < ARRAY_SIZE(of_a); i++) {
		filter_node(&(struct filter_config){.a = of_a[i], .groups = groups});
		if (i == 0)
			open_ssh();
		ck_assert_uint_eq(n_sessions(), i < 3);
	}
}
END_TEST

// Rules of both directions that go in one change each have their sessions.
START_TEST(rules_of_both_directions_end)
{
	struct filter_config config = {.a = ADDRESSES_A ", " GROUPS("'own'"),
		.groups = "'own': {'rules': [" INGRESS(
			"'protocol': 'udp'") ", "
					     "{'direction': 'egress', 'protocol': 'udp'}]}"};
	struct frame in = udp(&x_to_a, 1, 2);
	struct frame out = udp(&a_to_x, 3, 4);

	filter_node(&config);
	passes(UPLINK_OF_X, "a", &in);
	passes("a", UPLINK_OF_X, &out);
	ck_assert_uint_eq(n_sessions(), 2);
	config.groups = "'own': {'rules': []}";
	filter_node(&config);
	ck_assert_uint_eq(n_sessions(), 0);
}
END_TEST

#define IP_Y "10.1.0.2"
#define IP_Z "10.1.0.3"

#define GROUP_FAR(members_m, members_n)                                                            \
	"'m': {'members': [" members_m "]}, 'n': {'members': [" members_n "]},"                    \
	"'own': {'rules': [" INGRESS("'remote-group': 'm', 'protocol': 'tcp'") ", " INGRESS(       \
		"'remote-group': 'm', 'protocol': 'udp'") ", " INGRESS("'remote-group': 'n'") "]}"

// Members leave two groups in one change: those of both lose their sessions, the others do not.
START_TEST(members_of_several_groups_leave)
{
	const char *const from[] = {IP_X, IP_Y, IP_Z};
	struct filter_config config = {.a = ADDRESSES_A ", " GROUPS("'own'"),
		.groups = GROUP_FAR("'" IP_X "', '" IP_Z "'", "'" IP_Y "'")};

	filter_node(&config);
	for (unsigned i = 0; i < ARRAY_SIZE(from); i++) {
		struct frame ask = udp(&(struct hosts){MAC_X, MAC_A, from[i], IP_A}, 1, 2);

		passes(UPLINK_OF_X, "a", &ask);
	}
	ck_assert_uint_eq(n_sessions(), 3);
	config.groups = GROUP_FAR("'" IP_Z "'", "");
	filter_node(&config);
	ck_assert_uint_eq(n_sessions(), 1);
	config.groups = GROUP_FAR("", "");
	filter_node(&config);
	ck_assert_uint_eq(n_sessions(), 0);
}
END_TEST

START_TEST(item_85_what_is_blocked_leaves_nothing)
{
	struct frame syn = tcp(&x_to_a, 1000, 80, SYN);
	struct frame back = tcp(&a_to_x, 80, 1000, SYN | ACK);
	struct frame out = tcp(&a_to_x, 1000, 80, SYN);
	struct frame in = tcp(&x_to_a, 80, 1000, SYN | ACK);

	syn = tcp_at(&syn, 100, 0);
	back = tcp_at(&back, 500, 101);
	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'ssh'")});
	dies(UPLINK_OF_X, &syn, "port a", DROP_SG_INGRESS);
	ck_assert_uint_eq(n_sessions(), 0);
	dies("a", &back, "port a", DROP_CT_INVALID);
	dies("a", &out, "port a", DROP_SG_EGRESS);
	dies(UPLINK_OF_X, &in, "port a", DROP_CT_INVALID);
	ck_assert_uint_eq(n_sessions(), 0);
}
END_TEST

START_TEST(item_86_a_port_without_groups)
{
	struct frame arp = frame_arp(&a_to_x, 2);
	struct frame arp_back = frame_arp(&x_to_a, 2);
	struct frame renew = udp(&a_to_x, 68, 67);
	struct frame ack = udp(&x_to_a, 67, 68);
	struct frame others[] = {
		udp(&a_to_x, 1, 2), icmp(&a_to_x, 8, 0, 56), tcp(&a_to_x, 1, 22, SYN)};
	struct frame others_in[] = {
		udp(&x_to_a, 1, 2), icmp(&x_to_a, 8, 0, 56), tcp(&x_to_a, 1, 22, SYN)};

	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("")});
	passes("a", UPLINK_OF_X, &arp);
	passes(UPLINK_OF_X, "a", &arp_back);
	passes("a", UPLINK_OF_X, &renew);
	passes(UPLINK_OF_X, "a", &ack);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		dies("a", &others[i], "port a", DROP_SG_EGRESS);
		dies(UPLINK_OF_X, &others_in[i], "port a", DROP_SG_INGRESS);
	}
}
END_TEST

START_TEST(item_86_a_stateless_group)
{
	struct frame ask = udp(&a_to_x, 1000, 53);
	struct frame answer = udp(&x_to_a, 53, 1000);
	struct frame pong = icmp(&x_to_a, 0, 0, 56);

	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'free'"),
		.groups = "'free': {'stateful': false, 'rules': [" EGRESS_ALL "]}"});
	passes("a", UPLINK_OF_X, &ask);
	dies(UPLINK_OF_X, &answer, "port a", DROP_SG_INGRESS);
	dies(UPLINK_OF_X, &pong, "port a", DROP_SG_INGRESS);
	row_is("a", ROW_IN_INVALID, 0, 0);
	ck_assert_uint_eq(n_sessions(), 0);
	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'free'"),
		.groups = "'free': {'stateful': false, 'rules': [" EGRESS_ALL
			  ", " INGRESS("'protocol': 'udp', 'ports': '1000'") "]}"});
	passes(UPLINK_OF_X, "a", &answer);
	row_is("a", ROW_IN_RELATED, 0, 0);
}
END_TEST

// A stateful port keeps its states whoever it talks to, and pays for them.
START_TEST(a_stateless_neighbour)
{
	struct frame ask = udp(&b_to_a, 1000, 53);
	struct frame answer = udp(&a_to_b, 53, 1000);

	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'own'"),
		.b = "'addresses': ['" IP_B "'], " GROUPS("'free'"),
		.groups = "'own': {'rules': [" INGRESS(
			"'protocol': 'udp'") "]},"
					     "'free': {'stateful': false, 'rules': [" EGRESS_ALL
					     ", " INGRESS(
						     "'protocol': 'udp', 'ports': '1000'") "]}"});
	passes("b", "a", &ask);
	ck_assert_uint_eq(session_count_owner(sw.tables->sessions, attachment("port a")), 1);
	passes("a", "b", &answer);
	row_is("a", ROW_OUT_RELATED, 1, 128);
	row_is("b", ROW_IN_RELATED, 0, 0);
	rule_is("b", CHAIN_IN4, 0, 1);
}
END_TEST

START_TEST(item_87_exact_matches)
{
	static const struct {
		const char *from;
		uint16_t port;
		bool good;
	} udps[] = {
		{"10.0.0.0", 1000, true},
		{"10.255.255.255", 2000, true},
		{"9.255.255.255", 1500, false},
		{"11.0.0.0", 1500, false},
		{"10.1.1.1", 999, false},
		{"10.1.1.1", 2001, false},
	};
	struct frame echo = icmp(&x_to_a, 8, 0, 56);
	struct frame other_code = icmp(&x_to_a, 8, 1, 56);
	struct frame stamp = icmp(&x_to_a, 13, 0, 56);

	node_with_rules(INGRESS(
		"'protocol': 'udp', 'ports': '1000-2000', 'remote-prefix': "
		"'10.0.0.0/8'") ", " INGRESS("'protocol': 'icmp', 'icmp-type': 8, 'icmp-code': 0"));
	for (size_t i = 0; i < ARRAY_SIZE(udps); i++) {
		struct frame frame =
			udp(&(struct hosts){MAC_X, MAC_A, udps[i].from, IP_A}, 7, udps[i].port);

		if (udps[i].good)
			passes(UPLINK_OF_X, "a", &frame);
		else
			dies(UPLINK_OF_X, &frame, "port a", DROP_SG_INGRESS);
	}
	rule_is("a", CHAIN_IN4, 0, 2);
	passes(UPLINK_OF_X, "a", &echo);
	dies(UPLINK_OF_X, &other_code, "port a", DROP_SG_INGRESS);
	dies(UPLINK_OF_X, &stamp, "port a", DROP_SG_INGRESS);
	rule_is("a", CHAIN_IN4, 1, 1);
}
END_TEST

// A message that ends before its type has none that a rule could name.
START_TEST(a_message_without_a_type)
{
	for (uint16_t len = 0; len < 2; len++) {
		struct frame cut = frame_ip4(&x_to_a, IP_PROTOCOL_ICMP, len);

		node_with_rules(INGRESS("'protocol': 'icmp', 'icmp-type': 0, 'icmp-code': 0"));
		dies(UPLINK_OF_X, &cut, "port a", DROP_CT_INVALID);
		node_with_rules(INGRESS("'protocol': 'icmp'"));
		passes(UPLINK_OF_X, "a", &cut);
	}
}
END_TEST

START_TEST(item_88_an_answer_in_time)
{
	struct frame ask = udp(&a_to_x, 1000, 53);
	struct frame answer = udp(&x_to_a, 53, 1000);

	node_with_rules("");
	passes("a", UPLINK_OF_X, &ask);
	pass_time(29);
	passes(UPLINK_OF_X, "a", &answer);
}
END_TEST

START_TEST(item_88_an_answer_too_late)
{
	struct frame ask = udp(&a_to_x, 1000, 53);
	struct frame answer = udp(&x_to_a, 53, 1000);

	node_with_rules("");
	passes("a", UPLINK_OF_X, &ask);
	pass_time(31);
	dies(UPLINK_OF_X, &answer, "port a", DROP_SG_INGRESS);
}
END_TEST

START_TEST(no_more_sessions)
{
	struct frame first = udp(&a_to_x, 1000, 53), second = udp(&a_to_x, 1001, 53);
	struct frame answer = udp(&x_to_a, 53, 1000);
	struct frame of_b = udp(&(struct hosts){MAC_B, MAC_X, IP_B, IP_X}, 1000, 53);

	filter_node(&(struct filter_config){.more = ", 'sessions': {'port-quota': 1}"});
	passes("a", UPLINK_OF_X, &first);
	dies("a", &second, "provider.flat", DROP_CT_FULL);
	passes("a", UPLINK_OF_X, &first);
	passes(UPLINK_OF_X, "a", &answer);
	passes("b", UPLINK_OF_X, &of_b);
}
END_TEST

// The last session of a quota is there for all copies of its packet and for the next packet of a
// burst.
START_TEST(what_is_running_is_not_refused)
{
	struct frame all = udp(&(struct hosts){MAC_A, BROADCAST, IP_A, EVERYBODY}, 1000, 2000);
	struct frame twice[2] = {udp(&a_to_x, 1000, 53), udp(&a_to_x, 1000, 53)};

	filter_node(&(struct filter_config){.more = ", 'sessions': {'port-quota': 1}"});
	arrive("a", &all);
	expect("o", &all);
	expect("b", &all);
	expect(UPLINK_OF_X, &all);
	call("session.flush", "{}");
	pass_time(2);
	arrive_burst("a", twice, ARRAY_SIZE(twice));
	ck_assert_uint_eq(n_sent(UPLINK_OF_X), 2);
}
END_TEST

static struct session *only_session(void)
{
	struct session *found = NULL;

	for (uint32_t id = 1; id < 4096; id++) {
		struct session *s = session_get(sw.tables->sessions, id);

		if (s->life == SESSION_LIVE)
			found = s;
	}
	ck_assert_ptr_nonnull(found);
	return found;
}

// What nothing answers meets the same rule again, and a new one when the rules change.
START_TEST(a_session_remembers_its_rules)
{
	struct frame ask = udp(&b_to_a, 1000, 53);
	const struct session *s;

	filter_node(&(struct filter_config){.groups = GROUP_SSH ", " GROUP_PING});
	for (unsigned i = 0; i < 3; i++)
		passes("b", "a", &ask);
	rule_is("b", CHAIN_OUT4, 0, 3);
	rule_is("a", CHAIN_IN4, RULE_MEMBERS, 3);
	s = only_session();
	ck_assert_uint_eq(s->epoch, sw.tables->snapshot->filter_epoch);
	ck_assert_uint_eq(s->egress_row, filter_of_port("b")->chain_rows[CHAIN_OUT4]);
	ck_assert_uint_eq(s->ingress_row, filter_of_port("a")->chain_rows[CHAIN_IN4]);
	ck_assert_uint_eq(s->ingress, attachment("port a"));
	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'any', 'default'"),
		.groups = "'any': {'rules': [" INGRESS("'protocol': 'udp'") "]}"});
	ck_assert_uint_ne(s->epoch, sw.tables->snapshot->filter_epoch);
	passes("b", "a", &ask);
	rule_is("a", CHAIN_IN4, 0, 1);
}
END_TEST

// A port without a device has no attachment, but addresses that others have sessions with.
START_TEST(sessions_of_a_port_without_a_device)
{
	struct frame to_x = udp(&a_to_x, 1000, 53);
	struct frame to_far = udp(&(struct hosts){MAC_A, MAC_X, IP_A, "172.16.1.99"}, 1000, 53);

	filter_node(&(struct filter_config){});
	call("port.add", "{'name': 'far', 'network': 'net', 'addresses': ['172.16.1.99']}");
	passes("a", UPLINK_OF_X, &to_x);
	passes("a", UPLINK_OF_X, &to_far);
	ck_assert_uint_eq(n_sessions(), 2);
	call("session.flush", "{'port': 'far'}");
	ck_assert_uint_eq(n_sessions(), 1);
	call("session.flush", "{'port': 'a'}");
	ck_assert_uint_eq(n_sessions(), 0);
}
END_TEST

// One session for all copies; each port's own chain decides about its copy.
START_TEST(copies_are_filtered_each)
{
	struct frame all = udp(&(struct hosts){MAC_X, BROADCAST, IP_X, EVERYBODY}, 1000, 2000);

	node_with_rules(INGRESS("'protocol': 'udp'"));
	for (unsigned i = 0; i < 2; i++) {
		arrive(UPLINK_OF_X, &all);
		expect("a", &all);
		expect("o", &all);
		expect_none("b");
	}
	drops_are("port b", DROP_SG_INGRESS, 2);
	rule_is("a", CHAIN_IN4, 0, 2);
	ck_assert_uint_eq(n_sessions(), 1);
}
END_TEST

// A burst is tracked as a whole; who does not own an address does not touch its sessions.
START_TEST(a_burst_of_good_and_bad)
{
	struct frame frames[4] = {udp(&a_to_x, 1000, 53),
		udp(&(struct hosts){MAC_A, MAC_X, IP_B, IP_X}, 1000, 53), udp(&a_to_x, 67, 68),
		udp(&a_to_x, 1001, 53)};

	filter_node(&(struct filter_config){0});
	arrive_burst("a", frames, ARRAY_SIZE(frames));
	expect(UPLINK_OF_X, &frames[0]);
	expect(UPLINK_OF_X, &frames[3]);
	expect_none(UPLINK_OF_X);
	drops_are("port a", DROP_SPOOF_IP, 1);
	drops_are("port a", DROP_DHCP_SPOOF, 1);
	ck_assert_uint_eq(n_sessions(), 2);
}
END_TEST

START_TEST(the_ingress_chain_of_ipv6)
{
	static const uint8_t neighbours[] = {130, 135, 136};
	struct frame ra = icmp6(&(struct hosts){MAC_X, MAC_A, "fe80::1", IP6_A}, 134, 60);
	struct frame reply = frame_udp6(&x6_to_a, 547, 546, 100);
	struct frame reply_link =
		frame_udp6(&(struct hosts){MAC_X, MAC_A, "fe80::1", IP6_LA}, 547, 546, 100);
	struct frame reply_other =
		frame_udp6(&(struct hosts){MAC_X, MAC_A, "fe80::1", "fd00::99"}, 547, 546, 100);
	struct frame ask = frame_udp6(&a6_to_x, 1000, 53, 100);
	struct frame answer = frame_udp6(&x6_to_a, 53, 1000, 100);
	struct frame pong = icmp6(&x6_to_a, 129, 60);

	node_with_rules(INGRESS("'ethertype': 'ipv6', 'protocol': 'tcp'"));
	for (size_t i = 0; i < ARRAY_SIZE(neighbours); i++) {
		struct frame frame = icmp6(&x6_to_a, neighbours[i], 60);

		passes(UPLINK_OF_X, "a", &frame);
	}
	row_is("a", ROW_IN6_NEIGHBOUR, 3, 3 * 108);
	passes(UPLINK_OF_X, "a", &ra);
	row_is("a", ROW_IN6_RA, 1, 108);
	passes(UPLINK_OF_X, "a", &reply);
	passes(UPLINK_OF_X, "a", &reply_link);
	row_is("a", ROW_IN6_DHCP, 2, 2 * 148);
	dies(UPLINK_OF_X, &reply_other, "port a", DROP_SG_INGRESS);
	dies(UPLINK_OF_X, &answer, "port a", DROP_SG_INGRESS);
	row_is("a", ROW_IN6_FALLBACK, 2, 2 * 148);
	passes("a", UPLINK_OF_X, &ask);
	passes(UPLINK_OF_X, "a", &answer);
	row_is("a", ROW_IN6_RELATED, 1, 148);
	dies(UPLINK_OF_X, &pong, "port a", DROP_CT_INVALID);
	row_is("a", ROW_IN6_INVALID, 1, 108);
}
END_TEST

START_TEST(router_advertisements_need_an_address)
{
	struct frame ra = icmp6(&(struct hosts){MAC_X, MAC_A, "fe80::1", IP6_A}, 134, 60);

	filter_node(&(struct filter_config){.a = "'addresses': ['" IP_A "']"});
	dies(UPLINK_OF_X, &ra, "port a", DROP_SG_INGRESS);
}
END_TEST

void filter_state_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_75_a_run_of_pings,
		item_76_only_the_open_port,
		connections_are_counted_once,
		item_77_members_of_the_group,
		item_77_others,
		item_77_members_elsewhere,
		item_78_answers,
		item_79_a_discover_of_the_neighbour,
		dhcp_of_the_own_server,
		item_80_an_answer_that_nobody_asked_for,
		invalid_on_the_way_out,
		item_82_errors,
		item_83_a_revoked_rule,
		item_84_a_member_leaves,
		one_rule_of_many_ends,
		an_equal_rule_is_left,
		rules_of_both_directions_end,
		members_of_several_groups_leave,
		item_85_what_is_blocked_leaves_nothing,
		item_86_a_port_without_groups,
		item_86_a_stateless_group,
		a_stateless_neighbour,
		item_87_exact_matches,
		a_message_without_a_type,
		item_88_an_answer_in_time,
		item_88_an_answer_too_late,
		no_more_sessions,
		what_is_running_is_not_refused,
		a_session_remembers_its_rules,
		sessions_of_a_port_without_a_device,
		copies_are_filtered_each,
		a_burst_of_good_and_bad,
		the_ingress_chain_of_ipv6,
		router_advertisements_need_an_address,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
