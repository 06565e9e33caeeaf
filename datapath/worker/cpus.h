// SPDX-License-Identifier: BSD-3-Clause
// Which CPUs the workers run on.

#pragma once

#include <stddef.h>

#include "base/problem.h"
#include "tables/limits.h"

struct worker_cpus {
	unsigned n;
	unsigned cpus[MAX_WORKERS]; // of each worker
};

// Reads a CPU list "1,3-5", one worker each; NULL: one worker on the last CPU this process may
// use. Every CPU must be in the affinity mask of the process. Returns 0, or -EINVAL after
// problem_add() of E_CFG_CORES with `path`.
int worker_cpus_parse(
	const char *text, struct worker_cpus *cpus, const char *path, struct problems *problems);
// Keeps the calling thread and those it starts off the CPUs in `cpus`, unless it may use no
// others. Writes the CPUs it uses now to `text`, "0,2-3".
void worker_cpus_leave(const struct worker_cpus *cpus, char *text, size_t size);
