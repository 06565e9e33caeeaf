// SPDX-License-Identifier: BSD-3-Clause

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sys/random.h>

#include "base/clock.h"
#include "tables/memory.h"
#include "tables/tables.h"

#define PUNT_RING_SIZE	 1024
#define LEARN_RING_SIZE	 4096
#define INJECT_RING_SIZE 1024

// All rings have one producer and one consumer.
static struct rte_ring *ring_new(
	const char *what, unsigned worker, unsigned element_size, unsigned size)
{
	static unsigned serial; // names are global in the process; a test makes many tables
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s%u.%u", what, worker, serial++);
	return rte_ring_create_elem(
		name, element_size, size, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int rings_new(struct worker_rings *rings, unsigned worker)
{
	rings->punts = ring_new("punt", worker, sizeof(struct punt), PUNT_RING_SIZE);
	rings->learns = ring_new("learn", worker, sizeof(struct learn_event), LEARN_RING_SIZE);
	rings->injects = ring_new("inject", worker, sizeof(struct inject), INJECT_RING_SIZE);
	return rings->punts != NULL && rings->learns != NULL && rings->injects != NULL ? 0
										       : -ENOMEM;
}

struct tables *tables_new(unsigned n_workers, struct rte_mempool *pool)
{
	struct tables *tables = calloc(1, sizeof(*tables));

	if (tables == NULL)
		return NULL;
	tables->n_workers = n_workers;
	tables->pool = pool;
	tables->epoch_ns = clock_now_ns();
	if (getrandom(tables->flow_seed, sizeof(tables->flow_seed), 0) < 0)
		goto fail;
	tables->rcu = rcu_new(RCU_MAX_READERS);
	if (tables->rcu == NULL)
		goto fail;
	tables->fdb = fdb_new(tables->rcu);
	tables->remotes = remote_table_new(tables->rcu);
	tables->sessions = session_table_new(tables->rcu, n_workers);
	tables->fragments = fragment_table_new();
	tables->neighbours = neighbour_table_new(tables->rcu);
	tables->punt_limits = table_alloc(sizeof(*tables->punt_limits));
	if (tables->fdb == NULL || tables->remotes == NULL || tables->sessions == NULL ||
		tables->fragments == NULL || tables->neighbours == NULL ||
		tables->punt_limits == NULL)
		goto fail;
	for (unsigned i = 0; i <= n_workers; i++) {
		tables->counters[i] = counters_new();
		if (tables->counters[i] == NULL)
			goto fail;
	}
	for (unsigned i = 0; i < n_workers; i++) {
		tables->rows[i] = table_alloc(MAX_FILTER_ROWS * sizeof(struct row_counter));
		if (tables->rows[i] == NULL || rings_new(&tables->rings[i], i) < 0)
			goto fail;
	}
	return tables;
fail:
	tables_free(tables);
	errno = ENOMEM;
	return NULL;
}

// Packets that nobody took off a ring go back to their pool. A punt and an inject start with
// theirs.
static void packet_ring_free(struct rte_ring *ring, unsigned element_size)
{
	struct punt punt;

	_Static_assert(offsetof(struct punt, mbuf) == 0 && offsetof(struct inject, mbuf) == 0 &&
			       sizeof(struct punt) >= sizeof(struct inject),
		"elements start with their packet");
	while (ring != NULL && rte_ring_dequeue_elem(ring, &punt, element_size) == 0)
		rte_pktmbuf_free(punt.mbuf);
	rte_ring_free(ring);
}

void tables_free(struct tables *tables)
{
	if (tables == NULL)
		return;
	for (unsigned i = 0; i < tables->n_workers; i++) {
		packet_ring_free(tables->rings[i].punts, sizeof(struct punt));
		packet_ring_free(tables->rings[i].injects, sizeof(struct inject));
		rte_ring_free(tables->rings[i].learns);
		table_free(tables->rows[i], MAX_FILTER_ROWS * sizeof(struct row_counter));
	}
	for (unsigned i = 0; i <= tables->n_workers; i++)
		counters_free(tables->counters[i]);
	if (tables->rcu != NULL)
		rcu_barrier(tables->rcu);
	table_free(tables->punt_limits, sizeof(*tables->punt_limits));
	neighbour_table_free(tables->neighbours);
	fragment_table_free(tables->fragments);
	session_table_free(tables->sessions);
	remote_table_free(tables->remotes);
	fdb_free(tables->fdb);
	rcu_free(tables->rcu);
	free(tables);
}
