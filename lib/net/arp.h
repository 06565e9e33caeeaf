// SPDX-License-Identifier: BSD-3-Clause
// ARP for IPv4 over Ethernet (RFC 826): bytes <-> structure.

#pragma once

#include <stddef.h>
#include <stdint.h>

#define ARP_REQUEST 1
#define ARP_REPLY   2
#define ARP_LEN	    28

struct arp {
	uint16_t op;	     // ARP_REQUEST or ARP_REPLY
	uint64_t sender_mac; // low 48 bits
	uint64_t target_mac;
	uint32_t sender_ip; // network order
	uint32_t target_ip;
};

// Reads what follows the Ethernet header. -EINVAL when it is shorter than ARP_LEN, not Ethernet
// and IPv4 with their address lengths, or neither a request nor a reply.
int arp_parse(const void *data, size_t len, struct arp *arp);
void arp_build(const struct arp *arp, uint8_t data[ARP_LEN]);
