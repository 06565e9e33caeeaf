// SPDX-License-Identifier: BSD-3-Clause
// The DHCP codec: messages of real clients, every cut of them, and what is written.

#include <errno.h>
#include <stdlib.h>

#include "dhcp_client.h"
#include "hex.h"
#include "net/dhcp.h"
#include "suite.h"

// What busybox udhcpc 1.35 sends to get 172.16.1.33 from 172.16.1.10: its fixed part and options.
#define UDHCPC_FIXED                                                                               \
	"01010600ef9c3c2c0000000000000000000000000000000000000000fa163ede6e86" ZEROS_10 ZEROS_64   \
		ZEROS_64 ZEROS_64
#define ZEROS_10 "00000000000000000000"
#define ZEROS_32 "0000000000000000000000000000000000000000000000000000000000000000"
#define ZEROS_64 ZEROS_32 ZEROS_32
#define UDHCPC_REQUEST                                                                             \
	UDHCPC_FIXED "638253633501033204ac1001213604ac10010a39020240370a0103060c0f1a1c2a79f9"      \
		     "0c06636972726f733c0c756468637020312e33352e303d0701fa163ede6e86ff"

static struct dhcp dhcp;

static size_t message_with(const char *options, uint8_t data[1024])
{
	size_t len = hex_read(UDHCPC_FIXED "63825363", data, 1024);

	return len + hex_read(options, data + len, 1024 - len);
}

static int parse_with(const char *options)
{
	uint8_t data[1024];
	size_t len = message_with(options, data);
	uint8_t *exact = malloc(len); // no byte more than it has, for the address sanitizer

	memcpy(exact, data, len);
	int error = dhcp_parse(exact, len, &dhcp);
	dhcp.wanted = NULL;
	free(exact);
	return error;
}

START_TEST(a_request_of_udhcpc)
{
	uint8_t data[1024];
	size_t len = hex_read(UDHCPC_REQUEST, data, sizeof(data));

	ck_assert_int_eq(dhcp_parse(data, len, &dhcp), 0);
	ck_assert_uint_eq(dhcp.type, DHCP_REQUEST);
	ck_assert_uint_eq(dhcp.xid, htonl(0xef9c3c2c));
	ck_assert_uint_eq(dhcp.chaddr, 0xfa163ede6e86);
	ck_assert_uint_eq(dhcp.flags, 0);
	ck_assert_uint_eq(dhcp.ciaddr, 0);
	ck_assert_uint_eq(dhcp.giaddr, 0);
	ck_assert(dhcp.requested_given && dhcp.server_given && !dhcp.lease_given);
	ck_assert_uint_eq(dhcp.requested, htonl(0xac100121));
	ck_assert_uint_eq(dhcp.server, htonl(0xac10010a));
	ck_assert_uint_eq(dhcp.max_size, 576);
	ck_assert_uint_eq(dhcp.n_wanted, 10);
	ck_assert(dhcp_wants(&dhcp, 1) && dhcp_wants(&dhcp, 249) && !dhcp_wants(&dhcp, 51));
}
END_TEST

START_TEST(every_cut_of_it_is_read_within_its_bytes)
{
	uint8_t data[1024];
	size_t len = hex_read(UDHCPC_REQUEST, data, sizeof(data));
	unsigned n_read = 0;

	for (size_t cut = 0; cut <= len; cut++) {
		uint8_t *exact = malloc(cut == 0 ? 1 : cut);

		memcpy(exact, data, cut);
		int error = dhcp_parse(exact, cut, &dhcp);
		// Between two options it is a message without an end option: read.
		n_read += error == 0;
		if (error != 0 && error != -EINVAL)
			ck_abort_msg("%zu bytes: %d", cut, error);
		free(exact);
	}
	ck_assert_uint_eq(n_read, 9); // behind each of 8 options, and with the end
}
END_TEST

START_TEST(what_is_no_request_is_refused)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{0, 2}, {0, 0}, {1, 6}, {2, 5}, {2, 16}, {236, 0}, {239, 0x64}};
	uint8_t data[1024];
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		len = hex_read(UDHCPC_REQUEST, data, sizeof(data));
		data[wrong[i].at] = wrong[i].value;
		if (dhcp_parse(data, len, &dhcp) != -EINVAL)
			ck_abort_msg("%zu", wrong[i].at);
	}
	ck_assert_int_eq(parse_with("ff"), -EINVAL); // BOOTP
	ck_assert_int_eq(parse_with(""), -EINVAL);
	ck_assert_int_eq(parse_with("3500ff"), -EINVAL); // a type without a value
	ck_assert_int_eq(parse_with("350101ff"), 0);
}
END_TEST

START_TEST(options_must_lie_inside)
{
	ck_assert_int_eq(parse_with("3501012a04c0a8"), -EINVAL);
	ck_assert_int_eq(parse_with("3501012a04"), -EINVAL);
	ck_assert_int_eq(parse_with("3501012a"), -EINVAL);
	ck_assert_int_eq(parse_with("3501"), -EINVAL);
	ck_assert_int_eq(parse_with("350101"), 0);		 // no end option, and all is there
	ck_assert_int_eq(parse_with("00350101002a00ff2a04"), 0); // nothing counts behind the end
}
END_TEST

START_TEST(the_first_option_that_is_long_enough_counts)
{
	ck_assert_int_eq(parse_with("35010332020a003204ac1001213204ac1001223402ffff"
				    "3303000000330400000e10ff"),
		0);
	ck_assert_uint_eq(dhcp.requested, htonl(0xac100121));
	ck_assert_uint_eq(dhcp.lease_s, 3600);
	ck_assert_int_eq(parse_with("350103320400000000ff"), 0);
	ck_assert(dhcp.requested_given);
	ck_assert_uint_eq(dhcp.requested, 0);
}
END_TEST

START_TEST(options_go_on_in_file_and_sname)
{
	uint8_t data[1024];
	size_t len = message_with("340103ff", data);

	hex_read("350103ff", data + 108, 4);	  // file
	hex_read("3204ac100121ff", data + 44, 7); // sname
	ck_assert_int_eq(dhcp_parse(data, len, &dhcp), 0);
	ck_assert_uint_eq(dhcp.type, DHCP_REQUEST);
	ck_assert_uint_eq(dhcp.requested, htonl(0xac100121));

	data[242] = 1; // the file field only
	ck_assert_int_eq(dhcp_parse(data, len, &dhcp), 0);
	ck_assert(!dhcp.requested_given);
	data[242] = 2; // the sname field only: no type
	ck_assert_int_eq(dhcp_parse(data, len, &dhcp), -EINVAL);

	data[242] = 1;
	memset(data + 108, 0, 128);
	hex_read("2a", data + 108 + 127, 1); // runs past the end of the field
	ck_assert_int_eq(dhcp_parse(data, len, &dhcp), -EINVAL);
}
END_TEST

START_TEST(an_empty_list_wants_nothing_and_no_list_all)
{
	uint8_t data[1024];
	size_t len = message_with("3501033700ff", data);

	ck_assert_int_eq(dhcp_parse(data, len, &dhcp), 0);
	ck_assert(!dhcp_wants(&dhcp, 1));
	len = message_with("350103ff", data);
	ck_assert_int_eq(dhcp_parse(data, len, &dhcp), 0);
	ck_assert(dhcp_wants(&dhcp, 1));
}
END_TEST

START_TEST(a_reply_is_written_field_by_field)
{
	static const struct dhcp_reply reply = {
		.hops = 1,
		.secs = 0x0203,
		.flags = DHCP_FLAG_BROADCAST,
		.chaddr = 0xfa163ede6e86,
	};
	struct dhcp_reply fields = reply;
	uint8_t data[400], expected[400];
	struct dhcp_writer writer;

	fields.xid = htonl(0x01020304);
	fields.ciaddr = htonl(0x0a000001);
	fields.yiaddr = htonl(0x0a000002);
	fields.siaddr = htonl(0x0a000003);
	fields.giaddr = htonl(0x0a000004);
	memset(data, 0xee, sizeof(data));
	dhcp_write_start(&writer, data, sizeof(data), &fields);
	ck_assert(dhcp_write_u8(&writer, 53, 5));
	ck_assert(dhcp_write_option(&writer, 26, "\x05\xaa", 2));
	ck_assert(dhcp_write_option(&writer, 51, "\x00\x01\x51\x80", 4));
	ck_assert(dhcp_write_address(&writer, 54, htonl(0xac10010a)));
	ck_assert(dhcp_write_option(&writer, 80, NULL, 0));
	ck_assert_uint_eq(dhcp_write_end(&writer), 300);
	memset(expected, 0, sizeof(expected));
	hex_read("0201060101020304020380000a0000010a0000020a0000030a000004fa163ede6e86", expected,
		34);
	hex_read("63825363350105"
		 "1a0205aa330400015180"
		 "3604ac10010a5000ff",
		expected + 236, 26);
	ck_assert_mem_eq(data, expected, 300);
	ck_assert_uint_eq(data[300], 0xee);
}
END_TEST

START_TEST(long_options_go_in_pieces)
{
	static const struct dhcp_reply none = {0};
	struct dhcp_writer writer;
	uint8_t data[900], value[600];

	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)i;
	ck_assert_uint_eq(dhcp_option_size(0), 2);
	ck_assert_uint_eq(dhcp_option_size(255), 257);
	ck_assert_uint_eq(dhcp_option_size(256), 260);
	ck_assert_uint_eq(dhcp_option_size(600), 606);
	dhcp_write_start(&writer, data, sizeof(data), &none);
	ck_assert(dhcp_write_option(&writer, 121, value, sizeof(value)));
	ck_assert_uint_eq(dhcp_write_end(&writer), 240 + 606 + 1);
	ck_assert(data[240] == 121 && data[241] == 255 && data[242] == 0);
	ck_assert(data[497] == 121 && data[498] == 255 && data[499] == 255);
	ck_assert(data[754] == 121 && data[755] == 90 && data[756] == (uint8_t)510);
	ck_assert_uint_eq(data[846], 255);
}
END_TEST

START_TEST(what_does_not_fit_is_not_written)
{
	static const struct dhcp_reply none = {0};
	struct dhcp_writer writer;
	uint8_t *data = malloc(300);
	uint8_t value[60] = {0};

	dhcp_write_start(&writer, data, 300, &none);
	ck_assert(!dhcp_write_option(&writer, 12, value, 58)); // with the end option, one too many
	ck_assert_uint_eq(writer.len, 240);
	ck_assert(dhcp_write_option(&writer, 12, value, 57));
	ck_assert(!dhcp_write_u8(&writer, 53, 1));
	ck_assert_uint_eq(dhcp_write_end(&writer), 300);
	free(data);
}
END_TEST

START_TEST(routes_as_in_rfc_3442)
{
	static const struct {
		uint32_t destination;
		uint8_t prefix_len;
		const char *bytes;
	} routes[] = {
		{0, 0, "000a000001"},
		{0x0a000000, 8, "080a0a000001"},
		{0x0a110000, 16, "100a110a000001"},
		{0x0a1b8100, 24, "180a1b810a000001"},
		{0x0a198000, 20, "140a19800a000001"},
		{0x0a1b8180, 25, "190a1b81800a000001"},
		{0xa9fea9fe, 32, "20a9fea9fe0a000001"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		struct dhcp_route route = {
			htonl(routes[i].destination), routes[i].prefix_len, htonl(0x0a000001)};
		uint8_t expected[16], data[DHCP_ROUTE_LEN_MAX];
		size_t len = hex_read(routes[i].bytes, expected, sizeof(expected));

		ck_assert_uint_eq(dhcp_route_build(&route, data), len);
		ck_assert_mem_eq(data, expected, len);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_request_of_udhcpc,
		every_cut_of_it_is_read_within_its_bytes,
		what_is_no_request_is_refused,
		options_must_lie_inside,
		the_first_option_that_is_long_enough_counts,
		options_go_on_in_file_and_sname,
		an_empty_list_wants_nothing_and_no_list_all,
		a_reply_is_written_field_by_field,
		long_options_go_in_pieces,
		what_does_not_fit_is_not_written,
		routes_as_in_rfc_3442,
	};

	return suite_main("dhcp_wire", tests, ARRAY_SIZE(tests));
}
