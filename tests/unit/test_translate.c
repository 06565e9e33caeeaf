// SPDX-License-Identifier: BSD-3-Clause
// Flows that a router translates: one session found by the packets of both sides, the ports it
// takes, the errors about it. A is inside, OTHER is the router's outside address, X is outside.

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <check.h>

#include "net/headers.h"
#include "net/icmp.h"
#include "pipeline/packet.h"
#include "suite.h"
#include "track_env.h"

#define INSIDE	0xac100121u // 172.16.1.33
#define OUTSIDE 0x0a010002u // 10.1.0.2
#define PEER	0x0a010001u // 10.1.0.1

static const struct flow_ports dns = {A, X, 40000, 53};

// ---- helpers ----------------------------------------------------------------------------------

static struct track_packet look_up(const struct bytes *packet)
{
	struct track_packet p = {.zone = ZONE};

	if (inet_read(&p.ip, packet->b, packet->len, packet->ethertype) != INET_OK)
		ck_abort_msg("the packet can not be read");
	track_lookup(tracker(), &p, 1);
	return p;
}

// From the inside to the router's address, as the first packet of a flow goes out.
static enum drop_reason go_out(struct track_packet *p, bool any_port)
{
	struct track_translation translation = {.to = nat_ends_of(&p->ip), .any_port = any_port};

	translation.to.source = htonl(OUTSIDE);
	return track_confirm_translated(tracker(), p, &translation, PORT_OF_A, PORT_OF_A);
}

static struct bytes rewritten(const struct bytes *packet, const struct track_packet *p)
{
	struct bytes copy = *packet;
	struct nat_ends to, quoted;
	struct inet ip;

	if (!track_translate(tracker(), p, &to, &quoted))
		ck_abort_msg("no translation");
	if (inet_read(&ip, copy.b, copy.len, copy.ethertype) != INET_OK)
		ck_abort_msg("the packet can not be read");
	if (p->state == TRACK_RELATED)
		ck_assert(nat_rewrite_error(copy.b, &ip, &to, &quoted));
	else
		nat_rewrite(copy.b, &ip, &to);
	return copy;
}

// A packet that goes on, as the other side sees it.
static struct bytes pass_out(const struct bytes *packet, bool any_port)
{
	struct track_packet p = look_up(packet);

	if (p.state == TRACK_NEW && p.session == 0)
		ck_assert_int_eq(go_out(&p, any_port), INET_OK);
	return rewritten(packet, &p);
}

static uint32_t source_of(const struct bytes *packet)
{
	return ntohl(load_32(packet->b + 12));
}

static uint32_t destination_of(const struct bytes *packet)
{
	return ntohl(load_32(packet->b + 16));
}

static uint16_t source_port_of(const struct bytes *packet)
{
	return load_be16(packet->b + 20);
}

static void set_source(struct bytes *packet, uint32_t address)
{
	address = htonl(address);
	memcpy(packet->b + 12, &address, 4);
	finish(packet);
}

// An answer to a packet with ports.
static struct bytes answer(const struct bytes *packet)
{
	struct bytes reply = *packet;

	memcpy(reply.b + 12, packet->b + 16, 4);
	memcpy(reply.b + 16, packet->b + 12, 4);
	memcpy(reply.b + 20, packet->b + 22, 2);
	memcpy(reply.b + 22, packet->b + 20, 2);
	finish(&reply);
	return reply;
}

static unsigned n_live(void)
{
	return session_counts(tracker()->sessions).live;
}

// ---- both sides -------------------------------------------------------------------------------

START_TEST(one_session_serves_both_sides)
{
	struct bytes query = make_udp(4, &dns, 4);
	struct bytes seen = pass_out(&query, true);

	ck_assert_uint_eq(source_of(&seen), OUTSIDE);
	ck_assert_uint_eq(destination_of(&seen), PEER);
	ck_assert_uint_eq(source_port_of(&seen), 40000);
	struct bytes reply = answer(&seen);
	struct track_packet p = look_up(&reply);

	ck_assert_int_eq(p.state, TRACK_ESTABLISHED);
	ck_assert(p.reply);
	struct bytes got = rewritten(&reply, &p);
	struct bytes expected = answer(&query);

	ck_assert_mem_eq(got.b, expected.b, expected.len);
	p = look_up(&query);
	ck_assert_int_eq(p.state, TRACK_ESTABLISHED);
	ck_assert(!p.reply);
	ck_assert_uint_eq(n_live(), 1);
}
END_TEST

START_TEST(what_flows_the_other_way_is_none_of_it)
{
	struct bytes query = make_udp(4, &dns, 4);
	struct bytes seen = pass_out(&query, true);
	struct bytes untranslated_reply = answer(&query);
	struct track_packet p = look_up(&seen); // as if it came back in

	ck_assert_int_eq(p.state, TRACK_INVALID);
	ck_assert_uint_eq(p.session, 0);
	ck_assert_int_eq(look_up(&untranslated_reply).state, TRACK_INVALID);
}
END_TEST

START_TEST(a_session_that_ends_frees_both_keys)
{
	struct bytes query = make_udp(4, &dns, 4);
	struct bytes seen = pass_out(&query, true);
	struct bytes reply = answer(&seen);

	ck_assert_uint_eq(session_cut(tracker()->sessions, NULL, NULL), 1);
	ck_assert_int_eq(look_up(&reply).state, TRACK_NEW);
	ck_assert_int_eq(look_up(&query).state, TRACK_NEW);
	set_source(&query, INSIDE + 1);
	seen = pass_out(&query, true);
	ck_assert_uint_eq(source_port_of(&seen), 40000);
}
END_TEST

START_TEST(a_session_that_timed_out_gives_its_port_away)
{
	struct bytes query = make_udp(4, &dns, 4);

	pass_out(&query, true);
	set_time(tracker()->now_s + 31);
	set_source(&query, INSIDE + 1);
	struct bytes seen = pass_out(&query, true);

	ck_assert_uint_eq(source_port_of(&seen), 40000);
	ck_assert_uint_eq(n_live(), 1);
	set_source(&query, INSIDE);
	seen = pass_out(&query, true);
	ck_assert_uint_ne(source_port_of(&seen), 40000);
}
END_TEST

START_TEST(two_packets_of_a_new_flow_in_one_burst_take_one_port)
{
	struct bytes query = make_udp(4, &dns, 4);
	struct track_packet first = look_up(&query);
	struct track_packet second = look_up(&query);

	ck_assert_int_eq(second.state, TRACK_NEW);
	ck_assert_int_eq(go_out(&first, true), INET_OK);
	ck_assert_int_eq(go_out(&second, true), INET_OK);
	ck_assert_uint_eq(first.session, second.session);
	ck_assert_uint_eq(n_live(), 1);
}
END_TEST

START_TEST(a_host_that_talks_to_itself)
{
	struct flow_ports ntp = {A, OTHER, 123, 123};
	struct bytes packet = make_udp(4, &ntp, 4);
	struct track_packet p = look_up(&packet);
	struct track_translation translation = {
		.to = {htonl(OUTSIDE), htonl(INSIDE), htons(123), htons(123)}};

	ck_assert_int_eq(track_confirm_translated(tracker(), &p, &translation, 1, 1), INET_OK);
	struct bytes seen = rewritten(&packet, &p);

	ck_assert_uint_eq(source_of(&seen), OUTSIDE);
	ck_assert_uint_eq(destination_of(&seen), INSIDE);
	p = look_up(&packet); // its own answer looks the same
	ck_assert_uint_ne(p.session, 0);
	seen = rewritten(&packet, &p);
	ck_assert_uint_eq(destination_of(&seen), INSIDE);
	session_cut(tracker()->sessions, NULL, NULL);
	ck_assert_int_eq(look_up(&packet).state, TRACK_NEW);
}
END_TEST

START_TEST(tcp_is_followed_through_both_sides)
{
	struct flow_ports ssh = {A, X, 40000, 22};
	struct bytes syn = make_tcp(4, &ssh, &(struct tcp_fields){.sequence = 100, .flags = SYN});
	struct bytes seen = pass_out(&syn, true);
	struct flow_ports back = {X, OTHER, 22, source_port_of(&seen)};
	struct bytes syn_ack = make_tcp(
		4, &back, &(struct tcp_fields){.sequence = 900, .ack = 101, .flags = SYN | ACK});
	struct bytes ack =
		make_tcp(4, &ssh, &(struct tcp_fields){.sequence = 101, .ack = 901, .flags = ACK});

	ck_assert_int_eq(look_up(&syn_ack).state, TRACK_ESTABLISHED);
	struct track_packet p = look_up(&ack);

	ck_assert_int_eq(p.state, TRACK_ESTABLISHED);
	ck_assert_int_eq(
		session_get(tracker()->sessions, p.session)->state, SESSION_TCP_ESTABLISHED);
}
END_TEST

// ---- ports ------------------------------------------------------------------------------------

START_TEST(item_110_two_hosts_with_one_port_get_two)
{
	struct bytes query = make_udp(4, &dns, 4);
	struct bytes first = pass_out(&query, true);
	struct bytes other = query;

	set_source(&other, INSIDE + 1);
	struct bytes second = pass_out(&other, true);

	ck_assert_uint_eq(source_port_of(&first), 40000);
	ck_assert_uint_ne(source_port_of(&second), 40000);
	ck_assert_uint_ge(source_port_of(&second), 1024);
	struct bytes reply = answer(&second);
	struct track_packet p = look_up(&reply);
	struct bytes got = rewritten(&reply, &p);
	struct bytes expected = answer(&other);

	ck_assert_mem_eq(got.b, expected.b, expected.len);
}
END_TEST

START_TEST(a_port_stays_in_its_class)
{
	static const struct {
		uint16_t port, min, max;
	} classes[] = {{1, 1, 511}, {511, 1, 511}, {512, 512, 1023}, {1023, 512, 1023},
		{1024, 1024, 65535}, {65535, 1024, 65535}};

	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++) {
		struct flow_ports low = {A, X, classes[i].port, 53};
		struct bytes query = make_udp(4, &low, 4);

		pass_out(&query, true);
		for (unsigned host = 1; host < 20; host++) {
			set_source(&query, INSIDE + host);
			struct bytes seen = pass_out(&query, true);
			uint16_t port = source_port_of(&seen);

			if (port < classes[i].min || port > classes[i].max)
				ck_abort_msg("port %u became %u", classes[i].port, port);
		}
	}
}
END_TEST

START_TEST(a_port_of_a_host_is_the_same_towards_all)
{
	struct bytes query = make_udp(4, &dns, 4);
	uint16_t port = 0;

	for (uint32_t peer = PEER; peer < PEER + 50; peer++) {
		uint32_t to = htonl(peer);

		set_source(&query, INSIDE);
		memcpy(query.b + 16, &to, 4);
		finish(&query);
		pass_out(&query, true);
		set_source(&query, INSIDE + 1);
		struct bytes seen = pass_out(&query, true);

		if (port != 0)
			ck_assert_uint_eq(source_port_of(&seen), port);
		port = source_port_of(&seen);
	}
}
END_TEST

START_TEST(item_110_60000_flows_collide_nowhere)
{
	static bool taken[0x10000];
	struct bytes query = make_udp(4, &dns, 4);

	memset(taken, 0, sizeof(taken));
	session_set_limits(tracker()->sessions, 100000, 100000);
	for (uint32_t host = 0; host < 60000; host++) {
		set_source(&query, 0x0a800000u + host);
		struct bytes seen = pass_out(&query, true);
		uint16_t port = source_port_of(&seen);

		if (taken[port])
			ck_abort_msg("port %u serves two", port);
		taken[port] = true;
	}
	ck_assert_uint_eq(n_live(), 60000);
}
END_TEST

START_TEST(the_last_port_of_a_class_is_the_last)
{
	struct flow_ports low = {A, X, 7, 53};
	struct bytes query = make_udp(4, &low, 4);
	unsigned n = 0;

	for (uint32_t host = 0; host < 2000; host++) {
		set_source(&query, 0x0a800000u + host);
		struct track_packet p = look_up(&query);
		enum drop_reason reason = go_out(&p, true);

		if (reason != INET_OK && reason != DROP_NAT_EXHAUSTED)
			ck_abort_msg("reason %d", reason);
		n += reason == INET_OK;
	}
	ck_assert_uint_le(n, 511);
	ck_assert_uint_gt(n, 500);
	ck_assert_uint_eq(n_live(), n);
}
END_TEST

START_TEST(what_must_keep_its_port_is_refused_when_it_is_taken)
{
	struct bytes query = make_udp(4, &dns, 4);
	struct track_packet p = look_up(&query);

	ck_assert_int_eq(go_out(&p, false), INET_OK);
	set_source(&query, INSIDE + 1);
	p = look_up(&query);
	ck_assert_int_eq(go_out(&p, false), DROP_NAT_EXHAUSTED);
	ck_assert_uint_eq(n_live(), 1);
}
END_TEST

START_TEST(sctp_and_unknown_protocols_keep_what_they_have)
{
	static const uint8_t protocols[] = {IP_PROTOCOL_SCTP, 47};

	for (unsigned i = 0; i < ARRAY_SIZE(protocols); i++) {
		struct bytes packet = make_ip(4, A, X, protocols[i]);

		append(&packet, NULL, 12);
		finish(&packet);
		struct track_packet p = look_up(&packet);

		ck_assert_int_eq(go_out(&p, true), INET_OK);
		set_source(&packet, INSIDE + 1);
		p = look_up(&packet);
		ck_assert_int_eq(go_out(&p, true), DROP_NAT_EXHAUSTED);
	}
}
END_TEST

START_TEST(a_query_takes_another_id)
{
	struct bytes ping = make_icmp(4, A, X, ICMP_ECHO_REQUEST, 77);
	struct bytes first = pass_out(&ping, true);

	set_source(&ping, INSIDE + 1);
	struct bytes second = pass_out(&ping, true);
	uint16_t id = load_be16(second.b + 24);

	ck_assert_uint_eq(load_be16(first.b + 24), 77);
	ck_assert_uint_ne(id, 77);
	struct bytes pong = make_icmp(4, X, OTHER, ICMP_ECHO_REPLY, id);
	struct track_packet p = look_up(&pong);

	ck_assert_int_eq(p.state, TRACK_ESTABLISHED);
	struct bytes got = rewritten(&pong, &p);

	ck_assert_uint_eq(load_be16(got.b + 24), 77);
	ck_assert_uint_eq(destination_of(&got), INSIDE + 1);
}
END_TEST

// ---- errors -----------------------------------------------------------------------------------

START_TEST(item_113_an_error_from_outside_reaches_who_sent)
{
	struct bytes query = make_udp(4, &dns, 20);
	struct bytes other = query;

	pass_out(&query, true);
	set_source(&other, INSIDE + 1); // its port is another outside
	struct bytes seen = pass_out(&other, true);
	struct bytes error = make_error(X, OTHER, ICMP_UNREACHABLE, &seen, seen.len);
	struct track_packet p = look_up(&error);

	ck_assert_int_eq(p.state, TRACK_RELATED);
	ck_assert(p.reply);
	struct bytes got = rewritten(&error, &p);

	ck_assert_uint_eq(source_of(&got), PEER);
	ck_assert_uint_eq(destination_of(&got), INSIDE + 1);
	ck_assert_mem_eq(got.b + 28, other.b, other.len);
	ck_assert_int_eq(look(&got), TRACK_INVALID); // inside, and of this zone no more
}
END_TEST

START_TEST(an_error_from_inside_hides_who_sent_it)
{
	struct bytes query = make_udp(4, &dns, 20);
	struct bytes seen = pass_out(&query, true);
	struct bytes reply = answer(&seen);
	struct track_packet p = look_up(&reply);
	struct bytes got = rewritten(&reply, &p);
	struct bytes error = make_error(A, X, ICMP_UNREACHABLE, &got, got.len);

	p = look_up(&error);
	ck_assert_int_eq(p.state, TRACK_RELATED);
	ck_assert(!p.reply);
	struct bytes out = rewritten(&error, &p);

	ck_assert_uint_eq(source_of(&out), OUTSIDE);
	ck_assert_uint_eq(destination_of(&out), PEER);
	ck_assert_mem_eq(out.b + 28, reply.b, reply.len);
}
END_TEST

START_TEST(an_error_of_a_third_keeps_its_source)
{
	struct bytes query = make_udp(4, &dns, 20);
	struct bytes seen = pass_out(&query, true);
	struct bytes error = make_error(X, OTHER, ICMP_TIME_EXCEEDED, &seen, 28);

	set_source(&error, 0x08080808);
	struct track_packet p = look_up(&error);
	struct bytes got = rewritten(&error, &p);

	ck_assert_uint_eq(source_of(&got), 0x08080808);
	ck_assert_uint_eq(destination_of(&got), INSIDE);
	ck_assert_mem_eq(got.b + 28, query.b, 28);
}
END_TEST

START_TEST(an_error_that_quotes_the_wrong_side_is_none)
{
	struct bytes query = make_udp(4, &dns, 20);

	pass_out(&query, true);
	struct bytes error = make_error(X, A, ICMP_UNREACHABLE, &query, query.len);

	ck_assert_int_eq(look_up(&error).state, TRACK_INVALID);
}
END_TEST

// ---- what control sees ------------------------------------------------------------------------

static bool note(const struct session_info *info, void *arg)
{
	*(struct session_info *)arg = *info;
	return true;
}

START_TEST(both_sides_are_described)
{
	struct bytes query = make_udp(4, &dns, 4);
	struct session_info info = {0};

	pass_out(&query, true);
	session_walk(tracker()->sessions, tracker()->now_s, note, &info);
	ck_assert(info.translated);
	ck_assert_uint_eq(ip_v4(&info.source), htonl(INSIDE));
	ck_assert_uint_eq(ip_v4(&info.destination), htonl(PEER));
	ck_assert_uint_eq(info.source_port, 40000);
	ck_assert_uint_eq(ip_v4(&info.reply_source), htonl(PEER));
	ck_assert_uint_eq(ip_v4(&info.reply_destination), htonl(OUTSIDE));
	ck_assert_uint_eq(info.reply_source_port, 53);
	ck_assert_uint_eq(info.reply_destination_port, 40000);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {one_session_serves_both_sides,
		what_flows_the_other_way_is_none_of_it, a_session_that_ends_frees_both_keys,
		a_session_that_timed_out_gives_its_port_away,
		two_packets_of_a_new_flow_in_one_burst_take_one_port, a_host_that_talks_to_itself,
		tcp_is_followed_through_both_sides, item_110_two_hosts_with_one_port_get_two,
		a_port_stays_in_its_class, a_port_of_a_host_is_the_same_towards_all,
		item_110_60000_flows_collide_nowhere, the_last_port_of_a_class_is_the_last,
		what_must_keep_its_port_is_refused_when_it_is_taken,
		sctp_and_unknown_protocols_keep_what_they_have, a_query_takes_another_id,
		item_113_an_error_from_outside_reaches_who_sent,
		an_error_from_inside_hides_who_sent_it, an_error_of_a_third_keeps_its_source,
		an_error_that_quotes_the_wrong_side_is_none, both_sides_are_described};

	return suite_main_with("translate", tests, ARRAY_SIZE(tests), track_setup, track_teardown);
}
