// SPDX-License-Identifier: BSD-3-Clause
// DHCP frames as tests write and read them: what matters is named, the rest is right. Addresses are
// in host order, so that 0xac100121 is 172.16.1.33.

#pragma once

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "net/checksum.h"
#include "net/headers.h"

#define DHCP_MESSAGE_AT 42 // in a frame: Ethernet, IPv4, UDP
#define DHCP_OPTIONS_AT (DHCP_MESSAGE_AT + 240)

struct dhcp_client {
	uint8_t type; // 0: plain BOOTP
	uint16_t flags;
	uint32_t ciaddr;
	uint64_t mac;	    // of the frame
	uint64_t chaddr;    // 0: the same
	uint64_t server;    // MAC; 0: Ethernet broadcast
	uint32_t server_ip; // 0: 255.255.255.255
	const char *wanted; // option 55, ended by 0; NULL: none
	uint8_t options[128];
	size_t options_len;
};

static inline void client_option(
	struct dhcp_client *client, uint8_t code, const void *value, uint8_t len)
{
	uint8_t *at = client->options + client->options_len;

	at[0] = code;
	at[1] = len;
	memcpy(at + 2, value, len);
	client->options_len += 2 + (size_t)len;
}

static inline void client_u32(struct dhcp_client *client, uint8_t code, uint32_t value)
{
	value = htonl(value);
	client_option(client, code, &value, sizeof(value));
}

static inline void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, (uint16_t)(value >> 16));
	put16(at + 2, (uint16_t)value);
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

// Makes the checksums of a whole IPv4 and UDP frame right.
static inline void dhcp_frame_fix(uint8_t *frame)
{
	struct ipv4_wire *ip = (struct ipv4_wire *)(frame + 14);
	struct udp_wire *udp = (struct udp_wire *)(frame + 34);
	uint8_t pseudo[12];

	ip->checksum = 0;
	ip->checksum = checksum_of(ip, sizeof(*ip));
	memcpy(pseudo, &ip->source, 8);
	put32(pseudo + 8, 17u << 16 | ntohs(udp->len));
	udp->checksum = 0;
	uint32_t sum = checksum_add(0, pseudo, sizeof(pseudo));
	udp->checksum = (uint16_t)~checksum_fold(checksum_add(sum, udp, ntohs(udp->len)));
}

// Writes the frame, at most 1000 bytes; returns its length.
static inline size_t client_frame(const struct dhcp_client *client, uint8_t *frame)
{
	uint64_t to = client->server != 0 ? client->server : ETHER_BROADCAST;
	uint8_t *message = frame + DHCP_MESSAGE_AT;
	uint8_t *at = frame + DHCP_OPTIONS_AT;

	memset(frame, 0, 1000);
	ether_addr_set(frame, to);
	ether_addr_set(frame + 6, client->mac);
	put16(frame + 12, ETHER_TYPE_IPV4);
	message[0] = 1;
	message[1] = 1;
	message[2] = 6;
	put32(message + 4, 0xdecade01);
	put16(message + 8, 3);
	put16(message + 10, client->flags);
	put32(message + 12, client->ciaddr);
	ether_addr_set(message + 28, client->chaddr != 0 ? client->chaddr : client->mac);
	put32(message + 236, 0x63825363);
	if (client->type != 0) {
		memcpy(at, (uint8_t[]){53, 1, client->type}, 3);
		at += 3;
	}
	if (client->wanted != NULL) {
		at[0] = 55;
		at[1] = (uint8_t)strlen(client->wanted);
		memcpy(at + 2, client->wanted, at[1]);
		at += 2 + at[1];
	}
	memcpy(at, client->options, client->options_len);
	at += client->options_len;
	*at++ = 255;

	size_t len = (size_t)(at - message) < 300 ? 300 : (size_t)(at - message);
	put16(frame + 14, 0x4500);
	put16(frame + 16, (uint16_t)(28 + len));
	frame[22] = 64;
	frame[23] = IP_PROTOCOL_UDP;
	put32(frame + 26, client->ciaddr);
	put32(frame + 30, client->server_ip != 0 ? client->server_ip : 0xffffffff);
	put16(frame + 34, 68);
	put16(frame + 36, 67);
	put16(frame + 38, (uint16_t)(8 + len));
	dhcp_frame_fix(frame);
	return DHCP_MESSAGE_AT + len;
}

// The value of an option in a frame; NULL: it is not there, or runs past the end. Options that are
// there twice are one too many: NULL too.
static inline const uint8_t *frame_option(
	const uint8_t *frame, size_t len, uint8_t code, uint8_t *value_len)
{
	const uint8_t *found = NULL;

	for (size_t at = DHCP_OPTIONS_AT; at < len && frame[at] != 255; at++) {
		if (frame[at] == 0)
			continue;
		if (at + 2 > len || at + 2 + frame[at + 1] > len)
			return NULL;
		if (frame[at] == code) {
			if (found != NULL)
				return NULL;
			*value_len = frame[at + 1];
			found = frame + at + 2;
		}
		at += 1 + (size_t)frame[at + 1];
	}
	return found;
}
