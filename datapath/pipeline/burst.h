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

// The packet that `p` becomes when it is the `kept`-th to stay.
static inline void burst_keep(struct burst *burst, uint16_t kept, const struct packet *p)
{
	struct packet *to = &burst->packets[kept];

	if (to != p)
		*to = *p;
}
