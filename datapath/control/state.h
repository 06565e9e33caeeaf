// SPDX-License-Identifier: BSD-3-Clause
// The state directory: what must outlive the process and is in no configuration file. Here: the
// configuration in force, from which the next start takes the values that were generated (MACs,
// segment ids, addresses). Other files of the directory belong to who writes them.

#pragma once

#include <jansson.h>

#include "base/problem.h"
#include "model/model.h"

struct state;

// Opens the directory, made when it is missing, for this process alone, and reads what the last one
// left. NULL after adding a problem.
struct state *state_open(const char *directory, struct problems *problems);
void state_free(struct state *state); // NULL: nothing

// What was in force when the last process ended, completed; NULL: nothing that could be read.
const struct model *state_previous(const struct state *state);

// Replaces the configuration that is kept, whole or not at all. A failure is logged: the
// configuration is in force all the same.
void state_keep(struct state *state, const json_t *document);
