// SPDX-License-Identifier: BSD-3-Clause

#include "net/ipv4.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "net/checksum.h"
#include "net/headers.h"

int ipv4_parse(const void *data, size_t len, struct ipv4 *ip)
{
	const struct ipv4_wire *wire = data;

	if (len < sizeof(*wire) || wire->version_ihl >> 4 != 4)
		return -EINVAL;
	uint8_t header_len = (wire->version_ihl & 0x0f) * 4;
	uint16_t total_len = ntohs(wire->total_len);
	if (header_len < sizeof(*wire) || total_len < header_len || total_len > len)
		return -EINVAL;
	if (checksum_of(data, header_len) != 0)
		return -EBADMSG;

	*ip = (struct ipv4){
		.header_len = header_len,
		.tos = wire->tos,
		.ttl = wire->ttl,
		.protocol = wire->protocol,
		.total_len = total_len,
		.id = ntohs(wire->id),
		.fragment = (wire->fragment & htons(IPV4_MF | IPV4_OFFSET_MASK)) != 0,
		.more = (wire->fragment & htons(IPV4_MF)) != 0,
		.start = (uint16_t)((ntohs(wire->fragment) & IPV4_OFFSET_MASK) * 8),
		.source = wire->source,
		.destination = wire->destination,
	};
	return 0;
}

size_t ipv4_build(const struct ipv4_fields *fields, uint8_t data[IPV4_BUILD_MAX])
{
	static const uint8_t router_alert[4] = {0x94, 0x04, 0x00, 0x00};
	struct ipv4_wire *wire = (struct ipv4_wire *)data;
	size_t len = sizeof(*wire) + (fields->router_alert ? sizeof(router_alert) : 0);

	*wire = (struct ipv4_wire){
		.version_ihl = (uint8_t)(0x40 | len / 4),
		.tos = fields->tos,
		.total_len = htons((uint16_t)(len + fields->payload_len)),
		.id = htons(fields->id),
		.fragment = htons(fields->fragment | (fields->df ? IPV4_DF : 0)),
		.ttl = fields->ttl,
		.protocol = fields->protocol,
		.source = fields->source,
		.destination = fields->destination,
	};
	if (fields->router_alert)
		memcpy(wire + 1, router_alert, sizeof(router_alert));
	wire->checksum = checksum_of(data, len);
	return len;
}

bool ipv4_is_host(uint32_t address)
{
	uint8_t first = (uint8_t)(ntohl(address) >> 24);

	return first != 0 && first != 127 && first < 224;
}

bool ipv4_is_multicast(uint32_t address)
{
	return ntohl(address) >> 28 == 0xe;
}
