// SPDX-License-Identifier: BSD-3-Clause
// Fragmentation of an outer packet that does not fit the path to its remote, RFC 791.
// Drops: nomem.

#include "pipeline/stages.h"
#include "pipeline/sum.h"

#define MIN_PATH_MTU 68 // RFC 791: what every link carries
#define MAX_PIECES   128

struct pieces {
	uint16_t l2_len;      // in front of the IP header
	uint16_t payload_len; // of the whole outer packet
	uint16_t piece_len;   // payload of all but the last one
	uint16_t n;
};

static struct pieces plan(const struct packet *p, const struct remote *remote)
{
	struct pieces plan = {
		.l2_len = remote->header_len - (REMOTE_HEADER_MAX - ETHERNET_LEN - VLAN_TAG_LEN)};
	uint16_t path_mtu = RTE_MAX(remote->path_mtu, MIN_PATH_MTU);

	plan.payload_len = p->mbuf->data_len - plan.l2_len - IP4_LEN;
	plan.piece_len = (path_mtu - IP4_LEN) & ~7;
	plan.n = (plan.payload_len + plan.piece_len - 1) / plan.piece_len;
	return plan;
}

// Writes piece `i` into an empty buffer; false when that is too small.
static bool write_piece(
	struct rte_mbuf *mbuf, const struct packet *p, const struct pieces *plan, uint16_t i)
{
	uint16_t head_len = plan->l2_len + IP4_LEN;
	uint16_t offset = i * plan->piece_len;
	uint16_t len = RTE_MIN(plan->piece_len, plan->payload_len - offset);
	uint8_t *to = (uint8_t *)rte_pktmbuf_append(mbuf, head_len + len);

	if (to == NULL)
		return false;
	memcpy(to, p->frame, head_len);
	memcpy(to + head_len, p->frame + head_len + offset, len);

	struct ipv4_wire *ip = (struct ipv4_wire *)(to + plan->l2_len);

	ip->total_len = rte_cpu_to_be_16(IP4_LEN + len);
	ip->fragment = rte_cpu_to_be_16(offset / 8 | (i + 1 < plan->n ? IPV4_MF : 0));
	ip->checksum = 0;
	ip->checksum = sum_invert(sum_fold(sum_words((const uint8_t *)ip, IP4_LEN / 4)));
	return true;
}

void send_in_pieces(struct worker_ctx *ctx, struct packet *p, const struct remote *remote)
{
	struct rte_mbuf *mbufs[MAX_PIECES];
	struct pieces planned = plan(p, remote);

	if (planned.n > MAX_PIECES ||
		rte_pktmbuf_alloc_bulk(ctx->tables->pool, mbufs, planned.n) != 0) {
		drop(ctx, p, DROP_NOMEM);
		return;
	}
	for (uint16_t i = 0; i < planned.n; i++) {
		if (!write_piece(mbufs[i], p, &planned, i)) {
			rte_pktmbuf_free_bulk(mbufs, planned.n);
			drop(ctx, p, DROP_NOMEM);
			return;
		}
	}
	counter_add(&attachment_counters(ctx, p->care)->copies, planned.n - 1);
	rte_pktmbuf_free(p->mbuf);
	for (uint16_t i = 0; i < planned.n; i++) {
		struct packet piece = *p;

		piece.mbuf = mbufs[i];
		if (i != 0)
			piece.len = 0; // the inner frame is counted once
		tx_push(ctx, &piece);
	}
}
