// SPDX-License-Identifier: BSD-3-Clause

#include "service_node.h"

#define REMOTE	   "192.168.31.101"
#define MAC_REMOTE "52:54:00:00:01:01"

const struct hosts a_to_s = {MAC_A, MAC_S, IP_A, IP_S};
const struct hosts a_to_metadata = {MAC_A, MAC_S, IP_A, METADATA};
const struct hosts s_to_a = {MAC_S, MAC_A, IP_S, IP_A};

void service_node(const char *network, const char *dhcp)
{
	configure("{'uplinks': {'provider': {'device': 'fake:ens19', 'vlans': '1001-2000'},"
		  "  'underlay': {'device': 'fake:ens18', 'address': '192.168.31.104/24'}},"
		  "'tunnel': {'uplink': 'underlay', 'remotes': ['" REMOTE "']},"
		  "'networks': {'vxlan1': {'segments': [{'type': 'vxlan', 'id': 1}] %s},"
		  "  'vlan1001': {'segments': [{'type': 'vlan', 'uplink': 'provider',"
		  "    'id': 1001}]}},"
		  "'subnets': {'vxlan1': {'network': 'vxlan1', 'cidr': '172.16.1.0/24',"
		  "    'dhcp': {'mode': 'responder', 'address': '" IP_S "', 'mac': '" MAC_S "'"
		  "    %s}},"
		  "  'vlan1001': {'network': 'vlan1001', 'cidr': '172.16.1.0/24',"
		  "    'dhcp': {'mode': 'responder', 'address': '" IP_S "', 'mac': '" MAC_T "'}}},"
		  "'ports': {'a': {'network': 'vxlan1', 'device': 'fake:a', 'mac': '" MAC_A "',"
		  "    'addresses': ['" IP_A "'], 'port-security': true},"
		  "  'b': {'network': 'vxlan1', 'device': 'fake:b', 'mac': '" MAC_B "',"
		  "    'addresses': ['" IP_B "']},"
		  "  'r': {'network': 'vxlan1', 'mac': '" MAC_R "', 'addresses': ['" IP_R "']},"
		  "  'v': {'network': 'vlan1001', 'device': 'fake:v', 'mac': '" MAC_V "',"
		  "    'addresses': ['" IP_V "']}}}",
		network, dhcp);
	resolve("ens18", "192.168.31.104", REMOTE, MAC_REMOTE);
	forget_sent("ens18");
	forget_sent("ens19");
}
