// SPDX-License-Identifier: BSD-3-Clause
// How many ICMP errors weft sends, as Linux limits them: 1000 a second from each of its own ports,
// at most 50 at once, and one a second to each destination, at most 6 at once.
//
// A bucket is kept as the time at which it will be full: it holds what is left of its size at any
// time before. A destination whose place another one has taken starts afresh: the limit of the port
// still holds.

#include "slowpath/internal.h"

#define PORT_INTERVAL_NS	(1 * NS_PER_MS)
#define PORT_BURST		50
#define DESTINATION_INTERVAL_NS (1 * NS_PER_S)
#define DESTINATION_BURST	6

static bool has_token(uint64_t full_ns, uint64_t now_ns, uint64_t interval_ns, unsigned burst)
{
	return full_ns <= now_ns + (burst - 1) * interval_ns;
}

static void take_token(uint64_t *full_ns, uint64_t now_ns, uint64_t interval_ns)
{
	*full_ns = (*full_ns > now_ns ? *full_ns : now_ns) + interval_ns;
}

bool icmp_limit_pass(struct slowpath *s, uint16_t attachment, uint32_t destination)
{
	uint32_t hash = (destination ^ attachment) * s->hash_multiplier;
	_Static_assert(ICMP_DESTINATIONS == 1 << 10, "the hash gives 10 bits");
	struct icmp_destination *d = &s->icmp_destinations[hash >> 22];
	uint64_t *port_full_ns = &s->icmp_full_ns[attachment];

	if (d->address != destination || d->attachment != attachment)
		*d = (struct icmp_destination){destination, attachment, 0};
	if (!has_token(*port_full_ns, s->now_ns, PORT_INTERVAL_NS, PORT_BURST) ||
		!has_token(d->full_ns, s->now_ns, DESTINATION_INTERVAL_NS, DESTINATION_BURST))
		return false;
	take_token(port_full_ns, s->now_ns, PORT_INTERVAL_NS);
	take_token(&d->full_ns, s->now_ns, DESTINATION_INTERVAL_NS);
	return true;
}
