// SPDX-License-Identifier: BSD-3-Clause
// The map of the switch: pipeline_run() is the way of a burst of packets through it.

#include <rte_cycles.h> // NS_PER_S

#include "pipeline/pipeline.h"
#include "pipeline/stages.h"
#include "tables/memory.h"

// Packets a second that a node hands to its slow path, by class; workers share it evenly.
static const unsigned punt_rates[N_PUNT_CLASSES] = {
	[PUNT_ARP] = 5000,
	[PUNT_UNDERLAY] = 5000,
	[PUNT_UNRESOLVED] = 5000,
};

void pipeline_run(struct worker_ctx *ctx, uint16_t device, struct rte_mbuf **mbufs, uint16_t n)
{
	struct burst *burst = &ctx->burst;

	ctx->map = &ctx->snapshot->maps[device];
	ctx->untagged = ctx->map->untagged;
	ctx->device_up = ctx->snapshot->attachments[ctx->map->root].flags & ATTACHMENT_UP;
	ctx->trusts_l4_checksum = ctx->snapshot->devices[device]->trusts_l4_checksum;

	stage_parse(ctx, burst, mbufs, n);
	stage_decap(ctx, burst);
	stage_admit(ctx, burst);
	stage_fragment(ctx, burst);
	pipeline_switch(ctx, burst);
}

void pipeline_switch(struct worker_ctx *ctx, struct burst *burst)
{
	stage_filter_out(ctx, burst);
	stage_learn(ctx, burst);
	stage_forward(ctx, burst);
	stage_track(ctx, burst);
	stage_flood(ctx, burst);
	pipeline_send(ctx, burst);
}

void pipeline_send(struct worker_ctx *ctx, struct burst *burst)
{
	stage_output(ctx, burst);
	stage_encap(ctx, burst);
	stage_tx(ctx, burst);
}

void pipeline_begin(struct worker_ctx *ctx, uint64_t now_ns)
{
	ctx->snapshot = __atomic_load_n(&ctx->tables->snapshot, __ATOMIC_ACQUIRE);
	ctx->fdb_table = __atomic_load_n(&ctx->fdb->table, __ATOMIC_ACQUIRE);
	ctx->now_ns = now_ns;
	ctx->now_s = tables_now_s(ctx->tables, now_ns);
	ctx->last_vtep = 0;
	ctx->last_remote = 0;
	fragments_expire(ctx);
}

const struct snapshot *pipeline_snapshot(const struct worker_ctx *ctx)
{
	return ctx->snapshot;
}

void pipeline_flush(struct worker_ctx *ctx)
{
	tx_flush_all(ctx);
}

static void inject(struct worker_ctx *ctx, struct packet *p, const struct inject *inject)
{
	// 0, which is down, when the attachment went while the packet was on its way.
	uint16_t out = inject->attachment < ctx->snapshot->n_attachments ? inject->attachment : 0;

	*p = (struct packet){
		.mbuf = inject->mbuf,
		.frame = rte_pktmbuf_mtod(inject->mbuf, uint8_t *),
		.len = inject->mbuf->data_len,
		.in = inject->attachment,
		.out = out,
		.care = inject->attachment,
		.network = ctx->snapshot->attachments[out].network,
		.remote = inject->remote,
	};
	packet_read_ethernet(p);
	attachment_counters(ctx, p->care)->originated++;
}

void pipeline_inject(struct worker_ctx *ctx)
{
	struct inject injects[BURST_SIZE];
	struct burst *burst = &ctx->burst;

	burst->n = rte_ring_sc_dequeue_burst_elem(
		ctx->rings->injects, injects, sizeof(injects[0]), BURST_SIZE, NULL);
	for (uint16_t i = 0; i < burst->n; i++)
		inject(ctx, &burst->packets[i], &injects[i]);
	if (burst->n != 0)
		pipeline_send(ctx, burst);
}

struct rte_mbuf *packet_copy(struct worker_ctx *ctx, const struct rte_mbuf *mbuf)
{
	struct rte_mbuf *copy = rte_pktmbuf_alloc(ctx->tables->pool);
	char *to;

	if (copy == NULL)
		return NULL;
	to = mbuf->pkt_len <= UINT16_MAX ? rte_pktmbuf_append(copy, mbuf->pkt_len) : NULL;
	if (to == NULL) {
		rte_pktmbuf_free(copy);
		return NULL;
	}
	const void *from = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, to);

	if (from != to)
		memcpy(to, from, mbuf->pkt_len);
	copy->ol_flags = mbuf->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
	copy->vlan_tci = mbuf->vlan_tci;
	return copy;
}

static void limit_punts(struct worker_ctx *ctx, unsigned n_workers)
{
	for (unsigned i = 0; i < N_PUNT_CLASSES; i++) {
		// A tenth of a second's worth may come at once.
		ctx->punt_limits[i] = (struct token_bucket){
			.ns_per_token = (uint64_t)NS_PER_S * n_workers / punt_rates[i],
			.max_ns = NS_PER_S / 10,
			.credit_ns = NS_PER_S / 10,
			.updated_ns = ctx->tables->epoch_ns,
		};
	}
}

struct worker_ctx *worker_ctx_new(struct tables *tables, unsigned index)
{
	struct worker_ctx *ctx = table_alloc(sizeof(*ctx));
	unsigned range = 0x10000 / tables->n_workers;

	if (ctx == NULL)
		return NULL;
	ctx->tables = tables;
	ctx->fdb = tables->fdb;
	ctx->counters = tables->counters[index];
	ctx->rings = &tables->rings[index];
	ctx->index = index;
	ctx->ip_id_min = index * range;
	ctx->ip_id_max = ctx->ip_id_min + range - 1;
	ctx->ip_id = ctx->ip_id_min;
	limit_punts(ctx, tables->n_workers);
	return ctx;
}

void worker_ctx_free(struct worker_ctx *ctx)
{
	if (ctx == NULL)
		return;
	for (uint16_t i = 0; i < ctx->n_waiting; i++) {
		struct tx_buffer *buffer = &ctx->tx[ctx->waiting[i]];

		rte_pktmbuf_free_bulk(buffer->mbufs, buffer->n);
	}
	table_free(ctx, sizeof(*ctx));
}
