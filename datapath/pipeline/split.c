// SPDX-License-Identifier: BSD-3-Clause
// Fragmentation of an IPv4 packet by a router, RFC 791: all pieces but the last carry a multiple of
// 8 bytes; options go into the later ones where their copy bit says so. A packet may be a fragment
// itself. The first piece goes its way to the end before the others, so that what judges it by its
// L4 header judges those that have none as it did; see stage_fragment.c.
//
// Drops: nomem, for the whole packet.

#include "pipeline/rules.h"
#include "pipeline/stages.h"
#include "pipeline/sum.h"

#define MIN_MTU	      68 // RFC 791: what every link carries
#define MAX_PIECES    1400
#define OPTION_END    0
#define OPTION_NOP    1
#define OPTION_COPIED 0x80

struct piece_header {
	uint8_t bytes[60];
	uint8_t len;
};

// The header of the later pieces: options that are not copied become no-operations.
static struct piece_header later_header(const uint8_t *l3)
{
	struct piece_header header = {.len = (l3[0] & 0xf) * 4};

	memcpy(header.bytes, l3, header.len);
	for (uint8_t at = IP4_LEN; at < header.len;) {
		uint8_t *option = &header.bytes[at];
		uint8_t len = *option == OPTION_NOP || at + 1 == header.len ? 1 : option[1];

		if (*option == OPTION_END)
			break;
		if (len == 0 || at + len > header.len) // can not be read: left as it is
			break;
		if (!(*option & OPTION_COPIED))
			memset(option, OPTION_NOP, len);
		at += len;
	}
	return header;
}

struct split_plan {
	const uint8_t *payload;
	uint16_t payload_len;
	uint16_t piece_len;
	uint16_t word; // flags and offset of the packet itself
	uint16_t n;
};

static struct split_plan plan(const struct packet *p, uint16_t mtu)
{
	const uint8_t *l3 = p->frame + ETHERNET_LEN;
	uint16_t header_len = (l3[0] & 0xf) * 4;
	struct split_plan plan = {
		.payload = l3 + header_len,
		.payload_len = load_be16(l3 + 2) - header_len,
		.piece_len = (RTE_MAX(mtu, MIN_MTU) - header_len) & ~7,
		.word = load_be16(l3 + 6),
	};

	plan.n = (plan.payload_len + plan.piece_len - 1) / plan.piece_len;
	return plan;
}

static bool write_piece(struct rte_mbuf *mbuf, const struct packet *p,
	const struct split_plan *plan, const struct piece_header *header, uint16_t i)
{
	unsigned start = i * plan->piece_len;
	uint16_t len = RTE_MIN(plan->piece_len, plan->payload_len - start);
	bool more = i + 1 < plan->n || plan->word & IPV4_MF;
	uint8_t *to = (uint8_t *)rte_pktmbuf_append(mbuf, ETHERNET_LEN + header->len + len);
	struct ipv4_wire *ip = (struct ipv4_wire *)(to + ETHERNET_LEN);

	if (to == NULL)
		return false;
	memcpy(to, p->frame, ETHERNET_LEN);
	memcpy(ip, header->bytes, header->len);
	memcpy(to + ETHERNET_LEN + header->len, plan->payload + start, len);
	ip->total_len = rte_cpu_to_be_16(header->len + len);
	ip->fragment = rte_cpu_to_be_16((plan->word & IPV4_DF) | (more ? IPV4_MF : 0) |
					((plan->word & IPV4_OFFSET_MASK) + start / 8));
	ip->checksum = 0;
	ip->checksum = sum_invert(sum_fold(sum_words((const uint8_t *)ip, header->len / 4)));
	return true;
}

static void push(struct worker_ctx *ctx, struct burst *burst, const struct packet *p)
{
	if (burst->n == BURST_SIZE)
		pipeline_forward(ctx, burst);
	burst->packets[burst->n++] = *p;
}

static bool write_pieces(
	struct rte_mbuf **mbufs, const struct packet *p, const struct split_plan *planned)
{
	const uint8_t *l3 = p->frame + ETHERNET_LEN;
	struct piece_header later = later_header(l3), first = later;

	memcpy(first.bytes, l3, first.len);
	for (uint16_t i = 0; i < planned->n; i++) {
		if (!write_piece(mbufs[i], p, planned, i == 0 ? &first : &later, i))
			return false;
	}
	return true;
}

// The place in ctx->fragments of the verdict that all pieces share, 0: there is no L4 header.
static uint16_t begin_verdict(struct worker_ctx *ctx, const struct packet *p)
{
	uint16_t place = p->fragment != 0 ? p->fragment : BURST_SIZE + ctx->n_routers;
	struct inet ip;

	if (is_later_fragment(ctx, p))
		return place;
	if (inet_read(&ip, p->frame + ETHERNET_LEN, p->len - ETHERNET_LEN, ETHER_TYPE_IPV4) !=
			INET_OK ||
		ip.fragment == INET_LATER)
		return 0;
	if (p->fragment == 0)
		ctx->fragments[place] = verdict_of_first(&ip);
	return place;
}

static void push_piece(
	struct worker_ctx *ctx, struct burst *burst, const struct packet *p, struct rte_mbuf *mbuf)
{
	struct packet piece = *p;

	piece.mbuf = mbuf;
	piece.frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	piece.len = mbuf->data_len;
	push(ctx, burst, &piece);
}

// The piece goes its way to the end. The next router may write its ports into the verdict: the
// other pieces need those that they come with.
static void send_piece(
	struct worker_ctx *ctx, struct burst *burst, struct packet *p, struct rte_mbuf *mbuf)
{
	struct fragment_verdict *verdict = &ctx->fragments[p->fragment];
	uint8_t l4[FRAGMENT_L4_LEN];

	memcpy(l4, verdict->l4, sizeof(l4));
	if (verdict->later)
		p->track = verdict->track;
	push_piece(ctx, burst, p, mbuf);
	pipeline_forward(ctx, burst);
	memcpy(verdict->l4, l4, sizeof(l4));
	verdict->later = true;
}

void split(struct worker_ctx *ctx, struct burst *burst, struct packet *p, uint16_t mtu)
{
	struct split_plan planned = plan(p, mtu);
	struct rte_mbuf *mbufs[MAX_PIECES];

	if (p->len <= mtu + ETHERNET_LEN) {
		push(ctx, burst, p);
		return;
	}
	if (planned.n > MAX_PIECES ||
		rte_pktmbuf_alloc_bulk(ctx->tables->pool, mbufs, planned.n) != 0) {
		drop(ctx, p, DROP_NOMEM);
		return;
	}
	if (!write_pieces(mbufs, p, &planned)) {
		rte_pktmbuf_free_bulk(mbufs, planned.n);
		drop(ctx, p, DROP_NOMEM);
		return;
	}
	p->fragment = begin_verdict(ctx, p);
	counter_add(&attachment_counters(ctx, p->care)->copies, planned.n - 1);
	rte_pktmbuf_free(p->mbuf);
	for (uint16_t i = 0; i < planned.n; i++) {
		if (p->fragment != 0)
			send_piece(ctx, burst, p, mbufs[i]);
		else
			push_piece(ctx, burst, p, mbufs[i]);
	}
}
