// SPDX-License-Identifier: BSD-3-Clause
// Parsers and builders of net/: checksum, ARP, IPv4, ICMP, IGMP. Golden bytes were made with
// scapy. Every parser is also run over every truncation of a good message in a buffer of exactly
// that size, so that the address sanitizer sees any read past the end.

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "hex.h"
#include "net/arp.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/icmp.h"
#include "net/igmp.h"
#include "net/ipv4.h"

#define NODE   "c0a81f68" // 192.168.31.104
#define REMOTE "c0a81f65" // 192.168.31.101

// Puts the 16-bit checksum of the whole message at `offset`.
static void checksum_set(uint8_t *data, size_t len, size_t offset)
{
	memset(data + offset, 0, 2);
	uint16_t checksum = checksum_of(data, len);

	memcpy(data + offset, &checksum, 2);
}

// ---- checksum ---------------------------------------------------------------------------------

START_TEST(checksum_of_rfc_1071_example)
{
	uint8_t data[64];
	size_t len = hex_read("0001f203f4f5f6f7", data, sizeof(data));

	// RFC 1071 section 3: the sum is ddf2.
	ck_assert_uint_eq(ntohs(checksum_fold(checksum_add(0, data, len))), 0xddf2);
	ck_assert_uint_eq(ntohs(checksum_of(data, len)), (uint16_t)~0xddf2);
}
END_TEST

START_TEST(checksum_pads_an_odd_byte_with_zero)
{
	static const uint8_t odd[] = {0x12, 0x34, 0x56};
	static const uint8_t even[] = {0x12, 0x34, 0x56, 0x00};

	ck_assert_uint_eq(checksum_of(odd, sizeof(odd)), checksum_of(even, sizeof(even)));
	ck_assert_uint_eq(checksum_of(odd, 0), 0xffff);
}
END_TEST

START_TEST(checksum_of_a_full_datagram_does_not_overflow)
{
	uint8_t *data = malloc(65535);

	memset(data, 0xff, 65535);
	// 32767 words of ffff and a last ff00, which is what the sum folds to.
	ck_assert_uint_eq(ntohs(checksum_fold(checksum_add(0, data, 65535))), 0xff00);
	free(data);
}
END_TEST

START_TEST(checksum_patch_equals_computing_anew)
{
	uint8_t data[20];

	for (unsigned word = 0; word < 0x10000; word += 0x0fd) {
		hex_read("4500003612340000210100000a0000010a000002", data, sizeof(data));
		checksum_set(data, sizeof(data), 10);
		uint16_t old, sum, new = htons((uint16_t)word);
		memcpy(&old, data + 4, 2);
		memcpy(&sum, data + 10, 2);
		uint16_t patched = checksum_patch(sum, old, new);

		memcpy(data + 4, &new, 2);
		checksum_set(data, sizeof(data), 10);
		memcpy(&sum, data + 10, 2);
		ck_assert_uint_eq(patched, sum);
	}
}
END_TEST

// ---- ARP --------------------------------------------------------------------------------------

#define ARP_GOOD "0001080006040001020000000001" NODE "000000000000" REMOTE

START_TEST(arp_reads_what_it_writes)
{
	struct arp arp = {
		.op = ARP_REQUEST,
		.sender_mac = 0x020000000001,
		.sender_ip = inet_addr("192.168.31.104"),
		.target_ip = inet_addr("192.168.31.101"),
	};
	uint8_t golden[ARP_LEN], data[ARP_LEN];
	struct arp back;

	hex_read(ARP_GOOD, golden, sizeof(golden));
	arp_build(&arp, data);
	ck_assert_mem_eq(data, golden, sizeof(golden));
	ck_assert_int_eq(arp_parse(data, sizeof(data), &back), 0);
	ck_assert_uint_eq(back.op, ARP_REQUEST);
	ck_assert_uint_eq(back.sender_mac, arp.sender_mac);
	ck_assert_uint_eq(back.sender_ip, arp.sender_ip);
	ck_assert_uint_eq(back.target_mac, 0);
	ck_assert_uint_eq(back.target_ip, arp.target_ip);
}
END_TEST

// Item 94: each way an ARP packet can not be true.
START_TEST(arp_refuses_malformed)
{
	static const struct {
		unsigned offset;
		uint8_t value;
	} wrong[] = {{1, 2}, {2, 0x86}, {4, 8}, {5, 16}, {7, 0}, {7, 3}, {6, 1}};
	uint8_t data[ARP_LEN];
	struct arp arp;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		hex_read(ARP_GOOD, data, sizeof(data));
		data[wrong[i].offset] = wrong[i].value;
		ck_assert_int_eq(arp_parse(data, sizeof(data), &arp), -EINVAL);
	}
	for (size_t len = 0; len < ARP_LEN; len++) {
		uint8_t *cut = malloc(len + 1);

		hex_read(ARP_GOOD, data, sizeof(data));
		memcpy(cut + 1, data, len);
		ck_assert_int_eq(arp_parse(cut + 1, len, &arp), -EINVAL);
		free(cut);
	}
}
END_TEST

// ---- IPv4 -------------------------------------------------------------------------------------

#define IP_GOOD "45000036123400002101c775" REMOTE NODE

START_TEST(ipv4_reads_a_header)
{
	uint8_t data[0x36] = {0};
	struct ipv4 ip;

	hex_read(IP_GOOD, data, sizeof(data));
	ck_assert_int_eq(ipv4_parse(data, sizeof(data), &ip), 0);
	ck_assert_uint_eq(ip.header_len, 20);
	ck_assert_uint_eq(ip.total_len, 0x36);
	ck_assert_uint_eq(ip.ttl, 0x21);
	ck_assert_uint_eq(ip.protocol, IP_PROTOCOL_ICMP);
	ck_assert(!ip.fragment);
	ck_assert_uint_eq(ip.source, inet_addr("192.168.31.101"));
	ck_assert_uint_eq(ip.destination, inet_addr("192.168.31.104"));
}
END_TEST

START_TEST(ipv4_tells_malformed_from_wrong_checksum)
{
	static const struct {
		unsigned offset;
		uint8_t value;
		int error;
	} wrong[] = {
		{0, 0x65, -EINVAL}, // version 6
		{0, 0x44, -EINVAL}, // header of 16 bytes
		{0, 0x4f, -EINVAL}, // header longer than the datagram
		{3, 0x37, -EINVAL}, // datagram longer than the frame
		{3, 0x13, -EINVAL}, // datagram shorter than its header
		{8, 0x22, -EBADMSG},
	};
	uint8_t data[0x36];
	struct ipv4 ip;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		memset(data, 0, sizeof(data));
		hex_read(IP_GOOD, data, sizeof(data));
		data[wrong[i].offset] = wrong[i].value;
		ck_assert_int_eq(ipv4_parse(data, sizeof(data), &ip), wrong[i].error);
	}
	for (size_t len = 0; len < 20; len++)
		ck_assert_int_eq(ipv4_parse(data, len, &ip), -EINVAL);
}
END_TEST

START_TEST(ipv4_tells_fragments)
{
	static const struct {
		uint16_t word;
		bool fragment;
	} cases[] = {{0, false}, {0x4000, false}, {0x2000, true}, {0x0001, true}, {0x1fff, true}};
	uint8_t data[0x36] = {0};
	struct ipv4 ip;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		hex_read(IP_GOOD, data, sizeof(data));
		data[6] = (uint8_t)(cases[i].word >> 8);
		data[7] = (uint8_t)cases[i].word;
		checksum_set(data, 20, 10);
		ck_assert_int_eq(ipv4_parse(data, sizeof(data), &ip), 0);
		ck_assert_int_eq(ip.fragment, cases[i].fragment);
	}
}
END_TEST

START_TEST(ipv4_knows_host_addresses)
{
	static const char *const hosts[] = {"1.0.0.0", "10.1.1.1", "126.0.0.1", "223.255.255.254"};
	static const char *const others[] = {
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		ck_assert_msg(ipv4_is_host(inet_addr(hosts[i])), "%s", hosts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		ck_assert_msg(!ipv4_is_host(inet_addr(others[i])), "%s", others[i]);
	ck_assert(ipv4_is_multicast(inet_addr("224.0.0.1")));
	ck_assert(ipv4_is_multicast(inet_addr("239.255.255.255")));
	ck_assert(!ipv4_is_multicast(inet_addr("240.0.0.1")));
	ck_assert_uint_eq(ether_multicast(0xef810203), 0x01005e010203);
}
END_TEST

// ---- ICMP -------------------------------------------------------------------------------------

// Type 3 code 4, MTU 1400, quoting UDP 40000 -> 8472 of a datagram of 1500 bytes.
#define FRAG_NEEDED "0304235200000578450005dc000540003c1178ee" NODE REMOTE "9c40211805c81111"

START_TEST(icmp_reads_fragmentation_needed)
{
	uint8_t data[64];
	size_t len = hex_read(FRAG_NEEDED, data, sizeof(data));
	struct icmp icmp;
	struct icmp_quote quote;

	ck_assert_int_eq(icmp_parse(data, len, &icmp), 0);
	ck_assert_uint_eq(icmp.type, ICMP_UNREACHABLE);
	ck_assert_uint_eq(icmp.code, ICMP_CODE_FRAGMENTATION_NEEDED);
	ck_assert(icmp_is_error(icmp.type));
	ck_assert_int_eq(icmp_parse_quote(data, len, &quote), 0);
	ck_assert_uint_eq(quote.source, inet_addr("192.168.31.104"));
	ck_assert_uint_eq(quote.destination, inet_addr("192.168.31.101"));
	ck_assert_uint_eq(quote.source_port, 40000);
	ck_assert_uint_eq(quote.destination_port, 8472);
	ck_assert_uint_eq(quote.mtu, 1400);
}
END_TEST

START_TEST(icmp_refuses_quotes_it_can_not_use)
{
	static const struct {
		unsigned offset;
		uint8_t value;
		int error;
	} wrong[] = {
		{8, 0x65, -EINVAL}, // not IPv4
		{8, 0x44, -EINVAL}, // header of 16 bytes
		{8, 0x46, -EINVAL}, // options, so that the ports were not quoted
		{15, 1, -EINVAL},   // a later fragment has no ports
		{17, 6, -EPROTO},   // TCP
	};
	uint8_t data[64];
	struct icmp_quote quote;
	struct icmp icmp;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		size_t len = hex_read(FRAG_NEEDED, data, sizeof(data));

		data[wrong[i].offset] = wrong[i].value;
		ck_assert_int_eq(icmp_parse_quote(data, len, &quote), wrong[i].error);
		ck_assert_int_eq(icmp_parse(data, len, &icmp), -EBADMSG);
	}
	size_t whole = hex_read(FRAG_NEEDED, data, sizeof(data));
	for (size_t len = 0; len < whole; len++) {
		uint8_t *cut = malloc(len + 1);

		memcpy(cut + 1, data, len);
		ck_assert_int_eq(icmp_parse_quote(cut + 1, len, &quote), -EINVAL);
		ck_assert_int_ne(icmp_parse(cut + 1, len, &icmp), 0);
		free(cut);
	}
}
END_TEST

START_TEST(icmp_tells_an_mtu_only_where_there_is_one)
{
	uint8_t data[64];
	size_t len = hex_read(FRAG_NEEDED, data, sizeof(data));
	struct icmp_quote quote;

	data[1] = 3; // port unreachable
	ck_assert_int_eq(icmp_parse_quote(data, len, &quote), 0);
	ck_assert_uint_eq(quote.mtu, 0);
	ck_assert(!icmp_is_error(ICMP_ECHO_REQUEST));
	ck_assert(!icmp_is_error(ICMP_ECHO_REPLY));
}
END_TEST

// ---- IGMP -------------------------------------------------------------------------------------

static int query_parse(const char *hex, struct igmp_query *query)
{
	uint8_t data[64];
	size_t len = hex_read(hex, data, sizeof(data));

	checksum_set(data, len, 2);
	return igmp_parse_query(data, len, query);
}

START_TEST(igmp_reads_queries_of_each_version)
{
	struct igmp_query query;

	ck_assert_int_eq(query_parse("1164000000000000027d0000", &query), 0);
	ck_assert_uint_eq(query.version, 3);
	ck_assert_uint_eq(query.group, 0);
	ck_assert_uint_eq(query.max_response_ms, 10000);
	// From 128 on a floating point value: (0x10 | 5) << (1 + 3) tenths of a second.
	ck_assert_int_eq(query_parse("11950000ef010203027d0000", &query), 0);
	ck_assert_uint_eq(query.group, inet_addr("239.1.2.3"));
	ck_assert_uint_eq(query.max_response_ms, 33600);
	ck_assert_int_eq(query_parse("1164000000000000", &query), 0);
	ck_assert_uint_eq(query.version, 2);
	ck_assert_uint_eq(query.max_response_ms, 10000);
	ck_assert_int_eq(query_parse("1100000000000000", &query), 0);
	ck_assert_uint_eq(query.max_response_ms, 10000);			      // version 1
	ck_assert_int_eq(query_parse("11640000ef010203027d0001c0000201", &query), 0); // a source
}
END_TEST

START_TEST(igmp_refuses_what_is_no_query)
{
	uint8_t data[16];
	struct igmp_query query;

	ck_assert_int_eq(query_parse("16000000ef010203", &query), -ENOMSG);
	ck_assert_int_eq(query_parse("1164000000000000027d", &query), -EINVAL);	    // 10 bytes
	ck_assert_int_eq(query_parse("1164000000000000027d0001", &query), -EINVAL); // no source
	ck_assert_int_eq(query_parse("11640000", &query), -EINVAL);
	hex_read("1164000000000000", data, sizeof(data));
	ck_assert_int_eq(igmp_parse_query(data, 8, &query), -EBADMSG);
}
END_TEST

START_TEST(igmp_builds_reports)
{
	uint32_t groups[IGMP_V3_REPORT_RECORDS_MAX];
	uint8_t data[IGMP_V3_REPORT_LEN(IGMP_V3_REPORT_RECORDS_MAX)];
	uint8_t golden[64];

	groups[0] = inet_addr("239.1.2.3");
	size_t len = hex_read("2200e8f90000000104000000ef010203", golden, sizeof(golden));
	ck_assert_uint_eq(igmp_v3_report_build(IGMP_TO_EXCLUDE, groups, 1, data), len);
	ck_assert_mem_eq(data, golden, len);

	len = hex_read("1600f8faef010203", golden, sizeof(golden));
	igmp_v2_build(IGMP_V2_REPORT, groups[0], data);
	ck_assert_mem_eq(data, golden, len);

	for (unsigned i = 0; i < ARRAY_SIZE(groups); i++)
		groups[i] = htonl(0xef000000 + i);
	len = igmp_v3_report_build(IGMP_IS_EXCLUDE, groups, ARRAY_SIZE(groups), data);
	ck_assert_uint_eq(len, sizeof(data));
	ck_assert_uint_eq(checksum_of(data, len), 0);
	ck_assert_uint_eq(data[7], IGMP_V3_REPORT_RECORDS_MAX);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {checksum_of_rfc_1071_example,
		checksum_pads_an_odd_byte_with_zero, checksum_of_a_full_datagram_does_not_overflow,
		checksum_patch_equals_computing_anew, arp_reads_what_it_writes,
		arp_refuses_malformed, ipv4_reads_a_header,
		ipv4_tells_malformed_from_wrong_checksum, ipv4_tells_fragments,
		ipv4_knows_host_addresses, icmp_reads_fragmentation_needed,
		icmp_refuses_quotes_it_can_not_use, icmp_tells_an_mtu_only_where_there_is_one,
		igmp_reads_queries_of_each_version, igmp_refuses_what_is_no_query,
		igmp_builds_reports};
	Suite *suite = suite_create("wire");
	TCase *tcase = tcase_create("wire");
	SRunner *runner = srunner_create(suite);

	suite_add_tcase(suite, tcase);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
