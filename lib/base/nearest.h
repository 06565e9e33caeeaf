// SPDX-License-Identifier: BSD-3-Clause
// "Did you mean": the known word nearest to a mistyped one. Pure function.

#pragma once

#include <stddef.h>

// The word with the fewest letters wrong, at most a third of them (one in a short word); NULL: none
// is near.
const char *nearest_word(const char *word, const char *const *known, size_t n_known);
