// SPDX-License-Identifier: BSD-3-Clause
// A packet on its way through the pipeline, and the Ethernet header it starts with.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include "net/headers.h"

// Lengths as plain numbers: a sizeof would make sums with them unsigned.
enum {
	ETHERNET_LEN = sizeof(struct ether_wire),
	VLAN_TAG_LEN = sizeof(struct vlan_wire),
	IP4_LEN = sizeof(struct ipv4_wire), // without options
	IP6_LEN = 40,
	UDP_LEN = sizeof(struct udp_wire),
	VXLAN_LEN = sizeof(struct vxlan_wire),
};

#define MAC_GROUP_BIT	 UINT64_C(0x010000000000)
#define IPV4_IS_FRAGMENT RTE_BE16(IPV4_MF | IPV4_OFFSET_MASK) // any of these bits

#define PACKET_TAG	    0x01 // has an outer 802.1Q tag, whose VID is in vid (also VID 0)
#define PACKET_TAG_IN_FRAME 0x02 // that tag is still in the frame; else the driver took it out
#define PACKET_TAG_BELOW    0x04 // a tag is part of the frame itself
#define PACKET_FROM_TUNNEL  0x08
#define PACKET_FLOOD	    0x10 // forward found no single place for it
#define PACKET_L4_GOOD	    0x20 // its L4 checksum was verified
#define PACKET_REPLY	    0x40 // it flows back in `session`

// One cache line. The comment says which stage fills a member in.
struct packet {
	struct rte_mbuf *mbuf;	   // parse: one segment, not shared
	uint8_t *frame;		   // parse, decap: the Ethernet header, first byte of the mbuf
	uint64_t source;	   // parse, decap: MAC; admit: FDB key
	uint64_t destination;	   // parse, decap: MAC; admit: FDB key
	uint32_t source_hash;	   // admit
	uint32_t destination_hash; // admit
	uint32_t session;	   // filter_out, track, route: id; 0: none (yet)
	uint16_t len;		   // L2 length; without the own tag once admitted
	uint16_t ethertype;	   // parse, decap: behind the own tag
	uint16_t in;		   // admit: attachment it came in by
	uint16_t out;		   // forward, flood: attachment it goes out by
	uint16_t care;		   // attachment that a drop is counted on
	uint16_t network;	   // admit
	uint16_t location;	   // admit: FDB location of the source; 0: behind an unknown VTEP
	uint16_t remote;	   // forward, flood: VTEP it goes to
	union {
		uint16_t vid;	   // parse to admit: of the outer tag
		uint16_t fragment; // from admit on; fragment: place in ctx->fragments, 0: none
	};
	uint8_t flags; // PACKET_*
	union {
		uint8_t outer_ecn; // decap to admit: of the tunnel's outer header, else 0
		uint8_t track;	   // from admit on: enum track_state of conntrack.h
	};
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct packet) == 64, "a packet is one cache line");

static inline uint16_t load_be16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return rte_be_to_cpu_16(value);
}

// 16, 32 and 64 bits as they lie in memory.
static inline uint16_t load_16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint32_t load_32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint64_t load_64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint64_t load_be64(const uint8_t *bytes)
{
	return rte_be_to_cpu_64(load_64(bytes));
}

// Fills in what an Ethernet header says; the frame has at least ETHERNET_LEN bytes.
static inline void packet_read_ethernet(struct packet *p)
{
	p->destination = load_be64(p->frame) >> 16;
	p->source = load_be64(p->frame + 4) & ETHER_BROADCAST;
	p->ethertype = load_be16(p->frame + 12);
}

// Writes the MACs of the frame.
static inline void packet_set_macs(struct packet *p, uint64_t destination, uint64_t source)
{
	uint64_t first = rte_cpu_to_be_64(destination << 16 | source >> 32);
	uint32_t last = rte_cpu_to_be_32((uint32_t)source);

	memcpy(p->frame, &first, sizeof(first));
	memcpy(p->frame + sizeof(first), &last, sizeof(last));
}

// Outer source address of a tunnel packet between decap and output, 0 for others. The outer headers
// still lie in front of the frame; decap lets no options pass, so that the distance is known.
static inline rte_be32_t packet_vtep(const struct packet *p)
{
	if (!(p->flags & PACKET_FROM_TUNNEL))
		return 0;
	return load_32(
		p->frame - VXLAN_LEN - UDP_LEN - IP4_LEN + offsetof(struct ipv4_wire, source));
}

static inline bool is_tag(uint16_t ethertype)
{
	return ethertype == ETHER_TYPE_VLAN || ethertype == ETHER_TYPE_QINQ;
}

// Offset of what the frame carries, and its ethertype: below tags that are part of the frame, as
// far as two go.
static inline uint16_t packet_l3(const struct packet *p, uint16_t *ethertype)
{
	uint16_t l3 = ETHERNET_LEN;

	*ethertype = p->ethertype;
	while (is_tag(*ethertype) && l3 < ETHERNET_LEN + 2 * VLAN_TAG_LEN &&
		l3 + VLAN_TAG_LEN <= p->len) {
		l3 += VLAN_TAG_LEN;
		*ethertype = load_be16(p->frame + l3 - 2);
	}
	return l3;
}

// The ARP packet at `l3`; NULL when it can not be true (P4.1).
static inline const struct arp_wire *packet_arp(const struct packet *p, uint16_t l3)
{
	const struct arp_wire *arp = (const struct arp_wire *)(p->frame + l3);

	if (p->len < l3 + sizeof(*arp) || arp->hardware != RTE_BE16(1) ||
		arp->protocol != RTE_BE16(ETHER_TYPE_IPV4) || arp->hardware_len != 6 ||
		arp->protocol_len != 4 || (arp->op != RTE_BE16(1) && arp->op != RTE_BE16(2)))
		return NULL;
	return arp;
}

// Makes the frame start `n` bytes later.
static inline void packet_advance(struct packet *p, uint16_t n)
{
	p->mbuf->data_off += n;
	p->mbuf->data_len -= n;
	p->mbuf->pkt_len -= n;
	p->frame += n;
}

// Makes room for `n` bytes in front of the frame; false when the buffer has none.
static inline bool packet_prepend(struct packet *p, uint16_t n)
{
	if (p->mbuf->data_off < n)
		return false;
	p->mbuf->data_off -= n;
	p->mbuf->data_len += n;
	p->mbuf->pkt_len += n;
	p->frame -= n;
	return true;
}

// Takes the outer tag away, so that the frame is what an instance would send.
static inline void packet_strip_tag(struct packet *p)
{
	if (p->flags & PACKET_TAG_IN_FRAME) {
		memmove(p->frame + VLAN_TAG_LEN, p->frame, 12);
		packet_advance(p, VLAN_TAG_LEN);
		p->len -= VLAN_TAG_LEN;
	}
	p->flags &= ~(PACKET_TAG | PACKET_TAG_IN_FRAME);
}

// Puts a tag behind the MACs; p->len does not count it. False when the buffer has no room.
static inline bool packet_push_tag(struct packet *p, uint16_t tci)
{
	uint8_t tag[4] = {ETHER_TYPE_VLAN >> 8, ETHER_TYPE_VLAN & 0xff, tci >> 8, tci & 0xff};

	if (!packet_prepend(p, VLAN_TAG_LEN))
		return false;
	memmove(p->frame, p->frame + VLAN_TAG_LEN, 12);
	memcpy(p->frame + 12, tag, sizeof(tag));
	return true;
}
