// SPDX-License-Identifier: BSD-3-Clause
// A packet passes into the care of the attachment it goes out by: is that up, does it fit, may
// it have it (filter_in), which tag does it get, must it be padded. The last place where a packet
// can be refused: a new flow gets its session here.
//
// In: packets whose out is known. Out: care; the frame as the device gets it, but for tunnel
// packets, which encap does. Counts handed_out and handed_in.
// Drops: port_down, oversize_tx, nomem, those of filter_in() and confirm().

#include "pipeline/stages.h"

// Packets from one attachment to another in a row: counted once.
struct handed_run {
	uint16_t in;
	uint16_t out;
	uint64_t packets;
};

static inline void handed_run_end(struct worker_ctx *ctx, const struct handed_run *run)
{
	if (run->in == run->out)
		return; // sent by control: never in another's care
	attachment_counters(ctx, run->in)->handed_out += run->packets;
	attachment_counters(ctx, run->out)->handed_in += run->packets;
}

static inline void handed_run_add(
	struct worker_ctx *ctx, struct handed_run *run, const struct packet *p)
{
	if (unlikely(p->in != run->in || p->out != run->out)) {
		handed_run_end(ctx, run);
		*run = (struct handed_run){.in = p->in, .out = p->out};
	}
	run->packets++;
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

static inline bool output(struct worker_ctx *ctx, struct packet *p)
{
	const struct attachment *attachment = &ctx->snapshot->attachments[p->out];

	p->care = p->out;
	if (unlikely(!(attachment->flags & ATTACHMENT_UP))) {
		drop(ctx, p, DROP_PORT_DOWN);
		return false;
	}
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
	struct handed_run run = {0};
	uint16_t kept = 0;

	ctx->n_tunnel = 0;
	for (uint16_t i = 0; i < burst->n; i++) {
		struct packet *p = &burst->packets[i];

		handed_run_add(ctx, &run, p);
		if (likely(output(ctx, p)))
			burst_keep(burst, kept++, p);
	}
	burst->n = kept;
	handed_run_end(ctx, &run);
}
