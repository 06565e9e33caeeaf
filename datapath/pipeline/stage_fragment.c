// SPDX-License-Identifier: BSD-3-Clause
// IPv4 and IPv6 fragments in networks with a filtered port: all that looks at ports sees datagrams.
// The first fragment, which has the L4 header, is judged as a packet of its own; a later one is
// judged with that header and that state in place of its own, so that whatever became of the first
// becomes of it, at each port a flood takes it to. One that comes before the first waits.
//
// In: packets of admit. Out: fragment, and of later fragments track. A burst with a first fragment
// ends there: its way is gone to the end before anything after it goes, so that the verdict is
// complete, with what waited right behind it.
//
// Answers of weft's own ports that control sends in fragments come here too, when they enter.
//
// What a router has sent to wait for a neighbour comes here again. If that is a first fragment,
// those behind it wait here until then.
//
// Drops: frag_no_first, frag_tiny, frag_overlap, frag_timeout, frag_full, ip4_malformed,
// ip6_malformed; of what waited: port_down.

#include "pipeline/rules.h"
#include "pipeline/stages.h"

#define EXPIRE_MAX 16 // datagrams that are given up in one round, so that it stays short

// ---- reading ----------------------------------------------------------------------------------

static inline bool is_fragment_at(const struct packet *p, uint16_t l3, uint16_t ethertype)
{
	const uint8_t *ip = p->frame + l3;

	if (ethertype == ETHER_TYPE_IPV4)
		return p->len >= l3 + IP4_LEN && (load_16(ip + 6) & IPV4_IS_FRAGMENT);
	return ethertype == ETHER_TYPE_IPV6 && p->len >= l3 + IP6_LEN && inet_is_extension(ip[6]);
}

// Cheap, and true for more than fragments: extension headers are not followed.
static inline bool may_be_fragment(const struct worker_ctx *ctx, const struct packet *p)
{
	uint16_t ethertype = p->ethertype;
	uint16_t l3 =
		likely(ethertype == ETHER_TYPE_IPV4) ? ETHERNET_LEN : packet_l3(p, &ethertype);

	return unlikely(is_fragment_at(p, l3, ethertype)) &&
	       (ctx->snapshot->networks[p->network].flags &
		       (NETWORK_FILTERED | NETWORK_TRANSLATED));
}

// Without filters, only what goes to a router matters.
static bool concerns(const struct worker_ctx *ctx, const struct packet *p)
{
	const struct snapshot *s = ctx->snapshot;
	uint32_t *seen_s;

	if (s->networks[p->network].flags & NETWORK_FILTERED)
		return true;
	uint16_t location = fdb_location(
		fdb_lookup(ctx->fdb, ctx->fdb_table, p->destination, p->destination_hash, &seen_s));

	return location < s->n_attachments && s->attachments[location].kind == ATTACHMENT_ROUTER;
}

// What the first fragment must have, so that all rules and states can be decided.
static uint16_t l4_needed(const struct inet *ip)
{
	switch (ip->protocol) {
	case IP_PROTOCOL_TCP:
		return ip->l4_len >= 20 ? RTE_MAX(20, (ip->l4[12] >> 4) * 4) : 20;
	case IP_PROTOCOL_SCTP:
	case IP_PROTOCOL_DCCP:
		return 12;
	case IP_PROTOCOL_UDP:
	case IP_PROTOCOL_UDPLITE:
	case IP_PROTOCOL_ICMP:
	case IP_PROTOCOL_ICMPV6:
		return 8;
	default:
		return 0;
	}
}

static bool set_range(struct fragment *f, unsigned start, unsigned len)
{
	f->start = start;
	f->end = start + len;
	return len != 0 && start + len <= UINT16_MAX && (!f->more || len % 8 == 0);
}

// False: it can not be true.
static bool describe(struct fragment *f, const struct inet *ip, const struct packet *p)
{
	unsigned address_len = ip->family == 4 ? 4 : 16;
	const uint8_t *header = ip->fragment_header;

	*f = (struct fragment){
		.key = {.in = p->in, .family = ip->family, .protocol = ip->protocol},
		.reason = FRAGMENT_NO_REASON,
		.held = {.mbuf = p->mbuf,
			.len = p->len,
			.in = p->in,
			.network = p->network,
			.flags = p->flags},
	};
	memcpy(f->key.source, ip->source, address_len);
	memcpy(f->key.destination, ip->destination, address_len);
	if (ip->family == 4) {
		f->key.id = load_be16(ip->l3 + 4);
		f->more = load_be16(ip->l3 + 6) & IPV4_MF;
		return set_range(f, (load_be16(ip->l3 + 6) & IPV4_OFFSET_MASK) * 8, ip->l4_len);
	}
	f->key.id = load_32(header + 4);
	f->key.protocol = IP6_FRAGMENT;
	f->more = header[3] & 1;
	return set_range(f, load_be16(header + 2) & ~7u, ip->l3 + ip->l3_len - (header + 8));
}

// ---- into the burst ---------------------------------------------------------------------------

// Whether the packets of a burst come to a router again.
static bool is_again(const struct worker_ctx *ctx, const struct burst *burst)
{
	return burst == &ctx->routed[0];
}

static void go_on(struct worker_ctx *ctx, struct burst *burst)
{
	if (is_again(ctx, burst))
		stage_route(ctx, burst);
	else if (ctx->snapshot->attachments[burst->packets[0].in].flags & ATTACHMENT_INTERNAL)
		pipeline_forward(ctx, burst); // answers of control
	else
		pipeline_switch(ctx, burst);
}

// Returns its place in ctx->fragments.
static uint16_t push(struct worker_ctx *ctx, struct burst *burst, const struct packet *p)
{
	if (burst->n == BURST_SIZE)
		go_on(ctx, burst);
	burst->packets[burst->n++] = *p;
	return burst->n;
}

static void push_later(struct worker_ctx *ctx, struct burst *burst, const struct packet *p,
	const struct fragment_verdict *verdict)
{
	uint16_t place = push(ctx, burst, p);
	struct packet *pushed = &burst->packets[place - 1];

	ctx->fragments[place] = *verdict;
	pushed->fragment = place;
	pushed->track = verdict->track;
}

static void judge(struct worker_ctx *ctx, struct burst *burst, const struct packet *p,
	const struct inet *ip, const struct fragment_answer *answer)
{
	uint16_t place = push(ctx, burst, p);
	struct fragment_verdict *verdict = &ctx->fragments[place];

	*verdict = answer->verdict.waits ? answer->verdict : verdict_of_first(ip);
	verdict->later = false;
	verdict->waits = false;
	burst->packets[place - 1].fragment = place;
	go_on(ctx, burst);
	verdict->later = true;
	if (answer->datagram != 0)
		fragment_decide(ctx->tables->fragments, answer->datagram, verdict);
}

// ---- what waited ------------------------------------------------------------------------------

// The configuration may have changed meanwhile. False: where it came in is not there any more.
static bool restore(struct worker_ctx *ctx, struct packet *p, const struct fragment_held *held)
{
	const struct attachment *attachment = &ctx->snapshot->attachments[held->in];

	*p = (struct packet){
		.mbuf = held->mbuf,
		.frame = rte_pktmbuf_mtod(held->mbuf, uint8_t *),
		.len = held->len,
		.in = held->in,
		.care = held->in,
		.network = held->network,
		.flags = held->flags,
	};
	counter_add(&attachment_counters(ctx, p->care)->originated, 1);
	if (held->in >= ctx->snapshot->n_attachments || attachment->network != held->network ||
		!(attachment->flags & ATTACHMENT_UP) ||
		!(ctx->snapshot->networks[held->network].flags & NETWORK_UP))
		return false;
	uint16_t domain = ctx->snapshot->networks[held->network].domain;
	rte_be32_t vtep = packet_vtep(p);
	uint16_t remote = vtep != 0 ? remote_find(ctx->tables->remotes, vtep) : 0;

	packet_read_ethernet(p);
	p->source = fdb_key(domain, p->source);
	p->source_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->source);
	p->destination = fdb_key(domain, p->destination);
	p->destination_hash = fdb_hash_prefetch(ctx->fdb, ctx->fdb_table, p->destination);
	if (vtep == 0)
		p->location = p->in;
	else
		p->location = remote != 0 ? LOCATION_REMOTE | remote : 0;
	return true;
}

static void release(struct worker_ctx *ctx, struct burst *burst, uint32_t datagram)
{
	struct fragment_verdict verdict;
	struct fragment_held held;
	struct packet p;

	while (fragment_take(ctx->tables->fragments, datagram, &held, &verdict)) {
		bool is_there = restore(ctx, &p, &held);

		if (verdict.reason != FRAGMENT_NO_REASON)
			drop(ctx, &p, verdict.reason);
		else if (!is_there)
			drop(ctx, &p, DROP_PORT_DOWN);
		else
			push_later(ctx, burst, &p, &verdict);
	}
}

// Behind a first fragment that has come to a router again: what waited for it goes its way from the
// beginning. What control sends lies in its burst already.
static void release_behind(struct worker_ctx *ctx, uint32_t datagram, uint16_t in)
{
	pipeline_forward(ctx, &ctx->burst);
	ctx->map = &ctx->snapshot->maps[ctx->snapshot->attachments[in].device];
	release(ctx, &ctx->burst, datagram);
	pipeline_switch(ctx, &ctx->burst);
}

void fragments_expire(struct worker_ctx *ctx)
{
	struct fragment_table *table = ctx->tables->fragments;

	for (unsigned i = 0; i < EXPIRE_MAX && fragment_expires(table, ctx->now_s); i++) {
		uint32_t datagram = fragment_expire(table, ctx->now_s);

		if (datagram != 0)
			release(ctx, &ctx->burst, datagram); // all of them die
	}
}

// ---- the stage --------------------------------------------------------------------------------

static void take_fragment(struct worker_ctx *ctx, struct burst *burst, const struct packet *p)
{
	struct fragment_answer answer;
	struct fragment f;
	struct inet ip;
	uint16_t ethertype;
	uint16_t l3 = packet_l3(p, &ethertype);
	enum drop_reason reason = inet_read(&ip, p->frame + l3, p->len - l3, ethertype);

	// What is wrong with a header is for those to say whom it matters to.
	if ((reason != INET_OK && reason != DROP_FRAG_TINY) || ip.fragment == INET_WHOLE) {
		push(ctx, burst, p);
		return;
	}
	bool is_true = describe(&f, &ip, p);

	f.again = is_again(ctx, burst);
	if (reason == DROP_FRAG_TINY || (ip.fragment == INET_FIRST && ip.l4_len < l4_needed(&ip))) {
		f.reason = DROP_FRAG_TINY;
	} else if (!is_true) {
		drop(ctx, p, ip.family == 4 ? DROP_IP4_MALFORMED : DROP_IP6_MALFORMED);
		return;
	}
	answer = fragment_arrive(ctx->tables->fragments, &f, ctx->now_s);
	switch (answer.fate) {
	case FRAGMENT_JUDGE:
		judge(ctx, burst, p, &ip, &answer);
		break;
	case FRAGMENT_PASS:
		push_later(ctx, burst, p, &answer.verdict);
		break;
	case FRAGMENT_HELD:
		counter_add(&attachment_counters(ctx, p->care)->consumed, 1);
		break;
	case FRAGMENT_DROP:
		drop(ctx, p, answer.verdict.reason);
		break;
	}
	if (answer.datagram == 0)
		return;
	if (f.again)
		release_behind(ctx, answer.datagram, p->in);
	else
		release(ctx, burst, answer.datagram);
}

// `burst` is filled anew, and sent on whenever it must be.
static void sort_out(struct worker_ctx *ctx, struct burst *burst)
{
	ctx->arrived.n = burst->n;
	memcpy(ctx->arrived.packets, burst->packets, burst->n * sizeof(burst->packets[0]));
	burst->n = 0;
	BURST_FOREACH (p, &ctx->arrived) {
		if (may_be_fragment(ctx, p) && concerns(ctx, p))
			take_fragment(ctx, burst, p);
		else
			push(ctx, burst, p);
	}
}

void stage_fragment(struct worker_ctx *ctx, struct burst *burst)
{
	if (!any_filters(ctx) && ctx->snapshot->n_routers <= 1)
		return;
	BURST_FOREACH (p, burst) {
		if (unlikely(may_be_fragment(ctx, p))) {
			sort_out(ctx, burst);
			return;
		}
	}
}
