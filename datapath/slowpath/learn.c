// SPDX-License-Identifier: BSD-3-Clause
// The FDB writer: what workers saw as new or moved source MACs goes into the table, within the
// limits of the network and of the attachment it came by. Events are hints, taken when there is
// time: they may be older than the snapshot in force, so everything they name is checked again.

#include "slowpath/internal.h"

#include "net/headers.h"
#include "net/ipv4.h"

#define LEARN_BURST 64

// The remote behind an outer source address, a new one if need be. 0: can not be one, or too many.
static uint16_t learn_remote(struct slowpath *s, uint32_t address)
{
	const struct underlay_state *u = &s->underlay;
	uint16_t id = remote_find(s->tables->remotes, address);

	if (!u->present)
		return 0;
	if (id != 0)
		return s->vteps[id]->configured || !u->strict_remotes ? id : 0;
	if (u->strict_remotes)
		return 0;
	if (!ipv4_is_host(address) || address == u->address || address == (u->address | ~u->mask))
		return 0;
	struct vtep *v = vtep_get(s, address, false);
	if (v == NULL) {
		s->info[INFO_FDB_FULL]++;
		return 0;
	}
	return v->id;
}

static void learn_handle(struct slowpath *s, const struct learn_event *event)
{
	const struct snapshot *snapshot = s->tables->snapshot;
	uint16_t domain = (uint16_t)(event->key >> 48);
	uint64_t mac = event->key & ETHER_BROADCAST;

	if (snapshot == NULL || event->network >= snapshot->n_networks ||
		event->attachment >= snapshot->n_attachments)
		return;
	const struct network *network = &snapshot->networks[event->network];
	const struct attachment *attachment = &snapshot->attachments[event->attachment];
	// A network that was flushed has another domain by now.
	if (domain == 0 || network->domain != domain || attachment->network != event->network)
		return;
	if (!(attachment->flags & ATTACHMENT_UP) || !(network->flags & NETWORK_UP))
		return;

	uint16_t location = event->attachment;
	if (attachment->kind == ATTACHMENT_TUNNEL) {
		uint16_t remote = learn_remote(s, event->vtep);
		if (remote == 0)
			return;
		s->vteps[remote]->used_ns = s->now_ns;
		location = LOCATION_REMOTE | remote;
	}

	struct fdb_sighting sighting = {mac, domain, location, tables_now_s(s->tables, s->now_ns)};
	enum fdb_result result =
		fdb_learn(s->tables->fdb, &sighting, network->fdb_limit, attachment->fdb_limit);
	if (result == FDB_FULL)
		s->info[INFO_FDB_FULL]++;
	else if (result == FDB_MOVED)
		s->info[INFO_FDB_MOVED]++;
}

bool learn_poll(struct slowpath *s, unsigned budget)
{
	struct tables *tables = s->tables;
	struct learn_event events[LEARN_BURST];
	bool more = false;

	for (unsigned worker = 0; worker < tables->n_workers; worker++) {
		struct rte_ring *ring = tables->rings[worker].learns;
		// Each worker has its share, so that a flood at one does not silence the others.
		unsigned left = budget / tables->n_workers;
		unsigned n;

		do {
			unsigned wanted = left < LEARN_BURST ? left : LEARN_BURST;

			n = rte_ring_dequeue_burst_elem(
				ring, events, sizeof(events[0]), wanted, NULL);
			for (unsigned i = 0; i < n; i++)
				learn_handle(s, &events[i]);
			left -= n;
		} while (n != 0 && left != 0);
		more |= left == 0;
	}
	return more;
}
