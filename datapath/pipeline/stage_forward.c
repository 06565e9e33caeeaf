// SPDX-License-Identifier: BSD-3-Clause
// Where a frame goes: to the place of its destination MAC, or to everybody. What goes to a router
// leaves the burst, for that of the routers.
//
// In: packets of learn. Out: out and remote, or PACKET_FLOOD; those in ctx->routed[ctx->n_routers].
// Drops: hairpin, unknown_unicast, rtr_loop; confirm: ct_full.

#include "pipeline/stages.h"

static inline void set_flood(struct worker_ctx *ctx, struct packet *p)
{
	p->flags |= PACKET_FLOOD;
	ctx->n_flood++;
}

enum fate {
	GONE, // dropped, or in the care of a router
	STAYS,
};

static enum fate forward_unknown(struct worker_ctx *ctx, struct packet *p)
{
	if (ctx->snapshot->networks[p->network].flags & NETWORK_DROP_UNKNOWN_UNICAST) {
		drop(ctx, p, DROP_UNKNOWN_UNICAST);
		return GONE;
	}
	set_flood(ctx, p);
	return STAYS;
}

static enum fate hairpin(struct worker_ctx *ctx, const struct packet *p)
{
	drop(ctx, p, DROP_HAIRPIN);
	return GONE;
}

// ARP and the like are the slow path's.
static inline enum fate to_router(struct worker_ctx *ctx, struct packet *p, uint16_t out)
{
	struct burst *routed = &ctx->routed[ctx->n_routers];

	if (unlikely(p->ethertype == ETHER_TYPE_ARP)) {
		p->out = out;
		return STAYS;
	}
	if (unlikely(ctx->n_routers == MAX_ROUTER_HOPS - 1)) {
		drop(ctx, p, DROP_RTR_LOOP);
		return GONE;
	}
	// Its network lets the answer in.
	if (unlikely(p->track == TRACK_NEW && p->session == 0)) {
		p->out = out;
		if (!confirm(ctx, p))
			return GONE;
	}
	// Written into the copy: to copy what was just written a part of takes long.
	struct packet *to = &routed->packets[routed->n++];

	*to = *p;
	to->out = out;
	return GONE;
}

static inline enum fate forward(struct worker_ctx *ctx, struct fdb_memo *memo, struct packet *p)
{
	const struct snapshot *snapshot = ctx->snapshot;
	uint16_t network = p->network, out;

	if (p->destination & MAC_GROUP_BIT) {
		set_flood(ctx, p);
		return STAYS;
	}
	uint16_t location = fdb_location(fdb_lookup_memo(
		ctx->fdb, ctx->fdb_table, memo, p->destination, p->destination_hash));

	if (location & LOCATION_REMOTE) {
		// From one VTEP to another is back to where it came from, too: the tunnel.
		if (unlikely(p->flags & PACKET_FROM_TUNNEL))
			return hairpin(ctx, p);
		out = snapshot->networks[network].tunnel;
		p->remote = location & ~LOCATION_REMOTE;
	} else {
		if (unlikely(location == p->location && location != 0))
			return hairpin(ctx, p);
		out = location;
	}
	// An entry may outlive for a moment what it points to. Attachment 0 is in no network.
	const struct attachment *attachment = &snapshot->attachments[out];

	if (unlikely(out >= snapshot->n_attachments || attachment->network != network))
		return forward_unknown(ctx, p);
	if (attachment->kind == ATTACHMENT_ROUTER)
		return to_router(ctx, p, out);
	p->out = out;
	return STAYS;
}

void stage_forward(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;
	struct fdb_memo memo = {0};

	ctx->n_flood = 0;
	ctx->routed[ctx->n_routers].n = 0;
	BURST_FOREACH (p, burst) {
		if (forward(ctx, &memo, p) == STAYS)
			to = burst_keep(to, p);
	}
	burst_end(burst, to);
}
