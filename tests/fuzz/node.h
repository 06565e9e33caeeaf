// SPDX-License-Identifier: BSD-3-Clause
// A whole node for fuzz targets: real commit, slow path and pipeline on one thread, devices
// "fake:NAME" that take what is sent, a virtual clock. Each input starts with a new node, so that a
// finding comes again from its input alone.

#pragma once

#include <stdbool.h>

#include "control/control.h"
#include "fuzz.h"
#include "pipeline/pipeline.h"
#include "tables/tables.h"

struct fuzz_node {
	struct rte_mempool *pool;    // of weft
	struct rte_mempool *rx_pool; // of received frames
	struct tables *tables;
	struct control *control;
	struct worker_ctx *worker;
	unsigned n_open; // devices
};

extern struct fuzz_node node;

void node_setup(void); // once in a process
void node_start(void);
// Checks the ledger; then that nothing of the node is left.
void node_stop(void);
// Lets control and worker do what waits for them.
void node_run(void);
// Frames that arrived on a device go through the pipeline.
void node_receive(const char *device, struct rte_mbuf **mbufs, uint16_t n);
