// SPDX-License-Identifier: BSD-3-Clause
// Connection tracking but for TCP's own sequences: the state of a first packet, what answers make
// of it, ICMP errors, what leaves no session behind, time-outs of what is not TCP.

#include <string.h>

#include <check.h>

#include "net/checksum.h"
#include "net/headers.h"
#include "suite.h"
#include "track_env.h"

static const struct flow_ports to_a = {X, A, 40000, 22};
static const struct flow_ports from_a = {A, X, 22, 40000};

static struct bytes udp_to_a(void)
{
	return make_udp(4, &to_a, 20);
}

static struct bytes udp_from_a(void)
{
	return make_udp(4, &from_a, 20);
}

static struct bytes tcp_to_a(uint8_t flags)
{
	return make_tcp(4, &to_a, &(struct tcp_fields){1000, 5000, flags, .data_len = 10});
}

// Damages a byte of the L4 checksum.
static struct bytes damage(struct bytes packet, unsigned checksum_offset)
{
	l4_of(&packet)[checksum_offset] ^= 0x5a;
	return packet;
}

// Takes bytes off the end; the IP header says so.
static struct bytes cut_off(struct bytes packet, uint16_t l4_len)
{
	packet.len = (uint16_t)(l4_of(&packet) - packet.b) + l4_len;
	finish(&packet);
	return packet;
}

// ---- item 81: the state of a first packet -----------------------------------------------------

START_TEST(tcp_first_packets)
{
	static const struct {
		uint8_t flags;
		enum track_state state;
	} stimuli[] = {
		{SYN, TRACK_NEW},
		{SYN | URG, TRACK_NEW},
		{ACK, TRACK_NEW},
		{PSH | ACK, TRACK_NEW},
		{ACK | URG, TRACK_NEW},
		{SYN | ACK, TRACK_INVALID},
		{FIN, TRACK_INVALID},
		{FIN | ACK, TRACK_INVALID},
		{RST, TRACK_INVALID},
		{RST | ACK, TRACK_INVALID},
		{0, TRACK_INVALID},
		{PSH, TRACK_INVALID},
		{FIN | PSH | URG, TRACK_INVALID},
		{SYN | FIN, TRACK_INVALID},
		{SYN | RST, TRACK_INVALID},
		{0x3f, TRACK_INVALID},
	};

	for (unsigned family = 4; family <= 6; family += 2) {
		for (unsigned i = 0; i < ARRAY_SIZE(stimuli); i++) {
			struct tcp_fields fields = {1000, 5000, stimuli[i].flags, .data_len = 4};
			struct bytes packet = make_tcp(family, &to_a, &fields);

			ck_assert_msg(look(&packet) == stimuli[i].state, "IPv%u flags %02x", family,
				stimuli[i].flags);
		}
	}
}
END_TEST

START_TEST(tcp_headers_that_can_not_be_true)
{
	struct bytes offset = tcp_to_a(SYN);
	struct bytes beyond = cut_off(tcp_to_a(SYN), 20);
	struct bytes checksum = damage(tcp_to_a(SYN), 16);

	l4_of(&offset)[12] = 4 << 4;
	finish(&offset);
	l4_of(&beyond)[12] = 6 << 4;
	finish(&beyond);
	ck_assert_int_eq(look(&offset), TRACK_INVALID);
	ck_assert_int_eq(look(&beyond), TRACK_INVALID);
	ck_assert_int_eq(look(&checksum), TRACK_INVALID);
	for (uint16_t len = 0; len < 20; len++) {
		struct bytes truncated = cut_off(tcp_to_a(SYN), len);

		ck_assert_int_eq(look(&truncated), TRACK_INVALID);
	}
}
END_TEST

START_TEST(udp_first_packets)
{
	struct bytes good = udp_to_a(), none = udp_to_a(), odd = make_udp(4, &to_a, 21);
	struct bytes checksum = damage(udp_to_a(), 6);
	struct bytes shorter = udp_to_a(), longer = udp_to_a();

	memset(l4_of(&none) + 6, 0, 2);
	l4_of(&shorter)[5] = 7;
	l4_of(&longer)[5] = 29;
	ck_assert_int_eq(look(&good), TRACK_NEW);
	ck_assert_int_eq(look(&odd), TRACK_NEW);
	ck_assert_int_eq(look(&none), TRACK_NEW);
	ck_assert_int_eq(look(&checksum), TRACK_INVALID);
	ck_assert_int_eq(look(&shorter), TRACK_INVALID);
	ck_assert_int_eq(look(&longer), TRACK_INVALID);
	for (uint16_t len = 0; len < 8; len++) {
		struct bytes truncated = make_ip(4, X, A, IP_PROTOCOL_UDP);

		append(&truncated, l4_of(&good), len);
		truncated.b[3] = (uint8_t)truncated.len;
		truncated.b[10] = truncated.b[11] = 0;
		uint16_t sum = checksum_of(truncated.b, 20);

		memcpy(truncated.b + 10, &sum, 2);
		ck_assert_int_eq(look(&truncated), TRACK_INVALID);
	}
}
END_TEST

// A checksum that is the sum of the pseudo header was left to hardware by a kernel; and who has a
// driver's word need not look at it.
START_TEST(checksums_that_others_answer_for)
{
	struct bytes packet = udp_to_a(), wrong = damage(udp_to_a(), 6);
	struct track_packet p = {.zone = ZONE, .checksum_good = true};
	uint32_t sum = checksum_add(0, packet.b + 12, 8);
	const uint8_t rest[4] = {0, IP_PROTOCOL_UDP, 0, 28};
	uint16_t partial = checksum_fold(checksum_add(sum, rest, sizeof(rest)));

	memcpy(l4_of(&packet) + 6, &partial, 2);
	ck_assert_int_eq(look(&packet), TRACK_NEW);
	ck_assert_int_eq(look(&wrong), TRACK_INVALID);
	ck_assert_int_eq(inet_read(&p.ip, wrong.b, wrong.len, wrong.ethertype), INET_OK);
	track_lookup(tracker(), &p, 1);
	ck_assert_int_eq(p.state, TRACK_NEW);
}
END_TEST

START_TEST(icmp_first_packets)
{
	for (unsigned type = 0; type < 256; type++) {
		bool request = type == 8 || type == 13 || type == 15 || type == 17;
		struct bytes packet = make_icmp(4, X, A, (uint8_t)type, 9);

		ck_assert_msg(
			look(&packet) == (request ? TRACK_NEW : TRACK_INVALID), "type %u", type);
	}
	struct bytes checksum = damage(make_icmp(4, X, A, 8, 9), 2);
	struct bytes truncated = cut_off(make_icmp(4, X, A, 8, 9), 7);
	struct bytes foreign = make_ip(4, X, A, IP_PROTOCOL_ICMPV6);
	struct bytes foreign6 = make_ip(6, X, A, IP_PROTOCOL_ICMP);

	append(&foreign, NULL, 8);
	finish(&foreign);
	append(&foreign6, NULL, 8);
	finish(&foreign6);
	ck_assert_int_eq(look(&checksum), TRACK_INVALID);
	ck_assert_int_eq(look(&truncated), TRACK_INVALID);
	ck_assert_int_eq(look(&foreign), TRACK_INVALID);
	ck_assert_int_eq(look(&foreign6), TRACK_INVALID);
}
END_TEST

START_TEST(icmp6_first_packets)
{
	for (unsigned type = 0; type < 256; type++) {
		bool link = (type >= 130 && type <= 136) || type == 143;
		enum track_state state = type == 128 ? TRACK_NEW
					 : link	     ? TRACK_UNTRACKED
						     : TRACK_INVALID;
		struct bytes packet = make_icmp(6, X, A, (uint8_t)type, 9);

		ck_assert_msg(look(&packet) == state, "type %u", type);
	}
	struct bytes checksum = damage(make_icmp(6, X, A, 128, 9), 2);

	ck_assert_int_eq(look(&checksum), TRACK_INVALID);
}
END_TEST

START_TEST(other_protocols_are_new)
{
	static const uint8_t protocols[] = {2, 4, 47, 50, 51, 89, 112, 253};

	for (unsigned i = 0; i < ARRAY_SIZE(protocols); i++) {
		struct bytes packet = make_ip(4, X, A, protocols[i]);

		finish(&packet);
		ck_assert_int_eq(look(&packet), TRACK_NEW);
	}
	// These have ports, which rules may ask for.
	static const uint8_t with_ports[] = {
		IP_PROTOCOL_SCTP, IP_PROTOCOL_DCCP, IP_PROTOCOL_UDPLITE};

	for (unsigned i = 0; i < ARRAY_SIZE(with_ports); i++) {
		struct bytes packet = make_ip(4, X, A, with_ports[i]);

		append(&packet, "\x12\x34\x00\x16\0\0\0", 8);
		finish(&packet);
		ck_assert_int_eq(pass(&packet), TRACK_NEW);
		ck_assert_uint_eq(session_of(&packet)->timeout, SESSION_TIMEOUT_OTHER);
		l4_of(&packet)[3] = 0x17;
		ck_assert_int_eq(look(&packet), TRACK_NEW);
		packet = cut_off(packet, 7);
		ck_assert_int_eq(look(&packet), TRACK_INVALID);
	}
	struct bytes nothing = make_ip(6, X, A, 59);

	finish(&nothing);
	ck_assert_int_eq(look(&nothing), TRACK_INVALID);
}
END_TEST

// ---- sessions ---------------------------------------------------------------------------------

// Item 75 at this level: the first of a run of pings is new, the others are established.
START_TEST(ping_is_established_from_the_first_answer_on)
{
	for (int family = 4; family <= 6; family += 2) {
		struct bytes request = make_icmp(family, X, A, family == 4 ? 8 : 128, 77);
		struct bytes answer = make_icmp(family, A, X, family == 4 ? 0 : 129, 77);
		struct bytes other = make_icmp(family, A, X, family == 4 ? 0 : 129, 78);

		ck_assert_int_eq(pass(&request), TRACK_NEW);
		ck_assert_int_eq(pass(&request), TRACK_NEW);
		struct track_packet p = pass_all(&answer, ZONE);

		ck_assert_int_eq(p.state, TRACK_ESTABLISHED);
		ck_assert(p.reply);
		p = pass_all(&request, ZONE);
		ck_assert_int_eq(p.state, TRACK_ESTABLISHED);
		ck_assert(!p.reply);
		ck_assert_int_eq(look(&other), TRACK_INVALID);
	}
}
END_TEST

// Item 80: an answer that nobody asked for.
START_TEST(unsolicited_echo_reply_is_invalid)
{
	struct bytes answer = make_icmp(4, X, A, 0, 77);
	struct bytes request = make_icmp(4, X, A, 8, 77), other_kind = make_icmp(4, A, X, 14, 77);

	ck_assert_int_eq(look(&answer), TRACK_INVALID);
	// Nor is it the answer of a request in its own direction, or of another kind.
	ck_assert_int_eq(pass(&request), TRACK_NEW);
	ck_assert_int_eq(look(&answer), TRACK_INVALID);
	ck_assert_int_eq(look(&other_kind), TRACK_INVALID);
}
END_TEST

START_TEST(each_icmp_request_has_its_answer)
{
	static const uint8_t kinds[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}};

	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct bytes request = make_icmp(4, X, A, kinds[i][0], 5);
		struct bytes answer = make_icmp(4, A, X, kinds[i][1], 5);

		ck_assert_int_eq(look(&answer), TRACK_INVALID);
		ck_assert_int_eq(pass(&request), TRACK_NEW);
		ck_assert_int_eq(pass(&answer), TRACK_ESTABLISHED);
	}
}
END_TEST

// Two hosts that ping each other with the same id have a session each.
START_TEST(pings_in_both_directions_do_not_meet)
{
	struct bytes one = make_icmp(4, X, A, 8, 5), other = make_icmp(4, A, X, 8, 5);

	ck_assert_int_eq(pass(&one), TRACK_NEW);
	ck_assert_int_eq(pass(&other), TRACK_NEW);
	ck_assert_uint_eq(session_counts(tracker()->sessions).live, 2);
	// Also when a host pings itself.
	struct bytes self = make_icmp(4, A, A, 8, 5), answer = make_icmp(4, A, A, 0, 5);

	ck_assert_int_eq(pass(&self), TRACK_NEW);
	ck_assert_int_eq(pass(&answer), TRACK_ESTABLISHED);
}
END_TEST

START_TEST(udp_without_an_answer_stays_new)
{
	struct bytes packet = udp_to_a(), answer = udp_from_a();
	struct track_packet first = pass_all(&packet, ZONE);

	ck_assert_int_eq(first.state, TRACK_NEW);
	for (unsigned i = 0; i < 5; i++) {
		struct track_packet p = pass_all(&packet, ZONE);

		ck_assert_int_eq(p.state, TRACK_NEW);
		ck_assert_uint_eq(p.session, first.session);
	}
	ck_assert_uint_eq(session_of(&packet)->state, SESSION_UNREPLIED);
	ck_assert_int_eq(pass(&answer), TRACK_ESTABLISHED);
	ck_assert_int_eq(pass(&packet), TRACK_ESTABLISHED);
	ck_assert_uint_eq(session_of(&packet)->state, SESSION_REPLIED);
}
END_TEST

// Equal tuples on two networks never meet.
START_TEST(zones_are_apart)
{
	struct bytes packet = udp_to_a(), answer = udp_from_a();

	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	ck_assert_int_eq(pass_all(&answer, OTHER_ZONE).state, TRACK_NEW);
	ck_assert_uint_eq(session_counts(tracker()->sessions).live, 2);
}
END_TEST

// Item 85: what is dropped leaves nothing behind.
START_TEST(dropped_syn_leaves_no_session)
{
	struct bytes syn = tcp_to_a(SYN);
	struct bytes answer = make_tcp(4, &from_a, &(struct tcp_fields){9000, 1011, SYN | ACK});

	ck_assert_int_eq(look(&syn), TRACK_NEW);
	ck_assert_uint_eq(session_counts(tracker()->sessions).live, 0);
	ck_assert_int_eq(look(&answer), TRACK_INVALID);
	syn = make_tcp(4, &to_a, &(struct tcp_fields){1010, 0, SYN});
	ck_assert_int_eq(pass(&syn), TRACK_NEW);
	ck_assert_int_eq(look(&answer), TRACK_ESTABLISHED);
}
END_TEST

START_TEST(session_knows_who_pays)
{
	struct bytes packet = udp_to_a();
	struct track_packet p = pass_all(&packet, ZONE);
	const struct session *s = session_get(tracker()->sessions, p.session);

	ck_assert_uint_eq(s->in, UPLINK);
	ck_assert_uint_eq(s->owner, PORT_OF_A);
	ck_assert_uint_eq(s->epoch, 0);
	ck_assert_uint_eq(session_count_owner(tracker()->sessions, PORT_OF_A), 1);
}
END_TEST

START_TEST(full_table_refuses_new_flows_only)
{
	struct bytes packet = udp_to_a(), answer = udp_from_a();
	struct flow_ports ports = {X, A, 40001, 22};
	struct bytes other = make_udp(4, &ports, 1);
	struct track_packet p = {.zone = ZONE};

	session_set_limits(tracker()->sessions, 1, 1);
	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	ck_assert_int_eq(inet_read(&p.ip, other.b, other.len, other.ethertype), INET_OK);
	track_lookup(tracker(), &p, 1);
	ck_assert_int_eq(p.state, TRACK_NEW);
	ck_assert(!track_confirm(tracker(), &p, UPLINK, PORT_OF_A));
	ck_assert_uint_eq(p.session, 0);
	// A second copy of the first packet needs no place.
	ck_assert_int_eq(inet_read(&p.ip, packet.b, packet.len, packet.ethertype), INET_OK);
	ck_assert(track_confirm(tracker(), &p, UPLINK, PORT_OF_A));
	ck_assert_uint_ne(p.session, 0);
	ck_assert_int_eq(pass(&answer), TRACK_ESTABLISHED);
	ck_assert_int_eq(pass(&packet), TRACK_ESTABLISHED);
}
END_TEST

// Two packets of a new flow in one burst: the second finds the session of the first when it leaves.
START_TEST(second_new_packet_joins_the_session)
{
	struct bytes packet = udp_to_a(), answer = udp_from_a();
	struct track_packet p[3] = {{.zone = ZONE}, {.zone = ZONE}, {.zone = ZONE}};

	for (unsigned i = 0; i < 3; i++) {
		const struct bytes *b = i == 2 ? &answer : &packet;

		ck_assert_int_eq(inet_read(&p[i].ip, b->b, b->len, b->ethertype), INET_OK);
	}
	track_lookup(tracker(), p, 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(p[i].state, TRACK_NEW);
		ck_assert(track_confirm(tracker(), &p[i], UPLINK, PORT_OF_A));
		ck_assert_uint_eq(p[i].session, p[0].session);
	}
	ck_assert_uint_eq(session_counts(tracker()->sessions).live, 1);
	ck_assert_uint_eq(session_count_owner(tracker()->sessions, PORT_OF_A), 1);
	ck_assert_int_eq(look(&packet), TRACK_ESTABLISHED); // the third one was an answer
}
END_TEST

// A whole burst of different flows goes through the three passes together.
START_TEST(bursts_of_many_flows)
{
	static struct bytes packets[BURST_SIZE];
	struct track_packet p[BURST_SIZE];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < BURST_SIZE; i++) {
			struct flow_ports ports = {X, A, (uint16_t)(1000 + i), 53};
			struct flow_ports back = {A, X, 53, (uint16_t)(1000 + i)};

			packets[i] = make_udp(i & 1 ? 6 : 4, round == 1 ? &back : &ports, 4);
			p[i] = (struct track_packet){.zone = ZONE};
			ck_assert_int_eq(inet_read(&p[i].ip, packets[i].b, packets[i].len,
						 packets[i].ethertype),
				INET_OK);
		}
		track_lookup(tracker(), p, BURST_SIZE);
		for (unsigned i = 0; i < BURST_SIZE; i++) {
			ck_assert_int_eq(p[i].state, round == 0 ? TRACK_NEW : TRACK_ESTABLISHED);
			ck_assert_int_eq(p[i].reply, round == 1);
			if (round == 0)
				ck_assert(track_confirm(tracker(), &p[i], UPLINK, PORT_OF_A));
		}
	}
	ck_assert_uint_eq(session_counts(tracker()->sessions).live, BURST_SIZE);
}
END_TEST

START_TEST(later_fragments_have_no_state_of_their_own)
{
	struct bytes first = make_udp(4, &to_a, 24), later = make_udp(4, &to_a, 24);

	first.b[6] = 0x20;    // more to come
	l4_of(&first)[4] = 8; // the datagram is longer than what is here
	later.b[7] = 4;
	for (unsigned i = 0; i < 2; i++) {
		struct bytes *packet = i == 0 ? &first : &later;

		packet->b[10] = packet->b[11] = 0;
		uint16_t sum = checksum_of(packet->b, 20);

		memcpy(packet->b + 10, &sum, 2);
	}
	ck_assert_int_eq(look(&first), TRACK_NEW);
	ck_assert_int_eq(look(&later), TRACK_NONE);
}
END_TEST

// ---- ICMP errors ------------------------------------------------------------------------------

// Item 82: an error about a flow is related to it, whoever sends it; one about nothing is not.
START_TEST(errors_about_a_flow_are_related)
{
	static const uint8_t types4[] = {3, 4, 5, 11, 12}, types6[] = {1, 2, 3, 4};
	struct flow_ports out = {A, X, 5353, 53};

	for (int family = 4; family <= 6; family += 2) {
		const uint8_t *types = family == 4 ? types4 : types6;
		unsigned n = family == 4 ? ARRAY_SIZE(types4) : ARRAY_SIZE(types6);
		uint16_t quote_len = (family == 4 ? 20 : 40) + 8;
		struct bytes query = make_udp(family, &out, 30);

		for (unsigned i = 0; i < n; i++) {
			struct bytes error = make_error(X, A, types[i], &query, quote_len);

			ck_assert_int_eq(look(&error), TRACK_INVALID);
		}
		uint32_t session = pass_all(&query, ZONE).session;

		for (unsigned i = 0; i < n; i++) {
			struct bytes error = make_error(OTHER, A, types[i], &query, quote_len);
			struct track_packet p = pass_all(&error, ZONE);

			ck_assert_int_eq(p.state, TRACK_RELATED);
			ck_assert_uint_eq(p.session, session);
			ck_assert(p.reply);
			ck_assert_int_eq(pass_all(&error, OTHER_ZONE).state, TRACK_INVALID);
		}
		// It is no answer: the flow is as it was.
		ck_assert_int_eq(look(&query), TRACK_NEW);
	}
}
END_TEST

START_TEST(errors_about_answers_go_to_who_answered)
{
	struct bytes packet = udp_to_a(), answer = udp_from_a();
	struct bytes error = make_error(OTHER, A, 3, &answer, 28);

	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	struct track_packet p = pass_all(&error, ZONE);

	ck_assert_int_eq(p.state, TRACK_RELATED);
	ck_assert(!p.reply);
}
END_TEST

START_TEST(errors_that_are_not_about_a_flow)
{
	struct flow_ports out = {A, X, 5353, 53};
	struct bytes query = make_udp(4, &out, 30), ping = make_icmp(4, A, X, 8, 3);
	struct bytes ping_error, error, fragment = query;

	ck_assert_int_eq(pass(&query), TRACK_NEW);
	ck_assert_int_eq(pass(&ping), TRACK_NEW);
	ping_error = make_error(X, A, 11, &ping, 28);
	ck_assert_int_eq(look(&ping_error), TRACK_RELATED);
	error = make_error(X, OTHER, 3, &query, 28); // to somebody else
	ck_assert_int_eq(look(&error), TRACK_INVALID);
	for (uint16_t len = 0; len < 24; len++) { // without both ports
		error = make_error(X, A, 3, &query, len);
		ck_assert_int_eq(look(&error), TRACK_INVALID);
	}
	error = damage(make_error(X, A, 3, &query, 28), 2);
	ck_assert_int_eq(look(&error), TRACK_INVALID);
	fragment.b[7] = 1; // not the first: its L4 header is not there
	error = make_error(X, A, 3, &fragment, 28);
	ck_assert_int_eq(look(&error), TRACK_INVALID);
	error = make_error(X, A, 3, &ping_error, 56); // about an error
	ck_assert_int_eq(look(&error), TRACK_INVALID);
}
END_TEST

// ---- time-outs --------------------------------------------------------------------------------

// Item 88, and that a packet starts the time anew.
START_TEST(udp_times_out_after_30_s)
{
	struct bytes packet = udp_to_a(), answer = udp_from_a();

	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	set_time(1029);
	ck_assert_int_eq(pass(&answer), TRACK_ESTABLISHED);
	track_teardown();
	track_setup();
	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	set_time(1031);
	struct track_packet p = pass_all(&answer, ZONE);

	ck_assert_int_eq(p.state, TRACK_NEW);
	ck_assert(!p.reply);
	set_time(1061);
	ck_assert_int_eq(pass(&packet), TRACK_ESTABLISHED);
	set_time(1091);
	ck_assert_int_eq(pass(&packet), TRACK_ESTABLISHED);
}
END_TEST

START_TEST(udp_becomes_a_stream_after_2_s)
{
	struct bytes packet = udp_to_a(), answer = udp_from_a();

	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	set_time(1002);
	ck_assert_int_eq(pass(&answer), TRACK_ESTABLISHED);
	ck_assert_uint_eq(session_of(&packet)->state, SESSION_REPLIED);
	set_time(1003);
	ck_assert_int_eq(pass(&packet), TRACK_ESTABLISHED);
	ck_assert_uint_eq(session_of(&packet)->state, SESSION_STREAM);
	set_time(1003 + 120);
	ck_assert_int_eq(look(&packet), TRACK_ESTABLISHED);
	set_time(1003 + 120 + 121);
	ck_assert_int_eq(look(&packet), TRACK_NEW);
}
END_TEST

// Age alone makes no stream.
START_TEST(udp_without_an_answer_is_no_stream)
{
	struct bytes packet = udp_to_a();

	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	set_time(1010);
	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	ck_assert_uint_eq(session_of(&packet)->state, SESSION_UNREPLIED);
	set_time(1041);
	ck_assert_ptr_null(session_of(&packet));
}
END_TEST

START_TEST(icmp_and_other_time_out)
{
	struct bytes ping = make_icmp(4, X, A, 8, 3), answer = make_icmp(4, A, X, 0, 3);
	struct bytes gre = make_ip(4, X, A, 47), gre_back = make_ip(4, A, X, 47);

	finish(&gre);
	finish(&gre_back);
	ck_assert_int_eq(pass(&ping), TRACK_NEW);
	ck_assert_int_eq(pass(&gre), TRACK_NEW);
	ck_assert_uint_eq(session_of(&gre)->timeout, SESSION_TIMEOUT_OTHER);
	set_time(1030);
	ck_assert_int_eq(look(&answer), TRACK_ESTABLISHED);
	set_time(1061);
	ck_assert_int_eq(look(&answer), TRACK_INVALID);
	set_time(1600);
	ck_assert_int_eq(look(&gre_back), TRACK_ESTABLISHED);
	set_time(2201);
	ck_assert_int_eq(look(&gre_back), TRACK_NEW);
}
END_TEST

START_TEST(changed_time_out_holds_at_once)
{
	struct bytes packet = udp_to_a();

	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	set_time(1011);
	ck_assert_ptr_nonnull(session_of(&packet));
	session_set_timeout(tracker()->sessions, SESSION_TIMEOUT_UDP, 10);
	ck_assert_ptr_null(session_of(&packet));
}
END_TEST

// The owner of a session that was cut by control starts anew.
START_TEST(cut_session_is_new_again)
{
	struct bytes packet = udp_to_a(), answer = udp_from_a();

	ck_assert_int_eq(pass(&packet), TRACK_NEW);
	ck_assert_int_eq(pass(&answer), TRACK_ESTABLISHED);
	ck_assert_uint_eq(session_cut(tracker()->sessions, NULL, NULL), 1);
	ck_assert_int_eq(look(&answer), TRACK_NEW);
	ck_assert_int_eq(look(&packet), TRACK_NEW);
}
END_TEST

// ---- from zone to zone ------------------------------------------------------------------------

// Tracks a packet that has gone through ZONE by a session into OTHER_ZONE.
static struct track_packet go_on(const struct bytes *packet, const struct track_packet *before)
{
	struct track_packet p = {
		.zone = OTHER_ZONE, .came_with = before->session, .came_as_reply = before->reply};

	ck_assert_int_eq(inet_read(&p.ip, packet->b, packet->len, packet->ethertype), INET_OK);
	track_lookup(tracker(), &p, 1);
	return p;
}

// A session of a flow in each zone, and who its packets are in the first.
static struct track_packet go_through(const struct bytes *packet, uint32_t *next)
{
	struct track_packet p = pass_all(packet, ZONE);

	*next = pass_all(packet, OTHER_ZONE).session;
	ck_assert_uint_ne(p.session, *next);
	return p;
}

// Makes the index forget a session: it is still live, but nobody finds it there.
static void hide(uint32_t id)
{
	struct session_table *table = tracker()->sessions;
	struct session_bucket *bucket =
		session_bucket(table, session_hash(table, &session_get(table, id)->key));

	memset(bucket->tag, 0, sizeof(bucket->tag));
}

START_TEST(the_session_in_the_next_zone_is_not_looked_up)
{
	struct bytes packet = udp_to_a(), answer = udp_from_a();
	uint32_t next;
	struct track_packet p = go_through(&packet, &next);
	struct track_packet back = pass_all(&answer, ZONE);

	ck_assert(back.reply);
	ck_assert_uint_eq(go_on(&packet, &p).session, next); // by the index, and notes it
	ck_assert_uint_eq(go_on(&answer, &back).session, next);
	hide(next);
	struct track_packet found = go_on(&packet, &p);

	ck_assert_uint_eq(found.session, next);
	ck_assert(!found.reply);
	found = go_on(&answer, &back);
	ck_assert_uint_eq(found.session, next);
	ck_assert(found.reply);
	ck_assert_int_eq(found.state, TRACK_ESTABLISHED);
}
END_TEST

START_TEST(a_session_that_has_gone_is_not_taken)
{
	struct bytes packet = udp_to_a();
	uint32_t next;
	struct track_packet p = go_through(&packet, &next);

	ck_assert_uint_eq(go_on(&packet, &p).session, next);
	ck_assert(session_remove(tracker()->sessions, next));
	ck_assert_int_eq(go_on(&packet, &p).state, TRACK_NEW);
	ck_assert_uint_eq(go_on(&packet, &p).session, 0);
	uint32_t other = pass_all(&packet, OTHER_ZONE).session;

	ck_assert_uint_eq(go_on(&packet, &p).session, other);
	set_time(1000 + 600);
	ck_assert_uint_eq(go_on(&packet, &p).session, 0); // timed out
}
END_TEST

// The guess may name any session: one of another flow, or of another zone.
START_TEST(a_session_of_another_flow_is_not_taken)
{
	struct bytes packet = udp_to_a();
	struct flow_ports ports = {X, A, 50000, 53};
	struct bytes other = make_udp(4, &ports, 4);
	uint32_t next;
	struct track_packet p = go_through(&packet, &next);
	uint32_t wrong[] = {p.session, pass_all(&other, OTHER_ZONE).session, MAX_SESSIONS - 1};

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		session_set_peer(session_get(tracker()->sessions, p.session), false, wrong[i]);
		ck_assert_uint_eq(go_on(&packet, &p).session, next);
		ck_assert_uint_eq(
			session_peer(session_get(tracker()->sessions, p.session), false), next);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {tcp_first_packets, tcp_headers_that_can_not_be_true,
		udp_first_packets, checksums_that_others_answer_for, icmp_first_packets,
		icmp6_first_packets, other_protocols_are_new,
		ping_is_established_from_the_first_answer_on, unsolicited_echo_reply_is_invalid,
		each_icmp_request_has_its_answer, pings_in_both_directions_do_not_meet,
		udp_without_an_answer_stays_new, zones_are_apart, dropped_syn_leaves_no_session,
		session_knows_who_pays, full_table_refuses_new_flows_only,
		second_new_packet_joins_the_session, bursts_of_many_flows,
		later_fragments_have_no_state_of_their_own, errors_about_a_flow_are_related,
		errors_about_answers_go_to_who_answered, errors_that_are_not_about_a_flow,
		udp_times_out_after_30_s, udp_becomes_a_stream_after_2_s,
		udp_without_an_answer_is_no_stream, icmp_and_other_time_out,
		changed_time_out_holds_at_once, cut_session_is_new_again,
		the_session_in_the_next_zone_is_not_looked_up, a_session_that_has_gone_is_not_taken,
		a_session_of_another_flow_is_not_taken};

	return suite_main_with("conntrack", tests, ARRAY_SIZE(tests), track_setup, track_teardown);
}
