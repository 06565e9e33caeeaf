// SPDX-License-Identifier: BSD-3-Clause
// To the devices, a buffer for each. A packet is tx of its attachment once the device took it.
//
// In: packets as they go on the wire. Out: an empty burst.
// Drops: tx_full, tx_no_peer.

#include "pipeline/stages.h"

static void count_sent(struct worker_ctx *ctx, const struct tx_buffer *buffer, uint16_t n)
{
	for (uint16_t i = 0; i < n;) {
		struct attachment_counters *counters =
			attachment_counters(ctx, buffer->attachment[i]);
		uint16_t first = i;
		uint64_t bytes = 0;

		while (i < n && buffer->attachment[i] == buffer->attachment[first])
			bytes += buffer->len[i++];
		counter_add(&counters->tx, i - first);
		counter_add(&counters->tx_bytes, bytes);
	}
}

static uint16_t transmit(
	struct worker_ctx *ctx, struct device *device, struct rte_mbuf **mbufs, uint16_t n)
{
	uint16_t queue = ctx->index % device->n_txq;

	if (!device->tx_shared)
		return device->tx_burst(device, queue, mbufs, n);
	rte_spinlock_lock(&device->tx_lock);
	uint16_t sent = device->tx_burst(device, queue, mbufs, n);

	rte_spinlock_unlock(&device->tx_lock);
	return sent;
}

static void tx_flush(struct worker_ctx *ctx, uint16_t id)
{
	struct tx_buffer *buffer = &ctx->tx[id];
	struct device *device = ctx->snapshot->devices[id];
	uint16_t sent = transmit(ctx, device, buffer->mbufs, buffer->n);

	count_sent(ctx, buffer, sent);
	for (uint16_t i = sent; i < buffer->n; i++) {
		struct packet p = {.mbuf = buffer->mbufs[i], .care = buffer->attachment[i]};

		drop(ctx, &p, device->tx_no_peer ? DROP_TX_NO_PEER : DROP_TX_FULL);
	}
	buffer->n = 0;
}

void tx_flush_all(struct worker_ctx *ctx)
{
	for (uint16_t i = 0; i < ctx->n_waiting; i++) {
		struct tx_buffer *buffer = &ctx->tx[ctx->waiting[i]];

		buffer->waiting = false;
		if (buffer->n != 0)
			tx_flush(ctx, ctx->waiting[i]);
	}
	ctx->n_waiting = 0;
}

// The buffer of a device, which gets packets in this round.
static inline struct tx_buffer *buffer_of(struct worker_ctx *ctx, uint16_t device)
{
	struct tx_buffer *buffer = &ctx->tx[device];

	if (!buffer->waiting) {
		buffer->waiting = true;
		ctx->waiting[ctx->n_waiting++] = device;
	}
	return buffer;
}

static inline void push(
	struct worker_ctx *ctx, uint16_t device, struct tx_buffer *buffer, const struct packet *p)
{
	uint16_t n = buffer->n++;

	buffer->mbufs[n] = p->mbuf;
	buffer->attachment[n] = p->out;
	buffer->len[n] = p->len;
	if (n + 1 == BURST_SIZE)
		tx_flush(ctx, device);
}

void tx_push(struct worker_ctx *ctx, const struct packet *p)
{
	uint16_t device = ctx->snapshot->attachments[p->out].device;

	push(ctx, device, buffer_of(ctx, device), p);
}

void stage_tx(struct worker_ctx *ctx, struct burst *burst)
{
	struct tx_buffer *buffer = NULL;
	uint16_t device = 0;
	uint16_t out = 0; // whose device and buffer these are

	BURST_FOREACH (p, burst) {
		if (unlikely(p->out != out)) {
			out = p->out;
			device = ctx->snapshot->attachments[out].device;
			buffer = buffer_of(ctx, device);
		}
		push(ctx, device, buffer, p);
	}
	burst->n = 0;
}
