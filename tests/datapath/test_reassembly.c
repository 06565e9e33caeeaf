// SPDX-License-Identifier: BSD-3-Clause
// Fragments to addresses of routers and service ports (4.5 of the behaviour specification): they
// are answered as the datagram that they were, in fragments of what the network carries.

#include "router_node.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "net/checksum.h"
#include "net/icmp.h"

#define ETHERNET_LEN 14
#define IP4_LEN	     20
#define ECHO_LEN     3000
#define PIECE_LEN    1024
#define N_PIECES     3 // that makes
#define CLOSED	     4000

static const struct hosts v_to_r3 = {MAC_V, MAC_R3, IP_V, IP_R3};
static const struct hosts r3_to_v = {MAC_R3, MAC_V, IP_R3, IP_V};
static const unsigned in_order[] = {0, 1, 2};
static const unsigned reversed[] = {2, 1, 0};

// ---- what is sent and expected ------------------------------------------------------------------

static struct frame echo(const struct hosts *hosts)
{
	return frame_icmp_echo(hosts, 7, ECHO_LEN);
}

static struct frame piece(const struct frame *whole, uint16_t id, unsigned i)
{
	return frame_piece(whole, id, i * PIECE_LEN, PIECE_LEN);
}

static void arrive_piece(const char *device, const struct frame *whole, uint16_t id, unsigned i)
{
	struct frame frame = piece(whole, id, i);

	arrive(device, &frame);
}

static void arrive_pieces(
	const char *device, const struct frame *whole, uint16_t id, const unsigned *order)
{
	for (unsigned i = 0; i < N_PIECES; i++)
		arrive_piece(device, whole, id, order[i]);
}

// Puts together what a device has sent, fragment by fragment in order, none larger than the MTU.
static struct frame sent_whole(const char *device, uint16_t mtu)
{
	struct frame whole = {0};
	bool more = true;
	uint16_t id = 0;

	while (more) {
		struct frame f = sent(device);
		struct ipv4_wire *ip = frame_ip(&f);
		uint16_t len = ntohs(ip->total_len) - IP4_LEN, word = ntohs(ip->fragment);
		uint16_t start = whole.len == 0 ? 0 : whole.len - ETHERNET_LEN - IP4_LEN;

		ck_assert(frame_ip_checksum_ok(&f));
		ck_assert_uint_le(ntohs(ip->total_len), mtu);
		ck_assert_uint_eq((word & IPV4_OFFSET_MASK) * 8, start);
		if (start == 0)
			whole = f;
		else
			memcpy(whole.bytes + whole.len, f.bytes + ETHERNET_LEN + IP4_LEN, len);
		whole.len = ETHERNET_LEN + IP4_LEN + start + len;
		id = start == 0 ? ip->id : id;
		ck_assert_uint_eq(ip->id, id);
		more = word & IPV4_MF;
	}
	frame_ip(&whole)->id = 0;
	frame_ip(&whole)->total_len = htons(whole.len - ETHERNET_LEN);
	frame_set_fragment(&whole, 0);
	expect_none(device);
	return whole;
}

static void is_answered(const char *device, const struct hosts *back, uint16_t mtu)
{
	struct frame answer = sent_whole(device, mtu), should = echo(back);
	struct icmp_wire *icmp = (struct icmp_wire *)frame_l4(&should);

	icmp->type = ICMP_ECHO_REPLY;
	icmp->checksum = checksum_patch(icmp->checksum, htons(ICMP_ECHO_REQUEST << 8), 0);
	frame_ip(&should)->id = 0;
	frame_fix_ip(&should);
	ck_assert(frame_equal(&answer, &should));
}

static void ping_is_answered(const char *device, const struct hosts *to, uint16_t mtu)
{
	struct hosts back = {to->to_mac, to->from_mac, to->to, to->from};
	struct frame whole = echo(to);

	arrive_pieces(device, &whole, 1, in_order);
	is_answered(device, &back, mtu);
	arrive_pieces(device, &whole, 2, reversed);
	is_answered(device, &back, mtu);
}

// ---- answers ------------------------------------------------------------------------------------

START_TEST(pings_of_router_addresses_are_answered)
{
	plain_router();
	ping_is_answered("a", &(struct hosts){MAC_A, MAC_R1, IP_A, IP_R1}, 1450);
	ping_is_answered("a", &(struct hosts){MAC_A, MAC_R1, IP_A, IP_R2}, 1450);
	ping_is_answered("c", &(struct hosts){MAC_C, MAC_R2, IP_C, IP_GW}, 1450);
	ping_is_answered("v", &v_to_r3, 1500);
	ping_is_answered("ens20", &(struct hosts){MAC_X, MAC_GW, IP_X, IP_GW}, 1500);
}
END_TEST

// Nothing is translated, so that workers do not look at fragments.
START_TEST(pings_are_answered_without_a_gateway)
{
	router_node(&(struct router_config_text){0});
	ping_is_answered("a", &(struct hosts){MAC_A, MAC_R1, IP_A, IP_R1}, 1450);
	ping_is_answered("v", &v_to_r3, 1500);
}
END_TEST

START_TEST(a_datagram_to_a_closed_port_is_refused_once)
{
	struct frame whole = frame_udp(&v_to_r3, 1, CLOSED, ECHO_LEN), quoted = whole;

	frame_ip(&quoted)->id = htons(1);
	frame_fix_ip(&quoted);
	struct frame error =
		error_about(&r3_to_v, ICMP_UNREACHABLE, ICMP_CODE_PORT_UNREACHABLE, 0, &quoted);

	plain_router();
	arrive_pieces("v", &whole, 1, reversed);
	expect_error("v", &error);
	expect_none("v");
}
END_TEST

START_TEST(what_there_is_no_answer_to_dies_in_all_its_pieces)
{
	struct frame whole = echo(&v_to_r3);

	plain_router();
	whole.bytes[ETHERNET_LEN + IP4_LEN + 2] ^= 1; // checksum
	arrive_pieces("v", &whole, 1, in_order);
	drops_are("port v", DROP_SERVICE_OTHER, N_PIECES);
	expect_none("v");
}
END_TEST

// ---- what never becomes whole -------------------------------------------------------------------

START_TEST(overlapping_fragments_end_their_datagram)
{
	struct frame whole = echo(&v_to_r3);
	struct frame again = frame_piece(&whole, 1, 512, PIECE_LEN);

	router_node(&(struct router_config_text){0});
	arrive_piece("v", &whole, 1, 0);
	arrive("v", &again);
	arrive_piece("v", &whole, 1, 1);
	arrive_piece("v", &whole, 1, 2);
	drops_are("port v", DROP_FRAG_OVERLAP, 4);
	pass_time(40);
	expect_none("v");
	ping_is_answered("v", &v_to_r3, 1500); // the same id
}
END_TEST

START_TEST(fragments_that_disagree_about_the_end_die)
{
	struct frame whole = echo(&v_to_r3), shorter = whole, longer = whole;

	router_node(&(struct router_config_text){0});
	shorter.len -= 200;
	arrive_piece("v", &whole, 1, 2);
	shorter = piece(&shorter, 1, 1);
	frame_set_fragment(&shorter, PIECE_LEN / 8);
	arrive("v", &shorter); // another last one
	drops_are("port v", DROP_FRAG_OVERLAP, 2);
	arrive_piece("v", &whole, 2, 2);
	longer = piece(&longer, 2, 1);
	frame_set_fragment(&longer, IPV4_MF | 3 * PIECE_LEN / 8);
	arrive("v", &longer); // behind the last one
	drops_are("port v", DROP_FRAG_OVERLAP, 4);
	arrive_piece("v", &whole, 3, 1);
	shorter = piece(&whole, 3, 0);
	frame_set_fragment(&shorter, 0x10);
	arrive("v", &shorter); // the last one before another
	drops_are("port v", DROP_FRAG_OVERLAP, 6);
	expect_none("v");
}
END_TEST

START_TEST(fragments_that_can_not_be_die)
{
	struct frame whole = echo(&v_to_r3), first, frame;

	router_node(&(struct router_config_text){0});
	first = piece(&whole, 1, 0);
	frame = frame_piece(&whole, 1, 0, PIECE_LEN - 4); // no multiple of 8, and more to come
	arrive("v", &frame);
	frame = first;
	frame_set_fragment(&frame, 8190); // more than 64 KiB
	arrive("v", &frame);
	frame.len = ETHERNET_LEN + IP4_LEN;
	frame_ip(&frame)->total_len = htons(IP4_LEN);
	frame_set_fragment(&frame, IPV4_MF | 16); // nothing
	arrive("v", &frame);
	drops_are("port v", DROP_IP4_MALFORMED, 3);
	expect_none("v");
}
END_TEST

START_TEST(the_sender_hears_of_a_fragment_that_is_missing)
{
	struct frame whole = echo(&v_to_r3), first;

	router_node(&(struct router_config_text){0});
	first = piece(&whole, 1, 0);
	struct frame error =
		error_about(&r3_to_v, ICMP_TIME_EXCEEDED, ICMP_CODE_REASSEMBLY_EXCEEDED, 0, &first);

	arrive_piece("v", &whole, 1, 2);
	arrive("v", &first);
	pass_time(29);
	expect_none("v");
	pass_time(2);
	expect_error("v", &error);
	expect_none("v");
	drops_are("port v", DROP_FRAG_TIMEOUT, 2);
	// What comes now begins anew.
	arrive_piece("v", &whole, 1, 1);
	pass_time(31);
	drops_are("port v", DROP_FRAG_TIMEOUT, 3);
	expect_none("v"); // without the first nobody is told
}
END_TEST

// ---- limits -------------------------------------------------------------------------------------

START_TEST(a_datagram_has_so_many_fragments)
{
	struct frame whole = echo(&v_to_r3);

	router_node(&(struct router_config_text){0});
	for (unsigned i = 1; i <= 65; i++) {
		struct frame frame = frame_piece(&whole, 1, i * 16, 16);

		arrive("v", &frame);
	}
	drops_are("port v", DROP_FRAG_FULL, 1);
}
END_TEST

START_TEST(a_source_has_so_many_datagrams)
{
	struct frame whole = echo(&v_to_r3);

	router_node(&(struct router_config_text){0});
	for (uint16_t id = 1; id <= 9; id++) {
		arrive_piece("v", &whole, id, 0);
		arrive_piece("v", &whole, id, 1);
	}
	drops_are("port v", DROP_FRAG_FULL, 2); // the oldest went
	for (uint16_t id = 2; id <= 9; id++) {
		arrive_piece("v", &whole, id, 2);
		is_answered("v", &r3_to_v, 1500);
	}
}
END_TEST

// First fragments of datagrams of as many sources.
static void crowd(const char *device, const struct hosts *hosts, unsigned n)
{
	struct hosts other = *hosts;
	char address[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(address, sizeof(address), "%.*s.%u",
			(int)(strrchr(hosts->from, '.') - hosts->from), hosts->from, 100 + i);
		other.from = address;
		struct frame whole = echo(&other);

		arrive_piece(device, &whole, 1, 0);
	}
}

START_TEST(a_port_and_the_node_have_so_many_datagrams)
{
	struct hosts from_a = {MAC_A, MAC_R1, IP_A, IP_R1}, from_b = {MAC_B, MAC_R1, IP_B, IP_R1},
		     from_c = {MAC_C, MAC_R2, IP_C, IP_R2};

	router_node(&(struct router_config_text){0});
	crowd("a", &from_a, 22);
	drops_are("port a", DROP_FRAG_FULL, 2);
	crowd("b", &from_b, 20);
	crowd("c", &from_c, 20);
	// A port that is within its limit gets through though the node is at its own.
	ping_is_answered("v", &v_to_r3, 1500);
	drops_are("port a", DROP_FRAG_FULL, 3);
}
END_TEST

START_TEST(a_port_that_goes_takes_its_fragments_along)
{
	struct frame whole = echo(&v_to_r3);

	router_node(&(struct router_config_text){0});
	arrive_piece("v", &whole, 1, 0);
	arrive_piece("v", &whole, 1, 1);
	call("router.set", "{'name': 'vxlan1and2', 'interfaces': [{'subnet': 'vxlan1'}]}");
	drops_are("port v", DROP_PORT_DOWN, 2);
	pass_time(31);
	expect_none("v");
}
END_TEST

void reassembly_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		pings_of_router_addresses_are_answered,
		pings_are_answered_without_a_gateway,
		a_datagram_to_a_closed_port_is_refused_once,
		what_there_is_no_answer_to_dies_in_all_its_pieces,
		overlapping_fragments_end_their_datagram,
		fragments_that_disagree_about_the_end_die,
		fragments_that_can_not_be_die,
		the_sender_hears_of_a_fragment_that_is_missing,
		a_datagram_has_so_many_fragments,
		a_source_has_so_many_datagrams,
		a_port_and_the_node_have_so_many_datagrams,
		a_port_that_goes_takes_its_fragments_along,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
