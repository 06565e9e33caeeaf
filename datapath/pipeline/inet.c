// SPDX-License-Identifier: BSD-3-Clause

#include <rte_branch_prediction.h>

#include "pipeline/inet.h"
#include "pipeline/sum.h"

#define MAX_EXTENSIONS 8 // of IPv6; a real packet has two or three

// Extension headers of IPv6, by their number.
enum {
	IP6_HOP_BY_HOP = 0,
	IP6_ROUTING = 43,
	IP6_AUTHENTICATION = 51,
	IP6_DESTINATION = 60,
};

// ---- IPv6 -------------------------------------------------------------------------------------

// Length of an extension header of which 8 bytes are there; 0: it is none.
static unsigned extension_len(uint8_t next, const uint8_t *header)
{
	switch (next) {
	case IP6_HOP_BY_HOP:
	case IP6_ROUTING:
	case IP6_DESTINATION:
		return (header[1] + 1u) * 8;
	case IP6_AUTHENTICATION:
		return (header[1] + 2u) * 4;
	case IP6_FRAGMENT:
		return 8;
	default:
		return 0;
	}
}

bool inet_is_extension(uint8_t next)
{
	static const uint8_t any[8];

	return extension_len(next, any) != 0;
}

// An offset of 0 and no more to come is a whole packet all the same (RFC 6946).
static enum inet_fragment ip6_fragment(const uint8_t *header)
{
	uint16_t word = load_be16(header + 2);

	if (word & 0xfff8)
		return INET_LATER;
	return word & 1 ? INET_FIRST : INET_WHOLE;
}

// Goes along the extension headers to what they lead to.
static bool ip6_walk(struct inet *ip)
{
	for (unsigned i = 0; inet_is_extension(ip->protocol); i++) {
		if (i == MAX_EXTENSIONS || ip->l4_len < 8)
			return false;
		unsigned len = extension_len(ip->protocol, ip->l4);

		if (len > ip->l4_len)
			return false;
		if (ip->protocol == IP6_FRAGMENT) {
			if (ip->fragment_header != NULL)
				return false; // fragments of a fragment are nobody's
			ip->fragment_header = ip->l4;
			ip->fragment = ip6_fragment(ip->l4);
		}
		ip->protocol = ip->l4[0];
		ip->l4 += len;
		ip->l4_len -= len;
		if (ip->fragment == INET_LATER)
			break;
	}
	return true;
}

static bool ip6_fill(struct inet *ip, const uint8_t *l3, uint16_t len)
{
	*ip = (struct inet){
		.l3 = l3,
		.l4 = l3 + IP6_LEN,
		.source = l3 + 8,
		.destination = l3 + 24,
		.l3_len = len,
		.l4_len = (uint16_t)(len - IP6_LEN),
		.family = 6,
		.protocol = l3[6],
		.fragment = INET_WHOLE,
	};
	if (!ip6_walk(ip))
		return false;
	inet_read_ports(ip);
	return true;
}

enum drop_reason inet_read_ip6(struct inet *ip, const uint8_t *l3, uint16_t available)
{
	if (available < IP6_LEN || l3[0] >> 4 != 6)
		return DROP_IP6_MALFORMED;
	uint16_t payload_len = load_be16(l3 + 4);

	if (payload_len > available - IP6_LEN)
		return DROP_IP6_MALFORMED;
	if (!ip6_fill(ip, l3, IP6_LEN + payload_len))
		return ip->fragment == INET_FIRST ? DROP_FRAG_TINY : DROP_IP6_MALFORMED;
	return INET_OK;
}

// ---- both -------------------------------------------------------------------------------------

void inet_set_l4(struct inet *ip, uint8_t protocol, const uint8_t *l4, uint16_t l4_len)
{
	ip->protocol = protocol;
	ip->l4 = l4;
	ip->l4_len = l4_len;
	ip->fragment = INET_FIRST;
	inet_read_ports(ip);
}

bool inet_read_quote(struct inet *ip, const uint8_t *l3, uint16_t available, uint8_t family)
{
	if (family == 4) {
		uint16_t header_len = available < IP4_LEN ? 0 : inet_ip4_header_len(l3);

		if (header_len == 0 || header_len > available)
			return false;
		inet_fill_ip4(ip, l3, header_len, available);
	} else {
		if (available < IP6_LEN || l3[0] >> 4 != 6 || !ip6_fill(ip, l3, available))
			return false;
	}
	return ip->fragment != INET_LATER;
}

uint64_t inet_sum_bulk(const uint8_t *bytes, unsigned n_words)
{
	return sum_words(bytes, n_words); // the compiler makes vectors of it
}

bool inet_checksum_unfinished(const struct inet *ip, uint64_t pseudo)
{
	bool is_tcp = ip->protocol == IP_PROTOCOL_TCP;

	return (is_tcp || ip->protocol == IP_PROTOCOL_UDP) &&
	       load_16(ip->l4 + (is_tcp ? 16 : 6)) == sum_fold(pseudo);
}
