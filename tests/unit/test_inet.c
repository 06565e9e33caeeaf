// SPDX-License-Identifier: BSD-3-Clause
// Where the parts of an IP packet are, and what can not be true. Packets lie at the end of a buffer
// of exactly their size, so that the address sanitizer sees any read past the end.

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <check.h>

#include "net/headers.h"
#include "suite.h"
#include "track_env.h"

static const struct flow_ports ports = {X, A, 40000, 22};

static struct bytes udp(int family)
{
	return make_udp(family, &ports, 4);
}

// Reads a copy of the first `available` bytes.
static enum drop_reason read_part(const struct bytes *packet, uint16_t available)
{
	uint8_t *copy = malloc(available);
	struct inet ip;
	enum drop_reason reason;

	memcpy(copy, packet->b, available);
	reason = inet_read(&ip, copy, available, packet->ethertype);
	if (reason == INET_OK && ip.fragment == INET_WHOLE && ip.l4_len >= 8)
		inet_checksum_right(&ip, ip.l4_len);
	free(copy);
	return reason;
}

static enum drop_reason read_all(const struct bytes *packet)
{
	return read_part(packet, packet->len);
}

static struct inet must_read(const struct bytes *packet)
{
	struct inet ip;

	ck_assert_int_eq(inet_read(&ip, packet->b, packet->len, packet->ethertype), INET_OK);
	return ip;
}

// Sets the header checksum only.
static void seal(struct bytes *packet)
{
	uint64_t sum = 0;

	packet->b[10] = packet->b[11] = 0;
	for (unsigned i = 0; i < (packet->b[0] & 0xfu) * 4; i += 2)
		sum += (uint32_t)packet->b[i] << 8 | packet->b[i + 1];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	packet->b[10] = (uint8_t)(~sum >> 8);
	packet->b[11] = (uint8_t)~sum;
}

// ---- IPv4 -------------------------------------------------------------------------------------

START_TEST(parts_of_an_ip4_packet)
{
	struct bytes packet = udp(4);
	struct inet ip;

	append(&packet, NULL, 14); // padding does not belong to it
	ip = must_read(&packet);
	ck_assert_uint_eq(ip.family, 4);
	ck_assert_uint_eq(ip.protocol, IP_PROTOCOL_UDP);
	ck_assert_uint_eq(ip.l3_len, 32);
	ck_assert_uint_eq(ip.l4_len, 12);
	ck_assert_ptr_eq(ip.l4, packet.b + 20);
	ck_assert_ptr_eq(ip.source, packet.b + 12);
	ck_assert_ptr_eq(ip.destination, packet.b + 16);
	ck_assert_uint_eq(ip.source_port, 40000);
	ck_assert_uint_eq(ip.destination_port, 22);
	ck_assert_uint_eq(ip.fragment, INET_WHOLE);
	ck_assert(inet_checksum_right(&ip, ip.l4_len));
}
END_TEST

START_TEST(options_are_passed_over)
{
	struct bytes packet = make_ip(4, X, A, IP_PROTOCOL_UDP), plain = udp(4);
	struct inet ip;

	append(&packet, "\1\1\1\1\1\1\1\0", 8);
	packet.b[0] = 0x47;
	append(&packet, l4_of(&plain), 12);
	finish(&packet);
	ip = must_read(&packet);
	ck_assert_ptr_eq(ip.l4, packet.b + 28);
	ck_assert_uint_eq(ip.l4_len, 12);
	ck_assert_uint_eq(ip.destination_port, 22);
}
END_TEST

START_TEST(ip4_that_can_not_be_true)
{
	static const struct {
		unsigned offset;
		uint8_t value;
	} faults[] = {
		{0, 0x55}, // version 5
		{0, 0x65}, // version 6 in an IPv4 frame
		{0, 0x44}, // header of 16 bytes
		{0, 0x4f}, // header of 60 bytes, more than there is
		{3, 19},   // shorter than its header
		{3, 33},   // longer than what is there
		{2, 0x80}, // much longer
	};

	for (unsigned i = 0; i < ARRAY_SIZE(faults); i++) {
		struct bytes packet = udp(4);

		packet.b[faults[i].offset] = faults[i].value;
		ck_assert_msg(read_all(&packet) == DROP_IP4_MALFORMED, "fault %u", i);
	}
	for (uint16_t len = 0; len < 32; len++) {
		struct bytes packet = udp(4);

		ck_assert_int_eq(read_part(&packet, len), DROP_IP4_MALFORMED);
	}
}
END_TEST

START_TEST(ip4_header_checksum)
{
	for (unsigned byte = 1; byte < 20; byte++) {
		struct bytes packet = udp(4);

		if (byte == 2 || byte == 3)
			continue; // the length is looked at first
		packet.b[byte] ^= 0x10;
		ck_assert_msg(read_all(&packet) == DROP_IP4_CSUM, "byte %u", byte);
	}
}
END_TEST

START_TEST(ip4_fragments)
{
	struct bytes packet = udp(4);

	packet.b[6] = 0x40; // DF alone
	seal(&packet);
	ck_assert_uint_eq(must_read(&packet).fragment, INET_WHOLE);
	packet.b[6] = 0x20;
	seal(&packet);
	ck_assert_uint_eq(must_read(&packet).fragment, INET_FIRST);
	ck_assert_uint_eq(must_read(&packet).destination_port, 22);
	packet.b[7] = 1;
	seal(&packet);
	ck_assert_uint_eq(must_read(&packet).fragment, INET_LATER);
	ck_assert_uint_eq(must_read(&packet).destination_port, 0);
	packet.b[6] = 0;
	seal(&packet);
	ck_assert_uint_eq(must_read(&packet).fragment, INET_LATER);
}
END_TEST

// ---- IPv6 -------------------------------------------------------------------------------------

// A UDP packet behind extension headers that are given as they lie.
static struct bytes extended(uint8_t first, const void *headers, uint16_t len)
{
	struct bytes packet = make_ip(6, X, A, IP_PROTOCOL_UDP), plain = udp(6);
	uint16_t payload_len = len + 12;

	append(&packet, headers, len);
	append(&packet, l4_of(&plain), 12);
	packet.b[4] = (uint8_t)(payload_len >> 8);
	packet.b[5] = (uint8_t)payload_len;
	packet.b[6] = first;
	return packet;
}

START_TEST(parts_of_an_ip6_packet)
{
	struct bytes packet = udp(6);
	struct inet ip;

	append(&packet, NULL, 14);
	ip = must_read(&packet);
	ck_assert_uint_eq(ip.family, 6);
	ck_assert_uint_eq(ip.protocol, IP_PROTOCOL_UDP);
	ck_assert_uint_eq(ip.l3_len, 52);
	ck_assert_uint_eq(ip.l4_len, 12);
	ck_assert_ptr_eq(ip.l4, packet.b + 40);
	ck_assert_ptr_eq(ip.source, packet.b + 8);
	ck_assert_ptr_eq(ip.destination, packet.b + 24);
	ck_assert_uint_eq(ip.source_port, 40000);
	ck_assert(inet_checksum_right(&ip, ip.l4_len));
}
END_TEST

START_TEST(extension_headers_are_followed)
{
	// hop-by-hop, destination options of 16 bytes, routing, authentication of 12 + 12 bytes
	static const uint8_t all[] = {60, 0, 1, 4, 0, 0, 0, 0,	  // hop-by-hop
		43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // destination options
		51, 0, 0, 0, 0, 0, 0, 0,			  // routing
		17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct bytes packet = extended(0, all, sizeof(all));
	struct inet ip = must_read(&packet);

	ck_assert_uint_eq(ip.protocol, IP_PROTOCOL_UDP);
	ck_assert_uint_eq(ip.l4_len, 12);
	ck_assert_uint_eq(ip.destination_port, 22);
	ck_assert(inet_checksum_right(&ip, ip.l4_len));
	for (uint16_t len = 0; len < packet.len; len++)
		ck_assert_int_eq(read_part(&packet, len), DROP_IP6_MALFORMED);
	// Every cut of the chain, with a payload length that fits.
	for (uint16_t len = 40; len < 40 + sizeof(all); len++) {
		struct bytes cut = packet;

		cut.b[5] = (uint8_t)(len - 40);
		ck_assert_int_eq(read_part(&cut, len), DROP_IP6_MALFORMED);
	}
}
END_TEST

START_TEST(extension_chain_that_can_not_be_true)
{
	static const uint8_t beyond[] = {17, 2, 0, 0, 0, 0, 0, 0};
	static const uint8_t most[] = {17, 255, 0, 0, 0, 0, 0, 0};
	uint8_t many[9 * 8] = {0};
	struct bytes packet = extended(60, beyond, sizeof(beyond));

	ck_assert_int_eq(read_all(&packet), DROP_IP6_MALFORMED);
	packet = extended(60, most, sizeof(most));
	ck_assert_int_eq(read_all(&packet), DROP_IP6_MALFORMED);
	for (unsigned i = 0; i < 9; i++)
		many[i * 8] = i == 8 ? 17 : 60;
	packet = extended(60, many, sizeof(many));
	ck_assert_int_eq(read_all(&packet), DROP_IP6_MALFORMED);
	packet = extended(60, many + 8, sizeof(many) - 8);
	ck_assert_int_eq(read_all(&packet), INET_OK);
	packet = udp(6);
	packet.b[0] = 0x45;
	ck_assert_int_eq(read_all(&packet), DROP_IP6_MALFORMED);
	packet = udp(6);
	packet.b[5]++;
	ck_assert_int_eq(read_all(&packet), DROP_IP6_MALFORMED);
}
END_TEST

START_TEST(ip6_fragments)
{
	static const uint8_t whole[] = {17, 0, 0, 0, 0, 0, 0, 9},
			     first[] = {17, 0, 0, 1, 0, 0, 0, 9};
	static const uint8_t later[] = {17, 0, 0, 8, 0, 0, 0, 9};
	// What follows a later fragment's header is data, whatever it looks like.
	static const uint8_t later_options[] = {60, 0, 0, 8, 0, 0, 0, 9, 17, 255};
	struct bytes packet = extended(44, whole, sizeof(whole));

	ck_assert_uint_eq(must_read(&packet).fragment, INET_WHOLE);
	ck_assert_uint_eq(must_read(&packet).destination_port, 22);
	packet = extended(44, first, sizeof(first));
	ck_assert_uint_eq(must_read(&packet).fragment, INET_FIRST);
	ck_assert_uint_eq(must_read(&packet).destination_port, 22);
	packet = extended(44, later, sizeof(later));
	ck_assert_uint_eq(must_read(&packet).fragment, INET_LATER);
	ck_assert_uint_eq(must_read(&packet).destination_port, 0);
	packet = extended(44, later_options, sizeof(later_options));
	ck_assert_uint_eq(must_read(&packet).fragment, INET_LATER);
	ck_assert_uint_eq(must_read(&packet).protocol, 60);
}
END_TEST

// ---- checksums and quotes ---------------------------------------------------------------------

START_TEST(checksum_of_any_length_and_protocol)
{
	for (uint16_t len = 0; len < 40; len++) {
		for (int family = 4; family <= 6; family += 2) {
			struct bytes packets[] = {make_udp(family, &ports, len),
				make_tcp(family, &ports,
					&(struct tcp_fields){1, 2, SYN, .data_len = len}),
				make_icmp(family, X, A, 8, len)};

			for (unsigned i = 0; i < ARRAY_SIZE(packets); i++) {
				struct inet ip = must_read(&packets[i]);

				ck_assert(inet_checksum_right(&ip, ip.l4_len));
				packets[i].b[packets[i].len - 1] ^= 1;
				ck_assert(!inet_checksum_right(&ip, ip.l4_len));
			}
		}
	}
}
END_TEST

START_TEST(quotes_may_lack_their_end)
{
	for (int family = 4; family <= 6; family += 2) {
		struct bytes packet = make_udp(family, &ports, 400);
		uint16_t header_len = family == 4 ? 20 : 40;

		for (uint16_t len = 0; len < packet.len; len++) {
			uint8_t *copy = malloc(len);
			struct inet ip;

			memcpy(copy, packet.b, len);
			bool read = inet_read_quote(&ip, copy, len, (uint8_t)family);

			ck_assert_int_eq(read, len >= header_len);
			if (read)
				ck_assert_uint_eq(
					ip.destination_port, len >= header_len + 4 ? 22 : 0);
			free(copy);
		}
		struct inet ip;

		ck_assert(!inet_read_quote(&ip, packet.b, packet.len, (uint8_t)(10 - family)));
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {parts_of_an_ip4_packet, options_are_passed_over,
		ip4_that_can_not_be_true, ip4_header_checksum, ip4_fragments,
		parts_of_an_ip6_packet, extension_headers_are_followed,
		extension_chain_that_can_not_be_true, ip6_fragments,
		checksum_of_any_length_and_protocol, quotes_may_lack_their_end};

	return suite_main("inet", tests, ARRAY_SIZE(tests));
}
