// SPDX-License-Identifier: BSD-3-Clause
// Which attachment a frame belongs to, and whether it may come in there: VLAN handling on input,
// sanity P1, P2 and P5b, and for tunnel packets D12 and D13. From here on the frame is what an
// instance would send: its own tag is gone.
//
// In: packets of parse or decap. Out: in, care, network, location, FDB keys and their hashes, with
// both buckets on their way into the cache. Counts rx.
// Drops: vlan_unknown, vlan_nested, no_flat_network, vlan_from_port, vxlan_inner_vlan, port_down,
// oversize_rx, src_mac_invalid, link_local, ethertype, vxlan_ecn.

#include "pipeline/ecn.h"
#include "pipeline/stages.h"

#define LINK_LOCAL_MACS UINT64_C(0x0180c2000000) // the last four bits are free

// Received packets of one attachment in a row: counted once.
struct rx_run {
	uint16_t attachment;
	uint64_t packets;
	uint64_t bytes;
};

static inline void rx_run_end(struct worker_ctx *ctx, struct rx_run *run)
{
	struct attachment_counters *counters = attachment_counters(ctx, run->attachment);

	counters->rx += run->packets;
	counters->rx_bytes += run->bytes;
}

static inline void rx_run_add(struct worker_ctx *ctx, struct rx_run *run, const struct packet *p)
{
	if (unlikely(p->in != run->attachment)) {
		rx_run_end(ctx, run);
		*run = (struct rx_run){.attachment = p->in};
	}
	run->packets++;
	run->bytes += p->len;
}

// A port that has its device for itself: tags are the instance's own business, or not allowed.
static bool is_plain_port(const struct device_map *map)
{
	return map->vlans == NULL && !map->is_uplink;
}

// Finds the attachment of a frame with a tag and makes the frame one without its own tag. A tag
// that stays is PACKET_TAG_BELOW. N_DROP_REASONS: p->in is known.
static enum drop_reason classify_tagged(struct worker_ctx *ctx, struct packet *p)
{
	const struct device_map *map = ctx->map;

	if (!(p->flags & PACKET_TAG) || p->vid == 0) {
		packet_strip_tag(p);
		p->in = ctx->untagged;
	} else if (is_plain_port(map)) {
		p->in = map->root;
		// Back into the frame, if the driver took it out.
		if (!(p->flags & PACKET_TAG_IN_FRAME)) {
			if (!packet_push_tag(p, p->mbuf->vlan_tci))
				return DROP_NOMEM;
			p->len += VLAN_TAG_LEN;
		}
		p->ethertype = ETHER_TYPE_VLAN;
		p->flags = PACKET_TAG_BELOW;
		return N_DROP_REASONS;
	} else {
		p->in = map->vlans != NULL ? map->vlans[p->vid] : 0;
		if (p->in == 0)
			return DROP_VLAN_UNKNOWN;
		packet_strip_tag(p);
	}
	if (p->in == 0)
		return p->flags & PACKET_TAG_BELOW ? DROP_VLAN_NESTED : DROP_NO_FLAT_NETWORK;
	return N_DROP_REASONS;
}

static inline enum drop_reason classify(struct worker_ctx *ctx, struct packet *p)
{
	if (p->flags & PACKET_FROM_TUNNEL)
		return N_DROP_REASONS; // decap knows
	if (unlikely(!ctx->device_up))
		return DROP_PORT_DOWN;
	if (unlikely(p->flags & (PACKET_TAG | PACKET_TAG_BELOW)))
		return classify_tagged(ctx, p);
	p->in = ctx->untagged;
	return p->in != 0 ? N_DROP_REASONS : DROP_NO_FLAT_NETWORK;
}

// What is wrong with a tag below the own one where such tags may not pass.
static enum drop_reason tag_reason(const struct attachment *attachment)
{
	switch (attachment->kind) {
	case ATTACHMENT_TUNNEL:
		return DROP_VXLAN_INNER_VLAN;
	case ATTACHMENT_PORT:
		return DROP_VLAN_FROM_PORT;
	default:
		return DROP_VLAN_NESTED;
	}
}

static bool passes_tags(const struct worker_ctx *ctx, const struct attachment *attachment)
{
	const struct network *network = &ctx->snapshot->networks[attachment->network];

	return (attachment->flags & ATTACHMENT_VLAN_TRANSPARENT) ||
	       (attachment->kind != ATTACHMENT_PORT && (network->flags & NETWORK_VLAN_TRANSPARENT));
}

// P5b: what is below tags counts, as far as two tags go.
static bool is_common_ethertype(const struct packet *p)
{
	uint16_t ethertype = p->ethertype;

	for (uint16_t at = 16; is_tag(ethertype) && at <= 20 && at + 2 <= p->len;
		at += VLAN_TAG_LEN)
		ethertype = load_be16(p->frame + at);
	return ethertype == ETHER_TYPE_IPV4 || ethertype == ETHER_TYPE_IPV6 ||
	       ethertype == ETHER_TYPE_ARP;
}

// The checks in the order of the behaviour specification. N_DROP_REASONS: the frame may come in.
static inline enum drop_reason check(
	struct worker_ctx *ctx, struct packet *p, const struct attachment *attachment)
{
	const struct network *network = &ctx->snapshot->networks[attachment->network];
	bool tag_below = p->flags & PACKET_TAG_BELOW;
	bool tag_permitted = tag_below && passes_tags(ctx, attachment);

	if (unlikely(!(attachment->flags & ATTACHMENT_UP) || !(network->flags & NETWORK_UP)))
		return DROP_PORT_DOWN;
	if (unlikely(p->len > attachment->max_len + (tag_permitted ? VLAN_TAG_LEN : 0)))
		return DROP_OVERSIZE_RX;
	if (unlikely((p->source & MAC_GROUP_BIT) || p->source == 0))
		return DROP_SRC_MAC_INVALID;
	if (unlikely((p->destination & ~UINT64_C(0xf)) == LINK_LOCAL_MACS))
		return DROP_LINK_LOCAL;
	if (unlikely(tag_below && !tag_permitted))
		return tag_reason(attachment);
	if (unlikely((network->flags & NETWORK_DROP_OTHER_ETHERTYPES) && !is_common_ethertype(p)))
		return DROP_ETHERTYPE;
	if (unlikely(p->outer_ecn & ECN_ECT1) && // ECT(1) or CE: the others change nothing
		!ecn_decapsulate(p->frame, p->len, p->ethertype, p->outer_ecn))
		return DROP_VXLAN_ECN;
	return N_DROP_REASONS;
}

static inline bool admit(struct worker_ctx *ctx, struct packet *p, struct rx_run *run)
{
	enum drop_reason reason = classify(ctx, p);

	if (unlikely(reason != N_DROP_REASONS)) {
		drop_unclassified(ctx, p, reason);
		return false;
	}
	const struct attachment *attachment = &ctx->snapshot->attachments[p->in];

	p->care = p->in;
	rx_run_add(ctx, run, p);
	reason = check(ctx, p, attachment);
	if (unlikely(reason != N_DROP_REASONS)) {
		drop(ctx, p, reason);
		return false;
	}
	uint16_t domain = ctx->snapshot->networks[attachment->network].domain;

	p->network = attachment->network;
	p->track = 0; // outer_ecn no more
	if (!(p->flags & PACKET_FROM_TUNNEL))
		p->location = p->in;
	p->source = fdb_key(domain, p->source);
	p->source_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->source);
	p->destination = fdb_key(domain, p->destination);
	p->destination_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->destination);
	return true;
}

void stage_admit(struct worker_ctx *ctx, struct burst *burst)
{
	struct rx_run run = {.attachment = ctx->map->root};
	uint16_t kept = 0;

	for (uint16_t i = 0; i < burst->n; i++) {
		struct packet *p = &burst->packets[i];

		if (likely(admit(ctx, p, &run)))
			burst_keep(burst, kept++, p);
	}
	burst->n = kept;
	rx_run_end(ctx, &run);
}
