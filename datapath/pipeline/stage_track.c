// SPDX-License-Identifier: BSD-3-Clause
// Which state a packet has for a filtered port that it goes to, or may be flooded to. Those that
// filter_out has tracked are done: a packet is tracked once, however many copies it becomes.
//
// In: packets of forward. Out: track and session.
// Drops: ip4_malformed, ip4_csum, ip6_malformed; confirm: ct_full.

#include "pipeline/rules.h"
#include "pipeline/stages.h"

static inline bool needs_tracking(const struct worker_ctx *ctx, const struct packet *p)
{
	if (p->track != TRACK_NONE || is_later_fragment(ctx, p))
		return false;
	if (p->flags & PACKET_FLOOD)
		return ctx->snapshot->networks[p->network].flags & NETWORK_FILTERED;
	return is_stateful(ctx, p->out);
}

static enum drop_reason track_if_ip(
	struct worker_ctx *ctx, const struct packet *p, uint16_t n, bool *is_tracked)
{
	uint16_t ethertype;
	uint16_t l3 = packet_l3(p, &ethertype);

	*is_tracked = is_ip(ethertype);
	return *is_tracked ? track_read(ctx, p, l3, ethertype, n) : INET_OK;
}

static struct tracker tracker_of(const struct worker_ctx *ctx)
{
	return (struct tracker){
		.sessions = ctx->tables->sessions,
		.worker = ctx->index,
		.now_s = ctx->now_s,
	};
}

// Whether those that follow a first fragment belong to a session.
static inline void note_session(struct worker_ctx *ctx, const struct packet *p, uint8_t reason)
{
	struct fragment_verdict *verdict = &ctx->fragments[p->fragment];

	if (likely(p->fragment == 0))
		return;
	if (verdict->session_reason != FRAGMENT_NO_REASON)
		verdict->session_reason = reason;
}

// A later fragment makes no session: its first has made one, or it dies as that did.
static bool confirm_later(struct worker_ctx *ctx, const struct packet *p)
{
	uint8_t reason = ctx->fragments[p->fragment].session_reason;

	if (reason == FRAGMENT_NO_REASON)
		return true;
	drop(ctx, p, reason);
	return false;
}

void track_burst(struct worker_ctx *ctx, struct burst *burst, uint16_t n)
{
	const struct tracker tracker = tracker_of(ctx);

	track_lookup(&tracker, ctx->tracked, n);
	for (uint16_t i = 0; i < n; i++) {
		struct packet *p = &burst->packets[ctx->tracked_at[i]];

		p->track = ctx->tracked[i].state;
		note_tracked(p, &ctx->tracked[i]);
		if (unlikely(p->fragment != 0)) {
			ctx->fragments[p->fragment].track = p->track;
			if (p->session != 0)
				note_session(ctx, p, FRAGMENT_NO_REASON);
		}
	}
}

void stage_track(struct worker_ctx *ctx, struct burst *burst)
{
	struct packet *to = burst->packets;
	uint16_t n = 0;

	if (!any_filters(ctx))
		return;
	BURST_FOREACH (p, burst) {
		bool is_tracked = false;
		enum drop_reason reason = INET_OK;

		if (needs_tracking(ctx, p))
			reason = track_if_ip(ctx, p, n, &is_tracked);
		if (unlikely(reason != INET_OK)) {
			drop(ctx, p, reason);
			continue;
		}
		if (is_tracked)
			ctx->tracked_at[n++] = to - burst->packets;
		to = burst_keep(to, p);
	}
	burst_end(burst, to);
	if (n != 0)
		track_burst(ctx, burst, n);
}

bool confirm(struct worker_ctx *ctx, struct packet *p)
{
	const struct tracker tracker = tracker_of(ctx);
	struct track_packet packet = {.zone = p->network};
	bool owned_by_in = is_stateful(ctx, p->in);
	uint16_t ethertype;
	uint16_t l3 = packet_l3(p, &ethertype);

	if (!owned_by_in && !is_stateful(ctx, p->out))
		return true; // a copy of a flood that no filter asks about
	if (is_later_fragment(ctx, p))
		return confirm_later(ctx, p);
	inet_read(&packet.ip, p->frame + l3, p->len - l3, ethertype); // was good when tracked
	if (!track_confirm(&tracker, &packet, p->in, owned_by_in ? p->in : p->out)) {
		note_session(ctx, p, DROP_CT_FULL);
		drop(ctx, p, DROP_CT_FULL);
		return false;
	}
	p->session = packet.session;
	note_session(ctx, p, FRAGMENT_NO_REASON);
	return true;
}
