// SPDX-License-Identifier: BSD-3-Clause
// Fragments from, to and past filtered ports (4.5 of the behaviour specification).

#include "filter_env.h"

#include <arpa/inet.h>

#define ETHERNET_LEN 14
#define IP4_LEN	     20
#define IP6_LEN	     40
#define WHOLE_LEN    2600 // payload of the UDP datagrams here
#define PIECE_LEN    1024
#define N_PIECES     3 // that makes

#define GROUP_UDP                                                                                  \
	"'ping': {'rules': [{'direction': 'ingress', 'protocol': 'icmp', 'icmp-type': 8}]},"       \
	"'ssh': {'rules': [{'direction': 'ingress', 'protocol': 'udp', 'ports': '5000'},"          \
	" {'direction': 'ingress', 'ethertype': 'ipv6', 'protocol': 'udp', 'ports': '5000'}]}"

static const struct filter_config plain = {0};
static const struct filter_config open_5000 = {.groups = GROUP_UDP};

// ---- pieces -----------------------------------------------------------------------------------

struct pieces {
	unsigned n;
	struct frame f[80];
};

static struct frame piece6(const struct frame *whole, uint16_t id, unsigned start, unsigned len)
{
	unsigned head = ETHERNET_LEN + IP6_LEN, payload = whole->len - head;
	struct frame frame = *whole;
	bool more = start + len < payload;
	uint8_t *header = frame.bytes + head;

	if (!more)
		len = payload - start;
	frame.len = head + 8 + len;
	frame.bytes[ETHERNET_LEN + 4] = (8 + len) >> 8;
	frame.bytes[ETHERNET_LEN + 5] = (8 + len) & 0xff;
	frame.bytes[ETHERNET_LEN + 6] = 44;
	memset(header, 0, 8);
	header[0] = whole->bytes[ETHERNET_LEN + 6];
	header[2] = start >> 8;
	header[3] = (start & 0xf8) | more;
	header[6] = id >> 8;
	header[7] = id & 0xff;
	memcpy(header + 8, whole->bytes + head + start, len);
	return frame;
}

static struct frame piece(const struct frame *whole, uint16_t id, unsigned start, unsigned len)
{
	return frame_ethertype(whole) == ETHER_TYPE_IPV4 ? frame_piece(whole, id, start, len)
							 : piece6(whole, id, start, len);
}

static struct pieces cut(const struct frame *whole, uint16_t id, unsigned len)
{
	unsigned head = ETHERNET_LEN + (frame_ethertype(whole) == ETHER_TYPE_IPV4 ? 20 : 40);
	struct pieces pieces = {0};

	for (unsigned start = 0; start < whole->len - head; start += len)
		pieces.f[pieces.n++] = piece(whole, id, start, len);
	return pieces;
}

static struct pieces udp(const struct hosts *hosts, uint16_t from, uint16_t to, uint16_t id)
{
	bool is_ip6 = strchr(hosts->from, ':') != NULL;
	struct frame whole = is_ip6 ? frame_udp6(hosts, from, to, WHOLE_LEN)
				    : frame_udp(hosts, from, to, WHOLE_LEN);
	struct pieces pieces = cut(&whole, id, PIECE_LEN);

	ck_assert_uint_eq(pieces.n, N_PIECES);
	return pieces;
}

// ---- what happens -----------------------------------------------------------------------------

// They arrive in the order of `order`, and leave in that of `out`.
static void pass_as(const char *from, const char *to, const struct pieces *pieces,
	const unsigned *order, const unsigned *out)
{
	for (unsigned i = 0; i < pieces->n; i++)
		arrive(from, &pieces->f[order[i]]);
	for (unsigned i = 0; i < pieces->n; i++)
		expect(to, &pieces->f[out[i]]);
	expect_none(to);
}

static const unsigned in_order[N_PIECES] = {0, 1, 2};
static const unsigned reversed[N_PIECES] = {2, 1, 0};
static const unsigned first_first[N_PIECES] = {0, 2, 1};

static void all_pass(const char *from, const char *to, const struct pieces *pieces)
{
	pass_as(from, to, pieces, in_order, in_order);
}

static void all_die(const char *from, const struct pieces *pieces, const unsigned *order,
	const char *care, enum drop_reason reason)
{
	uint64_t before = counters_of(care).drops[reason];

	for (unsigned i = 0; i < pieces->n; i++)
		arrive(from, &pieces->f[order[i]]);
	drops_are(care, reason, before + pieces->n);
	expect_none("a");
	expect_none("b");
	expect_none("o");
	expect_none(UPLINK_OF_X);
}

static void is_held(const char *from, const struct frame *frame)
{
	arrive(from, frame);
	expect_none("a");
	expect_none(UPLINK_OF_X);
}

// ---- tests ------------------------------------------------------------------------------------

START_TEST(of_an_accepted_flow)
{
	static const struct hosts *const ways[2][2] = {{&a_to_x, &x_to_a}, {&a6_to_x, &x6_to_a}};

	filter_node(&plain);
	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		struct pieces there = udp(ways[i][0], 1000, 2000, 1);
		struct pieces back = udp(ways[i][1], 2000, 1000, 1);
		struct pieces again = udp(ways[i][0], 1000, 2000, 2);

		all_pass("a", UPLINK_OF_X, &there);
		ck_assert_uint_eq(n_sessions(), i + 1);
		all_pass(UPLINK_OF_X, "a", &back); // established by now
		all_pass("a", UPLINK_OF_X, &again);
		ck_assert_uint_eq(n_sessions(), i + 1);
	}
	row_is("a", ROW_IN_RELATED, 3, WHOLE_LEN + 8 + 3 * IP4_LEN);
}
END_TEST

START_TEST(of_a_refused_flow)
{
	struct pieces v4 = udp(&x_to_a, 2000, 1000, 1), v6 = udp(&x6_to_a, 2000, 1000, 1);

	filter_node(&plain);
	all_die(UPLINK_OF_X, &v4, in_order, "port a", DROP_SG_INGRESS);
	all_die(UPLINK_OF_X, &v6, reversed, "port a", DROP_SG_INGRESS);
	ck_assert_uint_eq(n_sessions(), 0);
	row_is("a", ROW_IN_FALLBACK, 3, WHOLE_LEN + 8 + 3 * IP4_LEN);
}
END_TEST

// By what only the first fragment shows.
START_TEST(rules_see_the_first_header)
{
	struct pieces right = udp(&x_to_a, 2000, 5000, 1), wrong = udp(&x_to_a, 2000, 5001, 2);
	struct pieces right6 = udp(&x6_to_a, 2000, 5000, 1), wrong6 = udp(&x6_to_a, 2000, 5001, 2);
	struct frame ping = icmp(&x_to_a, 8, 0, WHOLE_LEN), other = icmp(&x_to_a, 13, 0, WHOLE_LEN);
	struct pieces pings = cut(&ping, 3, PIECE_LEN), others = cut(&other, 4, PIECE_LEN);

	filter_node(&open_5000);
	all_pass(UPLINK_OF_X, "a", &right);
	all_die(UPLINK_OF_X, &wrong, in_order, "port a", DROP_SG_INGRESS);
	pass_as(UPLINK_OF_X, "a", &right6, reversed, (const unsigned[]){0, 2, 1});
	all_die(UPLINK_OF_X, &wrong6, reversed, "port a", DROP_SG_INGRESS);
	pass_as(UPLINK_OF_X, "a", &pings, reversed, first_first);
	all_die(UPLINK_OF_X, &others, reversed, "port a", DROP_SG_INGRESS);
}
END_TEST

START_TEST(the_first_comes_last)
{
	struct pieces there = udp(&a_to_x, 1000, 2000, 1), back = udp(&x_to_a, 2000, 1000, 1);

	filter_node(&plain);
	is_held("a", &there.f[2]);
	ck_assert_uint_eq(counters_of("port a").consumed, 1);
	is_held("a", &there.f[1]);
	arrive("a", &there.f[0]);
	ck_assert_uint_eq(counters_of("port a").consumed, 2);
	ck_assert_uint_eq(counters_of("port a").originated, 2);
	for (unsigned i = 0; i < N_PIECES; i++)
		expect(UPLINK_OF_X, &there.f[first_first[i]]);
	pass_as(UPLINK_OF_X, "a", &back, reversed, first_first);
}
END_TEST

START_TEST(in_the_midst_of_a_burst)
{
	struct pieces one = udp(&a_to_x, 1000, 2000, 1), two = udp(&a_to_x, 1001, 2000, 2);
	struct frame p = frame_udp(&a_to_x, 1, 1, 100), q = frame_udp(&a_to_x, 1, 1, 101);
	struct frame burst[] = {one.f[2], p, two.f[0], two.f[2], one.f[0], q, one.f[1], two.f[1]};
	struct frame out[] = {p, two.f[0], two.f[2], one.f[0], one.f[2], q, one.f[1], two.f[1]};

	filter_node(&plain);
	arrive_burst("a", burst, ARRAY_SIZE(burst));
	for (unsigned i = 0; i < ARRAY_SIZE(out); i++)
		expect(UPLINK_OF_X, &out[i]);
}
END_TEST

// What waited does not fit into the burst of its first fragment.
START_TEST(more_than_a_burst)
{
	struct frame whole = frame_udp(&a_to_x, 1000, 2000, 60 * 16);
	struct pieces pieces = cut(&whole, 1, 16);
	struct frame burst[BURST_SIZE];

	filter_node(&plain);
	ck_assert_uint_eq(pieces.n, 61);
	for (unsigned i = 1; i < pieces.n; i++)
		is_held("a", &pieces.f[i]);
	for (unsigned i = 0; i < BURST_SIZE; i++)
		burst[i] = frame_udp(&a_to_x, 1, 1, (uint16_t)(100 + i));
	burst[10] = pieces.f[0];
	arrive_burst("a", burst, BURST_SIZE);
	for (unsigned i = 0; i < 10; i++)
		expect(UPLINK_OF_X, &burst[i]);
	for (unsigned i = 0; i < pieces.n; i++) {
		struct frame padded = frame_padded(&pieces.f[i]);

		expect(UPLINK_OF_X, &padded);
	}
	for (unsigned i = 11; i < BURST_SIZE; i++)
		expect(UPLINK_OF_X, &burst[i]);
}
END_TEST

// B may not have what A may.
START_TEST(a_flood_is_judged_at_each_port)
{
	const struct hosts hosts = {MAC_X, "01:00:5e:01:02:03", IP_X, "239.1.2.3"};
	struct pieces pieces = udp(&hosts, 2000, 5000, 1);

	filter_node(&open_5000);
	for (unsigned i = 0; i < N_PIECES; i++)
		arrive(UPLINK_OF_X, &pieces.f[reversed[i]]);
	for (unsigned i = 0; i < N_PIECES; i++) {
		expect("a", &pieces.f[first_first[i]]);
		expect("o", &pieces.f[first_first[i]]);
	}
	expect_none("b");
	drops_are("port b", DROP_SG_INGRESS, N_PIECES);
}
END_TEST

START_TEST(the_first_never_comes)
{
	struct pieces pieces = udp(&a_to_x, 1000, 2000, 1);

	filter_node(&plain);
	is_held("a", &pieces.f[1]);
	pass_time(29);
	is_held("a", &pieces.f[2]);
	drops_are("port a", DROP_FRAG_TIMEOUT, 0);
	pass_time(2);
	drops_are("port a", DROP_FRAG_TIMEOUT, 2);
	arrive("a", &pieces.f[1]);
	drops_are("port a", DROP_FRAG_NO_FIRST, 1);
	pass_time(31);
	is_held("a", &pieces.f[1]);
	arrive("a", &pieces.f[0]);
	expect(UPLINK_OF_X, &pieces.f[0]);
	expect(UPLINK_OF_X, &pieces.f[1]);
}
END_TEST

START_TEST(overlap)
{
	struct frame whole = frame_udp(&a_to_x, 1000, 2000, WHOLE_LEN);
	struct frame whole6 = frame_udp6(&a6_to_x, 1000, 2000, WHOLE_LEN);
	const struct frame *wholes[] = {&whole, &whole6};

	filter_node(&plain);
	for (unsigned i = 0; i < ARRAY_SIZE(wholes); i++) {
		struct pieces pieces = cut(wholes[i], 1, PIECE_LEN);
		struct pieces waiting = cut(wholes[i], 2, PIECE_LEN);
		struct frame wrong = piece(wholes[i], 1, PIECE_LEN - 8, PIECE_LEN);
		struct frame wrong2 = piece(wholes[i], 2, PIECE_LEN - 8, PIECE_LEN);

		arrive("a", &pieces.f[0]);
		expect(UPLINK_OF_X, &pieces.f[0]);
		arrive("a", &wrong);
		arrive("a", &pieces.f[1]);
		arrive("a", &pieces.f[2]);
		drops_are("port a", DROP_FRAG_OVERLAP, i * 7 + 3);
		is_held("a", &waiting.f[1]);
		is_held("a", &waiting.f[2]);
		arrive("a", &wrong2);
		arrive("a", &waiting.f[0]);
		drops_are("port a", DROP_FRAG_OVERLAP, i * 7 + 7);
	}
	expect_none(UPLINK_OF_X);
}
END_TEST

START_TEST(tiny)
{
	struct frame segment = frame_tcp(&a_to_x, 1000, 2000, 100);
	struct frame datagram = frame_udp6(&a6_to_x, 1000, 2000, 100);
	struct frame first = piece(&segment, 1, 0, 16), later = piece(&segment, 1, 16, 80);
	struct frame first6 = piece(&datagram, 1, 0, 8);
	struct frame just = piece(&segment, 2, 0, 24);

	filter_node(&plain);
	is_held("a", &later);
	arrive("a", &first);
	drops_are("port a", DROP_FRAG_TINY, 2);
	arrive("a", &later);
	drops_are("port a", DROP_FRAG_TINY, 3);
	// It ends within extension headers.
	first6.bytes[ETHERNET_LEN + IP6_LEN] = 60;
	first6.bytes[ETHERNET_LEN + IP6_LEN + 8 + 1] = 1;
	dies("a", &first6, "port a", DROP_FRAG_TINY);
	passes("a", UPLINK_OF_X, &just);
}
END_TEST

START_TEST(headers_that_can_not_be_true)
{
	struct frame whole = frame_udp(&a_to_x, 1000, 2000, 100);
	struct frame whole6 = frame_udp6(&a6_to_x, 1000, 2000, 100);
	struct frame far = piece(&whole, 1, 8, 96), odd = piece(&whole, 1, 8, 95);
	struct frame far6 = piece(&whole6, 1, 8, 96), empty = piece(&whole, 1, 8, 0);

	filter_node(&plain);
	frame_set_fragment(&far, IPV4_OFFSET_MASK);
	far6.bytes[ETHERNET_LEN + IP6_LEN + 2] = 0xff;
	far6.bytes[ETHERNET_LEN + IP6_LEN + 3] = 0xf8;
	dies("a", &far, "port a", DROP_IP4_MALFORMED);
	dies("a", &odd, "port a", DROP_IP4_MALFORMED);
	dies("a", &empty, "port a", DROP_IP4_MALFORMED);
	dies("a", &far6, "port a", DROP_IP6_MALFORMED);
}
END_TEST

START_TEST(too_many_of_one_datagram)
{
	struct frame whole = frame_udp(&a_to_x, 1000, 2000, 66 * 8);
	struct pieces pieces = cut(&whole, 1, 8);

	filter_node(&plain);
	ck_assert_uint_eq(pieces.n, 67);
	for (unsigned i = 2; i < 66; i++)
		is_held("a", &pieces.f[i]);
	dies("a", &pieces.f[66], "port a", DROP_FRAG_FULL);
	struct frame first = piece(&whole, 1, 0, 16);

	arrive("a", &first);
	ck_assert_uint_eq(n_sent(UPLINK_OF_X), 65);
	forget_sent(UPLINK_OF_X);
}
END_TEST

START_TEST(too_much_waits)
{
	struct frame whole = frame_udp(&a_to_x, 1000, 2000, WHOLE_LEN);
	uint64_t n = 0;

	filter_node(&plain);
	while (counters_of("port a").drops[DROP_FRAG_FULL] == 0) {
		struct frame later = piece(&whole, (uint16_t)n++, PIECE_LEN, PIECE_LEN);

		arrive_unpolled("a", &later);
	}
	drops_are("port a", DROP_FRAG_FULL, 1);
	ck_assert_uint_gt(n, 500);
	ck_assert_uint_lt(n, 2048);
	// Who is whole does not care.
	struct frame other = frame_udp(&a_to_x, 1000, 2000, 100);

	passes("a", UPLINK_OF_X, &other);
	clock_advance(UINT64_C(31) * NS_PER_S);
	for (unsigned i = 0; i < n; i++)
		run();
	drops_are("port a", DROP_FRAG_TIMEOUT, n - 1);
}
END_TEST

START_TEST(no_session_for_the_first)
{
	struct pieces one = udp(&a_to_x, 1000, 2000, 1), two = udp(&a_to_x, 1001, 2000, 2);
	struct pieces more = udp(&a_to_x, 1000, 2000, 3);

	filter_node(&(struct filter_config){.more = ", 'sessions': {'port-quota': 1}"});
	all_pass("a", UPLINK_OF_X, &one);
	all_die("a", &two, in_order, "provider.flat", DROP_CT_FULL);
	pass_as("a", UPLINK_OF_X, &more, reversed, first_first);
}
END_TEST

START_TEST(what_belongs_to_nothing)
{
	struct frame answer = icmp(&x_to_a, 0, 0, WHOLE_LEN);
	struct pieces pieces = cut(&answer, 1, PIECE_LEN);

	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'default'")});
	all_die(UPLINK_OF_X, &pieces, reversed, "port a", DROP_CT_INVALID);
}
END_TEST

START_TEST(who_must_not_send_it)
{
	struct pieces offer = udp(&a_to_x, 67, 68, 1);
	struct pieces foreign = udp(&(struct hosts){MAC_A, MAC_X, IP_B, IP_X}, 1000, 2000, 2);

	filter_node(&plain);
	all_die("a", &offer, reversed, "port a", DROP_DHCP_SPOOF);
	all_die("a", &foreign, reversed, "port a", DROP_SPOOF_IP);
}
END_TEST

// Another port that speaks in A's name changes nothing for A.
START_TEST(nobody_meddles_with_datagrams_of_others)
{
	struct pieces pieces = udp(&a_to_x, 1000, 2000, 1);
	struct pieces fake = udp(&(struct hosts){MAC_B, MAC_X, IP_A, IP_X}, 1000, 2000, 1);

	filter_node(&plain);
	arrive("a", &pieces.f[0]);
	expect(UPLINK_OF_X, &pieces.f[0]);
	arrive("b", &fake.f[1]);
	arrive("b", &fake.f[0]);
	drops_are("port b", DROP_SPOOF_IP, 2);
	arrive("a", &pieces.f[1]);
	arrive("a", &pieces.f[2]);
	expect(UPLINK_OF_X, &pieces.f[1]);
	expect(UPLINK_OF_X, &pieces.f[2]);
}
END_TEST

START_TEST(stateless_groups)
{
	struct pieces right = udp(&x_to_a, 2000, 5000, 1), wrong = udp(&x_to_a, 2000, 5001, 2);

	filter_node(&(struct filter_config){.a = ADDRESSES_A ", " GROUPS("'s'"),
		.groups = "'s': {'stateful': false, 'rules':"
			  " [{'direction': 'ingress', 'protocol': 'udp', 'ports': '5000'}]}"});
	pass_as(UPLINK_OF_X, "a", &right, reversed, first_first);
	all_die(UPLINK_OF_X, &wrong, reversed, "port a", DROP_SG_INGRESS);
	ck_assert_uint_eq(n_sessions(), 0);
}
END_TEST

// Its port goes while it waits.
START_TEST(a_port_is_switched_off)
{
	struct pieces pieces = udp(&x_to_a, 2000, 5000, 1), of_a = udp(&a_to_x, 1000, 2000, 1);

	filter_node(&open_5000);
	is_held(UPLINK_OF_X, &pieces.f[1]);
	is_held("a", &of_a.f[1]);
	filter_node(&(struct filter_config){
		.a = ADDRESSES_A ", 'admin-state': 'down', " GROUPS("'ssh'"), .groups = GROUP_UDP});
	arrive(UPLINK_OF_X, &pieces.f[0]);
	expect_none("a");
	expect("o", &pieces.f[0]); // A is not known any more: both are flooded
	expect("o", &pieces.f[1]);
	any_drops();
	pass_time(31);
	ck_assert_uint_eq(counters_of("port a").drops[DROP_FRAG_TIMEOUT], 1);
}
END_TEST

#define IP_101	"192.168.31.101"
#define MAC_101 "52:54:00:00:01:01"
#define OUR_IP	"192.168.31.104"

START_TEST(out_of_the_tunnel)
{
	struct pieces pieces = udp(&x_to_a, 2000, 5000, 1);

	configure("{'uplinks': {'underlay': {'device': 'fake:ens18', 'address': '" OUR_IP "/24'}},"
		  "'tunnel': {'uplink': 'underlay', 'vnis': '1-1000', 'mode': 'headend',"
		  "           'remotes': ['" IP_101 "']},"
		  "'networks': {'net': {'segments': [{'type': 'vxlan', 'id': 1}]}},"
		  "'ports': {'a': {'network': 'net', 'device': 'fake:a', 'mac': '" MAC_A "',"
		  "  'port-security': true, " ADDRESSES_A
		  ", " GROUPS("'ssh'") "}},"
				       "'security-groups': {%s}}",
		GROUP_UDP);
	resolve("ens18", OUR_IP, IP_101, MAC_101);

	const struct hosts outer = {MAC_101, device_mac_text("ens18"), IP_101, OUR_IP};

	for (unsigned i = 0; i < N_PIECES; i++) {
		struct frame datagram = frame_vxlan(&outer, 1, &pieces.f[reversed[i]]);

		arrive("ens18", &datagram);
		if (i < 2)
			ck_assert_uint_eq(where("net", MAC_X), NOWHERE);
	}
	for (unsigned i = 0; i < N_PIECES; i++)
		expect("a", &pieces.f[first_first[i]]);
	ck_assert_uint_eq(where("net", MAC_X), location_of_remote(IP_101));
}
END_TEST

// Its network is left while it waits, and the ledger closes all the same.
START_TEST(a_port_goes)
{
	struct pieces pieces = udp(&a_to_x, 1000, 2000, 1);

	filter_node(&plain);
	is_held("a", &pieces.f[1]);
	ck_assert_uint_eq(counters_of("port a").consumed, 1);
	configure("{}");
	any_drops(); // in the care of a port that has no name any more
	pass_time(31);
	pass_time(31);
}
END_TEST

// Where no port is filtered, fragments are packets like others.
START_TEST(networks_without_filters)
{
	struct pieces pieces = udp(&a_to_x, 1000, 2000, 1);

	filter_node(&(struct filter_config){.a = ADDRESSES_A ", 'port-security': false",
		.b = "'addresses': ['" IP_B "'], 'port-security': false"});
	arrive("a", &pieces.f[2]);
	expect(UPLINK_OF_X, &pieces.f[2]);
	arrive("a", &pieces.f[2]);
	expect(UPLINK_OF_X, &pieces.f[2]);
}
END_TEST

void filter_fragment_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		of_an_accepted_flow,
		of_a_refused_flow,
		rules_see_the_first_header,
		the_first_comes_last,
		in_the_midst_of_a_burst,
		more_than_a_burst,
		a_flood_is_judged_at_each_port,
		the_first_never_comes,
		overlap,
		tiny,
		headers_that_can_not_be_true,
		too_many_of_one_datagram,
		too_much_waits,
		no_session_for_the_first,
		what_belongs_to_nothing,
		who_must_not_send_it,
		nobody_meddles_with_datagrams_of_others,
		stateless_groups,
		a_port_is_switched_off,
		a_port_goes,
		out_of_the_tunnel,
		networks_without_filters,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
