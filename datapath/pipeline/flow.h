// SPDX-License-Identifier: BSD-3-Clause
// What encap needs to know about an inner frame, read once: flow hash for the source port, TOS, DF
// and, where it can be told without walking the payload, the sum over the frame.
//
// Tolerates anything: a frame whose IP header can not be true counts as no IP.

#pragma once

#include "pipeline/sum.h"
#include "pipeline/worker_ctx.h"

struct flow {
	uint32_t hash;
	uint8_t tos; // traffic class; 0 when not IP
	bool is_ip4;
	bool df;	// IPv4 with DF
	bool sum_known; // sum holds
	uint64_t sum;	// one's complement sum over the frame, not folded
};

static inline uint32_t flow_hash(const uint64_t seed[2], uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)(a ^ seed[0]) * (b ^ seed[1]);
	uint64_t folded = (uint64_t)(product >> 64) ^ (uint64_t)product;

	return (uint32_t)(folded >> 32) ^ (uint32_t)folded;
}

// Offset of the checksum in a TCP or UDP header and its least length; 0: no such protocol.
static inline unsigned l4_checksum_offset(uint8_t protocol)
{
	return protocol == IP_PROTOCOL_TCP ? 16 : protocol == IP_PROTOCOL_UDP ? 6 : 0;
}

static inline unsigned l4_header_len(uint8_t protocol)
{
	return protocol == IP_PROTOCOL_TCP ? 20 : 8;
}

// An inner TCP or UDP packet: where its parts are.
struct flow_l4 {
	const uint8_t *ip;
	const uint8_t *l4;
	uint16_t ip_len; // header
	uint16_t l4_len;
	uint8_t protocol;
	uint64_t address_sum;
};

// A segment whose checksum is right sums up, together with its pseudo header, to 0: so its own sum
// is the inverse of the pseudo header's. If the packet was damaged, the outer checksum is wrong for
// the same reason as the inner one, and the receiver drops what it would drop anyway. The sum of a
// pseudo header alone in the checksum field is a checksum that a kernel left for hardware to
// finish.
static inline void flow_derive_sum(
	struct flow *flow, const struct packet *p, const struct flow_l4 *l4)
{
	unsigned offset = l4_checksum_offset(l4->protocol);
	const uint8_t *end = l4->l4 + l4->l4_len;
	uint16_t trailer_len = p->frame + p->len - end;

	if (offset == 0 || l4->l4_len < l4_header_len(l4->protocol))
		return;
	// What lies behind a UDP datagram in its packet is not covered.
	if (l4->protocol == IP_PROTOCOL_UDP && load_be16(l4->l4 + 4) != l4->l4_len)
		return;
	uint16_t checksum = load_16(l4->l4 + offset);
	uint16_t pseudo = sum_fold(
		l4->address_sum + rte_cpu_to_be_16(l4->protocol) + rte_cpu_to_be_16(l4->l4_len));

	if (checksum == 0 || checksum == pseudo)
		return;
	// In front of the IP header are whole words and a half.
	flow->sum = sum_words(p->frame, (l4->ip - p->frame) / 4) + load_16(l4->ip - 2) +
		    sum_words(l4->ip, l4->ip_len / 4) + sum_invert(pseudo);
	if (trailer_len != 0) {
		uint16_t trailer = sum_bytes(end, trailer_len);

		// Behind an odd number of bytes, words are the other way round.
		flow->sum += l4->l4_len & 1 ? rte_bswap16(trailer) : trailer;
	}
	flow->sum_known = true;
}

static inline bool has_ports(uint8_t protocol)
{
	return protocol == IP_PROTOCOL_TCP || protocol == IP_PROTOCOL_UDP ||
	       protocol == IP_PROTOCOL_SCTP;
}

static inline bool flow_read_ip4(struct flow *flow, const struct worker_ctx *ctx,
	const struct packet *p, uint16_t l3, bool sum)
{
	const struct ipv4_wire *ip = (const struct ipv4_wire *)(p->frame + l3);
	uint16_t available = p->len - l3;

	if (available < IP4_LEN)
		return false;
	uint16_t header_len = inet_ip4_header_len(p->frame + l3);
	uint16_t total_len = rte_be_to_cpu_16(ip->total_len);

	if (unlikely(header_len == 0 || total_len < header_len || total_len > available))
		return false;
	const uint8_t *l4 = (const uint8_t *)ip + header_len;
	uint16_t l4_len = total_len - header_len;
	bool fragment = ip->fragment & IPV4_IS_FRAGMENT;
	bool ports = has_ports(ip->protocol) && !fragment && l4_len >= 4;

	flow->is_ip4 = true;
	flow->df = (ip->fragment & RTE_BE16(IPV4_DF)) != 0;
	flow->tos = ip->tos;
	flow->hash = flow_hash(ctx->tables->flow_seed, (uint64_t)ip->source << 32 | ip->destination,
		(uint64_t)ip->protocol << 32 | (ports ? load_32(l4) : 0));
	if (sum && !fragment) {
		struct flow_l4 parts = {
			.ip = (const uint8_t *)ip,
			.l4 = l4,
			.ip_len = header_len,
			.l4_len = l4_len,
			.protocol = ip->protocol,
			.address_sum = (uint64_t)ip->source + ip->destination,
		};

		flow_derive_sum(flow, p, &parts);
	}
	return true;
}

// Extension headers are not followed: such packets hash by addresses and next header, and their
// sum is not derived.
static inline bool flow_read_ip6(struct flow *flow, const struct worker_ctx *ctx,
	const struct packet *p, uint16_t l3, bool sum)
{
	const uint8_t *ip = p->frame + l3;
	uint16_t available = p->len - l3;

	if (available < IP6_LEN || ip[0] >> 4 != 6 || load_be16(ip + 4) > available - IP6_LEN)
		return false;
	struct flow_l4 l4 = {
		.ip = ip,
		.l4 = ip + IP6_LEN,
		.ip_len = IP6_LEN,
		.l4_len = load_be16(ip + 4),
		.protocol = ip[6],
		.address_sum = sum_words(ip + 8, 8),
	};
	bool ports = has_ports(l4.protocol) && l4.l4_len >= 4;
	uint64_t words[4];

	memcpy(words, ip + 8, sizeof(words));
	flow->tos = ip[0] << 4 | ip[1] >> 4;
	flow->hash = flow_hash(ctx->tables->flow_seed,
		flow_hash(ctx->tables->flow_seed, words[0], words[1]) |
			(uint64_t)flow_hash(ctx->tables->flow_seed, words[2], ~words[3]) << 32,
		(uint64_t)l4.protocol << 32 | (ports ? load_32(l4.l4) : 0));
	if (sum)
		flow_derive_sum(flow, p, &l4);
	return true;
}

// `sum`: try to find the frame's sum as well.
static inline struct flow flow_read(const struct worker_ctx *ctx, const struct packet *p, bool sum)
{
	uint64_t verdict = p->mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	struct flow flow = {0};
	uint16_t ethertype;
	uint16_t l3 = packet_l3(p, &ethertype);

	// BAD, or NONE: not finished in the frame
	if (verdict & RTE_MBUF_F_RX_L4_CKSUM_BAD)
		sum = false;
	if (likely(ethertype == ETHER_TYPE_IPV4) && flow_read_ip4(&flow, ctx, p, l3, sum))
		return flow;
	if (ethertype == ETHER_TYPE_IPV6 && flow_read_ip6(&flow, ctx, p, l3, sum))
		return flow;
	flow.hash = flow_hash(ctx->tables->flow_seed, load_be64(p->frame) >> 16,
		(uint64_t)ethertype << 48 | (load_be64(p->frame + 4) & ETHER_BROADCAST));
	return flow;
}
