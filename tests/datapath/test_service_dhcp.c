// SPDX-License-Identifier: BSD-3-Clause
// DHCP of service ports through the whole switch: who is answered, what is remembered, what dies
// (items 95 and 98 to 102). What a reply says in detail is tested with its codec.

#include "service_node.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/dhcp.h"
#include "slowpath/lease.h"

#define BROADCAST_IP "255.255.255.255"
#define DAY_NS	     UINT64_C(86400000000000)

// A message as a client sends it; what is not named is zero.
struct message {
	uint8_t type;
	const char *from_mac; // NULL: MAC_A
	const char *from;     // NULL: 0.0.0.0 to everybody; else unicast to the server
	const char *chaddr;   // NULL: from_mac
	const char *requested;
	const char *server;
	const char *ciaddr;
	const char *giaddr;
	uint16_t flags;
};

static size_t put_address(uint8_t *options, uint8_t code, const char *ip)
{
	uint32_t address;

	if (ip == NULL)
		return 0;
	address = ip_of(ip);
	options[0] = code;
	options[1] = 4;
	memcpy(options + 2, &address, 4);
	return 6;
}

static void put_field(uint8_t *field, const char *ip)
{
	uint32_t address = ip == NULL ? 0 : ip_of(ip);

	memcpy(field, &address, 4);
}

static struct frame client(struct message m)
{
	const char *mac = m.from_mac != NULL ? m.from_mac : MAC_A;
	struct hosts hosts = {mac, BROADCAST, IP_NONE, BROADCAST_IP};
	struct hosts unicast = {mac, MAC_S, m.from, IP_S};
	struct frame frame = frame_udp(m.from == NULL ? &hosts : &unicast, 68, 67, 300);
	uint8_t *bootp = (uint8_t *)(frame_l4(&frame) + 1);
	uint64_t chaddr = mac_of(m.chaddr != NULL ? m.chaddr : mac);
	uint8_t *option = bootp + 240;

	memset(bootp, 0, 300);
	memcpy(bootp, "\x01\x01\x06\x00\x12\x34\x56\x78", 8);
	bootp[10] = (uint8_t)(m.flags >> 8);
	put_field(bootp + 12, m.ciaddr);
	put_field(bootp + 24, m.giaddr);
	ether_addr_set(bootp + 28, chaddr);
	memcpy(bootp + 236, "\x63\x82\x53\x63\x35\x01", 6);
	bootp[242] = m.type;
	option += 3;
	option += put_address(option, DHCP_OPTION_REQUESTED_IP, m.requested);
	option += put_address(option, DHCP_OPTION_SERVER, m.server);
	*option = DHCP_OPTION_END;
	frame_fix_udp(&frame);
	return frame;
}

static const uint8_t *bootp_of(const struct frame *frame)
{
	return frame->bytes + 14 + 20 + 8;
}

// The answer that A got, of this type and with this address.
static struct frame answered(uint8_t type, const char *yiaddr)
{
	struct frame answer = sent("a");
	const uint8_t *bootp = bootp_of(&answer);
	uint32_t address = ip_of(yiaddr);

	ck_assert(frame_ip_checksum_ok(&answer));
	ck_assert(frame_udp_checksum_ok(&answer));
	ck_assert_uint_eq(frame_ip(&answer)->source, ip_of(IP_S));
	ck_assert_uint_eq(bootp[0], 2);
	ck_assert_uint_eq(bootp[242], type);
	ck_assert_mem_eq(bootp + 16, &address, 4);
	expect_none("a");
	return answer;
}

static void silence(const char *device, struct message m)
{
	struct frame frame = client(m);

	arrive(device, &frame);
	expect_none(device);
}

struct found {
	unsigned n;
	struct lease lease;
};

static void find(const struct lease *lease, void *arg)
{
	struct found *found = arg;

	if (found->n++ == 0)
		found->lease = *lease;
}

static struct found leases(void)
{
	struct found found = {0};

	leases_visit(slowpath_leases(control_slowpath(sw.control)), find, &found);
	return found;
}

static const struct message discover = {.type = DHCP_DISCOVER};
static const struct message request = {.type = DHCP_REQUEST, .requested = IP_A, .server = IP_S};

START_TEST(item_95_discover_and_request_are_answered)
{
	struct frame frame = client(discover), answer;
	struct found found;

	service_node("", "");
	arrive("a", &frame);
	answer = answered(DHCP_OFFER, IP_A);
	ck_assert_mem_eq(answer.bytes, frame.bytes + 6, 6); // to the client alone
	ck_assert_uint_eq(frame_ip(&answer)->destination, ip_of(IP_A));
	ck_assert_uint_eq(leases().n, 0);

	frame = client(request);
	arrive("a", &frame);
	answered(DHCP_ACK, IP_A);
	found = leases();
	ck_assert_uint_eq(found.n, 1);
	ck_assert_str_eq(found.lease.network, "vxlan1");
	ck_assert_uint_eq(found.lease.address, ip_of(IP_A));
	ck_assert_uint_eq(found.lease.mac, mac_of(MAC_A));
	ck_assert_uint_eq(found.lease.expires_ns, clock_now_ns() + DAY_NS);
	expect_none("b"); // nobody else hears of it
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
}
END_TEST

START_TEST(item_95_broadcast_flag_is_honoured)
{
	struct message m = discover;
	struct frame frame, answer;

	m.flags = DHCP_FLAG_BROADCAST;
	frame = client(m);
	service_node("", "");
	arrive("a", &frame);
	answer = answered(DHCP_OFFER, IP_A);
	ck_assert_mem_eq(answer.bytes, "\xff\xff\xff\xff\xff\xff", 6);
	ck_assert_uint_eq(frame_ip(&answer)->destination, UINT32_MAX);
}
END_TEST

START_TEST(item_95_renewal_is_answered_to_the_address)
{
	struct message m = {.type = DHCP_REQUEST, .from = IP_A, .ciaddr = IP_A};
	struct frame frame = client(m);

	service_node("", "");
	arrive("a", &frame);
	answered(DHCP_ACK, IP_A);
	ck_assert_uint_eq(leases().n, 1);
}
END_TEST

START_TEST(item_98_wrong_requests)
{
	struct message wrong = request, other = request, reboot = request;
	struct frame frame;

	service_node("", "");
	wrong.requested = "172.16.1.99";
	frame = client(wrong);
	arrive("a", &frame);
	answered(DHCP_NAK, IP_NONE);
	other.server = "172.16.1.11";
	silence("a", other);
	drops_are("port a", DROP_DHCP_NOT_US, 1);
	reboot.server = NULL;
	frame = client(reboot);
	arrive("a", &frame);
	answered(DHCP_ACK, IP_A);
}
END_TEST

START_TEST(item_98_unknown_clients_get_no_answer)
{
	struct message m = discover;
	struct hosts outer = {"52:54:00:00:01:01", NULL, "192.168.31.101", "192.168.31.104"};
	struct frame inner, datagram;

	service_node("", "");
	m.from_mac = MAC_X; // behind the tunnel
	inner = client(m);
	outer.to_mac = device_mac_text("ens18");
	datagram = frame_vxlan(&outer, 1, &inner);
	arrive("ens18", &datagram);
	drops_are("vxlan.1", DROP_DHCP_UNKNOWN_HOST, 1);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
	m.from_mac = MAC_R; // a port of that node
	inner = client(m);
	datagram = frame_vxlan(&outer, 1, &inner);
	arrive("ens18", &datagram);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
}
END_TEST

START_TEST(item_100_release_and_decline)
{
	struct message release = {
		.type = DHCP_RELEASE, .from = IP_A, .ciaddr = IP_A, .server = IP_S};
	struct message decline = {.type = DHCP_DECLINE, .requested = IP_A, .server = IP_S};
	struct frame ask = client(discover), take = client(request);

	service_node("", "");
	arrive("a", &take);
	answered(DHCP_ACK, IP_A);
	silence("a", release);
	ck_assert_uint_eq(leases().n, 0);
	arrive("a", &ask);
	answered(DHCP_OFFER, IP_A);
	silence("a", decline);
	pass_time(1);
	silence("a", discover);
	pass_time(598);
	silence("a", discover);
	pass_time(2);
	arrive("a", &ask);
	answered(DHCP_OFFER, IP_A);
}
END_TEST

START_TEST(item_101_messages_that_can_not_be_true_die)
{
	struct message chaddr = discover, relayed = discover;
	struct frame bad = client(discover);
	uint8_t *bootp = (uint8_t *)(frame_l4(&bad) + 1);

	service_node("", "");
	chaddr.chaddr = MAC_B;
	silence("a", chaddr);
	drops_are("port a", DROP_DHCP_CHADDR, 1);
	relayed.giaddr = "172.16.1.99";
	silence("a", relayed);
	drops_are("port a", DROP_DHCP_RELAYED, 1);
	bootp[236] ^= 1; // the cookie
	frame_fix_udp(&bad);
	arrive("a", &bad);
	bootp[236] ^= 1;
	bootp[0] = 2; // a reply
	frame_fix_udp(&bad);
	arrive("a", &bad);
	bootp[0] = 1;
	bootp[241] = 200; // an option that runs past the end
	frame_fix_udp(&bad);
	arrive("a", &bad);
	expect_none("a");
	drops_are("port a", DROP_DHCP_MALFORMED, 3);
}
END_TEST

START_TEST(item_102_one_port_can_not_starve_another)
{
	struct message m = {.type = DHCP_DISCOVER, .from_mac = MAC_B};
	struct frame flood = client(m), ask = client(discover);

	service_node("", "");
	for (unsigned i = 0; i < 10000; i++)
		arrive("b", &flood);
	ck_assert_uint_eq(n_sent("b"), 20); // the burst
	forget_sent("b");
	drops_are("port b", DROP_PUNT_RATE, 9980);
	arrive("a", &ask);
	answered(DHCP_OFFER, IP_A);
	pass_time(1);
	for (unsigned i = 0; i < 10000; i++)
		arrive("b", &flood);
	ck_assert_uint_eq(n_sent("b"), 10);
	drops_are("port b", DROP_PUNT_RATE, 9980 + 9990);
}
END_TEST

START_TEST(leases_go_with_their_port)
{
	struct frame take = client(request);

	service_node("", "");
	arrive("a", &take);
	answered(DHCP_ACK, IP_A);
	service_node("", ", 'lease': 3600");
	ck_assert_uint_eq(leases().n, 1);
	call("port.del", "{'name': 'a'}");
	ck_assert_uint_eq(leases().n, 0);
}
END_TEST

void service_dhcp_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_95_discover_and_request_are_answered,
		item_95_broadcast_flag_is_honoured,
		item_95_renewal_is_answered_to_the_address,
		item_98_wrong_requests,
		item_98_unknown_clients_get_no_answer,
		item_100_release_and_decline,
		item_101_messages_that_can_not_be_true_die,
		item_102_one_port_can_not_starve_another,
		leases_go_with_their_port,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
