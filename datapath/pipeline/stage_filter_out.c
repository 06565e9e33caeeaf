// SPDX-License-Identifier: BSD-3-Clause
// What an instance may send: the checks P3 to P5 and the egress chains E1 to E8 and of IPv6 of the
// behaviour specification, for packets that come in by a filtered port. The burst goes through in
// passes, source addresses of all, states of all, rules of all: only who has the right to an
// address can touch its sessions.
//
// In: packets of admit. Out: those that may be sent, with track and session.
// Drops: spoof_mac, arp_malformed, spoof_arp_ip, spoof_arp_mac, ip4_malformed, ip4_csum,
// ip6_malformed, spoof_ip, spoof_ip6, ra_spoof, dhcp_spoof, sg_egress, ct_invalid.

#include "pipeline/rules.h"
#include "pipeline/stages.h"

// ---- P3, P4 -----------------------------------------------------------------------------------

static inline bool is_allowed_mac(const struct filter *filter, uint64_t mac)
{
	if (likely(mac == filter->mac))
		return true;
	for (uint8_t i = 0; i < filter->n_pairs; i++) {
		if (filter->pairs[i].mac == mac)
			return true;
	}
	return false;
}

static bool is_allowed_ip4(const struct filter *filter, rte_be32_t address)
{
	struct filter_address a = {.low = rte_be_to_cpu_32(address)};

	for (uint8_t i = 0; i < filter->n_pairs; i++) {
		if (is_address_of(&filter->pairs[i], 4, &a))
			return true;
	}
	return false;
}

// Who asks for an address of its own before it uses it (RFC 5227) has none to send from.
static bool is_probe(const struct filter *filter, const struct arp_wire *arp)
{
	return arp->sender_ip == 0 && arp->op == RTE_BE16(1) && !filter->drop_arp_probes &&
	       is_allowed_ip4(filter, arp->target_ip);
}

static struct verdict check_arp(const struct filter *filter, const struct packet *p, uint16_t l3)
{
	const struct arp_wire *arp = packet_arp(p, l3);

	if (arp == NULL)
		return (struct verdict){0, DROP_ARP_MALFORMED};
	if (!filter->any_arp && !is_probe(filter, arp) &&
		(arp->sender_ip == 0 || !is_allowed_ip4(filter, arp->sender_ip)))
		return verdict_of(filter, ROW_SPOOF_ARP_IP, DROP_SPOOF_ARP_IP);
	if (memcmp(arp->sender_mac, p->frame + 6, sizeof(arp->sender_mac)) != 0)
		return verdict_of(filter, ROW_SPOOF_ARP_MAC, DROP_SPOOF_ARP_MAC);
	return (struct verdict){0, ACCEPT};
}

// ---- up to E2 ---------------------------------------------------------------------------------

// E2, of either family: pairs first, then fixed addresses.
static struct verdict check_source(
	const struct filter *filter, const struct packet *p, const struct inet *ip)
{
	struct filter_address source = filter_address(ip->source, ip->family);
	bool is_ip4 = ip->family == 4;
	uint64_t mac = p->source & ETHER_BROADCAST;

	for (uint8_t i = 0; i < filter->n_pairs; i++) {
		const struct filter_pair *pair = &filter->pairs[i];

		if (pair->mac == mac && is_address_of(pair, ip->family, &source))
			return (struct verdict){filter->row + N_FILTER_ROWS + i, GO_ON};
	}
	if (mac == filter->mac && !filter->has_fixed)
		return verdict_of(filter, is_ip4 ? ROW_OUT_MAC : ROW_OUT6_MAC, GO_ON);
	return is_ip4 ? verdict_of(filter, ROW_OUT_SPOOF, DROP_SPOOF_IP)
		      : verdict_of(filter, ROW_OUT6_SPOOF, DROP_SPOOF_IP6);
}

// E1
static inline bool is_discover(const struct inet *ip)
{
	return load_32(ip->source) == 0 && load_32(ip->destination) == UINT32_MAX &&
	       is_udp(ip, DHCP_CLIENT_PORT, DHCP_SERVER_PORT);
}

// What a host without an address sends: it joins groups and asks who has the one it wants.
static bool is_from_unspecified(const struct inet *ip)
{
	static const uint8_t unspecified[16];
	uint16_t type = icmp6_type(ip);

	return (type == ICMP6_MLD_REPORT || type == ICMP6_NEIGHBOUR_SOLICITATION ||
		       type == ICMP6_MLD2_REPORT) &&
	       memcmp(ip->source, unspecified, sizeof(unspecified)) == 0 &&
	       load_be16(ip->destination) == 0xff02;
}

// Everything before the states: P3 to E2. The packet is n-th in ctx->tracked if it is IP.
static struct verdict check_sender(
	struct worker_ctx *ctx, const struct packet *p, const struct filter *filter, uint16_t n)
{
	const struct inet *ip = &ctx->tracked[n].ip;
	uint16_t ethertype;
	uint16_t l3 = packet_l3(p, &ethertype);

	ctx->tracked[n].ip.l3_len = p->len - l3; // for rows, until it is known better
	if (unlikely(!is_allowed_mac(filter, p->source & ETHER_BROADCAST)))
		return verdict_of(filter, ROW_SPOOF_MAC, DROP_SPOOF_MAC);
	if (ethertype == ETHER_TYPE_ARP)
		return check_arp(filter, p, l3);
	if (!is_ip(ethertype))
		return (struct verdict){0, ACCEPT}; // P5b
	enum drop_reason reason = track_read(ctx, p, l3, ethertype, n);

	if (unlikely(reason != INET_OK))
		return (struct verdict){0, reason};
	if (ip->family == 4 && is_discover(ip))
		return verdict_of(filter, ROW_OUT_DISCOVER, ACCEPT);
	if (ip->family == 6 && is_from_unspecified(ip))
		return verdict_of(filter, ROW_OUT6_UNSPECIFIED, ACCEPT);
	return check_source(filter, p, ip);
}

// ---- from E3 on -------------------------------------------------------------------------------

static inline struct verdict egress4(struct worker_ctx *ctx, const struct packet *p,
	const struct filter *filter, const struct inet *ip)
{
	static const struct chain_end end = {
		.chain = CHAIN_OUT4,
		.related = ROW_OUT_RELATED,
		.invalid = ROW_OUT_INVALID,
		.fallback = ROW_OUT_FALLBACK,
		.fallback_reason = DROP_SG_EGRESS,
	};

	if (is_udp(ip, DHCP_CLIENT_PORT, DHCP_SERVER_PORT))
		return verdict_of(filter, ROW_OUT_DHCP, ACCEPT);
	if (is_udp(ip, DHCP_SERVER_PORT, DHCP_CLIENT_PORT))
		return verdict_of(filter, ROW_OUT_DHCP_SERVER, DROP_DHCP_SPOOF);
	return chain_end_verdict(ctx, p, filter, &end, ip);
}

static struct verdict egress6(struct worker_ctx *ctx, const struct packet *p,
	const struct filter *filter, const struct inet *ip)
{
	static const struct chain_end end = {
		.chain = CHAIN_OUT6,
		.related = ROW_OUT6_RELATED,
		.invalid = ROW_OUT6_INVALID,
		.fallback = ROW_OUT6_FALLBACK,
		.fallback_reason = DROP_SG_EGRESS,
	};

	if (icmp6_type(ip) == ICMP6_ROUTER_ADVERTISEMENT)
		return verdict_of(filter, ROW_OUT6_RA, DROP_RA_SPOOF);
	if (ip->protocol == IP_PROTOCOL_ICMPV6)
		return verdict_of(filter, ROW_OUT6_ICMP, ACCEPT);
	if (is_udp(ip, DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT))
		return verdict_of(filter, ROW_OUT6_DHCP, ACCEPT);
	if (is_udp(ip, DHCP6_SERVER_PORT, DHCP6_CLIENT_PORT))
		return verdict_of(filter, ROW_OUT6_DHCP_SERVER, DROP_DHCP_SPOOF);
	return chain_end_verdict(ctx, p, filter, &end, ip);
}

// True: the packet goes on.
static inline bool egress(struct worker_ctx *ctx, const struct packet *p,
	const struct filter *filter, const struct inet *ip)
{
	struct verdict verdict =
		likely(ip->family == 4) ? egress4(ctx, p, filter, ip) : egress6(ctx, p, filter, ip);

	return apply(ctx, p, verdict, ip->l3_len);
}

// ---- passes -----------------------------------------------------------------------------------

// Drops who must not send this, and notes in ctx->tracked the packets whose states are needed.
static uint16_t filter_senders(struct worker_ctx *ctx, struct burst *burst)
{
	const struct filter *filter = NULL;
	struct packet *to = burst->packets;
	uint16_t in = 0; // whose filter it is
	uint16_t n = 0;

	BURST_FOREACH (p, burst) {
		if (unlikely(p->in != in)) {
			in = p->in;
			filter = filter_of(ctx, in);
		}
		if (filter != NULL) {
			const struct inet *ip = &ctx->tracked[n].ip;
			struct verdict verdict = check_sender(ctx, p, filter, n);

			if (unlikely(!apply(ctx, p, verdict, ip->l3_len)))
				continue;
			if (verdict.reason == GO_ON && !filter->policy->stateless &&
				!is_later_fragment(ctx, p))
				ctx->tracked_at[n++] = to - burst->packets;
			else if (verdict.reason == GO_ON && !egress(ctx, p, filter, ip))
				continue;
		}
		to = burst_keep(to, p);
	}
	burst_end(burst, to);
	return n;
}

// The rest of the chain for the n packets in ctx->tracked.
static void filter_tracked(struct worker_ctx *ctx, struct burst *burst, uint16_t n)
{
	struct packet *to = burst->packets;
	uint16_t at = 0;

	BURST_FOREACH (p, burst) {
		if (at < n && &burst->packets[ctx->tracked_at[at]] == p) {
			const struct inet *ip = &ctx->tracked[at++].ip;

			if (unlikely(!egress(ctx, p, filter_of(ctx, p->in), ip)))
				continue;
		}
		to = burst_keep(to, p);
	}
	burst_end(burst, to);
}

void stage_filter_out(struct worker_ctx *ctx, struct burst *burst)
{
	if (!any_filters(ctx) || ctx->map->is_uplink)
		return;
	uint16_t n = filter_senders(ctx, burst);

	if (n == 0)
		return;
	track_burst(ctx, burst, n);
	filter_tracked(ctx, burst, n);
}
