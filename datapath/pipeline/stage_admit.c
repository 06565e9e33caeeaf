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

// The attachment of packets in a row, looked up once for them.
struct entry {
	const struct attachment *attachment;
	const struct network *network;
	unsigned id;  // of the attachment; wider than in a packet, as in output
	uint64_t key; // FDB key of no MAC
	bool is_up;   // attachment and network are
	struct attachment_counters *counters;
};

static void entry_begin(struct worker_ctx *ctx, struct entry *entry, uint16_t id)
{
	const struct attachment *attachment = &ctx->snapshot->attachments[id];

	entry->attachment = attachment;
	entry->network = &ctx->snapshot->networks[attachment->network];
	entry->id = id;
	entry->key = fdb_key(entry->network->domain, 0);
	entry->is_up = attachment->flags & ATTACHMENT_UP && entry->network->flags & NETWORK_UP;
	entry->counters = attachment_counters(ctx, id);
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

static bool passes_tags(const struct entry *entry)
{
	return (entry->attachment->flags & ATTACHMENT_VLAN_TRANSPARENT) ||
	       (entry->attachment->kind != ATTACHMENT_PORT &&
		       (entry->network->flags & NETWORK_VLAN_TRANSPARENT));
}

// P5b: what is below tags counts.
static bool is_common_ethertype(const struct packet *p)
{
	uint16_t ethertype;

	packet_l3(p, &ethertype);
	return ethertype == ETHER_TYPE_IPV4 || ethertype == ETHER_TYPE_IPV6 ||
	       ethertype == ETHER_TYPE_ARP;
}

// The checks in the order of the behaviour specification. N_DROP_REASONS: the frame may come in.
static inline enum drop_reason check(const struct entry *entry, struct packet *p)
{
	const struct attachment *attachment = entry->attachment;
	bool tag_forbidden = p->flags & PACKET_TAG_BELOW;
	uint16_t max_len = attachment->max_len;

	if (unlikely(!entry->is_up))
		return DROP_PORT_DOWN;
	if (unlikely(tag_forbidden) && passes_tags(entry)) {
		tag_forbidden = false;
		max_len += VLAN_TAG_LEN;
	}
	if (unlikely(p->len > max_len))
		return DROP_OVERSIZE_RX;
	if (unlikely((p->source & MAC_GROUP_BIT) || p->source == 0))
		return DROP_SRC_MAC_INVALID;
	if (unlikely((p->destination & ~UINT64_C(0xf)) == LINK_LOCAL_MACS))
		return DROP_LINK_LOCAL;
	if (unlikely(tag_forbidden))
		return tag_reason(attachment);
	if (unlikely(entry->network->flags & NETWORK_DROP_OTHER_ETHERTYPES) &&
		!is_common_ethertype(p))
		return DROP_ETHERTYPE;
	if (unlikely(p->outer_ecn & ECN_ECT1) && // ECT(1) or CE: the others change nothing
		!ecn_decapsulate(p))
		return DROP_VXLAN_ECN;
	return N_DROP_REASONS;
}

static inline bool admit(struct worker_ctx *ctx, struct packet *p, struct entry *entry)
{
	enum drop_reason reason = classify(ctx, p);

	if (unlikely(reason != N_DROP_REASONS)) {
		drop_unclassified(ctx, p, reason);
		return false;
	}
	if (unlikely(p->in != entry->id))
		entry_begin(ctx, entry, p->in);
	counter_add(&entry->counters->rx, 1);
	counter_add(&entry->counters->rx_bytes, p->len);
	p->care = p->in;
	reason = check(entry, p);
	if (unlikely(reason != N_DROP_REASONS)) {
		drop(ctx, p, reason);
		return false;
	}
	p->network = entry->attachment->network;
	p->track = 0;	 // outer_ecn no more
	p->fragment = 0; // vid no more
	if (!(p->flags & PACKET_FROM_TUNNEL))
		p->location = p->in;
	p->source |= entry->key;
	p->source_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->source);
	p->destination |= entry->key;
	p->destination_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->destination);
	return true;
}

void stage_admit(struct worker_ctx *ctx, struct burst *burst)
{
	struct entry entry;
	struct packet *to = burst->packets;

	entry_begin(ctx, &entry, ctx->map->root);
	BURST_FOREACH (p, burst) {
		if (likely(admit(ctx, p, &entry)))
			to = burst_keep(to, p);
	}
	burst_end(burst, to);
}
