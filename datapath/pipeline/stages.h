// SPDX-License-Identifier: BSD-3-Clause
// The stages of the pipeline, in their order. Each is described in its own file.

#pragma once

#include "pipeline/worker_ctx.h"

void stage_parse(struct worker_ctx *ctx, struct burst *burst, struct rte_mbuf **mbufs, uint16_t n);
void stage_decap(struct worker_ctx *ctx, struct burst *burst);
void stage_admit(struct worker_ctx *ctx, struct burst *burst);
void stage_fragment(struct worker_ctx *ctx, struct burst *burst);
void stage_filter_out(struct worker_ctx *ctx, struct burst *burst);
void stage_learn(struct worker_ctx *ctx, struct burst *burst);
void stage_forward(struct worker_ctx *ctx, struct burst *burst);
void stage_route(struct worker_ctx *ctx, struct burst *burst);
void stage_track(struct worker_ctx *ctx, struct burst *burst);
void stage_flood(struct worker_ctx *ctx, struct burst *burst);
void stage_output(struct worker_ctx *ctx, struct burst *burst);
void stage_encap(struct worker_ctx *ctx, struct burst *burst);
void stage_tx(struct worker_ctx *ctx, struct burst *burst);

// From filter_out to the end, for packets that have come in. Empties the burst.
void pipeline_switch(struct worker_ctx *ctx, struct burst *burst);
// From forward to the end, for packets that may be sent. Empties the burst.
void pipeline_forward(struct worker_ctx *ctx, struct burst *burst);
// The last three, for packets whose way out is known: output, encap, tx. Empties the burst.
void pipeline_send(struct worker_ctx *ctx, struct burst *burst);

// Lets the fragments die whose first has not come in time. Once a round.
void fragments_expire(struct worker_ctx *ctx);

// Parts of output. Whether a packet may go out by the filtered port p->out; else it has ended.
bool filter_in(struct worker_ctx *ctx, const struct packet *p);
// A new flow leaves: makes its session, if a filter asks for states. Else the packet has ended.
bool confirm(struct worker_ctx *ctx, struct packet *p);

// What weft itself does with a frame that is to be flooded.
enum local_fate {
	LOCAL_NONE,
	LOCAL_COPY, // the internal ports get copies
	LOCAL_TAKE, // goes to the slow path and nowhere else
};

struct local_wish {
	uint8_t fate;	   // enum local_fate
	uint8_t class;	   // TAKE: enum punt_class
	uint16_t n;	   // of ports
	uint16_t ports[2]; // COPY: internal ports; TAKE: the one that it is for, 0: none
	bool to_routers;   // and all routers of the network get copies
};

struct local_wish local_wish(const struct worker_ctx *ctx, const struct packet *p);
// Part of output, for a packet that an internal port gets. It has ended, in the care of the
// attachment that it came in by.
void local_deliver(struct worker_ctx *ctx, struct packet *p);

// Sends an outer packet that is longer than the path to its remote takes in fragments.
void send_in_pieces(struct worker_ctx *ctx, struct packet *p, const struct remote *remote);

// Puts one packet into the buffer of its device.
void tx_push(struct worker_ctx *ctx, const struct packet *p);
// Hands what is buffered for devices to them.
void tx_flush_all(struct worker_ctx *ctx);
