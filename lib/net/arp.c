// SPDX-License-Identifier: BSD-3-Clause

#include "net/arp.h"

#include <arpa/inet.h>
#include <errno.h>

#include "net/headers.h"

#define ARP_HARDWARE_ETHERNET 1

STATIC_ASSERT_SIZE(struct arp_wire, ARP_LEN);

int arp_parse(const void *data, size_t len, struct arp *arp)
{
	const struct arp_wire *wire = data;

	if (len < sizeof(*wire))
		return -EINVAL;
	if (wire->hardware != htons(ARP_HARDWARE_ETHERNET) ||
		wire->protocol != htons(ETHER_TYPE_IPV4))
		return -EINVAL;
	if (wire->hardware_len != 6 || wire->protocol_len != 4)
		return -EINVAL;
	if (wire->op != htons(ARP_REQUEST) && wire->op != htons(ARP_REPLY))
		return -EINVAL;

	*arp = (struct arp){
		.op = ntohs(wire->op),
		.sender_mac = ether_addr_get(wire->sender_mac),
		.target_mac = ether_addr_get(wire->target_mac),
		.sender_ip = wire->sender_ip,
		.target_ip = wire->target_ip,
	};
	return 0;
}

void arp_build(const struct arp *arp, uint8_t data[ARP_LEN])
{
	struct arp_wire *wire = (struct arp_wire *)data;

	*wire = (struct arp_wire){
		.hardware = htons(ARP_HARDWARE_ETHERNET),
		.protocol = htons(ETHER_TYPE_IPV4),
		.hardware_len = 6,
		.protocol_len = 4,
		.op = htons(arp->op),
		.sender_ip = arp->sender_ip,
		.target_ip = arp->target_ip,
	};
	ether_addr_set(wire->sender_mac, arp->sender_mac);
	ether_addr_set(wire->target_mac, arp->target_mac);
}
