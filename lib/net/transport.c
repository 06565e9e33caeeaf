// SPDX-License-Identifier: BSD-3-Clause

#include "net/transport.h"

#include <arpa/inet.h>
#include <errno.h>

#include "net/checksum.h"
#include "net/headers.h"

struct tcp_wire {
	uint16_t source;
	uint16_t destination;
	uint32_t seq;
	uint32_t ack;
	uint8_t offset; // of the data, in words, in the upper half
	uint8_t flags;
	uint16_t window;
	uint16_t checksum;
	uint16_t urgent;
} WIRE;

STATIC_ASSERT_SIZE(struct udp_wire, UDP_HEADER_LEN);
STATIC_ASSERT_SIZE(struct tcp_wire, TCP_HEADER_LEN);

// Of the pseudo header.
static uint32_t sum_of(uint32_t source, uint32_t destination, uint8_t protocol, uint16_t len)
{
	const uint32_t words[3] = {source, destination, htonl((uint32_t)protocol << 16 | len)};

	return checksum_add(0, words, sizeof(words));
}

int udp_parse(const struct ipv4 *ip, const void *payload, struct udp *udp)
{
	const struct udp_wire *wire = payload;
	uint16_t room = ip->total_len - ip->header_len;

	if (room < sizeof(*wire) || ntohs(wire->len) < sizeof(*wire) || ntohs(wire->len) > room)
		return -EINVAL;
	uint16_t len = ntohs(wire->len);
	uint32_t sum = sum_of(ip->source, ip->destination, IP_PROTOCOL_UDP, len);
	if (wire->checksum != 0 && checksum_fold(checksum_add(sum, payload, len)) != 0xffff)
		return -EBADMSG;

	*udp = (struct udp){
		.source = ntohs(wire->source),
		.destination = ntohs(wire->destination),
		.data = (const uint8_t *)(wire + 1),
		.len = len - sizeof(*wire),
	};
	return 0;
}

void udp_build(const struct ipv4_fields *ip, const struct udp *udp, uint8_t *header)
{
	struct udp_wire *wire = (struct udp_wire *)header;
	uint16_t len = sizeof(*wire) + udp->len;

	*wire = (struct udp_wire){
		.source = htons(udp->source),
		.destination = htons(udp->destination),
		.len = htons(len),
	};
	uint32_t sum = sum_of(ip->source, ip->destination, IP_PROTOCOL_UDP, len);
	uint16_t checksum = (uint16_t)~checksum_fold(checksum_add(sum, header, len));

	wire->checksum = checksum != 0 ? checksum : 0xffff; // 0 would say that there is none
}

int tcp_parse(const struct ipv4 *ip, const void *payload, struct tcp *tcp)
{
	const struct tcp_wire *wire = payload;
	uint16_t room = ip->total_len - ip->header_len;

	if (room < sizeof(*wire))
		return -EINVAL;
	uint16_t offset = (wire->offset >> 4) * 4;
	uint32_t sum = sum_of(ip->source, ip->destination, IP_PROTOCOL_TCP, room);
	if (offset < sizeof(*wire) || offset > room)
		return -EINVAL;
	if (checksum_fold(checksum_add(sum, payload, room)) != 0xffff)
		return -EBADMSG;

	*tcp = (struct tcp){
		.source = ntohs(wire->source),
		.destination = ntohs(wire->destination),
		.seq = ntohl(wire->seq),
		.ack = ntohl(wire->ack),
		.flags = wire->flags,
		.len = room - offset,
	};
	return 0;
}

void tcp_reset_build(
	const struct ipv4_fields *ip, const struct tcp *refused, uint8_t segment[TCP_HEADER_LEN])
{
	struct tcp_wire *wire = (struct tcp_wire *)segment;
	// SYN and FIN count as one byte each.
	uint32_t end = refused->seq + refused->len + !!(refused->flags & TCP_SYN) +
		       !!(refused->flags & TCP_FIN);
	bool acks = refused->flags & TCP_ACK;

	*wire = (struct tcp_wire){
		.source = htons(refused->destination),
		.destination = htons(refused->source),
		.seq = acks ? htonl(refused->ack) : 0,
		.ack = acks ? 0 : htonl(end),
		.offset = sizeof(*wire) / 4 << 4,
		.flags = TCP_RST | (acks ? 0 : TCP_ACK),
	};
	uint32_t sum = sum_of(ip->source, ip->destination, IP_PROTOCOL_TCP, sizeof(*wire));

	wire->checksum = (uint16_t)~checksum_fold(checksum_add(sum, segment, sizeof(*wire)));
}
