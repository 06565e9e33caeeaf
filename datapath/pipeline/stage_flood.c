// SPDX-License-Identifier: BSD-3-Clause
// The only fan-out: a frame for everybody becomes one packet for each attachment of its network but
// the one it came from, and one for each entry of the tunnel's flood list unless it came out of the
// tunnel (split horizon). Each is a full copy; the last is the original. Before that: does weft
// want it for itself (local.c)?
//
// In: packets of forward. Out: those without PACKET_FLOOD. The others go to the side burst and,
// whenever that is full and at the end, out: before the rest of the burst, so that a flow whose
// destination becomes known within a burst stays in order.
// Drops: no_flood_target, flood_nomem, those of punt().

#include "pipeline/stages.h"

struct target {
	uint16_t out; // 0: none
	uint16_t remote;
};

static void send_to(struct worker_ctx *ctx, const struct packet *p, struct target target)
{
	struct packet *to = &ctx->side.packets[ctx->side.n++];

	*to = *p;
	to->out = target.out;
	to->remote = target.remote;
	if (ctx->side.n == BURST_SIZE)
		pipeline_send(ctx, &ctx->side);
}

static void send_copy_to(struct worker_ctx *ctx, const struct packet *p, struct target target)
{
	struct packet copy = *p;

	counter_add(&attachment_counters(ctx, p->care)->copies, 1);
	copy.mbuf = packet_copy(ctx, p->mbuf);
	if (copy.mbuf == NULL) {
		drop(ctx, &copy, DROP_FLOOD_NOMEM);
		return;
	}
	copy.frame = rte_pktmbuf_mtod(copy.mbuf, uint8_t *);
	send_to(ctx, &copy, target);
}

// Each target waits for the next one to be known: whoever is last gets the original.
static void add_target(
	struct worker_ctx *ctx, const struct packet *p, struct target *last, struct target target)
{
	if (last->out != 0)
		send_copy_to(ctx, p, *last);
	*last = target;
}

// Whether weft takes the frame, so that nobody else gets it. Otherwise adds those of its ports that
// want a copy.
static bool is_taken(struct worker_ctx *ctx, struct packet *p, struct target *last)
{
	const struct network *network = &ctx->snapshot->networks[p->network];
	struct local_wish wish = local_wish(ctx, p);

	if (wish.fate == LOCAL_TAKE) {
		p->out = wish.ports[0];
		punt(ctx, p, wish.class);
		return true;
	}
	for (uint16_t i = 0; i < wish.n; i++) {
		if (wish.ports[i] != p->in)
			add_target(ctx, p, last, (struct target){wish.ports[i], 0});
	}
	for (uint16_t i = 0; wish.to_routers && i < network->n_routers; i++) {
		if (network->routers[i] != p->in)
			add_target(ctx, p, last, (struct target){network->routers[i], 0});
	}
	return false;
}

static void flood(struct worker_ctx *ctx, struct packet *p)
{
	const struct network *network = &ctx->snapshot->networks[p->network];
	struct target last = {0, 0};

	if (network->flags & NETWORK_INTERNAL && is_taken(ctx, p, &last))
		return;
	for (uint16_t i = 0; i < network->n_members; i++) {
		if (network->members[i] != p->in)
			add_target(ctx, p, &last, (struct target){network->members[i], 0});
	}
	if (network->tunnel != 0 && !(p->flags & PACKET_FROM_TUNNEL)) {
		for (uint16_t i = 0; i < network->n_remotes; i++)
			add_target(ctx, p, &last,
				(struct target){network->tunnel, network->remotes[i]});
		// Remote 0: the tunnel has nobody to send to; it dies in the tunnel's care.
		if (network->n_remotes == 0)
			add_target(ctx, p, &last, (struct target){network->tunnel, 0});
	}
	if (last.out != 0)
		send_to(ctx, p, last);
	else
		drop(ctx, p, DROP_NO_FLOOD_TARGET);
}

void stage_flood(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;

	if (ctx->n_flood == 0)
		return;
	BURST_FOREACH (p, burst) {
		if (unlikely(p->flags & PACKET_FLOOD))
			flood(ctx, p);
		else
			to = burst_keep(to, p);
	}
	burst_end(burst, to);
	if (ctx->side.n != 0)
		pipeline_send(ctx, &ctx->side);
}
