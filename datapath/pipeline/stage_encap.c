// SPDX-License-Identifier: BSD-3-Clause
// VXLAN encapsulation, RFC 7348, with the fields of behaviour specification 2.6: the remote's
// template is copied in front of the frame, and what differs by packet is written into it.
//
// In: packets of output; those whose attachment is a tunnel are taken. Out: the outer frame, or
// several when the outer packet had to be fragmented.
// Drops: no_flood_target, vxlan_no_neigh, vxlan_no_route, vxlan_pmtu, vxlan_no_headroom, nomem,
// those of punt().

#include "net/checksum.h"
#include "net/icmp.h"
#include "pipeline/flow.h"
#include "pipeline/stages.h"

#define UDP_VXLAN_LEN  (UDP_LEN + VXLAN_LEN)
#define OUTER_LEN      (IP4_LEN + UDP_VXLAN_LEN)
#define LEAST_TOLD_MTU 576 // a path that takes less is no use to know
#define DF_MODE_UNSET  0
#define DF_MODE_SET    1

static rte_be16_t next_ip_id(struct worker_ctx *ctx)
{
	uint16_t id = ctx->ip_id;

	ctx->ip_id = id == ctx->ip_id_max ? ctx->ip_id_min : id + 1;
	return rte_cpu_to_be_16(id);
}

static void write_ip4(struct worker_ctx *ctx, struct ipv4_wire *ip, const struct packet *p,
	const struct flow *flow, uint32_t template_sum)
{
	const struct tunnel *tunnel = &ctx->snapshot->tunnel;
	bool df = tunnel->df != DF_MODE_UNSET && (tunnel->df == DF_MODE_SET || flow->df);
	uint8_t old_tos = ip->tos;
	uint8_t dscp = tunnel->tos_inherit ? flow->tos : old_tos;
	uint8_t tos = (dscp & 0xfc) | (flow->tos & 3);

	rte_be16_t total_len = rte_cpu_to_be_16(p->len + OUTER_LEN);
	rte_be16_t id = df ? 0 : next_ip_id(ctx);
	rte_be16_t fragment = df ? RTE_BE16(IPV4_DF) : 0;

	ip->tos = tos;
	ip->total_len = total_len;
	ip->id = id;
	ip->fragment = fragment;
	ip->checksum =
		sum_invert(sum_fold((uint64_t)template_sum + total_len + id + fragment +
				    rte_cpu_to_be_16(tos) + sum_invert(rte_cpu_to_be_16(old_tos))));
}

static void write_udp(struct worker_ctx *ctx, struct udp_wire *udp, const struct packet *p,
	const struct flow *flow)
{
	const struct tunnel *tunnel = &ctx->snapshot->tunnel;
	uint16_t spread = (uint64_t)flow->hash * tunnel->n_source_ports >> 32;

	udp->source = rte_cpu_to_be_16(tunnel->source_port_min + spread);
	udp->len = rte_cpu_to_be_16(p->len + UDP_VXLAN_LEN);
}

static void write_udp_checksum(
	const struct ipv4_wire *ip, struct udp_wire *udp, const struct packet *p, struct flow *flow)
{
	const uint8_t *inner = (const uint8_t *)udp + UDP_VXLAN_LEN;

	if (!flow->sum_known)
		flow->sum = sum_bytes(inner, p->len);
	uint64_t sum = flow->sum + ip->source + ip->destination + RTE_BE16(IP_PROTOCOL_UDP) +
		       udp->len + sum_words((const uint8_t *)udp, UDP_VXLAN_LEN / 4);
	uint16_t checksum = sum_invert(sum_fold(sum));

	udp->checksum = checksum != 0 ? checksum : UINT16_MAX;
}

// Writes the outer headers; false when there is no room for them.
static inline bool write_headers(
	struct worker_ctx *ctx, struct packet *p, const struct remote *remote, struct flow *flow)
{
	uint16_t len = remote->header_len;
	uint32_t vni = ctx->snapshot->networks[p->network].vni;

	if (unlikely(!packet_prepend(p, len)))
		return false;
	// Two copies of a fixed length are cheaper than one of any length.
	if (likely(len == REMOTE_HEADER_MAX - VLAN_TAG_LEN))
		memcpy(p->frame, remote->header, REMOTE_HEADER_MAX - VLAN_TAG_LEN);
	else
		memcpy(p->frame, remote->header, REMOTE_HEADER_MAX);

	struct ipv4_wire *ip = (struct ipv4_wire *)(p->frame + len - OUTER_LEN);
	struct udp_wire *udp = (struct udp_wire *)(ip + 1);
	rte_be32_t vni_word = rte_cpu_to_be_32(vni << 8);

	memcpy((uint8_t *)udp + UDP_LEN + 4, &vni_word, sizeof(vni_word));
	write_ip4(ctx, ip, p, flow, remote->ip_sum);
	write_udp(ctx, udp, p, flow);
	if (ctx->snapshot->tunnel.udp_checksum)
		write_udp_checksum(ip, udp, p, flow);
	return true;
}

// A remote that can not be sent to right now: control resolves it, or it is known to be no use.
static void unreachable(struct worker_ctx *ctx, struct packet *p, const struct remote *remote)
{
	if (p->remote == 0)
		drop(ctx, p, DROP_NO_FLOOD_TARGET);
	else if (remote == NULL || remote->failed)
		drop(ctx, p, DROP_VXLAN_NO_NEIGH);
	else if (remote->no_route)
		drop(ctx, p, DROP_VXLAN_NO_ROUTE);
	else
		punt(ctx, p, PUNT_UNRESOLVED);
}

// The outer packet does not fit the path. It may be sent in pieces when nobody asked for the
// contrary: neither the tunnel nor the inner packet, which must be one that knows of fragments.
static bool may_fragment(const struct worker_ctx *ctx, const struct flow *flow)
{
	return ctx->snapshot->tunnel.df == DF_MODE_UNSET && flow->is_ip4 && !flow->df;
}

// It does not fit and may not be sent in pieces. A sender that has asked to hear of that (DF) does,
// if it is told anything that helps.
static void refuse(struct worker_ctx *ctx, struct packet *p, const struct remote *remote,
	const struct flow *flow)
{
	uint16_t mtu = remote->path_mtu - OUTER_LEN - ETHERNET_LEN;
	struct punt_detail detail = {
		.icmp = punt_icmp(ICMP_UNREACHABLE, ICMP_CODE_FRAGMENTATION_NEEDED, mtu)};

	if (flow->is_ip4 && flow->df && mtu >= LEAST_TOLD_MTU)
		punt_with(ctx, p, PUNT_ICMP_ERROR, &detail);
	else
		drop(ctx, p, DROP_VXLAN_PMTU);
}

// True: the packet is an outer frame now. Else it has ended.
static inline bool encap(
	struct worker_ctx *ctx, struct packet *p, const struct remote *remote, bool *too_long)
{
	if (unlikely(remote == NULL || !remote->resolved)) {
		unreachable(ctx, p, remote);
		return false;
	}
	struct flow flow = flow_read(ctx, p, ctx->snapshot->tunnel.udp_checksum);

	*too_long = p->len + OUTER_LEN > remote->path_mtu;
	if (unlikely(*too_long) && !may_fragment(ctx, &flow)) {
		refuse(ctx, p, remote, &flow);
		return false;
	}
	if (unlikely(!write_headers(ctx, p, remote, &flow))) {
		drop(ctx, p, DROP_VXLAN_NO_HEADROOM);
		return false;
	}
	return true;
}

void stage_encap(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;

	if (ctx->n_tunnel == 0)
		return;
	BURST_FOREACH (p, burst) {
		if (ctx->snapshot->attachments[p->out].kind == ATTACHMENT_TUNNEL) {
			const struct remote *remote = remote_get(ctx->tables->remotes, p->remote);
			bool too_long;

			if (!encap(ctx, p, remote, &too_long))
				continue;
			if (unlikely(too_long)) {
				// What came before goes first.
				burst_end(burst, to);
				stage_tx(ctx, burst);
				to = burst->packets;
				send_in_pieces(ctx, p, remote);
				continue;
			}
		}
		to = burst_keep(to, p);
	}
	burst_end(burst, to);
}
