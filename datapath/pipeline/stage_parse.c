// SPDX-License-Identifier: BSD-3-Clause
// From mbufs to packets: one segment of our own, Ethernet header, outer tag. Nothing is changed in
// the frame.
// In: mbufs of a device. Out: mbuf, frame, len, source, destination, ethertype, vid, flags.
// Drops: runt, oversize_rx, nomem.

#include "pipeline/stages.h"

// Later stages write into the frame and take it for one piece.
static inline bool is_plain(const struct rte_mbuf *mbuf)
{
	return mbuf->nb_segs == 1 && rte_mbuf_refcnt_read(mbuf) == 1 && RTE_MBUF_DIRECT(mbuf);
}

static bool parse_other_buffer(struct worker_ctx *ctx, struct packet *p)
{
	if (p->mbuf->pkt_len > UINT16_MAX) {
		p->len = UINT16_MAX;
		drop_unclassified(ctx, p, DROP_OVERSIZE_RX);
		return false;
	}
	struct rte_mbuf *copy = packet_copy(ctx, p->mbuf);

	if (copy == NULL) {
		p->len = p->mbuf->pkt_len;
		drop_unclassified(ctx, p, DROP_NOMEM);
		return false;
	}
	rte_pktmbuf_free(p->mbuf);
	p->mbuf = copy;
	return true;
}

// The outer tag may be in the frame or in the mbuf. An 802.1ad tag is nobody's own tag.
static bool parse_tags(struct worker_ctx *ctx, struct packet *p)
{
	if (p->mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) {
		p->mbuf->ol_flags &= ~(RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
		p->flags |= PACKET_TAG;
		p->vid = p->mbuf->vlan_tci & 0xfff;
	} else if (p->ethertype == ETHER_TYPE_VLAN) {
		if (p->len < ETHERNET_LEN + VLAN_TAG_LEN) {
			drop_unclassified(ctx, p, DROP_RUNT);
			return false;
		}
		p->flags |= PACKET_TAG | PACKET_TAG_IN_FRAME;
		p->vid = load_be16(p->frame + 14) & 0xfff;
		p->ethertype = load_be16(p->frame + 16);
	}
	if (is_tag(p->ethertype))
		p->flags |= PACKET_TAG_BELOW;
	return true;
}

static inline bool parse(struct worker_ctx *ctx, struct packet *p, struct rte_mbuf *mbuf)
{
	*p = (struct packet){.mbuf = mbuf};
	if (unlikely(!is_plain(mbuf)) && !parse_other_buffer(ctx, p))
		return false;
	p->frame = rte_pktmbuf_mtod(p->mbuf, uint8_t *);
	p->len = p->mbuf->data_len;
	if (unlikely(p->len < ETHERNET_LEN)) {
		drop_unclassified(ctx, p, DROP_RUNT);
		return false;
	}
	packet_read_ethernet(p);
	if (unlikely(is_tag(p->ethertype) || (p->mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)))
		return parse_tags(ctx, p);
	return true;
}

void stage_parse(struct worker_ctx *ctx, struct burst *burst, struct rte_mbuf **mbufs, uint16_t n)
{
	struct packet *to = burst->packets;

	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (unsigned i = 0; i < n; i++)
		to += parse(ctx, to, mbufs[i]);
	burst_end(burst, to);
}
