// SPDX-License-Identifier: BSD-3-Clause
// Explicit congestion notification across a tunnel, RFC 6040 normal mode.

#pragma once

#include <stdbool.h>

#include "net/checksum.h"
#include "pipeline/packet.h"

enum ecn {
	ECN_NOT_ECT = 0,
	ECN_ECT1 = 1,
	ECN_ECT0 = 2,
	ECN_CE = 3,
};

static inline void ip4_set_ecn(uint8_t *ip, enum ecn ecn)
{
	struct ipv4_wire *header = (struct ipv4_wire *)ip;
	uint16_t old = load_16(ip);

	header->tos = (header->tos & ~3) | ecn;
	header->checksum = checksum_patch(header->checksum, old, load_16(ip));
}

// The traffic class of IPv6 lies across the first two bytes; ECN in bits 4 and 5 of the second.
static inline void ip6_set_ecn(uint8_t *ip, enum ecn ecn)
{
	ip[1] = (ip[1] & ~0x30) | ecn << 4;
}

// Merges what the outer header said into the inner frame at decapsulation. False: congestion was
// marked on a packet that can not carry the mark, and it must be dropped. A packet that is not IP
// knows nothing of congestion and passes.
static inline bool ecn_decapsulate(const struct packet *p)
{
	uint16_t ethertype;
	uint16_t l3 = packet_l3(p, &ethertype);
	uint8_t *ip = p->frame + l3;
	bool is_ip4 = ethertype == ETHER_TYPE_IPV4 && p->len >= l3 + IP4_LEN;
	bool is_ip6 = ethertype == ETHER_TYPE_IPV6 && p->len >= l3 + IP6_LEN;
	enum ecn outer = p->outer_ecn;

	if (!is_ip4 && !is_ip6)
		return true;
	enum ecn inner = is_ip4 ? ip[1] & 3 : ip[1] >> 4 & 3;

	if (outer == ECN_CE && inner == ECN_NOT_ECT)
		return false;
	if (outer == ECN_CE || (outer == ECN_ECT1 && inner == ECN_ECT0)) {
		if (is_ip4)
			ip4_set_ecn(ip, outer);
		else
			ip6_set_ecn(ip, outer);
	}
	return true;
}
