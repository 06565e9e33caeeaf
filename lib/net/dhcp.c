// SPDX-License-Identifier: BSD-3-Clause

#include "net/dhcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "net/headers.h"

#define OP_REQUEST	  1
#define OP_REPLY	  2
#define HARDWARE_ETHERNET 1
#define MAGIC_COOKIE	  0x63825363u

#define OVERLOAD_FILE  1
#define OVERLOAD_SNAME 2

#define OPTION_LEN_MAX 255
#define OPTION_HEADER  2 // code and length

struct dhcp_wire {
	uint8_t op;
	uint8_t hardware;
	uint8_t hardware_len;
	uint8_t hops;
	uint32_t xid;
	uint16_t secs;
	uint16_t flags;
	uint32_t ciaddr;
	uint32_t yiaddr;
	uint32_t siaddr;
	uint32_t giaddr;
	uint8_t chaddr[16];
	uint8_t sname[64];
	uint8_t file[128];
	uint32_t cookie;
} WIRE;

STATIC_ASSERT_SIZE(struct dhcp_wire, 240);

static uint16_t read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static uint32_t read_u32(const uint8_t *bytes)
{
	return (uint32_t)read_u16(bytes) << 16 | read_u16(bytes + 2);
}

// ---- reading ----------------------------------------------------------------------------------

// What the options say beside struct dhcp, while they are read.
struct reading {
	struct dhcp *dhcp;
	bool type_given;
	bool overload_given;
	uint8_t overload;
};

// Whether this is the first option of its code that is long enough to be one, and now `*seen`.
static bool is_first(bool *seen, uint8_t len, uint8_t len_min)
{
	bool first = !*seen && len >= len_min;

	*seen |= first;
	return first;
}

static void read_option(struct reading *r, uint8_t code, const uint8_t *value, uint8_t len)
{
	struct dhcp *dhcp = r->dhcp;
	bool given;

	switch (code) {
	case DHCP_OPTION_TYPE:
		if (is_first(&r->type_given, len, 1))
			dhcp->type = value[0];
		break;
	case DHCP_OPTION_OVERLOAD:
		if (is_first(&r->overload_given, len, 1))
			r->overload = value[0];
		break;
	case DHCP_OPTION_REQUESTED_IP:
		if (is_first(&dhcp->requested_given, len, 4))
			memcpy(&dhcp->requested, value, 4);
		break;
	case DHCP_OPTION_SERVER:
		if (is_first(&dhcp->server_given, len, 4))
			memcpy(&dhcp->server, value, 4);
		break;
	case DHCP_OPTION_LEASE:
		if (is_first(&dhcp->lease_given, len, 4))
			dhcp->lease_s = read_u32(value);
		break;
	case DHCP_OPTION_MAX_SIZE:
		given = dhcp->max_size != 0;
		if (is_first(&given, len, 2))
			dhcp->max_size = read_u16(value);
		break;
	case DHCP_OPTION_WANTED:
		given = dhcp->wanted != NULL;
		if (is_first(&given, len, 0)) {
			dhcp->wanted = value;
			dhcp->n_wanted = len;
		}
		break;
	default:
		break;
	}
}

// Reads one field of options up to its end option or its end.
static int read_options(struct reading *r, const uint8_t *data, size_t len)
{
	size_t at = 0;

	while (at < len && data[at] != DHCP_OPTION_END) {
		if (data[at] == DHCP_OPTION_PAD) {
			at++;
			continue;
		}
		if (len - at < OPTION_HEADER || len - at - OPTION_HEADER < data[at + 1])
			return -EINVAL;
		read_option(r, data[at], data + at + OPTION_HEADER, data[at + 1]);
		at += OPTION_HEADER + (size_t)data[at + 1];
	}
	return 0;
}

int dhcp_parse(const void *data, size_t len, struct dhcp *dhcp)
{
	const struct dhcp_wire *wire = data;

	if (len < sizeof(*wire) || wire->op != OP_REQUEST || wire->hardware != HARDWARE_ETHERNET ||
		wire->hardware_len != 6 || wire->cookie != htonl(MAGIC_COOKIE))
		return -EINVAL;

	struct dhcp read = {
		.hops = wire->hops,
		.secs = ntohs(wire->secs),
		.flags = ntohs(wire->flags),
		.xid = wire->xid,
		.ciaddr = wire->ciaddr,
		.giaddr = wire->giaddr,
		.chaddr = ether_addr_get(wire->chaddr),
	};
	struct reading r = {.dhcp = &read};
	if (read_options(&r, (const uint8_t *)(wire + 1), len - sizeof(*wire)) != 0)
		return -EINVAL;
	uint8_t overload = r.overload; // the fields it names can not name others
	if ((overload & OVERLOAD_FILE) && read_options(&r, wire->file, sizeof(wire->file)) != 0)
		return -EINVAL;
	if ((overload & OVERLOAD_SNAME) && read_options(&r, wire->sname, sizeof(wire->sname)) != 0)
		return -EINVAL;
	if (!r.type_given)
		return -EINVAL;
	*dhcp = read;
	return 0;
}

bool dhcp_wants(const struct dhcp *dhcp, uint8_t option)
{
	return dhcp->wanted == NULL || memchr(dhcp->wanted, option, dhcp->n_wanted) != NULL;
}

// ---- writing ----------------------------------------------------------------------------------

void dhcp_write_start(
	struct dhcp_writer *writer, uint8_t *data, size_t size, const struct dhcp_reply *reply)
{
	struct dhcp_wire *wire = (struct dhcp_wire *)data;

	*wire = (struct dhcp_wire){
		.op = OP_REPLY,
		.hardware = HARDWARE_ETHERNET,
		.hardware_len = 6,
		.hops = reply->hops,
		.xid = reply->xid,
		.secs = htons(reply->secs),
		.flags = htons(reply->flags),
		.ciaddr = reply->ciaddr,
		.yiaddr = reply->yiaddr,
		.siaddr = reply->siaddr,
		.giaddr = reply->giaddr,
		.cookie = htonl(MAGIC_COOKIE),
	};
	ether_addr_set(wire->chaddr, reply->chaddr);
	*writer = (struct dhcp_writer){.data = data, .size = size, .len = sizeof(*wire)};
}

size_t dhcp_option_size(size_t len)
{
	size_t n_pieces = len == 0 ? 1 : (len + OPTION_LEN_MAX - 1) / OPTION_LEN_MAX;

	return len + n_pieces * OPTION_HEADER;
}

bool dhcp_write_option(
	struct dhcp_writer *writer, uint8_t code, const void *value, size_t value_len)
{
	const uint8_t *bytes = value;

	if (writer->size - writer->len < dhcp_option_size(value_len) + 1)
		return false;
	do {
		size_t n = value_len < OPTION_LEN_MAX ? value_len : OPTION_LEN_MAX;
		uint8_t *at = writer->data + writer->len;

		at[0] = code;
		at[1] = (uint8_t)n;
		if (n != 0) { // of nothing, `bytes` may be NULL
			memcpy(at + OPTION_HEADER, bytes, n);
			bytes += n;
		}
		writer->len += OPTION_HEADER + n;
		value_len -= n;
	} while (value_len != 0);
	return true;
}

bool dhcp_write_u8(struct dhcp_writer *writer, uint8_t code, uint8_t value)
{
	return dhcp_write_option(writer, code, &value, sizeof(value));
}

bool dhcp_write_address(struct dhcp_writer *writer, uint8_t code, uint32_t address)
{
	return dhcp_write_option(writer, code, &address, sizeof(address));
}

size_t dhcp_write_end(struct dhcp_writer *writer)
{
	writer->data[writer->len++] = DHCP_OPTION_END;
	if (writer->len < DHCP_LEN_MIN) {
		memset(writer->data + writer->len, 0, DHCP_LEN_MIN - writer->len);
		writer->len = DHCP_LEN_MIN;
	}
	return writer->len;
}

size_t dhcp_route_build(const struct dhcp_route *route, uint8_t data[DHCP_ROUTE_LEN_MAX])
{
	size_t n = (route->prefix_len + 7u) / 8; // octets of the prefix that are written

	data[0] = route->prefix_len;
	memcpy(data + 1, &route->destination, n);
	memcpy(data + 1 + n, &route->next_hop, sizeof(route->next_hop));
	return 1 + n + sizeof(route->next_hop);
}
