// SPDX-License-Identifier: BSD-3-Clause
// Addresses and protocols <-> text.

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <check.h>

#include "base/util.h"
#include "net/addr.h"
#include "net/protocol.h"
#include "suite.h"

START_TEST(mac_text)
{
	static const char *const bad[] = {"", "fa:16:3e:de:6e", "fa:16:3e:de:6e:8", "fa163ede6e86",
		"fa:16:3e:de:6e:86 ", " fa:16:3e:de:6e:86", "fa-16-3e-de-6e-86",
		"fa:16:3e:de:6e:8g", "fa:16:3e:de:6e:86:00", "f:a16:3e:de:6e:86",
		"+a:16:3e:de:6e:86"};
	struct mac mac = {{1, 2, 3, 4, 5, 6}};
	char text[MAC_TEXT_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(mac_parse(bad[i], &mac) == -EINVAL, "\"%s\"", bad[i]);
	ck_assert_str_eq(mac_format(&mac, text), "01:02:03:04:05:06"); // nothing written
	ck_assert_int_eq(mac_parse("FA:16:3e:DE:6e:86", &mac), 0);
	ck_assert_str_eq(mac_format(&mac, text), "fa:16:3e:de:6e:86");
	ck_assert_uint_eq(mac_to_u64(&mac), 0xfa163ede6e86);
	mac = mac_from_u64(0x0000010203040506);
	ck_assert_str_eq(mac_format(&mac, text), "01:02:03:04:05:06");
}
END_TEST

START_TEST(mac_kinds)
{
	struct mac zero = mac_from_u64(0), group = mac_from_u64(0x01005e000001);
	struct mac all = mac_from_u64(0xffffffffffff), host = mac_from_u64(0xfe0000000000);

	ck_assert(mac_is_zero(&zero));
	ck_assert(!mac_is_zero(&host));
	ck_assert(mac_is_multicast(&group));
	ck_assert(mac_is_multicast(&all));
	ck_assert(!mac_is_multicast(&host));
	ck_assert(mac_equal(&host, &host));
	ck_assert(!mac_equal(&host, &all));
}
END_TEST

START_TEST(ip_text)
{
	static const struct {
		const char *text, *printed;
	} good[] = {
		{"0.0.0.0", "0.0.0.0"},
		{"192.168.31.104", "192.168.31.104"},
		{"255.255.255.255", "255.255.255.255"},
		{"2001:DB8:0:0::1", "2001:db8::1"},
		{"::1", "::1"},
		{"fe80::1:2.3.4.5", "fe80::1:203:405"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4",
		"1.2.3.4 ", " 1.2.3.4", "+1.2.3.4", "1.2.3.-4", "0x1.2.3.4", "1.2.3.4/24",
		"172,16.1.100", ":::", "1::2::3", "12345::", "fe80::1%eth0", "::ffff:1.2.3.4"};
	char text[IP_TEXT_LEN];
	struct ip_addr ip;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_int_eq(ip_parse(good[i].text, &ip), 0);
		ck_assert_str_eq(ip_format(&ip, text), good[i].printed);
	}
	ip = ip_from_v4(htonl(0x01020304));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(ip_parse(bad[i], &ip) == -EINVAL, "\"%s\"", bad[i]);
	ck_assert_str_eq(ip_format(&ip, text), "1.2.3.4"); // nothing written
	ck_assert_uint_eq(ip_v4(&ip), htonl(0x01020304));
}
END_TEST

START_TEST(ip_kinds)
{
	static const struct {
		const char *text;
		bool v4, multicast, host;
	} cases[] = {
		{"192.168.31.104", true, false, true},
		{"223.255.255.255", true, false, true},
		{"240.0.0.1", true, false, true},
		{"0.0.0.0", true, false, false},
		{"0.1.2.3", true, false, false},
		{"127.0.0.1", true, false, false},
		{"224.0.0.1", true, true, false},
		{"239.255.255.255", true, true, false},
		{"255.255.255.255", true, false, false},
		{"2001:db8::1", false, false, true},
		{"fe80::1", false, false, true},
		{"ff02::1", false, true, false},
		{"::1", false, false, false},
		{"::", false, false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_addr ip;

		ck_assert_int_eq(ip_parse(cases[i].text, &ip), 0);
		ck_assert_msg(ip_is_v4(&ip) == cases[i].v4, "%s", cases[i].text);
		ck_assert_msg(ip_is_multicast(&ip) == cases[i].multicast, "%s", cases[i].text);
		ck_assert_msg(ip_is_host(&ip) == cases[i].host, "%s", cases[i].text);
		ck_assert_msg(
			ip_is_set(&ip) == (strcmp(cases[i].text, "::") != 0), "%s", cases[i].text);
	}
}
END_TEST

START_TEST(prefix_text)
{
	static const char *const good[] = {
		"0.0.0.0/0", "10.0.0.1/24", "10.0.0.1/32", "2001:db8::1/64", "::/0", "::1/128"};
	static const char *const bad[] = {"", "/", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33",
		"10.0.0.1/024", "10.0.0.1/+4", "10.0.0.1/-1", "10.0.0.1/ 24", "10.0.0.1/24 ",
		"10.0.0.1/24/8", "10.0.0.1/255.255.255.0", "2001:db8::1/129", "/24",
		"10.0.0.1/4294967296", "2001:0db8:0000:0000:0000:0000:0000:0000:0000:00001/64",
		"::ffff:10.0.0.1/120"};
	struct ip_prefix prefix;
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_int_eq(ip_prefix_parse(good[i], &prefix), 0);
		ck_assert_str_eq(ip_prefix_format(&prefix, text), good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(ip_prefix_parse(bad[i], &prefix) == -EINVAL, "\"%s\"", bad[i]);
	ck_assert_str_eq(ip_prefix_format(&prefix, text), "::1/128"); // nothing written
}
END_TEST

static struct ip_prefix prefix_of(const char *text)
{
	struct ip_prefix prefix;

	ck_assert_int_eq(ip_prefix_parse(text, &prefix), 0);
	return prefix;
}

START_TEST(prefix_contains)
{
	static const struct {
		const char *prefix, *ip;
		bool inside;
	} cases[] = {
		{"10.1.0.0/24", "10.1.0.255", true},
		{"10.1.0.0/24", "10.1.1.0", false},
		{"10.1.0.77/24", "10.1.0.1", true},
		{"10.1.0.0/23", "10.1.1.0", true},
		{"10.1.0.4/31", "10.1.0.5", true},
		{"10.1.0.4/31", "10.1.0.6", false},
		{"10.1.0.4/32", "10.1.0.4", true},
		{"10.1.0.4/32", "10.1.0.5", false},
		{"0.0.0.0/0", "255.0.0.1", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "10.0.0.1", false},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_prefix prefix = prefix_of(cases[i].prefix);
		struct ip_addr ip;

		ck_assert_int_eq(ip_parse(cases[i].ip, &ip), 0);
		ck_assert_msg(ip_prefix_contains(&prefix, &ip) == cases[i].inside, "%s %s",
			cases[i].prefix, cases[i].ip);
	}
}
END_TEST

START_TEST(prefix_overlaps)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
		{"10.1.0.0/24", "10.1.0.0/24", true},
		{"10.1.0.0/24", "10.1.0.128/25", true},
		{"10.1.0.0/24", "10.1.1.0/24", false},
		{"10.0.0.0/8", "10.200.3.4/32", true},
		{"0.0.0.0/0", "2001:db8::/32", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_prefix a = prefix_of(cases[i].a), b = prefix_of(cases[i].b);

		ck_assert_int_eq(ip_prefix_overlaps(&a, &b), cases[i].overlap);
		ck_assert_int_eq(ip_prefix_overlaps(&b, &a), cases[i].overlap);
	}
}
END_TEST

START_TEST(prefix_network_and_broadcast)
{
	static const struct {
		const char *prefix, *network, *broadcast;
	} cases[] = {
		{"172.16.1.10/24", "172.16.1.0/24", "172.16.1.255"},
		{"10.1.2.3/20", "10.1.0.0/20", "10.1.15.255"},
		{"10.1.2.3/32", "10.1.2.3/32", "10.1.2.3"},
		{"10.1.2.3/0", "0.0.0.0/0", "255.255.255.255"},
		{"2001:db8::5/60", "2001:db8::/60", "2001:db8:0:f:ffff:ffff:ffff:ffff"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_prefix prefix = prefix_of(cases[i].prefix);
		struct ip_prefix network = ip_prefix_network(&prefix);
		struct ip_addr broadcast = ip_prefix_broadcast(&prefix);
		char text[PREFIX_TEXT_LEN];

		ck_assert_str_eq(ip_prefix_format(&network, text), cases[i].network);
		ck_assert_str_eq(ip_format(&broadcast, text), cases[i].broadcast);
	}
}
END_TEST

START_TEST(protocols_have_names_and_numbers)
{
	static const struct {
		const char *text;
		uint8_t protocol;
	} good[] = {{"any", 0}, {"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"icmpv6", 58},
		{"ipv6-icmp", 58}, {"sctp", 132}, {"vrrp", 112}, {"0", 0}, {"6", 6}, {"255", 255}};
	static const char *const bad[] = {
		"", "TCP", "tcpx", "256", "-1", "06", "1000", "6 ", "0x6"};
	uint8_t protocol = 99;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ck_assert_int_eq(protocol_parse(good[i].text, &protocol), 0);
		ck_assert_uint_eq(protocol, good[i].protocol);
	}
	protocol = 99;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_int_eq(protocol_parse(bad[i], &protocol), -EINVAL);
	ck_assert_uint_eq(protocol, 99);
	ck_assert_str_eq(protocol_name(58), "icmpv6");
	ck_assert_ptr_null(protocol_name(255));
	for (size_t i = 0; protocol_names[i] != NULL; i++)
		ck_assert_int_eq(protocol_parse(protocol_names[i], &protocol), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		mac_text,
		mac_kinds,
		ip_text,
		ip_kinds,
		prefix_text,
		prefix_contains,
		prefix_overlaps,
		prefix_network_and_broadcast,
		protocols_have_names_and_numbers,
	};

	return suite_main("addr", tests, ARRAY_SIZE(tests));
}
