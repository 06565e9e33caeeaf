// SPDX-License-Identifier: BSD-3-Clause
// What the host stacks of the slow path have in common, be they of the underlay or of a network:
// reading a frame, putting headers before an answer.

#include "slowpath/internal.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/checksum.h"
#include "net/headers.h"
#include "net/icmp.h"

#define ECHO_TTL 64

bool mac_is_station(uint64_t mac)
{
	return mac != 0 && (mac >> 40 & 1) == 0;
}

bool frame_read(struct frame *f, const struct punt *punt)
{
	struct ether_wire *ether = rte_pktmbuf_mtod(punt->mbuf, struct ether_wire *);

	if (punt->mbuf->data_len < sizeof(*ether))
		return false;
	*f = (struct frame){
		.mbuf = punt->mbuf,
		.in = punt->attachment,
		.source = ether_addr_get(ether->source),
		.destination = ether_addr_get(ether->destination),
		.type = ntohs(ether->type),
		.data = (uint8_t *)(ether + 1),
		.len = punt->mbuf->data_len - sizeof(*ether),
	};
	return true;
}

bool ipv4_prepend(struct rte_mbuf *mbuf, const struct ipv4_fields *fields)
{
	uint8_t header[IPV4_BUILD_MAX];
	size_t len = ipv4_build(fields, header);
	char *room = rte_pktmbuf_prepend(mbuf, (uint16_t)len);

	if (room != NULL)
		memcpy(room, header, len);
	return room != NULL;
}

struct ipv4_fields echo_answer(struct slowpath *s, const struct frame *f)
{
	struct icmp_wire *icmp = (struct icmp_wire *)(f->data + f->ip.header_len);

	icmp->type = ICMP_ECHO_REPLY;
	icmp->checksum = checksum_patch(
		icmp->checksum, htons(ICMP_ECHO_REQUEST << 8), htons(ICMP_ECHO_REPLY << 8));
	return (struct ipv4_fields){
		.tos = f->ip.tos, // as Linux answers
		.ttl = ECHO_TTL,
		.protocol = IP_PROTOCOL_ICMP,
		.id = ++s->ip_id,
		.payload_len = f->ip.total_len - f->ip.header_len,
		.source = f->ip.destination,
		.destination = f->ip.source,
	};
}
