// SPDX-License-Identifier: BSD-3-Clause
// Source MACs: refreshes those that are where the FDB says, tells control about new and moved ones,
// refuses those that can not be where the frame came from.
//
// In: packets of admit. Out: nothing new. Control, not this stage, writes the FDB: a source that
// stays unknown is posted again a moment later, since a post may be lost to a full ring.
// Drops: src_mac_own, fdb_static_conflict.

#include "pipeline/stages.h"

#define RECENT_TICK_SHIFT 27 // of nanoseconds: the same source is posted every 134 ms at most

static void post_learn(struct worker_ctx *ctx, const struct packet *p)
{
	struct recent_learn *recent = &ctx->recent[p->source_hash & (LEARN_FILTER_SIZE - 1)];
	rte_be32_t vtep = packet_vtep(p);
	struct recent_learn this = {
		.key = p->source,
		.place = p->location != 0 ? fdb_value(ctx->fdb, p->location) : vtep,
		.tick = ctx->now_ns >> RECENT_TICK_SHIFT,
	};
	struct learn_event event = {
		.key = p->source,
		.network = p->network,
		.attachment = p->in,
		.vtep = vtep,
	};

	if (recent->key == this.key && recent->place == this.place && recent->tick == this.tick)
		return;
	if (rte_ring_sp_enqueue_elem(ctx->rings->learns, &event, sizeof(event)) == 0)
		*recent = this;
}

// Whether an FDB value names the local port that owns the source MAC, and the frame can not be its
// own: a port's from outside, weft's own from anywhere.
static bool is_own_source(const struct worker_ctx *ctx, const struct packet *p, uint32_t value)
{
	uint16_t id = fdb_location(value);
	const struct attachment *attachment = &ctx->snapshot->attachments[id];
	bool from_outside = ctx->snapshot->attachments[p->in].kind != ATTACHMENT_PORT;

	return id < ctx->snapshot->n_attachments &&
	       (attachment->flags & ATTACHMENT_INTERNAL ||
		       (attachment->kind == ATTACHMENT_PORT && from_outside)) &&
	       attachment->mac == (p->source & ETHER_BROADCAST);
}

// The source is new (value 0) or known elsewhere. False: the packet must not go on.
static bool learn_other(struct worker_ctx *ctx, const struct packet *p, uint32_t value)
{
	if (value != 0 && is_own_source(ctx, p, value)) {
		drop(ctx, p, DROP_SRC_MAC_OWN);
		return false;
	}
	if (!(value & FDB_STATIC)) {
		post_learn(ctx, p);
		return true;
	}
	if (p->flags & PACKET_FROM_TUNNEL) {
		drop(ctx, p, DROP_FDB_STATIC_CONFLICT);
		return false;
	}
	return true; // as a Linux bridge: forwarded, never learned
}

// The last source that was where the FDB says; packets in a row often have the same.
struct known {
	uint64_t source;
	uint16_t location;
};

static inline bool learn(struct worker_ctx *ctx, struct known *known, const struct packet *p)
{
	uint32_t *seen_s;

	if (p->source == known->source && p->location == known->location)
		return true;
	uint32_t value = fdb_lookup(ctx->fdb, ctx->fdb_table, p->source, p->source_hash, &seen_s);

	if (likely(value != 0 && fdb_location(value) == p->location)) {
		fdb_refresh(seen_s, ctx->now_s);
		*known = (struct known){p->source, p->location};
		return true;
	}
	return learn_other(ctx, p, value);
}

void stage_learn(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;
	struct known known = {0};

	BURST_FOREACH (p, burst) {
		if (likely(learn(ctx, &known, p)))
			to = burst_keep(to, p);
	}
	burst_end(burst, to);
}
