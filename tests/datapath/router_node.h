// SPDX-License-Identifier: BSD-3-Clause
// The node of the tests of routers: node1 of the deployment that weft was made for. Router
// vxlan1and2 joins vxlan1 (A with the floating address 10.1.0.50, B) and vxlan2 (C) to the external
// network "inside", where X is 10.1.0.1 and the next hop to everywhere else. V is on vlan1001,
// which the router also has an interface on.

#pragma once

#include "switch_env.h"

#define MAC_A "fa:16:3e:de:6e:86"
#define MAC_B "fa:16:3e:74:ad:39"
#define MAC_C "fa:16:3e:00:02:19"
#define MAC_V "fa:16:3e:17:00:46"
#define MAC_X "52:54:00:0a:01:01"

#define MAC_R1 "fa:16:3e:dd:e1:a2" // interface on vxlan1
#define MAC_R2 "fa:16:3e:a9:bd:74" // on vxlan2
#define MAC_R3 "fa:16:3e:a9:bd:75" // on vlan1001
#define MAC_GW "fa:16:3e:ce:1a:6b"

#define IP_A  "172.16.1.33"
#define IP_B  "172.16.1.17"
#define IP_C  "172.16.2.19"
#define IP_V  "172.17.0.46"
#define IP_X  "10.1.0.1"
#define IP_R1 "172.16.1.1"
#define IP_R2 "172.16.2.1"
#define IP_R3 "172.17.0.1"
#define IP_GW "10.1.0.83"
#define FIP   "10.1.0.50"
#define FAR   "8.8.8.8" // behind X

#define IF_2 "interface vxlan1and2 vxlan2"

#define FLOATING "'floating-ips': {'" FIP "': {'network': 'inside', 'port': 'a'}}"

struct router_config_text {
	const char *router;	// keys added to the router
	const char *gateway;	// keys added to its gateway; NULL: it has none
	const char *others;	// objects added to the document
	const char *more_ports; // added to the ports
	const char *more_subnets;
	const char *more_routers;
};

// The node; all hosts are known to the router. Announcements are over.
void router_node(const struct router_config_text *config);
// The node as the tests mostly want it: with the floating address of A.
void plain_router(void);
// A host makes itself known to the router: it has asked for its address.
void meet(const char *device, const struct hosts *host_to_router);
void meet_all(void);

// A frame as it is behind a router: other MACs, one hop less.
struct frame hop(const struct frame *frame, const char *from_mac, const char *to_mac);
// A UDP packet that has come over so many hops.
struct frame udp_over(const struct hosts *hosts, uint16_t from, uint16_t to, unsigned hops);
// An ICMP error of the router about a packet. `mtu`: 0: none.
struct frame error_about(const struct hosts *hosts, uint8_t type, uint8_t code, uint16_t mtu,
	const struct frame *packet);
// The same ICMP error, but for the identification, was sent by a device.
void expect_error(const char *device, const struct frame *error);

// Sends a UDP packet from one place and expects it at another.
struct crossing {
	const char *in;
	struct hosts hosts;
	uint16_t from, to;
	const char *out;
	struct hosts seen;
	uint16_t seen_from, seen_to; // 0: as sent
};

void crosses(const struct crossing *passage);
