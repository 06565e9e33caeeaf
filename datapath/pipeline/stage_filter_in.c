// SPDX-License-Identifier: BSD-3-Clause
// What an instance may get: the ingress chains I1 to I6 and of IPv6 of the behaviour specification,
// for each copy that goes out by a filtered port. Called by output. ARP and what else is no IP
// passes.
//
// Drops: sg_ingress, ct_invalid; for ports without states ip4_malformed, ip4_csum, ip6_malformed.

#include "pipeline/rules.h"
#include "pipeline/stages.h"

#define LINK_LOCAL_PREFIX UINT64_C(0xfe80000000000000)

static bool is_fixed_address(
	const struct filter *filter, uint8_t family, const struct filter_address *a)
{
	for (uint8_t i = 0; i < filter->n_pairs; i++) {
		if (filter->pairs[i].is_fixed && is_address_of(&filter->pairs[i], family, a))
			return true;
	}
	return false;
}

// Other than link-local.
static bool has_address6(const struct filter *filter)
{
	for (uint8_t i = 0; i < filter->n_pairs; i++) {
		const struct filter_pair *pair = &filter->pairs[i];

		if (pair->is_fixed && pair->family == 6 && pair->address.high != LINK_LOCAL_PREFIX)
			return true;
	}
	return false;
}

static struct verdict ingress4(struct worker_ctx *ctx, const struct packet *p,
	const struct filter *filter, const struct inet *ip)
{
	static const struct chain_end end = {
		.chain = CHAIN_IN4,
		.ingress = true,
		.related = ROW_IN_RELATED,
		.invalid = ROW_IN_INVALID,
		.fallback = ROW_IN_FALLBACK,
		.fallback_reason = DROP_SG_INGRESS,
	};

	if (is_udp(ip, DHCP_SERVER_PORT, DHCP_CLIENT_PORT)) {
		struct filter_address to = filter_address(ip->destination, 4);

		if (is_fixed_address(filter, 4, &to))
			return verdict_of(filter, ROW_IN_DHCP, ACCEPT);
		if (to.low == UINT32_MAX)
			return verdict_of(filter, ROW_IN_DHCP_BROADCAST, ACCEPT);
	}
	return chain_end_verdict(ctx, p, filter, &end, ip);
}

static struct verdict ingress6(struct worker_ctx *ctx, const struct packet *p,
	const struct filter *filter, const struct inet *ip)
{
	static const struct chain_end end = {
		.chain = CHAIN_IN6,
		.ingress = true,
		.related = ROW_IN6_RELATED,
		.invalid = ROW_IN6_INVALID,
		.fallback = ROW_IN6_FALLBACK,
		.fallback_reason = DROP_SG_INGRESS,
	};
	uint16_t type = icmp6_type(ip);

	if (type == ICMP6_MLD_QUERY || type == ICMP6_NEIGHBOUR_SOLICITATION ||
		type == ICMP6_NEIGHBOUR_ADVERTISEMENT)
		return verdict_of(filter, ROW_IN6_NEIGHBOUR, ACCEPT);
	if (type == ICMP6_ROUTER_ADVERTISEMENT && has_address6(filter))
		return verdict_of(filter, ROW_IN6_RA, ACCEPT);
	if (is_udp(ip, DHCP6_SERVER_PORT, DHCP6_CLIENT_PORT)) {
		struct filter_address to = filter_address(ip->destination, 6);

		if (to.high == LINK_LOCAL_PREFIX || is_fixed_address(filter, 6, &to))
			return verdict_of(filter, ROW_IN6_DHCP, ACCEPT);
	}
	return chain_end_verdict(ctx, p, filter, &end, ip);
}

static uint16_t l3_len_of(const struct packet *p, uint16_t l3, bool is_ip4)
{
	return is_ip4 ? load_be16(p->frame + l3 + 2) : load_be16(p->frame + l3 + 4) + IP6_LEN;
}

bool filter_in(struct worker_ctx *ctx, const struct packet *p)
{
	const struct filter *filter = filter_of(ctx, p->out);
	uint16_t ethertype;
	uint16_t l3 = packet_l3(p, &ethertype);
	bool is_ip4 = ethertype == ETHER_TYPE_IPV4;
	struct inet ip;

	if (!is_ip(ethertype))
		return true;
	// I1; its header was read when it was tracked.
	if (likely(is_known_state(p->track)) && !filter->policy->stateless) {
		count_row(ctx, filter->row + (is_ip4 ? ROW_IN_RELATED : ROW_IN6_RELATED),
			l3_len_of(p, l3, is_ip4));
		return true;
	}
	enum drop_reason reason = filter_read(ctx, p, l3, ethertype, &ip);

	if (unlikely(reason != INET_OK)) {
		drop(ctx, p, reason);
		return false;
	}
	return apply(ctx, p, is_ip4 ? ingress4(ctx, p, filter, &ip) : ingress6(ctx, p, filter, &ip),
		ip.l3_len);
}
