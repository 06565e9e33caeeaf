// SPDX-License-Identifier: BSD-3-Clause
// Where a frame goes: to the place of its destination MAC, or to everybody. What goes to a router
// leaves the burst, for that of the routers.
//
// In: packets of learn. Out: out and remote, or PACKET_FLOOD; those in ctx->routed[ctx->n_routers].
// Drops: hairpin, unknown_unicast, rtr_loop; confirm: ct_full.

#include "pipeline/stages.h"

#define N_KNOWN_ROUTERS 4

// Routers that packets of the burst went to, by the hash of their MAC: what comes to a router is
// mostly for one of few, however many networks come mixed by a tunnel.
struct known_routers {
	uint64_t key[N_KNOWN_ROUTERS]; // FDB key, 0: none
	uint16_t attachment[N_KNOWN_ROUTERS];
};

static inline unsigned place_of(const struct packet *p)
{
	return p->destination_hash & (N_KNOWN_ROUTERS - 1);
}

// The attachment of the router that a packet goes to, 0: not known.
static inline uint16_t known_router(const struct known_routers *known, const struct packet *p)
{
	unsigned place = place_of(p);

	return known->key[place] == p->destination ? known->attachment[place] : 0;
}

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

static inline enum fate forward(
	struct worker_ctx *ctx, struct known_routers *known, struct packet *p)
{
	const struct snapshot *snapshot = ctx->snapshot;
	uint16_t network = p->network, router = known_router(known, p), out;
	uint32_t *seen_s;

	if (router != 0 && likely(router != p->location))
		return to_router(ctx, p, router);
	if (p->destination & MAC_GROUP_BIT) {
		set_flood(ctx, p);
		return STAYS;
	}
	uint16_t location = fdb_location(
		fdb_lookup(ctx->fdb, ctx->fdb_table, p->destination, p->destination_hash, &seen_s));

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
	if (attachment->kind == ATTACHMENT_ROUTER) {
		known->key[place_of(p)] = p->destination;
		known->attachment[place_of(p)] = out;
		return to_router(ctx, p, out);
	}
	p->out = out;
	return STAYS;
}

void stage_forward(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;
	struct known_routers known = {0};

	ctx->n_flood = 0;
	ctx->routed[ctx->n_routers].n = 0;
	BURST_FOREACH (p, burst) {
		if (forward(ctx, &known, p) == STAYS)
			to = burst_keep(to, p);
	}
	burst_end(burst, to);
}
