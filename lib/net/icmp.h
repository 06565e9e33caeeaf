// SPDX-License-Identifier: BSD-3-Clause
// ICMP for IPv4 (RFC 792, RFC 1191): what weft reads and answers.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ICMP_ECHO_REPLY	       0
#define ICMP_UNREACHABLE       3
#define ICMP_SOURCE_QUENCH     4
#define ICMP_REDIRECT	       5
#define ICMP_ECHO_REQUEST      8
#define ICMP_TIME_EXCEEDED     11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMP_TIMESTAMP	       13
#define ICMP_MASK_REPLY	       18 // the last of the queries and replies that follow it

#define ICMP_CODE_NET_UNREACHABLE      0
#define ICMP_CODE_HOST_UNREACHABLE     1
#define ICMP_CODE_PROTOCOL_UNREACHABLE 2
#define ICMP_CODE_PORT_UNREACHABLE     3
#define ICMP_CODE_FRAGMENTATION_NEEDED 4
#define ICMP_CODE_TTL_EXCEEDED	       0 // of ICMP_TIME_EXCEEDED
#define ICMP_CODE_REASSEMBLY_EXCEEDED  1 // the same

struct icmp {
	uint8_t type;
	uint8_t code;
};

// Reads the message that an IPv4 datagram carries. -EINVAL when it is shorter than 8 bytes,
// -EBADMSG when its checksum is wrong.
int icmp_parse(const void *data, size_t len, struct icmp *icmp);
// Whether a message of this type reports an error and quotes the packet that caused it.
bool icmp_is_error(uint8_t type);

// What an error message quotes of a UDP datagram, and the MTU it tells.
struct icmp_quote {
	uint32_t source; // network order
	uint32_t destination;
	uint16_t source_port; // host order
	uint16_t destination_port;
	uint16_t mtu; // type 3 code 4: of the next hop, 0: not told; else 0
};

// Reads the quote of an error message. -EINVAL when it is cut before the UDP ports, is not IPv4,
// or a later fragment; -EPROTO when it is not UDP.
int icmp_parse_quote(const void *data, size_t len, struct icmp_quote *quote);

// An error message that weft sends about a packet.
struct icmp_error {
	uint8_t type;
	uint8_t code;
	uint16_t mtu;	    // type 3 code 4: of the next hop; else 0
	uint32_t source;    // of the message: an address of ours, network order
	const void *packet; // that caused it, from its IPv4 header on
	size_t packet_len;
};

#define ICMP_ERROR_LEN_MAX 576 // of the message with its IPv4 header (RFC 1812 section 4.3.2.3)

// Whether an error may be sent about a packet (RFC 1122 section 3.2.2, RFC 1812 section 4.3.2.7):
// it is an IPv4 packet from a host to a host, no later fragment, and no ICMP error itself (nor an
// ICMP message of a type that is not known not to be one). What tells that it came as Ethernet
// broadcast or multicast, or went to a broadcast address of a subnet, is the caller's.
bool icmp_error_allowed(const void *packet, size_t len);
// Writes IPv4 header (TTL 64, TOS 0xc0) and message to the source of the packet, which it quotes as
// far as ICMP_ERROR_LEN_MAX allows. `packet` must be allowed an error. Returns the length.
size_t icmp_error_build(
	const struct icmp_error *error, uint16_t ip_id, uint8_t data[ICMP_ERROR_LEN_MAX]);
