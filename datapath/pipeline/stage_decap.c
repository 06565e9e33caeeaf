// SPDX-License-Identifier: BSD-3-Clause
// Frames on the underlay's device that are for this host: tunnel datagrams become the frames they
// carry, packets for the slow path go there, and all else stays traffic of the networks that share
// the device. Checks in the order D1 to D11 of the behaviour specification; D12 and D13 follow in
// admit, D14 in learn and forward.
//
// In: packets of parse. Out, for a tunnel packet: frame, len, source, destination, ethertype of the
// inner frame; in, care, location, outer_ecn.
// Drops: ip4_malformed, ip4_csum, vxlan_ip_options, vxlan_fragment, vxlan_short, vxlan_udp_csum,
// vxlan_no_i, vxlan_reserved, vxlan_unknown_vni, vxlan_unknown_remote, vxlan_self, underlay_other,
// arp_malformed, those of punt(), nomem for a copy.

#include "pipeline/stages.h"
#include "pipeline/sum.h"

#define ALL_HOSTS_GROUP	  RTE_BE32(0xe0000001) // 224.0.0.1
#define LIMITED_BROADCAST UINT32_MAX

enum fate {
	GONE,	 // dropped or punted
	BRIDGED, // goes on as it is
	INNER,	 // is now the inner frame
};

// The attachment that would carry the frame if it is not for this host, 0: none.
static uint16_t bridge_attachment(const struct worker_ctx *ctx, const struct packet *p)
{
	if (p->vid == 0)
		return ctx->untagged;
	return ctx->map->vlans != NULL ? ctx->map->vlans[p->vid] : 0;
}

// Whether others on the wire, which this device may be the way to, want the frame as well.
static bool is_shared(const struct worker_ctx *ctx, const struct packet *p)
{
	return (p->destination & MAC_GROUP_BIT) && bridge_attachment(ctx, p) != 0;
}

static enum fate drop_here(struct worker_ctx *ctx, struct packet *p, enum drop_reason reason)
{
	drop_unclassified(ctx, p, reason);
	return GONE;
}

// A frame that can not be for the host after all, or is no good: others may still want it.
static enum fate not_for_host(struct worker_ctx *ctx, struct packet *p, enum drop_reason reason)
{
	return is_shared(ctx, p) ? BRIDGED : drop_here(ctx, p, reason);
}

static enum punt_class host_class(const struct packet *p)
{
	return p->ethertype == ETHER_TYPE_ARP ? PUNT_ARP : PUNT_UNDERLAY;
}

static void punt_copy(struct worker_ctx *ctx, const struct packet *p)
{
	struct packet copy = *p;

	copy.in = ctx->map->root;
	copy.care = ctx->map->root;
	counter_add(&attachment_counters(ctx, copy.care)->copies, 1);
	copy.mbuf = packet_copy(ctx, p->mbuf);
	if (copy.mbuf == NULL) {
		drop(ctx, &copy, DROP_NOMEM);
		return;
	}
	copy.frame = rte_pktmbuf_mtod(copy.mbuf, uint8_t *);
	packet_strip_tag(&copy);
	punt(ctx, &copy, host_class(p));
}

// A packet that the slow path has a use for. It gets frames without the underlay's tag.
static enum fate for_host(struct worker_ctx *ctx, struct packet *p)
{
	if (is_shared(ctx, p)) {
		punt_copy(ctx, p);
		return BRIDGED;
	}
	packet_strip_tag(p);
	settle(ctx, p, ctx->map->root);
	punt(ctx, p, host_class(p));
	return GONE;
}

// Requests for our address, answers to us, and gratuitous ones that may correct a neighbour.
static enum fate take_arp(struct worker_ctx *ctx, struct packet *p, uint16_t l3)
{
	const struct arp_wire *arp = packet_arp(p, l3);

	if (arp == NULL)
		return not_for_host(ctx, p, DROP_ARP_MALFORMED);
	if ((p->destination & MAC_GROUP_BIT) && arp->target_ip != ctx->snapshot->tunnel.address &&
		arp->target_ip != arp->sender_ip)
		return not_for_host(ctx, p, DROP_UNDERLAY_OTHER);
	return for_host(ctx, p);
}

// D3
static bool is_our_address(const struct tunnel *tunnel, rte_be32_t address)
{
	return address == tunnel->address || address == ALL_HOSTS_GROUP ||
	       (tunnel->group != 0 && ((address ^ tunnel->group) & tunnel->group_mask) == 0) ||
	       address == tunnel->broadcast || address == LIMITED_BROADCAST;
}

// What is addressed to this host and no tunnel datagram.
static enum fate take_host_ip4(struct worker_ctx *ctx, struct packet *p, const struct ipv4_wire *ip)
{
	if (ip->protocol == IP_PROTOCOL_ICMP && ip->destination == ctx->snapshot->tunnel.address)
		return for_host(ctx, p);
	if (ip->protocol == IP_PROTOCOL_IGMP)
		return for_host(ctx, p);
	return not_for_host(ctx, p, DROP_UNDERLAY_OTHER);
}

// D7. The driver's word is taken where it can be believed.
static bool udp_checksum_ok(const struct worker_ctx *ctx, const struct packet *p,
	const struct ipv4_wire *ip, const struct udp_wire *udp)
{
	if (udp->checksum == 0 || l4_checksum_verified(ctx, p))
		return true;
	uint64_t sum = (uint64_t)ip->source + ip->destination + RTE_BE16(IP_PROTOCOL_UDP) +
		       udp->len + sum_bytes((const uint8_t *)udp, rte_be_to_cpu_16(udp->len));

	return sum_fold(sum) == 0xffff;
}

// D8 and D9
static enum drop_reason check_vxlan(const struct tunnel *tunnel, const uint8_t *vxlan)
{
	if (!(vxlan[0] & VXLAN_FLAG_I))
		return DROP_VXLAN_NO_I;
	if ((load_32(vxlan) != RTE_BE32((uint32_t)VXLAN_FLAG_I << 24) || vxlan[7] != 0) &&
		!tunnel->reserved_ignore)
		return DROP_VXLAN_RESERVED;
	return N_DROP_REASONS;
}

// The remote at the outer source address. Tunnel packets come in runs from one sender.
static uint16_t sender_remote(struct worker_ctx *ctx, rte_be32_t vtep)
{
	if (vtep != ctx->last_vtep) {
		ctx->last_vtep = vtep;
		ctx->last_remote = remote_find(ctx->tables->remotes, vtep);
	}
	return ctx->last_remote;
}

// D11, with the packet in the care of its tunnel attachment.
static enum drop_reason check_sender(const struct worker_ctx *ctx, rte_be32_t vtep, uint16_t id)
{
	const struct tunnel *tunnel = &ctx->snapshot->tunnel;

	if (vtep == tunnel->address)
		return DROP_VXLAN_SELF;
	if (!tunnel->strict_remotes)
		return N_DROP_REASONS;
	const struct remote *remote = id != 0 ? remote_get(ctx->tables->remotes, id) : NULL;

	return remote != NULL && remote->configured ? N_DROP_REASONS : DROP_VXLAN_UNKNOWN_REMOTE;
}

static void become_inner(struct packet *p, const struct ipv4_wire *ip, const struct udp_wire *udp)
{
	uint16_t inner_len = rte_be_to_cpu_16(udp->len) - UDP_LEN - VXLAN_LEN;

	p->outer_ecn = ip->tos & 3;
	packet_advance(p, (const uint8_t *)udp + UDP_LEN + VXLAN_LEN - p->frame);
	p->mbuf->data_len = inner_len; // what lay behind the datagram was padding
	p->mbuf->pkt_len = inner_len;
	// The driver's words were about the outer headers.
	p->mbuf->ol_flags &= ~(RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_IP_CKSUM_MASK);
	p->len = inner_len;
	p->vid = 0;
	packet_read_ethernet(p);
	p->flags = PACKET_FROM_TUNNEL | (is_tag(p->ethertype) ? PACKET_TAG_BELOW : 0);
}

// D7 to D11, for a datagram to our tunnel port.
static enum fate take_vxlan(struct worker_ctx *ctx, struct packet *p, const struct ipv4_wire *ip,
	const struct udp_wire *udp)
{
	const struct tunnel *tunnel = &ctx->snapshot->tunnel;
	const uint8_t *vxlan = (const uint8_t *)(udp + 1);

	if (!udp_checksum_ok(ctx, p, ip, udp))
		return drop_here(ctx, p, DROP_VXLAN_UDP_CSUM);
	enum drop_reason reason = check_vxlan(tunnel, vxlan);

	if (unlikely(reason != N_DROP_REASONS))
		return drop_here(ctx, p, reason);
	uint16_t attachment =
		snapshot_vni(ctx->snapshot, rte_be_to_cpu_32(load_32(vxlan + 4)) >> 8);

	if (unlikely(attachment == 0))
		return drop_here(ctx, p, DROP_VXLAN_UNKNOWN_VNI);
	uint16_t remote = sender_remote(ctx, ip->source);

	reason = check_sender(ctx, ip->source, remote);
	become_inner(p, ip, udp);
	if (unlikely(reason != N_DROP_REASONS)) {
		settle(ctx, p, attachment);
		drop(ctx, p, reason);
		return GONE;
	}
	p->in = attachment;
	p->location = remote != 0 ? LOCATION_REMOTE | remote : 0;
	return INNER;
}

// D2 to D6. A datagram for another port is none of the tunnel's, however short it is.
static enum fate take_ip4(struct worker_ctx *ctx, struct packet *p, uint16_t l3)
{
	const struct tunnel *tunnel = &ctx->snapshot->tunnel;
	const struct ipv4_wire *ip = (const struct ipv4_wire *)(p->frame + l3);
	uint16_t header_len;
	enum drop_reason reason = inet_check_ip4(p->frame + l3, p->len - l3, &header_len);

	if (unlikely(reason != INET_OK))
		return not_for_host(ctx, p, reason);
	if (!is_our_address(tunnel, ip->destination))
		return not_for_host(ctx, p, DROP_UNDERLAY_OTHER);
	if (ip->protocol != IP_PROTOCOL_UDP)
		return take_host_ip4(ctx, p, ip);
	uint16_t payload_len = rte_be_to_cpu_16(ip->total_len) - header_len;
	bool has_options = header_len != IP4_LEN;
	const struct udp_wire *udp = (const struct udp_wire *)((const uint8_t *)ip + header_len);

	// Ports are needed to tell a tunnel datagram; a fragment is taken for one.
	if (ip->fragment & IPV4_IS_FRAGMENT)
		return not_for_host(
			ctx, p, has_options ? DROP_VXLAN_IP_OPTIONS : DROP_VXLAN_FRAGMENT);
	if (payload_len < UDP_LEN)
		return not_for_host(ctx, p, DROP_VXLAN_SHORT);
	if (udp->destination != tunnel->port)
		return not_for_host(ctx, p, DROP_UNDERLAY_OTHER);
	if (has_options)
		return drop_here(ctx, p, DROP_VXLAN_IP_OPTIONS);
	if (rte_be_to_cpu_16(udp->len) < UDP_LEN + VXLAN_LEN + ETHERNET_LEN ||
		rte_be_to_cpu_16(udp->len) > payload_len)
		return drop_here(ctx, p, DROP_VXLAN_SHORT);
	return take_vxlan(ctx, p, ip, udp);
}

// D1: on the underlay's VLAN, and to this host's MAC or to many.
static inline bool may_be_for_host(const struct device_map *map, const struct packet *p)
{
	const uint64_t ip4_multicast = UINT64_C(0x01005e000000);

	return p->vid == map->underlay_vid && !(p->flags & PACKET_TAG_BELOW) &&
	       (p->destination == map->mac || p->destination == ETHER_BROADCAST ||
		       (p->destination & UINT64_C(0xffffff800000)) == ip4_multicast);
}

static inline enum fate decap(struct worker_ctx *ctx, struct packet *p)
{
	uint16_t l3 = ETHERNET_LEN + (p->flags & PACKET_TAG_IN_FRAME ? VLAN_TAG_LEN : 0);

	if (!may_be_for_host(ctx->map, p))
		return BRIDGED;
	if (likely(p->ethertype == ETHER_TYPE_IPV4))
		return take_ip4(ctx, p, l3);
	if (p->ethertype == ETHER_TYPE_ARP)
		return take_arp(ctx, p, l3);
	if (p->destination == ctx->map->mac)
		return drop_here(ctx, p, DROP_UNDERLAY_OTHER);
	return BRIDGED;
}

void stage_decap(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;

	if (!ctx->map->underlay || !ctx->device_up)
		return;
	BURST_FOREACH (p, burst) {
		if (decap(ctx, p) != GONE)
			to = burst_keep(to, p);
	}
	burst_end(burst, to);
}
