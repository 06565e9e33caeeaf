// SPDX-License-Identifier: BSD-3-Clause

#include "net/icmp.h"

#include <arpa/inet.h>
#include <errno.h>

#include "net/checksum.h"
#include "net/headers.h"

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
