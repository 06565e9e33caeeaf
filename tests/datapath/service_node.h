// SPDX-License-Identifier: BSD-3-Clause
// The node of the tests of weft's own ports. Network vxlan1 has the service port S of its subnet
// 172.16.1.0/24, the filtered instance A and the open port B here, R on another node, and X
// anywhere behind the tunnel. Network vlan1001 has the same subnet with a service port T of its
// own, and the open port V.

#pragma once

#include "switch_env.h"

#define MAC_S "fa:16:3e:31:14:a6"
#define MAC_T "fa:16:3e:78:a1:95"
#define MAC_A "fa:16:3e:de:6e:86"
#define MAC_B "fa:16:3e:74:ad:39"
#define MAC_R "fa:16:3e:00:00:44"
#define MAC_V "fa:16:3e:17:00:46"
#define MAC_X "fa:16:3e:99:99:01" // nobody's

#define IP_S	 "172.16.1.10"
#define IP_A	 "172.16.1.33"
#define IP_B	 "172.16.1.17"
#define IP_R	 "172.16.1.44"
#define IP_V	 "172.16.1.46"
#define IP_NONE	 "0.0.0.0"
#define METADATA "169.254.169.254"

extern const struct hosts a_to_s, a_to_metadata, s_to_a;

// Keys that are added to network vxlan1 and to the DHCP of its subnet, or "".
void service_node(const char *network, const char *dhcp);
