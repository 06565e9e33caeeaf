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

#define ICMP_CODE_FRAGMENTATION_NEEDED 4

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
