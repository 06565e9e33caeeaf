// SPDX-License-Identifier: BSD-3-Clause
// What a worker holds while it runs the pipeline, and the few things every stage does with it:
// drop a packet, settle it on an attachment, punt it, copy it. One worker uses it, alone.

#pragma once

#include <rte_branch_prediction.h>

#include "pipeline/burst.h"
#include "pipeline/conntrack.h"
#include "pipeline/routing.h"
#include "tables/device.h"
#include "tables/tables.h"

#define LEARN_FILTER_SIZE 1024
#define MAX_ROUTER_HOPS	  8 // routers of this node that a packet may go through in one burst

// A source that was posted to control a moment ago.
struct recent_learn {
	uint64_t key;
	uint32_t place; // FDB value or VTEP
	uint32_t tick;
};

// Packets that wait for their device, with what is needed to count them when it took them.
struct tx_buffer {
	uint16_t n;
	bool waiting; // its device is in worker_ctx.waiting
	uint16_t attachment[BURST_SIZE];
	uint16_t len[BURST_SIZE];
	struct rte_mbuf *mbufs[BURST_SIZE];
};

struct worker_ctx {
	// valid from pipeline_begin() to pipeline_flush()
	const struct snapshot *snapshot;
	const struct fdb_table *fdb_table;
	uint64_t now_ns;
	uint32_t now_s; // FDB seconds

	// valid during one pipeline_run()
	const struct device_map *map; // of the device the burst came from
	uint16_t untagged;	      // attachment of its untagged frames, 0: none
	bool trusts_l4_checksum;
	bool device_up; // administratively

	// the VTEP that sent the last tunnel packet of this round
	uint16_t last_remote;
	rte_be32_t last_vtep;

	uint16_t n_flood;   // packets of the burst in forward that go to many
	uint16_t n_routers; // that the burst in forward has gone through
	uint16_t n_tunnel;  // packets of the burst in output that go to a VTEP
	uint16_t ip_id;	    // identification of the next outer header
	uint16_t ip_id_min; // this worker's range
	uint16_t ip_id_max;

	struct tables *tables;
	struct fdb *fdb;
	struct counters *counters;
	struct row_counter *rows; // of filters
	struct worker_rings *rings;
	unsigned index;

	struct burst burst;
	struct burst side;    // flood copies
	struct burst arrived; // fragment: the burst as it came
	// By packet.fragment; behind those of the burst one for each router, of what it splits.
	struct fragment_verdict fragments[BURST_SIZE + 1 + MAX_ROUTER_HOPS];
	struct track_packet tracked[BURST_SIZE]; // filter_out, track: packets of the burst
	uint16_t tracked_at[BURST_SIZE];	 // and their places in it
	struct burst routed[MAX_ROUTER_HOPS];	 // by how many routers they have gone through
	struct burst split[MAX_ROUTER_HOPS];	 // the same, in fragments
	struct routing routing[BURST_SIZE];	 // route: packets of the burst
	uint16_t n_waiting;			 // devices that got packets in this round
	uint16_t waiting[MAX_DEVICES];
	struct recent_learn recent[LEARN_FILTER_SIZE];
	struct tx_buffer tx[MAX_DEVICES];
};

static inline struct attachment_counters *attachment_counters(
	struct worker_ctx *ctx, uint16_t attachment)
{
	return &ctx->counters->attachments[attachment];
}

// The only way a packet dies. mbuf may be NULL: a copy that could not be made.
static inline void drop(struct worker_ctx *ctx, const struct packet *p, enum drop_reason reason)
{
	counter_add(&attachment_counters(ctx, p->care)->drops[reason], 1);
	rte_pktmbuf_free(p->mbuf);
}

// Counts a received packet that ends before admit on the attachment where it ends.
static inline void settle(struct worker_ctx *ctx, struct packet *p, uint16_t attachment)
{
	struct attachment_counters *counters = attachment_counters(ctx, attachment);

	p->in = attachment;
	p->care = attachment;
	counter_add(&counters->rx, 1);
	counter_add(&counters->rx_bytes, p->len);
}

// Drops a packet that was not classified to an attachment yet.
static inline void drop_unclassified(
	struct worker_ctx *ctx, struct packet *p, enum drop_reason reason)
{
	settle(ctx, p, ctx->map->root);
	drop(ctx, p, reason);
}

// Whether the L4 checksum of a packet was found right: by us, or by the driver, if that can be
// believed. NONE: the sum in the frame is not finished, but the packet was verified.
static inline bool l4_checksum_verified(const struct worker_ctx *ctx, const struct packet *p)
{
	if (p->flags & PACKET_L4_GOOD)
		return true;
	if (!ctx->trusts_l4_checksum)
		return false;
	uint64_t verdict = p->mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;

	return verdict == RTE_MBUF_F_RX_L4_CKSUM_GOOD || verdict == RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

// Tells tracking what is known of a packet before: `tracked->ip` is filled in beside it.
static inline void begin_tracking(const struct worker_ctx *ctx, const struct packet *p,
	uint16_t zone, struct track_packet *tracked)
{
	tracked->zone = zone;
	tracked->checksum_good = l4_checksum_verified(ctx, p);
	tracked->came_with = p->session;
	tracked->came_as_reply = p->flags & PACKET_REPLY;
}

// Notes what tracking has found out about a packet.
static inline void note_tracked(struct packet *p, const struct track_packet *tracked)
{
	bool is_good = tracked->state >= TRACK_NEW && tracked->state <= TRACK_RELATED;

	p->session = tracked->session;
	p->flags &= ~(PACKET_L4_GOOD | PACKET_REPLY);
	p->flags |= (is_good ? PACKET_L4_GOOD : 0) | (tracked->reply ? PACKET_REPLY : 0);
}

// A fragment without an L4 header.
static inline bool is_later_fragment(const struct worker_ctx *ctx, const struct packet *p)
{
	return unlikely(p->fragment != 0) && ctx->fragments[p->fragment].later;
}

// The frame in a buffer of our own; NULL when there is none.
struct rte_mbuf *packet_copy(struct worker_ctx *ctx, const struct rte_mbuf *mbuf);

// Hands a settled packet to control, or drops it. `out` is the internal port that it is for, if it
// is for one.
void punt(struct worker_ctx *ctx, struct packet *p, enum punt_class class);

// What the slow path needs to know of a router's packet, see struct punt.
struct punt_detail {
	uint16_t interface;
	union {
		rte_be32_t next_hop;
		uint32_t icmp;
	};
};

void punt_with(struct worker_ctx *ctx, struct packet *p, enum punt_class class,
	const struct punt_detail *detail);
