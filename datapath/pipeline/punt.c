// SPDX-License-Identifier: BSD-3-Clause
// Where packets leave the pipeline for the slow path.
// Drops: punt_rate, punt_full.

#include "pipeline/worker_ctx.h"

// Whose limit a packet counts against: that of the port it came in by, or of the station behind a
// segment or tunnel that sent it.
static bool is_within_limits(struct worker_ctx *ctx, const struct packet *p, enum punt_class class)
{
	uint8_t kind = ctx->snapshot->attachments[p->in].kind;
	struct punt_limits *limits = ctx->tables->punt_limits;
	bool is_station = kind == ATTACHMENT_SEGMENT || kind == ATTACHMENT_TUNNEL;

	return (is_station ? punt_limit_station(limits, p->source_hash, class, ctx->now_ns)
			   : punt_limit_port(limits, p->in, class, ctx->now_ns)) &&
	       punt_limit_node(limits, class, ctx->now_ns);
}

void punt_with(struct worker_ctx *ctx, struct packet *p, enum punt_class class,
	const struct punt_detail *detail)
{
	const struct attachment *to = &ctx->snapshot->attachments[p->out];
	struct punt punt = {
		.mbuf = p->mbuf,
		.attachment = p->in,
		.network = p->network,
		.local = to->flags & ATTACHMENT_INTERNAL ? p->out : 0,
		.remote = p->remote,
		.class = class,
		.interface = detail->interface,
		.icmp = detail->icmp,
	};

	if (!is_within_limits(ctx, p, class)) {
		drop(ctx, p, DROP_PUNT_RATE);
		return;
	}
	// Counted before control can see it, so that the ledger is never short of a packet.
	counter_add(&attachment_counters(ctx, p->care)->consumed, 1);
	if (rte_ring_sp_enqueue_elem(ctx->rings->punts, &punt, sizeof(punt)) != 0) {
		attachment_counters(ctx, p->care)->consumed--;
		drop(ctx, p, DROP_PUNT_FULL);
		return;
	}
	// Those that follow a first fragment wait for it, unless another router has passed them on.
	if (class == PUNT_UNRESOLVED && ctx->snapshot->attachments[p->in].kind != ATTACHMENT_ROUTER)
		ctx->fragments[p->fragment].waits = true;
}

void punt(struct worker_ctx *ctx, struct packet *p, enum punt_class class)
{
	static const struct punt_detail none;

	punt_with(ctx, p, class, &none);
}
