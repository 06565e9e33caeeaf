// SPDX-License-Identifier: BSD-3-Clause
// The name server: answers for the names of a network, refusals, and queries that can not be read.
// The bytes of answers are those of dnsmasq 2.90 to the same queries, where nothing else is said.

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "base/util.h"
#include "hex.h"
#include "net/dns.h"
#include "slowpath/dns.h"
#include "suite.h"

#define HOST   "10686f73742d3137322d31362d312d3333" // host-172-16-1-33
#define DOMAIN "0e6f70656e737461636b6c6f63616c"	    // openstacklocal
#define ARPA   "07696e2d61646472046172706100"
#define A_33   "c00c00010001000000000004ac100121"

static bool find_address(void *arg, const char *name, uint32_t *address)
{
	(void)arg;
	*address = htonl(0xac100121);
	return strcmp(name, "host-172-16-1-33") == 0 ||
	       strcmp(name, "host-172-16-1-33.openstacklocal") == 0;
}

static bool find_name(void *arg, uint32_t address, char name[DNS_NAME_MAX])
{
	(void)arg;
	snprintf(name, DNS_NAME_MAX, "host-172-16-1-33.openstacklocal");
	return address == htonl(0xac100121);
}

static const struct dns_zone zone = {.find_address = find_address, .find_name = find_name};
static uint8_t reply[DNS_ANSWER_MAX];

static size_t ask(const uint8_t *query, size_t len)
{
	uint8_t *exact = malloc(len == 0 ? 1 : len); // no byte more, for the address sanitizer

	memcpy(exact, query, len);
	memset(reply, 0xee, sizeof(reply));
	size_t reply_len = dns_answer(&zone, exact, len, reply, sizeof(reply));
	free(exact);
	return reply_len;
}

static void expect(const char *query_hex, const char *reply_hex)
{
	uint8_t query[600], expected[600];
	size_t query_len = hex_read(query_hex, query, sizeof(query));
	size_t expected_len = hex_read(reply_hex, expected, sizeof(expected));
	size_t len = ask(query, query_len);

	if (len != expected_len || memcmp(reply, expected, len) != 0)
		ck_abort_msg("%zu bytes in answer to %s, expected %s", len, query_hex, reply_hex);
}

START_TEST(addresses)
{
	expect("123401000001000000000000" HOST "0000010001",
		"123485800001000100000000" HOST "0000010001" A_33);
	expect("123401000001000000000000" HOST DOMAIN "0000010001",
		"123485800001000100000000" HOST DOMAIN "0000010001" A_33);
	// Case does not matter, and the question comes back as it was.
	expect("123401000001000000000000"
	       "10484f53542d3137322d31362d312d33330000010001",
		"123485800001000100000000"
		"10484f53542d3137322d31362d312d33330000010001" A_33);
	expect("123401000001000000000000" HOST "0000ff0001",
		"123485800001000100000000" HOST "0000ff0001" A_33);
}
END_TEST

START_TEST(names)
{
	expect("123401000001000000000000"
	       "023333013102313603313732" ARPA "000c0001",
		"123485800001000100000000"
		"023333013102313603313732" ARPA "000c0001"
		"c00c000c000100000000002110686f73742d3137322d31362d312d3333" DOMAIN "00");
	expect("123401000001000000000000"
	       "023334013102313603313732" ARPA "000c0001",
		"123481850001000000000000"
		"023334013102313603313732" ARPA "000c0001");
}
END_TEST

START_TEST(a_known_name_has_no_ipv6_address)
{
	// Here dnsmasq refuses, and resolvers take that for the name's.
	expect("123401000001000000000000" HOST "00001c0001",
		"123485800001000000000000" HOST "00001c0001");
	expect("123401000001000000000000" DOMAIN "00001c0001",
		"123481850001000000000000" DOMAIN "00001c0001");
}
END_TEST

START_TEST(everything_else_is_refused)
{
	static const char *const questions[] = {
		"07"
		"6578616d706c65"
		"03"
		"636f6d"
		"00"
		"00010001", // example.com A
		"07"
		"6578616d706c65"
		"03"
		"636f6d"
		"00"
		"001c0001",
		DOMAIN "0000010001",
		"0000010001",	   // the root
		HOST "00000f0001", // MX
		HOST "0000100001", // TXT
		HOST "0000060001", // SOA
		HOST "0000010003", // another class
		HOST "00000100ff", HOST HOST "0000010001",
		"02333301310231360331373207696e2d6164647204617270610000010001", // A of a PTR name
	};
	char query[600], answer[600];

	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		snprintf(query, sizeof(query), "123401000001000000000000%s", questions[i]);
		snprintf(answer, sizeof(answer), "123481850001000000000000%s", questions[i]);
		expect(query, answer);
	}
	// Other operations; and no question, or several.
	expect("123421000001000000000000" HOST "0000010001",
		"1234a1850001000000000000" HOST "0000010001");
	expect("123409000001000000000000" HOST "0000010001",
		"123489850001000000000000" HOST "0000010001");
	expect("123401000000000000000000", "123481850000000000000000");
	expect("123401000002000000000000" HOST "0000010001" HOST "0000010001",
		"123481850000000000000000");
	expect("123401000001000100000000" HOST "0000010001" A_33,
		"123481850001000000000000" HOST "0000010001");
}
END_TEST

START_TEST(flags_of_the_query)
{
	expect("123400000001000000000000" HOST "0000010001", // no recursion wanted
		"123484800001000100000000" HOST "0000010001" A_33);
	expect("123401100001000000000000" HOST "0000010001", // no checks
		"123485900001000100000000" HOST "0000010001" A_33);
	expect("123407020001000000000000" HOST "0000010001", // what only answers have
		"123485800001000100000000" HOST "0000010001" A_33);
}
END_TEST

START_TEST(edns_is_tolerated)
{
	expect("123401000001000000000001" HOST "0000010001"
	       "0000291000000000000000",
		"123485800001000100000001" HOST "0000010001" A_33 "00002904d0000000000000");
	// Version 1, the flag DO, an option.
	expect("123401000001000000000001" HOST "0000010001"
	       "0000291000000180000004000a0000",
		"123485800001000100000001" HOST "0000010001" A_33 "00002904d0000080000000");
	expect("123401000001000000000001" HOST "00000f0001"
	       "0000291000000000000000",
		"123481850001000000000001" HOST "00000f0001"
		"00002904d0000000000000");
	// Behind another record, whose name is a pointer; cut; not there.
	expect("123401000001000000000002" HOST "0000010001" A_33 "0000291000000000000000",
		"123485800001000100000001" HOST "0000010001" A_33 "00002904d0000000000000");
	expect("123401000001000000000001" HOST "0000010001"
	       "00002910000000000000",
		"123485800001000100000000" HOST "0000010001" A_33);
	expect("123401000001000000000001" HOST "0000010001",
		"123485800001000100000000" HOST "0000010001" A_33);
}
END_TEST

START_TEST(what_can_not_be_read_gets_silence)
{
	static const char *const queries[] = {
		"",
		"1234",
		"123481000001000000000000" HOST "0000010001", // an answer
		"123401000001000000000000",
		"123401000001000000000000" HOST,
		"123401000001000000000000" HOST "00",
		"123401000001000000000000" HOST "00000100",	// without all of its class
		"123401000001000000000000c00c00010001",		// points to itself
		"123401000001000000000000c00000010001",		// into the header
		"123401000001000000000000c00e0161000000010001", // forward
		"123401000001000000000000" HOST "c00c00010001", // a loop
		"12340100000100000000000040616263000000010001", // another kind of label
		"123401000001000000000000ff",
	};

	for (size_t i = 0; i < ARRAY_SIZE(queries); i++)
		expect(queries[i], "");
}
END_TEST

// Labels of 63 bytes up to a name of 255 on the wire, and one byte more.
START_TEST(the_longest_name)
{
	uint8_t query[400];
	size_t at = hex_read("123401000001000000000001", query, sizeof(query));
	struct dns_question question;

	for (unsigned i = 0; i < 4; i++) {
		uint8_t len = i < 3 ? 63 : 61;

		query[at++] = len;
		memset(query + at, 'a', len);
		at += len;
	}
	query[at++] = 0;
	ck_assert_uint_eq(at, 12 + 255);
	at += hex_read("00010001", query + at, 4);
	at += hex_read("00002902000000000000", query + at, 10);
	query[at++] = 0;
	ck_assert_int_eq(dns_parse(query, at, &question), 0);
	ck_assert_uint_eq(strlen(question.name), 253);
	ck_assert(question.edns);
	ck_assert_uint_eq(ask(query, at), 12 + 255 + 4 + 11);

	query[12 + 64 * 3] = 62;
	query[12 + 255] = 0;
	ck_assert_int_eq(dns_parse(query, at, &question), -EINVAL);
}
END_TEST

START_TEST(what_no_host_name_has_matches_nothing)
{
	struct dns_question question;
	uint8_t query[64];
	size_t len = hex_read("123401000001000000000000"
			      "06612e62004181"
			      "0000010001",
		query, sizeof(query));

	ck_assert_int_eq(dns_parse(query, len, &question), 0);
	ck_assert_str_eq(question.name, "a?b?a?");
}
END_TEST

START_TEST(every_cut_is_read_within_its_bytes)
{
	uint8_t query[100];
	size_t len = hex_read("123401000001000000000001" HOST "0000010001"
			      "0000291000000180000004000a0000",
		query, sizeof(query));

	for (size_t cut = 0; cut <= len; cut++) {
		size_t whole = 12 + 17 + 1 + 4;

		if ((ask(query, cut) == 0) != (cut < whole))
			ck_abort_msg("%zu bytes", cut);
	}
}
END_TEST

// A long name that does not fit 512 bytes is left out, for an asker who takes no more.
START_TEST(an_answer_that_is_too_long_is_cut)
{
	char name[DNS_NAME_MAX];
	uint8_t query[300], data[DNS_ANSWER_MAX];
	struct dns_question question;
	struct dns_reply long_reply = {.type = DNS_TYPE_PTR, .authoritative = true, .name = name};
	size_t at = hex_read("123401000001000000000000", query, sizeof(query));

	memset(name, 'b', 253);
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	for (unsigned i = 0; i < 4; i++) {
		uint8_t len = i < 3 ? 63 : 61;

		query[at++] = len;
		memset(query + at, 'a', len);
		at += len;
	}
	query[at++] = 0;
	at += hex_read("000c0001", query + at, 4);
	ck_assert_int_eq(dns_parse(query, at, &question), 0);
	ck_assert_uint_eq(dns_build(query, &question, &long_reply, data, sizeof(data)), at);
	ck_assert_uint_eq(data[2], 0x87); // TC
	ck_assert_uint_eq(data[7], 0);
	question.udp_size = 600;
	ck_assert_uint_eq(
		dns_build(query, &question, &long_reply, data, sizeof(data)), at + 2 + 10 + 255);
	ck_assert_uint_eq(data[2], 0x85);
	ck_assert_uint_eq(data[7], 1);
	// What can not be a name is no record.
	name[62] = '.';
	ck_assert_uint_eq(dns_build(query, &question, &long_reply, data, sizeof(data)), at);
	ck_assert_uint_eq(data[7], 0);
}
END_TEST

START_TEST(reverse_names)
{
	static const char *const wrong[] = {"", "in-addr.arpa", ".in-addr.arpa",
		"1.2.3.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "1.2.3.256.in-addr.arpa",
		"01.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpax", "1.2.3.4", "::1.in-addr.arpa",
		"111.111.111.111.111.in-addr.arpa"};
	uint32_t address = 0;

	ck_assert_int_eq(dns_reverse_parse("33.1.16.172.in-addr.arpa", &address), 0);
	ck_assert_uint_eq(address, htonl(0xac100121));
	ck_assert_int_eq(dns_reverse_parse("255.255.255.255.in-addr.arpa", &address), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (dns_reverse_parse(wrong[i], &address) != -EINVAL)
			ck_abort_msg("%s", wrong[i]);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		addresses,
		names,
		a_known_name_has_no_ipv6_address,
		everything_else_is_refused,
		flags_of_the_query,
		edns_is_tolerated,
		what_can_not_be_read_gets_silence,
		the_longest_name,
		what_no_host_name_has_matches_nothing,
		every_cut_is_read_within_its_bytes,
		an_answer_that_is_too_long_is_cut,
		reverse_names,
	};

	return suite_main("dns", tests, ARRAY_SIZE(tests));
}
