// SPDX-License-Identifier: BSD-3-Clause
// Routers: what comes to the MAC of an interface leaves by another, in the network behind that, and
// goes through forward again, in the same burst: decapsulated once, encapsulated once. Steps R1 to
// R12 of the behaviour specification. The burst goes through in passes: sanity of all, sessions of
// all, then each on its way.
//
// What takes more than a worker's time goes to the slow path as it came, before it is changed: what
// is for the router itself, what an ICMP error must be sent about, what waits for its next hop's
// MAC. The latter comes back as if it had just arrived.
//
// In: IPv4 packets that forward has found to be a router's. Out: in, care, network and location as
// if sent by the attachment they leave by; rewritten.
// Drops: rtr_l2, rtr_mcast, rtr_source_route, rtr_martian, rtr_directed_bcast, rtr_loop,
// metadata_none, port_down, ip4_malformed, ip4_csum, nomem, those of confirm(), nat_after(),
// nat_apply() and punt().

#include "net/icmp.h"
#include "pipeline/flow.h"
#include "pipeline/stages.h"

#define HTTP_PORT 80
#define METADATA  RTE_BE32(0xa9fea9fe) // 169.254.169.254

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_LSRR = 131,
	OPTION_SSRR = 137,
};

// ---- R1 to R3 ----------------------------------------------------------------------------------

static bool is_source_routed(const struct inet *ip)
{
	const uint8_t *option = ip->l3 + IP4_LEN;

	while (option < ip->l4 && *option != OPTION_END) {
		if (*option == OPTION_LSRR || *option == OPTION_SSRR)
			return true;
		if (*option == OPTION_NOP) {
			option++;
			continue;
		}
		if (option + 1 >= ip->l4 || option[1] < 2)
			return false;
		option += option[1];
	}
	return false;
}

static inline bool is_in(rte_be32_t address, uint32_t prefix, unsigned len)
{
	return (rte_be_to_cpu_32(address) ^ prefix) >> (32 - len) == 0;
}

static bool leads_back(const struct router *router, const struct route_target *target, uint16_t by)
{
	for (uint16_t i = 0; i < target->n_hops; i++) {
		if (router->routes.hops[target->first + i].interface == by)
			return target->kind == ROUTE_TO_HOPS;
	}
	return false;
}

// Whether no packet can have this source.
static bool is_martian_source(const struct routing *r, rte_be32_t source)
{
	const struct route_target *target = route_find(&r->router->routes, source);

	if (is_in(source, 0, 8) || is_in(source, 0x7f000000, 8) || is_in(source, 0xe0000000, 4) ||
		source == UINT32_MAX)
		return true;
	if (target->kind == ROUTE_TO_SELF || target->kind == ROUTE_TO_BROADCAST)
		return true;
	return r->router->flags & ROUTER_STRICT_SOURCE && !leads_back(r->router, target, r->by);
}

static enum drop_reason check_destination(rte_be32_t destination)
{
	if (is_in(destination, 0xe0000000, 4) || destination == UINT32_MAX)
		return DROP_RTR_MCAST;
	if (is_in(destination, 0, 8) || is_in(destination, 0x7f000000, 8) ||
		is_in(destination, 0xf0000000, 4))
		return DROP_RTR_MARTIAN;
	return INET_OK;
}

static enum drop_reason check(const struct packet *p, struct routing *r)
{
	enum drop_reason reason;

	if (p->ethertype != ETHER_TYPE_IPV4)
		return DROP_RTR_L2;
	reason = inet_read(&r->ip, p->frame + ETHERNET_LEN, p->len - ETHERNET_LEN, ETHER_TYPE_IPV4);
	if (reason != INET_OK)
		return reason;
	if (r->ip.l4 - r->ip.l3 > IP4_LEN && is_source_routed(&r->ip))
		return DROP_RTR_SOURCE_ROUTE;
	if (is_martian_source(r, load_32(r->ip.source)))
		return DROP_RTR_MARTIAN;
	r->destination = load_32(r->ip.destination);
	return check_destination(r->destination);
}

// ---- R4 ----------------------------------------------------------------------------------------

// Only what comes in or goes out by the gateway can be translated or be an answer to what was; an
// address of the router itself may stand for a translated one.
static bool may_be_translated(const struct routing *r)
{
	const struct router *router = r->router;

	if (router->gateway == 0)
		return false;
	if (r->by == router->gateway)
		return true;
	const struct route_target *target = route_find(&router->routes, r->destination);

	return target->kind == ROUTE_TO_SELF || leads_back(router, target, router->gateway) ||
	       router_map_find(&router->fixed, r->destination) != 0;
}

// The same for all packets between two addresses, so that fragments stay together.
static uint32_t flow_hash_of(const struct worker_ctx *ctx, const struct routing *r)
{
	return flow_hash(ctx->tables->flow_seed, load_32(r->ip.source),
		(uint64_t)r->ip.protocol << 32 | r->destination);
}

static const struct route_hop *hop_of(
	const struct worker_ctx *ctx, const struct routing *r, const struct route_target *target)
{
	return route_hop(&r->router->routes, target, flow_hash_of(ctx, r));
}

static rte_be32_t next_hop_of(const struct routing *r, const struct route_hop *hop)
{
	return hop->gateway != 0 ? hop->gateway : r->destination;
}

// The route of a packet that nothing can translate is known at once, and so who its neighbour is.
static void look_ahead(struct worker_ctx *ctx, struct routing *r)
{
	const struct neighbour_table *neighbours = ctx->tables->neighbours;

	r->target = route_find(&r->router->routes, r->destination);
	if (unlikely(r->target->kind != ROUTE_TO_HOPS))
		return;
	const struct route_hop *hop = hop_of(ctx, r, r->target);

	r->neighbour =
		neighbour_slot(neighbours, neighbour_key(hop->interface, next_hop_of(r, hop)));
	neighbour_prefetch_slot(neighbours, r->neighbour);
}

// Reads the packets of a burst. Those that stay have their place in ctx->routing; those that may
// have a session are the first `n` of ctx->tracked.
static uint16_t read_burst(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;
	uint16_t n = 0;

	BURST_FOREACH (p, burst) {
		struct routing *r = &ctx->routing[to - burst->packets];

		*r = (struct routing){
			.by = p->out,
			.router =
				&ctx->snapshot->routers[ctx->snapshot->attachments[p->out].router],
		};
		enum drop_reason reason = check(p, r);

		if (unlikely(reason != INET_OK)) {
			drop(ctx, p, reason);
			continue;
		}
		if (may_be_translated(r)) {
			r->track = &ctx->tracked[n++];
			r->track->ip = r->ip;
			r->track->zone = r->router->zone;
			r->track->checksum_good = l4_checksum_verified(ctx, p);
		} else {
			look_ahead(ctx, r);
		}
		to = burst_keep(to, p);
	}
	burst_end(burst, to);
	return n;
}

// ---- R7 to R12 ---------------------------------------------------------------------------------

// What becomes of a packet.
enum fate {
	ROUTED,
	DROPPED,   // dies of `reason`
	LOCAL,	   // is for the router itself
	REFUSED,   // its sender hears of it by ICMP
	UNRESOLVED // waits for its next hop's MAC
};

struct decision {
	uint8_t fate; // enum fate
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint16_t mtu;		 // that an ICMP error tells
	enum drop_reason reason; // DROPPED
	rte_be32_t next_hop;
	uint64_t mac; // of the next hop
};

static struct decision dropped(enum drop_reason reason)
{
	return (struct decision){.fate = DROPPED, .reason = reason};
}

static struct decision refused(uint8_t type, uint8_t code)
{
	return (struct decision){.fate = REFUSED, .icmp_type = type, .icmp_code = code};
}

static bool is_metadata_request(const struct routing *r)
{
	return r->destination == METADATA && r->ip.protocol == IP_PROTOCOL_TCP &&
	       r->ip.destination_port == HTTP_PORT && r->by != r->router->gateway;
}

// R6: nothing else goes to 169.254.0.0/16.
static struct decision to_link_local(const struct routing *r)
{
	if (!is_metadata_request(r))
		return dropped(DROP_RTR_MARTIAN);
	if (!(r->router->flags & ROUTER_METADATA))
		return dropped(DROP_METADATA_NONE);
	return (struct decision){.fate = LOCAL};
}

static struct decision to_next_hop(
	struct worker_ctx *ctx, struct routing *r, const struct route_target *target)
{
	const struct route_hop *hop = hop_of(ctx, r, target);
	const struct attachment *out = &ctx->snapshot->attachments[hop->interface];
	struct decision decision = {.fate = ROUTED};

	r->out = hop->interface;
	if (unlikely(!(out->flags & ATTACHMENT_UP)))
		return dropped(DROP_PORT_DOWN);
	if (unlikely(r->ip.l3_len > out->max_len - ETHERNET_LEN &&
		     load_16(r->ip.l3 + 6) & RTE_BE16(IPV4_DF))) {
		decision = refused(ICMP_UNREACHABLE, ICMP_CODE_FRAGMENTATION_NEEDED);
		decision.mtu = out->max_len - ETHERNET_LEN;
		return decision;
	}
	decision.next_hop = next_hop_of(r, hop);
	struct neighbour_entry *neighbour =
		neighbour_lookup(ctx->tables->neighbours, r->out, decision.next_hop);

	if (unlikely(neighbour == NULL)) {
		decision.fate = UNRESOLVED;
		return decision;
	}
	neighbour_used(neighbour, ctx->now_s);
	decision.mac = neighbour->mac;
	return decision;
}

static struct decision decide(struct worker_ctx *ctx, struct routing *r)
{
	const struct route_target *target =
		r->target != NULL ? r->target : route_find(&r->router->routes, r->destination);

	if (unlikely(is_in(r->destination, 0xa9fe0000, 16)))
		return to_link_local(r);
	if (unlikely(target->kind == ROUTE_TO_SELF))
		return (struct decision){.fate = LOCAL};
	if (unlikely(target->kind == ROUTE_TO_BROADCAST))
		return dropped(DROP_RTR_DIRECTED_BCAST);
	if (unlikely(r->ip.l3[offsetof(struct ipv4_wire, ttl)] <= 1))
		return refused(ICMP_TIME_EXCEEDED, 0);
	if (unlikely(target->kind == ROUTE_TO_NOWHERE))
		return refused(ICMP_UNREACHABLE, 0);
	return to_next_hop(ctx, r, target);
}

// Those that a worker can not finish leave as they came.
static void give_up(struct worker_ctx *ctx, struct packet *p, const struct routing *r,
	const struct decision *decision)
{
	struct punt_detail detail = {.interface = r->out};

	switch (decision->fate) {
	case DROPPED:
		drop(ctx, p, decision->reason);
		break;
	case REFUSED:
		detail.icmp = punt_icmp(decision->icmp_type, decision->icmp_code, decision->mtu);
		punt_with(ctx, p, PUNT_ICMP_ERROR, &detail);
		break;
	case UNRESOLVED:
		detail.next_hop = decision->next_hop;
		punt_with(ctx, p, PUNT_UNRESOLVED, &detail);
		break;
	default:
		punt(ctx, p, PUNT_LOCAL);
		break;
	}
}

// The packet is in the care of the attachment it leaves by, as if that had sent it.
static void enter(struct worker_ctx *ctx, struct packet *p, const struct routing *r, uint64_t mac)
{
	const struct attachment *out = &ctx->snapshot->attachments[r->out];
	uint16_t domain = ctx->snapshot->networks[out->network].domain;
	struct ether_wire *ether = (struct ether_wire *)p->frame;

	counter_add(&attachment_counters(ctx, p->care)->handed_out, 1);
	counter_add(&attachment_counters(ctx, r->out)->handed_in, 1);
	ether_addr_set(ether->destination, mac);
	ether_addr_set(ether->source, out->mac);
	// The padding of another link.
	p->len = ETHERNET_LEN + r->ip.l3_len;
	p->mbuf->data_len = p->len;
	p->mbuf->pkt_len = p->len;
	p->in = p->care = p->location = r->out;
	p->network = out->network;
	p->flags = 0;
	p->session = 0;
	if (!is_later_fragment(ctx, p))
		p->track = TRACK_NONE;
	p->source = fdb_key(domain, out->mac);
	p->source_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->source);
	p->destination = fdb_key(domain, mac);
	p->destination_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->destination);
}

// False: the packet has ended.
static inline bool route(struct worker_ctx *ctx, struct packet *p, struct routing *r)
{
	uint8_t *l3 = p->frame + ETHERNET_LEN;
	enum drop_reason reason;

	if (r->track != NULL && is_later_fragment(ctx, p))
		nat_later(ctx, &ctx->fragments[p->fragment], r->track);
	nat_before(ctx, r);
	struct decision decision = decide(ctx, r);

	if (unlikely(decision.fate != ROUTED)) {
		give_up(ctx, p, r, &decision);
		return false;
	}
	reason = nat_after(ctx, p, r);
	if (likely(reason == INET_OK))
		reason = nat_apply(r, l3);
	if (unlikely(reason != INET_OK)) {
		drop(ctx, p, reason);
		return false;
	}
	nat_decrement_ttl(l3);
	enter(ctx, p, r, decision.mac);
	return true;
}

// ---- the stage ---------------------------------------------------------------------------------

static bool fits(const struct worker_ctx *ctx, const struct packet *p)
{
	return p->len <= ctx->snapshot->attachments[p->in].max_len;
}

// On to the next network; what is too large for it in fragments.
static void send_on(struct worker_ctx *ctx, struct burst *routed)
{
	struct burst *burst = &ctx->split[ctx->n_routers - 1];
	bool all_fit = true;

	BURST_FOREACH (p, routed)
		all_fit &= fits(ctx, p);
	if (likely(all_fit)) {
		pipeline_forward(ctx, routed);
		return;
	}
	burst->n = 0;
	BURST_FOREACH (p, routed)
		split(ctx, burst, p, ctx->snapshot->attachments[p->in].max_len - ETHERNET_LEN);
	routed->n = 0;
	pipeline_forward(ctx, burst);
}

void stage_route(struct worker_ctx *ctx, struct burst *burst)
{
	const struct tracker tracker = {
		.sessions = ctx->tables->sessions, .worker = ctx->index, .now_s = ctx->now_s};
	struct packet *to = burst->packets;
	uint16_t n = read_burst(ctx, burst);

	for (uint16_t i = 0; i < burst->n; i++) {
		if (ctx->routing[i].target != NULL)
			neighbour_prefetch(ctx->tables->neighbours, ctx->routing[i].neighbour);
	}
	track_lookup(&tracker, ctx->tracked, n);
	BURST_FOREACH (p, burst) {
		// Behind `to`: a packet keeps its place in ctx->routing until it is done.
		if (likely(route(ctx, p, &ctx->routing[p - burst->packets])))
			to = burst_keep(to, p);
	}
	burst_end(burst, to);
	if (burst->n != 0)
		send_on(ctx, burst);
}

// Copies of floods, ARP and the like are the slow path's.
static bool is_for_router(const struct worker_ctx *ctx, const struct packet *p)
{
	return !(p->flags & PACKET_FLOOD) && p->ethertype != ETHER_TYPE_ARP &&
	       ctx->snapshot->attachments[p->out].kind == ATTACHMENT_ROUTER;
}

void take_for_routers(struct worker_ctx *ctx, struct burst *burst)
{
	struct burst *routed = &ctx->routed[ctx->n_routers];
	struct packet *to = burst->packets;

	routed->n = 0;
	if (likely(ctx->n_routed == 0))
		return;
	BURST_FOREACH (p, burst) {
		if (!is_for_router(ctx, p))
			to = burst_keep(to, p);
		else if (ctx->n_routers == MAX_ROUTER_HOPS - 1)
			drop(ctx, p, DROP_RTR_LOOP);
		else if (p->track != TRACK_NEW || p->session != 0 || confirm(ctx, p))
			routed->packets[routed->n++] = *p; // its network lets the answer in
	}
	burst_end(burst, to);
}
