// SPDX-License-Identifier: BSD-3-Clause
// A whole node for fuzz targets: real commit, slow path and pipeline on one thread, devices
// "fake:NAME" that take what is sent, a virtual clock. Each input starts with a new node, so that a
// finding comes again from its input alone.

#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/control.h"
#include "pipeline/pipeline.h"
#include "tables/tables.h"

// What must hold whatever the input is.
#define FUZZ_CHECK(condition, ...)                                                                 \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: " #condition ": ", __FILE__, __LINE__);            \
			fprintf(stderr, __VA_ARGS__);                                              \
			fputc('\n', stderr);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

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

// The entry points that libFuzzer and the replay of the corpus share.
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
