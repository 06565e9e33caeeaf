// SPDX-License-Identifier: BSD-3-Clause
// The decisions T1 to T5 of the behaviour specification, for the first packet of a connection; all
// others have its session. Called by the stage of routers.

#include "net/icmp.h"
#include "pipeline/stages.h"

#define QUOTE_MIN 8 // bytes behind the IP header that an error must quote

static struct tracker tracker_of(const struct worker_ctx *ctx)
{
	return (struct tracker){
		.sessions = ctx->tables->sessions,
		.worker = ctx->index,
		.now_s = ctx->now_s,
	};
}

void nat_later(
	struct worker_ctx *ctx, const struct fragment_verdict *first, struct track_packet *track)
{
	const struct tracker tracker = tracker_of(ctx);

	inet_set_l4(&track->ip, first->protocol, first->l4, first->l4_len);
	track_later(&tracker, track);
}

// ---- the first packet --------------------------------------------------------------------------

static bool is_to_floating(const struct routing *r)
{
	return r->destination != load_32(r->track->ip.destination);
}

// T1 to T5: the source that the packet leaves with.
static void translate_source(const struct routing *r, struct track_translation *translation)
{
	const struct router *router = r->router;
	bool is_outward = r->out == router->gateway;
	rte_be32_t floating = router_map_find(&router->floating, translation->to.source);

	if (!is_outward && !is_to_floating(r))
		return;
	// Who comes from outside may have the ports of a connection that there is: as on Linux, it
	// gets another.
	translation->any_port = is_to_floating(r);
	if (floating != 0) {
		translation->to.source = floating;
		return;
	}
	bool is_hairpin = is_to_floating(r) && r->by != router->gateway;

	if (!(is_outward && router->flags & ROUTER_SNAT) && !is_hairpin)
		return;
	translation->to.source = router->address;
	translation->any_port = true;
}

// Whether nothing may enter untranslated.
static bool is_refused(const struct routing *r)
{
	const struct router *router = r->router;

	return router->flags & ROUTER_BLOCK_PRIVATE_INGRESS && r->by == router->gateway &&
	       r->out != r->by;
}

static bool quotes_too_little(const struct inet *ip)
{
	struct inet quote;

	if (ip->protocol != IP_PROTOCOL_ICMP || ip->l4_len < 8 || !icmp_is_error(ip->l4[0]))
		return false;
	return !inet_read_quote(&quote, ip->l4 + 8, ip->l4_len - 8, 4) || quote.l4_len < QUOTE_MIN;
}

// Whose quota a session counts against: that of the port here that began it, else the router's
// side.
static uint16_t owner_of(
	const struct worker_ctx *ctx, const struct packet *p, const struct routing *r)
{
	return ctx->snapshot->attachments[p->in].kind == ATTACHMENT_PORT ? p->in : r->by;
}

enum drop_reason nat_begin(struct worker_ctx *ctx, const struct packet *p, struct routing *r)
{
	const struct tracker tracker = tracker_of(ctx);
	struct track_packet *track = r->track;
	struct track_translation translation = {.to = nat_ends_of(&track->ip)};
	enum drop_reason reason;

	translation.to.destination = r->destination;
	translate_source(r, &translation);
	bool is_translated =
		is_to_floating(r) || translation.to.source != load_32(track->ip.source);

	if (!is_translated && is_refused(r))
		return DROP_NAT_NO_SESSION;
	if (track->state != TRACK_NEW) {
		if (!is_translated)
			return INET_OK;
		return quotes_too_little(&track->ip) ? DROP_ICMP_ERR_BAD : DROP_NAT_NO_SESSION;
	}
	if (!is_translated)
		return track_confirm(&tracker, track, p->in, owner_of(ctx, p, r)) ? INET_OK
										  : DROP_CT_FULL;
	reason =
		track_confirm_translated(&tracker, track, &translation, p->in, owner_of(ctx, p, r));
	if (reason == INET_OK)
		r->is_translated = track_translate(&tracker, track, &r->to, &r->quoted);
	return reason;
}
