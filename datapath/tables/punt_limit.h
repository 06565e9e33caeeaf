// SPDX-License-Identifier: BSD-3-Clause
// How many packets may go to the slow path: for each class a rate of the node and, for what
// instances can cause, one of the port that a packet came in by. All workers share the buckets.
//
// A bucket is one number, the time at which it will be full again: a packet moves it on by the time
// that its token takes to come back, and may not move it further ahead of the clock than the bucket
// is deep. To refuse a packet, nothing is written.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tables/limits.h"

// Why a packet goes to the slow path.
enum punt_class {
	PUNT_ARP,	 // on the underlay: a flood of pings must not cost us our next hops
	PUNT_UNDERLAY,	 // ICMP, IGMP on the underlay
	PUNT_UNRESOLVED, // the next hop has no MAC yet
	PUNT_DHCP,	 // and DHCPv6
	PUNT_ARP_OWN,	 // ARP and neighbour discovery on a network, that weft answers
	PUNT_ICMP_ERROR, // a router must tell its sender of a packet's end
	PUNT_LOCAL,	 // whatever else an internal port gets: ping, DNS, metadata
	N_PUNT_CLASSES
};

// Behind a segment or tunnel are ports of other nodes, each known by its source MAC. Those with the
// same hash share a bucket.
#define PUNT_STATIONS 8192

struct punt_limits {
	uint64_t node[N_PUNT_CLASSES];
	uint64_t ports[MAX_ATTACHMENTS][N_PUNT_CLASSES]; // by attachment; pages come on first use
	uint64_t stations[PUNT_STATIONS][N_PUNT_CLASSES];
};

// Takes a token of the node. False: there is none.
bool punt_limit_node(struct punt_limits *limits, enum punt_class class, uint64_t now_ns);
// The same of a port here, or of a station behind an attachment. A class without such a limit
// always has one.
bool punt_limit_port(
	struct punt_limits *limits, uint16_t attachment, enum punt_class class, uint64_t now_ns);
bool punt_limit_station(
	struct punt_limits *limits, uint32_t hash, enum punt_class class, uint64_t now_ns);
