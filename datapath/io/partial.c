// SPDX-License-Identifier: BSD-3-Clause
// Any thread.
//
// A right checksum equals the sum of its pseudo header once in 65536 packets: only then, and where
// it is partial, is the payload read.
//
// A kernel that encapsulates a frame with a partial checksum computes the outer checksum as it will
// be right once the inner one is complete: to complete the inner one is all there is to do.

#include "io/partial.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "net/checksum.h"
#include "net/headers.h"

#define TCP_LEN		    20
#define TCP_CHECKSUM_OFFSET 16
#define IPV6_LEN	    40

// The part of a frame that a TCP or UDP checksum covers.
struct covered {
	uint8_t *data;
	uint16_t len;
	uint8_t protocol;
	uint16_t pseudo; // folded sum of the pseudo header
};

static bool find_in_ip4(uint8_t *data, uint16_t len, struct covered *c)
{
	const struct ipv4_wire *ip = (const struct ipv4_wire *)data;

	if (len < sizeof(*ip) || ip->version_ihl >> 4 != 4 ||
		(ip->fragment & htons(IPV4_MF | IPV4_OFFSET_MASK)) != 0)
		return false;
	uint16_t header_len = (ip->version_ihl & 0xf) * 4;
	uint16_t total_len = ntohs(ip->total_len);

	if (header_len < sizeof(*ip) || total_len < header_len || total_len > len)
		return false;
	c->data = data + header_len;
	c->len = total_len - header_len;
	c->protocol = ip->protocol;
	c->pseudo = checksum_fold(checksum_add(
		(uint32_t)htons(c->protocol) + htons(c->len), &ip->source, 2 * sizeof(ip->source)));
	return true;
}

static bool find_in_ip6(uint8_t *data, uint16_t len, struct covered *c)
{
	if (len < IPV6_LEN || data[0] >> 4 != 6)
		return false;
	c->len = (uint16_t)(data[4] << 8 | data[5]);
	if (c->len > len - IPV6_LEN)
		return false;
	c->data = data + IPV6_LEN;
	c->protocol = data[6];
	c->pseudo = checksum_fold(
		checksum_add((uint32_t)htons(c->protocol) + htons(c->len), data + 8, 32));
	return true;
}

static bool find(uint8_t *frame, uint16_t len, struct covered *c)
{
	const struct ether_wire *ether = (const struct ether_wire *)frame;
	uint16_t l3 = sizeof(*ether), type;

	if (len < sizeof(*ether))
		return false;
	type = ether->type;
	while (type == htons(ETHER_TYPE_VLAN) || type == htons(ETHER_TYPE_QINQ)) {
		if (len < l3 + sizeof(struct vlan_wire))
			return false;
		type = ((const struct vlan_wire *)(frame + l3))->type;
		l3 += sizeof(struct vlan_wire);
	}
	if (type == htons(ETHER_TYPE_IPV4))
		return find_in_ip4(frame + l3, len - l3, c);
	if (type == htons(ETHER_TYPE_IPV6))
		return find_in_ip6(frame + l3, len - l3, c);
	return false;
}

static void complete(const struct covered *c, size_t offset)
{
	uint16_t field, sum;

	memcpy(&field, c->data + offset, sizeof(field));
	if (field != c->pseudo)
		return;
	sum = checksum_fold(checksum_add(0, c->data, c->len));
	// the pseudo header is in there once, by the field; a right one makes all ones with itself
	if (checksum_fold((uint32_t)sum + c->pseudo) == 0xffff)
		return;
	field = (uint16_t)~sum;
	if (field == 0)
		field = 0xffff;
	memcpy(c->data + offset, &field, sizeof(field));
}

// `port`: whose datagrams carry frames.
static void complete_udp(const struct covered *c, uint16_t port)
{
	const struct udp_wire *udp = (const struct udp_wire *)c->data;
	const size_t headers_len = sizeof(*udp) + sizeof(struct vxlan_wire);

	if (port != 0 && udp->destination == port && c->len > headers_len)
		partial_complete(c->data + headers_len, c->len - headers_len, 0);
	if (udp->checksum != 0)
		complete(c, offsetof(struct udp_wire, checksum));
}

void partial_complete(uint8_t *frame, uint16_t len, uint16_t port)
{
	struct covered c;

	if (!find(frame, len, &c))
		return;
	if (c.protocol == IP_PROTOCOL_UDP && c.len >= sizeof(struct udp_wire))
		complete_udp(&c, port);
	else if (c.protocol == IP_PROTOCOL_TCP && c.len >= TCP_LEN)
		complete(&c, TCP_CHECKSUM_OFFSET);
}
