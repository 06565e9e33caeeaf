// SPDX-License-Identifier: BSD-3-Clause
// What the stages of filtered ports share: the filter of an attachment, the counters of its rows,
// tracking, and the part of every chain that is made of rules and states.

#pragma once

#include "pipeline/worker_ctx.h"

enum {
	DHCP_SERVER_PORT = 67,
	DHCP_CLIENT_PORT = 68,
	DHCP6_CLIENT_PORT = 546,
	DHCP6_SERVER_PORT = 547,
};

enum icmp6_type {
	ICMP6_MLD_QUERY = 130,
	ICMP6_MLD_REPORT = 131,
	ICMP6_ROUTER_ADVERTISEMENT = 134,
	ICMP6_NEIGHBOUR_SOLICITATION = 135,
	ICMP6_NEIGHBOUR_ADVERTISEMENT = 136,
	ICMP6_MLD2_REPORT = 143,
	ICMP6_NONE = 256, // no ICMPv6 message, or its type is not there
};

// ---- filters and their rows -------------------------------------------------------------------

// Whether any packet can meet a filter at all.
static inline bool any_filters(const struct worker_ctx *ctx)
{
	return ctx->snapshot->n_filters > 1;
}

// NULL: the attachment is not filtered.
static inline const struct filter *filter_of(const struct worker_ctx *ctx, uint16_t attachment)
{
	uint16_t filter = ctx->snapshot->attachments[attachment].filter;

	return filter != 0 ? &ctx->snapshot->filters[filter] : NULL;
}

// Whether the chains of an attachment look at states.
static inline bool is_stateful(const struct worker_ctx *ctx, uint16_t attachment)
{
	const struct filter *filter = filter_of(ctx, attachment);

	return filter != NULL && !filter->policy->stateless;
}

// Row 0 is nobody's and takes what no row counts.
static inline void count_row(struct worker_ctx *ctx, uint32_t row, uint16_t l3_len)
{
	struct row_counter *counter = &ctx->rows[row];

	counter_add(&counter->packets, 1);
	counter_add(&counter->bytes, l3_len);
}

#define ACCEPT N_DROP_REASONS	    // no reason to drop it
#define GO_ON  (N_DROP_REASONS + 1) // the rest of the chain decides

struct verdict {
	uint32_t row;	 // that says so
	uint16_t reason; // enum drop_reason, ACCEPT or GO_ON
};

static inline struct verdict verdict_of(
	const struct filter *filter, enum filter_row row, uint16_t reason)
{
	return (struct verdict){filter->row + row, reason};
}

// Counts and, if the verdict says so, drops. True: the packet goes on.
static inline bool apply(
	struct worker_ctx *ctx, const struct packet *p, struct verdict verdict, uint16_t l3_len)
{
	count_row(ctx, verdict.row, l3_len);
	if (likely(verdict.reason >= N_DROP_REASONS))
		return true;
	drop(ctx, p, verdict.reason);
	return false;
}

// ---- what rows look at ------------------------------------------------------------------------

static inline bool is_ip(uint16_t ethertype)
{
	return ethertype == ETHER_TYPE_IPV4 || ethertype == ETHER_TYPE_IPV6;
}

static inline struct filter_address filter_address(const uint8_t *address, uint8_t family)
{
	uint64_t words[2];

	if (family == 4)
		return (struct filter_address){.low = rte_be_to_cpu_32(load_32(address))};
	memcpy(words, address, sizeof(words));
	return (struct filter_address){rte_be_to_cpu_64(words[0]), rte_be_to_cpu_64(words[1])};
}

static inline bool is_address_of(
	const struct filter_pair *pair, uint8_t family, const struct filter_address *a)
{
	return pair->family == family &&
	       (((a->high ^ pair->address.high) & pair->mask.high) |
		       ((a->low ^ pair->address.low) & pair->mask.low)) == 0;
}

static inline bool is_udp(const struct inet *ip, uint16_t from, uint16_t to)
{
	return ip->protocol == IP_PROTOCOL_UDP && ip->source_port == from &&
	       ip->destination_port == to;
}

static inline uint16_t icmp6_type(const struct inet *ip)
{
	if (ip->protocol != IP_PROTOCOL_ICMPV6 || ip->fragment == INET_LATER || ip->l4_len == 0)
		return ICMP6_NONE;
	return ip->l4[0];
}

// ---- tracking ---------------------------------------------------------------------------------

// What later fragments need of their first one, before it is judged.
static inline struct fragment_verdict verdict_of_first(const struct inet *ip)
{
	struct fragment_verdict verdict = {
		.l4_len = RTE_MIN(ip->l4_len, FRAGMENT_L4_LEN),
		.protocol = ip->protocol,
		.reason = FRAGMENT_NO_REASON,
		.session_reason = DROP_FRAG_NO_FIRST,
	};

	memcpy(verdict.l4, ip->l4, verdict.l4_len);
	return verdict;
}

// Reads an IP packet as filters see it: a later fragment with the L4 header of its first. INET_OK
// or why it dies.
static inline enum drop_reason filter_read(const struct worker_ctx *ctx, const struct packet *p,
	uint16_t l3, uint16_t ethertype, struct inet *ip)
{
	enum drop_reason reason = inet_read(ip, p->frame + l3, p->len - l3, ethertype);

	if (is_later_fragment(ctx, p) && reason == INET_OK) {
		const struct fragment_verdict *first = &ctx->fragments[p->fragment];

		inet_set_l4(ip, first->protocol, first->l4, first->l4_len);
	}
	return reason;
}

// Puts a packet into the n-th place of ctx->tracked. INET_OK or why it dies.
static inline enum drop_reason track_read(
	struct worker_ctx *ctx, const struct packet *p, uint16_t l3, uint16_t ethertype, uint16_t n)
{
	struct track_packet *packet = &ctx->tracked[n];

	begin_tracking(ctx, p, p->network, packet);
	return filter_read(ctx, p, l3, ethertype, &packet->ip);
}

// Tracks the first n packets of ctx->tracked, which are those of the burst at ctx->tracked_at.
void track_burst(struct worker_ctx *ctx, struct burst *burst, uint16_t n);

// ---- the common end of all chains -------------------------------------------------------------

struct chain_end {
	enum filter_chain chain;
	bool ingress;
	enum filter_row related;
	enum filter_row invalid;
	enum filter_row fallback;
	enum drop_reason fallback_reason;
};

// What is known of a state passes (E5, I1).
static inline bool is_known_state(uint8_t state)
{
	return state == TRACK_ESTABLISHED || state == TRACK_RELATED;
}

// E6 to E8, or I4 to I6: the rules.
struct verdict rules_verdict(struct worker_ctx *ctx, const struct packet *p,
	const struct filter *filter, const struct chain_end *end, const struct inet *ip);

// E5 to E8, or I1 and I4 to I6.
static inline struct verdict chain_end_verdict(struct worker_ctx *ctx, const struct packet *p,
	const struct filter *filter, const struct chain_end *end, const struct inet *ip)
{
	if (likely(is_known_state(p->track) && !filter->policy->stateless))
		return verdict_of(filter, end->related, ACCEPT);
	return rules_verdict(ctx, p, filter, end, ip);
}
