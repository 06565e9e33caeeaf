// SPDX-License-Identifier: BSD-3-Clause
// What a router changes in an IPv4 packet: addresses, ports, ICMP ids, TTL, and all checksums over
// them, incrementally (RFC 1624), so that a packet that was damaged before stays damaged. Pure: no
// state, nothing outside the packet is read or written.
//
// A UDP checksum of 0 stays 0, and one that becomes 0 is sent as 0xffff. Of SCTP only the addresses
// change, since its CRC can not be patched; of other protocols without ports as well.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "pipeline/inet.h"

// The two ends of a packet. For an ICMP query the id is in source_port and destination_port is 0.
struct nat_ends {
	rte_be32_t source;
	rte_be32_t destination;
	rte_be16_t source_port;
	rte_be16_t destination_port;
};

// The ends of a packet as they are. `ip` is of inet_read() or inet_read_quote().
struct nat_ends nat_ends_of(const struct inet *ip);
// Gives a packet, which starts at `l3` and is described by `ip`, the ends `to`. Of a fragment
// without an L4 header the addresses only.
void nat_rewrite(uint8_t *l3, const struct inet *ip, const struct nat_ends *to);
// Gives an ICMP error the addresses of `outer`, and the packet that it quotes the ends `quoted`, so
// that its receiver sees what it sent. False: the quote ends within its first 8 bytes behind the IP
// header, or is no IPv4 (icmp_err_bad); nothing has changed.
bool nat_rewrite_error(uint8_t *l3, const struct inet *ip, const struct nat_ends *outer,
	const struct nat_ends *quoted);

// One hop less; the TTL is not 0. The word of TTL and protocol gets less by 256, so that the
// checksum, its inverse, gets more; its carry counts again.
static inline void nat_decrement_ttl(struct ipv4_wire *ip)
{
	uint32_t checksum = (uint32_t)ip->checksum + RTE_BE16(0x0100);

	ip->checksum = (uint16_t)(checksum + (checksum >= 0xffff));
	ip->ttl--;
}
