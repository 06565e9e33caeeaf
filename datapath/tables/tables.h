// SPDX-License-Identifier: BSD-3-Clause
// Everything that control and workers share, and the rings between them.

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "tables/counters.h"
#include "tables/fdb.h"
#include "tables/fragment.h"
#include "tables/remote.h"
#include "tables/session.h"
#include "tables/snapshot.h"

// Why a packet goes to the slow path; each class has its own rate limit.
enum punt_class {
	PUNT_ARP,	 // on the underlay: a flood of pings must not cost us our next hops
	PUNT_UNDERLAY,	 // ICMP, IGMP on the underlay
	PUNT_UNRESOLVED, // an encapsulated packet's next hop has no MAC yet
	N_PUNT_CLASSES
};

// A packet on its way from a worker to control. Element of worker_rings.punts.
struct punt {
	struct rte_mbuf *mbuf;
	uint16_t attachment; // it came in by (PUNT_UNRESOLVED: the input attachment; else the
			     // uplink)
	uint16_t network;    // PUNT_UNRESOLVED
	uint16_t remote;     // PUNT_UNRESOLVED
	uint16_t class;	     // enum punt_class
};

// A packet on its way from control to a worker. Element of worker_rings.injects.
struct inject {
	struct rte_mbuf *mbuf;
	uint16_t attachment; // ATTACHMENT_UPLINK: sent as it is; ATTACHMENT_TUNNEL: encapsulated
	uint16_t remote;     // for ATTACHMENT_TUNNEL
	uint32_t reserved;
};

// A source MAC that is new, moved, or behind an unknown VTEP. Element of worker_rings.learns.
struct learn_event {
	uint64_t key; // FDB key
	uint16_t network;
	uint16_t attachment; // where it came in
	rte_be32_t vtep;     // outer source address of a tunnel packet, else 0
};

_Static_assert(sizeof(struct punt) == 16 && sizeof(struct inject) == 16 &&
		       sizeof(struct learn_event) == 16,
	"ring elements");

struct worker_rings {
	struct rte_ring *punts;	  // struct punt, worker -> control
	struct rte_ring *learns;  // struct learn_event, worker -> control
	struct rte_ring *injects; // struct inject, control -> worker
};

struct tables {
	struct snapshot *snapshot; // release-stored by control
	struct rcu *rcu;
	struct fdb *fdb;
	struct remote_table *remotes;
	struct session_table *sessions;
	struct fragment_table *fragments;
	struct rte_mempool *pool; // packets that weft makes: copies, answers
	unsigned n_workers;
	struct worker_rings rings[MAX_WORKERS];
	struct counters *counters[MAX_WORKERS + 1]; // by worker; the last is control's
	struct row_counter *rows[MAX_WORKERS];	    // [MAX_FILTER_ROWS] of each worker
	uint64_t epoch_ns;     // clock_now_ns() at start; FDB seconds count from here
	uint64_t flow_seed[2]; // of the tunnel's source port hash; random, the same for all workers
};

// `pool` stays the caller's. NULL and errno on failure.
struct tables *tables_new(unsigned n_workers, struct rte_mempool *pool);
void tables_free(struct tables *tables);

static inline uint32_t tables_now_s(const struct tables *tables, uint64_t now_ns)
{
	return (uint32_t)((now_ns - tables->epoch_ns) / UINT64_C(1000000000)) + 1;
}
