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
// Drops: rtr_l2, rtr_mcast, rtr_source_route, rtr_martian, rtr_directed_bcast,
// metadata_none, port_down, ip4_malformed, ip4_csum, icmp_err_bad, nomem, those of nat_begin() and
// punt().

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

static bool is_source_routed(const uint8_t *l3, uint16_t header_len)
{
	const uint8_t *option = l3 + IP4_LEN, *end = l3 + header_len;

	while (option < end && *option != OPTION_END) {
		if (*option == OPTION_LSRR || *option == OPTION_SSRR)
			return true;
		if (*option == OPTION_NOP) {
			option++;
			continue;
		}
		if (option + 1 >= end || option[1] < 2)
			return false;
		option += option[1];
	}
	return false;
}

static inline bool is_in(rte_be32_t address, uint32_t prefix, unsigned len)
{
	return (rte_be_to_cpu_32(address) ^ prefix) >> (32 - len) == 0;
}

// What most packets have on both ends; 0/8, 127/8 and from 224/4 on is looked at.
static inline bool is_common(rte_be32_t address)
{
	uint32_t octet = rte_be_to_cpu_32(address) >> 24;

	return octet - 1 < 223 && octet != 127;
}

static bool leads_back(const struct router *router, const struct route_target *target, uint16_t by)
{
	for (uint16_t i = 0; i < target->n_hops; i++) {
		if (router->routes.hops[target->first + i].interface == by)
			return target->kind == ROUTE_TO_HOPS;
	}
	return false;
}

// Of addresses of which one is not common.
static enum drop_reason check_uncommon(rte_be32_t source, rte_be32_t destination)
{
	if (is_in(source, 0, 8) || is_in(source, 0x7f000000, 8) || is_in(source, 0xe0000000, 4) ||
		source == UINT32_MAX)
		return DROP_RTR_MARTIAN;
	if (is_common(destination))
		return INET_OK;
	if (is_in(destination, 0xe0000000, 4) || destination == UINT32_MAX)
		return DROP_RTR_MCAST;
	return DROP_RTR_MARTIAN; // 0/8, 127/8, 240/4
}

// Whether no packet that comes in `by` an interface can have this source.
static inline bool is_martian_source(const struct router *router, rte_be32_t source, uint16_t by)
{
	if (unlikely(router_map_find(&router->own, source) != 0))
		return true;
	return unlikely(router->flags & ROUTER_STRICT_SOURCE) &&
	       !leads_back(router, route_find(&router->routes, source), by);
}

// The same of a packet that may have a session. What has one is asked again when something has
// changed; an ICMP error, which a third may send, always.
static inline bool is_tracked_martian(const struct worker_ctx *ctx, const struct routing *r)
{
	const struct track_packet *track = r->track;
	rte_be32_t source = load_32(track->ip.source);
	uint32_t version = ctx->snapshot->version;

	if (unlikely(track->session == 0 || track->state == TRACK_RELATED ||
		     r->router->flags & ROUTER_STRICT_SOURCE))
		return is_martian_source(r->router, source, r->by);
	struct session *s = session_get(ctx->tables->sessions, track->session);

	if (likely(session_source_version(s, track->reply) == version))
		return false;
	if (is_martian_source(r->router, source, r->by))
		return true;
	session_set_source_version(s, track->reply, version);
	return false;
}

// All else that is known of it alone.
static inline enum drop_reason check(const struct packet *p, uint16_t *header_len)
{
	const uint8_t *l3 = p->frame + ETHERNET_LEN;
	const struct ipv4_wire *ip = (const struct ipv4_wire *)l3;
	enum drop_reason reason;

	if (unlikely(p->ethertype != ETHER_TYPE_IPV4))
		return DROP_RTR_L2;
	reason = inet_check_ip4(l3, p->len - ETHERNET_LEN, header_len);
	if (unlikely(reason != INET_OK))
		return reason;
	if (unlikely(*header_len != IP4_LEN) && is_source_routed(l3, *header_len))
		return DROP_RTR_SOURCE_ROUTE;
	if (likely(is_common(ip->source) && is_common(ip->destination)))
		return INET_OK;
	return check_uncommon(ip->source, ip->destination);
}

// ---- R4 ----------------------------------------------------------------------------------------

// Only what comes in or goes out by the gateway can be translated or be an answer to what was; an
// address of the router itself may stand for a translated one. Finds the route where it is told by
// that; what comes in by the gateway most often has another when it is translated.
static inline bool may_be_translated(struct routing *r)
{
	const struct router *router = r->router;

	r->target = NULL;
	if (r->by == router->gateway)
		return true;
	r->target = route_find(&router->routes, r->destination);
	if (router->gateway == 0)
		return false;
	return r->target->kind == ROUTE_TO_SELF || leads_back(router, r->target, router->gateway) ||
	       router_map_find(&router->fixed, r->destination) != 0;
}

// The same for all packets between two addresses, so that fragments stay together.
static uint32_t flow_hash_of(
	const struct worker_ctx *ctx, const struct packet *p, const struct routing *r)
{
	const struct ipv4_wire *ip = (const struct ipv4_wire *)(p->frame + ETHERNET_LEN);

	return flow_hash(
		ctx->tables->flow_seed, ip->source, (uint64_t)ip->protocol << 32 | r->destination);
}

// Who the next one is on the way to a destination that hops lead to.
static inline void find_next_hop(struct worker_ctx *ctx, const struct packet *p, struct routing *r)
{
	uint32_t flow = likely(r->target->n_hops == 1) ? 0 : flow_hash_of(ctx, p, r);
	const struct route_hop *hop = route_hop(&r->router->routes, r->target, flow);

	r->out = hop->interface;
	r->next_hop = hop->gateway != 0 ? hop->gateway : r->destination;
	r->neighbour_key = neighbour_key(r->out, r->next_hop);
	r->neighbour_hash = neighbour_hash_prefetch(ctx->tables->neighbours, r->neighbour_key);
}

static void track(struct worker_ctx *ctx, const struct packet *p, struct routing *r,
	uint16_t header_len, struct track_packet *tracked)
{
	r->track = tracked;
	inet_fill_ip4(&tracked->ip, p->frame + ETHERNET_LEN, header_len, r->l3_len);
	begin_tracking(ctx, p, r->router->zone, tracked);
}

// Reads the packets of a burst. Those that stay have their place in ctx->routing; those that may
// have a session are the first `n` of ctx->tracked.
static uint16_t read_burst(struct worker_ctx *ctx, struct burst *burst)
{
	const struct snapshot *snapshot = ctx->snapshot;
	struct packet *to = burst->packets;
	struct routing *r = ctx->routing;
	uint16_t n = 0;

	BURST_FOREACH (p, burst) {
		const struct ipv4_wire *ip = (const struct ipv4_wire *)(p->frame + ETHERNET_LEN);
		uint16_t header_len;

		r->by = p->out;
		r->router = &snapshot->routers[snapshot->attachments[r->by].router];
		enum drop_reason reason = check(p, &header_len);

		if (unlikely(reason != INET_OK)) {
			drop(ctx, p, reason);
			continue;
		}
		r->l3_len = rte_be_to_cpu_16(ip->total_len);
		r->destination = ip->destination;
		r->is_translated = false;
		if (may_be_translated(r)) {
			track(ctx, p, r, header_len, &ctx->tracked[n++]);
		} else if (likely(!is_martian_source(r->router, ip->source, r->by))) {
			r->track = NULL;
		} else {
			drop(ctx, p, DROP_RTR_MARTIAN);
			continue;
		}
		to = burst_keep(to, p);
		r++;
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
	enum fate fate;
	const struct attachment *out; // ROUTED: that it leaves by
	union {
		uint64_t mac;		 // ROUTED: of the next hop
		enum drop_reason reason; // DROPPED
		uint32_t icmp;		 // REFUSED: punt_icmp()
	};
};

static struct decision dropped(enum drop_reason reason)
{
	return (struct decision){.fate = DROPPED, .reason = reason};
}

static struct decision refused(uint8_t type, uint8_t code, uint16_t mtu)
{
	return (struct decision){.fate = REFUSED, .icmp = punt_icmp(type, code, mtu)};
}

static bool is_metadata_request(const struct packet *p, const struct routing *r)
{
	struct inet ip;

	if (r->destination != METADATA || r->by == r->router->gateway)
		return false;
	return inet_read_ip4(&ip, p->frame + ETHERNET_LEN, r->l3_len) == INET_OK &&
	       ip.protocol == IP_PROTOCOL_TCP && ip.destination_port == HTTP_PORT;
}

static inline bool is_link_local(rte_be32_t address)
{
	return is_in(address, 0xa9fe0000, 16);
}

// R6: nothing else goes to 169.254.0.0/16.
static struct decision to_link_local(const struct packet *p, const struct routing *r)
{
	if (!is_metadata_request(p, r))
		return dropped(DROP_RTR_MARTIAN);
	if (!(r->router->flags & ROUTER_METADATA))
		return dropped(DROP_METADATA_NONE);
	return (struct decision){.fate = LOCAL};
}

static inline struct decision to_next_hop(
	struct worker_ctx *ctx, const struct packet *p, struct routing *r)
{
	const struct attachment *out = &ctx->snapshot->attachments[r->out];
	uint16_t mtu = out->max_len - ETHERNET_LEN;
	uint32_t *used_s;

	if (unlikely(!(out->flags & ATTACHMENT_UP)))
		return dropped(DROP_PORT_DOWN);
	r->fits = r->l3_len <= mtu;
	if (unlikely(!r->fits) && load_16(p->frame + ETHERNET_LEN + 6) & RTE_BE16(IPV4_DF))
		return refused(ICMP_UNREACHABLE, ICMP_CODE_FRAGMENTATION_NEEDED, mtu);
	uint64_t mac = neighbour_lookup(
		ctx->tables->neighbours, r->neighbour_key, r->neighbour_hash, &used_s);

	if (unlikely(mac == 0))
		return (struct decision){.fate = UNRESOLVED};
	neighbour_used(used_s, ctx->now_s);
	return (struct decision){.fate = ROUTED, .mac = mac, .out = out};
}

// Of what does not simply go on to a next hop.
static struct decision decide_other(const struct packet *p, const struct routing *r)
{
	const struct ipv4_wire *ip = (const struct ipv4_wire *)(p->frame + ETHERNET_LEN);

	if (is_link_local(r->destination))
		return to_link_local(p, r);
	if (r->target->kind == ROUTE_TO_SELF)
		return (struct decision){.fate = LOCAL};
	if (r->target->kind == ROUTE_TO_BROADCAST)
		return dropped(DROP_RTR_DIRECTED_BCAST);
	if (ip->ttl <= 1)
		return refused(ICMP_TIME_EXCEEDED, 0, 0);
	return refused(ICMP_UNREACHABLE, 0, 0);
}

static inline struct decision decide(
	struct worker_ctx *ctx, const struct packet *p, struct routing *r)
{
	const struct ipv4_wire *ip = (const struct ipv4_wire *)(p->frame + ETHERNET_LEN);

	if (likely(r->target->kind == ROUTE_TO_HOPS && ip->ttl > 1 &&
		    !is_link_local(r->destination)))
		return to_next_hop(ctx, p, r);
	return decide_other(p, r);
}

// Those that a worker can not finish leave as they came.
static void give_up(struct worker_ctx *ctx, struct packet *p, const struct routing *r,
	const struct decision *decision)
{
	struct punt_detail detail = {.interface = 0};

	switch (decision->fate) {
	case DROPPED:
		drop(ctx, p, decision->reason);
		break;
	case REFUSED:
		detail.icmp = decision->icmp;
		punt_with(ctx, p, PUNT_ICMP_ERROR, &detail);
		break;
	case UNRESOLVED:
		detail.interface = r->out;
		detail.next_hop = r->next_hop;
		punt_with(ctx, p, PUNT_UNRESOLVED, &detail);
		break;
	default:
		punt(ctx, p, PUNT_LOCAL);
		break;
	}
}

// The packet is in the care of the attachment it leaves by, as if that had sent it.
static inline void enter(struct worker_ctx *ctx, struct packet *p, const struct routing *r,
	const struct decision *decision)
{
	uint64_t mac = decision->mac;
	uint16_t id = r->out;
	const struct attachment *out = decision->out;
	uint64_t domain_key = fdb_key(ctx->snapshot->networks[out->network].domain, 0);

	counter_add(&attachment_counters(ctx, p->care)->handed_out, 1);
	counter_add(&attachment_counters(ctx, id)->handed_in, 1);
	packet_set_macs(p, mac, out->mac);
	// The padding of another link.
	p->len = ETHERNET_LEN + r->l3_len;
	p->mbuf->data_len = p->len;
	p->mbuf->pkt_len = p->len;
	p->in = p->care = p->location = id;
	p->network = out->network;
	if (r->track != NULL)
		note_tracked(p, r->track);
	p->flags &= PACKET_L4_GOOD | PACKET_REPLY;
	if (is_later_fragment(ctx, p))
		p->session = 0; // as its first one
	else
		p->track = TRACK_NONE;
	p->source = domain_key | out->mac; // nobody learns it, nor asks for its hash
	p->destination = domain_key | mac;
	p->destination_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->destination);
}

// R4 to R6: finds out how a packet is translated, by its session or because it goes to a floating
// address, and where it goes by that.
static inline void translate(struct worker_ctx *ctx, const struct tracker *tracker,
	const struct packet *p, struct routing *r)
{
	rte_be32_t destination = r->destination, fixed;

	if (is_later_fragment(ctx, p))
		nat_later(ctx, &ctx->fragments[p->fragment], r->track);
	r->is_translated = track_translate(tracker, r->track, &r->to, &r->quoted);
	if (likely(r->is_translated)) {
		r->destination = r->to.destination;
	} else if (r->track->session == 0) {
		fixed = router_map_find(&r->router->fixed, destination);
		r->destination = fixed != 0 ? fixed : destination;
	}
	if (r->destination != destination || r->target == NULL)
		r->target = route_find(&r->router->routes, r->destination);
}

// R10. INET_OK or icmp_err_bad.
static inline enum drop_reason rewrite(const struct routing *r, uint8_t *l3)
{
	const struct inet *ip = &r->track->ip;

	if (unlikely(r->track->state == TRACK_RELATED))
		return nat_rewrite_error(l3, ip, &r->to, &r->quoted) ? INET_OK : DROP_ICMP_ERR_BAD;
	nat_rewrite(l3, ip, &r->to);
	return INET_OK;
}

// False: the packet has ended.
static inline bool route(struct worker_ctx *ctx, struct packet *p, struct routing *r)
{
	uint8_t *l3 = p->frame + ETHERNET_LEN;
	enum drop_reason reason = INET_OK;

	if (r->track != NULL && unlikely(is_tracked_martian(ctx, r))) {
		drop(ctx, p, DROP_RTR_MARTIAN);
		return false;
	}
	struct decision decision = decide(ctx, p, r);

	if (unlikely(decision.fate != ROUTED)) {
		give_up(ctx, p, r, &decision);
		return false;
	}
	if (r->track != NULL && unlikely(r->track->session == 0))
		reason = nat_begin(ctx, p, r);
	if (r->is_translated && likely(reason == INET_OK))
		reason = rewrite(r, l3);
	if (unlikely(reason != INET_OK)) {
		drop(ctx, p, reason);
		return false;
	}
	nat_decrement_ttl((struct ipv4_wire *)l3);
	enter(ctx, p, r, &decision);
	return true;
}

// ---- the stage ---------------------------------------------------------------------------------

// On to the next network; what is too large for it in fragments.
static void send_on(struct worker_ctx *ctx, struct burst *routed, bool all_fit)
{
	struct burst *burst = &ctx->split[ctx->n_routers - 1];

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

// Finds the sessions of the first `n` of ctx->tracked, and the way of each packet. In a pass of its
// own, since each step waits for what the one before has found: those of several packets go on
// side by side.
static void find_ways(struct worker_ctx *ctx, struct burst *burst, uint16_t n)
{
	const struct tracker tracker = {
		.sessions = ctx->tables->sessions, .worker = ctx->index, .now_s = ctx->now_s};
	struct routing *r = ctx->routing;

	if (n != 0)
		track_lookup(&tracker, ctx->tracked, n);
	BURST_FOREACH (p, burst) {
		if (r->track != NULL)
			translate(ctx, &tracker, p, r);
		if (likely(r->target->kind == ROUTE_TO_HOPS))
			find_next_hop(ctx, p, r);
		r++;
	}
}

void stage_route(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;
	struct routing *r = ctx->routing;
	uint16_t n = read_burst(ctx, burst);
	bool all_fit = true;

	find_ways(ctx, burst, n);
	BURST_FOREACH (p, burst) {
		if (likely(route(ctx, p, r))) {
			all_fit &= r->fits;
			to = burst_keep(to, p);
		}
		r++;
	}
	burst_end(burst, to);
	if (burst->n != 0)
		send_on(ctx, burst, all_fit);
}
