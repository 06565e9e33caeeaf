// SPDX-License-Identifier: BSD-3-Clause
// What weft itself gets and sends on a network: frames to its internal ports, floods that they want
// or take, requests that it answers for others, limits of the slow path, and frames that it sends.

#include "node.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/addr.h"

#define MAC_S "fa:16:3e:31:14:a6" // service port of vxlan1
#define MAC_T "fa:16:3e:78:a1:95" // and of provider
#define MAC_R "fa:16:3e:00:00:44" // a port of another node
#define MAC_D "fa:16:3e:00:00:55" // one that is down

#define IP_S "172.16.1.10" // of both service ports
#define IP_A "172.16.1.33"
#define IP_B "172.16.1.17"
#define IP_R "172.16.1.44"
#define IP_D "172.16.1.55"
#define IP_P "172.16.1.136"
#define IP_Z "172.16.1.99" // nobody's

#define IP6_A "fd00::33"
#define IP6_B "fd00::17"
#define IP6_S "fe80::a9fe:a9fe"

#define NO_IP	  "0.0.0.0"
#define NO_IP6	  "::"
#define EVERYBODY "255.255.255.255"
#define METADATA  "169.254.169.254"
#define GROUP_MAC "33:33:ff:00:00:01"

#define SERVED(network, mac)                                                                       \
	"'" network "': {'network': '" network "', 'cidr': '172.16.1.0/24',"                       \
	" 'dhcp': {'mode': 'responder', 'address': '" IP_S "', 'mac': '" mac "'}}"

#define OFF                                                                                        \
	"'vxlan1': {'network': 'vxlan1', 'cidr': '172.16.1.0/24'}, 'provider': {'network': "       \
	"'provider', 'cidr': '172.16.1.0/24'}"

static const char *const devices[] = {"a", "b", "p", "ens18", "ens19"};

static void forget_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		forget_sent(devices[i]);
}

// A, B, a port that is down and one of another node on vxlan1, P on provider. Keys of network
// vxlan1, of port A, and the IPv4 subnets.
static void configure_node(const char *network, const char *port_a, const char *subnets)
{
	configure(
		"{" UPLINKS ", 'tunnel': {" TUNNEL_KEYS HEADEND "},"
		"'networks': {'provider': {'segments': [" SEGMENT_FLAT "]},"
		" 'vxlan1': {'segments': [" SEGMENT_VXLAN(
			1) "] %s}},"
			   "'subnets': {%s, 'six': {'network': 'vxlan1', 'cidr': 'fd00::/64'}},"
			   "'ports': {'a': {'network': 'vxlan1', 'device': 'fake:a', 'mac': '" MAC_A
			   "',"
			   "  'addresses': ['" IP_A "', '" IP6_A "'] %s},"
			   " 'b': {'network': 'vxlan1', 'device': 'fake:b', 'mac': '" MAC_B "',"
			   "  'addresses': ['" IP_B "', '" IP6_B "']},"
			   " 'd': {'network': 'vxlan1', 'device': 'fake:d', 'mac': '" MAC_D "',"
			   "  'addresses': ['" IP_D "'], 'admin-state': 'down'},"
			   " 'r': {'network': 'vxlan1', 'mac': '" MAC_R "', 'addresses': ['" IP_R
			   "']},"
			   " 'p': {'network': 'provider', 'device': 'fake:p', 'mac': '" MAC_P "',"
			   "  'addresses': ['" IP_P "']}}}",
		network, subnets, port_a);
	resolve_all();
	forget_all();
}

static void serve(const char *network, const char *port_a)
{
	configure_node(network, port_a, SERVED("vxlan1", MAC_S) "," SERVED("provider", MAC_T));
}

#define RESPONDS ", 'arp-responder': true"

// ---- what happened ------------------------------------------------------------------------------

// The frame is all that waits for control: from `in`, for the internal port `local`.
static void is_punted(
	const struct frame *frame, const char *in, const char *local, enum punt_class class)
{
	struct frame got;
	struct punt punt;

	ck_assert_uint_eq(n_punted(), 1);
	punt = punted(&got);
	ck_assert(frame_equal(&got, frame));
	ck_assert_uint_eq(punt.attachment, attachment(in));
	ck_assert_uint_eq(punt.local, local == NULL ? 0 : attachment(local));
	ck_assert_uint_eq(punt.class, class);
	ck_assert_uint_eq(punt.network, sw.tables->snapshot->attachments[attachment(in)].network);
}

static void none_sent(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		expect_none(devices[i]);
}

// A frame of A: control gets it and nobody else.
static void taken(const struct frame *frame, const char *local, enum punt_class class)
{
	arrive_unpolled("a", frame);
	is_punted(frame, "port a", local, class);
	none_sent();
}

// The others of the network get it: B, and the three remotes.
static void flooded(const struct frame *frame)
{
	expect("b", frame);
	ck_assert_uint_eq(n_datagrams("ens18"), 3);
	forget_all();
}

// They and the service port get it.
static void copied(const struct frame *frame)
{
	arrive_unpolled("a", frame);
	is_punted(frame, "port a", "service vxlan1", PUNT_ARP_OWN);
	flooded(frame);
}

// They alone get it.
static void not_wanted(const struct frame *frame)
{
	arrive_unpolled("a", frame);
	ck_assert_uint_eq(n_punted(), 0);
	flooded(frame);
}

// ---- frames -------------------------------------------------------------------------------------

static struct frame ask(const char *from_mac, const char *from, const char *to)
{
	return frame_arp(&(struct hosts){from_mac, BROADCAST, from, to}, 1);
}

static struct frame to_mac(const struct frame *frame, const char *mac)
{
	struct frame changed = *frame;

	ether_addr_set(changed.bytes, mac_of(mac));
	return changed;
}

static struct frame dhcp(const char *to_mac, const char *from, const char *to)
{
	return frame_udp(&(struct hosts){MAC_A, to_mac, from, to}, 68, 67, 300);
}

static struct frame discover(void)
{
	return dhcp(BROADCAST, NO_IP, EVERYBODY);
}

// A neighbour discovery message about `target`.
static struct frame nd(const struct hosts *hosts, uint8_t type, const char *target)
{
	struct frame frame = frame_udp6(hosts, 0, 0, 16);
	uint8_t *ip = frame.bytes + 14;
	struct ip_addr address;

	ck_assert_int_eq(ip_parse(target, &address), 0);
	ip[6] = IP_PROTOCOL_ICMPV6;
	memset(ip + 40, 0, 8);
	ip[40] = type;
	memcpy(ip + 48, address.b, 16);
	return frame;
}

static struct frame solicit(const char *from, const char *target)
{
	return nd(&(struct hosts){MAC_A, GROUP_MAC, from, "ff02::1:ff00:1"}, 135, target);
}

// ---- frames to a service port -------------------------------------------------------------------

START_TEST(item_91_unicast_to_the_service_port)
{
	struct hosts a_to_s = {MAC_A, MAC_S, IP_A, IP_S};
	struct hosts six = {MAC_A, MAC_S, IP6_A, IP6_S};
	struct frame ping = frame_icmp_echo(&a_to_s, 7, 56);
	struct frame renew = dhcp(MAC_S, IP_A, IP_S);
	struct frame request = ask(MAC_A, IP_A, IP_S);
	struct frame arp = to_mac(&request, MAC_S);
	struct frame other = frame_ethernet(MAC_S, MAC_A, 0x88b5, 46);
	struct frame dhcp6 = frame_udp6(&six, 546, 547, 20);
	struct frame solicitation = nd(&six, 135, IP6_S);
	struct frame ping6 = nd(&six, 128, IP6_S);

	serve("", "");
	taken(&ping, "service vxlan1", PUNT_LOCAL);
	taken(&renew, "service vxlan1", PUNT_DHCP);
	taken(&arp, "service vxlan1", PUNT_ARP_OWN);
	taken(&other, "service vxlan1", PUNT_LOCAL);
	taken(&dhcp6, "service vxlan1", PUNT_DHCP);
	taken(&solicitation, "service vxlan1", PUNT_ARP_OWN);
	taken(&ping6, "service vxlan1", PUNT_LOCAL);
	ck_assert_uint_eq(counters_of("port a").consumed, 7);
	ck_assert_uint_eq(counters_of("service vxlan1").handed_in, 0);
}
END_TEST

START_TEST(the_service_port_is_reached_from_outside)
{
	struct frame inner = talk(MAC_X, MAC_S, 50);
	struct frame on_wire = talk(MAC_X, MAC_T, 50);
	struct frame datagram;

	serve("", "");
	datagram = from_remote(IP_101, 1, &inner);
	arrive_unpolled("ens18", &datagram);
	is_punted(&inner, "vxlan.1", "service vxlan1", PUNT_LOCAL);
	arrive_unpolled("ens19", &on_wire);
	is_punted(&on_wire, "provider.flat", "service provider", PUNT_LOCAL);
	none_sent();
}
END_TEST

START_TEST(item_32_service_ports_of_networks_are_apart)
{
	struct frame wrong = talk(MAC_A, MAC_T, 50);

	serve("", "");
	ck_assert_uint_eq(where("vxlan1", MAC_S), attachment("service vxlan1"));
	ck_assert_uint_eq(where("vxlan1", MAC_T), NOWHERE);
	ck_assert_uint_eq(where("provider", MAC_T), attachment("service provider"));
	not_wanted(&wrong);
}
END_TEST

START_TEST(frames_that_the_service_port_can_not_take)
{
	struct frame big = talk(MAC_A, MAC_S, 1450 + 14 - 14 - 20 - 8 + 1);
	struct frame good = talk(MAC_A, MAC_S, 1450 + 14 - 14 - 20 - 8);
	struct frame seen = talk(MAC_S, MAC_B, 50);

	serve(", 'mtu': 1450", "");
	taken(&good, "service vxlan1", PUNT_LOCAL);
	arrive_unpolled("a", &big);
	drops_are("port a", DROP_OVERSIZE_RX, 1);

	// Our own MAC as source is nobody else's, not even an open port's.
	arrive("a", &seen);
	drops_are("port a", DROP_SRC_MAC_OWN, 1);
	struct frame datagram = from_remote(IP_101, 1, &seen);

	arrive("ens18", &datagram);
	drops_are("vxlan.1", DROP_SRC_MAC_OWN, 1);
	ck_assert_uint_eq(where("vxlan1", MAC_S), attachment("service vxlan1"));
	none_sent();
}
END_TEST

START_TEST(a_service_port_goes_with_its_configuration)
{
	struct frame ping = frame_icmp_echo(&(struct hosts){MAC_A, MAC_S, IP_A, IP_S}, 7, 56);
	struct frame request = discover();

	serve("", "");
	taken(&ping, "service vxlan1", PUNT_LOCAL);
	configure_node("", "", OFF);
	ck_assert_uint_eq(where("vxlan1", MAC_S), NOWHERE);
	not_wanted(&ping);
	not_wanted(&request);
	serve("", "");
	taken(&ping, "service vxlan1", PUNT_LOCAL);
}
END_TEST

// ---- what floods --------------------------------------------------------------------------------

START_TEST(item_91_requests_for_its_addresses_reach_the_service_port)
{
	struct frame for_dhcp = ask(MAC_A, IP_A, IP_S);
	struct frame for_metadata = ask(MAC_A, IP_A, METADATA);
	struct frame probe = ask(MAC_A, NO_IP, IP_S);
	struct frame claim = ask(MAC_A, IP_S, IP_S);
	struct frame from_ours = ask(MAC_A, IP_S, IP_B);
	struct frame for_b = ask(MAC_A, IP_A, IP_B);
	struct frame announced = ask(MAC_A, IP_A, IP_A);
	struct frame answer = frame_arp(&(struct hosts){MAC_A, BROADCAST, IP_S, IP_B}, 2);
	struct frame malformed = for_dhcp;
	struct frame short_one = for_dhcp;

	serve("", "");
	copied(&for_dhcp);
	copied(&for_metadata);
	copied(&probe);
	copied(&claim);
	copied(&from_ours);
	copied(&answer);
	not_wanted(&for_b);
	not_wanted(&announced);
	malformed.bytes[14 + 4] = 8; // hardware address length
	not_wanted(&malformed);
	short_one.len = 41;
	not_wanted(&short_one);
}
END_TEST

START_TEST(requests_out_of_the_tunnel_reach_the_service_port)
{
	struct frame request = ask(MAC_X, IP_Z, IP_S);
	struct frame datagram;

	serve(RESPONDS, "");
	datagram = from_remote(IP_101, 1, &request);
	arrive_unpolled("ens18", &datagram);
	is_punted(&request, "vxlan.1", "service vxlan1", PUNT_ARP_OWN);
	expect("a", &request);
	expect("b", &request);
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
}
END_TEST

START_TEST(solicitations_of_its_addresses_reach_the_service_port)
{
	struct hosts to_all = {MAC_A, GROUP_MAC, IP6_S, "ff02::1"};
	struct frame solicitation = solicit(IP6_A, IP6_S);
	struct frame probe = solicit(NO_IP6, IP6_S);
	struct frame from_ours = nd(&to_all, 135, IP6_B);
	struct frame claim = nd(&to_all, 136, IP6_S);
	struct frame for_b = solicit(IP6_A, IP6_B);
	struct frame ping = nd(&to_all, 128, IP6_S);
	struct frame short_one = solicitation;

	serve("", "");
	copied(&solicitation);
	copied(&probe);
	copied(&from_ours);
	copied(&claim);
	not_wanted(&for_b);
	not_wanted(&ping);
	short_one.bytes[14 + 5] -= 16; // the target is behind the end of the packet
	not_wanted(&short_one);
}
END_TEST

START_TEST(dhcp_is_consumed_at_the_first_hop)
{
	struct frame request = discover();
	struct frame to_subnet = dhcp(BROADCAST, IP_A, "172.16.1.255");
	struct frame to_service = dhcp(BROADCAST, IP_A, IP_S);
	struct frame rebind = dhcp(BROADCAST, IP_A, "172.16.1.1");
	struct frame old_mac = dhcp(MAC_X, IP_A, IP_S);
	struct frame old_mac_all = dhcp(MAC_X, IP_A, EVERYBODY);
	struct frame old_mac_subnet = dhcp(MAC_X, IP_A, "172.16.1.255");
	struct frame datagram;

	serve("", "");
	taken(&request, "service vxlan1", PUNT_DHCP);
	taken(&to_subnet, "service vxlan1", PUNT_DHCP);
	taken(&to_service, "service vxlan1", PUNT_DHCP);
	taken(&rebind, "service vxlan1", PUNT_DHCP);
	taken(&old_mac, "service vxlan1", PUNT_DHCP);
	taken(&old_mac_all, "service vxlan1", PUNT_DHCP);
	taken(&old_mac_subnet, "service vxlan1", PUNT_DHCP);

	request = frame_udp(&(struct hosts){MAC_X, BROADCAST, NO_IP, EVERYBODY}, 68, 67, 300);
	datagram = from_remote(IP_101, 1, &request);
	arrive_unpolled("ens18", &datagram);
	is_punted(&request, "vxlan.1", "service vxlan1", PUNT_DHCP);
	none_sent();
}
END_TEST

START_TEST(what_is_no_dhcp_request_is_not_consumed)
{
	struct hosts to_all = {MAC_A, BROADCAST, NO_IP, EVERYBODY};
	struct frame reply = frame_udp(&to_all, 67, 68, 300);
	struct frame other = frame_udp(&to_all, 68, 68, 300);
	struct frame tcp = frame_tcp(&to_all, 68, 67, 20);
	struct frame elsewhere = dhcp(MAC_X, IP_A, IP_Z);
	struct frame to_other = dhcp(MAC_B, IP_A, IP_Z);
	struct frame broken = discover();

	serve("", "");
	not_wanted(&reply);
	not_wanted(&other);
	not_wanted(&tcp);
	not_wanted(&elsewhere);
	broken.bytes[14 + 10] ^= 1; // header checksum
	not_wanted(&broken);
	arrive_unpolled("a", &to_other);
	expect("b", &to_other);
	ck_assert_uint_eq(n_punted(), 0);
	none_sent();
}
END_TEST

START_TEST(item_103_the_port_of_an_external_server)
{
	struct frame request = discover();
	struct frame arp = ask(MAC_A, IP_A, IP_S);
	struct frame renew = dhcp(MAC_S, IP_A, IP_S);
	struct frame reply = frame_udp(&(struct hosts){MAC_S, MAC_A, IP_S, IP_A}, 67, 68, 300);

	configure_node("", "",
		"'vxlan1': {'network': 'vxlan1', 'cidr': '172.16.1.0/24', 'dhcp': {'mode': "
		"'external', 'device': 'fake:s', 'address': '" IP_S "', 'mac': '" MAC_S "'}}");
	ck_assert_uint_eq(where("vxlan1", MAC_S), attachment("service vxlan1"));
	not_wanted(&request);
	expect("s", &request);
	not_wanted(&arp);
	expect("s", &arp);
	arrive("a", &renew);
	expect("s", &renew);
	arrive("s", &reply);
	expect("a", &reply);
	none_sent();
}
END_TEST

// ---- requests that are answered for others ------------------------------------------------------

START_TEST(item_93_requests_for_known_addresses_are_taken)
{
	struct frame for_b = ask(MAC_A, IP_A, IP_B);
	struct frame for_remote = ask(MAC_A, IP_A, IP_R);
	struct frame for_service = ask(MAC_A, IP_A, IP_S);
	struct frame probe_b = ask(MAC_A, NO_IP, IP_B);
	struct frame probe_service = ask(MAC_A, NO_IP, IP_S);

	serve(RESPONDS, "");
	taken(&for_b, NULL, PUNT_ARP_OWN);
	taken(&for_remote, NULL, PUNT_ARP_OWN);
	taken(&for_service, "service vxlan1", PUNT_ARP_OWN);
	taken(&probe_b, NULL, PUNT_ARP_OWN);
	taken(&probe_service, "service vxlan1", PUNT_ARP_OWN);
	// Without a service port, too.
	configure_node(RESPONDS, "", OFF);
	taken(&for_b, NULL, PUNT_ARP_OWN);
	not_wanted(&for_service);
}
END_TEST

START_TEST(item_93_other_requests_travel_on)
{
	struct frame for_b = ask(MAC_A, IP_A, IP_B);
	struct frame unicast = to_mac(&for_b, MAC_B);
	struct frame multicast = to_mac(&for_b, "01:00:5e:00:00:01");
	struct frame answer = frame_arp(&(struct hosts){MAC_A, BROADCAST, IP_A, IP_B}, 2);
	struct frame for_nobody = ask(MAC_A, IP_A, IP_Z);
	struct frame for_down = ask(MAC_A, IP_A, IP_D);
	struct frame announced = ask(MAC_A, IP_A, IP_A);
	struct frame announced_b = ask(MAC_A, IP_B, IP_B);
	struct frame own_probe = ask(MAC_A, NO_IP, IP_A);

	serve(RESPONDS, "");
	arrive_unpolled("a", &unicast);
	expect("b", &unicast);
	ck_assert_uint_eq(n_punted(), 0);
	not_wanted(&multicast);
	answer = to_mac(&answer, BROADCAST);
	not_wanted(&answer);
	not_wanted(&for_nobody);
	not_wanted(&for_down);
	not_wanted(&announced);
	not_wanted(&announced_b);
	not_wanted(&own_probe);
	serve("", "");
	not_wanted(&for_b);
}
END_TEST

START_TEST(item_93_requests_from_outside_travel_on)
{
	struct frame for_b = ask(MAC_X, IP_Z, IP_B);
	struct frame datagram;

	serve(RESPONDS, "");
	datagram = from_remote(IP_101, 1, &for_b);
	arrive_unpolled("ens18", &datagram);
	expect("a", &for_b);
	expect("b", &for_b);
	ck_assert_uint_eq(n_punted(), 0);
	none_sent();
}
END_TEST

START_TEST(item_93_addresses_of_pairs_float)
{
	struct frame frame = frame_arp(&(struct hosts){MAC_B, BROADCAST, IP_B, "172.16.1.200"}, 1);

	serve(RESPONDS,
		", 'port-security': true, 'allowed-address-pairs': [{'address': '172.16.1.200'}]");
	arrive_unpolled("b", &frame);
	ck_assert_uint_eq(n_punted(), 0);
	expect("a", &frame);
}
END_TEST

START_TEST(item_93_the_same_for_ipv6)
{
	struct frame for_b = solicit(IP6_A, IP6_B);
	struct frame probe_b = solicit(NO_IP6, IP6_B);
	struct frame own_probe = solicit(NO_IP6, IP6_A);
	struct frame for_nobody = solicit(IP6_A, "fd00::99");
	struct frame unicast = to_mac(&for_b, MAC_B);
	struct frame lost = to_mac(&for_b, MAC_X);
	struct frame claim = nd(&(struct hosts){MAC_A, GROUP_MAC, IP6_A, "ff02::1"}, 136, IP6_B);

	serve(RESPONDS, "");
	taken(&for_b, NULL, PUNT_ARP_OWN);
	taken(&probe_b, NULL, PUNT_ARP_OWN);
	not_wanted(&own_probe);
	not_wanted(&for_nobody);
	not_wanted(&claim);
	not_wanted(&lost);
	arrive_unpolled("a", &unicast);
	expect("b", &unicast);
	ck_assert_uint_eq(n_punted(), 0);
	none_sent();
}
END_TEST

// ---- limits -------------------------------------------------------------------------------------

static unsigned discard_punts(void)
{
	struct frame frame;
	unsigned n = n_punted();

	for (unsigned i = 0; i < n; i++)
		punted(&frame);
	return n;
}

START_TEST(item_102_one_port_does_not_cost_another_its_dhcp)
{
	struct frame request = discover();
	struct frame of_b =
		frame_udp(&(struct hosts){MAC_B, BROADCAST, NO_IP, EVERYBODY}, 68, 67, 300);
	unsigned n = 0;

	serve("", "");
	clock_advance(UINT64_C(10) * NS_PER_S);
	for (unsigned i = 0; i < 100; i++) {
		arrive_unpolled("a", &request);
		n += discard_punts();
	}
	ck_assert_uint_eq(n, 20);
	drops_are("port a", DROP_PUNT_RATE, 80);
	n = 0;
	for (unsigned i = 0; i < 20000; i++) {
		clock_advance(NS_PER_S / 10000);
		arrive_unpolled("a", &request);
		n += discard_punts();
	}
	ck_assert_uint_eq(n, 20); // two seconds
	drops_are("port a", DROP_PUNT_RATE, 80 + 20000 - 20);
	arrive_unpolled("b", &of_b);
	is_punted(&of_b, "port b", "service vxlan1", PUNT_DHCP);
	none_sent();
}
END_TEST

// As many as the bucket is deep go through at once, then as many as its rate has.
static void limit_is(const char *device, const struct frame *frame, unsigned burst, unsigned rate)
{
	unsigned n = 0;

	clock_advance(UINT64_C(100) * NS_PER_S);
	for (unsigned i = 0; i < burst + 10; i++) {
		arrive_unpolled(device, frame);
		n += discard_punts();
	}
	ck_assert_uint_eq(n, burst);
	for (unsigned i = 0; i < 10; i++) {
		clock_advance(NS_PER_S / rate - 1);
		arrive_unpolled(device, frame);
		ck_assert_uint_eq(discard_punts(), 0);
		clock_advance(1);
		arrive_unpolled(device, frame);
		ck_assert_uint_eq(discard_punts(), 1);
	}
	any_drops();
}

START_TEST(limits_of_a_port)
{
	struct frame request = discover();
	struct frame arp = ask(MAC_A, IP_A, IP_S);
	struct frame ping = frame_icmp_echo(&(struct hosts){MAC_A, MAC_S, IP_A, IP_S}, 7, 56);
	struct frame of_b = ask(MAC_B, IP_B, IP_S);

	serve(RESPONDS, "");
	limit_is("a", &request, 20, 10);
	limit_is("a", &arp, 100, 50);
	limit_is("a", &ping, 1000, 500);
	taken(&arp, "service vxlan1", PUNT_ARP_OWN); // each class has its own
	arrive_unpolled("b", &of_b);
	is_punted(&of_b, "port b", "service vxlan1", PUNT_ARP_OWN);
}
END_TEST

START_TEST(limits_of_stations_behind_an_uplink)
{
	struct frame of_x =
		frame_udp(&(struct hosts){MAC_X, BROADCAST, NO_IP, EVERYBODY}, 68, 67, 300);
	struct frame of_y =
		frame_udp(&(struct hosts){MAC_Y, BROADCAST, NO_IP, EVERYBODY}, 68, 67, 300);

	serve("", "");
	limit_is("ens19", &of_x, 20, 10);
	arrive_unpolled("ens19", &of_x);
	ck_assert_uint_eq(n_punted(), 0);
	arrive_unpolled("ens19", &of_y);
	is_punted(&of_y, "provider.flat", "service provider", PUNT_DHCP);
}
END_TEST

// From many stations, `burst` at once and `rate` in a second.
static void node_limit_is(const struct frame *frame, unsigned burst, unsigned rate)
{
	struct frame of = *frame;
	unsigned n = 0, total;

	clock_advance(UINT64_C(100) * NS_PER_S);
	for (unsigned i = 0; i < burst + rate + 500; i++) {
		of.bytes[10] = (uint8_t)(i >> 8);
		of.bytes[11] = (uint8_t)i;
		arrive_unpolled("ens19", &of);
		n += discard_punts();
	}
	ck_assert_uint_eq(n, burst);
	total = 2 * rate;
	n = 0;
	for (unsigned i = 0; i < total; i++) {
		clock_advance(NS_PER_S / total);
		of.bytes[10] = (uint8_t)(i >> 8);
		of.bytes[11] = (uint8_t)i;
		arrive_unpolled("ens19", &of);
		n += discard_punts();
	}
	ck_assert_uint_eq(n, rate);
	any_drops();
}

START_TEST(limits_of_the_node)
{
	struct frame request =
		frame_udp(&(struct hosts){MAC_X, BROADCAST, NO_IP, EVERYBODY}, 68, 67, 300);
	struct frame arp = ask(MAC_X, IP_Z, IP_S);
	struct frame ping = frame_icmp_echo(&(struct hosts){MAC_X, MAC_T, IP_Z, IP_S}, 7, 56);

	serve("", "");
	node_limit_is(&request, 100, 1000);
	arp = to_mac(&arp, MAC_T);
	node_limit_is(&arp, 500, 5000);
	node_limit_is(&ping, 1000, 10000);
}
END_TEST

START_TEST(a_full_ring)
{
	struct frame ping = frame_icmp_echo(&(struct hosts){MAC_A, MAC_S, IP_A, IP_S}, 7, 56);
	unsigned n = 0;

	serve("", "");
	clock_advance(UINT64_C(10) * NS_PER_S);
	while (counters_of("port a").drops[DROP_PUNT_FULL] == 0) {
		clock_advance(NS_PER_S / 500);
		arrive_unpolled("a", &ping);
		n++;
	}
	drops_are("port a", DROP_PUNT_FULL, 1);
	ck_assert_uint_eq(counters_of("port a").consumed, n - 1);
	ck_assert_uint_eq(discard_punts(), n - 1);
	taken(&ping, "service vxlan1", PUNT_LOCAL);
}
END_TEST

// ---- frames that control sends ------------------------------------------------------------------

#define FILTERED ", 'port-security': true, 'security-groups': []"

START_TEST(what_a_service_port_sends_goes_where_any_frame_goes)
{
	struct frame to_b = talk(MAC_S, MAC_B, 50);
	struct frame to_x = talk(MAC_S, MAC_X, 50);
	struct frame to_all = ask(MAC_S, IP_S, IP_B);
	struct frame to_itself = talk(MAC_S, MAC_S, 50);

	serve("", "");
	inject("service vxlan1", &to_b);
	expect("b", &to_b);
	none_sent();
	inject("service vxlan1", &to_all);
	expect("a", &to_all);
	flooded(&to_all);
	inject("service vxlan1", &to_x); // nobody knows it
	expect("a", &to_x);
	flooded(&to_x);
	ck_assert_uint_eq(n_punted(), 0);
	inject("service vxlan1", &to_itself);
	drops_are("service vxlan1", DROP_HAIRPIN, 1);
	ck_assert_uint_eq(counters_of("service vxlan1").originated, 4);
	ck_assert_uint_eq(counters_of("service vxlan1").copies, 8);
}
END_TEST

START_TEST(item_74_what_a_service_port_sends_meets_the_rules_of_who_gets_it)
{
	struct hosts s_to_a = {MAC_S, MAC_A, IP_S, IP_A};
	struct hosts a_to_s = {MAC_A, MAC_S, IP_A, IP_S};
	struct frame offer = frame_udp(&s_to_a, 67, 68, 300);
	struct frame to_all =
		frame_udp(&(struct hosts){MAC_S, BROADCAST, IP_S, EVERYBODY}, 67, 68, 300);
	struct frame other = frame_udp(&s_to_a, 53, 1000, 50);
	struct frame query = frame_udp(&a_to_s, 1000, 53, 50);
	struct frame arp = frame_arp(&s_to_a, 2);

	serve("", FILTERED);
	inject("service vxlan1", &offer); // I2
	expect("a", &offer);
	inject("service vxlan1", &to_all); // I3
	expect("a", &to_all);
	forget_all();
	inject("service vxlan1", &arp);
	expect("a", &arp);
	inject("service vxlan1", &other);
	expect_none("a");
	drops_are("port a", DROP_SG_INGRESS, 1);
	// Without a rule not even the question passes; with one, the answer belongs to it.
	arrive_unpolled("a", &query);
	drops_are("port a", DROP_SG_EGRESS, 1);
	serve("", ", 'port-security': true");
	taken(&query, "service vxlan1", PUNT_LOCAL);
	inject("service vxlan1", &other);
	expect("a", &other);
	none_sent();
}
END_TEST

START_TEST(what_is_sent_by_a_port_itself)
{
	struct frame answer = frame_arp(&(struct hosts){MAC_B, MAC_A, IP_B, IP_A}, 2);

	serve(RESPONDS, "");
	inject("port a", &answer); // for B, which knows nothing of it
	expect("a", &answer);
	none_sent();
	ck_assert_uint_eq(counters_of("port a").originated, 1);
	ck_assert_uint_eq(counters_of("port a").tx, 1);
}
END_TEST

START_TEST(a_service_port_of_a_network_that_is_down)
{
	struct frame to_b = talk(MAC_S, MAC_B, 50);

	serve(", 'admin-state': 'down'", "");
	inject("service vxlan1", &to_b);
	drops_are("service vxlan1", DROP_PORT_DOWN, 1);
	none_sent();
}
END_TEST

START_TEST(direct_and_switched_frames_at_once)
{
	struct frame answer = frame_arp(&(struct hosts){MAC_B, MAC_A, IP_B, IP_A}, 2);
	struct frame to_b = talk(MAC_S, MAC_B, 50);
	struct frame to_p = talk(MAC_T, MAC_P, 50);
	struct frame to_all = ask(MAC_S, IP_S, IP_B);

	serve("", "");
	for (unsigned i = 0; i < 20; i++) {
		inject_unpolled("service vxlan1", &to_b);
		inject_unpolled("port a", &answer);
		inject_unpolled("service provider", &to_p);
		inject_unpolled("service vxlan1", &to_all);
	}
	run();
	ck_assert_uint_eq(n_sent("p"), 20);
	ck_assert_uint_eq(n_sent("a"), 40);
	ck_assert_uint_eq(n_sent("b"), 40);
	ck_assert_uint_eq(n_datagrams("ens18"), 60);
}
END_TEST

void local_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		item_91_unicast_to_the_service_port,
		the_service_port_is_reached_from_outside,
		item_32_service_ports_of_networks_are_apart,
		frames_that_the_service_port_can_not_take,
		a_service_port_goes_with_its_configuration,
		item_91_requests_for_its_addresses_reach_the_service_port,
		requests_out_of_the_tunnel_reach_the_service_port,
		solicitations_of_its_addresses_reach_the_service_port,
		dhcp_is_consumed_at_the_first_hop,
		what_is_no_dhcp_request_is_not_consumed,
		item_103_the_port_of_an_external_server,
		item_93_requests_for_known_addresses_are_taken,
		item_93_other_requests_travel_on,
		item_93_requests_from_outside_travel_on,
		item_93_addresses_of_pairs_float,
		item_93_the_same_for_ipv6,
		item_102_one_port_does_not_cost_another_its_dhcp,
		limits_of_a_port,
		limits_of_stations_behind_an_uplink,
		limits_of_the_node,
		a_full_ring,
		what_a_service_port_sends_goes_where_any_frame_goes,
		item_74_what_a_service_port_sends_meets_the_rules_of_who_gets_it,
		what_is_sent_by_a_port_itself,
		a_service_port_of_a_network_that_is_down,
		direct_and_switched_frames_at_once,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
