// SPDX-License-Identifier: BSD-3-Clause
// UDP and TCP over IPv4 (RFC 768, RFC 9293): what a host needs that serves datagrams and refuses
// connections.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include "net/ipv4.h"

#define UDP_HEADER_LEN 8
#define TCP_HEADER_LEN 20

struct udp {
	uint16_t source; // ports in host order
	uint16_t destination;
	const uint8_t *data;
	uint16_t len; // of data
};

// Reads the datagram that follows the header `ip` was read from. -EINVAL when its lengths can not
// be true, -EBADMSG when it has a checksum and that is wrong.
int udp_parse(const struct ipv4 *ip, const void *payload, struct udp *udp);
// Writes the header before `udp->data`, which follows it in memory already (at header +
// UDP_HEADER_LEN), with checksum. `ip` has the addresses.
void udp_build(const struct ipv4_fields *ip, const struct udp *udp, uint8_t *header);

struct tcp {
	uint16_t source; // ports in host order
	uint16_t destination;
	uint32_t seq;
	uint32_t ack;
	uint8_t flags; // TCP_*
	uint16_t len;  // of the data
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

// As udp_parse().
int tcp_parse(const struct ipv4 *ip, const void *payload, struct tcp *tcp);
// Writes the segment that refuses another one (RFC 9293 section 3.5.2), which must not be a reset
// itself. `ip` has the addresses of the reset.
void tcp_reset_build(
	const struct ipv4_fields *ip, const struct tcp *refused, uint8_t segment[TCP_HEADER_LEN]);
