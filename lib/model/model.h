// SPDX-License-Identifier: BSD-3-Clause
// The configuration of a node as C structures. A model is decoded from one JSON document
// (rpc/config_json.h), completed and checked (model_complete, model_validate), compiled into a
// snapshot, and never changed after that: every change makes a new model from a new document.
//
// All memory belongs to the model's arena. Objects of a kind are an array sorted by name.
// Which JSON key fills which member, its default, bounds and help text: model/fields.h.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/problem.h"
#include "net/addr.h"

#define VID_MAX 4094
#define VNI_MAX 16777215

struct range {
	uint32_t min;
	uint32_t max;
};

struct range_list {
	struct range *list; // sorted, not overlapping
	size_t n;
};

struct ip_list {
	struct ip_addr *list; // in the order given
	size_t n;
};

struct string_list {
	const char **list;
	size_t n;
};

enum idle_mode {
	IDLE_ADAPTIVE, // back off to short sleeps when nothing comes
	IDLE_SPIN,     // never sleep
};

struct workers_config {
	const char *cores; // CPU list "1,3-5", one worker each; NULL: one worker on the last CPU
	enum idle_mode idle;
};

// One device that carries a physical network (flat and vlan segments) and/or the underlay.
struct uplink_config {
	const char *name;
	const char *device;       // "driver:name[,key=value]"
	struct range_list vlans;  // ids that vlan segments may use; none: flat only
	struct ip_prefix address; // underlay address with prefix length; unset: none
	struct ip_addr gateway;   // underlay next hop off the prefix; unset: none
	uint16_t vlan;            // 802.1Q id of the underlay on this device, 0: untagged
	uint8_t vlan_priority;    // PCP of tags that vlan segments put on, default 0
	uint16_t mtu;             // L3 MTU of the device, default 1500
	bool up;                  // administrative state, default true
};

enum tunnel_mode {
	TUNNEL_MULTICAST, // broadcast, unknown and multicast go to the group
	TUNNEL_HEADEND,   // one copy to each remote
	TUNNEL_BOTH,
};

enum df_mode {
	DF_UNSET,
	DF_SET,
	DF_INHERIT,
};

#define TTL_AUTO    0      // 64 to a unicast address, 1 to a group
#define TOS_INHERIT 0x100  // copy the DSCP of the inner header

struct tunnel_config {
	bool present;           // the document has a tunnel object
	bool enabled;           // default true
	const char *uplink;     // whose address is the local VTEP address
	struct ip_addr address; // local VTEP address; unset: the uplink's address
	uint16_t port;          // UDP destination port, default 8472
	struct range_list vnis; // default 1-16777215
	struct ip_prefix group; // multicast group; a prefix: group = network + (vni & host mask)
	bool group_set;
	enum tunnel_mode mode;  // default: headend with remotes and no group, else multicast
	struct ip_list remotes; // flood targets of every vxlan segment
	uint16_t source_port_min; // default 32768
	uint16_t source_port_max; // default 60999
	uint8_t ttl;            // TTL_AUTO or 1..255
	uint16_t tos;           // 0..255 or TOS_INHERIT
	enum df_mode df;
	bool udp_checksum;      // default true
	bool strict_remotes;    // default: on in mode headend with remotes, else off
	bool reserved_ignore;   // accept non-zero reserved bits of received headers
	uint32_t ageing;        // seconds, FDB entries; default 300
	uint16_t path_mtu;      // underlay L3 MTU, default the uplink's mtu
};

enum segment_type {
	SEGMENT_FLAT,
	SEGMENT_VLAN,
	SEGMENT_VXLAN,
};

struct segment_config {
	enum segment_type type;
	const char *uplink; // flat, vlan
	uint32_t id;        // vlan: VID, vxlan: VNI; 0 before model_complete: the lowest free one
	bool id_set;
};

struct network_config {
	const char *name;
	struct segment_config *segments;
	size_t n_segments;
	uint16_t mtu;              // 0 before model_complete: the largest that every segment carries
	bool up;                   // default true
	bool shared;               // ports of other owners may plug in
	bool external;             // may be a router's gateway network
	const char *owner;         // NULL: none
	bool drop_unknown_unicast; // "unknown-unicast": "flood" (default) | "drop"
	bool drop_other_ethertypes; // "other-ethertypes": "forward" (default) | "drop"
	bool vlan_transparent;     // inner tags pass on vxlan
	uint32_t fdb_limit;        // learned entries, default 8192
	uint32_t ageing;           // seconds; 0: the tunnel's or 300
	struct ip_list remotes;    // flood targets of the vxlan segment beside the tunnel's
};

struct port_config {
	const char *name;
	const char *network;
	const char *device;       // "driver:name[,key=value]"
	uint16_t vlan;            // the port is this VLAN of a trunk device; 0: the whole device
	struct mac mac;           // zero before model_complete: fa:16:3e and three random octets
	struct ip_list addresses;
	bool up;                  // default true
	bool vlan_transparent;    // tags from the device are not refused; default false
	uint32_t fdb_limit;       // learned entries behind this port; 0: no own limit
	const char *owner;
};

// A static FDB entry; its name is "NETWORK/MAC". Exactly one target is set.
struct fdb_config {
	const char *name;
	const char *network;  // from the name
	struct mac mac;       // from the name
	struct ip_addr remote;
	const char *port;
	const char *uplink;   // the segment of the network on this uplink
};

struct model {
	struct arena *arena;
	struct workers_config workers;
	struct tunnel_config tunnel;
	struct uplink_config *uplinks;
	size_t n_uplinks;
	struct network_config *networks;
	size_t n_networks;
	struct port_config *ports;
	size_t n_ports;
	struct fdb_config *fdb;
	size_t n_fdb;
};

struct model *model_new(void);   // empty, defaults filled in
void model_free(struct model *model);

// NULL when there is none of that name.
const struct uplink_config *model_uplink(const struct model *model, const char *name);
const struct network_config *model_network(const struct model *model, const char *name);
const struct port_config *model_port(const struct model *model, const char *name);

// Fills in what the document leaves to weft: segment ids, port MACs, MTUs, the tunnel's mode and
// strict-remotes. `old` (may be NULL) keeps generated values stable. Adds problems when a
// range is exhausted. Call before model_validate.
void model_complete(struct model *model, const struct model *old, struct problems *problems);

// Checks every rule of the behaviour specification that spans a single key or several objects;
// adds every problem found. `old` (may be NULL) is the model in force: for keys that can not
// change and objects that can not go.
void model_validate(const struct model *model, const struct model *old, struct problems *problems);
