// SPDX-License-Identifier: BSD-3-Clause
// Bump allocator: many small allocations that die together (a configuration model, an answer).
// Memory is zeroed. Allocation failure aborts the process: arenas hold configuration, and a
// control thread that can not hold its configuration can not do anything useful.

#pragma once

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
__attribute__((format(printf, 2, 3))) char *arena_printf(
	struct arena *arena, const char *format, ...);
