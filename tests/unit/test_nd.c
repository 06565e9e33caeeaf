// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery. Golden bytes were made with scapy.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "hex.h"
#include "net/checksum.h"
#include "net/nd.h"
#include "suite.h"

#define SERVICE "fe80::a9fe:a9fe"
#define GUEST	"fe80::f816:3eff:fede:6e86"

#define SOLICITATION                                                                               \
	"6000000000203afffe80000000000000f8163efffede6e86ff0200000000000000000001fffea9fe"         \
	"870031ac00000000fe8000000000000000000000a9fea9fe0101fa163ede6e86"
#define ADVERTISEMENT                                                                              \
	"6000000000203afffe8000000000000000000000a9fea9fefe80000000000000f8163efffede6e86"         \
	"880080bc60000000fe8000000000000000000000a9fea9fe0201fa163e3114a6"
#define DETECTION                                                                                  \
	"6000000000183aff00000000000000000000000000000000ff0200000000000000000001ff000001"         \
	"87007da500000000fd000000000000000000000000000001"

static uint8_t packet[200];
static size_t packet_len;
static struct nd nd;

static void load(const char *hex)
{
	packet_len = hex_read(hex, packet, sizeof(packet));
}

static int parse(void)
{
	uint8_t *exact = malloc(packet_len == 0 ? 1 : packet_len);

	memcpy(exact, packet, packet_len);
	int error = nd_parse(exact, packet_len, &nd);
	free(exact);
	return error;
}

// Makes the checksum of the message right again.
static void fix(void)
{
	size_t len = packet_len - 40;
	uint8_t pseudo[8] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, 58};

	packet[42] = packet[43] = 0;
	uint32_t sum = checksum_add(checksum_add(0, packet + 8, 32), pseudo, sizeof(pseudo));
	uint16_t checksum = (uint16_t)~checksum_fold(checksum_add(sum, packet + 40, len));
	memcpy(packet + 42, &checksum, 2);
}

static bool is(const struct ip_addr *ip, const char *text)
{
	struct ip_addr expected;

	return ip_parse(text, &expected) == 0 && ip_equal(ip, &expected);
}

START_TEST(a_solicitation)
{
	load(SOLICITATION);
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(nd.type, ND_SOLICITATION);
	ck_assert(is(&nd.source, GUEST));
	ck_assert(is(&nd.destination, "ff02::1:fffe:a9fe"));
	ck_assert(is(&nd.target, SERVICE));
	ck_assert_uint_eq(nd.link_address, 0xfa163ede6e86);
	ck_assert(!nd.router && !nd.solicited && !nd.override);
}
END_TEST

START_TEST(an_advertisement)
{
	load(ADVERTISEMENT);
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(nd.type, ND_ADVERTISEMENT);
	ck_assert(!nd.router && nd.solicited && nd.override);
	ck_assert_uint_eq(nd.link_address, 0xfa163e3114a6);
	packet[44] = 0x80;
	fix();
	ck_assert_int_eq(parse(), 0);
	ck_assert(nd.router && !nd.solicited && !nd.override);
}
END_TEST

START_TEST(duplicate_address_detection)
{
	load(DETECTION);
	ck_assert_int_eq(parse(), 0);
	ck_assert(!ip_is_set(&nd.source));
	ck_assert_uint_eq(nd.link_address, 0);
	packet[38] = 1; // not to the group of the address
	packet[24] = 0xfe;
	fix();
	ck_assert_int_eq(parse(), -EINVAL);

	load(SOLICITATION); // with a link-layer address
	memset(packet + 8, 0, 16);
	fix();
	ck_assert_int_eq(parse(), -EINVAL);
}
END_TEST

START_TEST(what_is_written_is_what_was_read)
{
	static const char *const packets[] = {SOLICITATION, ADVERTISEMENT};

	for (size_t i = 0; i < ARRAY_SIZE(packets); i++) {
		uint8_t data[ND_LEN];

		load(packets[i]);
		ck_assert_int_eq(parse(), 0);
		nd_build(&nd, data);
		ck_assert_uint_eq(packet_len, sizeof(data));
		ck_assert_mem_eq(data, packet, sizeof(data));
	}
}
END_TEST

START_TEST(rules_of_rfc_4861)
{
	static const struct {
		size_t at;
		uint8_t value;
		int error;
	} wrong[] = {
		{0, 0x40, -ENOMSG},  // no IPv6
		{6, 17, -ENOMSG},    // UDP
		{40, 133, -ENOMSG},  // a router solicitation
		{5, 0, -EINVAL},     // no message at all
		{5, 0x21, -EINVAL},  // longer than the packet
		{7, 254, -EINVAL},   // came through a router
		{41, 1, -EINVAL},    // code
		{48, 0xff, -EINVAL}, // target is a group
		{8, 0xff, -EINVAL},  // source is a group
		{65, 0, -EINVAL},    // an option without a length
		{65, 2, -EINVAL},    // that runs past the end
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		load(SOLICITATION);
		packet[wrong[i].at] = wrong[i].value;
		fix();
		if (parse() != wrong[i].error)
			ck_abort_msg("byte %zu: %d", wrong[i].at, parse());
	}
	load(SOLICITATION);
	packet[60] ^= 1;
	ck_assert_int_eq(parse(), -EBADMSG);
	load(ADVERTISEMENT); // solicited, but to a group
	packet[24] = 0xff;
	fix();
	ck_assert_int_eq(parse(), -EINVAL);
}
END_TEST

START_TEST(other_options_are_skipped)
{
	load(SOLICITATION);
	packet[64] = 14; // a nonce
	fix();
	ck_assert_int_eq(parse(), 0);
	ck_assert_uint_eq(nd.link_address, 0);
}
END_TEST

START_TEST(every_cut_is_read_within_its_bytes)
{
	load(SOLICITATION);
	size_t len = packet_len;
	for (packet_len = 0; packet_len < len; packet_len++)
		if (parse() == 0)
			ck_abort_msg("%zu bytes", packet_len);
}
END_TEST

START_TEST(groups)
{
	struct ip_addr ip, group;

	ck_assert_int_eq(ip_parse("ff02::1:ffde:6e86", &ip), 0);
	ck_assert_uint_eq(nd_multicast_mac(&ip), 0x3333ffde6e86);
	group = nd_all_nodes();
	ck_assert(is(&group, "ff02::1"));
	ck_assert_uint_eq(nd_multicast_mac(&group), 0x333300000001);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_solicitation,
		an_advertisement,
		duplicate_address_detection,
		what_is_written_is_what_was_read,
		rules_of_rfc_4861,
		other_options_are_skipped,
		every_cut_is_read_within_its_bytes,
		groups,
	};

	return suite_main("nd", tests, ARRAY_SIZE(tests));
}
