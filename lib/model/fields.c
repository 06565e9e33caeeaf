// SPDX-License-Identifier: BSD-3-Clause
// The field tables. Constant data, any thread.

#include "model/fields.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "model/model.h"
#include "model/tables.h"
#include "net/protocol.h"

#define ADMIN_STATE(structure)                                                                     \
	FIELD(structure, up, "admin-state", FIELD_ENUM, E_VALUE,                                   \
		.flags = FIELD_INVERTED | FIELD_ALONE, WORDS("down", "up"), .default_text = "up",  \
		.help = "whether packets pass at all")

// How long a session lives on without a packet.
#define TIMEOUT(member, key, text, what)                                                           \
	FIELD(sessions_config, member, key, FIELD_UINT, E_VALUE, .min = 1, .max = 1000000,         \
		.default_text = text, .unit = "s",                                                 \
		.help = what ": how long a session lives without packets")

static const struct field workers_fields[] = {
	FIELD(workers_config, cores, "cores", FIELD_STRING, E_CFG_CORES,
		.flags = FIELD_IMMUTABLE | FIELD_GENERATED, .default_text = "the last CPU",
		.expects = "a list of CPUs such as \"1,3-5\"",
		.help = "CPUs that forward packets, one worker each"),
	FIELD(workers_config, idle, "idle", FIELD_ENUM, E_VALUE, WORDS("adaptive", "spin"),
		.default_text = "adaptive", .help = "what a worker does when nothing comes"),
};

static const struct field uplink_fields[] = {
	FIELD(uplink_config, device, "device", FIELD_DEVICE, E_CFG_DEVICE, .flags = FIELD_REQUIRED,
		.expects = "\"driver:name[,key=value]\", such as \"packet:eth1\", \"xdp:eth1\" or "
			   "\"pci:0000:01:00.0\"",
		.help = "device that carries the physical network"),
	FIELD(uplink_config, vlans, "vlans", FIELD_RANGES, E_CFG_RANGE, .min = 1, .max = VID_MAX,
		.help = "VLAN ids that segments may use; none: flat only"),
	FIELD(uplink_config, address, "address", FIELD_PREFIX, E_VALUE,
		.help = "underlay address of this node, with prefix length; of an xdp device it "
			"may be left to the kernel"),
	FIELD(uplink_config, gateway, "gateway", FIELD_IP, E_VALUE,
		.help = "underlay next hop toward what is not on the prefix; of an xdp device the "
			"kernel's routes count instead"),
	FIELD(uplink_config, vlan, "vlan", FIELD_UINT, E_NET_VLAN_INVALID, .min = 1, .max = VID_MAX,
		.flags = FIELD_GENERATED, .default_text = "untagged",
		.help = "VLAN of the underlay on this device"),
	FIELD(uplink_config, vlan_priority, "vlan-priority", FIELD_UINT, E_VALUE, .max = 7,
		.default_text = "0", .help = "priority of the tags that vlan segments put on"),
	FIELD(uplink_config, mtu, "mtu", FIELD_UINT, E_VALUE, .min = 576, .max = 9600,
		.default_text = "1500", .unit = "bytes",
		.help = "largest IP packet the device carries"),
	FIELD(uplink_config, share, "share", FIELD_ENUM, E_VALUE, WORDS("tunnel", "vlans", "all"),
		.default_text = "tunnel",
		.help = "what an xdp device takes from the kernel: tunnel datagrams, also the "
			"VLANs of networks, or also untagged frames for a flat network"),
	ADMIN_STATE(uplink_config),
};

static const struct field tunnel_fields[] = {
	FIELD(tunnel_config, enabled, "enabled", FIELD_BOOL, E_VALUE, .default_text = "true",
		.help = "whether networks may have vxlan segments"),
	FIELD(tunnel_config, uplink, "uplink", FIELD_NAME, E_CFG_UPLINK_MISSING,
		.flags = FIELD_REQUIRED, .ref = "uplink",
		.help = "uplink that carries the underlay"),
	FIELD(tunnel_config, address, "address", FIELD_IP, E_CFG_LOCAL_IP, .flags = FIELD_GENERATED,
		.default_text = "the uplink's", .help = "address of this tunnel endpoint"),
	FIELD(tunnel_config, port, "port", FIELD_UINT, E_VALUE, .min = 1, .max = UINT16_MAX,
		.default_text = "8472", .help = "UDP destination port"),
	FIELD(tunnel_config, vnis, "vnis", FIELD_RANGES, E_CFG_RANGE, .min = 1, .max = VNI_MAX,
		.default_text = "1-16777215", .help = "VNIs that segments may use"),
	FIELD(tunnel_config, group, "group", FIELD_PREFIX, E_CFG_GROUP,
		.flags = FIELD_HOST_OK | FIELD_GENERATED, GIVEN(tunnel_config, group_given),
		.default_text = "224.0.0.1 where the mode needs one",
		.expects = "an IPv4 multicast address such as 224.0.0.1, or a prefix such as "
			   "239.1.0.0/16 from which each VNI takes one",
		.help = "multicast group of broadcast, unknown and multicast frames"),
	FIELD(tunnel_config, mode, "mode", FIELD_ENUM, E_CFG_MODE, .flags = FIELD_GENERATED,
		GIVEN(tunnel_config, mode_given), WORDS("multicast", "headend", "both"),
		.default_text = "headend with remotes and no group, else multicast",
		.help = "where broadcast, unknown and multicast frames go"),
	FIELD(tunnel_config, remotes, "remotes", FIELD_IP_LIST, E_VALUE,
		.help = "other endpoints, for every vxlan segment"),
	FIELD(tunnel_config, source_port_min, "source-port-min", FIELD_UINT, E_CFG_RANGE, .min = 1,
		.max = UINT16_MAX, .default_text = "32768", .help = "lowest UDP source port"),
	FIELD(tunnel_config, source_port_max, "source-port-max", FIELD_UINT, E_CFG_RANGE, .min = 1,
		.max = UINT16_MAX, .default_text = "60999", .help = "highest UDP source port"),
	FIELD(tunnel_config, ttl, "ttl", FIELD_UINT, E_VALUE, .min = 1, .max = 255, WORDS("auto"),
		.word_value = TTL_AUTO, .default_text = "auto",
		.help = "TTL of outer headers; auto: 64, and 1 to a group"),
	FIELD(tunnel_config, tos, "tos", FIELD_UINT, E_VALUE, .max = 255, WORDS("inherit"),
		.word_value = TOS_INHERIT, .default_text = "0",
		.help = "TOS of outer headers; inherit: the inner DSCP"),
	FIELD(tunnel_config, df, "df", FIELD_ENUM, E_VALUE, WORDS("unset", "set", "inherit"),
		.default_text = "unset", .help = "don't-fragment bit of outer headers"),
	FIELD(tunnel_config, udp_checksum, "udp-checksum", FIELD_BOOL, E_VALUE,
		.default_text = "true", .help = "whether outer UDP checksums are sent"),
	FIELD(tunnel_config, strict_remotes, "strict-remotes", FIELD_BOOL, E_VALUE,
		.flags = FIELD_GENERATED, GIVEN(tunnel_config, strict_remotes_given),
		.default_text = "true in mode headend with remotes, else false",
		.help = "refuse tunnel packets from endpoints that are no remotes"),
	FIELD(tunnel_config, reserved_ignore, "reserved-bits", FIELD_ENUM, E_VALUE,
		.flags = FIELD_INVERTED, WORDS("drop", "ignore"), .default_text = "drop",
		.help = "what reserved bits in received VXLAN headers do"),
	FIELD(tunnel_config, ageing, "ageing", FIELD_UINT, E_VALUE, .min = 10, .max = 1000000,
		.default_text = "300", .unit = "s", .help = "life of learned FDB entries"),
	FIELD(tunnel_config, path_mtu, "path-mtu", FIELD_UINT, E_VALUE, .min = 576, .max = 9600,
		.flags = FIELD_GENERATED, GIVEN(tunnel_config, path_mtu_given),
		.default_text = "the uplink's mtu", .unit = "bytes",
		.help = "largest IP packet the underlay carries"),
};

static const struct field segment_fields[] = {
	FIELD(segment_config, type, "type", FIELD_ENUM, E_VALUE, .flags = FIELD_REQUIRED,
		WORDS("flat", "vlan", "vxlan"), .help = "how the segment is carried"),
	FIELD(segment_config, uplink, "uplink", FIELD_NAME, E_NET_PHYSNET_UNKNOWN, .ref = "uplink",
		.help = "uplink of a flat or vlan segment"),
	FIELD(segment_config, id, "id", FIELD_UINT, E_VALUE, .max = UINT32_MAX,
		.flags = FIELD_GENERATED, GIVEN(segment_config, id_set),
		.default_text = "the lowest free one",
		.expects = "a VLAN id (1 to 4094) or a VNI (1 to 16777215)",
		.help = "VLAN id or VNI"),
};

static const struct object_def segment_def = {
	.kind = "segment",
	.key = "segments",
	.size = sizeof(struct segment_config),
	.fields = segment_fields,
	.n_fields = ARRAY_SIZE(segment_fields),
	.present_offset = -1,
	.help = "what carries a network: one uplink untagged, one VLAN of it, or one VNI",
};

static const struct field network_fields[] = {
	FIELD(network_config, segments, "segments", FIELD_OBJECTS, E_NET_SEGMENTS,
		.flags = FIELD_REQUIRED | FIELD_IMMUTABLE, .sub = &segment_def,
		.help = "what carries the network; several are bridged"),
	FIELD(network_config, mtu, "mtu", FIELD_UINT, E_VALUE, .max = UINT16_MAX,
		.flags = FIELD_GENERATED, GIVEN(network_config, mtu_given),
		.default_text = "the largest that every segment carries", .unit = "bytes",
		.help = "largest IP packet on the network"),
	ADMIN_STATE(network_config),
	FIELD(network_config, shared, "shared", FIELD_BOOL, E_VALUE, .default_text = "false",
		.help = "whether ports of other owners may plug in"),
	FIELD(network_config, external, "external", FIELD_BOOL, E_VALUE, .default_text = "false",
		.help = "whether the network may be a router's gateway network"),
	FIELD(network_config, owner, "owner", FIELD_STRING, E_VALUE, .help = "whom it belongs to"),
	FIELD(network_config, drop_unknown_unicast, "unknown-unicast", FIELD_ENUM, E_VALUE,
		.flags = FIELD_INVERTED, WORDS("flood", "drop"), .default_text = "flood",
		.help = "what happens to a frame for an unknown MAC"),
	FIELD(network_config, drop_other_ethertypes, "other-ethertypes", FIELD_ENUM, E_VALUE,
		.flags = FIELD_INVERTED, WORDS("forward", "drop"), .default_text = "forward",
		.help = "what happens to a frame that is neither IP nor ARP"),
	FIELD(network_config, vlan_transparent, "vlan-transparent", FIELD_BOOL, E_VALUE,
		.default_text = "false", .help = "whether inner VLAN tags pass"),
	FIELD(network_config, drop_arp_probes, "arp-probes", FIELD_ENUM, E_VALUE,
		.flags = FIELD_INVERTED, WORDS("accept", "drop"), .default_text = "accept",
		.help = "what happens to an ARP probe (sender 0.0.0.0) of a filtered port for one "
			"of its own addresses"),
	FIELD(network_config, fdb_limit, "fdb-limit", FIELD_UINT, E_VALUE, .min = 1, .max = 1048576,
		.default_text = "8192", .unit = "entries", .help = "most MACs learned"),
	FIELD(network_config, ageing, "ageing", FIELD_UINT, E_VALUE, .min = 10, .max = 1000000,
		.flags = FIELD_GENERATED, .default_text = "the tunnel's, else 300", .unit = "s",
		.help = "life of learned FDB entries"),
	FIELD(network_config, remotes, "remotes", FIELD_IP_LIST, E_VALUE,
		.help = "other endpoints of the vxlan segment, beside the tunnel's"),
	FIELD(network_config, arp_responder, "arp-responder", FIELD_BOOL, E_VALUE,
		.default_text = "false",
		.help = "whether ARP and neighbour requests of local ports are answered here for "
			"known addresses"),
};

static const struct field pair_fields[] = {
	FIELD(address_pair, prefix, "address", FIELD_PREFIX, E_VALUE,
		.flags = FIELD_REQUIRED | FIELD_HOST_OK | FIELD_ANY_OK,
		.expects = "an address or prefix such as \"192.0.2.1\" or \"198.51.100.0/24\"",
		.help = "address or prefix that the instance may use beside its own"),
	FIELD(address_pair, mac, "mac", FIELD_MAC, E_PORT_MAC_INVALID, .flags = FIELD_GENERATED,
		GIVEN(address_pair, mac_given), .default_text = "the port's",
		.help = "MAC it may use them with"),
};

static const struct object_def pair_def = {
	.kind = "pair",
	.key = "allowed-address-pairs",
	.size = sizeof(struct address_pair),
	.fields = pair_fields,
	.n_fields = ARRAY_SIZE(pair_fields),
	.word_form = "ADDRESS[/LENGTH][@MAC]",
	.separator = '@',
	.present_offset = -1,
	.help = "an address that the instance may use beside its own",
};

static const struct field port_fields[] = {
	FIELD(port_config, network, "network", FIELD_NAME, E_REFERENCE,
		.flags = FIELD_REQUIRED | FIELD_IMMUTABLE, .ref = "network",
		.help = "network the port is on"),
	FIELD(port_config, device, "device", FIELD_DEVICE, E_CFG_DEVICE, .expects = DEVICE_FORM,
		.help = "device behind the port; none: it is on another node, or a router's"),
	FIELD(port_config, vlan, "vlan", FIELD_UINT, E_NET_VLAN_INVALID, .min = 1, .max = VID_MAX,
		.flags = FIELD_GENERATED, .default_text = "the whole device",
		.help = "VLAN of a trunk device that is this port"),
	FIELD(port_config, mac, "mac", FIELD_MAC, E_PORT_MAC_INVALID, .flags = FIELD_GENERATED,
		.default_text = "fa:16:3e and three random octets", .help = "MAC of the instance"),
	FIELD(port_config, addresses, "addresses", FIELD_IP_LIST, E_PORT_IP_INVALID,
		.flags = FIELD_GENERATED, GIVEN(port_config, addresses_given),
		.default_text = "the lowest free one of the network's IPv4 pools, if it has any",
		.help = "addresses of the instance, at most 5"),
	FIELD(port_config, dns_name, "dns-name", FIELD_STRING, E_VALUE, .flags = FIELD_GENERATED,
		.default_text = "host- and the address with dashes",
		.help = "name of the instance in DHCP and DNS"),
	FIELD(port_config, dhcp_options, "dhcp-options", FIELD_OBJECTS, E_VALUE,
		.sub = &dhcp_option_def,
		.help = "DHCP options beside or instead of those of the subnet"),
	ADMIN_STATE(port_config),
	FIELD(port_config, vlan_transparent, "vlan-transparent", FIELD_BOOL, E_VALUE,
		.default_text = "false", .help = "whether tagged frames of the instance pass"),
	FIELD(port_config, fdb_limit, "fdb-limit", FIELD_UINT, E_VALUE, .min = 1, .max = 1048576,
		.flags = FIELD_GENERATED, .default_text = "the network's", .unit = "entries",
		.help = "most MACs learned behind the port"),
	FIELD(port_config, owner, "owner", FIELD_STRING, E_VALUE,
		.help = "whom it belongs to; one that begins with network: is the infrastructure, "
			"whose ports are trusted and never filtered"),
	FIELD(port_config, port_security, "port-security", FIELD_BOOL, E_VALUE,
		.default_text = "true",
		.help = "whether the port is filtered: anti-spoofing, ARP checks, security groups"),
	FIELD(port_config, security_groups, "security-groups", FIELD_NAME_LIST, E_SG_NOT_FOUND,
		.flags = FIELD_GENERATED, GIVEN(port_config, security_groups_given),
		.ref = "security-group", .default_text = "the group default",
		.help = "groups whose rules say what passes"),
	FIELD(port_config, pairs, "allowed-address-pairs", FIELD_OBJECTS, E_VALUE, .sub = &pair_def,
		.help = "addresses that the instance may use beside its own, at most 10"),
};

static const struct field security_rule_fields[] = {
	FIELD(security_rule, direction, "direction", FIELD_ENUM, E_VALUE,
		.flags = FIELD_REQUIRED | FIELD_ALONE, WORDS("ingress", "egress"),
		.help = "into the instance or out of it"),
	FIELD(security_rule, family, "ethertype", FIELD_ENUM, E_VALUE, .flags = FIELD_ALONE,
		WORDS("ipv4", "ipv6"), .default_text = "ipv4", .help = "IP version of the packets"),
	FIELD(security_rule, protocol, "protocol", FIELD_PROTOCOL, E_VALUE, .flags = FIELD_ALONE,
		.max = UINT8_MAX, .words = protocol_names, .default_text = "any",
		.help = "IP protocol; icmp with ipv6 means icmpv6"),
	FIELD(security_rule, ports, "ports", FIELD_RANGE, E_SG_PORT, .flags = FIELD_GENERATED,
		GIVEN(security_rule, ports_given), .min = 1, .max = RULE_PORT_MAX,
		.default_text = "any", .help = "destination port, or lowest and highest"),
	FIELD(security_rule, icmp_type, "icmp-type", FIELD_UINT, E_SG_ICMP, .max = UINT8_MAX,
		WORDS("any"), .word_value = ICMP_ANY, .default_text = "any",
		.help = "type of the ICMP message"),
	FIELD(security_rule, icmp_code, "icmp-code", FIELD_UINT, E_SG_ICMP, .max = UINT8_MAX,
		WORDS("any"), .word_value = ICMP_ANY, .default_text = "any",
		.help = "code of the ICMP message"),
	FIELD(security_rule, remote_prefix, "remote-prefix", FIELD_PREFIX, E_VALUE,
		.flags = FIELD_HOST_OK | FIELD_ANY_OK | FIELD_GENERATED,
		GIVEN(security_rule, remote_prefix_given), .default_text = "any",
		.expects = "an address or prefix such as \"192.0.2.1\" or \"198.51.100.0/24\"",
		.help = "address of the other side"),
	FIELD(security_rule, remote_group, "remote-group", FIELD_NAME, E_SG_NOT_FOUND,
		.flags = FIELD_GENERATED, .ref = "security-group", .default_text = "any",
		.help = "group that the other side is a member of"),
};

const struct object_def security_rule_def = {
	.kind = "rule",
	.key = "rules",
	.size = sizeof(struct security_rule),
	.fields = security_rule_fields,
	.n_fields = ARRAY_SIZE(security_rule_fields),
	.present_offset = -1,
	.help = "packets that are accepted",
};

static const struct field security_group_fields[] = {
	FIELD(security_group, stateful, "stateful", FIELD_BOOL, E_VALUE, .default_text = "true",
		.help = "whether replies pass without a rule of their own"),
	FIELD(security_group, rules, "rules", FIELD_OBJECTS, E_VALUE, .flags = FIELD_GENERATED,
		GIVEN(security_group, rules_given), .sub = &security_rule_def,
		.default_text = "none; group default: all egress, and ingress from the group "
				"itself",
		.help = "what passes; what no rule accepts is dropped"),
	FIELD(security_group, members, "members", FIELD_PREFIX_LIST, E_VALUE,
		.help = "addresses of members on other nodes, for remote-group"),
};

static const struct field sessions_fields[] = {
	FIELD(sessions_config, limit, "limit", FIELD_UINT, E_VALUE, .min = 1,
		.max = SESSIONS_LIMIT_MAX, .default_text = "1048576", .unit = "entries",
		.help = "most sessions on this node"),
	FIELD(sessions_config, port_quota, "port-quota", FIELD_UINT, E_VALUE, .min = 1,
		.max = SESSIONS_LIMIT_MAX, .default_text = "65536", .unit = "entries",
		.help = "most sessions that the packets of one port have opened"),
	TIMEOUT(tcp_syn_sent, "tcp-syn-sent", "120", "TCP after SYN"),
	TIMEOUT(tcp_syn_received, "tcp-syn-received", "60", "TCP after SYN and ACK"),
	TIMEOUT(tcp_established, "tcp-established", "432000", "TCP connected"),
	TIMEOUT(tcp_fin_wait, "tcp-fin-wait", "120", "TCP after the first FIN"),
	TIMEOUT(tcp_close_wait, "tcp-close-wait", "60", "TCP with the first FIN acknowledged"),
	TIMEOUT(tcp_last_ack, "tcp-last-ack", "30", "TCP after the second FIN"),
	TIMEOUT(tcp_time_wait, "tcp-time-wait", "120", "TCP with both FINs acknowledged"),
	TIMEOUT(tcp_close, "tcp-close", "10", "TCP after RST"),
	TIMEOUT(tcp_unacknowledged, "tcp-unacknowledged", "300",
		"TCP with data unacknowledged or sent three times again"),
	TIMEOUT(udp, "udp", "30", "UDP without a reply"),
	TIMEOUT(udp_stream, "udp-stream", "120", "UDP replied to and older than 2 seconds"),
	TIMEOUT(icmp, "icmp", "30", "ICMP queries"),
	TIMEOUT(other, "other", "600", "all other protocols"),
};

static const struct field metrics_fields[] = {
	FIELD(metrics_config, listen, "listen", FIELD_STRING, E_VALUE, .flags = FIELD_GENERATED,
		.default_text = "nowhere",
		.expects = "a loopback address with a port, such as \"127.0.0.1:9469\" or "
			   "\"[::1]:9469\", or a UNIX socket such as "
			   "\"unix:/run/weft/metrics.sock\"",
		.help = "where the page /metrics is served, by HTTP"),
};

static const struct field fdb_fields[] = {
	FIELD(fdb_config, remote, "remote", FIELD_IP, E_VALUE,
		.help = "endpoint the MAC is behind"),
	FIELD(fdb_config, port, "port", FIELD_NAME, E_REFERENCE, .ref = "port",
		.help = "port the MAC is behind"),
	FIELD(fdb_config, uplink, "uplink", FIELD_NAME, E_REFERENCE, .ref = "uplink",
		.help = "uplink the MAC is behind"),
};

// "NETWORK/MAC", with the MAC in its printed form, so that one entry has one name.
static int fdb_name_parse(void *object, const char *name, struct arena *arena)
{
	struct fdb_config *fdb = object;
	const char *slash = strrchr(name, '/');
	char text[MAC_TEXT_LEN];
	struct mac mac;
	char *network;

	if (slash == NULL || slash == name || mac_parse(slash + 1, &mac) < 0 ||
		strcmp(mac_format(&mac, text), slash + 1) != 0)
		return -EINVAL;
	network = arena_strdup(arena, name);
	network[slash - name] = '\0';
	fdb->network = network;
	fdb->mac = mac;
	return 0;
}

static const struct object_def workers_def = {
	.kind = "workers",
	.key = "workers",
	.single = true,
	.size = sizeof(struct workers_config),
	.fields = workers_fields,
	.n_fields = ARRAY_SIZE(workers_fields),
	.model_offset = offsetof(struct model, workers),
	.present_offset = -1,
	.help = "the threads that forward packets",
};

static const struct object_def uplink_def = {
	.kind = "uplink",
	.key = "uplinks",
	.size = sizeof(struct uplink_config),
	.fields = uplink_fields,
	.n_fields = ARRAY_SIZE(uplink_fields),
	.name_form = "NAME",
	.model_offset = offsetof(struct model, uplinks),
	.present_offset = -1,
	.help = "a device that carries a physical network or the underlay",
};

static const struct object_def tunnel_def = {
	.kind = "tunnel",
	.key = "tunnel",
	.single = true,
	.size = sizeof(struct tunnel_config),
	.fields = tunnel_fields,
	.n_fields = ARRAY_SIZE(tunnel_fields),
	.model_offset = offsetof(struct model, tunnel),
	.present_offset = offsetof(struct tunnel_config, present),
	.help = "this node's VXLAN endpoint",
};

static const struct object_def network_def = {
	.kind = "network",
	.key = "networks",
	.size = sizeof(struct network_config),
	.fields = network_fields,
	.n_fields = ARRAY_SIZE(network_fields),
	.name_form = "NAME",
	.model_offset = offsetof(struct model, networks),
	.owns = "subnets",
	.present_offset = -1,
	.help = "one layer-2 broadcast domain",
};

static const struct object_def port_def = {
	.kind = "port",
	.key = "ports",
	.size = sizeof(struct port_config),
	.fields = port_fields,
	.n_fields = ARRAY_SIZE(port_fields),
	.name_form = "NAME",
	.model_offset = offsetof(struct model, ports),
	.present_offset = -1,
	.help = "where an instance is plugged into a network",
};

static const struct object_def security_group_def = {
	.kind = "security-group",
	.key = "security-groups",
	.size = sizeof(struct security_group),
	.fields = security_group_fields,
	.n_fields = ARRAY_SIZE(security_group_fields),
	.name_form = "NAME",
	.builtin = DEFAULT_GROUP,
	.model_offset = offsetof(struct model, security_groups),
	.present_offset = -1,
	.help = "rules that say what passes filtered ports",
};

static const struct object_def sessions_def = {
	.kind = "sessions",
	.key = "sessions",
	.single = true,
	.size = sizeof(struct sessions_config),
	.fields = sessions_fields,
	.n_fields = ARRAY_SIZE(sessions_fields),
	.model_offset = offsetof(struct model, sessions),
	.present_offset = -1,
	.help = "the table of connections that filtered ports track: bounds and time-outs",
};

static const struct object_def metrics_def = {
	.kind = "metrics",
	.key = "metrics",
	.single = true,
	.size = sizeof(struct metrics_config),
	.fields = metrics_fields,
	.n_fields = ARRAY_SIZE(metrics_fields),
	.model_offset = offsetof(struct model, metrics),
	.present_offset = -1,
	.help = "counters for monitoring systems, in the OpenMetrics format",
};

static const struct object_def fdb_def = {
	.kind = "fdb",
	.key = "fdb",
	.size = sizeof(struct fdb_config),
	.fields = fdb_fields,
	.n_fields = ARRAY_SIZE(fdb_fields),
	.name_form = "NETWORK/MAC",
	.name_expects =
		"NETWORK/MAC with the MAC in lower case, such as \"net1/fa:16:3e:00:00:01\"",
	.model_offset = offsetof(struct model, fdb),
	.present_offset = -1,
	.name_parse = fdb_name_parse,
	.help = "a MAC whose place is fixed",
};

const struct object_def *const object_defs[] = {
	&workers_def,
	&uplink_def,
	&tunnel_def,
	&network_def,
	&subnet_def,
	&security_group_def,
	&port_def,
	&router_def,
	&floating_ip_def,
	&fdb_def,
	&sessions_def,
	&metrics_def,
	NULL,
};

const struct object_def *object_def_by_kind(const char *kind)
{
	for (const struct object_def *const *def = object_defs; *def != NULL; def++)
		if (strcmp((*def)->kind, kind) == 0)
			return *def;
	return NULL;
}

const struct object_def *object_def_by_key(const char *key)
{
	for (const struct object_def *const *def = object_defs; *def != NULL; def++)
		if (strcmp((*def)->key, key) == 0)
			return *def;
	return NULL;
}

const struct field *object_field(const struct object_def *def, const char *name)
{
	for (size_t i = 0; i < def->n_fields; i++)
		if (strcmp(def->fields[i].name, name) == 0)
			return &def->fields[i];
	return NULL;
}

bool object_is_builtin(const struct object_def *def, const char *name)
{
	return def->builtin != NULL && strcmp(def->builtin, name) == 0;
}
