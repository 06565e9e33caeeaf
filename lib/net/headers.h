// SPDX-License-Identifier: BSD-3-Clause
// Wire layouts. Multi-byte members are in network byte order; every structure can be laid over any
// byte of a frame: it is packed, and the compiler is told that the bytes have other types as well.
// Lengths are checked by who lays them.

#pragma once

#include <stdint.h>

#include "base/util.h"

#define WIRE __attribute__((packed, may_alias))

#define ETHER_TYPE_IPV4 0x0800
#define ETHER_TYPE_ARP	0x0806
#define ETHER_TYPE_VLAN 0x8100
#define ETHER_TYPE_IPV6 0x86dd
#define ETHER_TYPE_QINQ 0x88a8

#define ETHER_BROADCAST UINT64_C(0xffffffffffff)
#define ETHER_MIN_LEN	60 // without FCS

#define IP_PROTOCOL_ICMP    1
#define IP_PROTOCOL_IGMP    2
#define IP_PROTOCOL_TCP	    6
#define IP_PROTOCOL_UDP	    17
#define IP_PROTOCOL_DCCP    33
#define IP_PROTOCOL_ICMPV6  58
#define IP_PROTOCOL_SCTP    132
#define IP_PROTOCOL_UDPLITE 136

#define IPV4_DF		 0x4000
#define IPV4_MF		 0x2000
#define IPV4_OFFSET_MASK 0x1fff

#define VXLAN_FLAG_I 0x08

struct ether_wire {
	uint8_t destination[6];
	uint8_t source[6];
	uint16_t type;
} WIRE;

STATIC_ASSERT_SIZE(struct ether_wire, 14);

// Follows an Ethernet header whose type is ETHER_TYPE_VLAN.
struct vlan_wire {
	uint16_t tci; // PCP 3 bits, DEI 1, VID 12
	uint16_t type;
} WIRE;

STATIC_ASSERT_SIZE(struct vlan_wire, 4);

// ARP for IPv4 over Ethernet (RFC 826).
struct arp_wire {
	uint16_t hardware; // 1
	uint16_t protocol; // 0x0800
	uint8_t hardware_len;
	uint8_t protocol_len;
	uint16_t op;
	uint8_t sender_mac[6];
	uint32_t sender_ip;
	uint8_t target_mac[6];
	uint32_t target_ip;
} WIRE;

STATIC_ASSERT_SIZE(struct arp_wire, 28);

struct ipv4_wire {
	uint8_t version_ihl;
	uint8_t tos;
	uint16_t total_len;
	uint16_t id;
	uint16_t fragment; // IPV4_DF, IPV4_MF, offset
	uint8_t ttl;
	uint8_t protocol;
	uint16_t checksum;
	uint32_t source;
	uint32_t destination;
} WIRE;

STATIC_ASSERT_SIZE(struct ipv4_wire, 20);

struct udp_wire {
	uint16_t source;
	uint16_t destination;
	uint16_t len;
	uint16_t checksum;
} WIRE;

STATIC_ASSERT_SIZE(struct udp_wire, 8);

struct vxlan_wire {
	uint8_t flags;
	uint8_t reserved[3];
	uint8_t vni[3];
	uint8_t reserved_last;
} WIRE;

STATIC_ASSERT_SIZE(struct vxlan_wire, 8);

struct icmp_wire {
	uint8_t type;
	uint8_t code;
	uint16_t checksum;
	uint16_t word0; // echo: identifier; type 3 code 4: unused
	uint16_t word1; // echo: sequence number; type 3 code 4: next-hop MTU
} WIRE;

STATIC_ASSERT_SIZE(struct icmp_wire, 8);

// IGMPv1 and v2 messages, and the start of a v3 query (RFC 2236, RFC 3376).
struct igmp_wire {
	uint8_t type;
	uint8_t code; // maximum response time, coded
	uint16_t checksum;
	uint32_t group;
} WIRE;

STATIC_ASSERT_SIZE(struct igmp_wire, 8);

struct igmp3_query_wire {
	struct igmp_wire v2;
	uint8_t s_qrv; // suppress flag, querier's robustness
	uint8_t qqic;  // querier's interval, coded
	uint16_t n_sources;
} WIRE;

STATIC_ASSERT_SIZE(struct igmp3_query_wire, 12);

struct igmp3_report_wire {
	uint8_t type;
	uint8_t reserved0;
	uint16_t checksum;
	uint16_t reserved1;
	uint16_t n_records;
} WIRE;

STATIC_ASSERT_SIZE(struct igmp3_report_wire, 8);

struct igmp3_record_wire {
	uint8_t type;
	uint8_t aux_len;
	uint16_t n_sources;
	uint32_t group;
} WIRE;

STATIC_ASSERT_SIZE(struct igmp3_record_wire, 8);

// MAC octets <-> the low 48 bits of an integer, first octet highest.
static inline uint64_t ether_addr_get(const uint8_t octets[6])
{
	uint64_t mac = 0;

	for (unsigned i = 0; i < 6; i++)
		mac = mac << 8 | octets[i];
	return mac;
}

static inline void ether_addr_set(uint8_t octets[6], uint64_t mac)
{
	for (unsigned i = 6; i-- > 0; mac >>= 8)
		octets[i] = (uint8_t)mac;
}

// MAC of an IPv4 multicast group: 01:00:5e and its low 23 bits. `group` in host order.
static inline uint64_t ether_multicast(uint32_t group)
{
	return UINT64_C(0x01005e000000) | (group & 0x7fffff);
}
