// SPDX-License-Identifier: BSD-3-Clause
// Which CPUs the workers run on.

#pragma once

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
// The list in short form, "1,3-5", of the CPUs this process may use and that are not in `cpus`;
// all it may use when none is left. For threads that should stay out of the workers' way.
void worker_cpus_rest(const struct worker_cpus *cpus, char *text, size_t size);
