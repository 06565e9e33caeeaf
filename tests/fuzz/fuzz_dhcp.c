// SPDX-License-Identifier: BSD-3-Clause
// DHCP clients: whatever a frame is, it has a reason to die or an answer that is whole, says what
// the configuration says, and is the same each time.
//
// The first byte of an input chooses the configuration; with RAW the rest is a frame, else a DHCP
// message that gets right headers.

#include "fuzz.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/checksum.h"
#include "net/headers.h"
#include "slowpath/dhcp.h"

#define STRANGER    0x01 // no reservation
#define HELD	    0x02
#define EXTRAS	    0x04
#define MANY	    0x08 // subnets and routes
#define BARE	    0x10 // no gateway, domain, nameserver
#define NARROW	    0x20 // MTU
#define RAW	    0x80
#define A_MAC	    0xfa163ede6e86u
#define A	    0xac100121u
#define SERVER	    0xac10010au
#define HEADERS_LEN 42
#define N_SUBNETS   40

static struct dhcp_subnet subnets[N_SUBNETS];
static struct dhcp_service service = {.mac = 0xfa163e3114a6u, .subnets = subnets};
static struct dhcp_host host;

static const uint8_t value[255] = {1, 2, 3};
static const struct dhcp_extra extras[] = {
	{.code = 42, .value = value, .len = 4},
	{.code = 6, .value = value, .len = 8, .forced = true},
	{.code = 121, .value = value, .len = 255},
	{.code = 43, .value = value, .len = 255, .forced = true},
	{.code = 53, .value = value, .len = 1, .forced = true},
	{.code = 15, .forced = true},
	{.code = 224, .value = value, .len = 200},
};

static void configure(uint8_t flags)
{
	memset(subnets, 0, sizeof(subnets));
	subnets[0] = (struct dhcp_subnet){
		.dhcp = true,
		.network = htonl(0xac100100),
		.prefix_len = 24,
		.server = htonl(SERVER),
		.gateway = flags & BARE ? 0 : htonl(0xac100101),
		.isolated = (flags & BARE) == 0,
		.lease_s = flags & BARE ? UINT32_MAX : 86400,
		.dns_none = (flags & BARE) != 0,
		.domain = flags & BARE ? NULL : "openstacklocal",
	};
	for (size_t i = 1; i < N_SUBNETS; i++)
		subnets[i] = (struct dhcp_subnet){
			.network = htonl(0xac110000 + ((uint32_t)i << 8)), .prefix_len = 24};
	for (size_t i = 0; i < DHCP_ROUTES_MAX && (flags & MANY); i++)
		subnets[0].routes[subnets[0].n_routes++] = (struct dhcp_route){
			htonl(0x0a000000 + ((uint32_t)i << 8)), 32, htonl(0xac100105)};
	service.n_subnets = flags & MANY ? N_SUBNETS : 1;
	service.mtu = flags & NARROW ? 68 : 1450;
	host = (struct dhcp_host){
		.reservations = {{&subnets[0], htonl(A)}},
		.n_reservations = 1,
		.extras = extras,
		.n_extras = flags & EXTRAS ? sizeof(extras) / sizeof(extras[0]) : 0,
	};
}

// The frame of an input, in memory of its length. Returns it and its length.
static uint8_t *make_frame(uint8_t flags, const uint8_t *data, size_t size, size_t *len)
{
	size_t header_len = flags & RAW ? 0 : HEADERS_LEN;
	uint8_t *frame = malloc(header_len + size + 1);

	memcpy(frame + header_len, data, size);
	*len = header_len + size;
	if (flags & RAW)
		return frame;
	struct ether_wire *ether = (struct ether_wire *)frame;
	struct ipv4_wire *ip = (struct ipv4_wire *)(ether + 1);
	struct udp_wire *udp = (struct udp_wire *)(ip + 1);
	*ether = (struct ether_wire){.type = htons(ETHER_TYPE_IPV4)};
	*ip = (struct ipv4_wire){
		.version_ihl = 0x45,
		.total_len = htons((uint16_t)(28 + size)),
		.protocol = IP_PROTOCOL_UDP,
		.destination = INADDR_BROADCAST,
	};
	ip->checksum = checksum_of(ip, sizeof(*ip));
	*udp = (struct udp_wire){
		.source = htons(68), .destination = htons(67), .len = htons((uint16_t)(8 + size))};
	return frame;
}

// Where the options of a reply end, after a look at each.
static size_t check_options(const uint8_t *options, size_t len)
{
	unsigned n_types = 0;
	size_t at = 0;

	while (options[at] != DHCP_OPTION_END) {
		FUZZ_CHECK(
			at + 2 < len && at + 2 + options[at + 1] < len, "an option past the end");
		FUZZ_CHECK(options[at] != DHCP_OPTION_PAD, "a pad");
		n_types += options[at] == DHCP_OPTION_TYPE;
		at += 2 + (size_t)options[at + 1];
	}
	FUZZ_CHECK(n_types == 1 && options[0] == DHCP_OPTION_TYPE, "not one type");
	return at + 1;
}

static void check_reply(const struct dhcp_outcome *outcome, const uint8_t *message)
{
	const struct ipv4_wire *ip = (const struct ipv4_wire *)(outcome->frame + 14);
	const struct udp_wire *udp = (const struct udp_wire *)(ip + 1);
	const uint8_t *reply = (const uint8_t *)(udp + 1);
	size_t udp_len = outcome->len - 34u;
	uint32_t pseudo[3] = {
		ip->source, ip->destination, htonl(IP_PROTOCOL_UDP << 16 | (uint32_t)udp_len)};
	uint32_t yiaddr;

	FUZZ_CHECK(outcome->len >= HEADERS_LEN + DHCP_LEN_MIN, "%u bytes", outcome->len);
	FUZZ_CHECK(outcome->len <= DHCP_REPLY_FRAME_MAX, "%u bytes", outcome->len);
	FUZZ_CHECK(checksum_of(ip, sizeof(*ip)) == 0, "IPv4 checksum");
	FUZZ_CHECK(ntohs(ip->total_len) == outcome->len - 14, "total length");
	FUZZ_CHECK(ntohs(udp->len) == udp_len && udp->checksum != 0, "UDP header");
	FUZZ_CHECK(checksum_fold(checksum_add(
			   checksum_add(0, pseudo, sizeof(pseudo)), udp, udp_len)) == 0xffff,
		"UDP checksum");
	FUZZ_CHECK(ip->source == htonl(SERVER), "source");
	FUZZ_CHECK(memcmp(reply + 4, message + 4, 4) == 0, "transaction id");
	FUZZ_CHECK(ether_addr_get(reply + 28) == A_MAC, "chaddr");
	memcpy(&yiaddr, reply + 16, sizeof(yiaddr));
	FUZZ_CHECK(yiaddr == 0 || yiaddr == htonl(A), "yiaddr");
	check_options(reply + 240, outcome->len - HEADERS_LEN - 240);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dhcp_outcome outcome, again;
	size_t len;

	if (size < 1 || size > 4096)
		return 0;
	uint8_t flags = data[0];
	configure(flags);
	uint8_t *frame = make_frame(flags, data + 1, size - 1, &len);
	uint8_t *exact = malloc(len == 0 ? 1 : len); // no byte more, for the address sanitizer
	memcpy(exact, frame, len);
	struct dhcp_query query = {
		.service = &service,
		.host = flags & STRANGER ? NULL : &host,
		.mac = A_MAC,
		.held_until_ns = {flags & HELD ? 2 : 0},
		.now_ns = 1,
		.frame = exact,
		.len = len,
	};
	enum drop_reason reason = dhcp_answer(&query, &outcome);
	FUZZ_CHECK(dhcp_answer(&query, &again) == reason, "another reason");
	FUZZ_CHECK(again.len == outcome.len && memcmp(again.frame, outcome.frame, again.len) == 0,
		"another answer");
	FUZZ_CHECK(reason == N_DROP_REASONS || outcome.len == 0, "an answer to what dies");
	FUZZ_CHECK((outcome.event == DHCP_EVENT_NONE) == (outcome.address == 0), "event");
	if (outcome.len != 0)
		check_reply(&outcome, exact + HEADERS_LEN);
	free(exact);
	free(frame);
	return 0;
}
