// SPDX-License-Identifier: BSD-3-Clause
// Where packets leave the pipeline for the slow path.
// Drops: punt_rate, punt_full.

#include "pipeline/worker_ctx.h"

static bool take_token(struct token_bucket *bucket, uint64_t now_ns)
{
	bucket->credit_ns += now_ns - bucket->updated_ns;
	bucket->updated_ns = now_ns;
	if (bucket->credit_ns > bucket->max_ns)
		bucket->credit_ns = bucket->max_ns;
	if (bucket->credit_ns < bucket->ns_per_token)
		return false;
	bucket->credit_ns -= bucket->ns_per_token;
	return true;
}

void punt(struct worker_ctx *ctx, struct packet *p, enum punt_class class)
{
	struct punt punt = {
		.mbuf = p->mbuf,
		.attachment = p->in,
		.network = p->network,
		.remote = p->remote,
		.class = class,
	};

	if (!take_token(&ctx->punt_limits[class], ctx->now_ns)) {
		drop(ctx, p, DROP_PUNT_RATE);
		return;
	}
	// Counted before control can see it, so that the ledger is never short of a packet.
	attachment_counters(ctx, p->care)->consumed++;
	if (rte_ring_sp_enqueue_elem(ctx->rings->punts, &punt, sizeof(punt)) != 0) {
		attachment_counters(ctx, p->care)->consumed--;
		drop(ctx, p, DROP_PUNT_FULL);
	}
}
