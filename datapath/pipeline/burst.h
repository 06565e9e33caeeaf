// SPDX-License-Identifier: BSD-3-Clause
// Packets that go through the stages together. A stage walks over them in order; those that stay
// are kept in order, a packet that ended is just not kept.

#pragma once

#include <stdint.h>

#include "pipeline/packet.h"
#include "tables/limits.h"

struct burst {
	uint16_t n;
	struct packet packets[BURST_SIZE];
};

// Walks over the packets of a burst, in order.
#define BURST_FOREACH(p, burst)                                                                    \
	for (struct packet *p = (burst)->packets, *p##_end = p + (burst)->n; p < p##_end; p++)

// Lets `p` stay, as the packet at `to`. Returns where the next one goes.
static inline struct packet *burst_keep(struct packet *to, const struct packet *p)
{
	if (to != p)
		*to = *p;
	return to + 1;
}

// The packets before `end` are those that stay.
static inline void burst_end(struct burst *burst, const struct packet *end)
{
	burst->n = end - burst->packets;
}
