// SPDX-License-Identifier: BSD-3-Clause
// What the configuration makes of a DHCP reply, through the whole switch: options by what the
// client asks for, routes with and without a router, lease times, keys of subnets and ports (items
// 96, 97, 99, 100, 104). Who is answered at all: test_service_dhcp.c.

#include "../unit/dhcp_client.h"
#include "service_node.h"

#include "net/dhcp.h"

#define A_ADDRESS 0xac100121u
#define SERVER	  0xac10010au

static struct dhcp_client client;

static void start(uint8_t type)
{
	client = (struct dhcp_client){.type = type, .mac = mac_of(MAC_A)};
}

// Sends the message; the answer is of this type, has right checksums, and went to nobody else.
static struct frame exchange(uint8_t type)
{
	struct frame frame, answer;
	uint8_t len = 0;

	frame.len = (uint16_t)client_frame(&client, frame.bytes);
	forget_sent("a"); // announcements of what the configuration has added
	forget_sent("b");
	arrive("a", &frame);
	answer = sent("a");
	expect_none("a");
	expect_none("b");
	ck_assert(frame_ip_checksum_ok(&answer));
	ck_assert(frame_udp_checksum_ok(&answer));
	const uint8_t *value = frame_option(answer.bytes, answer.len, DHCP_OPTION_TYPE, &len);
	ck_assert(value != NULL && len == 1);
	ck_assert_uint_eq(*value, type);
	return answer;
}

static struct frame offer(const char *wanted)
{
	start(DHCP_DISCOVER);
	client.wanted = wanted;
	return exchange(DHCP_OFFER);
}

static bool has(const struct frame *answer, uint8_t code)
{
	uint8_t len;

	return frame_option(answer->bytes, answer->len, code, &len) != NULL;
}

static void option_is(const struct frame *answer, uint8_t code, const void *expected, size_t len)
{
	uint8_t found_len = 0;
	const uint8_t *value = frame_option(answer->bytes, answer->len, code, &found_len);

	if (value == NULL || found_len != len || memcmp(value, expected, len) != 0)
		ck_abort_msg("option %u", code);
}

#define OPTION_IS(answer, code, text) option_is(answer, code, text, sizeof(text) - 1)

// All options of the answer and no other, in any order.
static void options_are(const struct frame *answer, const uint8_t *codes, size_t n)
{
	for (unsigned code = 1; code < 255; code++) {
		if (has(answer, (uint8_t)code) != (memchr(codes, (int)code, n) != NULL))
			ck_abort_msg("option %u", code);
	}
}

START_TEST(item_96_options_by_what_the_client_asks_for)
{
	static const uint8_t always[] = {53, 54, 51, 58, 59, 1, 28, 26};
	static const uint8_t all[] = {53, 54, 51, 58, 59, 1, 28, 26, 3, 6, 15, 12, 121, 249};
	struct frame answer;

	service_node("", ", 'domain': 'openstacklocal'");
	answer = offer("\x01");
	options_are(&answer, always, sizeof(always));
	answer = offer(NULL);
	options_are(&answer, all, sizeof(all));
	OPTION_IS(&answer, 54, "\xac\x10\x01\x0a");
	OPTION_IS(&answer, 51, "\x00\x01\x51\x80");
	OPTION_IS(&answer, 58, "\x00\x00\xa8\xc0");
	OPTION_IS(&answer, 59, "\x00\x01\x27\x50");
	OPTION_IS(&answer, 1, "\xff\xff\xff\x00");
	OPTION_IS(&answer, 28, "\xac\x10\x01\xff");
	OPTION_IS(&answer, 26, "\x05\xaa"); // 1450
	OPTION_IS(&answer, 3, "\xac\x10\x01\x01");
	OPTION_IS(&answer, 6, "\xac\x10\x01\x0a");
	OPTION_IS(&answer, 15, "openstacklocal");
	OPTION_IS(&answer, 12, "host-172-16-1-33");
	answer = offer("\x01\x03\x06\x0c\x0f\x1a\x1c\x2a\x79");
	ck_assert_uint_eq(answer.len - 14, 374);
}
END_TEST

#define VIA_SERVER "\x20\xa9\xfe\xa9\xfe\xac\x10\x01\x0a\x00\xac\x10\x01\x01"
#define VIA_ROUTER "\x20\xa9\xfe\xa9\xfe\xac\x10\x01\x01\x00\xac\x10\x01\x01"

START_TEST(item_97_routes_before_and_after_the_router)
{
	struct frame answer;

	service_node("", "");
	answer = offer("\x79\xf9");
	OPTION_IS(&answer, 121, VIA_SERVER);
	OPTION_IS(&answer, 249, VIA_SERVER);
	call("router.add", "{'name': 'r', 'interfaces': ['vxlan1']}");
	answer = offer("\x79\xf9");
	OPTION_IS(&answer, 121, VIA_ROUTER);
	OPTION_IS(&answer, 249, VIA_ROUTER);
	call("subnet.set", "{'name': 'vxlan1', 'dhcp': {'force-metadata': true}}");
	answer = offer("\x79");
	OPTION_IS(&answer, 121, VIA_SERVER);
}
END_TEST

START_TEST(item_99_a_wish_for_a_lease_is_clamped)
{
	static const struct {
		uint32_t wish;
		const char *lease, *t1, *t2;
	} wishes[] = {
		{100, "\x00\x00\x00\x78", "\x00\x00\x00\x3c", "\x00\x00\x00\x69"},
		{10000000, "\x00\x01\x51\x80", "\x00\x00\xa8\xc0", "\x00\x01\x27\x50"},
		{1000, "\x00\x00\x03\xe8", "\x00\x00\x01\xf4", "\x00\x00\x03\x6b"},
	};

	service_node("", "");
	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		start(DHCP_REQUEST);
		client_u32(&client, 50, A_ADDRESS);
		client_u32(&client, 51, wishes[i].wish);
		struct frame answer = exchange(DHCP_ACK);
		option_is(&answer, 51, wishes[i].lease, 4);
		option_is(&answer, 58, wishes[i].t1, 4);
		option_is(&answer, 59, wishes[i].t2, 4);
	}
}
END_TEST

START_TEST(item_100_inform_gets_no_lease)
{
	struct frame answer;

	service_node("", "");
	start(DHCP_INFORM);
	client.ciaddr = A_ADDRESS;
	client.server = mac_of(MAC_S);
	client.server_ip = SERVER;
	answer = exchange(DHCP_ACK);
	ck_assert(!has(&answer, 51) && !has(&answer, 58) && !has(&answer, 59));
	OPTION_IS(&answer, 3, "\xac\x10\x01\x01");
	ck_assert_uint_eq(get32(answer.bytes + DHCP_MESSAGE_AT + 12), A_ADDRESS);
	ck_assert_uint_eq(get32(answer.bytes + DHCP_MESSAGE_AT + 16), 0); // yiaddr
	ck_assert_uint_eq(frame_ip(&answer)->destination, ip_of(IP_A));
}
END_TEST

START_TEST(keys_of_a_subnet)
{
	struct frame answer;

	service_node("", ", 'lease': 3600, 'domain': 'example.org'");
	call("subnet.set", "{'name': 'vxlan1', 'dns': ['8.8.8.8', '1.1.1.1'],"
			   " 'routes': ['10.0.0.0/8@172.16.1.5', '192.168.4.0/22@172.16.1.6']}");
	answer = offer(NULL);
	OPTION_IS(&answer, 51, "\x00\x00\x0e\x10");
	OPTION_IS(&answer, 15, "example.org");
	OPTION_IS(&answer, 6, "\x08\x08\x08\x08\x01\x01\x01\x01");
	OPTION_IS(&answer, 121,
		"\x08\x0a\xac\x10\x01\x05\x16\xc0\xa8\x04\xac\x10\x01\x06" VIA_SERVER);

	call("subnet.set", "{'name': 'vxlan1', 'dns': ['0.0.0.0'], 'gateway': 'none',"
			   " 'routes': ['0.0.0.0/0@172.16.1.7']}");
	answer = offer(NULL);
	ck_assert(!has(&answer, 6));
	OPTION_IS(&answer, 3, "\xac\x10\x01\x07");
	OPTION_IS(&answer, 121, "\x20\xa9\xfe\xa9\xfe\xac\x10\x01\x0a\x00\xac\x10\x01\x07");
}
END_TEST

START_TEST(another_subnet_of_the_network_is_on_link)
{
	struct frame answer;

	service_node("", "");
	call("subnet.add", "{'name': 'more', 'network': 'vxlan1', 'cidr': '172.16.9.0/24'}");
	answer = offer("\x79");
	OPTION_IS(&answer, 121, "\x18\xac\x10\x09\x00\x00\x00\x00" VIA_SERVER);
}
END_TEST

START_TEST(keys_of_a_port)
{
	struct frame answer;

	service_node("", "");
	call("port.set", "{'name': 'a', 'dns-name': 'web-1', 'dhcp-options': ["
			 "{'code': 42, 'value': '10.0.0.1'}, {'code': 26, 'value': '1400'},"
			 "{'code': 66, 'value': 'boot.example', 'forced': true}]}");
	answer = offer("\x0c");
	OPTION_IS(&answer, 12, "web-1");
	OPTION_IS(&answer, 26, "\x05\x78");
	OPTION_IS(&answer, 66, "boot.example");
	ck_assert(!has(&answer, 42));
	answer = offer("\x2a");
	OPTION_IS(&answer, 42, "\x0a\x00\x00\x01");
}
END_TEST

#define SUBNET(name, cidr, service)                                                                \
	"'" name "': {'network': '" name "', 'cidr': '" cidr                                       \
	"', 'dhcp': {'mode': 'responder', 'address': '" service "'}}"
#define PORT(name, device, mac, address)                                                           \
	"'" device "': {'network': '" name "', 'device': 'fake:" device "', 'mac': '" mac          \
	"', 'addresses': ['" address "'], 'port-security': true}"

START_TEST(item_104_each_kind_of_network)
{
	static const struct {
		const char *device, *mac, *server, *address, *mtu;
	} clients[] = {
		{"p", MAC_A, "172.16.1.10", "172.16.1.136", "\x05\xdc"},
		{"v", MAC_B, "172.17.0.10", "172.17.0.46", "\x05\xdc"},
		{"x", MAC_R, "172.16.2.10", "172.16.2.19", "\x05\xaa"},
	};

	configure(
		"{'uplinks': {'provider': {'device': 'fake:ens19', 'vlans': '1001-2000'},"
		"  'underlay': {'device': 'fake:ens18', 'address': '192.168.31.104/24'}},"
		"'tunnel': {'uplink': 'underlay', 'remotes': []},"
		"'networks': {'provider': {'segments': [{'type': 'flat', 'uplink': 'provider'}]},"
		"  'vlan1001': {'segments': [{'type': 'vlan', 'uplink': 'provider', 'id': 1001}]},"
		"  'vxlan2': {'segments': [{'type': 'vxlan', 'id': 2}]}},"
		"'subnets': {" SUBNET("provider", "172.16.1.0/24", "172.16.1.10") ", " SUBNET(
			"vlan1001", "172.17.0.0/24", "172.17.0.10") ", " SUBNET("vxlan2",
			"172.16.2.0/24",
			"172.16.2.10") "},"
				       "'ports': {" PORT("provider", "p", MAC_A,
					       "172.16.1.136") ", " PORT("vlan1001", "v", MAC_B,
					       "172.17.0.46") ", " PORT("vxlan2", "x", MAC_R,
					       "172.16.2.19") "}}");
	forget_sent("ens19");
	forget_sent("ens18");
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		uint32_t server = inet_addr(clients[i].server);
		struct frame frame, answer;

		client = (struct dhcp_client){.type = DHCP_DISCOVER, .mac = mac_of(clients[i].mac)};
		frame.len = (uint16_t)client_frame(&client, frame.bytes);
		arrive(clients[i].device, &frame);
		answer = sent(clients[i].device);
		ck_assert_uint_eq(frame_ip(&answer)->source, server);
		ck_assert_uint_eq(frame_ip(&answer)->destination, inet_addr(clients[i].address));
		option_is(&answer, DHCP_OPTION_SERVER, &server, 4);
		option_is(&answer, DHCP_OPTION_MTU, clients[i].mtu, 2);
		for (size_t j = 0; j < ARRAY_SIZE(clients); j++)
			expect_none(clients[j].device);
		expect_none("ens19");
		expect_none("ens18");
	}
}
END_TEST

void dhcp_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_96_options_by_what_the_client_asks_for,
		item_97_routes_before_and_after_the_router,
		item_99_a_wish_for_a_lease_is_clamped,
		item_100_inform_gets_no_lease,
		keys_of_a_subnet,
		another_subnet_of_the_network_is_on_link,
		keys_of_a_port,
		item_104_each_kind_of_network,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
