// SPDX-License-Identifier: BSD-3-Clause
// To the devices, a buffer for each. A packet is tx of its attachment once the device took it.
//
// In: packets as they go on the wire. Out: an empty burst.
// Drops: tx_full, tx_no_peer.

#include "pipeline/stages.h"

static inline void count(
	struct worker_ctx *ctx, uint16_t attachment, uint64_t packets, uint64_t bytes)
{
	struct attachment_counters *counters = attachment_counters(ctx, attachment);

	counter_add(&counters->tx, packets);
	counter_add(&counters->tx_bytes, bytes);
}

// Packets of one attachment in a row are counted once.
static void count_sent(struct worker_ctx *ctx, const struct tx_buffer *buffer, uint16_t n)
{
	uint16_t attachment = buffer->attachment[0];
	uint64_t packets = 0, bytes = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (buffer->attachment[i] != attachment) {
			count(ctx, attachment, packets, bytes);
			attachment = buffer->attachment[i];
			packets = 0;
			bytes = 0;
		}
		packets++;
		bytes += buffer->len[i];
	}
	count(ctx, attachment, packets, bytes);
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
	uint16_t device = 0; // whose buffer it is

	BURST_FOREACH (p, burst) {
		uint16_t to = ctx->snapshot->attachments[p->out].device;

		if (unlikely(to != device)) {
			device = to;
			buffer = buffer_of(ctx, device);
		}
		push(ctx, device, buffer, p);
	}
	burst->n = 0;
}
