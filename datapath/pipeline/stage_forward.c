// SPDX-License-Identifier: BSD-3-Clause
// Where a frame goes: to the place of its destination MAC, or to everybody.
//
// In: packets of learn. Out: out and remote, or PACKET_FLOOD.
// Drops: hairpin, unknown_unicast.

#include "pipeline/stages.h"

static inline void set_flood(struct worker_ctx *ctx, struct packet *p)
{
	p->flags |= PACKET_FLOOD;
	ctx->n_flood++;
}

static bool forward_unknown(struct worker_ctx *ctx, struct packet *p)
{
	if (ctx->snapshot->networks[p->network].flags & NETWORK_DROP_UNKNOWN_UNICAST) {
		drop(ctx, p, DROP_UNKNOWN_UNICAST);
		return false;
	}
	set_flood(ctx, p);
	return true;
}

static inline bool forward(struct worker_ctx *ctx, struct packet *p)
{
	uint32_t *seen_s;

	if (p->destination & MAC_GROUP_BIT) {
		set_flood(ctx, p);
		return true;
	}
	uint16_t location = fdb_location(
		fdb_lookup(ctx->fdb, ctx->fdb_table, p->destination, p->destination_hash, &seen_s));

	// From one VTEP to another is back to where it came from, too: the tunnel.
	if (unlikely(location != 0 &&
		     (location == p->location ||
			     (location & LOCATION_REMOTE && p->flags & PACKET_FROM_TUNNEL)))) {
		drop(ctx, p, DROP_HAIRPIN);
		return false;
	}
	if (location & LOCATION_REMOTE) {
		p->out = ctx->snapshot->networks[p->network].tunnel;
		p->remote = location & ~LOCATION_REMOTE;
	} else {
		p->out = location;
	}
	// An entry may outlive for a moment what it points to.
	const struct attachment *out = &ctx->snapshot->attachments[p->out];

	if (unlikely(p->out == 0 || p->out >= ctx->snapshot->n_attachments ||
		     out->network != p->network))
		return forward_unknown(ctx, p);
	ctx->n_routed += out->kind == ATTACHMENT_ROUTER;
	return true;
}

void stage_forward(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;

	ctx->n_flood = 0;
	ctx->n_routed = 0;
	BURST_FOREACH (p, burst) {
		if (likely(forward(ctx, p)))
			to = burst_keep(to, p);
	}
	burst_end(burst, to);
}
