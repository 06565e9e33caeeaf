// SPDX-License-Identifier: BSD-3-Clause
// What the BPF programs of an uplink and their loader have in common. Kernel and user space read
// it: only types of linux/types.h.

#pragma once

#include <linux/types.h>

#define UPLINK_SOCKETS_MAX   64 // receive queues of the interface
#define UPLINK_PORTS_MAX     16
#define UPLINK_ADDRESSES_MAX 64
#define UPLINK_GROUPS_MAX    16
#define UPLINK_MACS_MAX	     65536
#define UPLINK_VLANS_MAX     4096

// Per-CPU counters of frames, by what became of them.
enum uplink_counter {
	UPLINK_KERNEL,	  // not ours: passed to the kernel
	UPLINK_TUNNEL,	  // to weft: a tunnel datagram
	UPLINK_VLAN,	  // to weft: a frame of a VLAN
	UPLINK_UNTAGGED,  // to weft: an untagged frame
	UPLINK_NO_SOCKET, // ours, but nobody listens on that queue: passed to the kernel
	N_UPLINK_COUNTERS,
};

#define UPLINK_SHARE_VLANS    1 // frames of the VLANs in the map are ours
#define UPLINK_SHARE_UNTAGGED 2 // untagged frames to the MACs in the map are ours
#define UPLINK_NO_XDP	      4 // there is no XDP program: the socket filter takes what is ours

// The one entry of the map `settings`.
struct uplink_settings {
	__u32 flags; // UPLINK_*
	__u16 vid;   // VLAN of the underlay, 0: untagged
	__u8 mac[6]; // of the interface
};

// IPv6, or IPv4 as ::ffff:a.b.c.d.
struct uplink_address {
	__u8 b[16];
};

// Key of the map `groups`.
struct uplink_group {
	__u32 len; // bits
	struct uplink_address address;
};

struct uplink_mac {
	__u8 b[6];
	__u8 zero[2];
};
