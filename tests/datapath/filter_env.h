// SPDX-License-Identifier: BSD-3-Clause
// The node of the tests of filtered ports: instances A and B on a flat network, an instance O whose
// port is open, and X somewhere behind the uplink. Unknown destinations are flooded; X and O have
// made themselves known.

#pragma once

#include "switch_env.h"

#define MAC_A "fa:16:3e:de:6e:86"
#define MAC_B "fa:16:3e:74:ad:39"
#define MAC_O "fa:16:3e:00:00:0f"
#define MAC_X "52:54:00:00:00:01"

#define IP_A "172.16.1.33"
#define IP_B "172.16.1.17"
#define IP_O "172.16.1.15"
#define IP_X "10.1.0.1"

#define IP6_A  "fd00::33"
#define IP6_B  "fd00::17"
#define IP6_X  "fd00::1"
#define IP6_LA "fe80::f816:3eff:fede:6e86" // link-local, of A

#define UPLINK_OF_X "ens19"

#define NO_ADDRESS "0.0.0.0"
#define EVERYBODY  "255.255.255.255"

// Keys of objects, as JSON with ' for ". NULL: as below.
struct filter_config {
	const char *a;	     // of port a: its groups are default, ssh and ping
	const char *b;	     // of port b: its group is default
	const char *network; // of the network: none
	const char *groups;  // security-groups: ssh (tcp 22) and ping (icmp), both ingress
	const char *more;    // of the document: none
};

#define GROUP_SSH   "'ssh': {'rules': [{'direction': 'ingress', 'protocol': 'tcp', 'ports': '22'}]}"
#define GROUP_PING  "'ping': {'rules': [{'direction': 'ingress', 'protocol': 'icmp'}]}"
#define GROUPS(of)  "'security-groups': [" of "]"
#define ADDRESSES_A "'addresses': ['" IP_A "', '" IP6_A "']"

// Starts the node, or changes its configuration.
void filter_node(const struct filter_config *config);

extern const struct hosts a_to_x, x_to_a, a_to_b, b_to_a, a_to_o, o_to_a; // IPv4
extern const struct hosts a6_to_x, x6_to_a;

// ---- frames -----------------------------------------------------------------------------------

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

struct frame tcp(const struct hosts *hosts, uint16_t from, uint16_t to, uint8_t flags);
struct frame tcp_at(const struct frame *frame, uint32_t sequence, uint32_t ack);
struct frame icmp(const struct hosts *hosts, uint8_t type, uint8_t code, uint16_t len);
// An ICMP error of this type that quotes the whole packet.
struct frame icmp_error(const struct hosts *hosts, uint8_t type, const struct frame *quoted);
struct frame icmp6(const struct hosts *hosts, uint8_t type, uint16_t len);
// An ARP packet with another sender MAC than its frame.
struct frame arp_of(const struct frame *arp, const char *sender_mac);

// ---- what happens -----------------------------------------------------------------------------

// A frame that arrives on a device is sent by this one and no other.
void passes(const char *from, const char *to, const struct frame *frame);
// It is sent by none and dies in the care of an attachment.
void dies(const char *from, const struct frame *frame, const char *care, enum drop_reason reason);

// What a row of a port has counted; a rule of one of its chains.
void row_is(const char *port, enum filter_row row, uint64_t packets, uint64_t bytes);
void rule_is(const char *port, enum filter_chain chain, unsigned rule, uint64_t packets);
void pair_is(const char *port, unsigned pair, uint64_t packets);
uint32_t n_sessions(void);
const struct filter *filter_of_port(const char *port);
