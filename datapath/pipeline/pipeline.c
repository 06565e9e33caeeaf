// SPDX-License-Identifier: BSD-3-Clause
// The map of the switch: pipeline_run() is the way of a burst of packets through it.

#include "pipeline/pipeline.h"
#include "pipeline/stages.h"
#include "tables/memory.h"

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
	pipeline_forward(ctx, burst);
}

void pipeline_forward(struct worker_ctx *ctx, struct burst *burst)
{
	struct burst *routed = &ctx->routed[ctx->n_routers];

	stage_forward(ctx, burst);
	stage_track(ctx, burst);
	stage_flood(ctx, burst);
	pipeline_send(ctx, burst);
	if (unlikely(routed->n != 0)) {
		ctx->n_routers++;
		stage_route(ctx, routed); // and through forward again
		ctx->n_routers--;
	}
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

// The packet comes in by an internal port, as admit would make it. False: it has ended.
static bool come_in(struct worker_ctx *ctx, struct packet *p)
{
	const struct attachment *attachment = &ctx->snapshot->attachments[p->in];
	uint16_t domain = ctx->snapshot->networks[p->network].domain;

	if (!(attachment->flags & ATTACHMENT_UP)) {
		drop(ctx, p, DROP_PORT_DOWN);
		return false;
	}
	p->out = 0;
	p->location = p->in;
	p->source = fdb_key(domain, p->source);
	p->source_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->source);
	p->destination = fdb_key(domain, p->destination);
	p->destination_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->destination);
	return true;
}

// The packet came to a router, by an attachment that is still in its network. False: it has ended.
static bool come_to_router(struct worker_ctx *ctx, struct packet *p, uint16_t router)
{
	const struct attachment *to = &ctx->snapshot->attachments[router];

	if (to->kind != ATTACHMENT_ROUTER || p->network != to->network) {
		drop(ctx, p, DROP_PORT_DOWN);
		return false;
	}
	if (!come_in(ctx, p))
		return false;
	p->out = router;
	return true;
}

// 0, which is down, when the attachment went while the packet was on its way.
static uint16_t attachment_of(const struct worker_ctx *ctx, uint16_t id)
{
	return id < ctx->snapshot->n_attachments ? id : 0;
}

static void inject(struct worker_ctx *ctx, const struct inject *inject)
{
	uint16_t by = inject->came_by != 0 ? inject->came_by : inject->attachment;
	uint16_t to = attachment_of(ctx, inject->attachment), in = attachment_of(ctx, by);
	struct packet p = {
		.mbuf = inject->mbuf,
		.frame = rte_pktmbuf_mtod(inject->mbuf, uint8_t *),
		.len = inject->mbuf->data_len,
		.in = in,
		.out = to,
		.care = by,
		.network = ctx->snapshot->attachments[in].network,
		.remote = inject->remote,
	};

	packet_read_ethernet(&p);
	counter_add(&attachment_counters(ctx, p.care)->originated, 1);
	if (inject->came_by != 0) {
		if (come_to_router(ctx, &p, to))
			ctx->routed[0].packets[ctx->routed[0].n++] = p;
	} else if (!(ctx->snapshot->attachments[to].flags & ATTACHMENT_INTERNAL)) {
		ctx->side.packets[ctx->side.n++] = p;
	} else if (come_in(ctx, &p)) {
		ctx->burst.packets[ctx->burst.n++] = p;
	}
}

void pipeline_inject(struct worker_ctx *ctx)
{
	struct inject injects[BURST_SIZE];
	unsigned n = rte_ring_sc_dequeue_burst_elem(
		ctx->rings->injects, injects, sizeof(injects[0]), BURST_SIZE, NULL);

	ctx->trusts_l4_checksum = false; // what a driver said was about another packet
	for (unsigned i = 0; i < n; i++)
		inject(ctx, &injects[i]);
	if (ctx->side.n != 0)
		pipeline_send(ctx, &ctx->side);
	if (ctx->routed[0].n != 0) {
		ctx->n_routers = 1;
		stage_fragment(ctx, &ctx->routed[0]);
		stage_route(ctx, &ctx->routed[0]);
		ctx->n_routers = 0;
	}
	if (ctx->burst.n != 0) {
		stage_fragment(ctx, &ctx->burst);
		pipeline_forward(ctx, &ctx->burst);
	}
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

struct worker_ctx *worker_ctx_new(struct tables *tables, unsigned index)
{
	struct worker_ctx *ctx = table_alloc(sizeof(*ctx));
	unsigned range = 0x10000 / tables->n_workers;

	if (ctx == NULL)
		return NULL;
	ctx->tables = tables;
	ctx->fdb = tables->fdb;
	ctx->counters = tables->counters[index];
	ctx->rows = tables->rows[index];
	ctx->rings = &tables->rings[index];
	ctx->index = index;
	ctx->ip_id_min = index * range;
	ctx->ip_id_max = ctx->ip_id_min + range - 1;
	ctx->ip_id = ctx->ip_id_min;
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
