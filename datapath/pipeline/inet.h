// SPDX-License-Identifier: BSD-3-Clause
// Where the parts of an IPv4 or IPv6 packet are, and whether its header can be true (P5). Every
// read is bounded by what is there; nothing behind the packet's own length is looked at.
//
// Drops: ip4_malformed, ip4_csum, ip6_malformed; frag_tiny for a first fragment that ends within
// the extension headers.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>

#include "net/headers.h"
#include "pipeline/sum.h"
#include "tables/counters.h"

#define INET_OK N_DROP_REASONS // no reason to drop it

#define IP6_FRAGMENT 44 // the fragment header of IPv6, as a protocol

enum inet_fragment {
	INET_WHOLE,
	INET_FIRST, // of several; the L4 header is here, the rest of the payload is not
	INET_LATER, // no L4 header here
};

struct inet {
	const uint8_t *l3; // IP header
	const uint8_t *l4; // what follows it, and the extension headers of IPv6
	const uint8_t *source;
	const uint8_t *destination;
	const uint8_t *fragment_header; // of IPv6; NULL: none
	uint16_t l3_len;		// IPv4 total length; IPv6 payload length + 40
	uint16_t l4_len;		// bytes from l4 on that belong to the packet
	uint16_t source_port;		// host order; 0 when not there
	uint16_t destination_port;	// likewise
	uint8_t family;			// 4 or 6
	uint8_t protocol;		// of what l4 points to
	uint8_t fragment;		// enum inet_fragment
};

// Whether the L4 header of a protocol starts with a source and a destination port.
static inline bool inet_has_ports(uint8_t protocol)
{
	return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP ||
	       protocol == IP_PROTOCOL_SCTP || protocol == IP_PROTOCOL_DCCP ||
	       protocol == IP_PROTOCOL_UDPLITE;
}

static inline void inet_read_ports(struct inet *ip)
{
	if (ip->fragment == INET_LATER || ip->l4_len < 4 || !inet_has_ports(ip->protocol))
		return;
	ip->source_port = load_be16(ip->l4);
	ip->destination_port = load_be16(ip->l4 + 2);
}

// Length of the IPv4 header at `l3`, of which the first byte is looked at; 0: it is none. Nearly
// all have no options: what depends on the length is known for them.
static inline uint16_t inet_ip4_header_len(const uint8_t *l3)
{
	uint16_t len = (l3[0] & 0xf) * 4;

	if (likely(l3[0] == (4 << 4 | IP4_LEN / 4)))
		return IP4_LEN;
	return l3[0] >> 4 == 4 && len >= IP4_LEN ? len : 0;
}

// Checks the header of an IPv4 packet of which `available` bytes, padding included, are there.
// INET_OK, and the header's length, or why the packet dies.
static inline enum drop_reason inet_check_ip4(
	const uint8_t *l3, uint16_t available, uint16_t *header_len)
{
	if (unlikely(available < IP4_LEN))
		return DROP_IP4_MALFORMED;
	uint16_t total_len = load_be16(l3 + 2);

	*header_len = inet_ip4_header_len(l3);
	if (unlikely(*header_len == 0 || total_len < *header_len || total_len > available))
		return DROP_IP4_MALFORMED;
	uint64_t sum = sum_words(l3, IP4_LEN / 4);

	if (unlikely(*header_len != IP4_LEN))
		sum += sum_words(l3 + IP4_LEN, (*header_len - IP4_LEN) / 4);
	return likely(sum_is_right(sum)) ? INET_OK : DROP_IP4_CSUM;
}

static inline void inet_fill_ip4(
	struct inet *ip, const uint8_t *l3, uint16_t header_len, uint16_t len)
{
	uint16_t word = load_be16(l3 + 6);

	*ip = (struct inet){
		.l3 = l3,
		.l4 = l3 + header_len,
		.source = l3 + 12,
		.destination = l3 + 16,
		.l3_len = len,
		.l4_len = len - header_len,
		.family = 4,
		.protocol = l3[9],
		.fragment = word & IPV4_OFFSET_MASK ? INET_LATER
			    : word & IPV4_MF	    ? INET_FIRST
						    : INET_WHOLE,
	};
	inet_read_ports(ip);
}

// The same as inet_read(), of one family.
static inline enum drop_reason inet_read_ip4(struct inet *ip, const uint8_t *l3, uint16_t available)
{
	uint16_t header_len;
	enum drop_reason reason = inet_check_ip4(l3, available, &header_len);

	if (likely(reason == INET_OK))
		inet_fill_ip4(ip, l3, header_len, load_be16(l3 + 2));
	return reason;
}

enum drop_reason inet_read_ip6(struct inet *ip, const uint8_t *l3, uint16_t available);

// Reads a packet of which `available` bytes, padding included, are there. INET_OK or why it dies.
// `ethertype` is that of IPv4 or IPv6.
static inline enum drop_reason inet_read(
	struct inet *ip, const uint8_t *l3, uint16_t available, uint16_t ethertype)
{
	return likely(ethertype == ETHER_TYPE_IPV4) ? inet_read_ip4(ip, l3, available)
						    : inet_read_ip6(ip, l3, available);
}

// Reads as much of a packet as an ICMP error quotes: the end may be missing. False when it can not
// be true, or when its L4 header does not begin there.
bool inet_read_quote(struct inet *ip, const uint8_t *l3, uint16_t available, uint8_t family);

// Gives a fragment without an L4 header that of the first one, or as much of it as is known.
void inet_set_l4(struct inet *ip, uint8_t protocol, const uint8_t *l4, uint16_t l4_len);

// Whether a number of an IPv6 "next header" is an extension header.
bool inet_is_extension(uint8_t next);

// ---- the checksum of L4 -----------------------------------------------------------------------

#define INET_BULK_MIN 96 // bytes from which on vectors pay

uint64_t inet_sum_bulk(const uint8_t *bytes, unsigned n_words);
// Whether a kernel left the checksum to hardware: it is then the sum of the pseudo header.
bool inet_checksum_unfinished(const struct inet *ip, uint64_t pseudo);

static inline uint64_t inet_sum_pseudo(const struct inet *ip, uint16_t len)
{
	uint64_t sum = (uint64_t)rte_cpu_to_be_16(len) + rte_cpu_to_be_16(ip->protocol);

	if (likely(ip->family == 4))
		return sum_add(sum, load_64(ip->source)); // behind it is the destination
	return sum + sum_words(ip->source, 8);
}

// Sum over what an IP header carries, at least 8 bytes.
static inline uint64_t inet_sum_l4(const uint8_t *bytes, uint16_t len)
{
	const uint8_t *end = bytes + (len & ~7u);
	unsigned rest = len & 7;
	uint64_t sum = 0;

	if (unlikely(len >= INET_BULK_MIN)) {
		sum = inet_sum_bulk(bytes, (len & ~7u) / 4);
		bytes = end;
	}
	for (; bytes < end; bytes += 8)
		sum = sum_add(sum, load_64(bytes));
	if (rest != 0) {
		// The last 8 bytes, without those that were added.
		uint64_t last = rte_le_to_cpu_64(load_64(end + rest - 8)) >> (8 - rest) * 8;

		sum = sum_add(sum, rte_cpu_to_le_64(last));
	}
	return sum;
}

// Whether the checksum of a whole TCP, UDP, ICMP or ICMPv6 packet is right, or was left to hardware
// by a kernel. UDP may have none. The L4 header is there in full; `len`: what the checksum covers,
// at least 8, at most ip->l4_len.
static inline bool inet_checksum_right(const struct inet *ip, uint16_t len)
{
	if (ip->protocol == IP_PROTOCOL_UDP && load_16(ip->l4 + 6) == 0)
		return true;
	uint64_t pseudo = ip->protocol == IP_PROTOCOL_ICMP ? 0 : inet_sum_pseudo(ip, len);

	return likely(sum_is_right(sum_add(inet_sum_l4(ip->l4, len), pseudo))) ||
	       inet_checksum_unfinished(ip, pseudo);
}
