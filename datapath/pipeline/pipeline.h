// SPDX-License-Identifier: BSD-3-Clause
// The pipeline as its callers see it: a worker, a test, a fuzzer.

#pragma once

#include <stdint.h>

#include <rte_mbuf.h>

#include "tables/tables.h"

struct worker_ctx;

// One per worker; `index` selects its rings and counters in tables. NULL and errno on failure.
struct worker_ctx *worker_ctx_new(struct tables *tables, unsigned index);
void worker_ctx_free(struct worker_ctx *ctx); // frees what its transmit buffers still hold

// Starts a poll round: takes the current snapshot and the time.
void pipeline_begin(struct worker_ctx *ctx, uint64_t now_ns);
const struct snapshot *pipeline_snapshot(const struct worker_ctx *ctx);
// Runs up to BURST_SIZE received packets of a device through the switch.
void pipeline_run(struct worker_ctx *ctx, uint16_t device, struct rte_mbuf **mbufs, uint16_t n);
// Sends what control has put on this worker's inject ring.
void pipeline_inject(struct worker_ctx *ctx);
// Sends what is still buffered; ends the round.
void pipeline_flush(struct worker_ctx *ctx);
