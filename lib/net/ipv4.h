// SPDX-License-Identifier: BSD-3-Clause
// The IPv4 header (RFC 791): bytes <-> structure. Addresses are in network order.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPV4_ALL_HOSTS	 0xe0000001u // 224.0.0.1
#define IPV4_ALL_ROUTERS 0xe0000002u // 224.0.0.2
#define IPV4_ALL_IGMP3	 0xe0000016u // 224.0.0.22, routers that speak IGMPv3

struct ipv4 {
	uint8_t header_len; // bytes, with options
	uint8_t tos;
	uint8_t ttl;
	uint8_t protocol;
	uint16_t total_len; // bytes; never more than were there
	uint16_t id;	    // host order
	bool fragment;	    // one of several pieces of a datagram
	bool more;	    // and not the last one
	uint16_t start;	    // of its bytes in the datagram
	uint32_t source;
	uint32_t destination;
};

// Reads the header at `data`; trailing bytes beyond the total length are ignored. -EINVAL when it
// can not be true (version, header length, total length), -EBADMSG when its checksum is wrong.
int ipv4_parse(const void *data, size_t len, struct ipv4 *ip);

// What differs between the headers that weft itself writes.
struct ipv4_fields {
	uint8_t tos;
	uint8_t ttl;
	uint8_t protocol;
	bool df;
	uint16_t id;	      // host order
	uint16_t fragment;    // IPV4_MF and offset, 0: a whole datagram
	uint16_t payload_len; // bytes
	bool router_alert;    // with the option of RFC 2113
	uint32_t source;
	uint32_t destination;
};

#define IPV4_BUILD_MAX 24

// Writes a header of 20 or 24 bytes, checksum included; returns its length.
size_t ipv4_build(const struct ipv4_fields *fields, uint8_t data[IPV4_BUILD_MAX]);

// Whether a host can have this address: not 0.0.0.0/8, loopback, multicast or reserved.
bool ipv4_is_host(uint32_t address);
bool ipv4_is_multicast(uint32_t address);
