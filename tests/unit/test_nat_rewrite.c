// SPDX-License-Identifier: BSD-3-Clause
// Rewritten packets against packets that were made with the new ends and full checksums. Packets
// lie in memory of exactly their size, so that the address sanitizer sees any access past the end.

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <check.h>

#include "base/util.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/icmp.h"
#include "pipeline/nat_rewrite.h"
#include "pipeline/packet.h"
#include "suite.h"
#include "track_env.h"

#define N_ROUNDS 2000

static const struct flow_ports ports = {A, X, 40000, 53};
static const uint8_t protocols[] = {IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IP_PROTOCOL_ICMP,
	IP_PROTOCOL_SCTP, IP_PROTOCOL_DCCP, IP_PROTOCOL_UDPLITE, 47};

// ---- helpers ----------------------------------------------------------------------------------

static struct bytes random_packet(uint8_t protocol)
{
	uint16_t data_len = (uint16_t)(rand() % 60);
	struct bytes packet;

	switch (protocol) {
	case IP_PROTOCOL_TCP:
		packet = make_tcp(4, &ports,
			&(struct tcp_fields){
				.sequence = (uint32_t)rand(), .flags = ACK, .data_len = data_len});
		break;
	case IP_PROTOCOL_UDP:
		packet = make_udp(4, &ports, data_len);
		break;
	case IP_PROTOCOL_ICMP:
		packet = make_icmp(4, A, X, ICMP_ECHO_REQUEST, (uint16_t)rand());
		break;
	default:
		packet = make_ip(4, A, X, protocol);
		append(&packet, NULL, 12 + data_len);
	}
	uint8_t *l4 = l4_of(&packet);
	unsigned header_len = protocol == IP_PROTOCOL_TCP ? 20 : 8;

	for (unsigned i = header_len; i < packet.len - 20u; i++)
		l4[i] = (uint8_t)rand();
	finish(&packet);
	return packet;
}

static struct nat_ends random_ends(void)
{
	return (struct nat_ends){
		.source = (rte_be32_t)rand() << 1,
		.destination = (rte_be32_t)rand() << 1,
		.source_port = (rte_be16_t)rand(),
		.destination_port = (rte_be16_t)rand(),
	};
}

// Reads and rewrites a packet in memory of its own.
static void rewrite(struct bytes *packet, const struct nat_ends *to)
{
	uint8_t *copy = malloc(packet->len);
	struct inet ip;

	memcpy(copy, packet->b, packet->len);
	if (inet_read(&ip, copy, packet->len, packet->ethertype) != INET_OK)
		ck_abort_msg("the packet can not be read");
	nat_rewrite(copy, &ip, to);
	memcpy(packet->b, copy, packet->len);
	free(copy);
}

static bool rewrite_error(
	struct bytes *packet, const struct nat_ends *outer, const struct nat_ends *quoted)
{
	uint8_t *copy = malloc(packet->len);
	struct inet ip;

	memcpy(copy, packet->b, packet->len);
	if (inet_read(&ip, copy, packet->len, packet->ethertype) != INET_OK)
		ck_abort_msg("the packet can not be read");
	bool done = nat_rewrite_error(copy, &ip, outer, quoted);

	memcpy(packet->b, copy, packet->len);
	free(copy);
	return done;
}

static struct nat_ends ends_of(const struct bytes *packet)
{
	struct inet ip;

	if (inet_read(&ip, packet->b, packet->len, packet->ethertype) != INET_OK)
		ck_abort_msg("the packet can not be read");
	return nat_ends_of(&ip);
}

// The same packet, written from scratch with other ends.
static struct bytes remake(const struct bytes *packet, const struct nat_ends *to)
{
	struct bytes made = *packet;
	uint8_t protocol = made.b[9];
	uint8_t *l4 = l4_of(&made);

	memcpy(made.b + 12, &to->source, 4);
	memcpy(made.b + 16, &to->destination, 4);
	if (protocol == IP_PROTOCOL_ICMP) {
		memcpy(l4 + 4, &to->source_port, 2);
	} else if (inet_has_ports(protocol) && protocol != IP_PROTOCOL_SCTP) {
		memcpy(l4, &to->source_port, 2);
		memcpy(l4 + 2, &to->destination_port, 2);
	}
	finish(&made);
	return made;
}

static unsigned checksum_offset(uint8_t protocol)
{
	return protocol == IP_PROTOCOL_TCP ? 16 : protocol == IP_PROTOCOL_ICMP ? 2 : 6;
}

// 0 and 0xffff are one value; all else must be equal to the byte.
static void normalize(struct bytes *packet)
{
	uint8_t *checksum = l4_of(packet) + checksum_offset(packet->b[9]);

	if (checksum[0] == 0xff && checksum[1] == 0xff && packet->b[9] != IP_PROTOCOL_UDP)
		checksum[0] = checksum[1] = 0;
}

// Sets the IP header's length and checksum only.
static void seal_header(struct bytes *packet)
{
	uint16_t checksum;

	packet->b[3] = (uint8_t)packet->len;
	memset(packet->b + 10, 0, 2);
	checksum = checksum_of(packet->b, 20);
	memcpy(packet->b + 10, &checksum, 2);
}

// Whether the checksum field is one that make_* computes.
static bool is_finished(uint8_t protocol)
{
	return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP ||
	       protocol == IP_PROTOCOL_ICMP || protocol == IP_PROTOCOL_SCTP || protocol == 47;
}

static bool checksums_right(const struct bytes *packet)
{
	struct inet ip;

	return inet_read(&ip, packet->b, packet->len, packet->ethertype) == INET_OK &&
	       inet_checksum_right(&ip, ip.l4_len);
}

// ---- packets ----------------------------------------------------------------------------------

START_TEST(a_rewritten_packet_is_as_if_made_with_its_new_ends)
{
	uint8_t protocol = protocols[_i];

	srand(_i + 1);
	if (!is_finished(protocol))
		return;
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		struct bytes packet = random_packet(protocol);
		struct nat_ends to = random_ends();
		struct bytes made = remake(&packet, &to);

		rewrite(&packet, &to);
		normalize(&packet);
		normalize(&made);
		if (memcmp(packet.b, made.b, made.len) != 0)
			ck_abort_msg("protocol %u, round %u", protocol, i);
	}
}
END_TEST

// UDP-Lite with full coverage sums as UDP does, but for its protocol number.
START_TEST(dccp_and_udplite_checksums_cover_ports_and_addresses)
{
	uint8_t protocol = _i == 0 ? IP_PROTOCOL_DCCP : IP_PROTOCOL_UDPLITE;

	srand(_i + 1);
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		struct bytes packet = random_packet(protocol);
		struct nat_ends before = ends_of(&packet);
		struct nat_ends to = random_ends();
		struct bytes rewritten = packet;

		rewrite(&rewritten, &to);
		struct nat_ends after = ends_of(&rewritten);

		ck_assert_mem_eq(&after, &to, sizeof(to));
		if (load_16(l4_of(&packet) + 6) != 0 && load_16(l4_of(&rewritten) + 6) == 0)
			ck_abort_msg("round %u: a checksum became 0", i);
		rewrite(&rewritten, &before);
		normalize(&rewritten);
		normalize(&packet);
		if (memcmp(packet.b, rewritten.b, packet.len) != 0)
			ck_abort_msg("round %u does not come back", i);
	}
}
END_TEST

START_TEST(no_udp_checksum_stays_none)
{
	struct bytes packet = make_udp(4, &ports, 8);
	struct nat_ends to = {htonl(0x0a010053), htonl(0x08080808), htons(1024), htons(53)};

	memset(l4_of(&packet) + 6, 0, 2);
	rewrite(&packet, &to);
	ck_assert_uint_eq(load_16(l4_of(&packet) + 6), 0);
	ck_assert_uint_eq(ends_of(&packet).source, to.source);
}
END_TEST

// One source port of the 65536 makes the sum 0, which is sent as 0xffff.
START_TEST(a_udp_checksum_never_becomes_none)
{
	unsigned n_all_ones = 0;

	for (unsigned port = 0; port < 0x10000; port++) {
		struct bytes packet = make_udp(4, &ports, 8);
		struct nat_ends to = {
			htonl(0x0a010053), htonl(0x08080808), htons((uint16_t)port), htons(53)};

		rewrite(&packet, &to);
		uint16_t checksum = load_16(l4_of(&packet) + 6);

		if (checksum == 0)
			ck_abort_msg("port %u: none", port);
		n_all_ones += checksum == 0xffff;
	}
	ck_assert_uint_eq(n_all_ones, 1);
}
END_TEST

START_TEST(a_wrong_checksum_stays_wrong)
{
	struct bytes packet = make_udp(4, &ports, 8);
	struct nat_ends to = random_ends();

	packet.b[packet.len - 1] ^= 1;
	rewrite(&packet, &to);
	ck_assert(!checksums_right(&packet));
}
END_TEST

START_TEST(sctp_keeps_its_ports_and_its_crc)
{
	struct bytes packet = random_packet(IP_PROTOCOL_SCTP);
	struct bytes before = packet;
	struct nat_ends to = random_ends();

	rewrite(&packet, &to);
	ck_assert_mem_eq(l4_of(&packet), l4_of(&before), packet.len - 20);
	ck_assert_uint_eq(ends_of(&packet).source, to.source);
	ck_assert_uint_eq(ends_of(&packet).destination, to.destination);
}
END_TEST

START_TEST(a_later_fragment_changes_addresses_only)
{
	struct bytes packet = random_packet(IP_PROTOCOL_UDP);
	struct nat_ends to = random_ends();

	packet.b[7] = 100; // offset
	finish(&packet);
	struct bytes before = packet;

	rewrite(&packet, &to);
	ck_assert_mem_eq(l4_of(&packet), l4_of(&before), packet.len - 20);
	ck_assert_uint_eq(load_32(packet.b + 12), to.source);
	ck_assert_uint_eq(load_32(packet.b + 16), to.destination);
}
END_TEST

START_TEST(an_l4_header_that_is_cut_is_not_passed)
{
	static const uint8_t cut_protocols[] = {IP_PROTOCOL_TCP, IP_PROTOCOL_UDP, IP_PROTOCOL_ICMP,
		IP_PROTOCOL_DCCP, IP_PROTOCOL_SCTP};
	struct nat_ends to = random_ends();

	for (unsigned i = 0; i < ARRAY_SIZE(cut_protocols); i++) {
		for (uint16_t len = 0; len < 20; len++) {
			struct bytes packet = make_ip(4, A, X, cut_protocols[i]);

			append(&packet, NULL, len);
			seal_header(&packet);
			rewrite(&packet, &to);
			ck_assert_uint_eq(load_32(packet.b + 12), to.source);
		}
	}
}
END_TEST

START_TEST(the_ttl_goes_down_and_the_header_stays_right)
{
	for (unsigned ttl = 1; ttl < 256; ttl++) {
		struct bytes packet = make_udp(4, &ports, 0);

		packet.b[8] = (uint8_t)ttl;
		finish(&packet);
		nat_decrement_ttl((struct ipv4_wire *)packet.b);
		if (packet.b[8] != ttl - 1 || !checksums_right(&packet))
			ck_abort_msg("TTL %u", ttl);
	}
}
END_TEST

// ---- errors -----------------------------------------------------------------------------------

// A packet of A goes out translated; an error about it comes back. What is left of the checksum in
// the quote must be that of the packet as it was sent.
START_TEST(an_error_quotes_what_was_sent)
{
	uint8_t protocol = protocols[_i];
	const struct nat_ends outer = {htonl(0x0a010001), htonl(0xac100121), 0, 0};

	srand(_i + 1);
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		struct bytes sent = random_packet(protocol);
		struct nat_ends inside = ends_of(&sent);
		struct nat_ends outside = random_ends();
		struct bytes seen = sent;

		rewrite(&seen, &outside);
		// Whole words: half a checksum could not be given back.
		uint16_t quote_len = (uint16_t)(28 + rand() % (seen.len - 27)) & ~1u;
		struct bytes error = make_error(X, OTHER, ICMP_UNREACHABLE, &seen, quote_len);

		if (!rewrite_error(&error, &outer, &inside))
			ck_abort_msg("protocol %u, round %u: refused", protocol, i);
		if (!checksums_right(&error))
			ck_abort_msg("protocol %u, round %u: checksums", protocol, i);
		ck_assert_uint_eq(load_32(error.b + 12), outer.source);
		ck_assert_uint_eq(load_32(error.b + 16), outer.destination);
		struct bytes quote = sent;

		memcpy(quote.b, error.b + 28, quote_len);
		normalize(&quote);
		normalize(&sent);
		if (memcmp(quote.b, sent.b, quote_len) != 0)
			ck_abort_msg("protocol %u, round %u: another packet", protocol, i);
	}
}
END_TEST

START_TEST(a_short_quote_is_refused_and_nothing_changes)
{
	struct bytes sent = make_udp(4, &ports, 8);
	struct nat_ends to = random_ends();

	for (uint16_t len = 0; len < 28; len++) {
		struct bytes error = make_error(X, A, ICMP_UNREACHABLE, &sent, len);
		struct bytes before = error;

		if (rewrite_error(&error, &to, &to))
			ck_abort_msg("a quote of %u bytes is taken", len);
		ck_assert_mem_eq(error.b, before.b, error.len);
	}
}
END_TEST

START_TEST(an_error_about_a_query_gives_its_id_back)
{
	struct bytes sent = make_icmp(4, A, X, ICMP_ECHO_REQUEST, 77);
	struct nat_ends inside = ends_of(&sent);
	struct nat_ends outside = inside;
	struct bytes seen = sent;

	outside.source = htonl(0x0a010053);
	outside.source_port = htons(1234);
	rewrite(&seen, &outside);
	ck_assert(checksums_right(&seen));
	ck_assert_uint_eq(ends_of(&seen).source_port, htons(1234));
	struct bytes error = make_error(X, OTHER, ICMP_TIME_EXCEEDED, &seen, 28);

	ck_assert(rewrite_error(&error, &inside, &inside));
	ck_assert(checksums_right(&error));
	ck_assert_mem_eq(error.b + 28, sent.b, 28);
}
END_TEST

// ---- bytes written down ------------------------------------------------------------------------

// 172.16.2.19:1025 -> 8.8.8.8:53, "hi", leaves as 10.1.0.83:2000.
START_TEST(golden_udp)
{
	static const uint8_t before[] = {0x45, 0x00, 0x00, 0x1e, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		0x7c, 0x9c, 0xac, 0x10, 0x02, 0x13, 0x08, 0x08, 0x08, 0x08, 0x04, 0x01, 0x00, 0x35,
		0x00, 0x0a, 0xd5, 0x07, 0x68, 0x69};
	static const uint8_t after[] = {0x45, 0x00, 0x00, 0x1e, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
		0x20, 0x6c, 0x0a, 0x01, 0x00, 0x53, 0x08, 0x08, 0x08, 0x08, 0x07, 0xd0, 0x00, 0x35,
		0x00, 0x0a, 0x75, 0x08, 0x68, 0x69};
	struct nat_ends to = {htonl(0x0a010053), htonl(0x08080808), htons(2000), htons(53)};
	struct bytes packet = {.ethertype = ETHER_TYPE_IPV4, .len = sizeof(before)};

	memcpy(packet.b, before, sizeof(before));
	ck_assert(checksums_right(&packet));
	rewrite(&packet, &to);
	ck_assert_mem_eq(packet.b, after, sizeof(after));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		no_udp_checksum_stays_none,
		a_udp_checksum_never_becomes_none,
		a_wrong_checksum_stays_wrong,
		sctp_keeps_its_ports_and_its_crc,
		a_later_fragment_changes_addresses_only,
		an_l4_header_that_is_cut_is_not_passed,
		the_ttl_goes_down_and_the_header_stays_right,
		a_short_quote_is_refused_and_nothing_changes,
		an_error_about_a_query_gives_its_id_back,
		golden_udp,
	};
	Suite *suite = suite_create("nat_rewrite");
	TCase *tcase = tcase_create("nat_rewrite");
	SRunner *runner = srunner_create(suite);

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 60);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, a_rewritten_packet_is_as_if_made_with_its_new_ends, 0,
		ARRAY_SIZE(protocols));
	tcase_add_loop_test(tcase, dccp_and_udplite_checksums_cover_ports_and_addresses, 0, 2);
	tcase_add_loop_test(tcase, an_error_quotes_what_was_sent, 0, ARRAY_SIZE(protocols));
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
