// SPDX-License-Identifier: BSD-3-Clause
// Every rule of a configuration: a change to a good node, and the one problem it must make.

#include <stdio.h>
#include <string.h>

#include <check.h>

#include "base/util.h"
#include "config_env.h"
#include "rpc/config_json.h"
#include "suite.h"

// Checked with nothing in force.
static const struct rule rules[] = {
	// documents
	{E_KEY_UNKNOWN, "balancers", "{'balancers': {}}"},
	{E_KEY_UNKNOWN, "networks.vxlan1.mut", "{'networks': {'vxlan1': {'mut': 1400}}}"},
	{E_KEY_UNKNOWN, "ports.vxlan1-1.security-group",
		"{'ports': {'vxlan1-1': {'security-group': ['ssh']}}}"},
	{E_KEY_MISSING, "ports.vxlan1-1.network", "{'ports': {'vxlan1-1': {'network': null}}}"},
	{E_KEY_MISSING, "ports.vxlan1-1.device",
		"{'ports': {'vxlan1-1': {'device': null, 'vlan': 7}}}"},
	{E_KEY_MISSING, "tunnel.uplink", "{'tunnel': {'uplink': null}}"},
	{E_KEY_MISSING, "networks.a.segments[0].type", "{'networks': {'a': {'segments': [{}]}}}"},
	{E_KEY_MISSING, "networks.a.segments", "{'networks': {'a': {}}}"},
	{E_KEY_MISSING, "uplinks.inside.address",
		"{'uplinks': {'inside': {'gateway': '10.1.0.1'}}}"},
	{E_TYPE, "workers", "{'workers': [1]}"},
	{E_TYPE, "networks.a", "{'networks': {'a': 'vxlan'}}"},
	{E_TYPE, "networks.a.segments[0]", "{'networks': {'a': {'segments': ['vxlan']}}}"},
	{E_TYPE, "networks.a.segments", "{'networks': {'a': {'segments': {'type': 'vxlan'}}}}"},
	{E_TYPE, "networks.vxlan1.mtu", "{'networks': {'vxlan1': {'mtu': '1400'}}}"},
	{E_TYPE, "networks.vxlan1.shared", "{'networks': {'vxlan1': {'shared': 1}}}"},
	{E_TYPE, "tunnel.remotes", "{'tunnel': {'remotes': '192.168.31.101'}}"},
	{E_TYPE, "tunnel.remotes[1]", "{'tunnel': {'remotes': ['192.168.31.101', 7]}}"},
	{E_TYPE, "tunnel.port", "{'tunnel': {'port': 8472.0}}"},
	{E_TYPE, "ports.vxlan1-1.device", "{'ports': {'vxlan1-1': {'device': true}}}"},
	{E_VALUE, "workers.idle", "{'workers': {'idle': 'sleepy'}}"},
	{E_VALUE, "tunnel.port", "{'tunnel': {'port': 0}}"},
	{E_VALUE, "tunnel.port", "{'tunnel': {'port': 65536}}"},
	{E_VALUE, "tunnel.port", "{'tunnel': {'port': -1}}"},
	{E_VALUE, "tunnel.ttl", "{'tunnel': {'ttl': 0}}"},
	{E_VALUE, "tunnel.ttl", "{'tunnel': {'ttl': 'inherit'}}"},
	{E_VALUE, "tunnel.tos", "{'tunnel': {'tos': 256}}"},
	{E_VALUE, "tunnel.ageing", "{'tunnel': {'ageing': 9}}"},
	{E_VALUE, "tunnel.ageing", "{'tunnel': {'ageing': 1000001}}"},
	{E_VALUE, "tunnel.remotes[0]", "{'tunnel': {'remotes': ['192.168.31.256']}}"},
	{E_VALUE, "tunnel.remotes[0]", "{'tunnel': {'remotes': ['224.0.0.1']}}"},
	{E_VALUE, "tunnel.path-mtu", "{'tunnel': {'path-mtu': 1501}}"},
	{E_VALUE, "uplinks.inside.vlan-priority", "{'uplinks': {'inside': {'vlan-priority': 8}}}"},
	{E_VALUE, "uplinks.inside.mtu", "{'uplinks': {'inside': {'mtu': 575}}}"},
	{E_VALUE, "uplinks.inside.address", "{'uplinks': {'inside': {'address': '10.1.0.4'}}}"},
	{E_VALUE, "uplinks.inside.address", "{'uplinks': {'inside': {'address': '10.1.0.0/24'}}}"},
	{E_VALUE, "uplinks.inside.address",
		"{'uplinks': {'inside': {'address': '10.1.0.255/24'}}}"},
	{E_VALUE, "uplinks.inside.address", "{'uplinks': {'inside': {'address': '224.0.0.5/8'}}}"},
	{E_VALUE, "uplinks.inside.address",
		"{'uplinks': {'inside': {'address': '2001:db8::1/64'}}}"},
	{E_VALUE, "uplinks.underlay.gateway",
		"{'uplinks': {'underlay': {'gateway': '192.168.32.1'}}}"},
	{E_VALUE, "uplinks.underlay.gateway",
		"{'uplinks': {'underlay': {'gateway': '192.168.31.104'}}}"},
	{E_VALUE, "networks.vlan1001.remotes",
		"{'networks': {'vlan1001': {'remotes': ['192.168.31.101']}}}"},
	{E_VALUE, "networks.a.segments[0].type",
		"{'networks': {'a': {'segments': [{'type': 'geneve'}]}}}"},
	{E_NAME, "networks.a b",
		"{'networks': {'a b': {'segments': [{'type': 'vxlan', 'id': 2}]}}}"},
	{E_NAME, "uplinks.", "{'uplinks': {'': {'device': 'tap:x'}}}"},
	{E_NAME, "uplinks.a234567890123456789012345678901234567890123456789012345678901234",
		"{'uplinks': {'a234567890123456789012345678901234567890123456789012345678901234': "
		"{'device': 'tap:x'}}}"},
	{E_NAME, "uplinks.vxlan", "{'uplinks': {'vxlan': {'device': 'tap:x'}}}"},
	{E_NAME, "fdb.vxlan1", "{'fdb': {'vxlan1': {'remote': '192.168.31.101'}}}"},
	{E_NAME, "fdb.vxlan1/FA:16:3E:00:00:98",
		"{'fdb': {'vxlan1/FA:16:3E:00:00:98': {'remote': '192.168.31.101'}}}"},
	{E_REFERENCE, "ports.vxlan1-1.network", "{'ports': {'vxlan1-1': {'network': 'vxlan9'}}}"},

	// the node
	{E_VALUE, "metrics.listen", "{'metrics': {'listen': '192.0.2.1:9469'}}"},
	{E_VALUE, "metrics.listen", "{'metrics': {'listen': 'unix:metrics.sock'}}"},
	{E_VALUE, "metrics.listen", "{'metrics': {'listen': ''}}"},
	{E_CFG_CORES, "workers.cores", "{'workers': {'cores': '1-'}}"},
	{E_CFG_CORES, "workers.cores", "{'workers': {'cores': '3-1'}}"},
	{E_CFG_CORES, "workers.cores", "{'workers': {'cores': '0-32'}}"},
	{E_CFG_CORES, "workers.cores", "{'workers': {'cores': ''}}"},
	{E_CFG_SHARE, "uplinks.inside.share", "{'uplinks': {'inside': {'share': 'vlans'}}}"},
	{E_VALUE, "uplinks.inside.share", "{'uplinks': {'inside': {'share': 'some'}}}"},
	{E_CFG_SHARE, "networks.n.segments[0]",
		"{'uplinks': {'u': {'device': 'xdp:u', 'vlans': '7'}},"
		" 'networks': {'n': {'segments': [{'type': 'vlan', 'uplink': 'u', 'id': 7}]}}}"},
	{E_CFG_SHARE, "networks.n.segments[0]",
		"{'uplinks': {'u': {'device': 'xdp:u', 'share': 'vlans'}},"
		" 'networks': {'n': {'segments': [{'type': 'flat', 'uplink': 'u'}]}}}"},
	{E_CFG_DEVICE, "uplinks.inside.device", "{'uplinks': {'inside': {'device': 'ens20'}}}"},
	{E_CFG_DEVICE, "uplinks.inside.device", "{'uplinks': {'inside': {'device': 'packet:'}}}"},
	{E_CFG_DEVICE, "ports.vxlan1-1.device", "{'ports': {'vxlan1-1': {'device': 'xdp:eth1'}}}"},
	{E_CFG_DEVICE, "uplinks.inside.device", "{'uplinks': {'inside': {'device': 'packet: x'}}}"},
	{E_CFG_UPLINK_MISSING, "tunnel.uplink", "{'tunnel': {'uplink': 'ens18'}}"},
	{E_CFG_MAPPING_DUP, "uplinks.underlay.device",
		"{'uplinks': {'underlay': {'device': 'packet:ens19,queues=2'}}}"},
	{E_CFG_MAPPING_DUP, "uplinks.underlay.device",
		"{'uplinks': {'underlay': {'device': 'xdp:ens19'}}}"},
	{E_CFG_RANGE, "uplinks.inside.vlans", "{'uplinks': {'inside': {'vlans': '2000-1001'}}}"},
	{E_CFG_RANGE, "uplinks.inside.vlans", "{'uplinks': {'inside': {'vlans': '0-10'}}}"},
	{E_CFG_RANGE, "uplinks.inside.vlans", "{'uplinks': {'inside': {'vlans': '1-4095'}}}"},
	{E_CFG_RANGE, "uplinks.inside.vlans", "{'uplinks': {'inside': {'vlans': 4095}}}"},
	{E_CFG_RANGE, "uplinks.inside.vlans",
		"{'uplinks': {'inside': {'vlans': '1-10   # the lab'}}}"},
	{E_CFG_RANGE, "uplinks.inside.vlans", "{'uplinks': {'inside': {'vlans': '1-10,'}}}"},
	{E_CFG_RANGE, "tunnel.vnis", "{'tunnel': {'vnis': '1-16777216'}}"},
	{E_CFG_RANGE, "tunnel.source-port-min",
		"{'tunnel': {'source-port-min': 50000, 'source-port-max': 49999}}"},
	{E_CFG_RANGE, "tunnel.source-port-max", "{'tunnel': {'source-port-max': 65536}}"},
	{E_CFG_LOCAL_IP, "uplinks.underlay.address",
		"{'uplinks': {'underlay': {'address': null, 'gateway': null}}}"},
	{E_CFG_LOCAL_IP, "tunnel.address", "{'tunnel': {'address': '192.168.31.105'}}"},
	{E_CFG_LOCAL_IP, "tunnel.address", "{'tunnel': {'address': 'ens18'}}"},
	{E_CFG_GROUP, "tunnel.group", "{'tunnel': {'group': '192.168.31.1'}}"},
	{E_CFG_GROUP, "tunnel.group", "{'tunnel': {'group': 'ff02::1'}}"},
	{E_CFG_GROUP, "tunnel.group", "{'tunnel': {'group': '224.0.0.0/3'}}"},
	{E_CFG_GROUP, "tunnel.group", "{'tunnel': {'group': '224.0.0.1/33'}}"},
	{E_CFG_MODE, "tunnel.mode", "{'tunnel': {'mode': 'unicast'}}"},

	// networks
	{E_NET_PHYSNET_REQUIRED, "networks.a.segments[0].uplink",
		"{'networks': {'a': {'segments': [{'type': 'flat'}]}}}"},
	{E_NET_PHYSNET_REQUIRED, "networks.a.segments[0].uplink",
		"{'networks': {'a': {'segments': [{'type': 'vlan', 'id': 1002}]}}}"},
	{E_NET_SEGMENT_FORBIDDEN, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': [{'type': 'flat', 'uplink': 'inside', 'id': "
		"5}]}}}"},
	{E_NET_FLAT_IN_USE, "networks.second.segments[0].uplink",
		"{'networks': {'second': {'segments': [{'type': 'flat', 'uplink': 'provider'}]}}}"},
	{E_NET_PHYSNET_UNKNOWN, "networks.a.segments[0].uplink",
		"{'networks': {'a': {'segments': [{'type': 'flat', 'uplink': 'ens21'}]}}}"},
	{E_NET_PHYSNET_UNKNOWN, "networks.a.segments[0].uplink",
		"{'networks': {'a': {'segments': [{'type': 'vlan', 'uplink': 'inside', 'id': "
		"1001}]}}}"},
	{E_NET_VLAN_INVALID, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': [{'type': 'vlan', 'uplink': 'provider', 'id': "
		"0}]}}}"},
	{E_NET_VLAN_INVALID, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': "
		"[{'type': 'vlan', 'uplink': 'provider', 'id': 4095}]}}}"},
	{E_NET_VLAN_INVALID, "ports.vxlan1-1.vlan", "{'ports': {'vxlan1-1': {'vlan': 4095}}}"},
	{E_NET_VLAN_INVALID, "uplinks.underlay.vlan", "{'uplinks': {'underlay': {'vlan': 0}}}"},
	{E_NET_VLAN_OUT_OF_RANGE, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': "
		"[{'type': 'vlan', 'uplink': 'provider', 'id': 1000}]}}}"},
	{E_NET_VLAN_OUT_OF_RANGE, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': "
		"[{'type': 'vlan', 'uplink': 'provider', 'id': 2001}]}}}"},
	{E_NET_VLAN_IN_USE, "networks.vlan1001b.segments[0].id",
		"{'networks': {'vlan1001b': {'segments': "
		"[{'type': 'vlan', 'uplink': 'provider', 'id': 1001}]}}}"},
	{E_NET_PHYSNET_FORBIDDEN, "networks.a.segments[0].uplink",
		"{'networks': {'a': {'segments': [{'type': 'vxlan', 'uplink': 'inside', 'id': "
		"2}]}}}"},
	{E_NET_VNI_INVALID, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': [{'type': 'vxlan', 'id': 0}]}}}"},
	{E_NET_VNI_INVALID, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': [{'type': 'vxlan', 'id': 16777216}]}}}"},
	{E_NET_VNI_OUT_OF_RANGE, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': [{'type': 'vxlan', 'id': 1001}]}}}"},
	{E_NET_VNI_IN_USE, "networks.vxlan1b.segments[0].id",
		"{'networks': {'vxlan1b': {'segments': [{'type': 'vxlan', 'id': 1}]}}}"},
	{E_NET_NO_SEGMENT, "networks.a.segments[0].id",
		"{'tunnel': {'vnis': '1'}, 'networks': {'a': {'segments': [{'type': 'vxlan'}]}}}"},
	{E_NET_VXLAN_DISABLED, "networks.vxlan1.segments[0]", "{'tunnel': {'enabled': false}}"},
	{E_NET_VXLAN_DISABLED, "networks.vxlan1.segments[0]", "{'tunnel': null}"},
	{E_NET_MTU_TOO_BIG, "networks.vxlan1.mtu", "{'networks': {'vxlan1': {'mtu': 1451}}}"},
	{E_NET_MTU_TOO_BIG, "networks.vlan1001.mtu", "{'networks': {'vlan1001': {'mtu': 1501}}}"},
	{E_NET_MTU_TOO_SMALL, "networks.vxlan1.mtu", "{'networks': {'vxlan1': {'mtu': 67}}}"},
	{E_NET_SHARED_IN_USE, "ports.vxlan1-1.owner",
		"{'networks': {'vxlan1': {'owner': 'blue'}},"
		" 'ports': {'vxlan1-1': {'owner': 'red'}}}"},
	{E_NET_SEGMENTS, "networks.a.segments", "{'networks': {'a': {'segments': []}}}"},
	{E_NET_SEGMENTS, "networks.a.segments",
		"{'networks': {'a': {'segments': "
		"[{'type': 'vxlan', 'id': 2}, {'type': 'vxlan', 'id': 3}]}}}"},

	// ports
	{E_PORT_MAC_INVALID, "ports.vxlan1-1.mac",
		"{'ports': {'vxlan1-1': {'mac': '01:00:5e:00:00:01'}}}"},
	{E_PORT_MAC_INVALID, "ports.vxlan1-1.mac",
		"{'ports': {'vxlan1-1': {'mac': '00:00:00:00:00:00'}}}"},
	{E_PORT_MAC_INVALID, "ports.vxlan1-1.mac",
		"{'ports': {'vxlan1-1': {'mac': 'fa163ede6e86'}}}"},
	{E_PORT_MAC_IN_USE, "ports.vxlan1-2.mac",
		"{'ports': {'vxlan1-2': {'network': 'vxlan1', 'device': 'tap:x',"
		" 'mac': 'FA:16:3E:DE:6E:86'}}}"},
	{E_PORT_IP_INVALID, "ports.vxlan1-1.addresses[1]",
		"{'ports': {'vxlan1-1': {'addresses': ['172.16.1.33', '172,16.1.100']}}}"},
	{E_PORT_IP_INVALID, "ports.vxlan1-1.addresses[0]",
		"{'ports': {'vxlan1-1': {'addresses': ['224.0.0.9']}}}"},
	{E_PORT_IP_INVALID, "ports.vxlan1-1.addresses[0]",
		"{'ports': {'vxlan1-1': {'addresses': ['0.0.0.0']}}}"},
	{E_PORT_IP_INVALID, "ports.vxlan1-1.addresses[0]",
		"{'ports': {'vxlan1-1': {'addresses': ['::']}}}"},
	{E_PORT_IP_IN_USE, "ports.vxlan1-2.addresses[0]",
		"{'ports': {'vxlan1-2': {'network': 'vxlan1', 'device': 'tap:x',"
		" 'addresses': ['172.16.1.33']}}}"},
	{E_PORT_IP_IN_USE, "ports.vxlan1-1.addresses[1]",
		"{'ports': {'vxlan1-1': {'addresses': ['172.16.1.33', '172.16.1.33']}}}"},
	{E_PORT_TOO_MANY_IPS, "ports.vxlan1-1.addresses",
		"{'ports': {'vxlan1-1': {'addresses': ['172.16.1.1', '172.16.1.2', '172.16.1.3',"
		" '172.16.1.4', '172.16.1.5', '172.16.1.6']}}}"},
	{E_PORT_BACKEND_IN_USE, "ports.vxlan1-2.device",
		"{'ports': {'vxlan1-2': {'network': 'vxlan1', 'device': 'tap:tap145db8f2-ce'}}}"},
	{E_PORT_BACKEND_IN_USE, "ports.vxlan1-2.device",
		"{'ports': {'vxlan1-2': {'network': 'vxlan1', 'device': 'packet:ens20'}}}"},
	{E_PORT_BACKEND_IN_USE, "ports.vxlan1-2.device",
		"{'ports': {'vxlan1-2': {'network': 'vxlan1', 'device': 'tap:tap145db8f2-ce',"
		" 'vlan': 7}}}"},
	{E_PORT_BACKEND_IN_USE, "ports.b.device",
		"{'ports': {'a': {'network': 'vxlan1', 'device': 'tap:trunk', 'vlan': 7},"
		" 'b': {'network': 'vxlan1', 'device': 'tap:trunk', 'vlan': 7}}}"},
	{E_PORT_BACKEND_IN_USE, "ports.b.device",
		"{'ports': {'a': {'network': 'vxlan1', 'device': 'memif:/run/m,role=client,id=1'},"
		" 'b': {'network': 'vxlan1', 'device': 'memif:/run/m,id=1'}}}"},
	{E_CFG_DEVICE, "ports.b.device",
		"{'ports': {'a': {'network': 'vxlan1', 'device': 'tap:trunk', 'vlan': 7},"
		" 'b': {'network': 'vxlan1', 'device': 'tap:trunk,x=1', 'vlan': 8}}}"},

	// other endpoints
	{E_VTEP_SELF, "tunnel.remotes[0]", "{'tunnel': {'remotes': ['192.168.31.104']}}"},
	{E_VTEP_SELF, "networks.vxlan1.remotes[0]",
		"{'networks': {'vxlan1': {'remotes': ['192.168.31.104']}}}"},
	{E_VTEP_SELF, "fdb.vxlan1/fa:16:3e:00:00:99.remote",
		"{'fdb': {'vxlan1/fa:16:3e:00:00:99': {'remote': '192.168.31.104'}}}"},
	{E_VTEP_FAMILY, "tunnel.remotes[0]", "{'tunnel': {'remotes': ['2001:db8::1']}}"},
	{E_FDB_MAC, "fdb.vxlan1/01:00:5e:00:00:01",
		"{'fdb': {'vxlan1/01:00:5e:00:00:01': {'remote': '192.168.31.101'}}}"},
	{E_FDB_MAC, "fdb.vxlan1/fa:16:3e:de:6e:86",
		"{'fdb': {'vxlan1/fa:16:3e:de:6e:86': {'remote': '192.168.31.101'}}}"},
	{E_FDB_TARGET, "fdb.vxlan1/fa:16:3e:00:00:99",
		"{'fdb': {'vxlan1/fa:16:3e:00:00:99': {'remote': null}}}"},
	{E_FDB_TARGET, "fdb.vlan1001/fa:16:3e:00:00:99.remote",
		"{'fdb': {'vlan1001/fa:16:3e:00:00:99': {'remote': '192.168.31.101'}}}"},
	{E_FDB_TARGET, "fdb.vlan1001/fa:16:3e:00:00:99.port",
		"{'fdb': {'vlan1001/fa:16:3e:00:00:99': {'port': 'vxlan1-1'}}}"},
	{E_FDB_TARGET, "fdb.vlan1001/fa:16:3e:00:00:99.uplink",
		"{'fdb': {'vlan1001/fa:16:3e:00:00:99': {'uplink': 'inside'}}}"},
	{E_FDB_TARGET, "fdb.vxlan1/fa:16:3e:00:00:98.port",
		"{'ports': {'p': {'network': 'vxlan1'}},"
		" 'fdb': {'vxlan1/fa:16:3e:00:00:98': {'port': 'p'}}}"},
	{E_REFERENCE, "fdb.vxlan9/fa:16:3e:00:00:99",
		"{'fdb': {'vxlan9/fa:16:3e:00:00:99': {'remote': '192.168.31.101'}}}"},
	{E_REFERENCE, "fdb.vxlan1/fa:16:3e:00:00:98.port",
		"{'fdb': {'vxlan1/fa:16:3e:00:00:98': {'port': 'web'}}}"},
	{E_REFERENCE, "fdb.vlan1001/fa:16:3e:00:00:98.uplink",
		"{'fdb': {'vlan1001/fa:16:3e:00:00:98': {'uplink': 'ens21'}}}"},
	{E_KEY_EXCLUSIVE, "fdb.vxlan1/fa:16:3e:00:00:99",
		"{'fdb': {'vxlan1/fa:16:3e:00:00:99': {'port': 'vxlan1-1'}}}"},
};

// Checked against the node in force.
static const struct rule change_rules[] = {
	{E_IMMUTABLE, "workers.cores", "{'workers': {'cores': '2'}}"},
	{E_IMMUTABLE, "workers.cores", "{'workers': null}"},
	{E_IMMUTABLE, "networks.vxlan1.segments",
		"{'networks': {'vxlan1': {'segments': [{'type': 'vxlan', 'id': 2}]}}}"},
	{E_IMMUTABLE, "networks.vlan1001.segments",
		"{'networks': {'vlan1001': {'segments': [{'type': 'flat', 'uplink': 'inside'}]}}}"},
	{E_IMMUTABLE, "networks.vxlan1.segments",
		"{'networks': {'vxlan1': {'segments': "
		"[{'type': 'vxlan', 'id': 1}, {'type': 'flat', 'uplink': 'inside'}]}}}"},
	{E_IMMUTABLE, "ports.vxlan1-1.network", "{'ports': {'vxlan1-1': {'network': 'vlan1001'}}}"},
	{E_PORT_BOUND, "ports.vxlan1-1.mac",
		"{'ports': {'vxlan1-1': {'mac': 'fa:16:3e:00:00:01'}}}"},
	{E_NET_IN_USE, "networks.vxlan1", "{'networks': {'vxlan1': null}, 'fdb': null}"},
	// the newcomer is to blame, whatever its name
	{E_NET_VNI_IN_USE, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': [{'type': 'vxlan', 'id': 1}]}}}"},
	{E_NET_VLAN_IN_USE, "networks.a.segments[0].id",
		"{'networks': {'a': {'segments': "
		"[{'type': 'vlan', 'uplink': 'provider', 'id': 1001}]}}}"},
	{E_NET_FLAT_IN_USE, "networks.a.segments[0].uplink",
		"{'networks': {'a': {'segments': [{'type': 'flat', 'uplink': 'provider'}]}}}"},
	{E_PORT_MAC_IN_USE, "ports.a.mac",
		"{'ports': {'a': {'network': 'vxlan1', 'device': 'tap:a',"
		" 'mac': 'fa:16:3e:de:6e:86'}}}"},
	{E_PORT_IP_IN_USE, "ports.a.addresses[0]",
		"{'ports': {'a': {'network': 'vxlan1', 'device': 'tap:a',"
		" 'addresses': ['172.16.1.33']}}}"},
	{E_PORT_BACKEND_IN_USE, "ports.a.device",
		"{'ports': {'a': {'network': 'vxlan1', 'device': 'tap:tap145db8f2-ce'}}}"},
	{E_CFG_MAPPING_DUP, "uplinks.a.device", "{'uplinks': {'a': {'device': 'packet:ens20'}}}"},
	{E_PORT_BACKEND_IN_USE, "uplinks.a.device",
		"{'uplinks': {'a': {'device': 'tap:tap145db8f2-ce'}}}"},
};

// Symbols of requests, of files and of the machine, of filters, subnets and routers: other tests
// have them.
static const enum error_symbol elsewhere[] = {
	E_SUB_CIDR,
	E_SUB_CIDR_ZERO,
	E_SUB_OVERLAP,
	E_SUB_DHCP_CIDR,
	E_SUB_DHCP_SERVICE,
	E_SUB_GW_INVALID,
	E_SUB_GW_IN_POOL,
	E_SUB_GW_IN_USE,
	E_SUB_POOL_PARSE,
	E_SUB_POOL_INVALID,
	E_SUB_POOL_OUTSIDE,
	E_SUB_POOL_OVERLAP,
	E_SUB_DNS,
	E_SUB_ROUTE,
	E_SUB_IN_USE,
	E_PORT_NO_ADDRESS,
	E_PORT_IN_USE,
	E_PORT_SERVICE,
	E_RTR_IF_NO_GW,
	E_RTR_IF_PORT,
	E_RTR_IF_DUP,
	E_RTR_IF_IN_USE_FIP,
	E_RTR_IF_IN_USE_ROUTE,
	E_RTR_OVERLAP,
	E_RTR_GW_NOT_EXTERNAL,
	E_RTR_GW_IP,
	E_RTR_GW_IN_USE,
	E_RTR_ROUTE_NEXTHOP,
	E_RTR_ROUTE_SELF,
	E_RTR_ROUTE_LIMIT,
	E_RTR_IN_USE,
	E_FIP_NOT_EXTERNAL,
	E_FIP_NO_IPV4,
	E_FIP_ADDRESS,
	E_FIP_EXHAUSTED,
	E_FIP_AMBIGUOUS,
	E_FIP_NO_FIXED,
	E_FIP_UNREACHABLE,
	E_FIP_DUP,
	E_FIP_PORT,
	E_PORT_SECURITY_BUSY,
	E_PAIR_DUP,
	E_PAIR_LIMIT,
	E_PAIR_NEEDS_SECURITY,
	E_SG_NOT_FOUND,
	E_SG_NEEDS_SECURITY,
	E_SG_MIXED,
	E_SG_PORT,
	E_SG_PORT_PROTO,
	E_SG_PROTO_REQUIRED,
	E_SG_ICMP,
	E_SG_FAMILY,
	E_SG_REMOTE,
	E_SG_RULE_DUP,
	E_SG_IN_USE,
	E_PARSE,
	E_REQUEST,
	E_METHOD_UNKNOWN,
	E_NOT_FOUND,
	E_EXISTS,
	E_LIMIT,
	E_BUSY,
	E_IO,
	E_DEV_OPEN,
	E_DEV_LIMIT,
};

START_TEST(the_node_itself_is_good)
{
	json_t *document = node_with("{}");
	struct model *model = good_model(document, NULL), *again = good_model(document, model);

	model_free(again);
	model_free(model);
	json_decref(document);
}
END_TEST

START_TEST(each_rule_makes_its_one_problem)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		try_rule(&rules[i], NULL);
}
END_TEST

START_TEST(each_rule_of_changes_makes_its_one_problem)
{
	json_t *document = node_with("{}");
	struct model *old = good_model(document, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(change_rules); i++)
		try_rule(&change_rules[i], old);
	model_free(old);
	json_decref(document);
}
END_TEST

static bool has_symbol(const struct rule *list, size_t n, enum error_symbol symbol)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].symbol == symbol)
			return true;
	return false;
}

START_TEST(no_symbol_is_left_out)
{
	for (enum error_symbol symbol = 0; symbol < N_ERROR_SYMBOLS; symbol++) {
		bool found = has_symbol(rules, ARRAY_SIZE(rules), symbol) ||
			     has_symbol(change_rules, ARRAY_SIZE(change_rules), symbol);

		for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
			found = found || elsewhere[i] == symbol;
		ck_assert_msg(found, "no rule provokes %s", error_symbol_name(symbol));
	}
}
END_TEST

static const char *const good_patches[] = {
	"{'networks': null, 'ports': null, 'fdb': null}",
	// N7, and the same VID on another uplink
	"{'uplinks': {'inside': {'vlans': '1001'}}, 'networks': {'a': {'segments': "
	"[{'type': 'vlan', 'uplink': 'inside', 'id': 1001}]}}}",
	// a gateway between three segments
	"{'networks': {'gw': {'segments': [{'type': 'vxlan', 'id': 2}, "
	"{'type': 'vlan', 'uplink': 'provider', 'id': 1002}, {'type': 'flat', 'uplink': "
	"'inside'}]}}}",
	// the same MAC and address on another network
	"{'ports': {'a': {'network': 'vlan1001', 'device': 'tap:a', 'mac': 'fa:16:3e:de:6e:86',"
	" 'addresses': ['172.16.1.33']}}}",
	// a trunk device, two devices on one memif socket, one pcap file replayed twice
	"{'ports': {'a': {'network': 'vxlan1', 'device': 'tap:trunk', 'vlan': 7},"
	" 'b': {'network': 'vxlan1', 'device': 'tap:trunk', 'vlan': 8}}}",
	"{'ports': {'a': {'network': 'vxlan1', 'device': 'memif:/run/m,id=1'},"
	" 'b': {'network': 'vxlan1', 'device': 'memif:/run/m,id=2'}}}",
	"{'ports': {'a': {'network': 'vxlan1', 'device': 'pcap:/dev/null,/tmp/a'},"
	" 'b': {'network': 'vxlan1', 'device': 'pcap:/dev/null,/tmp/b'}}}",
	// who may plug in
	"{'networks': {'vxlan1': {'owner': 'blue', 'shared': true}},"
	" 'ports': {'vxlan1-1': {'owner': 'red'}}}",
	"{'networks': {'vxlan1': {'owner': 'blue'}}, 'ports': {'vxlan1-1': {'owner': 'blue'}}}",
	"{'networks': {'vxlan1': {'owner': 'blue'}},"
	" 'ports': {'vxlan1-1': {'owner': 'network:dhcp'}}}",
	// bounds
	"{'networks': {'vxlan1': {'mtu': 1450}, 'vlan1001': {'mtu': 68}}}",
	"{'tunnel': {'vnis': '1-16777215'}, 'networks': {'a': {'segments': "
	"[{'type': 'vxlan', 'id': 16777215}]}}}",
	"{'uplinks': {'inside': {'vlans': '1,4094'}}, 'networks': {'a': {'segments': "
	"[{'type': 'vlan', 'uplink': 'inside', 'id': 4094}]}}}",
	"{'fdb': {'vlan1001/fa:16:3e:00:00:01': {'uplink': 'provider'},"
	" 'vxlan1/fa:16:3e:00:00:02': {'port': 'vxlan1-1'}}}",
	"{'tunnel': {'mode': null, 'group': '239.1.0.0/16'}}",
	"{'uplinks': {'inside': {'address': '10.1.0.4/31', 'gateway': '10.1.0.5'}}}",
	// a port that goes down may get another MAC at once
	"{'ports': {'vxlan1-1': {'mac': 'fa:16:3e:00:00:01', 'admin-state': 'down'}}}",
};

START_TEST(what_is_allowed_is_accepted)
{
	json_t *node = node_with("{}");
	struct model *old = good_model(node, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(good_patches); i++) {
		json_t *document = node_with(good_patches[i]);

		model_free(good_model(document, old));
		json_decref(document);
	}
	model_free(old);
	json_decref(node);
}
END_TEST

// Adds network "a" with one segment to the node: accepted, or that symbol at the segment.
static void try_segment(const char *segment, enum error_symbol symbol, const char *key)
{
	char patch[256], path[64];

	snprintf(patch, sizeof(patch), "{'networks': {'z': {'segments': [%s]}}}", segment);
	snprintf(path, sizeof(path), "networks.z.segments[0].%s", key);
	try_rule(&(struct rule){symbol, path, patch}, NULL);
}

static void accept_segment(const char *segment)
{
	char patch[256];
	json_t *document;

	snprintf(patch, sizeof(patch), "{'networks': {'z': {'segments': [%s]}}}", segment);
	document = node_with(patch);
	model_free(good_model(document, NULL));
	json_decref(document);
}

START_TEST(item_1_vlan_ids)
{
	accept_segment("{'type': 'vlan', 'uplink': 'provider', 'id': 1002}");
	try_segment("{'type': 'vlan', 'uplink': 'provider', 'id': 1000}", E_NET_VLAN_OUT_OF_RANGE,
		"id");
	try_segment("{'type': 'vlan', 'uplink': 'provider', 'id': 2001}", E_NET_VLAN_OUT_OF_RANGE,
		"id");
	try_segment("{'type': 'vlan', 'uplink': 'provider', 'id': 0}", E_NET_VLAN_INVALID, "id");
	try_segment("{'type': 'vlan', 'uplink': 'provider', 'id': 4095}", E_NET_VLAN_INVALID, "id");
}
END_TEST

START_TEST(item_2_vnis)
{
	accept_segment("{'type': 'vxlan', 'id': 1000}");
	try_segment("{'type': 'vxlan', 'id': 1001}", E_NET_VNI_OUT_OF_RANGE, "id");
	try_segment("{'type': 'vxlan', 'id': 0}", E_NET_VNI_INVALID, "id");
	try_segment("{'type': 'vxlan', 'id': 16777216}", E_NET_VNI_INVALID, "id");
}
END_TEST

// The node has a vlan network beside the flat one on provider.
START_TEST(item_3_one_flat_network_an_uplink)
{
	accept_segment("{'type': 'flat', 'uplink': 'inside'}");
	try_segment("{'type': 'flat', 'uplink': 'provider'}", E_NET_FLAT_IN_USE, "uplink");
}
END_TEST

START_TEST(item_4_ids_are_unique)
{
	try_segment("{'type': 'vlan', 'uplink': 'provider', 'id': 1001}", E_NET_VLAN_IN_USE, "id");
	try_segment("{'type': 'vxlan', 'id': 1}", E_NET_VNI_IN_USE, "id");
	try_segment("{'type': 'vlan', 'uplink': 'inside', 'id': 1001}", E_NET_PHYSNET_UNKNOWN,
		"uplink");
}
END_TEST

START_TEST(item_10_macs_and_addresses_are_unique_in_a_network)
{
	json_t *document;

	try_rule(&(struct rule){E_PORT_MAC_IN_USE, "ports.z.mac",
			 "{'ports': {'z': {'network': 'vxlan1', 'device': 'tap:z',"
			 " 'mac': 'fa:16:3e:de:6e:86'}}}"},
		NULL);
	try_rule(&(struct rule){E_PORT_IP_IN_USE, "ports.z.addresses[0]",
			 "{'ports': {'z': {'network': 'vxlan1', 'device': 'tap:z',"
			 " 'addresses': ['172.16.1.33']}}}"},
		NULL);
	document = node_with("{'ports': {'z': {'network': 'vlan1001', 'device': 'tap:z',"
			     " 'mac': 'fa:16:3e:de:6e:86', 'addresses': ['172.16.1.33']}}}");
	model_free(good_model(document, NULL));
	json_decref(document);
}
END_TEST

START_TEST(clearing_shared_needs_other_owners_gone)
{
	json_t *shared = node_with("{'networks': {'vxlan1': {'shared': true}},"
				   " 'ports': {'vxlan1-1': {'owner': 'red'}}}");
	json_t *cleared = node_with("{'ports': {'vxlan1-1': {'owner': 'red'}}}");
	struct model *old = good_model(shared, NULL), *model;
	struct problems problems = PROBLEMS_INIT;

	model = model_of(cleared, old, &problems);
	expect_only(&problems, E_NET_SHARED_IN_USE, "networks.vxlan1.shared");
	problems_free(&problems);
	model_free(model);
	model_free(old);
	json_decref(cleared);
	json_decref(shared);
}
END_TEST

START_TEST(everything_wrong_is_reported_at_once)
{
	json_t *document =
		node_with("{'balancers': {}, 'workers': {'idle': 'no'},"
			  " 'uplinks': {'inside': {'device': 7, 'vlans': '9-1'}},"
			  " 'networks': {'a': {'segments': [{'type': 'vxlan', 'id': 1001},"
			  "   {'type': 'vlan', 'uplink': 'provider', 'id': 1000}], 'mtu': 9000}},"
			  " 'ports': {'vxlan1-1': {'mac': 'x', 'network': 'gone', 'addresses': "
			  "['127.0.0.1']}}}");
	struct problems problems = PROBLEMS_INIT;
	struct model *model = model_of(document, NULL, &problems);

	expect_among(&problems, E_KEY_UNKNOWN, "balancers");
	expect_among(&problems, E_VALUE, "workers.idle");
	expect_among(&problems, E_TYPE, "uplinks.inside.device");
	expect_among(&problems, E_CFG_RANGE, "uplinks.inside.vlans");
	expect_among(&problems, E_NET_VNI_OUT_OF_RANGE, "networks.a.segments[0].id");
	expect_among(&problems, E_NET_VLAN_OUT_OF_RANGE, "networks.a.segments[1].id");
	expect_among(&problems, E_NET_MTU_TOO_BIG, "networks.a.mtu");
	expect_among(&problems, E_PORT_MAC_INVALID, "ports.vxlan1-1.mac");
	expect_among(&problems, E_REFERENCE, "ports.vxlan1-1.network");
	expect_among(&problems, E_PORT_IP_INVALID, "ports.vxlan1-1.addresses[0]");
	ck_assert_uint_eq(problems.n, 10);
	problems_free(&problems);
	model_free(model);
	json_decref(document);
}
END_TEST

START_TEST(sentences_name_values_and_bounds)
{
	json_t *document =
		node_with("{'networks': {'a': {'segments': [{'type': 'vxlan', 'id': 1001}]}}}");
	struct problems problems = PROBLEMS_INIT;
	struct model *model = model_of(document, NULL, &problems);

	ck_assert_str_eq(
		problems.list[0].text, "VNI 1001 is outside the ranges of the tunnel (1-1000)");
	problems_free(&problems);
	model_free(model);
	json_decref(document);
	document = node_with("{'networks': {'vxlan1': {'mut': 1400}}, 'tunnel': {'ttl': 256}}");
	model = model_of(document, NULL, &problems);
	ck_assert_str_eq(problems.list[0].text,
		"ttl can not be 256; it must be an integer from 1 to 255 or \"auto\"");
	ck_assert_str_eq(
		problems.list[1].text, "network has no key \"mut\"; did you mean \"mtu\"?");
	problems_free(&problems);
	model_free(model);
	json_decref(document);
}
END_TEST

// Thousands of ports are checked by sorting: each repeated MAC is found once, at the later port.
START_TEST(repetitions_among_thousands_of_ports)
{
	json_t *document = node_with("{}"), *ports = json_object_get(document, "ports");
	struct problems problems = PROBLEMS_INIT;
	struct model *model;
	char name[32], text[32];

	for (unsigned i = 0; i < 4000; i++) {
		json_t *port = json_object();

		snprintf(name, sizeof(name), "p%04u", i);
		snprintf(text, sizeof(text), "tap:p%u", i);
		json_object_set_new(port, "network", json_string("vxlan1"));
		json_object_set_new(port, "device", json_string(text));
		snprintf(text, sizeof(text), "02:00:00:00:%02x:%02x", i / 2 >> 8, i / 2 & 0xff);
		json_object_set_new(port, "mac", json_string(text));
		json_object_set_new(ports, name, port);
	}
	model = model_of(document, NULL, &problems);
	ck_assert_uint_eq(problems.n, 2000);
	expect_among(&problems, E_PORT_MAC_IN_USE, "ports.p0001.mac");
	expect_among(&problems, E_PORT_MAC_IN_USE, "ports.p3999.mac");
	problems_free(&problems);
	model_free(model);
	json_decref(document);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		the_node_itself_is_good,
		each_rule_makes_its_one_problem,
		each_rule_of_changes_makes_its_one_problem,
		no_symbol_is_left_out,
		what_is_allowed_is_accepted,
		item_1_vlan_ids,
		item_2_vnis,
		item_3_one_flat_network_an_uplink,
		item_4_ids_are_unique,
		item_10_macs_and_addresses_are_unique_in_a_network,
		clearing_shared_needs_other_owners_gone,
		everything_wrong_is_reported_at_once,
		sentences_name_values_and_bounds,
		repetitions_among_thousands_of_ports,
	};

	return suite_main("config_rules", tests, ARRAY_SIZE(tests));
}
