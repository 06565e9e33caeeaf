// SPDX-License-Identifier: BSD-3-Clause
// Change per second between two answers of the same shape.

#pragma once

#include <jansson.h>

// The later answer with every integer replaced by its growth per second, rounded. Elements of
// arrays belong together by their "name", "reason" or "index"; what was not there before counts
// from zero, and so does a counter that became smaller. New reference.
json_t *rate_of(const json_t *before, const json_t *after, double seconds);
