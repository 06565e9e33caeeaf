// SPDX-License-Identifier: BSD-3-Clause
// The DHCP responder as a function: every row of its table of messages, its table of options, how
// replies are addressed, how long they may be. Some replies are compared with those of dnsmasq 2.90
// to the same frame. Addresses are in host order here, see dhcp_client.h.

#include "dhcp_client.h"
#include "hex.h"
#include "slowpath/dhcp.h"
#include "suite.h"

#define A	    0xac100121u // 172.16.1.33, vxlan1-1
#define A_MAC	    0xfa163ede6e86u
#define SERVICE	    0xac10010au // 172.16.1.10
#define SERVICE_MAC 0xfa163e3114a6u
#define GATEWAY	    0xac100101u
#define MINUTE_NS   (60 * 1000000000ull)
#define CIRROS	    "\x01\x03\x06\x0c\x0f\x1a\x1c\x2a\x79" // what the seed's guests ask for

static struct dhcp_subnet subnets[31];
static struct dhcp_service service;
static struct dhcp_host host;
static struct dhcp_client client;
static struct dhcp_query query;
static struct dhcp_outcome outcome;
static uint8_t frame[1000];
static size_t frame_len;

static void setup(void)
{
	memset(subnets, 0, sizeof(subnets));
	subnets[0] = (struct dhcp_subnet){
		.dhcp = true,
		.network = htonl(0xac100100),
		.prefix_len = 24,
		.server = htonl(SERVICE),
		.gateway = htonl(GATEWAY),
		.isolated = true,
		.lease_s = 86400,
		.domain = "openstacklocal",
	};
	service = (struct dhcp_service){
		.mac = SERVICE_MAC, .mtu = 1450, .subnets = subnets, .n_subnets = 1};
	host = (struct dhcp_host){.reservations = {{&subnets[0], htonl(A)}}, .n_reservations = 1};
	query = (struct dhcp_query){
		.service = &service, .host = &host, .mac = A_MAC, .now_ns = MINUTE_NS};
	client = (struct dhcp_client){.mac = A_MAC};
}

static struct dhcp_client *message(uint8_t type)
{
	client = (struct dhcp_client){.type = type, .mac = A_MAC};
	return &client;
}

static enum drop_reason answer_frame(void)
{
	// A copy of exactly its length, for the address sanitizer.
	uint8_t *exact = malloc(frame_len == 0 ? 1 : frame_len);

	memcpy(exact, frame, frame_len);
	query.frame = exact;
	query.len = frame_len;
	memset(&outcome, 0xee, sizeof(outcome));
	enum drop_reason reason = dhcp_answer(&query, &outcome);
	free(exact);
	return reason;
}

static enum drop_reason answer(void)
{
	frame_len = client_frame(&client, frame);
	return answer_frame();
}

static void expect_silence(void)
{
	ck_assert_int_eq(answer(), N_DROP_REASONS);
	ck_assert_uint_eq(outcome.len, 0);
}

static void expect_drop(enum drop_reason reason)
{
	ck_assert_int_eq(answer(), reason);
	ck_assert_uint_eq(outcome.len, 0);
	ck_assert_int_eq(outcome.event, DHCP_EVENT_NONE);
}

static bool has(uint8_t code)
{
	uint8_t len;

	return frame_option(outcome.frame, outcome.len, code, &len) != NULL;
}

static void option_is(uint8_t code, const char *hex)
{
	uint8_t expected[512], len = 0;
	const uint8_t *value = frame_option(outcome.frame, outcome.len, code, &len);
	size_t expected_len = hex_read(hex, expected, sizeof(expected));

	if (value == NULL || len != expected_len || memcmp(value, expected, len) != 0)
		ck_abort_msg("option %u is not %s", code, hex);
}

static void option_is_text(uint8_t code, const char *text)
{
	uint8_t len = 0;
	const uint8_t *value = frame_option(outcome.frame, outcome.len, code, &len);

	if (value == NULL || len != strlen(text) || memcmp(value, text, len) != 0)
		ck_abort_msg("option %u is not %s", code, text);
}

static uint32_t field(unsigned at)
{
	return get32(outcome.frame + DHCP_MESSAGE_AT + at);
}

// A reply of this type, whole: lengths, checksums, what is the same in all.
static void expect_reply(uint8_t type)
{
	uint8_t copy[sizeof(outcome.frame)];

	ck_assert_int_eq(answer(), N_DROP_REASONS);
	if (outcome.len < DHCP_MESSAGE_AT + 300)
		ck_abort_msg("%u bytes", outcome.len);
	memcpy(copy, outcome.frame, outcome.len);
	dhcp_frame_fix(copy);
	ck_assert_mem_eq(copy, outcome.frame, outcome.len);
	ck_assert_uint_eq(ether_addr_get(copy + 6), SERVICE_MAC);
	ck_assert_uint_eq(get32(copy + 12), 0x080045c0); // IPv4, TOS 0xc0
	ck_assert_uint_eq(get32(copy + 16) >> 16, outcome.len - 14u);
	ck_assert_uint_eq(get32(copy + 20), 0x00004011); // no DF, TTL 64, UDP
	ck_assert_uint_eq(get32(copy + 26), SERVICE);
	ck_assert_uint_eq(get32(copy + 34), 67 << 16 | 68);
	ck_assert_uint_eq(get32(copy + 38) >> 16, outcome.len - 34u);
	ck_assert_uint_eq(field(0), 0x02010600);
	ck_assert_uint_eq(field(4), 0xdecade01);
	ck_assert_uint_eq(field(8) >> 16, 3);
	ck_assert_uint_eq(field(24), 0); // giaddr
	ck_assert_uint_eq(ether_addr_get(copy + DHCP_MESSAGE_AT + 28), A_MAC);
	for (unsigned i = 44; i < 236; i++) // sname, file
		if (copy[DHCP_MESSAGE_AT + i] != 0)
			ck_abort_msg("byte %u", i);
	ck_assert_uint_eq(field(236), 0x63825363);
	uint8_t len = 0;
	const uint8_t *value = frame_option(outcome.frame, outcome.len, 53, &len);
	ck_assert(value != NULL && len == 1);
	ck_assert_uint_eq(*value, type);
	option_is(54, "ac10010a");
}

static void expect_destination(uint64_t mac, uint32_t ip)
{
	ck_assert_uint_eq(ether_addr_get(outcome.frame), mac);
	ck_assert_uint_eq(get32(outcome.frame + 30), ip);
}

// ---- messages ---------------------------------------------------------------------------------

START_TEST(discover_gets_an_offer) // item 95
{
	message(DHCP_DISCOVER)->wanted = CIRROS;
	expect_reply(DHCP_OFFER);
	ck_assert_int_eq(outcome.event, DHCP_EVENT_NONE);
	ck_assert_uint_eq(field(12), 0);       // ciaddr
	ck_assert_uint_eq(field(16), A);       // yiaddr
	ck_assert_uint_eq(field(20), SERVICE); // siaddr
	ck_assert_uint_eq(field(8) & 0xffff, 0);
	expect_destination(A_MAC, A);
	option_is(51, "00015180");
	option_is(58, "0000a8c0");
	option_is(59, "00012750");
	option_is(26, "05aa");
	option_is_text(15, "openstacklocal");
	option_is_text(12, "host-172-16-1-33");
	ck_assert_uint_eq(outcome.len - 14, 374);
}
END_TEST

START_TEST(an_offer_is_of_what_is_reserved)
{
	client_u32(message(DHCP_DISCOVER), 50, 0xac100150);
	expect_reply(DHCP_OFFER);
	ck_assert_uint_eq(field(16), A);
}
END_TEST

START_TEST(with_the_broadcast_flag_replies_are_broadcast) // item 95
{
	message(DHCP_DISCOVER)->flags = 0x8000;
	expect_reply(DHCP_OFFER);
	expect_destination(ETHER_BROADCAST, 0xffffffff);
	ck_assert_uint_eq(field(8) & 0xffff, 0x8000);
	ck_assert_uint_eq(field(16), A);

	client_u32(message(DHCP_REQUEST), 50, A);
	client_u32(&client, 54, SERVICE);
	client.flags = 0x8000;
	expect_reply(DHCP_ACK);
	expect_destination(ETHER_BROADCAST, 0xffffffff);
}
END_TEST

START_TEST(request_selecting) // items 95, 98
{
	client_u32(message(DHCP_REQUEST), 50, A);
	client_u32(&client, 54, SERVICE);
	expect_reply(DHCP_ACK);
	ck_assert_uint_eq(field(12), 0);
	ck_assert_uint_eq(field(16), A);
	ck_assert_uint_eq(field(20), SERVICE);
	expect_destination(A_MAC, A);
	ck_assert_int_eq(outcome.event, DHCP_EVENT_LEASED);
	ck_assert_uint_eq(outcome.address, htonl(A));
	ck_assert_uint_eq(outcome.lease_s, 86400);

	client_u32(message(DHCP_REQUEST), 50, A);
	client_u32(&client, 54, 0xac100109);
	expect_drop(DROP_DHCP_NOT_US);
}
END_TEST

// What is the same in every NAK, and its reason.
static void expect_nak(const char *reason)
{
	expect_reply(DHCP_NAK);
	expect_destination(ETHER_BROADCAST, 0xffffffff);
	ck_assert_uint_eq(field(8) & 0xffff, 0x8000);
	ck_assert_uint_eq(field(12), 0);
	ck_assert_uint_eq(field(16), 0);
	ck_assert_uint_eq(field(20), 0);
	option_is_text(56, reason);
	ck_assert(!has(51) && !has(1) && !has(26) && !has(3));
	ck_assert_int_eq(outcome.event, DHCP_EVENT_NONE);
	ck_assert_uint_eq(outcome.len, DHCP_MESSAGE_AT + 300);
}

START_TEST(a_wrong_address_gets_a_nak) // item 98
{
	client_u32(message(DHCP_REQUEST), 50, 0xac100150); // selecting
	client_u32(&client, 54, SERVICE);
	expect_nak("address not available");
	client_u32(message(DHCP_REQUEST), 50, 0x0a000001);
	client_u32(&client, 54, SERVICE);
	expect_nak("wrong network");
	client_u32(message(DHCP_REQUEST), 50, 0); // given, though it is none
	client_u32(&client, 54, SERVICE);
	expect_nak("wrong network");

	client_u32(message(DHCP_REQUEST), 50, 0xac100150); // init-reboot
	expect_nak("wrong address");
	client_u32(message(DHCP_REQUEST), 50, 0x0a000001);
	expect_nak("wrong address");

	message(DHCP_REQUEST)->ciaddr = 0xac100150; // renewing
	client.server = SERVICE_MAC;
	client.server_ip = SERVICE;
	expect_nak("lease not found");
	message(DHCP_REQUEST)->ciaddr = 0xac100150; // rebinding
	expect_nak("lease not found");
}
END_TEST

START_TEST(init_reboot_with_the_right_address) // item 98
{
	client_u32(message(DHCP_REQUEST), 50, A);
	expect_reply(DHCP_ACK);
	ck_assert_uint_eq(field(16), A);
	ck_assert_int_eq(outcome.event, DHCP_EVENT_LEASED);
}
END_TEST

START_TEST(renewing_and_rebinding)
{
	message(DHCP_REQUEST)->ciaddr = A;
	client.server = SERVICE_MAC;
	client.server_ip = SERVICE;
	expect_reply(DHCP_ACK);
	expect_destination(A_MAC, A);
	ck_assert_uint_eq(field(12), A);
	ck_assert_uint_eq(field(16), A);
	option_is(58, "0000a8c0");

	message(DHCP_REQUEST)->ciaddr = A;
	client.flags = 0x8000; // it has an address, and is reached there
	expect_reply(DHCP_ACK);
	expect_destination(A_MAC, A);
	ck_assert_uint_eq(field(8) & 0xffff, 0x8000);
}
END_TEST

START_TEST(unknown_hosts_get_silence) // item 98
{
	query.host = NULL;
	message(DHCP_DISCOVER);
	expect_drop(DROP_DHCP_UNKNOWN_HOST);
	client_u32(message(DHCP_REQUEST), 50, A);
	expect_drop(DROP_DHCP_UNKNOWN_HOST);
	message(DHCP_RELEASE)->ciaddr = A;
	expect_drop(DROP_DHCP_UNKNOWN_HOST);
	query.host = &host; // a port, but without an address in a subnet with DHCP
	host.n_reservations = 0;
	message(DHCP_DISCOVER);
	expect_drop(DROP_DHCP_UNKNOWN_HOST);
}
END_TEST

START_TEST(decline_holds_the_address) // item 100
{
	client_u32(message(DHCP_DECLINE), 50, A);
	client_u32(&client, 54, SERVICE);
	expect_silence();
	ck_assert_int_eq(outcome.event, DHCP_EVENT_DECLINED);
	ck_assert_uint_eq(outcome.address, htonl(A));

	query.held_until_ns[0] = query.now_ns + DHCP_HOLD_S * 1000000000ull;
	message(DHCP_DISCOVER);
	expect_silence();
	ck_assert_int_eq(outcome.event, DHCP_EVENT_HELD);
	ck_assert_uint_eq(outcome.address, htonl(A));
	query.now_ns = query.held_until_ns[0] - 1;
	expect_silence();
	query.now_ns++;
	expect_reply(DHCP_OFFER);

	client_u32(message(DHCP_DECLINE), 50, 0xac100150); // of what it does not have
	client_u32(&client, 54, SERVICE);
	expect_silence();
	ck_assert_int_eq(outcome.event, DHCP_EVENT_NONE);
	client_u32(message(DHCP_DECLINE), 50, A);
	client_u32(&client, 54, 0xac100109);
	expect_drop(DROP_DHCP_NOT_US);
	client_u32(message(DHCP_DECLINE), 50, A);
	expect_drop(DROP_DHCP_NOT_US);
}
END_TEST

START_TEST(release_ends_the_lease) // item 100
{
	message(DHCP_RELEASE)->ciaddr = A;
	client_u32(&client, 54, SERVICE);
	client.server = SERVICE_MAC;
	client.server_ip = SERVICE;
	expect_silence();
	ck_assert_int_eq(outcome.event, DHCP_EVENT_RELEASED);
	ck_assert_uint_eq(outcome.address, htonl(A));
	message(DHCP_DISCOVER);
	expect_reply(DHCP_OFFER);
	ck_assert_uint_eq(field(16), A);

	message(DHCP_RELEASE)->ciaddr = 0xac100150;
	client_u32(&client, 54, SERVICE);
	expect_silence();
	ck_assert_int_eq(outcome.event, DHCP_EVENT_NONE);
}
END_TEST

START_TEST(inform_gets_options_but_no_lease) // item 100
{
	message(DHCP_INFORM)->ciaddr = A;
	client_u32(&client, 51, 3600);
	expect_reply(DHCP_ACK);
	expect_destination(A_MAC, A);
	ck_assert_uint_eq(field(12), A);
	ck_assert_uint_eq(field(16), 0);
	ck_assert_uint_eq(field(20), SERVICE);
	ck_assert(!has(51) && !has(58) && !has(59));
	option_is(3, "ac100101");
	option_is_text(12, "host-172-16-1-33");
	ck_assert_int_eq(outcome.event, DHCP_EVENT_NONE);

	query.host = NULL; // it may have its address by other means
	message(DHCP_INFORM)->ciaddr = 0xac100150;
	expect_reply(DHCP_ACK);
	ck_assert(!has(12));
	message(DHCP_INFORM)->ciaddr = 0x0a000001;
	expect_drop(DROP_DHCP_UNKNOWN_HOST);
	message(DHCP_INFORM);
	expect_drop(DROP_DHCP_UNKNOWN_HOST);
}
END_TEST

// ---- what is not taken ------------------------------------------------------------------------

START_TEST(wrong_messages_have_reasons) // item 101
{
	message(DHCP_DISCOVER)->chaddr = 0xfa163e74ad39;
	expect_drop(DROP_DHCP_CHADDR);
	message(0);
	expect_drop(DROP_DHCP_MALFORMED); // plain BOOTP
	static const uint8_t others[] = {DHCP_OFFER, DHCP_ACK, DHCP_NAK, 9, 13, 255};
	for (size_t i = 0; i < sizeof(others); i++) {
		message(others[i]);
		expect_drop(DROP_DHCP_MALFORMED);
	}
}
END_TEST

// A good DISCOVER with one byte changed: what is wrong with it then.
START_TEST(wrong_bytes_have_reasons) // item 101
{
	static const struct {
		size_t at;
		uint8_t value;
		bool keep_checksums;
		enum drop_reason reason;
	} wrong[] = {
		{12, 0x86, false, DROP_DHCP_MALFORMED}, // no IPv4
		{14, 0x44, false, DROP_DHCP_MALFORMED}, // header length
		{17, 0xff, false, DROP_DHCP_MALFORMED}, // total length
		{20, 0x20, false, DROP_DHCP_MALFORMED}, // a fragment
		{21, 0x01, false, DROP_DHCP_MALFORMED},
		{22, 0x41, true, DROP_DHCP_MALFORMED},	// header checksum
		{23, 0x06, false, DROP_DHCP_MALFORMED}, // TCP
		{30, 0xac, false, DROP_DHCP_MALFORMED}, // another destination
		{35, 67, false, DROP_DHCP_MALFORMED},	// ports
		{37, 68, false, DROP_DHCP_MALFORMED},
		{39, 0x07, true, DROP_DHCP_MALFORMED}, // UDP length
		{38, 0x09, true, DROP_DHCP_MALFORMED},
		{41, 0x00, true, DROP_DHCP_MALFORMED},			   // UDP checksum
		{42, 2, false, DROP_DHCP_MALFORMED},			   // op
		{43, 6, false, DROP_DHCP_MALFORMED},			   // htype
		{44, 16, false, DROP_DHCP_MALFORMED},			   // hlen
		{66, 1, false, DROP_DHCP_RELAYED},			   // giaddr
		{DHCP_MESSAGE_AT + 236, 0x62, false, DROP_DHCP_MALFORMED}, // cookie
		{DHCP_OPTIONS_AT + 3, 60, false, DROP_DHCP_MALFORMED},	   // runs past the end
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		frame_len = client_frame(message(DHCP_DISCOVER), frame);
		if (wrong[i].at == DHCP_OPTIONS_AT + 3)
			memset(frame + DHCP_OPTIONS_AT + 4, 200, frame_len - DHCP_OPTIONS_AT - 4);
		frame[wrong[i].at] = wrong[i].value;
		if (!wrong[i].keep_checksums && wrong[i].at != 17)
			dhcp_frame_fix(frame);
		enum drop_reason reason = answer_frame();
		if (reason != wrong[i].reason)
			ck_abort_msg("byte %zu: %d", wrong[i].at, reason);
	}
}
END_TEST

START_TEST(no_udp_checksum_is_right)
{
	frame_len = client_frame(message(DHCP_DISCOVER), frame);
	put16(frame + 40, 0);
	ck_assert_int_eq(answer_frame(), N_DROP_REASONS);
	ck_assert_uint_gt(outcome.len, 0);
}
END_TEST

START_TEST(the_three_destinations)
{
	message(DHCP_DISCOVER)->server_ip = 0xac1001ff; // broadcast of the subnet
	expect_reply(DHCP_OFFER);
	message(DHCP_DISCOVER)->server_ip = SERVICE;
	expect_reply(DHCP_OFFER);
	message(DHCP_DISCOVER)->server_ip = 0xac1002ff;
	expect_drop(DROP_DHCP_MALFORMED);
}
END_TEST

START_TEST(every_cut_of_a_frame_is_read_within_its_bytes)
{
	client_u32(message(DHCP_REQUEST), 50, A);
	size_t whole = client_frame(&client, frame);

	for (frame_len = 0; frame_len < whole; frame_len++) {
		if (answer_frame() != DROP_DHCP_MALFORMED)
			ck_abort_msg("%zu bytes", frame_len);
	}
	ck_assert_int_eq(answer_frame(), N_DROP_REASONS);
}
END_TEST

// ---- options ----------------------------------------------------------------------------------

START_TEST(a_list_of_one_gets_what_is_always_sent) // item 96
{
	static const uint8_t always[] = {53, 54, 51, 58, 59, 1, 28, 26};
	unsigned n = 0;

	message(DHCP_DISCOVER)->wanted = "\x01";
	expect_reply(DHCP_OFFER);
	for (unsigned code = 1; code < 255; code++) {
		bool expected = memchr(always, (int)code, sizeof(always)) != NULL;

		if (has((uint8_t)code) != expected)
			ck_abort_msg("option %u", code);
		n += expected;
	}
	ck_assert_uint_eq(n, 8);
	option_is(1, "ffffff00");
	option_is(28, "ac1001ff");
	option_is(26, "05aa");
}
END_TEST

START_TEST(without_a_list_everything_is_sent) // item 96
{
	static const uint8_t all[] = {53, 54, 51, 58, 59, 1, 28, 26, 3, 6, 15, 12, 121, 249};

	message(DHCP_DISCOVER);
	expect_reply(DHCP_OFFER);
	for (unsigned code = 1; code < 255; code++) {
		if (has((uint8_t)code) != (memchr(all, (int)code, sizeof(all)) != NULL))
			ck_abort_msg("option %u", code);
	}
	option_is(6, "ac10010a");
	option_is(249, "20a9fea9feac10010a00ac100101");
}
END_TEST

START_TEST(routes_before_and_after_the_router) // item 97
{
	message(DHCP_DISCOVER)->wanted = "\x79";
	expect_reply(DHCP_OFFER);
	option_is(121, "20a9fea9feac10010a00ac100101");
	subnets[0].isolated = false;
	expect_reply(DHCP_OFFER);
	option_is(121, "20a9fea9feac10010100ac100101");
}
END_TEST

START_TEST(routes_in_their_order)
{
	subnets[0].routes[0] = (struct dhcp_route){htonl(0x0a000000), 8, htonl(0xac100105)};
	subnets[0].routes[1] = (struct dhcp_route){htonl(0xc0a80000), 16, htonl(0xac100106)};
	subnets[0].n_routes = 2;
	subnets[1] = (struct dhcp_subnet){.network = htonl(0xac110000), .prefix_len = 24};
	subnets[2] = (struct dhcp_subnet){.network = htonl(0xac120000), .prefix_len = 20};
	service.n_subnets = 3;
	message(DHCP_DISCOVER)->wanted = "\x79\x03";
	expect_reply(DHCP_OFFER);
	option_is(121, "18ac11000000000014ac120000000000"
		       "080aac10010510c0a8ac100106"
		       "20a9fea9feac10010a00ac100101");
	option_is(3, "ac100101");
}
END_TEST

START_TEST(a_subnet_without_a_gateway)
{
	subnets[0].gateway = 0;
	message(DHCP_DISCOVER)->wanted = "\x79\x03";
	expect_reply(DHCP_OFFER);
	ck_assert(!has(3));
	option_is(121, "20a9fea9feac10010a");

	// A host route for 0.0.0.0/0 supplies it.
	subnets[0].routes[0] = (struct dhcp_route){0, 0, htonl(0xac100105)};
	subnets[0].routes[1] = (struct dhcp_route){htonl(0x0a000000), 8, htonl(0xac100106)};
	subnets[0].n_routes = 2;
	expect_reply(DHCP_OFFER);
	option_is(3, "ac100105");
	option_is(121, "080aac10010620a9fea9feac10010a00ac100105");

	// It does not if the subnet has one.
	subnets[0].gateway = htonl(GATEWAY);
	expect_reply(DHCP_OFFER);
	option_is(3, "ac100101");
	option_is(121, "080aac10010620a9fea9feac10010a00ac100101");
}
END_TEST

START_TEST(nameservers)
{
	subnets[0].dns[0] = htonl(0x08080808);
	subnets[0].dns[1] = htonl(0x01010101);
	subnets[0].n_dns = 2;
	message(DHCP_DISCOVER);
	expect_reply(DHCP_OFFER);
	option_is(6, "0808080801010101");
	subnets[0].dns_none = true;
	expect_reply(DHCP_OFFER);
	ck_assert(!has(6));
}
END_TEST

START_TEST(names)
{
	message(DHCP_DISCOVER);
	host.name = "web-1";
	subnets[0].domain = NULL;
	expect_reply(DHCP_OFFER);
	option_is_text(12, "web-1");
	ck_assert(!has(15));
}
END_TEST

START_TEST(a_wish_for_a_lease_is_clamped) // item 99
{
	static const struct {
		uint32_t wish, lease;
	} wishes[] = {{0, 120}, {100, 120}, {120, 120}, {121, 121}, {3601, 3601}, {86399, 86399},
		{86401, 86400}, {10000000, 86400}, {0xffffffff, 86400}};

	for (size_t i = 0; i < ARRAY_SIZE(wishes); i++) {
		uint8_t len;

		client_u32(message(DHCP_REQUEST), 50, A);
		client_u32(&client, 51, wishes[i].wish);
		expect_reply(DHCP_ACK);
		ck_assert_uint_eq(
			get32(frame_option(outcome.frame, outcome.len, 51, &len)), wishes[i].lease);
		ck_assert_uint_eq(get32(frame_option(outcome.frame, outcome.len, 58, &len)),
			wishes[i].lease / 2);
		ck_assert_uint_eq(get32(frame_option(outcome.frame, outcome.len, 59, &len)),
			wishes[i].lease / 8 * 7 + wishes[i].lease % 8 * 7 / 8);
		ck_assert_uint_eq(outcome.lease_s, wishes[i].lease);
	}
	subnets[0].lease_s = 0xffffffff; // for ever: never renewed
	client_u32(message(DHCP_REQUEST), 50, A);
	expect_reply(DHCP_ACK);
	option_is(51, "ffffffff");
	ck_assert(!has(58) && !has(59));
	client_u32(&client, 51, 1000);
	expect_reply(DHCP_ACK);
	option_is(51, "000003e8");
}
END_TEST

START_TEST(options_of_the_port_override)
{
	static const uint8_t ntp[] = {10, 0, 0, 1}, mtu[] = {0x05, 0x78}, dns[] = {9, 9, 9, 9};
	static const struct dhcp_extra extras[] = {
		{.code = 42, .value = ntp, .len = 4}, {.code = 26, .value = mtu, .len = 2},
		{.code = 6, .value = dns, .len = 4, .forced = true},
		{.code = 66, .value = (const uint8_t *)"boot", .len = 4, .forced = true},
		{.code = 53, .value = mtu, .len = 1},  // can not be: the exchange would break
		{.code = 3, .len = 0, .forced = true}, // suppressed
	};

	host.extras = extras;
	host.n_extras = ARRAY_SIZE(extras);
	message(DHCP_DISCOVER)->wanted = "\x01\x03";
	expect_reply(DHCP_OFFER);
	ck_assert(!has(42) && !has(3));
	option_is(26, "0578");
	option_is(6, "09090909");
	option_is_text(66, "boot");
	message(DHCP_DISCOVER)->wanted = "\x2a";
	expect_reply(DHCP_OFFER);
	option_is(42, "0a000001");
	message(DHCP_DISCOVER);
	expect_reply(DHCP_OFFER);
	option_is(42, "0a000001");
}
END_TEST

// ---- length -----------------------------------------------------------------------------------

// L3 bytes of the reply when it has so many bytes of names and options to carry.
static unsigned length_with(uint16_t max_size, size_t extra_len)
{
	static uint8_t value[255];
	static struct dhcp_extra extra;

	extra = (struct dhcp_extra){.code = 43, .value = value, .len = extra_len};
	host.extras = &extra;
	host.n_extras = 1;
	message(DHCP_DISCOVER);
	if (max_size != 0) {
		uint8_t size[2];

		put16(size, max_size);
		client_option(&client, 57, size, 2);
	}
	expect_reply(DHCP_OFFER);
	return outcome.len - 14u;
}

START_TEST(a_reply_is_576_bytes_at_most)
{
	unsigned without = length_with(0, 0);

	// An option without a value is not sent.
	ck_assert_uint_eq(length_with(0, 1), without + 3);
	ck_assert_uint_eq(length_with(0, 576 - without - 2), 576);
	ck_assert(has(43));
	ck_assert_uint_eq(length_with(0, 576 - without - 1), without);
	ck_assert(!has(43) && has(249) && has(12));
	// The client takes more, or says that it takes less than it must.
	ck_assert_uint_eq(length_with(577, 576 - without - 1), 577);
	ck_assert_uint_eq(length_with(1500, 250), without + 252);
	ck_assert_uint_eq(length_with(300, 576 - without - 2), 576);
	ck_assert_uint_eq(length_with(65535, 250), without + 252);
	service.mtu = 600;
	ck_assert_uint_eq(length_with(1500, 600 - without - 2), 600);
	ck_assert_uint_eq(length_with(1500, 600 - without - 1), without);
	service.mtu = 300; // what no reply fits into is no limit
	ck_assert_uint_eq(length_with(0, 576 - without - 2), 576);
}
END_TEST

START_TEST(options_go_from_the_end_of_the_table)
{
	static const uint8_t order[] = {249, 12, 15, 6, 28};
	static const uint8_t kept[] = {53, 54, 51, 58, 59, 1, 3, 26, 121};
	unsigned n_gone = 0;

	// Routes of other subnets take room from the end on.
	for (service.n_subnets = 2; service.n_subnets <= 31; service.n_subnets++) {
		size_t i = service.n_subnets - 1;

		subnets[i].network = htonl(0x0a000000 + ((uint32_t)i << 8));
		subnets[i].prefix_len = 24;
		message(DHCP_DISCOVER);
		expect_reply(DHCP_OFFER);
		for (size_t k = 0; k < sizeof(kept); k++)
			if (!has(kept[k]))
				ck_abort_msg("option %u at %zu", kept[k], i);
		while (n_gone < sizeof(order) && !has(order[n_gone]))
			n_gone++;
		for (size_t k = n_gone; k < sizeof(order); k++)
			if (!has(order[k]))
				ck_abort_msg("option %u at %zu", order[k], i);
		ck_assert_uint_le(outcome.len, 14 + 576);
	}
	ck_assert_uint_ge(n_gone, 4);
}
END_TEST

// ---- several subnets --------------------------------------------------------------------------

START_TEST(a_lease_on_each_subnet)
{
	subnets[1] = subnets[0];
	subnets[1].network = htonl(0xac110000);
	subnets[1].server = htonl(0xac11000a);
	service.n_subnets = 2;
	host.reservations[1] = (struct dhcp_reservation){&subnets[1], htonl(0xac11002e)};
	host.n_reservations = 2;
	message(DHCP_DISCOVER);
	expect_reply(DHCP_OFFER);
	ck_assert_uint_eq(field(16), A);

	client_u32(message(DHCP_REQUEST), 50, 0xac11002e);
	client_u32(&client, 54, 0xac11000a);
	ck_assert_int_eq(answer(), N_DROP_REASONS);
	ck_assert_uint_eq(field(16), 0xac11002e);
	ck_assert_uint_eq(field(20), 0xac11000a);
	option_is(54, "ac11000a");
	ck_assert_uint_eq(get32(outcome.frame + 26), 0xac11000a);
	option_is(121, "18ac10010000000020a9fea9feac11000a00ac100101");

	// Each has a hold of its own.
	query.held_until_ns[0] = query.now_ns + 1;
	message(DHCP_DISCOVER);
	expect_silence();
	client_u32(&client, 50, 0xac11002e);
	ck_assert_int_eq(answer(), N_DROP_REASONS);
	ck_assert_uint_eq(field(16), 0xac11002e);
}
END_TEST

// ---- golden -----------------------------------------------------------------------------------

#define ZEROS_32 "0000000000000000000000000000000000000000000000000000000000000000"
#define ZEROS_64 ZEROS_32 ZEROS_32
#define CHADDR	 "fa163ede6e8600000000000000000000" ZEROS_64 ZEROS_64 ZEROS_64

// dhclient 4.4.3 asks, and what dnsmasq 2.90, started as in the seed, answers.
#define DHCLIENT_REQUEST                                                                           \
	"fffffffffffffa163ede6e86080045100148000000008011399600000000ffffffff004400430134f57a"     \
	"0101060090b359550000000000000000000000000000000000000000" CHADDR                          \
	"638253633501033604ac10010a3204ac1001213707011c02030f060cff" ZEROS_32 "000000"
#define DNSMASQ_ACK                                                                                \
	"fa163ede6e86fa163e3114a6080045c00166a99d0000401174deac10010aac100121004300440152edbc"     \
	"0201060090b359550000000000000000ac100121ac10010a00000000" CHADDR                          \
	"638253633501053604ac10010a3304000151803a040000a8c03b04000127500104ffffff00"               \
	"1c04ac1001ff0604ac10010a0f0e6f70656e737461636b6c6f63616c"                                 \
	"0c10686f73742d3137322d31362d312d33330304ac1001011a0205aaff"
// The same from weft: the identification is 0, options are in the order of its table.
#define WEFT_ACK                                                                                   \
	"fa163ede6e86fa163e3114a6080045c001660000000040111e7cac10010aac100121004300440152edbc"     \
	"0201060090b359550000000000000000ac100121ac10010a00000000" CHADDR                          \
	"638253633501053604ac10010a3304000151803a040000a8c03b04000127500104ffffff00"               \
	"1a0205aa0304ac1001011c04ac1001ff0604ac10010a0f0e6f70656e737461636b6c6f63616c"             \
	"0c10686f73742d3137322d31362d312d3333ff"

START_TEST(the_bytes_of_a_reply)
{
	uint8_t expected[600], dnsmasq[600];
	size_t len = hex_read(WEFT_ACK, expected, sizeof(expected));

	frame_len = hex_read(DHCLIENT_REQUEST, frame, sizeof(frame));
	ck_assert_int_eq(answer_frame(), N_DROP_REASONS);
	ck_assert_uint_eq(outcome.len, len);
	ck_assert_mem_eq(outcome.frame, expected, len);

	ck_assert_uint_eq(hex_read(DNSMASQ_ACK, dnsmasq, sizeof(dnsmasq)), len);
	put16(dnsmasq + 18, 0);
	dhcp_frame_fix(dnsmasq);
	ck_assert_mem_eq(outcome.frame, dnsmasq, 40); // up to the UDP checksum
	ck_assert_mem_eq(
		outcome.frame + DHCP_MESSAGE_AT, dnsmasq + DHCP_MESSAGE_AT, DHCP_OPTIONS_AT - 42);
	for (unsigned code = 1; code < 255; code++) {
		uint8_t a_len = 0, b_len = 0;
		const uint8_t *a = frame_option(outcome.frame, len, (uint8_t)code, &a_len);
		const uint8_t *b = frame_option(dnsmasq, len, (uint8_t)code, &b_len);

		if ((a == NULL) != (b == NULL) || a_len != b_len ||
			(a != NULL && memcmp(a, b, a_len) != 0))
			ck_abort_msg("option %u", code);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		discover_gets_an_offer,
		an_offer_is_of_what_is_reserved,
		with_the_broadcast_flag_replies_are_broadcast,
		request_selecting,
		a_wrong_address_gets_a_nak,
		init_reboot_with_the_right_address,
		renewing_and_rebinding,
		unknown_hosts_get_silence,
		decline_holds_the_address,
		release_ends_the_lease,
		inform_gets_options_but_no_lease,
		wrong_messages_have_reasons,
		wrong_bytes_have_reasons,
		no_udp_checksum_is_right,
		the_three_destinations,
		every_cut_of_a_frame_is_read_within_its_bytes,
		a_list_of_one_gets_what_is_always_sent,
		without_a_list_everything_is_sent,
		routes_before_and_after_the_router,
		routes_in_their_order,
		a_subnet_without_a_gateway,
		nameservers,
		names,
		a_wish_for_a_lease_is_clamped,
		options_of_the_port_override,
		a_reply_is_576_bytes_at_most,
		options_go_from_the_end_of_the_table,
		a_lease_on_each_subnet,
		the_bytes_of_a_reply,
	};

	return suite_main_with("dhcp", tests, ARRAY_SIZE(tests), setup, NULL);
}
