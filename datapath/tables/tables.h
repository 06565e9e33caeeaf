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
#include "tables/neighbour.h"
#include "tables/punt_limit.h"
#include "tables/remote.h"
#include "tables/session.h"
#include "tables/snapshot.h"

// A packet on its way from a worker to control. Element of worker_rings.punts.
struct punt {
	struct rte_mbuf *mbuf;
	uint16_t attachment; // it came in by; of the underlay's own classes: the uplink
	uint16_t network;    // of that attachment
	uint16_t local;	     // internal port that it is for, 0: none
	uint16_t remote;     // PUNT_UNRESOLVED of a tunnel, 0: of a router
	uint16_t class;	     // enum punt_class
	// Of a router that `local` belongs to; the packet is as it came.
	uint16_t interface; // PUNT_UNRESOLVED: that it leaves by
	union {
		rte_be32_t next_hop; // PUNT_UNRESOLVED
		uint32_t icmp;	     // PUNT_ICMP_ERROR: type, code and MTU: punt_icmp()
	};
};

static inline uint32_t punt_icmp(uint8_t type, uint8_t code, uint16_t mtu)
{
	return (uint32_t)type << 24 | (uint32_t)code << 16 | mtu;
}

// A packet on its way from control to a worker. Element of worker_rings.injects.
//
// By an internal port it comes in, as from an instance that is not filtered: forward, track, flood
// and output follow, with the filters of the port that gets it. By any other attachment it goes
// out: a port gets the frame (through its ingress rules), an uplink as it is, a tunnel in VXLAN.
struct inject {
	struct rte_mbuf *mbuf;
	uint16_t attachment;
	uint16_t remote; // for ATTACHMENT_TUNNEL
	// If it comes to the router that `attachment` belongs to: by which attachment, else 0.
	uint16_t came_by;
	uint16_t reserved;
};

// A source MAC that is new, moved, or behind an unknown VTEP. Element of worker_rings.learns.
struct learn_event {
	uint64_t key; // FDB key
	uint16_t network;
	uint16_t attachment; // where it came in
	rte_be32_t vtep;     // outer source address of a tunnel packet, else 0
};

_Static_assert(sizeof(struct punt) == 24 && sizeof(struct inject) == 16 &&
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
	struct neighbour_table *neighbours; // of routers
	struct punt_limits *punt_limits;
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
