// SPDX-License-Identifier: BSD-3-Clause
// ICMP errors: of what they may be, and their bytes, which were made with scapy.

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/util.h"
#include "hex.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/icmp.h"
#include "suite.h"

#define CAUSE "450000200001000040112081ac100121ac10010a03e80009000cc3bf77656674" // UDP to port 9

static uint8_t packet[1500];
static size_t packet_len;

static void load(const char *hex)
{
	packet_len = hex_read(hex, packet, sizeof(packet));
}

static void fix(void)
{
	struct ipv4_wire *ip = (struct ipv4_wire *)packet;

	ip->checksum = 0;
	ip->checksum = checksum_of(ip, sizeof(*ip));
}

static bool allowed(void)
{
	uint8_t *exact = malloc(packet_len == 0 ? 1 : packet_len);

	memcpy(exact, packet, packet_len);
	bool yes = icmp_error_allowed(exact, packet_len);
	free(exact);
	return yes;
}

static void expect(const struct icmp_error *error, uint16_t id, const char *hex)
{
	uint8_t expected[600], data[ICMP_ERROR_LEN_MAX];
	size_t len = hex_read(hex, expected, sizeof(expected));

	ck_assert_uint_eq(icmp_error_build(error, id, data), len);
	ck_assert_mem_eq(data, expected, len);
}

START_TEST(bytes)
{
	load(CAUSE);
	struct icmp_error error = {
		.type = ICMP_UNREACHABLE,
		.code = ICMP_CODE_PORT_UNREACHABLE,
		.source = htonl(0xac10010a),
		.packet = packet,
		.packet_len = packet_len + 14, // padding of the frame is not quoted
	};

	ck_assert(allowed());
	expect(&error, 0x1234, "45c0003c1234000040010d82ac10010aac1001210303576600000000" CAUSE);
	error.code = ICMP_CODE_FRAGMENTATION_NEEDED;
	error.mtu = 1450;
	error.source = htonl(0xac100101);
	expect(&error, 0x1235, "45c0003c1235000040010d8aac100101ac100121030451bb000005aa" CAUSE);
}
END_TEST

START_TEST(a_long_packet_is_quoted_up_to_576_bytes)
{
	uint8_t data[ICMP_ERROR_LEN_MAX];

	for (size_t len = 32; len <= sizeof(packet); len += 7) {
		load(CAUSE);
		memset(packet + 32, 0x5a, sizeof(packet) - 32);
		packet[2] = (uint8_t)(len >> 8);
		packet[3] = (uint8_t)len;
		fix();
		struct icmp_error error = {
			.type = ICMP_TIME_EXCEEDED, .packet = packet, .packet_len = len};
		size_t quoted = len < 548 ? len : 548;

		if (icmp_error_build(&error, 0, data) != 28 + quoted ||
			memcmp(data + 28, packet, quoted) != 0 ||
			checksum_of(data + 20, 8 + quoted) != 0 || checksum_of(data, 20) != 0)
			ck_abort_msg("%zu bytes", len);
	}
}
END_TEST

START_TEST(not_about_everything)
{
	static const struct {
		size_t at;
		uint8_t value;
		bool allowed;
	} changed[] = {
		{0, 0x45, true}, {0, 0x65, false}, {7, 1, false}, // a later fragment
		{6, 0x20, true},				  // the first one
		{12, 0, false},					  // source 0.16.1.33
		{12, 127, false},				  // loopback
		{12, 224, false},				  // multicast
		{12, 255, false},				  // reserved
		{16, 224, false},				  // to a group
		{16, 255, false}, {9, 6, true},			  // TCP
	};

	for (size_t i = 0; i < ARRAY_SIZE(changed); i++) {
		load(CAUSE);
		packet[changed[i].at] = changed[i].value;
		fix();
		if (allowed() != changed[i].allowed)
			ck_abort_msg("byte %zu", changed[i].at);
	}
	load(CAUSE);
	packet[10] ^= 1; // checksum
	ck_assert(!allowed());
}
END_TEST

START_TEST(not_about_errors)
{
	for (unsigned type = 0; type < 256; type++) {
		bool query = type == 0 || type == 8 || (type >= 13 && type <= 18);

		load(CAUSE);
		packet[9] = IP_PROTOCOL_ICMP;
		packet[20] = (uint8_t)type;
		fix();
		if (allowed() != query)
			ck_abort_msg("type %u", type);
	}
}
END_TEST

START_TEST(every_cut_is_read_within_its_bytes)
{
	load(CAUSE);
	packet[9] = IP_PROTOCOL_ICMP;
	packet[20] = ICMP_ECHO_REQUEST;
	size_t len = packet_len;
	for (packet_len = 0; packet_len < len; packet_len++) {
		packet[3] = (uint8_t)packet_len;
		fix();
		if (allowed() != (packet_len >= 28))
			ck_abort_msg("%zu bytes", packet_len);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		bytes,
		a_long_packet_is_quoted_up_to_576_bytes,
		not_about_everything,
		not_about_errors,
		every_cut_is_read_within_its_bytes,
	};

	return suite_main("icmp_error", tests, ARRAY_SIZE(tests));
}
