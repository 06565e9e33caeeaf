// SPDX-License-Identifier: BSD-3-Clause
// What stations tell of themselves and of packets: ARP, neighbour discovery, ICMP. What is read and
// written again is read as the same; an ICMP error is whole whatever it is about.
//
// The first byte of an input says what it is: 0 ARP, 1 neighbour discovery, 2 a packet to complain
// of. FIX makes checksums right.

#include "fuzz.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/arp.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "net/icmp.h"
#include "net/nd.h"

#define FIX 0x80

static void try_arp(const uint8_t *data, size_t len)
{
	uint8_t written[ARP_LEN];
	struct arp arp, again;

	if (arp_parse(data, len, &arp) != 0)
		return;
	arp_build(&arp, written);
	FUZZ_CHECK(memcmp(written, data, ARP_LEN) == 0, "what was read");
	FUZZ_CHECK(arp_parse(written, ARP_LEN, &again) == 0, "what was written");
}

static void fix_nd(uint8_t *data, size_t len)
{
	uint32_t pseudo[2] = {htonl((uint32_t)len - 40), htonl(IP_PROTOCOL_ICMPV6)};

	if (len < 44 || len > UINT16_MAX)
		return;
	data[4] = (uint8_t)((len - 40) >> 8);
	data[5] = (uint8_t)(len - 40);
	data[42] = data[43] = 0;
	uint32_t sum = checksum_add(checksum_add(0, data + 8, 32), pseudo, sizeof(pseudo));
	uint16_t checksum = (uint16_t)~checksum_fold(checksum_add(sum, data + 40, len - 40));
	memcpy(data + 42, &checksum, 2);
}

static void try_nd(const uint8_t *data, size_t len)
{
	struct nd nd, again;
	uint8_t written[ND_LEN];

	if (nd_parse(data, len, &nd) != 0)
		return;
	FUZZ_CHECK(nd.type == ND_SOLICITATION || nd.type == ND_ADVERTISEMENT, "%u", nd.type);
	if (nd.link_address == 0)
		return;
	nd_build(&nd, written);
	FUZZ_CHECK(nd_parse(written, sizeof(written), &again) == 0, "what was written");
	FUZZ_CHECK(again.link_address == nd.link_address && again.solicited == nd.solicited &&
			   again.router == nd.router && again.override == nd.override &&
			   ip_equal(&again.source, &nd.source) &&
			   ip_equal(&again.destination, &nd.destination) &&
			   ip_equal(&again.target, &nd.target),
		"another");
}

static void fix_ipv4(uint8_t *data, size_t len)
{
	struct ipv4_wire *ip = (struct ipv4_wire *)data;

	if (len < sizeof(*ip) || (ip->version_ihl & 0x0fu) * 4 > len)
		return;
	ip->checksum = 0;
	ip->checksum = checksum_of(ip, (ip->version_ihl & 0x0fu) * 4);
}

static void try_error(const uint8_t *data, size_t len)
{
	uint8_t message[ICMP_ERROR_LEN_MAX];
	struct icmp_quote quote;
	struct icmp icmp;

	icmp_parse_quote(data, len, &quote);
	if (!icmp_error_allowed(data, len))
		return;
	struct icmp_error error = {
		.type = ICMP_UNREACHABLE, .code = 3, .packet = data, .packet_len = len};
	size_t message_len = icmp_error_build(&error, 7, message);
	FUZZ_CHECK(message_len >= 48 && message_len <= ICMP_ERROR_LEN_MAX, "%zu", message_len);
	FUZZ_CHECK(checksum_of(message, 20) == 0, "IPv4 checksum");
	FUZZ_CHECK(icmp_parse(message + 20, message_len - 20, &icmp) == 0, "ICMP checksum");
	FUZZ_CHECK(memcmp(message + 28, data, message_len - 28) == 0, "quote");
	message[12] = 10; // from a host, so that only its type forbids an error about it
	fix_ipv4(message, message_len);
	FUZZ_CHECK(!icmp_error_allowed(message, message_len), "an error about an error");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	size_t len = size - 1;
	uint8_t *packet = malloc(len == 0 ? 1 : len);
	memcpy(packet, data + 1, len);
	switch (data[0] & ~FIX) {
	case 0:
		try_arp(packet, len);
		break;
	case 1:
		if (data[0] & FIX)
			fix_nd(packet, len);
		try_nd(packet, len);
		break;
	case 2:
		if (data[0] & FIX)
			fix_ipv4(packet, len);
		try_error(packet, len);
		break;
	}
	free(packet);
	return 0;
}
