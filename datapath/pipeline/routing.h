// SPDX-License-Identifier: BSD-3-Clause
// What the parts of the router share: a packet on its way through one.

#pragma once

#include "pipeline/burst.h"
#include "pipeline/conntrack.h"
#include "tables/fragment.h"
#include "tables/router.h"

struct worker_ctx;

struct routing {
	const struct router *router;
	const struct route_target *target; // of the destination
	struct track_packet *track;	   // NULL: nothing here can be translated
	rte_be32_t destination;		   // behind the translation
	rte_be32_t next_hop;
	uint32_t neighbour_hash; // of the next hop
	uint64_t neighbour_key;
	uint16_t by;  // attachment of the router that it came to
	uint16_t out; // that it leaves by
	uint16_t l3_len;
	bool fits;	    // the network behind it
	bool is_translated; // what follows holds
	struct nat_ends to;
	struct nat_ends quoted; // by an ICMP error
};

// The session of a later fragment, by the L4 header of its first one.
void nat_later(
	struct worker_ctx *ctx, const struct fragment_verdict *first, struct track_packet *track);
// When the route is known (R10), for a packet without a session: begins that of a new flow. INET_OK
// or why it dies: ct_full, nat_exhausted, nat_no_session, icmp_err_bad.
enum drop_reason nat_begin(struct worker_ctx *ctx, const struct packet *p, struct routing *r);

// Appends a packet to a burst, in fragments if it is larger than `mtu`. The burst goes on
// whenever it is full. Drops: nomem.
void split(struct worker_ctx *ctx, struct burst *burst, struct packet *p, uint16_t mtu);
