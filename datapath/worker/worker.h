// SPDX-License-Identifier: BSD-3-Clause
// Workers: threads pinned to a CPU that poll the devices of the current snapshot and run what
// they receive through the pipeline.

#pragma once

#include <stdbool.h>

#include "tables/tables.h"
#include "worker/cpus.h"

struct workers;

// Starts cpus->n workers; tables->snapshot must be there. `spin`: never sleep when nothing comes.
// NULL and errno when a thread could not be started.
struct workers *workers_start(struct tables *tables, const struct worker_cpus *cpus, bool spin);
void workers_set_spin(struct workers *workers, bool spin);
// Ends and joins them; takes at most one poll round and one sleep.
void workers_stop(struct workers *workers);
