// SPDX-License-Identifier: BSD-3-Clause
// A checksum changes by the difference of the words it covers: ~old + new of each, added up
// unfolded. 32-bit words may be added as they are, since 2^16 = 1 in this arithmetic.

#include <string.h>

#include "net/headers.h"
#include "net/icmp.h"
#include "pipeline/nat_rewrite.h"
#include "pipeline/sum.h"

#define ICMP_CHECKSUM 2
#define ICMP_ID	      4
#define ICMP_LEN      8
#define QUOTE_MIN     8 // bytes behind the IP header that an error must quote

static uint64_t set_16(uint8_t *field, uint16_t value)
{
	uint64_t difference = (uint64_t)(uint16_t)~load_16(field) + value;

	memcpy(field, &value, sizeof(value));
	return difference;
}

static uint64_t set_32(uint8_t *field, uint32_t value)
{
	uint64_t difference = (uint64_t)(uint32_t)~load_32(field) + value;

	memcpy(field, &value, sizeof(value));
	return difference;
}

// Returns by how much the checksum itself changes what covers it.
static uint64_t patch(uint8_t *checksum, uint64_t difference)
{
	return set_16(checksum, sum_invert(sum_fold(sum_invert(load_16(checksum)) + difference)));
}

static uint64_t patch_udp(uint8_t *checksum, uint64_t difference)
{
	if (load_16(checksum) == 0)
		return 0;
	uint16_t value = sum_invert(sum_fold(sum_invert(load_16(checksum)) + difference));

	return set_16(checksum, value == 0 ? 0xffff : value);
}

static bool is_icmp_query(const struct inet *ip)
{
	uint8_t type = ip->l4[0];

	return type == ICMP_ECHO_REPLY || type == ICMP_ECHO_REQUEST || (type >= 13 && type <= 18);
}

// Both, as they lie in the header.
static uint32_t ports_of(const struct nat_ends *ends)
{
	const uint16_t words[2] = {ends->source_port, ends->destination_port};
	uint32_t ports;

	memcpy(&ports, words, sizeof(ports));
	return ports;
}

static uint64_t rewrite_icmp(uint8_t *icmp, const struct inet *ip, const struct nat_ends *to)
{
	if (ip->l4_len < ICMP_LEN || !is_icmp_query(ip))
		return 0;
	uint64_t id = set_16(icmp + ICMP_ID, to->source_port);

	return id + patch(icmp + ICMP_CHECKSUM, id);
}

static uint64_t rewrite_ports(uint8_t *l4, const struct inet *ip, const struct nat_ends *to)
{
	return ip->l4_len >= 4 ? set_32(l4, ports_of(to)) : 0;
}

// Returns by how much what covers the L4 header changes; `difference` is that of the addresses. The
// checksum covers them and the ports, as far as the packet goes.
static uint64_t rewrite_l4(
	uint8_t *l4, const struct inet *ip, const struct nat_ends *to, uint64_t difference)
{
	uint64_t ports;

	if (ip->fragment == INET_LATER)
		return 0;
	switch (ip->protocol) {
	case IP_PROTOCOL_ICMP:
		return rewrite_icmp(l4, ip, to);
	case IP_PROTOCOL_TCP:
		ports = rewrite_ports(l4, ip, to);
		return ports + (ip->l4_len >= 18 ? patch(l4 + 16, difference + ports) : 0);
	case IP_PROTOCOL_UDP:
	case IP_PROTOCOL_UDPLITE: // 0 would mean that there is none, which it must have
		ports = rewrite_ports(l4, ip, to);
		return ports + (ip->l4_len >= 8 ? patch_udp(l4 + 6, difference + ports) : 0);
	case IP_PROTOCOL_DCCP:
		ports = rewrite_ports(l4, ip, to);
		return ports + (ip->l4_len >= 8 ? patch(l4 + 6, difference + ports) : 0);
	default:
		return 0;
	}
}

static uint64_t rewrite_addresses(uint8_t *l3, const struct nat_ends *to)
{
	return set_32(l3 + offsetof(struct ipv4_wire, source), to->source) +
	       set_32(l3 + offsetof(struct ipv4_wire, destination), to->destination);
}

static uint64_t patch_ip(uint8_t *l3, uint64_t difference)
{
	return patch(l3 + offsetof(struct ipv4_wire, checksum), difference);
}

// Returns by how much the sum over all bytes of the packet changes.
static uint64_t rewrite(uint8_t *l3, const struct inet *ip, const struct nat_ends *to)
{
	uint64_t addresses = rewrite_addresses(l3, to);
	uint64_t header = addresses + patch_ip(l3, addresses);

	return header + rewrite_l4(l3 + (ip->l4 - ip->l3), ip, to, addresses);
}

struct nat_ends nat_ends_of(const struct inet *ip)
{
	struct nat_ends ends = {
		.source = load_32(ip->source),
		.destination = load_32(ip->destination),
		.source_port = rte_cpu_to_be_16(ip->source_port),
		.destination_port = rte_cpu_to_be_16(ip->destination_port),
	};

	if (ip->protocol == IP_PROTOCOL_ICMP && ip->fragment != INET_LATER &&
		ip->l4_len >= ICMP_LEN && is_icmp_query(ip))
		ends.source_port = load_16(ip->l4 + ICMP_ID);
	return ends;
}

void nat_rewrite(uint8_t *l3, const struct inet *ip, const struct nat_ends *to)
{
	rewrite(l3, ip, to);
}

bool nat_rewrite_error(uint8_t *l3, const struct inet *ip, const struct nat_ends *outer,
	const struct nat_ends *quoted)
{
	uint8_t *icmp = l3 + (ip->l4 - ip->l3);
	uint8_t *quote = icmp + ICMP_LEN;
	struct inet quoted_ip;

	if (ip->l4_len < ICMP_LEN || !inet_read_quote(&quoted_ip, quote, ip->l4_len - ICMP_LEN, 4))
		return false;
	if (quoted_ip.l4_len < QUOTE_MIN)
		return false;
	patch(icmp + ICMP_CHECKSUM, rewrite(quote, &quoted_ip, quoted));
	patch_ip(l3, rewrite_addresses(l3, outer));
	return true;
}
