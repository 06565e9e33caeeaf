// SPDX-License-Identifier: BSD-3-Clause

#include "net/icmp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "net/checksum.h"
#include "net/headers.h"
#include "net/ipv4.h"

#define TTL	    64
#define TOS_CONTROL 0xc0 // internetwork control, as RFC 1812 section 4.3.2.5 wants

int icmp_parse(const void *data, size_t len, struct icmp *icmp)
{
	const struct icmp_wire *wire = data;

	if (len < sizeof(*wire))
		return -EINVAL;
	if (checksum_of(data, len) != 0)
		return -EBADMSG;
	*icmp = (struct icmp){.type = wire->type, .code = wire->code};
	return 0;
}

bool icmp_is_error(uint8_t type)
{
	return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

int icmp_parse_quote(const void *data, size_t len, struct icmp_quote *quote)
{
	const struct icmp_wire *icmp = data;
	const struct ipv4_wire *ip = (const struct ipv4_wire *)(icmp + 1);

	if (len < sizeof(*icmp) + sizeof(*ip) || ip->version_ihl >> 4 != 4)
		return -EINVAL;
	size_t ip_len = (ip->version_ihl & 0x0f) * 4u;
	// RFC 792 quotes eight bytes beyond the header. Its total length is that of the packet
	// in flight, so it says nothing about how much was quoted.
	if (ip_len < sizeof(*ip) || len < sizeof(*icmp) + ip_len + sizeof(struct udp_wire))
		return -EINVAL;
	if (ip->fragment & htons(IPV4_OFFSET_MASK))
		return -EINVAL;
	if (ip->protocol != IP_PROTOCOL_UDP)
		return -EPROTO;

	const struct udp_wire *udp = (const struct udp_wire *)((const uint8_t *)ip + ip_len);
	bool tells_mtu =
		icmp->type == ICMP_UNREACHABLE && icmp->code == ICMP_CODE_FRAGMENTATION_NEEDED;

	*quote = (struct icmp_quote){
		.source = ip->source,
		.destination = ip->destination,
		.source_port = ntohs(udp->source),
		.destination_port = ntohs(udp->destination),
		.mtu = tells_mtu ? ntohs(icmp->word1) : 0,
	};
	return 0;
}

// ---- errors -----------------------------------------------------------------------------------

bool icmp_error_allowed(const void *packet, size_t len)
{
	const struct ipv4_wire *wire = packet;
	struct ipv4 ip;

	if (ipv4_parse(packet, len, &ip) != 0)
		return false;
	if ((wire->fragment & htons(IPV4_OFFSET_MASK)) || !ipv4_is_host(ip.source) ||
		!ipv4_is_host(ip.destination))
		return false;
	if (ip.protocol != IP_PROTOCOL_ICMP)
		return true;
	// Only of queries and replies is it known that they do not answer an error.
	if (ip.total_len < ip.header_len + sizeof(struct icmp_wire))
		return false;
	uint8_t type = ((const uint8_t *)packet)[ip.header_len];
	return type == ICMP_ECHO_REQUEST || type == ICMP_ECHO_REPLY ||
	       (type >= ICMP_TIMESTAMP && type <= ICMP_MASK_REPLY);
}

size_t icmp_error_build(
	const struct icmp_error *error, uint16_t ip_id, uint8_t data[ICMP_ERROR_LEN_MAX])
{
	const struct ipv4_wire *cause = error->packet;
	size_t room = ICMP_ERROR_LEN_MAX - sizeof(struct ipv4_wire) - sizeof(struct icmp_wire);
	size_t quoted = ntohs(cause->total_len);

	if (quoted > error->packet_len)
		quoted = error->packet_len;
	if (quoted > room)
		quoted = room;
	struct ipv4_fields fields = {
		.tos = TOS_CONTROL,
		.ttl = TTL,
		.protocol = IP_PROTOCOL_ICMP,
		.id = ip_id,
		.payload_len = (uint16_t)(sizeof(struct icmp_wire) + quoted),
		.source = error->source,
		.destination = cause->source,
	};
	size_t header_len = ipv4_build(&fields, data);
	struct icmp_wire *icmp = (struct icmp_wire *)(data + header_len);
	*icmp = (struct icmp_wire){
		.type = error->type,
		.code = error->code,
		.word1 = htons(error->mtu),
	};
	memcpy(icmp + 1, cause, quoted);
	icmp->checksum = checksum_of(icmp, sizeof(*icmp) + quoted);
	return header_len + sizeof(*icmp) + quoted;
}
