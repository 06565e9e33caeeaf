// SPDX-License-Identifier: BSD-3-Clause
// What weft's own ports answer, through the whole switch: ARP (items 89 to 94 but for routers),
// ping, names, metadata, refusals. Every answer meets the filter of the port that gets it.

#include "service_node.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/arp.h"
#include "net/checksum.h"
#include "net/icmp.h"
#include "net/transport.h"

#define MAC_BACKEND "52:54:00:00:aa:01"
#define RESPONDER   ", 'arp-responder': true"
#define BACKEND	    ", 'metadata-device': 'fake:meta'"

static struct frame arp(uint16_t op, struct hosts hosts)
{
	return frame_arp(&hosts, op);
}

static struct frame ask(const char *mac, const char *ip, const char *for_ip)
{
	return arp(ARP_REQUEST, (struct hosts){mac, BROADCAST, ip, for_ip});
}

static struct frame tell(const char *mac, const char *ip, const char *to_mac, const char *to_ip)
{
	return arp(ARP_REPLY, (struct hosts){mac, to_mac, ip, to_ip});
}

// A frame of A is answered by this one, and by nothing else.
static void is_answered(const struct frame *frame, const struct frame *answer)
{
	arrive("a", frame);
	expect("a", answer);
	expect_none("a");
}

static void is_met_with_silence(const char *device, const struct frame *frame)
{
	arrive(device, frame);
	expect_none(device);
}

START_TEST(own_ports_are_listed)
{
	json_t *request = json_loads("{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": "
				     "\"service.list\", \"params\": {\"network\": \"vxlan1\"}}",
		0, NULL);
	json_t *wanted = json_loads(
		"[{\"attachment\": \"service vxlan1\", \"kind\": \"service\", \"network\": "
		"\"vxlan1\", \"mac\": \"" MAC_S "\", \"addresses\": [\"172.16.1.10/24\", "
		"\"169.254.169.254/32\", \"fe80::a9fe:a9fe/128\"], \"metadata-device\": "
		"\"fake:meta\"}]",
		0, NULL);
	json_t *answer;

	service_node("", BACKEND);
	answer = control_call(sw.control, request);
	ck_assert(json_equal(json_object_get(answer, "result"), wanted));
	json_decref(answer);
	json_decref(wanted);
	json_decref(request);
}
END_TEST

// ---- ARP --------------------------------------------------------------------------------------

START_TEST(item_91_service_addresses_are_answered)
{
	struct frame dhcp = ask(MAC_A, IP_A, IP_S), dhcp_is = tell(MAC_S, IP_S, MAC_A, IP_A);
	struct frame meta = ask(MAC_A, IP_A, METADATA);
	struct frame meta_is = tell(MAC_S, METADATA, MAC_A, IP_A);

	service_node("", "");
	is_answered(&dhcp, &dhcp_is);
	is_answered(&meta, &meta_is);
	// Others hear the requests as well, but no answer.
	expect("b", &dhcp);
	expect("b", &meta);
	expect_none("b");
	ck_assert_uint_eq(n_datagrams("ens18"), 2);
}
END_TEST

START_TEST(item_91_each_network_has_its_own_service_port)
{
	struct frame request = ask(MAC_V, IP_V, IP_S), answer = tell(MAC_T, IP_S, MAC_V, IP_V);

	service_node("", "");
	arrive("v", &request);
	expect("v", &answer);
	expect_none("v");
	expect_none("a");
}
END_TEST

START_TEST(item_91_stations_behind_the_tunnel_are_answered_through_it)
{
	struct frame request = ask(MAC_X, "172.16.1.99", IP_S);
	struct frame answer = tell(MAC_S, IP_S, MAC_X, "172.16.1.99");
	struct hosts outer = {"52:54:00:00:01:01", NULL, "192.168.31.101", "192.168.31.104"};
	struct frame datagram, inner;

	service_node("", "");
	outer.to_mac = device_mac_text("ens18");
	datagram = frame_vxlan(&outer, 1, &request);
	arrive("ens18", &datagram);
	expect("b", &request);
	datagram = sent_datagram("ens18");
	inner = frame_inner(&datagram);
	ck_assert(frame_equal(&inner, &answer));
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
}
END_TEST

START_TEST(item_90_addresses_of_other_networks_are_not_answered)
{
	struct frame outside = ask(MAC_A, IP_A, "10.1.0.50");
	struct frame gateway = ask(MAC_A, IP_A, "172.16.1.1"); // no router has it

	service_node("", "");
	is_met_with_silence("a", &outside);
	is_met_with_silence("a", &gateway);
	ck_assert_uint_eq(n_sent("b"), 2);
}
END_TEST

START_TEST(conflicts_are_counted_and_defended)
{
	struct frame claim = ask(MAC_B, IP_S, IP_S), defence = ask(MAC_S, IP_S, IP_S);

	service_node("", "");
	arrive("b", &claim);
	ck_assert_uint_eq(info_of(INFO_ARP_CONFLICT), 1);
	expect("a", &claim);
	expect("a", &defence);
	expect("b", &defence);
	arrive("b", &claim);
	ck_assert_uint_eq(info_of(INFO_ARP_CONFLICT), 2);
	expect("a", &claim);
	expect_none("a");
	expect_none("b");
}
END_TEST

START_TEST(item_93_known_addresses_are_answered_at_the_first_hop)
{
	struct frame here = ask(MAC_A, IP_A, IP_B), here_is = tell(MAC_B, IP_B, MAC_A, IP_A);
	struct frame away = ask(MAC_A, IP_A, IP_R), away_is = tell(MAC_R, IP_R, MAC_A, IP_A);
	struct frame own = ask(MAC_A, IP_A, IP_S), own_is = tell(MAC_S, IP_S, MAC_A, IP_A);

	service_node(RESPONDER, "");
	is_answered(&here, &here_is);
	is_answered(&away, &away_is);
	is_answered(&own, &own_is);
	expect_none("b");
	ck_assert_uint_eq(n_datagrams("ens18"), 0);
}
END_TEST

START_TEST(item_93_unicast_requests_travel_on)
{
	struct frame request = arp(ARP_REQUEST, (struct hosts){MAC_A, MAC_B, IP_A, IP_B});

	service_node(RESPONDER, "");
	memcpy(request.bytes, "\xfa\x16\x3e\x74\xad\x39", 6); // to B alone
	is_met_with_silence("a", &request);
	expect("b", &request);
}
END_TEST

START_TEST(item_93_without_the_responder_requests_flood)
{
	struct frame request = ask(MAC_A, IP_A, IP_B);

	service_node("", "");
	is_met_with_silence("a", &request);
	expect("b", &request);
	ck_assert_uint_eq(n_datagrams("ens18"), 1);
}
END_TEST

START_TEST(item_94_malformed_arp_to_an_own_port_dies)
{
	struct frame request = arp(ARP_REQUEST, (struct hosts){MAC_B, MAC_S, IP_B, IP_S});

	service_node("", "");
	memcpy(request.bytes, "\xfa\x16\x3e\x31\x14\xa6", 6); // to S alone
	request.bytes[14 + 4] = 8;			      // hlen
	is_met_with_silence("b", &request);
	request.bytes[14 + 4] = 6;
	request.bytes[14 + 7] = 3; // op
	is_met_with_silence("b", &request);
	request.bytes[14 + 7] = 1;
	request.len = 14 + 20;
	is_met_with_silence("b", &request);
	drops_are("port b", DROP_ARP_MALFORMED, 3);
}
END_TEST

// ---- IP ---------------------------------------------------------------------------------------

START_TEST(pings_are_answered)
{
	struct frame request = frame_icmp_echo(&a_to_s, 7, 56);
	struct frame answer;

	service_node("", "");
	arrive("a", &request);
	answer = sent("a");
	ck_assert_uint_eq(answer.len, request.len);
	ck_assert(frame_ip_checksum_ok(&answer));
	ck_assert_uint_eq(frame_ip(&answer)->source, ip_of(IP_S));
	ck_assert_uint_eq(frame_ip(&answer)->destination, ip_of(IP_A));
	ck_assert_uint_eq(answer.bytes[34], ICMP_ECHO_REPLY);
	ck_assert_mem_eq(answer.bytes + 38, request.bytes + 38, request.len - 38);
	expect_none("a");
}
END_TEST

// The filter of A sees the answer as the datagram that it is in pieces of.
START_TEST(pings_in_fragments_are_answered_in_fragments)
{
	struct frame request = frame_icmp_echo(&a_to_s, 7, 2600);
	struct frame reply = frame_icmp_echo(&s_to_a, 7, 2600);
	struct icmp_wire *icmp = (struct icmp_wire *)frame_l4(&reply);

	icmp->type = ICMP_ECHO_REPLY;
	icmp->checksum = checksum_patch(icmp->checksum, htons(ICMP_ECHO_REQUEST << 8), 0);
	service_node("", "");
	for (unsigned start = 0; start < 2608; start += 1304) {
		struct frame piece = frame_piece(&request, 1, start, 1304);

		expect_none("a");
		arrive("a", &piece);
	}
	for (unsigned start = 0; start < 2608; start += 1424) { // of 1430 a multiple of 8
		struct frame answer = sent("a");
		struct frame piece = frame_piece(&reply, ntohs(frame_ip(&answer)->id), start, 1424);

		ck_assert(frame_equal(&answer, &piece));
	}
	expect_none("a");
}
END_TEST

// The error quotes a flow of A, so that its filter lets it in.
START_TEST(closed_ports_are_refused)
{
	struct frame datagram = frame_udp(&a_to_s, 1024, 4000, 20);
	struct frame error;

	service_node("", "");
	arrive("a", &datagram);
	error = sent("a");
	ck_assert_uint_eq(frame_ip(&error)->protocol, IP_PROTOCOL_ICMP);
	ck_assert_uint_eq(error.bytes[34], ICMP_UNREACHABLE);
	ck_assert_uint_eq(error.bytes[35], ICMP_CODE_PORT_UNREACHABLE);
	ck_assert_mem_eq(error.bytes + 42, datagram.bytes + 14, datagram.len - 14);
	expect_none("a");
}
END_TEST

START_TEST(refusals_are_limited)
{
	service_node("", "");
	for (uint16_t port = 4000; port < 4010; port++) {
		struct frame datagram = frame_udp(&a_to_s, 1024, port, 20);

		arrive("a", &datagram);
	}
	ck_assert_uint_eq(n_sent("a"), 6);
	drops_are("port a", DROP_ICMP_ERR_RATE, 4);
}
END_TEST

START_TEST(what_there_is_no_answer_to_dies)
{
	struct hosts odd = {MAC_A, MAC_S, IP_A, "172.16.1.200"};
	struct frame packet = frame_udp(&odd, 1024, 53, 20);

	service_node("", "");
	is_met_with_silence("a", &packet);
	drops_are("port a", DROP_SERVICE_OTHER, 1);
}
END_TEST

// ---- names ------------------------------------------------------------------------------------

static struct frame query(const struct hosts *hosts, const char *name, size_t name_len)
{
	struct frame frame = frame_udp(hosts, 1024, 53, (uint16_t)(12 + name_len + 4));
	uint8_t *dns = (uint8_t *)(frame_l4(&frame) + 1);

	memcpy(dns, "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
	memcpy(dns + 12, name, name_len);
	memcpy(dns + 12 + name_len, "\x00\x01\x00\x01", 4);
	frame_fix_udp(&frame);
	return frame;
}

START_TEST(names_of_the_network_are_known)
{
	static const char known[] = "\x10host-172-16-1-44\x0eopenstacklocal";
	static const char unknown[] = "\x07"
				      "example\x03org";
	struct frame request = query(&a_to_s, known, sizeof(known)); // with the root's empty label
	struct frame other = query(&a_to_s, unknown, sizeof(unknown));
	struct frame answer;

	service_node("", "");
	arrive("a", &request);
	answer = sent("a");
	ck_assert(frame_udp_checksum_ok(&answer));
	ck_assert_uint_eq(answer.bytes[42 + 3] & 0x0f, 0); // no error
	ck_assert_mem_eq(answer.bytes + answer.len - 4, "\xac\x10\x01\x2c", 4);
	arrive("a", &other);
	answer = sent("a");
	ck_assert_uint_eq(answer.bytes[42 + 3] & 0x0f, 5); // refused
}
END_TEST

// As with dnsmasq's --local-service: who comes from elsewhere is not told.
START_TEST(names_are_for_the_own_subnets)
{
	static const char known[] = "\x10host-172-16-1-44\x0eopenstacklocal";
	struct hosts elsewhere = {MAC_B, MAC_S, "172.16.2.19", IP_S};
	struct frame request = query(&elsewhere, known, sizeof(known));

	service_node("", "");
	is_met_with_silence("b", &request);
	drops_are("port b", DROP_SERVICE_OTHER, 1);
}
END_TEST

// ---- metadata ---------------------------------------------------------------------------------

#define HTTP 80

static struct frame segment(struct hosts hosts, uint16_t from, uint16_t to)
{
	return frame_tcp(&hosts, from, to, 0);
}

START_TEST(metadata_without_a_backend_is_refused)
{
	struct frame request = frame_tcp(&a_to_metadata, 1024, HTTP, 0);
	struct frame answer;

	service_node("", "");
	arrive("a", &request);
	answer = sent("a");
	ck_assert_uint_eq(frame_ip(&answer)->source, ip_of(METADATA));
	ck_assert(answer.bytes[14 + 20 + 13] & TCP_RST);
	expect_none("a");
}
END_TEST

START_TEST(metadata_goes_to_the_backend_and_back)
{
	struct frame request = frame_tcp(&a_to_metadata, 1024, HTTP, 0);
	struct frame reply =
		segment((struct hosts){MAC_BACKEND, MAC_S, METADATA, IP_A}, HTTP, 1024);
	struct frame for_client = segment((struct hosts){MAC_S, MAC_A, METADATA, IP_A}, HTTP, 1024);
	struct frame who_has_client = ask(MAC_BACKEND, METADATA, IP_A);
	struct frame for_backend, who_has_backend, backend_is, client_is;
	const char *ours;

	service_node("", BACKEND);
	ours = device_mac_text("meta");
	for_backend = segment((struct hosts){ours, MAC_BACKEND, IP_A, METADATA}, 1024, HTTP);
	who_has_backend = ask(ours, IP_A, METADATA);
	backend_is = tell(MAC_BACKEND, METADATA, ours, IP_A);
	client_is = tell(ours, IP_A, MAC_BACKEND, METADATA);
	arrive("a", &request);
	expect("meta", &who_has_backend); // the request waits for the answer
	expect_none("meta");
	arrive_privately("meta", &backend_is);
	expect("meta", &for_backend);
	arrive_privately("meta", &who_has_client);
	expect("meta", &client_is);
	arrive_privately("meta", &reply);
	expect("a", &for_client);
	arrive("a", &request);
	expect("meta", &for_backend);
	expect_none("meta");
	expect_none("a");
	expect_none("b");
}
END_TEST

START_TEST(metadata_in_fragments_reaches_the_backend_whole)
{
	struct frame request = frame_tcp(&a_to_metadata, 1024, HTTP, 400);
	struct frame backend_is, for_backend;
	const char *ours;

	service_node("", BACKEND);
	ours = device_mac_text("meta");
	backend_is = tell(MAC_BACKEND, METADATA, ours, IP_A);
	for_backend =
		frame_tcp(&(struct hosts){ours, MAC_BACKEND, IP_A, METADATA}, 1024, HTTP, 400);
	frame_ip(&for_backend)->id = htons(1);
	frame_fix_ip(&for_backend);
	for (unsigned start = 0; start < 420; start += 216) {
		struct frame piece = frame_piece(&request, 1, start, 216);

		arrive("a", &piece);
	}
	ck_assert_uint_eq(n_sent("meta"), 1); // who has it?
	forget_sent("meta");
	arrive_privately("meta", &backend_is);
	expect("meta", &for_backend);
	expect_none("meta");
}
END_TEST

START_TEST(metadata_is_dropped_while_no_backend_answers)
{
	struct frame request = frame_tcp(&a_to_metadata, 1024, HTTP, 0);

	service_node("", BACKEND);
	arrive("a", &request);
	arrive("a", &request); // takes the place of the first one
	pass_time(2);
	ck_assert_uint_eq(n_sent("meta"), 1);
	drops_are("service vxlan1", DROP_METADATA_NONE, 2);
	expect_none("a");
}
END_TEST

START_TEST(a_backend_reaches_its_clients_only)
{
	struct frame stranger =
		segment((struct hosts){MAC_BACKEND, MAC_S, METADATA, "172.16.1.200"}, HTTP, 1024);
	struct frame spoofed =
		segment((struct hosts){MAC_BACKEND, MAC_S, "172.16.1.1", IP_A}, HTTP, 1024);
	struct frame other_port =
		segment((struct hosts){MAC_BACKEND, MAC_S, METADATA, IP_A}, 22, 1024);
	struct frame gratuitous = ask(MAC_BACKEND, METADATA, METADATA);

	service_node("", BACKEND);
	arrive_privately("meta", &stranger);
	arrive_privately("meta", &spoofed);
	arrive_privately("meta", &other_port);
	drops_are("service vxlan1", DROP_SERVICE_OTHER, 3);
	arrive_privately("meta", &gratuitous);
	expect_none("meta");
	expect_none("a");
	expect_none("b");
}
END_TEST

START_TEST(a_backend_that_goes_takes_its_packets_along)
{
	struct frame request = frame_tcp(&a_to_metadata, 1024, HTTP, 0);

	service_node("", BACKEND);
	arrive("a", &request);
	service_node("", "");
	drops_are("service vxlan1", DROP_METADATA_NONE, 1);
	expect_none("a");
	arrive("a", &request);
	ck_assert_uint_eq(n_sent("a"), 1); // a reset
}
END_TEST

void service_tests(TCase *tcase)
{
	const TTest *const tests[] = {
		own_ports_are_listed,
		item_91_service_addresses_are_answered,
		item_91_each_network_has_its_own_service_port,
		item_91_stations_behind_the_tunnel_are_answered_through_it,
		item_90_addresses_of_other_networks_are_not_answered,
		conflicts_are_counted_and_defended,
		item_93_known_addresses_are_answered_at_the_first_hop,
		item_93_unicast_requests_travel_on,
		item_93_without_the_responder_requests_flood,
		item_94_malformed_arp_to_an_own_port_dies,
		pings_are_answered,
		pings_in_fragments_are_answered_in_fragments,
		closed_ports_are_refused,
		refusals_are_limited,
		what_there_is_no_answer_to_dies,
		names_of_the_network_are_known,
		names_are_for_the_own_subnets,
		metadata_without_a_backend_is_refused,
		metadata_goes_to_the_backend_and_back,
		metadata_in_fragments_reaches_the_backend_whole,
		metadata_is_dropped_while_no_backend_answers,
		a_backend_reaches_its_clients_only,
		a_backend_that_goes_takes_its_packets_along,
	};

	add_tests(tcase, tests, ARRAY_SIZE(tests));
}
