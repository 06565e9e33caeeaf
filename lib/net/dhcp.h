// SPDX-License-Identifier: BSD-3-Clause
// DHCP messages for IPv4 (RFC 2131, RFC 2132): bytes <-> structure, bounded, without any memory of
// its own. Addresses and the transaction id are in network order, all else in host order.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DHCP_SERVER_PORT 67
#define DHCP_CLIENT_PORT 68

#define DHCP_FLAG_BROADCAST 0x8000

// Option 53. Other values than these are read too.
enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER = 2,
	DHCP_REQUEST = 3,
	DHCP_DECLINE = 4,
	DHCP_ACK = 5,
	DHCP_NAK = 6,
	DHCP_RELEASE = 7,
	DHCP_INFORM = 8,
};

enum dhcp_option {
	DHCP_OPTION_PAD = 0,
	DHCP_OPTION_NETMASK = 1,
	DHCP_OPTION_ROUTER = 3,
	DHCP_OPTION_DNS = 6,
	DHCP_OPTION_HOST_NAME = 12,
	DHCP_OPTION_DOMAIN = 15,
	DHCP_OPTION_MTU = 26,
	DHCP_OPTION_BROADCAST = 28,
	DHCP_OPTION_REQUESTED_IP = 50,
	DHCP_OPTION_LEASE = 51,
	DHCP_OPTION_OVERLOAD = 52,
	DHCP_OPTION_TYPE = 53,
	DHCP_OPTION_SERVER = 54,
	DHCP_OPTION_WANTED = 55, // the parameter request list
	DHCP_OPTION_MESSAGE = 56,
	DHCP_OPTION_MAX_SIZE = 57,
	DHCP_OPTION_T1 = 58,
	DHCP_OPTION_T2 = 59,
	DHCP_OPTION_ROUTES = 121,    // classless static routes (RFC 3442)
	DHCP_OPTION_ROUTES_MS = 249, // the same, as older Windows asks for it
	DHCP_OPTION_END = 255,
};

// What a server reads of a client's message.
struct dhcp {
	uint8_t type; // option 53
	uint8_t hops;
	uint16_t secs;
	uint16_t flags;
	uint32_t xid;
	uint32_t ciaddr;
	uint32_t giaddr;
	uint64_t chaddr;      // low 48 bits
	bool requested_given; // option 50
	bool server_given;    // option 54
	bool lease_given;     // option 51
	uint32_t requested;   // 0: not given, or given as 0.0.0.0
	uint32_t server;
	uint32_t lease_s;
	uint16_t max_size;     // option 57: L3 bytes the client takes, 0: not given
	const uint8_t *wanted; // option 55, in the message itself; NULL: not given
	uint8_t n_wanted;
};

// Reads what a UDP datagram carries. -EINVAL when it is no request (op 1) of an Ethernet client
// with the magic cookie and option 53, or when an option runs past the end of its field. Options
// may go on in the file and sname fields (option 52).
int dhcp_parse(const void *data, size_t len, struct dhcp *dhcp);

// Whether the client wants the option: it lists it, or has sent no list.
bool dhcp_wants(const struct dhcp *dhcp, uint8_t option);

// The fixed part of a reply.
struct dhcp_reply {
	uint8_t hops;
	uint16_t secs;
	uint16_t flags;
	uint32_t xid;
	uint32_t ciaddr;
	uint32_t yiaddr;
	uint32_t siaddr;
	uint32_t giaddr;
	uint64_t chaddr; // low 48 bits
};

#define DHCP_LEN_MIN 300 // of a message, padded (RFC 1542 section 2.1)

// A reply while it is written. `len` never exceeds `size`.
struct dhcp_writer {
	uint8_t *data;
	size_t size;
	size_t len;
};

// Starts a reply (op 2) in `size` bytes, at least DHCP_LEN_MIN.
void dhcp_write_start(
	struct dhcp_writer *writer, uint8_t *data, size_t size, const struct dhcp_reply *reply);
// Bytes an option takes in a message. One of more than 255 bytes goes in pieces (RFC 3396).
size_t dhcp_option_size(size_t len);
// Appends an option. Returns false, with nothing written, when it does not fit together with the
// end option.
bool dhcp_write_option(
	struct dhcp_writer *writer, uint8_t code, const void *value, size_t value_len);
bool dhcp_write_u8(struct dhcp_writer *writer, uint8_t code, uint8_t value);
bool dhcp_write_address(struct dhcp_writer *writer, uint8_t code, uint32_t address);
// Ends and pads the message; returns its length.
size_t dhcp_write_end(struct dhcp_writer *writer);

struct dhcp_route {
	uint32_t destination;
	uint8_t prefix_len;
	uint32_t next_hop; // 0: on link
};

#define DHCP_ROUTE_LEN_MAX 9

// One route as options 121 and 249 write it; returns 5 to DHCP_ROUTE_LEN_MAX.
size_t dhcp_route_build(const struct dhcp_route *route, uint8_t data[DHCP_ROUTE_LEN_MAX]);
