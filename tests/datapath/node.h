// SPDX-License-Identifier: BSD-3-Clause
// The node that most tests run on: node4 of the deployment that weft was made for. ens19 carries
// the physical network "provider" (flat, and VLANs), ens18 the underlay; instances A and B are on
// vxlan1, C on vxlan2, P on provider, V and W on vlan1001.

#pragma once

#include "switch_env.h"

#define MAC_A "fa:16:3e:de:6e:86"
#define MAC_B "fa:16:3e:74:ad:39"
#define MAC_C "fa:16:3e:00:02:19"
#define MAC_P "fa:16:3e:00:01:36"
#define MAC_V "fa:16:3e:17:00:46"
#define MAC_W "fa:16:3e:17:00:33"
#define MAC_X "fa:16:3e:99:99:01" // nobody's yet
#define MAC_Y "fa:16:3e:99:99:02"

#define OUR_IP	"192.168.31.104"
#define IP_101	"192.168.31.101"
#define IP_103	"192.168.31.103"
#define IP_105	"192.168.31.105"
#define IP_250	"192.168.31.250"
#define MAC_101 "52:54:00:00:01:01"
#define MAC_103 "52:54:00:00:01:03"
#define MAC_105 "52:54:00:00:01:05"

#define UPLINKS                                                                                    \
	"'uplinks': {'provider': {'device': 'fake:ens19', 'vlans': '1001-2000'},"                  \
	" 'underlay': {'device': 'fake:ens18', 'address': '192.168.31.104/24'}}"

#define SEGMENT_VXLAN(vni) "{'type': 'vxlan', 'id': " #vni "}"
#define SEGMENT_VLAN(vid)  "{'type': 'vlan', 'uplink': 'provider', 'id': " #vid "}"
#define SEGMENT_FLAT	   "{'type': 'flat', 'uplink': 'provider'}"

#define NETWORKS                                                                                   \
	"'networks': {"                                                                            \
	" 'provider': {'segments': [" SEGMENT_FLAT "]},"                                           \
	" 'vlan1001': {'segments': [" SEGMENT_VLAN(                                                \
		1001) "]},"                                                                        \
		      " 'vxlan1': {'segments': [" SEGMENT_VXLAN(                                   \
			      1) "]},"                                                             \
				 " 'vxlan2': {'segments': [" SEGMENT_VXLAN(2) "]}}"

#define PORT(name, network, mac)                                                                   \
	"'" name "': {'network': '" network "', 'device': 'fake:" name "', 'mac': '" mac "'}"

#define PORTS                                                                                      \
	"'ports': {" PORT("a", "vxlan1", MAC_A) "," PORT("b", "vxlan1", MAC_B) "," PORT(           \
		"c", "vxlan2", MAC_C) "," PORT("p", "provider", MAC_P) "," PORT("v", "vlan1001",   \
		MAC_V) "," PORT("w", "vlan1001", MAC_W) "}"

#define TUNNEL_KEYS "'uplink': 'underlay', 'vnis': '1-1000', "
#define HEADEND	    "'mode': 'headend', 'remotes': ['" IP_101 "', '" IP_103 "', '" IP_105 "']"
#define OPEN	    "'strict-remotes': false"

// The node with these keys of the tunnel besides; .101, .103 and .105 are resolved.
void node(const char *tunnel);
// The same, for a document that a test writes itself.
void resolve_all(void);

// An IPv4 UDP packet of an instance, by MACs; `len` bytes of payload.
struct frame talk(const char *from, const char *to, uint16_t len);
// An ARP request to everybody.
struct frame who_has(const char *from);
// A tunnel datagram to us from a remote of the underlay.
struct frame from_remote(const char *ip, uint32_t vni, const struct frame *inner);
// The last octet of the remote that a datagram goes to, and that it is well-formed.
unsigned remote_of(const struct frame *datagram);
