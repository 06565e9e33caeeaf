// SPDX-License-Identifier: BSD-3-Clause
// The compiled configuration that workers read: built by control, published whole with one
// release store of tables->snapshot, retired after a grace period, never changed in between.
// State that packets make (FDB, counters, remotes' neighbours) is not in here.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_byteorder.h>

#include "tables/address.h"
#include "tables/filter.h"
#include "tables/limits.h"
#include "tables/router.h"

enum attachment_kind {
	ATTACHMENT_NONE,
	ATTACHMENT_PORT,    // instance port: a device, or one VLAN of a trunk device
	ATTACHMENT_SEGMENT, // flat or vlan segment of a network on an uplink
	ATTACHMENT_TUNNEL,  // vxlan segment of a network
	ATTACHMENT_UPLINK,  // the device itself: frames that belong to no segment, underlay, slow
			    // path
	// Internal ports: weft itself on a network. They have no device; what they get ends in the
	// slow path (or in the router), what the slow path sends by them comes in as from a port.
	ATTACHMENT_SERVICE, // DHCP, DNS and metadata of one network
	ATTACHMENT_ROUTER,  // interface or gateway of a router
};

#define ATTACHMENT_UP		    0x01
#define ATTACHMENT_VLAN_TRANSPARENT 0x02 // tags below the own one pass
#define ATTACHMENT_PAD		    0x04 // pad frames to 60 bytes on output
#define ATTACHMENT_INTERNAL	    0x08 // ATTACHMENT_SERVICE or ATTACHMENT_ROUTER

// 32 bytes, two to a cache line. The id is the index in snapshot->attachments.
struct attachment {
	uint64_t mac; // port, internal port: its MAC (low 48 bits); uplink: the device MAC; else 0
	uint16_t network; // index in snapshot->networks; 0 for ATTACHMENT_UPLINK
	uint16_t device;  // index in snapshot->devices; the underlay device for a tunnel
	uint16_t vid;	  // tag put on at output, 0: none
	uint16_t max_len; // largest L2 length without the own tag: MTU + 14
	uint8_t kind;	  // enum attachment_kind
	uint8_t flags;	  // ATTACHMENT_*
	uint8_t pcp;	  // priority of the tag put on
	uint8_t reserved0;
	uint32_t fdb_limit; // learned entries behind it, 0: no own limit
	uint16_t filter;    // index in snapshot->filters; 0: not filtered
	uint16_t router;    // ATTACHMENT_ROUTER: index in snapshot->routers
	uint8_t reserved[4];
};

_Static_assert(sizeof(struct attachment) == 32, "two attachments to a cache line");

#define NETWORK_UP		      0x01
#define NETWORK_DROP_UNKNOWN_UNICAST  0x02
#define NETWORK_DROP_OTHER_ETHERTYPES 0x04
#define NETWORK_VLAN_TRANSPARENT      0x08
#define NETWORK_FILTERED	      0x10 // has a filtered port: fragments are put in order here
#define NETWORK_INTERNAL	      0x20 // weft may want what is flooded here
#define NETWORK_ARP_RESPONDER	      0x40 // answers local ports for others
// Has a router, and routers translate or there are filtered ports: the same for what goes to it.
#define NETWORK_TRANSLATED 0x80

struct network {
	uint16_t domain; // FDB domain; changes when the network is flushed
	uint16_t tunnel; // attachment id of the vxlan segment, 0: none
	uint32_t vni;
	uint16_t mtu;	// L3
	uint16_t flags; // NETWORK_*
	uint16_t n_members;
	uint16_t n_remotes;
	const uint16_t
		*members; // attachments that a flood goes to, but the tunnel; those that are up
	const uint16_t *remotes; // remote ids that a flood goes to (the group is a remote)
	uint32_t fdb_limit;	 // learned entries
	uint16_t n_routers;
	const uint16_t *routers; // attachments of routers on it
	uint16_t dhcp; // service port that takes the DHCP requests of the network, 0: none
};

// How frames of a device are told apart.
struct device_map {
	uint16_t root;	   // port: its attachment; uplink or trunk: the ATTACHMENT_UPLINK one
	uint16_t untagged; // attachment of untagged frames, 0: none
	const uint16_t
		*vlans; // [4096] attachment by VID; NULL: tags are not looked at (plain port)
	bool is_uplink;
	bool underlay;	       // carries the tunnel: frames to mac/address are looked at first
	uint16_t underlay_vid; // tag of the underlay, 0: untagged
	uint64_t mac;	       // device MAC, low 48 bits
};

struct tunnel {
	bool enabled;
	uint16_t device;       // underlay device
	uint16_t root;	       // ATTACHMENT_UPLINK of that device
	rte_be32_t address;    // local VTEP address
	rte_be32_t broadcast;  // subnet broadcast address
	rte_be32_t group;      // first group, 0: none
	rte_be32_t group_mask; // /32 unless the group is a prefix
	rte_be16_t port;
	uint16_t source_port_min;
	uint16_t n_source_ports; // max - min + 1
	uint8_t df;		 // enum df_mode of model.h: 0 unset, 1 set, 2 inherit
	bool tos_inherit;
	bool udp_checksum;
	bool strict_remotes;
	bool reserved_ignore;
};

// VNI -> attachment: open addressing, linear probing, at most half full.
struct vni_slot {
	uint32_t vni; // 0: free
	uint16_t attachment;
	uint16_t reserved;
};

struct poll_entry {
	uint16_t device;
	uint16_t queue;
};

struct device;

struct snapshot {
	uint32_t version;
	uint16_t n_attachments; // highest id + 1
	uint16_t n_networks;	// highest id + 1
	uint16_t n_devices;	// highest id + 1
	struct attachment *attachments;
	struct network *networks;
	struct device_map *maps; // by device id
	struct device **devices; // by device id, NULL: none
	struct tunnel tunnel;
	uint16_t n_filters;    // highest index + 1; 1: no port is filtered
	uint32_t filter_epoch; // grows with each commit that may change a verdict; never 0
	const struct filter *filters;
	uint16_t n_routers; // highest index + 1; 1: there are none
	const struct router *routers;
	uint32_t vni_mask; // number of slots - 1
	struct vni_slot *vnis;
	struct address_table addresses;
	uint16_t n_polls[MAX_WORKERS];
	struct poll_entry *polls[MAX_WORKERS]; // the receive queues of each worker
};

// Attachment of a VNI, 0: none on this node.
static inline uint16_t snapshot_vni(const struct snapshot *s, uint32_t vni)
{
	uint32_t i = (vni * 0x9e3779b1u) >> 7;

	for (;; i++) {
		const struct vni_slot *slot = &s->vnis[i & s->vni_mask];

		if (slot->vni == vni)
			return slot->attachment;
		if (slot->vni == 0)
			return 0;
	}
}
