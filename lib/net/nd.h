// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery for IPv6 (RFC 4861): solicitations and advertisements, whole IPv6 packets
// <-> structure.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/addr.h"

#define ND_SOLICITATION	 135
#define ND_ADVERTISEMENT 136

#define ND_LEN 72 // of what weft sends: IPv6 header, message, link-layer address option

struct nd {
	uint8_t type; // ND_SOLICITATION or ND_ADVERTISEMENT
	bool router;  // advertisement: flags R, S and O
	bool solicited;
	bool override;
	struct ip_addr source; // of the IPv6 header; :: in duplicate address detection
	struct ip_addr destination;
	struct ip_addr target;
	uint64_t link_address; // source (solicitation) or target link-layer address, 0: none
};

// Reads what follows the Ethernet header. -ENOMSG when it is another packet than these two, -EINVAL
// when it breaks a rule of RFC 4861 sections 7.1.1 and 7.1.2, -EBADMSG when its checksum is wrong.
int nd_parse(const void *data, size_t len, struct nd *nd);
// The packet from the IPv6 header on, with link_address as option (which must not be 0).
void nd_build(const struct nd *nd, uint8_t data[ND_LEN]);

// ff02::1; the MAC of an IPv6 multicast address.
struct ip_addr nd_all_nodes(void);
uint64_t nd_multicast_mac(const struct ip_addr *group);
