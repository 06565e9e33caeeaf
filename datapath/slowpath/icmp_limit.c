// SPDX-License-Identifier: BSD-3-Clause
// How many ICMP errors weft sends, as Linux limits them: 1000 a second from each sender, at most 50
// at once, and one a second to each destination, at most 6 at once. A sender is a router with all
// its interfaces, or a port.
//
// A bucket is kept as the time at which it will be full: it holds what is left of its size at any
// time before. A destination whose place another one has taken starts afresh: the limit of the
// sender still holds.

#include "slowpath/internal.h"

#define SENDER_INTERVAL_NS	(1 * NS_PER_MS)
#define SENDER_BURST		50
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

// A place in icmp_full_ns.
static uint16_t sender_of(const struct slowpath *s, uint16_t attachment)
{
	const struct snapshot *snapshot = s->tables->snapshot;
	const struct attachment *port = &snapshot->attachments[attachment];
	bool is_router = attachment < snapshot->n_attachments && port->kind == ATTACHMENT_ROUTER;

	return is_router ? MAX_ATTACHMENTS + port->router : attachment;
}

bool icmp_limit_pass(struct slowpath *s, uint16_t attachment, uint32_t destination)
{
	uint16_t sender = sender_of(s, attachment);
	uint32_t hash = (destination ^ sender) * s->hash_multiplier;
	_Static_assert(ICMP_DESTINATIONS == 1 << 10, "the hash gives 10 bits");
	struct icmp_destination *d = &s->icmp_destinations[hash >> 22];
	uint64_t *full_ns = &s->icmp_full_ns[sender];

	if (d->address != destination || d->sender != sender)
		*d = (struct icmp_destination){destination, sender, 0};
	if (!has_token(*full_ns, s->now_ns, SENDER_INTERVAL_NS, SENDER_BURST) ||
		!has_token(d->full_ns, s->now_ns, DESTINATION_INTERVAL_NS, DESTINATION_BURST))
		return false;
	take_token(full_ns, s->now_ns, SENDER_INTERVAL_NS);
	take_token(&d->full_ns, s->now_ns, DESTINATION_INTERVAL_NS);
	return true;
}
