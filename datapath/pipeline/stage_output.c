// SPDX-License-Identifier: BSD-3-Clause
// A packet passes into the care of the attachment it goes out by: is that up, does it fit, may
// it have it (filter_in), which tag does it get, must it be padded. The last place where a packet
// can be refused: a new flow gets its session here.
//
// In: packets whose out is known. Out: care; the frame as the device gets it, but for tunnel
// packets, which encap does. Counts handed_out and handed_in. What goes to an internal port ends
// here, in the care of the attachment it came in by.
//
// Drops: port_down, oversize_tx, nomem, those of filter_in(), confirm() and punt().

#include "pipeline/stages.h"

// What packets from one attachment to another have in common, looked up once for those in a row,
// and how many they are, counted once.
struct handover {
	const struct attachment *attachment; // it goes out by
	unsigned in; // wider than in a packet: compared one by one, never as a pair in memory
	unsigned out;
	bool special; // it is weft's own, or down
	uint64_t packets;
};

static void handover_end(struct worker_ctx *ctx, const struct handover *handover)
{
	if (handover->in == handover->out)
		return; // sent by control: never in another's care
	counter_add(&attachment_counters(ctx, handover->in)->handed_out, handover->packets);
	counter_add(&attachment_counters(ctx, handover->out)->handed_in, handover->packets);
}

// Weft's own, or down.
static inline bool is_special(const struct attachment *attachment)
{
	return (attachment->flags & (ATTACHMENT_UP | ATTACHMENT_INTERNAL)) != ATTACHMENT_UP;
}

static inline void handover_to(
	struct worker_ctx *ctx, struct handover *handover, const struct packet *p)
{
	if (unlikely(p->in != handover->in || p->out != handover->out)) {
		handover_end(ctx, handover);
		*handover = (struct handover){
			.attachment = &ctx->snapshot->attachments[p->out],
			.in = p->in,
			.out = p->out,
			.special = is_special(&ctx->snapshot->attachments[p->out]),
		};
	}
}

static bool pad(struct packet *p)
{
	uint16_t missing = ETHER_MIN_LEN - p->mbuf->data_len;
	char *tail = rte_pktmbuf_append(p->mbuf, missing);

	if (tail == NULL)
		return false;
	memset(tail, 0, missing);
	return true;
}

static inline bool fits(const struct packet *p, const struct attachment *attachment)
{
	if (attachment->kind == ATTACHMENT_TUNNEL)
		return true; // encap knows the path
	if (attachment->kind == ATTACHMENT_UPLINK)
		return true; // made by control
	return p->len <= attachment->max_len + (p->flags & PACKET_TAG_BELOW ? VLAN_TAG_LEN : 0);
}

// Ends a packet to a special attachment. Returns how many are handed over: weft's own take none
// into their care.
static uint64_t end_here(
	struct worker_ctx *ctx, struct packet *p, const struct attachment *attachment)
{
	if (attachment->flags & ATTACHMENT_INTERNAL) {
		local_deliver(ctx, p);
		return 0;
	}
	p->care = p->out;
	drop(ctx, p, DROP_PORT_DOWN);
	return 1;
}

static inline bool output(
	struct worker_ctx *ctx, struct packet *p, const struct attachment *attachment)
{
	p->care = p->out;
	if (unlikely(attachment->filter != 0) && !filter_in(ctx, p))
		return false;
	if (unlikely(!fits(p, attachment))) {
		drop(ctx, p, DROP_OVERSIZE_TX);
		return false;
	}
	if (unlikely(p->track == TRACK_NEW) && p->session == 0 && !confirm(ctx, p))
		return false;
	if (attachment->kind == ATTACHMENT_TUNNEL) {
		ctx->n_tunnel++;
		return true;
	}
	if (attachment->vid != 0 &&
		unlikely(!packet_push_tag(p, attachment->pcp << 13 | attachment->vid))) {
		drop(ctx, p, DROP_NOMEM);
		return false;
	}
	if ((attachment->flags & ATTACHMENT_PAD) && unlikely(p->mbuf->data_len < ETHER_MIN_LEN) &&
		!pad(p)) {
		drop(ctx, p, DROP_NOMEM);
		return false;
	}
	return true;
}

void stage_output(struct worker_ctx *ctx, struct burst *burst)
{
	struct handover handover = {.attachment = ctx->snapshot->attachments, .special = true};
	struct packet *to = burst->packets;

	ctx->n_tunnel = 0;
	BURST_FOREACH (p, burst) {
		handover_to(ctx, &handover, p);
		if (unlikely(handover.special)) {
			handover.packets += end_here(ctx, p, handover.attachment);
			continue;
		}
		handover.packets++;
		if (likely(output(ctx, p, handover.attachment)))
			to = burst_keep(to, p);
	}
	burst_end(burst, to);
	handover_end(ctx, &handover);
}
