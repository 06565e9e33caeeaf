// SPDX-License-Identifier: BSD-3-Clause

#include "net/nd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "net/checksum.h"
#include "net/headers.h"

#define HOP_LIMIT 255 // proves that no router passed it on

#define FLAG_ROUTER    0x80
#define FLAG_SOLICITED 0x40
#define FLAG_OVERRIDE  0x20

#define OPTION_SOURCE_LINK 1
#define OPTION_TARGET_LINK 2
#define OPTION_UNIT	   8 // bytes that an option's length counts

struct ipv6_wire {
	uint32_t version_class_flow;
	uint16_t payload_len;
	uint8_t next_header;
	uint8_t hop_limit;
	uint8_t source[16];
	uint8_t destination[16];
} WIRE;

STATIC_ASSERT_SIZE(struct ipv6_wire, 40);

struct nd_wire {
	uint8_t type;
	uint8_t code;
	uint16_t checksum;
	uint8_t flags;
	uint8_t reserved[3];
	uint8_t target[16];
} WIRE;

STATIC_ASSERT_SIZE(struct nd_wire, 24);

struct link_option {
	uint8_t type;
	uint8_t units;
	uint8_t address[6];
} WIRE;

STATIC_ASSERT_SIZE(struct link_option, 8);
_Static_assert(
	ND_LEN == sizeof(struct ipv6_wire) + sizeof(struct nd_wire) + sizeof(struct link_option),
	"ND_LEN");

// Of an ICMPv6 message, with the pseudo header of RFC 8200 section 8.1; 0 over a correct one.
static uint16_t icmp6_checksum(const struct ipv6_wire *ip, const void *message, size_t len)
{
	uint32_t pseudo[2] = {htonl((uint32_t)len), htonl(IP_PROTOCOL_ICMPV6)};
	uint32_t sum = checksum_add(0, ip->source, sizeof(ip->source));

	sum = checksum_add(sum, ip->destination, sizeof(ip->destination));
	sum = checksum_add(sum, pseudo, sizeof(pseudo));
	return (uint16_t)~checksum_fold(checksum_add(sum, message, len));
}

static bool is_zero(const struct ip_addr *ip)
{
	return !ip_is_set(ip);
}

static bool is_group(const struct ip_addr *ip)
{
	return ip->b[0] == 0xff;
}

// ff02::1:ff00:0/104
static bool is_solicited_node(const struct ip_addr *ip)
{
	static const uint8_t prefix[13] = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

	return memcmp(ip->b, prefix, sizeof(prefix)) == 0;
}

// Reads the options; each must have a length and lie inside. The one that tells the link-layer
// address of this message's type is kept.
static int read_options(struct nd *nd, const uint8_t *data, size_t len)
{
	uint8_t wanted = nd->type == ND_SOLICITATION ? OPTION_SOURCE_LINK : OPTION_TARGET_LINK;

	while (len != 0) {
		if (len < OPTION_UNIT || data[1] == 0 || len < (size_t)data[1] * OPTION_UNIT)
			return -EINVAL;
		if (data[0] == wanted && data[1] == 1)
			nd->link_address = ether_addr_get(data + 2);
		len -= (size_t)data[1] * OPTION_UNIT;
		data += (size_t)data[1] * OPTION_UNIT;
	}
	return 0;
}

// RFC 4861 sections 7.1.1 and 7.1.2.
static bool is_valid(const struct nd *nd)
{
	if (is_group(&nd->target) || is_group(&nd->source))
		return false;
	if (nd->type == ND_ADVERTISEMENT)
		return !(is_group(&nd->destination) && nd->solicited);
	return !is_zero(&nd->source) ||
	       (is_solicited_node(&nd->destination) && nd->link_address == 0);
}

int nd_parse(const void *data, size_t len, struct nd *nd)
{
	const struct ipv6_wire *ip = data;
	const struct nd_wire *wire = (const struct nd_wire *)(ip + 1);

	if (len < sizeof(*ip) || ntohl(ip->version_class_flow) >> 28 != 6 ||
		ip->next_header != IP_PROTOCOL_ICMPV6)
		return -ENOMSG;
	size_t message_len = ntohs(ip->payload_len);
	if (message_len > len - sizeof(*ip) || message_len == 0)
		return -EINVAL;
	if (wire->type != ND_SOLICITATION && wire->type != ND_ADVERTISEMENT)
		return -ENOMSG;
	if (message_len < sizeof(*wire) || wire->code != 0 || ip->hop_limit != HOP_LIMIT)
		return -EINVAL;
	if (icmp6_checksum(ip, wire, message_len) != 0)
		return -EBADMSG;

	bool advertises = wire->type == ND_ADVERTISEMENT;
	struct nd read = {
		.type = wire->type,
		.router = advertises && (wire->flags & FLAG_ROUTER),
		.solicited = advertises && (wire->flags & FLAG_SOLICITED),
		.override = advertises && (wire->flags & FLAG_OVERRIDE),
	};
	memcpy(read.source.b, ip->source, sizeof(ip->source));
	memcpy(read.destination.b, ip->destination, sizeof(ip->destination));
	memcpy(read.target.b, wire->target, sizeof(wire->target));
	if (read_options(&read, (const uint8_t *)(wire + 1), message_len - sizeof(*wire)) != 0 ||
		!is_valid(&read))
		return -EINVAL;
	*nd = read;
	return 0;
}

void nd_build(const struct nd *nd, uint8_t data[ND_LEN])
{
	struct ipv6_wire *ip = (struct ipv6_wire *)data;
	struct nd_wire *wire = (struct nd_wire *)(ip + 1);
	struct link_option *option = (struct link_option *)(wire + 1);
	bool advertises = nd->type == ND_ADVERTISEMENT;

	*ip = (struct ipv6_wire){
		.version_class_flow = htonl(6u << 28),
		.payload_len = htons(sizeof(*wire) + sizeof(*option)),
		.next_header = IP_PROTOCOL_ICMPV6,
		.hop_limit = HOP_LIMIT,
	};
	memcpy(ip->source, nd->source.b, sizeof(ip->source));
	memcpy(ip->destination, nd->destination.b, sizeof(ip->destination));
	*wire = (struct nd_wire){
		.type = nd->type,
		.flags = (uint8_t)((nd->router ? FLAG_ROUTER : 0) |
				   (nd->solicited ? FLAG_SOLICITED : 0) |
				   (nd->override ? FLAG_OVERRIDE : 0)),
	};
	memcpy(wire->target, nd->target.b, sizeof(wire->target));
	*option = (struct link_option){
		.type = advertises ? OPTION_TARGET_LINK : OPTION_SOURCE_LINK,
		.units = 1,
	};
	ether_addr_set(option->address, nd->link_address);
	wire->checksum = icmp6_checksum(ip, wire, sizeof(*wire) + sizeof(*option));
}

struct ip_addr nd_all_nodes(void)
{
	return (struct ip_addr){{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
}

uint64_t nd_multicast_mac(const struct ip_addr *group)
{
	uint64_t mac = 0x3333;

	for (unsigned i = 12; i < 16; i++)
		mac = mac << 8 | group->b[i];
	return mac;
}
